/* SPDX-License-Identifier: Apache-2.0
 *
 * The graph inside a model, and what an operator is.
 *
 * An operator is one row of rnnp_operators[] (operators.c) and a handful of functions. Everything the
 * engine does is built from them:
 *   - model close: infer() with symbolic dimensions; run() folds nodes whose inputs are all constants
 *   - run create:  infer() with the concrete input shapes; run() evaluates nodes whose inputs are known
 *                  (shape arithmetic); the rest get memory by liveness
 *   - execute:     run() of the rest
 * A new operator is one function group in one file of src/graph/ops/ and one line in operators.def.
 */
#ifndef RNNP_GRAPH_H
#define RNNP_GRAPH_H

#include "../cells/wavefront.h"
#include "../context.h"
#include "../names.h"
#include "budget.h"
#include "rnnpack/tune.h"

#include <math.h>
#include <stdatomic.h>

/* ---- Bytes: what does not fit is SIZE_MAX and stays so ---- */

static inline size_t rnnp_add_bytes(size_t a, size_t b)
{
    size_t sum;

    return rnnp_add_overflow(a, b, &sum) ? SIZE_MAX : sum;
}

static inline size_t rnnp_mul_bytes(size_t a, size_t b)
{
    size_t product;

    return rnnp_mul_overflow(a, b, &product) ? SIZE_MAX : product;
}

/* ---- Dimensions ---- */

/* A dimension is its size, or a symbol: a negative number from RNNP_SYMBOL down, one per unknown size. Equal
 * symbols are equal sizes. They can travel as elements of known i64 tensors (Shape -> Concat -> Reshape). */
#define RNNP_SYMBOL (INT64_MIN / 2)
/* The window is narrow so that INT64_MIN, a usual "from the very start" of Slice, is a number. */
static inline int rnnp_dim_is_symbol(int64_t dim)
{
    return dim <= RNNP_SYMBOL && dim > RNNP_SYMBOL - (INT64_C(1) << 40);
}

/* What inference knows of a value: dtype, dimensions and, where it does not depend on input data, the
 * elements (`known`, dense, owned by whoever runs the inference; i64 elements may be symbols). */
typedef struct rnnp_meta {
    rnnp_dtype dtype;
    size_t rank;
    int64_t dim[RNNP_MAX_RANK];
    const void *known;
    int channels_last; /* in a layout: where it lies, not what it is (last.c) */
} rnnp_meta;

/* ---- Nodes ---- */

/* Opsets of the default ONNX domain that are known. */
enum { RNNP_OPSET_FIRST = 6, RNNP_OPSET_LAST = 25 };

struct rnnp_operator;

typedef struct rnnp_node {
    const struct rnnp_operator *op;
    const char *name; /* never NULL; "Op_7" style where the file has none */
    int opset;
    size_t n_inputs, n_outputs;
    int32_t *inputs, *outputs; /* value ids; RNNP_NONE for absent or unwanted ones */
    void *params;              /* op->param_bytes, filled by parse */
    const rnnp_attr *attrs;    /* as they were given; copies that live as long as the model */
    size_t n_attrs;
    size_t serial;          /* how many nodes were added before it: survives the removal of others */
    const char *note;       /* lint warning or NULL */
    int folded;             /* during close: outputs became constants, or nobody reads them */
    int late;               /* closing could not infer it, as one may on a side of an If; a run tries again */
    rnnp_meta *input_metas; /* [n_inputs], symbolic, after close */
} rnnp_node;

typedef struct rnnp_output_info {
    const char *name;
    int32_t value;
    int has_rank; /* a file says that it has this rank */
    size_t rank;
} rnnp_output_info;

typedef struct rnnp_value_info {
    const char *name;
    rnnp_meta meta; /* symbolic, after close; known = constant data when is_constant */
    int is_constant;
    int32_t producer; /* node index or -1 */
    size_t uses;
    int released;        /* its elements are gone: only packed forms of them are left */
    atomic_uchar sealed; /* in a packed file, and not compared with its checksum yet */
    uint64_t checksum;   /* of a constant in a packed file; 0: not known */
} rnnp_value_info;

/* ---- What operators are called with ----
 *
 * Arrays of inputs and outputs have at least max_inputs and max_outputs entries (n_inputs and n_outputs
 * when any number is allowed). An absent input has dtype 0 and data NULL; an output that is not wanted has data
 * NULL when run() is called, and what infer() says of it is ignored. */

/* During parse: the attribute list with look-ups that remember what was consumed (an attribute nobody
 * consumed is an error naming it). Each returns the fallback when absent; a kind mismatch is recorded and
 * makes the node fail after parse. */
typedef struct rnnp_parse {
    struct rnnp_model *model;
    const rnnp_node *node;  /* name, opset, n_inputs, n_outputs and which are absent are valid */
    const rnnp_attr *attrs; /* live as long as the model */
    size_t n_attrs;
    uint64_t consumed;
    rnnp_status status;
} rnnp_parse;

int64_t rnnp_parse_int(rnnp_parse *p, const char *name, int64_t fallback);
float rnnp_parse_float(rnnp_parse *p, const char *name, float fallback);
const char *rnnp_parse_string(rnnp_parse *p, const char *name, const char *fallback);
const rnnp_attr *rnnp_parse_attr(rnnp_parse *p, const char *name, rnnp_attr_kind kind); /* NULL when absent */
/* Whether an attribute as given by a caller is whole, and a copy of a list of such. */
rnnp_status rnnp_attr_check(const struct rnnp_model *model, const rnnp_node *node, const rnnp_attr *attr);
rnnp_attr *rnnp_attrs_copy(struct rnnp_model *model, const rnnp_attr *attrs, size_t n); /* NULL on failure (recorded) */
/* Memory that lives as long as the model; NULL on failure (recorded). rnnp_model_calloc clears it, rnnp_model_copy and
 * _string fill it. */
void *rnnp_model_alloc(struct rnnp_model *model, size_t bytes);
void *rnnp_model_calloc(struct rnnp_model *model, size_t count, size_t bytes);
void *rnnp_model_copy(struct rnnp_model *model, const void *items, size_t count, size_t bytes);
const char *rnnp_model_string(struct rnnp_model *model, const char *s);

/* During inference. */
typedef struct rnnp_infer {
    const rnnp_context *context;
    const rnnp_node *node;
    int64_t *next_symbol; /* counts down; take with rnnp_dim_unknown */
    int part;             /* of more steps or rows than these: the rank may not depend on how many there are */
    int guessed;          /* set by infer(): the rank would be another if some symbol were 1 */
    int concrete;         /* for a run: the inputs of the graph have sizes */
} rnnp_infer;

int64_t rnnp_dim_unknown(rnnp_infer *in);
int64_t rnnp_dim_mul(rnnp_infer *in, int64_t a, int64_t b); /* a fresh symbol unless both are sizes or one is 1 */
int64_t rnnp_dim_add(rnnp_infer *in, int64_t a, int64_t b); /* the same, neutral element 0 */
/* Multidirectional (NumPy) broadcast of two shapes; fails with a sentence naming the node. */
rnnp_status rnnp_infer_broadcast(rnnp_infer *in, const rnnp_meta *a, const rnnp_meta *b, rnnp_meta *out);
/* Checks that two dimensions agree (a symbol agrees with anything) and returns the more definite one. */
rnnp_status rnnp_infer_same(rnnp_infer *in, const char *what, int64_t a, int64_t b, int64_t *dim);
/* rnnp_fail with "<op> <node name>: " in front. */
rnnp_status rnnp_node_fail(const rnnp_context *context, const rnnp_node *node, rnnp_status status, const char *format,
                           ...) __attribute__((format(__printf__, 4, 5)));

/* The input whose elements this output shares, of a node that is a view for these shapes; else SIZE_MAX. */
size_t rnnp_view_source(const rnnp_node *node, const rnnp_meta *inputs, const rnnp_meta *outputs, size_t output);

/* The format of a layer's constant weights; F32 for a node without any. */
rnnp_weights rnnp_node_weights(const rnnp_model *model, const rnnp_node *node);

/* During execution. */
typedef struct rnnp_exec {
    const rnnp_context *context;
    const rnnp_selection *select;
    rnnp_math math;
    rnnp_team *team;        /* NULL: one thread */
    size_t threads;         /* at most this many of the team's; 0: all */
    const void *packed;     /* this node's packed weights: in the plan, in a file, or NULL */
    const void *planned;    /* own of this node's plan */
    void *state;            /* streams: this node's recurrent state; NULL in runs */
    const int32_t *lengths; /* streams: steps that each channel takes part in, as sequence_lens; NULL: all */
    int time_axis;          /* streams: where time is in input 0; 0 if it has none, or there, and in runs */
    size_t lead;            /* streams: steps of input 0 in its history */
    unsigned channels_last; /* RNNP_LAST_TAKES: input 0 lies so; RNNP_LAST_GIVES: output 0 is to */
    int is_part;            /* input 0 is a part of it, and begin() was called */
    void *workspace;        /* this node's scratch, op->workspace bytes */
    size_t turn;            /* executions of this node before */
    size_t iteration;       /* of the loop that the node begins or ends: how many came before */
} rnnp_exec;

/* A node and what it is to be executed with. */
typedef struct rnnp_stack_node {
    const rnnp_exec *exec;
    const rnnp_node *node;
    const rnnp_tensor *inputs;
    rnnp_tensor *outputs;
} rnnp_stack_node;

enum {
    RNNP_STACK_NODES = 8, /* most of one stack */
    RNNP_ROWS_INPUTS = 5  /* most inputs of a node that is run on rows with a convolution */
};

/* Where a plan's choices come from, and what it expects to run; 0 where it does not know. */
typedef struct rnnp_tuning {
    const rnnp_records *records; /* NULL: the shipped table alone */
    rnnp_record_host host;
    size_t batch, steps;
    int64_t batch_symbol, steps_symbol; /* the model's dimensions that these are the sizes of; 0: none */
    int off;                            /* neither records nor the table */
    int call;                           /* batch and steps are those of a call, also where the model fixes others */
} rnnp_tuning;

/* What a planned node knows about itself when memory is asked for. */
typedef struct rnnp_prepare {
    const rnnp_context *context;
    const rnnp_node *node;
    const rnnp_meta *inputs; /* known set for constants */
    const rnnp_selection *select;
    rnnp_math math;
    size_t threads;
    int time_axis;             /* as in rnnp_exec */
    size_t lead;               /* as in rnnp_exec */
    const rnnp_tuning *tuning; /* NULL: no choice is looked up */
    const void *planned;       /* for a run to be planned: own of the plan whose packed block is used, or NULL; for
                                * workspace_bytes(): own of this node's plan */
} rnnp_prepare;

enum { RNNP_LAYOUT_CHARS = 512 };

/* A node made ready: op->plan fills it in, and whoever packs, runs or looks at the node reads it. All 0 for sizes that
 * are not known, and for operators without plan. */
typedef struct rnnp_planned {
    const char *variant; /* name of the kernel in use */
    size_t pack_bytes;   /* of the packed block; 0: there is none */
    size_t step_bytes;   /* packed weights that one time step reads */
    size_t row_bytes;    /* of streams: of one channel in each of the state's arrays; of its history */
    size_t lead;         /* of streams: as in rnnp_exec */
    int tuned;           /* records are looked at for it */
    /* Given to plan; NULL: not wanted. */
    void *own; /* op->plan_bytes of the operator's own; they may be moved */
    char
        *layout; /* [RNNP_LAYOUT_CHARS]: a line that differs whenever blocks of the same node do, so that a block from a
                  * file is taken by the kernels it was made for and by no others. Floats are all that a block may hold:
                  * those of a damaged or hostile file must not lead anywhere. */
    rnnp_record_found *found; /* what the records say */
} rnnp_planned;

/* Calls op->plan, if there is any. planned->own, layout and found are set before. */
void rnnp_node_plan(const rnnp_prepare *p, rnnp_planned *planned);
/* Whether all inputs that are packed and present are constants, and so a plan packs them. */
int rnnp_node_packs(const rnnp_node *node, const rnnp_meta *inputs);

/* Where time is: inputs' time axes in (axis, or RNNP_TIME_NONE for values without one), outputs' out.
 * Returns 0, or why a stream cannot step the operator. Shapes are the model's symbolic ones. An operator that picks the
 * last step (index -1) may answer RNNP_TIME_NONE: the newest step of a stream is the last one so far. Not called when
 * no input has time, except for operators with state. */
#define RNNP_TIME_NONE (-1)
enum {
    RNNP_TIME_MIXED = -1,     /* it needs several time steps at once */
    RNNP_TIME_REVERSED = -2,  /* the last step comes first */
    RNNP_TIME_PICKED = -3,    /* it takes some time steps, by their numbers */
    RNNP_TIME_MERGED = -4,    /* no axis of the result is time alone */
    RNNP_TIME_UNKNOWN = -5,   /* it depends on data where time goes */
    RNNP_TIME_ELSEWHERE = -6, /* time is not at the axis that it steps along */
    RNNP_TIME_AHEAD = -7,     /* its windows need later steps, or there is not one of them for each stride */
    RNNP_TIME_SPREAD = -8,    /* its inputs give results for earlier steps, or not as many as its stride */
    RNNP_TIME_COUNTED = -9    /* it depends on how many steps there were */
};

/* How an operator goes along an axis of time: each `down` steps of input 0 give `up` of the outputs, made of these and
 * of the `lead` steps before them. */
typedef struct rnnp_pace {
    int64_t down, up;
    size_t lead;
    int64_t covers, pads[2]; /* of windows, also where it fails: for messages */
} rnnp_pace;

/* Weights as output channels of `depth` elements: element k of channel c is at [c * stride + k * k_stride]. */
typedef struct rnnp_channels {
    size_t count, depth, stride, k_stride;
} rnnp_channels;

/* Index of the first scale that is not a finite number above 0; n if there is none. */
static inline size_t rnnp_bad_scale(const float *scale, size_t n)
{
    size_t i = 0;

    while (i < n && scale[i] > 0 && scale[i] < INFINITY) i++;
    return i;
}

/* Inputs as a mask: bit i is input i, and the last bit all from there on. */
#define RNNP_MOVES_NOTHING 0u
#define RNNP_MOVES_FIRST 1u
#define RNNP_MOVES_THIRD 4u
#define RNNP_MOVES_ALL (~0u)
#define RNNP_MOVES_OTHERS (~RNNP_MOVES_FIRST)

typedef enum rnnp_loop_role { RNNP_LOOP_NONE, RNNP_LOOP_BEGIN, RNNP_LOOP_END } rnnp_loop_role;

enum { RNNP_LAST_TAKES = 1, RNNP_LAST_GIVES = 2, RNNP_LAST_ALIKE = 4, RNNP_LAST_ROWS = 8 };

typedef struct rnnp_operator {
    const char *name;
    uint8_t min_inputs, max_inputs; /* 255: any number */
    uint8_t min_outputs, max_outputs;
    int since_opset; /* the one that brought it, which an ONNX file must have; 0: one before 8 */
    size_t param_bytes;

    rnnp_status (*parse)(rnnp_parse *p, void *params); /* may be NULL: no attributes */
    rnnp_status (*infer)(rnnp_infer *in, const rnnp_meta *inputs, rnnp_meta *outputs);
    rnnp_status (*run)(const rnnp_exec *e, const rnnp_node *node, const rnnp_tensor *inputs, rnnp_tensor *outputs);

    /* Output 0 has input 0's elements in the same order: memory is shared, run is not called at execution
     * (only for folding). */
    int is_view;

    /* Output 0 may overwrite input 0 when shapes are equal. */
    int in_place;

    /* run() reads only the shapes of its inputs (Shape, Size): it is evaluated as soon as they are known. */
    int shape_only;

    /* Inputs whose elements run() copies unchanged without looking at them or at their type, so that symbols pass
     * through: RNNP_MOVES_FIRST, ... */
    unsigned moves;
    /* Optional: whether this node does so. */
    int (*moves_when)(const rnnp_node *node);

    /* run() depends on the math class, which only a plan knows: never folded into the model. */
    int uses_math;

    /* Optional, beyond is_view: whether these concrete shapes make the node a view (a Transpose that moves
     * axes of size 1 only, a Slice of everything). */
    int (*view)(const rnnp_node *node, const rnnp_meta *inputs, const rnnp_meta *outputs);

    /* Optional: what of this node may lie channels last, [batch][spatial...][channel], in spite of its shape [batch]
     * [channel][spatial...]: input 0, output 0, or output 0 together with all inputs of its shape, and with input 0 if
     * that is named too. Other inputs never do. Shapes are concrete. view() and run() are told (rnnp_meta, rnnp_exec).
     * RNNP_LAST_ROWS of a node with in_place: run() may be called for some rows of channels at a time, by several
     * threads; of one with run_stack: it may do that to nodes behind it with its own output 0. */
    unsigned (*channels_last)(const rnnp_prepare *p, const rnnp_meta *outputs);
    /* Optional: what run() begins with that needs no element of input 0. */
    void (*begin)(const rnnp_exec *e, const rnnp_node *node, const rnnp_tensor *inputs);

    /* Optional, of operators that choose: the input whose elements an output has, in their order, or SIZE_MAX while
     * that is not known. A node that knows is a view, and needs no other input. */
    size_t (*source)(const rnnp_node *node, const rnnp_meta *inputs, size_t output);

    /* Of the two nodes around the body of a loop (loops.c). */
    rnnp_loop_role loop;

    /* NULL: elementwise rule (all inputs agree after broadcast alignment). */
    int (*time)(const rnnp_node *node, const rnnp_meta *inputs, const int *in_axis, int *out_axis);

    /* Optional, for operators that pack constant weights, are tuned, or carry state: everything there is to decide
     * about a node, once for a plan and once for each shape that is run. The only place that looks at records. */
    void (*plan)(const rnnp_prepare *p, rnnp_planned *planned);
    size_t plan_bytes; /* of planned->own */
    /* Constant inputs that are packed, if all of them that are present are constants: bit i is set when a node with a
     * packed block has no other need of the elements of input i. */
    unsigned packed_inputs;
    /* Optional: whether this node packs them, with all of them constant. */
    int (*packs)(const rnnp_node *node, const rnnp_meta *inputs);
    /* Constant weights of which other formats than f32 are known, and the input with their scales: a weight is q
     * scale of its output channel. 0 for none. */
    struct {
        uint8_t input, scale;
    } weights[2];
    /* Where they are in weights[i]: channels, depth, and the strides of both. inputs' sizes are known. */
    void (*channels)(const rnnp_node *node, const rnnp_meta *inputs, size_t i, rnnp_channels *channels);
    /* Writes a part of the block; parts may be written by different threads, and together they write every byte. */
    void (*pack)(const rnnp_node *node, const rnnp_meta *inputs, const void *own, void *packed, size_t part,
                 size_t parts);
    /* Optional: scratch of an execution; inputs are concrete. */
    size_t (*workspace_bytes)(const rnnp_prepare *p, const rnnp_meta *outputs);
    /* Streams: state_arrays arrays [channels][row_bytes], exported by rnnp_stream_save. A channel begins with its rows
     * of the inputs from state_input on, or with zeros where these are absent. */
    size_t state_arrays, state_input;
    /* Optional, for operators that need earlier time steps or do not give one result for each: their pace where time is
     * at this axis of input 0, not the first one. Returns as time(), which is called before. A stream keeps the last
     * `lead` steps of each channel, of f32: run() finds them in state and leaves the new ones there
     * (rnnp_history_take). */
    int (*pace)(const rnnp_node *node, const rnnp_meta *inputs, size_t time_axis, rnnp_pace *pace);
    float history_begins; /* what stands for the steps before the first one */
    /* Products: multiply-adds of one execution, SIZE_MAX for too many to count; inputs are concrete. */
    size_t (*multiply_adds)(const rnnp_prepare *p, const rnnp_meta *outputs);
    /* The layer as a tuner sees it, called with tuning's batch and steps where the inputs do not say; 0 for a node that
     * is none, or while its sizes are not known. p->tuning is not NULL. */
    int (*shape)(const rnnp_prepare *p, rnnp_shape *shape);
    /* Optional: whether a node may run at once with the one below, some steps behind it; y is output 0 of
     * that, and x input 0 of this, the same memory. Other inputs depend on neither. */
    int (*stacks)(const rnnp_node *below, const rnnp_meta *y, const rnnp_node *node, const rnnp_meta *x);
    /* Runs n nodes that do, or a node and those behind it that change its output 0 in place (last.c); lowest first.
     * Their scratch does not overlap. */
    rnnp_status (*run_stack)(const rnnp_stack_node *stack, size_t n, const rnnp_stack_choice *choice);
    /* Operators with state: which axis of an input (of an output) counts batch rows, -1 for none. */
    int (*batch_axis)(const rnnp_node *node, int is_output, size_t port);
    size_t lengths_input; /* of steps that each row takes part in; 0: none */
    /* A warning that stays with the node, or NULL. producer is what wrote the file, "" if unknown. */
    const char *(*lint)(const rnnp_node *node, const char *producer);

    /* Of operators that share their functions: this one's row in the table of its family. */
    const void *family;
} rnnp_operator;

extern const rnnp_operator *const rnnp_operators[]; /* NULL-terminated */
/* Not one of them, and has no run(): stands for a node of a file, without its inputs. Its inference fails with the
 * sentence of its attribute "why". */
extern const rnnp_operator rnnp_operator_Unsupported;
const rnnp_operator *rnnp_operator_find(const char *name);

/* ---- Model ---- */

enum { RNNP_MODEL_OPEN, RNNP_MODEL_CLOSED, RNNP_MODEL_BROKEN };

/* As rnnp_context_calls: functions that librnnpack-onnx finds through a model. */
struct rnnp_visitor;
typedef struct rnnp_model_calls {
    rnnp_status (*set_producer)(struct rnnp_model *model, const char *name);
    rnnp_status (*visit)(const struct rnnp_model *model, const struct rnnp_visitor *visitor);
    rnnp_status (*file_replace)(const rnnp_context *context, const char *path,
                                rnnp_status (*fill)(void *user, rnnp_write_fn write, void *to), void *user);
} rnnp_model_calls;
extern const rnnp_model_calls rnnp_model_calls_table;

/* Names, and a number that goes with each. */
typedef struct rnnp_name_table {
    rnnp_names set;
    size_t *number;
    size_t cap_name, cap_fork, cap_number;
} rnnp_name_table;

typedef struct rnnp_metadata {
    const char *key, *value;
} rnnp_metadata;

struct rnnp_model {
    const rnnp_context *context; /* stays first in all versions */
    const rnnp_model_calls *calls;
    int closed; /* RNNP_MODEL_OPEN, ... */
    rnnp_value_info *values;
    size_t n_values, cap_values;
    rnnp_node *nodes; /* in execution order after close */
    size_t n_nodes, cap_nodes;
    int32_t *inputs; /* value ids */
    rnnp_output_info *outputs;
    size_t n_inputs, cap_inputs, n_outputs, cap_outputs;
    const char **symbols; /* name of symbol RNNP_SYMBOL - i, NULL where it has none */
    size_t n_symbols, cap_symbols;
    int counts_on_names; /* that dimensions of inputs with one name are equal decided something when it was closed */
    rnnp_name_table input_names, output_names, symbol_names; /* what is taken, while it is built */
    rnnp_budget *budget;                                     /* while a file is loaded, else NULL */
    const rnnp_load_options *options;                        /* the same: which inputs are bound, which outputs stay */
    uint8_t *bound;                                          /* [options->n_bound]: the input was there */
    struct rnnp_block *blocks;                               /* everything allocated by rnnp_model_alloc */
    rnnp_metadata *metadata;                                 /* keys differ; in the order in which they came */
    size_t n_metadata, cap_metadata;
    const char *producer;       /* what wrote the file, "" if unknown */
    const char *layer;          /* name of the layer whose weights are added, or NULL */
    struct rnnp_packed *packed; /* the packed file behind it (src/packed/), or NULL */
    _Atomic uint64_t mark;      /* rnnp_model_mark(); 0: not asked for yet */
};

static inline rnnp_status rnnp_model_need_closed(const struct rnnp_model *model)
{
    return model->closed == RNNP_MODEL_CLOSED ? RNNP_OK
                                              : rnnp_fail(model->context, RNNP_ERR_STATE, "the model is not closed");
}

/* What a node of a closed model is prepared with where no run and no records are in sight: for a packed file. */
static inline rnnp_prepare rnnp_node_prepare(const struct rnnp_model *model, const rnnp_node *node,
                                             const rnnp_selection *select)
{
    return (rnnp_prepare){.context = model->context,
                          .node = node,
                          .inputs = node->input_metas,
                          .select = select,
                          .math = RNNP_MATH_U35,
                          .threads = 1};
}

/* What the options of a file say (options.c): the constant that an input of this dtype and shape is bound to, which may
 * be in *element. */
rnnp_status rnnp_bound_tensor(const rnnp_context *context, const rnnp_bound_input *bound, const rnnp_tensor *input,
                              uint64_t *element, rnnp_tensor *t);
/* RNNP_ERR_ARG for inputs and outputs that the model turned out not to have. */
rnnp_status rnnp_model_check_options(const struct rnnp_model *model);

/* After nodes moved: each value is told the place of the node it comes from. */
void rnnp_model_number_producers(struct rnnp_model *model);

/* Total elements of a shape; SIZE_MAX when a dimension is a symbol or the product overflows. */
size_t rnnp_meta_elements(const rnnp_meta *meta);
rnnp_tensor rnnp_meta_tensor(const rnnp_meta *meta, const void *data);
int rnnp_same_dims(const rnnp_meta *a, const rnnp_meta *b);
/* Whether both may be one shape: a symbol agrees with anything. */
int rnnp_dims_agree(const rnnp_meta *a, const rnnp_meta *b);
size_t rnnp_meta_bytes(const rnnp_meta *meta);
/* rnnp_model_add_constant with elements that stay where they are: `tensor` outlives the model, and until checksum has
 * been compared nothing may read it (rnnp_constant_need). */
rnnp_status rnnp_model_constant_sealed(struct rnnp_model *model, const char *name, const rnnp_tensor *tensor,
                                       uint64_t checksum, rnnp_value *value);
/* RNNP_OK when the elements of a value may be read: RNNP_ERR_STATE for a constant that was released, RNNP_ERR_FORMAT
 * for one that is damaged in its file. Other values are none of its business. Safe from many threads. */
rnnp_status rnnp_constant_need(const struct rnnp_model *model, int32_t value);
/* Its checksum: known of one in a packed file, whose elements are not touched. As rnnp_constant_need. */
rnnp_status rnnp_constant_checksum(const struct rnnp_model *model, int32_t value, uint64_t *checksum);
/* What tells a closed model from others: a hash over its graph and the checksums of its constants, never 0. Reads all
 * weights that are in no packed file, once. The same for a model and the packed file made of it. */
rnnp_status rnnp_model_mark(const struct rnnp_model *model, uint64_t *mark);
/* Whether somebody reads the elements of this input otherwise than through the node's packed block. Before the model
 * is closed: whether it is sure to. */
int rnnp_node_reads(const rnnp_node *node, size_t input);
/* Remembers what wrote the file ("pytorch"), for warnings about known exporter faults. */
rnnp_status rnnp_model_set_producer(struct rnnp_model *model, const char *name);
rnnp_status rnnp_model_copy_metadata(struct rnnp_model *model, const struct rnnp_model *from);

#endif
