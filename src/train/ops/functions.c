/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions of one operand whose derivative is computed in double from x or y, left to right, rounded to float, and
 * then multiplied by dy. Powers e^u are those of exp_f32_u10, of u rounded to float.
 */
#include "../../graph/ops/arithmetic.h"
#include "back.h"

#include <math.h>

/* NaN stays NaN. */
static double clamped(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

static void raise_e(const rnnp_gradient_call *call, float *x, size_t n)
{
    const rnnp_unary_args args = {.x = x, .y = x, .n = n};

    rnnp_call_select(call)->op[RNNP_OP_exp_f32_u10]->fn.exp_f32_u10(&args);
}

/* In both expressions, x and y are one element of the operand and of the result, p the node's parameters; in the last
 * one e is e^power. */
#define SLOPE_FUNCTION(name, keeps_x, keeps_y, has_power, power, ...)                          \
    static rnnp_status name(const rnnp_gradient_call *call)                                    \
    {                                                                                          \
        const float *xs = call->inputs[0].data, *ys = call->outputs[0].data;                   \
        const float *dy = call->d_outputs[0].data, *p = rnnp_unary_params(call->shape.node);   \
        float *dx = call->d_inputs[0].data;                                                    \
        const size_t n = dx ? rnnp_tensor_elements(&call->inputs[0]) : 0;                      \
                                                                                               \
        (void)xs, (void)ys, (void)p;                                                           \
        for (size_t i = 0; i < n && has_power; i++) {                                          \
            const double x = (double)xs[i];                                                    \
                                                                                               \
            (void)x;                                                                           \
            dx[i] = (float)(power);                                                            \
        }                                                                                      \
        if (has_power) raise_e(call, dx, n);                                                   \
        for (size_t i = 0; i < n; i++) {                                                       \
            const double x = (keeps_x) ? (double)xs[i] : 0, y = (keeps_y) ? (double)ys[i] : 0; \
            const double e = has_power ? (double)dx[i] : 0;                                    \
                                                                                               \
            (void)x, (void)y, (void)e;                                                         \
            dx[i] = dy[i] * (float)(__VA_ARGS__);                                              \
        }                                                                                      \
        return RNNP_OK;                                                                        \
    }

#define SLOPE(op_name, keeps_x, keeps_y, ...)                                                      \
    SLOPE_FUNCTION(back_##op_name, keeps_x, keeps_y, 0, 0, __VA_ARGS__)                            \
    RNNP_GRADIENT_ROW(op_name, .inputs = 1, .keeps_inputs = (keeps_x), .keeps_outputs = (keeps_y), \
                      .backward = back_##op_name)

#define POWER_SLOPE(op_name, power, ...)                        \
    SLOPE_FUNCTION(back_##op_name, 1, 0, 1, power, __VA_ARGS__) \
    RNNP_GRADIENT_ROW(op_name, .inputs = 1, .keeps_inputs = 1, .backward = back_##op_name)

/* ---- Activations; at a kink, the derivative is the one from below ---- */

#define TWO_OVER_ROOT_PI 0x1.20dd750429b6dp+0
#define ONE_OVER_ROOT_2PI 0x1.9884533d43651p-2
#define TWO_ROOT_2_OVER_PI 0x1.9884533d43651p+0

SLOPE(HardSwish, 1, 0, x > 3 ? 1 : x <= -3 ? 0 : x / 3 + 0.5);
POWER_SLOPE(Erf, -(x *x), TWO_OVER_ROOT_PI *e);
POWER_SLOPE(Selu, x, x > 0 ? (double)p[1] : ((double)p[1] * (double)p[0]) * e);
POWER_SLOPE(Celu, x / (double)p[0], x > 0 ? 1 : e);

/* w + x w', w = m / (m + 2) with m = e (e + 2), and w' = 4 e (e + 1) / (m + 2)^2 */
static double mish_slope(double x, double e)
{
    const double m = e * (e + 2), d = m + 2;

    return m / d + clamped(x, -110, 40) * (4 * e * (e + 1) / (d * d));
}

POWER_SLOPE(Mish, clamped(x, -110, 40), mish_slope(x, e));

/* Phi + x phi of the normal distribution; Phi is y / x, which has no other error than y. */
static double gelu_slope(double x, double y, double e)
{
    return (x > 37 ? 1 : fabs(x) < 0x1p-100 ? 0.5 : y / x) + clamped(x, -37, 37) * (ONE_OVER_ROOT_2PI * e);
}

/* u = 2 sqrt(2/pi) (x + 0.044715 x^3) */
static double gelu_u(double x) { return TWO_ROOT_2_OVER_PI * (x * (0.044715 * x * x + 1)); }

/* s + x s (1 - s) u' with the sigmoid s of u, from e = e^-|u| */
static double gelu_tanh_slope(double x, double e)
{
    const double c = clamped(x, -20, 20), d = 1 + e;

    return (c > 0 ? 1 : e) / d + c * (e / (d * d)) * (TWO_ROOT_2_OVER_PI * (3 * 0.044715 * c * c + 1));
}

SLOPE_FUNCTION(back_normal, 1, 1, 1, -0.5 * (x * x), gelu_slope(x, y, e))
SLOPE_FUNCTION(back_tanh, 1, 0, 1, -fabs(gelu_u(clamped(x, -20, 20))), gelu_tanh_slope(x, e))

static rnnp_status gelu_backward(const rnnp_gradient_call *call)
{
    const rnnp_op *kernel = call->shape.node->params;

    return *kernel == RNNP_OP_gelu_tanh_f32 ? back_tanh(call) : back_normal(call);
}

RNNP_GRADIENT_ROW(Gelu, .inputs = 1, .keeps_inputs = 1, .keeps_outputs = 1, .backward = gelu_backward);

/* ---- Trigonometric and hyperbolic functions ---- */

SLOPE(Tan, 0, 1, y *y + 1);
SLOPE(Asin, 1, 0, 1 / sqrt((1 - x) * (1 + x)));
SLOPE(Acos, 1, 0, -1 / sqrt((1 - x) * (1 + x)));
SLOPE(Atan, 1, 0, 1 / (x * x + 1));
SLOPE(Asinh, 1, 0, 1 / sqrt(x * x + 1));
SLOPE(Acosh, 1, 0, 1 / (sqrt(x - 1) * sqrt(x + 1)));
SLOPE(Atanh, 1, 0, 1 / ((1 - x) * (1 + x)));

/* dy times another operator's function, or its negative. */
static rnnp_status other_backward(const rnnp_gradient_call *call, const rnnp_loops *function, float sign)
{
    const float *x = call->inputs[0].data, *dy = call->d_outputs[0].data;
    float *dx = call->d_inputs[0].data;
    const size_t n = dx ? rnnp_tensor_elements(&call->inputs[0]) : 0;

    if (n) function->of[RNNP_DTYPE_F32](x, x, dx, n, 1, 1);
    for (size_t i = 0; i < n; i++) dx[i] = dy[i] * (sign * dx[i]);
    return RNNP_OK;
}

#define OTHER(op_name, function, sign)                                \
    static rnnp_status back_##op_name(const rnnp_gradient_call *call) \
    {                                                                 \
        return other_backward(call, &rnnp_loops_##function, sign);    \
    }                                                                 \
    RNNP_GRADIENT_ROW(op_name, .inputs = 1, .keeps_inputs = 1, .backward = back_##op_name)

OTHER(Sin, cos, 1.0f);
OTHER(Cos, sin, -1.0f);
OTHER(Sinh, cosh, 1.0f);
OTHER(Cosh, sinh, 1.0f);
