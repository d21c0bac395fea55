/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX files. The last TAIL bytes of an input say what is done with a file that loads. The mutator parses the file and
 * changes one field of it, found by protobuf-c's own description of the format, so that most results parse again.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "onnx/onnx.pb-c.h"
#include "rnnpack/onnx.h"

enum { TAIL = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t before = fuzz_live_bytes();
    rnnp_model *model;

    if (size < TAIL) return -1;
    fuzz_bytes b = {data + size - TAIL, TAIL};
    if (rnnp_onnx_open_memory(fuzz_context(), data, size - TAIL, NULL, &model) == RNNP_OK) {
        fuzz_exercise(model, &b);
        rnnp_model_destroy(model);
    } else {
        fuzz_check(!model && *rnnp_last_error(fuzz_context()));
    }
    fuzz_check(fuzz_live_bytes() == before);
    return 0;
}

/* ---- Mutations ---- */

static void change_bytes(fuzz_random *r, ProtobufCBinaryData *bytes)
{
    if (bytes->len == 0) return;
    if (bytes->len >= 8 && fuzz_pick(r, 2)) { /* as indices and sizes are stored */
        const int64_t x = fuzz_edge(r);

        memcpy(bytes->data + 8 * fuzz_pick(r, bytes->len / 8), &x, sizeof x);
    } else {
        bytes->len = LLVMFuzzerMutate(bytes->data, bytes->len, bytes->len);
    }
}

/* Takes the place of a string by another that is in the file already, or by the name of an operator. */
static void change_string(fuzz_random *r, char **string, const char *other)
{
    if (fuzz_pick(r, 3) == 0) {
        size_t operators = 0;

        while (rnnp_operator_name(operators)) operators++;
        other = rnnp_operator_name(fuzz_pick(r, operators));
    }
    if (!other) /* a name that the file does not have */
        other = "";
    char *copy = malloc(strlen(other) + 1);
    fuzz_check(copy);
    strcpy(copy, other);
    if (*string != protobuf_c_empty_string) free(*string);
    *string = copy;
}

static size_t size_of(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_DOUBLE: return 8;
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
    default: return 4;
    }
}

static void change_item(fuzz_random *r, const ProtobufCFieldDescriptor *field, void *item, const char *word)
{
    static const float floats[] = {0, -0.0f, 1, -1, 0.5f, 3e38f, 1e-40f, 2};
    const int64_t x = fuzz_edge(r);

    switch (field->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64: memcpy(item, &x, sizeof x); break;
    case PROTOBUF_C_TYPE_FLOAT: memcpy(item, &floats[fuzz_pick(r, 8)], sizeof(float)); break;
    case PROTOBUF_C_TYPE_DOUBLE: break;
    case PROTOBUF_C_TYPE_BYTES: change_bytes(r, item); break;
    case PROTOBUF_C_TYPE_STRING: change_string(r, item, word); break;
    default: { /* enumerations and small integers */
        const int32_t small = fuzz_pick(r, 4) ? (int32_t)fuzz_pick(r, 16) : (int32_t)(uint32_t)(uint64_t)x;

        memcpy(item, &small, sizeof small);
        break;
    }
    }
}

/* Two items of a list change places, the last is dropped, or a number is added. */
static void change_list(fuzz_random *r, const ProtobufCFieldDescriptor *field, size_t *n, char **list)
{
    const size_t size = size_of(field);
    char room[sizeof(ProtobufCBinaryData)];

    if (*n > 1 && fuzz_pick(r, 2)) {
        char *a = *list + size * fuzz_pick(r, *n), *b = *list + size * fuzz_pick(r, *n);

        memcpy(room, a, size);
        memmove(a, b, size);
        memcpy(b, room, size);
    } else if (field->type == PROTOBUF_C_TYPE_INT64) {
        char *longer = realloc(*list, size * (*n + 1));
        const int64_t x = fuzz_edge(r);

        fuzz_check(longer);
        memcpy(longer + size * (*n)++, &x, sizeof x);
        *list = longer;
    } else if (*n && size < sizeof(void *)) { /* what is dropped owns nothing */
        (*n)--;
    }
}

/* Some string of the message, or "". */
static const char *some_word(fuzz_random *r, const Onnx__ModelProto *file)
{
    const Onnx__GraphProto *g = file->graph;

    if (g && g->n_node && fuzz_pick(r, 2)) {
        const Onnx__NodeProto *node = g->node[fuzz_pick(r, g->n_node)];

        if (node->n_output) return node->output[fuzz_pick(r, node->n_output)];
    }
    if (g && g->n_initializer && fuzz_pick(r, 2)) return g->initializer[fuzz_pick(r, g->n_initializer)]->name;
    if (g && g->n_input) return g->input[fuzz_pick(r, g->n_input)]->name;
    return "";
}

/* Goes down from a message by lot and changes what it ends at. */
static void change_message(fuzz_random *r, ProtobufCMessage *message, const char *word)
{
    for (unsigned depth = 0; depth < 16; depth++) {
        const ProtobufCMessageDescriptor *about = message->descriptor;
        const ProtobufCFieldDescriptor *field = &about->fields[fuzz_pick(r, about->n_fields)];
        char *at = (char *)message + field->offset;
        size_t *n = (size_t *)(void *)((char *)message + field->quantifier_offset);
        ProtobufCMessage *next = NULL;

        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            char **list = (char **)(void *)at;

            if (*n == 0 || fuzz_pick(r, 8) == 0) {
                if (*n) change_list(r, field, n, list);
                continue; /* an empty list: another field */
            }
            at = *list + size_of(field) * fuzz_pick(r, *n);
        } else if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
            if (*(uint32_t *)(void *)n != field->id) continue;
        }
        if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
            memcpy(&next, at, sizeof next);
            if (next) message = next;
            continue;
        }
        change_item(r, field, at, word);
        if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset &&
            !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
            *(protobuf_c_boolean *)(void *)n = 1;
        return;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed)
{
    fuzz_random r = fuzz_seed(seed);
    uint8_t tail[TAIL];

    if (size < TAIL || fuzz_pick(&r, 8) == 0) return LLVMFuzzerMutate(data, size, room);
    memcpy(tail, data + size - TAIL, TAIL);
    Onnx__ModelProto *file = onnx__model_proto__unpack(NULL, size - TAIL, data);
    if (!file) return LLVMFuzzerMutate(data, size, room);
    for (size_t i = 1 + fuzz_pick(&r, 3); i > 0; i--) change_message(&r, &file->base, some_word(&r, file));
    size_t bytes = onnx__model_proto__get_packed_size(file);
    if (bytes + TAIL <= room)
        onnx__model_proto__pack(file, data);
    else
        bytes = size - TAIL;
    onnx__model_proto__free_unpacked(file, NULL);
    if (fuzz_pick(&r, 2)) tail[fuzz_pick(&r, TAIL)] = (uint8_t)fuzz_pick(&r, 256);
    memcpy(data + bytes, tail, TAIL);
    return bytes + TAIL;
}
