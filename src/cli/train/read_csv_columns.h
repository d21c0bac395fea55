/* SPDX-License-Identifier: Apache-2.0
 *
 * A table in long format while it is read (read_csv.c), and what its header says of its columns.
 */
#ifndef RNNP_CLI_READ_CSV_COLUMNS_H
#define RNNP_CLI_READ_CSV_COLUMNS_H

#include "categories.h"

enum { ID, TIME, LABEL, GROUP, LABEL_TIME, ROLES };
extern const char *const csv_role_names[ROLES];

typedef struct csv_sequence {
    const char *id;      /* in the builder's list, where its label and group are, too */
    size_t number, line; /* of its first row */
    size_t last_line, steps;
    double last_time, label_time; /* label_time: NaN where nothing tells it */
} csv_sequence;

/* Rows as they come; they are brought together in the end. */
typedef struct reader {
    dataset_builder b;
    table t;
    text_list header;
    struct csv_name *names; /* of the header, sorted */
    size_t role[ROLES];     /* its column, or SIZE_MAX */
    size_t *feature;        /* [n_raw] columns of features */
    category **category;    /* [n_raw] of texts, else NULL */
    size_t n_raw;
    size_t *target;  /* [set->targets] columns, SIZE_MAX where there is none */
    int has_targets; /* there is one of them */
    int dated;       /* times are dates: 1, numbers: -1, not known: 0 */
    void *by_id;     /* tree of the sequences */
    csv_sequence **all, *last;
    size_t n, room_all;
    float *x;               /* [rows_here][n_raw]; of texts their numbers */
    double *time;           /* [rows] */
    uint32_t *owner;        /* [rows] sequence */
    size_t rows, rows_here; /* all, and those of sequences that are here */
    size_t room_x, room_time, room_owner;
    int32_t *step_class; /* [rows] of target step_label */
    float *y;            /* [n][set->targets] */
    size_t room_step_class, room_y;
} csv_reader;

/* What is wrong with the row, and with one of its fields. */
#define csv_row_fault(r, ...) text_fail((r)->b.from->path, (r)->t.line, __VA_ARGS__)
#define csv_fault(r, column, format, ...) \
    csv_row_fault(r, "column %zu (%.80s): " format, (column) + 1, (r)->header.at[column], __VA_ARGS__)

/* Reads the header and says which column is what. CLI_FAILED after a sentence. */
int csv_read_header(csv_reader *r);
void csv_free_columns(csv_reader *r);

#endif
