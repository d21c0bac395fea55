/* SPDX-License-Identifier: Apache-2.0
 *
 * What the commands train and eval are made of:
 *
 *   experiment.c  one training, from a dataset and a configuration to a model and what it scores
 *   outputs.c     files that a training writes at its end, checked before it begins
 *   task.c        the configuration, with what the command line says over it, and the data that it names
 *   search.c      [search]: the configuration among several that scores best without the test set
 */
#ifndef RNNP_CLI_EXPERIMENT_H
#define RNNP_CLI_EXPERIMENT_H

#include "../report/curves.h"
#include "training.h"

/* ---- experiment.c ---- */

enum { EXPERIMENT_FOLDS = 64 };

/* Trains on the sequences kept, stops early by those held, and asks about asked (of the test set when from_test is
 * set), and about those held, unless held_out is NULL. What is fitted to data (means, deviations, class weights) is
 * fitted to kept alone. model and past may be NULL. */
int experiment_once(const experiment *e, const row_list *kept, const row_list *held, const row_list *asked,
                    int from_test, uint64_t seed, scores *found, scores *held_out, history *past, rnnp_model **model);

/* The model that a trainer has come to, which gives values in the units of the targets. */
int experiment_trained(const experiment *e, network net, const rnnp_trainer *trainer, rnnp_model **model);
/* Weights of a label's two answers in the loss, as if they were two classes: n / (2 n of the answer). */
void experiment_weigh_answers(const double counts[2], float weights[2]);

/* What can be known before a training: that parts are not empty, that a score and a ROC curve are defined on what
 * they are of, that the network can be built and trained, that its output fits the data, that the model to start from
 * can be read. `final`: a model of all training data is trained, too, with config->seeds seeds. */
int experiment_check(const experiment *e, int final, int with_roc, int with_predictions);

/* k-fold cross-validation by groups: each fold is evaluated by a model that was trained on the others (of which
 * config->validation is held for early stopping). *all has every sequence once; values [folds] each fold's score;
 * past, which may be NULL, gets its learning curve. */
int experiment_folds(const experiment *e, uint64_t seed, scores *all, double *values, trainings *past);

/* Trains on the training set except for config->validation, and evaluates the test set, or else what was held. With a
 * test set, held_out (unless NULL) receives what was held. */
int experiment_simple(const experiment *e, uint64_t seed, scores *found, scores *held_out, history *past,
                      rnnp_model **model);

/* Evaluates a finished model on the test set (without one, on the training set). What was fitted to the data that it
 * was trained on is fitted to it again. */
int experiment_model(const experiment *e, const rnnp_model *model, const char *name, int with_roc, forward_fn *forward,
                     void *user, scores *found);

/* The test set (without one, the training set) as a model is given it: what was fitted to the training set is fitted
 * again. It may borrow from the experiment's. */
int experiment_prepared(const experiment *e, dataset *set);

/* ---- outputs.c ---- */

typedef struct output_file {
    const char *option, *path; /* path NULL: not wanted */
    int replaced;              /* written beside it and renamed: a device or a pipe will not do */
} output_file;

/* Whether each can be written, and none is another one or one of the inputs (entries may be NULL or ""). The test is
 * to make a file in its folder, which is removed again. */
int outputs_check(const output_file *outputs, size_t n, const char *const *inputs, size_t n_inputs);

/* Writes the model, and its vocabulary (of size 0: none) to PATH.words, so that there is never one model with the
 * words of another: the old words go before the model is replaced, the new ones come after it; in between there are
 * none. When it cannot be written, it goes to a new folder beside the path, else in $TMPDIR, and the sentence says
 * where. */
int outputs_keep_model(rnnp_context *context, const rnnp_model *model, const vocabulary *words, const char *path);

/* ---- task.c ---- */

typedef struct task {
    const cli_call *call;
    const char *path; /* of the configuration */
    train_config config;
    dataset train, test_set;
    vocabulary words;
    experiment e;
} task;

/* The configuration, with the choices `at` of [search] (NULL: the first ones). */
int task_configure(task *t, const size_t *at);
/* Whether --roc, --predictions, --report and up to six more files can be written (outputs_check); more_input, which
 * may be NULL, is read besides the configuration and its data. */
int task_check_outputs(const task *t, const output_file *more, size_t n_more, const char *more_input);
/* Data and context. With `words` the vocabulary is this file's, else that of the training data. */
int task_open(task *t, const char *words, int for_checkpoint);
/* The training set or (testing) the test set alone, whose columns and classes are those of `like` (NULL: its own). */
int task_read_set(task *t, int testing, const dataset *like, int grow, dataset *set);
/* Both, the test set like the training set, and whether they have what the loss needs. Targets may be missing when
 * there is `like`, which is of all sites of a federation. */
int task_read(task *t, const dataset *like, int grow);
void task_close(task *t);
#define AUTO_TASK __attribute__((cleanup(task_close))) task
/* Writes --roc and --predictions. */
int task_write(const task *t, const scores *s, const dataset *set);

/* ---- search.c ---- */

/* Checks every trial (experiment_check), then tries them, and leaves the configuration at the best one. Without
 * variables it checks the one configuration and changes nothing. `final`: a model of all training data is wanted, too.
 */
int search(task *t, int final);

/* The middle one, or the mean of the two in the middle; sorts the values. */
double search_median(double *values, size_t n);

#endif
