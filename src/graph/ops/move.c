/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that move elements, of any type, without looking at them. More of them: slice.c, repeat.c.
 */
#include "params.h"

#include <string.h>

/* ---- Transpose ---- */

static rnnp_status transpose_parse(rnnp_parse *p, void *params) { return rnnp_parse_ints(p, "perm", params); }

/* Without perm the axes are reversed. */
size_t rnnp_transpose_axis(const rnnp_node *node, size_t i, size_t rank)
{
    const rnnp_ints *axes = node->params;

    return axes->given ? (size_t)axes->at[i] : rank - 1 - i;
}

static RNNP_INFER(transpose_infer)
{
    const rnnp_ints *axes = in->node->params;
    const rnnp_meta *x = &inputs[0];
    unsigned mask = 0;

    if (axes->given && axes->count != x->rank)
        return FAIL(in, RNNP_ERR_SHAPE, "perm has %zu entries but the input has rank %zu", axes->count, x->rank);
    for (size_t i = 0; i < axes->count; i++) {
        if (axes->at[i] < 0 || axes->at[i] >= (int64_t)x->rank || mask >> axes->at[i] & 1)
            return FAIL(in, RNNP_ERR_SHAPE, "perm is not a permutation");
        mask |= 1u << axes->at[i];
    }
    outputs[0] = (rnnp_meta){.dtype = x->dtype, .rank = x->rank};
    for (size_t i = 0; i < x->rank; i++) outputs[0].dim[i] = x->dim[rnnp_transpose_axis(in->node, i, x->rank)];
    return RNNP_OK;
}

static RNNP_RUN(transpose_run)
{
    const size_t rank = inputs[0].rank;
    ptrdiff_t dense[RNNP_MAX_RANK], step[RNNP_MAX_RANK];

    if (e->channels_last)
        rnnp_last_steps(&inputs[0], dense);
    else
        rnnp_dense_steps(&inputs[0], dense);
    for (size_t i = 0; i < rank; i++) step[i] = dense[rnnp_transpose_axis(node, i, rank)];
    rnnp_copy_strided(e->select, &outputs[0], inputs[0].data, 0, step);
    return RNNP_OK;
}

/* Nothing moves when the axes longer than 1 keep their order. */
static RNNP_VIEWS(transpose_view)
{
    size_t least = 0;

    for (size_t i = 0; i < inputs[0].rank; i++) {
        size_t from = rnnp_transpose_axis(node, i, inputs[0].rank);

        if (inputs[0].channels_last && from == 1) from = inputs[0].rank;
        if (outputs[0].dim[i] == 1) continue;
        if (from < least) return 0;
        least = from;
    }
    return 1;
}

/* Rows of channels are moved whole, or not at all. */
static RNNP_LAST(transpose_last)
{
    const size_t rank = outputs[0].rank;

    return rank >= 3 && rnnp_transpose_axis(p->node, rank - 1, rank) == 1 ? RNNP_LAST_TAKES : 0;
}

static RNNP_TIME(transpose_time)
{
    out_axis[0] = RNNP_TIME_NONE;
    for (size_t i = 0; i < inputs[0].rank; i++) {
        if ((int)rnnp_transpose_axis(node, i, inputs[0].rank) == in_axis[0]) out_axis[0] = (int)i;
    }
    return 0;
}

RNNP_DEFINE(Transpose, 1, 1, .param_bytes = sizeof(rnnp_ints), .parse = transpose_parse, .infer = transpose_infer,
            .run = transpose_run, .moves = RNNP_MOVES_FIRST, .view = transpose_view, .channels_last = transpose_last,
            .time = transpose_time);

/* ---- Gather: rows of an axis by index ---- */

typedef struct axis_params {
    int64_t axis;
} axis_params;

static rnnp_status axis_parse(rnnp_parse *p, void *params)
{
    axis_params *axis = params;

    axis->axis = rnnp_parse_int(p, "axis", 0);
    return RNNP_OK;
}

static RNNP_INFER(gather_infer)
{
    const axis_params *params = in->node->params;
    const rnnp_meta *x = &inputs[0], *index = &inputs[1];
    rnnp_meta *out = &outputs[0];
    rnnp_status status;
    size_t axis = 0;

    if ((status = rnnp_infer_type(in, inputs, 1, RNNP_BIT(RNNP_DTYPE_I64) | RNNP_BIT(RNNP_DTYPE_I32))) != RNNP_OK ||
        (status = rnnp_infer_axis(in, params->axis, x->rank, &axis)) != RNNP_OK)
        return status;
    if (x->rank - 1 + index->rank > RNNP_MAX_RANK)
        return FAIL(in, RNNP_ERR_UNSUPPORTED, "the result has rank %zu, above %d", x->rank - 1 + index->rank,
                    RNNP_MAX_RANK);
    *out = (rnnp_meta){.dtype = x->dtype};
    for (size_t i = 0; i < axis; i++) out->dim[out->rank++] = x->dim[i];
    for (size_t i = 0; i < index->rank; i++) out->dim[out->rank++] = index->dim[i];
    for (size_t i = axis + 1; i < x->rank; i++) out->dim[out->rank++] = x->dim[i];
    return RNNP_OK;
}

/* Rows of f32 go through the kernel, a chunk of checked indices at a time. */
static void gather_rows(const rnnp_exec *e, const rnnp_tensor *x, const char *from, char *to, const int64_t *index,
                        size_t n, size_t cols)
{
    const size_t row_bytes = cols * rnnp_dtype_bytes(x->dtype);

    if (x->dtype == RNNP_DTYPE_F32) {
        const rnnp_gather_args args = {.x = (const float *)(const void *)from,
                                       .y = (float *)(void *)to,
                                       .index = index,
                                       .n = n,
                                       .cols = cols,
                                       .ldx = cols,
                                       .ldy = cols};

        e->select->op[RNNP_OP_gather_f32]->fn.gather_f32(&args);
        return;
    }
    for (size_t i = 0; i < n; i++) rnnp_copy(to + i * row_bytes, from + (size_t)index[i] * row_bytes, row_bytes);
}

static RNNP_RUN(gather_run)
{
    enum { CHUNK = 64 };
    const rnnp_tensor *x = &inputs[0], *index = &inputs[1];
    const size_t axis = rnnp_axis_of(node, x->rank), length = (size_t)x->shape[axis];
    const size_t outer = rnnp_shape_product(x, 0, axis), cols = rnnp_shape_product(x, axis + 1, x->rank);
    const size_t n = rnnp_tensor_elements(index), row_bytes = cols * rnnp_dtype_bytes(x->dtype);
    int64_t chunk[CHUNK];

    for (size_t first = 0; first < n; first += CHUNK) {
        const size_t count = n - first < CHUNK ? n - first : CHUNK;

        for (size_t i = 0; i < count; i++) {
            const int64_t at = rnnp_integer_at(index, first + i);

            chunk[i] = at < 0 ? at + (int64_t)length : at;
            if (chunk[i] < 0 || chunk[i] >= (int64_t)length)
                return rnnp_node_fail(e->context, node, RNNP_ERR_ARG, "index %lld, but axis %zu has %zu elements",
                                      (long long)at, axis, length);
        }
        for (size_t o = 0; o < outer && cols; o++)
            gather_rows(e, x, (const char *)x->data + o * length * row_bytes,
                        (char *)outputs[0].data + (o * n + first) * row_bytes, chunk, count, cols);
    }
    return RNNP_OK;
}

/* Along time only the last step can be picked. */
static RNNP_TIME(gather_time)
{
    const int axis = (int)rnnp_axis_of(node, inputs[0].rank), index_rank = (int)inputs[1].rank;
    int from_data = in_axis[0];

    out_axis[0] = RNNP_TIME_NONE;
    if (from_data == axis) {
        const rnnp_tensor index = rnnp_known_tensor(&inputs[1]);

        if (!index.data || rnnp_tensor_elements(&index) != 1 || rnnp_integer_at(&index, 0) != -1)
            return RNNP_TIME_PICKED;
        from_data = RNNP_TIME_NONE;
    } else if (from_data > axis) {
        from_data += index_rank - 1;
    }
    if (rnnp_time_agree(from_data, out_axis) != 0) return -1;
    return rnnp_time_agree(in_axis[1] == RNNP_TIME_NONE ? in_axis[1] : axis + in_axis[1], out_axis);
}

RNNP_DEFINE(Gather, 2, 2, .param_bytes = sizeof(axis_params), .parse = axis_parse, .infer = gather_infer,
            .run = gather_run, .moves = RNNP_MOVES_FIRST, .time = gather_time);

/* ---- Concat ---- */

static RNNP_INFER(concat_infer)
{
    const axis_params *params = in->node->params;
    rnnp_meta *out = &outputs[0];
    int64_t *dim = out->dim;
    rnnp_status status;
    size_t axis = 0;

    for (size_t i = 0; i < in->node->n_inputs; i++) {
        if (rnnp_absent(in->node, i)) return FAIL(in, RNNP_ERR_ARG, "input %zu is absent", i);
    }
    rnnp_meta_like(out, &inputs[0]);
    if ((status = rnnp_infer_axis(in, params->axis, out->rank, &axis)) != RNNP_OK) return status;
    for (size_t i = 1; i < in->node->n_inputs; i++) {
        if ((status = rnnp_infer_same_type(in, inputs, 0, i)) != RNNP_OK) return status;
        if (inputs[i].rank != out->rank)
            return FAIL(in, RNNP_ERR_SHAPE, "input 0 has rank %zu but input %zu has %zu", out->rank, i, inputs[i].rank);
        for (size_t d = 0; d < out->rank; d++) {
            if (d == axis)
                dim[d] = rnnp_dim_add(in, dim[d], inputs[i].dim[d]);
            else if ((status = rnnp_infer_same(in, "a dimension", dim[d], inputs[i].dim[d], &dim[d])) != RNNP_OK)
                return status;
        }
    }
    return RNNP_OK;
}

static RNNP_RUN(concat_run)
{
    const rnnp_tensor *y = &outputs[0];
    const size_t axis = rnnp_axis_of(node, y->rank), outer = rnnp_shape_product(y, 0, axis);
    const size_t row = rnnp_shape_product(y, axis, y->rank) * rnnp_dtype_bytes(y->dtype);
    size_t at = 0;

    for (size_t i = 0; i < node->n_inputs; i++) {
        const size_t part = rnnp_shape_product(&inputs[i], axis, y->rank) * rnnp_dtype_bytes(y->dtype);

        for (size_t o = 0; o < outer && part; o++)
            rnnp_copy((char *)y->data + o * row + at, (const char *)inputs[i].data + o * part, part);
        at += part;
    }
    return RNNP_OK;
}

static RNNP_TIME(concat_time)
{
    out_axis[0] = in_axis[0];
    for (size_t i = 1; i < node->n_inputs; i++) {
        if (in_axis[i] != in_axis[0]) return RNNP_TIME_ELSEWHERE;
    }
    return in_axis[0] != RNNP_TIME_NONE && in_axis[0] == (int)rnnp_axis_of(node, inputs[0].rank) ? -1 : 0;
}

RNNP_DEFINE(Concat, 1, 255, .param_bytes = sizeof(axis_params), .parse = axis_parse, .infer = concat_infer,
            .run = concat_run, .moves = RNNP_MOVES_ALL, .time = concat_time);

/* ---- Where ---- */

static RNNP_INFER(where_infer)
{
    rnnp_meta both;
    rnnp_status status;

    if ((status = rnnp_infer_type(in, inputs, 0, RNNP_BIT(RNNP_DTYPE_BOOL))) != RNNP_OK ||
        (status = rnnp_infer_same_type(in, inputs, 1, 2)) != RNNP_OK ||
        (status = rnnp_infer_broadcast(in, &inputs[1], &inputs[2], &both)) != RNNP_OK)
        return status;
    outputs[0].dtype = inputs[1].dtype;
    return rnnp_infer_broadcast(in, &inputs[0], &both, &outputs[0]);
}

static RNNP_RUN(where_run)
{
    const rnnp_tensor *y = &outputs[0];
    const size_t bytes = rnnp_dtype_bytes(y->dtype);
    rnnp_walk walk;

    rnnp_walk_over(&walk, y, (const rnnp_tensor *[]){&inputs[0], &inputs[1], &inputs[2]}, 3, 1);
    for (; walk.rows; rnnp_walk_next(&walk)) {
        const uint8_t *condition = (const uint8_t *)inputs[0].data + walk.offset[0];
        char *to = (char *)y->data + walk.row * bytes;

        for (size_t i = 0; i < rnnp_walk_inner_dim(&walk); i++) {
            const ptrdiff_t n = (ptrdiff_t)i;
            const size_t k = condition[n * rnnp_walk_inner_step(&walk, 0)] ? 1 : 2;
            const size_t at = (size_t)(walk.offset[k] + n * rnnp_walk_inner_step(&walk, k));

            rnnp_copy(to + i * bytes, (const char *)inputs[k].data + at * bytes, bytes);
        }
    }
    return RNNP_OK;
}

RNNP_DEFINE(Where, 3, 3, .since_opset = 9, .infer = where_infer, .run = where_run, .moves = RNNP_MOVES_OTHERS);
