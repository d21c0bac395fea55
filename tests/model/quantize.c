/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights in other formats: errors of the outputs, reports, rules, exact sums at the extremes, rounding of rows, and
 * what is refused. That the bits are the same everywhere is the identity matrix's part.
 */
#include "build.h"

ONE_CONTEXT(1)

enum { HIDDEN = 96, INPUT = 40, CLASSES = 11, STEPS = 60, BATCH = 3 };

/* LSTM, GRU and a dense layer with hidden sizes and weights as trained networks have them. */
static rnnp_model *network(void)
{
    const int64_t shape[] = {RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT};
    DROPPED(free_layer) layer a = make_layer(RNNP_CELL_LSTM, INPUT, HIDDEN, RNNP_DIRECTION_FORWARD, 1);
    DROPPED(free_layer) layer b = make_layer(RNNP_CELL_GRU, HIDDEN, HIDDEN, RNNP_DIRECTION_FORWARD, 2);
    FREED float *w = numbers(HIDDEN * CLASSES, 3, 0.1f);
    rnnp_model *model = make_model(context);
    rnnp_value x, y;

    for (size_t i = 0; i < 4 * HIDDEN * (INPUT + HIDDEN); i++) a.memory[i] *= 0.25f;
    for (size_t i = 0; i < 3 * HIDDEN * (HIDDEN + HIDDEN); i++) b.memory[i] *= 0.25f;
    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 3, shape, NULL, &x));
    OK(rnnp_model_set_layer_name(model, "first"));
    y = add_layer(model, &a, x);
    OK(rnnp_model_set_layer_name(model, "second"));
    y = add_layer(model, &b, y);
    OK(rnnp_model_set_layer_name(model, "head"));
    OK(rnnp_model_add_dense(model, y, w, HIDDEN, CLASSES, 0, NULL, NULL, &y));
    close_with(model, "y", y);
    return model;
}

static float *run_of(const rnnp_model *model, const float *x, size_t *bytes)
{
    const rnnp_tensor in = tensor3(x, STEPS, BATCH, INPUT);
    rnnp_tensor out;
    OWNED(plan) plan = make_plan(model);
    OWNED_NEW(run, run, plan, &in, 1);

    OK(rnnp_plan_bytes(model, NULL, bytes));
    OK(rnnp_run_output(run, 0, &out));
    out.data = calloc(rnnp_tensor_elements(&out), sizeof(float));
    OK(rnnp_run_execute(run, &in, 1, &out, 1));
    return out.data;
}

/* Bounds of the outputs' root mean square error; and bytes of a plan, which has biases besides. */
TEST(test_errors_and_memory)
{
    static const struct {
        rnnp_weights weights;
        double rms, memory;
    } formats[] = {{RNNP_WEIGHTS_F16, 6e-5, 0.53}, {RNNP_WEIGHTS_BF16, 5e-4, 0.53}, {RNNP_WEIGHTS_S8, 2.5e-3, 0.30}};
    OWNED(model) model = network();
    FREED float *x = numbers(STEPS * BATCH * INPUT, 9, 1);
    const size_t n = STEPS * BATCH * CLASSES;
    size_t bytes, now;
    FREED float *exact = run_of(model, x, &bytes);

    for (size_t f = 0; f < sizeof formats / sizeof formats[0]; f++) {
        OWNED(model) quantized = quantized_to(model, formats[f].weights);
        FREED float *y = run_of(quantized, x, &now);
        double square = 0;

        for (size_t i = 0; i < n; i++) square += pow((double)y[i] - (double)exact[i], 2);
        printf("format %d: rms %.2g, memory %.3f\n", (int)formats[f].weights, sqrt(square / (double)n),
               (double)now / (double)bytes);
        assert_true(square > 0 && sqrt(square / (double)n) <= formats[f].rms);
        assert_true((double)now <= formats[f].memory * (double)bytes);
    }
}

typedef struct report {
    size_t n;
    rnnp_quantized_layer layer[8];
} report;

static void note_layer(void *user, const rnnp_quantized_layer *of)
{
    report *r = user;

    r->layer[r->n++] = *of;
}

TEST(test_report_and_rules)
{
    const rnnp_quantize_rule rules[] = {{"head*", RNNP_WEIGHTS_F32}, {"first.*", RNNP_WEIGHTS_BF16}};
    const size_t parameters[] = {4 * HIDDEN * (INPUT + HIDDEN), 3 * HIDDEN * (HIDDEN + HIDDEN), HIDDEN * CLASSES};
    OWNED(model) model = network();
    rnnp_model *quantized = NULL;
    report r = {.n = 0};
    OPTIONS(quantize, options);

    options.weights = RNNP_WEIGHTS_S8;
    options.rules = rules;
    options.n_rules = 2;
    options.layer = note_layer;
    options.user = &r;
    OK(rnnp_model_quantize(model, &options, &quantized));
    assert_int_equal(r.n, 3);
    for (size_t i = 0; i < r.n; i++) assert_int_equal(r.layer[i].parameters, parameters[i]);
    assert_int_equal(r.layer[0].weights, RNNP_WEIGHTS_BF16);
    assert_int_equal(r.layer[0].bytes_before, 4 * parameters[0]);
    assert_int_equal(r.layer[0].bytes_after, 2 * parameters[0]);
    assert_true(r.layer[0].max_error > 0 && r.layer[0].max_error <= 0x1p-8);
    assert_int_equal(r.layer[1].weights, RNNP_WEIGHTS_S8);
    assert_int_equal(r.layer[1].bytes_after, parameters[1] + 2 * 3 * HIDDEN * sizeof(float));
    assert_true(r.layer[1].rms_error > 0 && r.layer[1].max_error <= 0.5 / 127 * 1.0001);
    assert_int_equal(r.layer[2].weights, RNNP_WEIGHTS_F32);
    assert_true(r.layer[2].rms_error == 0 && r.layer[2].bytes_after == 4 * parameters[2]);

    /* what is quantised stays, and a second time is refused */
    rnnp_model *again = quantized;
    REFUSED(context, rnnp_model_quantize(quantized, &options, &again), RNNP_ERR_ARG, "bf16 already");
    assert_null(again);
    options.weights = RNNP_WEIGHTS_F32;
    options.n_rules = 0;
    OK(rnnp_model_quantize(quantized, &options, &again));
    FREED float *x = numbers(STEPS * BATCH * INPUT, 9, 1);
    size_t bytes;
    FREED float *a = run_of(quantized, x, &bytes), *b = run_of(again, x, &bytes);
    assert_memory_equal(a, b, STEPS * BATCH * CLASSES * sizeof(float));
    rnnp_model_destroy(again);
    rnnp_model_destroy(quantized);
}

TEST(test_bad_options)
{
    static const rnnp_quantize_rule none = {NULL, RNNP_WEIGHTS_F32}, no_layer = {"nobody*", RNNP_WEIGHTS_F32},
                                    no_format = {"*", (rnnp_weights)9};
    OWNED(model) model = network();
    OWNED(model) open = make_model(context);
    rnnp_model *to = model;
    OPTIONS(quantize, options);

    FAILS(rnnp_model_quantize(NULL, &options, &to), RNNP_ERR_ARG);
    assert_null(to);
    REFUSED(context, rnnp_model_quantize(model, NULL, &to), RNNP_ERR_ARG, "options is NULL");
    REFUSED(context, rnnp_model_quantize(model, &options, NULL), RNNP_ERR_ARG, "quantized is NULL");
    REFUSED(context, rnnp_model_quantize(open, &options, &to), RNNP_ERR_STATE, "not closed");
    options.weights = (rnnp_weights)7;
    REFUSED(context, rnnp_model_quantize(model, &options, &to), RNNP_ERR_ARG, "format of weights 7");
    options.weights = RNNP_WEIGHTS_S8;
    options.n_rules = 1;
    REFUSED(context, rnnp_model_quantize(model, &options, &to), RNNP_ERR_ARG, "rules is NULL");
    options.rules = &none;
    REFUSED(context, rnnp_model_quantize(model, &options, &to), RNNP_ERR_ARG, "no pattern");
    options.rules = &no_format;
    REFUSED(context, rnnp_model_quantize(model, &options, &to), RNNP_ERR_ARG, "format of weights 9");
    options.rules = &no_layer;
    REFUSED(context, rnnp_model_quantize(model, &options, &to), RNNP_ERR_ARG, "nobody*");
    OK(rnnp_model_release_weights(model, NULL));
    options.n_rules = 0;
    REFUSED(context, rnnp_model_quantize(model, &options, &to), RNNP_ERR_STATE, "release");
    assert_null(to);
}

/* ---- One product ---- */

/* y = a B of a model with one MatMul, B [k][n]. */
static rnnp_model *product(const float *b, int64_t k, int64_t n)
{
    const rnnp_tensor right = {RNNP_DTYPE_F32, 2, {k, n}, .const_data = b};
    const int64_t shape[] = {RNNP_DYNAMIC, k};
    rnnp_model *model = make_model(context);
    rnnp_value x, w;

    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 2, shape, NULL, &x));
    OK(rnnp_model_add_constant(model, "right", &right, &w));
    close_with(model, "y", node2(model, "MatMul", x, w));
    return model;
}

static void multiply(const rnnp_model *model, const float *x, int64_t m, int64_t k, float *y)
{
    const rnnp_tensor in = {RNNP_DTYPE_F32, 2, {m, k}, .const_data = x};
    rnnp_tensor out = {.data = y};
    OWNED(plan) plan = make_plan(model);
    OWNED_NEW(run, run, plan, &in, 1);

    OK(rnnp_run_execute(run, &in, 1, &out, 1));
}

TEST(test_weights_out_of_range)
{
    const struct {
        float w;
        rnnp_weights weights;
        const char *words;
    } cases[] = {{NAN, RNNP_WEIGHTS_S8, "nan"},
                 {INFINITY, RNNP_WEIGHTS_F16, "inf"},
                 {65520, RNNP_WEIGHTS_F16, "65520"},
                 {-1e6f, RNNP_WEIGHTS_F16, "-1e+06"},
                 {0x1.ffp127f, RNNP_WEIGHTS_BF16, "bf16"}};
    float b[] = {1, 0.5f, 2, 3}, y[2];
    OPTIONS(quantize, options);
    rnnp_model *to;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        b[1] = cases[i].w;
        OWNED(model) model = product(b, 2, 2);
        options.weights = cases[i].weights;
        REFUSED(context, rnnp_model_quantize(model, &options, &to), RNNP_ERR_ARG, cases[i].words);
    }
    b[1] = -1e6f;
    OWNED(model) model = product(b, 2, 2);
    options.weights = RNNP_WEIGHTS_F16;
    options.saturate = 1;
    OWNED(model) saturated = NULL;
    OK(rnnp_model_quantize(model, &options, &saturated));
    multiply(saturated, (float[]){1, 0}, 1, 2, y);
    assert_true(y[0] == 1 && y[1] == -65504);
}

/* 65536 products of 127 by 127 at either end are still exact: 1057030144, which a float holds. */
TEST(test_largest_sum)
{
    enum { K = 65536, N = 40 };
    FREED float *b = numbers(K * N, 1, 1), *x = numbers(3 * K, 1, 1);
    float y[3 * N];

    for (size_t k = 0; k < K; k++) {
        for (size_t n = 0; n < N; n++) b[k * N + n] = n % 2 ? -1.0f : 1.0f;
        x[k] = 1;
        x[K + k] = -1;
        x[2 * K + k] = k < K / 2 ? 1 : -1;
    }
    OWNED(model) model = product(b, K, N);
    OWNED(model) quantized = quantized_to(model, RNNP_WEIGHTS_S8);
    multiply(quantized, x, 3, K, y);
    const float scale = 1.0f / 127.0f * (1.0f / 127.0f), end = fmaf(1057030144.0f, scale, 0);
    for (size_t n = 0; n < N; n++) {
        const float sign = n % 2 ? -1 : 1;

        assert_true(y[n] == sign * end && y[N + n] == -sign * end && y[2 * N + n] == 0);
    }
}

/* Rows by a matrix that has 127 on its diagonal: y are the rounded values. */
TEST(test_rounding_of_rows)
{
    enum { K = 19 };
    float b[K * K] = {0}, x[5 * K] = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 126.5f, -126.5f, 0x1p-149f, -3.49f},
                y[5 * K];
    const float want[K] = {127, 0, 2, 2, 0, -2, 126, -126, 0, -3};

    for (size_t i = 0; i < K; i++) b[i * K + i] = 1;
    x[K] = 0x1p-101f;     /* counts as zeros */
    x[2 * K] = 0x1p-100f; /* the smallest row that does not */
    x[3 * K + 4] = -INFINITY;
    x[4 * K + K - 1] = NAN;
    OWNED(model) model = product(b, K, K);
    OWNED(model) quantized = quantized_to(model, RNNP_WEIGHTS_S8);
    multiply(quantized, x, 5, K, y);
    for (size_t i = 0; i < K; i++) {
        assert_true(rintf(y[i]) == want[i] && fabsf(y[i] - want[i]) < 1e-4f);
        assert_true(y[K + i] == 0);
        assert_true(fabsf(y[2 * K + i] - (i ? 0 : 0x1p-100f)) < 0x1p-120f);
        assert_true(isnan(y[3 * K + i]) && isnan(y[4 * K + i]));
    }
}

/* ---- Nodes ---- */

typedef struct weight_case {
    rnnp_dtype w, r;
    int w_scale, r_scale; /* 1: present */
    float scale;
    int64_t channels; /* of the scales */
    rnnp_status status;
    const char *words;
} weight_case;

/* An LSTM of 2 units on 3 features with weights as the case says. */
static rnnp_status close_lstm(const weight_case *c)
{
    static const unsigned char bytes[8 * 3 * 8];
    const float scale[9] = {1, 1, 1, 1, 1, c->scale, 1, 1, 1};
    const rnnp_tensor w = {c->w, 3, {1, 8, 3}, .const_data = bytes}, r = {c->r, 3, {1, 8, 2}, .const_data = bytes},
                      s = {RNNP_DTYPE_F32, 2, {1, c->channels}, .const_data = scale};
    OWNED(model) model = make_model(context);
    rnnp_value in[10], y = 0;

    for (size_t i = 0; i < 10; i++) in[i] = RNNP_NONE;
    in[0] = input3(model, "x", 4, 2, 3);
    OK(rnnp_model_add_constant(model, NULL, &w, &in[1]));
    OK(rnnp_model_add_constant(model, NULL, &r, &in[2]));
    if (c->w_scale) OK(rnnp_model_add_constant(model, NULL, &s, &in[8]));
    if (c->r_scale) OK(rnnp_model_add_constant(model, NULL, &s, &in[9]));
    OK(rnnp_model_add_node(model, "LSTM", 14, "net", in, 10, NULL, 0, &y, 1));
    OK(rnnp_model_add_output(model, "y", y));
    return rnnp_model_close(model);
}

TEST(test_bad_weights_of_nodes)
{
    const rnnp_dtype F32 = RNNP_DTYPE_F32, F16 = RNNP_DTYPE_F16, BF16 = RNNP_DTYPE_BF16, I8 = RNNP_DTYPE_I8;
    const weight_case cases[] = {
        {F16, F16, 0, 0, 1, 8, RNNP_OK, ""},
        {I8, I8, 1, 1, 0.5f, 8, RNNP_OK, ""},
        {F16, BF16, 0, 0, 1, 8, RNNP_ERR_TYPE, "W is f16 and R is bf16"},
        {F32, I8, 0, 1, 1, 8, RNNP_ERR_TYPE, "W is f32 and R is i8"},
        {I8, I8, 1, 0, 1, 8, RNNP_ERR_ARG, "R_scale is missing"},
        {F16, F16, 1, 0, 1, 8, RNNP_ERR_ARG, "W_scale is given, but W is f16"},
        {I8, I8, 1, 1, 0, 8, RNNP_ERR_ARG, "W_scale[5] is 0"},
        {I8, I8, 1, 1, -1, 8, RNNP_ERR_ARG, "W_scale[5] is -1"},
        {I8, I8, 1, 1, INFINITY, 8, RNNP_ERR_ARG, "W_scale[5] is inf"},
        {I8, I8, 1, 1, NAN, 8, RNNP_ERR_ARG, "W_scale[5] is nan"},
        {I8, I8, 1, 1, 1, 7, RNNP_ERR_SHAPE, "W_scale has shape [1,7], expected [1,8]"},
        {RNNP_DTYPE_U8, I8, 0, 1, 1, 8, RNNP_ERR_TYPE, "W is u8"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(close_lstm(&cases[i]), cases[i].status);
        if (cases[i].status != RNNP_OK) assert_says(context, cases[i].words);
    }
}

TEST(test_bad_weights_of_products)
{
    static const int8_t bytes[24];
    static const float ones[4] = {1, 1, 1, 1};
    const struct {
        const char *op;
        size_t scale;
        rnnp_tensor right;
        int64_t channels;
        rnnp_status status;
        const char *words;
    } cases[] = {
        {"MatMul", 2, {RNNP_DTYPE_I8, 2, {3, 4}, .const_data = bytes}, 4, RNNP_OK, ""},
        {"Gemm", 3, {RNNP_DTYPE_I8, 2, {3, 4}, .const_data = bytes}, 4, RNNP_OK, ""},
        {"MatMul", 2, {RNNP_DTYPE_I8, 2, {3, 4}, .const_data = bytes}, 3, RNNP_ERR_SHAPE, "expected [4]"},
        {"Gemm", 3, {RNNP_DTYPE_I8, 2, {3, 4}, .const_data = bytes}, 0, RNNP_ERR_ARG, "B_scale is missing"},
        {"MatMul", 2, {RNNP_DTYPE_I8, 3, {1, 3, 4}, .const_data = bytes}, 4, RNNP_ERR_UNSUPPORTED, "rank 3"},
        {"MatMul", 2, {RNNP_DTYPE_I64, 2, {3, 1}, .const_data = bytes}, 0, RNNP_ERR_TYPE, "B is i64"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const rnnp_tensor s = {RNNP_DTYPE_F32, 1, {cases[i].channels}, .const_data = ones};
        const int64_t shape[] = {2, 3};
        OWNED(model) model = make_model(context);
        rnnp_value in[4] = {RNNP_NONE, RNNP_NONE, RNNP_NONE, RNNP_NONE}, y = 0;

        OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 2, shape, NULL, &in[0]));
        OK(rnnp_model_add_constant(model, NULL, &cases[i].right, &in[1]));
        if (cases[i].channels) OK(rnnp_model_add_constant(model, NULL, &s, &in[cases[i].scale]));
        OK(rnnp_model_add_node(model, cases[i].op, 13, "net", in, cases[i].scale + 1, NULL, 0, &y, 1));
        OK(rnnp_model_add_output(model, "y", y));
        const rnnp_status status = rnnp_model_close(model);
        if (cases[i].status != RNNP_OK) assert_says(context, cases[i].words);
        assert_int_equal(status, cases[i].status);
    }
    OWNED(model) model = make_model(context); /* f16 that is no constant */
    const int64_t shape[] = {2, 2};
    const rnnp_attr to_f16 = {.name = "to", .kind = RNNP_ATTR_INT, .i = 10};
    rnnp_value x, y;
    OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 2, shape, NULL, &x));
    y = node2(model, "MatMul", x, node(model, "Cast", &x, 1, &to_f16, 1));
    OK(rnnp_model_add_output(model, "y", y));
    REFUSED(context, rnnp_model_close(model), RNNP_ERR_UNSUPPORTED, "B is f16 and not a constant");
}
