/* SPDX-License-Identifier: Apache-2.0 */
#include "ep.h"

#include <stdlib.h>

/* ---- Tensors ---- */

OrtStatus *rnnp_ort_dtype(const rnnp_ort_ep *ep, int element_type, rnnp_dtype *dtype)
{
    switch (element_type) {
    case ORT_FLOAT: *dtype = RNNP_DTYPE_F32; return NULL;
    case ORT_INT32: *dtype = RNNP_DTYPE_I32; return NULL;
    case ORT_INT64: *dtype = RNNP_DTYPE_I64; return NULL;
    default: return ep->ort->CreateStatus(ORT_CODE_NOT_IMPLEMENTED, "elements are neither f32, i32 nor i64");
    }
}

static OrtStatus *read_shape(const rnnp_ort_ep *ep, const OrtTensorTypeAndShapeInfo *info, rnnp_tensor *tensor)
{
    int type;
    ORT_TRY(ep->ort->GetTensorElementType(info, &type));
    ORT_TRY(rnnp_ort_dtype(ep, type, &tensor->dtype));
    ORT_TRY(ep->ort->GetDimensionsCount(info, &tensor->rank));
    if (tensor->rank > RNNP_MAX_RANK)
        return ep->ort->CreateStatus(ORT_CODE_NOT_IMPLEMENTED, "a tensor has too many axes");
    return ep->ort->GetDimensions(info, tensor->shape, tensor->rank);
}

OrtStatus *rnnp_ort_tensor(const rnnp_ort_ep *ep, const OrtValue *value, rnnp_tensor *tensor)
{
    OrtTensorTypeAndShapeInfo *info;
    ORT_TRY(ep->ort->GetTensorTypeAndShape(value, &info));
    OrtStatus *status = read_shape(ep, info, tensor);
    ep->ort->ReleaseTensorTypeAndShapeInfo(info);
    if (status) return status;
    return ep->ort->GetTensorMutableData((OrtValue *)(uintptr_t)value, &tensor->data); /* read, if it is an input */
}

/* ---- Values ---- */

OrtStatus *rnnp_ort_name(const rnnp_ort_ep *ep, const OrtValueInfo *value, const char **name)
{
    *name = "";
    return value ? ep->ort->GetValueInfoName(value, name) : NULL;
}

OrtStatus *rnnp_ort_values_of(const rnnp_ort_ep *ep, const OrtNode *node, rnnp_ort_side side, rnnp_ort_values *values)
{
    const ort_api *ort = ep->ort;
    *values = (rnnp_ort_values){0};
    ORT_TRY((side == RNNP_ORT_INPUTS    ? ort->Node_GetNumInputs
             : side == RNNP_ORT_OUTPUTS ? ort->Node_GetNumOutputs
                                        : ort->Node_GetNumImplicitInputs)(node, &values->n));
    values->at = calloc(values->n + 1, sizeof *values->at);
    if (!values->at) return rnnp_ort_no_memory(ep);
    OrtStatus *status = (side == RNNP_ORT_INPUTS    ? ort->Node_GetInputs
                         : side == RNNP_ORT_OUTPUTS ? ort->Node_GetOutputs
                                                    : ort->Node_GetImplicitInputs)(node, values->at, values->n);
    if (!status) return NULL;
    free(values->at);
    *values = (rnnp_ort_values){0};
    return status;
}

/* ---- Building ---- */

typedef struct builder {
    const rnnp_ort_ep *ep;
    rnnp_ort_part *part;
    struct {
        const char *name;
        rnnp_value value;
    } * known;
    size_t n_known;
} builder;

static rnnp_value find(const builder *b, const char *name)
{
    for (size_t i = 0; i < b->n_known; i++)
        if (strcmp(b->known[i].name, name) == 0) return b->known[i].value;
    return RNNP_NONE;
}

static void remember(builder *b, const char *name, rnnp_value value)
{
    b->known[b->n_known].name = name;
    b->known[b->n_known++].value = value;
}

/* The type and shape of a value that the nodes do not make. Where the graph does not know its axes: no input of a
 * recurrent node is a scalar, and lengths are a vector. */
static OrtStatus *declared(const builder *b, const OrtValueInfo *value, size_t at, rnnp_tensor *tensor)
{
    enum { LENGTHS = 4 };
    const ort_api *ort = b->ep->ort;
    const OrtTensorTypeAndShapeInfo *info = NULL;
    const OrtTypeInfo *type;
    int onnx_type;
    ORT_TRY(ort->GetValueInfoTypeInfo(value, &type));
    ORT_TRY(ort->GetOnnxTypeFromTypeInfo(type, &onnx_type));
    if (onnx_type == ORT_TYPE_TENSOR) ORT_TRY(ort->CastTypeInfoToTensorInfo(type, &info));
    if (!info) return ort->CreateStatus(ORT_CODE_NOT_IMPLEMENTED, "an input is no tensor");
    ORT_TRY(read_shape(b->ep, info, tensor));
    if (tensor->rank == 0) {
        tensor->rank = at == LENGTHS ? 1 : 3;
        for (size_t k = 0; k < tensor->rank; k++) tensor->shape[k] = RNNP_DYNAMIC;
    }
    for (size_t k = 0; k < tensor->rank; k++)
        if (tensor->shape[k] < 0) tensor->shape[k] = RNNP_DYNAMIC;
    return NULL;
}

/* The value at input `at` of a node: one that is known, a constant, or a new input of the model. */
static OrtStatus *value_of(builder *b, const OrtValueInfo *value, size_t at, rnnp_value *found)
{
    const ort_api *ort = b->ep->ort;
    rnnp_tensor tensor = {0};
    const char *name;
    bool is_constant;
    *found = RNNP_NONE;
    ORT_TRY(rnnp_ort_name(b->ep, value, &name));
    if (!*name) return NULL;
    *found = find(b, name);
    if (*found != RNNP_NONE) return NULL;
    ORT_TRY(ort->ValueInfo_IsConstantInitializer(value, &is_constant));
    if (is_constant) {
        const OrtValue *initial;
        ORT_TRY(ort->ValueInfo_GetInitializerValue(value, &initial));
        ORT_TRY(rnnp_ort_tensor(b->ep, initial, &tensor));
        ORT_TRY(rnnp_ort_status(b->ep, rnnp_model_add_constant(b->part->model, name, &tensor, found)));
    } else {
        ORT_TRY(declared(b, value, at, &tensor));
        ORT_TRY(rnnp_ort_status(
            b->ep, rnnp_model_add_input(b->part->model, name, tensor.dtype, tensor.rank, tensor.shape, NULL, found)));
        b->part->inputs[b->part->n_inputs++] = name;
    }
    remember(b, name, *found);
    return NULL;
}

/* ---- Attributes ---- */

/* Bytes of an attribute's data. It is refused when there is no room for it, and its size told all the same. */
static size_t size_of(const rnnp_ort_ep *ep, const OrtOpAttr *attr, int type)
{
    size_t size = 0;
    OrtStatus *status = ep->ort->ReadOpAttr(attr, type, NULL, 0, &size);
    if (status) ep->ort->ReleaseStatus(status);
    return size;
}

/* Strings follow each other in the data, each with its NUL. */
static rnnp_status split(const char *data, size_t size, rnnp_attr *to, const char ***strings)
{
    to->count = 0;
    for (size_t i = 0; i < size; i++) to->count += data[i] == '\0';
    *strings = calloc(to->count + 1, sizeof **strings);
    if (!*strings) return RNNP_ERR_MEMORY;
    for (size_t i = 0, k = 0; k < to->count; i += strlen(data + i) + 1) (*strings)[k++] = data + i;
    to->strings = *strings;
    return RNNP_OK;
}

typedef struct attribute_data {
    void *data;
    const char **strings;
} attribute_data;

static OrtStatus *read_attribute(const rnnp_ort_ep *ep, const OrtOpAttr *from, rnnp_attr *to, attribute_data *kept)
{
    int type;
    ORT_TRY(ep->ort->OpAttr_GetName(from, &to->name));
    ORT_TRY(ep->ort->OpAttr_GetType(from, &type));
    if (type < ORT_ATTR_INT || type > ORT_ATTR_STRINGS)
        return ep->ort->CreateStatus(ORT_CODE_NOT_IMPLEMENTED, "an attribute is neither a number nor a string");
    size_t size = size_of(ep, from, type);
    kept->data = calloc(size + 1, 1);
    if (!kept->data) return rnnp_ort_no_memory(ep);
    if (size > 0) ORT_TRY(ep->ort->ReadOpAttr(from, type, kept->data, size, &size));
    switch (type) {
    case ORT_ATTR_INT:
        to->kind = RNNP_ATTR_INT;
        memcpy(&to->i, kept->data, sizeof to->i);
        break;
    case ORT_ATTR_INTS:
        to->kind = RNNP_ATTR_INTS;
        to->ints = kept->data;
        to->count = size / sizeof *to->ints;
        break;
    case ORT_ATTR_FLOAT:
        to->kind = RNNP_ATTR_FLOAT;
        memcpy(&to->f, kept->data, sizeof to->f);
        break;
    case ORT_ATTR_FLOATS:
        to->kind = RNNP_ATTR_FLOATS;
        to->floats = kept->data;
        to->count = size / sizeof *to->floats;
        break;
    case ORT_ATTR_STRING:
        to->kind = RNNP_ATTR_STRING;
        to->s = kept->data;
        break;
    default:
        to->kind = RNNP_ATTR_STRINGS;
        if (split(kept->data, size, to, &kept->strings) != RNNP_OK) return rnnp_ort_no_memory(ep);
    }
    return NULL;
}

/* ---- Nodes ---- */

/* What is made of a node, so that it is freed whatever fails. */
typedef struct node_parts {
    rnnp_ort_values in, out;
    size_t n_attributes;
    const OrtOpAttr **from;
    rnnp_attr *attributes;
    attribute_data *kept;
    rnnp_value *inputs, *outputs;
} node_parts;

static OrtStatus *read_node(builder *b, const OrtNode *node, node_parts *p)
{
    enum { OLDEST_OPSET = 6 };
    const ort_api *ort = b->ep->ort;
    const char *op, *name;
    int since;
    ORT_TRY(ort->Node_GetOperatorType(node, &op));
    ORT_TRY(ort->Node_GetName(node, &name));
    ORT_TRY(ort->Node_GetSinceVersion(node, &since));
    ORT_TRY(rnnp_ort_values_of(b->ep, node, RNNP_ORT_INPUTS, &p->in));
    ORT_TRY(rnnp_ort_values_of(b->ep, node, RNNP_ORT_OUTPUTS, &p->out));
    ORT_TRY(ort->Node_GetNumAttributes(node, &p->n_attributes));
    p->from = calloc(p->n_attributes + 1, sizeof *p->from);
    p->attributes = calloc(p->n_attributes + 1, sizeof *p->attributes);
    p->kept = calloc(p->n_attributes + 1, sizeof *p->kept);
    p->inputs = calloc(p->in.n + 1, sizeof *p->inputs);
    p->outputs = calloc(p->out.n + 1, sizeof *p->outputs);
    if (!p->from || !p->attributes || !p->kept || !p->inputs || !p->outputs) return rnnp_ort_no_memory(b->ep);
    ORT_TRY(ort->Node_GetAttributes(node, p->from, p->n_attributes));
    for (size_t i = 0; i < p->n_attributes; i++)
        ORT_TRY(read_attribute(b->ep, p->from[i], &p->attributes[i], &p->kept[i]));
    for (size_t i = 0; i < p->in.n; i++) ORT_TRY(value_of(b, p->in.at[i], i, &p->inputs[i]));
    for (size_t i = 0; i < p->out.n; i++) {
        const char *output;
        ORT_TRY(rnnp_ort_name(b->ep, p->out.at[i], &output));
        p->outputs[i] = *output ? 0 : RNNP_NONE;
    }
    ORT_TRY(rnnp_ort_status(b->ep, rnnp_model_add_node(b->part->model, op, since < OLDEST_OPSET ? OLDEST_OPSET : since,
                                                       *name ? name : NULL, p->inputs, p->in.n, p->attributes,
                                                       p->n_attributes, p->outputs, p->out.n)));
    for (size_t i = 0; i < p->out.n; i++) {
        const char *output;
        ORT_TRY(rnnp_ort_name(b->ep, p->out.at[i], &output));
        if (*output) remember(b, output, p->outputs[i]);
    }
    return NULL;
}

static OrtStatus *add_node(builder *b, const OrtNode *node)
{
    node_parts p = {0};
    OrtStatus *status = read_node(b, node, &p);
    for (size_t i = 0; p.kept && i < p.n_attributes; i++) {
        free(p.kept[i].data);
        free(p.kept[i].strings);
    }
    free(p.in.at);
    free(p.out.at);
    free(p.from);
    free(p.attributes);
    free(p.kept);
    free(p.inputs);
    free(p.outputs);
    return status;
}

static OrtStatus *add_outputs(builder *b, const OrtValueInfo *const *outputs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *name;
        ORT_TRY(rnnp_ort_name(b->ep, outputs[i], &name));
        if (!*name) continue;
        ORT_TRY(rnnp_ort_status(b->ep, rnnp_model_add_output(b->part->model, name, find(b, name))));
        b->part->outputs[b->part->n_outputs++] = name;
    }
    return NULL;
}

static OrtStatus *build(builder *b, const OrtNode *const *nodes, size_t n, const OrtValueInfo *const *outputs,
                        size_t n_outputs)
{
    size_t values = n_outputs + 1; /* at most */
    for (size_t i = 0; i < n; i++) {
        size_t in, out;
        ORT_TRY(b->ep->ort->Node_GetNumInputs(nodes[i], &in));
        ORT_TRY(b->ep->ort->Node_GetNumOutputs(nodes[i], &out));
        values += in + out;
    }
    b->known = calloc(values, sizeof *b->known);
    b->part->inputs = calloc(values, sizeof *b->part->inputs);
    b->part->outputs = calloc(values, sizeof *b->part->outputs);
    if (!b->known || !b->part->inputs || !b->part->outputs) return rnnp_ort_no_memory(b->ep);
    ORT_TRY(rnnp_ort_status(b->ep, rnnp_model_create(b->ep->context, &b->part->model)));
    for (size_t i = 0; i < n; i++) ORT_TRY(add_node(b, nodes[i]));
    ORT_TRY(add_outputs(b, outputs, n_outputs));
    return rnnp_ort_status(b->ep, rnnp_model_close(b->part->model));
}

OrtStatus *rnnp_ort_part_make(const rnnp_ort_ep *ep, const OrtNode *const *nodes, size_t n,
                              const OrtValueInfo *const *outputs, size_t n_outputs, rnnp_ort_part *part)
{
    builder b = {.ep = ep, .part = part};
    *part = (rnnp_ort_part){0};
    OrtStatus *status = build(&b, nodes, n, outputs, n_outputs);
    free(b.known);
    if (status) rnnp_ort_part_free(part);
    return status;
}

void rnnp_ort_part_free(rnnp_ort_part *part)
{
    rnnp_model_destroy(part->model);
    free(part->inputs);
    free(part->outputs);
    *part = (rnnp_ort_part){0};
}
