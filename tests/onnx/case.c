/* SPDX-License-Identifier: Apache-2.0 */
#include "case.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static case_status give_up(onnx_case *c, case_status status, const char *format, ...)
    __attribute__((format(__printf__, 3, 4)));

static case_status give_up(onnx_case *c, case_status status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(c->reason, sizeof c->reason, format, args);
    va_end(args);
    return status;
}

static void *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = NULL;
    size_t used = 0, room = 0;

    *size = 0;
    if (!file) return NULL;
    do {
        if (used == room) {
            void *more = realloc(bytes, room = room ? 2 * room : 4096);
            if (!more) break;
            bytes = more;
        }
        *size = fread(bytes + used, 1, room - used, file);
        used += *size;
    } while (*size);
    fclose(file);
    *size = used;
    return bytes;
}

/* ---- Tensors ---- */

static const struct {
    int32_t onnx;
    rnnp_dtype dtype;
} dtypes[] = {
    {ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, RNNP_DTYPE_F32},  {ONNX__TENSOR_PROTO__DATA_TYPE__INT32, RNNP_DTYPE_I32},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT64, RNNP_DTYPE_I64},  {ONNX__TENSOR_PROTO__DATA_TYPE__BOOL, RNNP_DTYPE_BOOL},
    {ONNX__TENSOR_PROTO__DATA_TYPE__INT8, RNNP_DTYPE_I8},    {ONNX__TENSOR_PROTO__DATA_TYPE__UINT8, RNNP_DTYPE_U8},
    {ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE, RNNP_DTYPE_F64},
};

static rnnp_dtype dtype_of(int32_t onnx)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (dtypes[i].onnx == onnx) return dtypes[i].dtype;
    }
    return (rnnp_dtype)0;
}

static const char *onnx_type_name(int32_t onnx)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&onnx__tensor_proto__data_type__descriptor, onnx);

    return value ? value->name : "unknown";
}

/* Element i of the typed fields, which hold small types in 32-bit integers. */
static void copy_element(const Onnx__TensorProto *proto, rnnp_dtype dtype, size_t i, void *data)
{
    switch ((int)dtype) {
    case RNNP_DTYPE_F32: ((float *)data)[i] = proto->float_data[i]; break;
    case RNNP_DTYPE_F64: ((double *)data)[i] = proto->double_data[i]; break;
    case RNNP_DTYPE_I64: ((int64_t *)data)[i] = proto->int64_data[i]; break;
    case RNNP_DTYPE_I32: ((int32_t *)data)[i] = proto->int32_data[i]; break;
    case RNNP_DTYPE_BOOL:
    case RNNP_DTYPE_I8:
    case RNNP_DTYPE_U8: ((uint8_t *)data)[i] = (uint8_t)proto->int32_data[i]; break;
    }
}

static size_t typed_elements(const Onnx__TensorProto *proto, rnnp_dtype dtype)
{
    switch (dtype) {
    case RNNP_DTYPE_F32: return proto->n_float_data;
    case RNNP_DTYPE_F64: return proto->n_double_data;
    case RNNP_DTYPE_I64: return proto->n_int64_data;
    default: return proto->n_int32_data;
    }
}

static case_status convert(onnx_case *c, const Onnx__TensorProto *proto, const char *name, case_tensor *out)
{
    rnnp_tensor *tensor = &out->tensor;

    tensor->dtype = dtype_of(proto->data_type);
    tensor->rank = proto->n_dims;
    if (!tensor->dtype) return give_up(c, CASE_SKIPPED, "type %s of a tensor", onnx_type_name(proto->data_type));
    if (tensor->rank > RNNP_MAX_RANK) return give_up(c, CASE_SKIPPED, "rank %zu of a tensor", tensor->rank);
    for (size_t i = 0; i < tensor->rank; i++) tensor->shape[i] = proto->dims[i];
    const size_t n = rnnp_tensor_elements(tensor), bytes = n * rnnp_dtype_bytes(tensor->dtype);
    if (proto->has_raw_data ? proto->raw_data.len != bytes : typed_elements(proto, tensor->dtype) != n)
        return give_up(c, CASE_BROKEN, "tensor %s has the wrong size", name);
    snprintf(out->name, sizeof out->name, "%s", name);
    if (!(tensor->data = malloc(bytes ? bytes : 1))) return give_up(c, CASE_BROKEN, "no memory");
    if (proto->has_raw_data && bytes) memcpy(tensor->data, proto->raw_data.data, bytes);
    for (size_t i = 0; !proto->has_raw_data && i < n; i++) copy_element(proto, tensor->dtype, i, tensor->data);
    return CASE_READ;
}

static case_status add(onnx_case *c, const Onnx__TensorProto *proto, const char *name, int is_output)
{
    size_t *n = is_output ? &c->n_out : &c->n_in;

    if (*n == CASE_MAX_PORTS) return give_up(c, CASE_BROKEN, "more than %d tensors", CASE_MAX_PORTS);
    const case_status status = convert(c, proto, name, is_output ? &c->out[*n] : &c->in[*n]);
    *n += status == CASE_READ;
    return status;
}

/* ---- Cases ---- */

static case_status read_model(onnx_case *c, const char *path)
{
    size_t size;

    memset(c, 0, sizeof *c);
    const char *slash = strrchr(path, '/');
    snprintf(c->directory, sizeof c->directory, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    uint8_t *bytes = read_file(path, &size);
    if (!bytes) return give_up(c, CASE_BROKEN, "cannot read %s: %s", path, strerror(errno));
    c->model = onnx__model_proto__unpack(NULL, size, bytes);
    free(bytes);
    if (!c->model || !c->model->graph) return give_up(c, CASE_BROKEN, "%s is not an ONNX model", path);
    return CASE_READ;
}

case_status case_read_ours(const char *model_path, onnx_case *c)
{
    case_status status = read_model(c, model_path);
    const char *slash = strrchr(model_path, '/'), *name = slash ? slash + 1 : model_path;
    char path[1024];
    size_t size;

    snprintf(c->name, sizeof c->name, "%.*s", (int)strcspn(name, "."), name);
    if (status != CASE_READ) return status;
    snprintf(path, sizeof path, "%s/%s.pb", c->directory, c->name);
    uint8_t *bytes = read_file(path, &size);
    Onnx__GraphProto *tensors = bytes ? onnx__graph_proto__unpack(NULL, size, bytes) : NULL;
    free(bytes);
    if (!tensors) return give_up(c, CASE_BROKEN, "%s does not hold tensors", path);
    for (size_t i = 0; i < tensors->n_initializer && status == CASE_READ; i++) {
        const Onnx__TensorProto *proto = tensors->initializer[i];

        if (strncmp(proto->name, "in:", 3) == 0)
            status = add(c, proto, proto->name + 3, 0);
        else if (strncmp(proto->name, "out:", 4) == 0)
            status = add(c, proto, proto->name + 4, 1);
    }
    onnx__graph_proto__free_unpacked(tensors, NULL);
    return status;
}

/* The reason to skip what the operator table does not have, else "". */
static case_status check_operators(onnx_case *c)
{
    const Onnx__GraphProto *graph = c->model->graph;

    for (size_t i = 0; i < graph->n_node; i++) {
        const Onnx__NodeProto *node = graph->node[i];
        const char *known;
        size_t k = 0;

        if (node->domain && node->domain[0]) return give_up(c, CASE_SKIPPED, "domain %s", node->domain);
        if (strcmp(node->op_type, "Loop") == 0 || strcmp(node->op_type, "Scan") == 0) continue; /* become two nodes */
        while ((known = rnnp_operator_name(k++)) && strcmp(known, node->op_type) != 0) {
        }
        if (!known) return give_up(c, CASE_SKIPPED, "operator %s", node->op_type);
    }
    return CASE_READ;
}

/* f64 is a type of constants only. */
static case_status check_ports(onnx_case *c, Onnx__ValueInfoProto *const *ports, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const Onnx__TypeProto *type = ports[i]->type;

        if (!type || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
            return give_up(c, CASE_SKIPPED, "an input or output that is not a tensor");
        const rnnp_dtype dtype = dtype_of(type->tensor_type->elem_type);
        if (!dtype || dtype == RNNP_DTYPE_F64)
            return give_up(c, CASE_SKIPPED, "type %s of an input or output",
                           onnx_type_name(type->tensor_type->elem_type));
    }
    return CASE_READ;
}

static case_status read_ports(onnx_case *c, const char *kind, Onnx__ValueInfoProto *const *ports, size_t n)
{
    case_status status = check_ports(c, ports, n);

    for (size_t i = 0; i < n && status == CASE_READ; i++) {
        char path[1024];
        size_t size;

        snprintf(path, sizeof path, "%s/test_data_set_0/%s_%zu.pb", c->directory, kind, i);
        uint8_t *bytes = read_file(path, &size);
        Onnx__TensorProto *proto = bytes ? onnx__tensor_proto__unpack(NULL, size, bytes) : NULL;
        free(bytes);
        if (!proto) return give_up(c, CASE_BROKEN, "%s is not a tensor", path);
        status = add(c, proto, ports[i]->name, kind[0] == 'o');
        onnx__tensor_proto__free_unpacked(proto, NULL);
    }
    return status;
}

case_status case_read_node_test(const char *model_path, onnx_case *c)
{
    case_status status = read_model(c, model_path);
    const char *slash = strrchr(c->directory, '/');

    snprintf(c->name, sizeof c->name, "%.*s", (int)sizeof c->name - 1, slash ? slash + 1 : c->directory);
    if (status == CASE_READ) status = check_operators(c);
    if (status == CASE_READ) status = read_ports(c, "input", c->model->graph->input, c->model->graph->n_input);
    if (status == CASE_READ) status = read_ports(c, "output", c->model->graph->output, c->model->graph->n_output);
    return status;
}

void case_free(onnx_case *c)
{
    if (c->model) onnx__model_proto__free_unpacked(c->model, NULL);
    for (size_t i = 0; i < c->n_in; i++) free(c->in[i].tensor.data);
    for (size_t i = 0; i < c->n_out; i++) free(c->out[i].tensor.data);
}

const case_tensor *case_find(const case_tensor *tensors, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(tensors[i].name, name) == 0) return &tensors[i];
    }
    return NULL;
}

/* ---- Inputs made constant ---- */

/* A tensor as the unpacker would have made it, so that freeing the model frees it. */
static Onnx__TensorProto *to_proto(const case_tensor *from)
{
    Onnx__TensorProto proto = ONNX__TENSOR_PROTO__INIT;
    int64_t dims[RNNP_MAX_RANK];

    for (size_t i = 0; i < from->tensor.rank; i++) dims[i] = from->tensor.shape[i];
    proto.n_dims = from->tensor.rank;
    proto.dims = dims;
    proto.has_data_type = 1;
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (dtypes[i].dtype == from->tensor.dtype) proto.data_type = dtypes[i].onnx;
    }
    proto.name = (char *)(uintptr_t)from->name;
    proto.has_raw_data = 1;
    proto.raw_data.len = rnnp_tensor_elements(&from->tensor) * rnnp_dtype_bytes(from->tensor.dtype);
    proto.raw_data.data = from->tensor.data;
    const size_t size = onnx__tensor_proto__get_packed_size(&proto);
    uint8_t *bytes = malloc(size);
    if (!bytes) return NULL;
    onnx__tensor_proto__pack(&proto, bytes);
    Onnx__TensorProto *copy = onnx__tensor_proto__unpack(NULL, size, bytes);
    free(bytes);
    return copy;
}

size_t case_make_constant(onnx_case *c, rnnp_dtype dtype)
{
    Onnx__GraphProto *graph = c->model->graph;
    size_t kept = 0, made = 0;
    Onnx__TensorProto **all = realloc(graph->initializer, (graph->n_initializer + graph->n_input + 1) * sizeof *all);

    if (!all) return 0;
    graph->initializer = all;
    for (size_t i = 0; i < graph->n_input; i++) {
        const case_tensor *value = case_find(c->in, c->n_in, graph->input[i]->name);
        Onnx__TensorProto *constant = value && (!dtype || value->tensor.dtype == dtype) ? to_proto(value) : NULL;

        if (!constant) {
            graph->input[kept++] = graph->input[i];
            continue;
        }
        graph->initializer[graph->n_initializer++] = constant;
        onnx__value_info_proto__free_unpacked(graph->input[i], NULL);
        made++;
    }
    graph->n_input = kept;
    return made;
}

void *case_pack(const onnx_case *c, size_t *size)
{
    *size = onnx__model_proto__get_packed_size(c->model);
    uint8_t *bytes = malloc(*size);

    if (bytes) onnx__model_proto__pack(c->model, bytes);
    return bytes;
}
