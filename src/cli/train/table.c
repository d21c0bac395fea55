/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <stdlib.h>
#include <string.h>

#include "../cli.h"

enum { OPTIONS = CSV_APPEND_NULL | CSV_STRICT | CSV_STRICT_FINI };

static void add_field(table *t, const char *text, size_t length)
{
    cli_grow(&t->at, &t->room_at, t->n + 1, sizeof *t->at);
    cli_grow(&t->text, &t->room_text, t->used + length + 1, 1);
    t->at[t->n++] = t->used;
    if (length) memcpy(t->text + t->used, text, length);
    t->text[t->used + length] = '\0';
    t->used += length + 1;
}

static void on_field(void *field, size_t length, void *user) { add_field(user, field, length); }

static void on_row(int end, void *user)
{
    (void)end;
    ((table *)user)->done = 1;
}

static void split_blanks(table *t)
{
    for (const char *s = t->lines.line + strspn(t->lines.line, " \t"); *s; s += strspn(s, " \t")) {
        const size_t n = strcspn(s, " \t");
        add_field(t, s, n);
        s += n;
    }
    t->done = t->n > 0;
}

int table_open(table *t, const char *path, char separator)
{
    *t = (table){.separator = separator};
    csv_init(&t->parser, OPTIONS);
    csv_set_delim(&t->parser, (unsigned char)separator);
    return lines_open(&t->lines, path);
}

void table_close(table *t)
{
    csv_free(&t->parser);
    lines_close(&t->lines);
    free(t->text);
    free(t->at);
}

/* The parser gets whole lines, so that it is known where a row begins. */
static int parse_line(table *t)
{
    const size_t length = strlen(t->lines.line);
    if (t->separator == ' ') {
        split_blanks(t);
        return 1;
    }
    return csv_parse(&t->parser, t->lines.line, length, on_field, on_row, t) == length &&
           csv_parse(&t->parser, "\n", 1, on_field, on_row, t) == 1;
}

int table_next(table *t)
{
    int got;
    t->n = t->used = 0;
    t->done = 0;
    while ((got = lines_next(&t->lines)) == LINES_LINE) {
        if (!t->begun) t->line = t->lines.number;
        if (!parse_line(t)) {
            text_fail(t->lines.path, t->lines.number,
                      "column %zu: a quote inside a field, or text after its closing quote", t->n + 1);
            return LINES_FAILED;
        }
        if (t->done) {
            t->begun = 0;
            return got;
        }
        t->begun |= t->lines.line[strspn(t->lines.line, " \t")] != '\0'; /* a line end in quotes */
    }
    if (got == LINES_END && t->separator != ' ' && csv_fini(&t->parser, on_field, on_row, t) != 0)
        text_fail(t->lines.path, t->line, "a quote that opens in this row is never closed"), got = LINES_FAILED;
    return got;
}

const char *text_split(text_list *list, const char *text)
{
    const size_t length = strlen(text);
    const char *wrong = NULL;
    table t = {.separator = ','};
    csv_init(&t.parser, OPTIONS);
    if (csv_parse(&t.parser, text, length, on_field, on_row, &t) != length ||
        csv_fini(&t.parser, on_field, on_row, &t) != 0)
        wrong = "has quotes that do not match";
    for (size_t i = 0; i < t.n && !wrong; i++) {
        if (*table_field(&t, i))
            text_add(list, table_field(&t, i));
        else if (i + 1 < t.n) /* a comma at the end is fine */
            wrong = "has nothing between two commas";
    }
    table_close(&t);
    return wrong;
}
