/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking at a closed model.
 */
#include "../structs.h"
#include "engine.h"
#include "ops/ops.h"

#include <string.h>

/* Whether there is an item `index` of n. */
static rnnp_status check(const rnnp_model *model, const char *what, size_t index, size_t n)
{
    const rnnp_status status = rnnp_model_need_closed(model);

    if (status != RNNP_OK || index < n) return status;
    return rnnp_fail(model->context, RNNP_ERR_ARG, "%s %zu of %zu", what, index, n);
}

static rnnp_port_info port_of(const rnnp_model *model, const char *name, const rnnp_meta *meta)
{
    rnnp_port_info port = {.name = name, .dtype = meta->dtype, .rank = meta->rank};

    for (size_t i = 0; i < meta->rank; i++) {
        port.shape[i] = meta->dim[i];
        if (rnnp_dim_is_symbol(meta->dim[i])) {
            const size_t symbol = (size_t)(RNNP_SYMBOL - meta->dim[i]);

            port.shape[i] = RNNP_DYNAMIC;
            port.symbol[i] = symbol < model->n_symbols ? model->symbols[symbol] : NULL;
        }
    }
    return port;
}

static rnnp_status write_port(const rnnp_model *model, int32_t value, const char *name, rnnp_port_info *port)
{
    rnnp_port_info full = {.name = ""};

    if (value != RNNP_NONE) full = port_of(model, name ? name : model->values[value].name, &model->values[value].meta);
    return RNNP_STRUCT_WRITE(model->context, rnnp_port_info, &full, port);
}

size_t rnnp_model_input_count(const rnnp_model *model) { return model ? model->n_inputs : 0; }

size_t rnnp_model_output_count(const rnnp_model *model) { return model ? model->n_outputs : 0; }

rnnp_status rnnp_model_input_info(const rnnp_model *model, size_t index, rnnp_port_info *port)
{
    if (!model) return RNNP_ERR_ARG;
    const rnnp_status status = check(model, "input", index, model->n_inputs);
    return status == RNNP_OK ? write_port(model, model->inputs[index], NULL, port) : status;
}

rnnp_status rnnp_model_output_info(const rnnp_model *model, size_t index, rnnp_port_info *port)
{
    if (!model) return RNNP_ERR_ARG;
    const rnnp_status status = check(model, "output", index, model->n_outputs);
    return status == RNNP_OK ? write_port(model, model->outputs[index].value, model->outputs[index].name, port)
                             : status;
}

size_t rnnp_model_constant_elements(const rnnp_model *model)
{
    size_t parameters = 0;

    for (size_t v = 0; model && v < model->n_values; v++) {
        if (model->values[v].is_constant && model->values[v].uses > 0)
            parameters += rnnp_meta_elements(&model->values[v].meta);
    }
    return parameters;
}

size_t rnnp_model_node_count(const rnnp_model *model)
{
    return model && model->closed == RNNP_MODEL_CLOSED ? model->n_nodes : 0;
}

/* All weights of a layer have one format. */
rnnp_weights rnnp_node_weights(const rnnp_model *model, const rnnp_node *node)
{
    const size_t i = node->op->weights[0].input;
    const rnnp_value_info *v =
        i && i < node->n_inputs && node->inputs[i] != RNNP_NONE ? &model->values[node->inputs[i]] : NULL;
    rnnp_format format;

    return v && v->is_constant && rnnp_format_of(v->meta.dtype, &format) ? (rnnp_weights)format : RNNP_WEIGHTS_F32;
}

rnnp_status rnnp_model_node_info(const rnnp_model *model, size_t index, rnnp_node_info *info)
{
    if (!model) return RNNP_ERR_ARG;
    const rnnp_status status = check(model, "node", index, model->n_nodes);
    if (status != RNNP_OK) return status;
    const rnnp_node *node = &model->nodes[index];
    const rnnp_prepare prepare = rnnp_node_prepare(model, node, &model->context->selection);
    rnnp_planned planned = {0};

    rnnp_node_info full = {.name = node->name,
                           .op = node->op->name,
                           .n_inputs = node->n_inputs,
                           .n_outputs = node->n_outputs,
                           .note = node->note,
                           .weights = rnnp_node_weights(model, node)};
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] != RNNP_NONE && model->values[node->inputs[i]].is_constant)
            full.parameters += rnnp_meta_elements(&model->values[node->inputs[i]].meta);
    }
    rnnp_node_plan(&prepare, &planned);
    full.weight_bytes_per_step = planned.step_bytes;
    return RNNP_STRUCT_WRITE(model->context, rnnp_node_info, &full, info);
}

rnnp_status rnnp_model_node_input_info(const rnnp_model *model, size_t node, size_t index, rnnp_port_info *port)
{
    if (!model) return RNNP_ERR_ARG;
    rnnp_status status = check(model, "node", node, model->n_nodes);
    if (status == RNNP_OK) status = check(model, "input", index, model->nodes[node].n_inputs);
    return status == RNNP_OK ? write_port(model, model->nodes[node].inputs[index], NULL, port) : status;
}

rnnp_status rnnp_model_node_output_info(const rnnp_model *model, size_t node, size_t index, rnnp_port_info *port)
{
    if (!model) return RNNP_ERR_ARG;
    rnnp_status status = check(model, "node", node, model->n_nodes);
    if (status == RNNP_OK) status = check(model, "output", index, model->nodes[node].n_outputs);
    return status == RNNP_OK ? write_port(model, model->nodes[node].outputs[index], NULL, port) : status;
}
