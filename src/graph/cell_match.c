/* SPDX-License-Identifier: Apache-2.0
 *
 * Which loops are a recurrent layer. A body is read backwards from its results: an activation of a sum of products with
 * constant matrices is a gate, and
 *
 *   LSTM  c' = f c + i g          h' = o tanh(c')
 *   GRU   h' = z h + (1 - z) n    n = tanh(W x + r (R h + b)), or tanh(W x + R (r h))
 *   RNN   h' = tanh(W x + R h)
 *
 * in any order of factors and terms, with the matrices of the gates apart or side by side, for x and h apart or one
 * above the other. The loop must take one step of a sequence in each iteration, all of them in order.
 */
#include "cell_match.h"

#include "ops/loop.h"

typedef struct body {
    const rnnp_inference *inf;
    const rnnp_model *model;
    size_t begin, end;
    cell_match *m;
    int32_t h;     /* the state that gates multiply */
    int32_t reset; /* the reset gate, once something is multiplied with it; RNNP_NONE: nothing yet */
} body;

enum { DEEPEST = 12 };

/* ---- Values ---- */

static const rnnp_meta *meta_of(const body *b, int32_t v) { return &b->inf->meta[v]; }

static int is_op(const rnnp_node *node, const char *op) { return node && strcmp(node->op->name, op) == 0; }

/* The same value without Identity in front, of which nobody has many. */
static int32_t value_of(const body *b, int32_t v)
{
    for (size_t i = 0; i < DEEPEST && v != RNNP_NONE && b->model->values[v].producer >= 0; i++) {
        const rnnp_node *node = &b->model->nodes[b->model->values[v].producer];

        if (!is_op(node, "Identity")) break;
        v = node->inputs[0];
    }
    return v;
}

/* The node of the body that computes it, or NULL. */
static const rnnp_node *node_of(const body *b, int32_t v)
{
    v = value_of(b, v);
    const int32_t producer = v == RNNP_NONE ? -1 : b->model->values[v].producer;

    return producer > (int32_t)b->begin && producer < (int32_t)b->end ? &b->model->nodes[producer] : NULL;
}

static const rnnp_node *op_of(const body *b, int32_t v, const char *op)
{
    const rnnp_node *node = node_of(b, v);

    return is_op(node, op) ? node : NULL;
}

static int is_integer(const rnnp_meta *meta) { return meta->dtype == RNNP_DTYPE_I64 || meta->dtype == RNNP_DTYPE_I32; }

/* The only element of an integer that is known; it may be a symbol. */
static int known_number(const body *b, int32_t v, int64_t *number)
{
    const rnnp_meta *meta = v == RNNP_NONE ? NULL : meta_of(b, v);

    if (!meta || !meta->known || rnnp_meta_elements(meta) != 1 || !is_integer(meta)) return 0;
    const rnnp_tensor t = rnnp_known_tensor(meta);
    *number = rnnp_integer_at(&t, 0);
    return 1;
}

static int known_true(const body *b, int32_t v)
{
    return v == RNNP_NONE || (meta_of(b, v)->known && *(const uint8_t *)meta_of(b, v)->known != 0);
}

static const float *known_floats(const body *b, int32_t v)
{
    return b->model->values[v].is_constant && meta_of(b, v)->dtype == RNNP_DTYPE_F32 ? meta_of(b, v)->known : NULL;
}

static int is_one(const body *b, int32_t v)
{
    const float *known = known_floats(b, v);

    return known && rnnp_meta_elements(meta_of(b, v)) == 1 && *known == 1.0f;
}

/* ---- How often it goes round ---- */

static int32_t result_of(const body *b, size_t k) { return b->m->end->inputs[RNNP_END_RESULT + k]; }
static int32_t carried(const body *b, size_t k) { return b->m->begin->outputs[RNNP_LOOP_VALUE + k]; }
static size_t n_carried(const body *b) { return rnnp_loop_params_of(b->m->begin)->carried; }

/* Whether carried value k is one more after each iteration; what it begins with. */
static int is_counter(const body *b, size_t k, int64_t *start)
{
    const rnnp_node *add = op_of(b, result_of(b, k), "Add");
    int64_t one;

    if (!add || !known_number(b, b->m->begin->inputs[RNNP_LOOP_INITIAL + k], start)) return 0;
    for (size_t i = 0; i < 2; i++) {
        if (value_of(b, add->inputs[i]) == carried(b, k) && known_number(b, add->inputs[1 - i], &one)) return one == 1;
    }
    return 0;
}

/* An index that is 0 in the first iteration, and then one more in each. */
static int counts_from_0(const body *b, int32_t v, size_t depth)
{
    const rnnp_node *node = node_of(b, v);
    int64_t start;

    v = value_of(b, v);
    if (v == b->m->begin->outputs[RNNP_LOOP_ITERATION]) return 1;
    for (size_t k = 0; k < n_carried(b); k++) {
        if (v == carried(b, k)) return is_counter(b, k, &start) && start == 0;
    }
    const int looks_through =
        is_op(node, "Cast") || is_op(node, "Squeeze") || is_op(node, "Unsqueeze") || is_op(node, "Reshape");
    return looks_through && is_integer(meta_of(b, v)) && depth < DEEPEST &&
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
static int counter_in(const body *b, int32_t v, int first, int64_t *start)
{
    for (size_t k = 0; k < n_carried(b); k++) {
        const int32_t name = first ? b->m->begin->inputs[RNNP_LOOP_INITIAL + k] : result_of(b, k);

        if (value_of(b, v) == value_of(b, name) && is_counter(b, k, start)) return 1;
    }
    return first && known_number(b, v, start) && !rnnp_dim_is_symbol(*start);
}

/* A condition that counters are below limits: whether it allows so many steps. */
static int allows_while(const body *b, int32_t v, int first, int64_t steps, int *exact, size_t depth)
{
    int64_t start, limit;

    if (known_true(b, v)) return 1;
    const int32_t producer = b->model->values[v].producer;
    const rnnp_node *node = producer < 0 ? NULL : &b->model->nodes[producer];
    if (depth == DEEPEST || !node) return 0;
    if (is_op(node, "Identity") || is_op(node, "Cast") || is_op(node, "Squeeze") || is_op(node, "Reshape"))
        return allows_while(b, node->inputs[0], first, steps, exact, depth + 1);
    if (is_op(node, "And"))
        return allows_while(b, node->inputs[0], first, steps, exact, depth + 1) &&
               allows_while(b, node->inputs[1], first, steps, exact, depth + 1);
    const int turned = is_op(node, "Greater");
    if ((!turned && !is_op(node, "Less")) || !known_number(b, node->inputs[!turned], &limit) ||
        !counter_in(b, node->inputs[turned], first, &start))
        return 0;
    if (start == 0) return allows(limit, steps, exact);
    if (rnnp_dim_is_symbol(limit) || rnnp_dim_is_symbol(start)) return 0;
    /* within 32 bits the difference is not out of range */
    return limit == (int32_t)limit && start == (int32_t)start && allows(limit - start, steps, exact);
}

static int goes_round(const body *b, int64_t steps)
{
    const rnnp_node *end = b->m->end;
    int64_t count;
    int exact = 0;

    if (end->inputs[RNNP_END_COUNT] != RNNP_NONE &&
        (!known_number(b, end->inputs[RNNP_END_COUNT], &count) || !allows(count, steps, &exact)))
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
static int is_step(const body *b, int32_t v)
{
    const rnnp_node *node = node_of(b, v);
    const rnnp_meta *step = meta_of(b, v);

    while (is_op(node, "Squeeze") || is_op(node, "Reshape")) node = node_of(b, node->inputs[0]);
    if (!is_op(node, "Gather") || step->rank != 2 || step->dtype != RNNP_DTYPE_F32) return 0;
    const int32_t x = node->inputs[0];
    const rnnp_meta *from = meta_of(b, x);
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

/* ---- Sums of products ---- */

/* A part of a value along its last axis: elements from `at` on, as many as there are units. */
typedef struct part {
    int32_t value;
    size_t at;
} part;

static size_t last_dim(const body *b, int32_t v)
{
    const rnnp_meta *meta = meta_of(b, v);

    return meta->rank && !rnnp_dim_is_symbol(meta->dim[meta->rank - 1]) ? (size_t)meta->dim[meta->rank - 1] : 0;
}

/* Which outputs of a Split along the last axis come before this one, in elements; SIZE_MAX for other splits. */
static size_t split_at(const body *b, const rnnp_node *split, int32_t output)
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
static size_t slice_at(const body *b, const rnnp_node *slice)
{
    const rnnp_meta *from = meta_of(b, slice->inputs[0]);
    int64_t start, axis = 0, step = 1;

    if (slice->n_inputs < 4 || !known_number(b, slice->inputs[1], &start) ||
        !known_number(b, slice->inputs[3], &axis) ||
        (slice->n_inputs > 4 && slice->inputs[4] != RNNP_NONE && !known_number(b, slice->inputs[4], &step)))
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
static int multiplied(body *b, int32_t v, int32_t weights, int across, size_t col, size_t row, size_t depth,
                      cell_gate *gate)
{
    if (depth == last_dim(b, v) && value_of(b, v) == b->h) return set_term(gate, CELL_H, weights, across, row, col);
    if (depth == last_dim(b, v) && is_step(b, v)) return set_term(gate, CELL_X, weights, across, row, col);
    const rnnp_node *node = op_of(b, v, "Mul");
    for (size_t i = 0; node && i < 2; i++) {
        if (value_of(b, node->inputs[i]) != b->h) continue;
        const int32_t reset = value_of(b, node->inputs[1 - i]);
        if (b->reset != RNNP_NONE && b->reset != reset) return 0;
        b->reset = reset;
        b->m->reset_after = 0;
        return set_term(gate, CELL_H, weights, across, row, col);
    }
    node = op_of(b, v, "Concat");
    if (!node || node->n_inputs != 2 || meta_of(b, v)->rank != 2 || last_dim(b, v) != depth) return 0;
    const size_t first = last_dim(b, node->inputs[0]);
    return first < depth && multiplied(b, node->inputs[0], weights, across, col, row, first, gate) &&
           multiplied(b, node->inputs[1], weights, across, col, row + first, depth - first, gate);
}

/* A constant that is the same for all rows of the batch. */
static int add_bias(const body *b, int32_t v, size_t at, size_t units, cell_gate *gate, int after)
{
    size_t *n = after ? &gate->n_after : &gate->n_biases;

    if (*n == CELL_BIASES || !known_floats(b, v) || last_dim(b, v) < at + units ||
        rnnp_meta_elements(meta_of(b, v)) != last_dim(b, v))
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

static int add_product(body *b, const rnnp_node *node, size_t at, size_t units, cell_gate *gate, int after)
{
    const rnnp_meta *weights = meta_of(b, node->inputs[1]);
    int across = 0;

    if (!known_floats(b, node->inputs[1]) || weights->rank != 2 || (is_op(node, "Gemm") && !plain_gemm(node, &across)))
        return 0;
    if (is_op(node, "Gemm") && node->n_inputs > 2 && node->inputs[2] != RNNP_NONE &&
        !add_bias(b, node->inputs[2], at, units, gate, after))
        return 0;
    return multiplied(b, node->inputs[0], node->inputs[1], across, at, 0, (size_t)weights->dim[across], gate);
}

/* The elements from `at` on of a sum, `units` of them. after: behind the reset gate. */
static int add_sum(body *b, int32_t v, size_t at, size_t units, cell_gate *gate, int after, size_t depth)
{
    const rnnp_node *node = node_of(b, v);

    if (depth == DEEPEST || last_dim(b, v) < at + units) return 0; /* narrower: one element for all units */
    if (known_floats(b, v)) return add_bias(b, v, at, units, gate, after);
    if (is_op(node, "Add"))
        return add_sum(b, node->inputs[0], at, units, gate, after, depth + 1) &&
               add_sum(b, node->inputs[1], at, units, gate, after, depth + 1);
    if (is_op(node, "Split")) {
        const size_t before = split_at(b, node, value_of(b, v));
        return before != SIZE_MAX && add_sum(b, node->inputs[0], before + at, units, gate, after, depth + 1);
    }
    if (is_op(node, "Slice")) {
        const size_t before = slice_at(b, node);
        return before != SIZE_MAX && add_sum(b, node->inputs[0], before + at, units, gate, after, depth + 1);
    }
    if (is_op(node, "MatMul") || is_op(node, "Gemm")) return add_product(b, node, at, units, gate, after);
    if (!is_op(node, "Mul") || after || at > 0 || last_dim(b, v) != units) return 0;
    for (size_t i = 0; i < 2; i++) { /* r (R h + b), with all of r */
        body inside = *b;
        cell_gate inner = *gate;

        if (b->reset != RNNP_NONE && b->reset != value_of(b, node->inputs[i])) continue;
        if (!add_sum(&inside, node->inputs[1 - i], at, units, &inner, 1, depth + 1) ||
            inner.term[CELL_X].weights != gate->term[CELL_X].weights ||
            inner.term[CELL_H].weights == gate->term[CELL_H].weights || inside.reset != b->reset)
            continue;
        *gate = inner;
        b->reset = value_of(b, node->inputs[i]);
        b->m->reset_after = 1;
        return 1;
    }
    return 0;
}

/* An activation of such a sum. */
static int match_gate(body *b, int32_t v, cell_gate *gate)
{
    static const char *const known[] = {"Sigmoid", "Tanh", "Relu", "HardSigmoid"};
    const rnnp_node *node = node_of(b, v);

    *gate = (cell_gate){.activation = node};
    for (size_t i = 0; i < CELL_TERMS; i++) gate->term[i].weights = RNNP_NONE;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (is_op(node, known[i])) return add_sum(b, node->inputs[0], 0, b->m->hidden, gate, 0, 0);
    }
    return 0;
}

static int is_plain(const body *b) { return b->reset == RNNP_NONE; }

/* Attributes: alpha and beta of HardSigmoid; others have none. */
static int same_activation(const rnnp_node *a, const rnnp_node *b)
{
    if (a->op != b->op || a->n_attrs != b->n_attrs) return 0;
    for (size_t i = 0; i < a->n_attrs; i++) {
        if (strcmp(a->attrs[i].name, b->attrs[i].name) != 0 || a->attrs[i].f != b->attrs[i].f) return 0;
    }
    return 1;
}

/* ---- Cells ---- */

/* c' = f c + i g, where i has the activation of f. */
static int match_cell_state(body *b, int32_t v)
{
    enum { I, O, F, G };
    const rnnp_node *add = op_of(b, v, "Add");
    cell_gate *gate = b->m->gate;

    for (size_t side = 0; add && side < 2; side++) {
        const rnnp_node *kept = op_of(b, add->inputs[side], "Mul"), *taken = op_of(b, add->inputs[1 - side], "Mul");

        for (size_t k = 0; kept && taken && k < 2; k++) {
            if (value_of(b, kept->inputs[k]) != carried(b, b->m->state[1])) continue;
            if (!match_gate(b, kept->inputs[1 - k], &gate[F]) || !match_gate(b, taken->inputs[0], &gate[I]) ||
                !match_gate(b, taken->inputs[1], &gate[G]))
                return 0;
            if (!same_activation(gate[I].activation, gate[F].activation)) {
                const cell_gate other = gate[I];

                gate[I] = gate[G];
                gate[G] = other;
            }
            return same_activation(gate[I].activation, gate[F].activation) && is_plain(b);
        }
    }
    return 0;
}

/* h' = o act(c') */
static int match_lstm(body *b)
{
    enum { O = 1, F = 2 };
    static const char *const known[] = {"Tanh", "Relu", "Sigmoid"};
    const rnnp_node *mul = op_of(b, result_of(b, b->m->state[0]), "Mul");
    const int32_t c = value_of(b, result_of(b, b->m->state[1]));

    b->m->op = "LSTM";
    b->m->n_gates = 4;
    for (size_t i = 0; mul && i < 2; i++) {
        const rnnp_node *act = node_of(b, mul->inputs[i]);

        if (!act || act->n_inputs != 1 || value_of(b, act->inputs[0]) != c) continue;
        for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
            if (!is_op(act, known[k])) continue;
            b->m->output_activation = act;
            return match_gate(b, mul->inputs[1 - i], &b->m->gate[O]) && match_cell_state(b, c) &&
                   same_activation(b->m->gate[O].activation, b->m->gate[F].activation);
        }
    }
    return 0;
}

/* n (1 - z), or n - z n: one of two factors is 1 - z. Sets the candidate and z. */
static int is_rest(const body *b, const rnnp_node *mul, int32_t z, int32_t *candidate)
{
    for (size_t i = 0; mul && i < 2; i++) {
        const rnnp_node *sub = op_of(b, mul->inputs[i], "Sub");

        if (!sub || !is_one(b, sub->inputs[0]) || value_of(b, sub->inputs[1]) != z) continue;
        *candidate = mul->inputs[1 - i];
        return 1;
    }
    return 0;
}

/* The update gate and the candidate of z h + (1 - z) n, or n + z (h - n). */
static int match_blend(const body *b, int32_t v, int32_t *z, int32_t *candidate)
{
    const rnnp_node *add = op_of(b, v, "Add");

    for (size_t side = 0; add && side < 2; side++) {
        const rnnp_node *kept = op_of(b, add->inputs[side], "Mul");

        for (size_t k = 0; kept && k < 2; k++) {
            const rnnp_node *sub = op_of(b, kept->inputs[k], "Sub");

            *z = value_of(b, kept->inputs[1 - k]);
            if (value_of(b, kept->inputs[k]) == b->h &&
                is_rest(b, op_of(b, add->inputs[1 - side], "Mul"), *z, candidate))
                return 1;
            *candidate = add->inputs[1 - side];
            if (sub && value_of(b, sub->inputs[0]) == b->h && value_of(b, sub->inputs[1]) == value_of(b, *candidate))
                return 1;
        }
    }
    return 0;
}

static int match_gru(body *b)
{
    enum { Z, R, N };
    cell_gate *gate = b->m->gate;
    int32_t z, candidate;

    b->m->op = "GRU";
    b->m->n_gates = 3;
    if (!match_blend(b, result_of(b, b->m->state[0]), &z, &candidate)) return 0;
    if (!match_gate(b, z, &gate[Z]) || !is_plain(b)) return 0;
    if (!match_gate(b, candidate, &gate[N]) || b->reset == RNNP_NONE) return 0;
    body inner = *b;
    inner.reset = RNNP_NONE;
    const int after = b->m->reset_after;
    const int found = match_gate(&inner, b->reset, &gate[R]) && is_plain(&inner);
    b->m->reset_after = after;
    return found && same_activation(gate[Z].activation, gate[R].activation);
}

static int match_rnn(body *b)
{
    b->m->op = "RNN";
    b->m->n_gates = 1;
    return match_gate(b, result_of(b, b->m->state[0]), &b->m->gate[0]) && is_plain(b);
}

/* The state h, which gates multiply, in front; c behind. */
static int try_cell(body *b, int (*match)(body *), size_t h, size_t c)
{
    cell_match *m = b->m;
    const rnnp_meta *state = meta_of(b, carried(b, h));

    if (state->rank != 2 || state->dtype != RNNP_DTYPE_F32 || rnnp_dim_is_symbol(state->dim[1]) || state->dim[1] == 0)
        return 0;
    m->state[0] = h;
    m->state[1] = c;
    m->hidden = (size_t)state->dim[1];
    m->batch = state->dim[0];
    m->x = RNNP_NONE;
    m->reset_after = 0;
    b->h = carried(b, h);
    b->reset = RNNP_NONE;
    if (!match(b) || m->x == RNNP_NONE) return 0;
    return goes_round(b, meta_of(b, m->x)->dim[m->axis]);
}

/* Everything that somebody wants of the loop is a final state, or the state of all steps. */
static int gives_all(const body *b)
{
    const rnnp_node *end = b->m->end;
    const size_t n = n_carried(b);

    for (size_t k = 0; k < n; k++) {
        const int is_state = k == b->m->state[0] || (b->m->n_states > 1 && k == b->m->state[1]);

        if (end->outputs[k] != RNNP_NONE && !is_state) return 0;
    }
    for (size_t i = 0; n + i < end->n_outputs; i++) {
        const int32_t stack = end->outputs[n + i];

        if (stack == RNNP_NONE) continue;
        if (value_of(b, end->inputs[rnnp_loop_row(end, i)]) != value_of(b, result_of(b, b->m->state[0]))) return 0;
    }
    return 1;
}

int rnnp_cell_match(const rnnp_inference *inf, size_t begin, size_t end, cell_match *m)
{
    body b = {.inf = inf, .model = inf->model, .begin = begin, .end = end, .m = m};
    size_t state[2] = {0, 0};
    int64_t start;

    *m = (cell_match){.begin = &inf->model->nodes[begin], .end = &inf->model->nodes[end]};
    for (size_t k = 0; k < n_carried(&b); k++) {
        if (is_counter(&b, k, &start) || result_of(&b, k) == carried(&b, k)) continue;
        if (m->n_states == 2) return 0;
        state[m->n_states++] = k;
    }
    if (m->n_states == 0) return 0;
    const int found =
        m->n_states == 1 ? try_cell(&b, match_gru, state[0], 0) || try_cell(&b, match_rnn, state[0], 0)
                         : try_cell(&b, match_lstm, state[0], state[1]) || try_cell(&b, match_lstm, state[1], state[0]);
    return found && gives_all(&b);
}
