/* SPDX-License-Identifier: Apache-2.0
 *
 * Learning rates against their formulas, and the functions of doubles they stand on against the C library's.
 */
#include "src/real.h"
#include "rnnpack/train.h"
#include "tests/test.h"

static void near(double value, double expected)
{
    assert_true(fabs(value - expected) <= 6e-8 * fabs(expected)); /* half a unit in a float's last place */
}

TEST(test_formulas)
{
    rnnp_schedule s;

    for (double e = 0; e < 130; e += 0.173) {
        rnnp_schedule_init(&s, RNNP_SCHEDULE_CONSTANT, 0.01f);
        near((double)rnnp_schedule_rate(&s, e), (double)0.01f);
        rnnp_schedule_init(&s, RNNP_SCHEDULE_STEP, 0.01f);
        s.factor = 0.5f;
        s.every = 7;
        near((double)rnnp_schedule_rate(&s, e), (double)0.01f * pow(0.5, floor(e / 7)));
        rnnp_schedule_init(&s, RNNP_SCHEDULE_EXPONENTIAL, 0.01f);
        near((double)rnnp_schedule_rate(&s, e), (double)0.01f * pow((double)s.factor, e));
        s.factor = 1.2f; /* the rising rate of a range test */
        near((double)rnnp_schedule_rate(&s, e), (double)0.01f * pow((double)s.factor, e));
        rnnp_schedule_init(&s, RNNP_SCHEDULE_COSINE, 0.01f);
        s.least = 1e-4f;
        near((double)rnnp_schedule_rate(&s, e),
             (double)1e-4f + ((double)0.01f - (double)1e-4f) * (1 + cos(acos(-1) * fmin(e / 100, 1))) / 2);
    }
    rnnp_schedule_init(&s, RNNP_SCHEDULE_COSINE, 1);
    assert_true(rnnp_schedule_rate(&s, 0) == 1 && rnnp_schedule_rate(&s, 50) == 0.5f);
    assert_true(rnnp_schedule_rate(&s, 100) == 0);
}

TEST(test_least)
{
    rnnp_schedule s;

    rnnp_schedule_init(&s, RNNP_SCHEDULE_STEP, 1);
    s.least = 0.02f;
    assert_true(rnnp_schedule_rate(&s, 10) == 0.1f);
    assert_true(rnnp_schedule_rate(&s, 20) == 0.02f);
    assert_true(rnnp_schedule_rate(&s, 1e300) == 0.02f);
}

TEST(test_warmup)
{
    rnnp_schedule s;

    rnnp_schedule_init(&s, RNNP_SCHEDULE_STEP, 0.5f);
    s.warmup = 2.5f;
    assert_true(rnnp_schedule_rate(&s, 0) == 0);
    near((double)rnnp_schedule_rate(&s, 1), 0.2);
    near((double)rnnp_schedule_rate(&s, 2), 0.4);
    assert_true(rnnp_schedule_rate(&s, 2.5) == 0.5f);
    assert_true(rnnp_schedule_rate(&s, 12.25) == 0.5f); /* steps count from the warmup's end */
    near((double)rnnp_schedule_rate(&s, 12.5), 0.05);
}

TEST(test_plateau)
{
    const double scores[] = {5, 4, 4, 4.5, 3, 3, NAN, 3, 3, 3, 2};
    const size_t drops[] = {0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3};
    rnnp_schedule s;

    rnnp_schedule_init(&s, RNNP_SCHEDULE_PLATEAU, 1);
    s.patience = 2;
    s.factor = 0.25f;
    for (size_t i = 0; i < sizeof scores / sizeof *scores; i++) {
        rnnp_schedule_score(&s, scores[i]);
        near((double)rnnp_schedule_rate(&s, (double)i), pow(0.25, (double)drops[i]));
    }
    rnnp_schedule_score(NULL, 1);
    s.struct_size = 0;
    rnnp_schedule_score(&s, 1);
    assert_true(s.best == 2);
}

TEST(test_senseless)
{
    rnnp_schedule good, s;

    rnnp_schedule_init(&good, RNNP_SCHEDULE_STEP, 1);
    assert_true(isnan(rnnp_schedule_rate(NULL, 0)));
    assert_true(isnan(rnnp_schedule_rate(&(rnnp_schedule){0}, 0)));
    assert_true(isnan(rnnp_schedule_rate(&good, -1)));
    assert_true(isnan(rnnp_schedule_rate(&good, NAN)));
    assert_true(isnan(rnnp_schedule_rate(&good, INFINITY)));
#define BAD(field, value) (s = good, s.field = value, assert_true(isnan(rnnp_schedule_rate(&s, 1))))
    BAD(kind, (rnnp_schedule_kind)5);
    BAD(rate, -1);
    BAD(rate, NAN);
    BAD(rate, INFINITY);
    BAD(factor, 0);
    BAD(factor, NAN);
    BAD(factor, INFINITY);
    BAD(least, -1);
    BAD(least, 2);
    BAD(every, 0);
    BAD(warmup, -1);
    BAD(warmup, NAN);
    BAD(warmup, INFINITY);
    rnnp_schedule_init(&good, RNNP_SCHEDULE_COSINE, 1);
    BAD(epochs, 0);
}

static void close_to(double value, double expected) { assert_true(fabs(value - expected) <= 8e-16 * fabs(expected)); }

TEST(test_functions)
{
    const double pi = acos(-1);

    for (double x = 0x1p-1022; x < 0x1p1000; x *= 1.0371) {
        close_to(rnnp_real_log(x), log(x));
        assert_true(rnnp_real_log(1 + 1 / x) >= 0);
    }
    for (double x = 1; x < 1.01; x += 1.7e-5) close_to(rnnp_real_log(x), log(x));
    for (double x = -700; x <= 700; x += 0.0713) close_to(rnnp_real_exp(x), exp(x));
    for (double x = -1; x <= 1; x += 1.0 / 4096) assert_true(fabs(rnnp_real_cos_pi(x) - cos(pi * x)) <= 4e-16);
    assert_true(rnnp_real_cos_pi(0.5) == 0 && rnnp_real_cos_pi(-1) == -1 && rnnp_real_cos_pi(4) == 1);
    close_to(rnnp_real_cos_pi(100.25), sqrt(0.5));
    close_to(rnnp_real_cos_pi(101.25), -sqrt(0.5));
    assert_true(rnnp_real_power(3, 20) == 3486784401 && rnnp_real_power(0.5, 0) == 1);
    assert_true(fabs(rnnp_real_power(0.999, 1000) - pow(0.999, 1000)) <= 1e-13);
}
