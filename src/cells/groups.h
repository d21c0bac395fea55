/* SPDX-License-Identifier: Apache-2.0
 *
 * A stack in lockstep: each layer has a group of threads, some steps behind the layer below. For more threads than a
 * wavefront can use.
 */
#ifndef RNNP_GROUPS_H
#define RNNP_GROUPS_H

#include "stack.h"

typedef struct rnnp_groups {
    size_t threads[RNNP_STACK_LAYERS]; /* of each layer, at least one */
    size_t chunk;                      /* steps that a layer is behind the one below */
    double ns;                         /* what the call takes, roughly */
} rnnp_groups;

/* The fastest groups of at most `threads`; 0 if there are more layers than threads. task as in rnnp_stack_choice. */
int rnnp_groups_of(const rnnp_stacked *stack, size_t layers, size_t threads, size_t task, rnnp_groups *groups);

void rnnp_groups_forward(const rnnp_stacked *stack, size_t layers, const rnnp_groups *groups);

#endif
