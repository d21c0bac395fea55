/* SPDX-License-Identifier: Apache-2.0
 *
 * Trigonometric and hyperbolic functions in scalar double, rounded once: add, subtract, multiply, divide and square
 * root in a fixed order, so that every host gives the same bits. They are rare in recurrent networks, hence no kernels.
 */
#include "../../real.h"
#include "arithmetic.h"

#include <math.h>

/* c[0] + c[1] y + ..., summed from the end */
static double series(const double *c, size_t n, double y)
{
    double p = 0;

    while (n-- > 0) p = p * y + c[n];
    return p;
}
#define SERIES(c, y) series(c, sizeof(c) / sizeof *(c), y)

/* ---- sin, cos, tan ---- */

/* 2/pi with 31 more zeros in front of the point, from the highest bit down. */
static const uint32_t two_over_pi[] = {0,          0xa2f9836e, 0x4e441529, 0xfc2757d1,
                                       0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};

/* x = quadrant * pi/2 + r with |r| <= pi/4, up to multiples of 2 pi. With x = m 2^e, bits of 2/pi that make whole
 * multiples of 4 are left out, and the next 96 are enough: 2 for the quadrant and 64 of the fraction. No float comes
 * closer to a multiple of pi/2 than 2^-30, so r has at least 33 good bits. */
static double reduce(float x, unsigned *quadrant)
{
    uint32_t bits, window[3];

    *quadrant = 0;
    if (fabsf(x) < 0.5f) return (double)x;
    memcpy(&bits, &x, sizeof bits);
    const uint64_t m = (bits & 0x7fffff) | 0x800000;
    const size_t from = (bits >> 23 & 255) - 120; /* e + 30 */
    for (size_t k = 0; k < 3; k++) {
        const uint32_t *word = &two_over_pi[from / 32 + k];

        window[k] = (uint32_t)(((uint64_t)word[0] << 32 | word[1]) >> (32 - from % 32));
    }
    const uint64_t low = m * window[2], middle = m * window[1] + (low >> 32), high = m * window[0] + (middle >> 32);
    const int64_t fraction = (int64_t)(high << 34 | (middle & UINT32_MAX) << 2 | (low & UINT32_MAX) >> 30);
    const double r = (double)fraction * 0x1.921fb54442d18p-64;
    *quadrant = (unsigned)(high >> 30 & 3) + (fraction < 0);
    if (x > 0) return r;
    *quadrant = -*quadrant;
    return -r;
}

/* sin(r + quadrant pi/2) by the Taylor series of sine and cosine; the rest is below 2^-45. */
static double sine(double r, unsigned quadrant)
{
    static const double odd[] = {1, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800, 1.0 / 6227020800};
    static const double even[] = {1,           -1.0 / 2,       1.0 / 24,        -1.0 / 720,
                                  1.0 / 40320, -1.0 / 3628800, 1.0 / 479001600, -1.0 / 87178291200};
    const double y = r * r, value = quadrant & 1 ? SERIES(even, y) : r * SERIES(odd, y);

    return quadrant & 2 ? -value : value;
}

static double sin_of(float x)
{
    unsigned quadrant;
    const double r = reduce(x, &quadrant);

    return sine(r, quadrant);
}

static double cos_of(float x)
{
    unsigned quadrant;
    const double r = reduce(x, &quadrant);

    return sine(r, quadrant + 1);
}

static double tan_of(float x)
{
    unsigned quadrant;
    const double r = reduce(x, &quadrant);

    return sine(r, quadrant) / sine(r, quadrant + 1);
}

/* ---- atan, asin, acos ---- */

/* Arguments beyond 1 are inverted, those beyond tan(pi/8) turned by pi/4; the rest of the series is below 2^-40. */
static double atan_of(double x)
{
    static const double terms[] = {1,         -1.0 / 3, 1.0 / 5,   -1.0 / 7, 1.0 / 9,   -1.0 / 11, 1.0 / 13,
                                   -1.0 / 15, 1.0 / 17, -1.0 / 19, 1.0 / 21, -1.0 / 23, 1.0 / 25,  -1.0 / 27};
    const int beyond = fabs(x) > 1;
    double a = beyond ? 1 / fabs(x) : fabs(x);
    const int turned = a > 0.41421356;

    if (turned) a = (a - 1) / (a + 1);
    a = a * SERIES(terms, a * a) + (turned ? RNNP_PI / 4 : 0);
    return copysign(beyond ? RNNP_PI / 2 - a : a, x);
}

static double asin_of(double x) { return atan_of(x / sqrt((1 - x) * (1 + x))); }

static double acos_of(double x) { return 2 * atan_of(sqrt((1 - x) / (1 + x))); }

/* ---- sinh, cosh ---- */

static double clamp(double x) { return x < -100 ? -100 : x > 100 ? 100 : x; }

static double sinh_of(double x)
{
    static const double terms[] = {1, 1.0 / 6, 1.0 / 120, 1.0 / 5040, 1.0 / 362880, 1.0 / 39916800, 1.0 / 6227020800};

    if (fabs(x) < 1) return x * SERIES(terms, x * x);
    const double e = rnnp_real_exp(clamp(x));
    return (e - 1 / e) / 2;
}

static double cosh_of(double x)
{
    const double e = rnnp_real_exp(clamp(x));

    return (e + 1 / e) / 2;
}

/* ---- asinh, acosh, atanh: ln(1 + u) of a u without cancellation ---- */

/* For u >= 0; below that there is none. 2 atanh(u / (2 + u)) where 1 + u would round u; the rest is below 2^-48. */
static double log_1_plus(double u)
{
    static const double terms[] = {1,        1.0 / 3,  1.0 / 5,  1.0 / 7,  1.0 / 9,  1.0 / 11,
                                   1.0 / 13, 1.0 / 15, 1.0 / 17, 1.0 / 19, 1.0 / 21, 1.0 / 23};
    const double s = u / (2 + u);

    if (!(u >= 0)) return NAN;
    if (u < 0.7) return 2 * s * SERIES(terms, s * s);
    return isinf(u) ? u : rnnp_real_log(1 + u);
}

static double asinh_of(double x)
{
    const double a = fabs(x);

    return copysign(log_1_plus(a + a / (1 / a + sqrt(1 / (a * a) + 1))), x);
}

static double acosh_of(double x) { return log_1_plus(x - 1 + sqrt(x - 1) * sqrt(x + 1)); }

static double atanh_of(double x) { return copysign(log_1_plus(2 * fabs(x) / (1 - fabs(x))) / 2, x); }

/* ---- Loops ---- */

/* NaN stays, and where the function has no value at infinity it becomes NaN. */
#define FUNCTION(name, has_limits)                                                                                   \
    static int name##_f32(const void *px, const void *unused, void *py, size_t n, size_t x_step, size_t unused_step) \
    {                                                                                                                \
        const float *x = px;                                                                                         \
        float *y = py;                                                                                               \
                                                                                                                     \
        (void)unused, (void)unused_step;                                                                             \
        for (size_t i = 0; i < n; i++) {                                                                             \
            const float u = x[i * x_step];                                                                           \
                                                                                                                     \
            y[i] = u != u || (!has_limits && isinf(u)) ? u - u : (float)name##_of(u);                                \
        }                                                                                                            \
        return 0;                                                                                                    \
    }                                                                                                                \
    const rnnp_loops rnnp_loops_##name = {{[RNNP_DTYPE_F32] = name##_f32}};
FUNCTION(sin, 0)
FUNCTION(cos, 0)
FUNCTION(tan, 0)
FUNCTION(atan, 1)
FUNCTION(asin, 1)
FUNCTION(acos, 1)
FUNCTION(sinh, 1)
FUNCTION(cosh, 1)
FUNCTION(asinh, 1)
FUNCTION(acosh, 1)
FUNCTION(atanh, 1)
