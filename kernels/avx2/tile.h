/* SPDX-License-Identifier: Apache-2.0
 *
 * Product tiles on AVX2; kernels/generic/tile.h defines them.
 *
 * Registers: M * NV accumulators, the smaller of NV weight vectors and M broadcasts, and one of the others: 6x2,
 * 4x3 and 3x4 fit the 16. Bound: M * NV FMAs on two ports; 2 loads a cycle feed NV weights and M broadcasts, so
 * every tile of 12 accumulators is bound by the FMA ports (6 cycles, 7 or 8 loads). Few rows need 8
 * chains to cover 4 cycles of latency on two ports, hence P panels at once there.
 */
#ifndef RNNP_TILE_H
#define RNNP_TILE_H

#include "simd.h"

enum { TILE_ROWS = 6, TILE_VECTORS = 4, FEW_ROWS = 3, FEW_PANELS = 4 };

/* Left alone, compilers fold a weight's load into each row's FMA: M loads instead of one, and the loads become
 * the bound. The empty asm makes the value opaque. */
AI __m256 in_register(__m256 a)
{
    __asm__("" : "+x"(a));
    return a;
}

AI void tile(const int M, const int NV, const int LAST, const int AHEAD, size_t depth, const float *a, size_t lda,
             const float *w, const float *c0, size_t ldc0, const float *last, float *c, size_t ldc)
{
    __m256 acc[TILE_ROWS][TILE_VECTORS];
    const float *x[TILE_ROWS];
    UNROLL for (int m = 0; m < M; m++) {
        x[m] = a + (size_t)m * lda;
        UNROLL for (int v = 0; v < NV; v++)
            acc[m][v] = _mm256_loadu_ps(v < NV - LAST ? c0 + (size_t)m * ldc0 + v * VL : last + (v - (NV - LAST)) * VL);
    }
    for (size_t k = 0; k < depth; k++, w += NV * VL) {
        __m256 many[TILE_ROWS > TILE_VECTORS ? (int)TILE_ROWS : (int)TILE_VECTORS];
        if (AHEAD > 0) { /* a line of the block after this one, for each line of weights */
            UNROLL for (int v = 0; v < NV; v += 16 / VL) _mm_prefetch((const char *)(w + AHEAD + v * VL), _MM_HINT_T1);
        }
        if (M < NV) { /* broadcasts stay, weights pass */
            UNROLL for (int m = 0; m < M; m++) many[m] = in_register(_mm256_broadcast_ss(x[m] + k));
            UNROLL for (int v = 0; v < NV; v++) {
                __m256 b = in_register(_mm256_loadu_ps(w + v * VL));
                UNROLL for (int m = 0; m < M; m++) acc[m][v] = _mm256_fmadd_ps(many[m], b, acc[m][v]);
            }
        } else { /* weights stay, broadcasts pass */
            UNROLL for (int v = 0; v < NV; v++) many[v] = in_register(_mm256_loadu_ps(w + v * VL));
            UNROLL for (int m = 0; m < M; m++) {
                __m256 s = _mm256_broadcast_ss(x[m] + k);
                UNROLL for (int v = 0; v < NV; v++) acc[m][v] = _mm256_fmadd_ps(s, many[v], acc[m][v]);
            }
        }
    }
    UNROLL for (int m = 0; m < M; m++)
        UNROLL for (int v = 0; v < NV; v++) _mm256_storeu_ps(c + (size_t)m * ldc + v * VL, acc[m][v]);
}

AI void few(const int M, const int P, const int NV, const int LAST, size_t depth, const float *a, size_t lda,
            const float *w, size_t w_step, const float *c0, size_t ldc0, const float *last, float *c, size_t ldc)
{
    __m256 acc[FEW_ROWS][FEW_PANELS][TILE_VECTORS], s[FEW_ROWS];
    const float *x[FEW_ROWS], *b[FEW_PANELS];
    UNROLL for (int p = 0; p < P; p++) b[p] = w + (size_t)p * w_step;
    UNROLL for (int m = 0; m < M; m++) {
        x[m] = a + (size_t)m * lda;
        UNROLL for (int p = 0; p < P; p++)
            UNROLL for (int v = 0; v < NV; v++)
                acc[m][p][v] = _mm256_loadu_ps(v < NV - LAST ? c0 + (size_t)m * ldc0 + (p * NV + v) * VL
                                                            : last + (p * LAST + v - (NV - LAST)) * VL);
    }
    for (size_t k = 0; k < depth; k++) {
        UNROLL for (int m = 0; m < M; m++) s[m] = _mm256_broadcast_ss(x[m] + k);
        UNROLL for (int p = 0; p < P; p++)
            UNROLL for (int v = 0; v < NV; v++) {
                __m256 weights = _mm256_loadu_ps(b[p] + k * (size_t)(NV * VL) + v * VL);
                if (M > 1) weights = in_register(weights);
                UNROLL for (int m = 0; m < M; m++) acc[m][p][v] = _mm256_fmadd_ps(s[m], weights, acc[m][p][v]);
            }
    }
    UNROLL for (int m = 0; m < M; m++)
        UNROLL for (int p = 0; p < P; p++)
            UNROLL for (int v = 0; v < NV; v++) _mm256_storeu_ps(c + (size_t)m * ldc + (p * NV + v) * VL, acc[m][p][v]);
}

#endif
