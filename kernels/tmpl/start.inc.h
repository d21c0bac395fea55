/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: what the tiles of all ISAs have in common.
 *
 * w_load: a vector of weights in a format that is a constant of the caller.
 *
 * start: where the chains of a product begin. The last vectors of a panel's rows may begin elsewhere (GRU: at the
 * bias of n); a plain product's begin where they stand, so that both are one tile.
 */
#ifndef RNNP_START_INC_H
#define RNNP_START_INC_H

#include "../panels.h"

AI nf w_load(const int W, const char *p)
{
    switch (W) {
#define RNNP_FORMAT(name, public, type, k_group) \
    case RNNP_FORMAT_##name:                     \
        return w_load_##name(p);
#include "../weights.def"
#undef RNNP_FORMAT
    default: return n_set(0.0f);
    }
}
/* Bytes of one weight, and of VL. */
AI size_t w_size(const int W) { return rnnp_format_bytes((rnnp_format)W); }
AI size_t w_bytes(const int W) { return VL * w_size(W); }

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
