/* SPDX-License-Identifier: Apache-2.0 */
#include "loader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    rnnp_dtype dtype; /* 0: unknown to rnnpack */
} types[] = {
    { "undefined", 0 }, { "float", RNNP_F32 }, { "uint8", RNNP_U8 }, { "int8", 0 }, { "uint16", 0 }, { "int16", 0 },
    { "int32", RNNP_I32 }, { "int64", RNNP_I64 }, { "string", 0 }, { "bool", RNNP_BOOL }, { "float16", 0 },
    { "double", RNNP_F64 }, { "uint32", 0 }, { "uint64", 0 }, { "complex64", 0 }, { "complex128", 0 }, { "bfloat16", 0 },
};
enum { TYPES = sizeof types / sizeof *types };

rnnp_dtype loader_dtype(int32_t t) { return t > 0 && t < TYPES ? types[t].dtype : (rnnp_dtype)0; }
const char *loader_dtype_name(int32_t t) { return t >= 0 && t < TYPES ? types[t].name : "unknown"; }

int32_t loader_onnx_type(rnnp_dtype dtype)
{
    int32_t t = 1;
    while (t < TYPES - 1 && types[t].dtype != dtype) t++;
    return t;
}

/* A path below the directory: relative, without "..". */
static int is_inside(const char *location)
{
    if (!*location || *location == '/') return 0;
    for (const char *p = location; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || p[2] == 0)) return 0;
    }
    return 1;
}

static int parse_size(const char *text, size_t *value)
{
    char *end;
    if (*text < '0' || *text > '9') return -1;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno || *end || v > SIZE_MAX) return -1;
    *value = (size_t)v;
    return 0;
}

static rnnp_status external_data(loader *l, const Onnx__TensorProto *proto, const char *owner, size_t bytes, void **data)
{
    const char *location = NULL;
    size_t offset = 0, length = bytes, size;
    for (size_t i = 0; i < proto->n_external_data; i++) {
        const char *key = proto->external_data[i]->key, *value = proto->external_data[i]->value;
        if (!key || !value) continue;
        if (!strcmp(key, "location")) location = value;
        else if ((!strcmp(key, "offset") && parse_size(value, &offset)) || (!strcmp(key, "length") && parse_size(value, &length)))
            return rnnp_fail(l->context, RNNP_ERR_FORMAT, "tensor %s: %s \"%s\" is not a number", owner, key, value);
    }
    if (!location || !is_inside(location))
        return rnnp_fail(l->context, RNNP_ERR_FORMAT, "tensor %s: external data at \"%s\", which is not below the model's folder",
                         owner, location ? location : "");
    if (!l->directory)
        return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "tensor %s: external data, but no folder was given", owner);
    if (length != bytes)
        return rnnp_fail(l->context, RNNP_ERR_FORMAT, "tensor %s: %zu bytes of external data for a shape of %zu", owner, length, bytes);
    size_t path_bytes = strlen(l->directory) + strlen(location) + 2;
    char *path = loader_alloc(l, path_bytes);
    if (!path) return RNNP_ERR_MEMORY;
    snprintf(path, path_bytes, "%s/%s", l->directory, location);
    return loader_read_file(l, path, offset, length, data, &size);
}

rnnp_status loader_tensor(loader *l, const Onnx__TensorProto *proto, const char *owner, rnnp_tensor *t)
{
    memset(t, 0, sizeof *t);
    t->dtype = loader_dtype(proto->data_type);
    t->rank = proto->n_dims;
    if (!t->dtype)
        return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "tensor %s: type %s is not supported", owner,
                         loader_dtype_name(proto->data_type));
    if (proto->n_dims > RNNP_MAX_RANK)
        return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "tensor %s: rank %zu is above %d", owner, proto->n_dims, RNNP_MAX_RANK);
    if (proto->segment) return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "tensor %s: segments are not supported", owner);
    for (size_t i = 0; i < t->rank; i++) t->shape[i] = proto->dims[i];
    size_t n = rnnp_tensor_elements(t), width = rnnp_dtype_bytes(t->dtype), bytes;
    if (n == SIZE_MAX || rnnp_mul_overflow(n, width, &bytes))
        return rnnp_fail(l->context, RNNP_ERR_SHAPE, "tensor %s: impossible shape", owner);

    const void *data = NULL;
    void *own = NULL;       /* the elements, where they are in loader_alloc memory already */
    size_t have = SIZE_MAX; /* elements in the field that holds them */
    if (proto->has_data_location && proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) {
        rnnp_status status = external_data(l, proto, owner, bytes, &own);
        if (status != RNNP_OK) return status;
        have = n;
    } else if (proto->has_raw_data) {
        data = proto->raw_data.data;
        have = proto->raw_data.len % width ? SIZE_MAX : proto->raw_data.len / width;
    } else if (t->dtype == RNNP_F32) {
        data = proto->float_data;
        have = proto->n_float_data;
    } else if (t->dtype == RNNP_F64) {
        data = proto->double_data;
        have = proto->n_double_data;
    } else if (t->dtype == RNNP_I64) {
        data = proto->int64_data;
        have = proto->n_int64_data;
    } else if (t->dtype == RNNP_I32) {
        data = proto->int32_data;
        have = proto->n_int32_data;
    } else { /* one byte each, stored as int32 */
        have = proto->n_int32_data;
        uint8_t *to = have == n ? loader_alloc(l, n) : NULL;
        if (have == n && !to) return RNNP_ERR_MEMORY;
        for (size_t i = 0; have == n && i < n; i++) to[i] = (uint8_t)proto->int32_data[i];
        own = to;
    }
    if (have != n)
        return rnnp_fail(l->context, RNNP_ERR_FORMAT, "tensor %s: its data does not fill its shape of %zu elements", owner, n);
    if (!own) { /* raw bytes have no alignment, and an empty field is NULL */
        own = loader_alloc(l, bytes);
        if (!own) return RNNP_ERR_MEMORY;
        if (bytes) memcpy(own, data, bytes);
    }
    uint8_t *byte = own;
    for (size_t i = 0; t->dtype == RNNP_BOOL && i < n; i++) byte[i] = byte[i] != 0;
    t->data = own;
    return RNNP_OK;
}
