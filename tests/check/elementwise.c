/* SPDX-License-Identifier: Apache-2.0
 *
 * y[i] = f(x[i]) and y[i] = f(a[i], b[i]).
 */
#include "check.h"

#include "rnnpack/rnnpack.h"

#include <math.h>
#include <stdio.h>

/* Beyond four vectors in lockstep of the widest ISA, and some tails. */
enum { LONGEST = 4 * 64 + 3 };

static size_t vector_size(rng *r)
{
    return rng_or(r, 0, rng_one_in(r, 16) ? 0 : rng_one_in(r, 8) ? rng_in(r, 1, 1200) : rng_in(r, 1, LONGEST));
}

/* ---- Unary ---- */

typedef struct unary {
    rnnp_op op;
    size_t n;
    float alpha, beta;
    int in_place;
    float *x;
} unary;

static void *unary_prepare(kernel_kind of, arena *a, rng *r)
{
    const rnnp_op op = of.op;
    unary *p = arena_take(a, sizeof *p);
    *p = (unary){.op = op,
                 .n = vector_size(r),
                 .alpha = rng_uniform(r, 0.05f, 2),
                 .beta = rng_uniform(r, -1, 2),
                 .in_place = rng_one_in(r, 4)};
    if (op == RNNP_OP_clip_f32) p->beta = p->alpha + rng_uniform(r, 0, 3), p->alpha -= 2;
    p->x = arena_floats(a, p->n);
    fill(r, p->x, p->n, rng_inputs(r), rng_one_in(r, 2) ? 40.0f : 1.0f, 4);
    if (op == RNNP_OP_log_f32_u35 || op == RNNP_OP_log_f32_u10 || op == RNNP_OP_sqrt_f32)
        for (size_t i = 0; i < p->n; i++) p->x[i] = rng_one_in(r, 8) ? p->x[i] : fabsf(p->x[i]);
    return p;
}

static void unary_describe(const void *problem, char text[DESCRIPTION])
{
    const unary *p = problem;
    snprintf(text, DESCRIPTION, "n%zu%s", p->n, p->in_place ? "-in-place" : "");
}

static const void *unary_place(const void *problem, const rnnp_variant *variant, int whole, arena *a, memory *m)
{
    const unary *p = problem;
    (void)variant, (void)whole;
    rnnp_unary_args *args = arena_take(a, sizeof *args);
    float *x = memory_floats(m, p->in_place ? INOUT : INPUT, p->x, p->n);
    *args = (rnnp_unary_args){x, p->in_place ? x : memory_floats(m, OUTPUT, NULL, p->n), p->n, p->alpha, p->beta};
    return args;
}

static ball within(double ulps, double v)
{
    const int exponent = v == 0 || !isfinite(v) ? -149 : ilogb(v) - 23;
    const double ulp = ldexp(1, exponent < -149 ? -149 : exponent > 104 ? 104 : exponent);
    return (ball){v, isfinite(v) ? ulps * ulp : 0};
}

/* Computed in double and rounded once. */
static ball once(double v) { return within(0.51, v); }

static double elu(double x, double alpha, double gamma) { return x < 0 ? gamma * alpha * expm1(x) : gamma * x; }

static double gelu(double x) { return isinf(x) ? fmax(x, 0) : x * erfc(-x * sqrt(0.5)) / 2; }

static double gelu_tanh(double x)
{
    return isinf(x) ? fmax(x, 0) : x / (1 + exp(-2 * sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
}

static double mish(double x)
{
    const double e = exp(fmin(x, 300));
    return isinf(x) ? fmax(x, 0) : x * (e * (e + 2) / (e * (e + 2) + 2));
}

static int math_of(rnnp_op op)
{
    switch ((int)op) {
    case RNNP_OP_softplus_f32_u10:
    case RNNP_OP_elu_f32_u10:
    case RNNP_OP_scaled_tanh_f32_u10: return RNNP_MATH_U10;
    case RNNP_OP_scaled_tanh_f32_fast: return RNNP_MATH_FAST;
    default: return RNNP_MATH_U35;
    }
}

static ball unary_truth(const unary *p, double x)
{
    const ball v = ball_exact(x);
    const double alpha = (double)p->alpha, beta = (double)p->beta;
    rnnp_act_spec act = {RNNP_ACT_NONE, p->alpha, p->beta};
    switch ((int)p->op) {
    case RNNP_OP_exp_f32_u35: return ball_exp(RNNP_MATH_U35, v);
    case RNNP_OP_exp_f32_u10: return ball_exp(RNNP_MATH_U10, v);
    case RNNP_OP_exp_f32_fast: return ball_exp(RNNP_MATH_FAST, v);
    case RNNP_OP_tanh_f32_u35: return ball_tanh(RNNP_MATH_U35, v);
    case RNNP_OP_tanh_f32_u10: return ball_tanh(RNNP_MATH_U10, v);
    case RNNP_OP_tanh_f32_fast: return ball_tanh(RNNP_MATH_FAST, v);
    case RNNP_OP_sigmoid_f32_u35: return ball_sigmoid(RNNP_MATH_U35, v);
    case RNNP_OP_sigmoid_f32_u10: return ball_sigmoid(RNNP_MATH_U10, v);
    case RNNP_OP_sigmoid_f32_fast: return ball_sigmoid(RNNP_MATH_FAST, v);
    case RNNP_OP_log_f32_u35: return ball_log(RNNP_MATH_U35, v);
    case RNNP_OP_log_f32_u10: return ball_log(RNNP_MATH_U10, v);
    case RNNP_OP_sqrt_f32: return (ball){sqrt(x), BITS}; /* double to float is one rounding in effect: 53 > 2*24+1 */
    case RNNP_OP_neg_f32: return (ball){-x, BITS};
    case RNNP_OP_clip_f32: return ball_clip(v, alpha, beta);
    case RNNP_OP_selu_f32_u35: return within(3.5, elu(x, alpha, beta));
    case RNNP_OP_selu_f32_u10: return once(elu(x, alpha, beta));
    case RNNP_OP_celu_f32: return once(x < 0 ? alpha * expm1(x / alpha) : x);
    case RNNP_OP_mish_f32: return once(mish(x));
    case RNNP_OP_erf_f32: return once(erf(x));
    case RNNP_OP_gelu_f32: return once(gelu(x));
    case RNNP_OP_gelu_tanh_f32: return once(gelu_tanh(x));
    case RNNP_OP_hard_swish_f32:
        return ball_mul(v, ball_clip(ball_fma(v, ball_exact((double)(1.0f / 6)), ball_exact(0.5)), 0, 1));
    case RNNP_OP_softplus_f32_u35:
    case RNNP_OP_softplus_f32_u10: act.kind = RNNP_ACT_SOFTPLUS; break;
    case RNNP_OP_elu_f32_u35:
    case RNNP_OP_elu_f32_u10: act.kind = RNNP_ACT_ELU; break;
    case RNNP_OP_relu_f32: act.kind = RNNP_ACT_RELU; break;
    case RNNP_OP_leaky_relu_f32: act.kind = RNNP_ACT_LEAKY_RELU; break;
    case RNNP_OP_thresholded_relu_f32: act.kind = RNNP_ACT_THRESHOLDED_RELU; break;
    case RNNP_OP_hard_sigmoid_f32: act.kind = RNNP_ACT_HARD_SIGMOID; break;
    case RNNP_OP_softsign_f32: act.kind = RNNP_ACT_SOFTSIGN; break;
    case RNNP_OP_affine_f32: act.kind = RNNP_ACT_AFFINE; break;
    default: act.kind = RNNP_ACT_SCALED_TANH; break;
    }
    return ball_act(&act, math_of(p->op), v);
}

static void unary_oracle(const void *problem, ball *expected)
{
    const unary *p = problem;
    for (size_t i = 0; i < p->n; i++) expected[i] = unary_truth(p, (double)p->x[i]);
}

const check_class check_unary = {unary_prepare, unary_describe, unary_place, unary_oracle};

/* ---- Binary ---- */

typedef struct binary {
    rnnp_op op;
    size_t n, a_step, b_step;
    int in_place; /* 1: y == a, 2: y == b */
    float *a, *b;
} binary;

static size_t operand_size(size_t n, size_t step) { return step ? n : 1; }

static void *binary_prepare(kernel_kind of, arena *a, rng *r)
{
    const rnnp_op op = of.op;
    binary *p = arena_take(a, sizeof *p);
    *p = (binary){.op = op, .n = vector_size(r), .a_step = !rng_one_in(r, 4), .b_step = !rng_one_in(r, 4)};
    if (rng_one_in(r, 4)) p->in_place = p->a_step ? 1 : p->b_step ? 2 : 0;
    const size_t na = operand_size(p->n, p->a_step), nb = operand_size(p->n, p->b_step);
    p->a = arena_floats(a, na);
    p->b = arena_floats(a, nb);
    fill(r, p->a, na, rng_inputs(r), 1, 4);
    fill(r, p->b, nb, rng_inputs(r), 1, 4);
    if (op == RNNP_OP_pow_f32) { /* mostly where it is a number */
        for (size_t i = 0; i < na; i++) p->a[i] = rng_one_in(r, 4) ? p->a[i] : fabsf(p->a[i]);
        for (size_t i = 0; i < nb; i++) p->b[i] = rng_one_in(r, 4) ? roundf(p->b[i]) : p->b[i];
    }
    return p;
}

static void binary_describe(const void *problem, char text[DESCRIPTION])
{
    static const char *const suffix[] = {"", "-on-a", "-on-b"};
    const binary *p = problem;
    snprintf(text, DESCRIPTION, "n%zu-steps%zu%zu%s", p->n, p->a_step, p->b_step, suffix[p->in_place]);
}

static const void *binary_place(const void *problem, const rnnp_variant *variant, int whole, arena *a, memory *m)
{
    const binary *p = problem;
    (void)variant, (void)whole;
    rnnp_binary_args *args = arena_take(a, sizeof *args);
    float *pa = memory_floats(m, p->in_place == 1 ? INOUT : INPUT, p->a, operand_size(p->n, p->a_step));
    float *pb = memory_floats(m, p->in_place == 2 ? INOUT : INPUT, p->b, operand_size(p->n, p->b_step));
    float *y = p->in_place == 1 ? pa : p->in_place == 2 ? pb : memory_floats(m, OUTPUT, NULL, p->n);
    *args = (rnnp_binary_args){pa, pb, y, p->n, p->a_step, p->b_step};
    return args;
}

/* +, -, *, / of floats rounded to double, then to float, are rounded once in effect. */
static void binary_oracle(const void *problem, ball *expected)
{
    const binary *p = problem;
    for (size_t i = 0; i < p->n; i++) {
        const double a = (double)p->a[i * p->a_step], b = (double)p->b[i * p->b_step];
        switch ((int)p->op) {
        case RNNP_OP_add_f32: expected[i] = (ball){a + b, BITS}; break;
        case RNNP_OP_sub_f32: expected[i] = (ball){a - b, BITS}; break;
        case RNNP_OP_mul_f32: expected[i] = (ball){a * b, BITS}; break;
        case RNNP_OP_div_f32: expected[i] = (ball){a / b, BITS}; break;
        case RNNP_OP_prelu_f32: expected[i] = (ball){a < 0 ? a * b : a, BITS}; break;
        default: expected[i] = once(pow(a, b)); break;
        }
    }
}

const check_class check_binary = {binary_prepare, binary_describe, binary_place, binary_oracle};
