/* SPDX-License-Identifier: Apache-2.0
 *
 * A loop of the graph: two nodes around a body.
 *
 *   LoopBegin  count, condition, initial [carried], ...  -> go, iteration, value [carried]
 *   LoopEnd    go, count, condition, next condition, result [carried], value [carried], row [stacks]
 *                                                         -> final [carried], stack [stacks]
 *
 * LoopBegin is called before each iteration and says by `go` whether there is one: fewer than `count` were made, and
 * the condition holds, which LoopEnd replaces by the next one. The call of LoopEnd behind a body makes results the next
 * values and keeps the rows of stacks; the one without a body, after the last iteration, makes values final. Counts and
 * conditions may be absent. What LoopBegin has behind the carried values is counts that must be equal to the first.
 */
#ifndef RNNP_LOOP_H
#define RNNP_LOOP_H

#include "ops.h"

/* Inputs and outputs of LoopBegin, and inputs of LoopEnd. */
enum { RNNP_LOOP_COUNT, RNNP_LOOP_CONDITION, RNNP_LOOP_INITIAL };
enum { RNNP_LOOP_GO, RNNP_LOOP_ITERATION, RNNP_LOOP_VALUE };
enum { RNNP_END_GO, RNNP_END_COUNT, RNNP_END_CONDITION, RNNP_END_NEXT, RNNP_END_RESULT };

enum { RNNP_LOOP_DEPTH = 16 }; /* most loops that lie in each other */

/* Attributes. */
typedef struct rnnp_loop_params {
    size_t carried;
    const int64_t *axes; /* of LoopEnd: [stacks], where they have their rows; NULL: all 0 */
} rnnp_loop_params;

static inline const rnnp_loop_params *rnnp_loop_params_of(const rnnp_node *node) { return node->params; }

/* Inputs of LoopEnd. */
static inline size_t rnnp_loop_value(const rnnp_node *end, size_t i)
{
    return RNNP_END_RESULT + rnnp_loop_params_of(end)->carried + i;
}

static inline size_t rnnp_loop_row(const rnnp_node *end, size_t stack)
{
    return rnnp_loop_value(end, rnnp_loop_params_of(end)->carried + stack);
}

/* The input that an output of either node is made of; SIZE_MAX: a counter. */
static inline size_t rnnp_loop_source(const rnnp_node *node, size_t output)
{
    const size_t carried = rnnp_loop_params_of(node)->carried;

    if (node->op->loop == RNNP_LOOP_BEGIN)
        return output < RNNP_LOOP_VALUE ? SIZE_MAX : output - RNNP_LOOP_VALUE + RNNP_LOOP_INITIAL;
    return output < carried ? RNNP_END_RESULT + output : rnnp_loop_row(node, output - carried);
}

/* What a result had been before the iteration: an input of LoopEnd; SIZE_MAX for other outputs. */
static inline size_t rnnp_loop_before(const rnnp_node *node, size_t output)
{
    const int is_final = node->op->loop == RNNP_LOOP_END && output < rnnp_loop_params_of(node)->carried;

    return is_final ? rnnp_loop_value(node, output) : SIZE_MAX;
}

/* Where stack i has its rows; rank is the stack's. */
static inline size_t rnnp_loop_axis(const rnnp_node *end, size_t stack, size_t rank)
{
    return rnnp_loop_params_of(end)->axes ? rnnp_axis(rnnp_loop_params_of(end)->axes[stack], rank) : 0;
}

#endif
