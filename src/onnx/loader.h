/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the ONNX component: a parsed file (parse.c), its tensors (tensor.c), the names of its values (names.c), and
 * its graph (load.c). saver.h is the way back.
 */
#ifndef RNNP_ONNX_LOADER_H
#define RNNP_ONNX_LOADER_H

#include "../context.h"
#include "onnx/onnx.pb-c.h"
#include "rnnpack/onnx.h"

/* Internal functions of librnnpack are not exported: the context knows them. */
#define rnnp_fail(context, ...)          (context)->calls->fail(context, __VA_ARGS__)
#define rnnp_alloc(context, bytes)       (context)->calls->alloc(context, bytes)
#define rnnp_free(context, block, bytes) (context)->calls->free(context, block, bytes)

/* Both libraries share the layout of contexts and models, so they must be of one version: every public function of
 * the component asks this first. RNNP_ERR_STATE says that they are not. */
rnnp_status loader_same_version(const rnnp_context *context);

typedef struct loader {
    rnnp_context *context;
    const char *directory; /* where external data lies; NULL: refused */
    Onnx__ModelProto *file;
    ProtobufCAllocator allocator; /* hands the parsed message's memory to the context's allocator */
    int out_of_memory;            /* it had none left: the parser does not say why it gave up */
    struct block *blocks;         /* everything from loader_alloc */
} loader;

/* Reads a whole file into loader_alloc memory; a part of it when length is not SIZE_MAX. */
rnnp_status loader_read_file(loader *l, const char *path, size_t offset, size_t length, void **bytes, size_t *size);

/* Parses the file into l->file. Nesting beyond a sane depth is refused before the recursive parser sees it. */
rnnp_status loader_parse(loader *l, const void *bytes, size_t size);

/* Memory until loader_release; NULL (recorded) on failure. Zero bytes are fine. */
void *loader_alloc(loader *l, size_t bytes);
void loader_release(loader *l);

/* dtype of a TensorProto.DataType, 0 for one that rnnpack does not have; and its name for messages. */
rnnp_dtype loader_dtype(int32_t onnx_type);
const char *loader_dtype_name(int32_t onnx_type);
/* The way back: the TensorProto.DataType of a dtype. */
int32_t loader_onnx_type(rnnp_dtype dtype);

/* Decodes a tensor; `owner` names it in messages. Its data is in loader_alloc memory, never in the message. */
rnnp_status loader_tensor(loader *l, const Onnx__TensorProto *proto, const char *owner, rnnp_tensor *tensor);

#endif
