/* SPDX-License-Identifier: Apache-2.0
 *
 * A closed model to the bytes of an ONNX file.
 */
#include "../file.h"
#include "saver.h"

#include <string.h>

/* IR 8 is of opset 15 and later, and nothing newer is used: so older readers take the file, too. */
enum { IR_VERSION = 8, ROOM = 4096 };

/* ---- Small pieces, of which the format has many, go to the caller in larger ones ---- */

typedef struct sink {
    ProtobufCBuffer base; /* first: protobuf-c knows no more */
    rnnp_write_fn write;
    void *user;
    int stopped;
    size_t written, used;
    unsigned char room[ROOM];
} sink;

static void pass_on(sink *to, const void *bytes, size_t size)
{
    if (to->stopped || size == 0) return;
    to->stopped = to->write(to->user, bytes, size) != 0;
    to->written += to->stopped ? 0 : size;
}

static void flush(sink *to)
{
    pass_on(to, to->room, to->used);
    to->used = 0;
}

static void append(ProtobufCBuffer *base, size_t size, const uint8_t *bytes)
{
    sink *to = (sink *)(void *)base;

    if (size > ROOM - to->used) flush(to);
    if (size > ROOM) {
        pass_on(to, bytes, size);
    } else if (size) {
        memcpy(to->room + to->used, bytes, size);
        to->used += size;
    }
}

/* ---- The file ---- */

/* The model's, and the list of marks if there is one. */
static rnnp_status make_metadata(saver *s, const char *marks, Onnx__ModelProto *file)
{
    const rnnp_model *model = s->model;
    const size_t n = model->n_metadata + (marks != NULL);
    Onnx__StringStringEntryProto *entries = loader_alloc(&s->memory, (n + 1) * sizeof *entries);
    Onnx__StringStringEntryProto **list = loader_alloc(&s->memory, (n + 1) * sizeof *list);
    if (!entries || !list) return RNNP_ERR_MEMORY;
    for (size_t i = 0; i < n; i++) {
        const int is_own = i < model->n_metadata;
        entries[i] = (Onnx__StringStringEntryProto)ONNX__STRING_STRING_ENTRY_PROTO__INIT;
        entries[i].key = (char *)(uintptr_t)(is_own ? model->metadata[i].key : LOADER_MARKS);
        entries[i].value = (char *)(uintptr_t)(is_own ? model->metadata[i].value : marks);
        list[i] = &entries[i];
    }
    file->n_metadata_props = n;
    file->metadata_props = list;
    return RNNP_OK;
}

static rnnp_status emit(saver *s, rnnp_write_fn write, void *user)
{
    const rnnp_context *context = s->model->context;
    Onnx__ModelProto file = ONNX__MODEL_PROTO__INIT;
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT, microsoft = ONNX__OPERATOR_SET_ID_PROTO__INIT,
                             own = ONNX__OPERATOR_SET_ID_PROTO__INIT;
    Onnx__OperatorSetIdProto *opsets[3] = {&opset};
    const char *marks;
    sink to = {.base = {append}, .write = write, .user = user};

    file.has_ir_version = 1;
    file.ir_version = IR_VERSION;
    /* Who made the model, not the file: notes about a producer's known faults depend on it. */
    file.producer_name = (char *)(uintptr_t)(*s->model->producer ? s->model->producer : "rnnpack");
    file.n_opset_import = 1;
    if (s->microsoft) opsets[file.n_opset_import++] = &microsoft;
    if (s->n_functions) opsets[file.n_opset_import++] = &own;
    file.opset_import = opsets;
    opset.domain = (char *)(uintptr_t) "";
    opset.has_version = 1;
    opset.version = s->opset;
    microsoft.domain = (char *)(uintptr_t)LOADER_MICROSOFT;
    microsoft.has_version = 1;
    microsoft.version = 1;
    own.domain = (char *)(uintptr_t)LOADER_DOMAIN;
    own.has_version = 1;
    own.version = 1;
    file.functions = s->functions;
    file.n_functions = s->n_functions;
    rnnp_status status = saver_weights_marks(s, &marks);
    if (status == RNNP_OK) status = make_metadata(s, marks, &file);
    if (status != RNNP_OK) return status;
    file.graph = s->graph;
    const size_t size = onnx__model_proto__get_packed_size(&file);
    if (size > INT32_MAX)
        return rnnp_fail(context, RNNP_ERR_UNSUPPORTED, "the model takes %zu bytes, an ONNX file has at most %d", size,
                         INT32_MAX);
    onnx__model_proto__pack_to_buffer(&file, &to.base);
    flush(&to);
    if (to.stopped)
        return rnnp_fail(context, RNNP_ERR_IO, "writing the ONNX file stopped at byte %zu of %zu", to.written, size);
    return RNNP_OK;
}

rnnp_status rnnp_onnx_write(const rnnp_model *model, rnnp_write_fn write, void *user)
{
    if (!model) return RNNP_ERR_ARG;
    if (!write) return rnnp_fail(model->context, RNNP_ERR_ARG, "write is NULL");
    saver s = {.model = model, .memory = {.context = model->context}};
    rnnp_status status = loader_same_version(model->context);
    if (status == RNNP_OK) status = saver_name_values(&s);
    if (status == RNNP_OK) status = saver_join_opsets(&s);
    if (status == RNNP_OK) status = saver_make_graph(&s);
    if (status == RNNP_OK) status = emit(&s, write, user);
    loader_release(&s.memory);
    return status;
}

static rnnp_status fill(void *user, rnnp_write_fn write, void *to) { return rnnp_onnx_write(user, write, to); }

rnnp_status rnnp_onnx_write_file(const rnnp_model *model, const char *path)
{
    if (!model) return RNNP_ERR_ARG;
    if (loader_same_version(model->context) != RNNP_OK) return RNNP_ERR_STATE;
    return model->calls->file_replace(model->context, path, fill, (void *)(uintptr_t)model);
}
