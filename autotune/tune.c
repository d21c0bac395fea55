/* SPDX-License-Identifier: Apache-2.0
 *
 * Shape after shape within a budget: what is left of the time is shared evenly among the shapes that are left, so a shape
 * that needs less leaves more to the others.
 */
#include "rnnpack/tune.h"

#include "../src/cells/weights.h"
#include "../src/context.h"
#include "search.h"

#include <string.h>

enum { MOST_SIZE = 1 << 20 };

void rnnp_tune_options_init(rnnp_tune_options *options)
{
    if (options)
        *options = (rnnp_tune_options){.struct_size = sizeof *options, .seconds = 10};
}

static rnnp_status read_options(const rnnp_context *context, const rnnp_tune_options *given, rnnp_tune_options *o)
{
    const size_t team = rnnp_team_threads(context->team);

    rnnp_tune_options_init(o);
    if (given) {
        if (given->struct_size < sizeof given->struct_size)
            return rnnp_fail(context, RNNP_ERR_ARG, "tune options: struct_size is %zu", given->struct_size);
        memcpy(o, given, given->struct_size < sizeof *o ? given->struct_size : sizeof *o);
    }
    if (!(o->seconds > 0) || !(o->seconds <= 1e6))
        return rnnp_fail(context, RNNP_ERR_ARG, "tune options: seconds is %g", o->seconds);
    o->threads = o->threads && o->threads < team ? o->threads : team;
    return RNNP_OK;
}

static rnnp_status check_shape(const rnnp_context *context, const rnnp_shape *s, size_t index)
{
    const size_t sizes[] = {s->input, s->hidden, s->batch, s->steps};

    if ((s->cell != RNNP_CELL_RNN && s->cell != RNNP_CELL_LSTM && s->cell != RNNP_CELL_GRU) ||
        (unsigned)s->direction > RNNP_BIDIRECTIONAL || (unsigned)s->reset > RNNP_GRU_RESET_AFTER)
        return rnnp_fail(context, RNNP_ERR_ARG, "shape %zu: cell %d, direction %d, reset %d", index, (int)s->cell,
                         (int)s->direction, (int)s->reset);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i] < 1 || sizes[i] > MOST_SIZE)
            return rnnp_fail(context, RNNP_ERR_ARG, "shape %zu: input %zu, hidden %zu, batch %zu, steps %zu", index,
                             s->input, s->hidden, s->batch, s->steps);
    }
    return RNNP_OK;
}

static rnnp_recurrent layer_of(const rnnp_context *context, const rnnp_shape *s)
{
    rnnp_recurrent layer = {.cell = s->cell, .input = s->input, .hidden = s->hidden, .direction = s->direction,
                            .reset_after = s->reset == RNNP_GRU_RESET_AFTER, .math = RNNP_MATH_U35,
                            .select = &context->selection};

    for (size_t d = 0; d < 2; d++)
        rnnp_act_defaults(s->cell, layer.act[d]);
    return layer;
}

/* ---- Progress ---- */

typedef struct tuning {
    const rnnp_tune_options *options;
    rnnp_tune_progress progress;
    double start;
    int stopped;
} tuning;

static int report(tuning *t)
{
    const double share = (rnnp_search_clock() - t->start) / t->options->seconds;

    t->progress.share = share < 1 ? share : 1;
    if (t->options->progress && t->options->progress(t->options->user, &t->progress))
        t->stopped = 1;
    return t->stopped;
}

static int on_search(void *user, size_t done, size_t all, double gain)
{
    tuning *t = user;

    (void)done;
    (void)all;
    t->progress.gain = gain;
    return report(t);
}

/* ---- Tuning ---- */

/* The record of this host for exactly this shape, or NULL. */
static const rnnp_record *known(const rnnp_records *records, const rnnp_record_host *host, const rnnp_record_key *key)
{
    rnnp_record_found found;

    rnnp_records_find(records, host, key, NULL, NULL, &found);
    return found.match == RNNP_RECORD_EXACT && strcmp(found.source, "records") == 0 ? found.record : NULL;
}

static rnnp_status tune_shape(rnnp_context *context, const rnnp_machine *machine, tuning *t, const rnnp_shape *shape,
                              double seconds, const rnnp_record_host *host, rnnp_records *records)
{
    const rnnp_search_options options = {.seconds = seconds, .stop = on_search, .user = t};
    const rnnp_recurrent layer = layer_of(context, shape);
    rnnp_record record = {.samples = 1};
    rnnp_search_result result;

    rnnp_choice_key(&layer, shape->batch, shape->steps, t->options->threads, &record.key);
    const rnnp_record *before = known(records, host, &record.key);
    t->progress.record = before;
    t->progress.gain = 0;
    if (before && !t->options->again) {
        t->progress.measured = 0;
        t->progress.candidates = t->progress.tried = 0;
        report(t);
        return RNNP_OK;
    }
    t->progress.record = NULL;
    rnnp_status status = rnnp_search(context, machine, &layer, shape->batch, shape->steps, t->options->threads, &options,
                                     &result);
    if (status != RNNP_OK)
        return status;
    if (result.wrong)
        return rnnp_fail(context, RNNP_ERR_STATE, "%s, input %zu, hidden %zu, batch %zu: %zu choices gave other bits",
                         record.key.layer, shape->input, shape->hidden, shape->batch, result.wrong);
    if (result.samples < RNNP_SEARCH_LEAST_ROUNDS)
        return RNNP_OK; /* out of time: no record is better than one that says nothing */
    memcpy(record.choice, result.choice, sizeof record.choice);
    record.ns = result.ns;
    record.default_ns = result.default_ns;
    record.spread = result.spread < 100 ? result.spread : 100;
    record.samples = result.samples;
    record.at = rnnp_records_date(records, host, &record.key, t->options->now);
    status = rnnp_records_add(records, host, &record);
    if (status != RNNP_OK)
        return status;
    t->progress.record = &record;
    t->progress.measured = 1;
    t->progress.candidates = result.candidates;
    t->progress.tried = result.tried;
    report(t);
    t->progress.record = NULL;
    return RNNP_OK;
}

rnnp_status rnnp_tune(rnnp_context *context, const rnnp_shape *shapes, size_t n, const rnnp_tune_options *options,
                      rnnp_records *records)
{
    rnnp_tune_options o;
    rnnp_machine machine;
    rnnp_record_host host;
    rnnp_status status;

    if (!context)
        return RNNP_ERR_ARG;
    if ((n && !shapes) || !records)
        return rnnp_fail(context, RNNP_ERR_ARG, "%s is NULL", records ? "shapes" : "records");
    if ((status = read_options(context, options, &o)) != RNNP_OK)
        return status;
    for (size_t i = 0; i < n; i++) {
        if ((status = check_shape(context, &shapes[i], i)) != RNNP_OK)
            return status;
    }
    tuning t = {.options = &o, .progress = {.shapes = n}, .start = rnnp_search_clock()};
    if ((status = rnnp_records_host(context, &host)) != RNNP_OK || n == 0 ||
        (status = rnnp_machine_measure(context, &machine)) != RNNP_OK)
        return status;
    for (size_t i = 0; i < n && status == RNNP_OK && !t.stopped; i++) {
        const double left = o.seconds - (rnnp_search_clock() - t.start);

        if (left <= 0)
            break;
        t.progress.shape = i;
        t.progress.what = &shapes[i];
        status = tune_shape(context, &machine, &t, &shapes[i], left / (double)(n - i), &host, records);
    }
    return status;
}
