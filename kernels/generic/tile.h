/* SPDX-License-Identifier: Apache-2.0
 *
 * Tiles of a matrix product on packed weights, scalar form; the definition for the other ISAs. The format W of the
 * weights, M, NV, P, LAST and AHEAD are compile-time constants of the caller; ldw (from group to group of k) and w_step
 * count bytes.
 *
 *   tile  c[m][0 .. NV*VL) = chain over k < depth of a[m][k] * weights at w + k * ldw, for m < M, beginning at from;
 *         with AHEAD, `next` is brought into L2 meanwhile
 *   few   the same for at most FEW_ROWS rows and P <= FEW_PANELS whole panels that lie w_step apart; c is contiguous
 *         per panel. Rows are few up to FEW_SUMS sums (rows times vectors) of a panel: fewer than the chains that keep
 *         the FMA ports busy, or as many where twice that fits the registers
 *
 * FETCH: over how many tiles of a block it is spread to fetch the next one; 0: no kernel does.
 */
#ifndef RNNP_TILE_H
#define RNNP_TILE_H

#include "simd.h"
#include "../tmpl/start.inc.h"

#undef UNROLL /* 16 columns are not registers here */
#define UNROLL

enum {
    TILE_ROWS = 4,
    TILE_VECTORS = 16,
    FEW_ROWS = 3,
    FEW_SUMS = 7,
    FEW_PANELS = 4,
    TILE_DEPTH = 1,
    FETCH = 0,
    TILE_BLOCK = 16384
};

AI void tile_of_panel(const int W, const int M, const int p, const int NV, const int LAST, size_t depth, const float *a,
                      size_t lda, const char *w, size_t ldw, const start *from, float *c, size_t ldc)
{
    const size_t group = (size_t)w_group(W);
    for (int m = 0; m < M; m++) {
        float acc[TILE_VECTORS];
        const float *x = a + (size_t)m * lda;
        for (int v = 0; v < NV; v++) acc[v] = start_load(from, NV, LAST, m, p, v);
        for (size_t k = 0; k < depth; k++)
            for (int v = 0; v < NV; v++)
                acc[v] = n_fma(x[k], w_load(W, w + k / group * ldw + (size_t)v * w_bytes(W), (int)(k % group)), acc[v]);
        for (int v = 0; v < NV; v++) c[(size_t)m * ldc + (size_t)(p * NV + v)] = acc[v];
    }
}
/* Formats other than f32 have one copy for all sizes of tiles. */
#define DOTS ONE_COPY
#define PANEL_OF(W)                                                                                      \
    ONE_COPY void panel_of_##W(int M, int p, int NV, int LAST, size_t depth, const float *a, size_t lda, \
                               const char *w, size_t ldw, const start *from, float *c, size_t ldc)       \
    {                                                                                                    \
        tile_of_panel(RNNP_PRODUCT_##W, M, p, NV, LAST, depth, a, lda, w, ldw, from, c, ldc);            \
    }
PANEL_OF(f16)
PANEL_OF(bf16)
AI void one_panel(const int W, const int M, const int p, const int NV, const int LAST, size_t depth, const float *a,
                  size_t lda, const char *w, size_t ldw, const start *from, float *c, size_t ldc)
{
    if (W == RNNP_PRODUCT_f16)
        panel_of_f16(M, p, NV, LAST, depth, a, lda, w, ldw, from, c, ldc);
    else if (W == RNNP_PRODUCT_bf16)
        panel_of_bf16(M, p, NV, LAST, depth, a, lda, w, ldw, from, c, ldc);
    else
        tile_of_panel(W, M, p, NV, LAST, depth, a, lda, w, ldw, from, c, ldc);
}

AI void tile(const int W, const int M, const int NV, const int LAST, const int AHEAD, size_t depth, const float *a,
             size_t lda, const char *w, size_t ldw, const start *from, float *c, size_t ldc, const ahead *next)
{
    (void)AHEAD;
    (void)next;
    one_panel(W, M, 0, NV, LAST, depth, a, lda, w, ldw, from, c, ldc);
}
AI void few(const int W, const int M, const int P, const int NV, const int LAST, size_t depth, const float *a,
            size_t lda, const char *w, size_t w_step, const start *from, float *c, size_t ldc)
{
    for (int p = 0; p < P; p++)
        one_panel(W, M, p, NV, LAST, depth, a, lda, w + (size_t)p * w_step, (size_t)NV * w_bytes(W), from, c, ldc);
}

#endif
