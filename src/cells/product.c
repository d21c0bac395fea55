/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads share rows or columns of a product, never the chain over k.
 */
#include "product.h"

#include "grid.h"

#include <stdio.h>

const rnnp_variant *rnnp_product_kernel(const rnnp_selection *select, rnnp_format format, size_t n, size_t k)
{
    return rnnp_select_wider(rnnp_select_for(select, RNNP_OP_gemm, format, n * k), n, RNNP_WIDE_ROWS);
}

size_t rnnp_product_bytes(const rnnp_variant *kernel, size_t n, size_t k, size_t matrices)
{
    size_t bytes;

    return rnnp_mul_overflow(rnnp_panels_bytes(&kernel->traits.panels, n, k), matrices, &bytes) ? SIZE_MAX : bytes;
}

void rnnp_product_pack(const rnnp_variant *kernel, void *packed, const float *b, size_t n, size_t k, size_t n_step,
                       size_t k_step, size_t part, size_t parts)
{
    const rnnp_unpacked from = rnnp_unpacked_f32(b, n, k, 0, n_step, k_step);

    rnnp_panels_pack(&kernel->traits.panels, &from, packed, part, parts);
}

size_t rnnp_product_scratch(const rnnp_variant *kernel, size_t m, size_t k, size_t threads)
{
    size_t floats;

    return rnnp_mul_overflow(rnnp_gemm_scratch(&kernel->traits, m, k), threads, &floats) ? SIZE_MAX : floats;
}

void rnnp_product_layout(const rnnp_variant *kernel, size_t n, size_t k, size_t matrices, char *text, size_t size)
{
    char panels[RNNP_PANELS_TEXT];

    rnnp_panels_text(&kernel->traits.panels, panels);
    snprintf(text, size, "product columns %zu depth %zu matrices %zu: panels of %s", n, k, matrices, panels);
}

typedef struct product_call {
    const rnnp_gemm_args *args;
    const rnnp_variant *kernel;
} product_call;

static void product_phase(void *arg, size_t phase, size_t i, size_t n)
{
    const product_call *call = arg;
    if (n == 1) {
        call->kernel->fn.gemm(call->args);
        return;
    }
    const rnnp_panels *packed = &call->kernel->traits.panels;
    const size_t nr = packed->lanes;
    const rnnp_area area =
        rnnp_area_of(rnnp_panels_count(packed, call->args->n), nr, call->args->m, &call->kernel->traits);
    const rnnp_grid grid = rnnp_grid_of(&area, n);
    const rnnp_rectangle at = rnnp_grid_share(&grid, &area, i);
    const size_t from = at.panel * nr, past = from + at.panels * nr;
    rnnp_gemm_args part = *call->args;

    (void)phase;
    if (at.rows == 0 || at.panels == 0) return;
    if (part.scratch) part.scratch += i * rnnp_gemm_scratch(&call->kernel->traits, part.m, part.k);
    part.m = at.rows;
    part.n = (past < part.n ? past : part.n) - from;
    part.a += at.row * part.lda;
    part.b = (const char *)part.b + rnnp_panels_at(packed, at.panel, part.k);
    part.c += at.row * part.ldc + from;
    part.c0 = part.c0 ? part.c0 + at.row * part.ldc0 + from : NULL;
    call->kernel->fn.gemm(&part);
}

void rnnp_product_forward(const rnnp_product *product, const rnnp_gemm_args *args, rnnp_team *team, size_t threads)
{
    enum { WORTH_A_TEAM = 1 << 16 }; /* multiply-adds: about what waking the workers costs */
    const size_t chosen = product->threads, most = chosen && (!threads || chosen < threads) ? chosen : threads;
    product_call call = {args, product->kernel};

    if (args->m == 0 || args->n == 0) return;
    if (most == 1 || (double)args->m * (double)args->n * (double)args->k < WORTH_A_TEAM)
        product_phase(&call, 0, 0, 1);
    else
        rnnp_team_phases(team, most, 1, product_phase, &call);
}
