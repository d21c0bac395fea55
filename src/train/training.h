/* SPDX-License-Identifier: Apache-2.0
 *
 * What the engine's files of training share.
 *
 *   trainer.c      the public calls that make a trainer and take a batch
 *   graph.c        which nodes lie between parameters and the loss, where rows are; what cannot be trained
 *   parameters.c   the parameters one by one
 *   tape_layout.c  concrete shapes -> calls forwards and backwards
 *   tape_place.c   where their values and gradients live
 *   tape.c         one slice run forwards and backwards
 *   batch.c        a caller's batch, checked
 *   slices.c       a batch cut into slices, which threads share; the sum of their gradients; tree.h: its nodes
 *   joins.c        what is added when the threads' slices have been run
 *   shares.c       the same among processes: who takes which slices
 *   peers.c        a step of several processes
 *   exchange.c     the sum over all of them
 *   join.c         a trainer becomes one of several
 *   gather.c       what each process says to all others
 *   update.c       penalties, norm, the optimiser
 *   attribute.c    attributions (attribute.h); explaining.c: gradients by inputs, of a score in place of a loss
 *   checkpoint.c   files; export.c: a trained model
 */
#ifndef RNNP_TRAINING_H
#define RNNP_TRAINING_H

#include "gradient.h"
#include "loss.h"
#include "rnnpack/attribute.h"
#include "rnnpack/train.h"

#include <stdatomic.h>

/* ---- Parameters ---- */

typedef struct rnnp_train_parameter {
    rnnp_parameter_info info;
    int32_t value;                /* of the model */
    size_t elements, offset;      /* floats; in the trainer's memory, from where 64 bytes are aligned */
    size_t first_block, n_blocks; /* of the trainer's blocks */
    int penalised;                /* l1 and l2 are of it */
} rnnp_train_parameter;

enum { RNNP_UPDATE_ELEMENTS = 4096 };

/* Up to so many elements of one parameter: what norms are summed in, and threads share. */
typedef struct rnnp_update_block {
    size_t parameter, offset, n; /* offset as above */
} rnnp_update_block;

/* ---- Slices: the tree over them ---- */

/* Of messages: what is said, sums of parts, nodes from there on. */
enum { RNNP_TAG_WORDS, RNNP_TAG_SUMS, RNNP_TAG_NODES };
enum { RNNP_REASON_CHARS = 256 }; /* of a sentence that other processes are told */
enum { RNNP_TREE_LEVELS = 32, RNNP_TREE_NODES = 2 * RNNP_TREE_LEVELS, RNNP_TAPES = 8 };

/* The sum over slices index << level up to the next of that level. */
typedef struct rnnp_tree_node {
    size_t level, index;
    double loss; /* sum(w l) */
} rnnp_tree_node;

/* Of the buffers of a pass: sum += add. */
typedef struct rnnp_join {
    size_t sum, add;
} rnnp_join;

/* One parameter's gradient in one node of this process. */
typedef struct rnnp_join_state {
    atomic_size_t waits;       /* for so many threads, whose slices of this node have not been run */
    atomic_size_t taken, done; /* blocks */
} rnnp_join_state;

/* What one thread does in a pass. */
typedef struct rnnp_worker {
    rnnp_tree_node node[RNNP_TREE_NODES];
    size_t n_nodes;
    size_t first_buffer; /* its stack of gradients: of the pass's buffers */
    rnnp_status status;
    char sentence[RNNP_ERROR_CHARS]; /* of a status that is not RNNP_OK */
} rnnp_worker;

/* ---- Tapes ---- */

/* A tape: the calls of one slice for concrete shapes, and where its values and gradients live.
 *
 * Steps of n calls: forward of call c is step c, the loss is step n, backward of call c is step 2n - c. A value lives
 * from its call to its last reader's, which is a backward one where the reader's gradient keeps it. Its gradient lives
 * from the first backward call that writes it to the backward call of its producer. Views share both with their root.
 *
 * Where several calls contribute to one gradient, the first in backward order (of one call: the lowest input) writes
 * it; each later one writes scratch, which is added.
 */
typedef enum rnnp_tape_storage {
    RNNP_TAPE_NONE, /* nobody reads it */
    RNNP_TAPE_PARAMETER,
    RNNP_TAPE_KNOWN,  /* a constant, or evaluated */
    RNNP_TAPE_SHARED, /* an input without rows: the caller's memory */
    RNNP_TAPE_MEMORY  /* the slice's memory */
} rnnp_tape_storage;

/* What becomes of a gradient by an input. */
typedef enum rnnp_tape_flow { RNNP_FLOW_NONE, RNNP_FLOW_WRITE, RNNP_FLOW_ADD } rnnp_tape_flow;

typedef struct rnnp_tape_input {
    rnnp_tape_flow flow;
    size_t scratch; /* RNNP_FLOW_ADD: where it is written first */
} rnnp_tape_input;

typedef struct rnnp_tape_call {
    const rnnp_gradient *row; /* NULL: the operator has none */
    rnnp_gradient_shape shape;
    int for_loss, backward;
    size_t batch_axis;
    size_t kept, forward_space, backward_space; /* offsets in the slice's memory */
    size_t prepared, prepared_bytes;            /* in what is prepared for all slices */
    rnnp_tape_input *inputs;                    /* [n_inputs] */
} rnnp_tape_call;

typedef struct rnnp_tape {
    struct rnnp_block *arena; /* all of it, itself too */
    size_t arena_bytes;
    size_t rows;
    rnnp_meta *inputs; /* [n_inputs] with so many rows: what it is known by */
    uint8_t *wanted;   /* [n_inputs]: gradients by inputs; as well */
    rnnp_meta *meta;   /* [n_values] */
    int32_t *root;     /* [n_values] */
    size_t *last_call; /* [n_parameters]: its backward pass is the last to write the gradient; SIZE_MAX: zeros */
    uint8_t *storage;  /* [n_values], of roots */
    uint8_t *needed;   /* [n_values]: has a gradient */
    size_t *offset, *d_offset; /* [n_values], of roots */
    rnnp_tape_call *calls;
    size_t n_calls;
    size_t slots; /* offset of tensors for one call: inputs, outputs, gradients by both */
    size_t slots_in, slots_out;
    size_t bytes; /* of a slice's memory */
    size_t prepared_bytes;
} rnnp_tape;

/* ---- Trainer ---- */

/* What a process says before its slices. */
typedef struct rnnp_word {
    int64_t status;
    uint64_t steps, rows, live, values; /* values: checksum of the parameters, 0 where not compared */
    double weight;
    float rate, proximal;
    uint64_t frozen; /* of which parameters */
} rnnp_word;

/* And after them. */
typedef struct rnnp_outcome {
    int64_t status;
    double loss[RNNP_TREE_NODES]; /* of its nodes */
} rnnp_outcome;

struct rnnp_trainer {
    const rnnp_context *context;
    const rnnp_model *model;
    rnnp_train_options options; /* pointers are into the arena */
    rnnp_optimizer optimizer;   /* its rate changes */
    size_t threads;
    struct rnnp_block *arena; /* all but what passes need */

    int explains;     /* of an attribution: all parameters are frozen, and a score stands in for the loss */
    int gradients;    /* with explains: by inputs are wanted; 0: scores alone */
    rnnp_score score; /* with explains */
    int link;         /* with explains: the score is a probability of what loss_value has */

    int64_t batch;         /* symbol of the batch dimension */
    rnnp_time rows;        /* rows.axis: where batch rows are in every value */
    int32_t loss_value;    /* what the loss reads: the output, or what its Softmax or Sigmoid reads */
    uint8_t *leads;        /* [n_values]: by way of gradients to the loss */
    int32_t *parameter_of; /* [n_values], -1 for other values */
    int64_t *symbols;      /* [n_symbols], scratch */
    rnnp_meta *inputs;     /* [n_inputs], scratch: the current batch */
    uint8_t *wanted;       /* [n_inputs], scratch: gradients by inputs that it asks for */

    rnnp_train_parameter *parameters;
    rnnp_update_block *blocks;
    double *block_norm, *block_penalty; /* [n_blocks] */
    size_t n_parameters, n_blocks, floats;
    float *values, *gradient, *m, *v; /* [floats]; m, v: NULL where the optimiser has none */
    float *anchor;                    /* [floats] that the proximal term pulls towards, or NULL */
    float proximal;
    uint64_t steps;
    int has_gradient;

    rnnp_peers peers;                        /* ranks 0: alone */
    size_t room;                             /* what each says: for so many */
    struct rnnp_introduction *introductions; /* [room], in joining (join.c) */
    rnnp_word *words;                        /* [room], in a step (peers.c) */
    rnnp_outcome *outcomes;                  /* [room] */
    char *reasons;                           /* [room][RNNP_REASON_CHARS] */
    int compared;                            /* parameters were, since the trainer was joined */
    int cut_off;                  /* messages have failed, and may still be written to the trainer's memory */
    rnnp_tape *tapes[RNNP_TAPES]; /* the latest used first */
    rnnp_worker *workers;         /* [threads] */
    char *work;                   /* what passes need: buffers of gradients, what is prepared, slices' memory */
    size_t work_bytes;
};

/* graph.c: fills in what the model says; everything in the trainer's arena. */
rnnp_status rnnp_train_graph(rnnp_trainer *trainer);
/* parameters.c: finds them, copies their elements. */
rnnp_status rnnp_train_parameters(rnnp_trainer *trainer);
/* Step count and optimiser state as new. */
void rnnp_train_reset(rnnp_trainer *trainer);

/* ---- A pass over one batch ---- */

/* A score of each row, in place of a loss. */
typedef struct rnnp_score_rows {
    size_t *target; /* [rows]: element of the row; RNNP_TARGET_LARGEST is replaced by which one it is */
    double *value;  /* [rows], written */
} rnnp_score_rows;

typedef struct rnnp_pass {
    rnnp_trainer *trainer;
    const rnnp_train_batch *batch;
    int training, backward;
    size_t rows, slices, threads; /* threads: at most this many */
    size_t from, to;              /* slices of this process */
    rnnp_tape *tape[2];           /* of full slices (or the only one), and of the last one if it is smaller */
    rnnp_meta output;             /* of the loss, all rows */
    rnnp_loss_spec loss;
    double weight;                 /* sum(w) */
    const rnnp_score_rows *scores; /* in place of the loss, or NULL */
    size_t buffers, buffer_bytes, prepared_bytes, slice_bytes, joins_bytes;
    char *extra, *prepared, *slice, *parts; /* in trainer->work; parts: of other processes (exchange.c) */
    rnnp_tree_node node[RNNP_TREE_NODES];   /* what this process's slices add up to */
    size_t at[RNNP_TREE_NODES], n_nodes;    /* the buffer of each */
    rnnp_join_state *states;                /* [n_nodes][n_parameters] */
    rnnp_join *joins;                       /* of node k: first_join[k] up to first_join[k + 1] */
    size_t n_joins, first_join[RNNP_TREE_NODES + 1];
    struct rnnp_exchange *exchange; /* NULL: this process is alone, or the others do not take part */
} rnnp_pass;

/* batch.c: the inputs' shapes -> rows, slices, metas in trainer->inputs. */
rnnp_status rnnp_pass_shapes(rnnp_pass *pass, const rnnp_tensor *inputs, size_t n_inputs);
/* The inputs' elements, and which gradients by them are asked for, into trainer->wanted. */
rnnp_status rnnp_pass_inputs(const rnnp_pass *pass);
/* Target, weights and results, when the tapes are there. */
rnnp_status rnnp_pass_target(rnnp_pass *pass);
/* The same where scores stand in for the loss: are the targets in range? */
rnnp_status rnnp_pass_scores(rnnp_pass *pass);

/* trainer.c: tapes for the pass's shapes, and memory for its slices. */
rnnp_status rnnp_pass_tapes(rnnp_pass *pass);
rnnp_status rnnp_pass_room(rnnp_pass *pass);
/* A trainer for attributions: options give output, batch, math and threads. */
rnnp_status rnnp_trainer_explain(const rnnp_model *model, const rnnp_train_options *options, rnnp_score score,
                                 int gradients, rnnp_trainer **trainer);

/* slices.c: rows of slice number `slice`. */
size_t rnnp_pass_rows(const rnnp_pass *pass, size_t slice);
/* Sets the sizes of the pass's memory and returns the bytes of all of it. */
size_t rnnp_pass_measure(rnnp_pass *pass);
/* Runs this process's slices; the nodes that they add up to are in pass->node. Of a process alone that is one, whose
 * gradient, but for penalties, is in trainer->gradient. */
rnnp_status rnnp_pass_run(rnnp_pass *pass);
/* Called now and then by a thread at work in a slice: what can be added is added, and what can be sent is sent. */
void rnnp_pass_meanwhile(void *pass);
/* Number `i` of the pass's gradients; the first one is the trainer's own, where the sum ends up. */
static inline float *rnnp_pass_buffer(const rnnp_pass *pass, size_t i)
{
    return i == 0 ? pass->trainer->gradient : (float *)(void *)(pass->extra + (i - 1) * pass->buffer_bytes);
}

/* joins.c: the bytes of its memory, SIZE_MAX for too many; sets pass->n_nodes and node. */
size_t rnnp_joins_measure(rnnp_pass *pass);
/* Before any thread runs a slice. Sets pass->at. */
void rnnp_joins_plan(rnnp_pass *pass);
/* The slice behind the last one of a node. */
size_t rnnp_joins_end(const rnnp_pass *pass, size_t node);
/* The gradient of one parameter in one node is final for the calling thread. */
void rnnp_joins_leave(rnnp_pass *pass, size_t node, size_t parameter);
/* Adds what can be added by now and nobody has taken yet. When all threads have left all, and come here, all is. */
void rnnp_joins_help(rnnp_pass *pass);
/* Whether the gradient of one parameter in one node is the sum over all its slices. */
int rnnp_joins_ready(const rnnp_pass *pass, size_t node, size_t parameter);

/* gather.c: as rnnp_peers_gather, of peers that were checked; sentences are the context's. */
rnnp_status rnnp_peers_fail(const rnnp_context *context, const rnnp_peers *peers, rnnp_status status);
rnnp_status rnnp_peers_check(const rnnp_context *context, const rnnp_peers *given, rnnp_peers *own);
rnnp_status rnnp_peers_share(const rnnp_context *context, const rnnp_peers *peers, size_t bytes, void *all);
/* The same in steps. Each goes as far as it can, with `wait` to the end; *done afterwards: all have all. */
typedef struct rnnp_gathering {
    const rnnp_peers *peers;
    size_t bytes, have; /* of each; of how many processes the parts are there */
    char *all;
    size_t request[4], n_requests, ended;
} rnnp_gathering;
void rnnp_gathering_begin(rnnp_gathering *gathering, const rnnp_peers *peers, size_t bytes, void *all);
rnnp_status rnnp_gathering_go_on(rnnp_gathering *gathering, int wait, int *done);

/* exchange.c: bytes of what other processes send in a pass; 0 for a process alone. */
size_t rnnp_exchange_measure(const rnnp_pass *pass);

/* join.c: what a joined trainer has; it is alone afterwards. */
void rnnp_trainer_leave(rnnp_trainer *trainer);
/* shares.c: sets pass->from and pass->to. */
void rnnp_peers_slices(rnnp_pass *pass);
/* The slices [*from, *to) of a process. */
void rnnp_peers_slices_of(const rnnp_pass *pass, size_t rank, size_t *from, size_t *to);
/* Elements of the gradient that are not frozen. */
size_t rnnp_live_floats(const rnnp_trainer *trainer);
/* peers.c. Before the slices: begins to tell the others about the batch, with `status` for what is wrong with it. */
void rnnp_peers_begin(rnnp_pass *pass, struct rnnp_exchange *exchange, rnnp_status status);
/* While they run: sends and receives what can be, on the thread that began it; nothing where pass->exchange is NULL. */
void rnnp_peers_go_on(rnnp_pass *pass);
/* After them; `status` is what became of them. Leaves one node, and its gradient in trainer->gradient; or fails with
 * the same status on every process. */
rnnp_status rnnp_peers_reduce(rnnp_pass *pass, rnnp_status status);

/* What an operator is told of a node. */
static inline rnnp_gradient_shape rnnp_train_shape(const rnnp_trainer *t, const rnnp_node *node,
                                                   const rnnp_meta *inputs, const rnnp_meta *outputs)
{
    return (rnnp_gradient_shape){.context = t->context,
                                 .select = &t->context->selection,
                                 .math = t->options.math,
                                 .node = node,
                                 .inputs = inputs,
                                 .outputs = outputs,
                                 .recompute = t->options.recompute,
                                 .recurrent_dropout = t->options.recurrent_dropout};
}

/* sum += x */
static inline void rnnp_train_add(const rnnp_trainer *t, float *sum, const float *x, size_t n)
{
    const rnnp_binary_args args = {.a = sum, .b = x, .y = sum, .n = n, .a_step = 1, .b_step = 1};
    t->context->selection.op[RNNP_OP_add_f32]->fn.add_f32(&args);
}

/* ---- A tape is made, and one slice runs along it ---- */

/* What is known on the way to a tape; in scratch memory. */
typedef struct rnnp_tape_layout {
    const rnnp_trainer *trainer;
    const rnnp_model *model;
    rnnp_tape *tape;
    rnnp_inference inf;
    uint8_t *evaluated, *called, *for_loss; /* [n_nodes] */
    uint8_t *live;                          /* [n_values] */
    uint8_t *moves;                         /* [n_values]: depends on what gradients are asked for */
    size_t *last, *d_last;                  /* [n_values], of roots: the last step that needs the value, the gradient */
    uint8_t *written;                       /* [n_values], of roots: something has written the gradient */
    rnnp_span *spans;
    size_t **place; /* of each span: where its offset goes */
    size_t *room;
    size_t n_spans;
} rnnp_tape_layout;

/* Whether a gradient flows through the node from its outputs to input i. */
static inline int rnnp_tape_flows(const rnnp_tape_layout *l, const rnnp_node *node, const rnnp_gradient *row, int view,
                                  size_t i)
{
    const int32_t v = node->inputs[i];
    return v != RNNP_NONE && l->trainer->leads[v] && l->moves[v] && rnnp_gradient_flows(row, view, i);
}

/* tape_place.c: offsets of all that the calls need; scratch memory is of the arena. */
rnnp_status rnnp_tape_place(rnnp_tape_layout *l, struct rnnp_block **scratch);
/* tape_layout.c: inputs has metas of so many rows. RNNP_ERR_UNSUPPORTED where a wanted input has no gradient. */
rnnp_status rnnp_tape_create(const rnnp_trainer *trainer, const rnnp_meta *inputs, const uint8_t *wanted, size_t rows,
                             rnnp_tape **tape);
void rnnp_tape_destroy(const rnnp_context *context, rnnp_tape *tape);

/* One slice at work. */
typedef struct rnnp_tape_run {
    const rnnp_pass *pass;
    const rnnp_tape *tape;
    rnnp_slice slice;
    size_t first; /* row */
    char *memory;
    float *gradient; /* of the parameters; written whole but for frozen ones */
    size_t node;     /* of the pass, when the slice is the last one of its thread; else SIZE_MAX */
} rnnp_tape_run;

/* tape.c: forward, the loss (sum(w l) into *loss) and, if the pass wants it, backward. */
rnnp_status rnnp_tape_run_slice(const rnnp_tape_run *run, double *loss);
/* Part of what is prepared, from the parameters. */
void rnnp_tape_prepare(const rnnp_trainer *trainer, const rnnp_tape *tape, char *prepared, rnnp_tensor *inputs,
                       size_t part, size_t parts);

/* update.c: penalties into the gradient (backward) and into *penalty; the norm. */
void rnnp_train_norm(rnnp_trainer *trainer, int backward, double *norm, double *penalty);
void rnnp_train_update(rnnp_trainer *trainer, double norm);

#endif
