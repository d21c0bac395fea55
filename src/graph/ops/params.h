/* SPDX-License-Identifier: Apache-2.0
 *
 * What nodes say in their attributes and index inputs, for those who go through them backwards (src/train/ops/). Nodes
 * and tensors are those of run(): what infer() checked holds.
 */
#ifndef RNNP_PARAMS_H
#define RNNP_PARAMS_H

#include "../../cells/conv.h"
#include "window.h"

/* Gemm: alpha A B + beta C; the flags say that the matrix is given transposed. */
typedef struct rnnp_gemm_params {
    float alpha, beta;
    int trans_a, trans_b;
} rnnp_gemm_params;

static inline const rnnp_gemm_params *rnnp_gemm_of(const rnnp_node *node) { return node->params; }

/* MatMul: an operand as matrices in its last two axes; a vector is one row, or one column on the right. */
rnnp_tensor rnnp_matmul_operand(const rnnp_tensor *tensor, int is_right);

/* Conv, ConvTranspose: the convolution from x to y, whose elements are not read. */
rnnp_conv rnnp_conv_of(const rnnp_node *node, const rnnp_tensor *x, const rnnp_tensor *w, const rnnp_tensor *y);

/* MaxPool, AveragePool: the window over x. Along an axis of so many elements of x, window o has n of them from *first
 * on, as far apart as the window is dilated; returns how many count for the mean. */
void rnnp_pool_window(const rnnp_node *node, const rnnp_tensor *x, rnnp_window *w);
int64_t rnnp_pool_elements(const rnnp_node *node, const rnnp_window *w, size_t axis, int64_t size, int64_t o,
                           int64_t *first, int64_t *n);

/* Normalisations: epsilon, and the elements of a row of InstanceNormalization and GroupNormalization. */
float rnnp_norm_epsilon(const rnnp_node *node);
size_t rnnp_norm_row(const rnnp_node *node, const rnnp_tensor *x);
/* LpNormalization: p. */
int64_t rnnp_lp_of(const rnnp_node *node);
/* The mean of a row, NaN if it has no element. */
float rnnp_row_mean(const rnnp_exec *e, const float *x, size_t n);
/* y = (x - mean) / sqrt(variance + epsilon) for each row of n; mean and inverse have one element for each row. NULL:
 * not wanted. The workspace is two rows. */
void rnnp_normalise(const rnnp_exec *e, const float *x, float *y, size_t rows, size_t n, float epsilon, float *mean,
                    float *inverse);

/* alpha and beta of unary operators that have them. */
static inline const float *rnnp_unary_params(const rnnp_node *node) { return node->params; }

/* y = f(a, b) of f32, broadcast, with a kernel of two operands. */
void rnnp_binary_f32(const rnnp_selection *select, rnnp_op kernel, const rnnp_tensor *a, const rnnp_tensor *b,
                     const rnnp_tensor *y);

/* Clip: the bounds in force. */
void rnnp_clip_bounds(const rnnp_node *node, const rnnp_tensor *inputs, float *low, float *high);

/* Pow: whether run() makes floats of the exponent, and how. */
int rnnp_pow_converts(rnnp_dtype base, rnnp_dtype exponent);
void rnnp_pow_convert(const rnnp_tensor *exponent, float *converted);

/* Softmax, LogSoftmax: x as [outer][row][inner]. */
typedef struct rnnp_blocks {
    size_t outer, row, inner;
} rnnp_blocks;

rnnp_blocks rnnp_softmax_blocks(const rnnp_node *node, const rnnp_tensor *x);

/* ReduceX: the axes that are reduced, as a mask. */
unsigned rnnp_reduced_axes(const rnnp_node *node, const rnnp_tensor *inputs);

/* Operators with an attribute axis have it in front of their parameters. */
static inline size_t rnnp_axis_of(const rnnp_node *node, size_t rank)
{
    return rnnp_axis(*(const int64_t *)node->params, rank);
}

/* Transpose: the input's axis that output axis i is. */
size_t rnnp_transpose_axis(const rnnp_node *node, size_t i, size_t rank);

/* Slice: y[index] is x[base + sum of index * step]. There is an element. */
void rnnp_slice_steps(const rnnp_node *node, const rnnp_tensor *inputs, ptrdiff_t *base, ptrdiff_t *step);

/* Pad: for each of the n entries of an axis of y the entry of x that it is, -1 for the constant. */
void rnnp_pad_sources(const rnnp_node *node, const rnnp_tensor *inputs, size_t axis, int64_t n, int64_t *from);

/* Whether it puts zeros around x, so many before and after each axis [RNNP_MAX_RANK]; inputs are metas. */
int rnnp_pad_is_zeros(const rnnp_node *node, const rnnp_meta *inputs, int64_t *before, int64_t *after);

/* Conv: pads so many zeros more before and after each axis; the attributes say so from then on. RNNP_ERR_ARG, which
 * leaves it as it was, where it cannot. */
rnnp_status rnnp_conv_pad(rnnp_model *model, rnnp_node *node, size_t rank, const int64_t *before, const int64_t *after);

/* CumSum from the other end; as run(). */
rnnp_status rnnp_cumsum_turned(const rnnp_exec *e, const rnnp_node *node, const rnnp_tensor *inputs,
                               rnnp_tensor *outputs);

/* Split: the size of part i along the axis. */
size_t rnnp_split_size(const rnnp_node *node, const rnnp_tensor *inputs, size_t i);

#endif
