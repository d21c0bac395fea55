/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* RFC 3629: no overlong forms, no surrogates. */
size_t json_utf8_length(const unsigned char *s)
{
    static const struct {
        unsigned char low, high, second_low, second_high;
        size_t length;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (s[0] < forms[i].low || s[0] > forms[i].high) continue;
        if (forms[i].length > 1 && (s[1] < forms[i].second_low || s[1] > forms[i].second_high)) return 0;
        for (size_t k = 2; k < forms[i].length; k++)
            if ((s[k] & 0xc0) != 0x80) return 0;
        return forms[i].length;
    }
    return 0;
}

static FILE *place(const json *j) { return j->file ? j->file : stdout; }

/* Names come from model files, so bytes that are not UTF-8 become U+FFFD. */
static void quoted(FILE *f, const char *text)
{
    putc('"', f);
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        const size_t length = json_utf8_length(s);
        if (length == 0)
            fputs("\\ufffd", f);
        else if (*s == '"' || *s == '\\')
            fprintf(f, "\\%c", *s);
        else if (*s < 0x20 || *s == 0x7f)
            fprintf(f, "\\u%04x", (unsigned)*s);
        else if (*s == 0xc2 && s[1] < 0xa0) /* control characters too: some terminals obey them */
            fprintf(f, "\\u%04x", (unsigned)s[1]);
        else
            fwrite(s, 1, length, f);
        s += length ? length : 1;
    }
    putc('"', f);
}

static void indent(const json *j)
{
    if (!j->line) fprintf(place(j), "\n%*s", (int)(2 * j->depth), "");
}

static void before(json *j, const char *key)
{
    if (j->comma) fputs(j->line ? ", " : ",", place(j));
    if (j->depth) indent(j);
    if (key) {
        quoted(place(j), key);
        fputs(": ", place(j));
    }
    j->comma = 1;
}

static void open_with(json *j, const char *key, char opening, char closing)
{
    assert(j->depth < sizeof j->closing);
    before(j, key);
    putc(opening, place(j));
    j->closing[j->depth++] = closing;
    j->comma = 0;
}

void json_object(json *j, const char *key) { open_with(j, key, '{', '}'); }

void json_array(json *j, const char *key) { open_with(j, key, '[', ']'); }

void json_close(json *j)
{
    j->depth--;
    if (j->comma) indent(j);
    putc(j->closing[j->depth], place(j));
    if (j->depth == 0) putc('\n', place(j));
    j->comma = 1;
}

void json_end(json *j)
{
    while (j->depth) json_close(j);
}

void json_put_all(json *j, const json_value *v)
{
    FILE *const f = place(j);
    for (; v->kind; v++) {
        before(j, v->key);
        if (v->kind == 't' && v->text)
            quoted(f, v->text);
        else if (v->kind == 'i')
            fprintf(f, "%" PRId64, v->integer);
        else if ((v->kind == 'r' || v->kind == 'l') && isfinite(v->real))
            fprintf(f, v->kind == 'l' ? "%.12g" : "%.6g", v->real);
        else
            fputs(v->kind != 'b' ? "null" : v->integer ? "true" : "false", f);
    }
}
