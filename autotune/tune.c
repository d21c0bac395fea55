/* SPDX-License-Identifier: Apache-2.0
 *
 * Shape after shape within a budget: each gets what it needs at least, by the cost model, and of what is left beyond
 * the needs of all an even share, so a shape that takes less leaves more to the others.
 */
#include "rnnpack/tune.h"

#include "../src/cells/weights.h"
#include "../src/clock.h"
#include "../src/context.h"
#include "../src/structs.h"
#include "machine.h"
#include "search.h"
#include "set.h"

#include <string.h>

enum { MOST_SIZE = 1 << 20 };

static rnnp_status read_options(const rnnp_context *context, const rnnp_tune_options *given, rnnp_tune_options *o)
{
    const size_t team = rnnp_team_threads(context->team);

    const rnnp_status status = RNNP_STRUCT_READ(context, rnnp_tune_options, given, o);

    if (status != RNNP_OK) return status;
    if (o->seconds == 0) o->seconds = 10;
    if (!(o->seconds > 0) || !(o->seconds <= 1e6))
        return rnnp_fail(context, RNNP_ERR_ARG, "tune options: seconds is %g", o->seconds);
    o->threads = o->threads && o->threads < team ? o->threads : team;
    return RNNP_OK;
}

static int is_layer(const rnnp_shape *s)
{
    return rnnp_cell_of(s->cell) && (unsigned)s->direction <= RNNP_DIRECTION_BIDIRECTIONAL &&
           (unsigned)s->reset <= RNNP_GRU_RESET_BEFORE;
}

/* What each kind says beyond sizes. */
static int is_shape(const rnnp_shape *s)
{
    if ((unsigned)s->weights >= RNNP_FORMAT_COUNT) return 0;
    switch (s->kind) {
    case RNNP_SHAPE_LAYER: return is_layer(s) && s->n_layers == 0;
    case RNNP_SHAPE_DENSE:
        return (int)s->cell == 0 && s->reset == 0 && s->direction == 0 && s->n_layers == 0 && s->steps == 1;
    case RNNP_SHAPE_STACK:
        return is_layer(s) && s->direction != RNNP_DIRECTION_BIDIRECTIONAL && s->n_layers >= 2 &&
               s->n_layers <= RNNP_SHAPE_LAYERS;
    default: return 0;
    }
}

static rnnp_status check_shape(const rnnp_context *context, const rnnp_shape *s, size_t index)
{
    const size_t sizes[] = {s->input, s->hidden, s->batch, s->steps};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i] < 1 || sizes[i] > MOST_SIZE)
            return rnnp_fail(context, RNNP_ERR_ARG, "shape %zu: input %zu, hidden %zu, batch %zu, steps %zu", index,
                             s->input, s->hidden, s->batch, s->steps);
    }
    if (!is_shape(s))
        return rnnp_fail(context, RNNP_ERR_ARG,
                         "shape %zu: kind %d, layers %zu, cell %d, direction %d, reset %d, weights %d, steps %zu",
                         index, (int)s->kind, s->n_layers, (int)s->cell, (int)s->direction, (int)s->reset,
                         (int)s->weights, s->steps);
    return RNNP_OK;
}

/* Copies the caller's shapes, which may be those of another version, and checks them. */
static rnnp_status read_shapes(const rnnp_context *context, const rnnp_shape *given, size_t n, rnnp_shape *shapes)
{
    rnnp_status status = RNNP_OK;

    for (size_t i = 0; i < n && status == RNNP_OK; i++) {
        const void *at = (const char *)given + i * given->struct_size;
        size_t size;

        memcpy(&size, at, sizeof size);
        if (size != given->struct_size)
            return rnnp_fail(context, RNNP_ERR_ARG, "shape %zu: struct_size is %zu, that of the first one %zu", i, size,
                             given->struct_size);
        status = RNNP_STRUCT_READ(context, rnnp_shape, at, &shapes[i]);
        if (status == RNNP_OK) status = check_shape(context, &shapes[i], i);
    }
    return status;
}

/* Layers with the usual activations in the usual class, and without choices. */
static void make_subject(rnnp_subject *u, const rnnp_selection *select, const rnnp_shape *s, size_t threads)
{
    *u = (rnnp_subject){.shape = *s,
                        .select = select,
                        .threads = threads,
                        .layers = s->kind == RNNP_SHAPE_DENSE   ? 0
                                  : s->kind == RNNP_SHAPE_STACK ? s->n_layers
                                                                : 1};
    for (size_t l = 0; l < u->layers; l++) {
        u->layer[l] = (rnnp_recurrent){.cell = s->cell,
                                       .format = (rnnp_format)s->weights,
                                       .input = l ? s->hidden : s->input,
                                       .hidden = s->hidden,
                                       .direction = s->direction,
                                       .reset_after = s->reset == RNNP_GRU_RESET_AFTER,
                                       .math = RNNP_MATH_U35,
                                       .select = select};
        for (size_t d = 0; d < 2; d++) rnnp_act_defaults(s->cell, u->layer[l].act[d]);
    }
}

/* ---- Progress ---- */

typedef struct tuning {
    const rnnp_context *context;
    const rnnp_tune_options *options;
    rnnp_records *records;
    rnnp_selection select; /* the context's on this machine */
    int is_new;            /* 1: the machine was measured, and is to be kept with the first shape */
    rnnp_tune_progress progress;
    double start;
    int stopped;
} tuning;

static double seconds_left(const tuning *t) { return t->options->seconds - (rnnp_clock() - t->start); }

static int report(tuning *t)
{
    const double share = 1 - seconds_left(t) / t->options->seconds;

    t->progress.share = share < 1 ? share : 1;
    if (t->options->progress && t->options->progress(t->options->progress_user, &t->progress)) t->stopped = 1;
    return t->stopped;
}

static int on_search(void *user, double gain)
{
    tuning *t = user;

    t->progress.gain = gain;
    return report(t);
}

/* ---- Tuning ---- */

/* The record of this host for exactly this shape, or NULL: then it is to be measured. */
static const rnnp_record *known(const tuning *t, const rnnp_record_host *host, const rnnp_shape *shape)
{
    rnnp_record_key key;

    rnnp_shape_key(shape, t->options->threads, &key);
    return t->options->again ? NULL : rnnp_records_exact(t->records, host, &key);
}

/* Tells of a shape that is done, or for which there is nothing to do. */
static void tell(tuning *t, const rnnp_record *record, const rnnp_search_result *measured)
{
    const rnnp_tune_progress before = t->progress;

    t->progress.record = record;
    t->progress.measured = measured && record;
    t->progress.n_candidates = measured ? measured->candidates : 0;
    t->progress.n_tried = measured ? measured->tried : 0;
    report(t);
    t->progress = before;
}

/* Layers of a stack are what the records make of them. */
static void init_subject(const tuning *t, const rnnp_record_host *host, const rnnp_shape *shape, rnnp_subject *subject)
{
    rnnp_record_found found;

    make_subject(subject, &t->select, shape, t->options->threads);
    for (size_t l = 0; subject->layers > 1 && l < subject->layers; l++)
        rnnp_choice_find(t->context, t->records, host, NULL, shape->batch, shape->steps, t->options->threads,
                         &subject->layer[l], &found);
}

/* What was found becomes a record, unless the CPUs that the process may use have changed meanwhile: then nothing is
 * known of either number. */
static rnnp_status keep(tuning *t, const rnnp_record_host *host, rnnp_record *record, const rnnp_search_result *result,
                        unsigned char *done)
{
    rnnp_record_host after;
    rnnp_status status = rnnp_records_host(t->context, &after);

    if (status != RNNP_OK || !rnnp_record_host_equal(host, &after)) return status;
    memcpy(record->choice, result->choice, sizeof record->choice);
    record->ns = result->ns;
    record->default_ns = result->default_ns;
    record->spread = result->spread < 100 ? result->spread : 100;
    record->samples = result->samples;
    record->at = rnnp_records_date(t->records, host, &record->key, t->options->now);
    if (t->is_new)
        status = rnnp_machine_keep(t->records, host, t->options->threads, t->options->now, &t->select.machine);
    t->is_new = 0;
    if (status != RNNP_OK || (status = rnnp_records_add(t->records, host, record)) != RNNP_OK) return status;
    *done = 1;
    tell(t, record, result);
    return RNNP_OK;
}

/* *done: there is nothing left to do for this shape. */
static rnnp_status tune_shape(tuning *t, const rnnp_shape *shape, double seconds, const rnnp_record_host *host,
                              unsigned char *done)
{
    const rnnp_search_options options = {.seconds = seconds, .stop = on_search, .user = t};
    rnnp_record record = {.samples = 1};
    rnnp_search_result result;
    rnnp_subject subject;

    rnnp_shape_key(shape, t->options->threads, &record.key);
    t->progress.gain = 0;
    init_subject(t, host, shape, &subject);
    const rnnp_status status = rnnp_search(t->context, &subject, &options, &result);
    if (status != RNNP_OK) return status;
    if (result.wrong)
        return rnnp_fail(t->context, RNNP_ERR_STATE,
                         "%s, input %zu, hidden %zu, batch %zu: %zu choices gave different bits", record.key.layer,
                         shape->input, shape->hidden, shape->batch, result.wrong);
    *done = result.candidates == 1;
    if (*done) tell(t, NULL, &result);
    if (result.tried < 2 || result.samples < RNNP_SEARCH_LEAST_ROUNDS)
        return RNNP_OK; /* out of time: no record is better than one that says nothing */
    return keep(t, host, &record, &result, done);
}

/* Seconds that a shape needs at least. */
static double need_of(const tuning *t, const rnnp_shape *shape)
{
    rnnp_subject subject;

    make_subject(&subject, &t->select, shape, t->options->threads);
    return rnnp_search_need(&subject);
}

/* How many shapes are not done, and what they need. */
static double needed_by(const tuning *t, const rnnp_shape *shapes, size_t n, const unsigned char *done, size_t *left)
{
    double needed = 0;

    *left = 0;
    for (size_t i = 0; i < n; i++) {
        needed += done[i] ? 0 : need_of(t, &shapes[i]);
        *left += !done[i];
    }
    return needed;
}

/* All shapes that are not done, once; those for which the time did not suffice are left. */
static rnnp_status tune_pass(tuning *t, const rnnp_shape *shapes, size_t n, unsigned char *done)
{
    rnnp_status status = RNNP_OK;
    rnnp_record_host host;
    size_t left;
    double needed = needed_by(t, shapes, n, done, &left);

    for (size_t i = 0; i < n && status == RNNP_OK && !t->stopped; i++) {
        if (done[i]) continue;
        if ((status = rnnp_records_host(t->context, &host)) != RNNP_OK) break;
        const rnnp_record *before = known(t, &host, &shapes[i]);
        const double need = need_of(t, &shapes[i]), seconds = seconds_left(t), beyond = seconds - needed;

        t->progress.shape = i;
        t->progress.what = &shapes[i];
        if (before) {
            done[i] = 1;
            tell(t, before, NULL);
        } else if (seconds > need / 2) { /* else one of those behind may need less */
            const double share = beyond > 0 ? need + beyond / (double)left : need;

            status = tune_shape(t, &shapes[i], share < seconds ? share : seconds, &host, &done[i]);
        }
        needed -= need;
        left--;
    }
    return status;
}

/* Measures the machine, unless this host's is known. */
static rnnp_status know_machine(tuning *t)
{
    rnnp_record_host host;
    rnnp_machine machine;
    rnnp_status status = rnnp_records_host(t->context, &host);

    t->select = t->context->selection;
    if (status != RNNP_OK) return status;
    t->is_new = t->options->again || !rnnp_machine_find(t->records, &host, t->options->threads, &machine);
    if (t->is_new && (status = rnnp_machine_measure(t->context, &machine)) != RNNP_OK) return status;
    rnnp_select_machine(&t->context->cpu, &machine, &t->select);
    return status;
}

static rnnp_status tune_all(tuning *t, const rnnp_shape *shapes, size_t n, unsigned char *done)
{
    enum { PASSES = 3 }; /* what a busy machine did not let be done gets the time that others left */
    rnnp_status status = n ? know_machine(t) : RNNP_OK;

    for (int pass = 0; pass < PASSES && n && status == RNNP_OK && !t->stopped; pass++) {
        if (pass > 0 && seconds_left(t) <= 0) break;
        status = tune_pass(t, shapes, n, done);
    }
    return status;
}

rnnp_status rnnp_tune(const rnnp_context *context, const rnnp_shape *shapes, size_t n, const rnnp_tune_options *options,
                      rnnp_records *records)
{
    rnnp_tune_options o;
    rnnp_status status;
    size_t bytes;

    if (!context) return RNNP_ERR_ARG;
    if ((n && !shapes) || !records)
        return rnnp_fail(context, RNNP_ERR_ARG, "%s is NULL", records ? "shapes" : "records");
    if ((status = read_options(context, options, &o)) != RNNP_OK) return status;
    if (rnnp_mul_overflow(n, sizeof *shapes + 1, &bytes))
        return rnnp_fail(context, RNNP_ERR_ARG, "%zu shapes are too many", n);
    rnnp_shape *own = rnnp_calloc(context, bytes); /* and of each whether it is done */
    if (!own) return RNNP_ERR_MEMORY;
    tuning t = {.context = context,
                .options = &o,
                .records = records,
                .progress = {.struct_size = sizeof t.progress, .n_shapes = n},
                .start = rnnp_clock()};
    status = read_shapes(context, shapes, n, own);
    if (status == RNNP_OK) status = tune_all(&t, own, n, (unsigned char *)(own + n));
    rnnp_free(context, own, bytes);
    return status;
}
