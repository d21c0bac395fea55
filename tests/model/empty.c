/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors without elements: no rows take no time, however many steps or matrices there are, and a dimension of 0
 * divides nothing.
 */
#include "build.h"

ONE_CONTEXT(2)

static const int64_t MANY = INT64_C(100000000000);

/* Runs a model of one input and one output, which has no elements. */
static void run_empty(rnnp_model *model, rnnp_value y, const rnnp_tensor *in)
{
    rnnp_tensor out;

    close_with(model, "y", y);
    rnnp_plan *plan = make_plan(model);
    NEW(run, run, plan, in, 1);
    OK(rnnp_run_output(run, 0, &out));
    assert_int_equal(rnnp_tensor_elements(&out), 0);
    out.data = &out;
    OK(rnnp_run_execute(run, in, 1, &out, 1));
    rnnp_run_destroy(run);
    rnnp_plan_destroy(plan);
    rnnp_model_destroy(model);
}

/* 10^11 steps would take hours. Two layers, so that a stack with threads does it too. */
TEST(test_no_rows)
{
    static const rnnp_cell cells[] = {RNNP_CELL_RNN, RNNP_CELL_LSTM, RNNP_CELL_GRU};
    float nothing[1];

    for (size_t c = 0; c < 3; c++) {
        for (int direction = 0; direction < 3; direction++) {
            DROPPED(free_layer) layer l = make_layer(cells[c], 4, 4, (rnnp_direction)direction, 1);
            rnnp_model *model = make_model(context);
            const rnnp_tensor x = tensor3(nothing, MANY, 0, 4);
            rnnp_value y = input3(model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, 4);

            for (int i = 0; i < (direction < 2 ? 2 : 1); i++) y = add_layer(model, &l, y);
            run_empty(model, y, &x);
        }
    }
}

TEST(test_products)
{
    static const int64_t dynamic[] = {RNNP_DYNAMIC, RNNP_DYNAMIC, RNNP_DYNAMIC};
    FREED float *many = numbers(5000000, 1, 1.0f);
    float nothing[1], weights[15] = {0};
    const rnnp_tensor none = {RNNP_DTYPE_F32, 2, {5, 0}, .data = nothing},
                      b = {RNNP_DTYPE_F32, 3, {1, 0, 5}, .data = nothing};
    const rnnp_attr turned = {.name = "transA", .kind = RNNP_ATTR_INT, .i = 1};
    rnnp_value x, c;

    rnnp_model *model = make_model(context);
    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 3, dynamic, NULL, &x));
    OK(rnnp_model_add_constant(model, NULL, &b, &c));
    run_empty(model, node2(model, "MatMul", x, c), &(rnnp_tensor){RNNP_DTYPE_F32, 3, {MANY, 0, 0}, .data = nothing});

    model = make_model(context); /* its left sides are many matrices, too */
    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 3, dynamic, NULL, &x));
    run_empty(model, node2(model, "MatMul", x, x), &(rnnp_tensor){RNNP_DTYPE_F32, 3, {MANY, 0, 0}, .data = nothing});

    model = make_model(context);
    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 2, dynamic, NULL, &x));
    OK(rnnp_model_add_constant(model, NULL, &none, &c));
    run_empty(model, node2(model, "Gemm", x, c), &(rnnp_tensor){RNNP_DTYPE_F32, 2, {1000000, 5}, .data = many});

    model = make_model(context);
    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 2, dynamic, NULL, &x));
    OK(rnnp_model_add_constant(model, NULL, &(rnnp_tensor){RNNP_DTYPE_F32, 2, {3, 5}, .data = weights}, &c));
    run_empty(model, node(model, "Gemm", (rnnp_value[]){x, c}, 2, &turned, 1),
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
    static const int64_t dynamic[] = {RNNP_DYNAMIC}, none[] = {0};
    const int64_t sizes[] = {0, 1, 5};
    float five[5] = {1, 2, 3, 4, 5}, result = 0;
    OWNED(model) model = make_model(context);
    rnnp_value x, s;

    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 1, dynamic, NULL, &x));
    OK(rnnp_model_add_input(model, "s", RNNP_DTYPE_I64, 1, none, NULL, &s));
    close_with(model, "y", node2(model, "Reshape", x, s));
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
