/* SPDX-License-Identifier: Apache-2.0
 *
 * Calibration against its definitions, by values that are known; python/tests/test_calibration.py has the rest.
 */
#include "rnnpack/calibration.h"
#include "tests/model/build.h"

/* With two classes and logits of +-z, of which a share s is right, the likelihood is best where sigmoid(2 z / T) = s.
 * */
TEST(test_temperature)
{
    enum { N = 100 };
    float p[2 * N], same[2 * N];
    int32_t truth[N];
    double temperature;

    for (int i = 0; i < N; i++) {
        p[2 * i] = i % 2 ? 0.9f : 0.1f; /* log odds +-log 9 */
        p[2 * i + 1] = 1 - p[2 * i];
        truth[i] = i < 25 ? i % 2 : 1 - i % 2; /* three quarters are right: log odds log 3 */
    }
    OK(rnnp_calibration_fit_temperature(N, 2, p, truth, NULL, &temperature));
    assert_true(fabs(temperature - 2) < 1e-6);
    OK(rnnp_calibration_apply_temperature(N, 2, temperature, p, p));
    for (int i = 0; i < N; i++) assert_true(fabsf(p[2 * i] - (i % 2 ? 0.75f : 0.25f)) < 1e-6f);
    OK(rnnp_calibration_apply_temperature(N, 2, 1, p, same));
    for (int i = 0; i < 2 * N; i++) assert_true(fabsf(p[i] - same[i]) <= 6e-8f);

    temperature = 7;
    static const float bad[] = {0.5f, NAN}, large[] = {0.5f, 1.5f};
    FAILS(rnnp_calibration_fit_temperature(1, 2, bad, truth, NULL, &temperature), RNNP_ERR_ARG);
    FAILS(rnnp_calibration_fit_temperature(1, 2, large, truth, NULL, &temperature), RNNP_ERR_ARG);
    FAILS(rnnp_calibration_fit_temperature(1, 1, p, truth, NULL, &temperature), RNNP_ERR_ARG);
    FAILS(rnnp_calibration_fit_temperature(0, 2, p, truth, NULL, &temperature), RNNP_ERR_ARG);
    FAILS(rnnp_calibration_fit_temperature(1, 2, NULL, truth, NULL, &temperature), RNNP_ERR_ARG);
    FAILS(rnnp_calibration_fit_temperature(1, 2, p, NULL, NULL, &temperature), RNNP_ERR_ARG);
    FAILS(rnnp_calibration_fit_temperature(1, 2, p, truth, NULL, NULL), RNNP_ERR_ARG);
    FAILS(rnnp_calibration_fit_temperature(1, 2, p, truth, (const float[]){0}, &temperature), RNNP_ERR_ARG);
    FAILS(rnnp_calibration_apply_temperature(1, 2, 0, p, p), RNNP_ERR_ARG);
    FAILS(rnnp_calibration_apply_temperature(1, 2, (double)INFINITY, p, p), RNNP_ERR_ARG);
    assert_true(temperature == 7);
}

/* It is 0 at the temperature that fits, rises with beta, and adds up. */
TEST(test_slope)
{
    static const float p[] = {0.2f, 0.3f, 0.5f, 0.6f, 0.3f, 0.1f, 0.1f, 0.8f, 0.1f, 0.3f, 0.3f, 0.4f};
    static const int32_t truth[] = {2, 0, 1, 0};
    static const float weight[] = {1, 1, 2, 1};
    double temperature, all, part[2], before = -INFINITY;

    OK(rnnp_calibration_fit_temperature(4, 3, p, truth, weight, &temperature));
    assert_true(temperature > 0.1 && temperature < 10);
    OK(rnnp_calibration_slope(4, 3, p, truth, weight, 1 / temperature, &all));
    assert_true(fabs(all) < 1e-9);
    for (double beta = 0.01; beta < 50; beta *= 1.5) {
        OK(rnnp_calibration_slope(4, 3, p, truth, weight, beta, &all));
        OK(rnnp_calibration_slope(2, 3, p, truth, weight, beta, &part[0]));
        OK(rnnp_calibration_slope(2, 3, p + 6, truth + 2, weight + 2, beta, &part[1]));
        assert_true(fabs(all - part[0] - part[1]) < 1e-12 && all > before);
        before = all;
    }
    all = 7;
    FAILS(rnnp_calibration_slope(4, 3, p, truth, weight, 0, &all), RNNP_ERR_ARG);
    FAILS(rnnp_calibration_slope(4, 3, p, truth, weight, (double)INFINITY, &all), RNNP_ERR_ARG);
    FAILS(rnnp_calibration_slope(4, 3, NULL, truth, weight, 1, &all), RNNP_ERR_ARG);
    FAILS(rnnp_calibration_slope(0, 3, p, truth, NULL, 1, &all), RNNP_ERR_ARG);
    FAILS(rnnp_calibration_slope(4, 3, p, truth, NULL, 1, NULL), RNNP_ERR_ARG);
    assert_true(all == 7);
}

/* A weight counts as so many rows. */
TEST(test_weights)
{
    static const float p[] = {0.2f, 0.3f, 0.3f, 0.7f, 0.9f}, twice[] = {0.2f, 0.3f, 0.3f, 0.7f, 0.9f, 0.9f},
                       weight[] = {1, 1, 1, 1, 2};
    static const int32_t truth[] = {0, 1, 0, 1, 0, 0};
    size_t scratch[12], n[2];
    rnnp_isotonic_step steps[2][6];
    float mapped[2][5];

    OK(rnnp_calibration_fit_isotonic(5, p, truth, weight, scratch, steps[0], &n[0]));
    OK(rnnp_calibration_fit_isotonic(6, twice, truth, NULL, scratch, steps[1], &n[1]));
    assert_int_equal(n[0], n[1]);
    assert_int_equal(n[0], 2); /* 0.2: 0 of 1; the rest: 2 of 5 */
    for (int i = 0; i < 2; i++) {
        assert_true(steps[i][1].value == 0.4 && steps[i][1].weight == 5);
        OK(rnnp_calibration_apply_isotonic(n[i], steps[i], 5, p, mapped[i]));
    }
    assert_memory_equal(mapped[0], mapped[1], sizeof mapped[0]);
    static const float between[] = {0, 0.25f, 1};
    OK(rnnp_calibration_apply_isotonic(n[0], steps[0], 3, between, mapped[0]));
    assert_true(mapped[0][0] == 0 && mapped[0][2] == 0.4f && fabsf(mapped[0][1] - 0.2f) < 1e-6f);

    FAILS(rnnp_calibration_fit_isotonic(5, p, truth, weight, NULL, steps[0], &n[0]), RNNP_ERR_ARG);
    FAILS(rnnp_calibration_fit_isotonic(5, p, truth, weight, scratch, NULL, &n[0]), RNNP_ERR_ARG);
    FAILS(rnnp_calibration_fit_isotonic(5, p, truth, (const float[]){0, 0, 0, 0, 0}, scratch, steps[0], &n[0]),
          RNNP_ERR_ARG);
    FAILS(rnnp_calibration_apply_isotonic(0, steps[0], 5, p, mapped[0]), RNNP_ERR_ARG);
    FAILS(rnnp_calibration_apply_isotonic(2, NULL, 5, p, mapped[0]), RNNP_ERR_ARG);
}
