/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: what the tiles of all ISAs have in common.
 *
 * w_load: a vector of weights for a product W (products.def), which is a constant of the caller: VL columns, k = j of
 * the group of k at p.
 *
 * start: where the chains of a product begin. The last vectors of a panel's rows may begin elsewhere (GRU: at the
 * bias of n); a plain product's begin where they stand, so that both are one tile.
 */
#ifndef RNNP_START_INC_H
#define RNNP_START_INC_H

#include "../panels.h"

#define W_LOAD_FLOATS(name, format) \
    case RNNP_PRODUCT_##name:       \
        return w_load_##format(p, j);
#define W_LOAD_BYTES(name, format)
#define W_LOAD_SIGNS(name, format)
AI nf w_load(const int W, const void *p, const int j)
{
    switch (W) {
#define RNNP_PRODUCT(name, format, left, offset) W_LOAD_##left(name, format)
#include "../products.def"
#undef RNNP_PRODUCT
    default: return n_set(0.0f);
    }
}

static const struct {
    uint8_t size, group, header, left, offset;
} w_traits[] = {
#define RNNP_PRODUCT(name, format, left, offset) \
    {RNNP_PRODUCT_BYTES_##name, RNNP_PRODUCT_K_GROUP_##name, RNNP_PRODUCT_HEADER_##name, RNNP_LEFT_##left, offset},
#include "../products.def"
#undef RNNP_PRODUCT
};
AI size_t w_size(const int W) { return w_traits[W].size; }                     /* bytes of one weight */
AI int w_group(const int W) { return w_traits[W].group; }                      /* k that lie side by side */
AI size_t w_bytes(const int W) { return VL * w_size(W) * (size_t)w_group(W); } /* of VL columns of a group */
AI int w_is_quantised(const int W) { return w_traits[W].left != RNNP_LEFT_FLOATS; }
AI int w_has_signs(const int W) { return w_traits[W].left == RNNP_LEFT_SIGNS; }
AI size_t w_header(const int W, const int NV) { return (size_t)NV * VL * w_traits[W].header; }
/* Bytes of NV vectors of columns with their header. */
AI size_t w_panel(const int W, const int NV, size_t depth)
{
    return rnnp_columns_bytes((size_t)NV * VL, depth, (size_t)w_group(W), w_size(W), w_traits[W].header);
}

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

/* What a tile brings into L2 while it computes: a part of the weights that come next. */
typedef struct ahead {
    const char *at;
    size_t lines; /* for each TILE_DEPTH of k */
} ahead;

/* So many lines from *at on. */
AI __attribute__((unused)) void fetch_lines(const char **at, size_t lines)
{
    for (size_t i = 0; i < lines; i++, *at += 64) __builtin_prefetch(*at, 0, 2);
}

#endif
