/* SPDX-License-Identifier: Apache-2.0
 *
 * Softmax and LogSoftmax, from their results, and reductions.
 */
#include "back.h"

/* ---- Softmax, LogSoftmax: softmax_back_f32, log_softmax_back_f32; inner axes are turned to the end first ---- */

/* [y turned][dy turned, then dx] */
static size_t softmax_bytes(const rnnp_gradient_shape *shape)
{
    const rnnp_tensor y = rnnp_known_tensor(&shape->outputs[0]);
    const rnnp_blocks b = rnnp_softmax_blocks(shape->node, &y);
    return b.inner == 1 || rnnp_tensor_elements(&y) == 0 ? 0 : 2 * b.row * b.inner * sizeof(float);
}

static rnnp_status softmax_backward(const rnnp_gradient_call *call, rnnp_op op)
{
    const rnnp_variant *rows = rnnp_call_select(call)->op[op];
    const rnnp_blocks b = rnnp_softmax_blocks(call->shape.node, &call->outputs[0]);
    const size_t size = b.row * b.inner;
    const float *y = call->outputs[0].data, *dy = call->d_outputs[0].data;
    float *dx = call->d_inputs[0].data, *turned_y = call->workspace, *turned_dy = turned_y + size;
    if (!dx || rnnp_tensor_elements(&call->outputs[0]) == 0) return RNNP_OK;
    if (b.inner == 1) {
        const rnnp_row_back_args args = {
            .y = y, .dy = dy, .dx = dx, .rows = b.outer, .cols = b.row, .ldy = b.row, .lddy = b.row, .lddx = b.row};
        rows->fn.softmax_back_f32(&args); /* both have one type */
        return RNNP_OK;
    }
    for (size_t i = 0; i < b.outer; i++, y += size, dy += size, dx += size) {
        const rnnp_row_back_args args = {.y = turned_y,
                                         .dy = turned_dy,
                                         .dx = turned_dy,
                                         .rows = b.inner,
                                         .cols = b.row,
                                         .ldy = b.row,
                                         .lddy = b.row,
                                         .lddx = b.row};
        rnnp_turn(call, y, turned_y, b.row, b.inner);
        rnnp_turn(call, dy, turned_dy, b.row, b.inner);
        rows->fn.softmax_back_f32(&args);
        rnnp_turn(call, turned_dy, dx, b.inner, b.row);
    }
    return RNNP_OK;
}

#define SOFTMAX(op_name, kernel)                                                                                 \
    static rnnp_status back_##op_name(const rnnp_gradient_call *call) { return softmax_backward(call, kernel); } \
    RNNP_GRADIENT_ROW(op_name, .inputs = 1, .keeps_outputs = 1, .backward = back_##op_name,                      \
                      .workspace_bytes = softmax_bytes);

SOFTMAX(Softmax, RNNP_OP_softmax_back_f32)
SOFTMAX(LogSoftmax, RNNP_OP_log_softmax_back_f32)

/* ---- Reductions ---- */

/* A result with the reduced axes in it, of length 1. */
static rnnp_tensor with_axes(const rnnp_gradient_call *call, const rnnp_tensor *result)
{
    const unsigned mask = rnnp_reduced_axes(call->shape.node, call->inputs);
    rnnp_tensor whole = call->inputs[0];
    whole.data = result->data;
    for (size_t i = 0; i < whole.rank; i++) whole.shape[i] = mask >> i & 1 ? 1 : whole.shape[i];
    return whole;
}

static void repeat(const rnnp_gradient_call *call, const rnnp_tensor *dy)
{
    rnnp_walk walk;
    rnnp_walk_init(&walk, &call->d_inputs[0], 1);
    rnnp_walk_broadcast(&walk, &call->d_inputs[0], 0, dy);
    rnnp_copy_strided(rnnp_call_select(call), &call->d_inputs[0], dy->data, 0, walk.step[0]);
}

static rnnp_status sum_backward(const rnnp_gradient_call *call)
{
    const rnnp_tensor dy = with_axes(call, &call->d_outputs[0]);
    if (call->d_inputs[0].data) repeat(call, &dy);
    return RNNP_OK;
}

static size_t mean_bytes(const rnnp_gradient_shape *shape) { return rnnp_meta_bytes(&shape->outputs[0]); }

/* dy / count, then as a sum's. */
static rnnp_status mean_backward(const rnnp_gradient_call *call)
{
    rnnp_tensor dy = with_axes(call, &call->d_outputs[0]);
    const size_t n = rnnp_tensor_elements(&dy);
    const float count = n ? (float)(rnnp_tensor_elements(&call->inputs[0]) / n) : 0.0f;
    const rnnp_binary_args divide = {.a = dy.data, .b = &count, .y = call->workspace, .n = n, .a_step = 1};
    if (!call->d_inputs[0].data) return RNNP_OK;
    rnnp_call_select(call)->op[RNNP_OP_div_f32]->fn.div_f32(&divide);
    dy.data = call->workspace;
    repeat(call, &dy);
    return RNNP_OK;
}

static size_t extreme_bytes(const rnnp_gradient_shape *shape) { return rnnp_meta_elements(&shape->outputs[0]); }

/* dy to the first element that equals the result. */
static rnnp_status extreme_backward(const rnnp_gradient_call *call)
{
    const rnnp_tensor y = with_axes(call, &call->outputs[0]);
    const float *x = call->inputs[0].data, *extreme = y.data, *dy = call->d_outputs[0].data;
    float *dx = call->d_inputs[0].data;
    uint8_t *taken = call->workspace;
    rnnp_walk walk;
    if (!dx) return RNNP_OK;
    memset(taken, 0, rnnp_tensor_elements(&y));
    rnnp_walk_init(&walk, &call->inputs[0], 1);
    rnnp_walk_broadcast(&walk, &call->inputs[0], 0, &y);
    rnnp_walk_begin(&walk, 1);
    for (; walk.rows; rnnp_walk_next(&walk)) {
        for (size_t i = 0; i < rnnp_walk_inner_dim(&walk); i++) {
            const size_t at = walk.row + i;
            const ptrdiff_t of = walk.offset[0] + (ptrdiff_t)i * rnnp_walk_inner_step(&walk, 0);
            const int takes = !taken[of] && x[at] == extreme[of];
            taken[of] |= (uint8_t)takes;
            dx[at] = takes ? dy[of] : 0.0f;
        }
    }
    return RNNP_OK;
}

RNNP_GRADIENT_ROW(ReduceSum, .inputs = 1, .keeps_inputs = 2, .backward = sum_backward);
RNNP_GRADIENT_ROW(ReduceMean, .inputs = 1, .keeps_inputs = 2, .backward = mean_backward, .workspace_bytes = mean_bytes);

RNNP_GRADIENT_ROW(ReduceMax, .inputs = 1, .keeps_inputs = 3, .keeps_outputs = 1, .backward = extreme_backward,
                  .workspace_bytes = extreme_bytes);
RNNP_GRADIENT_ROW(ReduceMin, .inputs = 1, .keeps_inputs = 3, .keeps_outputs = 1, .backward = extreme_backward,
                  .workspace_bytes = extreme_bytes);
