/* SPDX-License-Identifier: Apache-2.0
 *
 * [model] embed: columns of categories that a network takes as a few trained numbers each. In the data they stay the
 * channels that categories.h makes of them, and the network multiplies these by a table. That gives the row of a text;
 * of a missing one what [data] missing says, such as the mean of rows by how often they occur; and zeros of a text that
 * the training data do not have. As indices they would take less memory, but a missing or unknown one would need rows
 * of its own, nothing could be filled, and there would be no gradient to attribute to.
 */
#ifndef RNNP_CLI_EMBEDDINGS_H
#define RNNP_CLI_EMBEDDINGS_H

#include "dataset.h"

typedef struct embedding {
    char *column;
    size_t first, n; /* its channels in the data */
    size_t width;    /* numbers that it becomes */
} embedding;

typedef struct embeddings {
    embedding *at; /* in the order of the channels */
    size_t n;
} embeddings;

/* Of data whose channels are called so; without them (NULL) the configuration alone is looked at. Fails with its line;
 * free it either way. */
int embeddings_read(const train_config *config, char *const *columns, size_t features, embeddings *e);
void embeddings_free(embeddings *e);
/* Texts of embedded columns are not scaled but stay 0 and 1, so that a text that is not known becomes zeros. */
int embeddings_spare(const train_config *config, char *const *columns, size_t features, float *means,
                     float *deviations);
#define AUTO_EMBEDDINGS __attribute__((cleanup(embeddings_free))) embeddings

#endif
