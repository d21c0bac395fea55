/* SPDX-License-Identifier: Apache-2.0
 *
 * Loops whose steps threads share, in lockstep: one layer, both directions of one, or the layers of a stack some steps
 * behind each other. Each loop has a group of threads of its own, and all meet once after each part of a step.
 *
 *     loop 1 (lag 1)             chunk 0     chunk 1     chunk 2
 *     loop 0         chunk 0     chunk 1     chunk 2                 a chunk: [gather] [product] part, part, ...
 *
 * So loops that run at once need as many barriers as one of them, and each step is cut into fewer shares.
 */
#ifndef RNNP_LOCKSTEP_H
#define RNNP_LOCKSTEP_H

#include "loop.h"

enum { RNNP_LOCKSTEP_LOOPS = 8 };

typedef struct rnnp_lockstep {
    size_t loops, steps, chunk; /* steps that are prepared together: at most loop->chunk of those that gather or have
                                 * a product for it */
    size_t full;                /* phases of a whole chunk, of the loop that has most */
    size_t threads;             /* of all groups */
    struct {
        const rnnp_loop *loop;
        size_t first, threads; /* the group; loop->threads of them */
        size_t lag;            /* chunks behind the first loop */
    } of[RNNP_LOCKSTEP_LOOPS];
} rnnp_lockstep;

/* Of no loops yet. */
void rnnp_lockstep_begin(rnnp_lockstep *lockstep, size_t steps, size_t chunk);

/* Adds a loop, begun, for as many threads as it was begun for. What it reads of others is theirs of at least a chunk
 * before: its lag. */
void rnnp_lockstep_add(rnnp_lockstep *lockstep, const rnnp_loop *loop, size_t lag);

void rnnp_lockstep_run(const rnnp_lockstep *lockstep, rnnp_team *team);

/* A call of one layer whose steps `threads` share, in two directions by half of them each: a multiple of directions. */
void rnnp_lockstep_forward(const rnnp_recurrent *layer, const rnnp_recurrent_call *call, size_t threads);

#endif
