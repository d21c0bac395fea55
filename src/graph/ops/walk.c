/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks over strided operands. Dimensions of size 1 go away and neighbours that every operand steps through
 * evenly become one, so that the inner loops are as long as the layout allows.
 */
#include "ops.h"

void rnnp_walk_init(rnnp_walk *walk, const rnnp_tensor *result, size_t operands)
{
    *walk = (rnnp_walk){.operands = operands, .rank = result->rank};
    for (size_t i = 0; i < result->rank; i++) walk->dim[i] = (size_t)result->shape[i];
}

void rnnp_dense_steps(const rnnp_tensor *tensor, ptrdiff_t *step)
{
    size_t s = 1; /* may wrap around beside a 0, where nothing is stepped through */

    for (size_t i = tensor->rank; i-- > 0;) {
        step[i] = (ptrdiff_t)s;
        s *= (size_t)tensor->shape[i];
    }
}

void rnnp_walk_broadcast(rnnp_walk *walk, const rnnp_tensor *result, size_t operand, const rnnp_tensor *tensor)
{
    const size_t shift = result->rank - tensor->rank;
    ptrdiff_t dense[RNNP_MAX_RANK];

    rnnp_dense_steps(tensor, dense);
    for (size_t i = 0; i < result->rank; i++)
        walk->step[operand][i] = i < shift || tensor->shape[i - shift] == 1 ? 0 : dense[i - shift];
}

/* Whether dimension `last` of the merged ones continues into dimension i. */
static int merges(const rnnp_walk *walk, size_t last, size_t i)
{
    for (size_t k = 0; k < walk->operands; k++) {
        if (walk->step[k][last] != (ptrdiff_t)walk->dim[i] * walk->step[k][i]) return 0;
    }
    return 1;
}

void rnnp_walk_begin(rnnp_walk *walk, size_t inner)
{
    size_t rank = 0, total = 1;

    for (size_t i = 0; i < walk->rank; i++) total *= walk->dim[i];
    walk->rows = 0;
    if (total == 0) return;
    for (size_t i = 0; i < walk->rank; i++) {
        size_t to = rank;

        if (walk->dim[i] == 1) continue;
        if (rank > 0 && merges(walk, rank - 1, i)) {
            to = rank - 1;
            walk->dim[to] *= walk->dim[i];
        } else {
            walk->dim[rank++] = walk->dim[i];
        }
        for (size_t k = 0; k < walk->operands; k++) walk->step[k][to] = walk->step[k][i];
    }
    walk->rank = rank;
    walk->outer = rank > inner ? rank - inner : 0;
    walk->row_elements = 1;
    for (size_t i = walk->outer; i < rank; i++) walk->row_elements *= walk->dim[i];
    walk->rows = total / walk->row_elements;
}

void rnnp_walk_next(rnnp_walk *walk)
{
    walk->rows--;
    walk->row += walk->row_elements;
    for (size_t i = walk->outer; i-- > 0;) {
        const int wraps = ++walk->index[i] == walk->dim[i];
        const ptrdiff_t by = wraps ? 1 - (ptrdiff_t)walk->dim[i] : 1;

        for (size_t k = 0; k < walk->operands; k++) walk->offset[k] += by * walk->step[k][i];
        if (!wraps) return;
        walk->index[i] = 0;
    }
}

void rnnp_walk_over(rnnp_walk *walk, const rnnp_tensor *result, const rnnp_tensor *const *operands, size_t n,
                    size_t inner)
{
    rnnp_walk_init(walk, result, n);
    for (size_t k = 0; k < n; k++) rnnp_walk_broadcast(walk, result, k, operands[k]);
    rnnp_walk_begin(walk, inner);
}

/* ---- Channels last ---- */

rnnp_tensor rnnp_turned(const rnnp_tensor *tensor, size_t rank)
{
    rnnp_tensor turned = {.dtype = tensor->dtype, .rank = rank, .data = tensor->data};

    for (size_t i = 0; i < rank; i++)
        turned.shape[rnnp_place_last(i, rank)] = i + tensor->rank < rank ? 1 : tensor->shape[i + tensor->rank - rank];
    return turned;
}

void rnnp_last_steps(const rnnp_tensor *tensor, ptrdiff_t *step)
{
    const rnnp_tensor turned = rnnp_turned(tensor, tensor->rank);
    ptrdiff_t dense[RNNP_MAX_RANK];

    rnnp_dense_steps(&turned, dense);
    for (size_t i = 0; i < tensor->rank; i++) step[i] = dense[rnnp_place_last(i, tensor->rank)];
}

/* Whether a dimension is 1, of an operand that is broadcast to this rank. */
static int is_one(const rnnp_meta *meta, size_t rank, size_t axis)
{
    return axis + meta->rank < rank || meta->dim[axis + meta->rank - rank] == 1;
}

RNNP_LAST(rnnp_last_elementwise)
{
    const rnnp_operator *op = p->node->op;
    const size_t rank = outputs[0].rank;
    int rows = op->in_place && !op->workspace_bytes;

    if (rank < 3) return 0;
    for (size_t i = 0; i < p->node->n_inputs; i++) {
        const rnnp_meta *in = &p->inputs[i];
        int in_one_place = 1;

        for (size_t axis = 2; axis < rank; axis++) in_one_place &= is_one(in, rank, axis);
        if (!in_one_place && !is_one(in, rank, 1) && !rnnp_same_dims(in, &outputs[0])) return 0;
        rows &= i == 0 ? rnnp_same_dims(in, &outputs[0]) : in_one_place && is_one(in, rank, 0);
    }
    return RNNP_LAST_ALIKE | (rows ? RNNP_LAST_ROWS : 0u);
}

/* ---- Copies ---- */

#define COPY_ROW(T, y, x, n, step) \
    for (size_t copy_i = 0; copy_i < (n); copy_i++) ((T *)(y))[copy_i] = ((const T *)(x))[(ptrdiff_t)copy_i * (step)]

static void copy_row(size_t bytes, void *y, const void *x, size_t n, ptrdiff_t step)
{
    if (step == 1)
        memcpy(y, x, n * bytes);
    else if (bytes == 4)
        COPY_ROW(uint32_t, y, x, n, step);
    else if (bytes == 8)
        COPY_ROW(uint64_t, y, x, n, step);
    else if (bytes == 2)
        COPY_ROW(uint16_t, y, x, n, step);
    else
        COPY_ROW(uint8_t, y, x, n, step);
}

void rnnp_fill(void *y, const void *value, size_t bytes, size_t n)
{
    if (n) memcpy(y, value, bytes);
    for (size_t done = 1, part; done < n; done += part) {
        part = done < n - done ? done : n - done;
        memcpy((char *)y + done * bytes, y, part * bytes);
    }
}

void rnnp_copy_strided(const rnnp_selection *select, const rnnp_tensor *y, const void *x, ptrdiff_t base,
                       const ptrdiff_t *step)
{
    const size_t bytes = rnnp_dtype_bytes(y->dtype);
    rnnp_walk walk;

    rnnp_walk_init(&walk, y, 1);
    if (y->rank) memcpy(walk.step[0], step, y->rank * sizeof *step);
    rnnp_walk_begin(&walk, 1);
    if (!walk.rows) return;

    const size_t last = walk.rank - 1;
    if (y->dtype == RNNP_DTYPE_F32 && walk.rank >= 2 && walk.step[0][last - 1] == 1 && walk.step[0][last] > 0) {
        walk.outer--;
        walk.row_elements *= walk.dim[last - 1];
        walk.rows /= walk.dim[last - 1];
        for (; walk.rows; rnnp_walk_next(&walk)) {
            const rnnp_move_args args = {.x = (const float *)x + base + walk.offset[0],
                                         .ldx = (size_t)walk.step[0][last],
                                         .rows = walk.dim[last],
                                         .cols = walk.dim[last - 1],
                                         .y = (float *)y->data + walk.row,
                                         .ldy = walk.dim[last]};

            select->op[RNNP_OP_transpose_f32]->fn.transpose_f32(&args);
        }
        return;
    }
    for (; walk.rows; rnnp_walk_next(&walk))
        copy_row(bytes, (char *)y->data + walk.row * bytes,
                 (const char *)x + (base + walk.offset[0]) * (ptrdiff_t)bytes, rnnp_walk_inner_dim(&walk),
                 rnnp_walk_inner_step(&walk, 0));
}
