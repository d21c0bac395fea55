/* SPDX-License-Identifier: Apache-2.0
 *
 * Product tiles on NEON; kernels/generic/tile.h defines them.
 *
 * Registers: M * NV accumulators of 32. FMLA takes a lane of a register as its scalar, so four k of a row are one load
 * where M registers are left for that (6x4: 24 + 6 + 2), else each scalar is a load of its own (8x3: 24 + 3 + 5, 11
 * loads for 24 FMAs). Bound: two FMA pipes and two loads a cycle (Neoverse N1, N2) or four and three (V1, V2): both
 * forms are bound by the FMAs, 12 or 6 cycles.
 */
#ifndef RNNP_TILE_H
#define RNNP_TILE_H

#include "simd.h"
#include "../tmpl/start.inc.h"

enum {
    TILE_ROWS = 8,
    TILE_VECTORS = 6,
    FEW_ROWS = 3,
    FEW_SUMS = 7,
    FEW_PANELS = 4,
    TILE_DEPTH = 4,
    REGISTERS = 32,
    FETCH = 2,
    TILE_BLOCK = 16384
};

/* k + LANE of four, with the rows' scalars in lane LANE of s. */
#define TILE_LANE(LANE)                                                                                            \
    UNROLLED(v, NV) {                                                                                              \
        const nf b = w_load(W, w + (size_t)(LANE / w_group(W)) * ldw + (size_t)v * w_bytes(W), LANE % w_group(W)); \
        UNROLLED(m, M) acc[m][v] = vfmaq_laneq_f32(acc[m][v], b, s[m], LANE);                                      \
    }

AI void tile(const int W, const int M, const int NV, const int LAST, const int AHEAD, size_t depth, const float *a,
             size_t lda, const char *w, size_t ldw, const start *from, float *c, size_t ldc, const ahead *next)
{
    nf acc[TILE_ROWS][TILE_VECTORS], s[TILE_ROWS];
    const float *x[TILE_ROWS];
    const char *at = AHEAD ? next->at : NULL;
    size_t k = 0;
    UNROLLED(m, M) {
        x[m] = a + (size_t)m * lda;
        UNROLLED(v, NV) acc[m][v] = start_load(from, NV, LAST, m, 0, v);
    }
    if (M * NV + M + 2 <= REGISTERS)
        for (; k + 4 <= depth; k += 4, w += (size_t)(4 / w_group(W)) * ldw) {
            if (AHEAD) fetch_lines(&at, next->lines);
            UNROLLED(m, M) s[m] = n_load(x[m] + k);
            TILE_LANE(0) TILE_LANE(1) TILE_LANE(2) TILE_LANE(3)
        }
    for (; k < depth; w += ldw) {
        if (AHEAD && k % TILE_DEPTH == 0) fetch_lines(&at, next->lines);
        UNROLLED(j, w_group(W)) { /* of a group of k */
            nf b[TILE_VECTORS];
            if (j > 0 && k == depth) break;
            UNROLLED(v, NV) b[v] = w_load(W, w + (size_t)v * w_bytes(W), j);
            UNROLLED(m, M) {
                const float scalar = x[m][k];
                UNROLLED(v, NV) acc[m][v] = vfmaq_n_f32(acc[m][v], b[v], scalar);
            }
            k++;
        }
    }
    UNROLLED(m, M)
        UNROLLED(v, NV) n_store(c + (size_t)m * ldc + v * VL, acc[m][v]);
}

#define FEW_LANE(LANE, AT)                                                                            \
    UNROLLED(p, P)                                                                                    \
        UNROLLED(v, NV) {                                                                             \
            const size_t group = (k + LANE) / (size_t)w_group(W);                                     \
            const nf weights = w_load(W, b[p] + (group * (size_t)NV + (size_t)v) * w_bytes(W), (AT)); \
            UNROLLED(m, M) acc[m][p][v] = vfmaq_laneq_f32(acc[m][p][v], weights, s[m], LANE);         \
        }

AI void few(const int W, const int M, const int P, const int NV, const int LAST, size_t depth, const float *a,
            size_t lda, const char *w, size_t w_step, const start *from, float *c, size_t ldc)
{
    nf acc[FEW_ROWS][FEW_PANELS][TILE_VECTORS], s[FEW_ROWS];
    const float *x[FEW_ROWS];
    const char *b[FEW_PANELS];
    size_t k = 0;
    UNROLLED(p, P) b[p] = w + (size_t)p * w_step;
    UNROLLED(m, M) {
        x[m] = a + (size_t)m * lda;
        UNROLLED(p, P)
            UNROLLED(v, NV) acc[m][p][v] = start_load(from, NV, LAST, m, p, v);
    }
    for (; k + 4 <= depth; k += 4) {
        UNROLLED(m, M) s[m] = n_load(x[m] + k);
        FEW_LANE(0, 0) FEW_LANE(1, 1 % w_group(W)) FEW_LANE(2, 2 % w_group(W)) FEW_LANE(3, 3 % w_group(W))
    }
    while (k < depth) {
        UNROLLED(j, w_group(W)) {
            if (j > 0 && k == depth) break;
            UNROLLED(m, M) s[m] = n_set(x[m][k]);
            FEW_LANE(0, j)
            k++;
        }
    }
    UNROLLED(m, M)
        UNROLLED(p, P)
            UNROLLED(v, NV) n_store(c + (size_t)m * ldc + (p * NV + v) * VL, acc[m][p][v]);
}

#endif
