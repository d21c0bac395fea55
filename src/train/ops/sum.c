/* SPDX-License-Identifier: Apache-2.0 */
#include "back.h"

void rnnp_sum_broadcast(const rnnp_selection *select, const rnnp_tensor *dy, const rnnp_tensor *dx)
{
    rnnp_walk walk;
    if (rnnp_tensor_elements(dx) == rnnp_tensor_elements(dy)) {
        rnnp_copy(dx->data, dy->data, rnnp_tensor_elements(dy) * sizeof(float));
        return;
    }
    memset(dx->data, 0, rnnp_tensor_elements(dx) * sizeof(float));
    rnnp_walk_init(&walk, dy, 1);
    rnnp_walk_broadcast(&walk, dy, 0, dx);
    rnnp_walk_begin(&walk, 1);
    for (; walk.rows; rnnp_walk_next(&walk)) {
        const float *from = (const float *)dy->data + walk.row;
        float *to = (float *)dx->data + walk.offset[0], sum;
        const size_t n = rnnp_walk_inner_dim(&walk);
        if (rnnp_walk_inner_step(&walk, 0) == 1) {
            const rnnp_binary_args args = {to, from, to, n, 1, 1};
            select->op[RNNP_OP_add_f32]->fn.add_f32(&args);
        } else {
            const rnnp_row_args args = {.x = from, .y = &sum, .rows = 1, .cols = n, .ldx = n, .ldy = 1};
            select->op[RNNP_OP_reduce_sum_f32]->fn.reduce_sum_f32(&args);
            *to += sum;
        }
    }
}

void rnnp_scale(const rnnp_selection *select, float *x, size_t n, float by)
{
    const rnnp_binary_args args = {.a = x, .b = &by, .y = x, .n = n, .a_step = 1};
    if (by != 1.0f) select->op[RNNP_OP_mul_f32]->fn.mul_f32(&args);
}

rnnp_status rnnp_check_constant(const rnnp_gradient_shape *shape, size_t input, const char *what)
{
    if (rnnp_absent(shape->node, input) || shape->inputs[input].known) return RNNP_OK;
    return rnnp_node_fail(shape->context, shape->node, RNNP_ERR_UNSUPPORTED,
                          "input %zu (%s) has no gradient and must be a constant that is not trained elsewhere", input,
                          what);
}
