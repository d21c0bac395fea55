/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: packed products and recurrent steps on the tiles of <isa>/tile.h. Contracts in ops.h.
 *
 * GEMM(variant, MR, NV, P, AHEAD)          defines rnnp_gemm_f32_<variant>, panels of NV * VL columns
 * STEP(op, G, LANE_VECTORS, MR, P, ...)    defines rnnp_<op>_{panel,block,split}_<isa>
 * STEP_AHEAD(op, the same)                 defines rnnp_<op>_ahead_<isa>
 * STEP_TALL(op, ..., SLICES)               defines rnnp_<op>_tall_<isa> and rnnp_<op>_tall_ahead_<isa>
 *
 * A k block of one panel (DEPTH * NV * VL floats, 16 KiB) stays in L1 while all row tiles pass over it; between
 * blocks the partial sums are stored and reloaded, which keeps each chain. Rows are split evenly into tiles:
 * 16 rows by 6 are 6 + 5 + 5, never 6 + 6 + 4.
 */
#include "gates.inc.h"
#include "name.inc.h"

enum { FETCH = 4096 }; /* floats: one block further */
#define DEPTH(NV) ((size_t)(NV)*VL >= 64 ? (size_t)64 : (size_t)4096 / ((size_t)(NV)*VL))

/* One panel for any number of rows. `last` is read when LAST > 0. With AHEAD the first tile of a block fetches the next
 * block into L2: weights from beyond L2 arrive in bursts, once per block, which the CPU's own prefetcher does not foresee. */
#define PANEL(name, MR, NV, LAST, AHEAD)                                                                         \
    static void name(size_t rows, size_t depth, const float *a, size_t lda, const float *w,               \
                     const float *c0, size_t ldc0, const float *last, float *c, size_t ldc)               \
    {                                                                                                     \
        size_t tiles = (rows + MR - 1) / MR, k = 0;                                                       \
        do {                                                                                              \
            size_t block = depth - k < DEPTH(NV) ? depth - k : DEPTH(NV), r = 0;                          \
            for (size_t t = 0; t < tiles; t++) {                                                          \
                size_t m = rows / tiles + (t < rows % tiles);                                             \
                const float *ar = a + r * lda + k, *wk = w + k * (NV * VL);                               \
                const int first = LAST > 0 && k == 0, ahead = AHEAD && t == 0;                            \
                if (first && ahead) {                                                                     \
                    TILES(MR, m, NV, LAST, AHEAD * FETCH, block, ar, lda, wk, c0 + r * ldc0, ldc0, last, c + r * ldc, ldc) \
                } else if (first) {                                                                       \
                    TILES(MR, m, NV, LAST, 0, block, ar, lda, wk, c0 + r * ldc0, ldc0, last, c + r * ldc, ldc) \
                } else if (ahead) {                                                                       \
                    TILES(MR, m, NV, 0, AHEAD * FETCH, block, ar, lda, wk, c0 + r * ldc0, ldc0, NULL, c + r * ldc, ldc) \
                } else {                                                                                  \
                    TILES(MR, m, NV, 0, 0, block, ar, lda, wk, c0 + r * ldc0, ldc0, NULL, c + r * ldc, ldc) \
                }                                                                                         \
                r += m;                                                                                   \
            }                                                                                             \
            k += block;                                                                                   \
            c0 = c;                                                                                       \
            ldc0 = ldc;                                                                                   \
        } while (k < depth);                                                                              \
    }
#define TILE_CASE(MR, M_, NV, ...) \
    case M_: if (M_ <= MR) tile(M_ <= MR ? M_ : 1, NV, __VA_ARGS__); break;
#define TILES(MR, m, NV, ...)                                                                             \
    switch (m) {                                                                                          \
        TILE_CASE(MR, 1, NV, __VA_ARGS__)  TILE_CASE(MR, 2, NV, __VA_ARGS__)  TILE_CASE(MR, 3, NV, __VA_ARGS__)  \
        TILE_CASE(MR, 4, NV, __VA_ARGS__)  TILE_CASE(MR, 5, NV, __VA_ARGS__)  TILE_CASE(MR, 6, NV, __VA_ARGS__)  \
        TILE_CASE(MR, 7, NV, __VA_ARGS__)  TILE_CASE(MR, 8, NV, __VA_ARGS__)  TILE_CASE(MR, 9, NV, __VA_ARGS__)  \
        TILE_CASE(MR, 10, NV, __VA_ARGS__) TILE_CASE(MR, 11, NV, __VA_ARGS__) TILE_CASE(MR, 12, NV, __VA_ARGS__) \
    default: break;                                                                                       \
    }

/* Rows so few that the chains of one panel cannot keep the FMA ports busy. */
#define IS_FEW(rows, NV) ((rows) == 1 || ((rows) <= FEW_ROWS && (rows) * (NV) < 8))

/* `panels` panels for few rows, P of them at once for one row and two for more; panel p's results at c + p * NV * VL.
 * Downwards when reverse is set. */
#define FEW(name, P, NV, LAST)                                                                            \
    static void name(size_t rows, size_t panels, size_t depth, const float *a, size_t lda, const float *w, \
                     const float *c0, size_t ldc0, const float *last, float *c, size_t ldc, int reverse)  \
    {                                                                                                     \
        switch (rows) {                                                                                   \
        case 1: FEW_WALK(1, P, NV, LAST) break;                                                           \
        case 2: if (IS_FEW(2, NV)) FEW_WALK(2, P < 2 ? P : 2, NV, LAST) break;                            \
        case 3: if (IS_FEW(3, NV)) FEW_WALK(3, P < 2 ? P : 2, NV, LAST) break;                            \
        default: break;                                                                                   \
        }                                                                                                 \
    }
#define FEW_WALK(M, P, NV, LAST)                                                                          \
    {                                                                                                     \
        size_t step = depth * (NV * VL), full = panels / (P), calls = full + panels % (P);                \
        for (size_t i = 0; i < calls; i++) {                                                              \
            size_t k = reverse ? calls - 1 - i : i, p = k < full ? k * (P) : full * (P) + (k - full);     \
            const float *wp = w + p * step, *cp = c0 + p * (NV * VL), *lp = last + p * (LAST * VL);       \
            if (k < full) few(M, P, NV, LAST, depth, a, lda, wp, step, cp, ldc0, lp, c + p * (NV * VL), ldc); \
            else few(M, 1, NV, LAST, depth, a, lda, wp, step, cp, ldc0, lp, c + p * (NV * VL), ldc);      \
        }                                                                                                 \
    }

/* ---- GEMM ---- */

enum { EDGE_ROWS = 24, EDGE_COLUMNS = 64 };

/* Blocks of rows stay in L2 while all panels pass over them: their part of a takes at most 256 KiB, half of a small L2,
 * unless few rows do already. All blocks have as many rows. */
AI size_t row_block(size_t m, size_t k)
{
    const size_t floats = 65536, fits = floats / (k ? k : 1), most = fits > 192 ? 192 : fits < 48 ? 48 : fits;
    const size_t blocks = (m + most - 1) / most;
    return blocks > 1 ? (m + blocks - 1) / blocks : m;
}

static const float zeros[EDGE_COLUMNS];

/* Clears rows of c, which then are their own start. */
AI const float *zero_rows(float *c, size_t ldc, size_t rows, size_t n)
{
    for (size_t r = 0; r < rows; r++) memset(c + r * ldc, 0, n * sizeof(float));
    return c;
}

/* act over columns [0, n) of rows of c, where something has to be done */
static void epilogue(const rnnp_gemm_args *g, float *c, size_t rows)
{
    if (g->act.kind == RNNP_ACT_NONE) return;
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < g->n; i += WIDE) {
            size_t n = g->n - i < WIDE ? g->n - i : WIDE;
            float *p = c + r * g->ldc + i;
            vf_store_n(p, gate_act(&g->act, g->math, vf_load_n(p, n)), n);
        }
}

typedef void panel_fn(size_t rows, size_t depth, const float *a, size_t lda, const float *w, const float *c0,
                      size_t ldc0, const float *last, float *c, size_t ldc);

/* The last panel when n ends inside it: through a padded block, so that nothing beyond n is touched. */
static void edge(const rnnp_gemm_args *g, panel_fn *panel, size_t nr, size_t m0, size_t rows)
{
    size_t j = g->n / nr * nr, n = g->n - j;
    const float *w = g->b + j * g->k;
    for (size_t r = 0; r < rows; r += EDGE_ROWS) {
        float block[EDGE_ROWS * EDGE_COLUMNS];
        size_t count = rows - r < EDGE_ROWS ? rows - r : EDGE_ROWS;
        memset(block, 0, count * nr * sizeof(float));
        for (size_t i = 0; g->c0 && i < count; i++)
            memcpy(block + i * nr, g->c0 + (m0 + r + i) * g->ldc0 + j, n * sizeof(float));
        panel(count, g->k, g->a + (m0 + r) * g->lda, g->lda, w, block, nr, NULL, block, nr);
        for (size_t i = 0; i < count; i++)
            memcpy(g->c + (m0 + r + i) * g->ldc + j, block + i * nr, n * sizeof(float));
    }
}

#define GEMM(variant, MR, NV, P, AHEAD)                                                                   \
    PANEL(panel_##variant, MR, NV, 0, AHEAD)                                                                   \
    FEW(few_##variant, P, NV, 0)                                                                          \
    rnnp_gemm_f32_fn rnnp_gemm_f32_##variant;                                                             \
    void rnnp_gemm_f32_##variant(const rnnp_gemm_args *g)                                                 \
    {                                                                                                     \
        size_t nr = NV * VL, full = g->n / nr;                                                            \
        if (IS_FEW(g->m, NV)) {                                                                           \
            const float *c0 = g->c0 ? g->c0 : zero_rows(g->c, g->ldc, g->m, g->n);                        \
            few_##variant(g->m, full, g->k, g->a, g->lda, g->b, c0, g->c0 ? g->ldc0 : g->ldc, NULL, g->c, g->ldc, 0); \
            if (g->n % nr) edge(g, panel_##variant, nr, 0, g->m);                                         \
            epilogue(g, g->c, g->m);                                                                      \
            return;                                                                                       \
        }                                                                                                 \
        const size_t block = row_block(g->m, g->k);                                                       \
        for (size_t m0 = 0; m0 < g->m; m0 += block) {                                                     \
            size_t rows = g->m - m0 < block ? g->m - m0 : block;                                          \
            float *c = g->c + m0 * g->ldc;                                                                \
            for (size_t p = 0; p < full; p++)                                                             \
                panel_##variant(rows, g->k, g->a + m0 * g->lda, g->lda, g->b + p * nr * g->k,             \
                                g->c0 ? g->c0 + m0 * g->ldc0 + p * nr : zeros, g->c0 ? g->ldc0 : 0, NULL, \
                                c + p * nr, g->ldc);                                                      \
            if (g->n % nr) edge(g, panel_##variant, nr, m0, rows);                                        \
            epilogue(g, c, rows);                                                                         \
        }                                                                                                 \
    }

/* ---- Steps ---- */

AI rnnp_gates_args step_gates(const rnnp_step_args *s, size_t lanes, size_t begin, size_t end)
{
    rnnp_gates_args g = { .rows = s->rows, .hidden = s->hidden, .lanes = lanes, .panel_begin = begin,
                          .panel_end = end, .z_panel = begin, .h = s->h, .ldh = s->ldh, .c = s->c, .ldc = s->ldc,
                          .u = s->u, .ldu = s->ldu, .y = s->y, .ldy = s->ldy, .spec = s->spec };
    return g;
}

/*
 * Panels are taken in groups. A group's chains run over x (when given) and h into scratch, and its gates follow
 * while the pre-activations are near. Three variants differ in the group alone:
 *   panel  the gates of each panel follow at once, as the end of its tiles
 *   block  16 KiB of pre-activations: still in L1, and the gates' lockstep stays full
 *   split  all panels first: a product, then elementwise work
 * HR: the recurrent chain runs over hr (GRU, reset before). LAST_GATE: the recurrent chain of the last gate starts
 * from zh (GRU, reset after).
 */
#define STEP(op, G, LANE_VECTORS, MR, P, LAST_GATE, HR, gates)                                            \
    STEP_LOOP(op, step_##op, G, LANE_VECTORS, MR, P, LAST_GATE, HR, gates, 0, 1)                          \
    STEP_VARIANT(op, step_##op, RNNP_JOIN(panel, RNNP_SUFFIX), 0)                                         \
    STEP_VARIANT(op, step_##op, RNNP_JOIN(block, RNNP_SUFFIX), RNNP_BLOCK_L1)                             \
    STEP_VARIANT(op, step_##op, RNNP_JOIN(split, RNNP_SUFFIX), RNNP_BLOCK_ALL)

/* block once more, for weights beyond L2. */
#define STEP_AHEAD(op, G, LANE_VECTORS, MR, P, LAST_GATE, HR, gates)                                      \
    STEP_LOOP(op, ahead_##op, G, LANE_VECTORS, MR, P, LAST_GATE, HR, gates, 1, 1)                         \
    STEP_VARIANT(op, ahead_##op, RNNP_JOIN(ahead, RNNP_SUFFIX), RNNP_BLOCK_L1)

/* Both again with the gates of a panel in SLICES products of fewer columns, which leaves registers for more rows. */
#define STEP_TALL(op, G, LANE_VECTORS, MR, P, HR, gates, SLICES)                                          \
    STEP_LOOP(op, tall_##op, G, LANE_VECTORS, MR, P, 0, HR, gates, 0, SLICES)                             \
    STEP_VARIANT(op, tall_##op, RNNP_JOIN(tall, RNNP_SUFFIX), RNNP_BLOCK_L1)                              \
    STEP_LOOP(op, tall_ahead_##op, G, LANE_VECTORS, MR, P, 0, HR, gates, 1, SLICES)                       \
    STEP_VARIANT(op, tall_ahead_##op, RNNP_JOIN(tall_ahead, RNNP_SUFFIX), RNNP_BLOCK_L1)

#define STEP_LOOP(op, name, G, LANE_VECTORS, MR, P, LAST_GATE, HR, gates, AHEAD, SLICES)                  \
    enum { nv_##name = (G) * (LANE_VECTORS) / (SLICES), last_##name = (LAST_GATE) * (LANE_VECTORS) };     \
    FEW(few_x_##name, P, nv_##name, 0)                                                                    \
    FEW(few_h_##name, P, nv_##name, last_##name)                                                          \
    PANEL(panel_x_##name, MR, nv_##name, 0, AHEAD)                                                        \
    PANEL(panel_h_##name, MR, nv_##name, last_##name, AHEAD)                                              \
    static void name(const rnnp_step_args *s, size_t block)                                          \
    {                                                                                                     \
        const size_t lanes = (LANE_VECTORS) * VL, nr = (G) * lanes;                                       \
        const float *h = HR ? s->hr : s->h;                                                               \
        size_t ldh = HR ? s->ldhr : s->ldh;                                                               \
        size_t group = rnnp_step_group(block, nr, s->rows, s->panel_end - s->panel_begin);                \
        for (size_t i = 0, all = s->panel_end - s->panel_begin; i < all; i += group) {                    \
            size_t panels = all - i < group ? all - i : group, ld = panels * nr;                          \
            size_t p = s->reverse ? s->panel_end - i - panels : s->panel_begin + i;                       \
            float *out = s->scratch, *xout = LAST_GATE > 0 ? s->scratch + s->rows * ld : out;             \
            const float *z = s->z + p * nr, *wh = s->wh + p * nr * s->hidden;                             \
            const float *wx = s->x ? s->wx + p * nr * s->input : NULL;                                    \
            const float *last = LAST_GATE > 0 ? s->zh + p * lanes : NULL;                                 \
            size_t ldz = s->ldz;                                                                          \
            if (IS_FEW(s->rows, nv_##name)) {                                                             \
                const size_t all_slices = panels * (SLICES);                                              \
                if (s->x)                                                                                 \
                    few_x_##name(s->rows, all_slices, s->input, s->x, s->ldx, wx, z, ldz, NULL, xout, ld, s->reverse); \
                few_h_##name(s->rows, all_slices, s->hidden, h, ldh, wh, s->x ? xout : z, s->x ? ld : ldz, last, out, ld, \
                             s->reverse);                                                                 \
            } else {                                                                                      \
                const size_t slices = panels * (SLICES), nc = nr / (SLICES);                              \
                for (size_t walked = 0; walked < slices; walked++) {                                      \
                    size_t q = s->reverse ? slices - 1 - walked : walked;                                 \
                    const float *zq = z + q * nc, *lastq = LAST_GATE > 0 ? last + q * lanes : NULL;       \
                    if (s->x)                                                                             \
                        panel_x_##name(s->rows, s->input, s->x, s->ldx, wx + q * nc * s->input, zq, ldz,  \
                                       NULL, xout + q * nc, ld);                                          \
                    panel_h_##name(s->rows, s->hidden, h, ldh, wh + q * nc * s->hidden,                   \
                                   s->x ? xout + q * nc : zq, s->x ? ld : ldz, lastq, out + q * nc, ld);  \
                }                                                                                         \
            }                                                                                             \
            rnnp_gates_args g = step_gates(s, lanes, p, p + panels);                                      \
            g.z = out;                                                                                    \
            g.ldz = ld;                                                                                   \
            g.zx = (s->x ? xout : z) + 2 * lanes;                                                         \
            g.ldzx = s->x ? ld : ldz;                                                                     \
            g.zx_step = nr;                                                                               \
            gates(&g);                                                                                    \
        }                                                                                                 \
    }

#define STEP_VARIANT(op, name, variant, block)                                                            \
    rnnp_##op##_fn RNNP_JOIN(rnnp_##op, variant);                                                         \
    void RNNP_JOIN(rnnp_##op, variant)(const rnnp_step_args *s) { name(s, block); }
