/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors of every public function of model.h: the status, the words, and an object that stays usable.
 */
#include "graph.h"

ONE_CONTEXT(1)

TEST(test_tensors)
{
    rnnp_tensor tensor = {RNNP_DTYPE_F32, 2, {0, INT64_MAX}, .data = NULL};

    assert_int_equal(rnnp_dtype_bytes(RNNP_DTYPE_I64), 8);
    assert_int_equal(rnnp_dtype_bytes((rnnp_dtype)99), 0);
    assert_int_equal(rnnp_dtype_bytes((rnnp_dtype)-1), 0);
    assert_string_equal(rnnp_dtype_name(RNNP_DTYPE_BOOL), "bool");
    assert_non_null(rnnp_dtype_name((rnnp_dtype)0));
    assert_string_equal(rnnp_weights_name(RNNP_WEIGHTS_F32), "f32");
    assert_string_equal(rnnp_weights_name(RNNP_WEIGHTS_F16), "f16");
    assert_string_equal(rnnp_weights_name(RNNP_WEIGHTS_BF16), "bf16");
    assert_string_equal(rnnp_weights_name(RNNP_WEIGHTS_S8), "s8");
    assert_string_equal(rnnp_weights_name((rnnp_weights)4), "unknown");
    assert_string_equal(rnnp_weights_name((rnnp_weights)-1), "unknown");
    assert_int_equal(rnnp_tensor_elements(&tensor), 0);
    tensor.shape[0] = 4;
    assert_true(rnnp_tensor_elements(&tensor) == SIZE_MAX);
    tensor.shape[0] = -1;
    assert_true(rnnp_tensor_elements(&tensor) == SIZE_MAX);
    tensor.rank = 0;
    assert_int_equal(rnnp_tensor_elements(&tensor), 1);
    for (size_t i = 0; rnnp_operator_name(i); i++) assert_true(strlen(rnnp_operator_name(i)) > 0);
}

TEST(test_building)
{
    const int64_t shape[] = {1, 2, 3}, negative[] = {1, -2};
    const float f = 1.0f;
    rnnp_tensor tensor = {RNNP_DTYPE_F32, 1, {2}, .data = NULL};
    rnnp_model *model;
    rnnp_value x = -7, y = 0;

    FAILS(rnnp_model_create(NULL, &model), RNNP_ERR_ARG);
    assert_null(model);
    FAILS(rnnp_model_create(context, NULL), RNNP_ERR_ARG);
    model = make_model(context);
    FAILS(rnnp_model_add_input(NULL, "x", RNNP_DTYPE_F32, 3, shape, NULL, &x), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 3, shape, NULL, NULL), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_input(model, "", RNNP_DTYPE_F32, 3, shape, NULL, &x), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_input(model, "x", (rnnp_dtype)99, 3, shape, NULL, &x), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 9, shape, NULL, &x), RNNP_ERR_UNSUPPORTED);
    REFUSED(context, rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 2, negative, NULL, &x), RNNP_ERR_ARG,
            "dimension 1 is -2");
    FAILS(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 1, NULL, NULL, &x), RNNP_ERR_ARG);
    assert_int_equal(x, -7);
    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 3, shape, NULL, &x));
    REFUSED(context, rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 3, shape, NULL, &y), RNNP_ERR_ARG,
            "two inputs named x");

    FAILS(rnnp_model_add_constant(NULL, "c", &tensor, &y), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_constant(model, "c", NULL, &y), RNNP_ERR_ARG);
    REFUSED(context, rnnp_model_add_constant(model, "c", &tensor, &y), RNNP_ERR_ARG, "c has no data");
    tensor.shape[0] = -1;
    tensor.data = (void *)&f;
    FAILS(rnnp_model_add_constant(model, "c", &tensor, &y), RNNP_ERR_ARG);
    tensor.dtype = (rnnp_dtype)77;
    FAILS(rnnp_model_add_constant(model, "c", &tensor, &y), RNNP_ERR_ARG);

    FAILS(rnnp_model_add_output(NULL, "y", x), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_output(model, NULL, x), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_output(model, "y", 99), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_output(model, "y", RNNP_NONE), RNNP_ERR_ARG);
    FAILS(rnnp_model_close(model), RNNP_ERR_ARG); /* no outputs */
    assert_says(context, "no outputs");
    OK(rnnp_model_add_output(model, "y", x));
    FAILS(rnnp_model_add_output(model, "y", x), RNNP_ERR_ARG);
    FAILS(rnnp_model_close(NULL), RNNP_ERR_ARG);
    OK(rnnp_model_close(model));

    FAILS(rnnp_model_close(model), RNNP_ERR_STATE);
    FAILS(rnnp_model_add_input(model, "z", RNNP_DTYPE_F32, 3, shape, NULL, &x), RNNP_ERR_STATE);
    FAILS(rnnp_model_add_output(model, "z", x), RNNP_ERR_STATE);
    tensor = (rnnp_tensor){RNNP_DTYPE_F32, 0, {0}, .const_data = &f};
    FAILS(rnnp_model_add_constant(model, "c", &tensor, &y), RNNP_ERR_STATE);
    FAILS(rnnp_model_add_node(model, "Relu", 17, NULL, &x, 1, NULL, 0, &y, 1), RNNP_ERR_STATE);
    rnnp_model_destroy(model);
    rnnp_model_destroy(NULL);
}

TEST(test_nodes)
{
    OWNED(model) model = make_model(context);
    const rnnp_value x = input3(model, "x", 2, 3, 4);
    const rnnp_value none = RNNP_NONE, wrong = 55;
    rnnp_attr attr = {.name = "axis", .kind = RNNP_ATTR_FLOAT};
    rnnp_value y = 0;

    FAILS(rnnp_model_add_node(NULL, "Relu", 17, NULL, &x, 1, NULL, 0, &y, 1), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_node(model, NULL, 17, NULL, &x, 1, NULL, 0, &y, 1), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_node(model, "Relu", 17, NULL, NULL, 1, NULL, 0, &y, 1), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_node(model, "Relu", 17, NULL, &x, 1, NULL, 1, &y, 1), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_node(model, "Relu", 17, NULL, &x, 1, NULL, 0, NULL, 1), RNNP_ERR_ARG);
    REFUSED(context, rnnp_model_add_node(model, "Warp", 17, "w", &x, 1, NULL, 0, &y, 1), RNNP_ERR_UNSUPPORTED,
            "Warp w");
    REFUSED(context, rnnp_model_add_node(model, "Relu", 5, "r", &x, 1, NULL, 0, &y, 1), RNNP_ERR_UNSUPPORTED,
            "opset 5");
    FAILS(rnnp_model_add_node(model, "Relu", 26, "r", &x, 1, NULL, 0, &y, 1), RNNP_ERR_UNSUPPORTED);
    FAILS(rnnp_model_add_node(model, "Relu", 17, "r", &none, 1, NULL, 0, &y, 1), RNNP_ERR_ARG);
    REFUSED(context, rnnp_model_add_node(model, "Relu", 17, "r", &wrong, 1, NULL, 0, &y, 1), RNNP_ERR_ARG, "Relu r");
    FAILS(rnnp_model_add_node(model, "Relu", 17, "r", (rnnp_value[]){x, x}, 2, NULL, 0, &y, 1), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_node(model, "Relu", 17, "r", &x, 1, NULL, 0, (rnnp_value[]){0, 0}, 2), RNNP_ERR_ARG);
    REFUSED(context, rnnp_model_add_node(model, "Relu", 17, "r", &x, 1, &attr, 1, &y, 1), RNNP_ERR_UNSUPPORTED,
            "Relu r: attribute axis");
    REFUSED(context, rnnp_model_add_node(model, "Softmax", 17, "s", &x, 1, &attr, 1, &y, 1), RNNP_ERR_TYPE,
            "axis is a float");
    attr = (rnnp_attr){.name = NULL, .kind = RNNP_ATTR_INT};
    FAILS(rnnp_model_add_node(model, "Softmax", 17, "s", &x, 1, &attr, 1, &y, 1), RNNP_ERR_ARG);
    attr = (rnnp_attr){.name = "axis", .kind = RNNP_ATTR_STRING};
    FAILS(rnnp_model_add_node(model, "Softmax", 17, "s", &x, 1, &attr, 1, &y, 1), RNNP_ERR_ARG);
    attr.kind = (rnnp_attr_kind)40;
    FAILS(rnnp_model_add_node(model, "Softmax", 17, "s", &x, 1, &attr, 1, &y, 1), RNNP_ERR_ARG);
    assert_int_equal(y, 0); /* an error leaves the outputs as they were ... */
    OK(rnnp_model_add_node(model, "Relu", 17, "r", &x, 1, NULL, 0, &y, 1)); /* ... and the model as it was */
    close_with(model, "y", y);
    assert_int_equal(rnnp_model_node_count(model), 1);
}

/* Errors at close name operator and node and leave the model good for nothing but destruction. */
TEST(test_close)
{
    OWNED(model) model = make_model(context);
    const rnnp_value a = input3(model, "a", 2, 3, 4), b = input3(model, "b", 2, 3, 5);
    rnnp_value y = 0;
    rnnp_plan *plan;

    OK(rnnp_model_add_node(model, "Add", 17, "sum", (rnnp_value[]){a, b}, 2, NULL, 0, &y, 1));
    OK(rnnp_model_add_output(model, "y", y));
    FAILS(rnnp_plan_create(model, NULL, &plan), RNNP_ERR_STATE);
    REFUSED(context, rnnp_model_close(model), RNNP_ERR_SHAPE, "Add sum");
    FAILS(rnnp_plan_create(model, NULL, &plan), RNNP_ERR_STATE);
    assert_null(plan);
    FAILS(rnnp_model_close(model), RNNP_ERR_STATE);
}

/* ---- Recurrent layers and operators ---- */

TEST(test_recurrent_layer)
{
    layer l = make_layer(RNNP_CELL_GRU, 4, 8, RNNP_DIRECTION_FORWARD, 1), bad;
    rnnp_model *model = make_model(context);
    const rnnp_value x = input3(model, "x", 3, 2, 4);
    rnnp_value y, c;

#define LAYER(layer_, y_, c_)                                                                                          \
    rnnp_model_add_recurrent(model, &(layer_).options, (layer_).weights, x, RNNP_NONE, RNNP_NONE, RNNP_NONE, y_, NULL, \
                             c_)
    FAILS(rnnp_model_add_recurrent(NULL, &l.options, l.weights, x, RNNP_NONE, RNNP_NONE, RNNP_NONE, &y, NULL, NULL),
          RNNP_ERR_ARG);
    FAILS(LAYER(l, NULL, NULL), RNNP_ERR_ARG);
    REFUSED(context, LAYER(l, &y, &c), RNNP_ERR_ARG, "only an LSTM");
    FAILS(rnnp_model_add_recurrent(model, NULL, l.weights, x, RNNP_NONE, RNNP_NONE, RNNP_NONE, &y, NULL, NULL),
          RNNP_ERR_ARG);
    FAILS(rnnp_model_add_recurrent(model, &l.options, NULL, x, RNNP_NONE, RNNP_NONE, RNNP_NONE, &y, NULL, NULL),
          RNNP_ERR_ARG);
    FAILS(rnnp_model_add_recurrent(model, &l.options, l.weights, 99, RNNP_NONE, RNNP_NONE, RNNP_NONE, &y, NULL, NULL),
          RNNP_ERR_ARG);
#define BAD(change) bad = l, change, FAILS(LAYER(bad, &y, NULL), RNNP_ERR_ARG)
    BAD(bad.options.hidden = 0);
    BAD(bad.options.cell = (rnnp_cell)8);
    BAD(bad.options.direction = (rnnp_direction)8);
    BAD(bad.options.struct_size = 0);
    bad = l, bad.options.activations[1] = "Gelu";
    REFUSED(context, LAYER(bad, &y, NULL), RNNP_ERR_UNSUPPORTED, "Gelu");
    BAD(bad.options.clip = -1.0f);
    BAD(bad.weights[0].r = NULL);
    BAD(bad.weights[0].bias_r = l.weights[0].bias);
    BAD(bad.weights[0].peephole = l.weights[0].bias);
    l.options.input = 3; /* fits the weights' memory, not x */
    OK(LAYER(l, &y, NULL));
    OK(rnnp_model_add_output(model, "y", y));
    REFUSED(context, rnnp_model_close(model), RNNP_ERR_SHAPE, "W has shape [1,24,3], expected [1,24,4]");
    rnnp_model_destroy(model);
    free_layer(&l);
}

/* Shapes of the inputs of a recurrent node, one wrong at a time. */
TEST(test_recurrent_node)
{
    static const struct {
        size_t input, rank;
        int64_t shape[4];
        rnnp_dtype dtype;
        rnnp_status status;
        const char *words;
    } cases[] = {
        {0, 2, {5, 3}, RNNP_DTYPE_F32, RNNP_ERR_SHAPE, "rank"},
        {0, 3, {5, 2, 4}, RNNP_DTYPE_F32, RNNP_ERR_SHAPE, "expected [1,48,4]"},
        {1, 3, {2, 48, 3}, RNNP_DTYPE_F32, RNNP_ERR_SHAPE, "W has shape [2,48,3]"},
        {1, 3, {1, 47, 3}, RNNP_DTYPE_F32, RNNP_ERR_SHAPE, "W"},
        {2, 3, {1, 64, 16}, RNNP_DTYPE_F32, RNNP_ERR_SHAPE, "hidden_size=12 but R has 16 columns"},
        {2, 3, {1, 64, 12}, RNNP_DTYPE_F32, RNNP_ERR_SHAPE, "R has shape [1,64,12]"},
        {3, 2, {1, 48}, RNNP_DTYPE_F32, RNNP_ERR_SHAPE, "B has shape [1,48], expected [1,96]"},
        {3, 2, {1, 96}, RNNP_DTYPE_F64, RNNP_ERR_TYPE, "B is f64"},
        {4, 1, {3}, RNNP_DTYPE_I32, RNNP_ERR_SHAPE, "sequence_lens has shape [3], expected [2]"},
        {4, 1, {2}, RNNP_DTYPE_I64, RNNP_ERR_TYPE, "sequence_lens is i64"},
        {5, 3, {1, 2, 11}, RNNP_DTYPE_F32, RNNP_ERR_SHAPE, "initial_h"},
        {6, 3, {1, 3, 12}, RNNP_DTYPE_F32, RNNP_ERR_SHAPE, "initial_c"},
        {7, 2, {1, 35}, RNNP_DTYPE_F32, RNNP_ERR_SHAPE, "P has shape [1,35], expected [1,36]"},
    };
    static const struct {
        rnnp_dtype dtype;
        size_t rank;
        int64_t shape[3];
    } good[8] = {{RNNP_DTYPE_F32, 3, {5, 2, 3}},  {RNNP_DTYPE_F32, 3, {1, 48, 3}}, {RNNP_DTYPE_F32, 3, {1, 48, 12}},
                 {RNNP_DTYPE_F32, 2, {1, 96}},    {RNNP_DTYPE_I32, 1, {2}},        {RNNP_DTYPE_F32, 3, {1, 2, 12}},
                 {RNNP_DTYPE_F32, 3, {1, 2, 12}}, {RNNP_DTYPE_F32, 2, {1, 36}}};
    const rnnp_attr hidden = {.name = "hidden_size", .kind = RNNP_ATTR_INT, .i = 12};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        OWNED(model) model = make_model(context);
        rnnp_value inputs[8], y = 0;

        for (size_t k = 0; k < 8; k++) {
            const char name[] = {(char)('a' + k), 0};
            const int wrong = k == cases[i].input;

            OK(rnnp_model_add_input(model, name, wrong ? cases[i].dtype : good[k].dtype,
                                    wrong ? cases[i].rank : good[k].rank, wrong ? cases[i].shape : good[k].shape, NULL,
                                    &inputs[k]));
        }
        OK(rnnp_model_add_node(model, "LSTM", 14, "cell", inputs, 8, &hidden, 1, &y, 1));
        OK(rnnp_model_add_output(model, "y", y));
        FAILS(rnnp_model_close(model), cases[i].status);
        assert_says(context, "LSTM cell");
        assert_says(context, cases[i].words);
    }
}

TEST(test_recurrent_attributes)
{
    static const char *const three[] = {"Tanh", "Tanh", "Tanh"}, *const unknown[] = {"Wave"};
    static const char *const two[] = {"Tanh", "Relu"}; /* the second is for a direction that is not there */
    const rnnp_attr repeated = {.name = "activations", .kind = RNNP_ATTR_STRINGS, .strings = three, .count = 2};
    const rnnp_attr bad[] = {
        {.name = "activations", .kind = RNNP_ATTR_STRINGS, .strings = two, .count = 2},
        {.name = "activations", .kind = RNNP_ATTR_STRINGS, .strings = three, .count = 3},
        {.name = "activations", .kind = RNNP_ATTR_STRINGS, .strings = unknown, .count = 1},
        {.name = "direction", .kind = RNNP_ATTR_STRING, .s = "sideways"},
        {.name = "hidden_size", .kind = RNNP_ATTR_INT, .i = -1},
        {.name = "clip", .kind = RNNP_ATTR_FLOAT, .f = -1.0f},
        {.name = "layout", .kind = RNNP_ATTR_INT, .i = 1},              /* not before opset 14 */
        {.name = "linear_before_reset", .kind = RNNP_ATTR_INT, .i = 1}, /* not of an RNN */
    };
    const rnnp_status want[] = {RNNP_ERR_ARG, RNNP_ERR_ARG, RNNP_ERR_UNSUPPORTED, RNNP_ERR_ARG,
                                RNNP_ERR_ARG, RNNP_ERR_ARG, RNNP_ERR_UNSUPPORTED, RNNP_ERR_UNSUPPORTED};
    OWNED(model) model = make_model(context);
    const rnnp_value x = input3(model, "x", 5, 2, 3);

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rnnp_value y = 0;

        FAILS(rnnp_model_add_node(model, "RNN", 13, "cell", (rnnp_value[]){x, x, x}, 3, &bad[i], 1, &y, 1), want[i]);
        assert_says(context, "RNN cell");
    }
    rnnp_value y = 0;
    OK(rnnp_model_add_node(model, "RNN", 13, "cell", (rnnp_value[]){x, x, x}, 3, &repeated, 1, &y, 1));
}

TEST(test_other_layers)
{
    OWNED(model) model = make_model(context);
    const rnnp_value x = input3(model, "x", 5, 2, 3);
    const float w[9] = {0};
    rnnp_value y = -5;

    FAILS(rnnp_model_add_dense(NULL, x, w, 3, 3, 0, NULL, NULL, &y), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_dense(model, x, NULL, 3, 3, 0, NULL, NULL, &y), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_dense(model, x, w, 0, 3, 0, NULL, NULL, &y), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_dense(model, x, w, SIZE_MAX / 2, 3, 0, NULL, NULL, &y), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_dense(model, x, w, 3, 3, 0, NULL, "Warp", &y), RNNP_ERR_UNSUPPORTED);
    FAILS(rnnp_model_add_dense(model, 77, w, 3, 3, 0, NULL, NULL, &y), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_embedding(model, x, NULL, 3, 3, &y), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_embedding(model, x, w, 0, 3, &y), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_embedding(NULL, x, w, 3, 3, &y), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_pool(model, x, (rnnp_pool)9, 0, &y), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_pool(model, x, RNNP_POOL_MEAN, 0, NULL), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_dropout(model, x, 1.0f, &y), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_dropout(model, x, NAN, &y), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_activation(model, "Warp", x, &y), RNNP_ERR_UNSUPPORTED);
    FAILS(rnnp_model_add_activation(model, NULL, x, &y), RNNP_ERR_ARG);
    FAILS(rnnp_model_add_softmax(NULL, x, 0, &y), RNNP_ERR_ARG);
    assert_int_equal(y, -5);
    OK(rnnp_model_add_softmax(model, x, 3, &y));
    OK(rnnp_model_add_output(model, "y", y));
    FAILS(rnnp_model_close(model), RNNP_ERR_SHAPE);
}

/* ---- Plans and runs ---- */

TEST(test_looking)
{
    OWNED(model) model = make_model(context);
    const rnnp_value x = input3(model, "x", RNNP_DYNAMIC, 2, 3);
    rnnp_node_info info = {.struct_size = sizeof info};
    rnnp_port_info port = {.struct_size = sizeof port};

    OK(rnnp_model_add_output(model, "y", node1(model, "Relu", x)));
    FAILS(rnnp_model_input_info(model, 0, &port), RNNP_ERR_STATE);
    FAILS(rnnp_model_node_info(model, 0, &info), RNNP_ERR_STATE);
    assert_int_equal(rnnp_model_node_count(model), 0);
    OK(rnnp_model_close(model));
    FAILS(rnnp_model_input_info(model, 1, &port), RNNP_ERR_ARG);
    FAILS(rnnp_model_output_info(model, 1, &port), RNNP_ERR_ARG);
    FAILS(rnnp_model_output_info(model, 0, NULL), RNNP_ERR_ARG);
    FAILS(rnnp_model_node_info(model, 1, &info), RNNP_ERR_ARG);
    FAILS(rnnp_model_node_info(NULL, 0, &info), RNNP_ERR_ARG);
    OK(rnnp_model_output_info(model, 0, &port));
    assert_string_equal(port.name, "y");
    assert_int_equal(port.shape[0], RNNP_DYNAMIC);
    assert_null(port.symbol[0]);
    assert_int_equal(rnnp_model_input_count(NULL), 0);
    assert_int_equal(rnnp_model_output_count(model), 1);
}

TEST(test_plans)
{
    OWNED(model) model = make_model(context);
    const rnnp_value x = input3(model, "x", 1, 2, 3);
    OPTIONS(plan, options);
    rnnp_plan *plan;
    size_t bytes = 77;

    OK(rnnp_model_add_output(model, "y", node1(model, "Relu", x)));
    FAILS(rnnp_plan_bytes(model, NULL, &bytes), RNNP_ERR_STATE);
    OK(rnnp_model_close(model));
    options.math = (rnnp_math)7;
    FAILS(rnnp_plan_create(model, &options, &plan), RNNP_ERR_ARG);
    options.struct_size = 1;
    FAILS(rnnp_plan_bytes(model, &options, &bytes), RNNP_ERR_ARG);
    FAILS(rnnp_plan_create(NULL, NULL, &plan), RNNP_ERR_ARG);
    assert_null(plan);
    FAILS(rnnp_plan_create(model, NULL, NULL), RNNP_ERR_ARG);
    FAILS(rnnp_plan_bytes(NULL, NULL, &bytes), RNNP_ERR_ARG);
    assert_int_equal(bytes, 77);
    options.struct_size = sizeof options.struct_size; /* an older program, without the fields that follow */
    OK(rnnp_plan_create(model, &options, &plan));
    assert_null(rnnp_plan_node_variant(plan, 99));
    assert_null(rnnp_plan_node_variant(NULL, 0));
    rnnp_plan_destroy(plan);
    rnnp_plan_destroy(NULL);
}

TEST(test_runs)
{
    OWNED(model) model = make_graph(context, "a: f32[steps,2,3]; b: f32[steps,2,3]; -> y = Add(a, b)");
    float data[64] = {0};
    rnnp_tensor in[2] = {tensor3(data, 4, 2, 3), tensor3(data, 4, 2, 3)}, out = {.data = data};
    rnnp_run *run;
    size_t bytes;

    OWNED(plan) plan = make_plan(model);
    FAILS(rnnp_run_create(NULL, in, 2, &run), RNNP_ERR_ARG);
    FAILS(rnnp_run_create(plan, in, 2, NULL), RNNP_ERR_ARG);
    FAILS(rnnp_run_create(plan, in, 1, &run), RNNP_ERR_ARG);
    FAILS(rnnp_run_create(plan, NULL, 2, &run), RNNP_ERR_ARG);
    FAILS(rnnp_run_bytes(plan, in, 2, NULL), RNNP_ERR_ARG);
    in[1].shape[0] = 5;
    REFUSED(context, rnnp_run_create(plan, in, 2, &run), RNNP_ERR_SHAPE, "4 and 5");
    in[1].shape[0] = -4;
    FAILS(rnnp_run_bytes(plan, in, 2, &bytes), RNNP_ERR_SHAPE);
    in[1].shape[0] = 4;
    in[1].shape[1] = 3;
    FAILS(rnnp_run_create(plan, in, 2, &run), RNNP_ERR_SHAPE);
    in[1].rank = 2;
    FAILS(rnnp_run_create(plan, in, 2, &run), RNNP_ERR_SHAPE);
    in[1].dtype = RNNP_DTYPE_I64;
    FAILS(rnnp_run_create(plan, in, 2, &run), RNNP_ERR_TYPE);
    in[0].shape[0] = INT64_MAX / 8;
    FAILS(rnnp_run_create(plan, in, 2, &run), RNNP_ERR_SHAPE);
    assert_null(run);
    in[0] = in[1] = tensor3(data, 4, 2, 3);
    OK(rnnp_run_create(plan, in, 2, &run));

    FAILS(rnnp_run_execute(NULL, in, 2, &out, 1), RNNP_ERR_ARG);
    FAILS(rnnp_run_execute(run, in, 1, &out, 1), RNNP_ERR_ARG);
    FAILS(rnnp_run_execute(run, in, 2, &out, 2), RNNP_ERR_ARG);
    FAILS(rnnp_run_execute(run, NULL, 2, &out, 1), RNNP_ERR_ARG);
    FAILS(rnnp_run_execute(run, in, 2, NULL, 1), RNNP_ERR_ARG);
    in[1].data = NULL;
    REFUSED(context, rnnp_run_execute(run, in, 2, &out, 1), RNNP_ERR_ARG, "input b has no data");
    in[1] = tensor3(data, 5, 2, 3);
    FAILS(rnnp_run_execute(run, in, 2, &out, 1), RNNP_ERR_SHAPE);
    in[1].dtype = RNNP_DTYPE_I32;
    FAILS(rnnp_run_execute(run, in, 2, &out, 1), RNNP_ERR_TYPE);
    FAILS(rnnp_run_output(run, 1, &out), RNNP_ERR_ARG);
    FAILS(rnnp_run_output(NULL, 0, &out), RNNP_ERR_ARG);
    FAILS(rnnp_run_output(run, 0, NULL), RNNP_ERR_ARG);
    rnnp_run_destroy(run);
    rnnp_run_destroy(NULL);
}

/* Without a place for the result there is still a sentence; each differs from the one before it. */
TEST(test_no_result)
{
    OWNED(model) model = make_model(context);
    const rnnp_value x = input3(model, "x", 1, 2, 3);
    const float w[9] = {0};
    const rnnp_tensor in = tensor3(w, 1, 2, 3);

#define NO_RESULT(call, words)       \
    do {                             \
        FAILS(call, RNNP_ERR_ARG);   \
        assert_says(context, words); \
    } while (0)
    NO_RESULT(rnnp_model_create(context, NULL), "model is NULL");
    NO_RESULT(rnnp_model_add_input(model, "a", RNNP_DTYPE_F32, 3, in.shape, NULL, NULL), "input a: value is NULL");
    NO_RESULT(rnnp_model_add_constant(model, "b", &in, NULL), "constant b: value is NULL");
    NO_RESULT(rnnp_model_add_constant(model, NULL, &in, NULL), "constant : value is NULL");
    NO_RESULT(rnnp_model_add_embedding(model, x, w, 3, 3, NULL), "embedding: y is NULL");
    NO_RESULT(rnnp_model_add_pool(model, x, RNNP_POOL_MEAN, 0, NULL), "pool: y is NULL");
    NO_RESULT(rnnp_model_add_dropout(model, x, 0.5f, NULL), "dropout: y is NULL");
    NO_RESULT(rnnp_model_add_activation(model, "Relu", x, NULL), "activation: y is NULL");
    NO_RESULT(rnnp_model_add_softmax(model, x, 0, NULL), "softmax: y is NULL");
    NO_RESULT(rnnp_model_add_dense(model, x, w, 3, 3, 0, NULL, NULL, NULL), "dense: y is NULL");
    close_with(model, "y", node1(model, "Relu", x));
    NO_RESULT(rnnp_model_input_info(model, 0, NULL), "info is NULL");
    NO_RESULT(rnnp_model_node_info(model, 0, NULL), "info is NULL");
    NO_RESULT(rnnp_model_output_info(model, 0, NULL), "info is NULL");
    NO_RESULT(rnnp_plan_create(model, NULL, NULL), "plan is NULL");
    NO_RESULT(rnnp_plan_bytes(model, NULL, NULL), "bytes is NULL");
    OWNED(plan) plan = make_plan(model);
    NO_RESULT(rnnp_run_create(plan, &in, 1, NULL), "run is NULL");
    NO_RESULT(rnnp_run_bytes(plan, &in, 1, NULL), "bytes is NULL");
    OWNED_NEW(run, run, plan, &in, 1);
    NO_RESULT(rnnp_run_output(run, 0, NULL), "output is NULL");
}

/* No steps make every tensor empty, but the state of a batch that wraps in 64 bits is asked for all the same: with
 * weights in the plan, and with weights that each run packs. */
TEST(test_huge_batch)
{
    enum { H = 4 };
    static const int64_t batches[] = {(INT64_C(1) << 61) + 1, INT64_C(1) << 62};
    static const char *const texts[] = {"w: f32[1,4,1]; r: f32[1,4,4]; x: f32[?,?,1]; -> y = RNN(x, w, r)",
                                        "x: f32[?,?,1]; -> y = RNN(x, f32[1,4,1]~1, f32[1,4,4]~1)"};
    const float weights[H * H] = {0};
    const rnnp_tensor w = tensor3(weights, 1, H, 1), r = tensor3(weights, 1, H, H);

    for (int constant = 0; constant < 2; constant++) {
        OWNED(model) model = make_graph(context, "%s", texts[constant]);
        OWNED(plan) plan = make_plan(model);
        for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) {
            const rnnp_tensor x = tensor3(weights, 0, batches[i], 1), all[] = {w, r, x}, *in = constant ? &x : all;
            const size_t n = constant ? 1 : 3;
            rnnp_run *run;
            size_t bytes = 77;

            rnnp_status status = rnnp_run_bytes(plan, in, n, &bytes);
            assert_true(status == RNNP_ERR_SHAPE || status == RNNP_ERR_MEMORY);
            assert_int_equal(bytes, 77);
            status = rnnp_run_create(plan, in, n, &run);
            assert_true(status == RNNP_ERR_SHAPE || status == RNNP_ERR_MEMORY);
            assert_null(run);
        }
    }
}

/* What only the data tells: a length beyond the sequence, a shape that is an input. */
TEST(test_data)
{
    OWNED(model) model = make_graph(context, "x: f32[5,2,3]; len: i32[2]; -> y = rnn[3,4](x, len)");
    OWNED(model) shaped = make_graph(context, "x: f32[5,2,3]; shape: i64[2]; -> y = Reshape(x, shape)");
    float x[5 * 2 * 3] = {0}, y[5 * 2 * 4];
    int32_t lengths[2] = {5, 6};
    const rnnp_tensor in[] = {tensor3(x, 5, 2, 3), {RNNP_DTYPE_I32, 1, {2}, .data = lengths}};
    const rnnp_tensor no_shape[] = {in[0], {RNNP_DTYPE_I64, 1, {2}, .data = NULL}};
    rnnp_tensor out = {.data = y};
    OWNED(plan) plan = make_plan(model), *shaped_plan = make_plan(shaped);
    rnnp_run *none;

    OWNED_NEW(run, run, plan, in, 2);
    REFUSED(context, rnnp_run_execute(run, in, 2, &out, 1), RNNP_ERR_ARG, "sequence_lens[1] is 6, there are 5 steps");
    lengths[1] = -1;
    FAILS(rnnp_run_execute(run, in, 2, &out, 1), RNNP_ERR_ARG);
    lengths[1] = 0;
    OK(rnnp_run_execute(run, in, 2, &out, 1));
    REFUSED(context, rnnp_run_create(shaped_plan, no_shape, 2, &none), RNNP_ERR_UNSUPPORTED, "Reshape");
}
