/* SPDX-License-Identifier: Apache-2.0
 *
 * Gates in a loop's body: activations of sums of products with constant matrices, which may stand apart or side by side
 * and, for x and h, above each other.
 */
#include "cell_body.h"

/* ---- Sums of products ---- */

static size_t last_dim(const cell_body *b, int32_t v)
{
    const rnnp_meta *meta = cell_meta_of(b, v);

    return meta->rank && !rnnp_dim_is_symbol(meta->dim[meta->rank - 1]) ? (size_t)meta->dim[meta->rank - 1] : 0;
}

/* Which outputs of a Split along the last axis come before this one, in elements; SIZE_MAX for other splits. */
static size_t split_at(const cell_body *b, const rnnp_node *split, int32_t output)
{
    size_t at = 0, found = SIZE_MAX;

    for (size_t i = 0; i < split->n_outputs; i++) {
        if (split->outputs[i] == RNNP_NONE) return SIZE_MAX;
        if (split->outputs[i] == output) found = at;
        at += last_dim(b, split->outputs[i]);
    }
    return at == last_dim(b, split->inputs[0]) ? found : SIZE_MAX;
}

/* Where a Slice along the last axis begins; SIZE_MAX for other slices. */
static size_t slice_at(const cell_body *b, const rnnp_node *slice)
{
    const rnnp_meta *from = cell_meta_of(b, slice->inputs[0]);
    int64_t start, axis = 0, step = 1;

    if (slice->n_inputs < 4 || !cell_known_number(b, slice->inputs[1], &start) ||
        !cell_known_number(b, slice->inputs[3], &axis) ||
        (slice->n_inputs > 4 && slice->inputs[4] != RNNP_NONE && !cell_known_number(b, slice->inputs[4], &step)))
        return SIZE_MAX;
    const size_t last = last_dim(b, slice->inputs[0]);
    if (step != 1 || (axis != -1 && axis != (int64_t)from->rank - 1) || start < 0 || (uint64_t)start > last)
        return SIZE_MAX;
    return (size_t)start;
}

/* Sets the term of a source, of which a gate has one. */
static int set_term(cell_gate *gate, cell_source source, int32_t weights, int across, size_t row, size_t col)
{
    if (gate->term[source].weights != RNNP_NONE) return 0;
    gate->term[source] = (cell_term){weights, across, row, col};
    return 1;
}

/* What is multiplied: x, h, r h, or x and h side by side; depth: rows of the matrix. */
static int multiplied(cell_body *b, int32_t v, int32_t weights, int across, size_t col, size_t row, size_t depth,
                      cell_gate *gate)
{
    if (depth == last_dim(b, v) && cell_value_of(b, v) == b->h)
        return set_term(gate, CELL_H, weights, across, row, col);
    if (depth == last_dim(b, v) && rnnp_cell_step(b, v)) return set_term(gate, CELL_X, weights, across, row, col);
    const rnnp_node *node = cell_op_of(b, v, "Mul");
    for (size_t i = 0; node && i < 2; i++) {
        if (cell_value_of(b, node->inputs[i]) != b->h) continue;
        const int32_t reset = cell_value_of(b, node->inputs[1 - i]);
        if (b->reset != RNNP_NONE && b->reset != reset) return 0;
        b->reset = reset;
        b->m->reset_after = 0;
        return set_term(gate, CELL_H, weights, across, row, col);
    }
    node = cell_op_of(b, v, "Concat");
    if (!node || node->n_inputs != 2 || cell_meta_of(b, v)->rank != 2 || last_dim(b, v) != depth) return 0;
    const size_t first = last_dim(b, node->inputs[0]);
    return first < depth && multiplied(b, node->inputs[0], weights, across, col, row, first, gate) &&
           multiplied(b, node->inputs[1], weights, across, col, row + first, depth - first, gate);
}

/* A constant that is the same for all rows of the batch. */
static int add_bias(const cell_body *b, int32_t v, size_t at, size_t units, cell_gate *gate, int after)
{
    size_t *n = after ? &gate->n_after : &gate->n_biases;

    if (*n == CELL_BIASES || !cell_known_floats(b, v) || last_dim(b, v) < at + units ||
        rnnp_meta_elements(cell_meta_of(b, v)) != last_dim(b, v))
        return 0;
    (after ? gate->after : gate->bias)[(*n)++] = (cell_bias){v, at};
    return 1;
}

/* Attributes of a Gemm that is a product and a sum; *across is transB. */
static int plain_gemm(const rnnp_node *gemm, int *across)
{
    *across = 0;
    for (size_t i = 0; i < gemm->n_attrs; i++) {
        const rnnp_attr *attr = &gemm->attrs[i];

        if (strcmp(attr->name, "transB") == 0)
            *across = attr->i != 0;
        else if (strcmp(attr->name, "transA") == 0 ? attr->i != 0 : attr->f != 1.0f)
            return 0;
    }
    return 1;
}

static int add_product(cell_body *b, const rnnp_node *node, size_t at, size_t units, cell_gate *gate, int after)
{
    const rnnp_meta *weights = cell_meta_of(b, node->inputs[1]);
    int across = 0;

    if (!cell_known_floats(b, node->inputs[1]) || weights->rank != 2 ||
        (cell_is_op(node, "Gemm") && !plain_gemm(node, &across)))
        return 0;
    if (cell_is_op(node, "Gemm") && node->n_inputs > 2 && node->inputs[2] != RNNP_NONE &&
        !add_bias(b, node->inputs[2], at, units, gate, after))
        return 0;
    return multiplied(b, node->inputs[0], node->inputs[1], across, at, 0, (size_t)weights->dim[across], gate);
}

/* The elements from `at` on of a sum, `units` of them. after: behind the reset gate. */
static int add_sum(cell_body *b, int32_t v, size_t at, size_t units, cell_gate *gate, int after, size_t depth)
{
    const rnnp_node *node = cell_node_of(b, v);

    if (depth == CELL_DEEPEST || last_dim(b, v) < at + units) return 0; /* narrower: one element for all units */
    if (cell_known_floats(b, v)) return add_bias(b, v, at, units, gate, after);
    if (cell_is_op(node, "Add"))
        return add_sum(b, node->inputs[0], at, units, gate, after, depth + 1) &&
               add_sum(b, node->inputs[1], at, units, gate, after, depth + 1);
    if (cell_is_op(node, "Split")) {
        const size_t before = split_at(b, node, cell_value_of(b, v));
        return before != SIZE_MAX && add_sum(b, node->inputs[0], before + at, units, gate, after, depth + 1);
    }
    if (cell_is_op(node, "Slice")) {
        const size_t before = slice_at(b, node);
        return before != SIZE_MAX && add_sum(b, node->inputs[0], before + at, units, gate, after, depth + 1);
    }
    if (cell_is_op(node, "MatMul") || cell_is_op(node, "Gemm")) return add_product(b, node, at, units, gate, after);
    if (!cell_is_op(node, "Mul") || after || at > 0 || last_dim(b, v) != units) return 0;
    for (size_t i = 0; i < 2; i++) { /* r (R h + b), with all of r */
        cell_body inside = *b;
        cell_gate inner = *gate;

        if (b->reset != RNNP_NONE && b->reset != cell_value_of(b, node->inputs[i])) continue;
        if (!add_sum(&inside, node->inputs[1 - i], at, units, &inner, 1, depth + 1) ||
            inner.term[CELL_X].weights != gate->term[CELL_X].weights ||
            inner.term[CELL_H].weights == gate->term[CELL_H].weights || inside.reset != b->reset)
            continue;
        *gate = inner;
        b->reset = cell_value_of(b, node->inputs[i]);
        b->m->reset_after = 1;
        return 1;
    }
    return 0;
}

/* An activation of such a sum. */
int rnnp_cell_gate(cell_body *b, int32_t v, cell_gate *gate)
{
    static const char *const known[] = {"Sigmoid", "Tanh", "Relu", "HardSigmoid"};
    const rnnp_node *node = cell_node_of(b, v);

    *gate = (cell_gate){.activation = node};
    for (size_t i = 0; i < CELL_TERMS; i++) gate->term[i].weights = RNNP_NONE;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (cell_is_op(node, known[i])) return add_sum(b, node->inputs[0], 0, b->m->hidden, gate, 0, 0);
    }
    return 0;
}
