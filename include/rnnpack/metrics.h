/* SPDX-License-Identifier: Apache-2.0
 *
 * Quality of a classifier. These are pure functions on arrays: no context, no allocation, and safe to call from any
 * number of threads. Sums are in double in the order of the rows, so results are the same on every host.
 *
 *   n        number of rows
 *   score    [n] f32, larger means class 1 is more likely: a probability or a logit
 *   p        [n] f32 probabilities of class 1, or [n][classes]
 *   truth    [n] class of each row, 0 <= truth < classes
 *   weight   [n] f32 weight of each row, finite and >= 0; NULL: all 1
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
 * first point counts nothing as positive: its threshold is infinite and its precision 1. One point follows per distinct
 * score that has weight, from the largest score down. Frozen. */
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

#ifdef __cplusplus
}
#endif
#endif
