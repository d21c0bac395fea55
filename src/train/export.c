/* SPDX-License-Identifier: Apache-2.0
 *
 * A new model with the parameters as they are: the trainer's model built again.
 */
#include "../graph/visit.h"
#include "training.h"

typedef struct builder {
    const rnnp_trainer *trainer;
    rnnp_model *model;
} builder;

static rnnp_status add_input(void *user, const rnnp_port_info *port)
{
    rnnp_value value;
    return rnnp_model_add_input(((builder *)user)->model, port->name, port->dtype, port->rank, port->shape,
                                port->symbol, &value);
}

static rnnp_status add_constant(void *user, const char *name, const rnnp_tensor *tensor)
{
    const builder *b = user;
    const rnnp_trainer *t = b->trainer;
    rnnp_tensor now = *tensor;
    rnnp_value value;
    for (size_t i = 0; i < t->n_parameters; i++) {
        if (t->model->values[t->parameters[i].value].meta.known == tensor->data)
            now.data = t->values + t->parameters[i].offset;
    }
    return rnnp_model_add_constant(b->model, name, &now, &value);
}

static rnnp_status add_node(void *user, const rnnp_node *node, const rnnp_value *inputs, const rnnp_value *outputs)
{
    const builder *b = user;
    struct rnnp_block *scratch = NULL;
    rnnp_value *wanted = rnnp_arena_alloc(b->trainer->context, &scratch, node->n_outputs * sizeof *wanted);
    if (!wanted) return RNNP_ERR_MEMORY;
    for (size_t i = 0; i < node->n_outputs; i++) wanted[i] = outputs[i] == RNNP_NONE ? RNNP_NONE : 0;
    const rnnp_status status = rnnp_model_add_node(b->model, node->op->name, node->opset, node->name, inputs,
                                                   node->n_inputs, node->attrs, node->n_attrs, wanted, node->n_outputs);
    rnnp_arena_free(b->trainer->context, &scratch);
    return status;
}

static rnnp_status add_output(void *user, const char *name, rnnp_value value)
{
    return rnnp_model_add_output(((builder *)user)->model, name, value);
}

rnnp_status rnnp_trainer_model(const rnnp_trainer *trainer, rnnp_model **model)
{
    builder b = {.trainer = trainer};
    const rnnp_visitor visitor = {&b, add_input, add_constant, add_node, add_output, NULL};
    rnnp_status status;
    if (!model) return trainer ? rnnp_fail(trainer->context, RNNP_ERR_ARG, "model is NULL") : RNNP_ERR_ARG;
    *model = NULL;
    if (!trainer) return RNNP_ERR_ARG;
    if ((status = rnnp_model_create(trainer->model->context, &b.model)) != RNNP_OK) return status;
    if ((status = rnnp_model_set_producer(b.model, "rnnpack")) == RNNP_OK &&
        (status = rnnp_model_copy_metadata(b.model, trainer->model)) == RNNP_OK &&
        (status = rnnp_model_visit(trainer->model, &visitor)) == RNNP_OK &&
        (status = rnnp_model_close(b.model)) == RNNP_OK)
        *model = b.model;
    else
        rnnp_model_destroy(b.model);
    return status;
}
