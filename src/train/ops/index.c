/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that find or put elements by index. They are run once more, on the numbers of elements: an element of dy
 * goes to the one whose number is in its place, and is added in the order of dy from 0.
 */
#include "back.h"

enum { DATA, INDEX, UPDATES };

/* [numbers of the data, then of the updates][where each element of y comes from] */
static size_t index_bytes(const rnnp_gradient_shape *shape)
{
    size_t n = rnnp_add_bytes(rnnp_meta_elements(&shape->inputs[DATA]), rnnp_meta_elements(&shape->outputs[0]));

    if (shape->node->n_inputs > UPDATES) n = rnnp_add_bytes(n, rnnp_meta_elements(&shape->inputs[UPDATES]));
    return rnnp_mul_overflow(n, sizeof(int64_t), &n) ? SIZE_MAX : n;
}

static rnnp_tensor numbers_of(const rnnp_tensor *tensor, int64_t *numbers)
{
    rnnp_tensor t = *tensor;

    t.dtype = RNNP_DTYPE_I64;
    t.data = numbers;
    return t;
}

static rnnp_status index_backward(const rnnp_gradient_call *call)
{
    const rnnp_node *node = call->shape.node;
    const int puts = node->n_inputs > UPDATES;
    const size_t n = rnnp_tensor_elements(&call->inputs[DATA]);
    const size_t all = n + (puts ? rnnp_tensor_elements(&call->inputs[UPDATES]) : 0);
    int64_t *numbers = call->workspace, *source = numbers + all;
    rnnp_tensor inputs[] = {numbers_of(&call->inputs[DATA], numbers), call->inputs[INDEX], {0}};
    rnnp_tensor y = numbers_of(&call->d_outputs[0], source);
    float *d_data = call->d_inputs[DATA].data, *d_updates = puts ? call->d_inputs[UPDATES].data : NULL;
    const rnnp_exec e = rnnp_call_exec(call);

    for (size_t i = 0; i < all; i++) numbers[i] = (int64_t)i;
    if (puts) inputs[UPDATES] = numbers_of(&call->inputs[UPDATES], numbers + n);
    const rnnp_status status = node->op->run(&e, node, inputs, &y);
    if (status != RNNP_OK) return status;
    if (d_data) rnnp_clear(&call->d_inputs[DATA]);
    if (d_updates) rnnp_clear(&call->d_inputs[UPDATES]);
    for (size_t i = 0; i < rnnp_tensor_elements(&y); i++) {
        const size_t from = (size_t)source[i];
        float *to = from < n ? d_data : d_updates;

        if (to) to[from < n ? from : from - n] += ((const float *)call->d_outputs[0].data)[i];
    }
    return RNNP_OK;
}

static rnnp_status scatter_check(const rnnp_gradient_shape *shape)
{
    if (shape->node->op->moves_when(shape->node)) return RNNP_OK;
    return rnnp_node_fail(shape->context, shape->node, RNNP_ERR_UNSUPPORTED,
                          "there is a gradient for reduction none only");
}

#define GATHER(op_name)                                                                              \
    RNNP_GRADIENT_ROW(op_name, .inputs = 1, .keeps_inputs = 1u << INDEX, .backward = index_backward, \
                      .workspace_bytes = index_bytes)
#define SCATTER(op_name)                                                                             \
    RNNP_GRADIENT_ROW(op_name, .inputs = 5, .keeps_inputs = 1u << INDEX, .backward = index_backward, \
                      .workspace_bytes = index_bytes, .check = scatter_check)

GATHER(GatherElements);
GATHER(GatherND);
SCATTER(Scatter);
SCATTER(ScatterElements);
SCATTER(ScatterND);
