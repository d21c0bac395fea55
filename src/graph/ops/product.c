/* SPDX-License-Identifier: Apache-2.0
 *
 * Matrix products on packed right sides. Threads share rows or columns, never the chain over k.
 */
#include "product.h"

#include <stdio.h>

static size_t panel_columns(const rnnp_selection *select)
{
    return select->op[RNNP_OP_gemm_f32]->traits.nr;
}

const char *rnnp_product_variant(const rnnp_prepare *p)
{
    return p->select->op[RNNP_OP_gemm_f32]->name;
}

size_t rnnp_product_packed_bytes(const rnnp_selection *select, size_t n, size_t k, size_t matrices)
{
    const size_t nr = panel_columns(select);
    size_t columns, floats, bytes;

    if (rnnp_add_overflow(n, nr - 1, &columns) || rnnp_mul_overflow(columns / nr * nr, k, &floats) ||
        rnnp_mul_overflow(floats, matrices, &floats) || rnnp_mul_overflow(floats, sizeof(float), &bytes))
        return SIZE_MAX;
    return bytes;
}

void rnnp_product_pack(const rnnp_selection *select, float *packed, const float *b, size_t n, size_t k, size_t n_step,
                       size_t k_step, size_t part, size_t parts)
{
    const size_t nr = panel_columns(select);
    size_t from, to;

    rnnp_share((n + nr - 1) / nr, part, parts, &from, &to);
    from *= nr;
    to = to * nr < n ? to * nr : n;
    if (k > 0 && from < to)
        rnnp_pack_f32(packed + from * k, b + from * n_step, 1, to - from, k, nr, 1, 0, n_step, k_step);
}

void rnnp_product_layout(const rnnp_selection *select, size_t n, size_t k, size_t matrices, char *text, size_t size)
{
    snprintf(text, size, "product f32 columns %zu depth %zu matrices %zu: panels of %zu", n, k, matrices,
             panel_columns(select));
}

/* ---- One product, shared by the team ---- */

typedef struct product_call {
    const rnnp_gemm_args *args;
    const rnnp_variant *kernel;
    size_t threads; /* 0: all of the team */
} product_call;

static void product_phase(void *arg, size_t phase, size_t i, size_t n)
{
    const product_call *call = arg;
    const size_t nr = call->kernel->traits.nr, panels = (call->args->n + nr - 1) / nr;
    rnnp_gemm_args part = *call->args;
    size_t from, to;

    (void)phase;
    if (call->threads && n > call->threads)
        n = call->threads;
    if (i >= n)
        return;
    if (part.m >= 4 * n || part.m >= panels) {
        rnnp_share(part.m, i, n, &from, &to);
        part.a += from * part.lda;
        part.c += from * part.ldc;
        part.c0 = part.c0 ? part.c0 + from * part.ldc0 : NULL;
        part.m = to - from;
    } else {
        rnnp_share(panels, i, n, &from, &to);
        part.b += from * nr * part.k;
        part.c += from * nr;
        part.c0 = part.c0 ? part.c0 + from * nr : NULL;
        part.n = (to * nr < part.n ? to * nr : part.n) - from * nr;
    }
    if (from < to)
        call->kernel->fn.gemm_f32(&part);
}

void rnnp_product(const rnnp_exec *e, const rnnp_gemm_args *args)
{
    enum { WORTH_A_TEAM = 1 << 16 }; /* multiply-adds: about what waking the workers costs */
    const size_t weight_bytes = args->n * args->k * sizeof(float);
    product_call call = {args, rnnp_select_for(e->select, RNNP_OP_gemm_f32, weight_bytes), e->threads};

    if (args->m == 0 || args->n == 0)
        return;
    if ((double)args->m * (double)args->n * (double)args->k < WORTH_A_TEAM)
        product_phase(&call, 0, 0, 1);
    else
        rnnp_team_phases(e->team, 1, product_phase, &call);
}
