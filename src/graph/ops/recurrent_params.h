/* SPDX-License-Identifier: Apache-2.0
 *
 * A recurrent node, for the files that make up its operator:
 *
 *   recurrent_attributes.c  what its attributes say
 *   recurrent_shapes.c      shapes, types and axes of its inputs and outputs
 *   recurrent_node.c        its plan, packed weights and runs
 */
#ifndef RNNP_OPS_RECURRENT_PARAMS_H
#define RNNP_OPS_RECURRENT_PARAMS_H

#include "ops.h"
#include "recurrent.h"

/* Inputs and outputs by their short names. */
enum {
    X = RNNP_IN_X,
    W = RNNP_IN_W,
    R = RNNP_IN_R,
    B = RNNP_IN_B,
    LENGTHS = RNNP_IN_LENGTHS,
    H0 = RNNP_IN_H0,
    C0 = RNNP_IN_C0,
    P = RNNP_IN_P,
    W_SCALE = RNNP_IN_W_SCALE,
    R_SCALE = RNNP_IN_R_SCALE,
    DECAY = RNNP_IN_DECAY,
    SPLIT = RNNP_IN_SPLIT,
    SPLIT_BIAS = RNNP_IN_SPLIT_BIAS,
    INPUTS
};
enum { Y = RNNP_OUT_Y, Y_H = RNNP_OUT_H, Y_C = RNNP_OUT_C };

typedef struct recurrent_params {
    rnnp_recurrent layer; /* what the attributes say; sizes, math class and kernels come later */
    int64_t hidden;       /* 0: as R says */
    int batch_first;      /* layout=1 */
} recurrent_params;

rnnp_status rnnp_recurrent_parse(rnnp_parse *p, void *node_params);

rnnp_status rnnp_recurrent_infer(rnnp_infer *in, const rnnp_meta *inputs, rnnp_meta *outputs);
int rnnp_recurrent_time_axis(const rnnp_node *node, const rnnp_meta *inputs, const int *in_axis, int *out_axis);
int rnnp_recurrent_batch_axis(const rnnp_node *node, int is_output, size_t port);

#endif
