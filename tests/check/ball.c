/* SPDX-License-Identifier: Apache-2.0 */
#include "ball.h"

#include "rnnpack/rnnpack.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const double eps = 0x1p-24, least = 0x1p-149, largest = 0x1.ffffffp127;

ball ball_unknown(void) { return (ball){0, NAN}; }

/* Operands of further arithmetic: what may have overflowed is not known. */
static int unusable(ball a) { return isnan(a.e) || (isfinite(a.v) && fabs(a.v) + a.e > FLT_MAX); }

static ball rounded(double v, double e)
{
    if (!isfinite(v)) return (ball){v, 0};
    return (ball){v, e + eps * (fabs(v) + e) + least};
}

/* Spacing of floats around v. */
static double ulp(double v)
{
    if (!isfinite(v)) return 0;
    int exponent = v == 0 ? -149 : ilogb(v) - 23;
    return ldexp(1, exponent < -149 ? -149 : exponent > 104 ? 104 : exponent);
}

/* f(x) for a monotone f, with its class's own error as so many ULP, relative and absolute. */
static ball monotone(double (*f)(double), ball x, double ulps, double relative, double absolute)
{
    if (isnan(x.v)) return x;
    if (unusable(x)) return ball_unknown();
    const double v = f(x.v);
    if (!isfinite(v)) return (ball){v, 0};
    const double spread = fmax(fabs(f(x.v + x.e) - v), fabs(f(x.v - x.e) - v));
    return (ball){v, spread + ulps * ulp(fabs(v) + spread) + relative * fabs(v) + absolute};
}

ball ball_exact(double v) { return (ball){v, 0}; }

ball ball_neg(ball a) { return (ball){-a.v, a.e}; }

/* a b without its rounding. */
static ball product(ball a, ball b)
{
    if (isnan(a.v) || isnan(b.v)) return ball_exact(NAN);
    if (unusable(a) || unusable(b)) return ball_unknown();
    if (isinf(a.v) || isinf(b.v)) {
        ball other = isinf(a.v) ? b : a;
        if (other.e > 0 && fabs(other.v) <= other.e) return ball_unknown();
        return ball_exact(a.v * b.v);
    }
    return (ball){a.v * b.v, fabs(a.v) * b.e + fabs(b.v) * a.e + a.e * b.e};
}

static ball sum(ball a, ball b)
{
    if (isnan(a.v) || isnan(b.v)) return ball_exact(NAN);
    if (unusable(a) || unusable(b)) return ball_unknown();
    return (ball){a.v + b.v, a.e + b.e};
}

static ball round_once(ball a) { return isnan(a.e) ? a : rounded(a.v, a.e); }

ball ball_add(ball a, ball b) { return round_once(sum(a, b)); }

ball ball_mul(ball a, ball b) { return round_once(product(a, b)); }

ball ball_fma(ball a, ball b, ball c) { return round_once(sum(product(a, b), c)); }

ball ball_div(ball a, ball b)
{
    if (isnan(a.v) || isnan(b.v)) return ball_exact(NAN);
    if (unusable(a) || unusable(b) || (b.e > 0 && fabs(b.v) <= b.e)) return ball_unknown();
    const double v = a.v / b.v;
    if (!isfinite(v) || isinf(b.v)) return ball_exact(v);
    return rounded(v, (a.e + fabs(v) * b.e) / (fabs(b.v) - b.e));
}

/* Errors that the classes promise (include/rnnpack/rnnpack.h), in ULP or else absolute. */
ball ball_tanh(int math, ball x)
{
    return monotone(tanh, x,
                    math == RNNP_MATH_U35   ? 3.5
                    : math == RNNP_MATH_U10 ? 1.0
                                            : 0,
                    0, math == RNNP_MATH_FAST ? 5e-5 : 0);
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

ball ball_sigmoid(int math, ball x)
{
    return monotone(sigmoid, x,
                    math == RNNP_MATH_U35   ? 3.5
                    : math == RNNP_MATH_U10 ? 1.0
                                            : 0,
                    0, math == RNNP_MATH_FAST ? 5e-5 : 0);
}

ball ball_exp(int math, ball x)
{
    return monotone(exp, x, math == RNNP_MATH_U35 ? 1.5 : 1.0, math == RNNP_MATH_FAST ? 1e-4 : 0, 0);
}

/* In double and rounded once. */
static const double once = 0.51;

static double by_class(int math, double ulps) { return math == RNNP_MATH_U10 ? once : ulps; }

ball ball_log(int math, ball x)
{
    if (x.e > 0 && x.v <= x.e) return ball_unknown();
    return monotone(log, x, by_class(math, 2), 0, 0);
}

ball ball_sqrt(ball x)
{
    if (isnan(x.v)) return x;
    if (unusable(x)) return ball_unknown();
    const double v = sqrt(x.v);
    if (!isfinite(v)) return ball_exact(v);
    return rounded(v, fmax(sqrt(x.v + x.e) - v, v - sqrt(fmax(x.v - x.e, 0))));
}

ball ball_sigmoid_tanh(int math, ball x, ball y)
{
    ball p = ball_mul(ball_sigmoid(math, x), ball_tanh(math, y));
    return isnan(p.e) || !isfinite(p.v) ? p : rounded(p.v, p.e + eps * fabs(p.v) + least);
}

ball ball_clip(ball x, double low, double high)
{
    if (x.v < low) x.v = low;
    if (x.v > high) x.v = high;
    return x;
}

static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }

static double softsign(double x) { return isinf(x) ? copysign(1, x) : x / (1 + fabs(x)); }

/* Values are alpha max(0, x) and x - max(0, x) apart: monotone for alpha >= 0, which is all that is tried. */
ball ball_act(const rnnp_act_spec *act, int math, ball x)
{
    const ball alpha = ball_exact((double)act->alpha), beta = ball_exact((double)act->beta);
    if (isnan(x.v) || unusable(x)) return x;
    switch (act->kind) {
    case RNNP_ACT_TANH: return ball_tanh(math, x);
    case RNNP_ACT_SIGMOID: return ball_sigmoid(math, x);
    case RNNP_ACT_SCALED_TANH: return ball_mul(alpha, ball_tanh(math, ball_mul(beta, x)));
    case RNNP_ACT_RELU: return (ball){fmax(x.v, 0), x.e};
    case RNNP_ACT_AFFINE: return ball_fma(alpha, x, beta);
    case RNNP_ACT_LEAKY_RELU: {
        ball scaled = ball_mul(alpha, x);
        return x.v < -x.e ? scaled : x.v >= x.e ? x : (ball){x.v < 0 ? scaled.v : x.v, fmax(x.e, scaled.e)};
    }
    case RNNP_ACT_THRESHOLDED_RELU:
        if (x.e > 0 && fabs(x.v - alpha.v) <= x.e) return ball_unknown();
        return x.v > alpha.v ? x : ball_exact(0);
    case RNNP_ACT_HARD_SIGMOID: return ball_clip(ball_fma(alpha, x, beta), 0, 1);
    case RNNP_ACT_ELU: {
        if (x.v > x.e) return x;
        ball m = monotone(expm1, x, 0, 0, 0);
        ball scaled = {alpha.v * m.v, fabs(alpha.v) * m.e};
        scaled.e += by_class(math, 3.5) * ulp(fabs(scaled.v) + scaled.e);
        return x.v < 0 ? scaled : (ball){x.v, fmax(x.e, scaled.e)};
    }
    case RNNP_ACT_SOFTSIGN: return monotone(softsign, x, 1.5, 0, 0); /* the sum: 1 ULP; the quotient: 0.5 */
    case RNNP_ACT_SOFTPLUS: return monotone(softplus, x, by_class(math, 3.5), 0, 0);
    case RNNP_ACT_NONE:
    case RNNP_ACT_COUNT: break;
    }
    return x;
}

/* `above` beyond the kink, `below` up to it. */
static ball kinked(ball x, double kink, ball below, ball above)
{
    if (x.e > 0 && fabs(x.v - kink) <= x.e) return ball_unknown();
    return x.v > kink ? above : below;
}

/* 1 - t^2 */
static ball tanh_slope(int math, ball x)
{
    const ball t = ball_tanh(math, x);
    return ball_fma(ball_neg(t), t, ball_exact(1));
}

ball ball_slope(const rnnp_act_spec *act, int math, ball x)
{
    const ball alpha = ball_exact((double)act->alpha), beta = ball_exact((double)act->beta);
    const ball zero = ball_exact(0), one = ball_exact(1);
    if (isnan(x.v) || unusable(x)) return x;
    switch (act->kind) {
    case RNNP_ACT_TANH: return tanh_slope(math, x);
    case RNNP_ACT_SIGMOID: {
        const ball s = ball_sigmoid(math, x);
        return ball_fma(ball_neg(s), s, s);
    }
    case RNNP_ACT_SCALED_TANH: return ball_mul(ball_mul(alpha, beta), tanh_slope(math, ball_mul(beta, x)));
    case RNNP_ACT_RELU: return kinked(x, 0, zero, one);
    case RNNP_ACT_AFFINE: return alpha;
    case RNNP_ACT_LEAKY_RELU: return kinked(x, 0, alpha, one);
    case RNNP_ACT_THRESHOLDED_RELU: return kinked(x, alpha.v, zero, one);
    case RNNP_ACT_HARD_SIGMOID: {
        ball ramp = ball_fma(alpha, x, beta);
        if (x.e == 0) ramp = ball_exact((double)fmaf(act->alpha, (float)x.v, act->beta)); /* decides at the kinks */
        const ball left = kinked(ramp, 0, zero, alpha), right = kinked(ramp, 1, alpha, zero);
        return isnan(left.e) || isnan(right.e) ? ball_unknown() : left.v == 0 ? left : right;
    }
    case RNNP_ACT_ELU: {
        const ball e = monotone(exp, x, 0, 0, 0); /* times alpha in double too, then rounded */
        ball scaled = {alpha.v * e.v, fabs(alpha.v) * e.e};
        scaled.e += once * ulp(fabs(scaled.v) + scaled.e);
        return kinked(x, 0, scaled, one);
    }
    case RNNP_ACT_SOFTSIGN: {
        const ball q = ball_div(one, ball_add(one, (ball){fabs(x.v), x.e}));
        return ball_mul(q, q);
    }
    case RNNP_ACT_SOFTPLUS: return ball_sigmoid(math, x);
    case RNNP_ACT_NONE:
    case RNNP_ACT_COUNT: break;
    }
    return one;
}

/* In any order of a tree of depth d each element passes at most d roundings. Sixteen lanes, then a tree of four
 * levels, so d <= n/16 + 5. */
ball ball_row_sum(const ball *x, size_t n)
{
    ball total = {0, 0};
    double size = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i].e)) return x[i];
        total.v += x[i].v;
        total.e += x[i].e;
        size += fabs(x[i].v) + x[i].e;
    }
    if (!isfinite(total.v)) return ball_exact(total.v);
    total.e += (double)(n / 16 + 6) * eps * size;
    return total;
}

ball ball_chain(ball start, const float *a, size_t a_step, const float *b, size_t b_step, size_t k)
{
    double v = start.v, size = fabs(start.v);
    for (size_t i = 0; i < k; i++) {
        const double p = (double)a[i * a_step] * (double)b[i * b_step];
        v += p;
        size += fabs(p);
    }
    if (!isfinite(v)) return ball_exact(v);
    return (ball){v, start.e + ((double)(k + 4) * eps * size + (double)(k + 1) * least) * (k > 0)};
}

int ball_holds(ball truth, float computed)
{
    const double c = (double)computed;
    if (isnan(truth.v)) return isnan(c);
    if (isnan(truth.e)) return 1;
    if (truth.e == BITS) {
        const float exact = (float)truth.v;
        return memcmp(&exact, &computed, sizeof exact) == 0;
    }
    if (isinf(truth.v)) return c == truth.v;
    if (isinf(c)) return fabs(truth.v) + truth.e >= largest && (c > 0) == (truth.v > 0);
    return fabs(c - truth.v) <= truth.e;
}
