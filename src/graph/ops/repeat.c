/* SPDX-License-Identifier: Apache-2.0
 *
 * Expand and Tile: elements repeated.
 */
#include "ops.h"

/* ---- Expand ---- */

static RNNP_INFER(expand_infer)
{
    const rnnp_meta *x = &inputs[0];
    rnnp_meta target = {.dtype = x->dtype};
    rnnp_ints shape;
    int known;
    rnnp_status status = rnnp_infer_ints(in, inputs, 1, "shape", &shape, &known);

    if (status != RNNP_OK) return status;
    outputs[0].dtype = x->dtype;
    if (known) {
        target.rank = shape.count;
        for (size_t i = 0; i < shape.count; i++) {
            target.dim[i] = shape.at[i];
            if (shape.at[i] < 0 && !rnnp_dim_is_symbol(shape.at[i]))
                return FAIL(in, RNNP_ERR_SHAPE, "dimension %zu is %lld", i, (long long)shape.at[i]);
        }
        return rnnp_infer_broadcast(in, x, &target, &outputs[0]);
    }
    if ((status = rnnp_infer_unknown_shape(in, &inputs[1], 0, &outputs[0])) != RNNP_OK) return status;
    while (outputs[0].rank < x->rank) outputs[0].dim[outputs[0].rank++] = rnnp_dim_unknown(in);
    return RNNP_OK;
}

static RNNP_RUN(expand_run)
{
    rnnp_walk walk;

    rnnp_walk_init(&walk, &outputs[0], 1);
    rnnp_walk_broadcast(&walk, &outputs[0], 0, &inputs[0]);
    rnnp_copy_strided(e->select, &outputs[0], inputs[0].data, 0, walk.step[0]);
    return RNNP_OK;
}

static RNNP_VIEWS(expand_view) { return rnnp_same_dims(&inputs[0], &outputs[0]); }

static RNNP_TIME(expand_time)
{
    const rnnp_meta *shape = &inputs[1];
    const int64_t entries = shape->rank ? shape->dim[0] : 1;

    out_axis[0] = RNNP_TIME_NONE;
    if (rnnp_dim_is_symbol(entries) || in_axis[1] != RNNP_TIME_NONE) return RNNP_TIME_UNKNOWN;
    const size_t rank = (int64_t)inputs[0].rank > entries ? inputs[0].rank : (size_t)entries;
    return rnnp_time_broadcast(in_axis[0], inputs[0].rank, rank, &out_axis[0]);
}

RNNP_DEFINE(Expand, 2, 2, .since_opset = 8, .infer = expand_infer, .run = expand_run, .moves = RNNP_MOVES_FIRST,
            .view = expand_view, .time = expand_time);

/* ---- Tile ---- */

static RNNP_INFER(tile_infer)
{
    const size_t count = rnnp_meta_elements(&inputs[1]);
    rnnp_ints repeats;
    int known;
    const rnnp_status status = rnnp_infer_ints(in, inputs, 1, "repeats", &repeats, &known);

    if (status != RNNP_OK) return status;
    rnnp_meta_like(&outputs[0], &inputs[0]);
    if (count != SIZE_MAX && count != inputs[0].rank)
        return FAIL(in, RNNP_ERR_SHAPE, "%zu repeats for rank %zu", count, inputs[0].rank);
    for (size_t i = 0; i < inputs[0].rank; i++) {
        if (known && repeats.at[i] < 0 && !rnnp_dim_is_symbol(repeats.at[i]))
            return FAIL(in, RNNP_ERR_SHAPE, "repeat %zu is %lld", i, (long long)repeats.at[i]);
        outputs[0].dim[i] = known ? rnnp_dim_mul(in, inputs[0].dim[i], repeats.at[i]) : rnnp_dim_unknown(in);
    }
    return RNNP_OK;
}

static RNNP_RUN(tile_run)
{
    const rnnp_tensor *x = &inputs[0], *y = &outputs[0];
    const size_t bytes = rnnp_dtype_bytes(x->dtype), last = x->rank - 1;
    size_t index[RNNP_MAX_RANK] = {0};
    ptrdiff_t step[RNNP_MAX_RANK];
    char *to = y->data;

    if (rnnp_tensor_elements(y) == 0) return RNNP_OK;
    if (x->rank == 0) {
        rnnp_copy(to, x->data, bytes);
        return RNNP_OK;
    }
    const size_t row = (size_t)x->shape[last] * bytes, copies = (size_t)(y->shape[last] / x->shape[last]);
    rnnp_dense_steps(x, step);
    for (size_t rows = rnnp_shape_product(y, 0, last); rows > 0; rows--) {
        size_t from = 0;

        for (size_t i = 0; i < last; i++) from += index[i] % (size_t)x->shape[i] * (size_t)step[i];
        for (size_t i = 0; i < copies; i++, to += row) rnnp_copy(to, (const char *)x->data + from * bytes, row);
        for (size_t i = last; i-- > 0;) {
            if (++index[i] < (size_t)y->shape[i]) break;
            index[i] = 0;
        }
    }
    return RNNP_OK;
}

/* Time is not repeated. */
static RNNP_TIME(tile_time)
{
    const rnnp_tensor repeats = rnnp_known_tensor(&inputs[1]);

    out_axis[0] = in_axis[0];
    if (in_axis[0] == RNNP_TIME_NONE) return 0;
    return rnnp_tensor_known(&repeats) && rnnp_integer_at(&repeats, (size_t)in_axis[0]) == 1 ? 0 : -1;
}

RNNP_DEFINE(Tile, 2, 2, .infer = tile_infer, .run = tile_run, .moves = RNNP_MOVES_FIRST, .time = tile_time);
