/* SPDX-License-Identifier: Apache-2.0
 *
 * How a stack runs.
 */
#ifndef RNNP_WAVEFRONT_H
#define RNNP_WAVEFRONT_H

#include "stack.h"

/* How threads share a stack. Bits do not depend on it. */
typedef enum rnnp_stack_schedule {
    RNNP_SCHEDULE_FASTEST,   /* what is estimated to take less time */
    RNNP_SCHEDULE_LAYERS,    /* one layer after the other, as rnnp_recurrent_forward() runs them */
    RNNP_SCHEDULE_WAVEFRONT, /* several layers at once, each some steps behind the one below; a thread for each task */
    RNNP_SCHEDULE_GROUPS     /* the same in lockstep, with a group of threads for each layer; of no fewer threads than
                              * layers, else as LAYERS */
} rnnp_stack_schedule;

/* What a tuner may decide: speed changes, bits do not. Fields that are 0 leave it to the library. */
typedef struct rnnp_stack_choice {
    rnnp_stack_schedule schedule;
    size_t task; /* steps of one task of a wavefront, or that a group is behind the one below, as far as there is room
                  * for their input products */
} rnnp_stack_choice;

/*
 * Runs 1 to RNNP_STACK_LAYERS layers, lowest first. Every call is complete in itself, with a workspace of its own;
 * steps, batch, team and threads are the same in all, none is bidirectional, all go in the same direction, and y is
 * wanted from all but the last. No memory of any is another's but for x, y and lengths.
 * Memory: no allocation; the workspaces that rnnp_recurrent_workspace() asks for. Threads: up to call.threads of the
 * team; those that come too late are not waited for by a wavefront.
 */
void rnnp_stack_forward(const rnnp_stacked *stack, size_t layers, const rnnp_stack_choice *choice);

/* What FASTEST stands for. */
rnnp_stack_schedule rnnp_stack_fastest(const rnnp_stacked *stack, size_t layers);

/* Nanoseconds of such a call with so many threads that are awake, roughly; its team is not asked. */
double rnnp_stack_ns(const rnnp_stacked *stack, size_t layers, size_t threads, const rnnp_stack_choice *choice);

/* Steps of one task of a wavefront; task as in rnnp_stack_choice. */
size_t rnnp_wavefront_chunk(const rnnp_stacked *stack, size_t layers, size_t task);

#endif
