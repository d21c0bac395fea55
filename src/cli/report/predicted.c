/* SPDX-License-Identifier: Apache-2.0 */
#include "predicted.h"

#include <stdlib.h>
#include <string.h>

#include "../cli.h"

/* Where the columns are; SIZE_MAX: not there. */
typedef struct columns {
    size_t id, group, label, error, step, first, n; /* probabilities from first on; n of the header */
} columns;

static int read_header(predicted *t, table *in, columns *c)
{
    const char *const names[] = {"id", "group", "label", "error", "step"};
    size_t *const places[] = {&c->id, &c->group, &c->label, &c->error, &c->step};
    const int got = table_next(in);
    *c = (columns){SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, in->n};
    if (got == LINES_FAILED) return CLI_FAILED;
    if (got != LINES_LINE) return cli_fail("%s is empty", t->path);
    for (size_t i = 0; i < in->n; i++) {
        const char *name = table_field(in, i);
        for (size_t k = 0; k < COUNT(names); k++) {
            if (strcmp(name, names[k]) != 0) continue;
            if (*places[k] != SIZE_MAX) return text_fail(t->path, in->line, "column '%s' is there twice", name);
            *places[k] = i;
        }
        if (strncmp(name, "p_", 2) != 0) continue;
        if (c->first == SIZE_MAX) c->first = i;
        if (i != c->first + t->classes.n)
            return text_fail(t->path, in->line, "the columns of probabilities are not side by side");
        if (text_listed(&t->classes, name + 2)) return text_fail(t->path, in->line, "column '%s' is there twice", name);
        text_add(&t->classes, name + 2);
    }
    for (size_t k = 0; k < 3; k += 2)
        if (*places[k] == SIZE_MAX)
            return text_fail(t->path, in->line,
                             "there is no column '%s', as rnnpack train and eval write with "
                             "--predictions",
                             names[k]);
    if (t->classes.n == 1)
        return text_fail(t->path, in->line, "there is one column of probabilities; classes are two or more");
    return t->classes.n || c->error != SIZE_MAX
               ? CLI_OK
               : text_fail(t->path, in->line,
                           "there are neither columns p_CLASS of probabilities nor a column 'error'");
}

static int read_number(const predicted *t, const table *in, size_t column, const char *name, int probability, float *x)
{
    const char *text = table_field(in, column), *wrong = text_float(text, '.', x);
    if (wrong) return text_fail(t->path, in->line, "%s: '%.80s' %s", name, text, wrong);
    if (probability && !(*x >= 0 && *x <= 1))
        return text_fail(t->path, in->line, "%s: '%.80s' is not a probability", name, text);
    return *x >= 0 ? CLI_OK : text_fail(t->path, in->line, "%s: '%.80s' is below 0", name, text);
}

static void grow(predicted *t)
{
    judged *j = &t->j;
    cli_grow(&j->p, &t->room[0], (j->n + 1) * j->classes + 1, sizeof *j->p);
    cli_grow(&j->error, &t->room[1], j->n + 1, sizeof *j->error);
    cli_grow(&j->extent, &t->room[2], j->n + 1, sizeof *j->extent);
    cli_grow(&j->truth, &t->room[3], j->n + 1, sizeof *j->truth);
    cli_grow(&j->cluster, &t->room[4], j->n + 1, sizeof *j->cluster);
    cli_grow(&j->row, &t->room[5], j->n + 1, sizeof *j->row);
    cli_grow(&t->line, &t->room[6], j->n + 1, sizeof *t->line);
}

static int find_class(const predicted *t, const char *label)
{
    size_t k = 0;
    while (k < t->classes.n && strcmp(t->classes.at[k], label) != 0) k++;
    return k < t->classes.n ? (int)k : -1;
}

static int read_row(predicted *t, const table *in, const columns *c)
{
    judged *j = &t->j;
    if (in->n != c->n)
        return text_fail(t->path, in->line, "%zu field%s; the header has %zu", in->n, in->n == 1 ? "" : "s", c->n);
    const char *id = table_field(in, c->id), *label = table_field(in, c->label);
    if (!*id) return text_fail(t->path, in->line, "the id is missing");
    if (c->step != SIZE_MAX && !*label) return CLI_OK; /* a step of which nobody knows more */
    grow(t);
    for (size_t k = 0; k < t->classes.n; k++)
        TRY(read_number(t, in, c->first + k, t->classes.at[k], 1, &j->p[j->n * j->classes + k]));
    if (!j->classes) TRY(read_number(t, in, c->error, "error", 0, &j->error[j->n]));
    j->truth[j->n] = find_class(t, label);
    if (j->classes && !*label)
        return text_fail(t->path, in->line, "the label is missing: without it nothing can be judged");
    if (j->classes && j->truth[j->n] < 0)
        return text_fail(t->path, in->line, "the label '%.80s' is no class; there is no column p_%.80s", label, label);
    j->extent[j->n] = 1;
    j->row[j->n] = j->n;
    t->line[j->n] = in->line;
    text_add(&t->ids, id);
    text_add(&t->labels, label);
    text_add(&t->groups, c->group == SIZE_MAX ? "" : table_field(in, c->group));
    j->n++;
    return CLI_OK;
}

/* All rows have a group, or none. */
static int check_groups(const predicted *t)
{
    for (size_t i = 1; i < t->j.n; i++)
        if (!*t->groups.at[i] != !*t->groups.at[0])
            return text_fail(t->path, t->line[i], "this row has %s group; the first has %s",
                             *t->groups.at[i] ? "a" : "no", *t->groups.at[i] ? "none" : "one");
    return CLI_OK;
}

static int read_rows(predicted *t, table *in)
{
    columns c;
    int got;
    TRY(read_header(t, in, &c));
    t->j.classes = t->classes.n;
    t->j.class_names = t->classes.at;
    while ((got = table_next(in)) == LINES_LINE) TRY(read_row(t, in, &c));
    if (got == LINES_FAILED) return CLI_FAILED;
    if (!t->j.n) return cli_fail("%s has no rows", t->path);
    t->j.grouped = *t->groups.at[0] != '\0';
    return check_groups(t);
}

int predicted_read(const char *path, predicted *t)
{
    table in;
    *t = (predicted){.path = path};
    int code = table_open(&in, path, ',');
    if (code == CLI_OK) code = read_rows(t, &in);
    table_close(&in);
    return code;
}

void predicted_free(predicted *t)
{
    judged_free(&t->j);
    free(t->line);
    text_free(&t->ids);
    text_free(&t->groups);
    text_free(&t->labels);
    text_free(&t->classes);
}
