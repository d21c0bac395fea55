/* SPDX-License-Identifier: Apache-2.0 */
#include "../graph/ops/loop.h"
#include "loader.h"

#include <string.h>

#define TEXT_OF(x) #x
#define VERSION(a, b, c) TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)

rnnp_status loader_same_version(const rnnp_context *context)
{
    static const char own[] = VERSION(RNNP_VERSION_MAJOR, RNNP_VERSION_MINOR, RNNP_VERSION_PATCH);

    if (strcmp(context->calls->version, own) == 0) return RNNP_OK;
    return rnnp_fail(context, RNNP_ERR_STATE, "librnnpack is %s but librnnpack-onnx is %s: they must be of one version",
                     context->calls->version, own);
}

/* A graph needs nine levels, and three for each that it is in: of as many loops as there may be, and an If. */
enum { MAX_DEPTH = 9 + 3 * (RNNP_LOOP_DEPTH + 1) };

static int read_varint(const uint8_t **p, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
        uint8_t byte = *(*p)++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return 0;
    }
    return -1;
}

/* Walks the wire format by the schema and checks that it is whole and not nested too deeply. A message that can be
 * there once is there once: the parser would join several, in time that grows with the square of their number. */
static int scan(const ProtobufCMessageDescriptor *schema, const uint8_t *p, const uint8_t *end, unsigned depth)
{
    uint64_t seen = 0;
    if (depth > MAX_DEPTH) return -1;
    while (p < end) {
        uint64_t tag, value;
        if (read_varint(&p, end, &tag)) return -1;
        switch (tag & 7) {
        case PROTOBUF_C_WIRE_TYPE_VARINT:
            if (read_varint(&p, end, &value)) return -1;
            break;
        case PROTOBUF_C_WIRE_TYPE_64BIT:
            if (end - p < 8) return -1;
            p += 8;
            break;
        case PROTOBUF_C_WIRE_TYPE_32BIT:
            if (end - p < 4) return -1;
            p += 4;
            break;
        case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED: {
            if (tag >> 3 > UINT32_MAX || read_varint(&p, end, &value) || value > (uint64_t)(end - p)) return -1;
            const ProtobufCFieldDescriptor *field =
                protobuf_c_message_descriptor_get_field(schema, (unsigned)(tag >> 3));
            if (field && field->type == PROTOBUF_C_TYPE_MESSAGE) {
                const uint64_t bit = (uint64_t)1 << ((size_t)(field - schema->fields) % 64);
                if (field->label != PROTOBUF_C_LABEL_REPEATED && seen & bit) return -1;
                seen |= bit;
                if (scan(field->descriptor, p, p + value, depth + 1)) return -1;
            }
            p += value;
            break;
        }
        default: return -1;
        }
    }
    return 0;
}

static void *message_alloc(void *data, size_t bytes)
{
    loader *l = data;
    void *p = loader_alloc(l, bytes);

    l->out_of_memory |= !p;
    return p;
}

static void message_free(void *data, void *p) { loader_free(data, p); }

rnnp_status loader_parse(loader *l, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    l->allocator = (ProtobufCAllocator){message_alloc, message_free, l};
    if (size > INT32_MAX)
        return rnnp_fail(l->context, RNNP_ERR_FORMAT, "not an ONNX model: %zu bytes, and the format ends at 2 GiB",
                         size);
    if (size == 0) return rnnp_fail(l->context, RNNP_ERR_FORMAT, "not an ONNX model: it is empty");
    if (scan(&onnx__model_proto__descriptor, p, p + size, 1))
        return rnnp_fail(l->context, RNNP_ERR_FORMAT, "not an ONNX model, or cut off: %zu bytes do not parse", size);
    l->file = onnx__model_proto__unpack(&l->allocator, size, p);
    if (l->file) return RNNP_OK;
    if (l->out_of_memory) return RNNP_ERR_MEMORY;
    return rnnp_fail(l->context, RNNP_ERR_FORMAT, "not an ONNX model: %zu bytes do not parse", size);
}

rnnp_status loader_parse_attribute(loader *l, const void *bytes, size_t size, Onnx__AttributeProto **attribute)
{
    enum { DEPTH = 3 }; /* where the parser left it out: model, function, attribute */
    const uint8_t *p = bytes, *const end = p + size;
    uint64_t length;
    *attribute = NULL;
    if (!read_varint(&p, end, &length) && !scan(&onnx__attribute_proto__descriptor, p, end, DEPTH))
        *attribute = onnx__attribute_proto__unpack(&l->allocator, (size_t)(end - p), p);
    if (*attribute) return RNNP_OK;
    if (l->out_of_memory) return RNNP_ERR_MEMORY;
    return rnnp_fail(l->context, RNNP_ERR_FORMAT, "not an ONNX model: an attribute of a function does not parse");
}

int loader_opset(Onnx__OperatorSetIdProto *const *imports, size_t n, int fallback)
{
    for (size_t i = 0; i < n; i++) {
        if (imports[i]->domain && *imports[i]->domain && strcmp(imports[i]->domain, "ai.onnx")) continue;
        return imports[i]->version < 0 || imports[i]->version > INT32_MAX ? -1 : (int)imports[i]->version;
    }
    return fallback;
}
