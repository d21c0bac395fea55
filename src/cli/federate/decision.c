/* SPDX-License-Identifier: Apache-2.0 */
#include "decision.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Temperature ---- */

void search_begin(temperature_search *s) { *s = (temperature_search){.low = 0.01, .high = 100}; }

static double point(const temperature_search *s, size_t i)
{
    return i + 1 == SEARCH_POINTS ? s->high : s->low + (s->high - s->low) / (SEARCH_POINTS - 1) * (double)i;
}

int search_slopes(const temperature_search *s, const scores *held, double *sums)
{
    for (size_t i = 0; i < SEARCH_POINTS && held->n; i++)
        if (rnnp_calibration_slope(held->n, held->classes, held->p, held->truth, NULL, point(s, i), &sums[i]) !=
            RNNP_OK)
            return cli_fail("the model's outputs are no probabilities");
    return CLI_OK;
}

/* Slopes rise. Where all are of one sign, the end is the best there is, as in rnnp_calibration_fit_temperature. */
void search_narrow(temperature_search *s, const double *sums)
{
    size_t i = 0;
    while (i < SEARCH_POINTS && sums[i] <= 0) i++;
    const double low = point(s, i ? i - 1 : 0), high = point(s, i < SEARCH_POINTS ? i : SEARCH_POINTS - 1);
    s->low = low;
    s->high = high;
    s->done++;
}

double search_temperature(const temperature_search *s)
{
    return (double)(float)(1 / (s->low + (s->high - s->low) / 2));
}

/* ---- Thresholds and isotonic regression ---- */

int grid_count(const decider *d, const scores *held, size_t positive, double *counts)
{
    const size_t K = held->classes;
    FREED float *p = cli_alloc(held->n * K + 1, sizeof *p);
    memcpy(p, held->p, held->n * K * sizeof *p);
    if (d->calibrate == CALIBRATE_TEMPERATURE && held->n &&
        rnnp_calibration_apply_temperature(held->n, K, d->temperature, p, p) != RNNP_OK)
        return cli_fail("the model's outputs are no probabilities");
    for (size_t i = 0; i < held->n; i++)
        counts[(held->truth[i] == (int32_t)positive ? (size_t)GRID_BINS : 0) + grid_bin(p[i * K + positive])]++;
    return CLI_OK;
}

/* A case for each count, of two classes: the other ones, and this one. */
static void list_cases(const double *counts, scores *s, float *weight)
{
    for (size_t i = 0; i < 2 * (size_t)GRID_BINS; i++) {
        if (!(counts[i] > 0)) continue;
        s->p[2 * s->n + 1] = grid_edge(i % GRID_BINS);
        s->p[2 * s->n] = 1 - s->p[2 * s->n + 1];
        s->truth[s->n] = i >= GRID_BINS;
        weight[s->n++] = (float)counts[i];
    }
}

/* A temperature is in p already. A step of isotonic regression reaches to the end of its last bin. A threshold that
 * nobody is to reach is the edge above the last case. */
int grid_fit(decider *d, const double *counts)
{
    enum { MOST = 2 * GRID_BINS };
    FREED float *p = cli_alloc(2 * MOST, sizeof *p), *weight = cli_alloc(MOST, sizeof *weight);
    FREED int32_t *truth = cli_alloc(MOST, sizeof *truth);
    scores s = {.classes = 2, .p = p, .truth = truth};
    const calibrate_kind calibrate = d->calibrate;
    list_cases(counts, &s, weight);
    if (calibrate == CALIBRATE_TEMPERATURE) d->calibrate = CALIBRATE_NONE;
    const int code = decider_fit_cases(d, &s, weight, 1);
    d->calibrate = calibrate;
    TRY(code);
    for (size_t i = 0; i < d->n_steps; i++) d->steps[i].last = nextafterf(grid_edge(grid_bin(d->steps[i].last) + 1), 0);
    size_t last = GRID_BINS;
    while (last > 0 && !(counts[last - 1] + counts[GRID_BINS + last - 1] > 0)) last--;
    if (d->rule.kind > THRESHOLD_GIVEN && calibrate != CALIBRATE_ISOTONIC && d->threshold > grid_edge(last - 1))
        d->threshold = grid_edge(last);
    return CLI_OK;
}

/* ---- All of it ---- */

int decision_begin(decision *d, const train_config *config, const dataset *like)
{
    *d = (decision){.config = config, .classes = like->classes};
    TRY(decider_check_classes(config, like));
    decider_begin(&d->decider, config, like, 0);
    if (!decider_fits(config)) return CLI_OK;
    d->positive = decider_positive(config, like);
    d->held = cli_alloc(like->classes + 1, sizeof *d->held);
    search_begin(&d->search);
    return CLI_OK;
}

void decision_free(decision *d)
{
    free(d->held);
    decider_free(&d->decider);
}

size_t decision_held(const decision *d) { return decider_fits(d->config) ? d->classes + 1 : 0; }

void decision_count(decision *d, const double *held)
{
    const size_t K = d->classes;
    if (!decider_fits(d->config)) return;
    memmove(d->held, held, (K + 1) * sizeof *held);
    d->decider.cases = 0;
    for (size_t k = 0; k < K; k++) d->decider.cases += sum_count(held[k]);
    d->decider.positives = sum_count(held[d->positive]);
    d->decider.groups = sum_count(held[K]);
}

/* ---- In a call ---- */

void decision_put(const decision *d, payload *p)
{
    if (!decider_fits(d->config)) return;
    for (size_t i = 0; i < decision_held(d); i++) payload_put_number(p, d->held[i]);
    payload_put_number(p, d->search.low);
    payload_put_number(p, d->search.high);
    payload_put(p, d->search.done);
    payload_put_number(p, d->decider.temperature);
    payload_put_number(p, (double)d->decider.threshold);
    payload_put(p, d->decider.n_steps);
    for (size_t i = 0; i < d->decider.n_steps; i++) {
        payload_put_number(p, (double)d->decider.steps[i].first);
        payload_put_number(p, (double)d->decider.steps[i].last);
        payload_put_number(p, d->decider.steps[i].value);
    }
}

/* A number from least to most. */
static double get_number(payload *p, double least, double most)
{
    const double x = payload_get_number(p);
    if (!(x >= least && x <= most)) p->bad = 1;
    return x;
}

/* One that was a float. */
static float get_float(payload *p, double least, double most)
{
    const double x = get_number(p, least, most);
    if ((double)(float)x != x) p->bad = 1;
    return (float)x;
}

static void get_steps(decider *d, payload *p)
{
    float none = 0;
    cli_free(&d->steps);
    d->n_steps = payload_get_count(p, 3);
    if (!d->n_steps) return;
    d->steps = cli_alloc(d->n_steps, sizeof *d->steps);
    for (size_t i = 0; i < d->n_steps; i++) {
        d->steps[i].first = get_float(p, 0, 1);
        d->steps[i].last = get_float(p, 0, 1);
        d->steps[i].value = get_number(p, 0, 1);
    }
    if (!p->bad && rnnp_calibration_apply_isotonic(d->n_steps, d->steps, 0, &none, &none) != RNNP_OK) p->bad = 1;
}

void decision_get(decision *d, payload *p)
{
    if (!decider_fits(d->config)) return;
    for (size_t i = 0; i < decision_held(d); i++) d->held[i] = get_number(p, 0, SUM_MOST);
    d->search.low = get_number(p, 0.01, 100);
    d->search.high = get_number(p, d->search.low, 100);
    d->search.done = (size_t)payload_get(p);
    d->decider.temperature = (double)get_float(p, 0, 101);
    d->decider.threshold = get_float(p, 0, 2);
    get_steps(&d->decider, p);
    if (d->search.done > SEARCH_STEPS) p->bad = 1;
    if (!p->bad) decision_count(d, d->held);
}
