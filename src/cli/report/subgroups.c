/* SPDX-License-Identifier: Apache-2.0 */
#include "subgroups.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NAMES = 12, QUARTERS = 4, MOST_TEXTS = 50 };

static const char missing[] = "(missing)";

/* ---- The column ---- */

typedef struct entry {
    const char *id;
    size_t at; /* of its value */
} entry;

static int by_id(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    const int order = strcmp(x->id, y->id);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* Ids and values of all rows. */
typedef struct column_text {
    text_list ids, values;
} column_text;

static int find_column(const table *in, const char *path, const char *name, size_t *at)
{
    size_t found = 0;
    for (size_t i = 0; i < in->n; i++)
        if (strcmp(table_field(in, i), name) == 0) *at = i, found++;
    return found == 1
               ? CLI_OK
               : text_fail(path, in->line, found ? "column '%s' is there twice" : "there is no column '%s'", name);
}

static int read_column(const train_config *config, const char *path, const char *column, table *in, column_text *c)
{
    size_t id = 0, at = 0;
    int got = table_next(in);
    if (got != LINES_LINE) return CLI_FAILED; /* was read before */
    const size_t n = in->n;
    TRY(find_column(in, path, config->id, &id));
    if (find_column(in, path, column, &at) != CLI_OK) return CLI_FAILED;
    while ((got = table_next(in)) == LINES_LINE) {
        if (in->n != n) return text_fail(path, in->line, "%zu fields; the header has %zu", in->n, n);
        text_add(&c->ids, table_field(in, id));
        text_add(&c->values, build_missing(config, table_field(in, at)) ? "" : table_field(in, at));
    }
    return got == LINES_END ? CLI_OK : CLI_FAILED;
}

/* The value of each sequence: that of the last row of its id, as of the time of the prediction. */
static void take_last(const column_text *c, const dataset *set, const char **value)
{
    FREED entry *entries = cli_alloc(c->ids.n + 1, sizeof *entries);
    for (size_t i = 0; i < c->ids.n; i++) entries[i] = (entry){c->ids.at[i], i};
    qsort(entries, c->ids.n, sizeof *entries, by_id);
    for (size_t i = 0; i < set->n; i++) {
        size_t low = 0, high = c->ids.n;
        while (low < high) { /* the first that is behind all of this id */
            const size_t middle = low + (high - low) / 2;
            if (strcmp(entries[middle].id, set->ids[i]) <= 0)
                low = middle + 1;
            else
                high = middle;
        }
        value[i] = low ? c->values.at[entries[low - 1].at] : "";
    }
}

/* ---- Names ---- */

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Quarters of the sequences by a number; 0 when the values are not numbers. */
static int take_quarters(const train_config *config, const char *const *value, size_t n, subgroups *s)
{
    FREED double *x = cli_alloc(n + 1, sizeof *x), *sorted = cli_alloc(n + 1, sizeof *sorted);
    double edge[QUARTERS + 1];
    size_t known = 0;
    for (size_t i = 0; i < n; i++) {
        x[i] = NAN;
        if (!*value[i]) continue;
        if (text_number(value[i], config->decimal, &x[i])) return 0;
        sorted[known++] = x[i];
    }
    if (!known) return 0;
    qsort(sorted, known, sizeof *sorted, by_size);
    for (size_t q = 0; q <= QUARTERS; q++) edge[q] = sorted[q == QUARTERS ? known - 1 : q * known / QUARTERS];
    for (size_t q = 0; q < QUARTERS; q++) {
        char name[80];
        snprintf(name, sizeof name, q + 1 < QUARTERS ? "%.4g to below %.4g" : "%.4g to %.4g", edge[q], edge[q + 1]);
        text_add(&s->names, name);
    }
    text_add(&s->names, missing);
    for (size_t i = 0; i < n; i++) {
        uint32_t q = QUARTERS - 1;
        while (q > 0 && x[i] < edge[q]) q--;
        s->of[i] = isnan(x[i]) ? QUARTERS : q;
    }
    return 1;
}

static int take_texts(const char *path, const char *const *value, size_t n, subgroups *s)
{
    text_list all = {0};
    size_t distinct;
    for (size_t i = 0; i < n; i++) text_add(&all, *value[i] ? value[i] : missing);
    FREED char **names = build_distinct(&all, &distinct);
    for (size_t k = 0; k < distinct; k++) text_add(&s->names, names[k]);
    for (size_t i = 0; i < n; i++) {
        uint32_t k = 0;
        while (strcmp(s->names.at[k], all.at[i]) != 0 && k < MOST_TEXTS) k++;
        s->of[i] = k;
    }
    text_free(&all);
    return distinct <= MOST_TEXTS ? CLI_OK
                                  : cli_fail("%s: column '%s' has %zu different texts; --subgroups takes at most %d",
                                             path, s->column, distinct, MOST_TEXTS);
}

static size_t count_different(const char *const *value, size_t n)
{
    text_list found = {0};
    for (size_t i = 0; i < n && found.n <= MOST_NAMES; i++)
        if (*value[i] && !text_listed(&found, value[i])) text_add(&found, value[i]);
    const size_t different = found.n;
    text_free(&found);
    return different;
}

int subgroups_read(const train_config *config, const char *path, const char *column, const dataset *set, subgroups *s)
{
    column_text c = {0};
    table in;
    *s = (subgroups){.column = column};
    if (!column) return CLI_OK;
    if (config->format != DATA_CSV) return cli_fail("--subgroups names a column, which only [data] format = csv has");
    FREED const char **value = cli_alloc(set->n + 1, sizeof *value);
    int code = table_open(&in, path, config->separator);
    if (code == CLI_OK) code = read_column(config, path, column, &in, &c);
    table_close(&in);
    if (code == CLI_OK) {
        take_last(&c, set, value);
        s->of = cli_alloc(set->n + 1, sizeof *s->of);
        if (count_different(value, set->n) <= MOST_NAMES || !take_quarters(config, value, set->n, s))
            code = take_texts(path, value, set->n, s);
    }
    text_free(&c.ids);
    text_free(&c.values);
    return code;
}

void subgroups_free(subgroups *s)
{
    text_free(&s->names);
    free(s->of);
    *s = (subgroups){0};
}

/* ---- Measuring ---- */

/* Clusters that have rows of the class of two that fewer have. */
static size_t count_rarer(const judged *j)
{
    FREED unsigned char *seen = cli_alloc(2 * j->clusters + 1, 1);
    size_t with[2] = {0};
    for (size_t i = 0; i < j->n; i++) seen[2 * j->cluster[i] + (j->truth[i] == 1)] = 1;
    for (size_t c = 0; c < 2 * j->clusters; c++) with[c % 2] += seen[c];
    return with[0] < with[1] ? with[0] : with[1];
}

static void measure(const judged *part, const resampling *how, subgroup *to)
{
    to->n = part->n;
    to->clusters = part->clusters;
    for (size_t i = 0; i < part->n && part->classes == 2; i++) to->cases += part->truth[i] == 1;
    to->small = part->clusters < SUBGROUP_CLUSTERS || (part->classes == 2 && count_rarer(part) < SUBGROUP_CASES);
    intervals_of(part, how, to->values);
}

subgroup *subgroups_measure(const subgroups *s, const judged *j, const uint32_t *rows, size_t n_rows,
                            const resampling *how, size_t *n)
{
    subgroup *parts = cli_alloc(s->names.n + 1, sizeof *parts);
    FREED unsigned char *kept = cli_alloc(n_rows + 1, 1);
    *n = 0;
    for (size_t k = 0; k < s->names.n; k++) {
        AUTO_JUDGED part = {0};
        for (size_t i = 0; i < n_rows; i++) kept[i] = s->of[rows[i]] == k;
        judged_part(j, kept, &part);
        if (!part.n) continue;
        parts[*n].name = s->names.at[k];
        measure(&part, how, &parts[(*n)++]);
    }
    return parts;
}

/* ---- Text ---- */

/* The columns of the table: what says most of this kind of prediction. */
static const metric_kind *columns_of(const judged *j)
{
    static const metric_kind two[] = {METRIC_AUC, METRIC_BRIER, METRIC_CALIBRATION, METRICS},
                             more[] = {METRIC_ACCURACY, METRIC_F1, METRIC_BRIER, METRICS},
                             numbers[] = {METRIC_ERROR, METRIC_AUC, METRICS};
    return j->classes == 2 ? two : j->classes ? more : numbers;
}

/* The value and its interval. Returns text. */
static const char *value_text(metric_kind kind, const measured *m, char all[100])
{
    char text[3][32];
    if (isnan(m->estimate)) return "-";
    snprintf(all, 100, "%s", metric_text(kind, m->estimate, text[0]));
    if (m->found.used && m->found.error > 0)
        snprintf(all, 100, "%s (%s to %s)", text[0], metric_text(kind, m->found.interval.low, text[1]),
                 metric_text(kind, m->found.interval.high, text[2]));
    return all;
}

static void print_part(const subgroup *part, const judged *j, const metric_kind *columns, const measured *all)
{
    char text[100];
    snprintf(text, sizeof text, "%.60s%s", cli_plain(part->name), part->small ? " (small)" : "");
    printf("  %-22s", text);
    if (j->grouped) printf(" %6zu", part->clusters);
    printf(" %6zu", part->n);
    if (j->classes == 2) printf(" %10zu", part->cases);
    for (size_t k = 0, blanks = 2; columns[k] != METRICS; k++) {
        if (isnan(all[columns[k]].estimate)) continue;
        const char *value = value_text(columns[k], &part->values[columns[k]], text);
        printf("%*s%s", (int)blanks, "", value);
        blanks = strlen(value) < 29 ? 29 - strlen(value) : 1;
    }
    putchar('\n');
}

void subgroups_print(const subgroups *s, const subgroup *parts, size_t n, const judged *j, const measured *all)
{
    const metric_kind *columns = columns_of(j);
    int small = 0;
    printf("  by %s\n  %-22s", s->column, "");
    if (j->grouped) printf(" %6s", "groups");
    printf(" %6s", "n");
    if (j->classes == 2) printf(" %10.10s", j->class_names[1]);
    for (size_t k = 0, blanks = 2; columns[k] != METRICS; k++) {
        if (isnan(all[columns[k]].estimate)) continue;
        printf("%*s%s", (int)blanks, "", metric_name(columns[k]));
        blanks = 29 - strlen(metric_name(columns[k]));
    }
    putchar('\n');
    for (size_t i = 0; i < n; i++) {
        print_part(&parts[i], j, columns, all);
        small |= parts[i].small;
    }
    if (!small) return;
    printf("  small: fewer than %d %ss", SUBGROUP_CLUSTERS, j->grouped ? "group" : "sequence");
    if (j->classes == 2) printf(", or fewer than %d with either class", SUBGROUP_CASES);
    printf("; such intervals say little\n");
}
