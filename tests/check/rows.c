/* SPDX-License-Identifier: Apache-2.0
 *
 * Softmax, log-softmax and reductions over rows; transpose and gather.
 */
#include "check.h"

#include "rnnpack/rnnpack.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Row ops ---- */

typedef struct row {
    rnnp_op op;
    size_t rows, cols, ldx, ldy;
    int in_place;
    float *x;
} row;

static int reduces(rnnp_op op)
{
    return op == RNNP_OP_reduce_sum_f32 || op == RNNP_OP_reduce_mean_f32 || op == RNNP_OP_reduce_max_f32;
}

static int row_math(rnnp_op op)
{
    return op == RNNP_OP_softmax_f32_u10 || op == RNNP_OP_log_softmax_f32_u10     ? RNNP_MATH_U10
           : op == RNNP_OP_softmax_f32_fast || op == RNNP_OP_log_softmax_f32_fast ? RNNP_MATH_FAST
                                                                                  : RNNP_MATH_U35;
}

static void *row_prepare(kernel_kind of, arena *a, rng *r)
{
    const rnnp_op op = of.op;
    row *p = arena_take(a, sizeof *p);
    *p = (row){.op = op, .rows = rng_or(r, 0, rng_in(r, 1, 5)), .cols = rng_or(r, 1, rng_size(r, 16, 12))};
    p->in_place = !reduces(op) && rng_one_in(r, 3);
    p->ldx = p->cols + (rng_one_in(r, 2) ? rng_in(r, 1, 9) : 0);
    p->ldy = p->in_place ? p->ldx : (reduces(op) ? 1 : p->cols) + (rng_one_in(r, 2) ? rng_in(r, 1, 9) : 0);
    p->x = arena_floats(a, p->rows * p->cols);
    const inputs kind = rng_inputs(r);
    fill(r, p->x, p->rows * p->cols, kind, 1, 2 * p->cols);
    return p;
}

static void row_describe(const void *problem, char text[DESCRIPTION])
{
    const row *p = problem;
    snprintf(text, DESCRIPTION, "rows%zu-cols%zu-ldx%zu-ldy%zu%s", p->rows, p->cols, p->ldx, p->ldy,
             p->in_place ? "-in-place" : "");
}

static const void *row_place(const void *problem, const rnnp_variant *variant, int whole, arena *a, memory *m)
{
    const row *p = problem;
    (void)variant, (void)whole;
    rnnp_row_args *args = arena_take(a, sizeof *args);
    float *x = memory_matrix(m, p->in_place ? INOUT : INPUT, p->x, p->rows, p->cols, p->ldx);
    *args = (rnnp_row_args){x, x, p->rows, p->cols, p->ldx, p->ldy};
    if (!p->in_place) args->y = memory_matrix(m, OUTPUT, NULL, p->rows, reduces(p->op) ? 1 : p->cols, p->ldy);
    return args;
}

/* NaN if any is, and +0 before -0. */
static double row_maximum(const float *x, size_t n)
{
    double best = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        const double v = (double)x[i];
        if (isnan(v)) return NAN;
        if (v > best || (v == best && !signbit(v))) best = v;
    }
    return best;
}

static void row_oracle(const void *problem, ball *expected)
{
    const row *p = problem;
    const int math = row_math(p->op);
    ball x[16 * 12 + 80], e[16 * 12 + 80];
    for (size_t r = 0; r < p->rows; r++) {
        const float *from = p->x + r * p->cols;
        const double m = row_maximum(from, p->cols);
        if (p->op == RNNP_OP_reduce_max_f32) {
            expected[r] = (ball){m, BITS};
            continue;
        }
        for (size_t c = 0; c < p->cols; c++) {
            x[c] = ball_exact((double)from[c]);
            if (reduces(p->op)) continue;
            x[c] = ball_add(x[c], ball_exact(-m));
            e[c] = ball_exp(math, x[c]);
        }
        const ball total = ball_row_sum(reduces(p->op) ? x : e, p->cols);
        if (p->op == RNNP_OP_reduce_sum_f32)
            expected[r] = total;
        else if (p->op == RNNP_OP_reduce_mean_f32)
            expected[r] = ball_div(total, ball_exact((double)p->cols));
        for (size_t c = 0; !reduces(p->op) && c < p->cols; c++) {
            const int is_log = p->op == RNNP_OP_log_softmax_f32_u35 || p->op == RNNP_OP_log_softmax_f32_u10 ||
                               p->op == RNNP_OP_log_softmax_f32_fast;
            expected[r * p->cols + c] =
                is_log ? ball_add(x[c], ball_neg(ball_log(math, total))) : ball_div(e[c], total);
        }
    }
}

const check_class check_row = {row_prepare, row_describe, row_place, row_oracle};

/* ---- Transpose and gather: bits move, nothing else ---- */

typedef struct move {
    size_t rows, cols, ldx, ldy, n;
    float *x;
    int64_t *index; /* gather only */
} move;

static void *move_prepare(kernel_kind of, arena *a, rng *r)
{
    const rnnp_op op = of.op;
    move *p = arena_take(a, sizeof *p);
    *p = (move){.rows = rng_or(r, 0, rng_size(r, 16, 3)), .cols = rng_or(r, 1, rng_size(r, 16, 3))};
    const size_t wide = op == RNNP_OP_transpose_f32 ? p->rows : p->cols;
    p->ldx = p->cols + rng_in(r, 0, 5);
    p->ldy = wide + rng_in(r, 0, 5);
    p->x = arena_floats(a, p->rows * p->cols);
    fill(r, p->x, p->rows * p->cols, rng_inputs(r), 1, 4);
    p->n = op == RNNP_OP_transpose_f32 ? p->cols : rng_or(r, 2, rng_in(r, 0, 40));
    p->index = arena_take(a, p->n * sizeof *p->index);
    for (size_t i = 0; i < p->n; i++) p->index[i] = (int64_t)(rng_next(r) % p->rows);
    return p;
}

static void move_describe(const void *problem, char text[DESCRIPTION])
{
    const move *p = problem;
    snprintf(text, DESCRIPTION, "rows%zu-cols%zu-n%zu-ldx%zu-ldy%zu", p->rows, p->cols, p->n, p->ldx, p->ldy);
}

static const void *transpose_place(const void *problem, const rnnp_variant *variant, int whole, arena *a, memory *m)
{
    const move *p = problem;
    (void)variant, (void)whole;
    rnnp_move_args *args = arena_take(a, sizeof *args);
    const float *x = memory_matrix(m, INPUT, p->x, p->rows, p->cols, p->ldx);
    *args =
        (rnnp_move_args){x, memory_matrix(m, OUTPUT, NULL, p->n, p->rows, p->ldy), p->rows, p->cols, p->ldx, p->ldy};
    return args;
}

static const void *gather_place(const void *problem, const rnnp_variant *variant, int whole, arena *a, memory *m)
{
    const move *p = problem;
    (void)variant, (void)whole;
    rnnp_gather_args *args = arena_take(a, sizeof *args);
    const float *x = memory_matrix(m, INPUT, p->x, p->rows, p->cols, p->ldx);
    float *y = memory_matrix(m, OUTPUT, NULL, p->n, p->cols, p->ldy);
    *args = (rnnp_gather_args){x, p->index, y, p->n, p->cols, p->ldx, p->ldy};
    return args;
}

static void transpose_oracle(const void *problem, ball *expected)
{
    const move *p = problem;
    for (size_t c = 0; c < p->cols; c++)
        for (size_t r = 0; r < p->rows; r++) expected[c * p->rows + r] = (ball){(double)p->x[r * p->cols + c], BITS};
}

static void gather_oracle(const void *problem, ball *expected)
{
    const move *p = problem;
    for (size_t i = 0; i < p->n; i++)
        for (size_t c = 0; c < p->cols; c++)
            expected[i * p->cols + c] = (ball){(double)p->x[(size_t)p->index[i] * p->cols + c], BITS};
}

const check_class check_move = {move_prepare, move_describe, transpose_place, transpose_oracle};
const check_class check_gather = {move_prepare, move_describe, gather_place, gather_oracle};
