/* SPDX-License-Identifier: Apache-2.0
 *
 * Intervals, resamples and areas with covariances: known values, invariances and errors. python/tests/test_metrics.py
 * holds them against NumPy, SciPy and scikit-learn.
 */
#include "rnnpack/metrics.h"
#include "tests/model/build.h"

enum { N = 90, CLUSTERS = 30, MODELS = 2 };

typedef struct rows {
    float scores[MODELS * N];
    int32_t truth[N];
    size_t cluster[N];
} rows;

static rows make(uint32_t seed)
{
    rows r;
    float x[N];

    fill(r.scores, MODELS * N, seed, 0.5f);
    fill(x, N, seed + 1, 1);
    for (size_t i = 0; i < MODELS * N; i++) r.scores[i] = roundf((r.scores[i] + 0.5f) * 20) / 20; /* ties */
    for (size_t i = 0; i < N; i++) {
        r.truth[i] = x[i] + r.scores[i] > 0.5f;
        r.cluster[i] = i * 7 % CLUSTERS;
    }
    return r;
}

static void near(double value, double expected, double bound) { assert_true(fabs(value - expected) <= bound); }

/* ---- Areas ---- */

typedef struct areas {
    double auc[MODELS], covariance[MODELS * MODELS];
} areas;

static rnnp_status delong(const rows *r, const size_t *cluster, areas *a)
{
    size_t scratch[2 * N];
    double work[MODELS * (N + 2 * CLUSTERS)];

    return rnnp_metrics_delong(N, MODELS, r->scores, r->truth, CLUSTERS, cluster, scratch, work, a->auc, a->covariance);
}

TEST(test_delong_known)
{
    /* Three of each class; the components of the positives are 1, 2/3, 1, those of the negatives 1, 1, 2/3: the area is
     * 8/9, and both variances are 1/27. */
    const float score[] = {0.9f, 0.4f, 0.8f, 0.1f, 0.2f, 0.5f};
    const int32_t truth[] = {1, 1, 1, 0, 0, 0};
    const size_t alone[] = {5, 4, 3, 2, 1, 0}, *clusters[] = {NULL, alone};
    size_t scratch[12];
    double work[18], auc, variance;

    for (size_t k = 0; k < 2; k++) {
        OK(rnnp_metrics_delong(6, 1, score, truth, 6, clusters[k], scratch, work, &auc, &variance));
        near(auc, 8.0 / 9, 1e-15);
        near(variance, 2.0 / 81, 1e-15);
    }
}

TEST(test_delong_agrees_with_ranking)
{
    for (uint32_t seed = 0; seed < 20; seed++) {
        const rows r = make(seed * 31);
        size_t scratch[2 * N];
        areas a;
        double auc, ap;

        OK(delong(&r, r.cluster, &a));
        for (size_t m = 0; m < MODELS; m++) {
            OK(rnnp_metrics_ranking(N, r.scores + m * N, r.truth, NULL, scratch, &auc, &ap, NULL, NULL));
            near(a.auc[m], auc, 1e-15);
            assert_true(a.covariance[m * MODELS + m] > 0);
        }
        near(a.covariance[1], a.covariance[2], 1e-18);
    }
}

TEST(test_delong_errors)
{
    const rows r = make(5);
    const areas before = {{9, 9}, {9, 9, 9, 9}};
    areas a = before;
    rows bad;
    size_t scratch[2 * N], two[N] = {0};
    double work[MODELS * (N + 2 * CLUSTERS)];

#define DELONG_REFUSED(change) (bad = r, change, assert_int_equal(delong(&bad, bad.cluster, &a), RNNP_ERR_ARG))
    DELONG_REFUSED(bad.scores[N + 3] = NAN);
    DELONG_REFUSED(bad.truth[3] = 2);
    DELONG_REFUSED(bad.cluster[3] = CLUSTERS);
    DELONG_REFUSED(memset(bad.truth, 0, sizeof bad.truth));
    DELONG_REFUSED((memset(bad.truth, 0, sizeof bad.truth), bad.truth[7] = 1));
    for (size_t i = 0; i < N; i++) two[i] = (size_t)r.truth[i]; /* all positives are one cluster's */
    assert_int_equal(delong(&r, two, &a), RNNP_ERR_ARG);
#define GIVEN(models, scores, truth, scratch, work, auc, covariance)                                        \
    assert_int_equal(                                                                                       \
        rnnp_metrics_delong(N, models, scores, truth, CLUSTERS, r.cluster, scratch, work, auc, covariance), \
        RNNP_ERR_ARG)
    GIVEN(0, r.scores, r.truth, scratch, work, a.auc, a.covariance);
    GIVEN(1, NULL, r.truth, scratch, work, a.auc, a.covariance);
    GIVEN(1, r.scores, NULL, scratch, work, a.auc, a.covariance);
    GIVEN(1, r.scores, r.truth, NULL, work, a.auc, a.covariance);
    GIVEN(1, r.scores, r.truth, scratch, NULL, a.auc, a.covariance);
    GIVEN(1, r.scores, r.truth, scratch, work, NULL, a.covariance);
    GIVEN(1, r.scores, r.truth, scratch, work, a.auc, NULL);
    assert_memory_equal(&a, &before, sizeof a);
}

/* ---- Normal and binomial ---- */

TEST(test_normal)
{
    rnnp_interval at;
    double p;

    OK(rnnp_metrics_normal(2, 1, 0.95, &at, &p));
    near(at.high, 2 + 1.959963984540054, 1e-14);
    near(at.low, 2 - 1.959963984540054, 1e-14);
    near(p, 0.04550026389635842, 1e-15);
    OK(rnnp_metrics_normal(-40, 1, 0.5, &at, &p));
    assert_true(p == 0);
    OK(rnnp_metrics_normal(0, 0, 0.5, &at, NULL));
    at = (rnnp_interval){9, 9};
    const double wrong[][3] = {{NAN, 1, 0.5}, {1, -1, 0.5}, {1, NAN, 0.5}, {1, INFINITY, 0.5},
                               {1, 1, 0},     {1, 1, 1},    {1, 1, NAN}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(rnnp_metrics_normal(wrong[i][0], wrong[i][1], wrong[i][2], &at, &p), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_normal(1, 1, 0.5, NULL, &p), RNNP_ERR_ARG);
    assert_true(at.low == 9 && p == 0);
}

TEST(test_wilson)
{
    rnnp_interval at = {9, 9};
    const double wrong[][3] = {{-0.1, 3, 0.5}, {1.1, 3, 0.5},      {NAN, 3, 0.5},
                               {0, -1, 0.5},   {0, INFINITY, 0.5}, {0, 3, 1}};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(rnnp_metrics_wilson(wrong[i][0], wrong[i][1], wrong[i][2], &at), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_wilson(0.5, 3, 0.5, NULL), RNNP_ERR_ARG);
    assert_true(at.low == 9 && at.high == 9);
    OK(rnnp_metrics_wilson(0.1, 10, 0.95, &at)); /* 1 of 10, as Newcombe (1998) has it */
    near(at.low, 0.0179, 1e-4);
    near(at.high, 0.4042, 1e-4);
    OK(rnnp_metrics_wilson(1, 5, 0.95, &at));
    assert_true(at.high == 1 && at.low > 0.5);
}

/* ---- Bootstrap ---- */

TEST(test_resample)
{
    const rows r = make(7);
    float counts[CLUSTERS], weight[N], again[N];
    double sum = 0;

    OK(rnnp_metrics_resample(N, CLUSTERS, r.cluster, 3, 4, counts, weight));
    for (size_t c = 0; c < CLUSTERS; c++) sum += (double)counts[c];
    assert_true(sum == CLUSTERS);
    for (size_t i = 0; i < N; i++) assert_true(weight[i] == counts[r.cluster[i]]);
    OK(rnnp_metrics_resample(N, CLUSTERS, r.cluster, 3, 4, counts, again));
    assert_memory_equal(weight, again, sizeof weight);
    OK(rnnp_metrics_resample(N, CLUSTERS, r.cluster, 3, 5, counts, again));
    assert_memory_not_equal(weight, again, sizeof weight);
    OK(rnnp_metrics_resample(N, 0, NULL, 3, 5, NULL, again));
    OK(rnnp_metrics_resample(0, 0, NULL, 3, 5, NULL, again));
    const size_t beyond[] = {CLUSTERS};
    weight[0] = 9;
    assert_int_equal(rnnp_metrics_resample(1, CLUSTERS, beyond, 3, 4, counts, weight), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_resample(1, 0, beyond, 3, 4, counts, weight), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_resample(1, ((size_t)1 << 24) + 1, beyond, 3, 4, counts, weight), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_resample(1, CLUSTERS, r.cluster, 3, 4, NULL, weight), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_resample(1, CLUSTERS, r.cluster, 3, 4, counts, NULL), RNNP_ERR_ARG);
    assert_true(weight[0] == 9);
}

TEST(test_bootstrap)
{
    const double replicates[] = {3, NAN, 1, 2, 5, 4}, flat[] = {2, 2, 2}, odd[] = {1, 2, NAN, 9};
    double scratch[6];
    rnnp_bootstrap found;

    OK(rnnp_metrics_bootstrap(3, 6, replicates, 0, NULL, 0.5, scratch, &found));
    assert_true(found.used == 5 && found.interval.low == 2 && found.interval.high == 4);
    near(found.error, sqrt(2.5), 1e-15);
    near(found.p_value, 2.0 / 6, 1e-15);
    /* In the middle and without skewness BCa is the percentile interval; a skewed jackknife moves it. */
    OK(rnnp_metrics_bootstrap(3, 6, replicates, 3, flat, 0.5, scratch, &found));
    near(found.interval.low, 2, 1e-12);
    near(found.interval.high, 4, 1e-12);
    OK(rnnp_metrics_bootstrap(3, 6, replicates, 4, odd, 0.5, scratch, &found));
    assert_true(found.interval.low != 2 && found.interval.low < found.interval.high);
    /* Where all replicates are on one side of the estimate, there still is an interval of them. */
    OK(rnnp_metrics_bootstrap(99, 6, replicates, 3, flat, 0.95, scratch, &found));
    assert_true(found.interval.low >= 1 && found.interval.high <= 5 && found.interval.low <= found.interval.high);
    OK(rnnp_metrics_bootstrap(2, 3, flat, 0, NULL, 0.95, scratch, &found));
    assert_true(found.interval.low == 2 && found.interval.high == 2 && found.error == 0);
    found.used = 77;
#define REPLICATES_REFUSED(estimate, draws, x, confidence, scratch, result) \
    assert_int_equal(rnnp_metrics_bootstrap(estimate, draws, x, 0, NULL, confidence, scratch, result), RNNP_ERR_ARG)
    REPLICATES_REFUSED(NAN, 6, replicates, 0.5, scratch, &found);
    REPLICATES_REFUSED(3, 2, replicates, 0.5, scratch, &found); /* one of them is NaN */
    REPLICATES_REFUSED(3, 6, replicates, 0, scratch, &found);
    REPLICATES_REFUSED(3, 6, replicates, 1, scratch, &found);
    REPLICATES_REFUSED(3, 6, NULL, 0.5, scratch, &found);
    REPLICATES_REFUSED(3, 6, replicates, 0.5, NULL, &found);
    REPLICATES_REFUSED(3, 6, replicates, 0.5, scratch, NULL);
    assert_true(found.used == 77);
}

/* ---- Decisions ---- */

TEST(test_decisions)
{
    const float p[] = {0.1f, 0.5f, 0.6f, 0.9f}, weight[] = {1, 2, 1, 1};
    const int32_t truth[] = {0, 1, 0, 1};
    const double at[] = {0, 0.5, 0.95};
    rnnp_decision d[3] = {{.tp = 9}};

#define DECIDE(p, truth, weight, n, at) rnnp_metrics_decisions(4, p, truth, weight, n, at, d)
    const float over[] = {0, 0, 0, 1.5f}, none[] = {0, 0, 0, 0};
    const double wrong[] = {0.5, 1};
    const int32_t two[] = {0, 1, 2, 0};
    assert_int_equal(DECIDE(over, truth, NULL, 3, at), RNNP_ERR_ARG);
    assert_int_equal(DECIDE(p, two, NULL, 3, at), RNNP_ERR_ARG);
    assert_int_equal(DECIDE(p, truth, none, 3, at), RNNP_ERR_ARG);
    assert_int_equal(DECIDE(p, truth, NULL, 2, wrong), RNNP_ERR_ARG);
    assert_int_equal(DECIDE(p, truth, NULL, 0, at), RNNP_ERR_ARG);
    assert_int_equal(DECIDE(p, truth, NULL, 3, NULL), RNNP_ERR_ARG);
    assert_int_equal(DECIDE(NULL, truth, NULL, 3, at), RNNP_ERR_ARG);
    assert_int_equal(DECIDE(p, NULL, NULL, 3, at), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_decisions(4, p, truth, NULL, 3, at, NULL), RNNP_ERR_ARG);
    assert_true(d[0].tp == 9);
    OK(DECIDE(p, truth, weight, 3, at));
    assert_true(d[0].tp == 3 && d[0].fp == 2 && d[0].tn == 0 && d[0].sensitivity == 1 && isnan(d[0].npv));
    assert_true(d[1].tp == 3 && d[1].fp == 1 && d[1].tn == 1 && d[1].fn == 0 && d[1].ppv == 0.75);
    near(d[1].net_benefit, (3 - 1) / 5.0, 1e-15);
    near(d[1].net_benefit_all, (3 - 2) / 5.0, 1e-15);
    assert_true(isnan(d[2].ppv) && d[2].f1 == 0 && d[2].net_benefit == 0);
}
