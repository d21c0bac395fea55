/* SPDX-License-Identifier: Apache-2.0
 *
 * From a loop that is a recurrent layer to the node of the operator. Its weights are gathered from the body's matrices:
 * W [1][gates * hidden][input], R [1][gates * hidden][hidden], B [1][2 * gates * hidden] with the constants that are
 * added to h behind a reset gate in the second half, and all others in the first.
 */
#include "cell_match.h"

#include "../cells/recurrent.h"
#include "ops/loop.h"

typedef struct cell_activations {
    const char *name[3];
    float alpha[3], beta[3];
    size_t n, n_alpha;
} cell_activations;

typedef struct builder {
    rnnp_model *model;
    const rnnp_inference *inf;
    const cell_match *m;
    struct rnnp_block **arena; /* of this loop */
    cell_activations activations;
    int32_t *replaced; /* [n_values] before: what readers take now */
} builder;

/* ---- Weights ---- */

static const float *floats_of(const builder *b, int32_t v) { return b->inf->meta[v].known; }

static float weight(const builder *b, const cell_term *t, size_t k, size_t unit)
{
    const size_t row = t->across ? t->col + unit : t->row + k, col = t->across ? t->row + k : t->col + unit;

    return floats_of(b, t->weights)[row * (size_t)b->inf->meta[t->weights].dim[1] + col];
}

static void fill_matrix(const builder *b, cell_source source, size_t depth, float *to)
{
    const cell_match *m = b->m;

    for (size_t g = 0; g < m->n_gates; g++) {
        const cell_term *t = &m->gate[g].term[source];

        for (size_t unit = 0; t->weights != RNNP_NONE && unit < m->hidden; unit++) {
            for (size_t k = 0; k < depth; k++) to[(g * m->hidden + unit) * depth + k] = weight(b, t, k, unit);
        }
    }
}

static void add_biases(const builder *b, const cell_bias *bias, size_t n, float *to)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t unit = 0; unit < b->m->hidden; unit++) to[unit] += floats_of(b, bias[i].value)[bias[i].at + unit];
    }
}

/* A constant [1][rows][cols], or [1][rows] for cols 0. */
static rnnp_status add_weights(const builder *b, const float *elements, size_t rows, size_t cols, rnnp_value *value)
{
    const rnnp_tensor t = {RNNP_DTYPE_F32, cols ? 3 : 2, {1, (int64_t)rows, (int64_t)cols}, .const_data = elements};

    return rnnp_model_add_constant(b->model, b->m->end->name, &t, value);
}

static rnnp_status make_weights(builder *b, rnnp_value *w, rnnp_value *r, rnnp_value *bias)
{
    const cell_match *m = b->m;
    const size_t rows = m->n_gates * m->hidden, depth = m->input > m->hidden ? m->input : m->hidden;
    float *elements = rnnp_arena_calloc(b->model->context, b->arena, rows * depth, sizeof *elements);
    float *sums = rnnp_arena_calloc(b->model->context, b->arena, 2 * rows, sizeof *sums);
    rnnp_status status;

    if (!elements || !sums) return RNNP_ERR_MEMORY;
    fill_matrix(b, CELL_X, m->input, elements);
    if ((status = add_weights(b, elements, rows, m->input, w)) != RNNP_OK) return status;
    memset(elements, 0, rows * depth * sizeof *elements);
    fill_matrix(b, CELL_H, m->hidden, elements);
    if ((status = add_weights(b, elements, rows, m->hidden, r)) != RNNP_OK) return status;
    for (size_t g = 0; g < m->n_gates; g++) {
        add_biases(b, m->gate[g].bias, m->gate[g].n_biases, sums + g * m->hidden);
        add_biases(b, m->gate[g].after, m->gate[g].n_after, sums + rows + g * m->hidden);
    }
    return add_weights(b, sums, 2 * rows, 0, bias);
}

/* ---- Nodes ---- */

static rnnp_status add_node(const builder *b, const char *op, const rnnp_value *inputs, size_t n_inputs,
                            const rnnp_attr *attrs, size_t n_attrs, rnnp_value *outputs, size_t n_outputs)
{
    const rnnp_node *end = b->m->end;

    return rnnp_model_add_node(b->model, op, end->opset, end->name, inputs, n_inputs, attrs, n_attrs, outputs,
                               n_outputs);
}

/* Squeeze or Unsqueeze of one axis, which is an attribute in older opsets. */
static rnnp_status add_axis_node(const builder *b, const char *op, rnnp_value x, int64_t axis, rnnp_value *y)
{
    enum { AXES_ARE_INPUTS = 13 };
    const rnnp_attr attr = {.name = "axes", .kind = RNNP_ATTR_INTS, .ints = &axis, .count = 1};
    const rnnp_tensor t = {RNNP_DTYPE_I64, 1, {1}, .const_data = &axis};
    rnnp_value inputs[] = {x, RNNP_NONE};
    rnnp_status status = RNNP_OK;

    *y = 0;
    if (b->m->end->opset < AXES_ARE_INPUTS) return add_node(b, op, inputs, 1, &attr, 1, y, 1);
    status = rnnp_model_add_constant(b->model, b->m->end->name, &t, &inputs[1]);
    return status == RNNP_OK ? add_node(b, op, inputs, 2, NULL, 0, y, 1) : status;
}

/* The first of three axes becomes this one. */
static rnnp_status add_moved(const builder *b, rnnp_value x, size_t axis, rnnp_value *y)
{
    static const int64_t perms[][3] = {{0, 1, 2}, {1, 0, 2}, {1, 2, 0}};
    const rnnp_attr attr = {.name = "perm", .kind = RNNP_ATTR_INTS, .ints = perms[axis], .count = 3};

    *y = 0;
    return add_node(b, "Transpose", &x, 1, &attr, 1, y, 1);
}

static void add_activation(cell_activations *to, const rnnp_node *node)
{
    float alpha = 0.2f, beta = 0.5f; /* HardSigmoid's own */

    to->name[to->n++] = node->op->name;
    if (strcmp(node->op->name, "HardSigmoid") != 0) return;
    for (size_t i = 0; i < node->n_attrs; i++)
        *(strcmp(node->attrs[i].name, "beta") ? &alpha : &beta) = node->attrs[i].f;
    to->alpha[to->n_alpha] = alpha;
    to->beta[to->n_alpha++] = beta;
}

/* In the order of the operators: of the gates, of the candidate, of the output. */
static cell_activations activations_of(const cell_match *m)
{
    cell_activations a = {.n = 0};

    add_activation(&a, m->gate[0].activation);
    if (m->n_gates > 1) add_activation(&a, m->gate[m->n_gates - 1].activation);
    if (m->output_activation) add_activation(&a, m->output_activation);
    return a;
}

static rnnp_status add_layer(const builder *b, const rnnp_value *inputs, size_t n_inputs, rnnp_value *outputs)
{
    const cell_match *m = b->m;
    const cell_activations *a = &b->activations;
    rnnp_attr attrs[5] = {
        {.name = "hidden_size", .kind = RNNP_ATTR_INT, .i = (int64_t)m->hidden},
        {.name = "activations", .kind = RNNP_ATTR_STRINGS, .strings = a->name, .count = a->n},
    };
    size_t n = 2;

    if (a->n_alpha) {
        attrs[n++] =
            (rnnp_attr){.name = "activation_alpha", .kind = RNNP_ATTR_FLOATS, .floats = a->alpha, .count = a->n_alpha};
        attrs[n++] =
            (rnnp_attr){.name = "activation_beta", .kind = RNNP_ATTR_FLOATS, .floats = a->beta, .count = a->n_alpha};
    }
    if (m->reset_after) attrs[n++] = (rnnp_attr){.name = "linear_before_reset", .kind = RNNP_ATTR_INT, .i = 1};
    return add_node(b, m->op, inputs, n_inputs, attrs, n, outputs, 1 + m->n_states);
}

/* ---- In the loop's place ---- */

/* States without the axis of directions. */
static rnnp_status replace_states(const builder *b, const rnnp_value *outputs)
{
    rnnp_status status = RNNP_OK;

    for (size_t i = 0; i < b->m->n_states && status == RNNP_OK; i++) {
        const int32_t old = b->m->end->outputs[b->m->state[i]];

        if (old != RNNP_NONE) status = add_axis_node(b, "Squeeze", outputs[1 + i], 0, &b->replaced[old]);
    }
    return status;
}

static rnnp_status replace_stacks(const builder *b, rnnp_value y)
{
    const rnnp_node *end = b->m->end;
    const size_t carried = rnnp_loop_params_of(end)->carried;
    rnnp_value steps;
    rnnp_status status = y == RNNP_NONE ? RNNP_OK : add_axis_node(b, "Squeeze", y, 1, &steps);

    for (size_t i = 0; carried + i < end->n_outputs && status == RNNP_OK; i++) {
        const int32_t old = end->outputs[carried + i];

        if (old == RNNP_NONE) continue;
        b->replaced[old] = steps;
        const size_t axis = rnnp_loop_axis(end, i, 3);
        if (axis > 0) status = add_moved(b, steps, axis, &b->replaced[old]);
    }
    return status;
}

static rnnp_status add_all(builder *b)
{
    enum { X, W, R, BIAS, LENGTHS, H, C, ALL };
    const cell_match *m = b->m;
    const size_t carried = rnnp_loop_params_of(m->end)->carried;
    rnnp_value in[ALL] = {[X] = m->x, [LENGTHS] = RNNP_NONE}, out[3] = {RNNP_NONE, 0, 0};
    rnnp_status status = make_weights(b, &in[W], &in[R], &in[BIAS]);

    if (status == RNNP_OK && m->axis == 1) status = add_moved(b, m->x, 1, &in[X]);
    for (size_t i = 0; i < m->n_states && status == RNNP_OK; i++)
        status = add_axis_node(b, "Unsqueeze", m->begin->inputs[RNNP_LOOP_INITIAL + m->state[i]], 0, &in[H + i]);
    for (size_t k = carried; k < m->end->n_outputs; k++) out[0] = m->end->outputs[k] == RNNP_NONE ? out[0] : 0;
    if (status == RNNP_OK) status = add_layer(b, in, H + m->n_states, out);
    if (status == RNNP_OK) status = replace_states(b, out);
    return status == RNNP_OK ? replace_stacks(b, out[0]) : status;
}

static rnnp_status build(builder *b, const cell_match *found)
{
    const rnnp_node begin = *found->begin, end = *found->end; /* which the list of nodes leaves behind as it grows */
    cell_match m = *found;
    struct rnnp_block *scratch = NULL;

    b->activations = activations_of(&m);
    m.begin = &begin;
    m.end = &end;
    b->m = &m;
    b->arena = &scratch;
    const rnnp_status status = add_all(b);
    rnnp_arena_free(b->model->context, &scratch);
    return status;
}

/* The nodes that were added for the loops, in their order, come to stand each behind its loop. */
static rnnp_status move_nodes(rnnp_model *model, size_t n_nodes, const size_t *added, struct rnnp_block **arena)
{
    rnnp_node *copy = rnnp_arena_alloc(model->context, arena, model->n_nodes * sizeof *copy);
    size_t from = n_nodes, to = 0;

    if (!copy) return RNNP_ERR_MEMORY;
    memcpy(copy, model->nodes, model->n_nodes * sizeof *copy);
    for (size_t n = 0; n < n_nodes; n++) {
        model->nodes[to++] = copy[n];
        for (size_t i = 0; i < added[n]; i++) model->nodes[to++] = copy[from++];
    }
    rnnp_model_number_producers(model);
    return RNNP_OK;
}

static void read_new(const int32_t *replaced, size_t n_values, int32_t *v)
{
    if (*v >= 0 && (size_t)*v < n_values && replaced[*v] != RNNP_NONE) *v = replaced[*v];
}

static void read_layers(rnnp_model *model, const int32_t *replaced, size_t n_values)
{
    for (size_t n = 0; n < model->n_nodes; n++) {
        for (size_t i = 0; i < model->nodes[n].n_inputs; i++) read_new(replaced, n_values, &model->nodes[n].inputs[i]);
    }
    for (size_t k = 0; k < model->n_outputs; k++) read_new(replaced, n_values, &model->outputs[k].value);
}

/* Adds a layer for each of them; added: [n_nodes], how many nodes for the loop that ends there. */
static rnnp_status add_layers(builder *b, size_t n_nodes, size_t *added, size_t *found)
{
    rnnp_model *model = b->model;
    rnnp_status status = RNNP_OK;
    cell_match m;

    for (size_t n = 0; n < n_nodes && status == RNNP_OK; n++) {
        const rnnp_node *node = &model->nodes[n];
        const size_t before = model->n_nodes;

        if (node->op->loop != RNNP_LOOP_END || node->late) continue;
        if (!rnnp_cell_match(b->inf, (size_t)model->values[node->inputs[RNNP_END_GO]].producer, n, &m)) continue;
        status = build(b, &m);
        added[n] = model->n_nodes - before;
        ++*found;
    }
    return status;
}

rnnp_status rnnp_model_find_cells(rnnp_model *model, const rnnp_inference *inf, size_t *found)
{
    const size_t n_values = model->n_values, n_nodes = model->n_nodes;
    size_t loops = 0;

    *found = 0;
    for (size_t n = 0; n < n_nodes; n++) loops += model->nodes[n].op->loop == RNNP_LOOP_END;
    if (!loops) return RNNP_OK;

    struct rnnp_block *arena = NULL;
    size_t *added = rnnp_arena_calloc(model->context, &arena, n_nodes, sizeof *added);
    builder b = {.model = model,
                 .inf = inf,
                 .replaced = rnnp_arena_alloc(model->context, &arena, n_values * sizeof *b.replaced)};
    rnnp_status status = added && b.replaced ? RNNP_OK : RNNP_ERR_MEMORY;

    for (size_t v = 0; status == RNNP_OK && v < n_values; v++) b.replaced[v] = RNNP_NONE;
    if (status == RNNP_OK) status = add_layers(&b, n_nodes, added, found);
    if (status == RNNP_OK && *found) status = move_nodes(model, n_nodes, added, &arena);
    if (status == RNNP_OK && *found) read_layers(model, b.replaced, n_values);
    rnnp_arena_free(model->context, &arena);
    return status;
}
