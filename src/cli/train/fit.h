/* SPDX-License-Identifier: Apache-2.0
 *
 *   batch.c   sequences of a dataset as the tensors of one batch
 *   score.c   a trainer or a model asked about a dataset: predictions, loss, metrics
 *   fit.c     epochs, early stopping, checkpoints
 *   curve.c   pictures
 */
#ifndef RNNP_CLI_FIT_H
#define RNNP_CLI_FIT_H

#include "network.h"
#include "rnnpack/metrics.h"

/* ---- batch.c ---- */

/* One batch, with memory for the largest so far. */
typedef struct batch {
    rnnp_tensor inputs[2], target, weights;
    size_t n_inputs, rows, steps;
    int has_weights;
    void *memory[4];
    size_t room[4];
} batch;

/* Sequences rows[0 .. n) padded to the longest of them, time first. Lengths are an input when the network has them; the
 * target is what config wants. */
int batch_fill(batch *b, const train_config *config, const network *net, const dataset *set, const uint32_t *rows,
               size_t n);
void batch_free(batch *b);

/* ---- score.c ---- */

/* What was found out about some sequences. p: probabilities [n][classes] of labels; error: mean squared error of each
 * sequence, for number targets. */
typedef struct scores {
    size_t n, classes;
    float *p, *error;
    int32_t *truth;
    double loss, weight;
    rnnp_summary_metrics summary;
    rnnp_class_metrics *per_class;
    double *confusion;
    double auc, average_precision, brier, calibration, persistence; /* NaN where they make no sense */
    rnnp_curve_point *curve;
    size_t n_points;
} scores;

/* How outputs are had: from a trainer, or from a run of a model. */
typedef rnnp_status forward_fn(void *user, const rnnp_train_batch *batch, rnnp_train_result *result);

int scores_ask(scores *s, const train_config *config, const network *net, const dataset *set, const row_list *which,
               forward_fn *forward, void *user, rnnp_context *context);
/* Adds what another part found (folds). */
int scores_append(scores *s, const scores *part);
/* Metrics from p, error and truth. */
int scores_measure(scores *s, const train_config *config);
void scores_free(scores *s);
/* Smaller is better. */
double scores_value(const scores *s, const train_config *config);
void scores_print(const scores *s, const dataset *set, const train_config *config, const char *what);
forward_fn scores_of_trainer;
/* Probabilities [n][classes], or errors [n], as .npy. */
int scores_write(const scores *s, const train_config *config, const char *path);

/* ---- fit.c ---- */

typedef struct epoch_line {
    double rate, loss, held_loss, held_score;
} epoch_line;

typedef struct history {
    epoch_line *at;
    size_t n, room, best;
} history;

typedef struct fit_job {
    rnnp_context *context;
    const train_config *config;
    const network *net;
    const dataset *set;
    const row_list *kept, *held; /* held->n may be 0: no early stopping */
    const char *checkpoint;      /* NULL: none */
    int resume, quiet, trial;    /* trial: nothing is said when it diverges */
    uint64_t seed;
} fit_job;

enum { FIT_DIVERGED = CLI_USAGE + 1 }; /* beside CLI_OK and CLI_FAILED: loss or gradient were not finite */

/* A new trainer of `model`, trained: with the parameters of the best epoch when some are held. */
int fit(const fit_job *job, const rnnp_model *model, history *past, rnnp_trainer **trainer);

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
