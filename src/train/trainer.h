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
 *   slices.c       a batch cut into slices, which threads share; the sum of their gradients
 *   update.c       penalties, norm, the optimiser
 *   checkpoint.c   files; export.c: a trained model
 */
#ifndef RNNP_TRAINER_H
#define RNNP_TRAINER_H

#include "gradient.h"
#include "loss.h"
#include "rnnpack/train.h"
#include "tape.h"

/* ---- Parameters ---- */

typedef struct rnnp_train_parameter {
    rnnp_parameter_info info;
    int32_t value;           /* of the model */
    size_t elements, offset; /* floats; in the trainer's blocks, from where 64 bytes are aligned */
    int penalised;           /* l1 and l2 are of it */
} rnnp_train_parameter;

enum { RNNP_UPDATE_ELEMENTS = 4096 };

/* Up to so many elements of one parameter: what norms are summed in, and threads share. */
typedef struct rnnp_update_block {
    size_t parameter, offset, n; /* offset as above */
} rnnp_update_block;

/* ---- Slices: the tree over them ---- */

enum { RNNP_TREE_LEVELS = 32, RNNP_TREE_NODES = 2 * RNNP_TREE_LEVELS, RNNP_TAPES = 8 };

/* The sum over slices index << level up to the next of that level. */
typedef struct rnnp_tree_node {
    size_t level, index;
    double loss; /* sum(w l) */
} rnnp_tree_node;

/* What one thread does in a pass. */
typedef struct rnnp_worker {
    rnnp_tree_node node[RNNP_TREE_NODES];
    size_t n_nodes;
    size_t first_buffer; /* its stack of gradients: of the pass's buffers */
    rnnp_status status;
    char sentence[RNNP_ERROR_CHARS]; /* of a status that is not RNNP_OK */
} rnnp_worker;

/* ---- Trainer ---- */

struct rnnp_trainer {
    const rnnp_context *context;
    const rnnp_model *model;
    rnnp_train_options options; /* pointers are into the arena */
    size_t threads;
    struct rnnp_block *arena; /* all but what passes need */

    int64_t batch;         /* symbol of the batch dimension */
    rnnp_time rows;        /* rows.axis: where batch rows are in every value */
    int32_t loss_value;    /* what the loss reads: the output, or what its Softmax or Sigmoid reads */
    uint8_t *leads;        /* [n_values]: by way of gradients to the loss */
    int32_t *parameter_of; /* [n_values], -1 for other values */
    int64_t *symbols;      /* [n_symbols], scratch */
    rnnp_meta *inputs;     /* [n_inputs], scratch: the batch at hand */
    uint8_t *wanted;       /* [n_inputs], scratch: gradients by inputs that it asks for */

    rnnp_train_parameter *parameters;
    rnnp_update_block *blocks;
    double *block_norm, *block_penalty; /* [n_blocks] */
    size_t n_parameters, n_blocks, floats;
    float *values, *gradient, *m, *v; /* [floats]; m, v: NULL where the optimiser has none */
    uint64_t steps;
    int has_gradient;

    rnnp_tape *tapes[RNNP_TAPES]; /* the latest used first */
    rnnp_worker *workers;         /* [threads] */
    char *work;                   /* what passes need: buffers of gradients, what is prepared, slices' memory */
    size_t work_bytes;
};

/* graph.c: fills in what the model says; everything in the trainer's arena. */
rnnp_status rnnp_train_graph(rnnp_trainer *trainer);
/* Whether a node with these shapes passes its output 0 on as it is. */
int rnnp_train_is_view(const rnnp_node *node, const rnnp_gradient *row, const rnnp_meta *inputs,
                       const rnnp_meta *outputs);
/* parameters.c: finds them, copies their elements. */
rnnp_status rnnp_train_parameters(rnnp_trainer *trainer);
/* Step count and optimiser state as new. */
void rnnp_train_reset(rnnp_trainer *trainer);

/* ---- A pass over one batch ---- */

typedef struct rnnp_pass {
    rnnp_trainer *trainer;
    const rnnp_train_batch *batch;
    int training, backward;
    size_t rows, slices, threads; /* threads: at most this many */
    rnnp_tape *tape[2];           /* of full slices (or the only one), and of the last one if it is smaller */
    rnnp_meta output;             /* of the loss, all rows */
    rnnp_loss_spec loss;
    double weight; /* sum(w) */
    size_t buffers, buffer_bytes, prepared_bytes, slice_bytes;
    char *extra, *prepared, *slice; /* in trainer->work */
} rnnp_pass;

/* batch.c: the inputs' shapes -> rows, slices, metas in trainer->inputs. */
rnnp_status rnnp_pass_shapes(rnnp_pass *pass, const rnnp_tensor *inputs, size_t n_inputs);
/* The inputs' elements, and which gradients by them are asked for, into trainer->wanted. */
rnnp_status rnnp_pass_inputs(const rnnp_pass *pass);
/* Target, weights and results, when the tapes are there. */
rnnp_status rnnp_pass_target(rnnp_pass *pass);

/* slices.c: rows of slice number `slice`. */
size_t rnnp_pass_rows(const rnnp_pass *pass, size_t slice);
/* Sets the sizes of the pass's memory and returns the bytes of all of it. */
size_t rnnp_pass_measure(rnnp_pass *pass);
/* Runs it; *sum is sum(w l). The gradient is in trainer->gradient but for penalties. */
rnnp_status rnnp_pass_run(rnnp_pass *pass, double *sum);

/* sum += x */
static inline void rnnp_train_add(const rnnp_trainer *t, float *sum, const float *x, size_t n)
{
    const rnnp_binary_args args = {.a = sum, .b = x, .y = sum, .n = n, .a_step = 1, .b_step = 1};

    t->context->selection.op[RNNP_OP_add_f32]->fn.add_f32(&args);
}

/* update.c: penalties into the gradient (backward) and into *penalty; the norm. */
void rnnp_train_norm(rnnp_trainer *trainer, int backward, double *norm, double *penalty);
void rnnp_train_update(rnnp_trainer *trainer, double norm);

/* tape.c: rows [first, first + n) of a tensor with `rows` of them, n as meta says, to a tensor of n rows; and back. */
void rnnp_rows_gather(void *part, const void *whole, const rnnp_meta *meta, size_t axis, size_t rows, size_t first);
void rnnp_rows_scatter(const void *part, void *whole, const rnnp_meta *meta, size_t axis, size_t rows, size_t first);

#endif
