/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of values. In a model they are for people; in a file they hold the graph together, so each must be there once.
 * Inputs and outputs come first, then constants, then results of nodes, in the order of the walk.
 */
#include "names.h"
#include "saver.h"

#include <string.h>

/* ---- What there is ---- */

static rnnp_status add(saver *s, saved_kind kind, const char *wish)
{
    s->values[s->n_values++] = (saved_value){.kind = kind, .wish = wish};
    return RNNP_OK;
}

static rnnp_status add_input(void *user, const rnnp_port_info *port) { return add(user, SAVED_INPUT, port->name); }

static rnnp_status add_constant(void *user, const char *name, const rnnp_tensor *tensor)
{
    saver *s = user;

    add(s, SAVED_CONSTANT, name);
    s->values[s->n_values - 1].tensor = *tensor;
    return RNNP_OK;
}

static rnnp_status add_results(void *user, const rnnp_node *node, const rnnp_value *inputs, const rnnp_value *outputs)
{
    saver *s = user;

    for (size_t i = 0; i < node->n_inputs; i++) {
        if (inputs[i] != RNNP_NONE) s->values[inputs[i]].readers++;
    }
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (outputs[i] != RNNP_NONE) add(s, SAVED_RESULT, s->model->values[node->outputs[i]].name);
    }
    s->n_inner += saver_branch_names(node) + saver_loop_names(node);
    saver_weights_note(s, node, inputs);
    return RNNP_OK;
}

static rnnp_status add_output(void *user, const char *name, rnnp_value value)
{
    saver *s = user;

    s->outputs[s->n_outputs++] = (saved_output){name, value};
    return RNNP_OK;
}

/* ---- What it is called ---- */

/* A value may bear an output's name when nothing else is known by its own. */
static int may_rename(const saved_value *value, const char *name)
{
    return !value->name && (value->kind == SAVED_RESULT || (value->kind == SAVED_CONSTANT && value->readers == 0) ||
                            strcmp(value->wish, name) == 0);
}

static rnnp_status claim_ports(saver *s)
{
    names *n = &s->taken;

    for (size_t v = 0; v < s->n_values && s->values[v].kind == SAVED_INPUT; v++)
        names_add(n, s->values[v].name = s->values[v].wish);
    for (size_t i = 0; i < s->n_outputs; i++) {
        const saved_output *output = &s->outputs[i];
        saved_value *value = &s->values[output->value];

        if (value->name && strcmp(value->name, output->name) == 0)
            continue; /* an input that is an output, under one name */
        if (names_find(n, output->name))
            return rnnp_fail(
                s->model->context, RNNP_ERR_UNSUPPORTED,
                "output %s has the name of an input that is another value, which an ONNX file cannot express",
                output->name);
        names_add(n, output->name);
        if (may_rename(value, output->name)) value->name = output->name;
    }
    return RNNP_OK;
}

rnnp_status saver_name_values(saver *s)
{
    const rnnp_visitor visitor = {s, add_input, add_constant, add_results, add_output, NULL};
    rnnp_status status;

    s->values = loader_alloc(&s->memory, s->model->n_values * sizeof *s->values);
    s->outputs = loader_alloc(&s->memory, s->model->n_outputs * sizeof *s->outputs);
    if (!s->values || !s->outputs) return RNNP_ERR_MEMORY;
    if ((status = s->model->calls->visit(s->model, &visitor)) != RNNP_OK ||
        (status = names_create(&s->memory, s->n_values + s->n_outputs + s->n_inner + SPECIAL_ROOM * s->n_special,
                               &s->taken)) != RNNP_OK ||
        (status = claim_ports(s)) != RNNP_OK)
        return status;
    for (size_t v = 0; v < s->n_values; v++) {
        saved_value *value = &s->values[v];

        if (!value->name && !(value->name = names_claim(&s->memory, &s->taken, value->wish))) return RNNP_ERR_MEMORY;
    }
    return RNNP_OK;
}
