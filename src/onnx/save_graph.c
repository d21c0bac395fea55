/* SPDX-License-Identifier: Apache-2.0
 *
 * A model's graph as messages of the file. They are never changed, so they may point to what the model holds.
 */
#include "saver.h"

#include <string.h>

/* The generated structures know no const. */
static char *text(const char *s) { return (char *)(uintptr_t)s; }

/* ---- Constants ---- */

/* Other forms come with the nodes that read them, so that their order in the file does not depend on the model's. */
static rnnp_status add_constant(void *user, const char *name, const rnnp_tensor *tensor)
{
    saver *s = user;
    saved_value *value = &s->values[s->n_values++];

    (void)name;
    if (!value->wanted[FORM_PLAIN] && (value->wanted[FORM_ACROSS] || value->wanted[FORM_FLAT])) return RNNP_OK;
    value->made[FORM_PLAIN] = value->name;
    return saver_initializer(s, value->name, tensor);
}

/* ---- Inputs and outputs ---- */

static rnnp_status make_port(saver *s, const rnnp_port_info *port, Onnx__ValueInfoProto **to)
{
    typedef struct message {
        Onnx__TensorShapeProto shape;
        Onnx__TensorShapeProto__Dimension dim[RNNP_MAX_RANK], *dims[RNNP_MAX_RANK];
    } message;
    message *m = loader_alloc(&s->memory, sizeof *m);

    if (!m) return RNNP_ERR_MEMORY;
    onnx__tensor_shape_proto__init(&m->shape);
    m->shape.n_dim = port->rank;
    m->shape.dim = m->dims;
    for (size_t i = 0; i < port->rank; i++) {
        Onnx__TensorShapeProto__Dimension *dim = m->dims[i] = &m->dim[i];

        onnx__tensor_shape_proto__dimension__init(dim);
        if (port->shape[i] != RNNP_DYNAMIC) {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dim->dim_value = port->shape[i];
        } else if (port->symbol[i]) {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dim->dim_param = text(port->symbol[i]);
        }
    }
    return saver_info(s, port->name, port->dtype, &m->shape, to);
}

static rnnp_status add_input(void *user, const rnnp_port_info *port)
{
    saver *s = user;
    const rnnp_status status = make_port(s, port, &s->graph->input[s->graph->n_input]);

    s->n_values++;
    s->graph->n_input += status == RNNP_OK;
    return status;
}

/* ---- Nodes ---- */

static char *name_of(const saver *s, rnnp_value value) { return text(value == RNNP_NONE ? "" : s->values[value].name); }

static rnnp_status add_node(void *user, const rnnp_node *from, const rnnp_value *inputs, const rnnp_value *outputs)
{
    saver *s = user;
    Onnx__NodeProto *node;

    if (from->op->source) return saver_branches(s, from, inputs, outputs);
    if (from->op->loop == RNNP_LOOP_BEGIN) return saver_begin_loop(s, from, inputs, outputs);
    if (from->op->loop == RNNP_LOOP_END) return saver_end_loop(s, from, inputs, outputs);
    if (!from->op->run) return rnnp_fail(s->model->context, RNNP_ERR_UNSUPPORTED, "%s", from->attrs[0].s);
    rnnp_status status = saver_weights_before(s, from, inputs);

    if (status == RNNP_OK)
        status = saver_node(s, from->op->name, from->name, from->n_inputs + SPECIAL_ROOM, from->n_outputs,
                            from->n_attrs, &node);
    if (status != RNNP_OK) return status;
    Onnx__AttributeProto *attrs = loader_alloc(&s->memory, from->n_attrs * sizeof *attrs);
    if (!attrs) return RNNP_ERR_MEMORY;
    for (size_t i = 0; i < from->n_inputs; i++) node->input[node->n_input++] = name_of(s, inputs[i]);
    for (size_t i = 0; i < from->n_outputs; i++) node->output[node->n_output++] = name_of(s, outputs[i]);
    for (size_t i = 0; i < from->n_attrs && status == RNNP_OK; i++) {
        status = saver_attr(s, &from->attrs[i], &attrs[i]);
        node->attribute[node->n_attribute++] = &attrs[i];
    }
    if (status == RNNP_OK) status = saver_weights_apply(s, from, inputs, node);
    return status == RNNP_OK && saver_decays(from) ? saver_decay(s, from, inputs, node) : status;
}

static rnnp_status add_identity(saver *s, rnnp_value value, const char *name)
{
    Onnx__NodeProto *node;
    const rnnp_status status = saver_node(s, "Identity", name, 1, 1, 0, &node);

    if (status != RNNP_OK) return status;
    node->input[node->n_input++] = name_of(s, value);
    node->output[node->n_output++] = text(name);
    return RNNP_OK;
}

static rnnp_status add_output(void *user, const char *name, rnnp_value value)
{
    saver *s = user;
    rnnp_port_info port = {.struct_size = sizeof port};
    rnnp_status status = rnnp_model_output_info(s->model, s->graph->n_output, &port);

    if (status == RNNP_OK && strcmp(s->values[value].name, name) != 0) status = add_identity(s, value, name);
    if (status == RNNP_OK) status = make_port(s, &port, &s->graph->output[s->graph->n_output]);
    s->graph->n_output += status == RNNP_OK;
    return status;
}

rnnp_status saver_make_graph(saver *s)
{
    const rnnp_visitor visitor = {s, add_input, add_constant, add_node, add_output, NULL};
    const rnnp_model *model = s->model;
    Onnx__GraphProto *graph = loader_alloc(&s->memory, sizeof *graph);

    if (!graph) return RNNP_ERR_MEMORY;
    onnx__graph_proto__init(graph);
    graph->name = text("model");
    graph->input = loader_alloc(&s->memory, model->n_inputs * sizeof *graph->input);
    graph->output = loader_alloc(&s->memory, model->n_outputs * sizeof *graph->output);
    graph->initializer =
        loader_alloc(&s->memory, (model->n_values + SPECIAL_ROOM * s->n_special) * sizeof *graph->initializer);
    if (!graph->input || !graph->output || !graph->initializer) return RNNP_ERR_MEMORY;
    s->file = s->graph = graph;
    s->n_values = 0; /* counts along */
    return model->calls->visit(model, &visitor);
}
