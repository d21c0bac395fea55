/* SPDX-License-Identifier: Apache-2.0
 *
 * The time loop of one direction of a call: what its schedules (recurrent.c, wavefront.c) are made of. A loop is begun
 * and ended by one thread; in between, whoever does steps of it must have seen the steps before.
 */
#ifndef RNNP_LOOP_H
#define RNNP_LOOP_H

#include "grid.h"
#include "layer.h"

/* On lines of its own: all threads read it in every step, and what lies beside it on the caller's stack is written. */
typedef struct rnnp_loop {
    _Alignas(64) const rnnp_recurrent *layer;
    const rnnp_recurrent_call *call;
    size_t d;
    const char *block; /* packed weights */
    float *base;       /* of the workspace */
    const rnnp_recurrent_memory *w;
    const uint32_t *order; /* rows by falling length, NULL when all are full */
    int gathers;           /* x of a chunk is copied, in that order: it does not lie evenly */
    size_t chunk;          /* steps that are prepared together */
    size_t threads;
    rnnp_grid grid[RNNP_CELL_PARTS]; /* of a part's steps, with all rows, by `threads`, if these are two or more */
    rnnp_gate_spec spec;
    rnnp_recurrent_memory planned; /* what w is but for the usual call */
} rnnp_loop;

/* Sorts the numbers 0 to n - 1 by falling length. Where all lengths are equal they are in order. */
void rnnp_rows_by_length(uint32_t *order, const int32_t *lengths, size_t n);

/* Of n shares of a part's step, the largest: its time (rnnp_grid_time), its panels, and bytes of the state that each
 * thread reads or writes while others write or read them. */
typedef struct rnnp_largest {
    double time;
    size_t panels;
    double state;
} rnnp_largest;
rnnp_largest rnnp_loop_largest_share(const rnnp_recurrent *layer, size_t part, size_t rows, size_t n);

/* Of a call whose steps up to `threads` threads will share. */
void rnnp_loop_begin(rnnp_loop *o, const rnnp_recurrent *layer, const rnnp_recurrent_call *call, size_t threads);
/* The initial states of direction d. The loop must not move from here on. */
void rnnp_loop_begin_direction(rnnp_loop *o, size_t d);
/* The final states, after all steps. */
void rnnp_loop_end_direction(const rnnp_loop *o);

/* Steps [first, first + count), whose input is prepared together. There is room for that of o->chunk steps, so that of
 * several small chunks may be there at once: `slot` is how many steps lie before it. */
typedef struct rnnp_chunk {
    size_t first, count, slot;
} rnnp_chunk;

/* A chunk is [gather] [project], then each part of step s < count; i of n threads take their share of panels and
 * rows. */
void rnnp_loop_gather(const rnnp_loop *o, const rnnp_chunk *chunk, size_t i, size_t n);  /* if o->gathers */
void rnnp_loop_project(const rnnp_loop *o, const rnnp_chunk *chunk, size_t i, size_t n); /* if w->chunk > 0 */
void rnnp_loop_step(const rnnp_loop *o, const rnnp_chunk *chunk, size_t s, size_t part, size_t i, size_t n);

/* The same on the calling thread alone: what comes before the steps, the steps, and [first, end) from both. */
void rnnp_loop_prepare(const rnnp_loop *o, const rnnp_chunk *chunk);
void rnnp_loop_steps(const rnnp_loop *o, const rnnp_chunk *chunk);
void rnnp_loop_run(const rnnp_loop *o, size_t first, size_t end);

#endif
