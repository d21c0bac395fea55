/* SPDX-License-Identifier: Apache-2.0
 *
 * Models: a graph of operators and its weights, built by layer calls here or loaded from ONNX (onnx.h).
 *
 *   model    graph and weights, immutable once closed; shared by threads
 *   plan     a model made ready for this host: kernels chosen, weights packed; immutable, shared by threads
 *   run      a plan with the concrete shapes of its inputs and the memory for one execution; one thread
 *   stream   a plan stepped through time, carrying the recurrent state of its channels; one thread
 *
 *     rnnp_model_create -> rnnp_model_add_input, layers..., rnnp_model_add_output -> rnnp_model_close
 *     rnnp_plan_create -> rnnp_run_create -> rnnp_run_execute, as often as wanted
 *                      -> rnnp_stream_create -> rnnp_stream_step
 *
 * The same input gives the same output bits for every ISA, thread count, batch composition, and whether a
 * sequence is run at once or stepped (docs/explanation/numerics.md). Each object must be destroyed before the one it
 * was made from.
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
    RNNP_DTYPE_F64 = 6 /* constants and Cast only */
} rnnp_dtype;

enum { RNNP_MAX_RANK = 8 };

/* How weights lie in memory once they are packed. */
typedef enum rnnp_weights { RNNP_WEIGHTS_F32 = 0 } rnnp_weights;

/* A dimension of a model's input or output: its size, or RNNP_DYNAMIC where a run decides. */
#define RNNP_DYNAMIC ((int64_t)-1)

typedef struct rnnp_tensor {
    rnnp_dtype dtype;
    size_t rank;
    int64_t shape[RNNP_MAX_RANK];
    void *data; /* dense, row-major; read only where the tensor is an input */
} rnnp_tensor;

/* What is known of an input or output of a model. Strings live as long as the model. */
typedef struct rnnp_port_info {
    const char *name;
    rnnp_dtype dtype;
    size_t rank;
    int64_t shape[RNNP_MAX_RANK];      /* RNNP_DYNAMIC where a run decides */
    const char *symbol[RNNP_MAX_RANK]; /* the dimension's name ("batch"), NULL if it has none */
} rnnp_port_info;

RNNP_API size_t rnnp_dtype_bytes(rnnp_dtype dtype);     /* 0 for an unknown dtype */
RNNP_API const char *rnnp_dtype_name(rnnp_dtype dtype); /* "f32", ... */
/* Product of the dimensions; 1 for rank 0. SIZE_MAX when it does not fit or a dimension is negative. */
RNNP_API size_t rnnp_tensor_elements(const rnnp_tensor *tensor);

/* ---- Building a model -------------------------------------------------------------------------- */

typedef struct rnnp_model rnnp_model;

/* A value of the graph under construction; RNNP_NONE stands for an absent optional one. */
typedef int32_t rnnp_value;
#define RNNP_NONE ((rnnp_value)-1)

/* An empty model. RNNP_ERR_ARG, RNNP_ERR_MEMORY. */
RNNP_API rnnp_status rnnp_model_create(rnnp_context *context, rnnp_model **model);
RNNP_API void rnnp_model_destroy(rnnp_model *model);

/* Adds an input; shape entries may be RNNP_DYNAMIC, symbols (may be NULL, also entry by entry) name
 * dimensions: equal names mean equal sizes. */
RNNP_API rnnp_status rnnp_model_add_input(rnnp_model *model, const char *name, rnnp_dtype dtype, size_t rank,
                                          const int64_t *shape, const char *const *symbols, rnnp_value *value);

/* Adds a constant; the data is copied. */
RNNP_API rnnp_status rnnp_model_add_constant(rnnp_model *model, const char *name, const rnnp_tensor *tensor,
                                             rnnp_value *value);

/* Marks a value as an output. */
RNNP_API rnnp_status rnnp_model_add_output(rnnp_model *model, const char *name, rnnp_value value);

/* Attributes of rnnp_model_add_node. */
typedef enum rnnp_attr_kind {
    RNNP_ATTR_INT = 1,
    RNNP_ATTR_FLOAT,
    RNNP_ATTR_STRING,
    RNNP_ATTR_INTS,
    RNNP_ATTR_FLOATS,
    RNNP_ATTR_STRINGS,
    RNNP_ATTR_TENSOR
} rnnp_attr_kind;

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
 * rnnp_model_add_node() adds any operator of the table (rnnp_operator_name) by its ONNX name, with the
 * semantics of the given opset of the default ONNX domain (7 to 22). The layer calls below are written
 * with it.
 *
 *   inputs   n_inputs values; RNNP_NONE for an absent optional input
 *   outputs  n_outputs values are written; a negative value on entry marks an output as not wanted:
 *            set wanted ones to 0 before the call
 *
 * Returns  RNNP_OK; RNNP_ERR_UNSUPPORTED for an operator, attribute, opset or type not in the table, with
 *          a message that names the node; RNNP_ERR_ARG; RNNP_ERR_MEMORY; RNNP_ERR_STATE once closed.
 */
RNNP_API rnnp_status rnnp_model_add_node(rnnp_model *model, const char *op, int opset, const char *name,
                                         const rnnp_value *inputs, size_t n_inputs, const rnnp_attr *attrs,
                                         size_t n_attrs, rnnp_value *outputs, size_t n_outputs);

/* The operator table; NULL past its end. */
RNNP_API size_t rnnp_operator_count(void);
RNNP_API const char *rnnp_operator_name(size_t index);

/*
 * rnnp_model_close() checks the graph, infers types and shapes (dynamic dimensions stay symbolic), folds
 * constants and removes dead nodes. After it the model is immutable; only closed models can be planned.
 *
 * Returns  RNNP_OK; RNNP_ERR_SHAPE, RNNP_ERR_TYPE or RNNP_ERR_UNSUPPORTED naming the node;
 *          RNNP_ERR_MEMORY; RNNP_ERR_STATE when closed already.
 * Errors   leave the model unusable except for rnnp_model_destroy.
 */
RNNP_API rnnp_status rnnp_model_close(rnnp_model *model);

/* ---- Limits of loading ------------------------------------------------------------------------- */

/*
 * What a file may cost while it is loaded (onnx.h, packed.h): a small file can ask for much memory and time. Limits
 * count what is asked for and not what the clock says, so that a file loads everywhere or nowhere. What is beyond
 * max_bytes or max_nodes is refused with RNNP_ERR_LIMIT and a sentence that names the limit and its value.
 *
 * A node whose inputs are all constants is computed at load, as long as that stays within max_work and within half of
 * the memory that is left. One that would not fit is left to the runs, with the same bits; a note
 * (rnnp_node_info.note, the log) says so, and the memory of runs can be asked for (rnnp_run_bytes). Where another node
 * cannot be understood without its value, the model is refused with RNNP_ERR_LIMIT.
 */
typedef struct rnnp_load_options {
    size_t struct_size;
    size_t max_bytes; /* of memory at a time: the file, what it was parsed to, the model. 0 (default): 128 MiB, 32 bytes
                       * for each of the file, and 4 for each that its files of external data have on the disk */
    uint64_t max_work;  /* of nodes that are computed: 1 for a multiply-add of a product, 4 for an element that any node
                         * reads or writes; about a nanosecond each. 0 (default): 2^30, and 16 for each byte of the
                         * file */
    size_t max_nodes;   /* 0 (default): 262144 */
    int compare_packed; /* packed files: 1: whenever a plan first takes packed weights of the file, the original
                         * weights, which every file holds, are packed too, and other bytes are refused
                         * (rnnp_plan_create: RNNP_ERR_FORMAT). A file whose writer is not trusted may hold other
                         * weights for one instruction set than for another, with right checksums. 0 (default): not
                         * compared, as it takes the time of packing, and memory for one node */
    const char *directory; /* rnnp_onnx_open_memory: folder of external data; NULL (default): such models are refused */
} rnnp_load_options;

RNNP_API void rnnp_load_options_init(rnnp_load_options *options);

/* ---- Layers ------------------------------------------------------------------------------------ */

/*
 * rnnp_model_set_layer_name() names the layers from here on, so that their weights can be told apart in files and by a
 * trainer (train.h): NAME.W, .R, .B, .P of recurrent layers (as in ONNX), NAME.kernel and .bias of dense ones,
 * NAME.table of an embedding. NULL: weights are numbered again, as they are without this call.
 *
 * Returns RNNP_OK; RNNP_ERR_ARG for a name of no or more than 63 characters; RNNP_ERR_MEMORY.
 */
RNNP_API rnnp_status rnnp_model_set_layer_name(rnnp_model *model, const char *name);

typedef enum rnnp_cell { RNNP_CELL_RNN = 1, RNNP_CELL_LSTM, RNNP_CELL_GRU } rnnp_cell;
typedef enum rnnp_direction {
    RNNP_DIRECTION_FORWARD = 0,
    RNNP_DIRECTION_REVERSE,
    RNNP_DIRECTION_BIDIRECTIONAL
} rnnp_direction;

/* Where weights come from: the layout of one direction's weights and the order of gates in it.
 *            w                  r                   bias, bias_r                          LSTM     GRU
 *   ONNX     [G*hidden][input]  [G*hidden][hidden]  [2*G*hidden], NULL                    i o f c  z r h
 *   PyTorch  [G*hidden][input]  [G*hidden][hidden]  b_ih, b_hh [G*hidden] each            i f g o  r z n
 *   Keras    [input][G*hidden]  [hidden][G*hidden]  [G*hidden], NULL; with reset_after
 *                                                   rows 0 and 1 of Keras's bias          i f c o  z r h */
typedef enum rnnp_order { RNNP_ORDER_ONNX = 0, RNNP_ORDER_PYTORCH, RNNP_ORDER_KERAS } rnnp_order;

/* GRU: where the reset gate applies. AFTER is linear_before_reset=1 (PyTorch, Keras reset_after=True). */
typedef enum rnnp_gru_reset { RNNP_GRU_RESET_BEFORE = 0, RNNP_GRU_RESET_AFTER = 1 } rnnp_gru_reset;

/* One direction's weights, laid out as rnnp_recurrent_options.order says; f32, read during the call. A NULL
 * bias is zeros. */
typedef struct rnnp_recurrent_weights {
    const float *w, *r, *bias, *bias_r;
    const float *peephole; /* LSTM: [3*hidden], gates i o f; NULL for none */
} rnnp_recurrent_weights;

typedef struct rnnp_recurrent_options {
    size_t struct_size;
    rnnp_cell cell;
    size_t input, hidden;
    rnnp_direction direction;
    rnnp_order order;
    rnnp_gru_reset reset;       /* GRU; default AFTER, what PyTorch and Keras do */
    int batch_first;            /* x and y are [batch][steps][...] instead of [steps][batch][...] */
    const char *activations[6]; /* ONNX names per direction (3 LSTM, 2 GRU, 1 RNN); NULL: defaults */
    float alpha[6], beta[6];    /* of activations that take them; NAN: ONNX's default */
    float clip;                 /* > 0: clamps gate inputs */
    int input_forget;           /* LSTM: couples the input and forget gates */
    int return_sequences;       /* default 1: y is every step; 0: y is the last step [batch][dirs*hidden] */
} rnnp_recurrent_options;

RNNP_API void rnnp_recurrent_options_init(rnnp_recurrent_options *options, rnnp_cell cell, size_t input, size_t hidden);

/*
 * rnnp_model_add_recurrent() adds an RNN, LSTM or GRU layer.
 *
 *   x        [steps][batch][input], or [batch][steps][input] when batch_first
 *   weights  one entry, or two (forward, reverse) when bidirectional; copied
 *   lengths  i32 [batch]: valid steps of each row, 0 to steps (a Keras mask of leading ones, summed);
 *            RNNP_NONE: all
 *   h0, c0   [dirs][batch][hidden]; RNNP_NONE: zeros
 *   y        [steps][batch][dirs*hidden] (batch_first: [batch][steps][dirs*hidden]), directions
 *            concatenated, forward first; steps past a row's length are 0
 *   h, c     final states [dirs][batch][hidden]; NULL when not wanted
 */
RNNP_API rnnp_status rnnp_model_add_recurrent(rnnp_model *model, const rnnp_recurrent_options *options,
                                              const rnnp_recurrent_weights *weights, rnnp_value x, rnnp_value lengths,
                                              rnnp_value h0, rnnp_value c0, rnnp_value *y, rnnp_value *h,
                                              rnnp_value *c);

/* y = activation(x w + bias); w [input][units] (Keras) or, with transposed, [units][input] (PyTorch); bias
 * [units] or NULL; activation an ONNX operator name ("Relu", "Sigmoid", "Softmax", ...) or NULL. x may
 * have any rank; the product is over its last axis. */
RNNP_API rnnp_status rnnp_model_add_dense(rnnp_model *model, rnnp_value x, const float *w, size_t input, size_t units,
                                          int transposed, const float *bias, const char *activation, rnnp_value *y);

/* Rows of table [vocabulary][width] picked by i32 or i64 indices of any shape. An index out of range fails
 * the run with RNNP_ERR_ARG. */
RNNP_API rnnp_status rnnp_model_add_embedding(rnnp_model *model, rnnp_value indices, const float *table,
                                              size_t vocabulary, size_t width, rnnp_value *y);

/* Pooling over one axis, which is removed. */
typedef enum rnnp_pool { RNNP_POOL_MEAN = 0, RNNP_POOL_MAX, RNNP_POOL_SUM, RNNP_POOL_LAST } rnnp_pool;
RNNP_API rnnp_status rnnp_model_add_pool(rnnp_model *model, rnnp_value x, rnnp_pool pool, int axis, rnnp_value *y);

/* Identity at inference; kept in the graph for training. 0 <= rate < 1. */
RNNP_API rnnp_status rnnp_model_add_dropout(rnnp_model *model, rnnp_value x, float rate, rnnp_value *y);

/* A unary operator without attributes by its ONNX name. */
RNNP_API rnnp_status rnnp_model_add_activation(rnnp_model *model, const char *op, rnnp_value x, rnnp_value *y);

/* Softmax over one axis (negative counts from the end). */
RNNP_API rnnp_status rnnp_model_add_softmax(rnnp_model *model, rnnp_value x, int axis, rnnp_value *y);

/* ---- Looking at a closed model ----------------------------------------------------------------- */

RNNP_API size_t rnnp_model_input_count(const rnnp_model *model);
RNNP_API size_t rnnp_model_output_count(const rnnp_model *model);
RNNP_API rnnp_status rnnp_model_input_info(const rnnp_model *model, size_t index, rnnp_port_info *port);
RNNP_API rnnp_status rnnp_model_output_info(const rnnp_model *model, size_t index, rnnp_port_info *port);
RNNP_API size_t rnnp_model_constant_elements(const rnnp_model *model); /* elements of all constants in use */

/* One node in execution order, for printing. */
typedef struct rnnp_node_info {
    const char *name, *op;
    size_t inputs, outputs;
    rnnp_port_info input[16], output[8]; /* the first ones; an absent input has name "" */
    size_t parameters;                   /* elements of the constants it reads */
    size_t weight_bytes_per_step;        /* recurrent layers: packed weights read each step; else 0 */
    const char *note;                    /* warning about this node, or NULL */
} rnnp_node_info;
RNNP_API size_t rnnp_model_node_count(const rnnp_model *model);
RNNP_API rnnp_status rnnp_model_node_info(const rnnp_model *model, size_t index, rnnp_node_info *info);

/* ---- Plan -------------------------------------------------------------------------------------- */

typedef struct rnnp_plan rnnp_plan;

/* Where a plan's choices of kernels and schedules come from (tune.h). */
typedef enum rnnp_effort {
    RNNP_EFFORT_NONE = 0,  /* the library's rules alone */
    RNNP_EFFORT_CACHED = 1 /* default: tuning records, then the table that ships with the library */
} rnnp_effort;

typedef struct rnnp_plan_options {
    size_t struct_size;
    rnnp_math math;      /* class of tanh, sigmoid, exp; default u35 */
    size_t threads;      /* at most this many of the context's; 0 (default): all of them */
    int flush_denormals; /* 1: flush-to-zero and denormals-are-zero during runs (changes bits) */
    rnnp_effort effort;
    const struct rnnp_records *records; /* may be NULL; must outlive the plan, unchanged */
    size_t batch, steps;                /* what will mostly be run: weights are packed as that wants them; 0: not known.
                                         * Runs of other shapes take the records that go with the packing */
} rnnp_plan_options;

RNNP_API void rnnp_plan_options_init(rnnp_plan_options *options);

/* Exact bytes that rnnp_plan_create() will allocate. */
RNNP_API rnnp_status rnnp_plan_bytes(const rnnp_model *model, const rnnp_plan_options *options, size_t *bytes);

/*
 * rnnp_plan_create() chooses kernels for every node and packs constant weights. options may be NULL.
 *
 * Returns  RNNP_OK; RNNP_ERR_STATE for a model that is not closed, or whose weights were released; RNNP_ERR_FORMAT when
 *          the model's packed file (packed.h) turns out damaged; RNNP_ERR_ARG; RNNP_ERR_MEMORY.
 * Memory   one block of exactly rnnp_plan_bytes() bytes; the model must outlive the plan. Weights that a packed file
 *          holds as the kernels want them are read there and cost nothing.
 * Threads  the context's team packs large models, as far as options->threads goes; the bytes are the same for any
 *          number. Plans may be made by several threads at once.
 */
RNNP_API rnnp_status rnnp_plan_create(const rnnp_model *model, const rnnp_plan_options *options, rnnp_plan **plan);
RNNP_API void rnnp_plan_destroy(rnnp_plan *plan);

/*
 * rnnp_model_release_weights() frees the elements of constants that plans have in packed form and nothing else reads,
 * so that weights are in memory once. To be called when all plans of the model are made.
 *
 *   bytes    how many were freed; may be NULL. Constants below about 8 KiB and those of packed files (packed.h), which
 *            cost no memory, stay
 *
 * Returns  RNNP_OK, also when there is nothing to free; RNNP_ERR_STATE for a model that is not closed; RNNP_ERR_MEMORY,
 *          with everything as before.
 * Effect   Existing plans and their runs and streams, also new ones, go on as before, and so does everything that looks
 *          at the model. What would need the elements again fails with RNNP_ERR_STATE: rnnp_plan_create, and writing
 *          the model to a file.
 * Threads  no other thread may use the model or make a run or stream of its plans meanwhile; executions may go on.
 */
RNNP_API rnnp_status rnnp_model_release_weights(rnnp_model *model, size_t *bytes);

/* Name of the kernel variant a node uses ("lstm_step_f32_block_avx2"), or NULL; index as for
 * rnnp_model_node_info. */
RNNP_API const char *rnnp_plan_node_variant(const rnnp_plan *plan, size_t node);

/* ---- Run --------------------------------------------------------------------------------------- */

typedef struct rnnp_run rnnp_run;

/* Exact bytes of a run for these input shapes (data pointers are not read; n must be the number of model
 * inputs, in order). Returns as rnnp_run_create, RNNP_ERR_MEMORY included: it needs temporary memory. */
RNNP_API rnnp_status rnnp_run_bytes(const rnnp_plan *plan, const rnnp_tensor *inputs, size_t n, size_t *bytes);

/*
 * rnnp_run_create() infers all shapes for these input shapes and lays out the memory.
 *
 * Returns  RNNP_OK; RNNP_ERR_SHAPE or RNNP_ERR_TYPE naming the input or node; RNNP_ERR_UNSUPPORTED when a
 *          shape depends on input data; RNNP_ERR_MEMORY.
 * Memory   one block of exactly rnnp_run_bytes() bytes, plus temporary memory that is freed before the return.
 */
RNNP_API rnnp_status rnnp_run_create(const rnnp_plan *plan, const rnnp_tensor *inputs, size_t n, rnnp_run **run);
RNNP_API void rnnp_run_destroy(rnnp_run *run);

/* Dtype and shape that output `index` will have; data is NULL. */
RNNP_API rnnp_status rnnp_run_output(const rnnp_run *run, size_t index, rnnp_tensor *output);

/*
 * rnnp_run_execute() runs the graph once.
 *
 *   inputs   [n_inputs] in the model's order; dtype and shape as at creation; data read
 *   outputs  [n_outputs] in the model's order; data written; an entry with data == NULL is not computed
 *            for the caller's sake; dtype and shape are filled in
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for NULL data or an index out of range (Gather, Embedding, lengths);
 *          RNNP_ERR_SHAPE or RNNP_ERR_TYPE for inputs unlike those at creation.
 * Errors   leave output data unspecified; the run can be executed again.
 * Memory   no allocation. Outputs may not overlap inputs.
 * Threads  one run belongs to one thread at a time; runs of one plan may execute at once.
 * Numerics rounding and denormal modes are set to the contract's and restored.
 */
RNNP_API rnnp_status rnnp_run_execute(rnnp_run *run, const rnnp_tensor *inputs, size_t n_inputs, rnnp_tensor *outputs,
                                      size_t n_outputs);

/* ---- Stream ------------------------------------------------------------------------------------ */

typedef struct rnnp_stream rnnp_stream;

typedef struct rnnp_stream_options {
    size_t struct_size;
    size_t batch;  /* channels that step together; default 1 */
    size_t steps;  /* time steps per call; default 1 */
    int time_axis; /* axis of the first input that is time; -1 (default): found from the graph */
} rnnp_stream_options;

RNNP_API void rnnp_stream_options_init(rnnp_stream_options *options);

/*
 * rnnp_stream_create() prepares a plan for stepping through time: recurrent states are kept between calls,
 * everything else sees `steps` time steps at a time.
 *
 * Returns  RNNP_OK; RNNP_ERR_UNSUPPORTED naming the node that needs the whole sequence (a reverse or
 *          bidirectional layer, pooling over time, lengths that are computed or computed with, ...) and why;
 *          RNNP_ERR_SHAPE; RNNP_ERR_ARG; RNNP_ERR_MEMORY.
 * Memory   all that the stream will ever use is allocated here.
 */
RNNP_API rnnp_status rnnp_stream_create(const rnnp_plan *plan, const rnnp_stream_options *options,
                                        rnnp_stream **stream);
RNNP_API void rnnp_stream_destroy(rnnp_stream *stream);

/* Shape and dtype that rnnp_stream_step expects (inputs) and writes (outputs); data is NULL. */
RNNP_API rnnp_status rnnp_stream_input(const rnnp_stream *stream, size_t index, rnnp_tensor *input);
RNNP_API rnnp_status rnnp_stream_output(const rnnp_stream *stream, size_t index, rnnp_tensor *output);

/*
 * rnnp_stream_step() consumes the next `steps` time steps.
 *
 * Lengths  an input of lengths (sequence_lens) counts the steps that each channel takes in this call, from 0 to
 *          `steps`, where a run has those of the whole sequence; steps beyond it are padding and leave the channel's
 *          state alone.
 * Returns  RNNP_OK; RNNP_ERR_ARG for NULL data or an index out of range; RNNP_ERR_SHAPE or RNNP_ERR_TYPE for
 *          inputs unlike those of rnnp_stream_input.
 * Errors   leave the state as it was before the call.
 * State    an initial state (h0, c0) that depends on inputs is read at the first step after creation or a
 *          reset, and not looked at later.
 * Memory   no allocation, lock or system call when it succeeds; recording an error takes a lock.
 * Threads  runs on the calling thread; one stream belongs to one thread at a time.
 * Numerics after t steps an output over all steps equals row t-1 of a run over the sequence, bit for
 *          bit, and a final-state output equals that of a run over the first t steps.
 */
RNNP_API rnnp_status rnnp_stream_step(rnnp_stream *stream, const rnnp_tensor *inputs, size_t n_inputs,
                                      rnnp_tensor *outputs, size_t n_outputs);

/* All channels back to the initial state of the model. */
RNNP_API void rnnp_stream_reset(rnnp_stream *stream);

/* The recurrent state as bytes: f32 values in node order, the same on every ISA, then eight bytes that name the model:
 * a hash over its graph and weights, the same for a packed file made of it. No bytes at all for a model without state.
 * rnnp_stream_save returns RNNP_ERR_STATE when the initial state of a channel comes from an input and it has not
 * stepped yet; rnnp_stream_load returns RNNP_ERR_FORMAT for the state of another model. Both return RNNP_ERR_ARG for
 * bytes other than rnnp_stream_state_bytes() or at NULL; errors change nothing. No allocation: the hash is made with
 * the model's first stream, or before rnnp_model_release_weights. */
RNNP_API size_t rnnp_stream_state_bytes(const rnnp_stream *stream);
RNNP_API rnnp_status rnnp_stream_save(const rnnp_stream *stream, void *state, size_t bytes);
RNNP_API rnnp_status rnnp_stream_load(rnnp_stream *stream, const void *state, size_t bytes);

/* ---- Channels of a stream, one by one ----
 *
 * A stream of batch N steps N channels together, which takes far less time than N streams, and each has the bits
 * that it would have alone. Channels may join, pause and leave at any time; a channel is named by its row, 0 to N-1. */

/*
 * rnnp_stream_step_rows() is rnnp_stream_step for some of the channels: those without new data wait. They keep their
 * state, and their rows of the outputs' data are left as they were.
 *
 *   active   [batch]: 0 for a channel that waits
 *   inputs   as for rnnp_stream_step, rows of waiting channels included; what these hold changes nothing, but
 *            indices in them must be in range: the previous step's data will do
 *
 * Returns  as rnnp_stream_step; RNNP_ERR_ARG for active == NULL; RNNP_ERR_UNSUPPORTED, where a channel waits, for a
 *          model that does not keep channels apart, naming the node, or with an output that has no axis of channels.
 * Errors, Memory, Threads  as rnnp_stream_step.
 * Numerics the bits of an active channel are those of a stream of its own.
 */
RNNP_API rnnp_status rnnp_stream_step_rows(rnnp_stream *stream, const uint8_t *active, const rnnp_tensor *inputs,
                                           size_t n_inputs, rnnp_tensor *outputs, size_t n_outputs);

/* One channel back to the initial state; one that comes from inputs is read at the next step in which the channel is
 * active. RNNP_ERR_ARG for a row that the stream does not have. No allocation; one stream belongs to one thread. */
RNNP_API rnnp_status rnnp_stream_reset_row(rnnp_stream *stream, size_t row);

/* One channel's state as bytes: those that rnnp_stream_save gives for the channel in a stream of batch 1, so it can
 * move between streams of one plan, or of plans of one model, whatever their batch and ISA. Returns as
 * rnnp_stream_save and rnnp_stream_load, with rnnp_stream_row_state_bytes() bytes; also RNNP_ERR_ARG for a row that the
 * stream does not have. Errors change nothing. No allocation. */
RNNP_API size_t rnnp_stream_row_state_bytes(const rnnp_stream *stream);
RNNP_API rnnp_status rnnp_stream_save_row(const rnnp_stream *stream, size_t row, void *state, size_t bytes);
RNNP_API rnnp_status rnnp_stream_load_row(rnnp_stream *stream, size_t row, const void *state, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif
