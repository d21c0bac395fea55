/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes whose weights the standard's operators do not know, on their way into the model (load_weights.c); the way back
 * is save_weights.c.
 */
#ifndef RNNP_ONNX_LOAD_WEIGHTS_H
#define RNNP_ONNX_LOAD_WEIGHTS_H

#include "../graph/graph.h"
#include "names.h"

enum { LOADER_MORE_INPUTS = 12 };

/* A node as rnnp_model_add_node() will get it. */
typedef struct loader_node {
    const char *op, *name;
    int opset;
    rnnp_value *inputs, *outputs; /* inputs: with room for LOADER_MORE_INPUTS more than the file has */
    size_t n_inputs, n_attrs;
    rnnp_attr *attrs;
    rnnp_value bias;  /* added to output 0 */
    const char *note; /* what became of its weights, or NULL */
} loader_node;

/* ---- Files that compute in f16, bf16 or f64 (load_half.c): l->widens, f64_as_f32 ---- */

int loader_is_half(rnnp_dtype dtype);
/* The type that a value of this type in the file has here. */
rnnp_dtype loader_computes_in(const loader *l, rnnp_dtype dtype);
/* After RNNP_ERR_TYPE for a file with inputs of f64: says what helps. Returns the status. */
rnnp_status loader_hint_singles(const loader *l, rnnp_status status);
int loader_has_half_input(const loader *l);
/* Whether anything in the file is of these types. */
int loader_has_halves(const loader *l);
/* If l->widens: puts a Cast to f32 behind a value of these types that is a constant or will be one. */
rnnp_status loader_widen(loader *l, rnnp_model *model, const char *name, rnnp_value *value);
/* A Cast is one to what such a type is here. */
void loader_widen_cast(const loader *l, loader_node *node);
/* If l->widens: whether the node makes a constant of such a type. */
int loader_makes_half(const loader *l, const loader_node *node);
void loader_log_widened(const loader *l);

/* ---- States that decay (load_decay.c) ---- */

/* The cell of such a node, NULL for others; and makes the node ours. */
const char *loader_decayed_cell(const Onnx__NodeProto *p);
rnnp_status loader_decay_node(loader *l, const Onnx__NodeProto *p, loader_node *node);

/* ---- Weights in 8 bits (load_weights.c) ---- */

/* Whether it is one of another domain that is read. */
int loader_microsoft_op(const char *domain, const char *op);
/* RNNP_ERR_UNSUPPORTED for a node of another domain that is not. */
rnnp_status loader_domain(loader *l, const Onnx__NodeProto *p, const char *name);
/* LOADER_MARKS into the entries of their names. */
rnnp_status loader_read_marks(loader *l, names *n);
/* Makes of the node the one of ours that computes it. Constants may be added. */
rnnp_status loader_weights_node(loader *l, rnnp_model *model, const Onnx__NodeProto *p, const names *n,
                                loader_node *node);
/* The same of a MatMulNBits (load_blocks.c). */
rnnp_status loader_blocks_node(loader *l, rnnp_model *model, loader_node *node);
/* Operators that are known as parts of a product only. */
int loader_dynamic_op(const char *op);
/* Of a product in several nodes: the last becomes DynamicQuantizeMatMul, the others are left out. RNNP_ERR_UNSUPPORTED
 * for nodes that read what was left out and are not of such a product. */
rnnp_status loader_dynamic_node(loader *l, const Onnx__NodeProto *p, const names *n, loader_node *node, int *left_out);
/* What follows when it is added. */
rnnp_status loader_weights_after(loader *l, rnnp_model *model, const Onnx__NodeProto *p, const names *n,
                                 loader_node *node);

#endif
