/* SPDX-License-Identifier: Apache-2.0 */
#include "loader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    rnnp_dtype dtype; /* 0: unknown to rnnpack */
} types[] = {
    {"undefined", 0},
    {"float", RNNP_DTYPE_F32},
    {"uint8", RNNP_DTYPE_U8},
    {"int8", RNNP_DTYPE_I8},
    {"uint16", 0},
    {"int16", 0},
    {"int32", RNNP_DTYPE_I32},
    {"int64", RNNP_DTYPE_I64},
    {"string", 0},
    {"bool", RNNP_DTYPE_BOOL},
    {"float16", RNNP_DTYPE_F16},
    {"double", RNNP_DTYPE_F64},
    {"uint32", 0},
    {"uint64", 0},
    {"complex64", 0},
    {"complex128", 0},
    {"bfloat16", RNNP_DTYPE_BF16},
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

/* Where a tensor's elements are, by the file. */
typedef struct place {
    const char *location;
    size_t offset, length;
} place;

static rnnp_status read_place(loader *l, const Onnx__TensorProto *proto, const char *owner, size_t bytes, place *p)
{
    *p = (place){.length = bytes};
    for (size_t i = 0; i < proto->n_external_data; i++) {
        const char *key = proto->external_data[i]->key, *value = proto->external_data[i]->value;
        if (!key || !value) continue;
        if (!strcmp(key, "location"))
            p->location = value;
        else if ((!strcmp(key, "offset") && parse_size(value, &p->offset)) ||
                 (!strcmp(key, "length") && parse_size(value, &p->length)))
            return rnnp_fail(l->context, RNNP_ERR_FORMAT, "tensor %s: %s \"%s\" is not a number", owner, key, value);
    }
    if (!p->location || !is_inside(p->location))
        return rnnp_fail(l->context, RNNP_ERR_FORMAT,
                         "tensor %s: external data at \"%s\", which is not below the model's folder", owner,
                         p->location ? p->location : "");
    if (!l->directory)
        return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "tensor %s: external data, but no folder was given", owner);
    if (p->length != bytes)
        return rnnp_fail(l->context, RNNP_ERR_FORMAT, "tensor %s: %zu bytes of external data for a shape of %zu", owner,
                         p->length, bytes);
    return RNNP_OK;
}

/* A file that is new here allows for more memory, once, by what is on the disk: holes cost nobody anything. */
static rnnp_status allow_for(loader *l, const loader_file *file)
{
    for (size_t i = 0; i < l->n_seen; i++)
        if (l->seen[i][0] == file->device && l->seen[i][1] == file->number) return RNNP_OK;
    if (l->n_seen == l->room_seen) {
        const size_t room = 2 * l->room_seen + 16;
        uint64_t(*larger)[2] = loader_alloc(l, room * sizeof *larger);
        if (!larger) return RNNP_ERR_MEMORY;
        if (l->n_seen) memcpy(larger, l->seen, l->n_seen * sizeof *larger);
        loader_free(l, l->seen);
        l->seen = larger;
        l->room_seen = room;
    }
    l->seen[l->n_seen][0] = file->device;
    l->seen[l->n_seen++][1] = file->number;
    if (l->limit_grows && file->on_disk < SIZE_MAX / 16) l->budget->max_bytes += 4 * (size_t)file->on_disk;
    return RNNP_OK;
}

static rnnp_status external_data(loader *l, const Onnx__TensorProto *proto, const char *owner, size_t bytes,
                                 void **data)
{
    loader_file file;
    place p;
    rnnp_status status = read_place(l, proto, owner, bytes, &p);
    if (status != RNNP_OK || (status = loader_open_beneath(l, p.location, &file)) != RNNP_OK) return status;
    status = allow_for(l, &file);
    if (status == RNNP_OK) status = loader_read(l, &file, p.location, p.offset, p.length, data);
    loader_close(&file);
    return status;
}

/* In new memory; what it was read from is freed. */
static rnnp_status to_singles(loader *l, rnnp_tensor *t, size_t n, void **own)
{
    const double *from = *own;
    float *to = loader_alloc(l, n * sizeof *to);
    if (!to) return RNNP_ERR_MEMORY;
    for (size_t i = 0; i < n; i++) {
        double x;
        memcpy(&x, from + i, sizeof x);
        to[i] = (float)x;
    }
    t->dtype = RNNP_DTYPE_F32;
    t->data = *own = to;
    return RNNP_OK;
}

rnnp_status loader_tensor(loader *l, const Onnx__TensorProto *proto, const char *owner, rnnp_tensor *t, void **own)
{
    memset(t, 0, sizeof *t);
    *own = NULL;
    t->dtype = loader_dtype(proto->data_type);
    t->rank = proto->n_dims;
    if (!t->dtype)
        return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "tensor %s: type %s is not supported", owner,
                         loader_dtype_name(proto->data_type));
    if (proto->n_dims > RNNP_MAX_RANK)
        return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "tensor %s: rank %zu is above %d", owner, proto->n_dims,
                         RNNP_MAX_RANK);
    if (proto->segment)
        return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "tensor %s: segments are not supported", owner);
    for (size_t i = 0; i < t->rank; i++) t->shape[i] = proto->dims[i];
    size_t n = rnnp_tensor_elements(t), width = rnnp_dtype_bytes(t->dtype), bytes;
    if (n == SIZE_MAX || rnnp_mul_overflow(n, width, &bytes))
        return rnnp_fail(l->context, RNNP_ERR_SHAPE, "tensor %s: impossible shape", owner);

    size_t have = SIZE_MAX; /* elements in the field that holds them */
    if (proto->has_data_location && proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) {
        rnnp_status status = external_data(l, proto, owner, bytes, own);
        if (status != RNNP_OK) return status;
        have = n;
    } else if (proto->has_raw_data) {
        *own = proto->raw_data.data;
        have = proto->raw_data.len % width ? SIZE_MAX : proto->raw_data.len / width;
    } else if (t->dtype == RNNP_DTYPE_F32) {
        *own = proto->float_data;
        have = proto->n_float_data;
    } else if (t->dtype == RNNP_DTYPE_F64) {
        *own = proto->double_data;
        have = proto->n_double_data;
    } else if (t->dtype == RNNP_DTYPE_I64) {
        *own = proto->int64_data;
        have = proto->n_int64_data;
    } else if (t->dtype == RNNP_DTYPE_I32) {
        *own = proto->int32_data;
        have = proto->n_int32_data;
    } else { /* the low one or two bytes of int32 */
        have = proto->n_int32_data;
        *own = have == n ? loader_alloc(l, bytes) : NULL;
        if (have == n && !*own) return RNNP_ERR_MEMORY;
        for (size_t i = 0; have == n && i < n; i++) {
            if (width == 1)
                ((uint8_t *)*own)[i] = (uint8_t)proto->int32_data[i];
            else
                ((uint16_t *)*own)[i] = (uint16_t)proto->int32_data[i];
        }
    }
    if (have != n)
        return rnnp_fail(l->context, RNNP_ERR_FORMAT, "tensor %s: its data does not fill its shape of %zu elements",
                         owner, n);
    uint8_t *byte = *own;
    for (size_t i = 0; t->dtype == RNNP_DTYPE_BOOL && i < n; i++) byte[i] = byte[i] != 0;
    t->data = *own;
    return t->dtype == RNNP_DTYPE_F64 && l->options->f64_as_f32 ? to_singles(l, t, n, own) : RNNP_OK;
}

/* ---- Attributes ---- */

static rnnp_status text(loader *l, const ProtobufCBinaryData *from, const char **to)
{
    char *s = loader_alloc(l, from->len + 1);
    if (!s) return RNNP_ERR_MEMORY;
    if (from->len) memcpy(s, from->data, from->len);
    s[from->len] = 0;
    *to = s;
    return RNNP_OK;
}

rnnp_status loader_attribute(loader *l, const Onnx__AttributeProto *a, const char *node, rnnp_attr *out)
{
    rnnp_status status = RNNP_OK;
    *out = (rnnp_attr){.name = a->name ? a->name : ""};
    if (a->ref_attr_name && *a->ref_attr_name)
        return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "node %s: attribute %s refers to an attribute of a function",
                         node, out->name);
    switch (a->type) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        out->kind = RNNP_ATTR_INT;
        out->i = a->i;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        out->kind = RNNP_ATTR_FLOAT;
        out->f = a->f;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
        out->kind = RNNP_ATTR_STRING;
        status = text(l, &a->s, &out->s);
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        out->kind = RNNP_ATTR_INTS;
        out->ints = a->ints;
        out->count = a->n_ints;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
        out->kind = RNNP_ATTR_FLOATS;
        out->floats = a->floats;
        out->count = a->n_floats;
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS: {
        const char **strings = loader_alloc(l, a->n_strings * sizeof *strings);
        if (!strings) return RNNP_ERR_MEMORY;
        out->kind = RNNP_ATTR_STRINGS;
        out->strings = strings;
        out->count = a->n_strings;
        for (size_t i = 0; i < a->n_strings && status == RNNP_OK; i++) status = text(l, &a->strings[i], &strings[i]);
        break;
    }
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR: {
        rnnp_tensor *t = loader_alloc(l, sizeof *t);
        void *own;
        if (!t) return RNNP_ERR_MEMORY;
        if (!a->t)
            return rnnp_fail(l->context, RNNP_ERR_FORMAT, "node %s: attribute %s has no tensor", node, out->name);
        out->kind = RNNP_ATTR_TENSOR;
        out->tensor = t;
        status = loader_tensor(l, a->t, out->name, t, &own);
        break;
    }
    default:
        return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "node %s: attribute %s has type %d, which is not supported",
                         node, out->name, (int)a->type);
    }
    return status;
}
