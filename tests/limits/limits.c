/* SPDX-License-Identifier: Apache-2.0
 *
 * limits.h: numbers that a machine can have, every error, and that the allocator gets back what it gave. How large the
 * numbers are is the machine's affair.
 */
#include "rnnpack/limits.h"

#include "tests/test.h"

typedef rnnp_status limit(const rnnp_context *context, double seconds, double *result);

static rnnp_status fma_rate(const rnnp_context *context, double seconds, double *result)
{
    return rnnp_limit_fma(context, seconds, result, NULL);
}

static rnnp_status dot_rate(const rnnp_context *context, double seconds, double *result)
{
    return rnnp_limit_dot(context, seconds, result, NULL);
}

static rnnp_status read_some(const rnnp_context *context, double seconds, double *result)
{
    return rnnp_limit_read(context, seconds, 20000, result, NULL);
}

static limit *const limits[] = {fma_rate,           dot_rate,         read_some,       rnnp_limit_loop,
                                rnnp_limit_barrier, rnnp_limit_timer, rnnp_limit_clock};
enum { N = sizeof limits / sizeof limits[0] };
static const double burst = 1e-4;

TEST(numbers)
{
    for (size_t threads = 1; threads <= 20; threads += threads < 3 ? 1 : 17) {
        WATCHED heap = {0};
        rnnp_context *const context = make_context(&heap, threads);
        const size_t before = heap.live_blocks;
        for (size_t i = 0; i < N; i++) {
            double got = -1;
            const rnnp_status status = limits[i](context, burst, &got);
            if (limits[i] == dot_rate && status == RNNP_ERR_UNSUPPORTED) {
                assert_true(got == -1);
                assert_non_null(strstr(rnnp_last_error(context), "8-bit dot product"));
            } else if (limits[i] == rnnp_limit_barrier && threads == 1) {
                assert_int_equal(status, RNNP_ERR_UNSUPPORTED);
                assert_non_null(strstr(rnnp_last_error(context), "no barrier"));
            } else {
                assert_int_equal(status, RNNP_OK);
                assert_true(isfinite(got) && got > 0);
            }
        }
        double rate;
        size_t together = 0;
        assert_int_equal(rnnp_limit_read(context, burst, 1, &rate, &together), RNNP_OK);
        assert_true(together >= 1 && together <= threads);
        assert_int_equal(heap.live_blocks, before);
        rnnp_context_destroy(context);
    }
}

TEST(errors)
{
    static const double lengths[] = {0, -1, 10.5, NAN, INFINITY};
    WATCHED heap = {0};
    rnnp_context *const context = make_context(&heap, 2);
    for (size_t i = 0; i < N; i++) {
        double got = -1;
        assert_int_equal(limits[i](NULL, burst, &got), RNNP_ERR_ARG);
        assert_int_equal(limits[i](context, burst, NULL), RNNP_ERR_ARG);
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++)
            assert_int_equal(limits[i](context, lengths[k], &got), RNNP_ERR_ARG);
        assert_true(got == -1);
    }
    double got = -1;
    assert_int_equal(rnnp_limit_read(context, burst, 0, &got, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_limit_read(context, burst, SIZE_MAX, &got, NULL), RNNP_ERR_ARG);
    heap.fail_at = heap.calls + 1;
    assert_int_equal(rnnp_limit_read(context, burst, 4096, &got, NULL), RNNP_ERR_MEMORY);
    assert_true(got == -1);
    rnnp_context_destroy(context);
}

/* From inside a call of the same team, where it is busy: the calling thread is measured alone. */
static void busy_run(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg)
{
    rnnp_context *const context = *(rnnp_context **)user;
    static int inside;
    if (context && !inside) {
        double got = -1;
        size_t together = 0;
        inside = 1;
        assert_int_equal(rnnp_limit_fma(context, burst, &got, &together), RNNP_OK);
        assert_true(got > 0 && together == 1);
        assert_int_equal(rnnp_limit_read(context, burst, 8192, &got, &together), RNNP_OK);
        assert_true(got > 0 && together == 1);
        assert_int_equal(rnnp_limit_barrier(context, burst, &got), RNNP_ERR_UNSUPPORTED);
        inside = 0;
    }
    for (size_t i = 0; i < n; i++) task(arg, i);
}

TEST(busy)
{
    OWNED(context) context = NULL;
    OPTIONS(context, options);
    options.parallel = (rnnp_parallel){&context, 3, busy_run};
    assert_int_equal(rnnp_context_create(&options, &context), RNNP_OK);
    double got = -1;
    assert_int_equal(rnnp_limit_fma(context, burst, &got, NULL), RNNP_OK);
    assert_true(got > 0);
}

static void run_in_turn(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg)
{
    (void)user;
    for (size_t i = 0; i < n; i++) task(arg, i);
}

/* Three tasks in turn on one thread have the rate of one thread, not of three. The best of twenty bursts each is
 * compared: another process may take the CPU for whole bursts. Twice as much leaves room for a changing clock. */
TEST(in_turn)
{
    OWNED(context) pool = NULL;
    OPTIONS(context, options);
    options.parallel = (rnnp_parallel){NULL, 3, run_in_turn};
    assert_int_equal(rnnp_context_create(&options, &pool), RNNP_OK);
    test_heap heap = {0};
    rnnp_context *const alone = make_context(&heap, 1);
    double best = 0, best_of_three = 0;
    for (int i = 0; i < 20; i++) {
        double one = 0, three = 0;
        size_t together = 0;
        assert_int_equal(rnnp_limit_fma(alone, burst, &one, &together), RNNP_OK);
        assert_int_equal(together, 1);
        best = one > best ? one : best;
        assert_int_equal(rnnp_limit_fma(pool, burst, &three, &together), RNNP_OK);
        assert_int_equal(together, 1);
        best_of_three = three > best_of_three ? three : best_of_three;
    }
    assert_true(best_of_three < 2 * best);
    rnnp_context_destroy(alone);
}
