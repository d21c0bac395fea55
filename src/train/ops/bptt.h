/* SPDX-License-Identifier: Apache-2.0
 *
 * Backpropagation through time for RNN, LSTM and GRU; what its files share.
 *
 *   recurrent.c          rows of the table of gradients
 *   recurrent_run.c      sizes, sections of memory, a direction at work
 *   recurrent_pack.c     weights as the products of both passes want them
 *   recurrent_forward.c  the forward pass, and its parts that are computed again on the way back
 *   recurrent_back.c     the backward pass
 *   recurrent_decay.c    the decay of a state between steps, both ways
 *
 * Steps are counted in the order in which a direction takes them. They are cut into segments of about 256 rows, and
 * everything but the recurrence itself is one product per segment. Rows of a segment lie behind each other, step by
 * step, rows of a step by falling length, and only those that are not past their length: padding costs nothing.
 *
 * Chains. Forward's are those of inference: bias, x, h. Those of the weights' gradients go through segments from last
 * to first, and upwards through the rows of a segment. None depends on the host, or on whether z was kept.
 */
#ifndef RNNP_TRAIN_BPTT_H
#define RNNP_TRAIN_BPTT_H

#include "../../cells/decay.h"
#include "../../graph/ops/recurrent.h"
#include "../gradient.h"

/* A part of a layer as in cells/recurrent.h: GRU with reset before has two. */
typedef struct rnnp_bptt_part {
    rnnp_recurrent_part of;   /* lanes: RNNP_TRAIN_LANES; bias, bias_h, wx, wh: in bytes, of the prepared block */
    const rnnp_variant *gemm; /* products that give pre-activations */
    rnnp_panels panels;       /* what they read, as gates of units */
    size_t wx_back, wh_back;  /* of the prepared block: [columns][input] and [columns][hidden] */
    size_t ldz;
} rnnp_bptt_part;

/* Sections of what one direction keeps from forward to backward, in floats. */
typedef struct rnnp_bptt_kept {
    size_t z[2]; /* [rows of all steps][ldz]; none when computed again */
    size_t c;    /* LSTM: [steps + 1][batch][hidden]; or before each segment alone */
    size_t y;    /* [steps][batch][hidden] where the node has no output Y */
    size_t floats;
} rnnp_bptt_kept;

/* Sections of the workspace, in floats; rows are those of a segment. */
typedef struct rnnp_bptt_work {
    size_t order, at;                    /* rnnp_bptt_run */
    size_t mask, h, masked, u, rh;       /* [batch][hidden] */
    size_t z[2], c;                      /* as kept, of one segment */
    size_t x;                            /* [rows][input] */
    size_t hs, hs_masked, rhs, us;       /* [rows][hidden]: h_prev, r h_prev, z gate */
    size_t dh, dh_prev, dc, du, drh, dp; /* [batch][hidden]; dp [3][hidden] */
    size_t dzt;                          /* [hidden][rows], one gate of dz */
    size_t sums;                         /* [hidden] */
    size_t packed_x, packed_h;           /* the right sides of products */
    size_t decayed, raw;                 /* the state of a step after its decay, [batch][hidden]; before it, [rows] */
    size_t m, pre, dpre;                 /* what is split off, and its pre-activation; its gradient, [rows][hidden] */
    size_t dx;                           /* [rows][input] */
    size_t floats;
} rnnp_bptt_work;

typedef struct rnnp_bptt {
    rnnp_recurrent layer;
    size_t batch, steps, segment; /* segment: steps of one */
    int recompute, has_y;
    float dropout;
    size_t parts, panels, gates;
    rnnp_bptt_part part[2];
    size_t ldz[2];            /* z of the parts; of GRU, reset after, the second is n's input part (zx) */
    const rnnp_variant *gemm; /* all other products */
    size_t split_back;        /* of the prepared block: D for dc = dpre D */
    size_t prepared_bytes;    /* of one direction, as all below */
    rnnp_bptt_kept kept;
    rnnp_bptt_work work;
} rnnp_bptt;

/* One direction at work. */
typedef struct rnnp_bptt_run {
    rnnp_bptt net;
    const rnnp_gradient_call *call;
    rnnp_recurrent_call io; /* pointers and strides of the tensors */
    size_t d;
    rnnp_gate_spec spec;
    const char *prepared;
    float *kept, *work;
    float *y; /* all h: the node's output or our own */
    size_t y_step, y_row;
    uint32_t *order;   /* [batch]: rows by falling length */
    size_t *at;        /* [steps + 1]: rows of all steps before this one */
    const float *mask; /* [batch][hidden] of recurrent dropout, in that order of rows; NULL: none */
} rnnp_bptt_run;

/* Steps [first, end) and their rows. */
typedef struct rnnp_bptt_segment {
    size_t first, end, rows;
    float *z[2];    /* [rows][ldz] */
    float *c;       /* LSTM: [steps of it + 1][batch][hidden] */
    const float *h; /* backward: [rows][hidden], h_prev */
} rnnp_bptt_segment;

/* ---- recurrent_run.c ---- */

/* Rows of a segment, and its least steps. */
enum { RNNP_BPTT_ROWS = 256, RNNP_BPTT_STEPS = 16 };

void rnnp_bptt_plan(const rnnp_gradient_shape *shape, rnnp_bptt *net);
rnnp_status rnnp_bptt_begin(const rnnp_gradient_call *call, rnnp_bptt_run *run);
void rnnp_bptt_begin_direction(rnnp_bptt_run *run, size_t d);
rnnp_bptt_segment rnnp_bptt_segment_at(const rnnp_bptt_run *run, size_t first);
/* A state, or a gradient by one, between the caller's memory and [batch][hidden] in our order of rows. It lies as h0
 * does or, with `final`, as h. theirs NULL: zeros are taken, and nothing is given. */
void rnnp_bptt_take_state(const rnnp_bptt_run *run, const float *theirs, int final, float *ours);
void rnnp_bptt_give_state(const rnnp_bptt_run *run, const float *ours, int final, float *theirs);
/* The rows of a segment between x or dx, as the caller has it, and ours, one behind the other. */
void rnnp_bptt_copy_rows(const rnnp_bptt_run *run, const rnnp_bptt_segment *s, float *theirs, float *ours, int give);

static inline size_t rnnp_bptt_segments(const rnnp_bptt *net) { return (net->steps + net->segment - 1) / net->segment; }
/* Whether the last gate's input part is apart from z (GRU, reset after). */
static inline int rnnp_bptt_has_zx(const rnnp_bptt *net) { return net->layer.part[0].of->own_start; }
static inline size_t rnnp_bptt_active(const rnnp_bptt_run *run, size_t step)
{
    return run->at[step + 1] - run->at[step];
}
static inline int rnnp_bptt_forwards(const rnnp_bptt_run *run)
{
    return run->d == 0 && run->net.layer.direction != RNNP_DIRECTION_REVERSE;
}
static inline size_t rnnp_bptt_time(const rnnp_bptt_run *run, size_t step)
{
    return rnnp_bptt_forwards(run) ? step : run->net.steps - 1 - step;
}
/* Whether x and dx have the rows of segments as we want them: forwards, all of them, one behind the other. */
static inline int rnnp_bptt_x_in_place(const rnnp_bptt_run *run)
{
    const size_t width = run->net.layer.input;
    return !run->io.lengths && rnnp_bptt_forwards(run) && run->io.x_row == width &&
           run->io.x_step == run->net.batch * width;
}

/* c = c0 + a b, no rows are none. */
static inline void rnnp_bptt_product(const rnnp_variant *gemm, size_t m, size_t n, size_t k, const float *a, size_t lda,
                                     const void *b, const float *c0, size_t ldc0, float *c, size_t ldc)
{
    const rnnp_gemm_args args = {
        .m = m, .n = n, .k = k, .a = a, .lda = lda, .b = b, .c0 = c0, .ldc0 = ldc0, .c = c, .ldc = ldc};
    if (m > 0) gemm->fn.gemm(&args);
}

/* Whether a step's h lies in y as we want it: all rows, one behind the other in the order of the batch. */
static inline int rnnp_bptt_h_in_place(const rnnp_bptt_run *run)
{
    return !run->io.lengths && run->y_row == run->net.layer.hidden;
}

/* y = a op b for add_f32 and mul_f32; y may be a or b. */
static inline void rnnp_bptt_each(const rnnp_bptt_run *run, rnnp_op op, float *y, const float *a, const float *b,
                                  size_t n)
{
    const rnnp_binary_args args = {.a = a, .b = b, .y = y, .n = n, .a_step = 1, .b_step = 1};
    run->net.layer.select->op[op]->fn.add_f32(&args);
}

/* ---- recurrent_pack.c ---- */

/* Offsets of the packed weights; sets prepared_bytes. */
void rnnp_bptt_plan_pack(rnnp_bptt *net);
void rnnp_bptt_pack(const rnnp_bptt *net, const rnnp_recurrent_source *source, char *prepared, size_t part,
                    size_t parts);

/* ---- recurrent_forward.c ---- */

rnnp_status rnnp_bptt_forward(const rnnp_gradient_call *call);
/* Pre-activations and c of a segment from what was kept, x, and h_prev, which was gathered. */
void rnnp_bptt_again(const rnnp_bptt_run *run, const rnnp_bptt_segment *s, const float *x);
/* r h_prev of a segment (GRU, reset before), from z. */
void rnnp_bptt_reset_rows(const rnnp_bptt_run *run, const rnnp_bptt_segment *s);
/* A segment's rows of x and of h_prev, gathered where they do not lie together; those of h_prev masked, too. */
const float *rnnp_bptt_x(const rnnp_bptt_run *run, const rnnp_bptt_segment *s);
const float *rnnp_bptt_h(const rnnp_bptt_run *run, const rnnp_bptt_segment *s);
/* n's input part takes the place of its recurrent part in z (GRU, reset after). */
void rnnp_bptt_zx_to_n(const rnnp_bptt *net, const rnnp_bptt_segment *s);

/* ---- recurrent_decay.c ---- */

static inline int rnnp_bptt_decays_h(const rnnp_bptt *net) { return net->layer.decays && !net->layer.has_c; }
static inline int rnnp_bptt_decays_c(const rnnp_bptt *net) { return net->layer.decays && net->layer.has_c; }
/* The state of a step's active rows, [rows][hidden], decayed; to may be from. */
void rnnp_bptt_decay(const rnnp_bptt_run *run, size_t step, const float *from, float *to);
/* ds, the gradient by the decayed state of a step's rows, becomes that by the state before the decay, `from`. The
 * gradient by the decay is added to dg (NULL: not wanted); row: the first in dpre and, of c, raw, which are written. */
void rnnp_bptt_decay_back(const rnnp_bptt_run *run, size_t step, size_t row, const float *from, float *ds, float *dg);

/* ---- recurrent_back.c ---- */

rnnp_status rnnp_bptt_backward(const rnnp_gradient_call *call);

#endif
