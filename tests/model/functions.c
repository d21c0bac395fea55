/* SPDX-License-Identifier: Apache-2.0
 *
 * functions [STRIDE]: elementwise functions in the math classes u35 and u10, against long double, over every STRIDE-th
 * float. Those without classes and all of u10 are computed in double and rounded once: every result is within 0.51 ULP.
 * NaN appears where the function has no value.
 */
#include "graph.h"

#include <float.h>

static uint64_t stride = 20011;

int tests_begin(char **arguments)
{
    if (arguments[0]) stride = strtoull(arguments[0], NULL, 10);
    return 0;
}

/* ---- Truths ---- */

static long double true_gelu(long double x) { return isinf(x) ? fmaxl(x, 0) : x * erfcl(-x * sqrtl(0.5L)) / 2; }

static long double true_gelu_tanh(long double x)
{
    const long double c = 2 * sqrtl(2 / acosl(-1));

    return isinf(x) ? fmaxl(x, 0) : x / (1 + expl(-c * (x + 0.044715L * x * x * x)));
}

static long double true_mish(long double x)
{
    const long double e = expl(fminl(x, 1000)), m = e * (e + 2);

    return isinf(x) ? fmaxl(x, 0) : x * (m / (m + 2));
}

static long double true_selu(long double x)
{
    const long double alpha = 1.67326319217681884765625L, gamma = 1.05070102214813232421875L;

    return gamma * (x > 0 ? x : alpha * expm1l(x));
}

static long double true_softplus(long double x) { return fmaxl(x, 0) + log1pl(expl(-fabsl(x))); }

static long double true_elu(long double x) { return x > 0 ? x : 1.5L * expm1l(x); }

static long double true_celu(long double x) { return x > 0 ? x : 0.25L * expm1l(x * 4); }

/* In double, rounded once. */
#define ONCE 0.51

static const struct {
    const char *call;
    long double (*truth)(long double x);
    double u35; /* the largest error that it may have in this class */
} functions[] = {
    {"Sin(x)", sinl, ONCE},
    {"Cos(x)", cosl, ONCE},
    {"Tan(x)", tanl, ONCE},
    {"Asin(x)", asinl, ONCE},
    {"Acos(x)", acosl, ONCE},
    {"Atan(x)", atanl, ONCE},
    {"Sinh(x)", sinhl, ONCE},
    {"Cosh(x)", coshl, ONCE},
    {"Asinh(x)", asinhl, ONCE},
    {"Acosh(x)", acoshl, ONCE},
    {"Atanh(x)", atanhl, ONCE},
    {"Erf(x)", erfl, ONCE},
    {"Gelu@20(x)", true_gelu, ONCE},
    {"Gelu@20(x, approximate=tanh)", true_gelu_tanh, ONCE},
    {"Mish(x)", true_mish, ONCE},
    {"Log(x)", logl, 1},
    {"Softplus(x)", true_softplus, 3.5},
    {"Elu(x, alpha=1.5)", true_elu, 3.5},
    {"Selu(x)", true_selu, 3.5},
    {"Celu(x, alpha=0.25)", true_celu, ONCE},
};

/* ---- Errors ---- */

/* In units of the last place of a float at the truth. */
static double ulps(long double truth, float y)
{
    const long double size = fabsl(truth);

    if (isnan(truth) || isnan(y)) return isnan(truth) == isnan(y) ? 0 : INFINITY;
    if (isinf(y) || isinf(truth)) return (isinf(truth) || size >= 0x1.ffffffp127L) && y * truth > 0 ? 0 : INFINITY;
    const int exponent = size == 0 ? -149 : ilogbl(size) - (FLT_MANT_DIG - 1);
    return (double)(fabsl((long double)y - truth) / ldexpl(1, exponent < -149 ? -149 : exponent));
}

static void test_class(rnnp_math math)
{
    const float special[] = {0.0f, INFINITY, NAN, 1.0f, FLT_MAX, FLT_MIN, 0x1p-149f, 0x1.921fb6p0f, 0x1.921fb6p1f};
    enum { SPECIAL = sizeof special / sizeof *special };
    const size_t n = (size_t)(((UINT64_C(1) << 32) + stride - 1) / stride) + 2 * SPECIAL;
    FREED float *x = malloc(n * sizeof *x);
    OWNED(context) context = make_context(NULL, 1);

    assert_non_null(x);
    for (size_t i = 0; i < SPECIAL; i++) x[2 * i] = special[i], x[2 * i + 1] = -special[i];
    for (size_t i = 2 * SPECIAL; i < n; i++) {
        const uint32_t bits = (uint32_t)((i - 2 * SPECIAL) * stride);
        memcpy(&x[i], &bits, sizeof bits);
    }
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        OWNED(model) model = make_graph(context, "x: f32[?]; -> y = %s", functions[f].call);
        OPTIONS(plan, options);
        options.math = math;
        OWNED_NEW(plan, plan, model, &options);
        DROPPED(free_outputs)
        produced o = run_plan(plan, &(rnnp_tensor){RNNP_DTYPE_F32, 1, {(int64_t)n}, .data = x}, 1);
        const double allowed = math == RNNP_MATH_U35 ? functions[f].u35 : ONCE;
        double most = 0;
        float at = 0;

        OK(o.status);
        for (size_t i = 0; i < n; i++) {
            const double error = ulps(functions[f].truth((long double)x[i]), ((const float *)o.out[0].data)[i]);

            if (error > most) most = error, at = x[i];
        }
        printf("%-30s %s %.4f ULP at %.9g\n", functions[f].call, math == RNNP_MATH_U35 ? "u35" : "u10", most,
               (double)at);
        assert_true(most <= allowed);
    }
}

TEST(test_u35) { test_class(RNNP_MATH_U35); }

TEST(test_u10) { test_class(RNNP_MATH_U10); }
