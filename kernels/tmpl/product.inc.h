/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: packed products and recurrent steps on the tiles of <isa>/tile.h. Contracts in ops.h.
 *
 * The lines of the folder's variants.def (variants.inc.h) are kernels here: RNNP_TILES stamps tiles, RNNP_GEMM and
 * RNNP_STEP define a function.
 *
 * Only tiles are stamped, once per size; loops are short, and share them.
 *
 * A k block of one panel (DEPTH * NV * VL floats, 16 KiB) stays in L1 while all row tiles pass over it; between
 * blocks the partial sums are stored and reloaded, which keeps each chain. Rows are split evenly into tiles:
 * 16 rows by 6 are 6 + 5 + 5, never 6 + 6 + 4.
 */
#include "variants.inc.h"

/* Rows so few that the chains of one panel cannot keep the FMA ports busy. */
#define IS_FEW(rows, NV) ((rows) == 1 || ((rows) <= FEW_ROWS && (rows) * (NV) < 8))

/* Members of `start` one by one: a structure that was just written goes through memory, and costs more than a small
 * tile. */
typedef void panel_fn(size_t rows, size_t depth, const float *a, size_t lda, const char *w, const float *c0,
                      size_t ldc0, const float *last, size_t ld_last, float *c, size_t ldc, int ahead);
typedef void few_fn(size_t rows, size_t panels, size_t depth, const float *a, size_t lda, const char *w,
                    const float *c0, size_t ldc0, const float *last, size_t ld_last, size_t panel_last, float *c,
                    size_t ldc, int reverse);

typedef void strip_fn(const rnnp_gemm_args *g, size_t nr, size_t m0, size_t rows);

typedef struct tiles {
    size_t nv, last; /* vectors of a panel's rows; those at the end that may begin elsewhere */
    panel_fn *panel; /* one panel for any number of rows that is not few. With `ahead` the first tile of a block fetches
                      * the next block into L2: weights from beyond L2 arrive in bursts, once per block, which the CPU's
                      * own prefetcher does not foresee */
    few_fn *few;     /* any number of panels for few rows, P of them at once for one row and two for more; panel p's
                      * results at c + p * NV * VL. Downwards when reverse is set */
    strip_fn *strip; /* what is left of n in a panel, where that is one vector */
    size_t bytes;    /* of one weight */
} tiles;

/* All vectors begin in c. */
AI start start_at(const float *c, size_t ld, size_t nv, size_t last)
{
    return (start){c, ld, c + (nv - last) * VL, ld, nv * VL};
}

enum { EDGE_ROWS = 24, STRIP_ROWS = TILE_ROWS < 8 ? (int)TILE_ROWS : 8 };

/* The last panel when n ends inside its first vector (few columns, often of a last layer): the others are passed over.
 * Eight rows are eight chains, enough for the FMA ports. */
/* clang-format off */
#define STRIP_OF(W)                                                                                                  \
    ONE_COPY __attribute__((unused)) void strip_##W(const rnnp_gemm_args *g, size_t nr, size_t m0, size_t rows)      \
    {                                                                                                                \
        const size_t bytes = w_size(RNNP_FORMAT_##W);                                                                \
        const size_t j = g->n / nr * nr, n = g->n - j, count = (rows + STRIP_ROWS - 1) / STRIP_ROWS;                 \
        const char *w = (const char *)g->b + j * g->k * bytes;                                                       \
        size_t r = m0;                                                                                               \
        for (size_t t = 0; t < count; t++) {                                                                         \
            float block[STRIP_ROWS * VL];                                                                            \
            const start from = start_at(block, VL, 1, 0);                                                            \
            const size_t m = rows / count + (t < rows % count);                                                      \
            for (size_t i = 0; i < m; i++)                                                                           \
                n_store(block + i * VL, g->c0 ? n_load_n(g->c0 + (r + i) * g->ldc0 + j, n) : n_set(0.0f));           \
            switch (m) {                                                                                             \
                STRIP(W, 1) STRIP(W, 2) STRIP(W, 3) STRIP(W, 4) STRIP(W, 5) STRIP(W, 6) STRIP(W, 7) STRIP(W, 8)      \
            default: break;                                                                                          \
            }                                                                                                        \
            for (size_t i = 0; i < m; i++) n_store_n(g->c + (r + i) * g->ldc + j, n_load(block + i * VL), n);        \
            r += m;                                                                                                  \
        }                                                                                                            \
    }
#define STRIP(W, M)                                                                                                 \
    case M:                                                                                                         \
        if (M <= STRIP_ROWS)                                                                                        \
            tile(RNNP_FORMAT_##W, M <= STRIP_ROWS ? M : 1, 1, 0, 0, g->k, g->a + r * g->lda, g->lda, w, nr * bytes, \
                 &from, block, VL);                                                                                 \
        break;
/* clang-format on */
#define RNNP_FORMAT(name, public, type, k_group) STRIP_OF(name)
#include "../weights.def"
#undef RNNP_FORMAT

#define DEPTH(NV) ((size_t)(NV)*VL >= 64 ? (size_t)64 : (size_t)4096 / ((size_t)(NV)*VL))

#define TILES(weights, name, MR, NV, P, LAST)                                                                         \
    _Static_assert((NV) <= TILE_VECTORS && (MR) <= TILE_ROWS && (P) <= FEW_PANELS && (LAST) <= (NV),                  \
                   "tile.h has room");                                                                                \
    _Static_assert(RNNP_FORMAT_K_GROUP_##weights == 1, "a tile takes one k after the other");                         \
    _Static_assert((NV)*VL <= RNNP_MOST_LANES, "the edge has room");                                                  \
    ONE_COPY void panel_##name(size_t rows, size_t depth, const float *a, size_t lda, const char *w, const float *c0, \
                               size_t ldc0, const float *last, size_t ld_last, float *c, size_t ldc, int ahead)       \
    {                                                                                                                 \
        const size_t count = (rows + MR - 1) / MR;                                                                    \
        size_t k = 0;                                                                                                 \
        do {                                                                                                          \
            const size_t block = depth - k < DEPTH(NV) ? depth - k : DEPTH(NV);                                       \
            size_t r = 0;                                                                                             \
            for (size_t t = 0; t < count; t++) {                                                                      \
                const size_t m = rows / count + (t < rows % count);                                                   \
                const float *ar = a + r * lda + k;                                                                    \
                const start from = {c0 + r * ldc0, ldc0, LAST > 0 ? last + r * ld_last : NULL, ld_last, 0};           \
                if (FETCH > 0 && ahead && t == 0) {                                                                   \
                    EACH_M(RNNP_FORMAT_##weights, MR, m, NV, LAST, FETCH, block, ar, lda, w,                          \
                           NV *w_bytes(RNNP_FORMAT_##weights), &from, c + r * ldc, ldc)                               \
                } else {                                                                                              \
                    EACH_M(RNNP_FORMAT_##weights, MR, m, NV, LAST, 0, block, ar, lda, w,                              \
                           NV *w_bytes(RNNP_FORMAT_##weights), &from, c + r * ldc, ldc)                               \
                }                                                                                                     \
                r += m;                                                                                               \
            }                                                                                                         \
            k += block;                                                                                               \
            w += block * (NV * w_bytes(RNNP_FORMAT_##weights));                                                       \
            c0 = c;                                                                                                   \
            last = c + (NV - LAST) * VL;                                                                              \
            ldc0 = ld_last = ldc;                                                                                     \
        } while (k < depth);                                                                                          \
    }                                                                                                                 \
    ONE_COPY void few_##name(size_t rows, size_t panels, size_t depth, const float *a, size_t lda, const char *w,     \
                             const float *c0, size_t ldc0, const float *last, size_t ld_last, size_t panel_last,      \
                             float *c, size_t ldc, int reverse)                                                       \
    {                                                                                                                 \
        switch (rows) {                                                                                               \
        case 1: FEW_WALK(RNNP_FORMAT_##weights, 1, P, NV, LAST) break;                                                \
        case 2:                                                                                                       \
            if (IS_FEW(2, NV)) FEW_WALK(RNNP_FORMAT_##weights, 2, P < 2 ? P : 2, NV, LAST) break;                     \
        case 3:                                                                                                       \
            if (IS_FEW(3, NV)) FEW_WALK(RNNP_FORMAT_##weights, 3, P < 2 ? P : 2, NV, LAST) break;                     \
        default: break;                                                                                               \
        }                                                                                                             \
    }                                                                                                                 \
    static const tiles tiles_##name = {                                                                               \
        NV, LAST, panel_##name, few_##name, strip_##weights, RNNP_FORMAT_BYTES_##weights};
/* Rows of a tile: all that are not few, and what MR + 1 rows are split into. */
#define IS_TILE(MR, M, NV) ((M) <= (MR) && (!IS_FEW(M, NV) || 2 * (M) >= (MR)))
/* clang-format off */
#define ONE_M(W, MR, M, NV, ...) \
    case M: if (IS_TILE(MR, M, NV)) tile(W, IS_TILE(MR, M, NV) ? M : 1, NV, __VA_ARGS__); break;
#define EACH_M(W, MR, m, NV, ...) \
    switch (m) { \
        ONE_M(W, MR, 2, NV, __VA_ARGS__)  ONE_M(W, MR, 3, NV, __VA_ARGS__)  ONE_M(W, MR, 4, NV, __VA_ARGS__) \
        ONE_M(W, MR, 5, NV, __VA_ARGS__)  ONE_M(W, MR, 6, NV, __VA_ARGS__)  ONE_M(W, MR, 7, NV, __VA_ARGS__) \
        ONE_M(W, MR, 8, NV, __VA_ARGS__)  ONE_M(W, MR, 9, NV, __VA_ARGS__)  ONE_M(W, MR, 10, NV, __VA_ARGS__) \
        ONE_M(W, MR, 11, NV, __VA_ARGS__) ONE_M(W, MR, 12, NV, __VA_ARGS__) \
    default: break; \
    }
/* clang-format on */
#define FEW_WALK(W, M, P, NV, LAST)                                                                         \
    {                                                                                                       \
        const size_t step = depth * (NV * w_bytes(W)), full = panels / (P), calls = full + panels % (P);    \
        for (size_t i = 0; i < calls; i++) {                                                                \
            const size_t k = reverse ? calls - 1 - i : i, p = k < full ? k * (P) : full * (P) + (k - full); \
            const char *wp = w + p * step;                                                                  \
            const start from = {c0 + p * (NV * VL), ldc0, LAST > 0 ? last + p * panel_last : NULL, ld_last, \
                                panel_last};                                                                \
            if (k < full)                                                                                   \
                few(W, M, P, NV, LAST, depth, a, lda, wp, step, &from, c + p * (NV * VL), ldc);             \
            else                                                                                            \
                few(W, M, 1, NV, LAST, depth, a, lda, wp, step, &from, c + p * (NV * VL), ldc);             \
        }                                                                                                   \
    }

/* Panels that one call of `multiply` takes. */
AI size_t at_once(const tiles *t, size_t rows, size_t panels) { return IS_FEW(rows, t->nv) ? panels : 1; }

AI void multiply(const tiles *t, size_t rows, size_t panels, size_t depth, const float *a, size_t lda, const char *w,
                 const start *from, float *c, size_t ldc, int reverse, int ahead)
{
    if (IS_FEW(rows, t->nv))
        t->few(rows, panels, depth, a, lda, w, from->c, from->ld, from->last, from->ld_last, from->panel_last, c, ldc,
               reverse);
    else
        t->panel(rows, depth, a, lda, w, from->c, from->ld, from->last, from->ld_last, c, ldc, ahead);
}

/* ---- GEMM ---- */

/* Blocks of rows stay in L2 while all panels pass over them: their part of a takes at most 256 KiB, half of a small L2,
 * unless few rows do already. All blocks have as many rows. */
AI size_t row_block(size_t m, size_t k)
{
    const size_t floats = 65536, fits = floats / (k ? k : 1), most = fits > 192 ? 192 : fits < 48 ? 48 : fits;
    const size_t blocks = (m + most - 1) / most;
    return blocks > 1 ? (m + blocks - 1) / blocks : m;
}

static const float zeros[RNNP_MOST_LANES];

/* The last panel when n ends further on: through a padded block, so that nothing beyond n is touched. */
ONE_COPY void edge(const rnnp_gemm_args *g, const tiles *t, size_t m0, size_t rows, int ahead)
{
    const size_t nr = t->nv * VL, j = g->n / nr * nr, n = g->n - j;
    for (size_t r = 0; r < rows; r += EDGE_ROWS) {
        float block[EDGE_ROWS * RNNP_MOST_LANES];
        const size_t count = rows - r < EDGE_ROWS ? rows - r : EDGE_ROWS;
        const start from = start_at(block, nr, t->nv, t->last);
        memset(block, 0, count * nr * sizeof(float));
        for (size_t i = 0; g->c0 && i < count; i++)
            memcpy(block + i * nr, g->c0 + (m0 + r + i) * g->ldc0 + j, n * sizeof(float));
        multiply(t, count, 1, g->k, g->a + (m0 + r) * g->lda, g->lda, (const char *)g->b + j * g->k * t->bytes, &from,
                 block, nr, 0, ahead);
        for (size_t i = 0; i < count; i++) memcpy(g->c + (m0 + r + i) * g->ldc + j, block + i * nr, n * sizeof(float));
    }
}

ONE_COPY void gemm(const rnnp_gemm_args *g, const tiles *t, int ahead)
{
    const size_t nr = t->nv * VL, full = g->n / nr, block = row_block(g->m, g->k);
    for (size_t m0 = 0; m0 < g->m; m0 += block) {
        const size_t rows = g->m - m0 < block ? g->m - m0 : block, panels = at_once(t, rows, full);
        const float *a = g->a + m0 * g->lda, *c0 = g->c0 ? g->c0 + m0 * g->ldc0 : NULL;
        float *c = g->c + m0 * g->ldc;
        size_t ldc0 = g->ldc0;
        if (!c0 && IS_FEW(rows, t->nv)) { /* rows of c are their own start */
            for (size_t r = 0; r < rows; r++) memset(c + r * g->ldc, 0, full * nr * sizeof(float));
            c0 = c;
            ldc0 = g->ldc;
        }
        for (size_t p = 0; p < full; p += panels) {
            const start from = c0 ? start_at(c0 + p * nr, ldc0, t->nv, t->last) : start_at(zeros, 0, t->nv, t->last);
            multiply(t, rows, panels, g->k, a, g->lda, (const char *)g->b + p * nr * g->k * t->bytes, &from, c + p * nr,
                     g->ldc, 0, ahead);
        }
        if (g->n % nr > VL)
            edge(g, t, m0, rows, ahead);
        else if (g->n % nr)
            t->strip(g, nr, m0, rows);
        if (g->act.kind != RNNP_ACT_NONE) RNNP_NAME(activate)(g, c, rows);
    }
}

/* ---- Steps ---- */

AI rnnp_gates_args step_gates(const rnnp_step_args *s, size_t lanes, size_t begin, size_t end)
{
    rnnp_gates_args g = {.rows = s->rows,
                         .hidden = s->hidden,
                         .lanes = lanes,
                         .panel_begin = begin,
                         .panel_end = end,
                         .z_panel = begin,
                         .h = s->h,
                         .ldh = s->ldh,
                         .state = {s->state[0], s->state[1]},
                         .y = s->y,
                         .ldy = s->ldy,
                         .spec = s->spec};
    return g;
}

/*
 * Panels are taken in groups. A group's chains run over x (when given) and h into scratch, and its gates follow
 * while the pre-activations are near. Variants differ in the group and the tiles alone:
 *   panel  the gates of each panel follow at once, as the end of its tiles
 *   block  16 KiB of pre-activations: still in L1, and the gates' lockstep stays full
 *   split  all panels first: a product, then elementwise work
 *   ahead  block once more, for weights beyond L2
 *   tall   block with tiles of fewer columns than a panel has, so that it is several products (slices): that leaves
 *          registers for more rows
 * `act` is the cell's gates op; all of them have one type. `how` is the block and a flag: with all of it in
 * registers, a kernel is a few instructions.
 */
enum { STEP_AHEAD = 1 };
AI void step(const rnnp_step_args *s, const tiles *t, rnnp_lstm_gates_f32_fn *act, size_t lanes, size_t slices,
             size_t how)
{
    const size_t nc = t->nv * VL, nr = nc * slices, block = how >> 1;
    const int ahead = how & STEP_AHEAD;
    const size_t all = s->panel_end - s->panel_begin;
    const size_t group = rnnp_step_group(block, nr, s->rows, all);
    const size_t h_slice = nc * t->bytes * s->hidden, x_slice = s->x ? nc * t->bytes * s->input : 0;
    for (size_t i = 0; i < all; i += group) {
        const size_t panels = all - i < group ? all - i : group, ld = panels * nr;
        const size_t p = s->reverse ? s->panel_end - i - panels : s->panel_begin + i;
        /* where the last gate's recurrent chain begins elsewhere (at zh: GRU, reset after), its input part is kept */
        float *out = s->scratch, *xout = t->last > 0 ? s->scratch + s->rows * ld : out;
        const float *z = s->z + p * nr, *zh = t->last > 0 ? s->zh + p * lanes : NULL;
        const char *wh = (const char *)s->wh + p * slices * h_slice, *wx = (const char *)s->wx + p * slices * x_slice;
        const size_t some = at_once(t, s->rows, panels * slices);
        for (size_t walked = 0; walked < panels * slices; walked += some) {
            const size_t q = s->reverse ? panels * slices - some - walked : walked;
            start from = start_at(z + q * nc, s->ldz, t->nv, t->last);
            if (s->x) {
                multiply(t, s->rows, some, s->input, s->x, s->ldx, wx + q * x_slice, &from, xout + q * nc, ld,
                         s->reverse, ahead);
                from = start_at(xout + q * nc, ld, t->nv, t->last);
            }
            if (zh) {
                from.last = zh + q * lanes;
                from.ld_last = 0;
                from.panel_last = lanes;
            }
            multiply(t, s->rows, some, s->hidden, s->chain, s->ldchain, wh + q * h_slice, &from, out + q * nc, ld,
                     s->reverse, ahead);
        }
        rnnp_gates_args g = step_gates(s, lanes, p, p + panels);
        g.z = out;
        g.ldz = ld;
        g.zx = (s->x ? xout : z) + nr - lanes;
        g.ldzx = s->x ? ld : s->ldz;
        g.zx_step = nr;
        act(&g);
    }
}

/* One loop for each tile size: with one for all, steps of 64 units and one row take some 3 % longer. */
#define STEP_OF(tiles)                                                                                       \
    ONE_COPY __attribute__((unused)) void step_##tiles(const rnnp_step_args *s, rnnp_lstm_gates_f32_fn *act, \
                                                       size_t lanes, size_t slices, size_t how)              \
    {                                                                                                        \
        step(s, &tiles_##tiles, act, lanes, slices, how);                                                    \
    }

/* ---- The lines ---- */

#define RNNP_TILES(weights, rows, columns, panels, last)                                           \
    _Static_assert((columns) % VL == 0 && (last) % VL == 0, "columns of tiles are whole vectors"); \
    TILES(weights, weights##_##rows##x##columns, rows, (columns) / VL, panels, (last) / VL)        \
    STEP_OF(weights##_##rows##x##columns)
#define RNNP_GEMM(weights, variant, of_tiles, home, needs)                            \
    rnnp_gemm_fn RNNP_NAME(gemm_##weights##_##variant);                               \
    void RNNP_NAME(gemm_##weights##_##variant)(const rnnp_gemm_args *g)               \
    {                                                                                 \
        gemm(g, &tiles_##weights##_##of_tiles, RNNP_HOME_##home == RNNP_HOME_MEMORY); \
    }
#define RNNP_STEP(part, weights, variant, of_tiles, slices_, block_, home, needs)                                     \
    rnnp_##part##_step_fn RNNP_NAME(part##_step_##weights##_##variant);                                               \
    void RNNP_NAME(part##_step_##weights##_##variant)(const rnnp_step_args *s)                                        \
    {                                                                                                                 \
        enum {                                                                                                        \
            GATES = RNNP_GATES_##part,                                                                                \
            COLUMNS = (slices_)*RNNP_COLUMNS(weights, of_tiles),                                                      \
            UNITS = RNNP_LANES(part, weights, of_tiles, slices_)                                                      \
        };                                                                                                            \
        _Static_assert(COLUMNS == UNITS * GATES && GATES % (slices_) == 0, "a slice is whole gates");                 \
        _Static_assert(UNITS % VL == 0 && (UNITS & (UNITS - 1)) == 0, "lanes are whole vectors, a power of two");     \
        _Static_assert(RNNP_LAST(weights, of_tiles) == (RNNP_OWN_START_##part ? UNITS : 0), "the last gate's start"); \
        step_##weights##_##of_tiles(s, RNNP_NAME(part##_gates_f32), UNITS, slices_,                                   \
                                    RNNP_BLOCK_##block_ << 1 |                                                        \
                                        (RNNP_HOME_##home == RNNP_HOME_MEMORY ? STEP_AHEAD : 0));                     \
    }
#include RNNP_VARIANTS_DEF
#undef RNNP_TILES
#undef RNNP_GEMM
#undef RNNP_STEP

#include "table.inc.h"
