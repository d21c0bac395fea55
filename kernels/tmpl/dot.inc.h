/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: tiles of products of whole numbers, on rows of quantise.inc.h. <isa>/simd.h has
 *
 *     nq      four q of a row in every lane, as dot takes them
 *     q_set   reads them; the second plane is `plane` bytes further on
 *     dot     acc[l] + sum over i < 4 of w[l][i] q[i], with what products.def says of signs and offset
 *
 * A sum stays below 2^31: depth is at most 65536, and 65536 * 127 * 127 < 2^31. With an offset parts of a sum may wrap;
 * the whole does not.
 */
#ifndef RNNP_DOT_INC_H
#define RNNP_DOT_INC_H

#include "quantise.inc.h"

#ifndef DOTS /* a folder may want one copy of it */
#define DOTS AI
#endif

/* M rows of P panels of NV vectors, w_step apart; `header` bytes of scales come before a panel's weights, and a
 * group of k is `ld_group` bytes long. */
DOTS void dots(const int W, const int M, const int P, const int NV, const int LAST, size_t depth, const float *a,
               size_t lda, const char *w, size_t w_step, size_t header, size_t ld_group, const start *from, float *c,
               size_t ldc)
{
    ni acc[TILE_ROWS][FEW_PANELS][TILE_VECTORS];
    const int8_t *q[TILE_ROWS];
    const char *b[FEW_PANELS];
    const size_t plane = rnnp_quantised_plane(depth), groups = (depth + 3) / 4;
    UNROLLED(p, P) b[p] = w + (size_t)p * w_step + header;
    UNROLLED(m, M) {
        const float *row = a + (size_t)m * lda;
        uint32_t first;
        memcpy(&first, row + 1, sizeof first);
        q[m] = (const int8_t *)(const void *)(row + RNNP_QUANTISED_HEADER);
        UNROLLED(p, P)
            UNROLLED(v, NV) acc[m][p][v] = i_set(first);
    }
    for (size_t g = 0; g < groups; g++) {
        if (P > 1 || M < NV || M == 1) { /* rows stay, weights pass */
            nq x[TILE_ROWS];
            UNROLLED(m, M) x[m] = q_set(W, q[m] + 4 * g, plane);
            UNROLLED(p, P)
                UNROLLED(v, NV) {
                    ni weights = i_load(b[p] + g * ld_group + (size_t)v * VL * 4);
                    UNROLLED(m, M) acc[m][p][v] = dot(W, acc[m][p][v], weights, x[m]);
                }
        } else {
            ni weights[TILE_VECTORS];
            UNROLLED(v, NV) weights[v] = i_in_register(i_load(b[0] + g * ld_group + (size_t)v * VL * 4));
            UNROLLED(m, M) {
                const nq x = q_set(W, q[m] + 4 * g, plane);
                UNROLLED(v, NV) acc[m][0][v] = dot(W, acc[m][0][v], weights[v], x);
            }
        }
    }
    UNROLLED(p, P) {
        const float *scale = (const float *)(const void *)(w + (size_t)p * w_step);
        UNROLLED(v, NV) {
            const nf column = n_load(scale + v * VL);
            UNROLLED(m, M) {
                const nf both = n_mul(column, n_set(a[(size_t)m * lda]));
                n_store(c + (size_t)m * ldc + (p * NV + v) * VL,
                        n_fma(i_to_f(acc[m][p][v]), both, start_load(from, NV, LAST, m, p, v)));
            }
        }
    }
}

#endif
