/* SPDX-License-Identifier: Apache-2.0
 *
 * Pad: an element of x adds those of dy that came from it, in the order of dy from 0.
 */
#include "back.h"

/* Along each axis, where the entries of dy come from. */
static size_t pad_bytes(const rnnp_gradient_shape *shape)
{
    size_t entries = 0;

    for (size_t i = 0; i < shape->outputs[0].rank; i++)
        entries = rnnp_add_bytes(entries, (size_t)shape->outputs[0].dim[i]);
    return rnnp_mul_overflow(entries, sizeof(int64_t), &entries) ? SIZE_MAX : entries;
}

static rnnp_status pad_backward(const rnnp_gradient_call *call)
{
    const rnnp_tensor *dx = &call->d_inputs[0], *dy = &call->d_outputs[0];
    const size_t last = dy->rank ? dy->rank - 1 : 0, row = dy->rank ? (size_t)dy->shape[last] : 1;
    const float *from = dy->data;
    size_t index[RNNP_MAX_RANK] = {0};
    ptrdiff_t step[RNNP_MAX_RANK];
    int64_t *source[RNNP_MAX_RANK], *next = call->workspace, only = 0;

    if (!dx->data) return RNNP_OK;
    rnnp_clear(dx);
    if (rnnp_tensor_elements(dy) == 0) return RNNP_OK;
    source[0] = &only;
    for (size_t i = 0; i < dy->rank; next += dy->shape[i++]) {
        source[i] = next;
        rnnp_pad_sources(call->shape.node, call->inputs, i, dy->shape[i], source[i]);
    }
    rnnp_dense_steps(dx, step);
    for (size_t rows = rnnp_shape_product(dy, 0, last); rows > 0; rows--, from += row) {
        float *to = dx->data;

        for (size_t i = 0; to && i < last; i++) {
            const int64_t at = source[i][index[i]];

            to = at < 0 ? NULL : to + at * step[i];
        }
        for (size_t i = 0; to && i < row; i++) {
            if (source[last][i] >= 0) to[source[last][i]] += from[i];
        }
        for (size_t i = last; i-- > 0;) {
            if (++index[i] < (size_t)dy->shape[i]) break;
            index[i] = 0;
        }
    }
    return RNNP_OK;
}

static rnnp_status pad_check(const rnnp_gradient_shape *shape)
{
    return rnnp_check_constant(shape, 2, "constant_value");
}

RNNP_GRADIENT_ROW(Pad, .inputs = 1, .keeps_inputs = 0xA, .backward = pad_backward, .workspace_bytes = pad_bytes,
                  .check = pad_check);
