/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a slice's values, gradients, kept memory and workspaces live.
 */
#include "training.h"

#include <string.h>

/* ---- Lifetimes ---- */

static void keep_until(rnnp_tape_layout *l, int32_t v, size_t step)
{
    if (v == RNNP_NONE) return;
    size_t *last = &l->last[l->tape->root[v]];

    *last = step > *last ? step : *last;
}

static void find_lifetimes(rnnp_tape_layout *l)
{
    const rnnp_model *model = l->model;
    const rnnp_tape *tape = l->tape;
    const size_t loss = tape->n_calls;
    for (size_t v = 0; v < model->n_values; v++) l->d_last[v] = 2 * loss + 1; /* inputs: until all is done */
    for (size_t c = 0; c < tape->n_calls; c++) {
        const rnnp_tape_call *call = &tape->calls[c];
        const rnnp_node *node = call->shape.node;
        for (size_t i = 0; i < node->n_inputs; i++)
            keep_until(l, node->inputs[i],
                       call->backward && rnnp_gradient_bit(call->row->keeps_inputs, i) ? 2 * loss - c : c);
        for (size_t i = 0; i < node->n_outputs; i++) {
            keep_until(l, node->outputs[i],
                       call->backward && rnnp_gradient_bit(call->row->keeps_outputs, i) ? 2 * loss - c : c);
            if (node->outputs[i] != RNNP_NONE) l->d_last[node->outputs[i]] = 2 * loss - c;
        }
    }
    for (size_t k = 0; k < model->n_outputs; k++) keep_until(l, model->outputs[k].value, loss);
    keep_until(l, l->trainer->loss_value, loss);
}

/* ---- Memory ---- */

static void span(rnnp_tape_layout *l, size_t bytes, size_t first, size_t last, size_t *place)
{
    l->spans[l->n_spans] = (rnnp_span){bytes, first, last, 0};
    l->place[l->n_spans++] = place;
}

static void span_value(rnnp_tape_layout *l, int32_t v, size_t first)
{
    if (v != RNNP_NONE && l->tape->root[v] == v && l->tape->storage[v] == RNNP_TAPE_MEMORY)
        span(l, rnnp_meta_bytes(&l->inf.meta[v]), first, l->last[v], &l->tape->offset[v]);
}

/* The first writer of a gradient finds nothing there; parameters' gradients have memory of their own. */
static int span_gradient(rnnp_tape_layout *l, int32_t v, size_t step)
{
    const int32_t root = l->tape->root[v];
    const int first = !l->written[root];
    if (first && l->tape->storage[root] != RNNP_TAPE_PARAMETER)
        span(l, rnnp_meta_bytes(&l->inf.meta[root]), step, l->d_last[root], &l->tape->d_offset[root]);
    l->written[root] = 1;
    return first;
}

static size_t own_space(const rnnp_tape_layout *l, const rnnp_tape_call *call)
{
    const rnnp_operator *op = call->shape.node->op;
    rnnp_prepare prepare = {.context = call->shape.context,
                            .node = call->shape.node,
                            .inputs = l->inf.in,
                            .select = call->shape.select,
                            .math = call->shape.math,
                            .threads = 1};
    if (!op->workspace_bytes) return 0;
    memcpy(l->inf.in, call->shape.inputs, rnnp_node_slots_in(call->shape.node) * sizeof *l->inf.in);
    for (size_t i = 0; i < 32 && i < rnnp_node_slots_in(call->shape.node); i++) {
        if (op->packed_inputs >> i & 1) l->inf.in[i].known = NULL; /* nothing is packed here */
    }
    return op->workspace_bytes(&prepare, call->shape.outputs);
}

static void span_forward(rnnp_tape_layout *l, rnnp_tape_call *call, size_t c)
{
    const rnnp_gradient *row = call->row;
    const rnnp_node *node = call->shape.node;
    size_t space = row && row->workspace_bytes ? row->workspace_bytes(&call->shape) : 0;
    const size_t own = !row || !row->forward ? own_space(l, call) : 0;
    for (size_t i = 0; i < node->n_outputs; i++) span_value(l, node->outputs[i], c);
    if (row && row->kept_bytes)
        span(l, row->kept_bytes(&call->shape), c, call->backward ? 2 * l->tape->n_calls - c : c, &call->kept);
    span(l, own > space ? own : space, c, c, &call->forward_space);
}

static void span_backward(rnnp_tape_layout *l, rnnp_tape_call *call, size_t step)
{
    const rnnp_node *node = call->shape.node;
    int reached = 0;

    for (size_t i = 0; i < node->n_outputs; i++)
        reached |= node->outputs[i] != RNNP_NONE && l->written[node->outputs[i]];
    call->backward &= reached;
    if (!call->backward) return;
    for (size_t i = 0; i < node->n_inputs; i++) {
        rnnp_tape_input *in = &call->inputs[i];
        if (!rnnp_tape_flows(l, node, call->row, 0, i)) continue;
        in->flow = span_gradient(l, node->inputs[i], step) ? RNNP_FLOW_WRITE : RNNP_FLOW_ADD;
        if (in->flow == RNNP_FLOW_ADD) span(l, rnnp_meta_bytes(&call->shape.inputs[i]), step, step, &in->scratch);
    }
    if (call->row->workspace_bytes)
        span(l, call->row->workspace_bytes(&call->shape), step, step, &call->backward_space);
}

/* Spans in the order of their first steps. */
static void list_spans(rnnp_tape_layout *l)
{
    const rnnp_model *model = l->model;
    rnnp_tape *tape = l->tape;
    const size_t n = tape->n_calls;
    for (size_t i = 0; i < model->n_inputs; i++) span_value(l, model->inputs[i], 0);
    for (size_t c = 0; c < n; c++) span_forward(l, &tape->calls[c], c);
    if (tape->needed[l->trainer->loss_value]) span_gradient(l, l->trainer->loss_value, n);
    for (size_t c = n; c-- > 0;) span_backward(l, &tape->calls[c], 2 * n - c);
    for (size_t v = 0; v < model->n_values; v++) tape->needed[v] &= l->written[tape->root[v]];
}

static rnnp_status place(rnnp_tape_layout *l)
{
    rnnp_tape *tape = l->tape;
    const rnnp_context *context = l->trainer->context;
    const size_t slots = 2 * (tape->slots_in + tape->slots_out);
    list_spans(l);
    const size_t bytes = rnnp_spans_place(l->spans, l->n_spans, l->room);
    for (size_t s = 0; s < l->n_spans; s++) *l->place[s] = l->spans[s].offset;
    tape->slots = rnnp_align64(bytes);
    tape->bytes = rnnp_align64(rnnp_add_bytes(tape->slots, slots * sizeof(rnnp_tensor)));
    if (tape->bytes > SIZE_MAX / 2 || tape->prepared_bytes > SIZE_MAX / 2)
        return rnnp_fail(context, RNNP_ERR_MEMORY, "a slice of the batch does not fit in memory");
    return RNNP_OK;
}

/* Values and their gradients, and per call kept memory, two workspaces, and scratch per input. */
static rnnp_status make_room(rnnp_tape_layout *l, struct rnnp_block **scratch)
{
    const rnnp_context *context = l->trainer->context;
    size_t n = 2 * l->model->n_values;
    for (size_t c = 0; c < l->tape->n_calls; c++) n += 3 + l->tape->calls[c].shape.node->n_inputs;
    l->spans = rnnp_arena_calloc(context, scratch, n, sizeof *l->spans);
    l->place = rnnp_arena_calloc(context, scratch, n, sizeof *l->place);
    l->room = rnnp_arena_calloc(context, scratch, rnnp_spans_room(n), sizeof *l->room);
    return l->spans && l->place && l->room ? RNNP_OK : RNNP_ERR_MEMORY;
}

rnnp_status rnnp_tape_place(rnnp_tape_layout *l, struct rnnp_block **scratch)
{
    const rnnp_status status = make_room(l, scratch);
    if (status != RNNP_OK) return status;
    find_lifetimes(l);
    return place(l);
}
