/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a loop takes one step of a sequence in each iteration, all of them in order.
 */
#include "cell_body.h"

/* ---- How often it goes round ---- */

int rnnp_cell_counter(const cell_body *b, size_t k, int64_t *start)
{
    const rnnp_node *add = cell_op_of(b, cell_result_of(b, k), "Add");
    int64_t one;

    if (!add || !cell_known_number(b, b->m->begin->inputs[RNNP_LOOP_INITIAL + k], start)) return 0;
    for (size_t i = 0; i < 2; i++) {
        if (cell_value_of(b, add->inputs[i]) == cell_carried(b, k) && cell_known_number(b, add->inputs[1 - i], &one))
            return one == 1;
    }
    return 0;
}

/* An index that is 0 in the first iteration, and then one more in each. */
static int counts_from_0(const cell_body *b, int32_t v, size_t depth)
{
    const rnnp_node *node = cell_node_of(b, v);
    int64_t start;

    v = cell_value_of(b, v);
    if (v == b->m->begin->outputs[RNNP_LOOP_ITERATION]) return 1;
    for (size_t k = 0; k < cell_n_carried(b); k++) {
        if (v == cell_carried(b, k)) return rnnp_cell_counter(b, k, &start) && start == 0;
    }
    const int looks_through = cell_is_op(node, "Cast") || cell_is_op(node, "Squeeze") ||
                              cell_is_op(node, "Unsqueeze") || cell_is_op(node, "Reshape");
    return looks_through && cell_is_integer(cell_meta_of(b, v)) && depth < CELL_DEEPEST &&
           counts_from_0(b, node->inputs[0], depth + 1);
}

/* Whether a number of iterations, which may be a symbol, is `steps`, or known to be no less. Exporters write the
 * largest integer, of 32 bits or 64, for "all there are". */
static int allows(int64_t number, int64_t steps, int *exact)
{
    *exact |= number == steps;
    return number == steps || number >= INT32_MAX ||
           (!rnnp_dim_is_symbol(number) && !rnnp_dim_is_symbol(steps) && number >= steps);
}

/* A counter's name in a condition: its value after the iteration, or before the first one. */
static int counter_in(const cell_body *b, int32_t v, int first, int64_t *start)
{
    for (size_t k = 0; k < cell_n_carried(b); k++) {
        const int32_t name = first ? b->m->begin->inputs[RNNP_LOOP_INITIAL + k] : cell_result_of(b, k);

        if (cell_value_of(b, v) == cell_value_of(b, name) && rnnp_cell_counter(b, k, start)) return 1;
    }
    return first && cell_known_number(b, v, start) && !rnnp_dim_is_symbol(*start);
}

/* A condition that counters are below limits: whether it allows so many steps. */
static int allows_while(const cell_body *b, int32_t v, int first, int64_t steps, int *exact, size_t depth)
{
    int64_t start, limit;

    if (cell_known_true(b, v)) return 1;
    const int32_t producer = b->model->values[v].producer;
    const rnnp_node *node = producer < 0 ? NULL : &b->model->nodes[producer];
    if (depth == CELL_DEEPEST || !node) return 0;
    if (cell_is_op(node, "Identity") || cell_is_op(node, "Cast") || cell_is_op(node, "Squeeze") ||
        cell_is_op(node, "Reshape"))
        return allows_while(b, node->inputs[0], first, steps, exact, depth + 1);
    if (cell_is_op(node, "And"))
        return allows_while(b, node->inputs[0], first, steps, exact, depth + 1) &&
               allows_while(b, node->inputs[1], first, steps, exact, depth + 1);
    const int turned = cell_is_op(node, "Greater");
    if ((!turned && !cell_is_op(node, "Less")) || !cell_known_number(b, node->inputs[!turned], &limit) ||
        !counter_in(b, node->inputs[turned], first, &start))
        return 0;
    if (start == 0) return allows(limit, steps, exact);
    if (rnnp_dim_is_symbol(limit) || rnnp_dim_is_symbol(start)) return 0;
    /* within 32 bits the difference is not out of range */
    return limit == (int32_t)limit && start == (int32_t)start && allows(limit - start, steps, exact);
}

int rnnp_cell_goes_round(const cell_body *b, int64_t steps)
{
    const rnnp_node *end = b->m->end;
    int64_t count;
    int exact = 0;

    if (end->inputs[RNNP_END_COUNT] != RNNP_NONE &&
        (!cell_known_number(b, end->inputs[RNNP_END_COUNT], &count) || !allows(count, steps, &exact)))
        return 0;
    return allows_while(b, end->inputs[RNNP_END_CONDITION], 1, steps, &exact, 0) &&
           allows_while(b, end->inputs[RNNP_END_NEXT], 0, steps, &exact, 0) && exact;
}

/* ---- The step of the sequence ---- */

static int same_dims_without(const rnnp_meta *x, size_t axis, const rnnp_meta *step)
{
    for (size_t d = 0; d < step->rank; d++) {
        if (step->dim[d] != x->dim[d < axis ? d : d + 1]) return 0;
    }
    return 1;
}

/* Whether v is the step of this iteration: Gather(x, index), from outside of the loop. */
int rnnp_cell_step(const cell_body *b, int32_t v)
{
    const rnnp_node *node = cell_node_of(b, v);
    const rnnp_meta *step = cell_meta_of(b, v);

    while (cell_is_op(node, "Squeeze") || cell_is_op(node, "Reshape")) node = cell_node_of(b, node->inputs[0]);
    if (!cell_is_op(node, "Gather") || step->rank != 2 || step->dtype != RNNP_DTYPE_F32) return 0;
    const int32_t x = node->inputs[0];
    const rnnp_meta *from = cell_meta_of(b, x);
    const int64_t given = node->n_attrs ? node->attrs[0].i : 0; /* axis is all that a Gather may have */
    if (from->rank != 3 || given < -3 || given > 2 || b->model->values[x].producer >= (int32_t)b->begin) return 0;
    const size_t axis = rnnp_axis(given, 3);
    if (axis == 2 || !same_dims_without(from, axis, step) || !counts_from_0(b, node->inputs[1], 0)) return 0;
    if (b->m->x != RNNP_NONE && (b->m->x != x || b->m->axis != axis)) return 0;
    b->m->x = x;
    b->m->axis = axis;
    b->m->input = (size_t)step->dim[1];
    return step->dim[0] == b->m->batch && step->dim[1] > 0;
}
