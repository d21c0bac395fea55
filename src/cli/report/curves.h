/* SPDX-License-Identifier: Apache-2.0
 *
 * Learning curves: what each epoch of each training came to.
 */
#ifndef RNNP_CLI_CURVES_H
#define RNNP_CLI_CURVES_H

#include "../train/training.h"

/* A training of a fold, or with a seed. */
typedef struct trained_once {
    const char *kind; /* "fold" or "seed" */
    uint64_t number;
    history past; /* its own copy */
} trained_once;

typedef struct trainings {
    trained_once *at;
    size_t n, room;
} trainings;

/* Copies the past of a training; all may be NULL. */
void trainings_add(trainings *all, const char *kind, uint64_t number, const history *past);
void trainings_free(trainings *all);
/* As docs/reference/training.md says: a table, or JSON when the name ends in .json. */
int curves_write(const trainings *all, const train_config *config, const char *path);
/* "AUC" of [train] score, and its sign: scores are less when they are better. */
const char *curves_score(const train_config *config);

#endif
