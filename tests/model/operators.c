/* SPDX-License-Identifier: Apache-2.0
 *
 * Elementwise functions, reductions, normalisations and pooling: what is refused and how, sizes that are symbols, rows
 * that no result depends on, and streams. Their values are checked by the cases of tests/data/onnx, functions.c and
 * pooling.c.
 */
#include "graph.h"

#include "rnnpack/train.h"

ONE_CONTEXT(1)

/* ---- Refused ---- */

/* `text` is what follows the inputs; adding or closing fails, and the words tell why. */
static void check_refused(const char *op, int opset, const char *inputs, size_t n_out, const rnnp_attr *attrs,
                          size_t n_attrs, rnnp_status status, const char *words)
{
    OWNED(model)
    model = open_graph(context, "x: f32[2,6,4,5]; n: i64[2,6]; c = f32[6]~1; d = f32[5]~2; p = f32[4,1]~3");
    rnnp_value in[5], out[5] = {0};
    size_t n_in = 0;
    static const char *const names = "xncdp";

    /* values are numbered in the order in which they were added */
    for (; *inputs; inputs++) in[n_in++] = (rnnp_value)(strchr(names, *inputs) - names);
    rnnp_status made = rnnp_model_add_node(model, op, opset, "node", in, n_in, attrs, n_attrs, out, n_out);
    if (made == RNNP_OK) made = rnnp_model_add_output(model, "y", out[0]);
    if (made == RNNP_OK) made = rnnp_model_close(model);
    if (made != status) print_message("%s %s: %s\n", op, words, rnnp_last_error(context));
    FAILS(made, status);
    assert_says(context, op);
    assert_says(context, "node");
    assert_says(context, words);
}

#define INT(name_, value)                                    \
    {                                                        \
        .name = (name_), .kind = RNNP_ATTR_INT, .i = (value) \
    }
#define TEXT(name_, value)                                      \
    {                                                           \
        .name = (name_), .kind = RNNP_ATTR_STRING, .s = (value) \
    }
#define LIST(name_, ...)                                                                 \
    {                                                                                    \
        .name = (name_), .kind = RNNP_ATTR_INTS, .ints = (const int64_t[]){__VA_ARGS__}, \
        .count = sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)                \
    }

TEST(test_refused)
{
    const struct {
        const char *op;
        int opset;
        const char *inputs;
        size_t outputs;
        rnnp_attr attr[3];
        rnnp_status status;
        const char *words;
    } cases[] = {
        {"Gelu", 20, "x", 1, {TEXT("approximate", "erf")}, RNNP_ERR_ARG, "approximate is erf"},
        {"Erf", 13, "n", 1, {{0}}, RNNP_ERR_TYPE, "input 0 of type i64"},
        {"IsInf", 20, "n", 1, {{0}}, RNNP_ERR_TYPE, "input 0 of type i64"},
        {"PRelu", 16, "xc", 1, {{0}}, RNNP_ERR_SHAPE, "input 1 of 6 is not broadcast to input 0 of 2x6x4x5"},
        {"PRelu", 16, "cx", 1, {{0}}, RNNP_ERR_SHAPE, "input 1 of 2x6x4x5 is not broadcast to input 0 of 6"},
        {"ReduceL2", 13, "n", 1, {{0}}, RNNP_ERR_TYPE, "input 0 of type i64"},
        {"ReduceProd", 13, "x", 1, {LIST("axes", 4)}, RNNP_ERR_SHAPE, "axis 4 of a tensor of rank 4"},
        {"ReduceLogSum", 17, "xc", 1, {{0}}, RNNP_ERR_ARG, "axes are an attribute before opset 18"},
        {"LpNormalization", 7, "x", 1, {INT("p", 3)}, RNNP_ERR_ARG, "p is 3, neither 1 nor 2"},
        {"LpNormalization", 7, "x", 1, {INT("axis", -5)}, RNNP_ERR_SHAPE, "axis -5"},
        {"BatchNormalization", 15, "xcccc", 1, {INT("training_mode", 1)}, RNNP_ERR_UNSUPPORTED, "training_mode is set"},
        {"BatchNormalization", 8, "xcccc", 1, {INT("spatial", 0)}, RNNP_ERR_UNSUPPORTED, "spatial is 0"},
        {"BatchNormalization", 9, "xcccc", 3, {{0}}, RNNP_ERR_UNSUPPORTED, "output 1 is of training"},
        {"BatchNormalization", 15, "xccdc", 1, {{0}}, RNNP_ERR_SHAPE, "the number of channels is 6 and 5"},
        {"BatchNormalization", 15, "xccpc", 1, {{0}}, RNNP_ERR_SHAPE, "input 3 has rank 2, not 1"},
        {"InstanceNormalization", 7, "xcd", 1, {{0}}, RNNP_ERR_SHAPE, "the number of channels is 6 and 5"},
        {"InstanceNormalization", 7, "ccc", 1, {{0}}, RNNP_ERR_SHAPE, "an input of rank 1"},
        {"GroupNormalization", 21, "xcc", 1, {{0}}, RNNP_ERR_ARG, "num_groups is 0"},
        {"GroupNormalization", 21, "xcc", 1, {INT("num_groups", 4)}, RNNP_ERR_SHAPE, "6 channels in 4 groups"},
        {"GroupNormalization", 18, "xcc", 1, {INT("num_groups", 3)}, RNNP_ERR_SHAPE, "the number of groups is 3 and 6"},
        {"GroupNormalization",
         21,
         "xcc",
         1,
         {INT("num_groups", 3), INT("stash_type", 10)},
         RNNP_ERR_UNSUPPORTED,
         "stash_type is 10"},
        {"LayerNormalization", 17, "xd", 1, {INT("axis", 4)}, RNNP_ERR_SHAPE, "axis 4 of a tensor of rank 4"},
        {"LayerNormalization", 17, "xdc", 1, {{0}}, RNNP_ERR_SHAPE, "input 2 of 6 is not broadcast"},
        {"LayerNormalization", 17, "xd", 1, {INT("stash_type", 16)}, RNNP_ERR_UNSUPPORTED, "stash_type is 16"},
        {"MaxPool", 12, "x", 1, {{0}}, RNNP_ERR_ARG, "kernel_shape is missing"},
        {"MaxPool", 12, "x", 2, {LIST("kernel_shape", 2, 2)}, RNNP_ERR_UNSUPPORTED, "output Indices"},
        {"MaxPool",
         12,
         "x",
         1,
         {LIST("kernel_shape", 2)},
         RNNP_ERR_SHAPE,
         "attributes for 1 spatial axes, but the input has 2"},
        {"MaxPool", 12, "n", 1, {LIST("kernel_shape", 2)}, RNNP_ERR_TYPE, "input 0 of type i64"},
        {"MaxPool", 12, "c", 1, {LIST("kernel_shape", 2)}, RNNP_ERR_SHAPE, "an input of rank 1 has no spatial axes"},
        {"MaxPool", 12, "x", 1, {LIST("kernel_shape", 2, 0)}, RNNP_ERR_ARG, "kernel_shape[1] is 0"},
        {"MaxPool",
         12,
         "x",
         1,
         {LIST("kernel_shape", 2, 2), LIST("strides", 1)},
         RNNP_ERR_ARG,
         "strides has 1 entries for 2 axes"},
        {"MaxPool", 12, "x", 1, {LIST("kernel_shape", 2, 2), LIST("strides", 1, -1)}, RNNP_ERR_ARG, "strides[1] is -1"},
        {"MaxPool",
         12,
         "x",
         1,
         {LIST("kernel_shape", 2, 2), LIST("pads", 1, 1, 1)},
         RNNP_ERR_ARG,
         "pads has 3 entries"},
        {"MaxPool", 12, "x", 1, {LIST("kernel_shape", 2, 2), LIST("pads", 0, 0, -1, 0)}, RNNP_ERR_ARG, "pads[2] is -1"},
        {"MaxPool",
         12,
         "x",
         1,
         {LIST("kernel_shape", 2, 2), LIST("pads", 0, 0, 0, 2)},
         RNNP_ERR_SHAPE,
         "pads 0 and 2 along spatial axis 1, where windows cover 2"},
        {"MaxPool",
         12,
         "x",
         1,
         {LIST("kernel_shape", 2, 2), TEXT("auto_pad", "SAME")},
         RNNP_ERR_ARG,
         "auto_pad is SAME"},
        {"MaxPool",
         12,
         "x",
         1,
         {LIST("kernel_shape", 2, 2), LIST("pads", 0, 1, 0, 0), TEXT("auto_pad", "VALID")},
         RNNP_ERR_ARG,
         "pads of axis 1 are 1 and 0, but auto_pad sets them"},
        {"MaxPool",
         12,
         "x",
         1,
         {LIST("kernel_shape", 2, 6)},
         RNNP_ERR_SHAPE,
         "covers 6 elements along spatial axis 1, which has 5 with pads 0 and 0"},
        {"MaxPool", 12, "x", 1, {LIST("kernel_shape", 2, 3), LIST("dilations", 1, 3)}, RNNP_ERR_SHAPE, "covers 7"},
        {"MaxPool",
         12,
         "x",
         1,
         {LIST("kernel_shape", 1 << 30, 3), LIST("dilations", 1 << 30, 3)},
         RNNP_ERR_SHAPE,
         "a kernel of 1073741824 with dilation 1073741824 along spatial axis 0"},
        {"MaxPool",
         8,
         "x",
         1,
         {LIST("kernel_shape", 2, 2), LIST("dilations", 1, 1)},
         RNNP_ERR_UNSUPPORTED,
         "dilations"},
        {"AveragePool",
         10,
         "x",
         1,
         {LIST("kernel_shape", 2, 2), LIST("dilations", 1, 1)},
         RNNP_ERR_UNSUPPORTED,
         "dilations"},
        {"GlobalMaxPool", 7, "n", 1, {{0}}, RNNP_ERR_TYPE, "input 0 of type i64"},
        {"GlobalAveragePool", 7, "c", 1, {{0}}, RNNP_ERR_SHAPE, "an input of rank 1 has no spatial axes"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = 0;

        while (n < 3 && cases[i].attr[n].name) n++;
        check_refused(cases[i].op, cases[i].opset, cases[i].inputs, cases[i].outputs, cases[i].attr, n, cases[i].status,
                      cases[i].words);
    }
}

/* What only the sizes of a run tell. */
TEST(test_refused_at_run)
{
    static const struct {
        const char *text, *words;
        int64_t shape[3];
    } cases[] = {
        {"PRelu(x, f32[3,1]~1)", "input 1 of 3x1 is not broadcast to input 0 of 2x4x5", {2, 4, 5}},
        {"LayerNormalization(x, f32[5]~1)", "input 1 of 5 is not broadcast", {2, 4, 3}},
        {"GroupNormalization@21(x, f32[4]~1, f32[4]~2, num_groups=2)", "the number of channels is 5 and 4", {2, 5, 3}},
        {"MaxPool(x, kernel_shape={6})", "covers 6 elements", {2, 4, 5}},
        {"AveragePool(x, kernel_shape={1})", "spatial axis 0 has no elements", {2, 4, 0}},
        {"GlobalMaxPool(x)", "spatial axis 0 has no elements", {2, 4, 0}},
    };
    FREED float *x = numbers(64, 1, 1.0f);

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        OWNED(model) model = make_graph(context, "x: f32[?,?,?]; -> y = %s", cases[i].text);
        OWNED(plan) plan = make_plan(model);
        const rnnp_tensor in = tensor3(x, cases[i].shape[0], cases[i].shape[1], cases[i].shape[2]);
        rnnp_run *run;

        REFUSED(context, rnnp_run_create(plan, &in, 1, &run), RNNP_ERR_SHAPE, cases[i].words);
    }
}

/* ---- Sizes ---- */

/* Names of dimensions that results keep; "" for a size that is not known, 1 for a reduced axis. */
TEST(test_symbols)
{
    static const struct {
        const char *call, *dims[3];
    } cases[] = {
        {"Gelu@20(x)", {"a", "b", "c"}},
        {"PRelu(x, f32[5,1]~1)", {"a", "b", "c"}},
        {"ReduceL2(x, axes={1})", {"a", "1", "c"}},
        {"LpNormalization(x, axis=1)", {"a", "b", "c"}},
        {"BatchNormalization(x, s, s, s, s)", {"a", "b", "c"}},
        {"GroupNormalization@21(x, s, s, num_groups=2)", {"a", "b", "c"}},
        {"LayerNormalization(x, s)", {"a", "b", "c"}},
        {"GlobalAveragePool(x)", {"a", "b", "1"}},
        {"AveragePool(x, kernel_shape={4}, pads={2,1})", {"a", "b", "c"}},
        {"MaxPool(x, kernel_shape={4}, auto_pad=SAME_LOWER)", {"a", "b", "c"}},
        {"MaxPool(x, kernel_shape={4}, auto_pad=SAME_LOWER, strides={2})", {"a", "b", ""}},
        {"MaxPool(x, kernel_shape={4}, pads={1,1})", {"a", "b", ""}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        OWNED(model) model = make_graph(context, "x: f32[a,b,c]; s: f32[6]; -> y = %s", cases[i].call);
        rnnp_port_info port = {.struct_size = sizeof port};

        OK(rnnp_model_output_info(model, 0, &port));
        assert_int_equal(port.rank, 3);
        for (size_t d = 0; d < 3; d++) {
            if (strcmp(cases[i].dims[d], "1") == 0)
                assert_int_equal(port.shape[d], 1);
            else
                assert_string_equal(port.symbol[d] ? port.symbol[d] : "", cases[i].dims[d]);
        }
    }
}

/* Nothing in, nothing out. A row without elements has no mean, and the sum over none is 0. */
TEST(test_no_elements)
{
    static const char *const calls[] = {"BatchNormalization(x, s, s, s, s)", "InstanceNormalization(x, s, s)",
                                        "GroupNormalization@21(x, s, s, num_groups=2)", "LpNormalization(x)",
                                        "LayerNormalization(x, f32[1]~1)"};
    float four[] = {1, 2, 3, 4};
    const rnnp_tensor scale = {RNNP_DTYPE_F32, 1, {4}, .data = four};

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        OWNED(model) model = make_graph(context, "x: f32[?,4,?]; s: f32[4]; -> y = %s", calls[i]);
        OWNED(plan) plan = make_plan(model);

        for (int64_t rows = 0; rows < 3; rows += 2) {
            const rnnp_tensor in[] = {tensor3(NULL, rows, 4, rows ? 0 : INT64_C(100000000000)), scale};
            DROPPED(free_outputs) produced made = run_plan(plan, in, 2);

            OK(made.status);
            assert_int_equal(rnnp_tensor_elements(&made.out[0]), 0);
        }
    }
    OWNED(model) empty = make_graph(context, "x: f32[?,?]; -> y = LayerNormalization(x, f32[1]~1)");
    OWNED(plan) empty_plan = make_plan(empty);
    const rnnp_tensor rows = {RNNP_DTYPE_F32, 2, {INT64_C(100000000000), 0}, .data = NULL};
    DROPPED(free_outputs) produced none = run_plan(empty_plan, &rows, 1);
    OK(none.status);
    OWNED(model)
    model = make_graph(context, "x: f32[?,?,?]; y, m, i = LayerNormalization(x, f32[1]~1); l2 = ReduceL2(x, axes={2});"
                                "l = ReduceLogSumExp(x, axes={2}); p = ReduceProd(x, axes={0,2}); -> m, i, l2, l, p");
    OWNED(plan) plan = make_plan(model);
    const rnnp_tensor in = tensor3(NULL, 1, 2, 0);
    DROPPED(free_outputs) produced made = run_plan(plan, &in, 1);
    OK(made.status);
    for (size_t r = 0; r < 2; r++) {
        const float *of[] = {made.out[0].data, made.out[1].data, made.out[2].data, made.out[3].data, made.out[4].data};

        assert_true(isnan(of[0][r]) && isnan(of[1][r]));
        assert_true(of[2][r] == 0 && of[3][r] == -INFINITY && of[4][r] == 1);
    }
}

/* Values beyond what a plain sum of powers can hold, and infinities. */
TEST(test_log_sum_exp)
{
    const float x[] = {1000, 1000, -1000, -1000, INFINITY, 0, -INFINITY, -INFINITY, NAN, INFINITY};
    const float want[] = {1000.693147f, -999.306853f, INFINITY, -INFINITY, NAN};
    OWNED(model)
    model = make_graph(context, "x: f32[5,2]; -> y = ReduceLogSumExp(x, axes={1}),"
                                "z = ReduceLogSumExp(Transpose(x), axes={0})");
    OWNED(plan) plan = make_plan(model);
    DROPPED(free_outputs)
    produced made = run_plan(plan, &(rnnp_tensor){RNNP_DTYPE_F32, 2, {5, 2}, .const_data = x}, 1);

    OK(made.status);
    for (size_t i = 0; i < 10; i++) {
        const float y = ((const float *)made.out[i / 5].data)[i % 5], w = want[i % 5];

        assert_true(isnan(w) ? isnan(y) : y == w || fabsf(y - w) < 1e-4f);
    }
}

/* A scale may be the input itself: the input must not be overwritten before it is read. */
TEST(test_own_scale)
{
    float x[] = {1, 2, 3, 6}, y[2][4];

    for (int copied = 0; copied < 2; copied++) {
        OWNED(model)
        model = make_graph(context, "x: f32[?]; a = Neg(Neg(x)); -> y = LayerNormalization(a, %s)", copied ? "x" : "a");
        OWNED(plan) plan = make_plan(model);
        DROPPED(free_outputs)
        produced made = run_plan(plan, &(rnnp_tensor){RNNP_DTYPE_F32, 1, {4}, .data = x}, 1);

        OK(made.status);
        memcpy(y[copied], made.out[0].data, sizeof y[0]);
    }
    assert_memory_equal(y[0], y[1], sizeof y[0]);
}

/* ---- Streams ---- */

enum { STEPS = 6, WIDTH = 4 };

/* x is [steps][batch][width]; t has time last, as [batch][width][steps]. */
#define BEGIN "x: f32[?,?,4]; a = gru[4,4]#1(x); t = Transpose(a, perm={1,2,0}); s = f32[4]~2;"

TEST(test_streams)
{
    static const char *const calls[] = {"Transpose(BatchNormalization(t, s, s, s, f32[4]{2,1,3,4}), perm={2,0,1})",
                                        "LayerNormalization(a, s, s)",
                                        "Mish(PRelu(Gelu@20(a), s))",
                                        "LpNormalization(a)",
                                        "ReduceL2(a, axes={2})",
                                        "InstanceNormalization(Unsqueeze(a, {3}), f32[1]~1, f32[1]~2)",
                                        "MaxPool(Unsqueeze(t, {2}), kernel_shape={1,1})",
                                        "AveragePool(a, kernel_shape={2}, strides={2})",
                                        "GlobalMaxPool(a)"};
    FREED float *x = numbers(STEPS * WIDTH, 3, 1.0f);

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        OWNED(model) model = make_graph(context, BEGIN "-> y = %s", calls[i]);
        OWNED(plan) plan = make_plan(model);
        const rnnp_tensor in = tensor3(x, STEPS, 1, WIDTH);
        DROPPED(free_outputs) produced whole = run_plan(plan, &in, 1);
        OPTIONS(stream, options);
        OWNED(stream) stream = NULL;

        OK(whole.status);
        options.batch = 1;
        OK(rnnp_stream_create(plan, &options, &stream));
        const size_t each = rnnp_tensor_elements(&whole.out[0]) / STEPS;
        for (size_t t = 0; t < STEPS; t++) {
            const rnnp_tensor step = tensor3(x + t * WIDTH, 1, 1, WIDTH);
            float y[WIDTH] = {0}, want[WIDTH] = {0};
            rnnp_tensor out = {.data = y};

            OK(rnnp_stream_step(stream, &step, 1, &out, 1));
            assert_true(each <= WIDTH);
            for (size_t k = 0; k < each; k++) { /* time first, or last */
                const size_t at = whole.out[0].shape[0] == STEPS ? t * each + k : k * STEPS + t;
                want[k] = ((const float *)whole.out[0].data)[at];
            }
            assert_memory_equal(y, want, sizeof y);
        }
    }
}

TEST(test_not_streamed)
{
    static const char *const calls[] = {
        "BatchNormalization(Transpose(a, perm={1,0,2}), f32[2]~1, f32[2]~1, f32[2]~1, f32[2]{1,2})",
        "InstanceNormalization(t, s, s)",
        "GroupNormalization@21(t, s, s, num_groups=2)",
        "LayerNormalization(a, s, axis=0)",
        "LayerNormalization(a, Gather(a, i64{0}, axis=1), s)",
        "LpNormalization(a, axis=0)",
        "ReduceL1(a, axes={0})",
        "GlobalAveragePool(t)"};

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        OWNED(model) model = make_graph(context, BEGIN "-> y = %s", calls[i]);
        OWNED(plan) plan = make_plan(model);
        char op[GRAPH_WORD];
        rnnp_stream *stream;

        REFUSED(context, rnnp_stream_create(plan, NULL, &stream), RNNP_ERR_UNSUPPORTED,
                "needs several time steps at once");
        snprintf(op, sizeof op, "%.*s", (int)strcspn(calls[i], "(@"), calls[i]);
        assert_says(context, op);
    }
}

/* A layer in a loop would need a state for each iteration, and its gradient what each of them had. */
TEST(test_loop_has_no_state)
{
    OWNED(model)
    model = make_graph(context, "x: f32[T,1,3]; n = i64{2}; go, i, s = LoopBegin(n, _, x, carried=1);"
                                "a, h = rnn[3,3]#1(s); y = LoopEnd(go, n, _, _, a, s, carried=1); -> y");
    OWNED(plan) plan = make_plan(model);
    OPTIONS(train, options);
    rnnp_stream *stream;
    rnnp_trainer *trainer;
    FREED float *x = numbers(4 * 3, 1, 1.0f);
    const rnnp_tensor whole = tensor3(x, 4, 1, 3);
    DROPPED(free_outputs) produced o = run_plan(plan, &whole, 1);

    OK(o.status);
    REFUSED(context, rnnp_stream_create(plan, NULL, &stream), RNNP_ERR_UNSUPPORTED, "no state for the iterations");
    options.loss = RNNP_LOSS_MSE;
    REFUSED(context, rnnp_trainer_create(model, &options, &trainer), RNNP_ERR_UNSUPPORTED,
            "loops cannot be trained through");
}
