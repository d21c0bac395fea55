/* SPDX-License-Identifier: Apache-2.0
 *
 * Recurrent nodes as training sees them: the layer that the attributes describe, and where a call's tensors are.
 */
#ifndef RNNP_OPS_RECURRENT_H
#define RNNP_OPS_RECURRENT_H

#include "../../cells/recurrent.h"
#include "../graph.h"

/* Inputs and outputs in the order of ONNX; RNN and GRU end with H0 and Y_H. */
enum { RNNP_IN_X, RNNP_IN_W, RNNP_IN_R, RNNP_IN_B, RNNP_IN_LENGTHS, RNNP_IN_H0, RNNP_IN_C0, RNNP_IN_P };
/* Beyond ONNX, for weights in 8 bits: a scale for each row of W and R, f32 [dirs][G*hidden]. */
enum { RNNP_IN_W_SCALE = RNNP_IN_P + 1, RNNP_IN_R_SCALE };
/* Beyond ONNX, for irregular visits (cells/decay.h), of one direction: the decay g of the state before each step, as x
 * lies, [steps][batch][hidden or 1]; of an LSTM also D [1][hidden][hidden] and its bias [1][hidden]. */
enum { RNNP_IN_DECAY = RNNP_IN_R_SCALE + 1, RNNP_IN_SPLIT, RNNP_IN_SPLIT_BIAS };
enum { RNNP_OUT_Y, RNNP_OUT_H, RNNP_OUT_C };

/* The layer, not prepared, of a node with these sizes. */
void rnnp_recurrent_of_node(const rnnp_node *node, int64_t input, int64_t hidden, rnnp_math math,
                            const rnnp_selection *select, rnnp_recurrent *layer);

/* Steps and batch of x's shape. */
void rnnp_recurrent_sizes(const rnnp_node *node, const int64_t *x, size_t *steps, size_t *batch);

/* Sizes, pointers and strides of a call. RNNP_ERR_ARG for a length out of range. */
rnnp_status rnnp_recurrent_call_of(const rnnp_context *context, const rnnp_node *node, const rnnp_tensor *inputs,
                                   const rnnp_tensor *outputs, rnnp_recurrent_call *call);

#endif
