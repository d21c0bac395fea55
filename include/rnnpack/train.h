/* SPDX-License-Identifier: Apache-2.0
 *
 * Training on the kernels that run inference: backpropagation through time for closed models (model.h).
 *
 *     rnnp_trainer_create -> rnnp_trainer_step, as often as needed -> rnnp_trainer_model -> plan, run, write
 *
 * A model can be trained if every node between its parameters and its loss has a gradient, whether it was built by
 * layer calls or loaded; other models are refused with the node's name. Parameters are the f32 constants of the
 * model that the loss depends on, with their names and shapes. Scalars, such as the epsilon of a normalisation, are
 * not parameters.
 *
 * Same bits. The result of a step depends on the parameters, the batch and its order, the options and the seed, but
 * not on the instruction set, the number of threads, or the host. The forward pass has the bits of
 * rnnp_run_execute(). Gradients of 16 rows at a time are summed in a fixed binary tree over the batch
 * (docs/explanation/numerics.md).
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

/* ---- Loss and optimiser ------------------------------------------------------------------------ */

/*
 * The loss of a batch is sum(w l) / sum(w), where l is the loss of an element or row, and w is its weight in
 * rnnp_train_batch (1 without weights) times the weight of its class.
 *
 *   SPARSE   CROSS where t is the class, i32 or i64, in the output's shape without its last axis
 *   MSE      l = (y - t)^2, averaged over the elements of a row
 *   MAE      l = |y - t|, averaged over the elements of a row; its gradient is 0 where y = t
 *   HUBER    l = d^2/2 of d = |y - t| up to huber_delta, delta (d - delta/2) beyond it (Huber 1964), averaged over the
 *            elements of a row
 *   BINARY   l = -t log p - (1-t) log(1-p) per element, with p = sigmoid(y) and t in [0, 1]. The model's output may
 *            be y (logits) or Sigmoid(y); in the second case the loss is computed from the input of the Sigmoid,
 *            which is exact where p is 0 or 1
 *   CROSS    l = -sum_k t_k log p_k, with p = softmax(y) over the last axis and t a distribution in the output's
 *            shape. The output may be y or Softmax(y), as above
 *
 * Label smoothing s replaces t by (1-s) t + s/K for K classes; K is 2 for BINARY.
 */
typedef enum rnnp_loss {
    RNNP_LOSS_SPARSE = 0,
    RNNP_LOSS_MSE,
    RNNP_LOSS_BINARY,
    RNNP_LOSS_CROSS,
    RNNP_LOSS_MAE,
    RNNP_LOSS_HUBER
} rnnp_loss;

typedef enum rnnp_optimizer_kind {
    RNNP_OPTIMIZER_SGD = 1,
    RNNP_OPTIMIZER_RMSPROP,
    RNNP_OPTIMIZER_ADAM,
    RNNP_OPTIMIZER_ADAMW
} rnnp_optimizer_kind;

/* The formulas are PyTorch's; kernels/ops.h has them operation by operation. */
typedef struct rnnp_optimizer {
    size_t struct_size;
    rnnp_optimizer_kind kind;
    float rate;         /* learning rate; default 1e-3 */
    float momentum;     /* SGD */
    int nesterov;       /* SGD: 1 for Nesterov momentum */
    float rho;          /* RMSPROP; default 0.99 */
    float beta1, beta2; /* ADAM, ADAMW; default 0.9, 0.999 */
    float epsilon;      /* RMSPROP, ADAM, ADAMW; default 1e-8 */
    float decay;        /* weight decay: added to the gradient; decoupled in ADAMW */
} rnnp_optimizer;

static inline void rnnp_optimizer_init(rnnp_optimizer *optimizer, rnnp_optimizer_kind kind)
{
    memset(optimizer, 0, sizeof *optimizer);
    optimizer->struct_size = sizeof *optimizer;
    optimizer->kind = kind;
    optimizer->rate = 1e-3f;
    optimizer->rho = 0.99f;
    optimizer->beta1 = 0.9f;
    optimizer->beta2 = 0.999f;
    optimizer->epsilon = 1e-8f;
}

typedef struct rnnp_train_options {
    size_t struct_size;
    size_t output; /* index of the output that the loss is computed from */
    rnnp_loss loss;
    float label_smoothing;      /* 0 <= s < 1 */
    const float *class_weights; /* [n_classes] >= 0, copied; NULL: all 1. SPARSE: of the class; CROSS: the mean
                                      * over t; BINARY: [2], of t = 0 and t = 1 */
    size_t n_classes;
    const char *batch;               /* symbol of the batch dimension, copied; NULL: "batch" */
    const rnnp_optimizer *optimizer; /* copied; NULL: ADAM with its defaults */
    float l1, l2;                    /* penalties l1 sum|p| + l2/2 sum p^2 of the weights that are not frozen (rank
                                      * >= 2, except B and P of recurrent nodes), added to the loss and, before
                                      * clipping, to the gradient */
    float clip_value;                /* > 0: gradients are clamped to [-clip_value, clip_value] */
    float clip_norm;                 /* > 0: gradients are scaled down to this global norm, before clip_value */
    float recurrent_dropout;         /* rate of a mask on the previous state of every recurrent node, constant over
                                      * time (Gal and Ghahramani 2016) */
    int recompute;                   /* 1: recurrent layers keep only h and compute the rest again in the backward
                                      * pass: same bits, less memory, more time */
    uint64_t seed;                   /* of dropout */
    rnnp_math math;
    size_t threads;    /* at most this many of the context's; 0: all */
    float huber_delta; /* HUBER: where the square ends, > 0; 0: 1 */
} rnnp_train_options;
RNNP_STRUCT_INIT(rnnp_train_options)

/* ---- Trainer ----------------------------------------------------------------------------------- */

typedef struct rnnp_trainer rnnp_trainer;

/*
 * rnnp_trainer_create() copies the model's parameters and finds a gradient for every node between them and the loss.
 * options may be NULL.
 *
 * Returns  RNNP_OK; RNNP_ERR_UNSUPPORTED for a node or an option without a gradient and for a layer whose weights are
 *          not f32 (rnnp_model_quantize), by name; RNNP_ERR_SHAPE if the batch dimension cannot be determined or rows
 *          depend on each other; RNNP_ERR_ARG, also for a parameter with NaN or infinity; RNNP_ERR_STATE if the model
 *          is not closed or its weights were released; RNNP_ERR_MEMORY.
 * Errors   leave *trainer NULL.
 * Memory   the parameters, their gradients, the optimiser's state (two values per parameter for ADAM and ADAMW, one for
 *          RMSPROP and momentum), and, from the first batch of a shape on, what rnnp_trainer_bytes() returns. The
 *          model must outlive the trainer.
 * Threads  a trainer may be used by one thread at a time; it uses the context's team.
 */
RNNP_API rnnp_status rnnp_trainer_create(const rnnp_model *model, const rnnp_train_options *options,
                                         rnnp_trainer **trainer);
RNNP_API void rnnp_trainer_destroy(rnnp_trainer *trainer);

/* A batch. NaN and infinities in f32 inputs or targets are refused. */
typedef struct rnnp_train_batch {
    size_t struct_size;
    const rnnp_tensor *inputs; /* [n_inputs] as the model's, all with the same number of rows */
    size_t n_inputs;
    const rnnp_tensor *target;  /* in the shape that the loss requires */
    const rnnp_tensor *weights; /* f32, in the target's shape (SPARSE), the output's without its last axis (CROSS, MSE,
                                 * MAE, HUBER) or the output's (BINARY, MSE, MAE, HUBER: one for each element); a
                                 * weight of 0 masks an item out. NULL: all 1 */
    /* Optional results. Entries whose data is NULL are not computed; dtype and shape are filled in. */
    rnnp_tensor *outputs;  /* [outputs of the model] of the forward pass, with dropout in training */
    rnnp_tensor *d_inputs; /* [n_inputs] gradients with respect to the inputs, initial states included, that are f32 and
                            * have a batch dimension; not in evaluations */
} rnnp_train_batch;
RNNP_STRUCT_INIT(rnnp_train_batch)

typedef struct rnnp_train_result {
    size_t struct_size;
    double loss;   /* of the batch before the update, with penalties */
    double weight; /* sum(w), for averaging the losses of several batches */
    double norm;   /* global norm of the gradient before clipping; 0 in evaluations */
} rnnp_train_result;
RNNP_STRUCT_INIT(rnnp_train_result)

/*
 * rnnp_trainer_step() runs forward, backward, and one update of all parameters that are not frozen. result may be NULL.
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for NaN or infinity in the batch (with the input, row and position), a class or
 *          index out of range, or sum(w) = 0; RNNP_ERR_SHAPE; RNNP_ERR_TYPE; RNNP_ERR_MEMORY; RNNP_ERR_STATE if the
 *          loss or the norm of the gradient is not finite, which means that training has diverged.
 * Errors   leave parameters, optimiser state and step count as they were.
 * Memory   allocates only for the first batch of a shape (rows of a slice and input dimensions) and for a batch with
 *          more rows than any before, as rnnp_trainer_bytes() returns.
 * Threads  uses the context's team; a trainer may be used by one thread at a time.
 * Numerics same bits for any number of threads and any instruction set.
 */
RNNP_API rnnp_status rnnp_trainer_step(rnnp_trainer *trainer, const rnnp_train_batch *batch, rnnp_train_result *result);

/* The same without the update: rnnp_trainer_get_gradient() returns the gradients until the next call. */
RNNP_API rnnp_status rnnp_trainer_backward(rnnp_trainer *trainer, const rnnp_train_batch *batch,
                                           rnnp_train_result *result);

/* Runs forward alone, without dropout, with the bits of a run of rnnp_trainer_model()'s plan. Without a target there
 * is no loss. */
RNNP_API rnnp_status rnnp_trainer_evaluate(rnnp_trainer *trainer, const rnnp_train_batch *batch,
                                           rnnp_train_result *result);

/* Exact bytes that batches with inputs of these shapes, without d_inputs, make a new trainer allocate in addition to
 * its own. Data pointers are not read. RNNP_ERR_ARG, RNNP_ERR_SHAPE, RNNP_ERR_TYPE, RNNP_ERR_MEMORY. */
RNNP_API rnnp_status rnnp_trainer_bytes(const rnnp_trainer *trainer, const rnnp_tensor *inputs, size_t n_inputs,
                                        size_t *bytes);

/* Sets the learning rate from the next step on. RNNP_ERR_ARG for a negative number, NaN or infinity. */
RNNP_API rnnp_status rnnp_trainer_set_rate(rnnp_trainer *trainer, float rate);

/*
 * From the next step on adds the proximal term weight/2 sum (p - p0)^2 of the parameters that are not frozen to the
 * loss and, before clipping, to the gradient, where p0 are the parameters at this call (FedProx; Li et al. 2020). 0
 * ends it. It is no part of checkpoints.
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for a negative number, NaN or infinity; RNNP_ERR_MEMORY.
 * Errors   leave the term as it was.
 * Memory   the first weight above 0 allocates a copy of the parameters.
 */
RNNP_API rnnp_status rnnp_trainer_set_proximal(rnnp_trainer *trainer, float weight);

/* Returns how many updates there have been; 0 for NULL. */
RNNP_API uint64_t rnnp_trainer_step_count(const rnnp_trainer *trainer);

/* ---- Parameters -------------------------------------------------------------------------------- */

typedef struct rnnp_parameter_info {
    size_t struct_size;
    const char *name;      /* of the constant; lives as long as the model */
    const char *node, *op; /* the first node that reads it */
    size_t input;          /* which of the node's inputs it is */
    size_t rank;
    int64_t shape[RNNP_MAX_RANK];
    int frozen;
} rnnp_parameter_info;
RNNP_STRUCT_INIT(rnnp_parameter_info)

/* The trainer's parameters. RNNP_ERR_ARG. */
RNNP_API size_t rnnp_trainer_parameter_count(const rnnp_trainer *trainer);
RNNP_API rnnp_status rnnp_trainer_parameter_info(const rnnp_trainer *trainer, size_t index,
                                                 rnnp_parameter_info *parameter);

/* Copies a parameter's f32 elements out or in. Setting a parameter does not change the optimiser's state.
 * RNNP_ERR_ARG, also for NaN or infinity. */
RNNP_API rnnp_status rnnp_trainer_get_parameter(const rnnp_trainer *trainer, size_t index, float *values);
RNNP_API rnnp_status rnnp_trainer_set_parameter(rnnp_trainer *trainer, size_t index, const float *values);

/* Copies the gradient of the latest backward pass out. RNNP_ERR_ARG; RNNP_ERR_STATE if there is none. */
RNNP_API rnnp_status rnnp_trainer_get_gradient(const rnnp_trainer *trainer, size_t index, float *values);

/* Freezes a parameter (1), so that steps do not update it, or thaws it (0). Nodes that only frozen parameters lead
 * to are not differentiated. RNNP_ERR_ARG. */
RNNP_API rnnp_status rnnp_trainer_freeze(rnnp_trainer *trainer, size_t index, int frozen);

/*
 * rnnp_trainer_initialize() draws new values for all parameters that are not frozen, and resets the optimiser.
 * Values depend on the parameter's name and the seed alone.
 *
 *   kernels of recurrent and dense layers   Glorot uniform, gate by gate: bounds sqrt(6 / (in + out)) (Glorot and
 *   Bengio 2010) recurrent weights                       orthogonal, gate by gate (Saxe et al. 2014)
 *   biases                                  0; 1 for the forget gate of an LSTM (Jozefowicz et al. 2015)
 *   initial states, peepholes               0
 *   embeddings                              uniform in +-0.05
 *   constants of other operators            unchanged (scales, slopes)
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG; RNNP_ERR_MEMORY.
 * Errors   leave everything as it was.
 */
RNNP_API rnnp_status rnnp_trainer_initialize(rnnp_trainer *trainer, uint64_t seed);

/* Copies the parameters that have the same name and shape in a model, to reuse the body of a trained model. *copied
 * receives how many; copied may be NULL. RNNP_ERR_UNSUPPORTED if one of them is not f32 there (rnnp_model_quantize);
 * RNNP_ERR_ARG; RNNP_ERR_STATE; RNNP_ERR_FORMAT. */
RNNP_API rnnp_status rnnp_trainer_adopt(rnnp_trainer *trainer, const rnnp_model *from, size_t *copied);

/* Makes a new closed model with the present values of the parameters; the caller destroys it. RNNP_ERR_ARG;
 * RNNP_ERR_MEMORY. */
RNNP_API rnnp_status rnnp_trainer_model(const rnnp_trainer *trainer, rnnp_model **model);

/* ---- Checkpoints ------------------------------------------------------------------------------- */

/*
 * rnnp_trainer_save_file() writes a checkpoint: parameters, optimiser state, step count, and a note of the caller
 * (such as the epoch and the best score), under a checksum. The file is replaced as a whole, as by
 * rnnp_onnx_write_file(), so a full disk or a crash leaves the old file intact. rnnp_trainer_load_file() restores it
 * into a trainer of the same model and optimiser, which then continues with the same bits; the learning rate and
 * frozen parameters are restored as well.
 *
 *   note, bytes      the caller's note
 *   note_bytes       on entry the room at note; on return the size of the file's note. May be NULL, and so may note
 *
 * Returns  RNNP_OK; RNNP_ERR_IO with the system's reason; RNNP_ERR_ARG; RNNP_ERR_MEMORY. Loading also:
 *          RNNP_ERR_FORMAT for a file that is damaged or not a checkpoint; RNNP_ERR_UNSUPPORTED for a later version;
 *          RNNP_ERR_SHAPE with the name of the first parameter that differs; RNNP_ERR_ARG for another optimiser, or
 *          a note larger than the room.
 * Errors   leave the file and the trainer as they were.
 */
RNNP_API rnnp_status rnnp_trainer_save_file(const rnnp_trainer *trainer, const char *path, const void *note,
                                            size_t bytes);
RNNP_API rnnp_status rnnp_trainer_load_file(rnnp_trainer *trainer, const char *path, void *note, size_t *note_bytes);

/* ---- Several processes ------------------------------------------------------------------------- */

/*
 * How processes that train one model together reach each other: functions of some transport. librnnpack-mpi has those
 * of MPI (mpi.h). A trainer calls them on the thread of its caller.
 *
 *   send, receive  begin to move `bytes` > 0 bytes to or from another process, and return a request. The memory belongs
 *                  to the transport until the request has ended. A receive takes a message of its tag, below
 *                  RNNP_PEERS_TAGS; those of one tag from one process to another arrive in the order in which they
 *                  were begun, and a receive has the size of its send. A trainer and rnnp_peers_gather() use tags
 *                  below RNNP_PEERS_OWN, callers who send messages of their own the others.
 *   wait           ends a request, each one once, in any order. It fails when the other process is gone, or has been
 *                  silent for longer than the transport allows.
 *   test           sets *done to 1 and ends the request as wait does, if that takes no time, else to 0; and moves on
 *                  whatever else is on its way. NULL: a trainer sends all messages after its backward pass
 *   reason         why the latest call failed, in words that live until the next call
 *
 * After an error of one of them no more is called, and requests stay open: what reads or writes their memory ends
 * before the trainer joins again or is destroyed, or the process ends.
 */
enum { RNNP_PEERS_TAGS = 32768, RNNP_PEERS_OWN = 30000 };

typedef struct rnnp_peers {
    size_t struct_size;
    size_t rank, ranks; /* which process this is, of how many */
    rnnp_status (*send)(void *user, size_t to, size_t tag, const void *data, size_t bytes, size_t *request);
    rnnp_status (*receive)(void *user, size_t from, size_t tag, void *data, size_t bytes, size_t *request);
    rnnp_status (*wait)(void *user, size_t request);
    const char *(*reason)(void *user);
    void *user; /* given to all of them */
    rnnp_status (*test)(void *user, size_t request, int *done);
} rnnp_peers;
RNNP_STRUCT_INIT(rnnp_peers)

/*
 * rnnp_peers_gather() gives all processes what each of them has: `bytes` > 0 bytes of each process to all
 * [ranks][bytes], of which this process has filled in its own part, all + rank * bytes. All processes call it. Each
 * sends log2(ranks) messages, rounded up, or up to twice as many.
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG; what the transport returns, with its reason.
 * Errors   leave `all` undefined, and, after one of the transport, to it.
 */
RNNP_API rnnp_status rnnp_peers_gather(const rnnp_context *context, const rnnp_peers *peers, size_t bytes, void *all);

/*
 * rnnp_trainer_join() makes a trainer one of several that train one model: with it, rnnp_trainer_step() and
 * rnnp_trainer_backward() are calls that all processes make, in the same order, with the same batch. Each process runs
 * neighbouring slices of 16 rows and adds their gradients; sums are exchanged and added along the tree over all slices,
 * so that parameters, losses and norms have the same bits on every process, and those of one process alone. The sums
 * of a parameter are sent when the backward pass has gone by it, while it still goes on, if the transport has a test.
 *
 *   Rows     the tensors of a batch have all its rows on every process. Of the inputs those of rnnp_trainer_rows()
 *            alone are read, and of outputs and d_inputs these alone are written. Targets and weights are read whole,
 *            as the loss is divided by the sum of all weights; targets that are numbers (MSE, MAE, HUBER) have no part
 *            in that sum, so those of other rows may be any that are finite.
 *   Memory   what is added to rnnp_trainer_bytes(): the other processes' sums of this process's part of the gradient,
 *            together about as large as one or two gradients.
 *   Errors   of a step on one process are errors on all, with the same status and the process's sentence. A step also
 *            compares step counts, numbers of rows, rates and, now and then, parameters: RNNP_ERR_ARG. When messages
 *            fail, the step is not done here (another process may have done it), and steps and evaluations return
 *            RNNP_ERR_STATE until the trainer joins again or is alone.
 *
 * Initialising, adopting, freezing, setting rates, loading a checkpoint, and evaluating remain calls of one process;
 * all make the same.
 *
 *   peers   copied; what its functions use must outlive the trainer. NULL: the trainer is alone again
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG; RNNP_ERR_MEMORY; RNNP_ERR_STATE if another process has another version of the
 *          library, other parameters or other options that the result depends on, with the first that differs; what
 *          the transport returns.
 * Errors   leave the trainer alone.
 */
RNNP_API rnnp_status rnnp_trainer_join(rnnp_trainer *trainer, const rnnp_peers *peers);

/* The rows [*from, *to) of a batch of `rows` rows that this process runs: all of them when the trainer is alone, none
 * (*from = *to) when there are fewer slices than processes. RNNP_ERR_ARG for a pointer that is NULL. */
RNNP_API rnnp_status rnnp_trainer_rows(const rnnp_trainer *trainer, size_t rows, size_t *from, size_t *to);

/* ---- Order ------------------------------------------------------------------------------------- */

/* Writes a uniform permutation of 0 .. n-1 (n < 2^32) to order [n]. It depends on the seed and `which` (an epoch, a
 * fold) alone and is the same on every host. */
RNNP_API void rnnp_train_order(uint64_t seed, uint64_t which, size_t n, uint32_t *order);

/* ---- Learning rates ---------------------------------------------------------------------------- */

typedef enum rnnp_schedule_kind {
    RNNP_SCHEDULE_CONSTANT = 0,
    RNNP_SCHEDULE_STEP,        /* rate * factor^floor(epoch / every) */
    RNNP_SCHEDULE_EXPONENTIAL, /* rate * factor^epoch */
    RNNP_SCHEDULE_COSINE,      /* half a cosine from rate to least over `epochs`, then least */
    RNNP_SCHEDULE_PLATEAU      /* rate * factor^n, where n counts how often the score did not improve for `patience`
                                * epochs */
} rnnp_schedule_kind;

typedef struct rnnp_schedule {
    size_t struct_size;
    rnnp_schedule_kind kind;
    float rate;                     /* >= 0 */
    float factor;                   /* > 0; default 0.1, EXPONENTIAL 0.95 */
    float least;                    /* no rate after the warmup is below it; 0 <= least <= rate */
    size_t every, epochs, patience; /* > 0; default 10, 100, 10 */
    float warmup;                   /* epochs over which the rate rises linearly from 0; `epoch` in the formulas
                                     * counts from their end */
    /* State of PLATEAU */
    double best;
    size_t scored, waited, drops;
} rnnp_schedule;

static inline void rnnp_schedule_init(rnnp_schedule *schedule, rnnp_schedule_kind kind, float rate)
{
    memset(schedule, 0, sizeof *schedule);
    schedule->struct_size = sizeof *schedule;
    schedule->kind = kind;
    schedule->rate = rate;
    schedule->factor = kind == RNNP_SCHEDULE_EXPONENTIAL ? 0.95f : 0.1f;
    schedule->every = 10;
    schedule->epochs = 100;
    schedule->patience = 10;
}

/* Returns the rate at `epoch` >= 0, which may have a fraction (steps done / steps per epoch). Returns NaN, which
 * rnnp_trainer_set_rate() refuses, if a member that the kind uses is out of range, the kind is unknown, the epoch is
 * negative, or the schedule was not initialised. Computed in double without functions of the C library: the same on
 * every host. */
RNNP_API float rnnp_schedule_rate(const rnnp_schedule *schedule, double epoch);

/* Tells a PLATEAU schedule the score of an epoch, after each epoch; lower is better, and NaN is no improvement.
 * Other kinds ignore it. */
RNNP_API void rnnp_schedule_score(rnnp_schedule *schedule, double score);

#ifdef __cplusplus
}
#endif
#endif
