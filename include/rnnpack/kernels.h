/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernels themselves, for engines that bring their own graph: functions on arrays, packed products,
 * and whole recurrent layers. All numerics are those of the model API: docs/explanation/numerics.md.
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
 *   x, y     [n] f32; y may equal x, other overlap is not allowed
 *   math     class of exp, tanh, sigmoid; the other functions have one
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for NULL with n > 0, or an unknown function or class.
 * Memory   none. Threads: any. Numerics: as the caller's floating-point mode is the contract's
 *          (round to nearest, denormals kept), which is the default of every C program.
 */
RNNP_API rnnp_status rnnp_apply(const rnnp_context *context, rnnp_function function, rnnp_math math, size_t n,
                                const float *x, float *y);

/*
 * rnnp_softmax() computes the softmax of each row of x.
 *
 *   x, y     [rows][cols] f32, dense; y may equal x; cols > 0
 *
 * Returns, memory, threads, numerics as rnnp_apply.
 */
RNNP_API rnnp_status rnnp_softmax(const rnnp_context *context, rnnp_math math, size_t rows, size_t cols, const float *x,
                                  float *y);

/* ---- Packed products --------------------------------------------------------------------------- */

/* c[m][n] = bias[n] + sum over k of a[m][k] b[k][n], on a b that is packed once. The packed form belongs to the
 * context that packed it. */

/* Bytes of the packed form of b [k][n]. RNNP_ERR_ARG, RNNP_ERR_SHAPE when it does not fit size_t. */
RNNP_API rnnp_status rnnp_gemm_pack_bytes(const rnnp_context *context, size_t n, size_t k, size_t *bytes);

/* Packs b, of which element (k, n) is b[k * k_stride + n * n_stride], so either layout of a weight matrix fits.
 * packed must be 64-byte aligned. RNNP_ERR_ARG. */
RNNP_API rnnp_status rnnp_gemm_pack(const rnnp_context *context, size_t n, size_t k, const float *b, size_t k_stride,
                                    size_t n_stride, void *packed);

/*
 * rnnp_gemm() multiplies.
 *
 *   a        [m][k], row stride lda;  c [m][n], row stride ldc, must not overlap a
 *   bias     [n], or NULL for zeros
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for NULL or a stride below the row's length.
 * Memory   none. Threads: runs on the calling thread. Numerics: one chain of fused multiply-adds per
 *          element, in ascending k, from the bias.
 */
RNNP_API rnnp_status rnnp_gemm(const rnnp_context *context, size_t m, size_t n, size_t k, const float *a, size_t lda,
                               const void *packed, const float *bias, float *c, size_t ldc);

/* ---- Recurrent layers -------------------------------------------------------------------------- */

typedef struct rnnp_layer rnnp_layer;

/*
 * rnnp_layer_create() packs an RNN, LSTM or GRU layer for this context.
 *
 *   options  as for rnnp_model_add_recurrent; batch_first and return_sequences are ignored: strides say it
 *   weights  one entry, or two (forward, reverse) when bidirectional; read during the call
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG, RNNP_ERR_SHAPE, RNNP_ERR_UNSUPPORTED (unknown activation), RNNP_ERR_MEMORY.
 * Memory   one block from the context's allocator, and a copy of the weights that is freed before the return.
 * Threads  a layer is immutable: any number of threads may run it at once, each with its own workspace.
 */
RNNP_API rnnp_status rnnp_layer_create(rnnp_context *context, const rnnp_recurrent_options *options,
                                       const rnnp_recurrent_weights *weights, rnnp_math math, rnnp_layer **layer);
RNNP_API void rnnp_layer_destroy(rnnp_layer *layer);

/* One execution. Strides count elements. */
typedef struct rnnp_layer_args {
    size_t struct_size;
    size_t steps, batch;
    const float *x; /* x[t * x_step + b * x_row + i], i < input */
    size_t x_step, x_row;
    const int32_t *lengths; /* [batch], each from 0 to steps; NULL: all steps */
    const float *h0, *c0;   /* [dirs][batch][hidden] dense; NULL: zeros. c0: LSTM */
    float *y;               /* y[t * y_step + b * y_row + d * y_dir + u], u < hidden; NULL: not wanted */
    size_t y_step, y_row, y_dir;
    float *h, *c;    /* final states, dense; NULL: not wanted; may equal h0, c0 */
    void *workspace; /* 64-byte aligned, rnnp_layer_workspace_bytes() */
    size_t turn;     /* count the calls here when they follow each other: the next one begins
                      * with the weights that this one left in cache. Never changes a bit */
} rnnp_layer_args;

/* Fills in struct_size and the strides of dense x [steps][batch][input], y [steps][batch][dirs*hidden]. */
RNNP_API void rnnp_layer_args_init(rnnp_layer_args *args, const rnnp_layer *layer, size_t steps, size_t batch);

/* RNNP_ERR_SHAPE when it does not fit size_t. */
RNNP_API rnnp_status rnnp_layer_workspace_bytes(const rnnp_layer *layer, size_t steps, size_t batch, size_t *bytes);

/*
 * rnnp_layer_forward() runs the layer over a sequence; with steps = 1 and h = h0, c = c0 it is a streaming step.
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for NULL x or workspace, a length out of range, rows of y that overlap, c0 or c on a
 *          cell other than LSTM.
 * Errors   leave all outputs untouched.
 * Memory   none but the workspace; y may not overlap x, h0 or c0.
 * Threads  uses the context's team; with one thread it neither locks nor calls the system.
 * Numerics sets the contract's floating-point mode and restores the caller's.
 */
RNNP_API rnnp_status rnnp_layer_forward(const rnnp_layer *layer, const rnnp_layer_args *args);

#ifdef __cplusplus
}
#endif
#endif
