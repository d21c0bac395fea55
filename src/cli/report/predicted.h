/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of predictions, as --predictions writes them (docs/reference/training.md), read back.
 */
#ifndef RNNP_CLI_PREDICTED_H
#define RNNP_CLI_PREDICTED_H

#include "../train/text.h"
#include "judged.h"

/* Rows in the order of the file. Texts are the table's own. */
typedef struct predicted {
    const char *path;
    judged j; /* not ordered; cluster is not set */
    text_list ids, groups, labels, classes;
    size_t *line;   /* [n] where each row begins */
    size_t room[7]; /* of the arrays */
} predicted;

/* Fails with "file:line: ...". Free it either way; the path must outlive it. */
int predicted_read(const char *path, predicted *t);
void predicted_free(predicted *t);
#define AUTO_PREDICTED __attribute__((cleanup(predicted_free))) predicted

#endif
