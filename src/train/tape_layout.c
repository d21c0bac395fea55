/* SPDX-License-Identifier: Apache-2.0
 *
 * From concrete input shapes to a tape: which nodes are called, forwards and backwards.
 */
#include "training.h"

#include <string.h>

/* ---- Shapes and known values ---- */

static rnnp_status check_outputs(const rnnp_tape_layout *l, const rnnp_node *node)
{
    for (size_t i = 0; i < node->n_outputs; i++) {
        const rnnp_meta *meta = node->outputs[i] == RNNP_NONE ? NULL : &l->inf.meta[node->outputs[i]];
        for (size_t d = 0; meta && d < meta->rank; d++) {
            if (rnnp_dim_is_symbol(meta->dim[d]))
                return rnnp_node_fail(l->trainer->context, node, RNNP_ERR_UNSUPPORTED,
                                      "dimension %zu of output %zu depends on input data", d, i);
        }
        if (meta && rnnp_meta_bytes(meta) > SIZE_MAX / 4)
            return rnnp_node_fail(l->trainer->context, node, RNNP_ERR_SHAPE, "output %zu does not fit in memory", i);
    }
    return RNNP_OK;
}

static rnnp_status infer_all(rnnp_tape_layout *l)
{
    const rnnp_trainer *t = l->trainer;
    const rnnp_model *model = l->model;
    rnnp_status status;
    for (size_t i = 0; i < t->n_parameters; i++) l->inf.meta[t->parameters[i].value].known = NULL;
    for (size_t i = 0; i < model->n_inputs; i++) l->inf.meta[model->inputs[i]] = l->tape->inputs[i];
    for (size_t n = 0; n < model->n_nodes; n++) {
        const rnnp_node *node = &model->nodes[n];
        if ((status = rnnp_inference_node(&l->inf, node)) != RNNP_OK || (status = check_outputs(l, node)) != RNNP_OK)
            return status;
        if (rnnp_inference_known(&l->inf, node) != RNNP_KNOWN_FULLY) continue;
        status = rnnp_inference_evaluate(&l->inf, node, &t->context->selection, t->options.math, NULL, &l->tape->arena);
        if (status != RNNP_OK) return status;
        l->evaluated[n] = 1;
    }
    return RNNP_OK;
}

/* ---- What is called ---- */

/* The node's metas into inf.in and inf.out. */
static void gather(rnnp_tape_layout *l, const rnnp_node *node)
{
    memset(l->inf.in, 0, rnnp_node_slots_in(node) * sizeof *l->inf.in);
    memset(l->inf.out, 0, rnnp_node_slots_out(node) * sizeof *l->inf.out);
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] != RNNP_NONE) l->inf.in[i] = l->inf.meta[node->inputs[i]];
    }
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] != RNNP_NONE) l->inf.out[i] = l->inf.meta[node->outputs[i]];
    }
}

/* Backwards from what l->live has: marks in `nodes` those it needs, in l->live what these read. */
static void follow(rnnp_tape_layout *l, uint8_t *nodes)
{
    for (size_t n = l->model->n_nodes; n-- > 0;) {
        const rnnp_node *node = &l->model->nodes[n];
        int needed = 0;
        for (size_t i = 0; i < node->n_outputs; i++)
            needed |= node->outputs[i] != RNNP_NONE && l->live[node->outputs[i]];
        if (!needed || l->evaluated[n]) continue;
        gather(l, node);
        nodes[n] = !rnnp_gradient_is_view(node, rnnp_gradient_find(node->op->name), l->inf.in, l->inf.out);
        for (size_t i = 0; i < (nodes[n] ? node->n_inputs : 1); i++) {
            if (node->inputs[i] != RNNP_NONE) l->live[node->inputs[i]] = 1;
        }
    }
}

static void choose_calls(rnnp_tape_layout *l)
{
    const rnnp_model *model = l->model;
    rnnp_tape *tape = l->tape;
    l->live[l->trainer->loss_value] = 1;
    follow(l, l->for_loss);
    for (size_t k = 0; k < model->n_outputs; k++) l->live[model->outputs[k].value] = 1;
    follow(l, l->called);
    for (size_t n = 0; n < model->n_nodes; n++) tape->n_calls += l->called[n];
    for (size_t v = 0; v < model->n_values; v++) {
        const int32_t producer = model->values[v].producer;
        const int32_t parameter = l->trainer->parameter_of[v];
        tape->root[v] = (int32_t)v;
        if (producer >= 0 && l->called[producer]) /* whether somebody reads it or not */
            tape->storage[v] = RNNP_TAPE_MEMORY;
        else if (!l->live[v])
            tape->storage[v] = RNNP_TAPE_NONE;
        else if (parameter >= 0)
            tape->storage[v] = RNNP_TAPE_PARAMETER;
        else if (l->inf.meta[v].known)
            tape->storage[v] = RNNP_TAPE_KNOWN;
        else if (producer < 0)
            tape->storage[v] = l->trainer->rows.axis[v] == RNNP_TIME_NONE ? RNNP_TAPE_SHARED : RNNP_TAPE_MEMORY;
        else
            tape->root[v] = tape->root[model->nodes[producer].inputs[0]];
    }
}

/* ---- What has a gradient ---- */

static rnnp_status choose_gradients(rnnp_tape_layout *l)
{
    const rnnp_trainer *t = l->trainer;
    const rnnp_model *model = l->model;
    rnnp_tape *tape = l->tape;
    for (size_t i = 0; i < t->n_parameters; i++) l->moves[t->parameters[i].value] = !t->parameters[i].info.frozen;
    for (size_t i = 0; i < model->n_inputs; i++) l->moves[model->inputs[i]] = tape->wanted[i];
    for (size_t n = 0; n < model->n_nodes; n++) {
        const rnnp_node *node = &model->nodes[n];
        const rnnp_gradient *row = rnnp_gradient_find(node->op->name);
        int moved = 0, leads = 0;
        for (size_t i = 0; i < node->n_inputs && !l->evaluated[n]; i++)
            moved |= rnnp_tape_flows(l, node, row, !l->called[n], i);
        for (size_t i = 0; moved && i < node->n_outputs; i++) {
            if (node->outputs[i] == RNNP_NONE) continue;
            l->moves[node->outputs[i]] = 1;
            leads |= t->leads[node->outputs[i]];
        }
        if (leads && l->called[n] && !row)
            return rnnp_node_fail(t->context, node, RNNP_ERR_UNSUPPORTED,
                                  "has no gradient, and lies between a wanted gradient and the loss");
    }
    for (size_t v = 0; v < model->n_values; v++) {
        if (l->moves[v] && t->leads[v]) tape->needed[v] = tape->needed[tape->root[v]] = 1;
    }
    return RNNP_OK;
}

/* ---- Calls ---- */

static size_t add_space(rnnp_tape *tape, size_t bytes)
{
    const size_t at = tape->prepared_bytes;
    tape->prepared_bytes = rnnp_align64(rnnp_add_bytes(at, bytes));
    return at;
}

static size_t rows_axis(const rnnp_tape_layout *l, const rnnp_node *node)
{
    const int32_t ports[] = {node->n_outputs ? node->outputs[0] : RNNP_NONE,
                             node->n_inputs ? node->inputs[0] : RNNP_NONE};
    for (size_t i = 0; i < 2; i++) {
        if (ports[i] != RNNP_NONE && l->trainer->rows.axis[ports[i]] != RNNP_TIME_NONE)
            return (size_t)l->trainer->rows.axis[ports[i]];
    }
    return RNNP_NO_AXIS;
}

static rnnp_status make_call(rnnp_tape_layout *l, size_t n, rnnp_tape_call *call)
{
    const rnnp_trainer *t = l->trainer;
    const rnnp_context *context = t->context;
    const rnnp_node *node = &l->model->nodes[n];
    rnnp_tape *tape = l->tape;
    const size_t in = rnnp_node_slots_in(node), out = rnnp_node_slots_out(node);
    rnnp_meta *inputs = rnnp_arena_alloc(context, &tape->arena, in * sizeof *inputs);
    rnnp_meta *outputs = rnnp_arena_alloc(context, &tape->arena, out * sizeof *outputs);
    call->inputs = rnnp_arena_calloc(context, &tape->arena, node->n_inputs, sizeof *call->inputs);
    if (!inputs || !outputs || !call->inputs) return RNNP_ERR_MEMORY;
    gather(l, node);
    memcpy(inputs, l->inf.in, in * sizeof *inputs);
    memcpy(outputs, l->inf.out, out * sizeof *outputs);
    call->row = rnnp_gradient_find(node->op->name);
    call->shape = rnnp_train_shape(t, node, inputs, outputs);
    call->for_loss = l->for_loss[n];
    call->batch_axis = rows_axis(l, node);
    for (size_t i = 0; i < node->n_outputs && call->row; i++)
        call->backward |= node->outputs[i] != RNNP_NONE && tape->needed[node->outputs[i]];
    if (call->backward && call->row->check) { /* a wanted gradient may lie below all parameters */
        const rnnp_status status = call->row->check(&call->shape);

        if (status != RNNP_OK) return status;
    }
    if (call->row && call->row->prepared_bytes) {
        call->prepared_bytes = call->row->prepared_bytes(&call->shape);
        call->prepared = add_space(tape, call->prepared_bytes);
    }
    tape->slots_in = in > tape->slots_in ? in : tape->slots_in;
    tape->slots_out = out > tape->slots_out ? out : tape->slots_out;
    return RNNP_OK;
}

static rnnp_status make_calls(rnnp_tape_layout *l)
{
    rnnp_tape *tape = l->tape;
    rnnp_status status = RNNP_OK;
    tape->calls = rnnp_arena_calloc(l->trainer->context, &tape->arena, tape->n_calls, sizeof *tape->calls);
    if (!tape->calls) return RNNP_ERR_MEMORY;
    for (size_t n = 0, c = 0; n < l->model->n_nodes && status == RNNP_OK; n++) {
        if (l->called[n]) status = make_call(l, n, &tape->calls[c++]);
    }
    return status;
}

/* ---- All of it ---- */

static rnnp_status begin(rnnp_tape_layout *l, struct rnnp_block **scratch)
{
    const rnnp_context *context = l->trainer->context;
    const rnnp_model *model = l->model;
    rnnp_tape *tape = l->tape;
    struct rnnp_block **arena = &tape->arena;
    const rnnp_status status = rnnp_inference_begin(&l->inf, model, scratch);
    l->inf.part = 1;
    l->evaluated = rnnp_arena_calloc(context, scratch, model->n_nodes, 1);
    l->called = rnnp_arena_calloc(context, scratch, model->n_nodes, 1);
    l->for_loss = rnnp_arena_calloc(context, scratch, model->n_nodes, 1);
    l->live = rnnp_arena_calloc(context, scratch, model->n_values, 1);
    l->moves = rnnp_arena_calloc(context, scratch, model->n_values, 1);
    l->written = rnnp_arena_calloc(context, scratch, model->n_values, 1);
    l->last = rnnp_arena_calloc(context, scratch, model->n_values, sizeof *l->last);
    l->d_last = rnnp_arena_calloc(context, scratch, model->n_values, sizeof *l->d_last);
    tape->meta = rnnp_arena_calloc(context, arena, model->n_values, sizeof *tape->meta);
    tape->root = rnnp_arena_calloc(context, arena, model->n_values, sizeof *tape->root);
    tape->last_call = rnnp_arena_calloc(context, arena, l->trainer->n_parameters, sizeof *tape->last_call);
    tape->storage = rnnp_arena_calloc(context, arena, model->n_values, 1);
    tape->needed = rnnp_arena_calloc(context, arena, model->n_values, 1);
    tape->offset = rnnp_arena_calloc(context, arena, model->n_values, sizeof *tape->offset);
    tape->d_offset = rnnp_arena_calloc(context, arena, model->n_values, sizeof *tape->d_offset);
    if (status != RNNP_OK || !l->evaluated || !l->called || !l->for_loss || !l->live || !l->moves || !l->written ||
        !l->last || !l->d_last || !tape->meta || !tape->root || !tape->last_call || !tape->storage || !tape->needed ||
        !tape->offset || !tape->d_offset)
        return RNNP_ERR_MEMORY;
    return RNNP_OK;
}

/* Calls go backwards from the last one to the first. */
static void find_last_calls(rnnp_tape *tape, const rnnp_trainer *t)
{
    for (size_t i = 0; i < t->n_parameters; i++) tape->last_call[i] = SIZE_MAX;
    for (size_t c = tape->n_calls; c-- > 0;) {
        const rnnp_node *node = tape->calls[c].shape.node;
        for (size_t i = 0; tape->calls[c].backward && i < node->n_inputs; i++) {
            const int32_t root = node->inputs[i] == RNNP_NONE ? RNNP_NONE : tape->root[node->inputs[i]];
            if (root != RNNP_NONE && tape->storage[root] == RNNP_TAPE_PARAMETER &&
                tape->calls[c].inputs[i].flow != RNNP_FLOW_NONE)
                tape->last_call[t->parameter_of[root]] = c;
        }
    }
}

static rnnp_status make(rnnp_tape_layout *l, struct rnnp_block **scratch)
{
    rnnp_status status;
    if ((status = begin(l, scratch)) != RNNP_OK || (status = infer_all(l)) != RNNP_OK) return status;
    memcpy(l->tape->meta, l->inf.meta, l->model->n_values * sizeof *l->inf.meta);
    choose_calls(l);
    if ((status = choose_gradients(l)) != RNNP_OK || (status = make_calls(l)) != RNNP_OK) return status;
    if ((status = rnnp_tape_place(l, scratch)) == RNNP_OK) find_last_calls(l->tape, l->trainer);
    return status;
}

rnnp_status rnnp_tape_create(const rnnp_trainer *trainer, const rnnp_meta *inputs, const uint8_t *wanted, size_t rows,
                             rnnp_tape **tape)
{
    const size_t n_inputs = trainer->model->n_inputs;
    struct rnnp_block *arena = NULL, *scratch = NULL;
    rnnp_tape *p = rnnp_arena_calloc(trainer->context, &arena, 1, sizeof *p);
    rnnp_tape_layout l = {.trainer = trainer, .model = trainer->model, .tape = p};
    rnnp_status status = RNNP_ERR_MEMORY;
    *tape = NULL;
    if (!p) return status;
    p->arena = arena;
    p->rows = rows;
    p->inputs = rnnp_arena_calloc(trainer->context, &p->arena, n_inputs, sizeof *p->inputs);
    p->wanted = rnnp_arena_calloc(trainer->context, &p->arena, n_inputs, 1);
    if (p->inputs && p->wanted) {
        memcpy(p->inputs, inputs, n_inputs * sizeof *inputs);
        memcpy(p->wanted, wanted, n_inputs);
        status = make(&l, &scratch);
    }
    rnnp_arena_free(trainer->context, &scratch);
    if (status == RNNP_OK) {
        p->arena_bytes = rnnp_arena_bytes(p->arena);
        *tape = p;
    } else {
        rnnp_tape_destroy(trainer->context, p);
    }
    return status;
}
