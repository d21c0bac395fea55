/* SPDX-License-Identifier: Apache-2.0 */
#include "judged.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../system.h"
#include "rnnpack/metrics.h"

/* ---- Rows ---- */

void judged_create(judged *j, size_t n, size_t classes)
{
    *j = (judged){.n = n, .classes = classes};
    j->p = cli_alloc(n * classes + 1, sizeof *j->p);
    j->error = cli_alloc(n + 1, sizeof *j->error);
    j->extent = cli_alloc(n + 1, sizeof *j->extent);
    j->truth = cli_alloc(n + 1, sizeof *j->truth);
    j->cluster = cli_alloc(n + 1, sizeof *j->cluster);
    j->row = cli_alloc(n + 1, sizeof *j->row);
    for (size_t i = 0; i < n; i++) j->row[i] = i;
}

void judged_free(judged *j)
{
    free(j->p);
    free(j->chosen);
    free(j->error);
    free(j->extent);
    free(j->truth);
    free(j->cluster);
    free(j->row);
    *j = (judged){0};
}

void judged_forget(judged *j)
{
    free(j->truth);
    j->truth = NULL;
}

static void copy_row(const judged *from, size_t i, judged *to, size_t k)
{
    memcpy(to->p + k * to->classes, from->p + i * from->classes, to->classes * sizeof *to->p);
    if (from->chosen)
        memcpy(to->chosen + k * to->classes, from->chosen + i * from->classes, to->classes * sizeof *to->chosen);
    to->error[k] = from->error[i];
    to->extent[k] = from->extent[i];
    if (from->truth) to->truth[k] = from->truth[i];
    to->cluster[k] = from->cluster[i];
    to->row[k] = from->row[i];
}

void judged_number(judged *j)
{
    FREED size_t *name = cli_alloc(j->clusters + 1, sizeof *name);
    size_t found = 0;
    for (size_t i = 0; i < j->n; i++) {
        size_t *of = &name[j->cluster[i]];
        if (!*of) *of = ++found;
        j->cluster[i] = *of - 1;
    }
    j->clusters = found;
}

/* Numbers without gaps, in the same order. */
static void close_gaps(judged *j)
{
    FREED size_t *name = cli_alloc(j->clusters + 1, sizeof *name);
    size_t found = 0;
    for (size_t i = 0; i < j->n; i++) name[j->cluster[i]] = 1;
    for (size_t c = 0; c < j->clusters; c++)
        if (name[c]) name[c] = found++;
    for (size_t i = 0; i < j->n; i++) j->cluster[i] = name[j->cluster[i]];
    j->clusters = found;
}

static judged like(const judged *j, size_t n)
{
    judged copy;
    judged_create(&copy, n, j->classes);
    if (!j->truth) judged_forget(&copy);
    if (j->chosen) copy.chosen = cli_alloc(n * j->classes + 1, sizeof *copy.chosen);
    copy.clusters = j->clusters;
    copy.grouped = j->grouped;
    copy.class_names = j->class_names;
    return copy;
}

typedef struct ranked {
    float score;
    size_t row;
} ranked;

static int by_score(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return x->score != y->score ? (x->score < y->score ? 1 : -1) : (x->row > y->row) - (x->row < y->row);
}

static float score_of(const judged *j, size_t i) { return j->classes == 2 ? j->p[2 * i + 1] : j->error[i]; }

void judged_order(judged *j)
{
    FREED ranked *order = cli_alloc(j->n + 1, sizeof *order);
    judged sorted = like(j, j->n);
    for (size_t i = 0; i < j->n; i++) order[i] = (ranked){j->classes > 2 ? 0 : score_of(j, i), i};
    qsort(order, j->n, sizeof *order, by_score);
    for (size_t i = 0; i < j->n; i++) copy_row(j, order[i].row, &sorted, i);
    judged_free(j);
    *j = sorted;
}

void judged_part(const judged *j, const unsigned char *kept, judged *part)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < j->n; i++) n += kept[j->row[i]];
    *part = like(j, n);
    for (size_t i = 0; i < j->n; i++)
        if (kept[j->row[i]]) copy_row(j, i, part, at++);
    close_gaps(part);
}

const float *judged_score(const judged *j, float *memory)
{
    if (j->classes > 2 || !j->truth) return NULL;
    for (size_t i = 0; i < j->n; i++) {
        if (j->truth[i] < 0 || j->truth[i] > 1) return NULL;
        memory[i] = score_of(j, i);
    }
    return memory;
}

const char *judged_units(const judged *j, char text[48])
{
    snprintf(text, 48, "%zu %s%s", j->clusters, j->grouped ? "group" : "sequence", j->clusters == 1 ? "" : "s");
    return text;
}

/* ---- Metrics ---- */

const char *metric_name(metric_kind kind)
{
    static const char *const names[METRICS] = {
        "accuracy", "macro F1",          "kappa", "sensitivity",       "specificity",       "PPV",
        "ROC AUC",  "average precision", "Brier", "calibration error", "mean squared error"};
    return names[kind];
}

const char *metric_text(metric_kind kind, double value, char text[32])
{
    snprintf(text, 32, kind == METRIC_ERROR ? "%.5g" : "%.4f", value);
    return text;
}

int metric_is_loss(metric_kind kind) { return kind >= METRIC_BRIER; }

void metrics_room_create(metrics_room *room, const judged *j)
{
    room->score = cli_alloc(j->n + 1, sizeof *room->score);
    room->scratch = cli_alloc(2 * j->n + 1, sizeof *room->scratch);
    room->confusion = cli_alloc(j->classes * j->classes + 1, sizeof *room->confusion);
}

void metrics_room_free(metrics_room *room)
{
    free(room->score);
    free(room->scratch);
    free(room->confusion);
}

static double share(double part, double all) { return all > 0 ? part / all : (double)NAN; }

/* Of a confusion matrix. Undefined without cases, or without calls: a share of nothing is not 0, and draws must not
 * count it as such. */
static void of_two(const double c[4], double values[METRICS])
{
    values[METRIC_SENSITIVITY] = share(c[3], c[2] + c[3]);
    values[METRIC_SPECIFICITY] = share(c[0], c[0] + c[1]);
    values[METRIC_PPV] = share(c[3], c[1] + c[3]);
}

static void of_classes(const judged *j, metrics_room *room, const float *weight, double values[METRICS])
{
    rnnp_summary_metrics summary = {.struct_size = sizeof summary};
    memset(room->confusion, 0, j->classes * j->classes * sizeof *room->confusion);
    if (rnnp_metrics_confusion(j->n, j->classes, j->chosen ? j->chosen : j->p, j->truth, weight, room->confusion) !=
            RNNP_OK ||
        rnnp_metrics_classes(j->classes, room->confusion, NULL, &summary) != RNNP_OK)
        return;
    values[METRIC_ACCURACY] = summary.accuracy;
    values[METRIC_F1] = summary.f1;
    values[METRIC_KAPPA] = summary.kappa;
    if (j->classes == 2) of_two(room->confusion, values);
}

/* Mean over all numbers, as many as each row has. */
static double mean_error(const judged *j, const float *weight)
{
    double sum = 0, all = 0;
    for (size_t i = 0; i < j->n; i++) {
        const double w = (weight ? (double)weight[i] : 1) * j->extent[i];
        sum += w * (double)j->error[i];
        all += w;
    }
    return all > 0 ? sum / all : (double)NAN;
}

void metrics_of(const judged *j, metrics_room *room, const float *weight, double values[METRICS])
{
    rnnp_calibration_bin bins[10];
    double x, y;
    for (metric_kind k = 0; k < METRICS; k++) values[k] = NAN;
    if (!j->classes) values[METRIC_ERROR] = mean_error(j, weight);
    if (j->classes) of_classes(j, room, weight, values);
    const float *score = judged_score(j, room->score);
    if (score && rnnp_metrics_ranking(j->n, score, j->truth, weight, room->scratch, &x, &y, NULL, NULL) == RNNP_OK)
        values[METRIC_AUC] = x, values[METRIC_PRECISION] = y;
    if (j->classes < 2) return;
    if (rnnp_metrics_brier(j->n, j->classes, score ? score : j->p, j->truth, weight, &x) == RNNP_OK)
        values[METRIC_BRIER] = x;
    if (score && rnnp_metrics_calibration(j->n, 10, score, j->truth, weight, bins, &x) == RNNP_OK)
        values[METRIC_CALIBRATION] = x;
}
