/* SPDX-License-Identifier: Apache-2.0
 *
 * What the engine's files share and operators do not see.
 *
 *   memory.c     arena of small blocks; memory of a model
 *   spans.c      placement of activations by lifetime
 *   constants.c  which constants are read, and whether they may be
 *   inference.c  shapes and known values of all nodes, symbolic or concrete
 *   guess.c      ranks of an If that is not decided
 *   failures.c   errors that stay with values, because only the other side of an If may be needed
 *   partial.c    values of which some elements are known
 *   narrow.c     weights behind a Cast to f32
 *   pads.c       Pad in front of Conv
 *   layout.c     concrete shapes -> which nodes run, where every value lives
 *   loops.c      bodies of loops, each in one piece
 *   cell_match.c loops that are a recurrent layer (cell_steps.c, cell_gates.c); cell_build.c: in their place
 *   last.c       which values lie channels last in memory
 *   branches.c   which calls only one side of an If needs
 *   stacks.c     in which order they run, and which of them at once
 *   program.c    a layout placed in one block, ready to execute
 *   execute.c    a program executed; states of streams
 *   time.c       where time is in every value, or the channels of a stream
 *   carry.c      state that a model has as inputs and outputs
 *   stream.c     a program stepped through time
 *   channels.c   the channels of a stream one by one
 */
#ifndef RNNP_ENGINE_H
#define RNNP_ENGINE_H

#include "graph.h"

/* ---- Memory ---- */

/* A list of blocks that is freed as a whole. The memory is aligned to 64 bytes and not cleared. */
void *rnnp_arena_alloc(const rnnp_context *context, struct rnnp_block **arena, size_t bytes);
void *rnnp_arena_calloc(const rnnp_context *context, struct rnnp_block **arena, size_t count, size_t bytes);
void rnnp_arena_free(const rnnp_context *context, struct rnnp_block **arena);
/* Frees one allocation of so many bytes where it has a block to itself, that is from about 8 KiB on, and returns its
 * bytes; others stay: 0. */
size_t rnnp_arena_release(const rnnp_context *context, const void *p, size_t bytes);

/* The same for memory of rnnp_model_alloc. */
void rnnp_model_give_back(rnnp_model *model, const void *p, size_t bytes);

/* Makes room for `more` items beyond count. items is the address of the array's pointer, whatever its type (read and
 * written as bytes), and changes only on success. The array is not in the model's blocks. */
rnnp_status rnnp_model_grow(rnnp_model *model, void *items, size_t count, size_t more, size_t *capacity,
                            size_t item_bytes);

/* What its blocks were asked for from the allocator. */
size_t rnnp_arena_bytes(const struct rnnp_block *arena);

/* Memory needed from step `first` to step `last`, both included. */
typedef struct rnnp_span {
    size_t bytes, first, last;
    size_t offset; /* result, a multiple of 64 */
} rnnp_span;

/* Offsets such that spans which live at the same time do not overlap: best fit among the gaps (among those that it
 * looks at, where there are very many). Spans come in ascending order of `first`; room is scratch for
 * rnnp_spans_room(n) numbers. Returns the bytes of the whole, or SIZE_MAX. Takes time in proportion to n, up to a
 * logarithm. */
size_t rnnp_spans_room(size_t n);
size_t rnnp_spans_place(rnnp_span *spans, size_t n, size_t *room);

/* ---- Inference ---- */

/* A node in a plan. */
typedef struct rnnp_plan_node {
    rnnp_planned planned; /* own: in the plan's block, where there is a packed block, else NULL */
    const void *packed;   /* in the plan's block or the model's file, or NULL */
    int in_file;          /* packed is in the model's file */
} rnnp_plan_node;

/* A value some of whose elements are known: its elements, and 1 for each of them that is not known. An i64 value has
 * its elements in meta.known too, with a symbol for each that is not known. unsure is NULL where all or nothing is
 * known. */
typedef struct rnnp_partial {
    const void *data;
    const uint8_t *unsure;
} rnnp_partial;

/* Why there is no value: the first error on the way to it. */
typedef struct rnnp_failure {
    rnnp_status status;
    size_t node; /* where it arose */
    char text[];
} rnnp_failure;

/* The metas of a whole graph and scratch for the current node, all in *arena. */
typedef struct rnnp_inference {
    const rnnp_model *model;
    struct rnnp_block **arena;
    rnnp_meta *meta;       /* [n_values] */
    rnnp_partial *partial; /* [n_values] */
    uint8_t *guessed;      /* [n_values]: the rank holds while no symbol is 1, so nothing is made of the shape */
    rnnp_meta *in, *out;   /* of the latest node */
    rnnp_tensor *in_tensor, *out_tensor;
    int64_t next_symbol;
    size_t bytes_left;           /* for the values of nodes that are evaluated */
    uint64_t work_left;          /* for evaluating them, as rnnp_load_options counts it */
    const rnnp_node *left_out;   /* the first node for which one of them was too little */
    int counts_on_names;         /* something became known because dimensions of inputs have one name */
    int concrete;                /* the inputs of the graph have sizes */
    const rnnp_failure **failed; /* [n_values], or NULL where an error ends the inference; metas of those that have one
                                  * are 0 */
    int part;                    /* the shapes are those of some steps of a stream, or of some rows of a batch */
} rnnp_inference;

/* Entries that a node's input and output arrays must have. */
size_t rnnp_node_slots_in(const rnnp_node *node);
size_t rnnp_node_slots_out(const rnnp_node *node);

rnnp_status rnnp_inference_begin(rnnp_inference *inf, const rnnp_model *model, struct rnnp_block **arena);
/* Runs infer() of one node and stores what it says of the wanted outputs. */
rnnp_status rnnp_inference_node(rnnp_inference *inf, const rnnp_node *node);
/* What is known of a node's inputs and outputs, into inf->in and inf->out. */
void rnnp_inference_gather(rnnp_inference *inf, const rnnp_node *node);

/* ---- Errors that stay with values (failures.c) ---- */

/* From here on they do, if the graph has an If. */
rnnp_status rnnp_inference_tolerate(rnnp_inference *inf);
/* What becomes of an error at this node: RNNP_OK if it stays with the outputs. */
rnnp_status rnnp_inference_fails(rnnp_inference *inf, const rnnp_node *node, rnnp_status status);
/* The outputs of the node whose metas are in inf->in take over the errors of what they are made of. Returns whether
 * there are any. */
int rnnp_inference_inherits(rnnp_inference *inf, const rnnp_node *node);
/* Whether an output of the node has one. */
int rnnp_inference_failed(const rnnp_inference *inf, const rnnp_node *node);
/* That of the first output of the model that has one. */
rnnp_status rnnp_inference_outputs(const rnnp_inference *inf);

/* ---- Guesses of ranks (guess.c) ---- */

/* Turns those that lead to errors, by trying; takes the work from *work. */
rnnp_status rnnp_model_guess(rnnp_model *model, size_t bytes, uint64_t *work);

/* ---- Loops (loops.c) ---- */

/* Brings the nodes of every loop together. Before a model is inferred. */
rnnp_status rnnp_model_order_loops(rnnp_model *model);
/* A LoopEnd lets go of the rows of stacks that nobody wants. */
void rnnp_loop_forget(rnnp_node *end);
/* Puts a layer in the place of every loop that is one (cell_match.c, cell_build.c); what it knew is of the graph before
 * that. */
rnnp_status rnnp_model_find_cells(rnnp_model *model, const rnnp_inference *inf, size_t *found);

/* ---- Known values ---- */

typedef enum rnnp_known { RNNP_KNOWN_NOT, RNNP_KNOWN_TOO_LATE, RNNP_KNOWN_SYMBOLIC, RNNP_KNOWN_FULLY } rnnp_known;

/* Whether the node just inferred can be evaluated without input data, at a sensible size and within what is left, from
 * which its cost is taken. */
rnnp_known rnnp_inference_known(rnnp_inference *inf, const rnnp_node *node);
/* Evaluates it; the elements go into `arena` and the outputs become known. plan may be NULL. */
rnnp_status rnnp_inference_evaluate(rnnp_inference *inf, const rnnp_node *node, const rnnp_selection *select,
                                    rnnp_math math, const rnnp_plan_node *plan, struct rnnp_block **arena);
/* The same when some elements are not known, as far as the operator's results do not depend on them (partial.c). The
 * outputs are known, known in part, or not. */
rnnp_status rnnp_inference_partial(rnnp_inference *inf, const rnnp_node *node);

/* narrow [n_values]: the f16 or bf16 constant that a value was cast from, or RNNP_NONE. Called for each node in turn:
 * before it is inferred, so that it takes such constants in place of f32 weights, and afterwards. */
void rnnp_narrow_take(const int32_t *narrow, const rnnp_inference *inf, rnnp_node *node);
void rnnp_narrow_follow(int32_t *narrow, const rnnp_inference *inf, const rnnp_node *node);

/* The padding of a Conv takes over the Pad in front of it, where that puts zeros there. Before the Conv is inferred. */
rnnp_status rnnp_pad_into_conv(rnnp_model *model, const rnnp_inference *inf, rnnp_node *node);

/* ---- Plan ---- */

struct rnnp_plan {
    const rnnp_context *context;
    const rnnp_model *model;
    rnnp_math math;
    size_t threads;
    int schedule; /* of all stacks, where it is not RNNP_SCHEDULE_FASTEST: for tests */
    int flush_denormals;
    size_t max_iterations;
    rnnp_tuning tuning;
    const rnnp_selection *select; /* the context's, or own */
    rnnp_selection *own;          /* for the machine that the records have; NULL: they have none */
    size_t bytes;
    rnnp_plan_node nodes[]; /* [model->n_nodes] */
};

rnnp_prepare rnnp_plan_prepare(const rnnp_plan *plan, const rnnp_node *node);
/* Finds the symbols of batch and steps, by the first recurrent layer. */
void rnnp_tuning_symbols(const rnnp_model *model, rnnp_tuning *tuning);

/* ---- What a stream carries from outputs to inputs (carry.c) ---- */

/* Ports of the model. */
typedef struct rnnp_carry {
    size_t input, output;
} rnnp_carry;

typedef struct rnnp_carries {
    size_t n;
    rnnp_carry *pair;        /* [n], in the order of the state */
    uint8_t *input, *output; /* [n_inputs], [n_outputs]: 1 for a port of a pair */
    uint8_t *stateless;      /* [n_nodes]: 1 for a recurrent node that has no state of its own */
    const int *time;         /* [n_values]: axis of time; NULL: there is none */
} rnnp_carries;

/* In *arena. */
rnnp_status rnnp_carries_read(rnnp_carries *c, const rnnp_model *model, const rnnp_carried *given, size_t n,
                              struct rnnp_block **arena);
/* Sets stateless: for all recurrent nodes, or for those whose initial state is made of a carried input. */
rnnp_status rnnp_carries_restart(const rnnp_carries *c, const rnnp_model *model, int all, struct rnnp_block **arena);

/* ---- Layout ---- */

/* How a value gets its memory. Aliases (views, in-place results) share the root's. */
typedef enum rnnp_storage {
    RNNP_STORE_NONE,     /* nobody needs it at execution */
    RNNP_STORE_CONSTANT, /* in the model */
    RNNP_STORE_KNOWN,    /* evaluated; copied into the program */
    RNNP_STORE_INPUT,    /* the caller's */
    RNNP_STORE_COMPUTED  /* the program's, or the caller's when it is an output */
} rnnp_storage;

/* One side of an If that only data decides: calls that it alone needs are made when the condition is `taken`. */
typedef struct rnnp_branch {
    size_t node;    /* the If */
    int32_t around; /* the branch that it is in, or -1 */
    uint8_t taken, depth;
} rnnp_branch;

typedef struct rnnp_layout {
    const rnnp_plan *plan;
    int is_stream;
    const rnnp_carries *carries; /* of streams, else NULL */
    size_t batch, threads;       /* batch: of streams */
    struct rnnp_block *arena;
    rnnp_inference inf;
    uint8_t *evaluated; /* [n_nodes] */
    uint8_t *called;    /* [n_nodes]: executed; neither evaluated, nor a view, nor dead */
    rnnp_branch *branches;
    size_t n_branches;
    int32_t *branch;   /* [n_nodes]: of called ones, the branch that alone needs them, or -1; NULL without branches */
    size_t *position;  /* [n_nodes]: of called ones, the place in order */
    size_t *order;     /* [n_calls]: called nodes as they are executed */
    size_t *stack;     /* [n_calls]: how many from here on may run at once; 0 above the lowest of these */
    size_t *loop;      /* [n_calls]: the call that begins the innermost loop around it, or SIZE_MAX */
    size_t *end;       /* [n_calls]: of one that begins a loop, the call that ends it; else 0 */
    size_t *workspace; /* [n_calls]: offset of each one's scratch */
    rnnp_planned *planned; /* [n_calls]: for these shapes */
    size_t n_calls;
    uint8_t *storage; /* [n_values], of the root */
    int32_t *root;    /* [n_values] */
    int32_t *direct;  /* [n_values], of roots: the output it is written to, or -1 */
    size_t *offset;   /* [n_values], of computed roots: in the activations */
    size_t activation_bytes, workspace_bytes;
} rnnp_layout;

/* Inputs' metas are concrete; carries is that of a stream, NULL for a run. On failure the layout needs no
 * rnnp_layout_free. */
rnnp_status rnnp_layout_make(rnnp_layout *layout, const rnnp_plan *plan, const rnnp_meta *inputs,
                             const rnnp_carries *carries, size_t batch);
/* Whether an output of a pair has the type and shape of its input. */
rnnp_status rnnp_carries_check(const rnnp_carries *c, const rnnp_layout *layout);

/* Whether a node keeps a state from one step to the next. */
static inline int rnnp_layout_keeps(const rnnp_layout *layout, const rnnp_node *node)
{
    return layout->is_stream && node->op->state_arrays &&
           !layout->carries->stateless[node - layout->plan->model->nodes];
}

/* Arrays of the state that a stream keeps for the call at this position, once it was planned. */
static inline size_t rnnp_layout_arrays(const rnnp_layout *layout, const rnnp_node *node, size_t position)
{
    if (rnnp_layout_keeps(layout, node)) return node->op->state_arrays;
    return layout->planned[position].lead > 0;
}

/* Whether time was found in the model, by what was known of it when it was closed. */
static inline int rnnp_layout_steps(const rnnp_layout *layout) { return layout->is_stream && layout->carries->time; }

/* As rnnp_exec has it. */
static inline int rnnp_layout_time(const rnnp_layout *layout, const rnnp_node *node)
{
    const int has_time = rnnp_layout_steps(layout) && node->n_inputs && node->inputs[0] != RNNP_NONE;
    const int axis = has_time ? layout->carries->time[node->inputs[0]] : 0;

    return axis > 0 ? axis : 0;
}
void rnnp_layout_free(rnnp_layout *layout);
/* Sets channels_last of the metas, once shapes are known. */
rnnp_status rnnp_layout_last(rnnp_layout *layout);
/* Makes stacks of convolutions and the elementwise nodes behind them, once the order is known. */
void rnnp_layout_join(rnnp_layout *layout);
/* Sets the branches, once it is known which nodes are called and what shares memory by views. */
rnnp_status rnnp_layout_branches(rnnp_layout *layout);
/* Once it is known in which order they are called: keeps those whose conditions are known in time. */
rnnp_status rnnp_layout_decide(rnnp_layout *layout);
/* Sets order, stack, loop and end, once it is known which nodes are called. */
rnnp_status rnnp_layout_order(rnnp_layout *layout);

/* How the stack whose lowest is the call at this position runs, as a record says; nothing without a record. */
void rnnp_layout_stack_choice(const rnnp_layout *layout, size_t position, rnnp_stack_choice *choice);

/* What a node of this layout is prepared with; in must have rnnp_node_slots_in entries and is filled. */
rnnp_prepare rnnp_layout_prepare(const rnnp_layout *layout, const rnnp_node *node, rnnp_meta *in);

/* ---- Inputs ---- */

/* Whether tensors fit a model's inputs: dtypes, ranks and dimensions, equal ones where symbols are equal; if not
 * strict, a warning is enough where nothing depends on that. Their data is not looked at. metas [n_inputs] and symbols
 * [n_symbols], the sizes (RNNP_DYNAMIC for those no input has), are written. */
rnnp_status rnnp_inputs_check(const rnnp_model *model, const rnnp_tensor *inputs, size_t n, int strict,
                              rnnp_meta *metas, int64_t *symbols);

/* ---- Program ---- */

typedef struct rnnp_call {
    rnnp_status (*run)(const rnnp_exec *e, const rnnp_node *node, const rnnp_tensor *inputs, rnnp_tensor *outputs);
    const rnnp_node *node;
    rnnp_tensor *inputs, *outputs;
    rnnp_exec exec;
    size_t state_arrays; /* of calls with state; a history is one */
    size_t row_bytes;    /* of one channel in one of them */
    size_t steps;        /* that it takes in one execution */
    int starts_early;    /* its initial state does not depend on inputs */
    int needed;
    const struct rnnp_side *side; /* that it is made with, or NULL: with every execution */
    size_t end;                   /* the call that ends the loop that this one begins; else 0 */
    size_t stack;                 /* calls from here on that may run at once; 0 above the lowest of these */
    rnnp_stack_choice choice;     /* of the lowest: how they do */
} rnnp_call;

/* rnnp_branch, with the tensor of its condition. */
typedef struct rnnp_side {
    const rnnp_tensor *condition;
    const struct rnnp_side *around; /* NULL: none */
    uint8_t taken;
} rnnp_side;

/* A root in the caller's memory: a model input, or an output that is written without a copy. */
typedef struct rnnp_bind {
    int32_t root;
    int is_output;
    size_t port;
    void *own; /* outputs: memory for when the caller does not want it, or not all rows */
} rnnp_bind;

/* A tensor that looks at such a root. */
typedef struct rnnp_patch {
    rnnp_tensor *tensor;
    int32_t root;
} rnnp_patch;

/* An output that is copied from elsewhere. */
typedef struct rnnp_output_copy {
    size_t port, bytes;
    int32_t root;
} rnnp_output_copy;

/* Where an output has its channels: channel b of block i is at (i * batch + b) * bytes. No blocks: nowhere. */
typedef struct rnnp_rows {
    size_t blocks, bytes;
} rnnp_rows;

/* A carried value: the input in the state, and the value that becomes it. */
typedef struct rnnp_program_carry {
    char *state;
    size_t input;   /* of the model */
    int32_t output; /* root */
    rnnp_rows rows;
} rnnp_program_carry;

typedef struct rnnp_program {
    const rnnp_plan *plan;
    size_t bytes; /* of the block this is the start of */
    size_t batch; /* of streams */
    rnnp_call *calls;
    rnnp_side *sides;
    rnnp_tensor *inputs, *outputs; /* what the caller must give and gets; data NULL */
    size_t n_inputs, n_outputs;    /* all of the model's but those of pairs */
    size_t *input, *output;        /* [n_inputs], [n_outputs]: which ones of the model */
    uint8_t *skipped;              /* [n_outputs]: not asked for in the latest execution */
    void **data;                   /* [n_values], of roots */
    rnnp_bind *binds;
    rnnp_patch *patches;
    rnnp_output_copy *copies;
    int32_t *root;        /* [n_values] */
    uint8_t *live;        /* [n_values], scratch */
    char *state, *backup; /* [state_bytes] */
    uint64_t mark;        /* of the model; behind each state that is saved */
    rnnp_program_carry *carried;
    size_t n_calls, n_binds, n_patches, n_copies, n_carried, state_bytes;

    /* streams */
    uint8_t *fresh; /* [batch]: no step since the reset */
    size_t n_fresh;
    int32_t *lengths;       /* [batch]: steps of the channels in this call */
    size_t multiple;        /* time steps of which every call takes a whole number */
    size_t multiples;       /* of these in an execution */
    int *time;              /* [n_inputs]: where time is, or RNNP_TIME_NONE */
    size_t length_port;     /* the input that says how many of these each channel takes; n_inputs: there is none */
    rnnp_rows *rows;        /* [n_outputs] */
    const rnnp_node *mixer; /* the first node that does not keep channels apart, or NULL */
} rnnp_program;

struct rnnp_stream {
    rnnp_program program;
};

/* Exact bytes of the program's block. */
size_t rnnp_program_bytes(const rnnp_layout *layout);
rnnp_status rnnp_program_create(const rnnp_layout *layout, rnnp_program **program);
void rnnp_program_destroy(rnnp_program *program);

/* Entry `index` of inputs or outputs; `what` names them in the error. */
rnnp_status rnnp_program_port(const rnnp_program *program, const char *what, const rnnp_tensor *ports, size_t n,
                              size_t index, rnnp_tensor *port);

/* Checks the arguments, executes, and restores the state of a stream if that fails. Channels whose entry of active
 * [batch] is 0 keep their state and their rows of the outputs; NULL: all take part. */
rnnp_status rnnp_program_execute(rnnp_program *program, const uint8_t *active, const rnnp_tensor *inputs,
                                 size_t n_inputs, rnnp_tensor *outputs, size_t n_outputs);
/* An initial state that does not depend on inputs is set now, others at the channel's next execution. */
void rnnp_program_reset(rnnp_program *program, size_t row);

/* ---- Time ---- */

/* `up` steps of a value for each `down` time steps of the inputs; no common divisor. */
typedef struct rnnp_rate {
    int64_t up, down;
} rnnp_rate;

/* What is wrong with a node that cannot be stepped. */
typedef struct rnnp_fault {
    const char *why;
    int misplaced;     /* only that time was looked for at another axis */
    size_t input[2];   /* of different rates: */
    rnnp_rate rate[2]; /* 0 for any other fault */
    rnnp_pace pace;    /* of a node that has no such one, as far as it is known */
} rnnp_fault;

typedef struct rnnp_time {
    int of_channels; /* 1: it is not about time but about the channels of a stream */
    int *axis;       /* [n_values], RNNP_TIME_NONE for values without time */
    rnnp_rate *rate; /* [n_values], of values with time */
    uint8_t *final;  /* [n_values]: no time axis, but a function of all steps so far */
    int *in, *out;   /* of the current node */
    rnnp_fault fault;
} rnnp_time;

/* In *arena; no value has time yet. */
rnnp_status rnnp_time_begin(rnnp_time *time, const rnnp_model *model, struct rnnp_block **arena);
/* From the axes of the inputs to those of all values. Returns NULL, or the node that needs the whole sequence (that
 * mixes channels). */
const rnnp_node *rnnp_time_propagate(rnnp_time *time, const rnnp_model *model);
/* The fewest time steps of which every value has a whole number; INT32_MAX if they are that many or more. */
int64_t rnnp_time_multiple(const rnnp_time *time, const rnnp_model *model);

#endif
