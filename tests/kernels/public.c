/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of kernels.h: results against double, streaming against whole sequences, and every error.
 */
#include "rnnpack/kernels.h"

#include "tests/model/build.h"

enum { INPUT = 5, HIDDEN = 11, STEPS = 9, BATCH = 3, ROWS = 4 * HIDDEN };

ONE_CONTEXT(1)

RNNP_TEST_DROPS(layer)

/* Memory for calls of so many steps and rows, and their arguments. */
static rnnp_layer_args args_of(const rnnp_layer *made, size_t steps, size_t batch, const float *x, float *y)
{
    rnnp_layer_args args;
    size_t bytes;

    rnnp_layer_args_init(&args);
    OK(rnnp_layer_workspace_bytes(made, steps, batch, &bytes));
    args.steps = steps;
    args.batch = batch;
    args.x = x;
    args.y = y;
    args.workspace = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(args.workspace);
    return args;
}

TEST(functions)
{
    static const struct {
        rnnp_function function;
        double (*oracle)(double);
    } cases[] = {
        {RNNP_FUNCTION_EXP, exp}, {RNNP_FUNCTION_TANH, tanh}, {RNNP_FUNCTION_LOG, log}, {RNNP_FUNCTION_SQRT, sqrt}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
        for (int math = RNNP_MATH_U35; math <= RNNP_MATH_U10; math++)
            for (size_t n = 0; n < 70; n++) {
                float x[70], y[71];
                fill(x, n, (uint32_t)n, 1.0f);
                for (size_t i = 0; i < n; i++) x[i] += 1.5f;
                y[n] = 7;
                OK(rnnp_apply(context, cases[c].function, (rnnp_math)math, n, x, y));
                for (size_t i = 0; i < n; i++) {
                    double want = cases[c].oracle((double)x[i]);
                    assert_true(fabs((double)y[i] - want) <= 3.5 * 0x1p-23 * fabs(want));
                }
                assert_true(y[n] == 7.0f);
            }
    float edge[] = {-INFINITY, -1, -0.0f, 0, INFINITY, NAN}, y[6];
    OK(rnnp_apply(context, RNNP_FUNCTION_RELU, RNNP_MATH_U35, 6, edge, y));
    assert_true(y[0] == 0 && y[1] == 0 && y[3] == 0 && isinf(y[4]) && isnan(y[5]));
    OK(rnnp_apply(context, RNNP_FUNCTION_SIGMOID, RNNP_MATH_U35, 6, edge, y));
    assert_true(y[0] == 0 && y[2] == 0.5f && y[3] == 0.5f && y[4] == 1 && isnan(y[5]));
    OK(rnnp_apply(context, RNNP_FUNCTION_SOFTSIGN, RNNP_MATH_U35, 6, edge, y));
    assert_true(y[0] == -1 && y[1] == -0.5f && y[4] == 1);

    FAILS(rnnp_apply(NULL, RNNP_FUNCTION_EXP, RNNP_MATH_U35, 6, edge, y), RNNP_ERR_ARG);
    FAILS(rnnp_apply(context, (rnnp_function)0, RNNP_MATH_U35, 6, edge, y), RNNP_ERR_ARG);
    FAILS(rnnp_apply(context, (rnnp_function)99, RNNP_MATH_U35, 6, edge, y), RNNP_ERR_ARG);
    FAILS(rnnp_apply(context, RNNP_FUNCTION_EXP, (rnnp_math)3, 6, edge, y), RNNP_ERR_ARG);
    FAILS(rnnp_apply(context, RNNP_FUNCTION_EXP, RNNP_MATH_U35, 6, NULL, y), RNNP_ERR_ARG);
    OK(rnnp_apply(context, RNNP_FUNCTION_EXP, RNNP_MATH_U35, 0, NULL, NULL));
}

TEST(softmax)
{
    float x[2 * 37], y[2 * 37];
    fill(x, 2 * 37, 1, 1.0f);
    OK(rnnp_softmax(context, RNNP_MATH_U35, 2, 37, x, y));
    for (size_t r = 0; r < 2; r++) {
        double sum = 0;
        for (size_t i = 0; i < 37; i++) sum += exp((double)x[r * 37 + i]);
        for (size_t i = 0; i < 37; i++) {
            double want = exp((double)x[r * 37 + i]) / sum;
            assert_true(fabs((double)y[r * 37 + i] - want) < 1e-6 * want);
        }
    }
    OK(rnnp_softmax(context, RNNP_MATH_U35, 2, 37, x, x));
    assert_memory_equal(x, y, sizeof x);
    FAILS(rnnp_softmax(context, RNNP_MATH_U35, 2, 0, x, y), RNNP_ERR_ARG);
    FAILS(rnnp_softmax(context, RNNP_MATH_U35, 2, 3, NULL, y), RNNP_ERR_ARG);
    FAILS(rnnp_softmax(context, (rnnp_math)-1, 2, 3, x, y), RNNP_ERR_ARG);
}

TEST(products)
{
    enum { M = 7, N = 53, K = 19 };
    float a[M * K], b[K * N], bt[N * K], bias[N], c[M * N], again[M * N];
    size_t bytes;
    fill(a, M * K, 1, 1.0f);
    fill(b, K * N, 2, 1.0f);
    fill(bias, N, 3, 1.0f);
    for (size_t k = 0; k < K; k++)
        for (size_t n = 0; n < N; n++) bt[n * K + k] = b[k * N + n];
    OK(rnnp_gemm_pack_bytes(context, N, K, &bytes));
    FREED void *packed = aligned_alloc(64, (bytes + 63) / 64 * 64);
    OK(rnnp_gemm_pack(context, N, K, b, N, 1, packed));
    OK(rnnp_gemm(context, M, N, K, a, K, packed, bias, c, N));
    for (size_t m = 0; m < M; m++)
        for (size_t n = 0; n < N; n++) {
            double want = (double)bias[n], size = fabs(want);
            for (size_t k = 0; k < K; k++) {
                want += (double)a[m * K + k] * (double)b[k * N + n];
                size += fabs((double)a[m * K + k] * (double)b[k * N + n]);
            }
            assert_true(fabs((double)c[m * N + n] - want) <= (K + 4) * 0x1p-24 * size);
        }
    /* the transposed source packs to the same; one row alone has the same bits */
    OK(rnnp_gemm_pack(context, N, K, bt, 1, K, packed));
    for (size_t m = 0; m < M; m++) OK(rnnp_gemm(context, 1, N, K, a + m * K, K, packed, bias, again + m * N, N));
    assert_memory_equal(c, again, sizeof c);

    FAILS(rnnp_gemm_pack_bytes(context, SIZE_MAX, 2, &bytes), RNNP_ERR_SHAPE);
    FAILS(rnnp_gemm_pack_bytes(context, 1 << 20, SIZE_MAX / 2, &bytes), RNNP_ERR_SHAPE);
    FAILS(rnnp_gemm_pack_bytes(context, 1, 1, NULL), RNNP_ERR_ARG);
    FAILS(rnnp_gemm_pack_bytes(NULL, 1, 1, &bytes), RNNP_ERR_ARG);
    FAILS(rnnp_gemm_pack(context, N, K, NULL, N, 1, packed), RNNP_ERR_ARG);
    FAILS(rnnp_gemm(context, M, N, K, a, K - 1, packed, bias, c, N), RNNP_ERR_ARG);
    FAILS(rnnp_gemm(context, M, N, K, a, K, packed, bias, c, N - 1), RNNP_ERR_ARG);
    FAILS(rnnp_gemm(context, M, N, K, NULL, K, packed, bias, c, N), RNNP_ERR_ARG);
    OK(rnnp_gemm(context, 0, N, K, a, K, packed, bias, c, N));
}

/* In PyTorch's order, against the oracle in ONNX's. */
TEST(layers)
{
    static const size_t from[] = {0, 2, 3, 1}; /* i f g o among i o f c */
    static float w[ROWS * INPUT], r[ROWS * HIDDEN], b[2][ROWS], y[STEPS * BATCH * HIDDEN],
        again[STEPS * BATCH * HIDDEN];
    static float want[STEPS * BATCH * HIDDEN], h[BATCH * HIDDEN], c[BATCH * HIDDEN];
    DROPPED(free_layer) layer l = make_layer(RNNP_CELL_LSTM, INPUT, HIDDEN, RNNP_DIRECTION_FORWARD, 1);
    FREED float *x = numbers(STEPS * BATCH * INPUT, 5, 1.0f);
    const rnnp_recurrent_weights weights = {w, r, b[0], b[1], NULL};
    OWNED(layer) made = NULL;

    oracle(&l, STEPS, BATCH, x, NULL, NULL, NULL, want, h, c);
    l.options.order = RNNP_ORDER_PYTORCH;
    for (size_t g = 0; g < 4; g++) {
        const size_t to = g * HIDDEN, at = from[g] * HIDDEN;
        memcpy(w + to * INPUT, l.weights[0].w + at * INPUT, HIDDEN * INPUT * sizeof *w);
        memcpy(r + to * HIDDEN, l.weights[0].r + at * HIDDEN, HIDDEN * HIDDEN * sizeof *r);
        for (size_t k = 0; k < 2; k++) memcpy(b[k] + to, l.weights[0].bias + k * ROWS + at, HIDDEN * sizeof *b[k]);
    }
    OK(rnnp_layer_create(context, &l.options, &weights, RNNP_MATH_U35, &made));
    rnnp_layer_args args = args_of(made, STEPS, BATCH, x, y);
    FREED void *workspace = args.workspace;
    (void)workspace;
    OK(rnnp_layer_forward(made, &args));
    assert_close(y, want, STEPS * BATCH * HIDDEN, 2e-6f);
    /* step by step, the state kept in place */
    memset(h, 0, sizeof h);
    memset(c, 0, sizeof c);
    args.steps = 1;
    args.h0 = args.h = h;
    args.c0 = args.c = c;
    for (size_t t = 0; t < STEPS; t++) {
        args.x = x + t * BATCH * INPUT;
        args.y = again + t * BATCH * HIDDEN;
        OK(rnnp_layer_forward(made, &args));
    }
    assert_memory_equal(y, again, sizeof y);
    assert_memory_equal(h, y + (STEPS - 1) * BATCH * HIDDEN, sizeof h);

    const int32_t lengths[BATCH] = {1, 2, 1};
    size_t bytes;
    args.lengths = lengths;
    REFUSED(context, rnnp_layer_forward(made, &args), RNNP_ERR_ARG, "lengths[1]=2");
    args.lengths = NULL;
    args.y_row = HIDDEN - 1; /* rows overlap */
    FAILS(rnnp_layer_forward(made, &args), RNNP_ERR_ARG);
    args.y_row = 0;
    args.x = NULL;
    FAILS(rnnp_layer_forward(made, &args), RNNP_ERR_ARG);
    FAILS(rnnp_layer_forward(made, NULL), RNNP_ERR_ARG);
    FAILS(rnnp_layer_forward(NULL, &args), RNNP_ERR_ARG);
    FAILS(rnnp_layer_workspace_bytes(made, STEPS, SIZE_MAX / 8, &bytes), RNNP_ERR_SHAPE);

    rnnp_layer *none;
    rnnp_recurrent_options bad;
#define BAD(change, status) \
    bad = l.options, change, FAILS(rnnp_layer_create(context, &bad, &weights, RNNP_MATH_U35, &none), status)
    BAD(bad.cell = (rnnp_cell)9, RNNP_ERR_ARG);
    assert_null(none);
    BAD(bad.activations[1] = "Swish", RNNP_ERR_UNSUPPORTED);
    assert_says(context, "Swish");
    BAD(bad.hidden = SIZE_MAX / 8, RNNP_ERR_SHAPE);
    BAD((bad.input = SIZE_MAX / 4 + 1, bad.hidden = 1), RNNP_ERR_SHAPE);
    BAD(bad.input = 0, RNNP_ERR_ARG);
    FAILS(rnnp_layer_create(context, &l.options, NULL, RNNP_MATH_U35, &none), RNNP_ERR_ARG);
    FAILS(rnnp_layer_create(context, &l.options, &(rnnp_recurrent_weights){NULL, r, b[0], b[1], NULL}, RNNP_MATH_U35,
                            &none),
          RNNP_ERR_ARG);
    rnnp_layer_destroy(NULL);
}

/* A batch whose rows end at different times equals its rows run alone, also where so many rows end at once that the
 * kernels change their grouping. */
TEST(lengths_of_a_batch)
{
    enum { MANY = 100, LONG = 85, UNITS = 16, T = 3 };
    static float y[T * MANY * UNITS], alone[T * UNITS], h[MANY * UNITS], h_alone[UNITS];
    FREED float *x = numbers(T * MANY * INPUT, 5, 1.0f);
    DROPPED(free_layer) layer l = make_layer(RNNP_CELL_GRU, INPUT, UNITS, RNNP_DIRECTION_FORWARD, 1);
    int32_t lengths[MANY];

    for (size_t i = 0; i < MANY; i++) lengths[i] = i < LONG ? T : 1;
    for (int reset = RNNP_GRU_RESET_AFTER; reset <= RNNP_GRU_RESET_BEFORE; reset++) {
        OWNED(layer) made = NULL;

        l.options.reset = (rnnp_gru_reset)reset;
        OK(rnnp_layer_create(context, &l.options, l.weights, RNNP_MATH_U35, &made));
        rnnp_layer_args args = args_of(made, T, MANY, x, y);
        FREED void *workspace = args.workspace;
        (void)workspace;
        args.h = h;
        args.lengths = lengths;
        OK(rnnp_layer_forward(made, &args));
        args.lengths = NULL;
        args.batch = 1;
        args.x_step = MANY * INPUT;
        args.y = alone;
        args.h = h_alone;
        for (size_t row = 0; row < MANY; row++) {
            args.steps = (size_t)lengths[row];
            args.x = x + row * INPUT;
            OK(rnnp_layer_forward(made, &args));
            assert_memory_equal(h + row * UNITS, h_alone, sizeof h_alone);
            for (size_t t = 0; t < T; t++)
                for (size_t u = 0; u < UNITS; u++)
                    assert_true(y[(t * MANY + row) * UNITS + u] ==
                                (t < (size_t)lengths[row] ? alone[t * UNITS + u] : 0.0f));
        }
    }
}

/* Every allocation of a context and a layer fails once: nothing leaks, and the error says what. */
TEST(allocation_failures)
{
    static float w[ROWS * INPUT], r[ROWS * HIDDEN];
    const rnnp_recurrent_weights weights = {w, r, NULL, NULL, NULL};
    rnnp_recurrent_options options;
    rnnp_recurrent_options_init(&options, RNNP_CELL_LSTM, INPUT, HIDDEN);
    for (size_t n = 1;; n++) {
        test_heap heap = {.fail_at = n};
        OPTIONS(context, co);
        rnnp_context *small;
        rnnp_layer *made = NULL;
        co.allocator = test_allocator(&heap);
        rnnp_status status = rnnp_context_create(&co, &small);
        if (status == RNNP_OK) {
            status = rnnp_layer_create(small, &options, &weights, RNNP_MATH_U35, &made);
            rnnp_layer_destroy(made);
            rnnp_context_destroy(small);
        }
        assert_int_equal(heap.live_blocks, 0);
        assert_int_equal(heap.live_bytes, 0);
        if (status == RNNP_OK) break;
        assert_int_equal(status, RNNP_ERR_MEMORY);
    }
}
