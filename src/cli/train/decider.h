/* SPDX-License-Identifier: Apache-2.0
 *
 * [predict]: what is done with the probabilities that a model gives, so that they are shares of cases (calibrate), and
 * from which of them on a case is said to be of a class (threshold). Fitted to cases that training has not seen:
 * predictions out of fold where there are folds, else what validation holds out. It travels in the model:
 *
 *     rnnpack.decision   lines of a word and its value:
 *                            positive CLASS
 *                            calibrate temperature NUMBER   or   calibrate isotonic
 *                            threshold NUMBER RULE          the rule as in the configuration
 *                            fitted folds|validation CASES GROUPS POSITIVES
 *     rnnpack.isotonic   the steps, a line each: first, last and value (calibration.h)
 *
 *   decider.c        checked, fitted, applied
 *   decider_text.c   as metadata, and in words
 */
#ifndef RNNP_CLI_DECIDER_H
#define RNNP_CLI_DECIDER_H

#include "rnnpack/calibration.h"
#include "training.h"

typedef struct decider {
    calibrate_kind calibrate;
    double temperature;
    rnnp_isotonic_step *steps;
    size_t n_steps;
    threshold_rule rule; /* its kind is THRESHOLD_NONE: the most probable class */
    float threshold;
    int by_option;  /* rather than by the configuration */
    char *positive; /* the class that threshold and steps are of; NULL: neither */
    int from_folds;
    size_t cases, groups, positives; /* that it was fitted to; no cases: to none; no groups: data without */
} decider;

/* Whether something of it is fitted to cases. */
static inline int decider_fits(const train_config *config)
{
    return config->calibrate || config->threshold.kind > THRESHOLD_GIVEN;
}
/* Whether [predict] fits the data, and to what it will be fitted: the sequences held out, NULL for all of the training
 * set, by folds. */
int decider_check(const train_config *config, const dataset *set, const row_list *held);
/* The same by the classes of the set alone, and by how many cases there will be of each [classes]. */
int decider_check_classes(const train_config *config, const dataset *set);
int decider_check_counts(const train_config *config, const dataset *set, const double *counts, int from_folds);
/* From predictions of such sequences of the set. Free it either way. */
int decider_fit(decider *d, const train_config *config, const dataset *set, const scores *held, int from_folds);
/* The same in two parts: what the configuration says, and (cases and positives are set then) what is fitted to scores
 * of cases that count so much each; NULL: 1. */
void decider_begin(decider *d, const train_config *config, const dataset *set, int from_folds);
int decider_fit_cases(decider *d, const scores *s, const float *weight, size_t positive);
/* The number of the class that it is of; set->classes: there is none. */
size_t decider_positive(const train_config *config, const dataset *set);
/* --threshold is a number between 0 and 1. */
int decider_check_option(const cli_call *call);
/* A threshold of the command line takes the place of the rule's; `name` is the model's, and the set's classes are
 * those of its training. */
int decider_override(decider *d, double threshold, const dataset *set, const char *name);
/* Calibrates p [n][classes] in place; `positive` is d->positive's number, of [n] work memory. */
rnnp_status decider_calibrate(const decider *d, size_t n, size_t classes, size_t positive, float *of, float *p);
/* Calibrates s->p, sets the threshold and measures again. */
int decider_apply(const decider *d, const train_config *config, const dataset *set, scores *s);
void decider_free(decider *d);
#define AUTO_DECIDER __attribute__((cleanup(decider_free))) decider

int decider_attach(rnnp_context *context, rnnp_model *model, const decider *d);
/* A model without any is right. Free it either way. */
int decider_read(const rnnp_model *model, const char *name, decider *d);
/* In words, for a line each; NULL where there is nothing to say. */
enum { DECIDER_TEXT = 512 };
const char *decider_calibration_text(const decider *d, char text[DECIDER_TEXT]);
const char *decider_threshold_text(const decider *d, char text[DECIDER_TEXT]);
void decider_print(const decider *d);

#endif
