/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: where the chains of a product begin. The last vectors of a panel's rows may begin elsewhere (GRU: at the
 * bias of n); a plain product's begin where they stand, so that both are one tile.
 */
#ifndef RNNP_START_INC_H
#define RNNP_START_INC_H

typedef struct start {
    const float *c; /* [row][panel][NV * VL], or 0 for one row that is all rows' */
    size_t ld;
    const float *last; /* the last LAST vectors of each panel */
    size_t ld_last, panel_last;
} start;

AI nf start_load(const start *s, const int NV, const int LAST, int m, int p, int v)
{
    const int column = v - (NV - LAST);
    if (column < 0) return n_load(s->c + (size_t)m * s->ld + (p * NV + v) * VL);
    return n_load(s->last + (size_t)m * s->ld_last + (size_t)p * s->panel_last + column * VL);
}

#endif
