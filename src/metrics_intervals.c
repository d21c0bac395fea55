/* SPDX-License-Identifier: Apache-2.0
 *
 * Intervals: of the normal distribution, of shares, and of bootstrap replicates; and the resamples.
 */
#include "rnnpack/metrics.h"

#include "normal.h"
#include "train/random.h"

#include <math.h>

static int is_confidence(double x) { return x > 0 && x < 1; }

/* ---- Normal and binomial ---- */

rnnp_status rnnp_metrics_normal(double estimate, double variance, double confidence, rnnp_interval *interval,
                                double *p_value)
{
    if (!interval || !is_confidence(confidence) || !isfinite(estimate) || !(variance >= 0) || !isfinite(variance))
        return RNNP_ERR_ARG;
    const double error = sqrt(variance), reach = rnnp_normal_quantile(0.5 + confidence / 2) * error;
    *interval = (rnnp_interval){estimate - reach, estimate + reach};
    if (p_value) *p_value = error > 0 ? 2 * rnnp_normal_above(fabs(estimate) / error) : estimate == 0;
    return RNNP_OK;
}

rnnp_status rnnp_metrics_wilson(double share, double n, double confidence, rnnp_interval *interval)
{
    if (!interval || !is_confidence(confidence) || !(share >= 0 && share <= 1) || !(n >= 0) || !isfinite(n))
        return RNNP_ERR_ARG;
    const double z = rnnp_normal_quantile(0.5 + confidence / 2), zz = z * z, middle = share * n + zz / 2;
    const double reach = z * sqrt(n * share * (1 - share) + zz / 4);
    *interval = (rnnp_interval){fmax(0, (middle - reach) / (n + zz)), fmin(1, (middle + reach) / (n + zz))};
    return RNNP_OK;
}

/* ---- Resamples ---- */

rnnp_status rnnp_metrics_resample(size_t n, size_t clusters, const size_t *cluster, uint64_t seed, uint64_t draw,
                                  float *counts, float *weight)
{
    enum { CHUNK = 256 };
    const rnnp_random random = {.seed = seed, .step = draw, .use = RNNP_RANDOM_RESAMPLE};
    const size_t units = cluster ? clusters : n;
    float *const drawn = cluster ? counts : weight;
    uint32_t bits[CHUNK];

    if (!weight || (cluster && !counts) || (n && !units) || units > (size_t)1 << 24) return RNNP_ERR_ARG;
    for (size_t i = 0; cluster && i < n; i++)
        if (cluster[i] >= clusters) return RNNP_ERR_ARG;
    for (size_t c = 0; c < units; c++) drawn[c] = 0;
    for (size_t done = 0, part; done < units; done += part) {
        part = units - done < CHUNK ? units - done : CHUNK;
        rnnp_random_bits(&random, done, part, bits);
        for (size_t i = 0; i < part; i++) drawn[(size_t)(((uint64_t)bits[i] * units) >> 32)] += 1.0f;
    }
    for (size_t i = 0; cluster && i < n; i++) weight[i] = counts[cluster[i]];
    return RNNP_OK;
}

/* ---- Replicates ---- */

/* Heap sort: in place, and n log n whatever the order. */
static void sink(double *x, size_t root, size_t n)
{
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        const double own = x[root];

        if (child + 1 < n && x[child + 1] > x[child]) child++;
        if (own >= x[child]) return;
        x[root] = x[child];
        x[child] = own;
    }
}

static void sort(double *x, size_t n)
{
    for (size_t i = n / 2; i-- > 0;) sink(x, i, n);
    for (size_t end = n; end-- > 1;) {
        const double last = x[end];

        x[end] = x[0];
        x[0] = last;
        sink(x, 0, end);
    }
}

/* Linear between the ordered values, as number 7 of Hyndman and Fan (1996). */
static double quantile(const double *x, size_t n, double p)
{
    const double at = (double)(n - 1) * p, whole = floor(at);
    const size_t k = (size_t)whole;

    return k + 1 < n ? x[k] + (at - whole) * (x[k + 1] - x[k]) : x[n - 1];
}

/* a: a sixth of the skewness of the jackknife's values (Efron 1987). NaN is left out. */
static double acceleration(const double *values, size_t n)
{
    double sum = 0, used = 0, square = 0, cube = 0;

    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i])) sum += values[i], used++;
    for (size_t i = 0; i < n; i++) {
        const double d = sum / used - values[i];

        if (isnan(values[i])) continue;
        square += d * d;
        cube += d * d * d;
    }
    return square > 0 ? cube / (6 * square * sqrt(square)) : 0;
}

/* Where the percentile of z is once the bias z0 and the acceleration are seen to. */
static double corrected(double z0, double a, double z)
{
    const double moved = z0 + z, scale = 1 - a * moved;

    return 1 - rnnp_normal_above(scale > 0 ? z0 + moved / scale : copysign(INFINITY, moved));
}

static void correct(double estimate, const double *x, size_t n, const double *jackknife, size_t clusters,
                    double ends[2])
{
    const double z = rnnp_normal_quantile(ends[1]), a = acceleration(jackknife, clusters);
    double below = 0;

    for (size_t i = 0; i < n; i++) below += x[i] < estimate ? 1 : x[i] == estimate ? 0.5 : 0;
    below = fmin(fmax(below, 0.5), (double)n - 0.5) / (double)n; /* an infinite bias would leave no interval */
    const double z0 = rnnp_normal_quantile(below);
    ends[0] = corrected(z0, a, -z);
    ends[1] = corrected(z0, a, z);
}

rnnp_status rnnp_metrics_bootstrap(double estimate, size_t draws, const double *replicates, size_t clusters,
                                   const double *jackknife, double confidence, double *scratch, rnnp_bootstrap *result)
{
    size_t n = 0, least = 0, most = 0;
    double sum = 0, squares = 0, ends[2] = {(1 - confidence) / 2, (1 + confidence) / 2};

    if (!replicates || !scratch || !result || !is_confidence(confidence) || isnan(estimate)) return RNNP_ERR_ARG;
    for (size_t i = 0; i < draws; i++)
        if (!isnan(replicates[i])) scratch[n++] = replicates[i];
    if (n < 2) return RNNP_ERR_ARG;
    for (size_t i = 0; i < n; i++) {
        sum += scratch[i];
        least += scratch[i] <= 0;
        most += scratch[i] >= 0;
    }
    for (size_t i = 0; i < n; i++) squares += (scratch[i] - sum / (double)n) * (scratch[i] - sum / (double)n);
    sort(scratch, n);
    if (jackknife) correct(estimate, scratch, n, jackknife, clusters, ends);
    *result = (rnnp_bootstrap){.interval = {quantile(scratch, n, ends[0]), quantile(scratch, n, ends[1])},
                               .error = sqrt(squares / (double)(n - 1)),
                               .p_value = fmin(1, 2 * ((double)(least < most ? least : most) + 1) / ((double)n + 1)),
                               .used = n};
    return RNNP_OK;
}
