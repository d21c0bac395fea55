/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: convolutions with few output channels, directly on planes. Products (product.inc.h) would leave most of a
 * panel's lanes empty there; here the lanes are output positions.
 *
 * Two rows share what is loaded of x: with one, the chains of VU vectors cannot keep two FMA ports busy. Positions
 * beyond whole groups of VU vectors go one vector at a time: outputs of small networks are hardly longer than that.
 */
#ifndef RNNP_CONV_INC_H
#define RNNP_CONV_INC_H

#include "wide.inc.h"

AI void conv_rows(const rnnp_conv_args *a, const int M, size_t m)
{
    const float *w = a->w + m * a->taps;
    float *y = a->y + m * a->ldy;
    size_t i = 0;
    for (; i + WIDE <= a->n; i += WIDE) {
        vf sum[2];
        UNROLLED(j, M) sum[j] = vf_set(a->bias ? a->bias[m + (size_t)j] : 0.0f);
        for (size_t t = 0; t < a->taps; t++) {
            const vf x = vf_load(a->x + a->at[t] + i);
            UNROLLED(j, M) sum[j] = vf_fma(vf_set(w[(size_t)j * a->taps + t]), x, sum[j]);
        }
        UNROLLED(j, M) vf_store(y + (size_t)j * a->ldy + i, sum[j]);
    }
    for (; i < a->n; i += VL) {
        const size_t n = a->n - i < VL ? a->n - i : VL;
        nf sum[2];
        UNROLLED(j, M) sum[j] = n_set(a->bias ? a->bias[m + (size_t)j] : 0.0f);
        for (size_t t = 0; t < a->taps; t++) {
            const nf x = n_load_n(a->x + a->at[t] + i, n);
            UNROLLED(j, M) sum[j] = n_fma(n_set(w[(size_t)j * a->taps + t]), x, sum[j]);
        }
        UNROLLED(j, M) n_store_n(y + (size_t)j * a->ldy + i, sum[j], n);
    }
}

static void conv(const rnnp_conv_args *a)
{
    size_t m = 0;
    for (; m + 2 <= a->rows; m += 2) conv_rows(a, 2, m);
    if (m < a->rows) conv_rows(a, 1, m);
}

#endif
