/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples at another rate, the old and the new one being to each other as whole numbers: a low-pass filter, a sinc
 * under a Kaiser window, is evaluated at the places of the new samples. Where both rates meet again, its places repeat,
 * so that there are as many sets of weights as the new rate has samples until then. Each set adds up to 1. The filter
 * is made of additions, products, quotients and square roots, so the bits are the same on every host; the libraries for
 * this choose instructions by the CPU, or leave products and sums to be contracted by the compiler.
 *
 * Half of the transition band lies below half of the lower rate: the pass band ends at 0.9 of it, and the stop band,
 * 80 dB down, begins at 1.1 of it. What folds back from there lands above the pass band.
 */
#include "recording.h"

#include <math.h>
#include <stdlib.h>

enum {
    CROSSINGS = 26,
    MOST_WEIGHTS = 1 << 22
};                                /* zero crossings of the sinc on each side: 80 dB over this transition */
static const double beta = 7.857; /* Kaiser's window at 80 dB */

/* sin(pi x), by its series on [-1/2, 1/2], where the next term is below 2^-56. */
static double sin_pi(double x)
{
    static const double pi = 3.14159265358979323846;
    const double whole = floor(x + 0.5), t = (x - whole) * pi;
    double term = t, sum = t;
    for (int k = 2; k < 24; k += 2) {
        term *= -t * t / (double)(k * (k + 1));
        sum += term;
    }
    return fmod(whole, 2) != 0 ? -sum : sum;
}

/* The modified Bessel function of order 0, by its series. */
static double bessel(double x)
{
    double term = 1, sum = 1;
    for (int k = 1; k < 64; k++) {
        term *= x / (2.0 * k) * (x / (2.0 * k));
        sum += term;
    }
    return sum;
}

/* The filter at a distance in samples of the lower rate. */
static double weight(double distance)
{
    const double edge = distance / CROSSINGS;
    if (edge * edge >= 1) return 0;
    const double window = bessel(beta * sqrt(1 - edge * edge)) / bessel(beta);
    return window * (distance == 0 ? 1 : sin_pi(distance) / (3.14159265358979323846 * distance));
}

/* up new samples for down old ones. */
static void make(rec_filter *f)
{
    const size_t up = f->up, down = f->down;
    const double narrow = up < down ? (double)up / (double)down : 1;
    for (size_t p = 0; p < up; p++) {
        double *w = f->weights + p * f->taps, sum = 0;
        const double fraction = (double)(p * down % up) / (double)up;
        for (size_t k = 0; k < f->taps; k++) {
            w[k] = weight(((double)k - (double)(f->half - 1) - fraction) * narrow);
            sum += w[k];
        }
        for (size_t k = 0; k < f->taps; k++) w[k] /= sum;
    }
}

/* The series without gaps: a missing sample has the value of the nearest one that is there. */
static double *without_gaps(const float *x, size_t n)
{
    double *y = cli_alloc(n + 1, sizeof *y);
    size_t last = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i])) continue;
        for (size_t j = last == SIZE_MAX ? 0 : last + 1; j < i; j++)
            y[j] = last == SIZE_MAX || j - last > i - j ? (double)x[i] : (double)x[last];
        y[i] = (double)x[i];
        last = i;
    }
    for (size_t j = last == SIZE_MAX ? n : last + 1; j < n; j++) y[j] = (double)x[last];
    return y;
}

/* How many new samples there are for how many old ones. */
static int find_ratio(rec_rate from, rec_rate to, rec_filter *f, const char **why)
{
    rec_rate ratio;
    const rec_rate upside_down = {from.den, from.num};
    *f = (rec_filter){0};
    *why = "the two rates are not to each other as small whole numbers";
    if (!rec_times(to, upside_down, &ratio) || ratio.num > MOST_WEIGHTS || ratio.den > MOST_WEIGHTS) return 0;
    f->up = (size_t)ratio.num;
    f->down = (size_t)ratio.den;
    f->half = f->up < f->down ? CROSSINGS * f->down / f->up + 1 : CROSSINGS + 1;
    f->taps = 2 * f->half;
    return f->up <= MOST_WEIGHTS / f->taps;
}

int rec_filter_make(rec_rate from, rec_rate to, rec_filter *f, const char **why)
{
    if (!find_ratio(from, to, f, why)) return 0;
    f->weights = cli_alloc(f->up * f->taps, sizeof *f->weights);
    make(f);
    return 1;
}

int rec_resampled(size_t n, rec_rate from, rec_rate to, size_t *n_out, const char **why)
{
    rec_filter f;
    if (!find_ratio(from, to, &f, why)) return 0;
    const double many = ceil((double)n * (double)f.up / (double)f.down);
    *n_out = many > REC_SAMPLES ? 0 : (size_t)many;
    *why = "at this rate it has more than 2^28 samples";
    return many <= REC_SAMPLES;
}

float *rec_resample(const float *x, size_t n, rec_rate from, rec_rate to, size_t *n_out, const char **why)
{
    rec_filter f;
    if (!rec_resampled(n, from, to, n_out, why) || !rec_filter_make(from, to, &f, why)) return NULL;
    float *y = cli_alloc(*n_out + 1, sizeof *y);
    FREED double *whole = without_gaps(x, n);
    for (size_t i = 0; i < *n_out; i++) {
        const size_t at = i * f.down / f.up, rest = i * f.down % f.up, nearest = at + (2 * rest >= f.up && at + 1 < n);
        const double *w = f.weights + i % f.up * f.taps;
        double sum = 0;
        for (size_t k = 0; k < f.taps; k++) {
            const size_t j = at + k + 1 < f.half ? 0 : at + k + 1 - f.half;
            sum += w[k] * whole[j < n ? j : n - 1];
        }
        y[i] = isnan(x[nearest]) ? NAN : (float)sum;
    }
    free(f.weights);
    return y;
}
