/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of a training or evaluation, and their metrics as text.
 */
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int report_judged(const scores *s, const dataset *set, const train_config *config, judged *j)
{
    const int labels = config->target == TARGET_LABEL;
    *j = (judged){0};
    if (!s->n || (labels && !s->per_class) || !(labels || target_is_input(config->target))) return 0;
    judged_create(j, s->n, labels ? s->classes : 0);
    if (labels) memcpy(j->p, s->p, s->n * s->classes * sizeof *j->p);
    if (labels && s->thresholded) j->chosen = cli_alloc(s->n * s->classes + 1, sizeof *j->chosen);
    for (size_t i = 0; i < s->n && j->chosen; i++) j->chosen[i * s->classes + scores_class(s, i)] = 1;
    j->class_names = set->class_names;
    j->grouped = set->group_names != NULL;
    j->clusters = set->group ? set->groups : set->n;
    for (size_t i = 0; i < s->n; i++) {
        const uint32_t row = s->row[i];
        j->error[i] = s->error[i];
        if (!labels) j->extent[i] = (double)batch_steps(config, set, row) * (double)set->features;
        j->truth[i] = s->truth[i];
        j->cluster[i] = set->group ? set->group[row] : row;
    }
    if (!labels && s->classes != 2) judged_forget(j);
    judged_number(j);
    judged_order(j);
    return 1;
}

const char *report_units(const judged *j, char text[48])
{
    snprintf(text, 48, "%zu %s%s", j->clusters, j->grouped ? "group" : "sequence", j->clusters == 1 ? "" : "s");
    return text;
}

const char *report_confidence(const resampling *how, char text[32])
{
    snprintf(text, 32, "%.6g %%", 100 * how->confidence);
    return text;
}

void report_print(const judged *j, const resampling *how, const char *name, const measured values[METRICS])
{
    char units[48], confidence[32], text[3][32];
    printf("  %s intervals%s%s: %s bootstrap, %zu draws of %s\n", report_confidence(how, confidence),
           name ? " of " : "", name ? name : "", how->bca ? "BCa" : "percentile", how->draws, report_units(j, units));
    for (int k = 0; k < METRICS; k++) {
        const measured *m = &values[k];
        if (isnan(m->estimate)) continue;
        printf("  %-20s %10s", metric_name(k), metric_text(k, m->estimate, text[0]));
        if (m->found.used && !(m->found.error > 0))
            printf("   no interval: all draws are alike");
        else if (m->found.used)
            printf("   %s to %s", metric_text(k, m->found.interval.low, text[1]),
                   metric_text(k, m->found.interval.high, text[2]));
        if (m->found.used && m->found.used < how->draws) printf("   (defined in %zu draws)", m->found.used);
        putchar('\n');
    }
}

void report_intervals(const scores *s, const dataset *set, const train_config *config, const resampling *how,
                      const char *name)
{
    AUTO_JUDGED j = {0};
    measured values[METRICS];
    if (!how->draws || !report_judged(s, set, config, &j)) return;
    intervals_of(&j, how, values);
    report_print(&j, how, name, values);
}
