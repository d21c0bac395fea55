/* SPDX-License-Identifier: Apache-2.0
 *
 * One training from a dataset and a configuration to a model and what it scores.
 */
#ifndef RNNP_CLI_EXPERIMENT_H
#define RNNP_CLI_EXPERIMENT_H

#include "fit.h"

enum { EXPERIMENT_FOLDS = 64 };

typedef struct experiment {
    rnnp_context *context;
    const train_config *config;
    const dataset *train, *test; /* as read, missing values still missing; test may be NULL */
    size_t vocabulary;
    int lengths; /* the model takes lengths */
    const char *checkpoint;
    uint64_t data; /* identity_of_data, with a checkpoint */
    int resume, quiet;
    int trial; /* of a search: to diverge is a result, and no error */
} experiment;

/* Trains on the sequences kept, stops early by those held, and asks about asked (of the test set when from_test is
 * set). What is fitted to data (means, deviations, class weights) is fitted to kept alone. model and past may be NULL.
 * */
int experiment_once(const experiment *e, const row_list *kept, const row_list *held, const row_list *asked,
                    int from_test, uint64_t seed, scores *found, history *past, rnnp_model **model);

/* What can be known before a training: that parts are not empty, that a score and a ROC curve are defined on what they
 * are of, that the network can be built and trained, that its output fits the data, that the model to start from can be
 * read. `final`: a model of all training data is trained, too, with config->seeds seeds. */
int experiment_check(const experiment *e, int final, int with_roc, int with_predictions);

/* k-fold cross-validation by groups: each fold is asked about by a model that was trained on the others (of which
 * config->validation is held for early stopping). *all has every sequence once; values [folds] each fold's score. */
int experiment_folds(const experiment *e, uint64_t seed, scores *all, double *values);

/* The training set but for config->validation; the test set is asked, or without one what was held. */
int experiment_simple(const experiment *e, uint64_t seed, scores *found, history *past, rnnp_model **model);

/* A finished model asked about the test set (without one about the training set). What was fitted to the data that it
 * was trained on is fitted to it again. */
int experiment_model(const experiment *e, const rnnp_model *model, const char *name, int with_roc, forward_fn *forward,
                     void *user, scores *found);

#endif
