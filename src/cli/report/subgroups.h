/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of the rows by a column of their table: are the numbers as good for all?
 */
#ifndef RNNP_CLI_SUBGROUPS_H
#define RNNP_CLI_SUBGROUPS_H

#include "../train/dataset.h"
#include "intervals.h"

/* The value of each sequence: of numbers with many values, the quarter that it is in. */
typedef struct subgroups {
    const char *column;
    text_list names;
    uint32_t *of; /* [sequences of the set] */
} subgroups;

/* Reads the column of the table that the set was read from. NULL in place of a column: nothing. Free it either way. */
int subgroups_read(const train_config *config, const char *path, const char *column, const dataset *set, subgroups *s);
void subgroups_free(subgroups *s);
#define AUTO_SUBGROUPS __attribute__((cleanup(subgroups_free))) subgroups

/* One part, measured. */
typedef struct subgroup {
    const char *name;
    size_t n, clusters, cases; /* rows, clusters, rows of class 1 of two */
    int small;                 /* too small to say much */
    measured values[METRICS];
} subgroup;

enum { SUBGROUP_CLUSTERS = 20, SUBGROUP_CASES = 10 };

/* All parts that have rows, in the order of names; *n of them, which the caller frees. rows [n_rows]: the sequence of
 * the set for each judged.row. */
subgroup *subgroups_measure(const subgroups *s, const judged *j, const uint32_t *rows, size_t n_rows,
                            const resampling *how, size_t *n);
/* all: of all rows; metrics that have no meaning there are left out. */
void subgroups_print(const subgroups *s, const subgroup *parts, size_t n, const judged *j, const measured *all);

#endif
