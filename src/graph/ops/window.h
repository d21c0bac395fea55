/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows that slide over the spatial axes of [batch][channel][spatial...]: what convolutions and pooling have in
 * common. parse() reads the attributes, infer() checks them against concrete or symbolic sizes, run() fills in what
 * they leave open.
 */
#ifndef RNNP_WINDOW_H
#define RNNP_WINDOW_H

#include "ops.h"

enum { RNNP_SPATIAL = RNNP_MAX_RANK - 2 }; /* most spatial axes */

typedef enum rnnp_auto_pad { RNNP_PAD_GIVEN, RNNP_PAD_VALID, RNNP_PAD_SAME_UPPER, RNNP_PAD_SAME_LOWER } rnnp_auto_pad;

/* Along axis i of the input, window o covers the elements o * stride - pad_begin + k * dilation, k < kernel. */
typedef struct rnnp_window {
    size_t rank;      /* as params: that of the attributes, 0 where there are none */
    int kernel_given; /* as params: by an attribute */
    int rounds_up;    /* ceil_mode: a last window that begins inside may end beyond the padding */
    rnnp_auto_pad auto_pad;
    int64_t kernel[RNNP_SPATIAL], stride[RNNP_SPATIAL], dilation[RNNP_SPATIAL];
    int64_t pad_begin[RNNP_SPATIAL], pad_end[RNNP_SPATIAL];
} rnnp_window;

/* Reads auto_pad, kernel_shape, pads and strides, and dilations and ceil_mode where the operator's opset has them.
 * Afterwards lists have equal lengths and sensible entries. */
enum { RNNP_WINDOW_DILATES = 1, RNNP_WINDOW_ROUNDS = 2 };
rnnp_status rnnp_window_parse(rnnp_parse *p, unsigned has, rnnp_window *given);

/* infer(): the window over the spatial axes of x, and whether x fits what was given. kernel: sizes that the weights
 * say, possibly symbols; NULL: the attribute must. */
rnnp_status rnnp_window_infer(rnnp_infer *in, const rnnp_window *given, const rnnp_meta *x, const int64_t *kernel,
                              rnnp_window *w);
/* infer(): how many windows there are over each of the spatial sizes dim, possibly symbols; at least one over a size
 * that is known and not 0. */
rnnp_status rnnp_window_counts(rnnp_infer *in, const rnnp_window *w, const int64_t *dim, int64_t *count);

/* run(): the same window, with the pads that auto_pad means for x. */
void rnnp_window_run(const rnnp_window *given, const rnnp_tensor *x, const int64_t *kernel, rnnp_window *w);
/* Splits a sum of padding between both ends of an axis: the odd element is at the end for SAME_UPPER, else at the
 * beginning. */
void rnnp_window_split(rnnp_window *w, size_t axis, int64_t total);

/* Streams: the pace along an axis whose kernel is no symbol. Windows may begin up to what they cover before a stride,
 * and may not end behind it: with p and q pads and windows of n elements, p >= n - stride and p + q < n. */
int rnnp_window_pace(const rnnp_window *given, size_t axis, int64_t kernel, rnnp_pace *pace);

/* Streams, where there is a lead: memory for x with its history in front, and both in that memory. The history becomes
 * the last steps that each channel takes. */
size_t rnnp_history_bytes(const rnnp_prepare *p);
rnnp_tensor rnnp_history_take(const rnnp_exec *e, const rnnp_tensor *x, void *memory);

/* Elements from the first to the last that a window covers, along an axis whose kernel is no symbol. */
static inline int64_t rnnp_window_extent(const rnnp_window *w, size_t axis)
{
    return (w->kernel[axis] - 1) * w->dilation[axis] + 1;
}

#endif
