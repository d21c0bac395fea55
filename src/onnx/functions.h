/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions that a file brings along, by domain and name.
 */
#ifndef RNNP_ONNX_FUNCTIONS_H
#define RNNP_ONNX_FUNCTIONS_H

#include "loader.h"

typedef struct file_function {
    const Onnx__FunctionProto *proto;
    Onnx__AttributeProto **defaults; /* of attributes that have one */
    size_t n_defaults;
} file_function;

/* Sets l->functions. */
rnnp_status functions_open(loader *l);
/* The function that a node calls, or NULL. */
rnnp_status functions_find(loader *l, const Onnx__NodeProto *p, const file_function **f);

#endif
