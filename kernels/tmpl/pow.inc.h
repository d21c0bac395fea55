/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: powf in scalar double, add and multiply only, so that every build gives the same bits. Not a hot
 * function of recurrent networks; within 0.51 ULP. Squares, which are, are products.
 */
#ifndef RNNP_POW_INC_H
#define RNNP_POW_INC_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* ln a for finite a > 0: a = 2^e m, m in [sqrt(1/2), sqrt 2), ln m = 2 atanh((m-1)/(m+1)). Powers multiply
 * the error by up to 150, hence more terms than log_f32: the rest is below 2^-58. */
static double pow_log(double a)
{
    int e;
    double m = frexp(a, &e);
    if (m < 0x1.6a09e667f3bcdp-1) {
        m *= 2;
        e--;
    }
    double s = (m - 1) / (m + 1), y = s * s, p = 0;
    for (int k = 23; k > 0; k -= 2) p = p * y + 1.0 / k;
    return (double)e * 0x1.62e42fefa39efp-1 + 2 * s * p;
}
/* e^x, |x| <= 200 */
static double pow_exp(double x)
{
    double n = (x * 0x1.71547652b82fep0 + 0x1.8p52) - 0x1.8p52;
    double r = (x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33, p = 1;
    for (int k = 14; k > 0; k--) p = p * r / k + 1;
    return ldexp(p, (int)n);
}
static float pow_float(float x, float y)
{
    if (y == 2) return x * x;
    if (y == 0 || x == 1) return 1;
    if (x != x || y != y) return NAN;
    float ax = fabsf(x), ay = fabsf(y);
    /* whole and odd: beyond 2^24 every float is even */
    int whole = ay >= 0x1p24f || (float)(int32_t)ay == ay;
    int odd = whole && ay < 0x1p24f && ((int32_t)ay & 1);
    float sign = odd && signbit(x) ? -1.0f : 1.0f;
    if (ax == 0 || isinf(ax)) return sign * ((ax == 0) == (y < 0) ? INFINITY : 0.0f);
    if (x < 0 && !whole && !isinf(ay)) return NAN;
    double t = ax == 1 ? 0 : (double)y * pow_log((double)ax);
    t = t > 200 ? 200 : t < -200 ? -200 : t;
    return sign * (float)pow_exp(t);
}

#endif
