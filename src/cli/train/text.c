/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "text.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../cli.h"
#include "../open.h"

int text_grow(void *p, size_t *room, size_t n, size_t size)
{
    void *old, *more;

    if (n <= *room) return 1;
    memcpy(&old, p, sizeof old);
    const size_t want = n + n / 2 + 64;
    if (want > SIZE_MAX / size || !(more = realloc(old, want * size))) return 0;
    memcpy(p, &more, sizeof more);
    *room = want;
    return 1;
}

char *text_copy(const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = malloc(bytes);

    return copy ? memcpy(copy, text, bytes) : NULL;
}

char *text_trim(char *text)
{
    text += strspn(text, " \t");
    size_t n = strlen(text);

    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t')) n--;
    text[n] = '\0';
    return text;
}

/* ---- Lists ---- */

int text_add(text_list *list, const char *text)
{
    if (!text_grow(&list->at, &list->room, list->n + 1, sizeof *list->at) || !(list->at[list->n] = text_copy(text)))
        return 0;
    list->n++;
    return 1;
}

int text_listed(const text_list *list, const char *text)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->at[i], text) == 0) return 1;
    return 0;
}

void text_free(text_list *list)
{
    for (size_t i = 0; i < list->n; i++) free(list->at[i]);
    free(list->at);
    *list = (text_list){0};
}

/* ---- Numbers ---- */

enum { DIGITS = 512 }; /* a double never needs as many */

static const char *digits(const char *s, int *found)
{
    while (*s >= '0' && *s <= '9') s++, *found = 1;
    return s;
}

/* Copies the number with a point to `plain`. What is wrong, or NULL. */
static const char *take_number(const char *text, char decimal, char *plain)
{
    int found = 0, power = 0;

    text += strspn(text, " \t");
    const char *s = digits(text + (*text == '-' || *text == '+'), &found);
    const char *point = *s == decimal ? s : NULL;
    if (point) s = digits(s + 1, &found);
    if (found && (*s == 'e' || *s == 'E')) {
        s = digits(s + 1 + (s[1] == '-' || s[1] == '+'), &power);
        if (!power) return "is not a number";
    }
    if (!found || s[strspn(s, " \t")])
        return found && decimal == '.' && *s == ',' ? "is not a number; [data] decimal = , reads decimal commas"
                                                    : "is not a number";
    if (s - text >= DIGITS) return "has too many digits";
    memcpy(plain, text, (size_t)(s - text));
    plain[s - text] = '\0';
    if (point) plain[point - text] = '.';
    return NULL;
}

const char *text_number(const char *text, char decimal, double *x)
{
    char plain[DIGITS];
    const char *wrong = take_number(text, decimal, plain);

    if (wrong) return wrong;
    *x = strtod(plain, NULL);
    return isfinite(*x) ? NULL : "is too large for a number";
}

const char *text_float(const char *text, char decimal, float *x)
{
    char plain[DIGITS];
    const char *wrong = take_number(text, decimal, plain);

    if (wrong) return wrong;
    *x = strtof(plain, NULL);
    return isfinite(*x) ? NULL : "is too large for a 32-bit number";
}

void text_shortest(double x, int single, char text[32])
{
    if (fabs(x) < 1e15 && x == floor(x)) {
        snprintf(text, 32, "%.0f", x == 0 ? 0.0 : x);
        return;
    }
    for (int n = 1; n <= 17; n++) {
        snprintf(text, 32, "%.*g", n, x);
        if (single ? strtof(text, NULL) == (float)x : strtod(text, NULL) == x) return;
    }
}

/* ---- Lines ---- */

enum { CHUNK = 1 << 16 };

int lines_open(line_reader *l, const char *path)
{
    const char *why = NULL;

    *l = (line_reader){.path = path, .file = cli_fopen(path, &why)};
    if (!l->file) return cli_fail("%s: %s", path, why);
    return (l->chunk = malloc(CHUNK)) ? CLI_OK : cli_fail("out of memory");
}

void lines_close(line_reader *l)
{
    if (l->file) fclose(l->file);
    free(l->line);
    free(l->chunk);
    *l = (line_reader){0};
}

/* Whether there is a byte at l->at; at the end of the file, or when it cannot be read, there is none. */
static int has_byte(line_reader *l)
{
    if (l->at < l->end) return 1;
    l->at = 0;
    l->end = fread(l->chunk, 1, CHUNK, l->file);
    return l->end > 0;
}

/* Takes bytes to the end of the line, and what ends it. 0 without memory. */
static int take_line(line_reader *l, size_t *length)
{
    *length = 0;
    while (has_byte(l)) {
        const char *from = l->chunk + l->at, *to = from, *end = l->chunk + l->end;

        while (to < end && *to != '\n' && *to != '\r') to++;
        const size_t n = (size_t)(to - from);

        if (!text_grow(&l->line, &l->room, *length + n + 1, 1)) return 0;
        memcpy(l->line + *length, from, n);
        *length += n;
        l->at += n;
        if (to == end) continue;
        l->at++;
        if (*to == '\r' && has_byte(l) && l->chunk[l->at] == '\n') l->at++;
        break;
    }
    return text_grow(&l->line, &l->room, *length + 1, 1);
}

/* The marks that files begin with. *length is the line's. */
static int take_mark(const line_reader *l, size_t *length)
{
    if (*length >= 2 && (memcmp(l->line, "\xff\xfe", 2) == 0 || memcmp(l->line, "\xfe\xff", 2) == 0)) {
        cli_fail("%s: the file is UTF-16 (it begins with its byte order mark); save it as UTF-8", l->path);
        return LINES_FAILED;
    }
    if (*length >= 3 && memcmp(l->line, "\xef\xbb\xbf", 3) == 0) memmove(l->line, l->line + 3, *length -= 3);
    return LINES_LINE;
}

int lines_next(line_reader *l)
{
    size_t length;

    if (!has_byte(l) && !ferror(l->file)) return LINES_END;
    l->number++;
    if (!take_line(l, &length)) {
        cli_fail("%s:%zu: no memory for the line", l->path, l->number);
        return LINES_FAILED;
    }
    if (ferror(l->file)) {
        cli_fail("%s: %s", l->path, strerror(errno));
        return LINES_FAILED;
    }
    if (l->number == 1 && take_mark(l, &length) != LINES_LINE) return LINES_FAILED;
    if (memchr(l->line, '\0', length)) {
        cli_fail("%s:%zu: a zero byte: this is no text file, or it is UTF-16; save it as UTF-8", l->path, l->number);
        return LINES_FAILED;
    }
    l->line[length] = '\0';
    return LINES_LINE;
}
