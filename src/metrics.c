/* SPDX-License-Identifier: Apache-2.0 */
#include "rnnpack/metrics.h"

#include "metrics_rows.h"
#include "structs.h"

#include <math.h>

/* ---- Confusion matrix ---- */

rnnp_status rnnp_metrics_confusion(size_t n, size_t classes, const float *p, const int32_t *truth, const float *weight,
                                   double *counts)
{
    if (classes == 0 || !counts || (n && (!p || !truth)) || !rnnp_rows_are_good(truth, weight, n, classes))
        return RNNP_ERR_ARG;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < classes; j++)
            if (isnan(p[i * classes + j])) return RNNP_ERR_ARG;
    for (size_t i = 0; i < n; i++) {
        const float *row = p + i * classes;
        size_t best = 0;

        for (size_t j = 1; j < classes; j++) best = row[j] > row[best] ? j : best;
        counts[(size_t)truth[i] * classes + best] += rnnp_weight_of(weight, i);
    }
    return RNNP_OK;
}

static double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

rnnp_status rnnp_metrics_classes(size_t classes, const double *counts, rnnp_class_metrics *per_class,
                                 rnnp_summary_metrics *summary)
{
    double total = 0, right = 0, chance = 0, supported = 0, sums[3] = {0};

    if (!counts || classes == 0 || RNNP_STRUCT_CHECK(NULL, rnnp_summary_metrics, summary) != RNNP_OK)
        return RNNP_ERR_ARG;
    for (size_t t = 0; t < classes; t++)
        for (size_t j = 0; j < classes; j++) {
            if (!(counts[t * classes + j] >= 0 && isfinite(counts[t * classes + j]))) return RNNP_ERR_ARG;
            total += counts[t * classes + j];
        }
    for (size_t c = 0; c < classes; c++) {
        const double hit = counts[c * classes + c];
        double is = 0, called = 0;

        for (size_t j = 0; j < classes; j++) {
            is += counts[c * classes + j];
            called += counts[j * classes + c];
        }
        const rnnp_class_metrics m = {ratio(hit, called), ratio(hit, is), ratio(2 * hit, is + called), is};
        if (per_class) per_class[c] = m;
        right += hit;
        chance += ratio(is, total) * ratio(called, total);
        if (is > 0) {
            supported++;
            sums[0] += m.precision;
            sums[1] += m.recall;
            sums[2] += m.f1;
        }
    }
    const rnnp_summary_metrics full = {sizeof full,
                                       ratio(right, total),
                                       ratio(sums[0], supported),
                                       ratio(sums[1], supported),
                                       ratio(sums[2], supported),
                                       chance < 1 && total > 0 ? (right / total - chance) / (1 - chance) : 0};
    return RNNP_STRUCT_WRITE(NULL, rnnp_summary_metrics, &full, summary);
}

/* ---- Ranking ---- */

rnnp_status rnnp_metrics_ranking(size_t n, const float *score, const int32_t *truth, const float *weight,
                                 size_t *scratch, double *roc_auc, double *average_precision, rnnp_curve_point *curve,
                                 size_t *points)
{
    double all[2] = {0}, seen[2] = {0}, pairs = 0, ap = 0;
    const size_t *row;
    size_t written = 0;

    if (!score || !truth || !scratch || !roc_auc || !average_precision || (curve && !points) ||
        !rnnp_rows_are_good(truth, weight, n, 2))
        return RNNP_ERR_ARG;
    for (size_t i = 0; i < n; i++) {
        if (isnan(score[i])) return RNNP_ERR_ARG;
        all[truth[i]] += rnnp_weight_of(weight, i);
    }
    if (!(all[0] > 0 && all[1] > 0)) return RNNP_ERR_ARG;
    row = rnnp_rows_by_score(score, n, scratch);
    if (curve) curve[written++] = (rnnp_curve_point){INFINITY, 0, 0, 1};
    for (size_t i = 0; i < n;) {
        const float threshold = score[row[i]];
        double tie[2] = {0};

        for (; i < n && score[row[i]] == threshold; i++) tie[truth[row[i]]] += rnnp_weight_of(weight, row[i]);
        if (tie[0] + tie[1] == 0) continue;
        pairs += tie[0] * (seen[1] + tie[1] / 2);
        seen[0] += tie[0];
        seen[1] += tie[1];
        const double precision = seen[1] / (seen[0] + seen[1]);
        ap += precision * (tie[1] / all[1]);
        if (curve)
            curve[written++] = (rnnp_curve_point){(double)threshold, seen[1] / all[1], seen[0] / all[0], precision};
    }
    *roc_auc = pairs / (all[0] * all[1]);
    *average_precision = ap;
    if (points) *points = written;
    return RNNP_OK;
}

/* ---- Probabilities ---- */

rnnp_status rnnp_metrics_brier(size_t n, size_t classes, const float *p, const int32_t *truth, const float *weight,
                               double *brier)
{
    const size_t columns = classes == 2 ? 1 : classes;
    double sum = 0;

    if (!p || !truth || !brier || classes < 2 || !rnnp_rows_are_good(truth, weight, n, classes) ||
        !rnnp_are_probabilities(p, n, columns) || !(rnnp_weight_sum(weight, n) > 0))
        return RNNP_ERR_ARG;
    for (size_t i = 0; i < n; i++) {
        double row = 0;

        for (size_t j = 0; j < columns; j++) {
            const int is = columns == 1 ? truth[i] == 1 : (size_t)truth[i] == j;
            const double d = (double)p[i * columns + j] - is;
            row += d * d;
        }
        sum += rnnp_weight_of(weight, i) * row;
    }
    *brier = sum / rnnp_weight_sum(weight, n);
    return RNNP_OK;
}

rnnp_status rnnp_metrics_calibration(size_t n, size_t n_bins, const float *p, const int32_t *truth, const float *weight,
                                     rnnp_calibration_bin *bins, double *ece)
{
    double sum = 0, total;

    if (!p || !truth || !bins || !ece || n_bins == 0 || !rnnp_rows_are_good(truth, weight, n, 2) ||
        !rnnp_are_probabilities(p, n, 1) || !((total = rnnp_weight_sum(weight, n)) > 0))
        return RNNP_ERR_ARG;
    for (size_t b = 0; b < n_bins; b++) bins[b] = (rnnp_calibration_bin){0};
    for (size_t i = 0; i < n; i++) {
        const size_t b = (size_t)((double)p[i] * (double)n_bins);
        rnnp_calibration_bin *bin = &bins[b < n_bins ? b : n_bins - 1];
        const double w = rnnp_weight_of(weight, i);

        bin->weight += w;
        bin->mean += w * (double)p[i];
        bin->share += w * truth[i];
    }
    for (size_t b = 0; b < n_bins; b++) {
        bins[b].mean = ratio(bins[b].mean, bins[b].weight);
        bins[b].share = ratio(bins[b].share, bins[b].weight);
        sum += bins[b].weight * fabs(bins[b].mean - bins[b].share);
    }
    *ece = sum / total;
    return RNNP_OK;
}

/* ---- Decisions ---- */

/* A ratio that nothing defines is no number. */
static double part(double some, double all) { return all > 0 ? some / all : (double)NAN; }

static rnnp_decision decide(double threshold, const double hits[2], const double all[2])
{
    const double tp = hits[1], fp = hits[0], fn = all[1] - tp, tn = all[0] - fp, n = all[0] + all[1];
    const double odds = threshold / (1 - threshold);

    return (rnnp_decision){.threshold = threshold,
                           .tp = tp,
                           .fp = fp,
                           .tn = tn,
                           .fn = fn,
                           .sensitivity = part(tp, all[1]),
                           .specificity = part(tn, all[0]),
                           .ppv = part(tp, tp + fp),
                           .npv = part(tn, tn + fn),
                           .f1 = part(2 * tp, 2 * tp + fp + fn),
                           .net_benefit = (tp - fp * odds) / n,
                           .net_benefit_all = (all[1] - all[0] * odds) / n};
}

rnnp_status rnnp_metrics_decisions(size_t n, const float *p, const int32_t *truth, const float *weight,
                                   size_t n_thresholds, const double *thresholds, rnnp_decision *decisions)
{
    double all[2] = {0};

    if (!p || !truth || !decisions || !thresholds || !n_thresholds || !rnnp_rows_are_good(truth, weight, n, 2) ||
        !rnnp_are_probabilities(p, n, 1) || !(rnnp_weight_sum(weight, n) > 0))
        return RNNP_ERR_ARG;
    for (size_t k = 0; k < n_thresholds; k++)
        if (!(thresholds[k] >= 0 && thresholds[k] < 1)) return RNNP_ERR_ARG;
    for (size_t i = 0; i < n; i++) all[truth[i]] += rnnp_weight_of(weight, i);
    for (size_t k = 0; k < n_thresholds; k++) {
        double hits[2] = {0};

        for (size_t i = 0; i < n; i++)
            if ((double)p[i] >= thresholds[k]) hits[truth[i]] += rnnp_weight_of(weight, i);
        decisions[k] = decide(thresholds[k], hits, all);
    }
    return RNNP_OK;
}
