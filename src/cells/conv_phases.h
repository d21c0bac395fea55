/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside convolutions: which outputs meet which inputs at which kernel positions (conv_phases.c), and the input as it
 * is read (conv_stage.c). conv_pack.c packs weights, conv_run.c runs.
 *
 * Positions of the input are counted along padded axes: what is before and behind the input is zeros.
 */
#ifndef RNNP_CELLS_CONV_PHASES_H
#define RNNP_CELLS_CONV_PHASES_H

#include "conv.h"

/* Outputs first + i * step, i < count, of one axis meet the same kernel positions: tap u < taps, which is kernel +
 * u * kernel_step, at padded position at + i * stride + u * tap_step. */
typedef struct rnnp_phase {
    size_t first, step, count, at, stride, taps, tap_step, kernel;
    ptrdiff_t kernel_step;
} rnnp_phase;

/* One phase of each axis: the outputs that meet the same kernel positions. */
typedef struct rnnp_combination {
    size_t index[RNNP_CONV_AXES], count[RNNP_CONV_AXES];
    rnnp_phase phase[RNNP_CONV_AXES];
    size_t taps, outer_taps; /* of all axes, and of all but the last */
} rnnp_combination;

/* Walks over the taps of all axes but the last. */
typedef struct rnnp_outer_taps {
    size_t index[RNNP_CONV_AXES], count[RNNP_CONV_AXES];
} rnnp_outer_taps;

/* Phases of axis a, and the r-th of them. */
size_t rnnp_conv_phases(const rnnp_conv *c, size_t a);
rnnp_phase rnnp_conv_phase(const rnnp_conv *c, size_t a, size_t r);
/* Zeros in front of the input along axis a, and all positions that are read. */
size_t rnnp_conv_lead(const rnnp_conv *c, size_t a);
size_t rnnp_conv_length(const rnnp_conv *c, size_t a);
/* Elements of the kernel, and of one channel of x and of y: products of the axes' sizes. */
typedef struct rnnp_conv_planes {
    size_t kernel, in, out;
} rnnp_conv_planes;

static inline rnnp_conv_planes rnnp_conv_planes_of(const rnnp_conv *c)
{
    rnnp_conv_planes n = {1, 1, 1};

    for (size_t a = 0; a < c->axes; a++) {
        n.kernel *= c->axis[a].kernel;
        n.in *= c->axis[a].in;
        n.out *= c->axis[a].out;
    }
    return n;
}
/* Neighbouring axes along which nothing happens are one axis, and those of one element are none: rows become long. */
rnnp_conv rnnp_conv_simplified(const rnnp_conv *c);

/* All combinations, in the order of the packed weights: 0 after the last one. */
void rnnp_combination_first(const rnnp_conv *c, rnnp_combination *of);
int rnnp_combination_next(const rnnp_conv *c, rnnp_combination *of);
rnnp_outer_taps rnnp_outer_first(const rnnp_conv *c, const rnnp_combination *of);
int rnnp_outer_next(const rnnp_conv *c, rnnp_outer_taps *t);
/* Terms of the last axis: taps that lie side by side are one piece of memory. */
static inline size_t rnnp_term_taps(const rnnp_phase *last) { return last->tap_step == 1 ? last->taps : 1; }

/* Bytes of packed weights of one group, and of one combination in it. */
size_t rnnp_conv_group_bytes(const rnnp_variant *kernel, const rnnp_conv *c);
size_t rnnp_combination_bytes(const rnnp_variant *kernel, const rnnp_conv *c, const rnnp_combination *of);

/* How an image is read: one group of channels of one batch entry. */
typedef struct rnnp_staging {
    int needed;                   /* else x is read where it is */
    size_t pitch[RNNP_CONV_AXES]; /* positions along each axis */
    size_t split;                 /* direct: positions of the last axis that a stride apart are side by side */
    size_t outer;                 /* product of all pitches but the last */
    size_t floats;                /* of an image */
} rnnp_staging;

rnnp_staging rnnp_staging_of(const rnnp_variant *kernel, const rnnp_conv *c);
/* Writes row `row` of the outer positions of an image, all channels; x is the image's, with `plane` positions. */
void rnnp_staging_row(const rnnp_staging *s, const rnnp_selection *select, const rnnp_variant *kernel,
                      const rnnp_conv *c, const float *x, size_t plane, size_t row, float *image);
/* Where image i of x or y begins, each with so many channels and positions. */
static inline size_t rnnp_conv_image(const rnnp_conv *c, int last, size_t i, size_t channels, size_t plane)
{
    return channels * (last ? i / c->groups * c->groups * plane + i % c->groups : i * plane);
}
/* Where padded position p of the last axis is. */
static inline size_t rnnp_staging_at(const rnnp_staging *s, size_t last, size_t p)
{
    return p % s->split * (s->pitch[last] / s->split) + p / s->split;
}

#endif
