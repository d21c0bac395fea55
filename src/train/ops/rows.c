/* SPDX-License-Identifier: Apache-2.0
 *
 * Softmax and LogSoftmax, from their results: softmax_back_f32, log_softmax_back_f32. Inner axes are turned to the end
 * first.
 */
#include "back.h"

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
