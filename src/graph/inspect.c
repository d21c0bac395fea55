/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking at a closed model.
 */
#include "engine.h"

#include <string.h>

static rnnp_status check_closed(const rnnp_model *model, const char *what, const void *result)
{
    if (!model) return RNNP_ERR_ARG;
    if (!result) return rnnp_fail(model->context, RNNP_ERR_ARG, "%s is NULL", what);
    if (model->closed != RNNP_MODEL_CLOSED) return rnnp_fail(model->context, RNNP_ERR_STATE, "the model is not closed");
    return RNNP_OK;
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

static rnnp_port_info value_port(const rnnp_model *model, int32_t value)
{
    if (value == RNNP_NONE) return (rnnp_port_info){.name = ""};
    return port_of(model, model->values[value].name, &model->values[value].meta);
}

size_t rnnp_model_input_count(const rnnp_model *model) { return model ? model->n_inputs : 0; }

size_t rnnp_model_output_count(const rnnp_model *model) { return model ? model->n_outputs : 0; }

rnnp_status rnnp_model_input_info(const rnnp_model *model, size_t index, rnnp_port_info *port)
{
    const rnnp_status status = check_closed(model, "port", port);

    if (status != RNNP_OK) return status;
    if (index >= model->n_inputs)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "input %zu of %zu", index, model->n_inputs);
    *port = value_port(model, model->inputs[index]);
    return RNNP_OK;
}

rnnp_status rnnp_model_output_info(const rnnp_model *model, size_t index, rnnp_port_info *port)
{
    const rnnp_status status = check_closed(model, "port", port);

    if (status != RNNP_OK) return status;
    if (index >= model->n_outputs)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "output %zu of %zu", index, model->n_outputs);
    *port = value_port(model, model->outputs[index].value);
    port->name = model->outputs[index].name;
    return RNNP_OK;
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

rnnp_status rnnp_model_node_info(const rnnp_model *model, size_t index, rnnp_node_info *info)
{
    enum { IN = sizeof info->input / sizeof info->input[0], OUT = sizeof info->output / sizeof info->output[0] };
    const rnnp_status status = check_closed(model, "info", info);

    if (status != RNNP_OK) return status;
    if (index >= model->n_nodes)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "node %zu of %zu", index, model->n_nodes);
    const rnnp_node *node = &model->nodes[index];
    const rnnp_prepare prepare = {model->context, node, node->input_metas, &model->context->selection, RNNP_MATH_U35, 1,
                                  NULL,           NULL};

    *info = (rnnp_node_info){.name = node->name,
                             .op = node->op->name,
                             .inputs = node->n_inputs,
                             .outputs = node->n_outputs,
                             .note = node->note};
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (i < IN) info->input[i] = value_port(model, node->inputs[i]);
        if (node->inputs[i] != RNNP_NONE && model->values[node->inputs[i]].is_constant)
            info->parameters += rnnp_meta_elements(&model->values[node->inputs[i]].meta);
    }
    for (size_t i = 0; i < node->n_outputs && i < OUT; i++) info->output[i] = value_port(model, node->outputs[i]);
    if (node->op->weight_bytes_per_step) info->weight_bytes_per_step = node->op->weight_bytes_per_step(&prepare);
    return RNNP_OK;
}
