/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../cli.h"

int text_fail(const char *path, size_t line, const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return line ? cli_fail("%s:%zu: %s", path, line, text) : cli_fail("%s: %s", path, text);
}

int text_finish(FILE *file, const char *path)
{
    const char *why = file ? cli_fclose(file) : strerror(errno);
    return why ? cli_fail("%s: %s", path, why) : CLI_OK;
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

void text_add(text_list *list, const char *text)
{
    cli_grow(&list->at, &list->room, list->n + 1, sizeof *list->at);
    list->at[list->n++] = cli_copy(text);
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

/* Copies the number with a point to `plain`. What is wrong, or NULL. */
static const char *take_number(const char *text, char decimal, char *plain)
{
    text += strspn(text, " \t");
    /* strtod would read inf, nan and hexadecimal, too */
    const size_t n = strspn(text, decimal == ',' ? "0123456789+-eE," : "0123456789+-eE.");
    const char *rest = text + n;
    char *end;

    if (n && decimal == '.' && *rest == ',') return "is not a number; [data] decimal = , reads decimal commas";
    if (!n || rest[strspn(rest, " \t")]) return "is not a number";
    if (n >= DIGITS) return "has too many digits";
    for (size_t i = 0; i < n; i++) plain[i] = text[i] == ',' ? '.' : text[i];
    plain[n] = '\0';
    strtod(plain, &end);
    return *end ? "is not a number" : NULL;
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
    *l = (line_reader){.path = path, .file = cli_fopen(path, &why), .chunk = cli_alloc(CHUNK, 1)};
    return l->file ? CLI_OK : cli_fail("%s: %s", path, why);
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

/* Takes bytes to the end of the line, and what ends it. Returns how many the line has. */
static size_t take_line(line_reader *l)
{
    size_t length = 0;
    while (has_byte(l)) {
        const char *from = l->chunk + l->at, *to = from, *end = l->chunk + l->end;
        while (to < end && *to != '\n' && *to != '\r') to++;
        const size_t n = (size_t)(to - from);
        cli_grow(&l->line, &l->room, length + n + 1, 1);
        memcpy(l->line + length, from, n);
        length += n;
        l->at += n;
        if (to == end) continue;
        l->at++;
        if (*to == '\r' && has_byte(l) && l->chunk[l->at] == '\n') l->at++;
        break;
    }
    cli_grow(&l->line, &l->room, length + 1, 1);
    return length;
}

static int lines_fail(const line_reader *l, size_t line, const char *why)
{
    text_fail(l->path, line, "%s", why);
    return LINES_FAILED;
}

int lines_next(line_reader *l)
{
    if (!has_byte(l) && !ferror(l->file)) return LINES_END;
    l->number++;
    size_t length = take_line(l);
    if (ferror(l->file)) return lines_fail(l, 0, strerror(errno));
    if (l->number == 1 && length >= 2 && (memcmp(l->line, "\xff\xfe", 2) == 0 || memcmp(l->line, "\xfe\xff", 2) == 0))
        return lines_fail(l, 0, "the file is UTF-16 (it begins with its byte order mark); save it as UTF-8");
    if (l->number == 1 && length >= 3 && memcmp(l->line, "\xef\xbb\xbf", 3) == 0)
        memmove(l->line, l->line + 3, length -= 3);
    if (memchr(l->line, '\0', length))
        return lines_fail(l, l->number, "a zero byte: this is not a text file, or it is UTF-16; save it as UTF-8");
    l->line[length] = '\0';
    return LINES_LINE;
}

int lines_each(const char *path, int (*fn)(void *user, line_reader *lines), void *user)
{
    line_reader lines;
    int code = lines_open(&lines, path), got = LINES_END;
    while (code == CLI_OK && (got = lines_next(&lines)) == LINES_LINE) code = fn(user, &lines);
    lines_close(&lines);
    return got == LINES_FAILED ? CLI_FAILED : code;
}
