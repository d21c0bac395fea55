/* SPDX-License-Identifier: Apache-2.0
 *
 * A column of texts as one channel per text that it has in the training data, 1 where it is meant and else 0. The
 * channels are called COLUMN=TEXT.
 */
#ifndef RNNP_CLI_CATEGORIES_H
#define RNNP_CLI_CATEGORIES_H

#include "dataset.h"

enum { CATEGORIES = 1000 }; /* of a column */

typedef struct category {
    text_list values; /* in the order of the channels, once sorted */
    size_t *rank;     /* of the values as they were found; NULL: as they stand */
    size_t last;
    int fixed; /* the values are those of the training data */
} category;

/* The number of the text, -1 when it is none of those that are fixed, -2 when there are too many. */
int category_find(category *c, const char *text);
/* Numbers by size, then texts by letter. */
void category_sort(category *c);
/* One number of category_find as channels: all missing when it is NaN. */
void category_write(const category *c, float number, float *x);
/* Takes the values of columns[at], columns[at + 1], ... that are called NAME=TEXT. How many these are. */
size_t category_adopt(category *c, const char *name, char *const *columns, size_t at, size_t n);
void category_free(category *c);

#endif
