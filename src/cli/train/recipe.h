/* SPDX-License-Identifier: Apache-2.0
 *
 * How a trained model's data are made ready, as metadata of the model, so that predicting needs neither the
 * configuration nor the training data:
 *
 *     rnnpack.data      the lines of [data], but for names of files
 *     rnnpack.columns   channels of the data, a line each; rnnpack.units: of theirs, rnnpack.rate: "steps / seconds"
 *     rnnpack.fill      what a missing value at the beginning becomes, a number for each feature
 *     rnnpack.classes   names of the classes
 *     rnnpack.words     of tokens, from number 1 on
 *     rnnpack.embed     [model] embed, which tells what columns mean
 *
 * What is done with its probabilities is in decider.h.
 */
#ifndef RNNP_CLI_RECIPE_H
#define RNNP_CLI_RECIPE_H

#include "dataset.h"

typedef struct recipe {
    train_config config; /* of [data]; the rest has defaults */
    dataset like;        /* without sequences: what data to predict must be like */
    vocabulary words;
    float *fill; /* [features], NULL for tokens */
} recipe;

/* Of data as they were read, before they are filled; fill may be NULL. */
int recipe_attach(rnnp_context *context, rnnp_model *model, const train_config *config, const dataset *set,
                  const vocabulary *words, const float *fill);
/* `name` is the model's, for messages. Free it either way. */
int recipe_read(const rnnp_model *model, const char *name, recipe *r);
/* New data as the model takes them, filled; data without labels get the names of the training's classes. */
int recipe_data(const recipe *r, const char *path, dataset *set);
/* Whether a model that says what its targets are has these, in this order. */
int recipe_check_targets(const rnnp_model *model, const char *name, const train_config *config, const dataset *set);
void recipe_free(recipe *r);
#define AUTO_RECIPE __attribute__((cleanup(recipe_free))) recipe

#endif
