/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of kernels.h: results against double, streaming against whole sequences, and every error.
 */
#include "rnnpack/kernels.h"

#include "tests/oracle.h"
#include "tests/test.h"

enum { INPUT = 5, HIDDEN = 11, STEPS = 9, BATCH = 3, ROWS = 4 * HIDDEN };

ONE_CONTEXT(1)
static unsigned seed;

static float uniform(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) * 0x1p-23f - 1.0f;
}

static void fill(float *p, size_t n)
{
    for (size_t i = 0; i < n; i++) p[i] = uniform();
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
                for (size_t i = 0; i < n; i++) x[i] = 1.5f + uniform();
                y[n] = 7;
                assert_int_equal(rnnp_apply(context, cases[c].function, (rnnp_math)math, n, x, y), RNNP_OK);
                for (size_t i = 0; i < n; i++) {
                    double want = cases[c].oracle((double)x[i]);
                    assert_true(fabs((double)y[i] - want) <= 3.5 * 0x1p-23 * fabs(want));
                }
                assert_true(y[n] == 7.0f);
            }
    float edge[] = {-INFINITY, -1, -0.0f, 0, INFINITY, NAN}, y[6];
    assert_int_equal(rnnp_apply(context, RNNP_FUNCTION_RELU, RNNP_MATH_U35, 6, edge, y), RNNP_OK);
    assert_true(y[0] == 0 && y[1] == 0 && y[3] == 0 && isinf(y[4]) && isnan(y[5]));
    assert_int_equal(rnnp_apply(context, RNNP_FUNCTION_SIGMOID, RNNP_MATH_U35, 6, edge, y), RNNP_OK);
    assert_true(y[0] == 0 && y[2] == 0.5f && y[3] == 0.5f && y[4] == 1 && isnan(y[5]));
    assert_int_equal(rnnp_apply(context, RNNP_FUNCTION_SOFTSIGN, RNNP_MATH_U35, 6, edge, y), RNNP_OK);
    assert_true(y[0] == -1 && y[1] == -0.5f && y[4] == 1);

    assert_int_equal(rnnp_apply(NULL, RNNP_FUNCTION_EXP, RNNP_MATH_U35, 6, edge, y), RNNP_ERR_ARG);
    assert_int_equal(rnnp_apply(context, (rnnp_function)0, RNNP_MATH_U35, 6, edge, y), RNNP_ERR_ARG);
    assert_int_equal(rnnp_apply(context, (rnnp_function)99, RNNP_MATH_U35, 6, edge, y), RNNP_ERR_ARG);
    assert_int_equal(rnnp_apply(context, RNNP_FUNCTION_EXP, (rnnp_math)3, 6, edge, y), RNNP_ERR_ARG);
    assert_int_equal(rnnp_apply(context, RNNP_FUNCTION_EXP, RNNP_MATH_U35, 6, NULL, y), RNNP_ERR_ARG);
    assert_int_equal(rnnp_apply(context, RNNP_FUNCTION_EXP, RNNP_MATH_U35, 0, NULL, NULL), RNNP_OK);
}

TEST(softmax)
{
    float x[2 * 37], y[2 * 37];
    fill(x, 2 * 37);
    assert_int_equal(rnnp_softmax(context, RNNP_MATH_U35, 2, 37, x, y), RNNP_OK);
    for (size_t r = 0; r < 2; r++) {
        double sum = 0;
        for (size_t i = 0; i < 37; i++) sum += exp((double)x[r * 37 + i]);
        for (size_t i = 0; i < 37; i++) {
            double want = exp((double)x[r * 37 + i]) / sum;
            assert_true(fabs((double)y[r * 37 + i] - want) < 1e-6 * want);
        }
    }
    assert_int_equal(rnnp_softmax(context, RNNP_MATH_U35, 2, 37, x, x), RNNP_OK);
    assert_memory_equal(x, y, sizeof x);
    assert_int_equal(rnnp_softmax(context, RNNP_MATH_U35, 2, 0, x, y), RNNP_ERR_ARG);
    assert_int_equal(rnnp_softmax(context, RNNP_MATH_U35, 2, 3, NULL, y), RNNP_ERR_ARG);
    assert_int_equal(rnnp_softmax(context, (rnnp_math)-1, 2, 3, x, y), RNNP_ERR_ARG);
}

TEST(products)
{
    enum { M = 7, N = 53, K = 19 };
    float a[M * K], b[K * N], bt[N * K], bias[N], c[M * N], again[M * N];
    size_t bytes;
    fill(a, M * K);
    fill(b, K * N);
    fill(bias, N);
    for (size_t k = 0; k < K; k++)
        for (size_t n = 0; n < N; n++) bt[n * K + k] = b[k * N + n];
    assert_int_equal(rnnp_gemm_pack_bytes(context, N, K, &bytes), RNNP_OK);
    FREED void *packed = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_int_equal(rnnp_gemm_pack(context, N, K, b, N, 1, packed), RNNP_OK);
    assert_int_equal(rnnp_gemm(context, M, N, K, a, K, packed, bias, c, N), RNNP_OK);
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
    assert_int_equal(rnnp_gemm_pack(context, N, K, bt, 1, K, packed), RNNP_OK);
    for (size_t m = 0; m < M; m++)
        assert_int_equal(rnnp_gemm(context, 1, N, K, a + m * K, K, packed, bias, again + m * N, N), RNNP_OK);
    assert_memory_equal(c, again, sizeof c);

    assert_int_equal(rnnp_gemm_pack_bytes(context, SIZE_MAX, 2, &bytes), RNNP_ERR_SHAPE);
    assert_int_equal(rnnp_gemm_pack_bytes(context, 1 << 20, SIZE_MAX / 2, &bytes), RNNP_ERR_SHAPE);
    assert_int_equal(rnnp_gemm_pack_bytes(context, 1, 1, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_gemm_pack_bytes(NULL, 1, 1, &bytes), RNNP_ERR_ARG);
    assert_int_equal(rnnp_gemm_pack(context, N, K, NULL, N, 1, packed), RNNP_ERR_ARG);
    assert_int_equal(rnnp_gemm(context, M, N, K, a, K - 1, packed, bias, c, N), RNNP_ERR_ARG);
    assert_int_equal(rnnp_gemm(context, M, N, K, a, K, packed, bias, c, N - 1), RNNP_ERR_ARG);
    assert_int_equal(rnnp_gemm(context, M, N, K, NULL, K, packed, bias, c, N), RNNP_ERR_ARG);
    assert_int_equal(rnnp_gemm(context, 0, N, K, a, K, packed, bias, c, N), RNNP_OK);
}

static void doubles(double *to, const float *from, size_t n)
{
    for (size_t i = 0; i < n; i++) to[i] = (double)from[i];
}

/* An LSTM whose weights are in PyTorch's order, in double. */
static void lstm_oracle(const float *w, const float *r, const float *b, const float *bh, const float *x, double *y)
{
    static const size_t from[] = {0, 3, 1, 2}; /* i o f c among i f g o */
    double wd[ROWS * INPUT], rd[ROWS * HIDDEN], bd[ROWS], bhd[ROWS], h[HIDDEN] = {0}, c[HIDDEN] = {0};
    oracle_cell k = oracle_make(RNNP_CELL_LSTM, INPUT, HIDDEN);
    for (size_t g = 0; g < 4; g++) {
        const size_t to = g * HIDDEN, at = from[g] * HIDDEN;
        doubles(wd + to * INPUT, w + at * INPUT, HIDDEN * INPUT);
        doubles(rd + to * HIDDEN, r + at * HIDDEN, HIDDEN * HIDDEN);
        doubles(bd + to, b + at, HIDDEN);
        doubles(bhd + to, bh + at, HIDDEN);
    }
    k.w = wd, k.r = rd, k.bw = bd, k.br = bhd;
    for (size_t t = 0; t < STEPS; t++) {
        double in[INPUT];
        doubles(in, x + t * BATCH * INPUT, INPUT);
        oracle_step(&k, in, NULL, h, c);
        memcpy(y + t * HIDDEN, h, sizeof h);
    }
}

TEST(layers)
{
    static float w[ROWS * INPUT], r[ROWS * HIDDEN], b[ROWS], bh[ROWS], x[STEPS * BATCH * INPUT];
    static float y[STEPS * BATCH * HIDDEN], again[STEPS * BATCH * HIDDEN], h[BATCH * HIDDEN], c[BATCH * HIDDEN];
    static double want[STEPS * HIDDEN];
    rnnp_recurrent_options options;
    rnnp_layer_args args;
    rnnp_layer *layer;
    size_t bytes;
    fill(w, ROWS * INPUT);
    fill(r, ROWS * HIDDEN);
    fill(b, ROWS);
    fill(bh, ROWS);
    fill(x, STEPS * BATCH * INPUT);
    rnnp_recurrent_options_init(&options, RNNP_CELL_LSTM, INPUT, HIDDEN);
    options.order = RNNP_ORDER_PYTORCH;
    const rnnp_recurrent_weights weights = {w, r, b, bh, NULL};
    assert_int_equal(rnnp_layer_create(context, &options, &weights, RNNP_MATH_U35, &layer), RNNP_OK);
    assert_int_equal(rnnp_layer_workspace_bytes(layer, STEPS, BATCH, &bytes), RNNP_OK);
    FREED void *workspace = aligned_alloc(64, (bytes + 63) / 64 * 64);
    rnnp_layer_args_init(&args);
    args.steps = STEPS;
    args.batch = BATCH;
    args.x = x;
    args.y = y;
    args.workspace = workspace;
    assert_int_equal(rnnp_layer_forward(layer, &args), RNNP_OK);
    for (size_t row = 0; row < BATCH; row++) {
        lstm_oracle(w, r, b, bh, x + row * INPUT, want);
        for (size_t t = 0; t < STEPS; t++)
            for (size_t u = 0; u < HIDDEN; u++)
                assert_true(fabs((double)y[(t * BATCH + row) * HIDDEN + u] - want[t * HIDDEN + u]) < 2e-6);
    }
    /* step by step, the state kept in place */
    memset(h, 0, sizeof h);
    memset(c, 0, sizeof c);
    rnnp_layer_args_init(&args);
    args.steps = 1;
    args.batch = BATCH;
    args.h0 = args.h = h;
    args.c0 = args.c = c;
    args.workspace = workspace;
    for (size_t t = 0; t < STEPS; t++) {
        args.x = x + t * BATCH * INPUT;
        args.y = again + t * BATCH * HIDDEN;
        assert_int_equal(rnnp_layer_forward(layer, &args), RNNP_OK);
    }
    assert_memory_equal(y, again, sizeof y);
    assert_memory_equal(h, y + (STEPS - 1) * BATCH * HIDDEN, sizeof h);

    const int32_t lengths[BATCH] = {1, 2, 1};
    args.lengths = lengths;
    assert_int_equal(rnnp_layer_forward(layer, &args), RNNP_ERR_ARG);
    assert_non_null(strstr(rnnp_last_error(context), "lengths[1]=2"));
    args.lengths = NULL;
    args.y_row = HIDDEN - 1; /* rows overlap */
    assert_int_equal(rnnp_layer_forward(layer, &args), RNNP_ERR_ARG);
    args.y_row = 0;
    args.x = NULL;
    assert_int_equal(rnnp_layer_forward(layer, &args), RNNP_ERR_ARG);
    assert_int_equal(rnnp_layer_forward(layer, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_layer_forward(NULL, &args), RNNP_ERR_ARG);
    assert_int_equal(rnnp_layer_workspace_bytes(layer, STEPS, SIZE_MAX / 8, &bytes), RNNP_ERR_SHAPE);
    rnnp_layer_destroy(layer);

    rnnp_recurrent_options bad = options;
    bad.cell = (rnnp_cell)9;
    assert_int_equal(rnnp_layer_create(context, &bad, &weights, RNNP_MATH_U35, &layer), RNNP_ERR_ARG);
    assert_null(layer);
    bad = options;
    bad.activations[1] = "Swish";
    assert_int_equal(rnnp_layer_create(context, &bad, &weights, RNNP_MATH_U35, &layer), RNNP_ERR_UNSUPPORTED);
    assert_non_null(strstr(rnnp_last_error(context), "Swish"));
    bad = options;
    bad.hidden = SIZE_MAX / 8;
    assert_int_equal(rnnp_layer_create(context, &bad, &weights, RNNP_MATH_U35, &layer), RNNP_ERR_SHAPE);
    bad = options;
    bad.input = SIZE_MAX / 4 + 1;
    bad.hidden = 1;
    assert_int_equal(rnnp_layer_create(context, &bad, &weights, RNNP_MATH_U35, &layer), RNNP_ERR_SHAPE);
    bad = options;
    bad.input = 0;
    assert_int_equal(rnnp_layer_create(context, &bad, &weights, RNNP_MATH_U35, &layer), RNNP_ERR_ARG);
    assert_int_equal(rnnp_layer_create(context, &options, NULL, RNNP_MATH_U35, &layer), RNNP_ERR_ARG);
    const rnnp_recurrent_weights none = {NULL, r, b, bh, NULL};
    assert_int_equal(rnnp_layer_create(context, &options, &none, RNNP_MATH_U35, &layer), RNNP_ERR_ARG);
    rnnp_layer_destroy(NULL);
}

/* A batch whose rows end at different times equals its rows run alone, also where so many rows end at once that the
 * kernels change their grouping. */
TEST(lengths_of_a_batch)
{
    enum { MANY = 100, LONG = 85, UNITS = 16, T = 3 };
    static float w[3 * UNITS * INPUT], r[3 * UNITS * UNITS], b[6 * UNITS], x[T * MANY * INPUT];
    static float y[T * MANY * UNITS], alone[T * UNITS], h[MANY * UNITS], h_alone[UNITS];
    rnnp_recurrent_options options;
    rnnp_layer_args args;
    rnnp_layer *layer;
    int32_t lengths[MANY];
    size_t bytes;
    fill(w, 3 * UNITS * INPUT);
    fill(r, 3 * UNITS * UNITS);
    fill(b, 6 * UNITS);
    fill(x, T * MANY * INPUT);
    for (size_t i = 0; i < MANY; i++) lengths[i] = i < LONG ? T : 1;
    rnnp_recurrent_options_init(&options, RNNP_CELL_GRU, INPUT, UNITS);
    const rnnp_recurrent_weights weights = {w, r, b, NULL, NULL};
    for (int reset = RNNP_GRU_RESET_AFTER; reset <= RNNP_GRU_RESET_BEFORE; reset++) {
        options.reset = (rnnp_gru_reset)reset;
        assert_int_equal(rnnp_layer_create(context, &options, &weights, RNNP_MATH_U35, &layer), RNNP_OK);
        assert_int_equal(rnnp_layer_workspace_bytes(layer, T, MANY, &bytes), RNNP_OK);
        void *workspace = aligned_alloc(64, (bytes + 63) / 64 * 64);
        rnnp_layer_args_init(&args);
        args.steps = T;
        args.batch = MANY;
        args.x = x;
        args.y = y;
        args.h = h;
        args.lengths = lengths;
        args.workspace = workspace;
        assert_int_equal(rnnp_layer_forward(layer, &args), RNNP_OK);
        for (size_t row = 0; row < MANY; row++) {
            rnnp_layer_args_init(&args);
            args.steps = (size_t)lengths[row];
            args.batch = 1;
            args.x = x + row * INPUT;
            args.x_step = MANY * INPUT;
            args.y = alone;
            args.h = h_alone;
            args.workspace = workspace;
            assert_int_equal(rnnp_layer_forward(layer, &args), RNNP_OK);
            assert_memory_equal(h + row * UNITS, h_alone, sizeof h_alone);
            for (size_t t = 0; t < T; t++)
                for (size_t u = 0; u < UNITS; u++)
                    assert_true(y[(t * MANY + row) * UNITS + u] ==
                                (t < (size_t)lengths[row] ? alone[t * UNITS + u] : 0.0f));
        }
        free(workspace);
        rnnp_layer_destroy(layer);
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
        rnnp_layer *layer = NULL;
        co.allocator = test_allocator(&heap);
        rnnp_status status = rnnp_context_create(&co, &small);
        if (status == RNNP_OK) {
            status = rnnp_layer_create(small, &options, &weights, RNNP_MATH_U35, &layer);
            rnnp_layer_destroy(layer);
            rnnp_context_destroy(small);
        }
        assert_int_equal(heap.live_blocks, 0);
        assert_int_equal(heap.live_bytes, 0);
        if (status == RNNP_OK) break;
        assert_int_equal(status, RNNP_ERR_MEMORY);
    }
}
