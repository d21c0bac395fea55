/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums and products of tensors whose axes have labels: what Einsum is made of.
 */
#ifndef RNNP_OPS_CONTRACT_H
#define RNNP_OPS_CONTRACT_H

#include "equation.h"
#include "product.h"

/* A tensor by label. */
typedef struct rnnp_view {
    rnnp_labels labels; /* each of them once */
    size_t dim[RNNP_MAX_RANK];
    ptrdiff_t step[RNNP_MAX_RANK]; /* 0 where the dimension is 1 or repeated */
    const float *data;
} rnnp_view;

/* A label that occurs twice means a diagonal. */
rnnp_view rnnp_view_of(const rnnp_tensor *tensor, const rnnp_labels *labels);
/* Elements that these labels stand for; those that v does not have count as 1. SIZE_MAX for too many. */
size_t rnnp_view_elements(const rnnp_view *v, const rnnp_labels *labels);
/* Whether v steps through these labels as through one axis: *step apart, 0 if there is one element. */
int rnnp_view_is_axis(const rnnp_view *v, const rnnp_labels *labels, ptrdiff_t *step);

/* An evaluation, or only the measure of one: then no element is touched. */
typedef struct rnnp_contraction {
    const rnnp_selection *select;
    const rnnp_exec *e; /* NULL: nothing is computed */
    int is_packed;      /* the second operand, by the plan */
    size_t used, work;  /* bytes of workspace, multiply-adds */
} rnnp_contraction;

/* v with these labels in this order, and summed over its others in theirs; to `to`, or into the workspace. */
rnnp_view rnnp_arrange(rnnp_contraction *j, const rnnp_view *v, const rnnp_labels *labels, float *to);
/* The product of a and b, summed over what the result does not have. */
rnnp_view rnnp_contract(rnnp_contraction *j, const rnnp_view *a, const rnnp_view *b, const rnnp_labels *result,
                        float *to);

/* Einsum: the labels of an operand of this rank or, behind the operands, of the result. */
void rnnp_einsum_labels(const rnnp_node *node, size_t term, size_t rank, rnnp_labels *labels);

#endif
