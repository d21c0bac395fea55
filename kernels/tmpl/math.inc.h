/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: exp, tanh, sigmoid, log and their relatives over the wide shim. One fixed order of operations per
 * function and class; docs/explanation/numerics.md has the derivations and the measured errors.
 *
 *   u35   tanh and sigmoid as one quotient N/D each, so that cells can share divisions between products; log, softplus,
 *         elu and selu as polynomials
 *   fast  rational fits in the same N/D form; log and those after it are those of u35
 *   u10   evaluated in double, rounded once to float
 */
#ifndef RNNP_MATH_INC_H
#define RNNP_MATH_INC_H

#include "wide.inc.h"

/* ln 2 in two floats; n * LN2_HI is rounded inside an fma, so no trailing zeros are needed. */
#define LN2_HI 0x1.62e43p-1f
#define LN2_LO -0x1.05c61p-29f
#define HALF_LN2 0x1.62e43p-2f
#define LOG2E 0x1.715476p0f
#define TWO_LOG2E 0x1.715476p1f
/* Adding this rounds to an integer that then sits in the low bits: shifted left by 23 it is 2^n's exponent. */
#define MAGIC 0x1.8p23f

/* e^r for |r| <= ln2/2, relative error 2^-28.2. Sollya: fpminimax(exp(x), [|2,...,6|], [|SG...|],
 * [-h;h], relative, floating, 1 + x) with h = 1.002 ln2/2. */
#define EXP_SQUARE(sign) /* (e^r - 1 - r) / r^2 */ \
    vf p = vf_set(0x1.6a5a54p-10f);                \
    p = vf_fma(p, r, vf_set(sign 0x1.123aecp-7f)); \
    p = vf_fma(p, r, vf_set(0x1.5558a6p-5f));      \
    p = vf_fma(p, r, vf_set(sign 0x1.55549p-3f));  \
    p = vf_fma(p, r, vf_set(0x1.fffffcp-2f))
#define EXP_POLY(sign)                   \
    EXP_SQUARE(sign);                    \
    p = vf_fma(p, r, vf_set(sign 1.0f)); \
    return vf_fma(p, r, vf_set(1.0f))
AI vf exp_poly(vf r) { EXP_POLY(+); }
AI vf exp_poly_neg(vf r) { EXP_POLY(-); } /* e^-r */
AI vf expm1_poly(vf r)
{
    EXP_SQUARE(+);
    return vf_fma(vf_mul(p, r), r, r);
}
/* The same to degree 3, relative error 2^-13.7. */
AI vf exp_poly_fast(vf r)
{
    vf p = vf_fma(r, vf_set(0x1.53476cp-3f), vf_set(0x1.028d1cp-1f));
    p = vf_fma(p, r, vf_set(0x1.000adap0f));
    return vf_fma(p, r, vf_set(0x1.fff68p-1f));
}

/* 2^n e^r with x = n ln2 + r. The exponent is built with a bias of 64 towards the middle and taken back by
 * the last multiplication, so 2^(n +- 64) is a normal number for every n in [-150, 128] and denormal
 * results are rounded once. */
#define EXP_SCALED(poly, m, back)                                     \
    vf z = vf_fma(x, vf_set(LOG2E), m), n = vf_sub(z, m);             \
    vf s = vf_from(vi_shl23(vf_bits(z)));                             \
    vf r = vf_fnma(n, vf_set(LN2_LO), vf_fnma(n, vf_set(LN2_HI), x)); \
    return vf_mul(vf_mul(poly(r), s), back)
#define EXP_BODY(poly)                                                      \
    x = vf_min(vf_set(89.0f), vf_max(vf_set(-104.0f), x));                  \
    vm neg = vf_neg(x);                                                     \
    vf m = vf_sel(neg, vf_set(MAGIC + 127 + 64), vf_set(MAGIC + 127 - 64)); \
    EXP_SCALED(poly, m, vf_sel(neg, vf_set(0x1p-64f), vf_set(0x1p64f)))
AI vf exp_u35(vf x) { EXP_BODY(exp_poly); }
AI vf exp_fast(vf x) { EXP_BODY(exp_poly_fast); }
/* exp_u35 of x <= 0 */
AI vf exp_down_u35(vf x)
{
    x = vf_max(vf_set(-104.0f), x);
    EXP_SCALED(exp_poly, vf_set(MAGIC + 127 + 64), vf_set(0x1p-64f));
}

/* A function as a quotient: value = n / d. */
typedef struct quotient {
    vf n, d;
} quotient;

/* sigmoid(x) = 1 / (1 + e^-x), both scaled by 2^-64. With x in [-104, 40] the scaled e^-x is a normal number below
 * 2^87: the division rounds results down to the last denormal once, and a cell may multiply two denominators
 * without overflow. Beyond 40, 1 + e^-x is 1. */
AI quotient sigmoid_q_u35(vf x)
{
    vf a = vf_min(vf_set(40.0f), vf_max(vf_set(-104.0f), x));
    vf m = vf_set(MAGIC + 127 - 64);
    vf z = vf_fma(a, vf_set(-LOG2E), m), n = vf_sub(z, m);
    vf s = vf_from(vi_shl23(vf_bits(z)));
    vf r = vf_fma(n, vf_set(LN2_LO), vf_fma(n, vf_set(LN2_HI), a)); /* -x = n ln2 - r */
    quotient q = {vf_set(0x1p-64f), vf_fma(exp_poly_neg(r), s, vf_set(0x1p-64f))};
    return q;
}
AI vf sigmoid_u35(vf x)
{
    quotient q = sigmoid_q_u35(x);
    return vf_div(q.n, q.d);
}

/* tanh r for |r| <= ln2/4, relative error about 2^-26. Sollya: fpminimax over x, x^3, x^5, x^7. */
AI vf tanh_poly(vf r)
{
    vf y = vf_mul(r, r);
    vf p = vf_fma(y, vf_set(-0x1.afdbf8p-5f), vf_set(0x1.11059ap-3f));
    p = vf_fma(p, y, vf_set(-0x1.55554ep-2f));
    return vf_fma(vf_mul(p, y), r, r);
}
/* Addition theorem: with x = n ln2/2 + r, s = 2^n and w = tanh r,
 *     tanh x = ((s - 1) + w (s + 1)) / ((s + 1) + w (s - 1)).
 * tanh is 1 in float beyond 9.011; the clamp keeps s normal. Odd bit for bit: -x has -n, -r, -w, and both sums are
 * those of x divided by the power of two s. Only the sign of -0 is lost; tanh itself copies it. */
AI quotient tanh_q_u35(vf x)
{
    vf a = vf_min(vf_set(9.02f), vf_max(vf_set(-9.02f), x));
    vf m = vf_set(MAGIC + 127);
    vf z = vf_fma(a, vf_set(TWO_LOG2E), m), n = vf_sub(z, m);
    vf s = vf_from(vi_shl23(vf_bits(z)));
    vf w = tanh_poly(vf_fnma(n, vf_set(HALF_LN2), a));
    vf minus = vf_sub(s, vf_set(1.0f)), plus = vf_add(s, vf_set(1.0f));
    quotient q = {vf_fma(w, plus, minus), vf_fma(w, minus, plus)};
    return q;
}
AI vf tanh_u35(vf x)
{
    quotient q = tanh_q_u35(x);
    return vf_copysign(vf_div(q.n, q.d), x);
}

/* x P(x^2) / Q(x^2) on [-5, 5], absolute error 4.8e-5 everywhere (linearised least squares with Lawson
 * weights); sigmoid(x) = 1/2 + tanh(x/2)/2 with the halves folded into the coefficients. */
AI quotient tanh_q_fast(vf x)
{
    vf a = vf_min(vf_set(5.0f), vf_max(vf_set(-5.0f), x)), y = vf_mul(a, a);
    vf p = vf_fma(y, vf_set(0x1.57610ep-11f), vf_set(0x1.a0a87p-4f));
    quotient q = {vf_mul(vf_fma(p, y, vf_set(0x1.ffe71ep-1f)), a),
                  vf_fma(vf_fma(y, vf_set(0x1.9e291ep-7f), vf_set(0x1.bceea2p-2f)), y, vf_set(1.0f))};
    return q;
}
AI vf tanh_fast(vf x)
{
    quotient q = tanh_q_fast(x);
    return vf_div(q.n, q.d);
}
AI quotient sigmoid_q_fast(vf x)
{
    vf a = vf_min(vf_set(10.0f), vf_max(vf_set(-10.0f), x)), y = vf_mul(a, a);
    vf p = vf_fma(y, vf_set(0x1.57610ep-17f), vf_set(0x1.a0a87p-8f));
    vf n = vf_mul(vf_fma(p, y, vf_set(0x1.ffe71ep-3f)), a);
    vf d = vf_fma(vf_fma(y, vf_set(0x1.9e291ep-11f), vf_set(0x1.bceea2p-4f)), y, vf_set(1.0f));
    quotient q = {vf_fma(d, vf_set(0.5f), n), d};
    return q;
}
AI vf sigmoid_fast(vf x)
{
    quotient q = sigmoid_q_fast(x);
    return vf_div(q.n, q.d);
}

/* c[0] x^(n-1) + ... + c[n-1] */
AI vf poly(const float *c, int n, vf x)
{
    vf p = vf_set(c[0]);
    UNROLL for (int i = 1; i < n; i++) p = vf_fma(p, x, vf_set(c[i]));
    return p;
}
/* x = 2^n (1 + f), 1 + f in [sqrt(1/2), sqrt 2). Denormals are scaled by 2^24. */
typedef struct log_parts {
    vf n, f;
} log_parts;
AI log_parts log_split(vf x)
{
    vm small = vf_lt(x, vf_set(0x1p-126f));
    vf a = vf_fma(x, vf_only(small, vf_set(0x1p24f - 1)), x);
    vi e = vi_sra23(vi_sub(vf_bits(a), vi_set(0x3f3504f3u)));
    log_parts p = {vf_sub(vi_to_f(e), vf_only(small, vf_set(24.0f))),
                   vf_sub(vf_from(vi_sub(vf_bits(a), vi_shl23(e))), vf_set(1.0f))};
    return p;
}
/* log(x), where r is it for finite x > 0: -inf at 0, NaN below; inf and NaN stay. */
AI vf log_edges(vf x, vf r)
{
    r = vf_add(r, vf_only(vf_lt(x, vf_set(0.0f)), vf_set(NAN)));
    r = vf_add(r, vf_only(vf_eq(x, vf_set(0.0f)), vf_set(-INFINITY)));
    return vf_sel(vf_lt(x, vf_set(INFINITY)), r, x);
}
/* (log(1 + f) - f) / f^2 on [sqrt(1/2) - 1, sqrt 2 - 1]; times f^2 it is within 2^-27.3 of log(1 + f), relatively.
 * This fit and the next: Remez' exchange, then a search among neighbouring floats. */
static const float log_terms[] = {-0x1.38b728p-4f, 0x1.055c26p-3f,  -0x1.0d859ep-3f, 0x1.22da5ap-3f, -0x1.54725ep-3f,
                                  0x1.99a00ap-3f,  -0x1.000226p-2f, 0x1.555554p-2f,  -0.5f};
/* n ln2 + f + f^2 q(f); f is exact, u = 2^-24. The square is at most a fifth of log(1 + f) and off by 3.4 u of itself,
 * so that log(1 + f) is off by 0.8 u and a rounding. With n ln2 the result is never below 0.34, and rounded once more:
 * 1.6 ULP at most, 0.88 over all floats. */
AI vf log_u35(vf x)
{
    log_parts s = log_split(x);
    vf q = vf_fma(vf_mul(s.f, s.f), poly(log_terms, 9, s.f), vf_mul(s.n, vf_set(LN2_LO)));
    return log_edges(x, vf_fma(s.n, vf_set(LN2_HI), vf_add(s.f, q)));
}
AI vf log_fast(vf x) { return log_u35(x); }
/* (log(1 + t) - t) / t^2 on [0, 1]; times t^2 it is within 2^-27.5 of log(1 + t), relatively. */
static const float log1p_terms[] = {-0x1.af49cep-9f, 0x1.4917cep-6f,  -0x1.d6b08cp-5f, 0x1.b4ae08p-4f, -0x1.3a435ep-3f,
                                    0x1.934b54p-3f,  -0x1.ff23e6p-3f, 0x1.554ddp-2f,   -0x1.ffffd2p-2f};
/* log(1 + e^x) = max(x, 0) + log(1 + t), t = e^-|x|. t is off by 1.3 u (all floats) and log(1 + t) by no more for that.
 * The square is at most 0.45 of log(1 + t) and off by 3.3 u of itself: 2.9 u in all, which at log 2 are 2 ULP, and two
 * roundings, the second for x > 0 only: 3 ULP at most. */
AI vf softplus_u35(vf x)
{
    vf t = exp_down_u35(vf_negabs(x));
    vf l = vf_fma(vf_mul(poly(log1p_terms, 9, t), t), t, t);
    return vf_add(vf_max(vf_set(0.0f), x), l);
}
/* e^x - 1 for x <= 0: (s - 1) + s p, s = 2^n, p = e^r - 1, x = n ln2 + r. s - 1 is exact. Without LN2_LO r is off by
 * |n| 2^-29, but s makes 2^-30 of it, and results beyond n = 0 are above 0.29. p is off by 0.7 u and a rounding, and
 * the sum is rounded: 1.2 ULP at most, 1.51 u over all floats. The result is -1 below -17.4. */
AI vf expm1_u35(vf x)
{
    vf a = vf_max(vf_set(-18.0f), x), m = vf_set(MAGIC + 127);
    vf z = vf_fma(a, vf_set(LOG2E), m), n = vf_sub(z, m);
    vf s = vf_from(vi_shl23(vf_bits(z)));
    return vf_fma(s, expm1_poly(vf_fnma(n, vf_set(LN2_HI), a)), vf_sub(s, vf_set(1.0f)));
}
/* Once more rounded: below 2.1 ULP; selu, for the product of its parameters, twice: 3.1 ULP. */
AI vf elu_u35(vf x, vf alpha) { return vf_sel(vf_lt(x, vf_set(0.0f)), vf_mul(alpha, expm1_u35(x)), x); }
AI vf selu_u35(vf x, vf alpha, vf gamma)
{
    vf m = vf_mul(vf_mul(gamma, alpha), expm1_u35(x));
    return vf_sel(vf_lt(x, vf_set(0.0f)), m, vf_mul(gamma, x));
}

/* ---- u10: double inside. Only add, sub, mul, div: no fma is needed, and none is slow anywhere. ----
 * Long bodies that nobody calls for speed: one copy each keeps the code small and the build short. */
#define OUT_OF_LINE static __attribute__((noinline, unused))

/* e^x - 1 = (scale - 1) + scale * p and e^x = scale + scale * p, with scale = 2^n, p = e^r - 1. |x| <= 128. */
typedef struct expm {
    vd scale, p;
} expm;
AI expm expm_parts(vd x)
{
    vd magic = vd_set(0x1.8p52 + 1023); /* its low bits are the exponent field of 2^n */
    vd z = vd_add(vd_mul(x, vd_set(0x1.71547652b82fep0)), magic), n = vd_sub(z, magic);
    /* the high part of ln 2 has 32 bits: n times it is exact */
    vd r = vd_sub(vd_sub(x, vd_mul(n, vd_set(0x1.62e42feep-1))), vd_mul(n, vd_set(0x1.a39ef35793c76p-33)));
    /* Taylor to degree 9: the rest is below r^10/10! = 2^-37 relative for |r| <= ln2/2 */
    vd p = vd_add(vd_mul(r, vd_set(1.0 / 362880)), vd_set(1.0 / 40320));
    p = vd_add(vd_mul(p, r), vd_set(1.0 / 5040));
    p = vd_add(vd_mul(p, r), vd_set(1.0 / 720));
    p = vd_add(vd_mul(p, r), vd_set(1.0 / 120));
    p = vd_add(vd_mul(p, r), vd_set(1.0 / 24));
    p = vd_add(vd_mul(p, r), vd_set(1.0 / 6));
    p = vd_add(vd_mul(p, r), vd_set(0.5));
    p = vd_add(vd_mul(vd_mul(p, r), r), r);
    expm e = {vd_shl52(z), p};
    return e;
}
AI vd exp_double(vd x)
{
    expm e = expm_parts(x);
    return vd_add(vd_mul(e.scale, e.p), e.scale);
}
AI vd expm1_double(vd x)
{
    expm e = expm_parts(x);
    return vd_add(vd_mul(e.scale, e.p), vd_sub(e.scale, vd_set(1.0)));
}
AI vf clamp_exp(vf x) { return vf_min(vf_set(100.0f), vf_max(vf_set(-110.0f), x)); }
OUT_OF_LINE vf exp_u10(vf x) { return vd_to_f(exp_double(vd_from_f(clamp_exp(x)))); }
OUT_OF_LINE vf sigmoid_u10(vf x)
{
    vf a = vf_min(vf_set(110.0f), vf_max(vf_set(-110.0f), x));
    vd e = exp_double(vd_sub(vd_set(0.0), vd_from_f(a)));
    return vd_to_f(vd_div(vd_set(1.0), vd_add(vd_set(1.0), e)));
}
/* tanh |x| = m / (m + 2), m = e^2|x| - 1 */
OUT_OF_LINE vf tanh_u10(vf x)
{
    vd a = vd_from_f(vf_min(vf_set(10.0f), vf_abs(x)));
    vd m = expm1_double(vd_add(a, a));
    return vf_copysign(vd_to_f(vd_div(m, vd_add(m, vd_set(2.0)))), x);
}
/* 2 atanh(s) = 2s (1 + s^2/3 + ... + s^2k/(2k+1)), k = 11: the rest is below 2^-39 relative for s <= 1/3. */
AI vd atanh2_double(vd s)
{
    vd y = vd_mul(s, s), p = vd_set(1.0 / 23);
    UNROLL for (int k = 21; k > 0; k -= 2) p = vd_add(vd_mul(p, y), vd_set(1.0 / k));
    return vd_mul(vd_add(s, s), p);
}
/* n ln2 + 2 atanh(f/(2 + f)) */
OUT_OF_LINE vf log_u10(vf x)
{
    log_parts s = log_split(x);
    vd f = vd_from_f(s.f), l = atanh2_double(vd_div(f, vd_add(f, vd_set(2.0))));
    return log_edges(x, vd_to_f(vd_add(vd_mul(vd_from_f(s.n), vd_set(0x1.62e42fefa39efp-1)), l)));
}
/* log(1 + e^x) = max(x, 0) + log1p(e), e = e^-|x|, log1p(e) = 2 atanh(e/(2 + e)). */
OUT_OF_LINE vf softplus_u10(vf x)
{
    vd e = exp_double(vd_from_f(clamp_exp(vf_negabs(x))));
    vd l = atanh2_double(vd_div(e, vd_add(e, vd_set(2.0))));
    return vd_to_f(vd_add(vd_from_f(vf_max(vf_set(0.0f), x)), l));
}
OUT_OF_LINE vf elu_u10(vf x, vf alpha)
{
    vd m = vd_mul(vd_from_f(alpha), expm1_double(vd_from_f(clamp_exp(x))));
    return vf_sel(vf_lt(x, vf_set(0.0f)), vd_to_f(m), x);
}
OUT_OF_LINE vf selu_u10(vf x, vf alpha, vf gamma)
{
    vd m = vd_mul(vd_mul(vd_from_f(gamma), vd_from_f(alpha)), expm1_double(vd_from_f(clamp_exp(x))));
    return vf_sel(vf_lt(x, vf_set(0.0f)), vd_to_f(m), vf_mul(gamma, x));
}

/* ---- Single-class functions, in double ---- */

/* c[0] x^(n-1) + ... + c[n-1] */
AI vd poly_double(const double *c, int n, vd x)
{
    vd p = vd_set(c[0]);
    UNROLL for (int i = 1; i < n; i++) p = vd_add(vd_mul(p, x), vd_set(c[i]));
    return p;
}
/* erf(x) / x in u = x^2 / (X^2/2) - 1 for |x| <= X = 3.9375, beyond which erf is 1 in float; Chebyshev interpolation,
 * relative error 2^-36.9. Around the middle of [0, X^2] the terms of the sum do not cancel. */
static const double erf_terms[] = {0x1.176262f6e511dp-17,  -0x1.9916fce832f34p-16, 0x1.a2b8bf095f25cp-16,
                                   -0x1.e4e968f7c2d91p-15, 0x1.ce8e5f93293e8p-13,  -0x1.0e4c706d2bd6bp-11,
                                   0x1.0d665fd8748efp-10,  -0x1.131a65802e889p-9,  0x1.0e6be267ed7f5p-8,
                                   -0x1.ed2e73ee480a8p-8,  0x1.a53b5181d784fp-7,   -0x1.522d9934a490ap-6,
                                   0x1.fd5c067858000p-6,   -0x1.68164d394b1c0p-5,  0x1.dfe8c9e9a2d9cp-5,
                                   -0x1.2fe7df8fcf82ap-4,  0x1.72e44007f5e3ap-4,   -0x1.bde9f88c12ad4p-4,
                                   0x1.1184b5715f039p-3,   -0x1.6f4220056ef7cp-3,  0x1.6fc14a09a4d21p-2};
OUT_OF_LINE vf erf_f32(vf x)
{
    vd a = vd_from_f(vf_min(vf_set(3.9375f), vf_max(vf_set(-3.9375f), x)));
    vd u = vd_sub(vd_mul(vd_mul(a, a), vd_set(0x1.0831051872093p-3)), vd_set(1.0));
    return vd_to_f(vd_mul(a, poly_double(erf_terms, 21, u)));
}
/* e^(a^2/2) (a + 3.5) erfc(a / sqrt 2) / 2 in s = (a - 3.5) / (a + 3.5) for a in [0, 15], relative error 2^-37.2. */
static const double tail_terms[] = {0x1.ce8fce688f75ap-19,  0x1.2379ffb536d00p-17, -0x1.27a89f233d588p-16,
                                    -0x1.3331a375ef468p-14, 0x1.186c93abe7fc7p-14, 0x1.f2d4efc4a3a8dp-12,
                                    -0x1.d2aaf4d69737bp-12, -0x1.a1fa1024e45b5p-9, 0x1.a86d22865cc89p-8,
                                    0x1.1d35a99446659p-6,   -0x1.db58383b833bbp-4, 0x1.42fec3747a7cbp-2,
                                    -0x1.2191517f7ed4fp-1,  0x1.7d241a9530349p-1};
/* x Phi(x) = max(x, 0) - |x| Phi(-|x|): the tail is small wherever something is taken off. At 15 it is 0 in float. */
OUT_OF_LINE vf gelu_f32(vf x)
{
    vd a = vd_from_f(vf_min(vf_set(15.0f), vf_abs(x))), inverse = vd_div(vd_set(1.0), vd_add(a, vd_set(3.5)));
    vd e = exp_double(vd_mul(vd_mul(a, a), vd_set(-0.5)));
    vd q = poly_double(tail_terms, 14, vd_mul(vd_sub(a, vd_set(3.5)), inverse));
    return vd_to_f(vd_sub(vd_from_f(vf_max(vf_set(0.0f), x)), vd_mul(vd_mul(a, inverse), vd_mul(e, q))));
}
/* x (1 + tanh u) / 2 = x / (1 + e^-2u), u = sqrt(2/pi) (x + 0.044715 x^3). */
OUT_OF_LINE vf gelu_tanh_f32(vf x)
{
    vf low = vf_max(vf_set(-11.0f), x); /* the result is 0 there */
    vd a = vd_from_f(vf_min(vf_set(11.0f), low));
    vd u = vd_mul(a, vd_add(vd_mul(vd_mul(a, a), vd_set(-0x1.2444f2a4d8b4bp-4)), vd_set(-0x1.9884533d43651p+0)));
    return vd_to_f(vd_div(vd_from_f(low), vd_add(exp_double(u), vd_set(1.0))));
}
/* x tanh(softplus(x)) = x m / (m + 2), m = (1 + e^x)^2 - 1 = e^x (e^x + 2) */
OUT_OF_LINE vf mish_f32(vf x)
{
    vf low = vf_max(vf_set(-110.0f), x);
    vd e = exp_double(vd_from_f(vf_min(vf_set(40.0f), low))), m = vd_mul(e, vd_add(e, vd_set(2.0)));
    return vd_to_f(vd_mul(vd_from_f(low), vd_div(m, vd_add(m, vd_set(2.0)))));
}
/* The quotient is clamped by what it is made of; e^-700 is no denormal. */
OUT_OF_LINE vf celu_f32(vf x, vf alpha)
{
    vf most = vf_mul(vf_set(700.0f), vf_abs(alpha)), least = vf_mul(vf_set(-700.0f), vf_abs(alpha));
    vd a = vd_from_f(alpha), q = vd_div(vd_from_f(vf_min(most, vf_max(least, x))), a);
    return vf_sel(vf_lt(x, vf_set(0.0f)), vd_to_f(vd_mul(a, expm1_double(q))), x);
}

/* ---- Exact or once-rounded functions ---- */

AI vf relu_f32(vf x) { return vf_max(vf_set(0.0f), x); }
AI vf leaky_relu_f32(vf x, vf alpha) { return vf_sel(vf_lt(x, vf_set(0.0f)), vf_mul(alpha, x), x); }
AI vf thresholded_relu_f32(vf x, vf alpha)
{
    vf r = vf_sel(vf_lt(alpha, x), x, vf_set(0.0f));
    return vf_sel(vf_eq(x, x), r, x);
}
AI vf affine_f32(vf x, vf alpha, vf beta) { return vf_fma(alpha, x, beta); }
AI vf clip_f32(vf x, vf low, vf high) { return vf_min(high, vf_max(low, x)); }
AI vf hard_sigmoid_f32(vf x, vf alpha, vf beta) { return clip_f32(vf_fma(alpha, x, beta), vf_set(0.0f), vf_set(1.0f)); }
AI vf hard_swish_f32(vf x) { return vf_mul(x, hard_sigmoid_f32(x, vf_set(1.0f / 6), vf_set(0.5f))); }
/* x / (1 + |x|); +-1 at +-inf, where the quotient would be NaN. */
AI vf softsign_f32(vf x)
{
    vf a = vf_abs(x), r = vf_div(x, vf_add(vf_set(1.0f), a));
    return vf_sel(vf_eq(a, vf_set(INFINITY)), vf_copysign(vf_set(1.0f), x), r);
}

#endif
