/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the ONNX component: a parsed file (parse.c), its tensors and attributes (tensor.c), the names of its values
 * (names.c), and its graph (load.c). saver.h is the way back.
 */
#ifndef RNNP_ONNX_LOADER_H
#define RNNP_ONNX_LOADER_H

#include "../context.h"
#include "../structs.h"
#include "onnx/onnx.pb-c.h"
#include "rnnpack/onnx.h"

/* Internal functions of librnnpack are not exported: the context knows them. */
#define rnnp_fail(context, ...) (context)->calls->fail(context, __VA_ARGS__)
#define rnnp_alloc(context, bytes) (context)->calls->alloc(context, bytes)
#define rnnp_free(context, block, bytes) (context)->calls->free(context, block, bytes)
#define rnnp_struct_read(context, ...) (context)->calls->struct_read(context, __VA_ARGS__)

/* Both libraries share the layout of contexts and models, so they must be of one version: every public function of
 * the component asks this first. RNNP_ERR_STATE says that they are not. */
rnnp_status loader_same_version(const rnnp_context *context);

#include "../graph/budget.h"

typedef struct loader {
    const rnnp_context *context;
    rnnp_budget *budget;   /* NULL: no limits */
    const char *directory; /* where external data lies; NULL: refused */
    uint64_t (*seen)[2];   /* device and number of each file of external data so far */
    size_t n_seen, room_seen;
    int limit_grows; /* with each of them */
    Onnx__ModelProto *file;
    ProtobufCAllocator allocator; /* hands the parsed message's memory to the context's allocator */
    int out_of_memory;            /* it had none left: the parser does not say why it gave up */
    struct block *blocks;         /* everything from loader_alloc */
    const rnnp_load_options *options;
    struct scope *scopes, **last_scope; /* the graphs of the file (scope.h) */
    size_t n_nodes;                     /* in all of them */
    struct functions *functions;        /* functions.h */
    int widens;                         /* f16 and bf16 are read as f32, whatever is no constant */
} loader;

#define LOADER_MICROSOFT "com.microsoft"

/* The domain of recurrent nodes whose state decays (save_decay.c): RNN_1, LSTM_2, ..., and functions of these names. */
#define LOADER_DOMAIN "rnnpack"

/* The metadata entry with which a written file says what the standard cannot: a list of results of nodes, each as its
 * length in bytes, ":", the name, ",". A marked DequantizeLinear gives 8-bit weights to a layer that multiplies in 8
 * bits; a marked DynamicQuantizeMatMul was a Gemm. */
#define LOADER_MARKS "rnnpack.weights"

/* ---- Files (open.c) ---- */

/* A regular file that is open for reading. */
typedef struct loader_file {
    int fd;
    size_t bytes;
    uint64_t device, number; /* which file it is */
    uint64_t on_disk;        /* of its bytes; less where it has holes */
} loader_file;

/* A path of the caller's, and one below l->directory that a model names: RNNP_ERR_IO where that leads elsewhere. */
rnnp_status loader_open(loader *l, const char *path, loader_file *file);
rnnp_status loader_open_beneath(loader *l, const char *path, loader_file *file);
void loader_close(const loader_file *file);
/* A part of the file in loader_alloc memory; `name` is for messages. */
rnnp_status loader_read(loader *l, const loader_file *file, const char *name, size_t offset, size_t length,
                        void **bytes);

/* ---- Parsing ---- */

/* Parses the file into l->file. Nesting beyond a sane depth is refused before the recursive parser sees it. */
rnnp_status loader_parse(loader *l, const void *bytes, size_t size);
/* The same for an attribute in a field that the parser did not know: its length, and its bytes. */
rnnp_status loader_parse_attribute(loader *l, const void *bytes, size_t size, Onnx__AttributeProto **attribute);
/* The opset of the default domain that is imported, or `fallback`; -1 for one that does not fit an int. */
int loader_opset(Onnx__OperatorSetIdProto *const *imports, size_t n, int fallback);

/* ---- Memory (memory.c): until loader_free or loader_release; NULL (recorded) on failure. Zero bytes are fine ---- */

void *loader_alloc(loader *l, size_t bytes);
/* Frees what is large; the rest stays. NULL is fine. */
void loader_free(loader *l, void *memory);
void loader_release(loader *l);

/* ---- Tensors ---- */

/* dtype of a TensorProto.DataType, 0 for one that rnnpack does not have; and its name for messages. */
rnnp_dtype loader_dtype(int32_t onnx_type);
const char *loader_dtype_name(int32_t onnx_type);
/* The way back: the TensorProto.DataType of a dtype. */
int32_t loader_onnx_type(rnnp_dtype dtype);

/* Decodes a tensor; `owner` names it in messages. Its data is in the message, or in *own, which is for loader_free. */
rnnp_status loader_tensor(loader *l, const Onnx__TensorProto *proto, const char *owner, rnnp_tensor *tensor,
                          void **own);

/* An attribute as the model API takes it, in loader_alloc memory or the message's; `node` names it in messages. */
rnnp_status loader_attribute(loader *l, const Onnx__AttributeProto *a, const char *node, rnnp_attr *out);

/* After RNNP_ERR_UNSUPPORTED: the latest error becomes a list of all operators, attributes and types of the file that
 * are missing, with what helps where that is known (refuse.c). Returns the status. */
rnnp_status loader_explain(loader *l, const rnnp_model *model, rnnp_status status);

#endif
