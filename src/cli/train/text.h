/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts in memory, lines and numbers: what configurations and tables are made of.
 */
#ifndef RNNP_CLI_TEXT_H
#define RNNP_CLI_TEXT_H

#include <csv.h>
#include <stddef.h>
#include <stdio.h>

/* Fails with "path:line: ...", or "path: ..." when the line is 0. */
int text_fail(const char *path, size_t line, const char *format, ...) __attribute__((format(__printf__, 3, 4)));
/* Cuts blanks and tabs off both ends, in place. */
char *text_trim(char *text);

/* Closes a file that was written; NULL is one that could not be opened, with errno. */
int text_finish(FILE *file, const char *path);

/* Texts that the list owns. */
typedef struct text_list {
    char **at;
    size_t n, room;
} text_list;

void text_add(text_list *list, const char *text); /* a copy at the end */
int text_listed(const text_list *list, const char *text);
void text_free(text_list *list);

/* A decimal number such as -1.5e-3, followed by nothing but blanks: no hexadecimal, no inf, no nan. With decimal =
 * ',' the comma is the point. Returns NULL, or what is wrong, such as "is not a number". */
const char *text_number(const char *text, char decimal, double *x);
/* The same, rounded to float once. */
const char *text_float(const char *text, char decimal, float *x);

/* A date, perhaps with a time of day, of ISO 8601 (dates.c): seconds since 1970 began, in universal time or in that of
 * the text when it tells no distance. NULL, or what is wrong. */
const char *text_date(const char *text, double *seconds);

/* The shortest text that gives the number back, -0 as 0; integers below 1e15 have no exponent. `single`: x is a float.
 */
void text_shortest(double x, int single, char text[32]);

/* ---- Lines of a file ---- */

/* Lines end with LF, CR LF or CR, and may have any length. A UTF-8 byte order mark is passed over. */
typedef struct line_reader {
    const char *path;
    FILE *file;
    char *line;          /* the last one, without its end */
    size_t room, number; /* the first is number 1 */
    char *chunk;         /* of the file, [at, end) of it not looked at */
    size_t at, end;
} line_reader;

enum { LINES_FAILED = -1, LINES_END, LINES_LINE };

/* The path must outlive the lines. CLI_FAILED when it cannot be opened; close it either way. */
int lines_open(line_reader *l, const char *path);
/* LINES_LINE, LINES_END, or LINES_FAILED after a sentence on stderr: UTF-16 and files with zero bytes are no text. */
int lines_next(line_reader *l);
void lines_close(line_reader *l);
/* Calls fn for each line until one does not return CLI_OK. */
int lines_each(const char *path, int (*fn)(void *user, line_reader *lines), void *user);

/* ---- Tables (table.c) ---- */

/* Fields may stand in quotes, with separators, line ends and doubled quotes in them (RFC 4180). The separator ' ' is
 * any number of blanks and tabs, and knows no quotes. Blanks around a field are no part of it; empty lines are passed
 * over. */
typedef struct table {
    line_reader lines;
    struct csv_parser parser;
    char separator;
    size_t line; /* where the row begins */
    size_t n;    /* its fields */
    char *text;  /* stored here one after another, each ended by a zero */
    size_t *at;  /* [n] where each begins */
    size_t used, room_text, room_at;
    int begun, done;
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
