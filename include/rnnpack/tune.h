/* SPDX-License-Identifier: Apache-2.0
 *
 * Tuning: measures once which kernels and schedules are fastest for a model on a host, and uses them ever after.
 *
 *     rnnp_model_shapes -> rnnp_tune -> rnnp_records_update              once on the host that will run the model
 *     rnnp_records_open_default -> rnnp_plan_options.records            in every process
 *
 * Tuning changes speed and never bits: every candidate is compared with the default bit for bit before it is timed,
 * and any valid record gives the same outputs. Nothing is written unless the caller calls a function that writes.
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
    RNNP_SHAPE_DENSE = 1, /* a product with constant weights: kernel, threads. input and hidden are its input and output
                           * columns, batch is the rows of a call, steps is 1, and the other members are 0 */
    RNNP_SHAPE_STACK = 2  /* equal recurrent layers of one direction, each on top of the one before: the order in which
                           * threads run them. hidden is the size of all layers, input that of the lowest */
} rnnp_shape_kind;

enum { RNNP_SHAPE_LAYERS = 8 }; /* most layers of a stack */

/* What is tuned, and the size of its calls. In an array the struct_size of the first entry is the distance from one
 * entry to the next, so all entries of an array have the same struct_size. */
typedef struct rnnp_shape {
    size_t struct_size;
    rnnp_shape_kind kind;
    rnnp_cell cell;
    rnnp_gru_reset reset; /* GRU */
    rnnp_direction direction;
    rnnp_weights weights;
    size_t input, hidden, batch, steps;
    size_t n_layers; /* of a stack: 2 to RNNP_SHAPE_LAYERS; otherwise 0 */
} rnnp_shape;
RNNP_STRUCT_INIT(rnnp_shape)

/*
 * rnnp_model_shapes() lists what can be tuned of a closed model, at every combination of a batch and a number of
 * steps: its recurrent layers; its dense layers (Gemm and MatMul with constant weights); and, if the context has a
 * team, its stacks. Dimensions that the model fixes are kept. Equal shapes are listed once.
 *
 *   batches  [n_batches], each in [1, 2^20]
 *   steps    [n_steps], each in [1, 2^20]. A dense layer has as many rows as its input has at this batch and number of
 *            steps; a dimension that the model does not identify as either counts as all rows, batch times steps
 *   shapes   room for `most` entries, where the first has its struct_size set; NULL with most = 0 to get the count
 *            alone
 *   count    receives how many shapes there are; only the first `most` are written
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG; RNNP_ERR_STATE for a model that is not closed.
 * Memory   no allocation.
 * Threads  any number of threads may call it at the same time.
 */
RNNP_API rnnp_status rnnp_model_shapes(const rnnp_model *model, const size_t *batches, size_t n_batches,
                                       const size_t *steps, size_t n_steps, rnnp_shape *shapes, size_t most,
                                       size_t *count);

/* ---- Measuring --------------------------------------------------------------------------------- */

/* The library fills this in for rnnp_tune_progress_fn; its struct_size tells which members the library has. */
typedef struct rnnp_tune_progress {
    size_t struct_size;
    size_t shape, n_shapes;       /* index of the current shape, and how many there are. Shapes for which there was
                                   * no time are tried again, from the first on, if others leave time */
    const rnnp_shape *what;       /* the current shape; valid during the call */
    double share;                 /* of the time budget that has passed */
    double gain;                  /* best of this shape so far: 0.1 means a tenth less time */
    const rnnp_record *record;    /* not NULL: this shape is done, and this is its record; valid during the call */
    int measured;                 /* with record: 0 if the record existed before and was not measured again */
    size_t n_candidates, n_tried; /* with record: how many choices there are, and how many were run. One candidate
                                   * without a record: there is nothing to choose for this shape */
} rnnp_tune_progress;
RNNP_STRUCT_INIT(rnnp_tune_progress)

/* Called on the thread that tunes, some hundred times per second. Returns 0 to continue; otherwise tuning ends with
 * what it has. */
typedef int (*rnnp_tune_progress_fn)(void *user, const rnnp_tune_progress *progress);

typedef struct rnnp_tune_options {
    size_t struct_size;
    double seconds; /* time budget for all shapes; 0: 10. It is kept to within a tenth or one call. About 20 ms of it
                     * are spent on measuring the machine, unless the set has this host's. Each shape gets what it needs
                     * at least, and an equal share of the rest; a budget that is too small for all shapes goes to the
                     * first ones */
    size_t threads; /* that calls may use, at most the context's; 0: all */
    uint64_t now;   /* date of the records, seconds since 1970 UTC */
    int again;      /* 1: also measures the machine, and shapes for which this host has a record */
    rnnp_tune_progress_fn progress;
    void *progress_user;
} rnnp_tune_options;
RNNP_STRUCT_INIT(rnnp_tune_options)

/*
 * rnnp_tune() measures shapes and adds what it finds to a set of records.
 *
 *   context  whose instruction set and team are tuned. The number of threads is part of a record's key. Streams run
 *            on one thread: tune their shapes with options.threads = 1
 *   shapes   [n]
 *   options  may be NULL
 *   records  receives one record for each shape that was measured; an empty choice means that the default is
 *            fastest. With the first it receives one of the machine (layer "machine"): its rates and times, by which
 *            a plan judges where weights lie and which calls are worth threads. There is no record for a shape whose
 *            time ran out, nor for one with nothing to choose. The CPUs that the process may use (affinity, cgroup) are
 *            part of the key and are read anew for each shape; if they change during a measurement, it is repeated if
 *            there is time
 *
 * Returns  RNNP_OK, also if progress() ended it or the time ran out: the set has the shapes that are done. A shape that
 *          could be timed in fewer than five rounds is not done. RNNP_ERR_ARG; RNNP_ERR_MEMORY; RNNP_ERR_STATE if a
 *          candidate's bits differ, which is a bug to report.
 * Errors   leave the records of the shapes that were done before in the set.
 * Memory   temporary: the shapes, and weights and activations of one shape at a time.
 * Threads  measures on the calling thread and the context's team; no other thread may use the set meanwhile.
 */
RNNP_API rnnp_status rnnp_tune(const rnnp_context *context, const rnnp_shape *shapes, size_t n,
                               const rnnp_tune_options *options, rnnp_records *records);

/*
 * rnnp_plan_create_measured() tunes, and then makes a plan as rnnp_plan_create() does. Layers without a record for
 * the batch and steps of the plan's options (0 counts as 1) are tuned first, within the time budget.
 *
 *   records  receives the records and is used in place of options->records; must outlive the plan, unchanged
 *
 * Returns  as rnnp_tune() and rnnp_plan_create().
 */
RNNP_API rnnp_status rnnp_plan_create_measured(const rnnp_model *model, const rnnp_plan_options *options,
                                               const rnnp_tune_options *tune, rnnp_records *records, rnnp_plan **plan);

/* ---- Looking at a plan ------------------------------------------------------------------------- */

/* What a plan does for one layer at one shape, and why. Strings live as long as the plan. */
typedef struct rnnp_explanation {
    size_t struct_size;
    const char *variant, *usual;     /* kernel in use, and the one without any record */
    char choice[RNNP_RECORD_CHOICE]; /* words of the record in use; "" for none */
    rnnp_match match;
    const char *source;              /* "records", or where in the shipped table; NULL */
    char reason[RNNP_RECORD_REASON]; /* why this is not the exact record; "" if it is */
    uint64_t ns, default_ns;         /* as recorded; 0 without a record */
    uint64_t batch, steps;           /* of the record in use, or 0; batch is the rows of a dense layer */
    size_t stack_layers;             /* for the lowest layer of a tuned stack: how many layers it has; otherwise 0 */
    rnnp_match stack_match;          /* of the stack's record */
    char stack_choice[RNNP_RECORD_CHOICE];
    char stack_reason[RNNP_RECORD_REASON];
} rnnp_explanation;
RNNP_STRUCT_INIT(rnnp_explanation)

/*
 * rnnp_plan_explain() tells which record a run with this batch and number of steps would use for a node, on the plan's
 * threads, or why it would use none. Streams use the records of one thread.
 *
 *   index    of the node, as for rnnp_model_node_info()
 *
 * Returns  RNNP_OK; RNNP_ERR_ARG for NULL, an index out of range, or a node that is not tuned: neither a recurrent
 *          layer nor a product with constant weights.
 * Memory   no allocation.
 * Threads  any number of threads may call it at the same time.
 */
RNNP_API rnnp_status rnnp_plan_explain(const rnnp_plan *plan, size_t index, size_t batch, size_t steps,
                                       rnnp_explanation *explanation);

#ifdef __cplusplus
}
#endif
#endif
