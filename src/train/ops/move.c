/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that move elements: their gradients move back, and are added where an element went to several places.
 */
#include "back.h"

static void add(const rnnp_gradient_call *call, float *to, const float *from, size_t n)
{
    const rnnp_binary_args args = {to, from, to, n, 1, 1};
    rnnp_call_select(call)->op[RNNP_OP_add_f32]->fn.add_f32(&args);
}

/* ---- Transpose ---- */

static rnnp_status transpose_backward(const rnnp_gradient_call *call)
{
    const rnnp_tensor *dx = &call->d_inputs[0], *dy = &call->d_outputs[0];
    ptrdiff_t dense[RNNP_MAX_RANK], step[RNNP_MAX_RANK];
    rnnp_dense_steps(dy, dense);
    for (size_t i = 0; i < dy->rank; i++) step[rnnp_transpose_axis(call->shape.node, i, dy->rank)] = dense[i];
    if (dx->data) rnnp_copy_strided(rnnp_call_select(call), dx, dy->data, 0, step);
    return RNNP_OK;
}

RNNP_GRADIENT_ROW(Transpose, .inputs = 1, .backward = transpose_backward);

/* ---- Slice: zeros, but for the elements that were taken (each once) ---- */

static rnnp_status slice_backward(const rnnp_gradient_call *call)
{
    const rnnp_tensor *dx = &call->d_inputs[0], *dy = &call->d_outputs[0];
    ptrdiff_t step[RNNP_MAX_RANK], base;
    rnnp_walk walk;
    if (!dx->data) return RNNP_OK;
    rnnp_clear(dx);
    if (rnnp_tensor_elements(dy) == 0) return RNNP_OK;
    rnnp_slice_steps(call->shape.node, call->inputs, &base, step);
    rnnp_walk_init(&walk, dy, 1);
    rnnp_copy(walk.step[0], step, dy->rank * sizeof *step);
    rnnp_walk_begin(&walk, 1);
    for (; walk.rows; rnnp_walk_next(&walk)) {
        const float *from = (const float *)dy->data + walk.row;
        float *to = (float *)dx->data + base + walk.offset[0];
        for (size_t i = 0; i < rnnp_walk_inner_dim(&walk); i++)
            to[(ptrdiff_t)i * rnnp_walk_inner_step(&walk, 0)] = from[i];
    }
    return RNNP_OK;
}

RNNP_GRADIENT_ROW(Slice, .inputs = 1, .keeps_inputs = 0x1E, .backward = slice_backward);

/* ---- Split, Concat ---- */

/* A part [outer][part], at element `at` of the rows of a whole [outer][row]. */
typedef struct piece {
    size_t outer, row, at, part;
} piece;

static rnnp_status split_backward(const rnnp_gradient_call *call)
{
    const rnnp_tensor *dx = &call->d_inputs[0];
    const size_t axis = rnnp_axis_of(call->shape.node, dx->rank), inner = rnnp_shape_product(dx, axis + 1, dx->rank);
    piece p = {.outer = rnnp_shape_product(dx, 0, axis), .row = rnnp_shape_product(dx, axis, dx->rank)};
    if (!dx->data) return RNNP_OK;
    for (size_t i = 0; i < call->shape.node->n_outputs; i++, p.at += p.part) {
        const float *from = call->d_outputs[i].data;
        p.part = rnnp_split_size(call->shape.node, call->inputs, i) * inner;
        for (size_t o = 0; o < p.outer && p.part; o++) {
            float *to = (float *)dx->data + o * p.row + p.at;
            if (from)
                rnnp_copy(to, from + o * p.part, p.part * sizeof(float));
            else
                memset(to, 0, p.part * sizeof(float));
        }
    }
    return RNNP_OK;
}

static rnnp_status concat_backward(const rnnp_gradient_call *call)
{
    const rnnp_tensor *dy = &call->d_outputs[0];
    const size_t axis = rnnp_axis_of(call->shape.node, dy->rank);
    piece p = {.outer = rnnp_shape_product(dy, 0, axis), .row = rnnp_shape_product(dy, axis, dy->rank)};
    for (size_t i = 0; i < call->shape.node->n_inputs; i++, p.at += p.part) {
        float *to = call->d_inputs[i].data;
        p.part = rnnp_shape_product(&call->inputs[i], axis, dy->rank);
        for (size_t o = 0; to && o < p.outer; o++)
            rnnp_copy(to + o * p.part, (const float *)dy->data + o * p.row + p.at, p.part * sizeof(float));
    }
    return RNNP_OK;
}

RNNP_GRADIENT_ROW(Split, .inputs = 1, .keeps_inputs = 2, .backward = split_backward);
RNNP_GRADIENT_ROW(Concat, .inputs = ~0u, .backward = concat_backward);

/* ---- Gather: rows added in the order of the indices ---- */

static rnnp_status gather_backward(const rnnp_gradient_call *call)
{
    const rnnp_tensor *dx = &call->d_inputs[0], *index = &call->inputs[1];
    const size_t axis = rnnp_axis_of(call->shape.node, dx->rank), length = (size_t)dx->shape[axis];
    const size_t outer = rnnp_shape_product(dx, 0, axis), cols = rnnp_shape_product(dx, axis + 1, dx->rank);
    const size_t n = rnnp_tensor_elements(index);
    const float *from = call->d_outputs[0].data;
    float *to = dx->data;
    if (!to) return RNNP_OK;
    rnnp_clear(dx);
    for (size_t o = 0; o < outer; o++, to += length * cols) {
        for (size_t i = 0; i < n; i++, from += cols) {
            const int64_t at = rnnp_integer_at(index, i);
            add(call, to + (size_t)(at < 0 ? at + (int64_t)length : at) * cols, from, cols);
        }
    }
    return RNNP_OK;
}

RNNP_GRADIENT_ROW(Gather, .inputs = 1, .keeps_inputs = 2, .backward = gather_backward);

/* ---- Expand, Tile ---- */

static rnnp_status expand_backward(const rnnp_gradient_call *call)
{
    if (call->d_inputs[0].data) rnnp_sum_broadcast(rnnp_call_select(call), &call->d_outputs[0], &call->d_inputs[0]);
    return RNNP_OK;
}

/* Last axes of x, in the order of dy. */
static rnnp_status tile_backward(const rnnp_gradient_call *call)
{
    const rnnp_tensor *dx = &call->d_inputs[0], *dy = &call->d_outputs[0];
    const size_t last = dx->rank ? dx->rank - 1 : 0, row = dx->rank ? (size_t)dx->shape[last] : 1;
    const float *from = dy->data;
    size_t index[RNNP_MAX_RANK] = {0};
    ptrdiff_t step[RNNP_MAX_RANK];
    if (!dx->data) return RNNP_OK;
    rnnp_clear(dx);
    if (rnnp_tensor_elements(dy) == 0) return RNNP_OK;
    const size_t copies = dx->rank ? (size_t)dy->shape[last] / row : 1;
    rnnp_dense_steps(dx, step);
    for (size_t rows = rnnp_shape_product(dy, 0, last); rows > 0; rows--) {
        size_t to = 0;
        for (size_t i = 0; i < last; i++) to += index[i] % (size_t)dx->shape[i] * (size_t)step[i];
        for (size_t i = 0; i < copies; i++, from += row) add(call, (float *)dx->data + to, from, row);
        for (size_t i = last; i-- > 0;) {
            if (++index[i] < (size_t)dy->shape[i]) break;
            index[i] = 0;
        }
    }
    return RNNP_OK;
}

RNNP_GRADIENT_ROW(Expand, .inputs = 1, .backward = expand_backward);
RNNP_GRADIENT_ROW(Tile, .inputs = 1, .backward = tile_backward);
