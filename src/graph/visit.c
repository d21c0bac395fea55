/* SPDX-License-Identifier: Apache-2.0 */
#include "visit.h"

#include "engine.h"

typedef struct walk {
    const rnnp_model *model;
    const rnnp_visitor *visitor;
    int32_t *number; /* [n_values]: the new number of a value */
    int32_t next;
    rnnp_value *inputs, *outputs; /* of the current node */
} walk;

static rnnp_status walk_inputs(walk *w)
{
    rnnp_status status = RNNP_OK;
    rnnp_port_info port = {.struct_size = sizeof port};

    for (size_t i = 0; i < w->model->n_inputs && status == RNNP_OK; i++) {
        w->number[w->model->inputs[i]] = w->next++;
        if ((status = rnnp_model_input_info(w->model, i, &port)) == RNNP_OK)
            status = w->visitor->input(w->visitor->user, &port);
    }
    return status;
}

static rnnp_status walk_constants(walk *w)
{
    for (size_t v = 0; v < w->model->n_values; v++) {
        const rnnp_value_info *value = &w->model->values[v];
        const rnnp_tensor tensor = rnnp_meta_tensor(&value->meta, value->meta.known);
        rnnp_status status;

        if (!value->is_constant || value->uses == 0) continue;
        w->number[v] = w->next++;
        status = w->visitor->checksum ? rnnp_constant_checksum(w->model, (int32_t)v, w->visitor->checksum)
                                      : rnnp_constant_need(w->model, (int32_t)v);
        if (status != RNNP_OK || (status = w->visitor->constant(w->visitor->user, value->name, &tensor)) != RNNP_OK)
            return status;
    }
    return RNNP_OK;
}

static rnnp_status walk_nodes(walk *w)
{
    rnnp_status status = RNNP_OK;

    for (size_t n = 0; n < w->model->n_nodes && status == RNNP_OK; n++) {
        const rnnp_node *node = &w->model->nodes[n];

        for (size_t i = 0; i < node->n_inputs; i++)
            w->inputs[i] = node->inputs[i] == RNNP_NONE ? RNNP_NONE : w->number[node->inputs[i]];
        for (size_t i = 0; i < node->n_outputs; i++) {
            w->outputs[i] = RNNP_NONE;
            if (node->outputs[i] != RNNP_NONE) w->outputs[i] = w->number[node->outputs[i]] = w->next++;
        }
        status = w->visitor->node(w->visitor->user, node, w->inputs, w->outputs);
    }
    return status;
}

static rnnp_status walk_outputs(walk *w)
{
    rnnp_status status = RNNP_OK;

    for (size_t i = 0; i < w->model->n_outputs && status == RNNP_OK; i++)
        status = w->visitor->output(w->visitor->user, w->model->outputs[i].name, w->number[w->model->outputs[i].value]);
    return status;
}

/* Room for the largest node's values. */
static rnnp_status begin(walk *w, struct rnnp_block **arena)
{
    const rnnp_context *context = w->model->context;
    size_t in = 0, out = 0;

    for (size_t n = 0; n < w->model->n_nodes; n++) {
        const rnnp_node *node = &w->model->nodes[n];

        in = node->n_inputs > in ? node->n_inputs : in;
        out = node->n_outputs > out ? node->n_outputs : out;
    }
    w->number = rnnp_arena_calloc(context, arena, w->model->n_values, sizeof *w->number);
    w->inputs = rnnp_arena_calloc(context, arena, in, sizeof *w->inputs);
    w->outputs = rnnp_arena_calloc(context, arena, out, sizeof *w->outputs);
    return w->number && w->inputs && w->outputs ? RNNP_OK : RNNP_ERR_MEMORY;
}

rnnp_status rnnp_model_visit(const rnnp_model *model, const rnnp_visitor *visitor)
{
    struct rnnp_block *arena = NULL;
    walk w = {.model = model, .visitor = visitor};
    rnnp_status status;

    if ((status = rnnp_model_need_closed(model)) == RNNP_OK && (status = begin(&w, &arena)) == RNNP_OK &&
        (status = walk_inputs(&w)) == RNNP_OK && (status = walk_constants(&w)) == RNNP_OK &&
        (status = walk_nodes(&w)) == RNNP_OK)
        status = walk_outputs(&w);
    rnnp_arena_free(model->context, &arena);
    return status;
}
