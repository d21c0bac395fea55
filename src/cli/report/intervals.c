/* SPDX-License-Identifier: Apache-2.0 */
#include "intervals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int resampling_of(const cli_call *call, resampling *how)
{
    *how = (resampling){.draws = call->bootstrap, .confidence = call->confidence, .quiet = call->quiet};
    if (!(how->confidence > 0 && how->confidence < 1))
        return cli_misuse("--confidence needs a number between 0 and 1, such as 0.95");
    if (how->draws == 1 || how->draws > 1000000)
        return cli_misuse("--bootstrap needs 0, or a number from 2 to 1000000");
    how->bca = strcmp(call->interval, "bca") == 0;
    if (!how->bca && strcmp(call->interval, "percentile") != 0)
        return cli_misuse("--interval is percentile or bca, not '%s'", call->interval);
    return CLI_OK;
}

/* ---- Draws ---- */

void intervals_draw(const judged *j, const resampling *how, size_t n, draw_fn *fn, void *user, double *all)
{
    FREED float *counts = cli_alloc(j->clusters + 1, sizeof *counts);
    FREED float *weight = cli_alloc(j->n + 1, sizeof *weight);
    for (size_t d = 0; d < how->draws; d++) {
        if (rnnp_metrics_resample(j->n, j->clusters, j->cluster, how->seed, d, counts, weight) != RNNP_OK) {
            for (size_t k = 0; k < n; k++) all[d * n + k] = NAN; /* more clusters than a weight can count */
            continue;
        }
        fn(user, weight, all + d * n);
        if (!how->quiet && d % 16 == 0) cli_progress("bootstrap", (double)d, (double)how->draws, "draws");
    }
    if (!how->quiet) cli_progress_end();
}

/* The metrics without each cluster in turn: all [clusters][n]. */
static void leave_out(const judged *j, size_t n, draw_fn *fn, void *user, double *all)
{
    FREED float *weight = cli_alloc(j->n + 1, sizeof *weight);
    for (size_t c = 0; c < j->clusters; c++) {
        for (size_t i = 0; i < j->n; i++) weight[i] = j->cluster[i] != c;
        fn(user, weight, all + c * n);
    }
}

static void column_of(const double *all, size_t rows, size_t n, size_t k, double *column)
{
    for (size_t d = 0; d < rows; d++) column[d] = all[d * n + k];
}

/* left [clusters][n] may be NULL. */
static void summarise(const resampling *how, size_t n, const double *all, size_t clusters, const double *left,
                      const double *estimates, rnnp_bootstrap *found)
{
    FREED double *column = cli_alloc(how->draws + 1, sizeof *column);
    FREED double *scratch = cli_alloc(how->draws + 1, sizeof *scratch);
    FREED double *without = cli_alloc(clusters + 1, sizeof *without);
    for (size_t k = 0; k < n; k++) {
        found[k] = (rnnp_bootstrap){.interval = {NAN, NAN}, .error = NAN, .p_value = NAN};
        column_of(all, how->draws, n, k, column);
        if (left) column_of(left, clusters, n, k, without);
        (void)rnnp_metrics_bootstrap(estimates[k], how->draws, column, clusters, left ? without : NULL, how->confidence,
                                     scratch, &found[k]); /* fails where there is no interval */
    }
}

void intervals_of_columns(const resampling *how, size_t n, const double *all, const double *estimates,
                          rnnp_bootstrap *found)
{
    summarise(how, n, all, 0, NULL, estimates, found);
}

/* ---- Metrics ---- */

/* Noise only adds to a calibration error, and a replicate has the noise of the rows once more: replicates lie as far
 * above the estimate as that lies above the truth. The basic interval (Davison and Hinkley 1997, 5.2) turns them
 * round. */
static void turn_round(double estimate, rnnp_interval *at)
{
    *at = (rnnp_interval){fmax(0, 2 * estimate - at->high), fmax(0, 2 * estimate - at->low)};
}

/* Of one model, or of a minus b: rows of b are weighted by their clusters, too, which have the same numbers. */
typedef struct asked {
    const judged *a, *b;
    metrics_room room_a, room_b;
    float *counts, *weight_b;
} asked;

static void asked_free(asked *q)
{
    metrics_room_free(&q->room_a);
    metrics_room_free(&q->room_b);
    free(q->counts);
    free(q->weight_b);
}

static void ask(void *user, const float *weight, double *values)
{
    asked *q = user;
    double of_b[METRICS];
    metrics_of(q->a, &q->room_a, weight, values);
    if (!q->b) return;
    for (size_t i = 0; i < q->a->n && weight; i++) q->counts[q->a->cluster[i]] = weight[i];
    for (size_t i = 0; i < q->b->n && weight; i++) q->weight_b[i] = q->counts[q->b->cluster[i]];
    metrics_of(q->b, &q->room_b, weight ? q->weight_b : NULL, of_b);
    for (metric_kind k = 0; k < METRICS; k++) values[k] -= of_b[k];
}

static void measure(asked *q, const resampling *how, measured values[METRICS])
{
    const judged *j = q->a;
    FREED double *all = cli_alloc(how->draws * METRICS + 1, sizeof *all);
    FREED double *left = how->bca ? cli_alloc(j->clusters * METRICS + 1, sizeof *left) : NULL;
    double estimates[METRICS];
    rnnp_bootstrap found[METRICS] = {{.used = 0}};
    ask(q, NULL, estimates);
    if (how->draws) {
        intervals_draw(j, how, METRICS, ask, q, all);
        if (left) leave_out(j, METRICS, ask, q, left);
        summarise(how, METRICS, all, how->bca ? j->clusters : 0, left, estimates, found);
    }
    if (!q->b) turn_round(estimates[METRIC_CALIBRATION], &found[METRIC_CALIBRATION].interval);
    for (metric_kind k = 0; k < METRICS; k++) values[k] = (measured){estimates[k], found[k]};
}

void intervals_of(const judged *j, const resampling *how, measured values[METRICS])
{
    __attribute__((cleanup(asked_free))) asked q = {.a = j};
    metrics_room_create(&q.room_a, j);
    measure(&q, how, values);
}

void intervals_of_difference(const judged *a, const judged *b, const resampling *how, measured values[METRICS])
{
    __attribute__((cleanup(asked_free))) asked q = {.a = a, .b = b};
    metrics_room_create(&q.room_a, a);
    metrics_room_create(&q.room_b, b);
    q.counts = cli_alloc(a->clusters + 1, sizeof *q.counts);
    q.weight_b = cli_alloc(b->n + 1, sizeof *q.weight_b);
    measure(&q, how, values);
}

int intervals_delong(const judged *j, const resampling *how, double *auc, double *error, rnnp_interval *interval)
{
    FREED float *score = cli_alloc(j->n + 1, sizeof *score);
    FREED size_t *scratch = cli_alloc(2 * j->n + 1, sizeof *scratch);
    FREED double *work = cli_alloc(j->n + 2 * j->clusters + 1, sizeof *work);
    double variance;
    if (!judged_score(j, score) || rnnp_metrics_delong(j->n, 1, score, j->truth, j->clusters, j->cluster, scratch, work,
                                                       auc, &variance) != RNNP_OK)
        return 0;
    *error = sqrt(fmax(0, variance));
    return rnnp_metrics_normal(*auc, *error * *error, how->confidence, interval, NULL) == RNNP_OK;
}
