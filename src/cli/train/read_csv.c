/* SPDX-License-Identifier: Apache-2.0
 *
 * Long format: one line a step, with a header. [data] id tells sequences apart (their lines lie together), time orders
 * the steps, label is one value per sequence, group may name a patient; all other columns, or those of features, are
 * numbers. Empty fields, NA, NaN and ? are missing values.
 */
#include <csv.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"

enum { COLUMNS = 1024 };
enum { NOT_USED = -1, ID = -2, TIME = -3, LABEL = -4, GROUP = -5 };

typedef struct reader {
    dataset_builder b;
    const dataset *like;
    struct csv_parser parser;
    size_t line, column, columns;
    int role[COLUMNS]; /* of a column, or the feature that it is */
    float *x;          /* [features] of the line at hand */
    float time, last_time;
    char *id, *label, *group, *last_id; /* of the line at hand; of the sequence */
    int found[4], code;
} reader;

static void fail(reader *r, const char *what, const char *text)
{
    if (r->code == CLI_OK)
        r->code = cli_fail("%s:%zu: column %zu: %s '%s'", r->b.path, r->line, r->column + 1, what, text);
}

static int listed(const char *list, const char *name)
{
    const size_t n = strlen(name);

    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',') {
        p += strspn(p, " ");
        const size_t length = strcspn(p, ",");
        size_t trimmed = length;

        while (trimmed > 0 && p[trimmed - 1] == ' ')
            trimmed--;
        if (trimmed == n && strncmp(p, name, n) == 0)
            return 1;
    }
    return 0;
}

static void header_field(reader *r, const char *name)
{
    const train_config *c = r->b.config;
    const char *const special[] = {c->id, c->time, c->label, c->group};
    dataset *set = r->b.set;

    if (r->column == COLUMNS) {
        fail(r, "more columns than 1024 at", name);
        return;
    }
    r->role[r->column] = NOT_USED;
    for (int k = 0; k < 4; k++) {
        if (*special[k] && strcmp(name, special[k]) == 0) {
            r->role[r->column] = ID - k;
            r->found[k] = 1;
        }
    }
    if (r->role[r->column] != NOT_USED || (*c->features && !listed(c->features, name)))
        return;
    char **more = realloc(set->columns, (set->features + 1) * sizeof *more);
    if (!more || (set->columns = more, !(more[set->features] = text_copy(name)))) {
        fail(r, "no memory for", name);
        return;
    }
    r->role[r->column] = (int)set->features++;
}

static void end_header(reader *r)
{
    static const char *const names[] = {"id", "time", "label", "group"};
    const train_config *c = r->b.config;
    const char *const special[] = {c->id, c->time, c->label, c->group};
    const dataset *like = r->like;

    r->columns = r->column;
    for (int k = 0; k < 4 && r->code == CLI_OK; k++)
        if (*special[k] && !r->found[k])
            r->code = cli_fail("%s: there is no column '%s' ([data] %s)", r->b.path, special[k], names[k]);
    if (r->code == CLI_OK && r->b.set->features == 0)
        r->code = cli_fail("%s: there is no column of features", r->b.path);
    for (size_t f = 0; r->code == CLI_OK && like && (f < like->features || f < r->b.set->features); f++)
        if (f >= like->features || f >= r->b.set->features || strcmp(like->columns[f], r->b.set->columns[f]) != 0)
            r->code = cli_fail("%s: its columns are not those of the training data, beginning with number %zu",
                               r->b.path, f + 1);
    r->x = malloc((r->b.set->features + 1) * sizeof *r->x);
    if (!r->x && r->code == CLI_OK)
        r->code = cli_fail("out of memory");
}

static void take_number(reader *r, const char *text, float *x)
{
    static const char *const missing[] = {"", "NA", "NaN", "nan", "?"};
    char *end;

    *x = NAN;
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++)
        if (strcmp(text, missing[i]) == 0)
            return;
    *x = strtof(text, &end);
    if (end == text || *end || !isfinite(*x))
        fail(r, "not a number:", text);
}

static void take_text(reader *r, const char *text, char **into)
{
    free(*into);
    if (!(*into = text_copy(text)))
        fail(r, "no memory for", text);
}

static void on_field(void *field, size_t length, void *user)
{
    reader *r = user;
    const char *text = field ? field : "";

    (void)length; /* CSV_APPEND_NULL ends the text */
    if (r->code != CLI_OK)
        return;
    if (r->line == 1) {
        header_field(r, text);
    } else if (r->column >= r->columns) {
        fail(r, "one column too many:", text);
    } else {
        switch (r->role[r->column]) {
        case NOT_USED:
            break;
        case ID:
            take_text(r, text, &r->id);
            break;
        case LABEL:
            take_text(r, text, &r->label);
            break;
        case GROUP:
            take_text(r, text, &r->group);
            break;
        case TIME:
            take_number(r, text, &r->time);
            break;
        default:
            take_number(r, text, &r->x[r->role[r->column]]);
            break;
        }
    }
    r->column++;
}

/* Begins a sequence where the id changes; one that was there before is in two places. */
static int begin_sequence(reader *r)
{
    if (r->last_id && strcmp(r->last_id, r->id) == 0) {
        const char *label = r->b.labels.n ? r->b.labels.at[r->b.set->n - 1] : NULL;

        if (label && strcmp(label, r->label) != 0)
            return cli_fail("%s:%zu: sequence '%s' has labels '%s' and '%s'", r->b.path, r->line, r->id, label,
                            r->label);
        if (*r->b.config->time && !(r->time >= r->last_time))
            return cli_fail("%s:%zu: time goes back in sequence '%s'", r->b.path, r->line, r->id);
        return CLI_OK;
    }
    free(r->last_id);
    if (!(r->last_id = text_copy(r->id)))
        return cli_fail("out of memory");
    return build_sequence(&r->b, r->id, r->label, r->group);
}

static void on_line(int end, void *user)
{
    reader *r = user;

    (void)end;
    if (r->code == CLI_OK && r->line == 1) {
        end_header(r);
    } else if (r->code == CLI_OK) {
        if (r->column != r->columns)
            r->code = cli_fail("%s:%zu: %zu columns, the header has %zu", r->b.path, r->line, r->column, r->columns);
        else if ((r->code = begin_sequence(r)) == CLI_OK) {
            for (size_t f = 0; f < r->b.set->features; f++)
                r->x[f] *= (float)r->b.config->scale;
            r->code = build_step(&r->b, r->x, 0, *r->b.config->time != '\0', r->time);
            r->last_time = r->time;
        }
    }
    r->column = 0;
    r->line++;
}

int dataset_read_csv(const train_config *config, const char *path, const char *labels, const dataset *like,
                     vocabulary *words, int grow, dataset *set)
{
    reader r = {.b = {.set = set, .config = config, .path = path}, .like = like, .line = 1};
    char buffer[65536];
    size_t n;
    FILE *file = fopen(path, "r");

    (void)labels, (void)words, (void)grow;
    if (!file)
        return cli_fail("%s: %s", path, strerror(errno));
    if (csv_init(&r.parser, CSV_APPEND_NULL | CSV_STRICT | CSV_STRICT_FINI) != 0) {
        fclose(file);
        return cli_fail("out of memory");
    }
    csv_set_delim(&r.parser, (unsigned char)config->separator);
    while (r.code == CLI_OK && (n = fread(buffer, 1, sizeof buffer, file)) > 0)
        if (csv_parse(&r.parser, buffer, n, on_field, on_line, &r) != n && r.code == CLI_OK)
            r.code = cli_fail("%s:%zu: %s", path, r.line, csv_strerror(csv_error(&r.parser)));
    if (r.code == CLI_OK && ferror(file))
        r.code = cli_fail("%s: %s", path, strerror(errno));
    if (r.code == CLI_OK && csv_fini(&r.parser, on_field, on_line, &r) != 0)
        r.code = cli_fail("%s:%zu: %s", path, r.line, csv_strerror(csv_error(&r.parser)));
    csv_free(&r.parser);
    fclose(file);
    free(r.x);
    free(r.id);
    free(r.label);
    free(r.group);
    free(r.last_id);
    return build_finish(&r.b, like, r.code);
}
