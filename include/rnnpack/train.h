/* SPDX-License-Identifier: Apache-2.0
 *
 * Training on the kernels that serve: backpropagation through time for closed models (model.h).
 *
 *     rnnp_trainer_create -> rnnp_trainer_step, as often as wanted -> rnnp_trainer_model -> plan, run, save
 *
 * Any model can be trained whose nodes between its parameters and its loss have gradients, whether it was built by
 * layer calls or loaded; other models are refused with the node's name. Parameters are the f32 constants of the model
 * that the loss depends on, under their names and in their shapes there; numbers without a dimension (the epsilon of a
 * normalisation) are none.
 *
 * Same bits. A step's result depends on the parameters, the batch in its order, the options and the seed: not on the
 * ISA, the number of threads, or the host. The forward pass has the bits of rnnp_run_execute. Gradients of 16 rows at
 * a time are summed in a fixed binary tree over the batch (docs/explanation/numerics.md).
 *
 * Rows. The batch dimension of inputs and outputs is the one whose symbol is rnnp_train_options.batch. Rows must not
 * depend on each other.
 */
#ifndef RNNPACK_TRAIN_H
#define RNNPACK_TRAIN_H

#include "rnnpack/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- What is minimised ------------------------------------------------------------------------- */

/* Of every element or row the loss l, then sum(w l) / sum(w) with the weights w of rnnp_train_batch (1 where none are
 * given) times those of the row's class.
 *   MSE      l = (y - t)^2, the mean over the elements of a row
 *   BINARY   l = -t log p - (1-t) log(1-p), p = sigmoid(y), t in [0, 1]; per element. The model's output may be y
 *            (logits) or Sigmoid(y): then the loss is taken before the Sigmoid, which is exact where p is 0 or 1
 *   CROSS    l = -sum_k t_k log p_k, p = softmax(y) over the last axis, t a distribution of the output's shape. The
 *            output may be y or Softmax(y), as above
 *   SPARSE   CROSS where t is the class, i32 or i64, of the output's shape without its last axis
 * Label smoothing s replaces t by (1-s) t + s/K; K classes, for BINARY 2. */
typedef enum rnnp_loss { RNNP_LOSS_MSE = 1, RNNP_LOSS_BINARY, RNNP_LOSS_CROSS, RNNP_LOSS_SPARSE } rnnp_loss;

typedef enum rnnp_optimizer_kind {
    RNNP_OPTIMIZER_SGD = 1,
    RNNP_OPTIMIZER_RMSPROP,
    RNNP_OPTIMIZER_ADAM,
    RNNP_OPTIMIZER_ADAMW
} rnnp_optimizer_kind;

/* The formulas are PyTorch's; kernels/ops.h has them operation by operation. */
typedef struct rnnp_optimizer {
    rnnp_optimizer_kind kind; /* default ADAM */
    float rate;               /* learning rate; default 1e-3 */
    float momentum;           /* SGD; default 0 */
    int nesterov;             /* SGD */
    float rho;                /* RMSPROP; default 0.99 */
    float beta1, beta2;       /* ADAM, ADAMW; default 0.9, 0.999 */
    float epsilon;            /* default 1e-8 */
    float decay;              /* weight decay: added to the gradient; ADAMW: decoupled. Default 0 */
} rnnp_optimizer;

typedef struct rnnp_train_options {
    size_t struct_size;
    size_t output;              /* index of the output the loss is of; default 0 */
    rnnp_loss loss;             /* default SPARSE */
    float label_smoothing;      /* 0 <= s < 1; default 0 */
    const float *class_weights; /* [classes] >= 0, copied; NULL (default): 1 each. SPARSE and CROSS: of the class (of
                                 * CROSS the weighted mean over t); BINARY: [2], of t = 0 and t = 1 */
    size_t classes;
    const char *batch; /* symbol of the batch dimension; default "batch" */
    rnnp_optimizer optimizer;
    float l1, l2;            /* penalties l1 sum|p| + l2/2 sum p^2 of weights that are not frozen (rank >= 2, but
                              * not B and P of recurrent nodes), in the loss and, before clipping, in the gradient;
                              * default 0 */
    float clip_value;        /* > 0: gradients are clamped to [-clip_value, clip_value] */
    float clip_norm;         /* > 0: gradients are scaled to this global norm if theirs is larger; before
                              * clip_value */
    float recurrent_dropout; /* rate of a mask on h_prev of every recurrent node, constant over time (Gal and
                              * Ghahramani 2016); default 0 */
    int recompute;           /* 1: recurrent layers keep h alone and compute the rest again on the way back: same
                              * bits, less memory, more time */
    uint64_t seed;           /* of dropout; default 0 */
    rnnp_math math;
    size_t threads; /* at most this many of the context's; 0 (default): all */
} rnnp_train_options;

/* Fills in the defaults above. */
RNNP_API void rnnp_train_options_init(rnnp_train_options *options);

/* ---- Trainer ----------------------------------------------------------------------------------- */

typedef struct rnnp_trainer rnnp_trainer;

/*
 * rnnp_trainer_create() copies the model's parameters and finds a gradient for every node between them and the loss.
 *
 * Returns  RNNP_OK; RNNP_ERR_UNSUPPORTED for a node or an option without a gradient, by name; RNNP_ERR_SHAPE where the
 *          batch dimension cannot be told or rows depend on each other; RNNP_ERR_ARG, also for a parameter with NaN or
 *          infinity; RNNP_ERR_STATE for a model that is
 *          not closed or whose weights were released; RNNP_ERR_MEMORY.
 * Errors   leave *trainer NULL.
 * Memory   the parameters, their gradient, the optimiser's state (ADAM 2, RMSPROP and momentum 1 per parameter) and,
 *          from the first batch of a shape on, what rnnp_trainer_bytes says. The model must outlive the trainer.
 * Threads  one thread may use a trainer at a time; it uses the context's team.
 */
RNNP_API rnnp_status rnnp_trainer_create(const rnnp_model *model, const rnnp_train_options *options,
                                         rnnp_trainer **trainer);
RNNP_API void rnnp_trainer_destroy(rnnp_trainer *trainer);

/* One batch. Inputs are the model's, all with the same number of rows; target has the shape that the loss asks for;
 * weights, f32, may be NULL, or have the target's shape (SPARSE), the output's without its last axis (MSE, CROSS) or
 * the output's (BINARY): 0 masks an element out. NaN and infinities in f32 inputs or targets are refused. */
typedef struct rnnp_train_batch {
    const rnnp_tensor *inputs;
    size_t n_inputs;
    const rnnp_tensor *target, *weights;
    /* Optional results, by index; an entry whose data is NULL is not wanted; dtype and shape are filled in. */
    rnnp_tensor *outputs;  /* [model outputs] of the forward pass, with dropout in training */
    rnnp_tensor *d_inputs; /* [n_inputs] gradients by the inputs (initial states too) that are f32 and have a
                            * batch dimension; not in evaluations */
} rnnp_train_batch;

typedef struct rnnp_train_result {
    double loss;   /* of the batch before the update, with penalties */
    double weight; /* sum(w): to average losses of several batches */
    double norm;   /* global norm of the gradient before clipping; evaluation: 0 */
} rnnp_train_result;

/*
 * rnnp_trainer_step() is forward, backward and one update of all parameters that are not frozen.
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for NaN or infinity in the batch (input, row and place are named), a class or an
 *          index out of range, sum(w) = 0; RNNP_ERR_SHAPE, RNNP_ERR_TYPE; RNNP_ERR_MEMORY; RNNP_ERR_STATE when the
 *          loss or the gradient's norm is not finite (diverged).
 * Errors   leave parameters, optimiser state and step count as they were.
 * Memory   none but for the first batch of a shape (rows of a slice and input dimensions) and for one of more rows than
 *          any before, as rnnp_trainer_bytes says.
 */
RNNP_API rnnp_status rnnp_trainer_step(rnnp_trainer *trainer, const rnnp_train_batch *batch, rnnp_train_result *result);
/* The same without the update: gradients stay for rnnp_trainer_get_gradient() until the next call. */
RNNP_API rnnp_status rnnp_trainer_backward(rnnp_trainer *trainer, const rnnp_train_batch *batch,
                                           rnnp_train_result *result);
/* Forward alone, without dropout: the bits of a run of rnnp_trainer_model()'s plan. target may be NULL: no loss. */
RNNP_API rnnp_status rnnp_trainer_evaluate(rnnp_trainer *trainer, const rnnp_train_batch *batch,
                                           rnnp_train_result *result);

/* Exact bytes that batches of these inputs' shapes, without d_inputs, make the trainer allocate, on top of those of a
 * new trainer. */
RNNP_API rnnp_status rnnp_trainer_bytes(const rnnp_trainer *trainer, const rnnp_tensor *inputs, size_t n_inputs,
                                        size_t *bytes);

/* Takes effect with the next step. */
RNNP_API rnnp_status rnnp_trainer_set_rate(rnnp_trainer *trainer, float rate);
RNNP_API uint64_t rnnp_trainer_step_count(const rnnp_trainer *trainer); /* updates so far */

/* ---- Parameters -------------------------------------------------------------------------------- */

typedef struct rnnp_parameter_info {
    const char *name;      /* the constant's; lives as long as the model */
    const char *node, *op; /* the first node that reads it */
    size_t input;          /* and as which of its inputs */
    size_t rank;
    int64_t shape[RNNP_MAX_RANK];
    int frozen;
} rnnp_parameter_info;

RNNP_API size_t rnnp_trainer_parameter_count(const rnnp_trainer *trainer);
RNNP_API rnnp_status rnnp_trainer_parameter_info(const rnnp_trainer *trainer, size_t index,
                                                 rnnp_parameter_info *parameter);
/* Copies [elements] f32 out or in; setting leaves the optimiser's state alone. RNNP_ERR_ARG for NaN or infinity. */
RNNP_API rnnp_status rnnp_trainer_get_parameter(const rnnp_trainer *trainer, size_t index, float *values);
RNNP_API rnnp_status rnnp_trainer_set_parameter(rnnp_trainer *trainer, size_t index, const float *values);
/* The gradient of the latest backward pass. RNNP_ERR_STATE when there was none. */
RNNP_API rnnp_status rnnp_trainer_get_gradient(const rnnp_trainer *trainer, size_t index, float *values);
/* A frozen parameter gets no update; what lies below the lowest one in use is not differentiated. */
RNNP_API rnnp_status rnnp_trainer_freeze(rnnp_trainer *trainer, size_t index, int frozen);

/* New weights for all parameters that are not frozen: recurrent and dense kernels Glorot uniform (bounds
 * sqrt(6 / (in + out)), gate by gate; Glorot and Bengio 2010), recurrent weights orthogonal per gate (Saxe et al.
 * 2014), biases 0 but for an LSTM's forget gate, 1 (Jozefowicz et al. 2015), initial states and peepholes 0, embeddings
 * uniform in +-0.05; constants that other operators read (scales, slopes) stay as they are. By name and seed alone.
 * Resets the optimiser. RNNP_ERR_MEMORY, when nothing has changed. */
RNNP_API rnnp_status rnnp_trainer_initialize(rnnp_trainer *trainer, uint64_t seed);

/* Copies parameters of the same name and shape from a model (transfer of a trained body); *copied may be NULL. */
RNNP_API rnnp_status rnnp_trainer_adopt(rnnp_trainer *trainer, const rnnp_model *from, size_t *copied);

/* A new closed model with the parameters as they are now; the caller destroys it. */
RNNP_API rnnp_status rnnp_trainer_model(const rnnp_trainer *trainer, rnnp_model **model);

/* ---- Checkpoints ------------------------------------------------------------------------------- */

/*
 * A file with parameters, optimiser state, step count and `note` (bytes of the caller: epoch, best score), under a
 * checksum; written to a temporary file, synced and renamed, so that a full disk or a crash leaves the old file whole.
 * A trainer of the same model and optimiser that loads it goes on with the same bits; the rate and what is frozen are
 * restored too.
 *
 * Returns  RNNP_OK; RNNP_ERR_IO with the system's words; load: RNNP_ERR_FORMAT for a damaged or foreign file,
 *          RNNP_ERR_UNSUPPORTED for one of a later version, RNNP_ERR_SHAPE when its parameters are not the trainer's
 *          (the first one that differs is named), RNNP_ERR_ARG when its optimiser is another or its note larger than
 *          the room; RNNP_ERR_MEMORY.
 * Errors   leave the file and the trainer as they were.
 */
RNNP_API rnnp_status rnnp_trainer_save_file(const rnnp_trainer *trainer, const char *path, const void *note,
                                            size_t bytes);
/* note_bytes: room at note on entry, bytes of the file's note on return; note may be NULL. */
RNNP_API rnnp_status rnnp_trainer_load_file(rnnp_trainer *trainer, const char *path, void *note, size_t *note_bytes);

/* ---- Order ------------------------------------------------------------------------------------- */

/* A uniform permutation of 0 .. n-1 (n < 2^32) from seed and `which` (an epoch, a fold) alone, the same everywhere. */
RNNP_API void rnnp_train_order(uint64_t seed, uint64_t which, size_t n, uint32_t *order);

/* ---- Learning rates ---------------------------------------------------------------------------- */

typedef enum rnnp_schedule_kind {
    RNNP_SCHEDULE_CONSTANT = 0,
    RNNP_SCHEDULE_STEP,        /* rate * factor^floor(epoch / every) */
    RNNP_SCHEDULE_EXPONENTIAL, /* rate * factor^epoch */
    RNNP_SCHEDULE_COSINE,      /* from rate to least over `epochs`, half a cosine; then least */
    RNNP_SCHEDULE_PLATEAU      /* rate * factor^n, n: how often the score did not improve for `patience` epochs */
} rnnp_schedule_kind;

typedef struct rnnp_schedule {
    size_t struct_size;
    rnnp_schedule_kind kind;
    float rate;                     /* >= 0 */
    float factor;                   /* > 0; default 0.1, EXPONENTIAL 0.95 */
    float least;                    /* no rate after the warmup is below it; 0 <= least <= rate; default 0 */
    size_t every, epochs, patience; /* > 0; default 10, 100, 10 */
    float warmup;                   /* epochs over which the rate rises linearly from 0; `epoch` of the formulas counts
                                     * from their end; default 0 */
    /* state of PLATEAU */
    double best;
    size_t waited, drops;
} rnnp_schedule;

RNNP_API void rnnp_schedule_init(rnnp_schedule *schedule, rnnp_schedule_kind kind, float rate);
/* The rate at `epoch` >= 0, which may have a fraction (steps done / steps per epoch). NaN, which rnnp_trainer_set_rate
 * refuses, where a field that the kind uses is outside its range, for an unknown kind, a negative epoch, or a schedule
 * that was not initialised. In double and without the C library's functions: the same on every host. */
RNNP_API float rnnp_schedule_rate(const rnnp_schedule *schedule, double epoch);
/* After each epoch: a score, less is better; NaN is no improvement. Kinds other than PLATEAU do not use it. */
RNNP_API void rnnp_schedule_score(rnnp_schedule *schedule, double score);

#ifdef __cplusplus
}
#endif
#endif
