/* SPDX-License-Identifier: Apache-2.0
 *
 * Metrics of columns of targets: values, and labels. Sums are in double in the order of the data.
 */
#include "training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void begin(scores *s)
{
    free(s->per_target);
    s->per_target = cli_alloc(s->targets + 1, sizeof *s->per_target);
}

/* Without a truth there is nothing to say. */
static void forget(scores *s)
{
    free(s->per_target);
    s->per_target = NULL;
}

/* ---- Values ---- */

/* Of one column, where the truth is known. Means come first: no cancellation. */
static target_metrics measure_value(const scores *s, size_t k)
{
    target_metrics m = {0};
    double sum[2] = {0}, square[2] = {0}, product = 0, squares = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < s->n; i++) {
            const double y = (double)s->y[i * s->targets + k], p = (double)s->p[i * s->targets + k];
            if (isnan(y)) continue;
            if (pass == 0) {
                m.n++;
                sum[0] += y, sum[1] += p;
                m.error += p - y;
                m.absolute += fabs(p - y);
                squares += (p - y) * (p - y);
            } else {
                const double dy = y - sum[0] / (double)m.n, dp = p - sum[1] / (double)m.n;
                square[0] += dy * dy, square[1] += dp * dp;
                product += dy * dp;
            }
        }
    const double n = (double)m.n, apart = (sum[0] - sum[1]) / n;
    m.error /= n;
    m.absolute /= n;
    m.root_square = sqrt(squares / n);
    m.r2 = square[0] > 0 ? 1 - squares / square[0] : NAN;
    m.pearson = square[0] > 0 && square[1] > 0 ? product / (sqrt(square[0]) * sqrt(square[1])) : NAN;
    m.concordance = square[0] > 0 ? 2 * product / (square[0] + square[1] + n * apart * apart) : NAN;
    return m;
}

void scores_measure_values(scores *s)
{
    begin(s);
    for (size_t k = 0; k < s->targets; k++) s->per_target[k] = measure_value(s, k);
    scores_mean_values(s);
}

void scores_mean_values(scores *s)
{
    double sum = 0, defined = 0;
    size_t known = 0;
    for (size_t k = 0; k < s->targets; k++) {
        known += s->per_target[k].n;
        if (isnan(s->per_target[k].r2)) continue;
        sum += s->per_target[k].r2;
        defined++;
    }
    s->r2 = defined > 0 ? sum / defined : NAN;
    if (!known) forget(s);
}

/* ---- Labels ---- */

void scores_count_answers(target_metrics *m)
{
    m->precision = m->said > 0 ? m->hits / m->said : 0;
    m->recall = m->positive ? m->hits / (double)m->positive : 0;
    m->f1 = m->positive || m->said > 0 ? 2 * m->hits / ((double)m->positive + m->said) : 0;
}

/* Of n answers; areas are NaN unless there are both. */
static target_metrics measure_answers(size_t n, const float *p, const int32_t *truth)
{
    FREED size_t *scratch = cli_alloc(2 * n + 1, sizeof *scratch);
    target_metrics m = {.n = n, .auc = NAN, .average_precision = NAN};
    for (size_t i = 0; i < n; i++) {
        m.positive += truth[i] == 1;
        m.said += p[i] > 0.5f;
        m.hits += truth[i] == 1 && p[i] > 0.5f;
    }
    if (rnnp_metrics_ranking(n, p, truth, NULL, scratch, &m.auc, &m.average_precision, NULL, NULL) != RNNP_OK)
        m.auc = m.average_precision = NAN;
    scores_count_answers(&m);
    return m;
}

/* The known answers of column k behind the n before them. Returns how many there are then. */
static size_t add_answers(const scores *s, size_t k, size_t n, float *p, int32_t *truth)
{
    for (size_t i = 0; i < s->n; i++) {
        const float y = s->y[i * s->targets + k];
        if (isnan(y)) continue;
        p[n] = s->p[i * s->targets + k];
        truth[n++] = y > 0;
    }
    return n;
}

void scores_measure_labels(scores *s)
{
    FREED float *p = cli_alloc(s->n * s->targets + 1, sizeof *p);
    FREED int32_t *truth = cli_alloc(s->n * s->targets + 1, sizeof *truth);
    size_t n = 0;
    begin(s);
    for (size_t k = 0; k < s->targets; k++) {
        const size_t before = n;
        n = add_answers(s, k, n, p, truth);
        s->per_target[k] = measure_answers(n - before, p + before, truth + before);
    }
    s->micro = measure_answers(n, p, truth);
    scores_mean_labels(s);
}

/* Columns of which nothing can be said are left out: without both answers an area, without a positive one the F1, as
 * with classes that do not occur. */
void scores_mean_labels(scores *s)
{
    double auc = 0, precision = 0, f1 = 0, ranked = 0, occur = 0;
    for (size_t k = 0; k < s->targets; k++) {
        const target_metrics m = s->per_target[k];
        if (!isnan(m.auc)) auc += m.auc, precision += m.average_precision, ranked++;
        if (m.positive) f1 += m.f1, occur++;
    }
    s->auc = ranked > 0 ? auc / ranked : NAN;
    s->average_precision = ranked > 0 ? precision / ranked : NAN;
    s->summary.f1 = occur > 0 ? f1 / occur : NAN;
    if (!s->micro.n) forget(s);
}

/* ---- The report ---- */

/* A number in its column, "-" where it is not defined. */
static void print_number(int width, const char *format, double x)
{
    char text[32] = "-";
    if (!isnan(x)) snprintf(text, sizeof text, format, x);
    printf(" %*s", width, text);
}

void scores_print_targets(const scores *s, const dataset *set, data_target target)
{
    const int values = target == TARGET_VALUES;
    if (values)
        printf("  %-16s %11s %11s %11s %9s %9s %11s %9s\n", "value", "mean error", "MAE", "RMSE", "R2", "Pearson",
               "concordance", "n");
    else
        printf("  %-16s %9s %9s %9s %9s %9s %9s %9s\n", "label", "ROC AUC", "AP", "precision", "recall", "F1",
               "positive", "n");
    for (size_t k = 0; k < s->targets; k++) {
        const target_metrics *m = &s->per_target[k];
        printf("  %-16s", set->target_names[k]);
        if (values) {
            print_number(11, "%.5g", m->n ? m->error : NAN);
            print_number(11, "%.5g", m->n ? m->absolute : NAN);
            print_number(11, "%.5g", m->n ? m->root_square : NAN);
            print_number(9, "%.4f", m->r2);
            print_number(9, "%.4f", m->pearson);
            print_number(11, "%.4f", m->concordance);
        } else {
            print_number(9, "%.4f", m->auc);
            print_number(9, "%.4f", m->average_precision);
            printf(" %9.4f %9.4f %9.4f %9zu", m->precision, m->recall, m->f1, m->positive);
        }
        printf(" %9zu\n", m->n);
    }
}
