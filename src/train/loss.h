/* SPDX-License-Identifier: Apache-2.0
 *
 * Losses on the elements of one slice. The output is seen as items of k numbers: k is the last axis for CROSS, SPARSE
 * and losses of numbers (a row's elements; rank below 2, or a weight for each element: 1), and 1 for BINARY. Formulas:
 * rnnpack/train.h.
 */
#ifndef RNNP_LOSS_H
#define RNNP_LOSS_H

#include "../graph/graph.h"
#include "rnnpack/train.h"

typedef struct rnnp_loss_spec {
    rnnp_loss kind;
    float smoothing;
    const float *class_weights; /* or NULL */
    size_t k;
    float delta; /* HUBER, > 0 */
} rnnp_loss_spec;

/* Whether targets are numbers of any size, and not classes or probabilities. */
static inline int rnnp_loss_of_numbers(rnnp_loss kind)
{
    return kind == RNNP_LOSS_MSE || kind == RNNP_LOSS_MAE || kind == RNNP_LOSS_HUBER;
}

typedef struct rnnp_loss_items {
    size_t n;
    const float *y;     /* [n][k], logits but for losses of numbers */
    const void *target; /* f32 [n][k]; SPARSE: i32 or i64 [n] */
    rnnp_dtype target_dtype;
    const float *weight; /* [n] or NULL */
} rnnp_loss_items;

/* Items of weight 0 are masked out: neither their targets nor their outputs are looked at, and their gradient is 0. The
 * weight of an item is its own times its class's: SPARSE of the class, CROSS and BINARY the mean over the target
 * before smoothing.
 *
 * Sums of exponentials, softmax and sigmoid are the kernels of class u35 whatever the math class of the model; what is
 * added up is double. A loss is within 1e-6 of the true one (relative), also where p is nearly 0 or 1; gradients within
 * 1e-6 of the weight times the scale. The caller sets the floating-point mode (fpmode.h). */

/* The first of n floats that is NaN or infinite, or n. All data of a batch is looked at: its sum tells nearly always
 * that there is none. */
size_t rnnp_train_first_not_finite(const rnnp_selection *select, const float *x, size_t n);
/* Checks targets: classes in range, numbers finite, BINARY and CROSS in [0, 1], rows of CROSS with a sum within 1e-3 of
 * 1; and weights: finite, >= 0. Returns n, or the first bad item. */
size_t rnnp_loss_check(const rnnp_loss_spec *spec, const rnnp_loss_items *items, const rnnp_selection *select);
/* What is wrong with that item, in words without its number: "class 7 is not in [0, 5)". */
void rnnp_loss_describe(const rnnp_loss_spec *spec, const rnnp_loss_items *items, size_t item, char *text, size_t size);
/* sum += sum(w l), weight += sum(w), item by item in double. */
void rnnp_loss_add(const rnnp_loss_spec *spec, const rnnp_loss_items *items, const rnnp_selection *select, double *sum,
                   double *weight);
/* Weights alone, which the whole batch must be asked for before any slice's gradient: weight += sum(w). */
void rnnp_loss_weight(const rnnp_loss_spec *spec, const rnnp_loss_items *items, double *weight);
/* dy [n][k] = scale * w * dl/dy, not y; scale is 1 / sum(w) of the batch. */
void rnnp_loss_back(const rnnp_loss_spec *spec, const rnnp_loss_items *items, const rnnp_selection *select, float scale,
                    float *dy);

#endif
