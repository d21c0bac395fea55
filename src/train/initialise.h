/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RNNP_INITIALISE_H
#define RNNP_INITIALISE_H

#include "../context.h"
#include "rnnpack/train.h"

/* One parameter, as in rnnp_parameter_info, and where its elements are. */
typedef struct rnnp_weight {
    const char *name, *op; /* op: ONNX name of the first node that reads it */
    size_t input;          /* as which of its inputs */
    size_t rank;
    const int64_t *shape;
    float *values; /* [elements], written */
} rnnp_weight;

/* New values by the rules of rnnp_trainer_initialize, from each parameter's name and the seed alone:
 *
 *   RNN, LSTM, GRU   W Glorot uniform and R orthogonal, both gate by gate; B 0, but 1 for Wb of an LSTM's forget gate;
 *                    initial states and peepholes 0
 *   Gemm, MatMul     Glorot uniform by the last two dimensions (a vector: its length and 1); C of Gemm 0
 *   Gather           uniform in +-0.05
 *   Add              0
 *   others           left as they are: scales, slopes and thresholds have no usual start
 *
 * An orthogonal matrix is the Q of a normal matrix, by Householder reflections in double with R's diagonal positive,
 * which makes it uniform among all (Mezzadri 2007). RNNP_ERR_MEMORY, when nothing is written; it needs 16 bytes per
 * element of the largest R gate meanwhile. Bits do not depend on the caller's floating-point mode. */
rnnp_status rnnp_initialise(const rnnp_context *context, const rnnp_weight *weights, size_t n, uint64_t seed);

#endif
