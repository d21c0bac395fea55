/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of fields between separators, row by row.
 */
#ifndef RNNP_CLI_TABLE_H
#define RNNP_CLI_TABLE_H

#include <csv.h>

#include "text.h"

/* Fields may stand in quotes, with separators, line ends and doubled quotes in them (RFC 4180). The separator ' ' is
 * any number of blanks and tabs, and knows no quotes. Blanks around a field are no part of it; empty lines are passed
 * over. */
typedef struct table {
    line_reader lines;
    struct csv_parser parser;
    char separator;
    size_t line; /* where the row begins */
    size_t n;    /* its fields */
    char *text;  /* they stand here, one behind the other, each ended by a zero */
    size_t *at;  /* [n] where each begins */
    size_t used, room_text, room_at;
    int begun, done, failed;
} table;

/* The path must outlive the table. CLI_OK, or CLI_FAILED after a sentence; close it either way. */
int table_open(table *t, const char *path, char separator);
/* LINES_LINE: a row; LINES_END; LINES_FAILED after a sentence that names file and line. */
int table_next(table *t);
static inline const char *table_field(const table *t, size_t column) { return t->text + t->at[column]; }
void table_close(table *t);

/* Adds the parts of "a, b, "c, d"" to the list. NULL, or what is wrong. */
const char *text_split(text_list *list, const char *text);

#endif
