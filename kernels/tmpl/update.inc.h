/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: penalties and optimiser steps over the wide shim; contract and formulas in ops.h. Elements are independent:
 * parts of a parameter may be updated by different threads.
 */
#ifndef RNNP_UPDATE_INC_H
#define RNNP_UPDATE_INC_H

#include "../ops.h"
#include "math.inc.h"

static void penalty(const rnnp_update_args *a)
{
    vf l1 = vf_set(a->l1), l2 = vf_set(a->l2), zero = vf_set(0.0f);
    for (size_t i = 0, n = a->n; i < a->n; i += WIDE, n -= WIDE) {
        vf p = vf_load_up_to(a->p + i, n);
        vf sign = vf_sel(vf_lt(zero, p), vf_set(1.0f), vf_sel(vf_lt(p, zero), vf_set(-1.0f), zero));
        vf_store_up_to(a->g + i, vf_fma(l1, sign, vf_fma(l2, p, vf_load_up_to(a->g + i, n))), n);
    }
}

/* What is used of a gradient. */
AI vf update_gradient(const rnnp_update_args *a, size_t i, size_t n)
{
    const float limit = a->limit > 0 ? a->limit : INFINITY;
    return clip_f32(vf_mul(vf_load_up_to(a->g + i, n), vf_set(a->scale)), vf_set(-limit), vf_set(limit));
}
/* keep m + (1 - keep) s f */
AI vf update_mean(float keep, vf m, vf s) { return vf_fma(vf_set(1.0f - keep), s, vf_mul(vf_set(keep), m)); }
AI vf update_mean_square(float keep, vf v, vf s)
{
    return vf_fma(vf_mul(vf_set(1.0f - keep), s), s, vf_mul(vf_set(keep), v));
}

static void sgd(const rnnp_update_args *a)
{
    vf rate = vf_set(a->rate), decay = vf_set(a->decay), momentum = vf_set(a->momentum);
    for (size_t i = 0, n = a->n; i < a->n; i += WIDE, n -= WIDE) {
        vf p = vf_load_up_to(a->p + i, n), s = vf_fma(decay, p, update_gradient(a, i, n));
        if (a->momentum > 0) {
            vf m = vf_fma(momentum, vf_load_up_to(a->m + i, n), s);
            vf_store_up_to(a->m + i, m, n);
            s = a->nesterov ? vf_fma(momentum, m, s) : m;
        }
        vf_store_up_to(a->p + i, vf_fnma(rate, s, p), n);
    }
}
static void rmsprop(const rnnp_update_args *a)
{
    vf rate = vf_set(a->rate), decay = vf_set(a->decay), epsilon = vf_set(a->epsilon);
    for (size_t i = 0, n = a->n; i < a->n; i += WIDE, n -= WIDE) {
        vf p = vf_load_up_to(a->p + i, n), s = vf_fma(decay, p, update_gradient(a, i, n));
        vf v = update_mean_square(a->rho, vf_load_up_to(a->v + i, n), s);
        vf_store_up_to(a->v + i, v, n);
        vf_store_up_to(a->p + i, vf_sub(p, vf_div(vf_mul(rate, s), vf_add(vf_sqrt(v), epsilon))), n);
    }
}
static void adam(const rnnp_update_args *a)
{
    vf rate = vf_set(a->rate1), root = vf_set(a->root2), epsilon = vf_set(a->epsilon);
    vf decay = vf_set(a->decoupled ? a->rate * a->decay : a->decay);
    for (size_t i = 0, n = a->n; i < a->n; i += WIDE, n -= WIDE) {
        vf p = vf_load_up_to(a->p + i, n), s = update_gradient(a, i, n);
        if (!a->decoupled) s = vf_fma(decay, p, s);
        vf m = update_mean(a->beta1, vf_load_up_to(a->m + i, n), s);
        vf v = update_mean_square(a->beta2, vf_load_up_to(a->v + i, n), s);
        vf_store_up_to(a->m + i, m, n);
        vf_store_up_to(a->v + i, v, n);
        if (a->decoupled) p = vf_fnma(decay, p, p);
        vf_store_up_to(a->p + i, vf_sub(p, vf_div(vf_mul(rate, m), vf_fma(vf_sqrt(v), root, epsilon))), n);
    }
}

#endif
