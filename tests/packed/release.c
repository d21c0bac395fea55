/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnp_model_release_weights: the memory goes down by what is packed, plans go on, and what needs the elements says
 * so. Closing lets go of constants that nobody reads.
 */
#include "../model/graph.h"
#include "packed.h"

enum { WIDE = 64, FLOATS_W = 4 * WIDE * WIDE };

/* An LSTM with large weights and a dense layer; `twice`: the dense matrix is an output, too. */
static rnnp_model *make_wide(rnnp_context *context, int twice)
{
    return make_graph(context, "x: f32[?,2,64]; square = f32[64,64]~2*0.1; -> y = MatMul(lstm[64,64](x), square)%s",
                      twice ? ", matrix = square" : "");
}

static produced run_wide(const rnnp_plan *plan)
{
    FREED float *x = numbers(STEPS * 2 * WIDE, 3, 1.0f);
    const produced o = run_plan(plan, &(rnnp_tensor){RNNP_DTYPE_F32, 3, {STEPS, 2, WIDE}, .data = x}, 1);

    OK(o.status);
    return o;
}

static void release(int twice)
{
    const size_t recurrent = 2 * FLOATS_W * sizeof(float), dense = WIDE * WIDE * sizeof(float);
    const size_t expected = recurrent + (twice ? 0 : dense), heads = 4 * 64;
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 1);
    OWNED(model) model = make_wide(context, twice);
    OWNED(plan) plan = make_plan(model);
    rnnp_plan *other;
    DROPPED(free_outputs) produced before = run_wide(plan);
    const size_t parameters = rnnp_model_constant_elements(model), live = atomic_load(&heap.live_bytes);
    size_t freed = 0, plan_bytes, again = 1;
    rnnp_node_info node = {.struct_size = sizeof node};

    OK(rnnp_model_release_weights(model, &freed));
    assert_int_equal(freed, expected);
    const size_t less = live - atomic_load(&heap.live_bytes);
    assert_true(less >= expected && less <= expected + heads);
    OK(rnnp_model_release_weights(model, &again));
    assert_int_equal(again, 0);
    OK(rnnp_model_release_weights(model, NULL));

    /* The plan goes on, and so do runs made from it now. */
    DROPPED(free_outputs) produced after = run_wide(plan);
    assert_true(equal_outputs(&before, &after));
    assert_int_equal(rnnp_model_constant_elements(model), parameters);
    OK(rnnp_model_node_info(model, 0, &node));
    OK(rnnp_plan_bytes(model, NULL, &plan_bytes));

    assert_int_equal(rnnp_plan_create(model, NULL, &other), RNNP_ERR_STATE);
    assert_null(other);
    assert_says(context, "rnnp_model_release_weights");
    buffer file = {0};
    assert_int_equal(rnnp_packed_write(model, NULL, take_bytes, &file), RNNP_ERR_STATE);
    assert_int_equal(file.size, 0);
}

TEST(test_release)
{
    release(0);
    release(1);
}

/* Nothing to free in a mapped model; it can be planned again. */
TEST(test_packed_model)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_wide(context, 0), *opened = NULL;
    DROPPED(free_buffer) buffer file = write_model(model, NULL, 0);
    size_t freed = 1;

    OK(rnnp_packed_open_memory(context, file.at, file.size, NULL, &opened));
    OK(rnnp_model_release_weights(opened, &freed));
    assert_int_equal(freed, 0);
    rnnp_plan_destroy(make_plan(opened));
}

TEST(test_errors)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(model) model = make_model(context);

    assert_int_equal(rnnp_model_release_weights(NULL, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_model_release_weights(model, NULL), RNNP_ERR_STATE);
}

/* Weights that are made of other constants when the model is closed are in memory once: neither the tensors that they
 * are made of nor what is made on the way stays. */
TEST(test_close)
{
    enum { SIDE = 128 };
    const size_t each = SIDE * SIDE * sizeof(float);
    const int64_t shape[] = {2, SIDE};
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 1);
    OWNED(model) model = make_model(context);
    FREED float *w = numbers(SIDE * SIDE, 1, 1.0f);
    const rnnp_tensor tensor = {RNNP_DTYPE_F32, 2, {SIDE, SIDE}, .data = w};
    const rnnp_attr value = {.name = "value", .kind = RNNP_ATTR_TENSOR, .tensor = &tensor};
    rnnp_value x, a, b;

    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 2, shape, NULL, &x));
    OK(rnnp_model_add_constant(model, "a", &tensor, &a));
    b = node(model, "Constant", NULL, 0, &value, 1);
    a = node2(model, "Add", a, b);
    a = node1(model, "Neg", a);
    OK(rnnp_model_add_output(model, "y", node2(model, "MatMul", x, a)));
    const size_t before = atomic_load(&heap.live_bytes);
    assert_true(before > 2 * each);
    OK(rnnp_model_close(model));
    const size_t after = atomic_load(&heap.live_bytes);
    assert_true(after >= before - 2 * each && after <= before - each);
}
