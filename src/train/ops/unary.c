/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions of one operand. Activations go through act_back_f32, from x; the others are stated at each. Those whose
 * derivative is computed in double are in functions.c.
 */
#include "back.h"

static size_t elements(const rnnp_gradient_call *call) { return rnnp_tensor_elements(&call->inputs[0]); }

/* ---- Activations ---- */

static rnnp_status act_backward(const rnnp_gradient_call *call, rnnp_act kind)
{
    const float *params = rnnp_unary_params(call->shape.node);
    const rnnp_act_back_args args = {.x = call->inputs[0].data,
                                     .dy = call->d_outputs[0].data,
                                     .dx = call->d_inputs[0].data,
                                     .n = elements(call),
                                     .act = {.kind = kind, .alpha = params[0], .beta = params[1]},
                                     .math = (int)call->shape.math};
    if (args.dx) rnnp_call_select(call)->op[RNNP_OP_act_back_f32]->fn.act_back_f32(&args);
    return RNNP_OK;
}

#define ACTIVATION(op_name, kind)                                                                          \
    static rnnp_status back_##op_name(const rnnp_gradient_call *call) { return act_backward(call, kind); } \
    RNNP_GRADIENT_ROW(op_name, .inputs = 1, .keeps_inputs = 1, .backward = back_##op_name);

ACTIVATION(Tanh, RNNP_ACT_TANH)
ACTIVATION(Sigmoid, RNNP_ACT_SIGMOID)
ACTIVATION(Relu, RNNP_ACT_RELU)
ACTIVATION(LeakyRelu, RNNP_ACT_LEAKY_RELU)
ACTIVATION(ThresholdedRelu, RNNP_ACT_THRESHOLDED_RELU)
ACTIVATION(HardSigmoid, RNNP_ACT_HARD_SIGMOID)
ACTIVATION(Elu, RNNP_ACT_ELU)
ACTIVATION(Softsign, RNNP_ACT_SOFTSIGN)
ACTIVATION(Softplus, RNNP_ACT_SOFTPLUS)

/* ---- Others: dx[i] from dy[i], x[i] or y[i] ---- */

#define POINTWISE(op_name, keeps_x, keeps_y, ...)                                                         \
    static rnnp_status back_##op_name(const rnnp_gradient_call *call)                                     \
    {                                                                                                     \
        const float *x = call->inputs[0].data, *y = call->outputs[0].data, *dy = call->d_outputs[0].data; \
        float *dx = call->d_inputs[0].data;                                                               \
        const size_t n = dx ? elements(call) : 0;                                                         \
                                                                                                          \
        (void)x;                                                                                          \
        (void)y;                                                                                          \
        for (size_t i = 0; i < n; i++) dx[i] = __VA_ARGS__;                                               \
        return RNNP_OK;                                                                                   \
    }                                                                                                     \
    RNNP_GRADIENT_ROW(op_name, .inputs = 1, .keeps_inputs = (keeps_x), .keeps_outputs = (keeps_y),        \
                      .backward = back_##op_name);

POINTWISE(Neg, 0, 0, -dy[i])
POINTWISE(Abs, 1, 0, x[i] > 0.0f ? dy[i] : x[i] < 0.0f ? -dy[i] : 0.0f) /* 0 at 0 */
POINTWISE(Sqrt, 0, 1, (0.5f * dy[i]) / y[i])
POINTWISE(Exp, 0, 1, dy[i] * y[i])
POINTWISE(Log, 1, 0, dy[i] / x[i])
POINTWISE(Reciprocal, 0, 1, -((dy[i] * y[i]) * y[i]))

/* ---- Clip: dy where x is not clamped, the bounds included ---- */

static rnnp_status clip_backward(const rnnp_gradient_call *call)
{
    const float *x = call->inputs[0].data, *dy = call->d_outputs[0].data;
    float *dx = call->d_inputs[0].data, low, high;
    const size_t n = dx ? elements(call) : 0;
    rnnp_clip_bounds(call->shape.node, call->inputs, &low, &high);
    for (size_t i = 0; i < n; i++) dx[i] = x[i] >= low && x[i] <= high ? dy[i] : 0.0f;
    return RNNP_OK;
}

static rnnp_status clip_check(const rnnp_gradient_shape *shape)
{
    const rnnp_status status = rnnp_check_constant(shape, 1, "min");
    return status == RNNP_OK ? rnnp_check_constant(shape, 2, "max") : status;
}

RNNP_GRADIENT_ROW(Clip, .inputs = 1, .keeps_inputs = 7, .backward = clip_backward, .check = clip_check);
