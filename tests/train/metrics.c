/* SPDX-License-Identifier: Apache-2.0
 *
 * Metrics against their definitions: areas by counting all pairs, points by counting all rows.
 */
#include "rnnpack/metrics.h"
#include "tests/model/build.h"

enum { N = 211, CLASSES = 4, BINS = 7 };

typedef struct rows {
    float score[N], p[N * CLASSES], weight[N];
    int32_t truth[N], class[N];
} rows;

/* Scores in tenths, so that there are ties; about a fifth of the weights is 0. */
static rows make(uint32_t seed)
{
    rows r;
    float x[N];

    fill(r.score, N, seed, 0.5f);
    fill(r.p, N * CLASSES, seed + 1, 0.5f);
    fill(r.weight, N, seed + 2, 2);
    fill(x, N, seed + 3, 1);
    for (size_t i = 0; i < N; i++) {
        r.score[i] = roundf((r.score[i] + 0.5f) * 10) / 10;
        r.truth[i] = x[i] + r.score[i] > 0.4f;
        r.class[i] = (int32_t)((x[i] + 1) * 0.49f * (CLASSES - 1)); /* the last class never comes */
        r.weight[i] = r.weight[i] < -1 ? 0 : fabsf(r.weight[i]);
        for (size_t j = 0; j < CLASSES; j++) r.p[i * CLASSES + j] = roundf((r.p[i * CLASSES + j] + 0.5f) * 8) / 8;
    }
    return r;
}

static double w_of(const float *weight, size_t i) { return weight ? (double)weight[i] : 1; }

static void near(double value, double expected) { assert_true(fabs(value - expected) <= 1e-12); }

TEST(test_confusion)
{
    const rows r = make(1);
    double counts[CLASSES * CLASSES] = {0}, expected[CLASSES * CLASSES] = {0};

    OK(rnnp_metrics_confusion(N, CLASSES, r.p, r.class, NULL, counts));
    OK(rnnp_metrics_confusion(N, CLASSES, r.p, r.class, r.weight, counts)); /* added */
    for (size_t i = 0; i < N; i++) {
        size_t best = CLASSES;

        for (size_t j = CLASSES; j-- > 0;)
            if (best == CLASSES || r.p[i * CLASSES + j] >= r.p[i * CLASSES + best]) best = j;
        expected[(size_t)r.class[i] * CLASSES + best] += 1 + (double)r.weight[i];
    }
    for (size_t i = 0; i < CLASSES * CLASSES; i++) assert_true(fabs(counts[i] - expected[i]) < 1e-9);
    OK(rnnp_metrics_confusion(0, CLASSES, NULL, NULL, NULL, counts));
}

TEST(test_confusion_errors)
{
    const rows r = make(2);
    rows bad;
    double counts[CLASSES * CLASSES] = {7};

#define REFUSED_AFTER(change)                                                                                     \
    do {                                                                                                          \
        bad = r;                                                                                                  \
        change;                                                                                                   \
        assert_int_equal(rnnp_metrics_confusion(N, CLASSES, bad.p, bad.class, bad.weight, counts), RNNP_ERR_ARG); \
    } while (0)
    REFUSED_AFTER(bad.class[N - 1] = CLASSES);
    REFUSED_AFTER(bad.class[N - 1] = -1);
    REFUSED_AFTER(bad.p[N * CLASSES - 1] = NAN);
    REFUSED_AFTER(bad.weight[N - 1] = -1);
    REFUSED_AFTER(bad.weight[N - 1] = INFINITY);
    assert_int_equal(rnnp_metrics_confusion(N, CLASSES, NULL, r.class, NULL, counts), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_confusion(N, CLASSES, r.p, NULL, NULL, counts), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_confusion(N, 0, r.p, r.class, NULL, counts), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_confusion(N, CLASSES, r.p, r.class, NULL, NULL), RNNP_ERR_ARG);
    for (size_t i = 0; i < CLASSES * CLASSES; i++) assert_true(counts[i] == (i ? 0 : 7));
}

TEST(test_classes)
{
    /* Worked by hand: rows are truth. The third class has no support, the fourth is never called. */
    const double counts[] = {4, 1, 1, 0, 2, 6, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0}, nothing[4] = {0}, agreed[] = {0, 0, 0, 5};
    const double bad[][4] = {{1, 2, -1, 3}, {1, 2, NAN, 3}, {1, 2, INFINITY, 3}};
    const double chance = (6.0 * 7 + 8 * 8) / 256;
    rnnp_class_metrics c[4];
    rnnp_summary_metrics s = {.struct_size = sizeof s};

    OK(rnnp_metrics_classes(4, counts, c, &s));
    near(c[0].precision, 4.0 / 7);
    near(c[0].recall, 4.0 / 6);
    near(c[0].f1, 2 * (4.0 / 7) * (4.0 / 6) / (4.0 / 7 + 4.0 / 6));
    near(c[0].support, 6);
    near(c[1].precision, 6.0 / 8);
    near(c[1].recall, 6.0 / 8);
    assert_true(c[2].precision == 0 && c[2].recall == 0 && c[2].f1 == 0 && c[2].support == 0);
    assert_true(c[3].precision == 0 && c[3].recall == 0 && c[3].f1 == 0 && c[3].support == 2);
    near(s.accuracy, 10.0 / 16);
    near(s.precision, (4.0 / 7 + 0.75) / 3);
    near(s.recall, (4.0 / 6 + 0.75) / 3);
    near(s.f1, (c[0].f1 + 0.75) / 3);
    near(s.kappa, (10.0 / 16 - chance) / (1 - chance));
    OK(rnnp_metrics_classes(2, nothing, NULL, &s));
    assert_true(s.accuracy == 0 && s.precision == 0 && s.recall == 0 && s.f1 == 0 && s.kappa == 0);
    OK(rnnp_metrics_classes(2, agreed, NULL, &s));
    assert_true(s.accuracy == 1 && s.f1 == 1 && s.kappa == 0); /* chance alone gives 1: kappa says nothing */

    s.accuracy = c[0].support = 99;
    for (size_t i = 0; i < 3; i++) assert_int_equal(rnnp_metrics_classes(2, bad[i], c, &s), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_classes(2, NULL, c, &s), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_classes(0, counts, c, &s), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_classes(4, counts, c, NULL), RNNP_ERR_ARG);
    assert_true(s.accuracy == 99 && c[0].support == 99);
}

/* ---- Ranking ---- */

static double area_by_pairs(const rows *r, const float *weight, size_t n)
{
    double sum = 0, all = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            if (r->truth[i] == 1 && r->truth[j] == 0) {
                const double w = w_of(weight, i) * w_of(weight, j);

                sum += r->score[i] > r->score[j] ? w : r->score[i] == r->score[j] ? w / 2 : 0;
                all += w;
            }
    return sum / all;
}

/* Weight of the rows of a class at or above a threshold. */
static double above(const rows *r, const float *weight, size_t n, int32_t class, double threshold)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        if (r->truth[i] == class && (double)r->score[i] >= threshold) sum += w_of(weight, i);
    return sum;
}

static void check_ranking(const rows *r, const float *weight, size_t n)
{
    size_t scratch[2 * N], points = 0, alone = 0;
    rnnp_curve_point curve[N + 1];
    double auc, ap, again[2], expected = 0;

    OK(rnnp_metrics_ranking(n, r->score, r->truth, weight, scratch, &auc, &ap, curve, &points));
    near(auc, area_by_pairs(r, weight, n));
    assert_true(points >= 2 && points <= n + 1);
    assert_true(isinf(curve[0].threshold) && curve[0].tpr == 0 && curve[0].fpr == 0 && curve[0].precision == 1);
    for (size_t i = 1; i < points; i++) {
        const double tp = above(r, weight, n, 1, curve[i].threshold), fp = above(r, weight, n, 0, curve[i].threshold);

        assert_true(curve[i].threshold < curve[i - 1].threshold);
        near(curve[i].tpr, tp / above(r, weight, n, 1, -INFINITY));
        near(curve[i].fpr, fp / above(r, weight, n, 0, -INFINITY));
        near(curve[i].precision, tp / (tp + fp));
        expected += curve[i].precision * (curve[i].tpr - curve[i - 1].tpr);
    }
    near(curve[points - 1].tpr, 1);
    near(curve[points - 1].fpr, 1);
    near(ap, expected);
    OK(rnnp_metrics_ranking(n, r->score, r->truth, weight, scratch, &again[0], &again[1], NULL, &alone));
    assert_true(again[0] == auc && again[1] == ap && alone == 0);
}

TEST(test_ranking)
{
    for (uint32_t seed = 1; seed < 40; seed++) {
        rows r = make(seed * 91);
        const size_t n = seed < 20 ? N : 2 + seed;

        r.truth[0] = 0;
        r.truth[1] = 1;
        r.weight[0] = r.weight[1] = 1;
        check_ranking(&r, NULL, n);
        check_ranking(&r, r.weight, n);
    }
}

TEST(test_ranking_known)
{
    const float score[] = {3, 2, 1, 0}, flat[] = {1, 1, 1, 1}, ends[] = {INFINITY, 1, 0, -INFINITY};
    const int32_t best[] = {1, 1, 0, 0}, worst[] = {0, 0, 1, 1};
    size_t scratch[8];
    double auc, ap;

    OK(rnnp_metrics_ranking(4, score, best, NULL, scratch, &auc, &ap, NULL, NULL));
    assert_true(auc == 1 && ap == 1);
    OK(rnnp_metrics_ranking(4, score, worst, NULL, scratch, &auc, &ap, NULL, NULL));
    near(auc, 0);
    near(ap, (1.0 / 3 + 2.0 / 4) / 2);
    OK(rnnp_metrics_ranking(4, flat, best, NULL, scratch, &auc, &ap, NULL, NULL));
    assert_true(auc == 0.5 && ap == 0.5);
    OK(rnnp_metrics_ranking(4, ends, best, NULL, scratch, &auc, &ap, NULL, NULL));
    assert_true(auc == 1 && ap == 1);
}

TEST(test_ranking_errors)
{
    const rows r = make(5);
    rows bad;
    size_t scratch[2 * N], points = 55;
    double auc = 9, ap = 9;
    rnnp_curve_point curve[N + 1];

#define RANK(r, n) rnnp_metrics_ranking(n, (r).score, (r).truth, (r).weight, scratch, &auc, &ap, curve, &points)
#define UNRANKED(change) (bad = r, change, assert_int_equal(RANK(bad, N), RNNP_ERR_ARG))
    UNRANKED(bad.score[3] = NAN);
    UNRANKED(bad.truth[3] = 2);
    UNRANKED(bad.truth[3] = -1);
    UNRANKED(bad.weight[3] = -0.5f);
    UNRANKED(bad.weight[3] = NAN);
    UNRANKED(memset(bad.truth, 0, sizeof bad.truth)); /* one class only */
    bad = r;
    for (size_t i = 0; i < N; i++) bad.weight[i] = bad.truth[i] ? 0 : 1;
    assert_int_equal(RANK(bad, N), RNNP_ERR_ARG);
    assert_int_equal(RANK(r, 0), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_ranking(N, NULL, r.truth, NULL, scratch, &auc, &ap, NULL, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_ranking(N, r.score, NULL, NULL, scratch, &auc, &ap, NULL, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_ranking(N, r.score, r.truth, NULL, NULL, &auc, &ap, NULL, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_ranking(N, r.score, r.truth, NULL, scratch, NULL, &ap, NULL, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_ranking(N, r.score, r.truth, NULL, scratch, &auc, NULL, NULL, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_ranking(N, r.score, r.truth, NULL, scratch, &auc, &ap, curve, NULL), RNNP_ERR_ARG);
    assert_true(auc == 9 && ap == 9 && points == 55);
}

/* ---- Probabilities ---- */

TEST(test_brier)
{
    const rows r = make(8);
    const float *weights[] = {NULL, r.weight};
    double brier;

    for (size_t k = 0; k < 2; k++) {
        double two = 0, four = 0, all = 0;

        for (size_t i = 0; i < N; i++) {
            two += w_of(weights[k], i) * pow((double)r.score[i] - r.truth[i], 2);
            for (int32_t j = 0; j < CLASSES; j++)
                four += w_of(weights[k], i) * pow((double)r.p[i * CLASSES + (size_t)j] - (r.class[i] == j), 2);
            all += w_of(weights[k], i);
        }
        OK(rnnp_metrics_brier(N, 2, r.score, r.truth, weights[k], &brier));
        near(brier, two / all);
        OK(rnnp_metrics_brier(N, CLASSES, r.p, r.class, weights[k], &brier));
        near(brier, four / all);
    }
}

TEST(test_calibration)
{
    const rows r = make(9);
    const float edge[] = {0, 0.5f, 1, 1};
    const int32_t truth[] = {0, 1, 1, 0};
    rnnp_calibration_bin bins[BINS];
    double ece, expected = 0, all = 0;

    OK(rnnp_metrics_calibration(N, BINS, r.score, r.truth, r.weight, bins, &ece));
    for (size_t b = 0; b < BINS; b++) {
        double w = 0, p = 0, ones = 0;

        for (size_t i = 0; i < N; i++) {
            const double at = floor((double)r.score[i] * BINS);

            if ((size_t)fmin(at, BINS - 1) == b) {
                w += (double)r.weight[i];
                p += (double)r.weight[i] * (double)r.score[i];
                ones += (double)r.weight[i] * r.truth[i];
            }
        }
        near(bins[b].weight, w);
        near(bins[b].mean, w > 0 ? p / w : 0);
        near(bins[b].share, w > 0 ? ones / w : 0);
        expected += fabs(p - ones);
        all += w;
    }
    near(ece, expected / all);
    OK(rnnp_metrics_calibration(4, 2, edge, truth, NULL, bins, &ece));
    assert_true(bins[0].weight == 1 && bins[1].weight == 3 && bins[0].mean == 0 && bins[0].share == 0);
    near(ece, 3.0 / 4 * (2.5 / 3 - 2.0 / 3));
}

TEST(test_probability_errors)
{
    const rows r = make(10);
    const float wrong[] = {-0.01f, 1.01f, NAN};
    rnnp_calibration_bin bins[BINS] = {{.weight = 9}};
    double x = 9;
    rows bad;

#define NEITHER(r, n)                                                                                \
    (assert_int_equal(rnnp_metrics_brier(n, 2, (r).score, (r).truth, (r).weight, &x), RNNP_ERR_ARG), \
     assert_int_equal(rnnp_metrics_calibration(n, BINS, (r).score, (r).truth, (r).weight, bins, &x), RNNP_ERR_ARG))
    for (size_t i = 0; i < 3; i++) {
        bad = r;
        bad.score[N - 1] = wrong[i];
        NEITHER(bad, N);
        bad.p[N * CLASSES - 1] = wrong[i];
        assert_int_equal(rnnp_metrics_brier(N, CLASSES, bad.p, bad.class, NULL, &x), RNNP_ERR_ARG);
    }
    bad = r;
    bad.truth[N - 1] = 2;
    NEITHER(bad, N);
    bad = r;
    bad.weight[N - 1] = -1;
    NEITHER(bad, N);
    memset(bad.weight, 0, sizeof bad.weight);
    NEITHER(bad, N);
    NEITHER(r, 0);
    assert_int_equal(rnnp_metrics_brier(N, 2, NULL, r.truth, NULL, &x), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_brier(N, 2, r.score, NULL, NULL, &x), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_brier(N, 1, r.score, r.truth, NULL, &x), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_brier(N, 2, r.score, r.truth, NULL, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_calibration(N, BINS, NULL, r.truth, NULL, bins, &x), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_calibration(N, BINS, r.score, NULL, NULL, bins, &x), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_calibration(N, 0, r.score, r.truth, NULL, bins, &x), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_calibration(N, BINS, r.score, r.truth, NULL, NULL, &x), RNNP_ERR_ARG);
    assert_int_equal(rnnp_metrics_calibration(N, BINS, r.score, r.truth, NULL, bins, NULL), RNNP_ERR_ARG);
    assert_true(x == 9 && bins[0].weight == 9);
}
