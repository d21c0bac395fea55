/* SPDX-License-Identifier: Apache-2.0 */
#include "parse.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../cli.h"
#include "../train/text.h"

/* ---- Names ---- */

static const char *wrong(parser *p, const char *format, ...) __attribute__((format(__printf__, 2, 3)));
static const char *wrong(parser *p, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(p->why, sizeof p->why, format, list);
    va_end(list);
    return p->why;
}

static void make_room(parser *p)
{
    if (!p->order) p->order = cli_alloc(p->features, sizeof *p->order);
    if (!p->values) p->values = cli_alloc(PARSE_FIELDS, sizeof *p->values);
}

/* The features among n names; without wanted ones all of them in their order. */
static const char *find_features(parser *p, char *const *names, size_t n)
{
    p->fields = n;
    for (size_t f = 0; f < p->features; f++) {
        size_t at = p->wanted ? 0 : f;
        while (p->wanted && at < n && strcmp(names[at], p->wanted[f]) != 0) at++;
        if (p->wanted && at == n) return wrong(p, "there is no channel '%.80s'", p->wanted[f]);
        p->order[f] = at;
    }
    return p->wanted || n == p->features ? NULL : wrong(p, "%zu numbers, the model takes %zu", n, p->features);
}

const char *parser_begin(parser *p)
{
    make_room(p);
    if (p->n_given > PARSE_FIELDS || p->features > PARSE_FIELDS) return "more than 4096 channels";
    if (p->given) return find_features(p, p->given, p->n_given);
    p->fields = p->features;
    for (size_t f = 0; f < p->features; f++) p->order[f] = f;
    return NULL;
}

void parser_free(parser *p)
{
    free(p->order);
    free(p->values);
    p->order = NULL;
    p->values = NULL;
}

/* ---- Lines ---- */

/* The next field of *at, ended by a zero; NULL behind the last. Blanks are one separator, commas and semicolons one
 * each. */
static char *next_field(char **at)
{
    char *begin = *at;
    if (!begin) return NULL;
    begin += strspn(begin, " \t");
    char *end = begin + strcspn(begin, ",; \t"), *more = end + strspn(end, " \t");
    if (*more == ',' || *more == ';')
        *at = more + 1;
    else
        *at = *more ? more : NULL;
    *end = '\0';
    return begin;
}

static int is_empty(const char *line) { return line[strspn(line, " \t")] == '\0'; }

static int is_none(const char *text) { return !*text || strcasecmp(text, "nan") == 0; }

int parser_is_header(const char *line)
{
    FREED char *copy = cli_copy(line);
    char *at = copy, *field;
    float x;
    while ((field = next_field(&at)) != NULL)
        if (!is_none(field) && text_float(field, '.', &x) != NULL) return 1;
    return 0;
}

const char *parser_take_header(parser *p, char *line)
{
    FREED char **names = cli_alloc(PARSE_FIELDS, sizeof *names);
    char *at = line, *field;
    size_t n = 0;
    make_room(p);
    while ((field = next_field(&at)) != NULL && n < PARSE_FIELDS) names[n++] = field;
    return field ? "more than 4096 channels" : find_features(p, names, n);
}

const char *parser_take_line(parser *p, char *line, float *x, int *empty)
{
    char *at = line, *field;
    size_t n = 0;
    *empty = is_empty(line);
    if (*empty) return NULL;
    for (; (field = next_field(&at)) != NULL && n < p->fields; n++) {
        p->values[n] = NAN;
        const char *why = is_none(field) ? NULL : text_float(field, '.', &p->values[n]);
        if (why) return wrong(p, "'%.40s' %s", field, why);
    }
    if (field || n != p->fields)
        return wrong(p, "%s numbers; %zu are expected", field ? "more" : n ? "fewer" : "no", p->fields);
    for (size_t f = 0; f < p->features; f++) x[f] = p->values[p->order[f]] * p->scale;
    return NULL;
}

void parser_take_raw(const parser *p, const unsigned char *bytes, float *x)
{
    for (size_t f = 0; f < p->features; f++) {
        memcpy(&x[f], bytes + p->order[f] * sizeof *x, sizeof *x);
        x[f] = isfinite(x[f]) ? x[f] * p->scale : NAN;
    }
}

size_t parser_cut(parser *p, const char *bytes, size_t n, char **line)
{
    const char *end = memchr(bytes, '\n', n);
    const size_t length = end ? (size_t)(end - bytes) : n;
    *line = NULL;
    if (!p->skips && p->used + length >= PARSE_LINE) p->skips = 1, p->too_long++;
    if (!p->skips) memcpy(p->line + p->used, bytes, length);
    p->used = p->skips ? 0 : p->used + length;
    if (!end) return n;
    if (p->used && p->line[p->used - 1] == '\r') p->used--;
    p->line[p->used] = '\0';
    p->used = 0;
    p->lines++;
    p->skips = 0;
    *line = p->line;
    return length + 1;
}
