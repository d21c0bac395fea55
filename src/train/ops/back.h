/* SPDX-License-Identifier: Apache-2.0
 *
 * What the gradients of operators share. Recurrent ones have files of their own.
 *
 *   unary.c     activations and functions of one operand
 *   functions.c those whose derivative is computed in double
 *   binary.c    functions of several operands, broadcast
 *   product.c   Gemm, MatMul
 *   einsum.c    Einsum
 *   conv.c      Conv, ConvTranspose
 *   pool.c      MaxPool, AveragePool
 *   normalise.c normalisations
 *   rows.c      Softmax, LogSoftmax
 *   reduce.c    reductions
 *   move.c      operators that move elements; pad.c: Pad
 *   order.c     CumSum, ReverseSequence, TopK, Trilu
 *   index.c     GatherElements, GatherND, Scatter, ScatterElements, ScatterND
 *   dropout.c   Dropout
 *   sum.c       sums over broadcast axes
 *
 * A gradient is dy times a derivative, in float operations whose order each file states. Sums:
 *   products         one chain of fused multiply-adds over ascending rows (gemm)
 *   broadcast axes   rnnp_sum_broadcast
 *   repeated elements (Gather, Tile)  one chain of additions in the order of dy's elements, from 0
 */
#ifndef RNNP_BACK_H
#define RNNP_BACK_H

#include "../../graph/ops/params.h"
#include "../gradient.h"

static inline const rnnp_selection *rnnp_call_select(const rnnp_gradient_call *call) { return call->shape.select; }

static inline rnnp_exec rnnp_call_exec(const rnnp_gradient_call *call)
{
    return (rnnp_exec){.context = call->shape.context,
                       .select = call->shape.select,
                       .math = call->shape.math,
                       .workspace = call->workspace};
}

/* As if for a plan on one thread; inputs instead of the shape's. */
static inline rnnp_prepare rnnp_shape_prepare(const rnnp_gradient_shape *shape, const rnnp_meta *inputs)
{
    return (rnnp_prepare){.context = shape->context,
                          .node = shape->node,
                          .inputs = inputs,
                          .select = shape->select,
                          .math = shape->math,
                          .threads = 1};
}

/* dx = the sum of dy over the axes along which x was broadcast to dy. Neighbouring axes that are both summed, or both
 * kept, count as one, those of length 1 as none. Where the last of them is summed, each of its rows is summed by the
 * 16-lane tree of reduce_sum_f32; rows (or elements) are added in ascending order from 0. */
void rnnp_sum_broadcast(const rnnp_selection *select, const rnnp_tensor *dy, const rnnp_tensor *dx);

/* y [cols][rows] = x [rows][cols] turned */
static inline void rnnp_turn(const rnnp_gradient_call *call, const float *x, float *y, size_t rows, size_t cols)
{
    const rnnp_move_args args = {.x = x, .y = y, .rows = rows, .cols = cols, .ldx = cols, .ldy = rows};
    call->shape.select->op[RNNP_OP_transpose_f32]->fn.transpose_f32(&args);
}

static inline void rnnp_clear(const rnnp_tensor *x) { memset(x->data, 0, rnnp_tensor_elements(x) * sizeof(float)); }

/* x[i] *= by, unless by is 1. */
void rnnp_scale(const rnnp_selection *select, float *x, size_t n, float by);

static inline int rnnp_same_shape(const rnnp_tensor *a, const rnnp_tensor *b)
{
    return a->rank == b->rank && memcmp(a->shape, b->shape, a->rank * sizeof *a->shape) == 0;
}

/* An input that decides about the gradient but has none must be a number of the model. RNNP_OK, or a sentence. */
rnnp_status rnnp_check_constant(const rnnp_gradient_shape *shape, size_t input, const char *what);

#endif
