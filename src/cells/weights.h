/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights and options as the public API takes them, turned into ONNX order and a rnnp_recurrent. Shared by the
 * layer calls of model.h and by kernels.h.
 */
#ifndef RNNP_WEIGHTS_H
#define RNNP_WEIGHTS_H

#include "layer.h"

/* Parses an activation's ONNX name (case does not matter) and sets ONNX's default alpha and beta; given values
 * that are not NaN replace them where the function takes them. Returns 0, or -1 for an unknown name. */
int rnnp_act_parse(const char *name, float alpha, float beta, rnnp_act_spec *act);

/* The same with the name and the parameters that options give to activation i. */
int rnnp_act_read(const rnnp_recurrent_options *options, size_t i, rnnp_act_spec *act);

/* ONNX's name of a function. */
const char *rnnp_act_name(rnnp_act kind);

/* Number of parameters a function takes: 0, 1 (alpha) or 2. */
int rnnp_act_parameters(rnnp_act kind);

/* The activations of a cell when none are named. */
void rnnp_act_defaults(rnnp_cell cell, rnnp_act_spec act[3]);

/* Copies the caller's options and checks cell, sizes, direction, order, activations and clip. */
rnnp_status rnnp_recurrent_options_read(const rnnp_context *context, const rnnp_recurrent_options *given,
                                        rnnp_recurrent_options *options);

/* And which weights are given. */
rnnp_status rnnp_recurrent_read(const rnnp_context *context, const rnnp_recurrent_options *given,
                                const rnnp_recurrent_weights *weights, rnnp_recurrent_options *options);

/* One direction of weights to ONNX order: w [G*hidden][input], r [G*hidden][hidden], b [2*G*hidden]. */
void rnnp_weights_to_onnx(const rnnp_recurrent_options *options, const rnnp_recurrent_weights *weights, float *w,
                          float *r, float *b);

#endif
