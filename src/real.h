/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions of doubles that are the same on every host, which the C library's are not. Only add, subtract, multiply and
 * divide, in a fixed order; a few units in the last place at most.
 */
#ifndef RNNP_REAL_H
#define RNNP_REAL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The first of n floats that is NaN or infinite, or n. Blocks without a branch, as it looks at all data of a batch. */
static inline size_t rnnp_first_not_finite(const float *x, size_t n)
{
    enum { BLOCK = 256 };
    size_t from = 0;
    for (; n - from >= BLOCK; from += BLOCK) {
        uint32_t found = 0;
        for (size_t i = from; i < from + BLOCK; i++) {
            uint32_t bits;
            memcpy(&bits, x + i, sizeof bits);
            found |= (bits & 0x7f800000u) == 0x7f800000u;
        }
        if (found) break;
    }
    for (; from < n; from++) {
        uint32_t bits;
        memcpy(&bits, x + from, sizeof bits);
        if ((bits & 0x7f800000u) == 0x7f800000u) return from;
    }
    return n;
}

/* High part of ln 2 with 32 bits, so that whole numbers below 2^21 times it are exact, and the rest. */
#define RNNP_LN2_HI 0x1.62e42feep-1
#define RNNP_LN2_LO 0x1.a39ef35793c76p-33
#define RNNP_PI 0x1.921fb54442d18p1

/* Natural logarithm of a finite x >= 2^-1022: x = 2^e m, m in about [sqrt(1/2), sqrt 2), e ln2 + 2 atanh(s),
 * s = (m - 1) / (m + 1). |s| < 0.172: the series ends with s^21, the rest is below 2^-60 relative. */
static inline double rnnp_real_log(double x)
{
    uint64_t bits;
    double m, p = 1.0 / 21;
    memcpy(&bits, &x, sizeof bits);
    const int64_t e = (int64_t)(bits - UINT64_C(0x3fe6a09e667f3bcd)) >> 52;
    bits -= (uint64_t)e << 52;
    memcpy(&m, &bits, sizeof m);
    const double s = (m - 1) / (m + 1), y = s * s;
    for (int k = 19; k > 0; k -= 2) p = p * y + 1.0 / k;
    return (double)e * RNNP_LN2_HI + ((double)e * RNNP_LN2_LO + 2 * s * p);
}

/* e^x for |x| <= 700: x = n ln2 + r, Taylor to r^14, the rest is below 2^-60 relative for |r| <= ln2/2. */
static inline double rnnp_real_exp(double x)
{
    const int64_t n = (int64_t)(x / (RNNP_LN2_HI + RNNP_LN2_LO) + (x < 0 ? -0.5 : 0.5));
    const double r = (x - (double)n * RNNP_LN2_HI) - (double)n * RNNP_LN2_LO;
    const uint64_t bits = (uint64_t)(n + 1023) << 52;
    double scale, p = 1;
    for (int k = 14; k > 0; k--) p = p * r / k + 1;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

/* cos(pi x) for |x| <= 2^52; exact where it is 0, +-1. Within +-1/4 of a whole number the cosine's Taylor series, else
 * the sine's of what is missing to a half. */
static inline double rnnp_real_cos_pi(double x)
{
    const double a = x < 0 ? -x : x;
    const int64_t n = (int64_t)(a + 0.5);
    const double r = a - (double)n, d = r < 0 ? -r : r;
    const double z = RNNP_PI * (d <= 0.25 ? d : 0.5 - d), y = z * z;
    double p = 1;
    if (d <= 0.25)
        for (int k = 16; k > 0; k -= 2) p = 1 - p * y / (k * (k - 1));
    else {
        for (int k = 17; k > 1; k -= 2) p = 1 - p * y / (k * (k - 1));
        p *= z;
    }
    return n & 1 ? -p : p;
}

/* x^n, by squaring. */
static inline double rnnp_real_power(double x, uint64_t n)
{
    double p = 1;
    for (; n; n >>= 1, x *= x)
        if (n & 1) p *= x;
    return p;
}

#endif
