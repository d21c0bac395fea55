/* SPDX-License-Identifier: Apache-2.0 */
#include "columns.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a draw is asked, and memory for the known rows of a column, or of all. */
typedef struct column_asker {
    const scores *s;
    int values;
    float *p, *w;
    int32_t *truth;
    size_t *scratch;
} column_asker;

static double weight_of(const float *weight, size_t i) { return weight ? (double)weight[i] : 1; }

/* ---- Values ---- */

/* As measure_targets.c has them, where a row of weight 2 counts twice. */
static void measure_value(const column_asker *q, const float *weight, size_t k, double *m)
{
    const scores *s = q->s;
    double n = 0, sum[2] = {0}, square[2] = {0}, product = 0, squares = 0, error = 0, absolute = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < s->n; i++) {
            const double y = (double)s->y[i * s->targets + k], p = (double)s->p[i * s->targets + k];
            const double w = weight_of(weight, i);
            if (isnan(y)) continue;
            if (pass == 0) {
                n += w;
                sum[0] += w * y, sum[1] += w * p;
                error += w * (p - y);
                absolute += w * fabs(p - y);
                squares += w * (p - y) * (p - y);
            } else {
                const double dy = y - sum[0] / n, dp = p - sum[1] / n;
                square[0] += w * dy * dy, square[1] += w * dp * dp;
                product += w * dy * dp;
            }
        }
    for (size_t i = 0; i < COLUMN_METRICS; i++) m[i] = NAN;
    if (!(n > 0)) return;
    const double apart = (sum[0] - sum[1]) / n;
    m[0] = error / n;
    m[1] = absolute / n;
    m[2] = sqrt(squares / n);
    if (!(square[0] > 0)) return;
    m[3] = 1 - squares / square[0];
    if (square[1] > 0) m[4] = product / (sqrt(square[0]) * sqrt(square[1]));
    m[5] = 2 * product / (square[0] + square[1] + n * apart * apart);
}

/* ---- Labels ---- */

static size_t add_answers(const column_asker *q, const float *weight, size_t k, size_t n)
{
    const scores *s = q->s;
    for (size_t i = 0; i < s->n; i++) {
        const float y = s->y[i * s->targets + k];
        if (isnan(y)) continue;
        q->p[n] = s->p[i * s->targets + k];
        q->w[n] = (float)weight_of(weight, i);
        q->truth[n++] = y > 0;
    }
    return n;
}

/* Of the answers [from, to). */
static void measure_answers(const column_asker *q, size_t from, size_t to, double *m)
{
    double positive = 0, said = 0, hits = 0, all = 0;
    for (size_t i = from; i < to; i++) {
        const double w = (double)q->w[i];
        const int yes = q->p[i] > 0.5f;
        all += w;
        positive += w * q->truth[i];
        said += w * yes;
        hits += w * (yes && q->truth[i]);
    }
    for (size_t k = 0; k < COLUMN_METRICS; k++) m[k] = NAN;
    if (rnnp_metrics_ranking(to - from, q->p + from, q->truth + from, q->w + from, q->scratch, &m[0], &m[1], NULL,
                             NULL) != RNNP_OK)
        m[0] = m[1] = NAN;
    if (!(all > 0)) return;
    m[2] = said > 0 ? hits / said : 0;
    m[3] = positive > 0 ? hits / positive : 0;
    m[4] = positive + said > 0 ? 2 * hits / (positive + said) : 0;
    m[5] = positive;
}

/* ---- All ---- */

/* Means over the columns where a metric is defined; of F1 over those that have a positive answer. */
static void take_means(const column_asker *q, const double *of, double *means)
{
    for (size_t m = 0; m < COLUMN_METRICS; m++) {
        double sum = 0, n = 0;
        for (size_t k = 0; k < q->s->targets; k++) {
            const double x = of[k * COLUMN_METRICS + m];
            if (isnan(x) || (!q->values && m == 4 && !(of[k * COLUMN_METRICS + 5] > 0))) continue;
            sum += x;
            n++;
        }
        const int has = q->values ? m == 3 : m < 2 || m == 4;
        means[m] = has && n > 0 ? sum / n : (double)NAN;
    }
}

static void ask(void *user, const float *weight, double *of)
{
    const column_asker *q = user;
    const size_t T = q->s->targets;
    double *const micro = of + T * COLUMN_METRICS;
    size_t n = 0;
    for (size_t k = 0; k < COLUMN_METRICS; k++) micro[k] = NAN;
    for (size_t k = 0; k < T; k++) {
        const size_t from = n;
        if (q->values)
            measure_value(q, weight, k, of + k * COLUMN_METRICS);
        else
            n = add_answers(q, weight, k, n), measure_answers(q, from, n, of + k * COLUMN_METRICS);
    }
    if (!q->values) measure_answers(q, 0, n, micro);
    take_means(q, of, micro + COLUMN_METRICS);
}

static void take_clusters(const scores *s, const dataset *set, judged *j)
{
    judged_create(j, s->n, 0);
    j->grouped = set->group_names != NULL;
    j->clusters = set->group ? set->groups : set->n;
    for (size_t i = 0; i < s->n; i++) j->cluster[i] = set->group ? set->group[s->row[i]] : s->row[i];
    judged_number(j);
}

void columns_measure(const scores *s, const dataset *set, const train_config *config, const resampling *how, columns *c)
{
    *c = (columns){0};
    if (!s->per_target) return;
    const size_t all = s->n * s->targets + 1, width = (s->targets + 2) * COLUMN_METRICS;
    FREED float *p = cli_alloc(all, sizeof *p), *w = cli_alloc(all, sizeof *w);
    FREED int32_t *truth = cli_alloc(all, sizeof *truth);
    FREED size_t *scratch = cli_alloc(2 * all, sizeof *scratch);
    FREED double *estimates = cli_alloc(width, sizeof *estimates);
    FREED double *draws = cli_alloc(how->draws * width + 1, sizeof *draws);
    FREED rnnp_bootstrap *found = cli_alloc(width, sizeof *found);
    column_asker q = {s, config->target == TARGET_VALUES, p, w, truth, scratch};
    c->n = s->targets;
    c->values = q.values;
    c->at = cli_alloc(width, sizeof *c->at);
    take_clusters(s, set, &c->j);
    ask(&q, NULL, estimates);
    if (how->draws) {
        intervals_draw(&c->j, how, width, ask, &q, draws);
        intervals_of_columns(how, width, draws, estimates, found);
    }
    for (size_t k = 0; k < width; k++) c->at[k] = (measured){estimates[k], found[k]};
}

void columns_free(columns *c)
{
    judged_free(&c->j);
    free(c->at);
    *c = (columns){0};
}

/* ---- Text ---- */

const char *columns_name(const columns *c, const dataset *set, size_t row)
{
    if (row < c->n) return set->target_names[row];
    return row == c->n && !c->values ? "micro" : row == c->n + 1 ? (c->values ? "mean" : "macro") : NULL;
}

const char *columns_metric(const columns *c, size_t k)
{
    static const char *const names[2][COLUMN_METRICS] = {
        {"ROC AUC", "average precision", "precision", "recall", "F1", "positive"},
        {"mean error", "MAE", "RMSE", "R2", "Pearson", "concordance"}};
    return names[c->values][k];
}

const char *columns_text(const columns *c, size_t k, double value, char text[32])
{
    snprintf(text, 32, c->values && k < 3 ? "%.5g" : !c->values && k == 5 ? "%.0f" : "%.4f", value);
    return text;
}

void columns_print(const columns *c, const dataset *set, const resampling *how, const char *name)
{
    char units[48], text[3][32];
    if (!c->n || !how->draws) return;
    printf("  %.6g %% intervals%s%s: percentile bootstrap, %zu draws of %s\n", 100 * how->confidence,
           name ? " of " : "", name ? name : "", how->draws, judged_units(&c->j, units));
    for (size_t row = 0; row < c->n + 2; row++)
        for (size_t k = 0; k < COLUMN_METRICS - !c->values && columns_name(c, set, row); k++) {
            const measured *m = &c->at[row * COLUMN_METRICS + k];
            if (isnan(m->estimate)) continue;
            printf("  %-16s %-18s %10s", columns_name(c, set, row), columns_metric(c, k),
                   columns_text(c, k, m->estimate, text[0]));
            if (m->found.used && m->found.error > 0)
                printf("   %s to %s", columns_text(c, k, m->found.interval.low, text[1]),
                       columns_text(c, k, m->found.interval.high, text[2]));
            else if (m->found.used)
                printf("   no interval: all draws are alike");
            if (m->found.used && m->found.used < how->draws) printf("   (defined in %zu draws)", m->found.used);
            putchar('\n');
        }
}
