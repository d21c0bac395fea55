/* SPDX-License-Identifier: Apache-2.0
 *
 * 8-bit and 16-bit constants in ONNX files: QuantizeLinear and DequantizeLinear against the standard's formulas, layers
 * that take f16 and bf16 weights from behind a Cast, and what is refused.
 */
#include "../packed/packed.h"

ONE_CONTEXT(1)

static rnnp_value constant(rnnp_model *model, const char *name, rnnp_dtype dtype, size_t rank, int64_t a, int64_t b,
                           const void *data)
{
    const rnnp_tensor tensor = {dtype, rank, {a, b}, .const_data = data};
    rnnp_value value;

    OK(rnnp_model_add_constant(model, name, &tensor, &value));
    return value;
}

static rnnp_attr number(const char *name, int64_t i)
{
    return (rnnp_attr){.name = name, .kind = RNNP_ATTR_INT, .i = i};
}

/* ---- Formulas ---- */

/* y of x [2][3], which is a constant (folded) or an input. */
static void run_linear(const char *op, const rnnp_tensor *x, rnnp_dtype zero_type, const void *zeros,
                       const float *scales, int64_t n, int64_t axis, int folded, rnnp_tensor *y)
{
    const rnnp_attr attr = number("axis", axis);
    const int64_t shape[] = {2, 3};
    OWNED(model) model = make_model(context);
    rnnp_value in[3];

    if (folded)
        OK(rnnp_model_add_constant(model, "x", x, &in[0]));
    else
        OK(rnnp_model_add_input(model, "x", x->dtype, 2, shape, NULL, &in[0]));
    in[1] = constant(model, "scale", RNNP_DTYPE_F32, n > 1, n, 0, scales);
    in[2] = zeros ? constant(model, "zero", zero_type, n > 1, n, 0, zeros) : RNNP_NONE;
    close_with(model, "y", node(model, op, in, 3, &attr, 1));
    assert_int_equal(rnnp_model_node_count(model), !folded);
    OWNED(plan) plan = make_plan(model);
    OWNED_NEW(run, run, plan, folded ? NULL : x, !folded);
    void *data = y->data;
    OK(rnnp_run_output(run, 0, y));
    y->data = data;
    OK(rnnp_run_execute(run, folded ? NULL : x, !folded, y, 1));
}

TEST(test_dequantize)
{
    static const int8_t signed_x[] = {-128, 127, 0, 5, -1, 77}, signed_zero[] = {-128, 0, 127};
    static const uint8_t unsigned_x[] = {0, 255, 128, 5, 1, 77}, unsigned_zero[] = {128, 0, 255};
    static const int32_t wide_x[] = {INT32_MIN, INT32_MAX, 16777217, -5, 0, 1};
    static const float scales[] = {0.1f, 3.0f, 0x1p-20f};

    for (int folded = 0; folded < 2; folded++) {
        float y[6];
        rnnp_tensor out = {.data = y}, x = {RNNP_DTYPE_I8, 2, {2, 3}, .const_data = signed_x};

        run_linear("DequantizeLinear", &x, RNNP_DTYPE_I8, signed_zero, scales, 3, -1, folded, &out);
        for (int i = 0; i < 6; i++) assert_true(y[i] == (float)(signed_x[i] - signed_zero[i % 3]) * scales[i % 3]);
        run_linear("DequantizeLinear", &x, RNNP_DTYPE_I8, signed_zero, scales, 2, 0, folded, &out);
        for (int i = 0; i < 6; i++) assert_true(y[i] == (float)(signed_x[i] - signed_zero[i / 3]) * scales[i / 3]);
        x = (rnnp_tensor){RNNP_DTYPE_U8, 2, {2, 3}, .const_data = unsigned_x};
        run_linear("DequantizeLinear", &x, RNNP_DTYPE_U8, unsigned_zero, scales, 1, 1, folded, &out);
        for (int i = 0; i < 6; i++) assert_true(y[i] == (float)(unsigned_x[i] - 128) * 0.1f);
        x = (rnnp_tensor){RNNP_DTYPE_I32, 2, {2, 3}, .const_data = wide_x};
        run_linear("DequantizeLinear", &x, RNNP_DTYPE_I32, NULL, scales, 3, 1, folded, &out);
        for (int i = 0; i < 6; i++) assert_true(y[i] == (float)wide_x[i] * scales[i % 3]);
    }
}

TEST(test_quantize)
{
    static const float x[] = {0.25f, 0.75f, -0.75f, 1e30f, -INFINITY, NAN}, half = 0.5f, scales[] = {0.5f, 1};
    static const int8_t zero = -3, zeros[] = {0, 100};
    static const int8_t want[] = {-3, -1, -5, 127, -128, -3}, by_row[] = {0, 2, -2, 127, -128, 100};
    static const uint8_t want_u8[] = {0, 2, 0, 255, 0, 0};

    for (int folded = 0; folded < 2; folded++) {
        uint8_t y[6];
        rnnp_tensor out = {.data = y};
        const rnnp_tensor in = {RNNP_DTYPE_F32, 2, {2, 3}, .const_data = x};

        run_linear("QuantizeLinear", &in, RNNP_DTYPE_I8, &zero, &half, 1, 1, folded, &out);
        assert_int_equal(out.dtype, RNNP_DTYPE_I8);
        assert_memory_equal(y, want, 6);
        run_linear("QuantizeLinear", &in, RNNP_DTYPE_I8, zeros, scales, 2, 0, folded, &out);
        assert_memory_equal(y, by_row, 6);
        run_linear("QuantizeLinear", &in, RNNP_DTYPE_U8, NULL, &half, 1, 1, folded, &out);
        assert_int_equal(out.dtype, RNNP_DTYPE_U8);
        assert_memory_equal(y, want_u8, 6);
    }
}

/* ---- What is refused ---- */

typedef struct fault {
    rnnp_dtype x, scale, zero;
    float value;
    int32_t zero_value;
    int64_t n;
    rnnp_status status;
    const char *words;
} fault;

TEST(test_linear_refused)
{
    static const fault faults[] = {
        {RNNP_DTYPE_I8, RNNP_DTYPE_F32, 0, 0, 0, 1, RNNP_ERR_ARG, "DequantizeLinear dq: scale 0 is 0"},
        {RNNP_DTYPE_I8, RNNP_DTYPE_F32, 0, -1, 0, 1, RNNP_ERR_ARG, "scale 0 is -1"},
        {RNNP_DTYPE_I8, RNNP_DTYPE_F32, 0, INFINITY, 0, 1, RNNP_ERR_ARG, "scale 0 is inf"},
        {RNNP_DTYPE_I8, RNNP_DTYPE_F32, 0, NAN, 0, 1, RNNP_ERR_ARG, "nan"},
        {RNNP_DTYPE_I8, RNNP_DTYPE_F32, RNNP_DTYPE_U8, 1, 0, 1, RNNP_ERR_TYPE, "the zero point is u8 and x is i8"},
        {RNNP_DTYPE_I32, RNNP_DTYPE_F32, RNNP_DTYPE_I32, 1, 7, 1, RNNP_ERR_ARG, "zero point 0 of i32 is 7"},
        {RNNP_DTYPE_I8, RNNP_DTYPE_F16, 0, 1, 0, 1, RNNP_ERR_TYPE, "f16"},
        {RNNP_DTYPE_I64, RNNP_DTYPE_F32, 0, 1, 0, 1, RNNP_ERR_TYPE, "i64"},
        {RNNP_DTYPE_I8, RNNP_DTYPE_F32, 0, 1, 0, 2, RNNP_ERR_SHAPE, "number of scales"},
        {RNNP_DTYPE_I8, RNNP_DTYPE_F32, RNNP_DTYPE_I8, 1, 0, 3, RNNP_OK, ""},
    };

    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        const fault *f = &faults[i];
        const int64_t x[6] = {1};
        const float scales[3] = {f->value, f->value, f->value};
        const int32_t zeros[3] = {f->zero_value};
        OWNED(model) model = make_model(context);
        rnnp_value in[3], y = 0;

        in[0] = constant(model, "x", f->x, 2, 2, 3, x);
        in[1] = constant(model, "s", f->scale, f->n > 1, f->n, 0, scales);
        in[2] = f->zero ? constant(model, "z", f->zero, f->n > 1, f->n, 0, zeros) : RNNP_NONE;
        OK(rnnp_model_add_node(model, "DequantizeLinear", 17, "dq", in, 3, NULL, 0, &y, 1));
        OK(rnnp_model_add_output(model, "y", y));
        const rnnp_status status = rnnp_model_close(model);
        assert_int_equal(status, f->status);
        if (status != RNNP_OK) assert_says(context, f->words);
    }

    const rnnp_attr blocks = number("block_size", 16), type = number("output_dtype", 5);
    OWNED(model) model = make_model(context);
    rnnp_value in[2] = {constant(model, "x", RNNP_DTYPE_I8, 0, 0, 0, ""), 0}, y = 0;
    in[1] = in[0];
    REFUSED(context, rnnp_model_add_node(model, "DequantizeLinear", 21, "dq", in, 2, &blocks, 1, &y, 1),
            RNNP_ERR_UNSUPPORTED, "block_size");
    REFUSED(context, rnnp_model_add_node(model, "QuantizeLinear", 21, "q", in, 2, &type, 1, &y, 1),
            RNNP_ERR_UNSUPPORTED, "output_dtype 5");
}

/* A sum of 8-bit products that could overflow. */
TEST(test_too_deep)
{
    enum { MOST = 1 << 16 };
    FREED int8_t *q = calloc(MOST + 1, 1);
    const float scale = 1;

    for (int64_t depth = MOST; depth <= MOST + 1; depth++) {
        const int64_t shape[] = {1, depth};
        OWNED(model) model = make_model(context);
        rnnp_value in[3], y = 0;

        OK(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 2, shape, NULL, &in[0]));
        in[1] = constant(model, "b", RNNP_DTYPE_I8, 2, depth, 1, q);
        in[2] = constant(model, "s", RNNP_DTYPE_F32, 1, 1, 0, &scale);
        OK(rnnp_model_add_node(model, "MatMul", 17, "deep", in, 3, NULL, 0, &y, 1));
        OK(rnnp_model_add_output(model, "y", y));
        const rnnp_status status = rnnp_model_close(model);
        assert_int_equal(status, depth > MOST ? RNNP_ERR_UNSUPPORTED : RNNP_OK);
        if (status != RNNP_OK) assert_says(context, "MatMul deep: B is i8 and 65537 elements deep");
    }
}

/* ---- f16 and bf16 behind Cast ---- */

/* A MatMul and an LSTM, whose weights are widened by the model (cast) or were before. */
static rnnp_model *widened(int cast, rnnp_dtype dtype)
{
    enum { N = 6, ROWS = 4 * N };
    const rnnp_attr to = number("to", 1);
    uint16_t halves[ROWS * N];
    float floats[ROWS * N];
    rnnp_model *model = make_model(context);
    rnnp_value x = input3(model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, N), w[2], y[1] = {0};

    for (size_t i = 0; i < ROWS * N; i++) { /* 1/8 to 1/4, of either sign */
        const unsigned digit = (unsigned)(i * 37 % 64);
        halves[i] = (uint16_t)(dtype == RNNP_DTYPE_F16 ? 0x3000 | digit << 4 | (i & 1) << 15
                                                       : 0x3e00 | digit << 1 | (i & 1) << 15);
        floats[i] = 0.125f * (1 + (float)digit / 64) * (i & 1 ? -1.0f : 1.0f);
    }
    rnnp_tensor t = {cast ? dtype : RNNP_DTYPE_F32, 3, {1, ROWS, N}, .data = cast ? (void *)halves : (void *)floats};
    OK(rnnp_model_add_constant(model, "w", &t, &w[0]));
    t.rank = 2;
    t.shape[0] = t.shape[1] = N;
    OK(rnnp_model_add_constant(model, "b", &t, &w[1]));
    for (int i = 0; cast && i < 2; i++) w[i] = node(model, "Cast", &w[i], 1, &to, 1);
    if (cast) w[1] = node1(model, "Identity", w[1]);
    x = node2(model, "MatMul", x, w[1]);
    OK(rnnp_model_add_node(model, "LSTM", 17, "lstm", (rnnp_value[]){x, w[0], w[0]}, 3, NULL, 0, y, 1));
    OK(rnnp_model_add_output(model, "w", w[0])); /* and somebody needs it in f32 */
    close_with(model, "y", y[0]);
    return model;
}

TEST(test_weights_behind_cast)
{
    static const rnnp_dtype dtypes[] = {RNNP_DTYPE_F16, RNNP_DTYPE_BF16};
    static const char *const ops[] = {"MatMul", "LSTM"};
    FREED float *x = numbers(5 * 2 * 6, 8, 1);
    const rnnp_tensor in = tensor3(x, 5, 2, 6);

    for (int d = 0; d < 2; d++) {
        float y[2][5 * 2 * 6], w[2][24 * 6];

        for (int cast = 0; cast < 2; cast++) {
            OWNED(model) model = widened(cast, dtypes[d]);
            OWNED(plan) plan = make_plan(model);
            OWNED_NEW(run, run, plan, &in, 1);
            rnnp_tensor out[] = {{.data = w[cast]}, {.data = y[cast]}};

            for (int i = 0; i < 2; i++) {
                rnnp_port_info port = {.struct_size = sizeof port};

                OK(rnnp_model_node_input_info(model, find_node(model, ops[i], 0), 1, &port));
                assert_int_equal(port.dtype, cast ? dtypes[d] : RNNP_DTYPE_F32);
            }
            assert_int_equal(rnnp_model_node_count(model), 2);
            OK(rnnp_run_execute(run, &in, 1, out, 2));
            assert_int_equal(out[0].dtype, RNNP_DTYPE_F32);
        }
        assert_memory_equal(y[0], y[1], sizeof y[0]);
        assert_memory_equal(w[0], w[1], sizeof w[0]);
    }
}
