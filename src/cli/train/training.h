/* SPDX-License-Identifier: Apache-2.0
 *
 *   identity.c  which data and configuration a checkpoint is of
 *   batch.c   sequences of a dataset as the tensors of one batch
 *   row_exchange.c sequences that other ranks have
 *   score.c   a trainer or a model evaluated on a dataset
 *   measure.c outputs of several parts put together, metrics, the report
 *   predictions.c outputs as files
 *   fit.c     epochs, early stopping, checkpoints
 *   curve.c   plots
 */
#ifndef RNNP_CLI_TRAINING_H
#define RNNP_CLI_TRAINING_H

#include "network.h"
#include "rnnpack/metrics.h"

CLI_END(trainer)

/* What a training is of, for experiment.c and fit.c. */
typedef struct experiment {
    rnnp_context *context;
    const train_config *config;
    const dataset *train, *test; /* as read, missing values still missing; test may be NULL */
    const vocabulary *words;     /* size 0: none */
    int lengths;                 /* the model takes lengths */
    const char *checkpoint;
    uint64_t data; /* identity_of_data, with a checkpoint */
    int resume, quiet;
    struct cli_group *group; /* ranks that train together; NULL: this process alone */
    double whole;            /* bytes: data up to these are whole on every rank */
    int trial;               /* of a search: to diverge is a result, and no error */
} experiment;

/* ---- identity.c: what a training is made of, in numbers that a checkpoint keeps ---- */

typedef struct identity {
    uint64_t data, seed, parts[CONFIG_KEYS]; /* hashes; parts are of the configuration, key by key */
} identity;

/* Of a training set as it was read, and of its words (size 0: none). All ranks call it. */
int identity_of_data(const dataset *set, const vocabulary *words, uint64_t *hash);
/* Of what each rank knows of it. */
uint64_t identity_of_part(const dataset *set, const vocabulary *words);
void identity_make(const train_config *config, uint64_t data, uint64_t seed, identity *id);
/* The parts are what several ranks or sites of one training must have in common; data is of the variables of [search].
 */
void identity_of_run(const train_config *config, identity *id);
uint64_t identity_of_bytes(const void *bytes, size_t size);
/* Fails with the first key in which a checkpoint's training (was) and this one (is) differ. */
int identity_check(const identity *was, const identity *is, const char *checkpoint);

/* ---- batch.c ---- */

/* One batch, with memory for the largest so far. */
typedef struct batch {
    rnnp_tensor inputs[2], target, weights;
    size_t n_inputs, rows, steps;
    size_t from, to;       /* given: the sequences whose x is wanted; to 0: all */
    const void *const *at; /* given: where their steps are, for each of the rows; NULL: in the set, all here */
    int has_weights;
    int known; /* there is a target to be compared with */
    void *memory[4];
    size_t room[4];
} batch;

/* Steps of x that sequence `row` has: a forecast keeps its last steps as the truth. */
size_t batch_steps(const train_config *config, const dataset *set, uint32_t row);
/* How many steps the batch of these sequences has. */
int batch_measure(batch *b, const train_config *config, const network *net, const dataset *set, const uint32_t *rows,
                  size_t n);
/* The steps of row r of the batch. */
const void *batch_row(const batch *b, const dataset *set, const uint32_t *rows, size_t r);
/* Sequences rows[0 .. n) padded to the longest of them, time first. Lengths are an input when the network has them; the
 * target is what config says. */
int batch_fill(batch *b, const train_config *config, const network *net, const dataset *set, const uint32_t *rows,
               size_t n);
void batch_free(batch *b);

/* ---- row_exchange.c ---- */

/* The rows of one batch on their way from the ranks that have them to those that run them. All ranks know the batch, so
 * nobody asks: each sends what is wanted of it, in one message for each rank. Ranks begin the same exchanges in one
 * order; they may do other things before they end them. */
typedef struct row_exchange {
    struct cli_group *ranks;
    const void **at; /* [rows] where the steps of rows that are run here are */
    char *out, *in;
    size_t *requests, n_receives, n_requests; /* receives first */
    size_t room_at, room_out, room_in, room_requests;
} row_exchange;

/* Rows [span[k].from, span[k].to) of a batch are run by rank k. */
typedef struct row_span {
    size_t from, to;
} row_span;

int exchange_begin(row_exchange *x, const dataset *set, const uint32_t *rows, size_t n, const row_span *spans);
/* All rows that are run here are there. */
int exchange_receive(row_exchange *x);
/* Others have got theirs, too, and x may be used again. */
int exchange_end(row_exchange *x);
void exchange_free(row_exchange *x);

enum { FIT_DIVERGED = CLI_USAGE + 1 }; /* beside CLI_OK and CLI_FAILED: loss, gradient or output were not finite */

/* ---- score.c, measure.c, predictions.c ---- */

/* One column of targets, where it is known: values by error (NaN where it is not defined), labels by rank and by the
 * answer that is more probable. */
typedef struct target_metrics {
    size_t n, positive;
    double error, absolute, root_square; /* means of p - y, of its size; root of the mean square */
    double r2, pearson, concordance;     /* 1 - squares / variance; correlation; Lin 1989 */
    double auc, average_precision, precision, recall, f1;
    double hits, said; /* of labels: true positives, predicted positives */
} target_metrics;

/* What was found out about n sequences, in the order of the data. An item is a sequence, for target step_label a step.
 * p [items][width]: probabilities of classes, probabilities of labels, or values; error: mean squared error of each
 * sequence, for targets next and input. */
typedef struct scores {
    size_t n, classes, targets, width;
    uint32_t *row, *fold; /* which sequence of its dataset; which fold held it out, from 1, 0: none */
    size_t *at;           /* [n + 1] the first item of each sequence */
    float *p, *error;
    int32_t *truth;                    /* [items] its class, -1: not known */
    size_t items, labelled;            /* of classes: how many items there are, and how many have a label */
    float *y;                          /* [n][targets], NaN: not known */
    target_metrics *per_target, micro; /* micro: of all labels as if they were one */
    double r2;                         /* mean over values */
    double loss, weight;               /* of a trainer: its loss, and sum(w) */
    double squares, changes, elements; /* number targets: sums of squared errors, and of those of persistence */
    rnnp_summary_metrics summary;
    rnnp_class_metrics *per_class;
    double *confusion;
    double auc, average_precision, brier, calibration; /* NaN where they make no sense; of labels means over them */
    double brier_before, calibration_before;           /* of p before it was calibrated; 0: it was not */
    int thresholded;                                   /* class `positive` from p = threshold on (decider.h) */
    size_t positive;
    float threshold;
    rnnp_curve_point *curve;
    size_t n_points;
} scores;

/* How outputs are had: from a trainer, or from a run of a model. batch->outputs[0] comes with the shape that is
 * expected and memory for it; another shape is an error, found before anything is written. Returns CLI_OK or what
 * cli_fail does. */
typedef int forward_fn(void *user, rnnp_context *context, const rnnp_train_batch *batch, rnnp_train_result *result);
forward_fn scores_of_trainer, scores_of_plan;

typedef struct asking {
    const experiment *e;
    const network *net; /* of network_check */
    const dataset *set;
    const row_list *which;
    forward_fn *forward;
    void *user;
    float *values;         /* [steps of the set][features] of targets next and input: what is said of each; or NULL */
    struct divided *ranks; /* that divide the batches; NULL: all are run here */
} asking;

/* Outputs do not depend on [train] batch, nor on which sequences are evaluated together. FIT_DIVERGED when an output
 * is not finite. */
int scores_ask(scores *s, const asking *a);
/* For n sequences of a set: these rows, or (NULL) all. */
void scores_create(scores *s, const train_config *config, const dataset *set, const uint32_t *rows, size_t n);
void scores_free(scores *s);
#define AUTO_SCORES __attribute__((cleanup(scores_free))) scores
/* Puts a part (one fold's) into scores that were created for the whole dataset. */
void scores_add(scores *all, const scores *part, size_t fold);
/* The class that an item is said to be of: the most probable one, the first of equals, unless there is a threshold.
 */
size_t scores_class(const scores *s, size_t item);
/* Metrics from p, error and truth. */
int scores_measure(scores *s, const train_config *config);
/* measure_targets.c: those of columns, from p and y. */
void scores_measure_values(scores *s);
void scores_measure_labels(scores *s);
/* What follows from counts of a label's answers. */
void scores_count_answers(target_metrics *m);
/* Means over the columns, of which each is known. */
void scores_mean_values(scores *s);
void scores_mean_labels(scores *s);
/* A line for each column. */
void scores_print_targets(const scores *s, const dataset *set, data_target target);
/* Smaller is better; NaN where it makes no sense. */
double scores_value(const scores *s, const train_config *config);
void scores_print(const scores *s, const dataset *set, const train_config *config, const char *what);
/* As docs/reference/training.md says: a table when the name ends in .csv, else an array [sequences of the
 * set][classes], [steps of the set][classes], [sequences][targets], or [sequences] of errors, NaN where nothing was
 * asked. */
int scores_write(const scores *s, const train_config *config, const dataset *set, const char *path);
/* A table of what is predicted for new data: as above, without folds and truths, and without groups if there are
 * none. */
int predictions_write(const scores *s, const train_config *config, const dataset *set, const char *path);
/* The same of targets next and input: a line for each step that is forecast or rebuilt, with the first `columns` of the
 * values and, where the step is there, their mean squared error; values [steps of the set][features] are what the model
 * says at each step. Prints the error of all. */
int forecasts_write(const float *values, const train_config *config, const dataset *set, size_t columns,
                    const char *path);

/* ---- fit.c ---- */

typedef struct epoch_line {
    double rate, loss, held_loss, held_score;
} epoch_line;

typedef struct history {
    epoch_line *at;
    size_t n, room, best;
    double score; /* smaller is better: of the best epoch on what is held out, else the training loss of the last */
    int unsaved;  /* the last checkpoint could not be written */
} history;

/* A part of a training: in federated training a round at one site. */
typedef struct fit_round {
    size_t first, epochs;       /* epochs before it, epochs of it */
    const float *parameters;    /* of fit_copy, to begin with; NULL: those of the seed */
    const double *class_counts; /* [classes] sequences or steps of all sites: what balanced is by */
    float proximal;             /* weight of the proximal term around `parameters` */
} fit_round;

typedef struct fit_job {
    const experiment *e;
    const network *net;
    const dataset *set;
    const row_list *kept, *held; /* held->n may be 0: no early stopping */
    const identity *id;          /* with a checkpoint */
    uint64_t seed;
    const fit_round *round; /* NULL: the whole training */
} fit_job;

/* How many sequences batch k of an epoch has. */
static inline size_t fit_rows(const fit_job *job, size_t k)
{
    const size_t B = job->e->config->batch, done = k * B, n = job->kept->n;
    return done >= n ? 0 : n - done < B ? n - done : B;
}

/* row_exchange.c: the batches of an epoch, as ranks run them: the rows of one are used while those of the next are on
 * their way. Where all of the set is here, nothing is done. */
typedef struct row_feed {
    row_exchange rows[2]; /* of batch k and k + 1, in turn */
    row_span *spans[2];   /* [ranks] of a full batch, and of the last one */
    size_t span_rows[2];
} row_feed;

/* Batch k of this order begins its way. */
int feed_begin(row_feed *feed, const fit_job *job, const rnnp_trainer *trainer, const uint32_t *order, size_t k);
/* It is there: b->at says where. */
int feed_end(row_feed *feed, const fit_job *job, size_t k, batch *b);
void feed_free(row_feed *feed);

/* A new trainer of `model`, trained: with the parameters of the best epoch when some are held. */
int fit(const fit_job *job, const rnnp_model *model, history *past, rnnp_trainer **trainer);
/* Copies parameters out of a trainer or back into it, all of them or those that are not frozen, one behind the other.
 * Without values it counts: *n, which may be NULL else. */
int fit_copy(rnnp_context *context, rnnp_trainer *trainer, int frozen, int back, float *values, size_t *n);

/* ---- curve.c: SVG ---- */

typedef struct curve {
    const char *name;
    const double *x, *y;
    size_t n;
} curve;

/* Lines over common axes, with a title, ticks and a legend. */
int curve_write(const char *path, const char *title, const char *x_name, const char *y_name, const curve *curves,
                size_t n);

#endif
