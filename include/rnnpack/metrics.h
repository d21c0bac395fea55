/* SPDX-License-Identifier: Apache-2.0
 *
 * How good a classifier is. Pure functions on arrays: no context, no allocation, safe from many threads; sums in double
 * in the order of the rows, so that results are the same on every host.
 *
 *   score   [n] a number per row, larger for class 1 (a probability, or a logit)
 *   p       [n] probabilities of class 1; or [n][classes]
 *   truth   [n] class of each row, 0 <= truth < classes
 *   weight  [n] finite, >= 0, or NULL: 1 each
 *
 * Returns  RNNP_OK, or RNNP_ERR_ARG for NULL, no classes or bins, a class or weight out of its range, and what is said
 *          at each function.
 * Errors   leave results untouched.
 */
#ifndef RNNPACK_METRICS_H
#define RNNPACK_METRICS_H

#include "rnnpack/rnnpack.h"

#ifdef __cplusplus
extern "C" {
#endif

/* counts[truth * classes + predicted] += weight, where predicted is the largest of p[row][classes], the first of
 * equals. counts is not cleared, so that batches can be added up. RNNP_ERR_ARG for NaN in p. */
RNNP_API rnnp_status rnnp_metrics_confusion(size_t n, size_t classes, const float *p, const int32_t *truth,
                                            const float *weight, double *counts);

typedef struct rnnp_class_metrics {
    double precision, recall, f1, support; /* f1 = 2 tp / (support + predicted) */
} rnnp_class_metrics;

/* From a confusion matrix [classes][classes]: per class [classes] (may be NULL), and accuracy, macro averages over
 * classes with support, and Cohen's kappa (Cohen 1960): (accuracy - chance) / (1 - chance). 0 where there is nothing to
 * divide by. RNNP_ERR_ARG for a count that is negative or not finite. */
typedef struct rnnp_summary_metrics {
    double accuracy, precision, recall, f1, kappa;
} rnnp_summary_metrics;
RNNP_API rnnp_status rnnp_metrics_classes(size_t classes, const double *counts, rnnp_class_metrics *per_class,
                                          rnnp_summary_metrics *summary);

/* A point of the ROC and precision-recall curves: what is called positive at score >= threshold. The first one calls
 * nothing positive: threshold infinite, precision 1. Then follows one per distinct score with weight, from the largest
 * down. */
typedef struct rnnp_curve_point {
    double threshold, tpr, fpr, precision; /* tpr = recall */
} rnnp_curve_point;

/* Area under the ROC curve (ties count half; Hanley and McNeil 1982) and average precision (sum of precision times the
 * rise of recall), and the curve if wanted.
 *   scratch  [2*n] numbers of size_t; work memory
 *   curve    [n + 1] or NULL; *points is how many were written
 * truth is 0 or 1. RNNP_ERR_ARG for NaN, or where only one class has weight (the area is undefined). n log n time. */
RNNP_API rnnp_status rnnp_metrics_ranking(size_t n, const float *score, const int32_t *truth, const float *weight,
                                          size_t *scratch, double *roc_auc, double *average_precision,
                                          rnnp_curve_point *curve, size_t *points);

/* Brier score: classes 2: mean of (p - truth)^2, p [n], of class 1 alone and not [n][2]; classes > 2: mean of the sum
 * over classes, p [n][classes] (Brier 1950). RNNP_ERR_ARG for p outside [0, 1], or no weight at all. */
RNNP_API rnnp_status rnnp_metrics_brier(size_t n, size_t classes, const float *p, const int32_t *truth,
                                        const float *weight, double *brier);

/* Reliability diagram of class 1: bins of equal width in [0, 1]; ece is the expected calibration error, the
 * weighted mean of |mean p - share of class 1| (Naeini et al. 2015). Bin b is [b / n_bins, (b + 1) / n_bins), the last
 * one with its end; an empty one is all 0. RNNP_ERR_ARG for p outside [0, 1], or no weight at all. */
typedef struct rnnp_calibration_bin {
    double weight, mean, share; /* sum of weights, mean p, share of class 1 */
} rnnp_calibration_bin;
RNNP_API rnnp_status rnnp_metrics_calibration(size_t n, size_t n_bins, const float *p, const int32_t *truth,
                                              const float *weight, rnnp_calibration_bin *bins, double *ece);

#ifdef __cplusplus
}
#endif
#endif
