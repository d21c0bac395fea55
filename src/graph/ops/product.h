/* SPDX-License-Identifier: Apache-2.0
 *
 * What Gemm and MatMul share. A constant right side is packed once, in the plan, for the kernel that a record or the
 * rules say; any other by each run, for the kernel of the rules.
 */
#ifndef RNNP_OPS_PRODUCT_H
#define RNNP_OPS_PRODUCT_H

#include "../../cells/product.h"
#include "ops.h"

/* A node's product. Sizes of the right side may be symbols while nothing else is asked for. */
typedef struct rnnp_dense {
    int64_t n, k;               /* columns, depth */
    int64_t n_step, k_step;     /* b[i * k_step + j * n_step] */
    size_t matrices;            /* that the right side holds */
    int64_t row[RNNP_MAX_RANK]; /* the left side's rows are the product of these */
    size_t n_rows;
} rnnp_dense;

/* An operator's row in the table of this family. */
typedef struct rnnp_dense_family {
    void (*dense)(const rnnp_node *node, const rnnp_meta *inputs, rnnp_dense *dense);
    size_t scale; /* input of the scales of B in i8, f32 [n]: beyond ONNX */
} rnnp_dense_family;

/* Whether B may be the right side. */
rnnp_status rnnp_dense_check(rnnp_infer *in, const rnnp_meta *inputs);

/* Bytes of workspace: a right side that is packed by each run, one matrix at a time, or else scratch of the product
 * with its packed one. */
size_t rnnp_dense_workspace(const rnnp_prepare *p, size_t rows);

/* How a run does it: as the plan says, else by the rules. */
rnnp_product rnnp_dense_product(const rnnp_exec *e, size_t n, size_t k);

size_t rnnp_dense_multiply_adds(const rnnp_prepare *p, const rnnp_meta *outputs);
void rnnp_dense_plan(const rnnp_prepare *p, rnnp_planned *planned);
void rnnp_dense_pack(const rnnp_node *node, const rnnp_meta *inputs, const void *own, void *packed, size_t part,
                     size_t parts);
int rnnp_dense_shape(const rnnp_prepare *p, rnnp_shape *shape);
void rnnp_dense_channels(const rnnp_node *node, const rnnp_meta *inputs, size_t i, rnnp_channels *channels);

/* The fields of a rnnp_operator. */
#define RNNP_DENSE_OPERATOR(family_, scale)                                                                \
    .plan = rnnp_dense_plan, .plan_bytes = sizeof(rnnp_product), .packed_inputs = 1u << 1 | 1u << (scale), \
    .pack = rnnp_dense_pack, .weights = {{1, (scale)}}, .channels = rnnp_dense_channels,                   \
    .multiply_adds = rnnp_dense_multiply_adds, .shape = rnnp_dense_shape, .family = &(family_)

#endif
