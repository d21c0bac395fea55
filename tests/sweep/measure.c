/* SPDX-License-Identifier: Apache-2.0
 *
 * The block functions in the vectors of ARITHMETIC, a macro of the build.
 */
#include "measure.h"

#define PASTE(a, b) a##b
#define NAME(suffix) PASTE(arithmetic_, suffix)
#define QUOTE(text) #text
#define TEXT(text) QUOTE(text)

/* e^x = scale + scale * rest, for |x| <= 200. */
typedef struct power {
    double scale, rest;
} power;

static inline power power_of(double x)
{
    const double magic = 0x1.8p52 + 1023; /* leaves n + 1023 in the low bits: the exponent of 2^n */
    const double z = x * 0x1.71547652b82fep0 + magic, n = z - magic;
    /* the high part of ln 2 has 32 bits: n times it is exact */
    const double r = (x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33;
    /* Taylor to degree 13: the rest is below r^14/14! = 2^-57 */
    double p = r * (1.0 / 6227020800) + 1.0 / 479001600;
    p = p * r + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    return (power){double_from_bits(double_bits(z) << 52), p * r * r + r};
}

/* These orders of operands keep a NaN. */
static inline double at_most(double bound, double x) { return bound < x ? bound : x; }
static inline double at_least(double bound, double x) { return bound > x ? bound : x; }

static inline double exp_of(double x)
{
    const power p = power_of(at_most(200, at_least(-200, x)));
    return p.scale + p.scale * p.rest;
}

/* -m/(2 + m), m = e^-2|x| - 1 */
static inline double tanh_of(double x)
{
    const power p = power_of(-2 * at_most(20, fabs(x)));
    const double m = p.scale * p.rest + (p.scale - 1);
    return copysign(m / (2 + m), x);
}

/* 2 atanh(s) = 2s (1 + s^2/3 + ... + s^2n/(2n+1)); the rest is below 2^-54 for s <= 1/3 */
static inline double atanh2_of(double s)
{
    const double y = s * s;
    double p = 1.0 / 33;
#pragma GCC unroll 16
    for (int k = 31; k > 0; k -= 2) p = p * y + 1.0 / k;
    return 2 * s * p;
}

/* x = 2^n m, m in [sqrt(1/2), sqrt 2), x a float and so a normal double; -2^128 in place of -inf */
static inline double log_of(double x)
{
    const uint64_t bits = double_bits(x), up = bits - 0x3fe6a09e667f3bcdu + ((uint64_t)1074 << 52);
    const double n = double_from_bits(0x4330000000000000u | up >> 52) - (0x1p52 + 1074);
    const double m = double_from_bits(bits - (up >> 52 << 52) + ((uint64_t)1074 << 52));
    const double log = n * 0x1.62e42fefa39efp-1 + atanh2_of((m - 1) / (m + 1));
    return x > 0 ? at_most(0x1p128, x == INFINITY ? x : log) : x == 0 ? -0x1p128 : NAN;
}

static inline double softplus_of(double x)
{
    const double e = exp_of(-fabs(x));
    return at_most(0x1p128, at_least(0, x) + atanh2_of(e / (2 + e)));
}

static inline double elu_of(double x)
{
    const power p = power_of(at_most(0, at_least(-200, x)));
    return x < 0 ? p.scale * p.rest + (p.scale - 1) : at_most(0x1p128, x);
}

static void reference(kind k, const float *restrict x, double *restrict truth, size_t n)
{
    switch (k) {
    case KIND_EXP:
        for (size_t i = 0; i < n; i++) truth[i] = at_most(0x1p128, exp_of((double)x[i]));
        break;
    case KIND_TANH:
        for (size_t i = 0; i < n; i++) truth[i] = tanh_of((double)x[i]);
        break;
    case KIND_SIGMOID:
        for (size_t i = 0; i < n; i++) truth[i] = 1 / (1 + exp_of(-(double)x[i]));
        break;
    case KIND_LOG:
        for (size_t i = 0; i < n; i++) truth[i] = log_of((double)x[i]);
        break;
    case KIND_SOFTPLUS:
        for (size_t i = 0; i < n; i++) truth[i] = softplus_of((double)x[i]);
        break;
    default:
        for (size_t i = 0; i < n; i++) truth[i] = elu_of((double)x[i]);
    }
}

/* Of numbers that are 0 or more: their bits are in the same order, and compilers vectorise a maximum of integers. */
static inline int64_t greater(int64_t a, double v)
{
    const int64_t b = (int64_t)double_bits(v);
    return a > b ? a : b;
}

static block_facts measure(const float *y, const double *truth, size_t n)
{
    int64_t ulp = 0, denormal = 0, absolute = 0, relative = 0;
    for (size_t i = 0; i < n; i++) {
        const errors e = errors_between((double)y[i], truth[i]);
        ulp = greater(ulp, e.of[METRIC_ULP]);
        denormal = greater(denormal, e.of[METRIC_DENORMAL]);
        absolute = greater(absolute, e.of[METRIC_ABSOLUTE]);
        relative = greater(relative, e.of[METRIC_RELATIVE]);
    }
    unsigned numbers = 0, rounded = 0, nan_wrong = 0;
    for (size_t i = 0; i < n; i++) {
        const float nearest = (float)truth[i];
        numbers += nearest == nearest;
        rounded += y[i] == nearest;
        nan_wrong += (y[i] != y[i]) ^ (nearest != nearest);
    }
    return (block_facts){
        .worst.of = {[METRIC_ULP] = double_from_bits((uint64_t)ulp),
                     [METRIC_DENORMAL] = double_from_bits((uint64_t)denormal),
                     [METRIC_ABSOLUTE] = double_from_bits((uint64_t)absolute),
                     [METRIC_RELATIVE] = double_from_bits((uint64_t)relative)},
        .numbers = numbers,
        .rounded = rounded,
        .nan_wrong = nan_wrong,
    };
}

static inline uint32_t canonical(float v, uint32_t flip)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return (bits & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : bits ^ flip;
}

static size_t unequal(const float *a, const float *b, uint32_t flip, size_t n)
{
    unsigned count = 0;
    for (size_t i = 0; i < n; i++) count += canonical(a[i], 0) != canonical(b[i], flip);
    return count;
}

static size_t steps_back(const float *y, int falling, size_t n)
{
    unsigned count = 0;
    if (falling)
        for (size_t i = 1; i < n; i++) count += y[i] > y[i - 1];
    else
        for (size_t i = 1; i < n; i++) count += y[i] < y[i - 1];
    return count;
}

const arithmetic NAME(ARITHMETIC) = {TEXT(ARITHMETIC), reference, measure, unequal, steps_back};
