/* SPDX-License-Identifier: Apache-2.0
 *
 * c = act(c0 + a b) on packed b.
 */
#include "check.h"

#include "rnnpack/rnnpack.h"

#include <math.h>
#include <stdio.h>

typedef enum start { FROM_NULL, FROM_ROW, FROM_MATRIX, FROM_SELF } start;

typedef struct gemm {
    size_t m, n, k, lda, ldc0, ldc;
    start from;
    rnnp_act_spec act;
    int math;
    float *a, *c0;
    weights b; /* [k][n] */
} gemm;

rnnp_act_spec random_act(rng *r)
{
    const rnnp_act kind = r->sizes ? RNNP_ACT_TANH : (rnnp_act)rng_in(r, 0, RNNP_ACT_COUNT - 1);
    return (rnnp_act_spec){kind, rng_uniform(r, 0.05f, 1.5f), rng_uniform(r, -0.5f, 1)};
}

static void *gemm_prepare(kernel_kind of, arena *a, rng *r)
{
    gemm *p = arena_take(a, sizeof *p);
    const rnnp_variant *shape = any_variant(of, r);
    *p = (gemm){.m = rng_or(r, 0, rng_size(r, shape->traits.mr, 3)),
                .n = rng_or(r, 1, rng_size(r, shape->traits.panels.lanes, 2)),
                .k = rng_or(r, 2, rng_one_in(r, 32) ? 0 : rng_size(r, 64, 3))};
    if (rng_one_in(r, 24)) p->m = rng_in(r, 180, 210); /* beyond one block of rows */
    if (rng_one_in(r, 6)) p->m = 1;
    p->lda = p->k + rng_in(r, 0, 3);
    p->from = (start)rng_in(r, FROM_NULL, FROM_SELF);
    p->ldc = p->n + rng_in(r, 0, 3);
    p->ldc0 = p->from == FROM_ROW ? 0 : p->from == FROM_SELF ? p->ldc : p->n + rng_in(r, 0, 3);
    if (rng_one_in(r, 2)) p->act = random_act(r);
    p->math = (int)rng_in(r, RNNP_MATH_U35, RNNP_MATH_FAST);
    p->a = arena_floats(a, p->m * p->k);
    float *b = arena_floats(a, p->k * p->n);
    p->c0 = arena_floats(a, p->m * p->n);
    const inputs kind = rng_inputs(r);
    const size_t every = 1 + p->k * (p->m < p->n ? p->m : p->n) / 2; /* some rows, some columns, not all */
    fill(r, p->a, p->m * p->k, kind, 1 / sqrtf((float)p->k + 1), every);
    fill(r, b, p->k * p->n, rng_one_in(r, 4) ? rng_inputs(r) : kind, 1, every);
    fill(r, p->c0, p->m * p->n, kind, 1, p->n);
    p->b = make_weights(of.format, a, r, b, 1, p->n, p->k, 1);
    return p;
}

static void gemm_describe(const void *problem, char text[DESCRIPTION])
{
    static const char *const from[] = {"0", "row", "c0", "self"};
    const gemm *p = problem;
    snprintf(text, DESCRIPTION, "m%zun%zuk%zu-lda%zu-ldc%zu-from-%s-act%d.%d", p->m, p->n, p->k, p->lda, p->ldc,
             from[p->from], (int)p->act.kind, p->math);
}

static const void *gemm_place(const void *problem, const rnnp_variant *variant, int whole, arena *a, memory *m)
{
    const gemm *p = problem;
    (void)whole;
    rnnp_gemm_args *args = arena_take(a, sizeof *args);
    const int from_self = p->from == FROM_SELF;
    *args = (rnnp_gemm_args){
        .m = p->m, .n = p->n, .k = p->k, .lda = p->lda, .ldc0 = p->ldc0, .ldc = p->ldc, .act = p->act, .math = p->math};
    args->b = packed_weights(m, a, &variant->traits.panels, &p->b);
    args->scratch = memory_scratch(m, rnnp_gemm_scratch(&variant->traits, p->m, p->k));
    args->a = memory_matrix(m, INPUT, p->a, p->m, p->k, p->lda);
    args->c = memory_matrix(m, from_self ? INOUT : OUTPUT, from_self ? p->c0 : NULL, p->m, p->n, p->ldc);
    if (from_self)
        args->c0 = args->c;
    else if (p->from != FROM_NULL)
        args->c0 = memory_matrix(m, INPUT, p->c0, p->m, p->n, p->ldc0);
    return args;
}

static void gemm_oracle(const void *problem, ball *expected)
{
    const gemm *p = problem;
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < p->n; j++) {
            const double first = p->from == FROM_NULL ? 0 : (double)p->c0[(p->from == FROM_ROW ? 0 : i * p->n) + j];
            const ball sum = ball_product(ball_exact(first), p->a + i * p->k, &p->b, 0, j);
            expected[i * p->n + j] = ball_act(&p->act, p->math, sum);
        }
}

const check_class check_gemm = {gemm_prepare, gemm_describe, gemm_place, gemm_oracle};
