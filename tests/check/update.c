/* SPDX-License-Identifier: Apache-2.0
 *
 * Penalties and optimiser steps.
 */
#include "check.h"

#include <math.h>
#include <stdio.h>

typedef struct update {
    rnnp_op op;
    float *p, *g, *m, *v;
    rnnp_update_args args; /* all but the arrays */
} update;

static int has_m(const update *p)
{
    return p->op == RNNP_OP_adam_f32 || (p->op == RNNP_OP_sgd_f32 && p->args.momentum > 0);
}

static int has_v(const update *p) { return p->op == RNNP_OP_adam_f32 || p->op == RNNP_OP_rmsprop_f32; }

static void *update_prepare(kernel_kind of, arena *a, rng *r)
{
    const rnnp_op op = of.op;
    update *p = arena_take(a, sizeof *p);
    *p = (update){.op = op};
    rnnp_update_args *u = &p->args;
    u->n = rng_or(r, 0, rng_one_in(r, 16) ? 0 : rng_in(r, 1, 260));
    /* a plain problem leaves the numbers where they are, however often it is called */
    u->rate = r->sizes ? 1e-12f : rng_uniform(r, 1e-4f, 0.5f), u->rate1 = 3 * u->rate;
    u->decay = rng_option(r, 0, 0.1f);
    u->scale = rng_one_in(r, 2) ? rng_uniform(r, 0, 2) : 1;
    u->limit = rng_option(r, 0, 1);
    u->l1 = rng_option(r, 1e-12f, 1), u->l2 = rng_option(r, 1e-12f, 1);
    u->momentum = rng_option(r, 0.9f, 1), u->nesterov = rng_one_in(r, 2), u->decoupled = rng_one_in(r, 2);
    u->rho = rng_option(r, 0.999f, 1), u->beta1 = rng_option(r, 0.9f, 1), u->beta2 = rng_option(r, 0.999f, 1);
    u->epsilon = rng_uniform(r, 1e-8f, 1e-3f), u->root2 = rng_uniform(r, 1, 30);
    const inputs kind = rng_inputs(r);
    p->p = filled(a, r, u->n, kind, 1, 8);
    p->g = filled(a, r, u->n, kind, 1, 8);
    p->m = filled(a, r, u->n, kind, 1, 8);
    p->v = filled(a, r, u->n, kind, 1, 8);
    for (size_t i = 0; i < u->n; i++) p->v[i] = fabsf(p->v[i]); /* a mean of squares */
    return p;
}

static void update_describe(const void *problem, char text[DESCRIPTION])
{
    const rnnp_update_args *u = &((const update *)problem)->args;
    snprintf(text, DESCRIPTION, "n%zu%s%s%s%s%s", u->n, u->momentum > 0 ? "-momentum" : "",
             u->nesterov ? "-nesterov" : "", u->limit > 0 ? "-limit" : "", u->decay > 0 ? "-decay" : "",
             u->decoupled ? "-decoupled" : "");
}

static const void *update_place(const void *problem, const rnnp_variant *variant, int whole, arena *a, memory *m)
{
    const update *p = problem;
    const int penalty = p->op == RNNP_OP_penalty_f32;
    const size_t n = p->args.n;
    (void)variant, (void)whole;
    rnnp_update_args *args = arena_take(a, sizeof *args);
    *args = p->args;
    args->p = memory_floats(m, penalty ? INPUT : INOUT, p->p, n);
    args->g = memory_floats(m, penalty ? INOUT : INPUT, p->g, n);
    if (has_m(p)) args->m = memory_floats(m, INOUT, p->m, n);
    if (has_v(p)) args->v = memory_floats(m, INOUT, p->v, n);
    return args;
}

static ball number(float x) { return ball_exact((double)x); }

/* keep old + (1 - keep) s f, the factors from left to right */
static ball mean(float keep, float old, ball s, int square)
{
    const ball rest = number(1.0f - keep);
    return ball_fma(square ? ball_mul(rest, s) : rest, s, ball_mul(number(keep), number(old)));
}

static ball penalised(const rnnp_update_args *u, ball p, ball g)
{
    const double sign = p.v > 0 ? 1 : p.v < 0 ? -1 : 0;
    return ball_fma(number(u->l1), ball_exact(sign), ball_fma(number(u->l2), p, g));
}

static void update_oracle(const void *problem, ball *expected)
{
    const update *q = problem;
    const rnnp_update_args *u = &q->args;
    ball *to_m = expected + u->n, *to_v = to_m + (has_m(q) ? u->n : 0);
    for (size_t i = 0; i < u->n; i++) {
        const ball p = number(q->p[i]), g = number(q->g[i]);
        if (q->op == RNNP_OP_penalty_f32) {
            expected[i] = penalised(u, p, g);
            continue;
        }
        ball s = ball_mul(g, number(u->scale)), step = s;
        if (u->limit > 0) s = ball_clip(s, -(double)u->limit, (double)u->limit);
        if (q->op != RNNP_OP_adam_f32 || !u->decoupled) s = ball_fma(number(u->decay), p, s);
        if (q->op == RNNP_OP_sgd_f32) {
            if (has_m(q)) {
                to_m[i] = ball_fma(number(u->momentum), number(q->m[i]), s);
                s = u->nesterov ? ball_fma(number(u->momentum), to_m[i], s) : to_m[i];
            }
            expected[i] = ball_fma(ball_neg(number(u->rate)), s, p);
            continue;
        }
        to_v[i] = mean(has_m(q) ? u->beta2 : u->rho, q->v[i], s, 1);
        const ball root = ball_sqrt(to_v[i]);
        if (q->op == RNNP_OP_rmsprop_f32) {
            step = ball_div(ball_mul(number(u->rate), s), ball_add(root, number(u->epsilon)));
            expected[i] = ball_add(p, ball_neg(step));
            continue;
        }
        to_m[i] = mean(u->beta1, q->m[i], s, 0);
        step = ball_div(ball_mul(number(u->rate1), to_m[i]), ball_fma(root, number(u->root2), number(u->epsilon)));
        const ball kept = u->decoupled ? ball_fma(ball_neg(number(u->rate * u->decay)), p, p) : p;
        expected[i] = ball_add(kept, ball_neg(step));
    }
}

const check_class check_update = {update_prepare, update_describe, update_place, update_oracle};
