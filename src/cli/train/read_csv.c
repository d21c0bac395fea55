/* SPDX-License-Identifier: Apache-2.0
 *
 * Long format: one row a step, with a header. [data] id tells sequences apart: rows of one id are its steps in the
 * order of the file, wherever they stand. time may not go back; label and group are one value per sequence. All other
 * columns, or those of features, are numbers.
 */
#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "table.h"

enum { ID, TIME, LABEL, GROUP, ROLES };
static const char *const role_names[ROLES] = {"id", "time", "label", "group"};

typedef struct sequence {
    char *id, *label, *group;
    size_t number, line; /* of its first row */
    size_t last_line, steps;
    double last_time;
} sequence;

/* Rows as they come; they are brought together in the end. */
typedef struct reader {
    dataset_builder b;
    table t;
    const dataset *like;
    text_list header;
    struct named *names; /* of the header, sorted */
    size_t role[ROLES];  /* its column, or SIZE_MAX */
    size_t *feature;     /* [features] their columns */
    void *by_id;         /* tree of the sequences */
    sequence **all, *last;
    size_t n, room_all;
    float *x;        /* [rows][features] */
    double *time;    /* [rows] */
    uint32_t *owner; /* [rows] sequence */
    size_t rows, room_x, room_time, room_owner;
} reader;

__attribute__((format(printf, 3, 4))) static int fault(const reader *r, size_t column, const char *format, ...)
{
    char text[512];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return cli_fail("%s:%zu: column %zu (%.80s): %s", r->b.path, r->t.line, column + 1, r->header.at[column], text);
}

/* ---- The header ---- */

typedef struct named {
    const char *name;
    size_t column;
} named;

static int by_name(const void *a, const void *b)
{
    const named *x = a, *y = b;
    const int order = strcmp(x->name, y->name);

    return order ? order : (x->column > y->column) - (x->column < y->column);
}

static int same_name(const void *a, const void *b)
{
    return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

static const named *search_header(const reader *r, const char *name)
{
    const named wanted = {name, 0};

    return bsearch(&wanted, r->names, r->header.n, sizeof wanted, same_name);
}

/* The column of this name, which must be the only one. */
static int find_column(const reader *r, const char *name, const char *key, size_t *column)
{
    const named *found = search_header(r, name), *other;

    if (!found) return cli_fail("%s:%zu: there is no column '%.80s' ([data] %s)", r->b.path, r->t.line, name, key);
    *column = found->column;
    other = found > r->names && same_name(found, found - 1) == 0 ? found - 1 : found + 1;
    if (other < r->names + r->header.n && same_name(found, other) == 0)
        return cli_fail("%s:%zu: columns %zu and %zu are both '%.80s' ([data] %s)", r->b.path, r->t.line,
                        (found < other ? found : other)->column + 1, (found < other ? other : found)->column + 1, name,
                        key);
    return CLI_OK;
}

static int find_roles(reader *r)
{
    const train_config *c = r->b.config;
    const char *const names[ROLES] = {c->id, c->time, c->label, c->group};

    for (int k = 0; k < ROLES; k++) {
        r->role[k] = SIZE_MAX;
        /* Data to predict need neither labels nor groups. */
        if (r->like && (k == LABEL || k == GROUP) && !search_header(r, names[k])) continue;
        if (*names[k] && find_column(r, names[k], role_names[k], &r->role[k]) != CLI_OK) return CLI_FAILED;
    }
    return CLI_OK;
}

enum { NOT_CHOSEN, CHOSEN, TAKEN }; /* as a feature; taken for a role */

/* Features stand in the order of the file. */
static int take_features(reader *r, const unsigned char *state)
{
    dataset *set = r->b.set;
    size_t column;

    for (size_t k = 0; k < r->header.n; k++) {
        const char *name = r->header.at[k];

        if (state[k] != CHOSEN) continue;
        if (!*name)
            return cli_fail("%s:%zu: column %zu has no name; [data] features says which columns are meant", r->b.path,
                            r->t.line, k + 1);
        if (find_column(r, name, "features: all others", &column) != CLI_OK) return CLI_FAILED;
        if (!(set->columns[set->features] = text_copy(name))) return cli_fail("out of memory");
        r->feature[set->features++] = k;
    }
    return set->features ? CLI_OK : cli_fail("%s:%zu: there is no column of features", r->b.path, r->t.line);
}

static int find_features(reader *r)
{
    const text_list *chosen = &r->b.config->features;
    unsigned char *state = malloc(r->header.n + 1);
    size_t column;
    int code = CLI_OK;

    r->feature = malloc((r->header.n + 1) * sizeof *r->feature);
    r->b.set->columns = calloc(r->header.n + 1, sizeof *r->b.set->columns);
    if (!state || !r->feature || !r->b.set->columns)
        code = cli_fail("out of memory");
    else
        memset(state, chosen->n ? NOT_CHOSEN : CHOSEN, r->header.n);
    for (int k = 0; k < ROLES && code == CLI_OK; k++)
        if (r->role[k] != SIZE_MAX) state[r->role[k]] = TAKEN;
    for (size_t f = 0; f < chosen->n && code == CLI_OK; f++) {
        if ((code = find_column(r, chosen->at[f], "features", &column)) != CLI_OK) break;
        if (state[column] != NOT_CHOSEN)
            code = config_blame(r->b.config, "data", "features", "features names '%.80s' twice", chosen->at[f]);
        state[column] = CHOSEN;
    }
    if (code == CLI_OK) code = take_features(r, state);
    free(state);
    return code;
}

/* A test set has the columns of the training data. */
static int check_columns(const reader *r)
{
    const dataset *like = r->like, *set = r->b.set;

    for (size_t f = 0; like && (f < like->features || f < set->features); f++) {
        const char *want = f < like->features ? like->columns[f] : NULL,
                   *got = f < set->features ? set->columns[f] : NULL;

        if (!want || !got || strcmp(want, got) != 0)
            return cli_fail("%s:%zu: feature %zu is %s%.80s%s, of the training data %s%.80s%s", r->b.path, r->t.line,
                            f + 1, got ? "'" : "", got ? got : "missing", got ? "'" : "", want ? "'" : "",
                            want ? want : "nothing", want ? "'" : "");
    }
    return CLI_OK;
}

static int read_header(reader *r)
{
    const int got = table_next(&r->t);

    if (got != LINES_LINE)
        return got == LINES_END ? cli_fail("%s: the file is empty; a header is expected", r->b.path) : CLI_FAILED;
    for (size_t k = 0; k < r->t.n; k++)
        if (!text_add(&r->header, table_field(&r->t, k))) return cli_fail("out of memory");
    if (!(r->names = malloc((r->header.n + 1) * sizeof *r->names))) return cli_fail("out of memory");
    for (size_t k = 0; k < r->header.n; k++) r->names[k] = (named){r->header.at[k], k};
    qsort(r->names, r->header.n, sizeof *r->names, by_name);
    if (find_roles(r) != CLI_OK || find_features(r) != CLI_OK) return CLI_FAILED;
    return check_columns(r);
}

/* ---- Rows ---- */

static int by_id(const void *a, const void *b) { return strcmp(((const sequence *)a)->id, ((const sequence *)b)->id); }

static void sequence_free(sequence *s)
{
    free(s->id);
    free(s->label);
    free(s->group);
    free(s);
}

/* The field of a role in this row, or NULL where nothing has that role. */
static const char *role_text(const reader *r, int role)
{
    return r->role[role] == SIZE_MAX ? NULL : table_field(&r->t, r->role[role]);
}

static char *copy_role(const reader *r, int role, int *failed)
{
    const char *text = role_text(r, role);
    char *copy = text ? text_copy(text) : NULL;

    *failed |= text && !copy;
    return copy;
}

static int new_sequence(reader *r)
{
    int failed = 0;
    sequence *s = calloc(1, sizeof *s);

    if (!s || r->n >= INT32_MAX || !text_grow(&r->all, &r->room_all, r->n + 1, sizeof(sequence *))) {
        free(s);
        return cli_fail("%s:%zu: no memory for one sequence more", r->b.path, r->t.line);
    }
    r->all[r->n] = s;
    s->number = r->n++;
    s->line = r->t.line;
    s->id = copy_role(r, ID, &failed);
    s->label = copy_role(r, LABEL, &failed);
    s->group = copy_role(r, GROUP, &failed);
    r->last = s;
    return !failed && tsearch(s, &r->by_id, by_id) ? CLI_OK : cli_fail("out of memory");
}

/* r->last becomes the sequence of this row; what it says of it is what other rows said. */
static int find_sequence(reader *r)
{
    const sequence key = {.id = r->t.text + r->t.at[r->role[ID]]};
    const char *const texts[ROLES] = {[LABEL] = role_text(r, LABEL), [GROUP] = role_text(r, GROUP)};

    for (int k = 0; k < ROLES; k++)
        if (k != TIME && role_text(r, k) && build_nameless(role_text(r, k)))
            return fault(r, r->role[k], "the %s is missing: '%s'", role_names[k], role_text(r, k));
    if (!r->last || strcmp(r->last->id, key.id) != 0) {
        sequence *const *found = tfind(&key, &r->by_id, by_id);

        if (!found) return new_sequence(r);
        r->last = *found;
    }
    for (int k = LABEL; k <= GROUP; k++) {
        const char *first = k == LABEL ? r->last->label : r->last->group;

        if (texts[k] && strcmp(texts[k], first) != 0)
            return fault(r, r->role[k], "sequence '%.80s' has the %s '%.80s' here and '%.80s' in line %zu", key.id,
                         role_names[k], texts[k], first, r->last->line);
    }
    return CLI_OK;
}

static int take_time(reader *r)
{
    const char *text = role_text(r, TIME);
    sequence *s = r->last;
    double time = 0;

    if (!text) return CLI_OK;
    if (build_missing(r->b.config, text)) return fault(r, r->role[TIME], "the time is missing: '%s'", text);
    const char *wrong = text_number(text, r->b.config->decimal, &time);
    if (wrong) return fault(r, r->role[TIME], "'%.80s' %s", text, wrong);
    if (s->steps && time < s->last_time)
        return fault(r, r->role[TIME], "time goes back in sequence '%.80s': %s is less than in line %zu", s->id, text,
                     s->last_line);
    s->last_time = time;
    r->time[r->rows] = time;
    return CLI_OK;
}

static int take_row(reader *r)
{
    const size_t F = r->b.set->features;
    const train_config *c = r->b.config;

    if (r->t.n != r->header.n)
        return cli_fail("%s:%zu: %zu columns, the header has %zu", r->b.path, r->t.line, r->t.n, r->header.n);
    if (!text_grow(&r->x, &r->room_x, r->rows + 1, F * sizeof *r->x) ||
        !text_grow(&r->time, &r->room_time, r->rows + 1, sizeof *r->time) ||
        !text_grow(&r->owner, &r->room_owner, r->rows + 1, sizeof *r->owner))
        return cli_fail("%s:%zu: no memory for the row", r->b.path, r->t.line);
    if (find_sequence(r) != CLI_OK || take_time(r) != CLI_OK) return CLI_FAILED;
    for (size_t f = 0; f < F; f++) {
        const char *text = table_field(&r->t, r->feature[f]), *wrong = NULL;
        float *x = &r->x[r->rows * F + f];

        *x = NAN;
        if (!build_missing(c, text)) wrong = text_float(text, c->decimal, x);
        *x *= (float)c->scale;
        if (wrong || isinf(*x))
            return fault(r, r->feature[f], "'%.80s' %s", text, wrong ? wrong : "times scale is too large");
    }
    r->last->last_line = r->t.line;
    r->last->steps++;
    r->owner[r->rows++] = (uint32_t)r->last->number;
    return CLI_OK;
}

/* ---- Together ---- */

/* Rows of a sequence stand together in the set, sequences in the order of their first rows. */
static int gather(reader *r)
{
    const size_t F = r->b.set->features;
    const int timed = r->role[TIME] != SIZE_MAX;
    size_t *next = malloc((r->n + 1) * sizeof *next), *order = malloc((r->rows + 1) * sizeof *order), from = 0;
    int code = next && order ? CLI_OK : cli_fail("out of memory");

    for (size_t i = 0; i < r->n && code == CLI_OK; i++) {
        next[i] = from;
        from += r->all[i]->steps;
    }
    for (size_t k = 0; k < r->rows && code == CLI_OK; k++) order[next[r->owner[k]]++] = k;
    for (size_t i = 0, k = 0; i < r->n && code == CLI_OK; i++) {
        code = build_sequence(&r->b, r->all[i]->id, r->all[i]->label, r->all[i]->group);
        for (size_t s = 0; s < r->all[i]->steps && code == CLI_OK; s++, k++)
            code = build_step(&r->b, r->x + order[k] * F, 0, timed, r->time[order[k]]);
    }
    free(next);
    free(order);
    return code;
}

static void reader_free(reader *r)
{
    while (r->by_id) tdelete(*(sequence **)r->by_id, &r->by_id, by_id);
    for (size_t i = 0; i < r->n; i++) sequence_free(r->all[i]);
    free(r->all);
    text_free(&r->header);
    free(r->names);
    free(r->feature);
    free(r->x);
    free(r->time);
    free(r->owner);
    table_close(&r->t);
}

int dataset_read_csv(const train_config *config, const char *path, const char *labels, const dataset *like,
                     vocabulary *words, int grow, dataset *set)
{
    reader r = {.b = {.set = set, .config = config, .path = path}, .like = like};
    int code = table_open(&r.t, path, config->separator), got = LINES_END;

    (void)labels, (void)words, (void)grow;
    if (code == CLI_OK) code = read_header(&r);
    while (code == CLI_OK && (got = table_next(&r.t)) == LINES_LINE) code = take_row(&r);
    if (got == LINES_FAILED) code = CLI_FAILED;
    if (code == CLI_OK) code = gather(&r);
    reader_free(&r);
    return build_finish(&r.b, like, code);
}
