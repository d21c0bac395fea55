/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: product tiles for ISAs whose FMA takes vectors only. Parameters are the shim and TILE_ROWS, TILE_VECTORS,
 * FEW_ROWS, FEW_PANELS, TILE_DEPTH, REGISTERS of <isa>/tile.h; kernels/generic/tile.h defines the functions.
 *
 * TILE_DEPTH of k pass in one round of a loop: beside M * NV FMAs and M + NV loads a k needs some seven instructions
 * for addresses and the loop. A core for itself has room for them, but one whose sibling thread is busy issues half as
 * much, and that, not the FMA ports, is its bound. Four k in place of one on a Zen 3, GFLOP/s of 104, core alone and
 * shared:
 *
 *     tile                 alone         shared
 *     6x2                  100 -> 101    73 -> 79
 *     5x2                   93 -> 101    63 -> 76
 *     4x2                   95 ->  96    67 -> 72
 *     4x3                   99 -> 101    72 -> 77
 *     3x4                   95 -> 100    69 -> 73
 *     few, 3 rows 2x2       94 -> 100    70 -> 74
 */
#ifndef RNNP_TILE_INC_H
#define RNNP_TILE_INC_H

#include "start.inc.h"

enum { TILE_LARGER = TILE_ROWS > TILE_VECTORS ? (int)TILE_ROWS : (int)TILE_VECTORS };

/* Left alone, compilers fold a weight's load into each row's FMA: M loads instead of one, and the loads become
 * the bound. The empty asm makes the value opaque. Among several k it also keeps its place (volatile), and between them
 * no load moves up (next_k): there is no register for it. */
AI nf in_register(nf a)
{
    if (TILE_DEPTH > 1)
        __asm__ volatile("" : "+v"(a));
    else
        __asm__("" : "+v"(a));
    return a;
}
AI void next_k(void)
{
    if (TILE_DEPTH > 1) __asm__ volatile("" ::: "memory");
}

/* One k, the j-th of its group: x[m][k] times NV vectors of weights. */
AI void tile_step(const int W, const int M, const int NV, nf acc[TILE_ROWS][TILE_VECTORS], const float *const *x,
                  size_t k, const char *w, const int j)
{
    nf many[TILE_LARGER];
    next_k();
    if (M < NV) { /* broadcasts stay, weights pass */
        UNROLLED(m, M) many[m] = in_register(n_set(x[m][k]));
        UNROLLED(v, NV) {
            nf b = in_register(w_load(W, w + (size_t)v * w_bytes(W), j));
            UNROLLED(m, M) acc[m][v] = n_fma(many[m], b, acc[m][v]);
        }
    } else { /* weights stay, broadcasts pass */
        UNROLLED(v, NV) many[v] = in_register(w_load(W, w + (size_t)v * w_bytes(W), j));
        UNROLLED(m, M) {
            nf s = n_set(x[m][k]);
            UNROLLED(v, NV) acc[m][v] = n_fma(s, many[v], acc[m][v]);
        }
    }
}

AI void tile(const int W, const int M, const int NV, const int LAST, const int AHEAD, size_t depth, const float *a,
             size_t lda, const char *w, size_t ldw, const start *from, float *c, size_t ldc, const ahead *next)
{
    nf acc[TILE_ROWS][TILE_VECTORS];
    const float *x[TILE_ROWS];
    size_t k = 0;
    UNROLLED(m, M) {
        x[m] = a + (size_t)m * lda;
        UNROLLED(v, NV) acc[m][v] = start_load(from, NV, LAST, m, 0, v);
    }
    const int G = w_group(W), ROUNDED = M * NV + (M < NV ? M : NV) + 1 < REGISTERS;
    const int DEEP = G > TILE_DEPTH ? G : (int)TILE_DEPTH; /* k of a round */
    const char *at = AHEAD ? next->at : NULL;
    if (ROUNDED) {
        for (; k + (size_t)DEEP <= depth; k += (size_t)DEEP, w += (size_t)(DEEP / G) * ldw) {
            if (AHEAD) fetch_lines(&at, next->lines);
            UNROLLED(i, DEEP) tile_step(W, M, NV, acc, x, k + (size_t)i, w + (size_t)(i / G) * ldw, i % G);
        }
        for (; k + (size_t)G <= depth; k += (size_t)G, w += ldw)
            UNROLLED(j, G) tile_step(W, M, NV, acc, x, k + (size_t)j, w, j);
    } else { /* the same in the compiler's hands: to it a sum is one register, not one for each k */
        UNROLL_4 for (; k + (size_t)G <= depth; k += (size_t)G, w += ldw)
        {
            if (AHEAD && k % TILE_DEPTH == 0) fetch_lines(&at, next->lines);
            UNROLLED(j, G) tile_step(W, M, NV, acc, x, k + (size_t)j, w, j);
        }
    }
    UNROLLED(j, G - 1) {
        if (k + (size_t)j < depth) tile_step(W, M, NV, acc, x, k + (size_t)j, w, j);
    }
    UNROLLED(m, M)
        UNROLLED(v, NV) n_store(c + (size_t)m * ldc + v * VL, acc[m][v]);
}

/* One k of P panels, the j-th of its group. */
AI void few_step(const int W, const int M, const int P, const int NV, nf acc[FEW_ROWS][FEW_PANELS][TILE_VECTORS],
                 const float *const *x, const char *const *b, size_t k, const int j)
{
    const size_t group = (k - (size_t)j) / (size_t)w_group(W);
    nf s[FEW_ROWS];
    next_k();
    UNROLLED(m, M) s[m] = n_set(x[m][k]);
    UNROLLED(p, P)
        UNROLLED(v, NV) {
            nf weights = w_load(W, b[p] + (group * (size_t)NV + (size_t)v) * w_bytes(W), j);
            if (M > 1) weights = in_register(weights);
            UNROLLED(m, M) acc[m][p][v] = n_fma(s[m], weights, acc[m][p][v]);
        }
}

AI void few(const int W, const int M, const int P, const int NV, const int LAST, size_t depth, const float *a,
            size_t lda, const char *w, size_t w_step, const start *from, float *c, size_t ldc)
{
    nf acc[FEW_ROWS][FEW_PANELS][TILE_VECTORS];
    const float *x[FEW_ROWS];
    const char *b[FEW_PANELS];
    size_t k = 0;
    UNROLLED(p, P) b[p] = w + (size_t)p * w_step;
    UNROLLED(m, M) {
        x[m] = a + (size_t)m * lda;
        UNROLLED(p, P)
            UNROLLED(v, NV) acc[m][p][v] = start_load(from, NV, LAST, m, p, v);
    }
    const int G = w_group(W);
    if (G == 1) {
        UNROLL_4 for (; k < depth; k++) few_step(W, M, P, NV, acc, x, b, k, 0);
    }
    for (; k + (size_t)G <= depth; k += (size_t)G) {
        UNROLLED(j, G) few_step(W, M, P, NV, acc, x, b, k + (size_t)j, j);
    }
    UNROLLED(j, G - 1) {
        if (k + (size_t)j < depth) few_step(W, M, P, NV, acc, x, b, k + (size_t)j, j);
    }
    UNROLLED(m, M)
        UNROLLED(p, P)
            UNROLLED(v, NV) n_store(c + (size_t)m * ldc + (p * NV + v) * VL, acc[m][p][v]);
}

#endif
