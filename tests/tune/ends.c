/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnp_tune: stopped, out of time, within its budget.
 */
#include "tuning.h"

#include <time.h>

/* Stopped before anything but the default was run: that is no measurement. */
TEST(test_stop_at_once)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(records) set = make_set(context);
    const rnnp_tune_options o = options_for(30);
    diary d = {.shapes = small, .n = SMALL, .stop_at = 1};

    tune_diary(context, &d, o, set);
    assert_int_equal(d.calls, 1);
    assert_int_equal(d.done, 0);
    assert_int_equal(count_shapes(set), 0);
}

/* Stopped at any later call: what is done is in the set, the callback is not called again for another shape. */
TEST(test_stop_later)
{
    OWNED(context) context = make_context(NULL, 1);

    for (size_t at = 2; at < 200 / FEWER; at *= 4) {
        OWNED(records) set = make_set(context);
        const rnnp_tune_options o = options_for(30);
        diary d = {.shapes = small, .n = SMALL, .stop_at = at};

        tune_diary(context, &d, o, set);
        assert_true(d.calls <= at + 1); /* one more may tell of the record */
        assert_int_equal(count_shapes(set), d.done);
        for (size_t i = 0; i < d.done; i++) assert_sane(context, set, &small[i], 1);
    }
}

/* With next to no time there may be no record, or some; all is well with them. */
TEST(test_tiny_budget)
{
    static const double seconds[] = {1e-9, 0.04};
    OWNED(context) context = make_context(NULL, 2);

    for (size_t k = 0; k < sizeof seconds / sizeof seconds[0]; k++) {
        OWNED(records) set = make_set(context);
        const rnnp_tune_options o = options_for(seconds[k]);
        diary d = {.shapes = small, .n = SMALL};

        tune_diary(context, &d, o, set);
        assert_int_equal(count_shapes(set), d.done);
        for (size_t i = 0; i < d.done; i++) assert_sane(context, set, &small[i], 2);
    }
}

/* By the time that this thread worked, so that other work on the machine does not count: the budget, a tenth of it, and
 * a call of some milliseconds. */
TEST(test_budget)
{
    static const rnnp_shape shapes[] = {
        SHAPE(.cell = RNNP_CELL_LSTM, .input = 64, .hidden = 64, .batch = 4, .steps = 200),
        SHAPE(.cell = RNNP_CELL_GRU, .reset = RNNP_GRU_RESET_AFTER, .input = 64, .hidden = 64, .batch = 4,
              .steps = 200)};
    const double seconds = 0.3, call = 0.02;
    const rnnp_tune_options o = options_for(seconds);
    struct timespec start, end;

    if (FEWER > 1) skip(); /* with the thread sanitizer measuring the machine alone takes seconds */
    OWNED(context) context = make_context(NULL, 1);
    OWNED(records) set = make_set(context);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    OK(rnnp_tune(context, shapes, 2, &o, set));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    const double took = (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
    if (took > 2 * seconds + call) /* caches that others empty make a measurement longer than it was expected to be */
        fail_msg("%g s of %g s", took, seconds);
}
