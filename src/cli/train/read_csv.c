/* SPDX-License-Identifier: Apache-2.0
 *
 * Long format: one row a step, with a header. [data] id tells sequences apart: rows of one id are its steps in the
 * order of the file, wherever they stand. time may not go back; label and group are one value per sequence. All other
 * columns, or those of features, are numbers.
 */
#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "dataset.h"

enum { ID, TIME, LABEL, GROUP, ROLES };
static const char *const role_names[ROLES] = {"id", "time", "label", "group"};

typedef struct sequence {
    const char *id;      /* in the builder's list, where its label and group are, too */
    size_t number, line; /* of its first row */
    size_t last_line, steps;
    double last_time;
} sequence;

/* Rows as they come; they are brought together in the end. */
typedef struct reader {
    dataset_builder b;
    table t;
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

/* What is wrong with the row, and with one of its fields. */
#define row_fault(r, ...) text_fail((r)->b.from->path, (r)->t.line, __VA_ARGS__)
#define fault(r, column, format, ...) \
    row_fault(r, "column %zu (%.80s): " format, (column) + 1, (r)->header.at[column], __VA_ARGS__)

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
    if (!found) return row_fault(r, "there is no column '%.80s' ([data] %s)", name, key);
    *column = found->column;
    other = found > r->names && same_name(found, found - 1) == 0 ? found - 1 : found + 1;
    if (other < r->names + r->header.n && same_name(found, other) == 0)
        return row_fault(r, "columns %zu and %zu are both '%.80s' ([data] %s)",
                         (found < other ? found : other)->column + 1, (found < other ? other : found)->column + 1, name,
                         key);
    return CLI_OK;
}

static int find_roles(reader *r)
{
    const train_config *c = r->b.from->config;
    const char *const names[ROLES] = {c->id, c->time, c->label, c->group};
    for (int k = 0; k < ROLES; k++) {
        r->role[k] = SIZE_MAX;
        /* Data to predict need neither labels nor groups. */
        if (r->b.from->like && (k == LABEL || k == GROUP) && !search_header(r, names[k])) continue;
        if (*names[k] && find_column(r, names[k], role_names[k], &r->role[k]) != CLI_OK) return CLI_FAILED;
    }
    return CLI_OK;
}

enum { NOT_CHOSEN, CHOSEN, TAKEN }; /* as a feature; taken for a role */

/* Features stand in the order of the file. */
static int find_features(reader *r)
{
    const text_list *chosen = &r->b.from->config->features;
    const size_t n = r->header.n;
    dataset *set = r->b.set;
    FREED unsigned char *state = cli_alloc(n + 1, 1);
    size_t column;
    r->feature = cli_alloc(n + 1, sizeof *r->feature);
    set->columns = cli_alloc(n + 1, sizeof *set->columns);
    memset(state, chosen->n ? NOT_CHOSEN : CHOSEN, n);
    for (int k = 0; k < ROLES; k++)
        if (r->role[k] != SIZE_MAX) state[r->role[k]] = TAKEN;
    for (size_t f = 0; f < chosen->n; f++) {
        TRY(find_column(r, chosen->at[f], "features", &column));
        if (state[column] != NOT_CHOSEN)
            return config_blame(r->b.from->config, "data", "features", "features names '%.80s' twice", chosen->at[f]);
        state[column] = CHOSEN;
    }
    for (size_t k = 0; k < n; k++) {
        if (state[k] != CHOSEN) continue;
        if (!*r->header.at[k])
            return row_fault(r, "column %zu has no name; [data] features says which columns are meant", k + 1);
        TRY(find_column(r, r->header.at[k], "features: all others", &column));
        set->columns[set->features] = cli_copy(r->header.at[k]);
        r->feature[set->features++] = k;
    }
    return set->features ? CLI_OK : row_fault(r, "there is no column of features");
}

/* A test set has the columns of the training data. */
static int check_columns(const reader *r)
{
    const dataset *like = r->b.from->like, *set = r->b.set;
    for (size_t f = 0; like && (f < like->features || f < set->features); f++) {
        const char *want = f < like->features ? like->columns[f] : NULL,
                   *got = f < set->features ? set->columns[f] : NULL;
        if (!want || !got || strcmp(want, got) != 0)
            return row_fault(r, "feature %zu is %s%.80s%s, in the training data %s%.80s%s", f + 1, got ? "'" : "",
                             got ? got : "missing", got ? "'" : "", want ? "'" : "", want ? want : "there is none",
                             want ? "'" : "");
    }
    return CLI_OK;
}

static int read_header(reader *r)
{
    const int got = table_next(&r->t);
    if (got != LINES_LINE)
        return got == LINES_END ? cli_fail("%s: the file is empty; a header is expected", r->b.from->path) : CLI_FAILED;
    r->names = cli_alloc(r->t.n + 1, sizeof *r->names);
    for (size_t k = 0; k < r->t.n; k++) text_add(&r->header, table_field(&r->t, k));
    for (size_t k = 0; k < r->t.n; k++) r->names[k] = (named){r->header.at[k], k};
    qsort(r->names, r->t.n, sizeof *r->names, by_name);
    TRY(find_roles(r));
    TRY(find_features(r));
    return check_columns(r);
}

/* ---- Rows ---- */

static int by_id(const void *a, const void *b) { return strcmp(((const sequence *)a)->id, ((const sequence *)b)->id); }

/* The field of a role in this row, or NULL where nothing has that role. */
static const char *role_text(const reader *r, int role)
{
    return r->role[role] == SIZE_MAX ? NULL : table_field(&r->t, r->role[role]);
}

static int new_sequence(reader *r)
{
    text_list *const lists[ROLES] = {&r->b.ids, NULL, &r->b.labels, &r->b.groups};
    if (r->n >= INT32_MAX) return row_fault(r, "more sequences than %d", INT32_MAX - 1);
    for (int k = 0; k < ROLES; k++)
        if (k != TIME && role_text(r, k)) text_add(lists[k], role_text(r, k));
    cli_grow(&r->all, &r->room_all, r->n + 1, sizeof *r->all);
    r->last = r->all[r->n] = cli_alloc(1, sizeof *r->last);
    *r->last = (sequence){.id = r->b.ids.at[r->n], .number = r->n, .line = r->t.line};
    r->n++;
    return tsearch(r->last, &r->by_id, by_id) ? CLI_OK : row_fault(r, "out of memory");
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
        const text_list *list = k == LABEL ? &r->b.labels : &r->b.groups;
        const char *first = texts[k] ? list->at[r->last->number] : NULL;
        if (first && strcmp(texts[k], first) != 0)
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
    if (build_missing(r->b.from->config, text)) return fault(r, r->role[TIME], "the time is missing: '%s'", text);
    const char *wrong = text_number(text, r->b.from->config->decimal, &time);
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
    if (r->t.n != r->header.n) return row_fault(r, "%zu columns, the header has %zu", r->t.n, r->header.n);
    cli_grow(&r->x, &r->room_x, r->rows + 1, F * sizeof *r->x);
    cli_grow(&r->time, &r->room_time, r->rows + 1, sizeof *r->time);
    cli_grow(&r->owner, &r->room_owner, r->rows + 1, sizeof *r->owner);
    TRY(find_sequence(r));
    TRY(take_time(r));
    for (size_t f = 0; f < F; f++) {
        const char *text = table_field(&r->t, r->feature[f]);
        const char *wrong = build_feature(r->b.from->config, text, &r->x[r->rows * F + f]);
        if (wrong) return fault(r, r->feature[f], "'%.80s' %s", text, wrong);
    }
    r->last->last_line = r->t.line;
    r->last->steps++;
    r->owner[r->rows++] = (uint32_t)r->last->number;
    return CLI_OK;
}

/* ---- Together ---- */

/* Rows of a sequence stand together in the set, sequences in the order of their first rows. */
static void gather(reader *r)
{
    const size_t F = r->b.set->features;
    const int timed = r->role[TIME] != SIZE_MAX;
    FREED size_t *next = cli_alloc(r->n + 1, sizeof *next), *order = cli_alloc(r->rows + 1, sizeof *order);
    for (size_t i = 0; i < r->n; i++) next[i + 1] = next[i] + r->all[i]->steps;
    for (size_t k = 0; k < r->rows; k++) order[next[r->owner[k]]++] = k;
    for (size_t i = 0, k = 0; i < r->n; i++) {
        build_sequence(&r->b, NULL, NULL, NULL);
        for (size_t s = 0; s < r->all[i]->steps; s++, k++)
            build_step(&r->b, r->x + order[k] * F, 0, timed, r->time[order[k]]);
    }
}

static void reader_free(reader *r)
{
    while (r->by_id) tdelete(*(sequence **)r->by_id, &r->by_id, by_id);
    for (size_t i = 0; i < r->n; i++) free(r->all[i]);
    free(r->all);
    text_free(&r->header);
    free(r->names);
    free(r->feature);
    free(r->x);
    free(r->time);
    free(r->owner);
    table_close(&r->t);
}

int dataset_read_csv(const data_source *from, dataset *set)
{
    reader r = {.b = {.set = set, .from = from}};
    int code = table_open(&r.t, from->path, from->config->separator), got = LINES_END;
    if (code == CLI_OK) code = read_header(&r);
    while (code == CLI_OK && (got = table_next(&r.t)) == LINES_LINE) code = take_row(&r);
    if (got == LINES_FAILED) code = CLI_FAILED;
    if (code == CLI_OK) gather(&r);
    reader_free(&r);
    return build_finish(&r.b, code);
}
