/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of a training or evaluation, and their metrics as text.
 */
#include "report.h"

#include "../svg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void take_item(const scores *s, const dataset *set, size_t i, size_t item, judged *j)
{
    const size_t k = j->n++;
    const uint32_t row = s->row[i];
    memcpy(j->p + k * j->classes, s->p + item * j->classes, j->classes * sizeof *j->p);
    if (j->chosen) j->chosen[k * j->classes + scores_class(s, item)] = 1;
    j->error[k] = s->error[i];
    j->truth[k] = s->truth[item];
    j->cluster[k] = set->group ? set->group[row] : row;
    j->row[k] = i;
}

/* Items whose class is known, or sequences whose numbers were predicted; 0 where there are none. Targets in columns
 * are not among them. */
static int take_rows(const scores *s, const dataset *set, const train_config *config, judged *j)
{
    const int labels = target_is_class(config->target);
    if (!s->n || (labels && !s->per_class) || !(labels || target_is_input(config->target))) return 0;
    judged_create(j, s->at[s->n], labels ? s->classes : 0);
    if (labels && s->thresholded) j->chosen = cli_alloc(j->n * s->classes + 1, sizeof *j->chosen);
    j->n = 0;
    j->class_names = set->class_names;
    j->grouped = set->group_names != NULL;
    j->clusters = set->group ? set->groups : set->n;
    for (size_t i = 0; i < s->n; i++)
        for (size_t item = s->at[i]; item < s->at[i + 1]; item++)
            if (!labels || s->truth[item] >= 0) take_item(s, set, i, item, j);
    for (size_t k = 0; k < j->n && !labels; k++)
        j->extent[k] = (double)batch_steps(config, set, s->row[j->row[k]]) * (double)set->features;
    if (!labels && s->classes != 2) judged_forget(j);
    judged_number(j);
    judged_order(j);
    return 1;
}

static void print_intervals(const judged *j, const resampling *how, const char *name, const measured values[METRICS])
{
    char units[48], text[3][32];
    printf("  %.6g %% intervals%s%s: %s bootstrap, %zu draws of %s\n", 100 * how->confidence, name ? " of " : "",
           name ? name : "", how->bca ? "BCa" : "percentile", how->draws, judged_units(j, units));
    for (metric_kind k = 0; k < METRICS; k++) {
        const measured *m = &values[k];
        if (isnan(m->estimate)) continue;
        printf("  %-20s %10s", metric_name(k), metric_text(k, m->estimate, text[0]));
        if (m->found.used && !(m->found.error > 0))
            printf("   no interval: all draws are alike");
        else if (m->found.used)
            printf("   %s to %s%s", metric_text(k, m->found.interval.low, text[1]),
                   metric_text(k, m->found.interval.high, text[2]), k == METRIC_CALIBRATION ? " (basic)" : "");
        if (m->found.used && m->found.used < how->draws) printf("   (defined in %zu draws)", m->found.used);
        putchar('\n');
    }
}

void assess(const task *t, const scores *s, const dataset *set, const resampling *how, const subgroups *by,
            const char *name, assessment *a)
{
    if (!how->draws && !by->of && !t->call->report) return;
    columns_measure(s, set, &t->config, how, &a->columns);
    columns_print(&a->columns, set, how, name);
    a->known = take_rows(s, set, &t->config, &a->j);
    if (!a->known) return;
    intervals_of(&a->j, how, a->values);
    if (how->draws) print_intervals(&a->j, how, name, a->values);
    if (!by->of) return;
    a->parts = subgroups_measure(by, &a->j, s->row, s->n, how, &a->n_parts);
    subgroups_print(by, a->parts, a->n_parts, &a->j, a->values);
}

void assessment_free(assessment *a)
{
    judged_free(&a->j);
    columns_free(&a->columns);
    free(a->parts);
    *a = (assessment){0};
}

void page_text(const report *r, const char *text) { markup_text(r->f, cli_plain(text)); }
