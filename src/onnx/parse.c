/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "loader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Memory ---- */

typedef struct block {
    struct block *next;
    size_t bytes;
    _Alignas(64) char data[];
} block;

static void *push_block(const rnnp_context *context, block **list, size_t bytes)
{
    size_t total;
    if (rnnp_add_overflow(sizeof(block), bytes, &total)) {
        rnnp_fail(context, RNNP_ERR_MEMORY, "out of memory");
        return NULL;
    }
    block *b = rnnp_alloc(context, total);
    if (!b) return NULL;
    b->next = *list;
    b->bytes = total;
    *list = b;
    return b->data;
}

void *loader_alloc(loader *l, size_t bytes)
{
    return push_block(l->context, &l->blocks, bytes);
}

/* protobuf-c frees piece by piece and without sizes: the size is kept in front. */
enum { HEADER = 16 };

static void *message_alloc(void *data, size_t bytes)
{
    loader *l = data;
    size_t total;
    if (rnnp_add_overflow(bytes, HEADER, &total)) total = SIZE_MAX;
    char *p = rnnp_alloc(l->context, total);
    if (!p) {
        l->out_of_memory = 1;
        return NULL;
    }
    memcpy(p, &total, sizeof total);
    return p + HEADER;
}

static void message_free(void *data, void *p)
{
    const loader *l = data;
    size_t total;
    if (!p) return;
    char *start = (char *)p - HEADER;
    memcpy(&total, start, sizeof total);
    rnnp_free(l->context, start, total);
}

void loader_release(loader *l)
{
    if (l->file) onnx__model_proto__free_unpacked(l->file, &l->allocator);
    while (l->blocks) {
        block *b = l->blocks;
        l->blocks = b->next;
        rnnp_free(l->context, b, b->bytes);
    }
}

#define TEXT_OF(x)       #x
#define VERSION(a, b, c) TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)

rnnp_status loader_same_version(const rnnp_context *context)
{
    static const char own[] = VERSION(RNNP_VERSION_MAJOR, RNNP_VERSION_MINOR, RNNP_VERSION_PATCH);

    if (strcmp(context->calls->version, own) == 0)
        return RNNP_OK;
    return rnnp_fail(context, RNNP_ERR_STATE, "librnnpack is %s but librnnpack-onnx is %s: they must be of one version",
                     context->calls->version, own);
}

/* ---- Files ---- */

rnnp_status loader_read_file(loader *l, const char *path, size_t offset, size_t length, void **bytes, size_t *size)
{
    const rnnp_context *context = l->context;
    struct stat about;
    *bytes = NULL;
    FILE *f = fopen(path, "rb");
    if (!f) return rnnp_fail(context, RNNP_ERR_IO, "%s: %s", path, strerror(errno));
    rnnp_status status = RNNP_OK;
    const int known = fstat(fileno(f), &about) == 0;
    const long long end = known && S_ISREG(about.st_mode) ? (long long)about.st_size : -1;
    if (!known) {
        status = rnnp_fail(context, RNNP_ERR_IO, "%s: %s", path, strerror(errno));
    } else if (end < 0) {
        status = rnnp_fail(context, RNNP_ERR_IO, "%s is not a regular file", path);
    } else if (offset > (size_t)end || (length != SIZE_MAX && length > (size_t)end - offset)) {
        status = rnnp_fail(context, RNNP_ERR_FORMAT, "%s: bytes %zu and the %zu after it are asked for, it has %lld",
                           path, offset, length, end);
    } else {
        *size = length != SIZE_MAX ? length : (size_t)end - offset;
        *bytes = loader_alloc(l, *size);
        if (!*bytes) {
            status = RNNP_ERR_MEMORY;
        } else if (fseek(f, (long)offset, SEEK_SET) != 0 || fread(*bytes, 1, *size, f) != *size) {
            status = rnnp_fail(context, RNNP_ERR_IO, "%s: %s", path, ferror(f) ? strerror(errno) : "it ends early");
        }
    }
    fclose(f);
    return status;
}

/* ---- Parsing ---- */

enum { MAX_DEPTH = 24 }; /* graphs without subgraphs need nine levels */

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

/* Walks the wire format by the schema and checks that it is whole and not nested too deeply. */
static int scan(const ProtobufCMessageDescriptor *schema, const uint8_t *p, const uint8_t *end, unsigned depth)
{
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
            const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(schema, (unsigned)(tag >> 3));
            if (field && field->type == PROTOBUF_C_TYPE_MESSAGE && scan(field->descriptor, p, p + value, depth + 1))
                return -1;
            p += value;
            break;
        }
        default: return -1;
        }
    }
    return 0;
}

rnnp_status loader_parse(loader *l, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    l->allocator = (ProtobufCAllocator){ message_alloc, message_free, l };
    if (size == 0) return rnnp_fail(l->context, RNNP_ERR_FORMAT, "not an ONNX model: it is empty");
    if (scan(&onnx__model_proto__descriptor, p, p + size, 1))
        return rnnp_fail(l->context, RNNP_ERR_FORMAT, "not an ONNX model, or cut off: %zu bytes do not parse", size);
    l->file = onnx__model_proto__unpack(&l->allocator, size, p);
    if (l->file) return RNNP_OK;
    if (l->out_of_memory) return RNNP_ERR_MEMORY;
    return rnnp_fail(l->context, RNNP_ERR_FORMAT, "not an ONNX model: %zu bytes do not parse", size);
}
