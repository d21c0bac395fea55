/* SPDX-License-Identifier: Apache-2.0
 *
 * limits.h: numbers that a machine can have, every error, and that the allocator gets back what it gave. How large the
 * numbers are is the machine's affair.
 */
#include "rnnpack/limits.h"

#include "../harness.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

typedef rnnp_status limit(rnnp_context *context, double seconds, double *result);

static rnnp_status read_some(rnnp_context *context, double seconds, double *result)
{
    return rnnp_limit_read(context, seconds, 20000, result);
}

static limit *const limits[] = {rnnp_limit_fma,     rnnp_limit_dot,   read_some,       rnnp_limit_loop,
                                rnnp_limit_barrier, rnnp_limit_timer, rnnp_limit_clock};
enum { N = sizeof limits / sizeof limits[0] };
static const double burst = 1e-4;

static rnnp_context *open_context(test_heap *heap, size_t threads)
{
    rnnp_context_options options;
    rnnp_context *context = NULL;
    rnnp_context_options_init(&options);
    options.threads = threads;
    options.allocator = test_allocator(heap);
    assert_int_equal(rnnp_context_create(&options, &context), RNNP_OK);
    return context;
}

static void numbers(void **state)
{
    (void)state;
    for (size_t threads = 1; threads <= 20; threads += threads < 3 ? 1 : 17) {
        test_heap heap = {0};
        rnnp_context *const context = open_context(&heap, threads);
        const size_t before = heap.live_blocks;
        for (size_t i = 0; i < N; i++) {
            double got = -1;
            const rnnp_status status = limits[i](context, burst, &got);
            if (limits[i] == rnnp_limit_dot && status == RNNP_ERR_UNSUPPORTED) {
                assert_true(got == -1);
                assert_non_null(strstr(rnnp_context_last_error(context), "8-bit dot product"));
            } else if (limits[i] == rnnp_limit_barrier && threads == 1) {
                assert_int_equal(status, RNNP_ERR_UNSUPPORTED);
                assert_non_null(strstr(rnnp_context_last_error(context), "no barrier"));
            } else {
                assert_int_equal(status, RNNP_OK);
                assert_true(isfinite(got) && got > 0);
            }
        }
        double rate;
        assert_int_equal(rnnp_limit_read(context, burst, 1, &rate), RNNP_OK);
        assert_int_equal(heap.live_blocks, before);
        rnnp_context_destroy(context);
        assert_int_equal(heap.live_blocks, 0);
    }
}

static void errors(void **state)
{
    (void)state;
    static const double lengths[] = {0, -1, 10.5, NAN, INFINITY};
    test_heap heap = {0};
    rnnp_context *const context = open_context(&heap, 2);
    for (size_t i = 0; i < N; i++) {
        double got = -1;
        assert_int_equal(limits[i](NULL, burst, &got), RNNP_ERR_ARG);
        assert_int_equal(limits[i](context, burst, NULL), RNNP_ERR_ARG);
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++)
            assert_int_equal(limits[i](context, lengths[k], &got), RNNP_ERR_ARG);
        assert_true(got == -1);
    }
    double got = -1;
    assert_int_equal(rnnp_limit_read(context, burst, 0, &got), RNNP_ERR_ARG);
    assert_int_equal(rnnp_limit_read(context, burst, SIZE_MAX, &got), RNNP_ERR_ARG);
    heap.fail_at = heap.calls + 1;
    assert_int_equal(rnnp_limit_read(context, burst, 4096, &got), RNNP_ERR_MEMORY);
    assert_true(got == -1);
    rnnp_context_destroy(context);
    assert_int_equal(heap.live_blocks, 0);
}

/* From inside a call of the same team, where it is busy: the calling thread is measured alone. */
static void busy_run(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg)
{
    rnnp_context *const context = *(rnnp_context **)user;
    static int inside;
    if (context && !inside) {
        double got = -1;
        inside = 1;
        assert_int_equal(rnnp_limit_fma(context, burst, &got), RNNP_OK);
        assert_true(got > 0);
        assert_int_equal(rnnp_limit_read(context, burst, 8192, &got), RNNP_OK);
        assert_true(got > 0);
        assert_int_equal(rnnp_limit_barrier(context, burst, &got), RNNP_ERR_UNSUPPORTED);
        inside = 0;
    }
    for (size_t i = 0; i < n; i++) task(arg, i);
}

static void busy(void **state)
{
    (void)state;
    rnnp_context *context = NULL;
    rnnp_context_options options;
    rnnp_context_options_init(&options);
    options.parallel = (rnnp_parallel){&context, 3, busy_run};
    assert_int_equal(rnnp_context_create(&options, &context), RNNP_OK);
    double got = -1;
    assert_int_equal(rnnp_limit_fma(context, burst, &got), RNNP_OK);
    assert_true(got > 0);
    rnnp_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(errors),
        cmocka_unit_test(busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
