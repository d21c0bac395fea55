/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions of several operands, broadcast. Every operand's gradient is a tensor of the result's shape, summed over the
 * axes along which the operand was broadcast (rnnp_sum_broadcast).
 */
#include "back.h"

/* Where an operand's gradient is made before it is summed: in place when nothing is summed. */
static rnnp_tensor whole_gradient(const rnnp_gradient_call *call, size_t input)
{
    rnnp_tensor whole = call->d_outputs[0];
    whole.data = rnnp_same_shape(&whole, &call->d_inputs[input]) ? call->d_inputs[input].data : call->workspace;
    return whole;
}

static void finish(const rnnp_gradient_call *call, const rnnp_tensor *whole, size_t input)
{
    if (whole->data != call->d_inputs[input].data)
        rnnp_sum_broadcast(rnnp_call_select(call), whole, &call->d_inputs[input]);
}

/* Room for one whole gradient when any operand is broadcast. */
static size_t whole_bytes(const rnnp_gradient_shape *shape)
{
    for (size_t i = 0; i < shape->node->n_inputs; i++) {
        if (!rnnp_same_dims(&shape->inputs[i], &shape->outputs[0])) return rnnp_meta_bytes(&shape->outputs[0]);
    }
    return 0;
}

static void negate(const rnnp_gradient_call *call, const rnnp_tensor *x)
{
    const rnnp_unary_args args = {.x = x->data, .y = x->data, .n = rnnp_tensor_elements(x)};
    rnnp_call_select(call)->op[RNNP_OP_neg_f32]->fn.neg_f32(&args);
}

/* ---- Add, Sub, Sum: dy, or -dy ---- */

static rnnp_status sum_backward(const rnnp_gradient_call *call)
{
    for (size_t i = 0; i < call->shape.node->n_inputs; i++) {
        if (call->d_inputs[i].data) rnnp_sum_broadcast(rnnp_call_select(call), &call->d_outputs[0], &call->d_inputs[i]);
    }
    return RNNP_OK;
}

static rnnp_status sub_backward(const rnnp_gradient_call *call)
{
    sum_backward(call);
    if (call->d_inputs[1].data) negate(call, &call->d_inputs[1]);
    return RNNP_OK;
}

RNNP_GRADIENT_ROW(Add, .inputs = 3, .backward = sum_backward);
RNNP_GRADIENT_ROW(Sub, .inputs = 3, .backward = sub_backward);
RNNP_GRADIENT_ROW(Sum, .inputs = ~0u, .backward = sum_backward);

/* ---- Mul: dy b, dy a ---- */

static rnnp_status mul_backward(const rnnp_gradient_call *call)
{
    for (size_t i = 0; i < 2; i++) {
        if (!call->d_inputs[i].data) continue;
        const rnnp_tensor whole = whole_gradient(call, i);

        rnnp_binary_f32(rnnp_call_select(call), RNNP_OP_mul_f32, &call->d_outputs[0], &call->inputs[1 - i], &whole);
        finish(call, &whole, i);
    }
    return RNNP_OK;
}

RNNP_GRADIENT_ROW(Mul, .inputs = 3, .keeps_inputs = 3, .backward = mul_backward, .workspace_bytes = whole_bytes);

/* ---- Div: dy / b, -(dy / b) y ---- */

static rnnp_status div_backward(const rnnp_gradient_call *call)
{
    const rnnp_selection *select = rnnp_call_select(call);
    for (size_t i = 0; i < 2; i++) {
        if (!call->d_inputs[i].data) continue;
        const rnnp_tensor whole = whole_gradient(call, i);

        rnnp_binary_f32(select, RNNP_OP_div_f32, &call->d_outputs[0], &call->inputs[1], &whole);
        if (i == 1) rnnp_binary_f32(select, RNNP_OP_mul_f32, &whole, &call->outputs[0], &whole);
        finish(call, &whole, i);
        if (i == 1) negate(call, &call->d_inputs[1]);
    }
    return RNNP_OK;
}

RNNP_GRADIENT_ROW(Div, .inputs = 3, .keeps_inputs = 2, .keeps_outputs = 1, .backward = div_backward,
                  .workspace_bytes = whole_bytes);

/* ---- Pow: dy (e x^(e - 1)), 0 for e = 0; the exponent is a constant ---- */

static size_t pow_room(const rnnp_gradient_shape *shape) { return rnnp_align64(rnnp_meta_bytes(&shape->outputs[0])); }

/* [a whole gradient][exponents as floats][exponents less 1] */
static size_t pow_bytes(const rnnp_gradient_shape *shape)
{
    const size_t n = rnnp_meta_elements(&shape->inputs[1]);
    return n > SIZE_MAX / (2 * sizeof(float)) ? SIZE_MAX : rnnp_add_bytes(pow_room(shape), 2 * n * sizeof(float));
}

static rnnp_status pow_backward(const rnnp_gradient_call *call)
{
    const rnnp_selection *select = rnnp_call_select(call);
    const size_t n = rnnp_tensor_elements(&call->inputs[1]);
    float *exponents = (float *)(void *)((char *)call->workspace + pow_room(&call->shape)), *less = exponents + n;
    rnnp_tensor exponent = call->inputs[1], lessened = exponent;
    if (!call->d_inputs[0].data) return RNNP_OK;
    const rnnp_tensor whole = whole_gradient(call, 0);
    if (rnnp_pow_converts(RNNP_DTYPE_F32, exponent.dtype))
        rnnp_pow_convert(&exponent, exponents);
    else
        rnnp_copy(exponents, exponent.data, n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        less[i] = exponents[i] == 0.0f ? 0.0f : exponents[i] - 1.0f; /* 0 x^0 and not 0 x^-1 */
    exponent = lessened = (rnnp_tensor){.dtype = RNNP_DTYPE_F32, .rank = exponent.rank};
    memcpy(exponent.shape, call->inputs[1].shape, sizeof exponent.shape);
    memcpy(lessened.shape, exponent.shape, sizeof exponent.shape);
    exponent.data = exponents;
    lessened.data = less;
    rnnp_binary_f32(select, RNNP_OP_pow_f32, &call->inputs[0], &lessened, &whole);
    rnnp_binary_f32(select, RNNP_OP_mul_f32, &whole, &exponent, &whole);
    rnnp_binary_f32(select, RNNP_OP_mul_f32, &whole, &call->d_outputs[0], &whole);
    finish(call, &whole, 0);
    return RNNP_OK;
}

static rnnp_status pow_check(const rnnp_gradient_shape *shape) { return rnnp_check_constant(shape, 1, "the exponent"); }

RNNP_GRADIENT_ROW(Pow, .inputs = 1, .keeps_inputs = 3, .backward = pow_backward, .workspace_bytes = pow_bytes,
                  .check = pow_check);

/* ---- PRelu: dy where x > 0, else dy slope; to the slope x dy where x < 0, else 0 ---- */

static rnnp_status prelu_backward(const rnnp_gradient_call *call)
{
    const rnnp_tensor *slopes = &call->inputs[1];
    const float *x = call->inputs[0].data, *slope = slopes->data, *dy = call->d_outputs[0].data;
    const rnnp_tensor whole = call->d_inputs[1].data ? whole_gradient(call, 1) : (rnnp_tensor){0};
    float *dx = call->d_inputs[0].data, *d_slope = whole.data;
    rnnp_walk walk;

    rnnp_walk_init(&walk, &call->d_outputs[0], 1);
    rnnp_walk_broadcast(&walk, &call->d_outputs[0], 0, slopes);
    for (rnnp_walk_begin(&walk, 1); walk.rows; rnnp_walk_next(&walk)) {
        for (size_t i = 0; i < rnnp_walk_inner_dim(&walk); i++) {
            const size_t at = walk.row + i;
            const ptrdiff_t of = walk.offset[0] + (ptrdiff_t)i * rnnp_walk_inner_step(&walk, 0);

            if (dx) dx[at] = x[at] > 0.0f ? dy[at] : x[at] <= 0.0f ? dy[at] * slope[of] : x[at];
            if (d_slope) d_slope[at] = x[at] >= 0.0f ? 0.0f : x[at] * dy[at];
        }
    }
    if (d_slope) finish(call, &whole, 1);
    return RNNP_OK;
}

RNNP_GRADIENT_ROW(PRelu, .inputs = 3, .keeps_inputs = 3, .backward = prelu_backward, .workspace_bytes = whole_bytes);

/* ---- Max, Min, Where: dy goes to the operand that was taken; of equals, the first ---- */

typedef enum choice { LARGER, SMALLER, CONDITION } choice;

/* whole = dy where the first of two operands was taken (or was not), else 0. */
static void masked(const rnnp_gradient_call *call, choice kind, int of_first, const rnnp_tensor *whole)
{
    const float *dy = call->d_outputs[0].data;
    float *to = whole->data;
    rnnp_walk walk;
    rnnp_walk_init(&walk, whole, 2);
    for (size_t k = 0; k < 2; k++) rnnp_walk_broadcast(&walk, whole, k, &call->inputs[kind == CONDITION ? 0 : k]);
    rnnp_walk_begin(&walk, 1);
    for (; walk.rows; rnnp_walk_next(&walk)) {
        for (size_t i = 0; i < rnnp_walk_inner_dim(&walk); i++) {
            const ptrdiff_t a = walk.offset[0] + (ptrdiff_t)i * rnnp_walk_inner_step(&walk, 0);
            const ptrdiff_t b = walk.offset[1] + (ptrdiff_t)i * rnnp_walk_inner_step(&walk, 1);
            int first;
            if (kind == CONDITION)
                first = ((const uint8_t *)call->inputs[0].data)[a] != 0;
            else if (kind == LARGER)
                first = ((const float *)call->inputs[0].data)[a] >= ((const float *)call->inputs[1].data)[b];
            else
                first = ((const float *)call->inputs[0].data)[a] <= ((const float *)call->inputs[1].data)[b];
            to[walk.row + i] = first == of_first ? dy[walk.row + i] : 0.0f;
        }
    }
}

static rnnp_status choose_backward(const rnnp_gradient_call *call, choice kind)
{
    const size_t first = kind == CONDITION ? 1 : 0;
    if (call->shape.node->n_inputs == 1) return sum_backward(call);
    for (size_t i = first; i < first + 2; i++) {
        if (!call->d_inputs[i].data) continue;
        const rnnp_tensor whole = whole_gradient(call, i);

        masked(call, kind, i == first, &whole);
        finish(call, &whole, i);
    }
    return RNNP_OK;
}

static rnnp_status two_check(const rnnp_gradient_shape *shape)
{
    if (shape->node->n_inputs <= 2) return RNNP_OK;
    return rnnp_node_fail(shape->context, shape->node, RNNP_ERR_UNSUPPORTED,
                          "%zu inputs, but there is a gradient for one or two only", shape->node->n_inputs);
}

#define CHOICE(op_name, kind, bits, ...)                                                                      \
    static rnnp_status back_##op_name(const rnnp_gradient_call *call) { return choose_backward(call, kind); } \
    RNNP_GRADIENT_ROW(op_name, .inputs = (bits), .backward = back_##op_name, .workspace_bytes = whole_bytes,  \
                      __VA_ARGS__);

CHOICE(Max, LARGER, 3, .keeps_inputs = 3, .check = two_check)
CHOICE(Min, SMALLER, 3, .keeps_inputs = 3, .check = two_check)
CHOICE(Where, CONDITION, 6, .keeps_inputs = 1)
