/* SPDX-License-Identifier: Apache-2.0
 *
 * Convolutions on packed weights, forward and transposed, of any number of axes. No allocation: all memory comes from
 * the caller.
 *
 * An output element is one chain of FMAs over kernel positions and, inside a position, over channels. It begins at the
 * bias, and takes the padding along, as zeros:
 *
 *   y[m][o] = bias[m] + sum over k, c of w[m][c][k] x[c][o stride - pad + k dilation]
 *
 * Kernel positions come in the order of the input elements that they meet: ascending k along each axis, the last axis
 * fastest; for a transposed convolution, where output o meets input i at k dilation = o + pad - i stride, that is
 * descending k. So results depend neither on how the chain is cut nor on which kernel runs it:
 *
 *   product   where there are many output channels: the input is put channels last, so that what a kernel covers along
 *             the last axis lies in one piece and the windows of neighbouring outputs are rows that overlap, lda =
 *             stride * channels. No window is ever copied (no im2col)
 *   direct    else: lanes are output positions (kernels/tmpl/conv.inc.h)
 *
 * Outputs of a transposed convolution fall into stride phases along each axis; each phase is a convolution of stride 1
 * with some of the kernel positions.
 */
#ifndef RNNP_CELLS_CONV_H
#define RNNP_CELLS_CONV_H

#include "../context.h"

enum { RNNP_CONV_AXES = RNNP_MAX_RANK - 2 };

typedef struct rnnp_conv_axis {
    size_t kernel, stride, dilation;
    size_t in, out, pad; /* pad: zeros before the first element; may be left 0 for packing */
} rnnp_conv_axis;

typedef struct rnnp_conv {
    size_t batch, groups, in, out; /* in, out: channels of one group */
    size_t axes;
    rnnp_conv_axis axis[RNNP_CONV_AXES];
    int transposed;
    int x_last, y_last; /* channels last; products only; may be left 0 for packing */
} rnnp_conv;

/* x [batch][groups * in][axes' in], y [batch][groups * out][axes' out], or channels last: [batch][axes' in][groups *
 * in]; bias [groups * out] or NULL. */
typedef struct rnnp_conv_call {
    const float *x, *bias;
    const void *w; /* packed */
    float *y;
    void *workspace; /* rnnp_conv_workspace() */
    /* Optional, of products with one group and, if transposed, stride 1: called for each block of results, rows of all
     * channels, when they are final and still in the cache; by any thread. */
    void (*after)(const void *arg, float *rows, size_t n);
    const void *arg;
} rnnp_conv_call;

/* The kernel that runs it, of gemm; NULL: direct. */
const rnnp_variant *rnnp_conv_kernel(const rnnp_selection *select, const rnnp_conv *conv);
/* Bytes of packed weights; SIZE_MAX on overflow, which no allocator can serve. */
size_t rnnp_conv_bytes(const rnnp_variant *kernel, const rnnp_conv *conv);
/* Packs w [groups * out][in][kernel], or [groups * in][out][kernel] of a transposed one. Threads may each write one of
 * `parts` parts. */
void rnnp_conv_pack(const rnnp_variant *kernel, const rnnp_conv *conv, const float *w, void *packed, size_t part,
                    size_t parts);
/* A line that tells what the bytes of packed weights depend on besides the weights. */
void rnnp_conv_layout(const rnnp_variant *kernel, const rnnp_conv *conv, char *text, size_t size);
/* Bytes, of calls on up to `threads` threads; SIZE_MAX on overflow. */
size_t rnnp_conv_workspace(const rnnp_variant *kernel, const rnnp_conv *conv, size_t threads);
/* Runs it on at most `threads` of the team (0: all; team NULL: the caller alone), when that is worth it. */
void rnnp_conv_forward(const rnnp_selection *select, const rnnp_variant *kernel, const rnnp_conv *conv,
                       const rnnp_conv_call *call, rnnp_team *team, size_t threads);

#endif
