/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernels for engines that bring their own graph: functions on arrays, packed products and whole recurrent layers.
 * Results have the same bits as those of the model API (docs/explanation/numerics.md).
 */
#ifndef RNNPACK_KERNELS_H
#define RNNPACK_KERNELS_H

#include "rnnpack/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Functions on arrays ----------------------------------------------------------------------- */

typedef enum rnnp_function {
    RNNP_FUNCTION_EXP = 1,
    RNNP_FUNCTION_TANH,
    RNNP_FUNCTION_SIGMOID,
    RNNP_FUNCTION_LOG,
    RNNP_FUNCTION_SOFTPLUS,
    RNNP_FUNCTION_RELU,
    RNNP_FUNCTION_SOFTSIGN,
    RNNP_FUNCTION_SQRT
} rnnp_function;

/*
 * rnnp_apply() computes y[i] = function(x[i]).
 *
 *   math     accuracy of exp, tanh, sigmoid, log and softplus; the other functions have one accuracy
 *   x, y     [n] f32; y may equal x, but must not overlap it otherwise
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for NULL with n > 0, or an unknown function or math class.
 * Errors   leave y untouched.
 * Memory   no allocation.
 * Threads  runs on the calling thread; any number of threads may call it at the same time.
 * Numerics the caller's floating-point mode must be the default of C programs: round to nearest, denormals kept.
 */
RNNP_API rnnp_status rnnp_apply(const rnnp_context *context, rnnp_function function, rnnp_math math, size_t n,
                                const float *x, float *y);

/*
 * rnnp_softmax() computes the softmax of each row of x.
 *
 *   x, y     [rows][cols] f32, dense; y may equal x; cols > 0
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for NULL with rows > 0, cols == 0, or an unknown math class.
 * Errors, Memory, Threads, Numerics  as rnnp_apply().
 */
RNNP_API rnnp_status rnnp_softmax(const rnnp_context *context, rnnp_math math, size_t rows, size_t cols, const float *x,
                                  float *y);

/* ---- Packed products --------------------------------------------------------------------------- */

/*
 * c[m][n] = bias[n] + sum over k of a[m][k] b[k][n], where b is packed once and used many times. Only the context that
 * packed b can use the packed form.
 */

/* Bytes of the packed form of b [k][n]. RNNP_ERR_ARG; RNNP_ERR_SHAPE if they do not fit size_t. */
RNNP_API rnnp_status rnnp_gemm_pack_bytes(const rnnp_context *context, size_t n, size_t k, size_t *bytes);

/*
 * rnnp_gemm_pack() packs b, whose element (k, n) is b[k * k_stride + n * n_stride], so that either layout of a weight
 * matrix can be given.
 *
 *   b        [k][n] f32, strides in elements; read during the call
 *   packed   rnnp_gemm_pack_bytes() bytes, aligned to 64; written
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for NULL.
 * Memory   no allocation.
 * Threads  runs on the calling thread.
 */
RNNP_API rnnp_status rnnp_gemm_pack(const rnnp_context *context, size_t n, size_t k, const float *b, size_t k_stride,
                                    size_t n_stride, void *packed);

/*
 * rnnp_gemm() multiplies.
 *
 *   a        [m][k] f32, row stride lda
 *   packed   b as rnnp_gemm_pack() wrote it
 *   bias     [n] f32, or NULL for zeros
 *   c        [m][n] f32, row stride ldc; must not overlap a
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for NULL or a stride shorter than its row.
 * Errors   leave c untouched.
 * Memory   no allocation.
 * Threads  runs on the calling thread; any number of threads may call it at the same time.
 * Numerics one chain of fused multiply-adds per element, from the bias through ascending k.
 */
RNNP_API rnnp_status rnnp_gemm(const rnnp_context *context, size_t m, size_t n, size_t k, const float *a, size_t lda,
                               const void *packed, const float *bias, float *c, size_t ldc);

/* ---- Recurrent layers -------------------------------------------------------------------------- */

typedef struct rnnp_layer rnnp_layer;

/* Exact bytes of the block that rnnp_layer_create() allocates and keeps. Returns and errors as rnnp_layer_create(). */
RNNP_API rnnp_status rnnp_layer_bytes(const rnnp_context *context, const rnnp_recurrent_options *options,
                                      rnnp_math math, size_t *bytes);

/*
 * rnnp_layer_create() packs an RNN, LSTM or GRU layer for this context.
 *
 *   options  as for rnnp_model_add_recurrent(); batch_first and last_step are ignored, because strides describe x and y
 *   weights  one entry, or two (forward, reverse) if bidirectional; read during the call
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG; RNNP_ERR_SHAPE if the sizes do not fit size_t; RNNP_ERR_UNSUPPORTED for an unknown
 *          activation; RNNP_ERR_MEMORY.
 * Errors   leave *layer NULL.
 * Memory   one block of exactly rnnp_layer_bytes() bytes, and a copy of the weights that is freed before the return.
 * Threads  a layer is immutable: any number of threads may run it at the same time, each with its own workspace.
 */
RNNP_API rnnp_status rnnp_layer_create(const rnnp_context *context, const rnnp_recurrent_options *options,
                                       const rnnp_recurrent_weights *weights, rnnp_math math, rnnp_layer **layer);
RNNP_API void rnnp_layer_destroy(rnnp_layer *layer);

/* One execution of a layer. Tensors are f32; strides count elements. */
typedef struct rnnp_layer_args {
    size_t struct_size;
    size_t steps, batch;
    const float *x;              /* x[t * x_step + b * x_row + i], i < input */
    size_t x_step, x_row;        /* 0: those of a dense [steps][batch][input] */
    const int32_t *lengths;      /* [batch], each in [0, steps]; NULL: all steps */
    const float *h0, *c0;        /* initial states [dirs][batch][hidden], dense; NULL: zeros. c0: LSTM only */
    float *y;                    /* y[t * y_step + b * y_row + d * y_dir + u], u < hidden; NULL: not written */
    size_t y_step, y_row, y_dir; /* 0: those of a dense [steps][batch][dirs*hidden] */
    float *h, *c;                /* final states [dirs][batch][hidden], dense; NULL: not written; may equal h0, c0 */
    void *workspace;             /* rnnp_layer_workspace_bytes() bytes, aligned to 64 */
    size_t turn;                 /* the number of this call in a sequence of calls: each call starts with the weights
                                  * that the one before left in the cache. Never changes a bit */
} rnnp_layer_args;
RNNP_STRUCT_INIT(rnnp_layer_args)

/* Bytes of workspace for calls of this size. RNNP_ERR_ARG; RNNP_ERR_SHAPE if they do not fit size_t. */
RNNP_API rnnp_status rnnp_layer_workspace_bytes(const rnnp_layer *layer, size_t steps, size_t batch, size_t *bytes);

/*
 * rnnp_layer_forward() runs a layer over a sequence. With steps = 1, h = h0 and c = c0 it is one step of a stream.
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for NULL x or workspace, a length out of range, rows of y that overlap, or c0 or c
 *          for a cell other than LSTM.
 * Errors   leave all outputs untouched.
 * Memory   no allocation. y must not overlap x, h0 or c0.
 * Threads  uses the context's team. With one thread it neither locks nor makes a system call.
 * Numerics sets the floating-point mode that the results require, and restores the caller's.
 */
RNNP_API rnnp_status rnnp_layer_forward(const rnnp_layer *layer, const rnnp_layer_args *args);

#ifdef __cplusplus
}
#endif
#endif
