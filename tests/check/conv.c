/* SPDX-License-Identifier: Apache-2.0
 *
 * Direct convolutions: a chain over taps that lie anywhere in x.
 */
#include "check.h"

#include <math.h>
#include <stdio.h>

typedef struct conv {
    size_t rows, n, taps, floats, ldy;
    ptrdiff_t *at;
    float *x, *w, *bias; /* w [rows][taps]; bias may be NULL */
    float *columns;      /* [n][taps]: what each position reads */
} conv;

static void *conv_prepare(kernel_kind of, arena *a, rng *r)
{
    conv *p = arena_take(a, sizeof *p);
    (void)of;
    *p = (conv){.rows = rng_or(r, 0, rng_in(r, 1, 5)),
                .n = rng_or(r, 1, rng_size(r, 16, 9)),
                .taps = rng_or(r, 2, rng_one_in(r, 16) ? 0 : rng_in(r, 1, 40))};
    const size_t spread = rng_in(r, 0, 50);
    p->floats = p->n + p->taps + spread;
    p->ldy = p->n + rng_in(r, 0, 5);
    p->at = arena_take(a, p->taps * sizeof *p->at);
    for (size_t t = 0; t < p->taps; t++) p->at[t] = (ptrdiff_t)(r->sizes ? t : rng_next(r) % (p->floats - p->n + 1));
    p->x = arena_floats(a, p->floats);
    p->w = arena_floats(a, p->rows * p->taps);
    p->bias = rng_one_in(r, 3) ? NULL : arena_floats(a, p->rows);
    const inputs kind = rng_inputs(r);
    fill(r, p->x, p->floats, kind, 1, p->floats / 2 + 1);
    fill(r, p->w, p->rows * p->taps, rng_one_in(r, 4) ? rng_inputs(r) : kind, 1 / sqrtf((float)p->taps + 1),
         p->rows * p->taps / 2 + 1);
    if (p->bias) fill(r, p->bias, p->rows, kind, 1, p->rows + 1);
    p->columns = arena_floats(a, p->n * p->taps);
    for (size_t i = 0; i < p->n; i++)
        for (size_t t = 0; t < p->taps; t++) p->columns[i * p->taps + t] = p->x[(size_t)p->at[t] + i];
    return p;
}

static void conv_describe(const void *problem, char text[DESCRIPTION])
{
    const conv *p = problem;
    snprintf(text, DESCRIPTION, "rows%zu-n%zu-taps%zu-ldy%zu%s", p->rows, p->n, p->taps, p->ldy,
             p->bias ? "-bias" : "");
}

static const void *conv_place(const void *problem, const rnnp_variant *variant, int whole, arena *a, memory *m)
{
    const conv *p = problem;
    (void)variant, (void)whole;
    rnnp_conv_args *args = arena_take(a, sizeof *args);
    *args = (rnnp_conv_args){.rows = p->rows, .n = p->n, .taps = p->taps, .at = p->at, .ldy = p->ldy};
    args->x = memory_floats(m, INPUT, p->x, p->floats);
    args->w = memory_floats(m, INPUT, p->w, p->rows * p->taps);
    args->bias = p->bias ? memory_floats(m, INPUT, p->bias, p->rows) : NULL;
    args->y = memory_matrix(m, OUTPUT, NULL, p->rows, p->n, p->ldy);
    return args;
}

static void conv_oracle(const void *problem, ball *expected)
{
    const conv *p = problem;
    for (size_t m = 0; m < p->rows; m++)
        for (size_t i = 0; i < p->n; i++)
            expected[m * p->n + i] = ball_chain(ball_exact(p->bias ? (double)p->bias[m] : 0), p->w + m * p->taps, 1,
                                                p->columns + i * p->taps, 1, p->taps);
}

const check_class check_conv = {conv_prepare, conv_describe, conv_place, conv_oracle};
