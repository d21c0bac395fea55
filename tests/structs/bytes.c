/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory of layers, plans, runs and streams is what was said before they were made, to the byte.
 */
#include "../model/graph.h"

#include "rnnpack/kernels.h"

enum { CELLS = 3, DIRECTIONS = 3, IN = 5 };

static const rnnp_cell cells[CELLS] = {RNNP_CELL_RNN, RNNP_CELL_LSTM, RNNP_CELL_GRU};
static const size_t hidden[] = {1, 7, 64};

TEST(test_layers)
{
    test_heap heap = {0};
    OWNED(context) context = make_context(&heap, 1);

    for (size_t i = 0; i < CELLS * DIRECTIONS * 3; i++) {
        DROPPED(free_layer)
        layer l = make_layer(cells[i % CELLS], IN, hidden[i / 9], (rnnp_direction)(i / CELLS % DIRECTIONS), 1);
        const size_t before = heap.live_bytes;
        size_t bytes = 0;

        OK(rnnp_layer_bytes(context, &l.options, RNNP_MATH_U35, &bytes));
        assert_int_equal(heap.live_bytes, before);
        NEW(layer, made, context, &l.options, l.weights, RNNP_MATH_U35);
        assert_int_equal(heap.live_bytes - before, bytes);
        rnnp_layer_destroy(made);
    }

    DROPPED(free_layer) layer l = make_layer(RNNP_CELL_LSTM, IN, 7, RNNP_DIRECTION_FORWARD, 1);
    size_t bytes = 77;
    assert_int_equal(rnnp_layer_bytes(NULL, &l.options, RNNP_MATH_U35, &bytes), RNNP_ERR_ARG);
    assert_int_equal(rnnp_layer_bytes(context, NULL, RNNP_MATH_U35, &bytes), RNNP_ERR_ARG);
    assert_int_equal(rnnp_layer_bytes(context, &l.options, (rnnp_math)9, &bytes), RNNP_ERR_ARG);
    REFUSED(context, rnnp_layer_bytes(context, &l.options, RNNP_MATH_U35, NULL), RNNP_ERR_ARG, "bytes is NULL");
    l.options.hidden = SIZE_MAX / 8;
    assert_int_equal(rnnp_layer_bytes(context, &l.options, RNNP_MATH_U35, &bytes), RNNP_ERR_SHAPE);
    l.options.hidden = 7;
    l.options.activations[0] = "Swish";
    assert_int_equal(rnnp_layer_bytes(context, &l.options, RNNP_MATH_U35, &bytes), RNNP_ERR_UNSUPPORTED);
    assert_int_equal(bytes, 77);
}

/* Two layers and a product behind them. */
static rnnp_model *two_layers(rnnp_context *context, rnnp_cell cell, size_t units)
{
    static const char *const names[] = {[RNNP_CELL_RNN] = "rnn", [RNNP_CELL_LSTM] = "lstm", [RNNP_CELL_GRU] = "gru"};

    return make_graph(context, "x: f32[?,?,5]; -> y = Softmax(MatMul(%s[%zu,%zu]#2(%s[5,%zu]#1(x)), f32[%zu,3]~3))",
                      names[cell], units, units, names[cell], units, units);
}

static void check_stream(const rnnp_plan *plan, test_heap *heap, size_t batch, size_t steps)
{
    const rnnp_stream_options options = {.struct_size = sizeof options, .batch = batch, .steps = steps};
    const size_t before = heap->live_bytes;
    size_t bytes = 0;

    OK(rnnp_stream_bytes(plan, &options, &bytes));
    assert_int_equal(heap->live_bytes, before);
    OWNED_NEW(stream, stream, plan, &options);
    assert_int_equal(heap->live_bytes - before, bytes);
}

static void check_run(const rnnp_plan *plan, test_heap *heap, size_t batch, size_t steps)
{
    const rnnp_tensor in = tensor3(NULL, (int64_t)steps, (int64_t)batch, IN);
    const size_t before = heap->live_bytes;
    size_t bytes = 0;

    OK(rnnp_run_bytes(plan, &in, 1, &bytes));
    assert_int_equal(heap->live_bytes, before);
    OWNED_NEW(run, run, plan, &in, 1);
    assert_int_equal(heap->live_bytes - before, bytes);
}

TEST(test_models)
{
    static const size_t sizes[] = {1, 3, 16, 50};
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 1);

    for (size_t i = 0; i < CELLS * 3; i++) {
        OWNED(model) model = two_layers(context, cells[i % CELLS], hidden[i / CELLS]);
        const size_t before = heap.live_bytes;
        size_t bytes = 0;

        OK(rnnp_plan_bytes(model, NULL, &bytes));
        assert_int_equal(heap.live_bytes, before);
        OWNED_NEW(plan, plan, model, NULL);
        assert_int_equal(heap.live_bytes - before, bytes);
        for (size_t k = 0; k < 16; k++) {
            check_stream(plan, &heap, sizes[k % 4], sizes[k / 4]);
            check_run(plan, &heap, sizes[k % 4], sizes[k / 4]);
        }
    }
}

/* What cannot be made has no size either. */
TEST(test_refused)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_graph(context, "x: f32[?,?,5]; -> y = gru[5,4](x, both)");
    size_t bytes = 77;

    OWNED(plan) plan = make_plan(model);
    REFUSED(context, rnnp_stream_bytes(plan, NULL, &bytes), RNNP_ERR_UNSUPPORTED, "GRU");
    REFUSED(context, rnnp_stream_bytes(plan, NULL, NULL), RNNP_ERR_ARG, "bytes is NULL");
    assert_int_equal(rnnp_stream_bytes(NULL, NULL, &bytes), RNNP_ERR_ARG);
    assert_int_equal(bytes, 77);
}
