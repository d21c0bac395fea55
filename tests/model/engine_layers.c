/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers against recurrent layers in double precision: every cell, direction, layout and weight order.
 */
#include "build.h"

enum { STEPS = 5, BATCH = 3, INPUT = 4, HIDDEN = 9, CELLS = 3 };

static const rnnp_cell cells[CELLS] = {RNNP_CELL_RNN, RNNP_CELL_LSTM, RNNP_CELL_GRU};

typedef struct example {
    int lengths, states, batch_first, every_step;
} example;

/* All outputs of one layer against the oracle. */
static void compare(rnnp_context *context, layer *l, const example *e)
{
    static const int32_t lengths[BATCH] = {3, STEPS, 0};
    const size_t D = directions_of(l), wide = D * HIDDEN;
    const int lstm = l->options.cell == RNNP_CELL_LSTM, first = e->batch_first;
    float *x = numbers(STEPS * BATCH * INPUT, 7, 1.0f), *h0 = numbers(D * BATCH * HIDDEN, 8, 1.0f);
    float *c0 = numbers(D * BATCH * HIDDEN, 9, 1.0f), *y = numbers(STEPS * BATCH * wide, 1, 9.0f);
    float *h = numbers(D * BATCH * HIDDEN, 1, 9.0f), *c = numbers(D * BATCH * HIDDEN, 1, 9.0f);
    float *got_y = numbers(STEPS * BATCH * wide, 1, 9.0f), *got_h = numbers(D * BATCH * HIDDEN, 1, 9.0f);
    float *got_c = numbers(D * BATCH * HIDDEN, 1, 9.0f), *turned = numbers(STEPS * BATCH * wide, 1, 9.0f);
    rnnp_model *model = make_model(context);
    const rnnp_value in = input3(model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT);
    const int64_t dynamic[] = {RNNP_DYNAMIC};
    rnnp_value len = RNNP_NONE, vh0 = RNNP_NONE, vc0 = RNNP_NONE, vy, vh, vc;
    rnnp_tensor inputs[4], outputs[3] = {{.data = got_y}, {.data = got_h}, {.data = got_c}};
    size_t n = 1;

    l->options.batch_first = first;
    l->options.last_step = !e->every_step;
    if (first) swap_axes(x, turned, STEPS, BATCH, INPUT);
    inputs[0] = first ? tensor3(turned, BATCH, STEPS, INPUT) : tensor3(x, STEPS, BATCH, INPUT);
    if (e->lengths) {
        OK(rnnp_model_add_input(model, "lengths", RNNP_DTYPE_I32, 1, dynamic, NULL, &len));
        inputs[n++] = (rnnp_tensor){RNNP_DTYPE_I32, 1, {BATCH}, .const_data = lengths};
    }
    if (e->states) {
        vh0 = input3(model, "h0", (int64_t)D, RNNP_DYNAMIC, HIDDEN);
        inputs[n++] = tensor3(h0, (int64_t)D, BATCH, HIDDEN);
    }
    if (e->states && lstm) {
        vc0 = input3(model, "c0", (int64_t)D, RNNP_DYNAMIC, HIDDEN);
        inputs[n++] = tensor3(c0, (int64_t)D, BATCH, HIDDEN);
    }
    OK(rnnp_model_add_recurrent(model, &l->options, l->weights, in, len, vh0, vc0, &vy, &vh, lstm ? &vc : NULL));
    OK(rnnp_model_add_output(model, "y", vy));
    OK(rnnp_model_add_output(model, "h", vh));
    if (lstm) OK(rnnp_model_add_output(model, "c", vc));
    OK(rnnp_model_close(model));
    rnnp_plan *plan = make_plan(model);
    NEW(run, run, plan, inputs, n);
    OK(rnnp_run_execute(run, inputs, n, outputs, lstm ? 3 : 2));

    oracle(l, STEPS, BATCH, x, e->lengths ? lengths : NULL, e->states ? h0 : NULL, e->states ? c0 : NULL, y, h, c);
    assert_close(got_h, h, D * BATCH * HIDDEN, 2e-6f);
    if (lstm) assert_close(got_c, c, D * BATCH * HIDDEN, 2e-6f);
    if (!e->every_step) {
        assert_int_equal(outputs[0].rank, 2);
        swap_axes(h, turned, D, BATCH, HIDDEN);
        assert_close(got_y, turned, BATCH * wide, 2e-6f);
    } else if (first) {
        assert_int_equal(outputs[0].shape[1], STEPS);
        swap_axes(y, turned, STEPS, BATCH, wide);
        assert_close(got_y, turned, STEPS * BATCH * wide, 2e-6f);
    } else {
        assert_int_equal(outputs[0].shape[2], (int64_t)wide);
        assert_close(got_y, y, STEPS * BATCH * wide, 2e-6f);
    }
    rnnp_run_destroy(run);
    rnnp_plan_destroy(plan);
    rnnp_model_destroy(model);
    float *all[] = {x, h0, c0, y, h, c, got_y, got_h, got_c, turned};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
}

TEST(test_recurrent)
{
    OWNED(context) context = make_context(NULL, 1);

    for (size_t cell = 0; cell < CELLS; cell++) {
        for (int direction = RNNP_DIRECTION_FORWARD; direction <= RNNP_DIRECTION_BIDIRECTIONAL; direction++) {
            for (int bits = 0; bits < 32; bits++) {
                const example e = {bits & 1, bits >> 1 & 1, bits >> 2 & 1, bits >> 3 & 1};
                DROPPED(free_layer) layer l = make_layer(cells[cell], INPUT, HIDDEN, (rnnp_direction)direction, 3);

                l.options.reset = bits >> 4 ? RNNP_GRU_RESET_AFTER : RNNP_GRU_RESET_BEFORE;
                compare(context, &l, &e);
            }
        }
    }
}

/* ---- Orders of weights ---- */

/* Gate g of ONNX is gate from[g] of the other order. */
static void reorder(const float *onnx, float *other, size_t gates, size_t depth, const size_t *from, int transposed)
{
    for (size_t g = 0; g < gates; g++) {
        for (size_t u = 0; u < HIDDEN; u++) {
            for (size_t k = 0; k < depth; k++) {
                const size_t row = from[g] * HIDDEN + u;

                other[transposed ? k * gates * HIDDEN + row : row * depth + k] = onnx[(g * HIDDEN + u) * depth + k];
            }
        }
    }
}

static void run_layer(rnnp_context *context, const layer *l, const float *x, float *y)
{
    OWNED(model) model = make_model(context);
    const rnnp_tensor in = tensor3(x, STEPS, BATCH, INPUT);
    rnnp_tensor out = {.data = y};
    rnnp_value value;

    OK(rnnp_model_add_recurrent(model, &l->options, l->weights, input3(model, "x", STEPS, BATCH, INPUT), RNNP_NONE,
                                RNNP_NONE, RNNP_NONE, &value, NULL, NULL));
    close_with(model, "y", value);
    OWNED(plan) plan = make_plan(model);
    OWNED_NEW(run, run, plan, &in, 1);
    OK(rnnp_run_execute(run, &in, 1, &out, 1));
}

TEST(test_weight_orders)
{
    static const size_t same[] = {0, 1, 2, 3}, lstm[] = {0, 3, 1, 2}, gru_pytorch[] = {1, 0, 2};
    OWNED(context) context = make_context(NULL, 1);
    FREED float *x = numbers(STEPS * BATCH * INPUT, 7, 1.0f);
    float y[STEPS * BATCH * HIDDEN], other[STEPS * BATCH * HIDDEN];

    for (size_t i = 0; i < 2 * CELLS; i++) {
        layer l = make_layer(cells[i / 2], INPUT, HIDDEN, RNNP_DIRECTION_FORWARD, 3), o = l;
        const int keras = i % 2;
        const size_t gates = gates_of(cells[i / 2]), rows = gates * HIDDEN;
        const size_t *from = cells[i / 2] == RNNP_CELL_LSTM            ? lstm
                             : cells[i / 2] == RNNP_CELL_GRU && !keras ? gru_pytorch
                                                                       : same;
        float *w = numbers(rows * INPUT, 1, 1.0f), *r = numbers(rows * HIDDEN, 1, 1.0f);
        float *b = numbers(rows, 1, 1.0f), *b_r = numbers(rows, 1, 1.0f);

        o.options.order = keras ? RNNP_ORDER_KERAS : RNNP_ORDER_PYTORCH;
        reorder(l.weights[0].w, w, gates, INPUT, from, keras);
        reorder(l.weights[0].r, r, gates, HIDDEN, from, keras);
        reorder(l.weights[0].bias, b, gates, 1, from, 0);
        reorder(l.weights[0].bias + rows, b_r, gates, 1, from, 0);
        o.weights[0] = (rnnp_recurrent_weights){.w = w, .r = r, .bias = b, .bias_r = b_r};
        run_layer(context, &l, x, y);
        run_layer(context, &o, x, other);
        assert_memory_equal(y, other, sizeof y);
        free(w);
        free(r);
        free(b);
        free(b_r);
        free_layer(&l);
    }
}

/* Naming the default activations changes nothing; others do. */
TEST(test_activations)
{
    OWNED(context) context = make_context(NULL, 1);
    DROPPED(free_layer) layer l = make_layer(RNNP_CELL_LSTM, INPUT, HIDDEN, RNNP_DIRECTION_FORWARD, 3);
    FREED float *x = numbers(STEPS * BATCH * INPUT, 7, 1.0f);
    float y[STEPS * BATCH * HIDDEN], other[STEPS * BATCH * HIDDEN];
    FREED float *peepholes = numbers(3 * HIDDEN, 4, 0.5f);
    const float alpha[6] = {0.2f, NAN, NAN}, beta[6] = {0.5f, NAN, NAN}; /* the defaults, spelled out */

    run_layer(context, &l, x, y);
    l.options.activations[0] = "sigmoid";
    l.options.activations[2] = "TANH";
    run_layer(context, &l, x, other);
    assert_memory_equal(y, other, sizeof y);
    l.options.activations[0] = "HardSigmoid";
    run_layer(context, &l, x, other);
    assert_int_not_equal(memcmp(y, other, sizeof y), 0);
    l.options.alpha = alpha;
    l.options.beta = beta;
    run_layer(context, &l, x, y);
    assert_memory_equal(y, other, sizeof y);
    l.options.clip = 0.1f;
    run_layer(context, &l, x, other);
    assert_int_not_equal(memcmp(y, other, sizeof y), 0);
    l.options.clip = 0.0f;
    l.options.input_forget = 1;
    run_layer(context, &l, x, other);
    assert_int_not_equal(memcmp(y, other, sizeof y), 0);
    l.options.input_forget = 0;
    l.weights[0].peephole = peepholes;
    run_layer(context, &l, x, other);
    assert_int_not_equal(memcmp(y, other, sizeof y), 0);
}

/* ---- The layers around ---- */

TEST(test_dense)
{
    enum { ROWS = 6, UNITS = 5 };
    OWNED(context) context = make_context(NULL, 1);
    FREED float *x = numbers(ROWS * INPUT, 1, 1.0f), *w = numbers(INPUT * UNITS, 2, 1.0f), *b = numbers(UNITS, 3, 1.0f);
    float turned[INPUT * UNITS], y[2][ROWS * UNITS], want[ROWS * UNITS];
    const rnnp_tensor in = tensor3(x, 2, 3, INPUT);

    for (size_t k = 0; k < INPUT; k++) {
        for (size_t u = 0; u < UNITS; u++) turned[u * INPUT + k] = w[k * UNITS + u];
    }
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t u = 0; u < UNITS; u++) {
            double sum = b[u];

            for (size_t k = 0; k < INPUT; k++) sum += (double)x[r * INPUT + k] * w[k * UNITS + u];
            want[r * UNITS + u] = sum > 0.0 ? (float)sum : 0.0f;
        }
    }
    for (int transposed = 0; transposed < 2; transposed++) {
        OWNED(model) model = make_model(context);
        rnnp_tensor out = {.data = y[transposed]};
        rnnp_value value;

        OK(rnnp_model_add_dense(model, input3(model, "x", 2, RNNP_DYNAMIC, INPUT), transposed ? turned : w, INPUT,
                                UNITS, transposed, b, "Relu", &value));
        close_with(model, "y", value);
        OWNED(plan) plan = make_plan(model);
        OWNED_NEW(run, run, plan, &in, 1);
        OK(rnnp_run_execute(run, &in, 1, &out, 1));
        assert_int_equal(out.shape[2], UNITS);
        assert_close(y[transposed], want, ROWS * UNITS, 1e-6f);
    }
    assert_memory_equal(y[0], y[1], sizeof y[0]);
}

/* Embedding, pooling over an axis, dropout, softmax: indices 2 0 | 1 1 into a table of 3 rows of 2. */
TEST(test_embedding_and_pools)
{
    static const float table[] = {1, 2, 3, 4, 5, 7};
    static const struct {
        rnnp_pool pool;
        float want[4];
    } pools[] = {{RNNP_POOL_SUM, {6, 9, 6, 8}},
                 {RNNP_POOL_MEAN, {3, 4.5f, 3, 4}},
                 {RNNP_POOL_MAX, {5, 7, 3, 4}},
                 {RNNP_POOL_LAST, {1, 2, 3, 4}}};
    static const int64_t shape[] = {2, RNNP_DYNAMIC};
    OWNED(context) context = make_context(NULL, 1);

    for (size_t i = 0; i < sizeof pools / sizeof pools[0]; i++) {
        int64_t indices[] = {2, 0, 1, 1};
        const rnnp_tensor in = {RNNP_DTYPE_I64, 2, {2, 2}, .data = indices};
        float y[4], p[4];
        rnnp_tensor out[] = {{.data = y}, {.data = p}};
        OWNED(model) model = make_model(context);
        rnnp_value value;

        OK(rnnp_model_add_input(model, "words", RNNP_DTYPE_I64, 2, shape, NULL, &value));
        OK(rnnp_model_add_embedding(model, value, table, 3, 2, &value));
        OK(rnnp_model_add_dropout(model, value, 0.5f, &value));
        OK(rnnp_model_add_pool(model, value, pools[i].pool, 1, &value));
        OK(rnnp_model_add_output(model, "y", value));
        OK(rnnp_model_add_softmax(model, value, -1, &value));
        close_with(model, "p", value);
        OWNED(plan) plan = make_plan(model);
        OWNED_NEW(run, run, plan, &in, 1);
        OK(rnnp_run_execute(run, &in, 1, out, 2));
        assert_int_equal(out[0].rank, 2);
        assert_close(y, pools[i].want, 4, 0.0f);
        assert_close(&p[2], (float[]){p[2], 1.0f - p[2]}, 2, 1e-6f);
        indices[1] = 3;
        REFUSED(context, rnnp_run_execute(run, &in, 1, out, 2), RNNP_ERR_ARG, "Gather");
    }
}
