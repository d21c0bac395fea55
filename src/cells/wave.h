/* SPDX-License-Identifier: Apache-2.0
 *
 * The wavefront. The steps of a stack are cut into chunks, and a chunk passes one stage after the other: the input
 * product of the lowest layer, its steps, the input product of the next layer, and so on. A task is one chunk at one
 * stage; it may start when the task before it at that stage is done, and the same chunk at the stage below:
 *
 *     layer 1   steps                    0     1     2          what may run at the same time
 *               product               0     1     2             stands in one column
 *     layer 0   steps              0     1     2
 *               product         0  1  2  3  .  .
 *
 * Threads take tasks as they come, the earliest first (of those that hold up the most others), and among equals one of
 * the layer they did last, whose weights are in their cache. So three layers keep two threads busy, a thread that waits
 * for the layer below finds products to do, one that is late or loses its CPU leaves its share to the others, and one
 * alone does everything. A thread waits only for tasks that others are at.
 *
 * The order of tasks changes no bits: an element's chain is the same in all.
 */
#ifndef RNNP_WAVE_H
#define RNNP_WAVE_H

#include "loop.h"
#include "stack.h"

enum { RNNP_WAVE_STAGES = 2 * RNNP_STACK_LAYERS };

typedef struct rnnp_stage {
    const rnnp_loop *loop;
    int is_product;
    size_t time;                      /* from the first stage's start to this one's */
    _Alignas(64) atomic_size_t taken; /* chunks begun */
    atomic_size_t done;               /* chunks ended: there is at most one between */
} rnnp_stage;

typedef struct rnnp_wave {
    rnnp_loop loop[RNNP_STACK_LAYERS];
    rnnp_stage stage[RNNP_WAVE_STAGES];
    size_t stages, steps, chunk, chunks;
} rnnp_wave;

/* Begins the layers' loops. The wave must not move from here on. */
void rnnp_wave_begin(rnnp_wave *wave, const rnnp_stacked *stack, size_t layers, size_t chunk);
int rnnp_wave_all_begun(const rnnp_wave *wave);

/* Takes the next task for a thread that did one of loop `last` before (NULL: none): returns its stage, or -1 if what is
 * not ready waits for what others are at. */
int rnnp_wave_take(rnnp_wave *wave, const rnnp_loop *last, size_t *chunk);
/* Does it, and then says so. */
void rnnp_wave_run(const rnnp_wave *wave, int stage, size_t chunk);
void rnnp_wave_done(rnnp_wave *wave, int stage, size_t chunk);

#endif
