/* SPDX-License-Identifier: Apache-2.0
 *
 * Tuning: finding the fastest kernels and schedules for a host and a model, once, and using them ever after.
 *
 *     rnnp_model_shapes -> rnnp_tune -> rnnp_records_update      on the deployment host, once
 *     rnnp_records_open_default -> rnnp_plan_options.records             in every process
 *
 * Tuning changes speed and never bits: every candidate is compared with the default bit by bit before it is timed, and
 * any valid record gives the same outputs. Nothing is written unless a function that writes is called.
 */
#ifndef RNNPACK_TUNE_H
#define RNNPACK_TUNE_H

#include "rnnpack/model.h"
#include "rnnpack/records.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- What to tune ------------------------------------------------------------------------------ */

typedef enum rnnp_shape_kind {
    RNNP_SHAPE_LAYER = 0, /* a recurrent layer: its kernels, input products, threads */
    RNNP_SHAPE_DENSE = 1, /* a product with constant weights: kernel, threads. input and hidden are its columns,
                           * batch is the rows of a call, steps is 1, and the rest 0 */
    RNNP_SHAPE_STACK = 2  /* like recurrent layers of one direction, each on top of the one before: the order in
                           * which threads run them. hidden is that of all, input of the lowest */
} rnnp_shape_kind;

enum { RNNP_SHAPE_LAYERS = 8 }; /* most layers of a stack */

/* What is tuned and how it is called. In an array the struct_size of the first entry is the distance from one to the
 * next, so the entries of an array all have the same. */
typedef struct rnnp_shape {
    size_t struct_size;
    rnnp_shape_kind kind;
    rnnp_cell cell;
    rnnp_gru_reset reset; /* GRU */
    rnnp_direction direction;
    rnnp_weights weights;
    size_t input, hidden, batch, steps;
    size_t n_layers; /* of a stack: 2 to RNNP_SHAPE_LAYERS; else 0 */
} rnnp_shape;
RNNP_STRUCT_INIT(rnnp_shape)

/*
 * rnnp_model_shapes() lists what can be tuned of a closed model, each with every pair of a batch and a number of steps:
 * its recurrent layers, its dense layers (Gemm and MatMul with constant weights), and, where the context has threads,
 * its stacks. Dimensions that the model fixes stay what they are. Equal shapes are listed once.
 *
 *   batches, steps   in [1, 2^20]. A dense layer has as many rows as its input at this batch and number of steps; a
 *                    dimension that the model does not tell to be either counts as all rows, batch times steps
 *   shapes           room for `most` entries, the first with its struct_size; NULL with most = 0 to ask for the count
 *   count            how many there are; only the first `most` are written
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG; RNNP_ERR_STATE for a model that is not closed
 */
RNNP_API rnnp_status rnnp_model_shapes(const rnnp_model *model, const size_t *batches, size_t n_batches,
                                       const size_t *steps, size_t n_steps, rnnp_shape *shapes, size_t most,
                                       size_t *count);

/* ---- Measuring --------------------------------------------------------------------------------- */

typedef struct rnnp_tune_progress {
    size_t shape, shapes; /* the one at work, from 0; how many in all. What there was no time for is tried once
                           * more, from the first on, if others leave time */
    const rnnp_shape *what;
    double share;              /* of the time budget that has passed */
    double gain;               /* best of this shape so far: 0.1 for a tenth less time */
    const rnnp_record *record; /* not NULL: this shape is done, and this is what was found */
    int measured;              /* with record: 0 when it was known before and not measured again */
    size_t candidates, tried;  /* with record: how many choices there are, how many were run. 1 candidate without a
                                * record: there is nothing to choose for this shape */
} rnnp_tune_progress;

/* Called from the thread that tunes, some hundred times a second. Returns 0 to go on; else tuning ends with what it
 * has. */
typedef int (*rnnp_tune_progress_fn)(void *user, const rnnp_tune_progress *progress);

typedef struct rnnp_tune_options {
    size_t struct_size;
    double seconds; /* budget for all shapes, default 10; kept to a tenth or one call. Some 20 ms of
                     * it go to measuring the machine. Each shape gets what it takes at least, and an even
                     * share of what is beyond that; a budget that is too small for all does the first ones */
    size_t threads; /* that calls may use: at most the context's; 0 (default): all */
    uint64_t now;   /* date of the records, seconds since 1970 UTC */
    int again;      /* 1: measure shapes that have a record of this host too */
    rnnp_tune_progress_fn progress;
    void *user;
} rnnp_tune_options;

RNNP_API void rnnp_tune_options_init(rnnp_tune_options *options);

/*
 * rnnp_tune() measures shapes and adds what it finds to a set of records.
 *
 *   context  whose ISA and team are tuned; the number of threads is part of the records' key. Streams run on one
 *            thread: tune their shapes with options.threads = 1
 *   records  gets one record for each shape that was measured; an empty choice says that the default is the fastest. A
 *            shape whose time ran out has none, nor has one with nothing to choose. The CPUs that the process may use
 *            (affinity, cgroup) are part of the key and read anew for each shape; one during which they changed is
 *            measured again, if there is time
 *
 * Returns  RNNP_OK, also when progress() ended it or the time ran out: the shapes that are done are in the set (one
 *          that could be timed in fewer than five rounds is not done);
 *          RNNP_ERR_ARG; RNNP_ERR_MEMORY; RNNP_ERR_STATE when a candidate's bits differed, which is a bug to report
 * Errors   leave the records of the shapes done before in the set
 * Memory   weights and activations of one shape at a time
 * Threads  measures on the calling thread and the context's team
 */
RNNP_API rnnp_status rnnp_tune(rnnp_context *context, const rnnp_shape *shapes, size_t n,
                               const rnnp_tune_options *options, rnnp_records *records);

/*
 * rnnp_plan_create_measured() is rnnp_plan_create with the effort to measure: layers for which the records lack the
 * batch and steps of the plan's options (0 counts as 1) are tuned first, within the time budget, and the records are
 * used.
 *
 * records  also where options->records would be; outlives the plan
 * Returns  as rnnp_tune and rnnp_plan_create
 */
RNNP_API rnnp_status rnnp_plan_create_measured(const rnnp_model *model, const rnnp_plan_options *options,
                                               const rnnp_tune_options *tune, rnnp_records *records, rnnp_plan **plan);

/* ---- Looking at a plan ------------------------------------------------------------------------- */

/* What a plan does for one layer at one shape, and why. */
typedef struct rnnp_explanation {
    const char *variant, *usual;     /* kernel in use, and the one without any record */
    char choice[RNNP_RECORD_CHOICE]; /* words of the record in use; "" for none */
    rnnp_match match;
    const char *source;              /* "records", or where in the shipped table; NULL */
    char reason[RNNP_RECORD_REASON]; /* why it is not the exact record; "" when it is */
    uint64_t ns, default_ns;         /* as recorded; 0 when there is no record */
    uint64_t batch, steps;           /* of the record in use; 0. A dense layer's rows are batch */
    size_t stack_layers;             /* of the lowest layer of a stack that is tuned: how many; else 0 */
    rnnp_match stack_match;          /* of the record for the stack */
    char stack_choice[RNNP_RECORD_CHOICE];
    char stack_reason[RNNP_RECORD_REASON];
} rnnp_explanation;

/*
 * rnnp_plan_explain() tells for the node `index` (as for rnnp_model_node_info) which record a run with this batch and
 * number of steps would use on the plan's threads, or why it would use none. Streams use those of one thread.
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for NULL, an index out of range or a node that is not tuned: neither a recurrent layer
 *          nor a product with constant weights
 */
RNNP_API rnnp_status rnnp_plan_explain(const rnnp_plan *plan, size_t index, size_t batch, size_t steps,
                                       rnnp_explanation *explanation);

#ifdef __cplusplus
}
#endif
#endif
