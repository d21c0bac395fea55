/* SPDX-License-Identifier: Apache-2.0
 *
 * Which values of a layout lie channels last in memory. A convolution works on rows of channels, so between two of them
 * nothing needs to be turned over and back. A value lies so if its producer can give it and all its readers can take it
 * (rnnp_operator.channels_last); values that elementwise operators tie together lie so together or not at all. Shapes,
 * and what the model's inputs and outputs look like, know nothing of it.
 *
 * And which elementwise nodes run with the convolution in front of them, block by block while its results are in the
 * cache: those whose other operands are known and have one element for each channel, or for all.
 */
#include "engine.h"

/* Sets of values that lie alike, as trees. */
typedef struct sets {
    int32_t *up;    /* [n_values] */
    uint8_t *fixed; /* [n_values], of roots: channels first */
} sets;

static int32_t find(const sets *s, int32_t v)
{
    while (s->up[v] != v) v = s->up[v] = s->up[s->up[v]];
    return v;
}

static void unite(const sets *s, int32_t a, int32_t b)
{
    a = find(s, a);
    b = find(s, b);
    s->up[b] = a;
    s->fixed[a] |= s->fixed[b];
}

static void fix(const sets *s, int32_t v) { s->fixed[find(s, v)] = 1; }

/* What the node says of itself; its metas are in inf.in and inf.out. */
static unsigned ask(rnnp_layout *layout, const rnnp_node *node)
{
    rnnp_inference *inf = &layout->inf;
    rnnp_prepare prepare = rnnp_plan_prepare(layout->plan, node);

    rnnp_inference_gather(inf, node);
    if (!node->op->channels_last || node->outputs[0] == RNNP_NONE || rnnp_inference_failed(inf, node)) return 0;
    prepare.inputs = inf->in;
    prepare.time_axis = rnnp_layout_time(layout, node);
    return node->op->channels_last(&prepare, inf->out);
}

static void visit(rnnp_layout *layout, const sets *s, const rnnp_node *node)
{
    const rnnp_inference *inf = &layout->inf;
    const unsigned last = ask(layout, node);

    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == RNNP_NONE) continue;
        const int tied = i == 0 && (last & RNNP_LAST_TAKES);

        if ((last & RNNP_LAST_ALIKE) && (tied || rnnp_same_dims(&inf->in[i], &inf->out[0])))
            unite(s, node->inputs[i], node->outputs[0]);
        else if (i > 0 || !(last & RNNP_LAST_TAKES))
            fix(s, node->inputs[i]);
    }
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] != RNNP_NONE && (i > 0 || !(last & (RNNP_LAST_GIVES | RNNP_LAST_ALIKE))))
            fix(s, node->outputs[i]);
    }
}

rnnp_status rnnp_layout_last(rnnp_layout *layout)
{
    const rnnp_model *model = layout->plan->model;
    const rnnp_context *context = layout->plan->context;
    const sets s = {rnnp_arena_alloc(context, &layout->arena, model->n_values * sizeof *s.up),
                    rnnp_arena_calloc(context, &layout->arena, model->n_values, sizeof *s.fixed)};

    if (!s.up || !s.fixed) return RNNP_ERR_MEMORY;
    for (size_t v = 0; v < model->n_values; v++) {
        s.up[v] = (int32_t)v;
        s.fixed[v] = model->values[v].producer < 0 || layout->inf.meta[v].known;
    }
    for (size_t k = 0; k < model->n_outputs; k++) s.fixed[model->outputs[k].value] = 1;
    for (size_t n = 0; n < model->n_nodes; n++) {
        if (!layout->evaluated[n]) visit(layout, &s, &model->nodes[n]);
    }
    for (size_t v = 0; v < model->n_values; v++) layout->inf.meta[v].channels_last = !s.fixed[find(&s, (int32_t)v)];
    return RNNP_OK;
}

/* Whether the node alone reads what the one before it gives, and may change it in place, some rows at a time. */
static int joins(rnnp_layout *layout, const rnnp_node *before, const rnnp_node *node)
{
    const rnnp_model *model = layout->plan->model;
    const int32_t x = before->outputs[0];

    if (!node->op->in_place || node->op->max_inputs > RNNP_ROWS_INPUTS || node->inputs[0] != x ||
        model->values[x].uses != 1)
        return 0;
    for (size_t i = 1; i < node->n_inputs; i++) {
        const int32_t v = node->inputs[i];
        const int storage = v == RNNP_NONE ? RNNP_STORE_KNOWN : layout->storage[layout->root[v]];

        if (storage != RNNP_STORE_CONSTANT && storage != RNNP_STORE_KNOWN) return 0;
    }
    return (ask(layout, node) & RNNP_LAST_ROWS) != 0;
}

void rnnp_layout_join(rnnp_layout *layout)
{
    const rnnp_node *nodes = layout->plan->model->nodes;

    for (size_t p = 0, n; p < layout->n_calls; p += n) {
        const rnnp_node *node = &nodes[layout->order[p]];

        n = 1;
        if (layout->stack[p] != 1 || !node->op->run_stack || !(ask(layout, node) & RNNP_LAST_ROWS)) continue;
        while (n < RNNP_STACK_NODES && p + n < layout->n_calls && layout->stack[p + n] == 1 &&
               joins(layout, &nodes[layout->order[p + n - 1]], &nodes[layout->order[p + n]]))
            layout->stack[p + n++] = 0;
        layout->stack[p] = n;
    }
}
