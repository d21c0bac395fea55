/* SPDX-License-Identifier: Apache-2.0
 *
 * Which values of a layout lie channels last in memory. A convolution works on rows of channels, so between two of them
 * nothing needs to be turned over and back. A value lies so if its producer can give it and all its readers can take it
 * (rnnp_operator.channels_last); values that elementwise operators tie together lie so together or not at all. Shapes,
 * and what the model's inputs and outputs look like, know nothing of it.
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

static void visit(rnnp_layout *layout, const sets *s, const rnnp_node *node)
{
    rnnp_inference *inf = &layout->inf;
    const int knows = node->op->channels_last && node->outputs[0] != RNNP_NONE && !rnnp_inference_failed(inf, node);
    unsigned last = 0;

    rnnp_inference_gather(inf, node);
    if (knows) {
        rnnp_prepare prepare = rnnp_plan_prepare(layout->plan, node);

        prepare.inputs = inf->in;
        prepare.time_axis = rnnp_layout_time(layout, node);
        last = node->op->channels_last(&prepare, inf->out);
    }
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == RNNP_NONE) continue;
        if ((last & RNNP_LAST_ALIKE) && rnnp_same_dims(&inf->in[i], &inf->out[0]))
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
