/* SPDX-License-Identifier: Apache-2.0
 *
 * What the options of a file do: inputs bound to constants, outputs left out, f64 computed in f32. And what files say
 * that is no error: dimensions below 0, opsets 6 and 25.
 */
#include "save.h"
#include "wire.h"

static const float six[6] = {-1.5f, 2, -3, 4, -5, 6};

static rnnp_tensor x_of(int64_t rows) { return (rnnp_tensor){RNNP_DTYPE_F32, 2, {rows, 3}, .const_data = six}; }

static rnnp_model *open_with(rnnp_context *context, const buffer *file, const rnnp_load_options *options)
{
    rnnp_model *model = NULL;
    const rnnp_status status = rnnp_onnx_open_memory(context, file->at, file->size, options, &model);

    if (status != RNNP_OK) fail_msg("%s", rnnp_last_error(context));
    return model;
}

static void check(rnnp_context *context, const rnnp_model *model, const rnnp_tensor *in, size_t n, const float *want)
{
    OWNED(plan) plan = make_plan(model);
    DROPPED(free_outputs) produced o = run_plan(plan, in, n);

    if (o.status != RNNP_OK) fail_msg("%s", rnnp_last_error(context));
    for (size_t i = 0; i < rnnp_tensor_elements(&o.out[0]); i++)
        assert_true(((const float *)o.out[0].data)[i] == want[i]);
}

/* ---- Bound inputs ---- */

/* y = x * k; z = x + cast(n); every input is of another type. */
static buffer scaled(void)
{
    DROPPED(free_buffer) buffer node = {0};
    buffer graph = {0};
    const float usual = 5;

    wire_port(&graph, 11, "x", "N 3");
    wire_port(&graph, 11, "k", "K");
    wire_typed_port(&graph, 11, "n", WIRE_I64, "");
    wire_port(&graph, 11, "usual", "");
    wire_constant(&graph, "usual", WIRE_F32, NULL, 0, &usual, sizeof usual);
    wire_node(&graph, "Mul", "x k", "y", -1);
    wire_head(&node, "Cast", "n", "c");
    wire_attr_int(&node, "to", WIRE_F32);
    wire_message(&graph, 1, &node);
    wire_node(&graph, "Sum", "x c usual", "z", -1);
    wire_port(&graph, 12, "y", "N 3");
    wire_port(&graph, 12, "z", "N 3");
    return wire_model(&graph, 17);
}

TEST(test_bound)
{
    OWNED(context) context = make_context(NULL, 1);
    DROPPED(free_buffer) const buffer file = scaled();
    const rnnp_tensor two = {RNNP_DTYPE_F32, 1, {1}, .const_data = (const float[]){2}};
    const rnnp_bound_input bound[] = {{.name = "k", .tensor = &two}, {.name = "n", .number = 7}};
    const rnnp_tensor x = x_of(2);
    OPTIONS(load, options);
    float want[2][6];

    for (size_t i = 0; i < 6; i++) {
        want[0][i] = 2 * six[i];
        want[1][i] = six[i] + 7 + 5;
    }
    options.bound = bound;
    options.n_bound = 2;
    OWNED(model) model = open_with(context, &file, &options);
    assert_int_equal(rnnp_model_input_count(model), 1);
    check(context, model, &x, 1, want[0]);
    /* the same of a packed file */
    OWNED(model) plain = open_with(context, &file, NULL);
    assert_int_equal(rnnp_model_input_count(plain), 3);
    DROPPED(free_buffer) const buffer packed = write_model(plain, NULL, 0);
    OWNED(model) mapped = NULL;
    OK(rnnp_packed_open_memory(context, packed.at, packed.size, &options, &mapped));
    assert_int_equal(rnnp_model_input_count(mapped), 1);
    check(context, mapped, &x, 1, want[0]);
    /* one output, and the default of another input replaced */
    options.outputs = (const char *const[]){"z"};
    options.n_outputs = 1;
    OWNED(model) one = open_with(context, &file, &options);
    assert_int_equal(rnnp_model_output_count(one), 1);
    check(context, one, &x, 1, want[1]);
    OWNED(model) one_mapped = NULL;
    OK(rnnp_packed_open_memory(context, packed.at, packed.size, &options, &one_mapped));
    assert_int_equal(rnnp_model_output_count(one_mapped), 1);
    check(context, one_mapped, &x, 1, want[1]);
    options.bound = (const rnnp_bound_input[]){{.name = "usual", .number = 0}, {.name = "n", .number = 12}};
    OWNED(model) replaced = open_with(context, &file, &options);
    check(context, replaced, (rnnp_tensor[]){x, two}, 2, want[1]);
}

TEST(test_bad_options)
{
    static const rnnp_tensor pair = {RNNP_DTYPE_F32, 1, {2}, .const_data = six},
                             whole = {RNNP_DTYPE_I64, 1, {1}, .const_data = six},
                             matrix = {RNNP_DTYPE_F32, 2, {2, 4}, .const_data = six};
    static const struct {
        rnnp_bound_input bound[2];
        rnnp_status status;
        const char *words;
    } cases[] = {
        {{{.name = "q"}}, RNNP_ERR_ARG, "q is bound but is no input of the model"},
        {{{.name = "y"}}, RNNP_ERR_ARG, "y is bound but is no input of the model"},
        {{{.name = NULL}}, RNNP_ERR_ARG, "bound input 0 has no name"},
        {{{.name = "n"}, {.name = "n"}}, RNNP_ERR_ARG, "n is bound twice"},
        {{{.name = "k", .tensor = &whole}}, RNNP_ERR_TYPE, "input k is bound to i64, expected f32"},
        {{{.name = "x", .tensor = &pair}}, RNNP_ERR_SHAPE, "input x is bound to rank 1, expected 2"},
        {{{.name = "x", .tensor = &matrix}}, RNNP_ERR_SHAPE, "input x: dimension 1 is bound to 4, expected 3"},
        {{{.name = "x", .number = 1}}, RNNP_ERR_SHAPE, "input x has 3 elements"},
        {{{.name = "n", .number = 1.5}}, RNNP_ERR_TYPE, "input n is i64 and cannot be bound to 1.5"},
    };
    OWNED(context) context = make_context(NULL, 1);
    DROPPED(free_buffer) const buffer file = scaled();
    OPTIONS(load, options);
    rnnp_model *model;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        options.bound = cases[i].bound;
        options.n_bound = i == 3 ? 2 : 1;
        REFUSED(context, rnnp_onnx_open_memory(context, file.at, file.size, &options, &model), cases[i].status,
                cases[i].words);
    }
    options.n_bound = 0;
    options.outputs = (const char *const[]){"y", "x"};
    options.n_outputs = 2;
    REFUSED(context, rnnp_onnx_open_memory(context, file.at, file.size, &options, &model), RNNP_ERR_ARG,
            "x is no output of the model");
    options.outputs = (const char *const[]){NULL};
    options.n_outputs = 1;
    REFUSED(context, rnnp_onnx_open_memory(context, file.at, file.size, &options, &model), RNNP_ERR_ARG, "NULL");
}

/* ---- Wanted outputs ---- */

/* What only another output needs may be anything: an unknown operator, a cycle, weights that are damaged. */
TEST(test_unwanted)
{
    OWNED(context) context = make_context(NULL, 1);
    OPTIONS(load, options);
    buffer graph = {0};
    rnnp_model *model;

    wire_port(&graph, 11, "x", "N 3");
    wire_constant(&graph, "damaged", WIRE_F32, (const int64_t[]){7}, 1, six, 4);
    wire_node(&graph, "Warp", "x damaged", "w", -1);
    wire_node(&graph, "Neg", "x", "y", -1);
    wire_node(&graph, "Add", "w circle", "circle", -1);
    wire_port(&graph, 12, "circle", "N 3");
    wire_port(&graph, 12, "y", "N 3");
    DROPPED(free_buffer) const buffer file = wire_model(&graph, 17);
    FAILS(rnnp_onnx_open_memory(context, file.at, file.size, NULL, &model), RNNP_ERR_FORMAT);
    options.outputs = (const char *const[]){"y"};
    options.n_outputs = 1;
    OWNED(model) one = open_with(context, &file, &options);
    check(context, one, (rnnp_tensor[]){x_of(2)}, 1, (const float[]){1.5f, -2, 3, -4, 5, -6});
}

/* ---- f64 in f32 ---- */

TEST(test_doubles)
{
    OWNED(context) context = make_context(NULL, 1);
    DROPPED(free_buffer) buffer node = {0};
    OPTIONS(load, options);
    buffer graph = {0};
    const double half = 0.5;
    rnnp_model *model;

    wire_typed_port(&graph, 11, "x", WIRE_F64, "N 3");
    wire_typed_port(&graph, 11, "f", WIRE_F32, "N 3");
    wire_constant(&graph, "half", WIRE_F64, NULL, 0, &half, sizeof half);
    wire_head(&node, "Cast", "f", "d");
    wire_attr_int(&node, "to", WIRE_F64);
    wire_message(&graph, 1, &node);
    wire_node(&graph, "Mul", "x half", "h", -1);
    wire_node(&graph, "Add", "h d", "y", -1);
    wire_typed_port(&graph, 12, "y", WIRE_F64, "N 3");
    DROPPED(free_buffer) const buffer file = wire_model(&graph, 17);
    REFUSED(context, rnnp_onnx_open_memory(context, file.at, file.size, NULL, &model), RNNP_ERR_TYPE, "--f64-as-f32");
    options.f64_as_f32 = 1;
    OWNED(model) singles = open_with(context, &file, &options);
    check(context, singles, (rnnp_tensor[]){x_of(2), x_of(2)}, 2, (const float[]){-2.25f, 3, -4.5f, 6, -7.5f, 9});
}

/* ---- What files say ---- */

TEST(test_negative_dimension)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_port_info port = {.struct_size = sizeof port};
    buffer graph = {0};

    wire_port(&graph, 11, "x", "-1 3");
    wire_node(&graph, "Neg", "x", "y", -1);
    wire_port(&graph, 12, "y", "-1 3");
    DROPPED(free_buffer) const buffer file = wire_model(&graph, 17);
    OWNED(model) model = load(context, &file);
    OK(rnnp_model_input_info(model, 0, &port));
    assert_int_equal(port.shape[0], RNNP_DYNAMIC);
    check(context, model, (rnnp_tensor[]){x_of(2)}, 1, (const float[]){1.5f, -2, 3, -4, 5, -6});
}

/* Opset 6: y = x + b, b from an axis on. */
TEST(test_limited_broadcast)
{
    OWNED(context) context = make_context(NULL, 1);
    const float b[3] = {1, 2, 3};

    for (int axis = -1; axis < 2; axis++) { /* -1: no such attribute */
        DROPPED(free_buffer) buffer node = {0};
        buffer graph = {0};
        rnnp_model *model;

        wire_port(&graph, 11, "x", "N 3");
        wire_constant(&graph, "b", WIRE_F32, (const int64_t[]){3}, 1, b, sizeof b);
        wire_head(&node, "Add", "x b", "y");
        wire_attr_int(&node, "broadcast", 1);
        if (axis >= 0) wire_attr_int(&node, "axis", axis);
        wire_message(&graph, 1, &node);
        wire_port(&graph, 12, "y", "N 3");
        DROPPED(free_buffer) const buffer file = wire_model(&graph, 6);
        if (axis == 0) {
            REFUSED(context, rnnp_onnx_open_memory(context, file.at, file.size, NULL, &model), RNNP_ERR_UNSUPPORTED,
                    "from axis 0 on");
            continue;
        }
        OWNED(model) whole = load(context, &file);
        check(context, whole, (rnnp_tensor[]){x_of(2)}, 1, (const float[]){-.5f, 4, 0, 5, -3, 9});
        DROPPED(free_buffer) const buffer again = save(context, whole);
        OWNED(model) loaded = load(context, &again);
        check(context, loaded, (rnnp_tensor[]){x_of(2)}, 1, (const float[]){-.5f, 4, 0, 5, -3, 9});
    }
}

TEST(test_opsets)
{
    OWNED(context) context = make_context(NULL, 1);
    static const struct {
        int64_t opset;
        const char *op, *attr;
        int64_t value;
        rnnp_status status;
    } cases[] = {
        {6, "Dropout", "is_test", 1, RNNP_OK},
        {6, "Dropout", "is_test", 0, RNNP_ERR_UNSUPPORTED},
        {7, "Dropout", "is_test", 1, RNNP_ERR_UNSUPPORTED},
        {7, "Relu", NULL, 0, RNNP_OK},
        {25, "Relu", NULL, 0, RNNP_OK},
        {25, "Cast", "to", WIRE_F32, RNNP_OK},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        DROPPED(free_buffer) buffer node = {0}, attr = {0};
        buffer graph = {0};
        rnnp_model *model;

        wire_port(&graph, 11, "x", "N 3");
        wire_head(&node, cases[i].op, "x", "y");
        if (cases[i].attr) wire_attr_int(&node, cases[i].attr, cases[i].value);
        if (strcmp(cases[i].op, "Cast") == 0) {
            wire_text(&attr, 1, "round_mode");
            wire_text(&attr, 4, "nearest");
            wire_int(&attr, 20, 3);
            wire_message(&node, 5, &attr);
        }
        wire_message(&graph, 1, &node);
        wire_port(&graph, 12, "y", "N 3");
        DROPPED(free_buffer) const buffer file = wire_model(&graph, cases[i].opset);
        FAILS(rnnp_onnx_open_memory(context, file.at, file.size, NULL, &model), cases[i].status);
        rnnp_model_destroy(model);
    }
}

static void count_warnings(void *user, rnnp_log_level level, const char *text)
{
    *(int *)user += level == RNNP_LOG_WARNING && strstr(text, "another of that name is") != NULL;
}

/* One name for dimensions of different sizes: a warning, unless the graph needs them equal, or was decided by that. */
TEST(test_equal_names)
{
    for (int i = 0; i < 3; i++) {
        DROPPED(free_buffer) buffer node = {0};
        OPTIONS(context, options);
        buffer graph = {0}, then_branch = {0}, else_branch = {0};
        int warnings = 0;

        options.log = count_warnings;
        options.log_user = &warnings;
        OWNED_NEW(context, context, &options);
        wire_port(&graph, 11, "x", "N 3");
        wire_port(&graph, 11, "z", "N 3");
        if (i == 0) {
            wire_head(&node, "Concat", "x z", "y");
            wire_attr_int(&node, "axis", 0);
            wire_message(&graph, 1, &node);
        } else if (i == 1) {
            wire_node(&graph, "Add", "x z", "y", -1);
        } else {
            wire_node(&graph, "Shape", "x", "s", -1);
            wire_node(&graph, "Shape", "z", "t", -1);
            wire_ints(&graph, "zero", (int64_t[]){0}, 1);
            wire_node(&graph, "Gather", "s zero", "n", -1);
            wire_node(&graph, "Gather", "t zero", "m", -1);
            wire_node(&graph, "Equal", "n m", "same", -1);
            wire_results(&then_branch, "x");
            wire_results(&else_branch, "z");
            wire_if(&graph, "same", "y", &then_branch, &else_branch);
        }
        wire_results(&graph, "y");
        DROPPED(free_buffer) const buffer file = wire_model(&graph, 17);
        OWNED(model) model = load(context, &file);
        OWNED(plan) plan = make_plan(model);
        const rnnp_tensor in[] = {x_of(1), x_of(2)};
        rnnp_run *run = NULL;
        const rnnp_status status = rnnp_run_create(plan, in, 2, &run);

        assert_int_equal(status, i == 2 ? RNNP_ERR_SHAPE : RNNP_OK); /* one row is broadcast */
        assert_int_equal(warnings, i < 2);
        rnnp_run_destroy(run);
    }
}
