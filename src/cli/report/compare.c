/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack compare: two models by what they predicted of the same data.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "intervals.h"
#include "predicted.h"

/* ---- Matching ---- */

/* A row by its id, and by which of the rows of this id it is (windows share one). */
typedef struct key {
    const char *id;
    size_t row, nth;
} key;

static int by_id(const void *a, const void *b)
{
    const key *x = a, *y = b;
    const int order = strcmp(x->id, y->id);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

static key *keys_of(const predicted *t)
{
    key *keys = cli_alloc(t->j.n + 1, sizeof *keys);
    for (size_t i = 0; i < t->j.n; i++) keys[i] = (key){t->ids.at[i], i, 0};
    qsort(keys, t->j.n, sizeof *keys, by_id);
    for (size_t i = 1; i < t->j.n; i++)
        if (strcmp(keys[i].id, keys[i - 1].id) == 0) keys[i].nth = keys[i - 1].nth + 1;
    return keys;
}

static int match_row(const predicted *a, size_t row_a, const predicted *b, size_t row_b)
{
    const char *const texts[2][2] = {{a->labels.at[row_a], b->labels.at[row_b]},
                                     {a->groups.at[row_a], b->groups.at[row_b]}};
    for (size_t k = 0; k < 2; k++)
        if (strcmp(texts[k][0], texts[k][1]) != 0)
            return text_fail(b->path, b->line[row_b], "the %s of id '%.80s' is '%.80s'; in %s, line %zu, it is '%.80s'",
                             k ? "group" : "label", b->ids.at[row_b], texts[k][1], a->path, a->line[row_a],
                             texts[k][0]);
    return CLI_OK;
}

/* Both have the same rows, in any order: place [n] is the row of a for each of b. */
static int match(const predicted *a, const predicted *b, size_t *place)
{
    FREED key *in_a = keys_of(a), *in_b = keys_of(b);
    size_t i = 0, k = 0;
    while (i < a->j.n || k < b->j.n) {
        const int order = i == a->j.n ? 1 : k == b->j.n ? -1 : strcmp(in_a[i].id, in_b[k].id);
        const int missing = order ? order : (in_a[i].nth > in_b[k].nth) - (in_a[i].nth < in_b[k].nth);
        if (missing < 0)
            return text_fail(a->path, a->line[in_a[i].row], "id '%.80s'%s is not in %s", in_a[i].id,
                             in_a[i].nth ? ", once more," : "", b->path);
        if (missing > 0)
            return text_fail(b->path, b->line[in_b[k].row], "id '%.80s'%s is not in %s", in_b[k].id,
                             in_b[k].nth ? ", once more," : "", a->path);
        TRY(match_row(a, in_a[i].row, b, in_b[k].row));
        place[in_b[k++].row] = in_a[i].row;
        i++;
    }
    return CLI_OK;
}

static int check_classes(const predicted *a, const predicted *b)
{
    int same = a->classes.n == b->classes.n;
    for (size_t k = 0; k < a->classes.n && same; k++) same = strcmp(a->classes.at[k], b->classes.at[k]) == 0;
    return same ? CLI_OK : cli_fail("%s and %s predict other classes", a->path, b->path);
}

typedef struct name {
    const char *text;
    size_t row;
} name;

static int by_text(const void *a, const void *b) { return strcmp(((const name *)a)->text, ((const name *)b)->text); }

/* A cluster for each group, else for each id: windows of a sequence are alike. */
static void number_groups(predicted *t)
{
    judged *j = &t->j;
    FREED name *names = cli_alloc(j->n + 1, sizeof *names);
    for (size_t i = 0; i < j->n; i++) names[i] = (name){j->grouped ? t->groups.at[i] : t->ids.at[i], i};
    qsort(names, j->n, sizeof *names, by_text);
    for (size_t i = 0; i < j->n; i++) {
        j->clusters += i == 0 || strcmp(names[i].text, names[i - 1].text) != 0;
        j->cluster[names[i].row] = j->clusters - 1;
    }
    judged_number(j);
}

/* Labels of errors are those of an anomaly, when there are two. */
static void label_errors(predicted *t)
{
    text_list found = {0};
    for (size_t i = 0; i < t->j.n && found.n < 3; i++)
        if (!text_listed(&found, t->labels.at[i])) text_add(&found, t->labels.at[i]);
    const int two = found.n == 2 && *found.at[0] && *found.at[1];
    double x, y;
    /* As classes are sorted: by value, or by letter. */
    if (two &&
        (text_number(found.at[0], '.', &x) || text_number(found.at[1], '.', &y) ? strcmp(found.at[0], found.at[1]) > 0
                                                                                : x > y)) {
        char *first = found.at[0];
        found.at[0] = found.at[1];
        found.at[1] = first;
    }
    for (size_t i = 0; i < t->j.n && two; i++) t->j.truth[i] = strcmp(t->labels.at[i], found.at[1]) == 0;
    if (!two) judged_forget(&t->j);
    text_free(&found);
}

/* Both read, and clusters that have the same numbers in both; *place is the row of a for each of b. */
static int read_both(const cli_call *call, predicted *a, predicted *b, size_t **place)
{
    TRY(predicted_read(call->operands[0], a));
    TRY(predicted_read(call->operands[1], b));
    TRY(check_classes(a, b));
    *place = cli_alloc(b->j.n + 1, sizeof **place);
    TRY(match(a, b, *place));
    number_groups(a);
    b->j.clusters = a->j.clusters;
    for (size_t i = 0; i < b->j.n; i++) b->j.cluster[i] = a->j.cluster[(*place)[i]];
    if (!a->j.classes) label_errors(a), label_errors(b);
    return CLI_OK;
}

/* ---- DeLong ---- */

typedef struct areas {
    int known;
    double auc[2], difference, p_value;
    rnnp_interval of[2], of_difference;
} areas;

/* Scores side by side in the order of a, which neither was put out of. */
static areas compare_areas(const judged *a, const judged *b, const size_t *place_b, double confidence)
{
    const size_t n = a->n;
    FREED float *scores = cli_alloc(2 * n + 1, sizeof *scores), *memory = cli_alloc(n + 1, sizeof *memory);
    FREED size_t *scratch = cli_alloc(2 * n + 1, sizeof *scratch);
    FREED double *work = cli_alloc(2 * (n + 2 * a->clusters) + 1, sizeof *work);
    areas found = {0};
    double c[4];
    if (!judged_score(a, scores) || !judged_score(b, memory)) return found;
    for (size_t i = 0; i < n; i++) scores[n + place_b[i]] = memory[i];
    if (rnnp_metrics_delong(n, 2, scores, a->truth, a->clusters, a->cluster, scratch, work, found.auc, c) != RNNP_OK)
        return found;
    found.difference = found.auc[0] - found.auc[1];
    const double variance = fmax(0, c[0] + c[3] - c[1] - c[2]);
    found.known =
        rnnp_metrics_normal(found.auc[0], fmax(0, c[0]), confidence, &found.of[0], NULL) == RNNP_OK &&
        rnnp_metrics_normal(found.auc[1], fmax(0, c[3]), confidence, &found.of[1], NULL) == RNNP_OK &&
        rnnp_metrics_normal(found.difference, variance, confidence, &found.of_difference, &found.p_value) == RNNP_OK;
    return found;
}

/* ---- Output ---- */

typedef struct comparison {
    const predicted *a, *b;
    const resampling *how;
    measured of[2][METRICS], difference[METRICS];
    areas delong;
    int several; /* some cluster has several rows */
} comparison;

static const char *method(const comparison *c)
{
    return c->several ? "DeLong for clusters (Obuchowski 1997)" : "DeLong";
}

static void print_text(const comparison *c)
{
    const judged *j = &c->a->j;
    char text[5][32];
    printf("A: %s\nB: %s\n%zu rows of %zu %s%s; %g %% intervals of A - B by %s bootstrap, %zu draws\n", c->a->path,
           c->b->path, j->n, j->clusters, j->grouped ? "group" : "id", j->clusters == 1 ? "" : "s",
           100 * c->how->confidence, c->how->bca ? "BCa" : "percentile", c->how->draws);
    printf("  %-20s %10s %10s %10s   %-22s %s\n", "", "A", "B", "A - B", "interval", "p");
    for (metric_kind k = 0; k < METRICS; k++) {
        const measured *d = &c->difference[k];
        if (isnan(d->estimate)) continue;
        printf("  %-20s %10s %10s %10s", metric_name(k), metric_text(k, c->of[0][k].estimate, text[0]),
               metric_text(k, c->of[1][k].estimate, text[1]), metric_text(k, d->estimate, text[2]));
        char both[80];
        snprintf(both, sizeof both, "%s to %s", metric_text(k, d->found.interval.low, text[3]),
                 metric_text(k, d->found.interval.high, text[4]));
        if (d->found.used) printf("   %-22s %.4f", both, d->found.p_value);
        if (d->found.used && d->found.used < c->how->draws) printf("   (defined in %zu draws)", d->found.used);
        putchar('\n');
    }
    const areas *d = &c->delong;
    if (!d->known) return;
    printf("ROC AUC by %s: A %.4f (%.4f to %.4f), B %.4f (%.4f to %.4f), A - B %.4f (%.4f to %.4f), p %.4f\n",
           method(c), d->auc[0], d->of[0].low, d->of[0].high, d->auc[1], d->of[1].low, d->of[1].high, d->difference,
           d->of_difference.low, d->of_difference.high, d->p_value);
}

static void print_json(const comparison *c)
{
    json j = {0};
    json_object(&j, NULL);
    json_put(&j, TEXT("a", c->a->path), TEXT("b", c->b->path), INT("rows", c->a->j.n),
             INT("clusters", c->a->j.clusters), REAL("confidence", c->how->confidence),
             TEXT("interval", c->how->bca ? "bca" : "percentile"), INT("draws", c->how->draws),
             INT("seed", c->how->seed));
    json_array(&j, "metrics");
    for (metric_kind k = 0; k < METRICS; k++) {
        const measured *d = &c->difference[k];
        if (isnan(d->estimate)) continue;
        json_flat(&j, NULL, TEXT("metric", metric_name(k)), REAL("a", c->of[0][k].estimate),
                  REAL("b", c->of[1][k].estimate), REAL("difference", d->estimate),
                  REAL("low", d->found.used ? d->found.interval.low : NAN),
                  REAL("high", d->found.used ? d->found.interval.high : NAN),
                  REAL("p", d->found.used ? d->found.p_value : NAN), INT("used", d->found.used));
    }
    json_close(&j);
    const areas *d = &c->delong;
    if (d->known)
        json_flat(&j, "delong", TEXT("method", method(c)), REAL("a", d->auc[0]), REAL("b", d->auc[1]),
                  REAL("difference", d->difference), REAL("low", d->of_difference.low),
                  REAL("high", d->of_difference.high), REAL("p", d->p_value));
    json_end(&j);
}

/* ---- The command ---- */

static void compare(comparison *c, predicted *a, predicted *b, const size_t *place)
{
    const resampling none = {.confidence = c->how->confidence};
    c->several = a->j.clusters < a->j.n;
    c->delong = compare_areas(&a->j, &b->j, place, c->how->confidence);
    judged_order(&a->j);
    intervals_of(&a->j, &none, c->of[0]);
    judged_order(&b->j);
    intervals_of(&b->j, &none, c->of[1]);
    intervals_of_difference(&a->j, &b->j, c->how, c->difference);
}

int cli_compare(const cli_call *call)
{
    AUTO_PREDICTED a = {0};
    AUTO_PREDICTED b = {0};
    FREED size_t *place = NULL;
    resampling how;
    TRY(resampling_of(call, &how));
    how.seed = call->seed;
    how.quiet = call->quiet || call->json;
    TRY(read_both(call, &a, &b, &place));
    comparison c = {.a = &a, .b = &b, .how = &how};
    compare(&c, &a, &b, place);
    if (call->json)
        print_json(&c);
    else
        print_text(&c);
    return CLI_OK;
}
