/* SPDX-License-Identifier: Apache-2.0
 *
 * Long format: one row a step, with a header. [data] id tells sequences apart: rows of one id are its steps in the
 * order of the file, wherever they stand. time may not go back; label and group are one value per sequence. All other
 * columns, or those of features, are numbers, or texts if they are among categories.
 */
#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "read_csv_columns.h"

/* ---- Rows ---- */

static int by_id(const void *a, const void *b)
{
    return strcmp(((const csv_sequence *)a)->id, ((const csv_sequence *)b)->id);
}

/* Roles whose fields are names of a sequence, and neither times nor of a step. */
static int is_name(const csv_reader *r, int role)
{
    return role != TIME && role != LABEL_TIME && !(role == LABEL && r->b.from->config->target == TARGET_STEP_LABEL);
}

/* The field of a role in this row, or NULL where nothing has that role. */
static const char *role_text(const csv_reader *r, int role)
{
    return r->role[role] == SIZE_MAX ? NULL : table_field(&r->t, r->role[role]);
}

static int new_sequence(csv_reader *r)
{
    text_list *const lists[ROLES] = {&r->b.ids, NULL, &r->b.labels, &r->b.groups, NULL};
    if (r->n >= INT32_MAX) return csv_row_fault(r, "more sequences than %d", INT32_MAX - 1);
    for (int k = 0; k < ROLES; k++)
        if (is_name(r, k) && role_text(r, k)) text_add(lists[k], role_text(r, k));
    cli_grow(&r->all, &r->room_all, r->n + 1, sizeof *r->all);
    r->last = r->all[r->n] = cli_alloc(1, sizeof *r->last);
    *r->last = (csv_sequence){.id = r->b.ids.at[r->n], .number = r->n, .line = r->t.line, .label_time = NAN};
    r->n++;
    if (r->b.set->targets) cli_grow(&r->y, &r->room_y, r->n, r->b.set->targets * sizeof *r->y);
    for (size_t k = 0; k < r->b.set->targets; k++) r->y[(r->n - 1) * r->b.set->targets + k] = NAN;
    return tsearch(r->last, &r->by_id, by_id) ? CLI_OK : csv_row_fault(r, "out of memory");
}

/* r->last becomes the sequence of this row; what it says of it is what other rows said. */
static int find_sequence(csv_reader *r)
{
    const csv_sequence key = {.id = r->t.text + r->t.at[r->role[ID]]};
    const char *const texts[ROLES] = {
        [LABEL] = is_name(r, LABEL) ? role_text(r, LABEL) : NULL, [GROUP] = role_text(r, GROUP)};
    for (int k = 0; k < ROLES; k++)
        if (is_name(r, k) && role_text(r, k) && build_nameless(role_text(r, k)))
            return csv_fault(r, r->role[k], "the %s is missing: '%s'", csv_role_names[k], role_text(r, k));
    if (!r->last || strcmp(r->last->id, key.id) != 0) {
        csv_sequence *const *found = tfind(&key, &r->by_id, by_id);

        if (!found) return new_sequence(r);
        r->last = *found;
    }
    for (int k = LABEL; k <= GROUP; k++) {
        const text_list *list = k == LABEL ? &r->b.labels : &r->b.groups;
        const char *first = texts[k] ? list->at[r->last->number] : NULL;
        if (first && strcmp(texts[k], first) != 0)
            return csv_fault(r, r->role[k], "sequence '%.80s' has the %s '%.80s' here and '%.80s' in line %zu", key.id,
                             csv_role_names[k], texts[k], first, r->last->line);
    }
    return CLI_OK;
}

/* A number, or a date, which becomes a number of [data] time_unit. A column has one of them. */
static int read_time(csv_reader *r, int role, const char *text, double *time)
{
    static const double seconds[] = {[TIME_DAYS] = 86400, [TIME_HOURS] = 3600, [TIME_MINUTES] = 60, [TIME_SECONDS] = 1};
    const char *wrong = text_number(text, r->b.from->config->decimal, time);
    const int dated = wrong != NULL;
    if (wrong) wrong = text_date(text, time);
    if (!wrong && r->dated && dated != (r->dated > 0)) wrong = "is a date, and times before it are numbers";
    if (wrong && r->dated > 0 && !dated) wrong = "is a number, and times before it are dates";
    if (wrong) return csv_fault(r, r->role[role], "'%.80s' %s", text, wrong);
    r->dated = dated ? 1 : -1;
    if (dated) *time /= seconds[r->b.from->config->time_unit];
    return CLI_OK;
}

static int take_time(csv_reader *r)
{
    const char *text = role_text(r, TIME);
    csv_sequence *s = r->last;
    double time = 0;
    if (!text) return CLI_OK;
    if (build_missing(r->b.from->config, text)) return csv_fault(r, r->role[TIME], "the time is missing: '%s'", text);
    TRY(read_time(r, TIME, text, &time));
    if (s->last_line && time < s->last_time)
        return csv_fault(r, r->role[TIME], "time goes back in sequence '%.80s': %s is less than in line %zu", s->id,
                         text, s->last_line);
    s->last_time = time;
    r->time[r->rows] = time;
    return CLI_OK;
}

/* When the label was known: one time in all rows of a sequence. A missing one is no limit. */
static int take_label_time(csv_reader *r)
{
    const char *text = role_text(r, LABEL_TIME);
    csv_sequence *s = r->last;
    double time = NAN;
    if (!text) return CLI_OK;
    if (!build_missing(r->b.from->config, text)) TRY(read_time(r, LABEL_TIME, text, &time));
    if (r->t.line == s->line) s->label_time = time;
    if (s->label_time == time || (isnan(time) && isnan(s->label_time))) return CLI_OK;
    return csv_fault(r, r->role[LABEL_TIME],
                     "sequence '%.80s' has the label_time '%.80s' here and another one in line %zu", s->id, text,
                     s->line);
}

/* A row from after the label was known would tell what is to be predicted. */
static int is_late(const csv_reader *r) { return r->last->last_time > r->last->label_time; }

static int refuse_late(csv_reader *r)
{
    return csv_fault(
        r, r->role[TIME],
        "sequence '%.80s' has the time %s, after its label_time %s; [data] future = drop leaves such rows out",
        r->last->id, role_text(r, TIME), role_text(r, LABEL_TIME));
}

/* What rows say of a sequence's targets must agree; a missing field says nothing. */
static int take_targets(csv_reader *r)
{
    for (size_t k = 0; k < r->b.set->targets; k++) {
        float *const y = &r->y[r->last->number * r->b.set->targets + k], value;
        const char *text = r->target[k] == SIZE_MAX ? "" : table_field(&r->t, r->target[k]);
        const char *wrong = build_target(r->b.from->config, text, &value);
        if (wrong) return csv_fault(r, r->target[k], "'%.80s' %s", text, wrong);
        if (!isnan(*y) && !isnan(value) && value != *y)
            return csv_fault(r, r->target[k], "sequence '%.80s' has '%.80s' here and %g before", r->last->id, text,
                             (double)*y);
        if (!isnan(value)) *y = value;
    }
    return CLI_OK;
}

static int take_step_label(csv_reader *r)
{
    const char *text = role_text(r, LABEL);
    if (r->b.from->config->target != TARGET_STEP_LABEL || !text) return CLI_OK;
    cli_grow(&r->step_class, &r->room_step_class, r->rows + 1, sizeof *r->step_class);
    r->step_class[r->rows] = -1;
    if (build_nameless(text) || text_listed(&r->b.from->config->missing_values, text)) return CLI_OK;
    const char *wrong = build_step_class(&r->b, text, &r->step_class[r->rows]);
    return wrong ? csv_fault(r, r->role[LABEL], "'%.80s' %s", text, wrong) : CLI_OK;
}

static const char *take_category(const csv_reader *r, size_t f, const char *text, float *x)
{
    const int number = build_missing(r->b.from->config, text) ? 0 : category_find(r->category[f], text);
    *x = build_missing(r->b.from->config, text) ? NAN : (float)number;
    return number == -2 ? "is one text too many: a column of categories has at most 1000" : NULL;
}

static int take_row(csv_reader *r)
{
    const size_t F = r->n_raw;
    if (r->t.n != r->header.n) return csv_row_fault(r, "%zu columns, the header has %zu", r->t.n, r->header.n);
    cli_grow(&r->x, &r->room_x, r->rows_here + 1, F * sizeof *r->x);
    cli_grow(&r->time, &r->room_time, r->rows + 1, sizeof *r->time);
    cli_grow(&r->owner, &r->room_owner, r->rows + 1, sizeof *r->owner);
    TRY(find_sequence(r));
    TRY(take_time(r));
    TRY(take_label_time(r));
    TRY(take_targets(r));
    r->last->last_line = r->t.line;
    if (is_late(r)) return r->b.from->config->future == FUTURE_DROP ? CLI_OK : refuse_late(r);
    TRY(take_step_label(r));
    for (size_t f = 0; f < F; f++) {
        const char *text = table_field(&r->t, r->feature[f]);
        float *x = &r->x[r->rows_here * F + f];
        const char *wrong = r->category[f] ? take_category(r, f, text, x) : build_feature(r->b.from->config, text, x);
        if (wrong) return csv_fault(r, r->feature[f], "'%.80s' %s", text, wrong);
    }
    /* The next row takes the place of one that is not kept. */
    if (r->b.from->counting)
        dataset_see(r->b.set, &r->x[r->rows_here * F], F * sizeof *r->x);
    else if (dataset_is_here(r->b.set, r->last->number))
        r->rows_here++;
    r->last->steps++;
    r->owner[r->rows++] = (uint32_t)r->last->number;
    return CLI_OK;
}

/* ---- Together ---- */

/* What the channels are called, once all texts are known. */
static void name_features(csv_reader *r)
{
    dataset *set = r->b.set;
    size_t room = 0;
    for (size_t f = 0; f < r->n_raw; f++) {
        const category *c = r->category[f];
        const char *name = r->header.at[r->feature[f]];
        if (c && !c->fixed) category_sort(r->category[f]);
        for (size_t k = 0; k < (c ? c->values.n : 1); k++) {
            const size_t size = strlen(name) + (c ? strlen(c->values.at[k]) : 0) + 2;
            cli_grow(&set->columns, &room, set->features + 1, sizeof *set->columns);
            set->columns[set->features] = cli_alloc(size, 1);
            snprintf(set->columns[set->features++], size, "%s%s%s", name, c ? "=" : "", c ? c->values.at[k] : "");
        }
    }
}

static void widen(const csv_reader *r, const float *raw, float *x)
{
    for (size_t f = 0; f < r->n_raw; f++) {
        if (r->category[f])
            category_write(r->category[f], raw[f], x);
        else
            *x = raw[f];
        x += r->category[f] ? r->category[f]->values.n : 1;
    }
}

/* Rows of a sequence stand together in the set, sequences in the order of their first rows. */
static int gather(csv_reader *r)
{
    const int timed = r->role[TIME] != SIZE_MAX;
    FREED size_t *next = cli_alloc(r->n + 1, sizeof *next), *order = cli_alloc(r->rows + 1, sizeof *order);
    name_features(r);
    if (!r->b.set->features) return cli_fail("%s: the columns of categories have no text", r->b.from->path);
    FREED float *x = cli_alloc(r->b.set->features, sizeof *x);
    FREED size_t *kept = r->b.set->parts ? cli_alloc(r->rows + 1, sizeof *kept) : NULL; /* where a row's x is */
    for (size_t i = 0; i < r->n; i++) next[i + 1] = next[i] + r->all[i]->steps;
    for (size_t k = 0, n = 0; k < r->rows; k++) {
        order[next[r->owner[k]]++] = k;
        if (kept) kept[k] = n;
        n += (size_t)dataset_is_here(r->b.set, r->owner[k]);
    }
    for (size_t i = 0, k = 0; i < r->n; i++) {
        if (!r->all[i]->steps)
            return cli_fail("%s: sequence '%.80s' has no row up to its label_time", r->b.from->path, r->all[i]->id);
        build_sequence(&r->b, NULL, NULL, NULL);
        if (r->has_targets) build_targets(&r->b, r->y + i * r->b.set->targets);
        for (size_t s = 0; s < r->all[i]->steps; s++, k++) {
            if (!r->b.elsewhere) widen(r, r->x + (kept ? kept[order[k]] : order[k]) * r->n_raw, x);
            build_step(&r->b, r->b.elsewhere ? NULL : x, 0, timed, r->time[order[k]]);
            if (r->step_class) build_step_label(&r->b, r->step_class[order[k]]);
        }
    }
    return CLI_OK;
}

static void reader_free(csv_reader *r)
{
    while (r->by_id) tdelete(*(csv_sequence **)r->by_id, &r->by_id, by_id);
    for (size_t i = 0; i < r->n; i++) free(r->all[i]);
    free(r->all);
    csv_free_columns(r);
    free(r->x);
    free(r->time);
    free(r->owner);
    free(r->step_class);
    free(r->y);
    table_close(&r->t);
}

int dataset_read_csv(const data_source *from, dataset *set)
{
    csv_reader r = {.b = {.set = set, .from = from}};
    int code = table_open(&r.t, from->path, from->config->separator), got = LINES_END;
    if (code == CLI_OK) code = csv_read_header(&r);
    while (code == CLI_OK && (got = table_next(&r.t)) == LINES_LINE) code = take_row(&r);
    if (got == LINES_FAILED) code = CLI_FAILED;
    if (code == CLI_OK) code = gather(&r);
    reader_free(&r);
    return build_finish(&r.b, code);
}
