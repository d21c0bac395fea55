/* SPDX-License-Identifier: Apache-2.0
 *
 * Quality of a classifier, and how far its numbers can be trusted. These are pure functions on arrays: no context, no
 * allocation, and safe to call from any number of threads. Sums are in double in the order of the rows, so results are
 * the same on every host.
 *
 *   n        number of rows
 *   score    [n] f32, larger means class 1 is more likely: a probability or a logit
 *   p        [n] f32 probabilities of class 1, or [n][classes]
 *   truth    [n] class of each row, 0 <= truth < classes
 *   weight   [n] f32 weight of each row, finite and >= 0; NULL: all 1
 *   cluster  [n] which rows belong together (a patient's), each below the number of clusters; NULL: each row is alone
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for NULL, no classes or bins, a class or weight out of range, and as stated. There
 *          is no sentence, as there is no context.
 * Errors   leave results untouched.
 */
#ifndef RNNPACK_METRICS_H
#define RNNPACK_METRICS_H

#include "rnnpack/rnnpack.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Adds a batch to a confusion matrix: counts[truth * classes + predicted] += weight. The predicted class is the
 * largest of a row of p [n][classes], the first if several are equal. counts is not cleared, so batches add up.
 * RNNP_ERR_ARG for NaN in p. */
RNNP_API rnnp_status rnnp_metrics_confusion(size_t n, size_t classes, const float *p, const int32_t *truth,
                                            const float *weight, double *counts);

/* One class. f1 = 2 tp / (support + predicted). Frozen. */
typedef struct rnnp_class_metrics {
    double precision, recall, f1, support;
} rnnp_class_metrics;

typedef struct rnnp_summary_metrics {
    size_t struct_size;
    double accuracy;
    double precision, recall, f1; /* averages over the classes that have support */
    double kappa;                 /* Cohen 1960: (accuracy - chance) / (1 - chance) */
} rnnp_summary_metrics;
RNNP_STRUCT_INIT(rnnp_summary_metrics)

/* Evaluates a confusion matrix counts [classes][classes]: each class into per_class [classes], which may be NULL,
 * and all into *summary. A ratio whose denominator is 0 is 0. RNNP_ERR_ARG for a count that is negative or not
 * finite. */
RNNP_API rnnp_status rnnp_metrics_classes(size_t classes, const double *counts, rnnp_class_metrics *per_class,
                                          rnnp_summary_metrics *summary);

/* A point of the ROC and precision-recall curves, where score >= threshold counts as positive. tpr is the recall. The
 * first point counts nothing as positive: its threshold is infinite and its precision 1. One point follows per
 * distinct score that has weight, from the largest score down. Frozen. */
typedef struct rnnp_curve_point {
    double threshold, tpr, fpr, precision;
} rnnp_curve_point;

/* Computes the area under the ROC curve (ties count half; Hanley and McNeil 1982), the average precision (the sum of
 * precision times the increase of recall), and the curve. Takes n log n time.
 *
 *   truth    0 or 1
 *   scratch  [2*n] work memory
 *   curve    [n + 1], or NULL; *points receives how many were written
 *
 * RNNP_ERR_ARG for NaN, or if only one class has weight, where the area is undefined. */
RNNP_API rnnp_status rnnp_metrics_ranking(size_t n, const float *score, const int32_t *truth, const float *weight,
                                          size_t *scratch, double *roc_auc, double *average_precision,
                                          rnnp_curve_point *curve, size_t *points);

/* Computes the Brier score (Brier 1950). Two classes: the mean of (p - truth)^2, with p [n] of class 1 and not [n][2].
 * More classes: the mean of the sum over classes, with p [n][classes]. RNNP_ERR_ARG for p outside [0, 1], or no
 * weight. */
RNNP_API rnnp_status rnnp_metrics_brier(size_t n, size_t classes, const float *p, const int32_t *truth,
                                        const float *weight, double *brier);

/* One bin of a reliability diagram: sum of weights, mean p, and share of class 1; all 0 if it is empty. Frozen. */
typedef struct rnnp_calibration_bin {
    double weight, mean, share;
} rnnp_calibration_bin;

/* Computes the reliability diagram of class 1 in n_bins bins of equal width, and the expected calibration error: the
 * weighted mean of |mean - share| (Naeini et al. 2015). Bin b covers [b / n_bins, (b + 1) / n_bins); the last one
 * includes 1. RNNP_ERR_ARG for p outside [0, 1], or no weight. */
RNNP_API rnnp_status rnnp_metrics_calibration(size_t n, size_t n_bins, const float *p, const int32_t *truth,
                                              const float *weight, rnnp_calibration_bin *bins, double *ece);

/* What follows from calling rows positive whose p >= threshold: weights of the four outcomes, what they make of each
 * other, and the net benefit (Vickers and Elkin 2006), (tp - fp threshold / (1 - threshold)) / n, of the model and of
 * calling all rows positive (of none it is 0). A ratio whose denominator is 0 is NaN. Frozen. */
typedef struct rnnp_decision {
    double threshold, tp, fp, tn, fn;
    double sensitivity, specificity; /* tp / (tp + fn), tn / (tn + fp) */
    double ppv, npv, f1;             /* tp / (tp + fp), tn / (tn + fn), 2 tp / (2 tp + fp + fn) */
    double net_benefit, net_benefit_all;
} rnnp_decision;

/* Computes the decisions at thresholds [n_thresholds], each in [0, 1). Takes n * n_thresholds time. RNNP_ERR_ARG for a
 * threshold or p outside of its range, or no weight. */
RNNP_API rnnp_status rnnp_metrics_decisions(size_t n, const float *p, const int32_t *truth, const float *weight,
                                            size_t n_thresholds, const double *thresholds, rnnp_decision *decisions);

/* ---- How far a number can be trusted ----------------------------------------------------------- */

/* Holds the true value with a stated confidence, which is above 0 and below 1. Frozen. */
typedef struct rnnp_interval {
    double low, high;
} rnnp_interval;

/* Computes the interval of an estimate that is normally distributed with this variance, and (unless NULL) the
 * two-sided p value of a true value of 0. With variance 0 the interval is the estimate, and p is 1 for 0 and 0 for all
 * else. RNNP_ERR_ARG for a confidence out of range, a negative variance, or what is not finite. */
RNNP_API rnnp_status rnnp_metrics_normal(double estimate, double variance, double confidence, rnnp_interval *interval,
                                         double *p_value);

/* Computes Wilson's interval (1927) of a share of n independent rows, such as that of a calibration bin. It stays in
 * [0, 1]; without rows it is all of that. RNNP_ERR_ARG for a share, n or confidence out of range. */
RNNP_API rnnp_status rnnp_metrics_wilson(double share, double n, double confidence, rnnp_interval *interval);

/* Computes the areas under the ROC curves of models that scored the same rows, and their covariance: of independent
 * rows as DeLong, DeLong and Clarke-Pearson (1988), of clusters as Obuchowski (1997), which is the same where each
 * cluster has one row. The variance of a difference of two is c[0][0] + c[1][1] - c[0][1] - c[1][0];
 * rnnp_metrics_normal makes an interval and a p value of it. Takes n log n time for each model (Sun and Xu 2014).
 *
 *   scores      [models][n] f32
 *   truth       0 or 1
 *   clusters    number of clusters; without cluster it is not looked at
 *   scratch     [2 * n] work memory
 *   work        [models * (n + 2 * clusters)] work memory; without cluster [models * n]
 *   auc         [models]
 *   covariance  [models][models]
 *
 * RNNP_ERR_ARG for NaN, or fewer than two rows (with cluster: two clusters that have such a row) of either class. */
RNNP_API rnnp_status rnnp_metrics_delong(size_t n, size_t models, const float *scores, const int32_t *truth,
                                         size_t clusters, const size_t *cluster, size_t *scratch, double *work,
                                         double *auc, double *covariance);

/* Draws as many clusters as there are, with replacement, and gives each row the number of times that its cluster was
 * drawn as its weight. All functions with weights then compute a replicate of the bootstrap (Efron 1979; of clusters:
 * Davison and Hinkley 1997, 3.8), of one metric, several, or the difference of two models on the same rows. A draw
 * depends on seed and its number alone, so draws may be taken in any order and by any threads: cluster number i of the
 * draw is floor(bits * clusters / 2^32), where bits are number i mod 4 of the Philox4x32-10 (Salmon et al. 2011) of
 * key {seed, seed >> 32} and counter {i / 4, 4, draw, draw >> 32}.
 *
 *   counts  [clusters] f32: how often each cluster was drawn; without cluster not looked at
 *   weight  [n] f32
 *
 * RNNP_ERR_ARG also for rows without clusters, or more than 2^24 of them. */
RNNP_API rnnp_status rnnp_metrics_resample(size_t n, size_t clusters, const size_t *cluster, uint64_t seed,
                                           uint64_t draw, float *counts, float *weight);

/* What replicates say of an estimate. Frozen. */
typedef struct rnnp_bootstrap {
    rnnp_interval interval;
    double error;   /* standard error: the deviation of the replicates */
    double p_value; /* two-sided, of a true value of 0: 2 (k + 1) / (used + 1), at most 1, where k replicates are on the
                     * side of 0 (0 included) that has fewer (Davison and Hinkley 1997, 4.4) */
    size_t used;    /* replicates that are numbers */
} rnnp_bootstrap;

/* Computes the percentile interval of replicates [draws] (Efron 1979), or, with jackknife [clusters], the metric
 * without each cluster in turn, the BCa interval (Efron 1987), which corrects for bias and skewness. Quantiles are
 * linear between the ordered replicates (number 7 of Hyndman and Fan 1996). Replicates and values of the jackknife
 * that are NaN (a draw in which one class is missing has no area) are left out. Takes draws * log draws time.
 *
 * A metric that noise moves to one side, such as the calibration error, needs the basic interval in their place
 * (Davison and Hinkley 1997, 5.2): 2 estimate - high to 2 estimate - low.
 *
 *   scratch  [draws] work memory
 *
 * RNNP_ERR_ARG for an estimate that is NaN, a confidence out of range, or fewer than two replicates that are
 * numbers. */
RNNP_API rnnp_status rnnp_metrics_bootstrap(double estimate, size_t draws, const double *replicates, size_t clusters,
                                            const double *jackknife, double confidence, double *scratch,
                                            rnnp_bootstrap *result);

#ifdef __cplusplus
}
#endif
#endif
