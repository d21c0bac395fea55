/* SPDX-License-Identifier: Apache-2.0
 *
 * A model's graph as messages of the file. They are never changed, so they may point to what the model holds.
 */
#include "saver.h"

#include <string.h>

/* The generated structures know no const. */
static char *text(const char *s) { return (char *)(uintptr_t)s; }

static ProtobufCBinaryData bytes_of(const void *data, size_t size)
{
    return (ProtobufCBinaryData){size, (uint8_t *)(uintptr_t)data};
}

/* ---- Tensors ---- */

/* `tensor` must stay until the file is written. */
static rnnp_status make_tensor(saver *s, const char *name, const rnnp_tensor *tensor, Onnx__TensorProto **to)
{
    typedef struct message {
        Onnx__TensorProto tensor;
        int64_t dims[RNNP_MAX_RANK];
    } message;
    message *m = loader_alloc(&s->memory, sizeof *m);

    if (!m) return RNNP_ERR_MEMORY;
    onnx__tensor_proto__init(&m->tensor);
    m->tensor.name = text(name);
    m->tensor.has_data_type = 1;
    m->tensor.data_type = loader_onnx_type(tensor->dtype);
    m->tensor.n_dims = tensor->rank;
    m->tensor.dims = m->dims;
    memcpy(m->dims, tensor->shape, sizeof m->dims);
    m->tensor.has_raw_data = 1;
    m->tensor.raw_data = bytes_of(tensor->data, rnnp_tensor_elements(tensor) * rnnp_dtype_bytes(tensor->dtype));
    *to = &m->tensor;
    return RNNP_OK;
}

rnnp_status saver_initializer(saver *s, const char *name, const rnnp_tensor *tensor)
{
    const rnnp_status status = make_tensor(s, name, tensor, &s->graph->initializer[s->graph->n_initializer]);

    s->graph->n_initializer += status == RNNP_OK;
    return status;
}

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
        Onnx__ValueInfoProto info;
        Onnx__TypeProto type;
        Onnx__TypeProto__Tensor tensor;
        Onnx__TensorShapeProto shape;
        Onnx__TensorShapeProto__Dimension dim[RNNP_MAX_RANK], *dims[RNNP_MAX_RANK];
    } message;
    message *m = loader_alloc(&s->memory, sizeof *m);

    if (!m) return RNNP_ERR_MEMORY;
    onnx__value_info_proto__init(&m->info);
    onnx__type_proto__init(&m->type);
    onnx__type_proto__tensor__init(&m->tensor);
    onnx__tensor_shape_proto__init(&m->shape);
    m->info.name = text(port->name);
    m->info.type = &m->type;
    m->type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    m->type.tensor_type = &m->tensor;
    m->tensor.has_elem_type = 1;
    m->tensor.elem_type = loader_onnx_type(port->dtype);
    m->tensor.shape = &m->shape;
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
    *to = &m->info;
    return RNNP_OK;
}

static rnnp_status add_input(void *user, const rnnp_port_info *port)
{
    saver *s = user;
    const rnnp_status status = make_port(s, port, &s->graph->input[s->graph->n_input]);

    s->n_values++;
    s->graph->n_input += status == RNNP_OK;
    return status;
}

/* ---- Attributes ---- */

static rnnp_status make_strings(saver *s, const rnnp_attr *attr, Onnx__AttributeProto *to)
{
    to->strings = loader_alloc(&s->memory, attr->count * sizeof *to->strings);
    if (!to->strings) return RNNP_ERR_MEMORY;
    for (size_t i = 0; i < attr->count; i++) to->strings[i] = bytes_of(attr->strings[i], strlen(attr->strings[i]));
    to->n_strings = attr->count;
    return RNNP_OK;
}

static rnnp_status make_attr(saver *s, const rnnp_attr *attr, Onnx__AttributeProto *to)
{
    static const Onnx__AttributeProto__AttributeType types[] = {
        [RNNP_ATTR_INT] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT,
        [RNNP_ATTR_FLOAT] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT,
        [RNNP_ATTR_STRING] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING,
        [RNNP_ATTR_INTS] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS,
        [RNNP_ATTR_FLOATS] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS,
        [RNNP_ATTR_STRINGS] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS,
        [RNNP_ATTR_TENSOR] = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR,
    };

    onnx__attribute_proto__init(to);
    to->name = text(attr->name);
    to->has_type = 1;
    to->type = types[attr->kind];
    switch (attr->kind) {
    case RNNP_ATTR_INT:
        to->has_i = 1;
        to->i = attr->i;
        break;
    case RNNP_ATTR_FLOAT:
        to->has_f = 1;
        to->f = attr->f;
        break;
    case RNNP_ATTR_STRING:
        to->has_s = 1;
        to->s = bytes_of(attr->s, strlen(attr->s));
        break;
    case RNNP_ATTR_INTS:
        to->n_ints = attr->count;
        to->ints = (int64_t *)(uintptr_t)attr->ints;
        break;
    case RNNP_ATTR_FLOATS:
        to->n_floats = attr->count;
        to->floats = (float *)(uintptr_t)attr->floats;
        break;
    case RNNP_ATTR_STRINGS: return make_strings(s, attr, to);
    case RNNP_ATTR_TENSOR: return make_tensor(s, attr->name, attr->tensor, &to->t);
    }
    return RNNP_OK;
}

/* ---- Nodes ---- */

rnnp_status saver_node(saver *s, const char *op, const char *name, size_t inputs, size_t outputs, size_t attrs,
                       Onnx__NodeProto **to)
{
    Onnx__NodeProto *node = loader_alloc(&s->memory, sizeof *node);

    if (!node) return RNNP_ERR_MEMORY;
    onnx__node_proto__init(node);
    node->op_type = text(op);
    node->name = text(name);
    node->input = loader_alloc(&s->memory, inputs * sizeof *node->input);
    node->output = loader_alloc(&s->memory, outputs * sizeof *node->output);
    node->attribute = loader_alloc(&s->memory, attrs * sizeof *node->attribute);
    s->graph->node[s->graph->n_node++] = node;
    *to = node;
    return node->input && node->output && node->attribute ? RNNP_OK : RNNP_ERR_MEMORY;
}

rnnp_status saver_int_attr(saver *s, Onnx__NodeProto *node, const char *name, int64_t value)
{
    const rnnp_attr attr = {.name = name, .kind = RNNP_ATTR_INT, .i = value};
    Onnx__AttributeProto *to = loader_alloc(&s->memory, sizeof *to);

    if (!to) return RNNP_ERR_MEMORY;
    node->attribute[node->n_attribute++] = to;
    return make_attr(s, &attr, to);
}

static char *name_of(const saver *s, rnnp_value value) { return text(value == RNNP_NONE ? "" : s->values[value].name); }

static rnnp_status add_node(void *user, const rnnp_node *from, const rnnp_value *inputs, const rnnp_value *outputs)
{
    saver *s = user;
    Onnx__NodeProto *node;
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
        status = make_attr(s, &from->attrs[i], &attrs[i]);
        node->attribute[node->n_attribute++] = &attrs[i];
    }
    return status == RNNP_OK ? saver_weights_apply(s, from, inputs, node) : status;
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
    const size_t extra = SPECIAL_ROOM * s->n_special;
    Onnx__GraphProto *graph = loader_alloc(&s->memory, sizeof *graph);

    if (!graph) return RNNP_ERR_MEMORY;
    onnx__graph_proto__init(graph);
    graph->name = text("model");
    graph->input = loader_alloc(&s->memory, model->n_inputs * sizeof *graph->input);
    graph->output = loader_alloc(&s->memory, model->n_outputs * sizeof *graph->output);
    graph->initializer = loader_alloc(&s->memory, (model->n_values + extra) * sizeof *graph->initializer);
    graph->node = loader_alloc(&s->memory, (model->n_nodes + model->n_outputs + extra) * sizeof *graph->node);
    if (!graph->input || !graph->output || !graph->initializer || !graph->node) return RNNP_ERR_MEMORY;
    s->graph = graph;
    s->n_values = 0; /* counts along */
    return model->calls->visit(model, &visitor);
}
