/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory of layers, plans, runs and streams is what was said before they were made, to the byte.
 */
#include "../model/build.h"

#include "rnnpack/kernels.h"

enum { CELLS = 3, DIRECTIONS = 3, IN = 5 };

static const rnnp_cell cells[CELLS] = {RNNP_CELL_RNN, RNNP_CELL_LSTM, RNNP_CELL_GRU};
static const size_t hidden[] = {1, 7, 64};

static void test_layers(void **state)
{
    test_heap heap = {0};
    rnnp_context *context = make_context(&heap, 1);

    (void)state;
    for (size_t i = 0; i < CELLS * DIRECTIONS * 3; i++) {
        layer l = make_layer(cells[i % CELLS], IN, hidden[i / 9], (rnnp_direction)(i / CELLS % DIRECTIONS), 1);
        const size_t before = heap.live_bytes;
        rnnp_layer *made;
        size_t bytes = 0;

        OK(rnnp_layer_bytes(context, &l.options, RNNP_MATH_U35, &bytes));
        assert_int_equal(heap.live_bytes, before);
        OK(rnnp_layer_create(context, &l.options, l.weights, RNNP_MATH_U35, &made));
        assert_int_equal(heap.live_bytes - before, bytes);
        rnnp_layer_destroy(made);
        free_layer(&l);
    }

    layer l = make_layer(RNNP_CELL_LSTM, IN, 7, RNNP_DIRECTION_FORWARD, 1);
    size_t bytes = 77;
    assert_int_equal(rnnp_layer_bytes(NULL, &l.options, RNNP_MATH_U35, &bytes), RNNP_ERR_ARG);
    assert_int_equal(rnnp_layer_bytes(context, NULL, RNNP_MATH_U35, &bytes), RNNP_ERR_ARG);
    assert_int_equal(rnnp_layer_bytes(context, &l.options, (rnnp_math)9, &bytes), RNNP_ERR_ARG);
    assert_int_equal(rnnp_layer_bytes(context, &l.options, RNNP_MATH_U35, NULL), RNNP_ERR_ARG);
    assert_says(context, "bytes is NULL");
    l.options.hidden = SIZE_MAX / 8;
    assert_int_equal(rnnp_layer_bytes(context, &l.options, RNNP_MATH_U35, &bytes), RNNP_ERR_SHAPE);
    l.options.hidden = 7;
    l.options.activations[0] = "Swish";
    assert_int_equal(rnnp_layer_bytes(context, &l.options, RNNP_MATH_U35, &bytes), RNNP_ERR_UNSUPPORTED);
    assert_int_equal(bytes, 77);
    free_layer(&l);
    rnnp_context_destroy(context);
}

/* Two layers and a product behind them. */
static rnnp_model *two_layers(rnnp_context *context, rnnp_cell cell, size_t units)
{
    layer one = make_layer(cell, IN, units, RNNP_DIRECTION_FORWARD, 1);
    layer two = make_layer(cell, units, units, RNNP_DIRECTION_FORWARD, 2);
    float *w = numbers(units * 3, 3, 0.5f);
    rnnp_model *model = make_model(context);
    rnnp_value v = input3(model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, IN);

    OK(rnnp_model_add_recurrent(model, &one.options, one.weights, v, RNNP_NONE, RNNP_NONE, RNNP_NONE, &v, NULL, NULL));
    OK(rnnp_model_add_recurrent(model, &two.options, two.weights, v, RNNP_NONE, RNNP_NONE, RNNP_NONE, &v, NULL, NULL));
    OK(rnnp_model_add_dense(model, v, w, units, 3, 0, NULL, "Softmax", &v));
    OK(rnnp_model_add_output(model, "y", v));
    OK(rnnp_model_close(model));
    free(w);
    free_layer(&two);
    free_layer(&one);
    return model;
}

static void check_stream(const rnnp_plan *plan, test_heap *heap, size_t batch, size_t steps)
{
    const rnnp_stream_options options = {.struct_size = sizeof options, .batch = batch, .steps = steps};
    const size_t before = heap->live_bytes;
    rnnp_stream *stream;
    size_t bytes = 0;

    OK(rnnp_stream_bytes(plan, &options, &bytes));
    assert_int_equal(heap->live_bytes, before);
    OK(rnnp_stream_create(plan, &options, &stream));
    assert_int_equal(heap->live_bytes - before, bytes);
    rnnp_stream_destroy(stream);
}

static void check_run(const rnnp_plan *plan, test_heap *heap, size_t batch, size_t steps)
{
    const rnnp_tensor in = tensor3(NULL, (int64_t)steps, (int64_t)batch, IN);
    const size_t before = heap->live_bytes;
    rnnp_run *run;
    size_t bytes = 0;

    OK(rnnp_run_bytes(plan, &in, 1, &bytes));
    assert_int_equal(heap->live_bytes, before);
    OK(rnnp_run_create(plan, &in, 1, &run));
    assert_int_equal(heap->live_bytes - before, bytes);
    rnnp_run_destroy(run);
}

static void test_models(void **state)
{
    static const size_t sizes[] = {1, 3, 16, 50};
    test_heap heap = {0};
    rnnp_context *context = make_context(&heap, 1);

    (void)state;
    for (size_t i = 0; i < CELLS * 3; i++) {
        rnnp_model *model = two_layers(context, cells[i % CELLS], hidden[i / CELLS]);
        const size_t before = heap.live_bytes;
        rnnp_plan *plan;
        size_t bytes = 0;

        OK(rnnp_plan_bytes(model, NULL, &bytes));
        assert_int_equal(heap.live_bytes, before);
        OK(rnnp_plan_create(model, NULL, &plan));
        assert_int_equal(heap.live_bytes - before, bytes);
        for (size_t k = 0; k < 16; k++) {
            check_stream(plan, &heap, sizes[k % 4], sizes[k / 4]);
            check_run(plan, &heap, sizes[k % 4], sizes[k / 4]);
        }
        rnnp_plan_destroy(plan);
        rnnp_model_destroy(model);
    }
    rnnp_context_destroy(context);
    assert_int_equal(heap.live_bytes, 0);
}

/* What cannot be made has no size either. */
static void test_refused(void **state)
{
    rnnp_context *context = make_context(NULL, 1);
    layer l = make_layer(RNNP_CELL_GRU, IN, 4, RNNP_DIRECTION_BIDIRECTIONAL, 1);
    rnnp_model *model = make_model(context);
    rnnp_value v = input3(model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, IN);
    size_t bytes = 77;

    (void)state;
    OK(rnnp_model_add_recurrent(model, &l.options, l.weights, v, RNNP_NONE, RNNP_NONE, RNNP_NONE, &v, NULL, NULL));
    OK(rnnp_model_add_output(model, "y", v));
    OK(rnnp_model_close(model));
    rnnp_plan *plan = make_plan(model);
    assert_int_equal(rnnp_stream_bytes(plan, NULL, &bytes), RNNP_ERR_UNSUPPORTED);
    assert_says(context, "GRU");
    assert_int_equal(rnnp_stream_bytes(plan, NULL, NULL), RNNP_ERR_ARG);
    assert_says(context, "bytes is NULL");
    assert_int_equal(rnnp_stream_bytes(NULL, NULL, &bytes), RNNP_ERR_ARG);
    assert_int_equal(bytes, 77);
    rnnp_plan_destroy(plan);
    rnnp_model_destroy(model);
    rnnp_context_destroy(context);
    free_layer(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
