/* SPDX-License-Identifier: Apache-2.0
 *
 * Probabilities that mean what they say: of the cases that are given 0.8, eight in ten. A calibration is fitted to
 * cases that the model has not seen in training, and then applied to others. Pure functions on arrays, as those of
 * metrics.h, whose words and errors they share: no context, no allocation, any number of threads, the same bits on
 * every host.
 *
 * Temperature (Guo et al. 2017): p becomes softmax(log p / temperature), which is softmax(logits / temperature); one
 * number for all classes, which keeps their order. Of p below 2^-24 the logarithm is that of 2^-24, as 1 - p of a
 * float cannot say less.
 *
 * Isotonic regression (Zadrozny and Elkan 2002): p becomes a function of p that does not fall, of all such the one
 * with the least squared error, by pooling adjacent violators (Ayer et al. 1955). It is for two classes, can repair
 * any shape, wants some hundreds of cases, and makes different p equal, so areas under ROC curves may change.
 */
#ifndef RNNPACK_CALIBRATION_H
#define RNNPACK_CALIBRATION_H

#include "rnnpack/rnnpack.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Finds the temperature of the least negative log likelihood of truth [n] under p [n][classes]; weight [n] or NULL.
 * Between 0.01 and 100, by bisection of the derivative over 1 / temperature, of which the likelihood is a convex
 * function: 60 passes over the data. Where the largest p is always the truth, that is 0.01. RNNP_ERR_ARG for less than
 * two classes, p outside of [0, 1] or NaN, or no weight. */
RNNP_API rnnp_status rnnp_calibration_fit_temperature(size_t n, size_t classes, const float *p, const int32_t *truth,
                                                      const float *weight, double *temperature);

/* The derivative of that negative log likelihood over beta = 1 / temperature; it rises with beta, and is 0 at the best
 * one. It is a sum over rows: that of data in several places is the sum of theirs. RNNP_ERR_ARG for a beta that is not
 * finite and positive, and as above. */
RNNP_API rnnp_status rnnp_calibration_slope(size_t n, size_t classes, const float *p, const int32_t *truth,
                                            const float *weight, double beta, double *slope);

/* Applies it to p [n][classes]; calibrated may be p. RNNP_ERR_ARG for a temperature that is not finite and positive,
 * and as above. */
RNNP_API rnnp_status rnnp_calibration_apply_temperature(size_t n, size_t classes, double temperature, const float *p,
                                                        float *calibrated);

/* What all p from first to last become. Between two steps it is a straight line. Frozen. */
typedef struct rnnp_isotonic_step {
    float first, last;
    double value, weight; /* the share of truth 1, and the weight that it is of */
} rnnp_isotonic_step;

/* Fits isotonic regression of truth [n], 0 or 1, on p [n], the probability of class 1.
 *
 *   scratch  [2 * n] work memory
 *   steps    [n]; *n_steps receives how many were written, by rising p and value
 *
 * Takes n log n time. RNNP_ERR_ARG for p outside of [0, 1] or NaN, or no weight; steps may have been written then. */
RNNP_API rnnp_status rnnp_calibration_fit_isotonic(size_t n, const float *p, const int32_t *truth, const float *weight,
                                                   size_t *scratch, rnnp_isotonic_step *steps, size_t *n_steps);

/* Applies it to p [n]; calibrated may be p. Below the first step all have its value, above the last one that one's.
 * RNNP_ERR_ARG without steps, for steps that are not in order or whose values fall or are not in [0, 1], and for NaN.
 * */
RNNP_API rnnp_status rnnp_calibration_apply_isotonic(size_t n_steps, const rnnp_isotonic_step *steps, size_t n,
                                                     const float *p, float *calibrated);

#ifdef __cplusplus
}
#endif

#endif
