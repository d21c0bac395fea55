/* SPDX-License-Identifier: Apache-2.0
 *
 * Softmax and LogSoftmax on the row kernels. Before opset 13 the axes from `axis` on are one row; since, the
 * row is one axis, and an inner one goes through a transposed copy.
 */
#include "params.h"

typedef struct softmax_params {
    int64_t axis;
} softmax_params;

static int coerces(const rnnp_node *node) { return node->opset < 13; }

static rnnp_status softmax_parse(rnnp_parse *p, void *params)
{
    softmax_params *softmax = params;

    softmax->axis = rnnp_parse_int(p, "axis", coerces(p->node) ? 1 : -1);
    return RNNP_OK;
}

static RNNP_INFER(softmax_infer)
{
    const softmax_params *softmax = in->node->params;
    const size_t rank = inputs[0].rank;
    rnnp_status status;
    size_t axis;

    if ((status = rnnp_infer_type(in, inputs, 0, RNNP_BIT(RNNP_DTYPE_F32))) != RNNP_OK) return status;
    if (rank == 0) return FAIL(in, RNNP_ERR_SHAPE, "the input is a scalar");
    rnnp_meta_like(&outputs[0], &inputs[0]);
    if (coerces(in->node) && softmax->axis == (int64_t)rank) return RNNP_OK; /* rows of one element */
    return rnnp_infer_axis(in, softmax->axis, rank, &axis);
}

rnnp_blocks rnnp_softmax_blocks(const rnnp_node *node, const rnnp_tensor *x)
{
    const size_t axis = rnnp_axis_of(node, x->rank);
    const size_t end = coerces(node) ? x->rank : axis + 1;

    return (rnnp_blocks){rnnp_shape_product(x, 0, axis), rnnp_shape_product(x, axis, end),
                         rnnp_shape_product(x, end, x->rank)};
}

static RNNP_SCRATCH(softmax_workspace)
{
    const rnnp_tensor y = rnnp_known_tensor(&outputs[0]);
    const rnnp_blocks b = rnnp_softmax_blocks(p->node, &y);

    return b.inner == 1 || rnnp_tensor_elements(&y) == 0 ? 0 : b.row * b.inner * sizeof(float);
}

static RNNP_RUN(softmax_run)
{
    const rnnp_op *kernels = node->op->family;
    const rnnp_variant *rows = e->select->op[kernels[e->math]];
    const rnnp_variant *transpose = e->select->op[RNNP_OP_transpose_f32];
    const rnnp_blocks b = rnnp_softmax_blocks(node, &inputs[0]);
    const float *x = inputs[0].data;
    float *y = outputs[0].data;

    if (rnnp_tensor_elements(&inputs[0]) == 0) return RNNP_OK;
    if (b.inner == 1) {
        const rnnp_row_args args = {.x = x, .y = y, .rows = b.outer, .cols = b.row, .ldx = b.row, .ldy = b.row};

        rows->fn.softmax_f32_u35(&args); /* all row kernels have one type */
        return RNNP_OK;
    }
    for (size_t i = 0; i < b.outer; i++, x += b.row * b.inner, y += b.row * b.inner) {
        float *turned = e->workspace;
        const rnnp_move_args there = {
            .x = x, .y = turned, .rows = b.row, .cols = b.inner, .ldx = b.inner, .ldy = b.row};
        const rnnp_move_args back = {.x = turned, .y = y, .rows = b.inner, .cols = b.row, .ldx = b.row, .ldy = b.inner};
        const rnnp_row_args args = {
            .x = turned, .y = turned, .rows = b.inner, .cols = b.row, .ldx = b.row, .ldy = b.row};

        transpose->fn.transpose_f32(&there);
        rows->fn.softmax_f32_u35(&args);
        transpose->fn.transpose_f32(&back);
    }
    return RNNP_OK;
}

static RNNP_TIME(softmax_time)
{
    const int axis = (int)rnnp_axis_of(node, inputs[0].rank);

    out_axis[0] = in_axis[0];
    return in_axis[0] != RNNP_TIME_NONE && (coerces(node) ? in_axis[0] >= axis : in_axis[0] == axis) ? -1 : 0;
}

#define SOFTMAX(op_name, op)                                                                                          \
    static const rnnp_op kernels_##op_name[] = {[RNNP_MATH_U35] = RNNP_OP_##op##_u35,                                 \
                                                [RNNP_MATH_U10] = RNNP_OP_##op##_u10,                                 \
                                                [RNNP_MATH_FAST] = RNNP_OP_##op##_fast};                              \
    RNNP_DEFINE(op_name, 1, 1, .param_bytes = sizeof(softmax_params), .parse = softmax_parse, .infer = softmax_infer, \
                .run = softmax_run, .time = softmax_time, .workspace_bytes = softmax_workspace, .in_place = 1,        \
                .uses_math = 1, .family = kernels_##op_name)

SOFTMAX(Softmax, softmax_f32);
SOFTMAX(LogSoftmax, log_softmax_f32);
