/* SPDX-License-Identifier: Apache-2.0
 *
 * What is made of outputs: metrics, and a report of them.
 */
#include "training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Outputs ---- */

void scores_create(scores *s, size_t classes, size_t n)
{
    *s = (scores){.n = n, .classes = classes};
    s->row = cli_alloc(n + 1, sizeof *s->row);
    s->fold = cli_alloc(n + 1, sizeof *s->fold);
    s->truth = cli_alloc(n + 1, sizeof *s->truth);
    s->error = cli_alloc(n + 1, sizeof *s->error);
    s->p = cli_alloc(n * classes + 1, sizeof *s->p);
}

void scores_add(scores *all, const scores *part, size_t fold)
{
    const size_t K = all->classes;
    const double weight = all->weight + part->weight;
    for (size_t i = 0; i < part->n; i++) {
        const size_t at = part->row[i];
        all->row[at] = part->row[i];
        all->fold[at] = (uint32_t)fold;
        all->truth[at] = part->truth[i];
        all->error[at] = part->error[i];
        memcpy(all->p + at * K, part->p + i * K, K * sizeof *all->p);
    }
    all->loss = weight > 0 ? (all->loss * all->weight + part->loss * part->weight) / weight : 0;
    all->weight = weight;
    all->squares += part->squares;
    all->changes += part->changes;
    all->elements += part->elements;
}

void scores_free(scores *s)
{
    free(s->row);
    free(s->fold);
    free(s->truth);
    free(s->error);
    free(s->p);
    free(s->per_class);
    free(s->confusion);
    free(s->curve);
    *s = (scores){0};
}

/* ---- Metrics ---- */

static void measure_ranking(scores *s, const float *score)
{
    FREED size_t *scratch = cli_alloc(2 * s->n + 1, sizeof *scratch);
    free(s->curve);
    s->curve = cli_alloc(s->n + 1, sizeof *s->curve);
    if (rnnp_metrics_ranking(s->n, score, s->truth, NULL, scratch, &s->auc, &s->average_precision, s->curve,
                             &s->n_points) != RNNP_OK)
        s->auc = s->average_precision = NAN, s->n_points = 0;
}

/* Of two classes the metrics look at class 1 alone: score[i], its probability. */
static void measure_two_classes(scores *s)
{
    FREED float *score = cli_alloc(s->n + 1, sizeof *score);
    rnnp_calibration_bin bins[10];
    for (size_t i = 0; i < s->n; i++) score[i] = s->p[2 * i + 1];
    measure_ranking(s, score);
    if (rnnp_metrics_brier(s->n, 2, score, s->truth, NULL, &s->brier) != RNNP_OK) s->brier = NAN;
    if (rnnp_metrics_calibration(s->n, 10, score, s->truth, NULL, bins, &s->calibration) != RNNP_OK)
        s->calibration = NAN;
}

size_t scores_class(const scores *s, size_t i)
{
    const float *p = s->p + i * s->classes;
    size_t best = 0;
    if (s->thresholded && p[s->positive] >= s->threshold) return s->positive;
    if (s->thresholded && s->positive == 0) best = 1;
    for (size_t k = best + 1; k < s->classes; k++)
        if (p[k] > p[best] && !(s->thresholded && k == s->positive)) best = k;
    return best;
}

/* Adds to the confusion matrix which class each sequence is said to be of. */
static rnnp_status count_classes(scores *s)
{
    FREED float *chosen = s->thresholded ? cli_alloc(s->n * s->classes + 1, sizeof *chosen) : NULL;
    for (size_t i = 0; i < s->n && chosen; i++) chosen[i * s->classes + scores_class(s, i)] = 1;
    return rnnp_metrics_confusion(s->n, s->classes, chosen ? chosen : s->p, s->truth, NULL, s->confusion);
}

int scores_measure(scores *s, const train_config *config)
{
    s->auc = s->average_precision = s->brier = s->calibration = NAN;
    s->summary = (rnnp_summary_metrics){sizeof s->summary, NAN, NAN, NAN, NAN, NAN};
    for (size_t i = 0; i < s->n; i++)
        if (s->truth[i] < 0) return CLI_OK; /* no labels: predictions alone */
    if (config->target != TARGET_LABEL) {
        if (s->classes == 2) measure_ranking(s, s->error);
        return CLI_OK;
    }
    free(s->confusion);
    free(s->per_class);
    s->confusion = cli_alloc(s->classes * s->classes + 1, sizeof *s->confusion);
    s->per_class = cli_alloc(s->classes + 1, sizeof *s->per_class);
    if (count_classes(s) != RNNP_OK ||
        rnnp_metrics_classes(s->classes, s->confusion, s->per_class, &s->summary) != RNNP_OK)
        return cli_fail("the model's output is not a number");
    if (s->classes == 2)
        measure_two_classes(s);
    else if (rnnp_metrics_brier(s->n, s->classes, s->p, s->truth, NULL, &s->brier) != RNNP_OK)
        s->brier = NAN;
    return CLI_OK;
}

double scores_value(const scores *s, const train_config *config)
{
    switch (config->score) {
    case SCORE_ACCURACY: return -s->summary.accuracy;
    case SCORE_AUC: return -s->auc;
    case SCORE_F1: return -s->summary.f1;
    case SCORE_LOSS: break;
    }
    return s->loss;
}

/* ---- The report ---- */

static void print_classes(const scores *s, const dataset *set)
{
    printf("  %-16s %9s %9s %9s %9s   confusion\n", "class", "precision", "recall", "F1", "n");
    for (size_t k = 0; k < s->classes; k++) {
        const rnnp_class_metrics *m = &s->per_class[k];
        printf("  %-16s %9.4f %9.4f %9.4f %9.0f  ", set->class_names[k], m->precision, m->recall, m->f1, m->support);
        for (size_t j = 0; j < s->classes; j++) printf(" %5.0f", s->confusion[k * s->classes + j]);
        putchar('\n');
    }
}

static void print_calibrated(const char *name, double value, double before)
{
    printf(", %s %.4f", name, value);
    if (before > 0) printf(" (%.4f before)", before);
}

void scores_print(const scores *s, const dataset *set, const train_config *config, const char *what)
{
    printf("%s: %zu sequences", what, s->n);
    if (s->weight > 0) printf(", loss %.5g", s->loss);
    if (s->elements > 0) printf(", mean squared error %.5g", s->squares / s->elements);
    if (s->elements > 0 && config->target == TARGET_NEXT) printf(", persistence %.5g", s->changes / s->elements);
    if (!isnan(s->summary.accuracy))
        printf(", accuracy %.4f, macro F1 %.4f, kappa %.4f", s->summary.accuracy, s->summary.f1, s->summary.kappa);
    if (!isnan(s->auc)) printf(", ROC AUC %.4f, average precision %.4f", s->auc, s->average_precision);
    if (!isnan(s->brier)) print_calibrated("Brier", s->brier, s->brier_before);
    if (!isnan(s->calibration)) print_calibrated("calibration error", s->calibration, s->calibration_before);
    putchar('\n');
    if (config->target == TARGET_LABEL && s->per_class) print_classes(s, set);
}
