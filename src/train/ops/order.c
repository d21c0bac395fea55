/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that are, seen as matrices, their own transposes (Trilu, ReverseSequence) or those of their own kind
 * (CumSum, from the other end); and TopK, which is run again for its indices.
 */
#include "back.h"

typedef rnnp_status run_function(const rnnp_exec *e, const rnnp_node *node, const rnnp_tensor *inputs,
                                 rnnp_tensor *outputs);

/* dx from dy as y from x; the other input stays. */
static rnnp_status run_back(const rnnp_gradient_call *call, run_function *run)
{
    const rnnp_exec e = rnnp_call_exec(call);
    const rnnp_tensor inputs[] = {call->d_outputs[0],
                                  rnnp_absent(call->shape.node, 1) ? (rnnp_tensor){0} : call->inputs[1]};

    return call->d_inputs[0].data ? run(&e, call->shape.node, inputs, call->d_inputs) : RNNP_OK;
}

static rnnp_status same_backward(const rnnp_gradient_call *call) { return run_back(call, call->shape.node->op->run); }
static rnnp_status cumsum_backward(const rnnp_gradient_call *call) { return run_back(call, rnnp_cumsum_turned); }

RNNP_GRADIENT_ROW(Trilu, .inputs = 1, .keeps_inputs = 2, .backward = same_backward);
RNNP_GRADIENT_ROW(ReverseSequence, .inputs = 1, .keeps_inputs = 2, .backward = same_backward);
RNNP_GRADIENT_ROW(CumSum, .inputs = 1, .keeps_inputs = 2, .backward = cumsum_backward);

/* ---- TopK ---- */

/* [indices][the operator's own] */
static size_t indices_bytes(const rnnp_gradient_shape *shape)
{
    size_t bytes;

    return rnnp_mul_overflow(rnnp_meta_elements(&shape->outputs[0]), sizeof(int64_t), &bytes) ? SIZE_MAX
                                                                                              : rnnp_align64(bytes);
}

static size_t top_bytes(const rnnp_gradient_shape *shape)
{
    const rnnp_prepare prepare = rnnp_shape_prepare(shape, shape->inputs);

    return rnnp_add_bytes(indices_bytes(shape), shape->node->op->workspace_bytes(&prepare, shape->outputs));
}

static rnnp_status top_backward(const rnnp_gradient_call *call)
{
    const rnnp_node *node = call->shape.node;
    const rnnp_tensor *dx = &call->d_inputs[0], *dy = &call->d_outputs[0];
    const size_t axis = rnnp_axis_of(node, dx->rank), inner = rnnp_shape_product(dx, axis + 1, dx->rank);
    const size_t n = (size_t)dx->shape[axis] * inner, k = (size_t)dy->shape[axis] * inner;
    const int64_t *index = call->workspace;
    rnnp_exec e = rnnp_call_exec(call);
    rnnp_tensor outputs[] = {*dy, *dy};

    if (!dx->data) return RNNP_OK;
    outputs[0].data = NULL;
    outputs[1].dtype = RNNP_DTYPE_I64;
    outputs[1].data = call->workspace;
    e.workspace = (char *)call->workspace + indices_bytes(&call->shape);
    const rnnp_status status = node->op->run(&e, node, call->inputs, outputs);
    if (status != RNNP_OK) return status;
    rnnp_clear(dx);
    for (size_t i = 0; i < rnnp_tensor_elements(dy); i++)
        ((float *)dx->data)[i / k * n + (size_t)index[i] * inner + i % inner] = ((const float *)dy->data)[i];
    return RNNP_OK;
}

RNNP_GRADIENT_ROW(TopK, .inputs = 1, .keeps_inputs = 3, .backward = top_backward, .workspace_bytes = top_bytes);
