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

void scores_create(scores *s, const train_config *config, const dataset *set, const uint32_t *rows, size_t n)
{
    const int steps = config->target == TARGET_STEP_LABEL;
    *s = (scores){.n = n, .classes = set->classes, .targets = set->targets};
    s->width = target_has_columns(config->target) ? set->targets : set->classes;
    s->at = cli_alloc(n + 1, sizeof *s->at);
    for (size_t i = 0; i < n; i++) s->at[i + 1] = s->at[i] + (steps ? dataset_steps(set, rows ? rows[i] : i) : 1);
    s->row = cli_alloc(n + 1, sizeof *s->row);
    s->fold = cli_alloc(n + 1, sizeof *s->fold);
    s->truth = cli_alloc(s->at[n] + 1, sizeof *s->truth);
    s->error = cli_alloc(n + 1, sizeof *s->error);
    s->p = cli_alloc(s->at[n] * s->width + 1, sizeof *s->p);
    s->y = cli_alloc(n * s->targets + 1, sizeof *s->y);
}

void scores_add(scores *all, const scores *part, size_t fold)
{
    const size_t W = all->width, T = all->targets;
    const double weight = all->weight + part->weight;
    for (size_t i = 0; i < part->n; i++) {
        const size_t row = part->row[i], items = part->at[i + 1] - part->at[i];
        all->row[row] = part->row[i];
        all->fold[row] = (uint32_t)fold;
        all->error[row] = part->error[i];
        memcpy(all->truth + all->at[row], part->truth + part->at[i], items * sizeof *all->truth);
        memcpy(all->p + all->at[row] * W, part->p + part->at[i] * W, items * W * sizeof *all->p);
        memcpy(all->y + row * T, part->y + i * T, T * sizeof *all->y);
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
    free(s->at);
    free(s->y);
    free(s->per_target);
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

/* Items whose class is known. */
typedef struct labelled {
    size_t n, *item;
    float *p; /* [n][classes] */
    int32_t *truth;
} labelled;

static void labelled_free(labelled *k)
{
    free(k->item);
    free(k->p);
    free(k->truth);
}
#define AUTO_LABELLED __attribute__((cleanup(labelled_free))) labelled

static labelled find_labelled(const scores *s)
{
    const size_t items = s->at[s->n], K = s->classes;
    labelled k = {0, cli_alloc(items + 1, sizeof *k.item), cli_alloc(items * K + 1, sizeof *k.p),
                  cli_alloc(items + 1, sizeof *k.truth)};
    for (size_t i = 0; i < items; i++) {
        if (s->truth[i] < 0) continue;
        memcpy(k.p + k.n * K, s->p + i * K, K * sizeof *k.p);
        k.item[k.n] = i;
        k.truth[k.n++] = s->truth[i];
    }
    return k;
}

static void measure_ranking(scores *s, size_t n, const float *score, const int32_t *truth)
{
    FREED size_t *scratch = cli_alloc(2 * n + 1, sizeof *scratch);
    free(s->curve);
    s->curve = cli_alloc(n + 1, sizeof *s->curve);
    if (rnnp_metrics_ranking(n, score, truth, NULL, scratch, &s->auc, &s->average_precision, s->curve, &s->n_points) !=
        RNNP_OK)
        s->auc = s->average_precision = NAN, s->n_points = 0;
}

/* Of two classes the metrics look at class 1 alone: score[i], its probability. */
static void measure_two_classes(scores *s, const labelled *k)
{
    FREED float *score = cli_alloc(k->n + 1, sizeof *score);
    rnnp_calibration_bin bins[10];
    for (size_t i = 0; i < k->n; i++) score[i] = k->p[2 * i + 1];
    measure_ranking(s, k->n, score, k->truth);
    if (rnnp_metrics_brier(k->n, 2, score, k->truth, NULL, &s->brier) != RNNP_OK) s->brier = NAN;
    if (rnnp_metrics_calibration(k->n, 10, score, k->truth, NULL, bins, &s->calibration) != RNNP_OK)
        s->calibration = NAN;
}

size_t scores_class(const scores *s, size_t item)
{
    const float *p = s->p + item * s->classes;
    size_t best = 0;
    if (s->thresholded && p[s->positive] >= s->threshold) return s->positive;
    if (s->thresholded && s->positive == 0) best = 1;
    for (size_t k = best + 1; k < s->classes; k++)
        if (p[k] > p[best] && !(s->thresholded && k == s->positive)) best = k;
    return best;
}

/* Adds to the confusion matrix which class each item is said to be of. */
static rnnp_status count_classes(scores *s, const labelled *k)
{
    FREED float *chosen = s->thresholded ? cli_alloc(k->n * s->classes + 1, sizeof *chosen) : NULL;
    for (size_t i = 0; i < k->n && chosen; i++) chosen[i * s->classes + scores_class(s, k->item[i])] = 1;
    return rnnp_metrics_confusion(k->n, s->classes, chosen ? chosen : k->p, k->truth, NULL, s->confusion);
}

static int measure_classes(scores *s)
{
    AUTO_LABELLED k = find_labelled(s);
    s->items = s->at[s->n];
    s->labelled = k.n;
    if (!k.n) return CLI_OK; /* no labels: predictions alone */
    free(s->confusion);
    free(s->per_class);
    s->confusion = cli_alloc(s->classes * s->classes + 1, sizeof *s->confusion);
    s->per_class = cli_alloc(s->classes + 1, sizeof *s->per_class);
    if (count_classes(s, &k) != RNNP_OK ||
        rnnp_metrics_classes(s->classes, s->confusion, s->per_class, &s->summary) != RNNP_OK)
        return cli_fail("the model's output is not a number");
    if (s->classes == 2)
        measure_two_classes(s, &k);
    else if (rnnp_metrics_brier(k.n, s->classes, k.p, k.truth, NULL, &s->brier) != RNNP_OK)
        s->brier = NAN;
    return CLI_OK;
}

int scores_measure(scores *s, const train_config *config)
{
    s->auc = s->average_precision = s->brier = s->calibration = s->r2 = NAN;
    s->summary = (rnnp_summary_metrics){sizeof s->summary, NAN, NAN, NAN, NAN, NAN};
    if (config->target == TARGET_VALUES) scores_measure_values(s);
    if (config->target == TARGET_LABELS) scores_measure_labels(s);
    if (target_is_class(config->target)) return measure_classes(s);
    for (size_t i = 0; i < s->n && target_is_input(config->target); i++)
        if (s->truth[i] < 0) return CLI_OK;
    if (target_is_input(config->target) && s->classes == 2) measure_ranking(s, s->n, s->error, s->truth);
    return CLI_OK;
}

double scores_value(const scores *s, const train_config *config)
{
    switch (config->score) {
    case SCORE_ACCURACY: return -s->summary.accuracy;
    case SCORE_AUC: return -s->auc;
    case SCORE_F1: return -s->summary.f1;
    case SCORE_R2: return -s->r2;
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
    const int labels = config->target == TARGET_LABELS;
    printf("%s: %zu sequences", what, s->n);
    if (config->target == TARGET_STEP_LABEL) printf(", %zu steps, %zu of them with a label", s->items, s->labelled);
    if (s->weight > 0) printf(", loss %.5g", s->loss);
    if (s->elements > 0) printf(", mean squared error %.5g", s->squares / s->elements);
    if (s->elements > 0 && config->target == TARGET_NEXT) printf(", persistence %.5g", s->changes / s->elements);
    if (!isnan(s->summary.accuracy))
        printf(", accuracy %.4f, macro F1 %.4f, kappa %.4f", s->summary.accuracy, s->summary.f1, s->summary.kappa);
    if (!isnan(s->auc))
        printf(", %sROC AUC %.4f, %saverage precision %.4f", labels ? "macro " : "", s->auc, labels ? "macro " : "",
               s->average_precision);
    if (labels && !isnan(s->summary.f1)) printf(", macro F1 %.4f", s->summary.f1);
    if (labels && !isnan(s->micro.auc))
        printf(", micro ROC AUC %.4f, micro average precision %.4f", s->micro.auc, s->micro.average_precision);
    if (labels && !isnan(s->summary.f1)) printf(", micro F1 %.4f", s->micro.f1);
    if (!isnan(s->r2)) printf(", mean R2 %.4f", s->r2);
    if (!isnan(s->brier)) print_calibrated("Brier", s->brier, s->brier_before);
    if (!isnan(s->calibration)) print_calibrated("calibration error", s->calibration, s->calibration_before);
    putchar('\n');
    if (target_is_class(config->target) && s->per_class) print_classes(s, set);
    if (s->per_target) scores_print_targets(s, set, config->target);
}
