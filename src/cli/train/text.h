/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts in memory, lines and numbers: what configurations and tables are made of.
 */
#ifndef RNNP_CLI_TEXT_H
#define RNNP_CLI_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* Memory for `n` entries of `size` bytes at *p, which may move. 0 without memory. */
int text_grow(void *p, size_t *room, size_t n, size_t size);
char *text_copy(const char *text); /* NULL without memory */
/* Cuts blanks and tabs off both ends, in place. */
char *text_trim(char *text);

/* Texts that the list owns. */
typedef struct text_list {
    char **at;
    size_t n, room;
} text_list;

int text_add(text_list *list, const char *text); /* a copy at the end; 0 without memory */
int text_listed(const text_list *list, const char *text);
void text_free(text_list *list);

/* A decimal number such as -1.5e-3, and nothing behind it but blanks: no hexadecimal, no inf, no nan. With decimal =
 * ',' the comma is the point. Returns NULL, or what is wrong, such as "is not a number". */
const char *text_number(const char *text, char decimal, double *x);
/* The same, rounded to float once. */
const char *text_float(const char *text, char decimal, float *x);

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

#endif
