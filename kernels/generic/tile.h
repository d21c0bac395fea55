/* SPDX-License-Identifier: Apache-2.0
 *
 * Tiles of a matrix product on packed weights, scalar form; the definition for the other ISAs. M, NV, P and LAST
 * are compile-time constants of the caller.
 *
 *   tile  c[m][0 .. NV*VL) = chain over k < depth of a[m][k] * w[k][...], for m < M, starting from c0[m][...];
 *         the last LAST vectors of every row start from `last` instead (GRU: the bias of n)
 *   few   the same for at most FEW_ROWS rows and P <= FEW_PANELS panels that lie w_step apart; c0, c and last are
 *         contiguous per panel
 */
#ifndef RNNP_TILE_H
#define RNNP_TILE_H

#include "simd.h"

enum { TILE_ROWS = 4, TILE_VECTORS = 16, FEW_ROWS = 3, FEW_PANELS = 4 };

AI void tile(const int M, const int NV, const int LAST, const int AHEAD, size_t depth, const float *a, size_t lda,
             const float *w, const float *c0, size_t ldc0, const float *last, float *c, size_t ldc)
{
    (void)AHEAD;
    for (int m = 0; m < M; m++) {
        float acc[TILE_VECTORS];
        const float *x = a + (size_t)m * lda;
        for (int v = 0; v < NV; v++) acc[v] = v < NV - LAST ? c0[(size_t)m * ldc0 + (size_t)v] : last[v - (NV - LAST)];
        for (size_t k = 0; k < depth; k++)
            for (int v = 0; v < NV; v++) acc[v] = n_fma(x[k], w[k * (size_t)NV + (size_t)v], acc[v]);
        for (int v = 0; v < NV; v++) c[(size_t)m * ldc + (size_t)v] = acc[v];
    }
}
AI void few(const int M, const int P, const int NV, const int LAST, size_t depth, const float *a, size_t lda,
            const float *w, size_t w_step, const float *c0, size_t ldc0, const float *last, float *c, size_t ldc)
{
    for (int p = 0; p < P; p++)
        tile(M, NV, LAST, 0, depth, a, lda, w + (size_t)p * w_step, c0 + p * NV, ldc0, last + p * LAST, c + p * NV, ldc);
}

#endif
