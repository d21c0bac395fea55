/* SPDX-License-Identifier: Apache-2.0
 *
 * What layers are written with: nodes with one output, and small constants.
 */
#ifndef RNNP_BUILD_H
#define RNNP_BUILD_H

#include "../graph/graph.h"

/* A weight of the current layer: "<layer>.<role>" where rnnp_model_set_layer_name() named it, else a number. */
rnnp_status rnnp_build_weight(rnnp_model *model, const char *role, const rnnp_tensor *tensor, rnnp_value *value);

/* A node of the newest opset; inputs may be RNNP_NONE. */
rnnp_status rnnp_build_node(rnnp_model *model, const char *op, const rnnp_value *inputs, size_t n_inputs,
                            const rnnp_attr *attrs, size_t n_attrs, rnnp_value *y);

/* Operators that take a list of numbers as their second input: Squeeze, Reshape, ReduceMean, ... */
rnnp_status rnnp_build_with_ints(rnnp_model *model, const char *op, rnnp_value x, const int64_t *ints, size_t n,
                                 const rnnp_attr *attrs, size_t n_attrs, rnnp_value *y);

rnnp_status rnnp_build_transpose(rnnp_model *model, rnnp_value x, const int64_t *perm, size_t rank, rnnp_value *y);

/* Of a recurrent layer whose state decays (cells/decay.h): RNNP_NONE where there is none. */
typedef struct rnnp_build_decay {
    rnnp_value decay, split, split_bias;
} rnnp_build_decay;

/* rnnp_model_add_recurrent() with a decay, or NULL. */
rnnp_status rnnp_build_recurrent(rnnp_model *model, const rnnp_recurrent_options *options,
                                 const rnnp_recurrent_weights *weights, rnnp_value x, rnnp_value lengths, rnnp_value h0,
                                 rnnp_value c0, const rnnp_build_decay *decay, rnnp_value *y, rnnp_value *h,
                                 rnnp_value *c);

static inline rnnp_attr rnnp_attr_int(const char *name, int64_t i)
{
    return (rnnp_attr){.name = name, .kind = RNNP_ATTR_INT, .i = i};
}

enum { RNNP_LAYER_OPSET = 22, RNNP_LAYER_NAME = 63 };

#endif
