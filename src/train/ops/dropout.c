/* SPDX-License-Identifier: Apache-2.0
 *
 * Dropout. In training an element is kept when its number (random.h) is not below the rate p, and multiplied by
 * 1 / (1 - p), one subtraction and one division in float; others are 0. In evaluation it is the identity. Numbers go by
 * the row's place in the whole batch and the element's place in the row, so that slices do not matter; backward draws
 * them again.
 */
#include "../random.h"
#include "back.h"

/* An attribute before opset 12, an input since. */
static float dropout_rate(const rnnp_node *node, const void *input)
{
    if (!rnnp_absent(node, 1)) return *(const float *)input;
    for (size_t i = 0; i < node->n_attrs; i++) {
        if (strcmp(node->attrs[i].name, "ratio") == 0) return node->attrs[i].f;
    }
    return 0.5f;
}

/* y = x, masked and scaled; y and mask, u8 or f32, may be NULL. */
static void drop(const rnnp_gradient_call *call, const float *x, float *y, const rnnp_tensor *mask)
{
    enum { CHUNK = 256 };
    const rnnp_tensor *shape = &call->inputs[0];
    const rnnp_slice *slice = call->slice;
    const float rate = dropout_rate(call->shape.node, call->inputs[1].data), kept = 1.0f - rate, scale = 1.0f / kept;
    const rnnp_random random = {.seed = slice->seed,
                                .step = slice->step,
                                .use = RNNP_RANDOM_DROPOUT,
                                .which = (uint32_t)call->shape.node->serial};
    const size_t axis = call->batch_axis, outer = rnnp_shape_product(shape, 0, axis), rows = (size_t)shape->shape[axis];
    const size_t inner = rnnp_shape_product(shape, axis + 1, shape->rank);
    float number[CHUNK];
    for (size_t block = 0, at = 0; block < outer * rows; block++) {
        const uint64_t first = (uint64_t)slice->rows[block % rows] * (outer * inner) + block / rows * inner;
        for (size_t done = 0, n; done < inner; done += n) {
            n = inner - done < CHUNK ? inner - done : CHUNK;
            rnnp_random_uniform(&random, first + done, n, number);
            for (size_t i = 0; i < n; i++, at++) {
                const int keep = number[i] >= rate;
                if (y) y[at] = keep ? x[at] * scale : 0.0f;
                if (mask && mask->dtype == RNNP_DTYPE_F32)
                    ((float *)mask->data)[at] = keep ? 1.0f : 0.0f;
                else if (mask)
                    ((uint8_t *)mask->data)[at] = (uint8_t)keep;
            }
        }
    }
}

static rnnp_status dropout_forward(const rnnp_gradient_call *call)
{
    const rnnp_exec exec = rnnp_call_exec(call);
    if (!call->slice->training) return call->shape.node->op->run(&exec, call->shape.node, call->inputs, call->outputs);
    if (call->batch_axis == RNNP_NO_AXIS)
        return rnnp_node_fail(call->shape.context, call->shape.node, RNNP_ERR_SHAPE, "the batch axis is not known");
    drop(call, call->inputs[0].data, call->outputs[0].data, call->outputs[1].data ? &call->outputs[1] : NULL);
    return RNNP_OK;
}

static rnnp_status dropout_backward(const rnnp_gradient_call *call)
{
    const rnnp_tensor *dx = &call->d_inputs[0];
    const float *dy = call->d_outputs[0].data;
    const size_t bytes = rnnp_tensor_elements(dx) * sizeof(float);
    if (!dx->data) return RNNP_OK;
    if (!dy && bytes) /* only the mask leads to the loss, and it does not depend on x */
        memset(dx->data, 0, bytes);
    else if (call->slice->training)
        drop(call, dy, dx->data, NULL);
    else
        rnnp_copy(dx->data, dy, bytes);
    return RNNP_OK;
}

static rnnp_status dropout_check(const rnnp_gradient_shape *shape)
{
    const rnnp_node *node = shape->node;
    rnnp_status status = rnnp_check_constant(shape, 1, "the rate");
    if (status != RNNP_OK) return status;
    if (!rnnp_absent(node, 1) && shape->inputs[1].dtype != RNNP_DTYPE_F32)
        return rnnp_node_fail(shape->context, node, RNNP_ERR_UNSUPPORTED, "the rate is %s, not f32",
                              rnnp_dtype_name(shape->inputs[1].dtype));
    const float rate = dropout_rate(node, rnnp_absent(node, 1) ? NULL : shape->inputs[1].known);
    if (!(rate >= 0.0f && rate < 1.0f))
        return rnnp_node_fail(shape->context, node, RNNP_ERR_ARG, "the rate is %g, it must be in [0, 1)", (double)rate);
    if (node->serial >= 1u << 24)
        return rnnp_node_fail(shape->context, node, RNNP_ERR_UNSUPPORTED, "node %zu of the model, above %u",
                              node->serial, 1u << 24);
    return RNNP_OK;
}

RNNP_GRADIENT_ROW(Dropout, .inputs = 1, .keeps_inputs = 2, .forward = dropout_forward, .backward = dropout_backward,
                  .check = dropout_check);
