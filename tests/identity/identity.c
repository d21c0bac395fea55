/* SPDX-License-Identifier: Apache-2.0
 *
 * identity [--sample|--quick]: the promise of the same bits, as a matrix. For every model and math class the reference
 * is one run of the whole batch by the generic kernels on one thread. It is compared, by memcmp once all NaN are made
 * alike, with
 *
 *     every ISA usable here x 1, 2, 3 and 7 threads, the library's own and a host's
 *       x the batch at once, its rows permuted, each row alone, all of that with lengths, a stream that takes 1 step
 *         or 5 at a time, and the bare layer of kernels.h, whole and step by step
 *
 * Each comparison of all outputs of one execution (or one stream) counts as one combination. --sample takes every model
 * with one math class and every eleventh place, by turns; --quick some of the models, one math class and every place.
 */
#include "places.h"
#include "specs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SHOWN = 20, MAX_ROWS_ALONE = 3 };

/* ---- Results ---- */

/* Outputs y [steps][batch][width of y], h and c [dirs][batch][width of h]. */
typedef struct result {
    size_t n, steps, batch;
    rnnp_tensor out[MAX_OUTPUTS];
} result;

static void result_free(result *r)
{
    for (size_t i = 0; i < r->n; i++) free(r->out[i].data);
}

static void canonicalise(rnnp_tensor *t)
{
    static const uint32_t quiet = 0x7fc00000;
    unsigned char *bytes = t->data;

    for (size_t i = 0; i < rnnp_tensor_elements(t); i++) {
        float value;
        memcpy(&value, bytes + i * sizeof value, sizeof value);
        if (value != value) memcpy(bytes + i * sizeof value, &quiet, sizeof quiet);
    }
}

/* Room for outputs like these of a batch, zeros. */
static result like(const result *ref, size_t batch)
{
    result r = {.n = ref->n, .steps = STEPS, .batch = batch};

    for (size_t i = 0; i < r.n; i++) {
        r.out[i] = ref->out[i];
        r.out[i].shape[1] = (int64_t)batch;
        r.out[i].data = calloc(rnnp_tensor_elements(&r.out[i]), sizeof(float));
        must(NULL, r.out[i].data ? RNNP_OK : RNNP_ERR_MEMORY, "calloc");
    }
    return r;
}

/* 1 if the first `outer` entries of a and b agree, of which a row is row_a of a's and row_b of b's batch. */
static int rows_equal(const rnnp_tensor *a, const rnnp_tensor *b, size_t outer, size_t row_a, size_t row_b)
{
    const size_t width = (size_t)a->shape[2], batch_a = (size_t)a->shape[1], batch_b = (size_t)b->shape[1];

    if (b->shape[2] != a->shape[2]) return 0;
    for (size_t i = 0; i < outer; i++) {
        if (memcmp((const float *)a->data + (i * batch_a + row_a) * width,
                   (const float *)b->data + (i * batch_b + row_b) * width, width * sizeof(float)) != 0)
            return 0;
    }
    return 1;
}

/* ---- The matrix ---- */

typedef struct cell_of_matrix {
    const spec *s;
    const place *p;
    rnnp_math math;
    const float *x; /* [STEPS][batch][input] */
    const int32_t *lengths;
    const result *whole, *ragged; /* references without and with lengths */
} cell_of_matrix;

typedef struct tally {
    size_t combinations, differences, shown;
} tally;

static const char *const math_names[] = {"u35", "u10", "fast"};

static void count(tally *total, const cell_of_matrix *m, const char *how, int equal)
{
    total->combinations++;
    if (equal) return;
    total->differences++;
    if (total->shown++ < MAX_SHOWN)
        printf("DIFFERS: %s H=%zu I=%zu B=%zu, %s, %s, %s\n", m->s->name, m->s->hidden, m->s->input, m->s->batch,
               math_names[m->math], m->p->name, how);
}

/* Row i of the result must be row order[i] of the reference (order NULL: row i); y over all its steps unless the
 * reference's lengths say otherwise. */
static int agrees(const result *r, const result *reference, const size_t *order, const int32_t *lengths)
{
    int equal = r->n == reference->n;

    for (size_t o = 0; o < r->n && equal; o++) {
        for (size_t i = 0; i < r->batch && equal; i++) {
            const size_t row = order ? order[i] : i;
            size_t outer = (size_t)r->out[o].shape[0];

            if (o == 0 && lengths && (size_t)lengths[row] < outer) outer = (size_t)lengths[row];
            equal = rows_equal(&r->out[o], &reference->out[o], outer, i, row);
        }
    }
    return equal;
}

/* Rows order[0..batch) of x, or the first ones for NULL; the first `steps` steps. */
static float *gather(const cell_of_matrix *m, const size_t *order, size_t batch, size_t steps)
{
    const size_t width = m->s->input;
    float *x = must_alloc(steps * batch * width * sizeof *x);

    for (size_t t = 0; t < steps; t++) {
        for (size_t i = 0; i < batch; i++)
            memcpy(x + (t * batch + i) * width, m->x + (t * m->s->batch + (order ? order[i] : i)) * width,
                   width * sizeof *x);
    }
    return x;
}

static result run(const cell_of_matrix *m, const rnnp_plan *plan, const float *x, size_t steps, size_t batch,
                  const int32_t *lengths)
{
    const rnnp_tensor in[] = {
        {RNNP_DTYPE_F32, 3, {(int64_t)steps, (int64_t)batch, (int64_t)m->s->input}, .const_data = x},
        {RNNP_DTYPE_I32, 1, {(int64_t)batch}, .const_data = lengths},
    };
    const size_t n_in = lengths ? 2 : 1;
    result r = {.steps = steps, .batch = batch};
    rnnp_run *execution;

    MUST(m->p->context, rnnp_run_create(plan, in, n_in, &execution));
    while (r.n < MAX_OUTPUTS && rnnp_run_output(execution, r.n, &r.out[r.n]) == RNNP_OK) {
        r.out[r.n].data = must_alloc(rnnp_tensor_elements(&r.out[r.n]) * sizeof(float));
        r.n++;
    }
    MUST(m->p->context, rnnp_run_execute(execution, in, n_in, r.out, r.n));
    rnnp_run_destroy(execution);
    for (size_t i = 0; i < r.n; i++) canonicalise(&r.out[i]);
    return r;
}

/* Takes the result. */
static void check(tally *total, const cell_of_matrix *m, const char *how, result r, const result *reference,
                  const size_t *order, const int32_t *lengths)
{
    count(total, m, how, agrees(&r, reference, order, lengths));
    result_free(&r);
}

static void check_batches(tally *total, const cell_of_matrix *m, const rnnp_plan *plan, const rnnp_plan *plan_lengths)
{
    const size_t B = m->s->batch;
    size_t *order = must_alloc(B * sizeof *order);
    int32_t *lengths = must_alloc(B * sizeof *lengths);

    for (size_t i = 0; i < B; i++) {
        order[i] = (2 * B - 2 - i) % B; /* backwards, from the last but one */
        lengths[i] = m->lengths[order[i]];
    }
    float *x = gather(m, order, B, STEPS);
    check(total, m, "batch", run(m, plan, m->x, STEPS, B, NULL), m->whole, NULL, NULL);
    check(total, m, "permuted", run(m, plan, x, STEPS, B, NULL), m->whole, order, NULL);
    check(total, m, "lengths", run(m, plan_lengths, m->x, STEPS, B, m->lengths), m->ragged, NULL, NULL);
    check(total, m, "permuted lengths", run(m, plan_lengths, x, STEPS, B, lengths), m->ragged, order, NULL);
    free(x);
    free(order);
    free(lengths);
}

/* Each row by itself; with lengths, as a sequence that ends there. The first rows and the last, odd one. */
static void check_rows(tally *total, const cell_of_matrix *m, const rnnp_plan *plan)
{
    const size_t B = m->s->batch;

    for (size_t row = 0; row < B; row++) {
        const size_t steps = (size_t)m->lengths[row];

        if (row >= MAX_ROWS_ALONE && row + 1 < B) continue;
        float *x = gather(m, &row, 1, STEPS);
        check(total, m, "row alone", run(m, plan, x, STEPS, 1, NULL), m->whole, &row, NULL);
        if (steps)
            check(total, m, "row of its own length", run(m, plan, x, steps, 1, NULL), m->ragged, &row, m->lengths);
        free(x);
    }
}

static void check_stream(tally *total, const cell_of_matrix *m, const rnnp_plan *plan, size_t steps, size_t batch)
{
    const result *ref = m->whole;
    const size_t width = (size_t)ref->out[0].shape[2], n_x = steps * batch * m->s->input;
    result r = like(ref, batch);
    rnnp_tensor in, out[MAX_OUTPUTS];
    rnnp_stream_options options;
    rnnp_stream *stream;
    char how[80];

    rnnp_stream_options_init(&options);
    options.steps = steps;
    options.batch = batch;
    MUST(m->p->context, rnnp_stream_create(plan, &options, &stream));
    float *x = gather(m, NULL, batch, STEPS);
    MUST(m->p->context, rnnp_stream_input(stream, 0, &in));
    for (size_t t = 0; t < STEPS; t += steps) {
        in.data = x + t / steps * n_x;
        for (size_t i = 0; i < r.n; i++) out[i] = r.out[i];
        out[0].data = (float *)r.out[0].data + t * batch * width;
        MUST(m->p->context, rnnp_stream_step(stream, &in, 1, out, r.n));
    }
    rnnp_stream_destroy(stream);
    free(x);
    for (size_t i = 0; i < r.n; i++) canonicalise(&r.out[i]);
    snprintf(how, sizeof how, "stream of %zu rows, %zu steps at a time", batch, steps);
    check(total, m, how, r, ref, NULL, NULL);
}

/* The layer of kernels.h, `steps` steps per call. */
static void check_layer(tally *total, const cell_of_matrix *m, const rnnp_layer *layer, size_t steps)
{
    const result *ref = m->whole;
    const size_t batch = m->s->batch, width = (size_t)ref->out[0].shape[2];
    result r = like(ref, batch); /* h and c begin as zeros */
    rnnp_layer_args args;
    size_t bytes;
    void *workspace = NULL;

    MUST(m->p->context, rnnp_layer_workspace_bytes(layer, steps, batch, &bytes));
    must(NULL, posix_memalign(&workspace, 64, bytes + 1) ? RNNP_ERR_MEMORY : RNNP_OK, "posix_memalign");
    rnnp_layer_args_init(&args);
    args.steps = steps;
    args.batch = batch;
    args.workspace = workspace;
    for (size_t t = 0; t < STEPS; t += steps) {
        args.x = m->x + t * batch * m->s->input;
        args.y = (float *)r.out[0].data + t * batch * width;
        args.h0 = args.h = r.out[1].data;
        if (r.n == 3) args.c0 = args.c = r.out[2].data;
        MUST(m->p->context, rnnp_layer_forward(layer, &args));
    }
    free(workspace);
    for (size_t i = 0; i < r.n; i++) canonicalise(&r.out[i]);
    check(total, m, steps == STEPS ? "layer of kernels.h" : "layer of kernels.h, stepped", r, ref, NULL, NULL);
}

static rnnp_plan *make_plan(const cell_of_matrix *m, const rnnp_model *model)
{
    rnnp_plan_options options;
    rnnp_plan *plan;

    rnnp_plan_options_init(&options);
    options.math = m->math;
    MUST(m->p->context, rnnp_plan_create(model, &options, &plan));
    return plan;
}

/* All comparisons of one model, class and place; without references it makes them instead. */
static void visit(tally *total, cell_of_matrix *m, result *whole, result *ragged)
{
    rnnp_model *model = make_model(m->p->context, m->s, 0), *model_lengths = make_model(m->p->context, m->s, 1);
    rnnp_plan *plan = make_plan(m, model), *plan_lengths = make_plan(m, model_lengths);

    if (whole) {
        *whole = run(m, plan, m->x, STEPS, m->s->batch, NULL);
        *ragged = run(m, plan_lengths, m->x, STEPS, m->s->batch, m->lengths);
    } else {
        check_batches(total, m, plan, plan_lengths);
        check_rows(total, m, plan);
    }
    if (!whole && m->s->shape != STACK && m->s->direction == RNNP_DIRECTION_FORWARD) {
        check_stream(total, m, plan, 1, 1);
        check_stream(total, m, plan, 1, m->s->batch);
        check_stream(total, m, plan, 5, m->s->batch);
    }
    if (!whole && m->s->shape == ONE_LAYER && m->s->weights == RNNP_WEIGHTS_F32) {
        rnnp_layer *layer = make_layer(m->p->context, m->s, m->math);

        check_layer(total, m, layer, STEPS);
        if (m->s->direction == RNNP_DIRECTION_FORWARD) check_layer(total, m, layer, 1);
        rnnp_layer_destroy(layer);
    }
    rnnp_plan_destroy(plan);
    rnnp_plan_destroy(plan_lengths);
    rnnp_model_destroy(model);
    rnnp_model_destroy(model_lengths);
}

/* Places from `first` on, every `every`th of them. */
static void visit_all(tally *total, const spec *s, rnnp_math math, const place *reference, const place *places,
                      size_t n_places, size_t first, size_t every)
{
    const tally before = *total;
    float *x = make_input(s);
    int32_t *lengths = make_lengths(s);
    result whole, ragged;
    cell_of_matrix m = {s, reference, math, x, lengths, NULL, NULL};

    visit(total, &m, &whole, &ragged);
    m.whole = &whole;
    m.ragged = &ragged;
    for (size_t i = first; i < n_places; i += every) {
        m.p = &places[i];
        visit(total, &m, NULL, NULL);
    }
    printf("%-24s H=%-3zu I=%-3zu B=%-2zu %-4s %5zu combinations, %zu differences\n", s->name, s->hidden, s->input,
           s->batch, math_names[math], total->combinations - before.combinations,
           total->differences - before.differences);
    result_free(&whole);
    result_free(&ragged);
    free(x);
    free(lengths);
}

int main(int argc, char **argv)
{
    const int quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    const int sample = argc > 1 && strcmp(argv[1], "--sample") == 0;
    const size_t every = sample ? 11 : 1; /* no divisor of the number of places of an ISA, or of two or three ISAs */
    const place reference = make_place("generic", 1, 1);
    place places[MAX_PLACES];
    const size_t n_places = make_places(places);
    tally total = {0};

    for (size_t i = 0; i < spec_count; i++) {
        for (rnnp_math math = RNNP_MATH_U35; math <= RNNP_MATH_FAST && (specs[i].in_quick || !quick); math++) {
            if ((quick && math != RNNP_MATH_U35) || (sample && math != (rnnp_math)(i % 3))) continue;
            visit_all(&total, &specs[i], math, &reference, places, n_places, i % every, every);
        }
    }
    for (size_t i = 0; i < n_places; i++) rnnp_context_destroy(places[i].context);
    rnnp_context_destroy(reference.context);
    printf("most threads in one call: %zu\n", widest_host_call());
    printf("%zu combinations, %zu differences\n", total.combinations, total.differences);
    return total.differences || !total.combinations || widest_host_call() != MOST_THREADS;
}
