/* SPDX-License-Identifier: Apache-2.0 */
#include "rnnpack/calibration.h"

#include "metrics_rows.h"
#include "real.h"

#include <math.h>

/* ---- Temperature ---- */

static double log_of(float p) { return rnnp_real_log(p < 0x1p-24f ? 0x1p-24 : (double)p); }

static double largest(const float *p, size_t classes)
{
    float most = p[0];
    for (size_t k = 1; k < classes; k++) most = p[k] > most ? p[k] : most;
    return log_of(most);
}

/* e^(beta z), z <= 0 */
static double power_of(double beta, double z) { return beta * z < -700 ? 0 : rnnp_real_exp(beta * z); }

/* The derivative of a row's -log softmax(beta z)[truth] over beta: the mean of z under the softmax, less z[truth]. */
static double slope(const float *p, size_t classes, size_t truth, double beta)
{
    const double most = largest(p, classes);
    double sum = 0, moment = 0;
    for (size_t k = 0; k < classes; k++) {
        const double z = log_of(p[k]) - most, e = power_of(beta, z);
        sum += e;
        moment += e * z;
    }
    return moment / sum - (log_of(p[truth]) - most);
}

static double slopes(size_t n, size_t classes, const float *p, const int32_t *truth, const float *weight, double beta)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += rnnp_weight_of(weight, i) * slope(p + i * classes, classes, (size_t)truth[i], beta);
    return sum;
}

static int can_be_fitted(size_t n, size_t classes, const float *p, const int32_t *truth, const float *weight)
{
    return p && truth && classes >= 2 && rnnp_rows_are_good(truth, weight, n, classes) &&
           rnnp_are_probabilities(p, n, classes) && rnnp_weight_sum(weight, n) > 0;
}

rnnp_status rnnp_calibration_slope(size_t n, size_t classes, const float *p, const int32_t *truth, const float *weight,
                                   double beta, double *sum)
{
    if (!sum || !(beta > 0 && isfinite(beta)) || !can_be_fitted(n, classes, p, truth, weight)) return RNNP_ERR_ARG;
    *sum = slopes(n, classes, p, truth, weight, beta);
    return RNNP_OK;
}

rnnp_status rnnp_calibration_fit_temperature(size_t n, size_t classes, const float *p, const int32_t *truth,
                                             const float *weight, double *temperature)
{
    double low = 0.01, high = 100; /* of beta = 1 / temperature */
    if (!temperature || !can_be_fitted(n, classes, p, truth, weight)) return RNNP_ERR_ARG;
    for (int pass = 0; pass < 60; pass++) {
        const double beta = pass == 0 ? low : pass == 1 ? high : low + (high - low) / 2;
        const double sum = slopes(n, classes, p, truth, weight, beta);
        if (pass == 0 && sum >= 0) high = low;
        if (pass == 1 && sum <= 0) low = high;
        if (pass > 1 && sum > 0) high = beta;
        if (pass > 1 && sum <= 0) low = beta;
    }
    *temperature = 1 / (low + (high - low) / 2);
    return RNNP_OK;
}

rnnp_status rnnp_calibration_apply_temperature(size_t n, size_t classes, double temperature, const float *p,
                                               float *calibrated)
{
    if (!p || !calibrated || classes < 2 || !(temperature > 0 && isfinite(temperature)) ||
        !rnnp_are_probabilities(p, n, classes))
        return RNNP_ERR_ARG;
    for (size_t i = 0; i < n; i++) {
        const float *row = p + i * classes;
        float *to = calibrated + i * classes;
        const double most = largest(row, classes);
        double sum = 0;
        for (size_t k = 0; k < classes; k++) sum += power_of(1 / temperature, log_of(row[k]) - most);
        for (size_t k = 0; k < classes; k++) to[k] = (float)(power_of(1 / temperature, log_of(row[k]) - most) / sum);
    }
    return RNNP_OK;
}

/* ---- Isotonic regression ---- */

/* While a step is fitted, its value is the sum of truths. Whether b's share is not above a's. */
static int violates(const rnnp_isotonic_step *a, const rnnp_isotonic_step *b)
{
    return a->value * b->weight >= b->value * a->weight;
}

static void pool(rnnp_isotonic_step *a, const rnnp_isotonic_step *b)
{
    a->last = b->last;
    a->value += b->value;
    a->weight += b->weight;
}

rnnp_status rnnp_calibration_fit_isotonic(size_t n, const float *p, const int32_t *truth, const float *weight,
                                          size_t *scratch, rnnp_isotonic_step *steps, size_t *n_steps)
{
    size_t found = 0;
    if (!p || !truth || !scratch || !steps || !n_steps || !rnnp_rows_are_good(truth, weight, n, 2) ||
        !rnnp_are_probabilities(p, n, 1) || !(rnnp_weight_sum(weight, n) > 0))
        return RNNP_ERR_ARG;
    const size_t *falling = rnnp_rows_by_score(p, n, scratch);
    for (size_t i = n, next; i > 0; i = next) { /* rows of one p are one step to begin with */
        const float at = p[falling[i - 1]];
        rnnp_isotonic_step step = {at, at, 0, 0};
        for (next = i; next > 0 && p[falling[next - 1]] == at; next--) {
            const size_t row = falling[next - 1];
            step.value += rnnp_weight_of(weight, row) * truth[row];
            step.weight += rnnp_weight_of(weight, row);
        }
        if (!(step.weight > 0)) continue;
        steps[found++] = step;
        for (; found > 1 && violates(&steps[found - 2], &steps[found - 1]); found--)
            pool(&steps[found - 2], &steps[found - 1]);
    }
    for (size_t i = 0; i < found; i++) steps[i].value /= steps[i].weight;
    *n_steps = found;
    return RNNP_OK;
}

static int are_steps(const rnnp_isotonic_step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const rnnp_isotonic_step *s = &steps[i];
        if (!(s->first >= 0 && s->first <= s->last && s->last <= 1 && s->value >= 0 && s->value <= 1)) return 0;
        if (i && !(s[-1].last < s->first && s[-1].value <= s->value)) return 0;
    }
    return n > 0;
}

static double isotonic(const rnnp_isotonic_step *steps, size_t n, double p)
{
    size_t first = 0, end = n; /* the first step that ends at p or later */
    while (first < end) {
        const size_t middle = first + (end - first) / 2;
        if ((double)steps[middle].last < p)
            first = middle + 1;
        else
            end = middle;
    }
    if (first == n) return steps[n - 1].value;
    const rnnp_isotonic_step *s = &steps[first];
    if (first == 0 || p >= (double)s->first) return s->value;
    const double from = (double)s[-1].last, to = (double)s->first;
    return s[-1].value + (s->value - s[-1].value) * ((p - from) / (to - from));
}

rnnp_status rnnp_calibration_apply_isotonic(size_t n_steps, const rnnp_isotonic_step *steps, size_t n, const float *p,
                                            float *calibrated)
{
    if (!steps || !p || !calibrated || !are_steps(steps, n_steps) || !rnnp_are_probabilities(p, n, 1))
        return RNNP_ERR_ARG;
    for (size_t i = 0; i < n; i++) calibrated[i] = (float)isotonic(steps, n_steps, (double)p[i]);
    return RNNP_OK;
}
