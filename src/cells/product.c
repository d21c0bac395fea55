/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads share rows or columns of a product, never the chain over k.
 */
#include "product.h"

#include <stdio.h>

const rnnp_variant *rnnp_product_wider(const rnnp_variant *usual, size_t n, size_t least_rows)
{
    const rnnp_variant_list *list = rnnp_rows_of(usual->isa);
    const size_t columns = 2 * usual->traits.panels.lanes;

    if (n % columns != 0 && n % columns <= columns / 2) return usual;
    for (size_t i = 0; i < list->count; i++) {
        const rnnp_variant *row = &list->rows[i];
        const rnnp_traits *t = &row->traits;

        if (row->op == RNNP_OP_gemm && t->panels.format == usual->traits.panels.format && t->panels.lanes == columns &&
            t->mr >= least_rows && t->home == usual->traits.home && !(row->needs & ~usual->needs))
            return row;
    }
    return usual;
}

/* On AVX-512 wider panels are 2 to 24 % faster (6x64 for 12x32, rows 4 to 3200, k 64 to 512; 2 % slower with 8 rows and
 * k from 256 on). A tile of fewer than six rows would read its weights too often for that; so would any, if they come
 * from beyond L2 (up to 20 % slower). */
const rnnp_variant *rnnp_product_kernel(const rnnp_selection *select, rnnp_format format, size_t n, size_t k)
{
    enum { LEAST_ROWS = 6 };
    const rnnp_variant *usual = rnnp_select_for(select, RNNP_OP_gemm, format, n * k);

    return format == RNNP_FORMAT_f32 && usual->traits.home == RNNP_HOME_L2 ? rnnp_product_wider(usual, n, LEAST_ROWS)
                                                                           : usual;
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
    const rnnp_panels *packed = &call->kernel->traits.panels;
    const size_t nr = packed->lanes, panels = rnnp_panels_count(packed, call->args->n);
    rnnp_gemm_args part = *call->args;
    size_t from, to;

    (void)phase;
    if (part.scratch) part.scratch += i * rnnp_gemm_scratch(&call->kernel->traits, part.m, part.k);
    if (part.m >= 4 * n || part.m >= panels) {
        rnnp_share(part.m, i, n, &from, &to);
        part.a += from * part.lda;
        part.c += from * part.ldc;
        part.c0 = part.c0 ? part.c0 + from * part.ldc0 : NULL;
        part.m = to - from;
    } else {
        rnnp_share(panels, i, n, &from, &to);
        part.b = (const char *)part.b + rnnp_panels_at(packed, from, part.k);
        part.c += from * nr;
        part.c0 = part.c0 ? part.c0 + from * nr : NULL;
        part.n = (to * nr < part.n ? to * nr : part.n) - from * nr;
    }
    if (from < to) call->kernel->fn.gemm(&part);
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
