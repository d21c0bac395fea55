/* SPDX-License-Identifier: Apache-2.0
 *
 * One recurrent layer (RNN, LSTM or GRU; one or two directions): what is known of it, and one call of it.
 */
#ifndef RNNP_CELLS_LAYER_H
#define RNNP_CELLS_LAYER_H

#include "../../kernels/cells.h"
#include "../context.h"
#include "rnnpack/model.h"

enum { RNNP_FAR_CHUNK_ROWS = 256 };

/* A layer has one part, or two where a second product needs r h of all units (GRU, reset before). */
typedef struct rnnp_recurrent_part {
    const rnnp_part *of;
    const rnnp_variant *step;
    const rnnp_variant *project; /* packed product with the same panels, or NULL */
    size_t gates, first_gate, panels, lanes, columns;
    size_t bias, bias_h, wx, wh; /* offsets in bytes from the direction's block */
} rnnp_recurrent_part;

/* Where the sections of one direction's workspace begin, in floats. */
typedef struct rnnp_recurrent_memory {
    size_t chunk; /* steps whose input part is one product; 0: none */
    size_t z[RNNP_CELL_PARTS], scratch, scratch_floats;
    size_t project, project_floats; /* scratch of a chunk's product: with a wavefront, others do steps meanwhile */
    size_t h, c, u, rh, x, order, args, decayed, split_scratch, floats;
} rnnp_recurrent_memory;

/* What a tuner may decide: speed changes, bits do not. Fields that are 0 leave it to the library. */
enum { RNNP_CHUNK_NONE = 1 << 30 };
typedef struct rnnp_recurrent_choice {
    const rnnp_variant *step[RNNP_CELL_PARTS]; /* kernels of the parts; NULL: by where the weights live */
    size_t chunk;   /* rows of x in one product, at most RNNP_FAR_CHUNK_ROWS; RNNP_CHUNK_NONE: every step multiplies
                     * x and h in one pass */
    size_t threads; /* that share a step, of those the call may use */
    int one_way;    /* 1: panels are walked upwards only */
} rnnp_recurrent_choice;

typedef struct rnnp_recurrent {
    rnnp_cell cell;
    size_t input, hidden;
    rnnp_direction direction;
    int reset_after;         /* GRU: linear_before_reset */
    int input_forget;        /* LSTM */
    float clip;              /* 0: none */
    rnnp_act_spec act[2][3]; /* per direction, as in rnnp_gate_spec */
    rnnp_math math;
    rnnp_format format; /* of the packed weights */
    int decays, splits; /* there is a decay of the state (decay.h), and a D that splits it */
    const rnnp_selection *select;
    rnnp_recurrent_choice choice;

    /* by rnnp_recurrent_prepare() */
    const rnnp_cell_traits *traits;
    int has_c;
    size_t parts, gates, peephole, bytes; /* bytes: of one direction's packed block; peephole: its offset there */
    const rnnp_variant *split;            /* the product with D, NULL without */
    size_t split_at, split_bias;          /* offsets of D and its bias in the block */
    rnnp_recurrent_part part[RNNP_CELL_PARTS];
    rnnp_gate_spec spec[2];
    rnnp_recurrent_memory one; /* for one step of one row on one thread, the usual call of a stream */
} rnnp_recurrent;

/* Floats rounded up to whole lines of 64 bytes. */
static inline size_t rnnp_align16(size_t floats) { return (floats + 15) / 16 * 16; }

/* Offset of the next section of so many floats, which begins on a line. */
static inline size_t rnnp_take_floats(size_t *total, size_t floats)
{
    const size_t at = *total;
    *total += rnnp_align16(floats);
    return at;
}

/* The same in bytes, of a packed block. */
static inline size_t rnnp_take_bytes(size_t *total, size_t bytes)
{
    const size_t at = *total;
    *total += rnnp_align64(bytes);
    return at;
}

static inline float *rnnp_floats_at(char *block, size_t at) { return (float *)(void *)(block + at); }
static inline const float *rnnp_const_floats_at(const char *block, size_t at)
{
    return (const float *)(const void *)(block + at);
}

static inline size_t rnnp_directions(rnnp_direction direction)
{
    return direction == RNNP_DIRECTION_BIDIRECTIONAL ? 2 : 1;
}

/* Weights as ONNX lays them out, w and r in the layer's format; bias and peephole may be NULL. */
typedef struct rnnp_recurrent_source {
    const void *w;                   /* [dirs][G*hidden][input] */
    const void *r;                   /* [dirs][G*hidden][hidden] */
    const float *b;                  /* [dirs][2*G*hidden] */
    const float *p;                  /* [dirs][3*hidden], i o f */
    const float *w_scale, *r_scale;  /* [dirs][G*hidden], of formats with a scale; NULL: 1 */
    const float *split, *split_bias; /* [hidden][hidden] and [hidden] of a layer that splits; the bias may be NULL */
    int is_f32;                      /* 1: w and r are f32 whatever the format, and rounded to it */
} rnnp_recurrent_source;

/* One execution. Strides are in elements. Any output may be NULL. Rows with length 0 keep their initial
 * state; y past a row's length is 0. */
typedef struct rnnp_recurrent_call {
    const void *packed;
    size_t steps, batch;
    const float *x; /* x[t*x_step + b*x_row + i] */
    size_t x_step, x_row;
    const int32_t *lengths; /* [batch], each in [0, steps], or NULL: all steps */
    const float *h0, *c0;   /* h0[d*h0_dir + b*h0_row + u]; NULL: zeros */
    size_t h0_dir, h0_row;
    const float *g; /* decay, g[t*g_step + b*g_row + u*g_unit], of a layer that has one; g_unit is 0 or 1 */
    size_t g_step, g_row, g_unit;
    float *y; /* y[t*y_step + d*y_dir + b*y_row + u] or NULL */
    size_t y_step, y_dir, y_row;
    float *h, *c; /* final states, h[d*h_dir + b*h_row + u]; may equal h0, c0 */
    size_t h_dir, h_row;
    rnnp_team *team; /* NULL: the calling thread alone */
    size_t threads;  /* at most this many of the team's; 0: all */
    void *workspace; /* 64-byte aligned, rnnp_recurrent_workspace() bytes */
    size_t turn;     /* calls before this one: panels are walked alternately up and down, so that a
                      * step begins with the weights that the one before left in cache */
} rnnp_recurrent_call;

#endif
