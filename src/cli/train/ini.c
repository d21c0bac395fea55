/* SPDX-License-Identifier: Apache-2.0
 *
 * INI files line by line. libinih does not do: it cuts lines at 199 characters without a word, and its caller can tell
 * neither a line that goes on from a key that is given twice, nor where either is.
 *
 *   [section]
 *   name = value        ; a comment begins with a ; or # in front, or with a ; after a blank
 *       more of it      an indented line continues the value above
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "../cli.h"

/* Cuts off a comment that stands behind something. */
static char *without_comment(char *text)
{
    for (char *s = text; *s; s++)
        if ((*s == ' ' || *s == '\t') && s[1] == ';' && s > text) *s = '\0';
    return text_trim(text);
}

/* [name], followed by nothing but a comment. NULL when it is something else. */
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

static void keep(char **copy, const char *text)
{
    free(*copy);
    *copy = text ? cli_copy(text) : NULL;
}

static int take_line(void *user, line_reader *lines)
{
    ini_place *p = user;
    const int indented = *lines->line == ' ' || *lines->line == '\t';
    char *text = text_trim(lines->line);
    ini_value v = {.path = lines->path, .line = lines->number};
    if (!*text || *text == ';' || *text == '#') return CLI_OK;
    if (*text == '[' && !(indented && p->name)) {
        const char *name = section_name(text);
        if (!name) return config_fault(&v, "a line that begins with [ is a [section]");
        keep(&p->section, name);
        keep(&p->name, NULL);
        v.section = p->section;
        return p->fn(p->user, &v);
    }
    v.more = indented && p->name;
    if (!v.more) {
        char *value = text + strcspn(text, "=:");
        if (!*value || value == text) return config_fault(&v, "neither [section] nor name = value: '%.80s'", text);
        *value++ = '\0';
        keep(&p->name, text_trim(text));
        text = text_trim(value);
    }
    if (!p->section) return config_fault(&v, "'%.80s' stands before the first [section]", p->name);
    v.section = p->section;
    v.name = p->name;
    v.text = without_comment(text);
    return p->fn(p->user, &v);
}

int ini_read_section(const char *name, const char *section, const char *text, ini_fn *fn, void *user)
{
    FREED char *copy = cli_copy(text);
    ini_place p = {.section = cli_copy(section), .fn = fn, .user = user};
    line_reader lines = {.path = name};
    int code = CLI_OK;
    for (char *at = copy; *at && code == CLI_OK;) {
        lines.line = at;
        lines.number++;
        at += strcspn(at, "\n");
        if (*at) *at++ = '\0';
        code = take_line(&p, &lines);
    }
    free(p.section);
    free(p.name);
    return code;
}

int ini_read(const char *path, ini_fn *fn, void *user)
{
    ini_place p = {.fn = fn, .user = user};
    const int code = lines_each(path, take_line, &p);
    free(p.section);
    free(p.name);
    return code;
}
