/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "exchange.h"

#include <math.h>

/* log(exp(a) + exp(b)) */
static double add_logs(double a, double b)
{
    const double most = a > b ? a : b;
    return most == -INFINITY ? most : most + log1p(exp(-fabs(a - b)));
}

/* Mironov, Talwar and Zhang 2019: log of sum_k C(a, k) (1 - q)^(a - k) q^k exp((k^2 - k) / 2 z^2), over a - 1. */
static double sampled(double q, double noise, double order)
{
    double sum = -INFINITY, choose = 0;
    for (double k = 0; k <= order; k++) {
        sum = add_logs(sum, choose + (order - k) * log1p(-q) + k * log(q) + (k * k - k) / (2 * noise * noise));
        choose += log((order - k) / (k + 1));
    }
    return sum / (order - 1);
}

double account_divergence(double sampling, double noise, double order)
{
    if (sampling <= 0) return 0;
    if (noise <= 0) return INFINITY;
    if (sampling >= 1) return order / (2 * noise * noise);
    return order == floor(order) ? fmax(sampled(sampling, noise, order), 0) : INFINITY;
}

double account_epsilon(double sampling, double noise, double steps, double delta, double *order)
{
    double least = INFINITY, best = 2;
    for (int i = 0; i < 2000; i++) {
        /* 1.01 to 10.99 in hundredths, then whole numbers: up to 1012 */
        const double a = i < 999 ? 1 + (i + 1) / 100.0 : i - 988;
        const double divergence = steps * account_divergence(sampling, noise, a);
        const double epsilon = divergence + log1p(-1 / a) - (log(delta) + log(a)) / (a - 1);
        if (epsilon < least) least = epsilon, best = a;
    }
    if (order) *order = best;
    return sampling <= 0 || steps <= 0 ? 0 : fmax(least, 0);
}
