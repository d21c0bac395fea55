/* SPDX-License-Identifier: Apache-2.0
 *
 * Models: a graph of operators and its weights, built by the layer calls below or loaded from ONNX (onnx.h).
 *
 *   model    graph and weights; immutable once closed; shared by threads
 *   plan     a model prepared for this host: kernels chosen, weights packed; immutable; shared by threads
 *   run      a plan with the shapes of its inputs and the memory for one execution; one thread at a time
 *   stream   a plan that is stepped through time and keeps the recurrent state of its channels; one thread at a time
 *
 *     rnnp_model_create -> rnnp_model_add_input, layers..., rnnp_model_add_output -> rnnp_model_close
 *     rnnp_plan_create -> rnnp_run_create -> rnnp_run_execute, as often as needed
 *                      -> rnnp_stream_create -> rnnp_stream_step, as often as needed
 *
 * The same input gives the same output bits for every instruction set, thread count and batch composition, and
 * whether a sequence is run at once or stepped (docs/explanation/numerics.md).
 */
#ifndef RNNPACK_MODEL_H
#define RNNPACK_MODEL_H

#include "rnnpack/rnnpack.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Tensors ----------------------------------------------------------------------------------- */

typedef enum rnnp_dtype {
    RNNP_DTYPE_F32 = 1,
    RNNP_DTYPE_I32 = 2,
    RNNP_DTYPE_I64 = 3,
    RNNP_DTYPE_BOOL = 4, /* one byte, 0 or 1 */
    RNNP_DTYPE_U8 = 5,
    RNNP_DTYPE_F64 = 6, /* constants and Cast only, and so the next ones, which are weights of layers besides */
    RNNP_DTYPE_F16 = 7,
    RNNP_DTYPE_BF16 = 8,
    RNNP_DTYPE_I8 = 9
} rnnp_dtype;

enum { RNNP_MAX_RANK = 8 };

/* Format of a layer's weights. It belongs to the model: its bits are the same everywhere, in each format. f16 and bf16
 * are widened, which is exact, and everything else is computed as with f32. With s8 the layer's input and its hidden
 * state are quantised too, row by row and step by step (docs/explanation/numerics.md). */
typedef enum rnnp_weights {
    RNNP_WEIGHTS_F32 = 0,
    RNNP_WEIGHTS_F16,
    RNNP_WEIGHTS_BF16,
    RNNP_WEIGHTS_S8 /* whole numbers from -127 to 127 times a scale for each output channel */
} rnnp_weights;

/* A dimension of a model's input or output that each run determines. */
#define RNNP_DYNAMIC ((int64_t)-1)

/* A tensor in the caller's memory. Functions that take a const rnnp_tensor only read its data. Frozen. */
typedef struct rnnp_tensor {
    rnnp_dtype dtype;
    size_t rank;
    int64_t shape[RNNP_MAX_RANK];
    union {
        void *data;             /* dense, row-major */
        const void *const_data; /* the same, for tensors that are only read */
    };
} rnnp_tensor;

/* An input or output of a model or node. Strings live as long as the model. */
typedef struct rnnp_port_info {
    size_t struct_size;
    const char *name;
    rnnp_dtype dtype;
    size_t rank;
    int64_t shape[RNNP_MAX_RANK];      /* RNNP_DYNAMIC where each run determines it */
    const char *symbol[RNNP_MAX_RANK]; /* names of dimensions ("batch"); NULL for none */
} rnnp_port_info;
RNNP_STRUCT_INIT(rnnp_port_info)

/* Returns the bytes of an element; 0 for an unknown dtype. */
RNNP_API size_t rnnp_dtype_bytes(rnnp_dtype dtype);

/* Returns "f32", "i32", ...; "unknown" for any other value. */
RNNP_API const char *rnnp_dtype_name(rnnp_dtype dtype);

/* Returns "f32", "f16", "bf16" or "s8"; "unknown" for any other value. */
RNNP_API const char *rnnp_weights_name(rnnp_weights weights);

/* Returns the product of the dimensions, 1 for rank 0; SIZE_MAX if it does not fit or a dimension is negative. */
RNNP_API size_t rnnp_tensor_elements(const rnnp_tensor *tensor);

/* ---- Building a model -------------------------------------------------------------------------- */

typedef struct rnnp_model rnnp_model;

/* A value of the graph that is being built; RNNP_NONE is an absent optional value. */
typedef int32_t rnnp_value;
#define RNNP_NONE ((rnnp_value)-1)

/* Makes an empty model. RNNP_ERR_ARG, RNNP_ERR_MEMORY.
 *
 * Threads  one thread at a time may build a model; once it is closed, any number of threads may use it. */
RNNP_API rnnp_status rnnp_model_create(const rnnp_context *context, rnnp_model **model);
RNNP_API void rnnp_model_destroy(rnnp_model *model);

/* Adds an input. Entries of shape [rank] may be RNNP_DYNAMIC. symbols [rank] names dimensions; it or its entries may be
 * NULL. Dimensions with equal names have equal sizes. RNNP_ERR_ARG, RNNP_ERR_MEMORY, RNNP_ERR_STATE once closed. */
RNNP_API rnnp_status rnnp_model_add_input(rnnp_model *model, const char *name, rnnp_dtype dtype, size_t rank,
                                          const int64_t *shape, const char *const *symbols, rnnp_value *value);

/* Adds a constant, whose data is copied. name may be NULL. Returns as rnnp_model_add_input(). */
RNNP_API rnnp_status rnnp_model_add_constant(rnnp_model *model, const char *name, const rnnp_tensor *tensor,
                                             rnnp_value *value);

/* Makes a value an output. Returns as rnnp_model_add_input(). */
RNNP_API rnnp_status rnnp_model_add_output(rnnp_model *model, const char *name, rnnp_value value);

/*
 * Metadata: texts that travel with a model and that nothing is computed from, such as what a producer noted. An ONNX
 * file has them as metadata_props, which are read and written; keys that begin with "rnnpack." are the library's and
 * its program's. Packed files keep all of them.
 *
 * rnnp_model_set_metadata() sets one, and replaces that of the same key. It may be called on a closed model too. Texts
 * are copied. RNNP_ERR_ARG for a NULL, or an empty key; RNNP_ERR_MEMORY. Errors leave the model as it was.
 *
 * rnnp_model_metadata_get() gives entry `index`, in the order in which keys came; key and value may be NULL.
 * RNNP_ERR_ARG past the end. rnnp_model_metadata_find() gives the value of a key, NULL if there is none. Texts live as
 * long as the model.
 *
 * Threads  while one thread sets an entry, no other may use the model.
 */
RNNP_API rnnp_status rnnp_model_set_metadata(rnnp_model *model, const char *key, const char *value);
RNNP_API size_t rnnp_model_metadata_count(const rnnp_model *model);
RNNP_API rnnp_status rnnp_model_metadata_get(const rnnp_model *model, size_t index, const char **key,
                                             const char **value);
RNNP_API const char *rnnp_model_metadata_find(const rnnp_model *model, const char *key);

/* An attribute of rnnp_model_add_node(). */
typedef enum rnnp_attr_kind {
    RNNP_ATTR_INT = 1,
    RNNP_ATTR_FLOAT,
    RNNP_ATTR_STRING,
    RNNP_ATTR_INTS,
    RNNP_ATTR_FLOATS,
    RNNP_ATTR_STRINGS,
    RNNP_ATTR_TENSOR
} rnnp_attr_kind;

/* An attribute: its name, kind, and the member of that kind. Frozen. */
typedef struct rnnp_attr {
    const char *name;
    rnnp_attr_kind kind;
    size_t count; /* of the arrays */
    int64_t i;
    float f;
    const char *s; /* NUL-terminated */
    const int64_t *ints;
    const float *floats;
    const char *const *strings;
    const rnnp_tensor *tensor;
} rnnp_attr;

/*
 * rnnp_model_add_node() adds an operator of the table (rnnp_operator_name) by its ONNX name, with the semantics of
 * the given opset (6 to 25) of the default ONNX domain. The layer calls below use it.
 *
 *   name     for messages and files; NULL: numbered
 *   inputs   [n_inputs]; RNNP_NONE for an absent optional input
 *   outputs  [n_outputs], written. On entry, a negative value means that an output is not needed; set the others to 0
 *
 * Returns  RNNP_OK; RNNP_ERR_UNSUPPORTED, with the node's name, for an operator, attribute, opset or type that is
 *          not in the table; RNNP_ERR_ARG; RNNP_ERR_MEMORY; RNNP_ERR_STATE once closed.
 * Errors   leave the model as it was.
 */
RNNP_API rnnp_status rnnp_model_add_node(rnnp_model *model, const char *op, int opset, const char *name,
                                         const rnnp_value *inputs, size_t n_inputs, const rnnp_attr *attrs,
                                         size_t n_attrs, rnnp_value *outputs, size_t n_outputs);

/* The operators that the library has, by their ONNX names. */
RNNP_API size_t rnnp_operator_count(void);
RNNP_API const char *rnnp_operator_name(size_t index);

/*
 * rnnp_model_close() checks the graph, infers types and shapes (dynamic dimensions stay symbolic), folds constants and
 * removes dead nodes. The model is immutable afterwards. Only closed models can be planned.
 *
 * Returns  RNNP_OK; RNNP_ERR_SHAPE, RNNP_ERR_TYPE or RNNP_ERR_UNSUPPORTED with the node's name; RNNP_ERR_ARG;
 *          RNNP_ERR_MEMORY; RNNP_ERR_STATE if it is closed already.
 * Errors   leave a model that can only be destroyed.
 */
RNNP_API rnnp_status rnnp_model_close(rnnp_model *model);

/* ---- Limits of loading ------------------------------------------------------------------------- */

/*
 * What opening a file may cost (onnx.h, packed.h), since a small file can ask for much memory and time. Limits count
 * what is asked for and never the time that passes, so a file opens everywhere or nowhere. A file that exceeds
 * max_bytes or max_nodes is refused with RNNP_ERR_LIMIT and a sentence with the limit's name and value.
 *
 * A node whose inputs are all constants is computed when the model is opened, as long as that stays within max_work and
 * within half of the memory that is left. Otherwise it is left to the runs, with the same bits: a note
 * (rnnp_node_info.note, the log) says so, and rnnp_run_bytes() includes its memory. If another node cannot be inferred
 * without its value, the model is refused with RNNP_ERR_LIMIT.
 */
/* An input that becomes a constant: of the elements of `tensor`, which is of the input's dtype and fits its shape; if
 * that is NULL, of `number`, for an input of one element. Frozen. */
typedef struct rnnp_bound_input {
    const char *name;
    const rnnp_tensor *tensor;
    double number;
} rnnp_bound_input;

typedef struct rnnp_load_options {
    size_t struct_size;
    size_t max_bytes;      /* memory at any time: the file, its parsed form, and the model. 0: 128 MiB, plus 32 bytes
                            * per byte of the file, plus 4 per byte that its files of external data take on disk */
    uint64_t max_work;     /* computation: 1 for a multiply-add of a product, 4 for an element that any node reads or
                            * writes; about a nanosecond each. 0: 2^30, plus 16 per byte of the file */
    size_t max_nodes;      /* 0: 262144 */
    int compare_packed;    /* packed files: 1: when a plan first takes packed weights from the file, it packs the
                            * original weights, which every file holds, as well, and refuses other bytes
                            * (rnnp_plan_create() returns RNNP_ERR_FORMAT). A file from an untrusted writer could
                            * hold different weights for each instruction set, with correct checksums. This takes the
                            * time of packing, and memory for one node */
    const char *directory; /* rnnp_onnx_open_memory(): folder of external data; NULL: such models are refused */
    const rnnp_bound_input *bound; /* these are no inputs of the model: what depends on them alone is computed at load,
                                    * and an If on them is decided. RNNP_ERR_ARG, _TYPE, _SHAPE for one that does not
                                    * fit */
    size_t n_bound;
    const char *const *outputs; /* the only outputs of the model, in the order of the file; what they do not need is not
                                 * looked at. NULL: all. RNNP_ERR_ARG for one that the file does not have */
    size_t n_outputs;
    int f64_as_f32; /* ONNX: 1: what the file computes in f64 is computed in f32, inputs and outputs included */
} rnnp_load_options;
RNNP_STRUCT_INIT(rnnp_load_options)

/* ---- Layers ------------------------------------------------------------------------------------ */

/*
 * rnnp_model_set_layer_name() names the layers that are added from here on, which identifies their weights in files
 * and to a trainer (train.h): NAME.W, .R, .B, .P for recurrent layers (as in ONNX), NAME.kernel and .bias for dense
 * layers, NAME.table for an embedding. NULL: weights are numbered, as they are without this call.
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for an empty name or one of more than 63 characters; RNNP_ERR_MEMORY.
 */
RNNP_API rnnp_status rnnp_model_set_layer_name(rnnp_model *model, const char *name);

typedef enum rnnp_cell { RNNP_CELL_RNN = 1, RNNP_CELL_LSTM, RNNP_CELL_GRU } rnnp_cell;
typedef enum rnnp_direction {
    RNNP_DIRECTION_FORWARD = 0,
    RNNP_DIRECTION_REVERSE,
    RNNP_DIRECTION_BIDIRECTIONAL
} rnnp_direction;

/* The layout of one direction's weights, and the order of the gates in it. G is the number of gates.
 *            w                  r                   bias, bias_r                          LSTM     GRU
 *   ONNX     [G*hidden][input]  [G*hidden][hidden]  [2*G*hidden], NULL                    i o f c  z r h
 *   PyTorch  [G*hidden][input]  [G*hidden][hidden]  b_ih, b_hh [G*hidden] each            i f g o  r z n
 *   Keras    [input][G*hidden]  [hidden][G*hidden]  [G*hidden], NULL; with reset_after
 *                                                   rows 0 and 1 of Keras's bias          i f c o  z r h */
typedef enum rnnp_order { RNNP_ORDER_ONNX = 0, RNNP_ORDER_PYTORCH, RNNP_ORDER_KERAS } rnnp_order;

/* GRU: where the reset gate is applied. AFTER is linear_before_reset=1 (PyTorch; Keras with reset_after=True). */
typedef enum rnnp_gru_reset { RNNP_GRU_RESET_AFTER = 0, RNNP_GRU_RESET_BEFORE = 1 } rnnp_gru_reset;

/* One direction's weights in the layout of rnnp_recurrent_options.order: f32, read during the call. A NULL bias is all
 * zeros. Frozen. */
typedef struct rnnp_recurrent_weights {
    const float *w, *r, *bias, *bias_r;
    const float *peephole; /* LSTM: [3*hidden] for gates i o f; NULL: none */
} rnnp_recurrent_weights;

typedef struct rnnp_recurrent_options {
    size_t struct_size;
    rnnp_cell cell;
    size_t input, hidden;
    rnnp_direction direction;
    rnnp_order order;
    rnnp_gru_reset reset;       /* GRU; AFTER (default) is what PyTorch and Keras do */
    int batch_first;            /* x and y are [batch][steps][...] instead of [steps][batch][...] */
    const char *activations[6]; /* ONNX names per direction (3 LSTM, 2 GRU, 1 RNN); NULL: defaults */
    const float *alpha, *beta;  /* [6] of activations that take them; NULL, and NAN for one: ONNX's default */
    float clip;                 /* > 0: clamps gate inputs */
    int input_forget;           /* LSTM: couples the input and forget gates */
    int last_step;              /* 1: y is the last step [batch][dirs*hidden]; 0 (default): every step */
} rnnp_recurrent_options;

static inline void rnnp_recurrent_options_init(rnnp_recurrent_options *options, rnnp_cell cell, size_t input,
                                               size_t hidden)
{
    memset(options, 0, sizeof *options);
    options->struct_size = sizeof *options;
    options->cell = cell;
    options->input = input;
    options->hidden = hidden;
}

/*
 * rnnp_model_add_recurrent() adds an RNN, LSTM or GRU layer. dirs is 2 if it is bidirectional, otherwise 1.
 *
 *   weights  one entry, or two (forward, reverse) if bidirectional; copied
 *   x        f32 [steps][batch][input], or [batch][steps][input] with batch_first
 *   lengths  i32 [batch]: valid steps of each row, 0 to steps (a Keras mask of leading ones, summed); RNNP_NONE: all
 *   h0, c0   f32 [dirs][batch][hidden]; RNNP_NONE: zeros. c0: LSTM only
 *   y        f32 [steps][batch][dirs*hidden] (batch_first: [batch][steps][dirs*hidden]), directions concatenated,
 *            forward first; steps past a row's length are 0
 *   h, c     final states [dirs][batch][hidden]; NULL if not needed. c: LSTM only
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG; RNNP_ERR_SHAPE; RNNP_ERR_UNSUPPORTED for an unknown activation; RNNP_ERR_MEMORY;
 *          RNNP_ERR_STATE once closed. The same holds for the layer calls below.
 */
RNNP_API rnnp_status rnnp_model_add_recurrent(rnnp_model *model, const rnnp_recurrent_options *options,
                                              const rnnp_recurrent_weights *weights, rnnp_value x, rnnp_value lengths,
                                              rnnp_value h0, rnnp_value c0, rnnp_value *y, rnnp_value *h,
                                              rnnp_value *c);

/* ---- Visits at irregular times ---- */

/* Weights of rnnp_model_add_grud(); features is half of options->input. f32, read during the call. Frozen. */
typedef struct rnnp_grud_weights {
    const float *input_decay, *input_bias;   /* [features] */
    const float *hidden_decay, *hidden_bias; /* [features][hidden], [hidden] */
    const float *mean;          /* [features], what values fade to; NULL: 0. A weight like others: freeze it */
    rnnp_recurrent_weights gru; /* of an input of values and, behind them, masks */
} rnnp_grud_weights;

/*
 * rnnp_model_add_grud() adds GRU-D (Che et al. 2018): a value that is missing fades from what it was last to its mean,
 * and the hidden state fades with the time since the last visit:
 *
 *     left = exp(-max(0, input_decay delta + input_bias))      x' = mean + (x - mean)(mask + (1 - mask) left)
 *     g    = exp(-max(0, delta hidden_decay + hidden_bias))    h  = GRU([x', mask], g h)
 *
 *   options  as for rnnp_model_add_recurrent(), of a GRU of one direction; input is twice the features
 *   x        f32 [steps][batch][features] (batch_first: [batch][steps][features]); where a value is missing, the last
 *            one that was there, or any finite number before the first
 *   mask     the same shape: 1 where the value is there, else 0
 *   delta    the same shape: time since the value was there at an earlier step (before the first: since the beginning)
 *   others   as for rnnp_model_add_recurrent()
 *
 * The paper's GRU resets before the product (RNNP_GRU_RESET_BEFORE), and its update gate is 1 - z of ONNX's.
 * rnnp_model_add_tlstm() adds the time-aware LSTM (Baytas et al. 2017): the part of c that split tells apart fades with
 * the time since the step before:
 *
 *     m = tanh(split c + split_bias)    g = 1 / log(e + elapsed)    c' = (c - m) + g m    h, c = LSTM(x, h, c')
 *
 *   options     as above, of an LSTM of one direction
 *   split       f32 [hidden][hidden]; split_bias [hidden], NULL: none; both copied
 *   elapsed     f32 [steps][batch][1] (batch_first: [batch][steps][1]), >= 0, in a unit of the caller's choice
 *   others      as for rnnp_model_add_recurrent()
 *
 * Both stream: a stream keeps h and c, and takes the values of the current step. Threads share such a layer by rows of
 * the batch or directions of others alone, never a step of it. An ONNX file has these layers as functions of the file
 * (docs/reference/onnx.md).
 *
 * Returns  as rnnp_model_add_recurrent().
 */
RNNP_API rnnp_status rnnp_model_add_grud(rnnp_model *model, const rnnp_recurrent_options *options,
                                         const rnnp_grud_weights *weights, rnnp_value x, rnnp_value mask,
                                         rnnp_value delta, rnnp_value lengths, rnnp_value h0, rnnp_value *y,
                                         rnnp_value *h);
RNNP_API rnnp_status rnnp_model_add_tlstm(rnnp_model *model, const rnnp_recurrent_options *options,
                                          const rnnp_recurrent_weights *weights, const float *split,
                                          const float *split_bias, rnnp_value x, rnnp_value elapsed, rnnp_value lengths,
                                          rnnp_value h0, rnnp_value c0, rnnp_value *y, rnnp_value *h, rnnp_value *c);

/* Adds attention over time: y f32 [batch][input] = sum over steps of a x, where a is the softmax over steps of
 * tanh(x w + bias) v. x is f32 [steps][batch][input], w [input][width], bias [width], v [width], all copied.
 * lengths i32 [batch] or RNNP_NONE: steps past a row's length have no part in it (a row of length 0 gives the mean of
 * its steps, which a recurrent layer has made 0). Such a layer cannot stream: it needs all steps. */
RNNP_API rnnp_status rnnp_model_add_attention(rnnp_model *model, rnnp_value x, size_t input, size_t width,
                                              const float *w, const float *bias, const float *v, rnnp_value lengths,
                                              rnnp_value *y);

/* Adds y = activation(x w + bias). w is f32 [input][units] (Keras) or, with transposed, [units][input] (PyTorch);
 * bias is f32 [units] or NULL; both are copied. activation is an ONNX operator name ("Relu", "Sigmoid", "Softmax",
 * ...) or NULL. x may have any rank; the product is over its last axis. */
RNNP_API rnnp_status rnnp_model_add_dense(rnnp_model *model, rnnp_value x, const float *w, size_t input, size_t units,
                                          int transposed, const float *bias, const char *activation, rnnp_value *y);

/* Adds a look-up of the rows of table, f32 [vocabulary][width] and copied, by i32 or i64 indices of any shape. An
 * index out of range fails the run with RNNP_ERR_ARG. */
RNNP_API rnnp_status rnnp_model_add_embedding(rnnp_model *model, rnnp_value indices, const float *table,
                                              size_t vocabulary, size_t width, rnnp_value *y);

typedef enum rnnp_pool { RNNP_POOL_MEAN = 0, RNNP_POOL_MAX, RNNP_POOL_SUM, RNNP_POOL_LAST } rnnp_pool;
/* Adds pooling over one axis, which is removed. */
RNNP_API rnnp_status rnnp_model_add_pool(rnnp_model *model, rnnp_value x, rnnp_pool pool, int axis, rnnp_value *y);

/* Adds dropout, 0 <= rate < 1: identity in inference, kept in the graph for training. */
RNNP_API rnnp_status rnnp_model_add_dropout(rnnp_model *model, rnnp_value x, float rate, rnnp_value *y);

/* Adds a unary operator without attributes by its ONNX name. */
RNNP_API rnnp_status rnnp_model_add_activation(rnnp_model *model, const char *op, rnnp_value x, rnnp_value *y);

/* Adds softmax over one axis; a negative axis counts from the end. */
RNNP_API rnnp_status rnnp_model_add_softmax(rnnp_model *model, rnnp_value x, int axis, rnnp_value *y);

/* ---- Other formats of weights ------------------------------------------------------------------ */

/* What to do with layers of certain names. pattern is that of fnmatch(3), for the node's name or that of its (first)
 * weights. Frozen. */
typedef struct rnnp_quantize_rule {
    const char *pattern;
    rnnp_weights weights; /* F32: they stay as they are */
} rnnp_quantize_rule;

/* What became of a layer with weights. Errors are of the weights: those of the outputs depend on data. */
typedef struct rnnp_quantized_layer {
    size_t struct_size;
    const char *name, *op;
    rnnp_weights weights; /* now */
    size_t parameters;    /* weights in the format, without biases */
    size_t bytes_before, bytes_after;
    double rms_error; /* root mean square of the changes, over that of the weights */
    double max_error; /* largest change, over the largest weight */
} rnnp_quantized_layer;
RNNP_STRUCT_INIT(rnnp_quantized_layer)

typedef struct rnnp_quantize_options {
    size_t struct_size;
    rnnp_weights weights;            /* of layers for which there is no rule */
    const rnnp_quantize_rule *rules; /* [n_rules]; the first that fits counts */
    size_t n_rules;
    int saturate; /* 1: weights beyond 65504 become 65504 in f16; 0: they are refused */
    void (*layer)(void *user, const rnnp_quantized_layer *layer); /* told of each layer with weights; may be NULL */
    void *user;
} rnnp_quantize_options;
RNNP_STRUCT_INIT(rnnp_quantize_options)

/*
 * rnnp_model_quantize() makes a copy of a closed model with weights in other formats: those of RNN, LSTM and GRU, and
 * the constant right sides of Gemm and MatMul. Biases, initial states and embeddings stay f32. In s8 a weight is
 * q = w / scale, rounded to the nearest with ties to even, with scale = max |w| / 127 of its output channel (1 for a
 * channel of zeros); in f16 and bf16 it is w, rounded likewise.
 *
 * Returns  RNNP_OK; RNNP_ERR_STATE if the model is not closed or its weights were released; RNNP_ERR_ARG for an unknown
 *          format, for a rule that fits no layer with weights, for a layer that has another format already, for weights
 *          that are not finite or too large for f16 (with the layer's name); RNNP_ERR_FORMAT if the model's packed file
 *          is damaged; RNNP_ERR_MEMORY.
 * Errors   leave *quantized NULL, and the model as it was.
 * Memory   the copy, which has no part in the model, and the weights of one layer in addition.
 * Threads  any number of threads may quantise a model at the same time.
 */
RNNP_API rnnp_status rnnp_model_quantize(const rnnp_model *model, const rnnp_quantize_options *options,
                                         rnnp_model **quantized);

/* ---- Looking at a closed model ----------------------------------------------------------------- */

/* Inputs and outputs. RNNP_ERR_ARG; RNNP_ERR_STATE if the model is not closed. */
RNNP_API size_t rnnp_model_input_count(const rnnp_model *model);
RNNP_API size_t rnnp_model_output_count(const rnnp_model *model);
RNNP_API rnnp_status rnnp_model_input_info(const rnnp_model *model, size_t index, rnnp_port_info *port);
RNNP_API rnnp_status rnnp_model_output_info(const rnnp_model *model, size_t index, rnnp_port_info *port);

/* Returns the number of elements of all constants in use: the "parameters" of a network; 0 for NULL. */
RNNP_API size_t rnnp_model_constant_elements(const rnnp_model *model);

/* A node. Strings live as long as the model. */
typedef struct rnnp_node_info {
    size_t struct_size;
    const char *name, *op;
    size_t n_inputs, n_outputs;   /* including absent ones between others */
    size_t parameters;            /* elements of the constants that it reads */
    size_t weight_bytes_per_step; /* recurrent layers: packed weights that are read in each step; otherwise 0 */
    const char *note;             /* warning about this node, or NULL */
    rnnp_weights weights;         /* format of a layer's constant weights; F32 also for nodes without */
} rnnp_node_info;
RNNP_STRUCT_INIT(rnnp_node_info)
/* The nodes in the order of execution. Returns as rnnp_model_input_info(). */
RNNP_API size_t rnnp_model_node_count(const rnnp_model *model);
RNNP_API rnnp_status rnnp_model_node_info(const rnnp_model *model, size_t index, rnnp_node_info *info);
/* The inputs and outputs of a node; an absent one has the name "". Returns as rnnp_model_input_info(). */
RNNP_API rnnp_status rnnp_model_node_input_info(const rnnp_model *model, size_t node, size_t index,
                                                rnnp_port_info *port);
RNNP_API rnnp_status rnnp_model_node_output_info(const rnnp_model *model, size_t node, size_t index,
                                                 rnnp_port_info *port);

/* ---- Plan -------------------------------------------------------------------------------------- */

typedef struct rnnp_plan rnnp_plan;

/* The source of a plan's choices of kernels and schedules (tune.h). */
typedef enum rnnp_effort {
    RNNP_EFFORT_CACHED = 0, /* tuning records, then the table that ships with the library, then rules */
    RNNP_EFFORT_NONE = 1    /* rules alone */
} rnnp_effort;

typedef struct rnnp_plan_options {
    size_t struct_size;
    rnnp_math math;      /* accuracy of tanh, sigmoid, exp and log */
    size_t threads;      /* at most this many of the context's; 0: all */
    int flush_denormals; /* 1: runs flush denormals to zero (FTZ and DAZ), which changes bits */
    rnnp_effort effort;
    const struct rnnp_records *records; /* may be NULL; must outlive the plan, unchanged */
    size_t batch, steps;                /* what will mostly be run, which decides how weights are packed; 0: unknown.
                                         * Runs of other shapes use the records that fit this packing */
    size_t max_iterations; /* of a loop, each time it is reached; 0: 2^20. An execution that needs more ends with
                            * RNNP_ERR_LIMIT */
} rnnp_plan_options;
RNNP_STRUCT_INIT(rnnp_plan_options)

/* Exact bytes of the block that rnnp_plan_create() leaves. options may be NULL. Returns as rnnp_plan_create(). */
RNNP_API rnnp_status rnnp_plan_bytes(const rnnp_model *model, const rnnp_plan_options *options, size_t *bytes);

/*
 * rnnp_plan_create() chooses kernels for every node and packs constant weights. options may be NULL.
 *
 * Returns  RNNP_OK; RNNP_ERR_STATE if the model is not closed or its weights were released; RNNP_ERR_FORMAT if the
 *          model's packed file (packed.h) is damaged; RNNP_ERR_ARG; RNNP_ERR_MEMORY.
 * Errors   leave *plan NULL.
 * Memory   one block of exactly rnnp_plan_bytes() bytes, and scratch memory that is freed again. Weights that a packed
 *          file holds in the right layout are read from the file and cost nothing. The model must outlive the plan.
 * Threads  the context's team packs large models, with at most options->threads threads; the bytes are the same for any
 *          number. Any number of threads may make plans at the same time.
 */
RNNP_API rnnp_status rnnp_plan_create(const rnnp_model *model, const rnnp_plan_options *options, rnnp_plan **plan);
RNNP_API void rnnp_plan_destroy(rnnp_plan *plan);

/*
 * rnnp_model_release_weights() frees the elements of constants that plans have packed and nothing else reads, so that
 * weights are in memory once. Call it when all plans of the model are made.
 *
 *   bytes    receives how many bytes were freed; may be NULL. Constants of less than about 8 KiB, and those of
 *            packed files (packed.h), which use no memory, are kept
 *
 * Returns  RNNP_OK, also if there is nothing to free; RNNP_ERR_STATE if the model is not closed; RNNP_ERR_ARG;
 *          RNNP_ERR_MEMORY.
 * Errors   leave everything as it was.
 * Effect   Existing plans continue to work, including new runs and streams of them, and so do the functions that
 *          look at the model. Whatever needs the elements again fails with RNNP_ERR_STATE: rnnp_plan_create() and
 *          writing the model.
 * Threads  no other thread may use the model or make a run or stream of its plans meanwhile; executions may continue.
 */
RNNP_API rnnp_status rnnp_model_release_weights(rnnp_model *model, size_t *bytes);

/* Returns the name of the kernel variant that a node uses ("lstm_step_f32_block_avx2"), or NULL; index as for
 * rnnp_model_node_info(). The string lives as long as the library. */
RNNP_API const char *rnnp_plan_node_variant(const rnnp_plan *plan, size_t node);

/* ---- Run --------------------------------------------------------------------------------------- */

typedef struct rnnp_run rnnp_run;

/* Exact bytes of the block that rnnp_run_create() allocates for inputs [n_inputs] of these shapes, in the order of
 * the model; data pointers are not read. Needs temporary memory. Returns as rnnp_run_create(). */
RNNP_API rnnp_status rnnp_run_bytes(const rnnp_plan *plan, const rnnp_tensor *inputs, size_t n_inputs, size_t *bytes);

/*
 * rnnp_run_create() infers all shapes from those of the inputs [n_inputs] and lays out the memory.
 *
 * Returns  RNNP_OK; RNNP_ERR_SHAPE or RNNP_ERR_TYPE with the name of the input or node; RNNP_ERR_UNSUPPORTED if a shape
 *          depends on input data; RNNP_ERR_ARG; RNNP_ERR_MEMORY.
 * Errors   leave *run NULL.
 * Memory   one block of exactly rnnp_run_bytes() bytes, and temporary memory that is freed before the return. The
 *          plan must outlive the run.
 * Threads  any number of threads may make runs of one plan at the same time.
 */
RNNP_API rnnp_status rnnp_run_create(const rnnp_plan *plan, const rnnp_tensor *inputs, size_t n_inputs, rnnp_run **run);
RNNP_API void rnnp_run_destroy(rnnp_run *run);

/* Returns the dtype and shape that output `index` will have; data is NULL. RNNP_ERR_ARG. */
RNNP_API rnnp_status rnnp_run_output(const rnnp_run *run, size_t index, rnnp_tensor *output);

/*
 * rnnp_run_execute() runs the graph once.
 *
 *   inputs   [n_inputs] in the order of the model, with the dtypes and shapes that the run was made for; read
 *   outputs  [n_outputs] in the order of the model; data is written, dtype and shape are filled in. An output whose
 *            data is NULL is not computed unless another output needs it
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for NULL data or an index out of range (Gather, Embedding, lengths); RNNP_ERR_SHAPE or
 *          RNNP_ERR_TYPE for inputs unlike those that the run was made for.
 * Errors   leave the data of outputs unspecified. The run can be executed again.
 * Memory   no allocation. Outputs must not overlap inputs.
 * Threads  a run may be used by one thread at a time; it uses the context's team. Runs of one plan may execute at
 *          the same time.
 * Numerics sets the rounding and denormal modes that the results require, and restores the caller's.
 */
RNNP_API rnnp_status rnnp_run_execute(rnnp_run *run, const rnnp_tensor *inputs, size_t n_inputs, rnnp_tensor *outputs,
                                      size_t n_outputs);

/* ---- Stream ------------------------------------------------------------------------------------ */

typedef struct rnnp_stream rnnp_stream;

/* Axis n as an option, where 0 means none. */
#define RNNP_AXIS(n) ((n) + 1)

/* State that a model has as an input and an output: what the output is in one step, the input is in the next. Names of
 * the model. Frozen. */
typedef struct rnnp_carried {
    const char *input, *output;
} rnnp_carried;

/*
 * rnnp_model_find_carried() finds such pairs: an input and an output of one dtype and, as far as the model knows sizes,
 * one shape, whose names tell (h, hn; state, state_out; conv_cache_in, conv_cache_out); or of one shape, of which the
 * input is the initial state of a recurrent layer and the output is the only one of that shape. What it finds is a
 * proposal: look at it, then give it to a stream.
 *
 *   pairs  [room]: written; names live as long as the model
 *   n      how many there are, which may be more than room
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG; RNNP_ERR_STATE for a model that is not closed; RNNP_ERR_MEMORY.
 */
RNNP_API rnnp_status rnnp_model_find_carried(const rnnp_model *model, rnnp_carried *pairs, size_t room, size_t *n);

typedef struct rnnp_stream_options {
    size_t struct_size;
    size_t batch;  /* channels that step together; 0 (default): 1 */
    size_t steps;  /* time steps per call, a multiple of rnnp_stream_multiple(); 0 (default): that number */
    int time_axis; /* RNNP_AXIS(n) where axis n of the first input is time; 0 (default): found from the graph */
    /* [n_carried]: state that the model has as inputs and outputs; NULL, 0 (default): none. It begins with zeros and is
     * part of the stream's state. Inputs and outputs of pairs are not among those that a step takes: the others keep
     * their order. If time_axis is 0 and no input has a size that is left open, except for the batch, then the model
     * has no axis of time: a step is a run, and recurrent layers have no other state than what they are given. Where
     * there is time, those whose initial state is made of a carried input do not. */
    const rnnp_carried *carried;
    size_t n_carried;
    /* [n_inputs]: dtypes and shapes of all inputs of the model, in its order; data is not read. NULL, 0 (default): from
     * the model. Where they are given, the model has no axis of time either: a step is a run of these shapes. */
    const rnnp_tensor *inputs;
    size_t n_inputs;
} rnnp_stream_options;

RNNP_STRUCT_INIT(rnnp_stream_options)

/* Exact bytes of the block that rnnp_stream_create() allocates. options may be NULL. Needs temporary memory. Returns as
 * rnnp_stream_create(). */
RNNP_API rnnp_status rnnp_stream_bytes(const rnnp_plan *plan, const rnnp_stream_options *options, size_t *bytes);

/* The number of time steps of which every call takes a multiple: 1, unless an operator has a stride along time. Strides
 * multiply along a path, and of several paths it is the least common multiple. options as for rnnp_stream_create(),
 * where steps 0 fits all models. Returns as that. */
RNNP_API rnnp_status rnnp_stream_multiple(const rnnp_plan *plan, const rnnp_stream_options *options, size_t *multiple);

/*
 * rnnp_stream_create() prepares a plan for stepping through time: recurrent states are kept between calls, and
 * everything else sees `steps` time steps at a time. options may be NULL.
 *
 * Returns  RNNP_OK; RNNP_ERR_UNSUPPORTED with the name of the node that needs the whole sequence and the reason (a
 *          reverse or bidirectional layer, a mean over time, lengths that are computed or computed with, ...);
 *          RNNP_ERR_SHAPE; RNNP_ERR_ARG, also if time_axis is needed, or steps is no multiple; RNNP_ERR_MEMORY.
 * Errors   leave *stream NULL.
 * Memory   one block of exactly rnnp_stream_bytes() bytes, which is all that the stream will ever use, and temporary
 *          memory that is freed before the return. The plan must outlive the stream.
 * Threads  any number of threads may make streams of one plan at the same time.
 */
RNNP_API rnnp_status rnnp_stream_create(const rnnp_plan *plan, const rnnp_stream_options *options,
                                        rnnp_stream **stream);
RNNP_API void rnnp_stream_destroy(rnnp_stream *stream);

/* Returns the dtype and shape of an input that rnnp_stream_step() reads, or an output that it writes; data is NULL.
 * RNNP_ERR_ARG. */
RNNP_API rnnp_status rnnp_stream_input(const rnnp_stream *stream, size_t index, rnnp_tensor *input);
RNNP_API rnnp_status rnnp_stream_output(const rnnp_stream *stream, size_t index, rnnp_tensor *output);

/*
 * rnnp_stream_step() consumes the next `steps` time steps.
 *
 *   inputs   [n_inputs] as rnnp_stream_input() describes them; read
 *   outputs  [n_outputs] as for rnnp_run_execute()
 *
 * Lengths  an input of lengths (sequence_lens) counts the steps that each channel takes in this call, from 0 to those
 *          of the layers that read it: `steps`, or fewer behind a stride. In a run it counts those of the whole
 *          sequence. Steps beyond it are padding and leave the channel's state alone.
 * Returns  RNNP_OK; RNNP_ERR_ARG for NULL data or an index out of range; RNNP_ERR_SHAPE or RNNP_ERR_TYPE for inputs
 *          unlike those of rnnp_stream_input().
 * Errors   leave the state as it was before the call, and the data of outputs unspecified.
 * State    an initial state (h0, c0) that depends on inputs is read in the first step after creation or a reset, and
 *          not after that.
 * Memory   no allocation, lock or system call if it succeeds. Recording an error takes a lock.
 * Threads  runs on the calling thread; a stream may be used by one thread at a time.
 * Numerics after t steps, an output over all steps equals row t-1 of a run over the whole sequence, bit for bit, and a
 *          final-state output equals that of a run over the first t steps. Behind strides of product s a run has t/s
 *          rows. With auto_pad SAME the sequence is a multiple too.
 */
RNNP_API rnnp_status rnnp_stream_step(rnnp_stream *stream, const rnnp_tensor *inputs, size_t n_inputs,
                                      rnnp_tensor *outputs, size_t n_outputs);

/* Resets all channels to the initial state of the model. */
RNNP_API void rnnp_stream_reset(rnnp_stream *stream);

/*
 * rnnp_stream_save() copies the recurrent state of all channels to `state`, and rnnp_stream_load() restores it. The
 * state is the f32 values in the order of the nodes, the same on every instruction set, followed by eight bytes that
 * identify the model: a hash of its graph and weights, which a packed file of the model shares. It is empty for a
 * model without state.
 *
 *   state    `bytes` bytes, which must be rnnp_stream_state_bytes()
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for NULL or another number of bytes. Saving: RNNP_ERR_STATE if the initial state of
 *          a channel comes from an input and it has not stepped yet. Loading: RNNP_ERR_FORMAT for the state of
 *          another model.
 * Errors   change nothing.
 * Memory   no allocation: the hash is computed with the model's first stream, or before rnnp_model_release_weights().
 * Threads  a stream may be used by one thread at a time.
 */
RNNP_API size_t rnnp_stream_state_bytes(const rnnp_stream *stream);
RNNP_API rnnp_status rnnp_stream_save(const rnnp_stream *stream, void *state, size_t bytes);
RNNP_API rnnp_status rnnp_stream_load(rnnp_stream *stream, const void *state, size_t bytes);

/*
 * Channels one by one. A stream of batch N steps N channels together, which takes far less time than N streams, and
 * each channel has the bits that it would have alone. Channels may join, pause and leave at any time; a channel is
 * identified by its row, 0 to N-1.
 */

/*
 * rnnp_stream_step_rows() is rnnp_stream_step() for some of the channels. The others wait: they keep their state,
 * and their rows of the outputs' data are left untouched.
 *
 *   active   [batch]: 0 for a channel that waits
 *   inputs   as for rnnp_stream_step(), including the rows of waiting channels. Their contents change nothing, but
 *            indices in them must be in range; the data of the previous step will do
 *
 * Returns  as rnnp_stream_step(); RNNP_ERR_ARG for active == NULL; RNNP_ERR_UNSUPPORTED, if a channel waits, for a
 *          model that mixes channels, with the node's name, or has an output without an axis of channels.
 * Errors, Memory, Threads  as rnnp_stream_step().
 * Numerics an active channel has the bits of a stream of its own.
 */
RNNP_API rnnp_status rnnp_stream_step_rows(rnnp_stream *stream, const uint8_t *active, const rnnp_tensor *inputs,
                                           size_t n_inputs, rnnp_tensor *outputs, size_t n_outputs);

/* Resets one channel to the initial state. An initial state that comes from inputs is read in the next step in which
 * the channel is active. RNNP_ERR_ARG for a row that the stream does not have. No allocation. */
RNNP_API rnnp_status rnnp_stream_reset_row(rnnp_stream *stream, size_t row);

/* Save and restore the state of one channel. The bytes are those that rnnp_stream_save() gives for the channel in a
 * stream of batch 1, so a channel can move between streams of one plan, or of plans of one model, of any batch and
 * instruction set. `bytes` must be rnnp_stream_row_state_bytes(). Returns, errors and memory as rnnp_stream_save()
 * and rnnp_stream_load(); also RNNP_ERR_ARG for a row that the stream does not have. */
RNNP_API size_t rnnp_stream_row_state_bytes(const rnnp_stream *stream);
RNNP_API rnnp_status rnnp_stream_save_row(const rnnp_stream *stream, size_t row, void *state, size_t bytes);
RNNP_API rnnp_status rnnp_stream_load_row(rnnp_stream *stream, size_t row, const void *state, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
