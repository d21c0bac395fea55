/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: row ops (softmax, log-softmax, reductions) and moves over the wide shim.
 *
 * Sums over a row run as 16 lanes, lane l adding the elements l, l + 16, l + 32, ... in ascending order; then
 * the lanes fold 8, 4, 2, 1 apart. Missing elements count as +0 in a sum. Every ISA does exactly this.
 */
#ifndef RNNP_ROWS_INC_H
#define RNNP_ROWS_INC_H

#include "../ops.h"
#include "math.inc.h"

enum { LANES = 16, TREE = LANES / VL }; /* TREE native vectors hold the 16 lanes */

typedef struct lanes {
    nf v[TREE];
} lanes;

AI size_t lanes_part(size_t left, int j)
{
    size_t from = (size_t)j * VL;
    return left <= from ? 0 : left - from < VL ? left - from : VL;
}
AI float lanes_sum(const lanes *s)
{
    float t[LANES];
    for (int j = 0; j < TREE; j++) n_store(t + j * VL, s->v[j]);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) t[l] += t[l + half];
    return t[0];
}
AI float row_sum(const float *x, size_t n)
{
    lanes s;
    for (int j = 0; j < TREE; j++) s.v[j] = n_set(0.0f);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < TREE; j++) s.v[j] = n_add(s.v[j], n_load(x + i + j * VL));
    if (i < n)
        for (int j = 0; j < TREE; j++) s.v[j] = n_add(s.v[j], n_load_n(x + i + j * VL, lanes_part(n - i, j)));
    return lanes_sum(&s);
}
/* The maximum does not depend on order, except for the sign of zero (+0 wins) and NaN (any gives NaN). The wide
 * maximum drops a NaN when a number follows, so NaNs are kept beside it. The last vector overlaps the one before:
 * an element may count twice. */
AI float row_max(const float *x, size_t n)
{
    float top[WIDE], nans[WIDE], max = -INFINITY;
    const float *from = x;
    size_t left = n;
    if (n >= WIDE) {
        vf m = vf_set(-INFINITY), nan = vf_set(0.0f);
        for (size_t i = 0; i < n; i += WIDE) {
            vf v = vf_load(i + WIDE <= n ? x + i : x + n - WIDE);
            nan = vf_sel(vf_eq(v, v), nan, v);
            m = vf_max(m, v);
        }
        vf_store(top, m);
        vf_store(nans, nan);
        for (size_t k = 0; k < WIDE; k++)
            if (nans[k] != nans[k]) return NAN;
        from = top;
        left = WIDE;
    }
    for (size_t k = 0; k < left; k++) {
        if (from[k] != from[k]) return NAN;
        max = max > from[k] ? max : from[k];
    }
    for (size_t i = 0; max == 0 && i < n; i++)
        if (x[i] == 0 && !signbit(x[i])) return 0.0f;
    return max;
}

#define SOFTMAX(cls)                                                                                         \
    static void softmax_##cls(const rnnp_row_args *a)                                                        \
    {                                                                                                        \
        for (size_t r = 0; r < a->rows; r++) {                                                               \
            const float *x = a->x + r * a->ldx;                                                              \
            float *y = a->y + r * a->ldy;                                                                    \
            vf m = vf_set(row_max(x, a->cols));                                                              \
            for (size_t i = 0; i < a->cols; i += WIDE)                                                       \
                vf_store_up_to(y + i, exp_##cls(vf_sub(vf_load_up_to(x + i, a->cols - i), m)), a->cols - i); \
            vf s = vf_set(row_sum(y, a->cols));                                                              \
            for (size_t i = 0; i < a->cols; i += WIDE)                                                       \
                vf_store_up_to(y + i, vf_div(vf_load_up_to(y + i, a->cols - i), s), a->cols - i);            \
        }                                                                                                    \
    }                                                                                                        \
    /* (x - max) - log(sum of exp(x - max)); y holds x - max in between */                                   \
    static void log_softmax_##cls(const rnnp_row_args *a)                                                    \
    {                                                                                                        \
        for (size_t r = 0; r < a->rows; r++) {                                                               \
            const float *x = a->x + r * a->ldx;                                                              \
            float *y = a->y + r * a->ldy;                                                                    \
            vf m = vf_set(row_max(x, a->cols));                                                              \
            float part[LANES] = {0};                                                                         \
            for (size_t i = 0; i < a->cols; i += WIDE) {                                                     \
                size_t n = a->cols - i < WIDE ? a->cols - i : WIDE;                                          \
                float e[WIDE];                                                                               \
                vf d = vf_sub(vf_load_up_to(x + i, n), m);                                                   \
                vf_store_up_to(y + i, d, n);                                                                 \
                vf_store(e, exp_##cls(d));                                                                   \
                for (size_t l = 0; l < n; l++) part[(i + l) % LANES] += e[l];                                \
            }                                                                                                \
            for (int half = LANES / 2; half > 0; half /= 2)                                                  \
                for (int l = 0; l < half; l++) part[l] += part[l + half];                                    \
            float log_sum[WIDE];                                                                             \
            vf_store(log_sum, log_##cls(vf_set(part[0])));                                                   \
            vf s = vf_set(log_sum[0]);                                                                       \
            for (size_t i = 0; i < a->cols; i += WIDE)                                                       \
                vf_store_up_to(y + i, vf_sub(vf_load_up_to(y + i, a->cols - i), s), a->cols - i);            \
        }                                                                                                    \
    }
SOFTMAX(u35)
SOFTMAX(u10)
SOFTMAX(fast)

static void reduce_sum(const rnnp_row_args *a)
{
    for (size_t r = 0; r < a->rows; r++) a->y[r * a->ldy] = row_sum(a->x + r * a->ldx, a->cols);
}
static void reduce_mean(const rnnp_row_args *a)
{
    for (size_t r = 0; r < a->rows; r++) a->y[r * a->ldy] = row_sum(a->x + r * a->ldx, a->cols) / (float)a->cols;
}
static void reduce_max(const rnnp_row_args *a)
{
    for (size_t r = 0; r < a->rows; r++) a->y[r * a->ldy] = row_max(a->x + r * a->ldx, a->cols);
}

/* One block of rows x cols, each at most VL. The first `whole` elements of y take whole vectors. */
AI void transpose_block(const rnnp_move_args *a, size_t r, size_t c, size_t rows, size_t cols, size_t whole)
{
    nf v[VL];
    UNROLLED(k, VL) {
        const float *x = a->x + (r + (size_t)k) * a->ldx + c;
        v[k] = (size_t)k >= rows ? n_set(0.0f) : cols == VL ? n_load(x) : n_load_n(x, cols);
    }
    n_transpose(v);
    UNROLLED(k, VL) {
        const size_t at = (c + (size_t)k) * a->ldy + r;
        if ((size_t)k >= cols) break;
        if (at + VL <= whole)
            n_store(a->y + at, v[k]);
        else
            n_store_n(a->y + at, v[k], rows);
    }
}
/* The last block along an axis overlaps the one before. */
AI size_t block_at(size_t i, size_t n) { return i + VL <= n || n < VL ? i : n - VL; }
/* Masks cut an axis that is shorter than a block. Vectors may write beyond a row of a dense y, because the next row is
 * written after it. Very few columns at the end are not worth a block. */
static void transpose(const rnnp_move_args *a)
{
    const size_t few = a->cols % VL <= VL / 8 ? a->cols % VL : 0, n = a->cols - few;
    const size_t rows = a->rows < VL ? a->rows : VL, cols = n < VL ? n : VL;
    const size_t whole = rows == VL ? SIZE_MAX : a->ldy == rows ? a->cols * rows : 0;
    for (size_t i = 0; i < n; i += VL)
        for (size_t j = 0; j < a->rows; j += VL) {
            const size_t r = block_at(j, a->rows), c = block_at(i, n);
            if (rows == VL && cols == VL)
                transpose_block(a, r, c, VL, VL, SIZE_MAX);
            else if (rows == VL)
                transpose_block(a, r, c, VL, cols, SIZE_MAX);
            else
                transpose_block(a, r, c, rows, cols, whole);
        }
    for (size_t c = n; c < a->cols; c++)
        for (size_t r = 0; r < a->rows; r++) a->y[c * a->ldy + r] = a->x[r * a->ldx + c];
}
static void gather(const rnnp_gather_args *a)
{
    for (size_t i = 0; i < a->n; i++)
        memcpy(a->y + i * a->ldy, a->x + (size_t)a->index[i] * a->ldx, a->cols * sizeof(float));
}

#endif
