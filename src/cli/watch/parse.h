/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples as text, one in a line, numbers apart by commas, semicolons or blanks, and as raw little-endian f32. The
 * numbers of a line are given to the model's features: by the names of a header where there is one, else in their
 * order.
 */
#ifndef RNNP_CLI_WATCH_PARSE_H
#define RNNP_CLI_WATCH_PARSE_H

#include <stddef.h>
#include <stdint.h>

enum { PARSE_LINE = 65536, PARSE_FIELDS = 4096 };

typedef struct parser {
    /* The caller's. */
    size_t features;
    char *const *wanted; /* [features] names, or NULL */
    char *const *given;  /* [n_given] names of a line's numbers where it has no header, or NULL */
    size_t n_given;
    float scale;

    size_t fields;  /* of a line; 0: not known yet */
    size_t *order;  /* [features] the field of each */
    float *values;  /* [PARSE_FIELDS] */
    uint64_t lines; /* so far */
    char line[PARSE_LINE];
    size_t used;       /* of line */
    int skips;         /* the rest of the line is passed over: it is too long, or began before it was listened to */
    uint64_t too_long; /* lines */
    char why[256];
} parser;

/* Where lines have no header. NULL, or what does not fit together. */
const char *parser_begin(parser *p);
void parser_free(parser *p);
/* A header's names in place of that. NULL, or what is wrong. The line is changed. */
const char *parser_take_header(parser *p, char *line);
/* Whether a field of the line is no number. */
int parser_is_header(const char *line);
/* A line, which is changed, as x [features]; a field that is empty or "nan" is missing. NULL, or what is wrong. *empty:
 * there is nothing in it. */
const char *parser_take_line(parser *p, char *line, float *x, int *empty);
/* The fields of a sample in bytes, to x. */
void parser_take_raw(const parser *p, const unsigned char *bytes, float *x);

/* Adds bytes to the current line, up to the first line end. Returns how many it took; *line is the line when it is
 * whole, "" when it is passed over, NULL while it is not. */
size_t parser_cut(parser *p, const char *bytes, size_t n, char **line);

#endif
