/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of models share: short ways to build and run one, numbers that look random, and recurrent
 * layers in double precision.
 */
#ifndef RNNP_TESTS_BUILD_H
#define RNNP_TESTS_BUILD_H

#include "../oracle.h"
#include "../test.h"

/* ---- Numbers ---- */

/* Reproducible, in [-scale, scale). */
static inline void fill(float *x, size_t n, uint32_t seed, float scale)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = ((float)(seed >> 8) / 8388608.0f - 1.0f) * scale;
    }
}

static inline float *numbers(size_t n, uint32_t seed, float scale)
{
    float *x = malloc((n ? n : 1) * sizeof *x);

    assert_non_null(x);
    fill(x, n, seed, scale);
    return x;
}

/* ---- Objects ---- */

static inline rnnp_model *make_model(rnnp_context *context)
{

    NEW(model, model, context);
    return model;
}

static inline rnnp_model *quantized_to(const rnnp_model *model, rnnp_weights weights)
{
    OPTIONS(quantize, options);
    rnnp_model *quantized;

    options.weights = weights;
    OK(rnnp_model_quantize(model, &options, &quantized));
    return quantized;
}

static inline rnnp_plan *make_plan(const rnnp_model *model)
{

    NEW(plan, plan, model, NULL);
    return plan;
}

static inline rnnp_value input3(rnnp_model *model, const char *name, int64_t a, int64_t b, int64_t c)
{
    const int64_t shape[] = {a, b, c};
    rnnp_value value;

    OK(rnnp_model_add_input(model, name, RNNP_DTYPE_F32, 3, shape, NULL, &value));
    return value;
}

static inline rnnp_tensor tensor3(const void *data, int64_t a, int64_t b, int64_t c)
{
    return (rnnp_tensor){RNNP_DTYPE_F32, 3, {a, b, c}, .const_data = data};
}

static inline rnnp_value node(rnnp_model *model, const char *op, const rnnp_value *inputs, size_t n,
                              const rnnp_attr *attrs, size_t n_attrs)
{
    rnnp_value y = 0;

    OK(rnnp_model_add_node(model, op, 17, NULL, inputs, n, attrs, n_attrs, &y, 1));
    return y;
}

static inline rnnp_value node1(rnnp_model *model, const char *op, rnnp_value x)
{
    return node(model, op, &x, 1, NULL, 0);
}

static inline rnnp_value node2(rnnp_model *model, const char *op, rnnp_value a, rnnp_value b)
{
    return node(model, op, (rnnp_value[]){a, b}, 2, NULL, 0);
}

static inline rnnp_value ints(rnnp_model *model, const int64_t *list, size_t n)
{
    const rnnp_tensor tensor = {RNNP_DTYPE_I64, 1, {(int64_t)n}, .const_data = list};
    rnnp_value value;

    OK(rnnp_model_add_constant(model, NULL, &tensor, &value));
    return value;
}

/* The last output. */
static inline void close_with(rnnp_model *model, const char *name, rnnp_value value)
{
    OK(rnnp_model_add_output(model, name, value));
    OK(rnnp_model_close(model));
}

/* ---- Runs ---- */

enum { MOST_OUTPUTS = 64 };

/* What a run gave, in memory of its own; status: the first that is not RNNP_OK. */
typedef struct produced {
    rnnp_status status;
    size_t n;
    rnnp_tensor out[MOST_OUTPUTS];
} produced;

static inline void free_outputs(produced *o)
{
    for (size_t i = 0; i < o->n; i++) free(o->out[i].data);
}

/* An execution; more than `most` elements in an output are refused. */
static inline produced execute_run(rnnp_run *run, const rnnp_tensor *in, size_t n_in, size_t most)
{
    produced o = {RNNP_OK, 0, {{0}}};

    while (o.n < MOST_OUTPUTS && rnnp_run_output(run, o.n, &o.out[o.n]) == RNNP_OK) {
        const size_t n = rnnp_tensor_elements(&o.out[o.n]);

        if (n > most) o.status = RNNP_ERR_LIMIT;
        o.out[o.n].data = calloc(n > most ? 1 : n * rnnp_dtype_bytes(o.out[o.n].dtype) + 1, 1);
        assert_non_null(o.out[o.n++].data);
    }
    if (o.status == RNNP_OK) o.status = rnnp_run_execute(run, in, n_in, o.out, o.n);
    return o;
}

static inline produced run_plan(const rnnp_plan *plan, const rnnp_tensor *in, size_t n_in)
{
    OWNED(run) run = NULL;
    const rnnp_status status = rnnp_run_create(plan, in, n_in, &run);
    const produced o = status == RNNP_OK ? execute_run(run, in, n_in, SIZE_MAX) : (produced){.status = status};

    return o;
}

static inline int equal_outputs(const produced *a, const produced *b)
{
    int same = a->status == b->status && a->n == b->n;

    for (size_t i = 0; same && i < a->n; i++) {
        const rnnp_tensor *x = &a->out[i], *y = &b->out[i];

        same = x->dtype == y->dtype && x->rank == y->rank &&
               memcmp(x->shape, y->shape, x->rank * sizeof(int64_t)) == 0 &&
               memcmp(x->data, y->data, rnnp_tensor_elements(x) * rnnp_dtype_bytes(x->dtype)) == 0;
    }
    return same;
}

/* ---- Recurrent layers ---- */

/* Weights in ONNX order, on the heap. */
typedef struct layer {
    rnnp_recurrent_options options;
    rnnp_recurrent_weights weights[2];
    float *memory;
} layer;

static inline size_t gates_of(rnnp_cell cell) { return oracle_make(cell, 1, 1).gates; }

static inline size_t directions_of(const layer *l)
{
    return l->options.direction == RNNP_DIRECTION_BIDIRECTIONAL ? 2 : 1;
}

static inline layer make_layer(rnnp_cell cell, size_t input, size_t hidden, rnnp_direction direction, uint32_t seed)
{
    const size_t rows = gates_of(cell) * hidden, each = rows * (input + hidden + 2);
    layer l = {.memory = numbers(2 * each, seed, 0.4f)};

    rnnp_recurrent_options_init(&l.options, cell, input, hidden);
    l.options.direction = direction;
    for (size_t d = 0; d < 2; d++) {
        float *w = l.memory + d * each;

        l.weights[d] = (rnnp_recurrent_weights){.w = w, .r = w + rows * input, .bias = w + rows * (input + hidden)};
    }
    return l;
}

static inline void free_layer(layer *l) { free(l->memory); }

/* All steps of its outputs, from lengths and states that are not given. */
static inline rnnp_value add_layer(rnnp_model *model, const layer *l, rnnp_value x)
{
    rnnp_value y = 0;

    OK(rnnp_model_add_recurrent(model, &l->options, l->weights, x, RNNP_NONE, RNNP_NONE, RNNP_NONE, &y, NULL, NULL));
    return y;
}

/* The n-th node with this operator. */
static inline size_t find_node(const rnnp_model *model, const char *op, size_t n)
{
    rnnp_node_info info = {.struct_size = sizeof info};

    for (size_t i = 0; i < rnnp_model_node_count(model); i++) {
        OK(rnnp_model_node_info(model, i, &info));
        if (strcmp(info.op, op) == 0 && n-- == 0) return i;
    }
    fail_msg("no %s", op);
    return 0;
}

static inline double *doubles(const float *from, size_t n)
{
    double *to = malloc((n ? n : 1) * sizeof *to);

    assert_non_null(to);
    for (size_t i = 0; i < n; i++) to[i] = (double)from[i];
    return to;
}

/* x [steps][batch][input], lengths or NULL, h0 and c0 [dirs][batch][hidden] or NULL; y [steps][batch][dirs*hidden],
 * h and c like h0. */
static inline void oracle(const layer *l, size_t steps, size_t batch, const float *x, const int32_t *lengths,
                          const float *h0, const float *c0, float *y, float *h, float *c)
{
    const size_t H = l->options.hidden, I = l->options.input, D = directions_of(l);

    for (size_t i = 0; i < steps * batch * D * H; i++) y[i] = 0.0f;
    for (size_t d = 0; d < D; d++) {
        const rnnp_recurrent_weights *from = &l->weights[d];
        oracle_cell k = oracle_make(l->options.cell, I, H);
        const size_t rows = k.gates * H;
        double *w = doubles(from->w, rows * I), *r = doubles(from->r, rows * H), *bias = doubles(from->bias, 2 * rows);
        double *in = doubles(x, steps * batch * I);
        const int reverse = l->options.direction == RNNP_DIRECTION_REVERSE || d == 1;

        assert_true(H <= ORACLE_UNITS);
        k.reset_after = l->options.reset == RNNP_GRU_RESET_AFTER;
        k.w = w, k.r = r, k.bw = bias, k.br = bias + rows;
        for (size_t b = 0; b < batch; b++) {
            const size_t length = lengths ? (size_t)lengths[b] : steps, at = (d * batch + b) * H;
            double state[ORACLE_UNITS], cell[ORACLE_UNITS];

            for (size_t u = 0; u < H; u++) {
                state[u] = h0 ? h0[at + u] : 0.0;
                cell[u] = c0 ? c0[at + u] : 0.0;
            }
            for (size_t s = 0; s < length; s++) {
                const size_t t = reverse ? length - 1 - s : s;

                oracle_step(&k, in + (t * batch + b) * I, NULL, state, cell);
                for (size_t u = 0; u < H; u++) y[((t * batch + b) * D + d) * H + u] = (float)state[u];
            }
            for (size_t u = 0; u < H; u++) {
                h[at + u] = (float)state[u];
                c[at + u] = (float)cell[u];
            }
        }
        free(w), free(r), free(bias), free(in);
    }
}

static inline void assert_close(const float *a, const float *b, size_t n, float tolerance)
{
    for (size_t i = 0; i < n; i++) {
        if (!(fabsf(a[i] - b[i]) <= tolerance)) {
            printf("element %zu of %zu: %.9g and %.9g\n", i, n, (double)a[i], (double)b[i]);
            assert_true(0);
        }
    }
}

static inline rnnp_stream *make_stream(const rnnp_plan *plan, size_t batch, size_t steps)
{
    OPTIONS(stream, options);

    options.batch = batch;
    options.steps = steps;
    NEW(stream, stream, plan, &options);
    return stream;
}

/* [a][b][c] to [b][a][c] */
static inline void swap_axes(const float *x, float *y, size_t a, size_t b, size_t c)
{
    for (size_t i = 0; i < a; i++) {
        for (size_t j = 0; j < b; j++) memcpy(y + (j * a + i) * c, x + (i * b + j) * c, c * sizeof *x);
    }
}

#endif
