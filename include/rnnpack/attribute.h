/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributions: how much each number of an input contributed to one number that a model gives for a row.
 *
 *     rnnp_attribution_create -> rnnp_attribution_run, as often as needed -> rnnp_attribution_destroy
 *
 * F(x) is the score of a row: one element of an output, or the logit or probability that it stands for. b is the
 * baseline, an input that stands for "nothing to see". Every method gives a number a_i for each element x_i.
 *
 *   INTEGRATED  a_i = (x_i - b_i) * integral over t in [0, 1] of dF/dx_i at b + t (x - b). Completeness: the a_i of a
 *               row sum up to F(x) - F(b) (integrated gradients; Sundararajan, Taly and Yan 2017)
 *   GRADIENT    a_i = (x_i - b_i) * dF/dx_i at x: gradient times input, INTEGRATED with the one point t = 1. Complete
 *               for linear models alone (Ancona et al. 2018 compare the two)
 *   OCCLUSION   F(x) - F(x with a window of one channel set to the baseline), in equal parts to the elements of the
 *               window. It needs no gradient, so it checks the other two. Not complete where channels act together
 *
 * An attribution explains the model, not the world, and depends on the baseline (docs/howto/explain.md).
 *
 * Rows. The batch dimension is the one whose symbol is rnnp_attribution_options.batch. Rows must not depend on each
 * other. Attributed are the f32 inputs that have a batch dimension, initial states included; all others (lengths,
 * indices, what rows share) stay as they are.
 *
 * Same bits. Attributions of a row depend on the row, its baseline, its target and the options, but not on the other
 * rows, the number of threads, the instruction set, or the host: sums are in double in the order of the points, the
 * points are decided for each row, and the constants of the quadrature are constants.
 */
#ifndef RNNPACK_ATTRIBUTE_H
#define RNNPACK_ATTRIBUTE_H

#include "rnnpack/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum rnnp_attribution_method {
    RNNP_ATTRIBUTION_INTEGRATED = 0,
    RNNP_ATTRIBUTION_GRADIENT,
    RNNP_ATTRIBUTION_OCCLUSION
} rnnp_attribution_method;

/*
 *   OUTPUT       the element of the output as the model gives it
 *   LOGIT        what the output's own Softmax, LogSoftmax or Sigmoid reads; without such a node the output itself
 *   PROBABILITY  the output itself if it is a Softmax or Sigmoid. Otherwise the softmax of the logits over the last
 *                axis, and the sigmoid where that axis has one element or is the batch
 */
typedef enum rnnp_score { RNNP_SCORE_OUTPUT = 0, RNNP_SCORE_LOGIT, RNNP_SCORE_PROBABILITY } rnnp_score;

/* In place of an element of the output: the largest one of the row, the first if several are equal. */
#define RNNP_TARGET_LARGEST SIZE_MAX

typedef struct rnnp_attribution_options {
    size_t struct_size;
    rnnp_attribution_method method;
    rnnp_score score;
    size_t output;      /* index of the output */
    const char *batch;  /* symbol of the batch dimension, copied; NULL: "batch" */
    size_t points;      /* INTEGRATED: gradients along the path, a multiple of 4. 0: 16, doubled until the row is
                        * complete, up to most_points */
    size_t most_points; /* 0: 1024. At least 16 */
    double tolerance;   /* INTEGRATED: the residual at which a row is complete, as a share of F(x) - F(b); 0: 0.01 */
    size_t window;      /* OCCLUSION: steps of a window; the last one may be shorter. 0: a twentieth of the steps,
                         * rounded up */
    int time_axis;      /* OCCLUSION: RNNP_AXIS(n) where axis n of every input is time, if it has one; 0: the first
                    * dimension with a size that is left open except for the batch, else the first one that is not
                    * the batch, of an input with three dimensions or more. An input without time has windows of one
                    * element */
    rnnp_math math;
    size_t threads; /* at most this many of the context's; 0: all */
} rnnp_attribution_options;
RNNP_STRUCT_INIT(rnnp_attribution_options)

typedef struct rnnp_attribution rnnp_attribution;

/*
 * rnnp_attribution_create() copies the model's weights and finds a gradient for every node between the inputs and the
 * score. OCCLUSION needs no gradients. options may be NULL.
 *
 * Returns  RNNP_OK; RNNP_ERR_UNSUPPORTED with the name of a node without a gradient, for a layer whose weights are not
 *          f32 (rnnp_model_quantize), a loop, an If on data, and a model without an input that can be attributed to;
 *          RNNP_ERR_SHAPE if the batch dimension cannot be determined or rows depend on each other; RNNP_ERR_TYPE for
 *          an output that is not f32; RNNP_ERR_ARG, also for a weight with NaN or infinity; RNNP_ERR_STATE if the model
 *          is not closed or its weights were released; RNNP_ERR_MEMORY.
 * Errors   leave *attribution NULL.
 * Memory   a copy of the weights and, from the first run on, what the passes over up to max(64, 16 threads) rows need.
 *          The model must outlive it.
 * Threads  an attribution may be used by one thread at a time; it uses the context's team.
 */
RNNP_API rnnp_status rnnp_attribution_create(const rnnp_model *model, const rnnp_attribution_options *options,
                                             rnnp_attribution **attribution);
RNNP_API void rnnp_attribution_destroy(rnnp_attribution *attribution);

/* What is known of one row. Frozen. */
typedef struct rnnp_attribution_row {
    size_t target;         /* the element of the output's row that the score is of */
    double score;          /* F(x) */
    double baseline_score; /* F(b) */
    double sum;            /* of the attributions, before they are rounded to f32 */
    double residual;       /* sum - (score - baseline_score) */
    double rounding;       /* what rounding alone can make of the residual:
                            * 1e-6 (|F(x)| + |F(b)| + the sum of the attributions' magnitudes) */
    size_t points;         /* gradients along the path, 1 for GRADIENT; OCCLUSION: windows */
    int complete;          /* |residual| <= tolerance * |score - baseline_score| + rounding */
} rnnp_attribution_row;

typedef struct rnnp_attribution_batch {
    size_t struct_size;
    const rnnp_tensor *inputs; /* [n_inputs] as the model's, all with the same number of rows */
    size_t n_inputs;
    /* [n_inputs] like the inputs, with as many rows or with one for all; entries whose data is NULL are zeros. NULL:
     * all zeros. Inputs that are not attributed have none. */
    const rnnp_tensor *baselines;
    const size_t *targets;      /* [rows] elements of a row of the output, row-major without the batch dimension, or
                            * RNNP_TARGET_LARGEST. NULL: the largest of each row */
    rnnp_tensor *attributions;  /* [n_inputs] f32 in the inputs' shapes. Entries whose data is NULL are not written;
                                * dtype and shape are filled in. NULL: none */
    rnnp_attribution_row *rows; /* [rows], or NULL */
} rnnp_attribution_batch;
RNNP_STRUCT_INIT(rnnp_attribution_batch)

/*
 * rnnp_attribution_run() attributes the score of every row. A row that is not complete is no error: its entry of `rows`
 * says so, and its attributions are those of the most points. Look at `complete` before you believe them.
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for NaN or infinity in inputs or baselines (with the input, row and position), a
 *          target or an index out of range, a baseline of an input that has none; RNNP_ERR_SHAPE; RNNP_ERR_TYPE;
 *          RNNP_ERR_STATE, with the row, if a score or a gradient is not finite; RNNP_ERR_MEMORY.
 * Errors   leave the data of attributions and rows unspecified.
 * Memory   as rnnp_attribution_create() says, and temporary memory: two copies of those rows, and one double per
 *          element of them.
 * Threads  uses the context's team; one thread at a time. Attributions must not overlap inputs or baselines.
 * Numerics as above; the points are those of Gauss-Legendre with four in each of points / 4 equal parts of the path,
 *          exact for polynomials of degree 7. Scores have the bits of rnnp_run_execute() where they are elements of
 *          its outputs. Sets the rounding and denormal modes that the results require, and restores the caller's.
 */
RNNP_API rnnp_status rnnp_attribution_run(rnnp_attribution *attribution, const rnnp_attribution_batch *batch);

#ifdef __cplusplus
}
#endif
#endif
