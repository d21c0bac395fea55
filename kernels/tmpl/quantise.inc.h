/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: rows of floats in 8 bits, for products that need them so (products.def). A row of n floats becomes
 *
 *     [scale][start][unused] [n whole numbers q, then zeros: rnnp_quantised_plane()] [SIGNS: a second plane]
 *
 * with scale = most / 127, most the largest |x|, and q = x (127 / most) rounded once, ties to even. |x| (127 / most) is
 * at most 127 (1 + 2^-24), so q never exceeds 127. Rows with most < 2^-100, for which 127 / most could be infinite,
 * count as zeros; a row with an infinity or a NaN has scale NaN. start is what the row's sums begin with: it takes off
 * what an offset of the weights or the inverted weights of SIGNS add.
 *
 * Rounding: x k + 1.5 * 2^23 in one fma leaves the whole number, in two's complement, in the low bits of the float.
 */
#ifndef RNNP_QUANTISE_INC_H
#define RNNP_QUANTISE_INC_H

#include "start.inc.h"

/* Bits of the largest |x|: as whole numbers they have the order of the values, and NaN comes last. */
AI uint32_t most_bits(const float *x, size_t n)
{
    ni most[4] = {i_set(0), i_set(0), i_set(0), i_set(0)};
    size_t i = 0;
    for (; i + 4 * VL <= n; i += 4 * VL)
        UNROLLED(j, 4) most[j] = i_max(most[j], n_bits(n_abs(n_load(x + i + j * VL))));
    for (; i + VL <= n; i += VL) most[0] = i_max(most[0], n_bits(n_abs(n_load(x + i))));
    if (i < n) most[1] = i_max(most[1], n_bits(n_abs(n_load_n(x + i, n - i))));
    return i_most(i_max(i_max(most[0], most[1]), i_max(most[2], most[3])));
}

AI void quantise_row(const int W, const float *x, size_t n, float *row)
{
    static const uint32_t magic_bits = 0x4b400000; /* 1.5 * 2^23 */
    const uint32_t bits = most_bits(x, n);
    const size_t end = rnnp_quantised_plane(n);
    int8_t *q = (int8_t *)(void *)(row + RNNP_QUANTISED_HEADER), *a = q + end;
    float most, scale, inverse;
    memcpy(&most, &bits, sizeof most);
    scale = most / 127.0f;
    inverse = most < 0x1p-100f ? 0.0f : 127.0f / most;
    if (bits >= 0x7f800000) {
        scale = (float)NAN;
        x = NULL;
    }
    const nf k = n_set(inverse), magic = n_set(0x1.8p23f);
    const ni low = i_set(magic_bits);
    ni sum = i_set(0), sum_abs = i_set(0);
    for (size_t i = 0; i < end; i += VL) {
        const nf v = !x || i >= n ? n_set(0.0f) : i + VL <= n ? n_load(x + i) : n_load_n(x + i, n - i);
        const ni whole = i_sub(n_bits(n_fma(v, k, magic)), low);
        if (w_has_signs(W)) {
            const ni sign = i_sra31(whole), absolute = i_sub(i_xor(whole, sign), sign);
            i_store_bytes(q + i, sign);
            i_store_bytes(a + i, absolute);
            sum_abs = i_add(sum_abs, absolute);
        } else {
            i_store_bytes(q + i, whole);
        }
        sum = i_add(sum, whole);
    }
    uint32_t first = 0;
    if (w_traits[W].offset) first = -(uint32_t)w_traits[W].offset * i_total(sum);
    if (w_has_signs(W)) first = i_total(i_sub(sum_abs, sum)) / 2; /* minus the sum of negative q */
    row[0] = scale;
    memcpy(row + 1, &first, sizeof first);
}

#endif
