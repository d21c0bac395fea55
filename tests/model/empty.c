/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors without elements: no rows take no time, however many steps or matrices there are, and a dimension of 0
 * divides nothing.
 */
#include "graph.h"

ONE_CONTEXT(2)

static const int64_t MANY = INT64_C(100000000000);

/* Runs a model of one input and one output, which has no elements. */
static void run_empty(const char *text, const rnnp_tensor *in)
{
    OWNED(model) model = make_graph(context, "%s", text);
    OWNED(plan) plan = make_plan(model);
    DROPPED(free_outputs) produced o = run_plan(plan, in, 1);

    OK(o.status);
    assert_int_equal(rnnp_tensor_elements(&o.out[0]), 0);
}

/* 10^11 steps would take hours. Two layers, so that a stack with threads does it too. */
TEST(test_no_rows)
{
    static const char *const cells[] = {"rnn", "lstm", "gru"}, *const directions[] = {"", ", reverse", ", both"};
    float nothing[1];
    char text[200];

    for (size_t i = 0; i < 9; i++) {
        const rnnp_tensor x = tensor3(nothing, MANY, 0, 4);
        const char *cell = cells[i / 3], *direction = directions[i % 3];

        snprintf(text, sizeof text, "x: f32[?,?,4]; a = %s[4,4](x%s); -> y = %s[%d,4](a%s)", cell, direction, cell,
                 i % 3 == 2 ? 8 : 4, direction);
        run_empty(text, &x);
    }
}

TEST(test_products)
{
    FREED float *many = numbers(5000000, 1, 1.0f);
    float nothing[1];

    run_empty("x: f32[?,?,?]; -> y = MatMul(x, f32[1,0,5]~1)",
              &(rnnp_tensor){RNNP_DTYPE_F32, 3, {MANY, 0, 0}, .data = nothing});
    run_empty("x: f32[?,?,?]; -> y = MatMul(x, x)", /* its left sides are many matrices, too */
              &(rnnp_tensor){RNNP_DTYPE_F32, 3, {MANY, 0, 0}, .data = nothing});
    run_empty("x: f32[?,?]; -> y = Gemm(x, f32[5,0]~1)", &(rnnp_tensor){RNNP_DTYPE_F32, 2, {1000000, 5}, .data = many});
    run_empty("x: f32[?,?]; -> y = Gemm(x, f32[3,5]~1, transA=1)",
              &(rnnp_tensor){RNNP_DTYPE_F32, 2, {3, 0}, .data = nothing});
}

/* Where time goes is asked for every axis, also of shapes with a 0. */
TEST(test_streams)
{
    static const char *const ops[] = {"Flatten", "Reshape"};

    for (size_t i = 0; i < 2; i++) {
        for (int rank = 2; rank < 4; rank++) {
            for (unsigned zeros = 0; zeros < 8; zeros++) {
                const int64_t shape[] = {zeros & 1 ? 0 : RNNP_DYNAMIC, zeros & 2 ? 0 : 2, zeros & 4 ? 0 : 3};
                const int64_t to[] = {0, -1};
                OWNED(model) model = make_model(context);
                rnnp_stream *stream = NULL;
                rnnp_value x, y;

                OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, (size_t)rank, shape, NULL, &x));
                y = i == 0 ? node1(model, ops[i], x) : node2(model, ops[i], x, ints(model, to, 2));
                OK(rnnp_model_add_output(model, "y", y));
                if (rnnp_model_close(model) == RNNP_OK) {
                    OWNED(plan) plan = make_plan(model);

                    rnnp_stream_create(plan, NULL, &stream); /* or a reason */
                    rnnp_stream_destroy(stream);
                }
            }
        }
    }
}

/* A shape that only the run brings, and that says too few elements or too many. */
TEST(test_shapes_at_run)
{
    const int64_t sizes[] = {0, 1, 5};
    float five[5] = {1, 2, 3, 4, 5}, result = 0;
    OWNED(model) model = make_graph(context, "x: f32[?]; s: i64[0]; -> y = Reshape(x, s)");
    OWNED(plan) plan = make_plan(model);
    for (size_t i = 0; i < 3; i++) {
        const rnnp_tensor in[] = {{RNNP_DTYPE_F32, 1, {sizes[i]}, .data = five},
                                  {RNNP_DTYPE_I64, 1, {0}, .data = NULL}};
        rnnp_tensor out = {.data = &result};
        OWNED(run) run = NULL;

        assert_int_equal(rnnp_run_create(plan, in, 2, &run), sizes[i] == 1 ? RNNP_OK : RNNP_ERR_SHAPE);
        if (run) OK(rnnp_run_execute(run, in, 2, &out, 1));
    }
    assert_true(result == 1.0f);
}
