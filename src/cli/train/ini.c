/* SPDX-License-Identifier: Apache-2.0 */
#include "ini.h"

#include <stdlib.h>
#include <string.h>

#include "../cli.h"
#include "text.h"

/* Cuts off a comment that stands behind something. */
static char *without_comment(char *text)
{
    for (char *s = text; *s; s++)
        if ((*s == ' ' || *s == '\t') && s[1] == ';' && s > text) *s = '\0';
    return text_trim(text);
}

/* [name], and nothing but a comment behind it. NULL when it is something else. */
static char *section_name(char *line)
{
    char *end = strchr(line, ']');

    if (!end) return NULL;
    *end++ = '\0';
    end += strspn(end, " \t");
    return !*end || *end == ';' || *end == '#' ? text_trim(line + 1) : NULL;
}

typedef struct ini_place {
    char *section, *name; /* copies */
    ini_fn *fn;
    void *user;
} ini_place;

static int keep(char **copy, const char *text)
{
    free(*copy);
    *copy = text ? text_copy(text) : NULL;
    return !text || *copy ? CLI_OK : cli_fail("out of memory");
}

static int take_line(ini_place *p, const char *path, char *line, size_t number)
{
    const int indented = *line == ' ' || *line == '\t';
    char *text = text_trim(line);
    ini_value v = {.path = path, .line = number};

    if (!*text || *text == ';' || *text == '#') return CLI_OK;
    if (*text == '[' && !(indented && p->name)) {
        const char *name = section_name(text);

        if (!name) return cli_fail("%s:%zu: a line that begins with [ is a [section]", path, number);
        if (keep(&p->section, name) != CLI_OK || keep(&p->name, NULL) != CLI_OK) return CLI_FAILED;
        v.section = p->section;
        return p->fn(p->user, &v);
    }
    v.more = indented && p->name;
    if (!v.more) {
        const size_t n = strcspn(text, "=:");
        char *value = text + n;

        if (!*value || n == 0)
            return cli_fail("%s:%zu: neither [section] nor name = value: '%.80s'", path, number, text);
        *value++ = '\0';
        if (keep(&p->name, text_trim(text)) != CLI_OK) return CLI_FAILED;
        text = text_trim(value);
    }
    if (!p->section) return cli_fail("%s:%zu: '%.80s' stands before the first [section]", path, number, p->name);
    v.section = p->section;
    v.name = p->name;
    v.text = without_comment(text);
    return p->fn(p->user, &v);
}

int ini_read(const char *path, ini_fn *fn, void *user)
{
    ini_place p = {.fn = fn, .user = user};
    line_reader lines;
    int code = lines_open(&lines, path), got = LINES_END;

    while (code == CLI_OK && (got = lines_next(&lines)) == LINES_LINE)
        code = take_line(&p, path, lines.line, lines.number);
    lines_close(&lines);
    free(p.section);
    free(p.name);
    return got == LINES_FAILED ? CLI_FAILED : code;
}
