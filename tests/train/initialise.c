/* SPDX-License-Identifier: Apache-2.0
 *
 * First weights: bounds and moments of uniform ones, orthogonality gate by gate, biases, and that they depend on name
 * and seed alone.
 */
#include "src/train/initialise.h"
#include "tests/model/build.h"

#include <fenv.h>

enum { INPUT = 17, HIDDEN = 33, DIRECTIONS = 2, MOST = 200000 };

ONE_CONTEXT(1)
static float values[MOST];

static rnnp_weight weight(const char *op, size_t input, size_t rank, const int64_t *shape)
{
    for (size_t i = 0; i < MOST; i++) values[i] = 123;
    return (rnnp_weight){"layer.weight", op, input, rank, shape, values};
}

static size_t count(const rnnp_weight *w)
{
    size_t n = 1;

    for (size_t i = 0; i < w->rank; i++) n *= (size_t)w->shape[i];
    assert_true(n < MOST);
    return n;
}

static void check_uniform(const char *op, size_t input, size_t rank, const int64_t *shape, double bound)
{
    const rnnp_weight w = weight(op, input, rank, shape);
    const size_t n = count(&w);
    double sum = 0, squares = 0, most = 0;

    OK(rnnp_initialise(context, &w, 1, 42));
    for (size_t i = 0; i < n; i++) {
        sum += (double)values[i];
        squares += (double)values[i] * (double)values[i];
        most = fmax(most, fabs((double)values[i]));
    }
    assert_true(most <= bound * (1 + 1e-7) && most > 0.98 * bound);
    assert_true(fabs(sum / (double)n) < 5 * bound / sqrt(3 * (double)n));
    assert_true(fabs(3 * squares / (double)n / (bound * bound) - 1) < 5 * sqrt(0.8 / (double)n));
    assert_true(values[n] == 123);
}

TEST(test_uniform)
{
    const int64_t table[] = {1000, 8}, gemm[] = {50, 70}, stack[] = {3, 20, 30}, row[] = {3000};

    for (int gates = 1; gates <= 4; gates += gates == 1 ? 2 : 1) {
        const int64_t shape[] = {DIRECTIONS, gates * HIDDEN, INPUT};

        check_uniform(gates == 1 ? "RNN" : gates == 3 ? "GRU" : "LSTM", 1, 3, shape, sqrt(6.0 / (INPUT + HIDDEN)));
    }
    check_uniform("Gemm", 1, 2, gemm, sqrt(6.0 / 120));
    check_uniform("MatMul", 1, 2, gemm, sqrt(6.0 / 120));
    check_uniform("MatMul", 0, 3, stack, sqrt(6.0 / 50));
    check_uniform("MatMul", 1, 1, row, sqrt(6.0 / 3001));
    check_uniform("Gather", 0, 2, table, 0.05);
}

/* The largest difference of R R^T from 1. */
static double from_orthogonal(const float *r, size_t n)
{
    double most = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double dot = i == j ? -1 : 0;

            for (size_t k = 0; k < n; k++) dot += (double)r[i * n + k] * (double)r[j * n + k];
            most = fmax(most, fabs(dot));
        }
    return most;
}

TEST(test_orthogonal)
{
    const size_t sizes[] = {1, 2, 7, 8, HIDDEN, 128};

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const size_t h = sizes[s];
        const int64_t shape[] = {DIRECTIONS, (int64_t)(4 * h), (int64_t)h};
        const rnnp_weight w = weight("LSTM", 2, 3, shape);

        OK(rnnp_initialise(context, &w, 1, 1));
        for (size_t gate = 0; gate < DIRECTIONS * 4; gate++) {
            assert_true(from_orthogonal(values + gate * h * h, h) <= 1e-6);
            if (h > 1 && gate) assert_memory_not_equal(values, values + gate * h * h, h * h * sizeof *values);
        }
        assert_true(values[count(&w)] == 123);
    }
}

/* Uniform among all orthogonal matrices: no element has a preferred sign (it would where those of the decomposition
 * were not fixed), and their squares have the mean 1/n. */
TEST(test_no_preference)
{
    enum { N = 3, MATRICES = 6000 };
    const int64_t shape[] = {MATRICES, N, N};
    const rnnp_weight w = weight("RNN", 2, 3, shape);

    OK(rnnp_initialise(context, &w, 1, 5));
    for (size_t e = 0; e < N * N; e++) {
        double sum = 0, squares = 0;

        for (size_t i = 0; i < MATRICES; i++) {
            const double v = (double)values[i * N * N + e];

            sum += v;
            squares += v * v;
        }
        assert_true(fabs(sum / MATRICES) < 5 * sqrt(1.0 / N / MATRICES));
        assert_true(fabs(squares / MATRICES - 1.0 / N) < 5 * sqrt(0.1 / MATRICES));
    }
}

static void all_are(const rnnp_weight *w, float value)
{
    OK(rnnp_initialise(context, w, 1, 3));
    for (size_t i = 0, n = count(w); i < n; i++) assert_true(w->values[i] == value);
}

TEST(test_constant)
{
    const int64_t b[] = {DIRECTIONS, 8 * HIDDEN}, gru[] = {1, 6 * HIDDEN}, p[] = {DIRECTIONS, 3 * HIDDEN}, row[] = {9};
    rnnp_weight w = weight("LSTM", 3, 2, b);

    OK(rnnp_initialise(context, &w, 1, 3));
    for (size_t d = 0; d < DIRECTIONS; d++)
        for (size_t i = 0; i < 8 * HIDDEN; i++) /* i o f c of Wb, then of Rb */
            assert_true(values[d * 8 * HIDDEN + i] == (float)(i / HIDDEN == 2));
    w = weight("LSTM", 7, 2, p);
    all_are(&w, 0);
    w = weight("GRU", 3, 2, gru);
    all_are(&w, 0);
    w = weight("RNN", 5, 2, p);
    all_are(&w, 0);
    w = weight("Gemm", 2, 1, row);
    all_are(&w, 0);
    w = weight("Add", 1, 1, row);
    all_are(&w, 0);
    w = weight("Mul", 1, 1, row);
    all_are(&w, 123);
    w = weight("Gemm", 2, 0, NULL); /* a scalar */
    all_are(&w, 0);
    assert_true(values[1] == 123);
}

TEST(test_name_and_seed)
{
    enum { N = 4 * 8 * 8 };
    const int64_t shape[] = {1, 4 * 8, 8};
    static float x[4][N], alone[N];
    const rnnp_weight all[] = {{"a", "LSTM", 1, 3, shape, x[0]},
                               {"b", "LSTM", 1, 3, shape, x[1]},
                               {"a", "LSTM", 2, 3, shape, x[2]},
                               {"b", "LSTM", 2, 3, shape, x[3]}};
    rnnp_weight w = {"b", "LSTM", 2, 3, shape, alone};

    OK(rnnp_initialise(context, all, 4, 9));
    OK(rnnp_initialise(context, &w, 1, 9));
    assert_memory_equal(alone, x[3], sizeof alone);
    assert_memory_not_equal(x[0], x[1], sizeof alone);
    assert_memory_not_equal(x[2], x[3], sizeof alone);
    OK(rnnp_initialise(context, &w, 1, 10));
    assert_memory_not_equal(alone, x[3], sizeof alone);
    OK(rnnp_initialise(context, NULL, 0, 0));
}

/* The same on every host, whatever the caller's floating-point mode: a hash of the bits. */
TEST(test_bits)
{
    const int mode = fegetround();
    const int64_t r[] = {2, 3 * HIDDEN, HIDDEN}, w[] = {2, 3 * HIDDEN, INPUT};
    const size_t inputs[] = {2, 1};
    const int64_t *const shapes[] = {r, w};
    uint64_t hash = 0;

    assert_int_equal(fesetround(FE_UPWARD), 0);
    for (size_t i = 0; i < 2; i++) {
        const rnnp_weight one = weight("GRU", inputs[i], 3, shapes[i]);

        OK(rnnp_initialise(context, &one, 1, 2026));
        for (size_t j = 0, n = count(&one); j < n; j++) {
            uint32_t bits;

            memcpy(&bits, &values[j], sizeof bits);
            hash = (hash ^ bits) * UINT64_C(0x100000001b3);
        }
    }
    assert_int_equal(fegetround(), FE_UPWARD);
    assert_int_equal(fesetround(mode), 0);
    assert_int_equal(hash, UINT64_C(0x439d44b4a950991c));
}

TEST(test_memory)
{
    const int64_t shape[] = {1, 2, 2}, huge[] = {1, INT64_C(1) << 40, INT64_C(1) << 40};
    float w[4] = {1, 2, 3, 4}, r[4] = {5, 6, 7, 8};
    const rnnp_weight weights[] = {{"w", "RNN", 1, 3, shape, w}, {"r", "RNN", 2, 3, shape, r}};
    rnnp_weight large = {"r", "RNN", 2, 3, huge, NULL};
    test_heap heap = {0};
    OPTIONS(context, options);

    options.allocator = test_allocator(&heap);
    OWNED_NEW(context, failing, &options);
    const size_t live = heap.live_bytes;
    heap.fail_at = heap.calls + 1;
    assert_int_equal(rnnp_initialise(failing, weights, 2, 1), RNNP_ERR_MEMORY);
    assert_true(w[0] == 1 && w[3] == 4 && r[0] == 5 && r[3] == 8);
    assert_int_equal(rnnp_initialise(failing, &large, 1, 1), RNNP_ERR_MEMORY);
    OK(rnnp_initialise(failing, weights, 2, 1));
    assert_int_equal(heap.live_bytes, live);
}
