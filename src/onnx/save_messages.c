/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors, attributes and nodes as messages of the file.
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
    const rnnp_status status = make_tensor(s, name, tensor, &s->file->initializer[s->file->n_initializer]);

    s->file->n_initializer += status == RNNP_OK;
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

rnnp_status saver_attr(saver *s, const rnnp_attr *attr, Onnx__AttributeProto *to)
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

rnnp_status saver_node_alone(saver *s, const char *op, const char *name, size_t inputs, size_t outputs, size_t attrs,
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
    *to = node;
    return node->input && node->output && node->attribute ? RNNP_OK : RNNP_ERR_MEMORY;
}

rnnp_status saver_info(saver *s, const char *name, rnnp_dtype dtype, Onnx__TensorShapeProto *shape,
                       Onnx__ValueInfoProto **to)
{
    typedef struct message {
        Onnx__ValueInfoProto info;
        Onnx__TypeProto type;
        Onnx__TypeProto__Tensor tensor;
    } message;
    message *m = loader_alloc(&s->memory, sizeof *m);

    if (!m) return RNNP_ERR_MEMORY;
    onnx__value_info_proto__init(&m->info);
    onnx__type_proto__init(&m->type);
    onnx__type_proto__tensor__init(&m->tensor);
    m->info.name = text(name);
    m->info.type = &m->type;
    m->type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    m->type.tensor_type = &m->tensor;
    m->tensor.has_elem_type = 1;
    m->tensor.elem_type = loader_onnx_type(dtype);
    m->tensor.shape = shape;
    *to = &m->info;
    return RNNP_OK;
}

rnnp_status saver_node(saver *s, const char *op, const char *name, size_t inputs, size_t outputs, size_t attrs,
                       Onnx__NodeProto **to)
{
    const rnnp_status status = saver_node_alone(s, op, name, inputs, outputs, attrs, to);

    return status == RNNP_OK ? saver_add_node(s, s->graph, *to) : status;
}

/* Room doubles when the number of nodes reaches a power of 2. */
rnnp_status saver_add_node(saver *s, Onnx__GraphProto *graph, Onnx__NodeProto *node)
{
    const size_t n = graph->n_node;

    if ((n & (n - 1)) == 0) {
        Onnx__NodeProto **larger = loader_alloc(&s->memory, (n ? 2 * n : 1) * sizeof *larger);

        if (!larger) return RNNP_ERR_MEMORY;
        if (n) memcpy(larger, graph->node, n * sizeof *larger);
        loader_free(&s->memory, graph->node);
        graph->node = larger;
    }
    graph->node[graph->n_node++] = node;
    return RNNP_OK;
}

rnnp_status saver_int_attr(saver *s, Onnx__NodeProto *node, const char *name, int64_t value)
{
    const rnnp_attr attr = {.name = name, .kind = RNNP_ATTR_INT, .i = value};
    Onnx__AttributeProto *to = loader_alloc(&s->memory, sizeof *to);

    if (!to) return RNNP_ERR_MEMORY;
    node->attribute[node->n_attribute++] = to;
    return saver_attr(s, &attr, to);
}
