/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: packed products and recurrent steps on the tiles of <isa>/tile.h. Contracts in ops.h.
 *
 * The lines of the folder's variants.def (variants.inc.h) are kernels here: RNNP_TILES stamps tiles, RNNP_GEMM and
 * RNNP_STEP define a function.
 *
 * Only tiles are stamped, once per size; loops are short, and share them.
 *
 * A k block of one panel (TILE_BLOCK bytes) stays near while all row tiles pass over it; between blocks the partial
 * sums are stored and reloaded, which keeps each chain. Rows are split evenly into tiles:
 * 16 rows by 6 are 6 + 5 + 5, never 6 + 6 + 4.
 */
#include "variants.inc.h"
#include "dot.inc.h"

/* Rows so few that the chains of one panel cannot keep the FMA ports busy. The two planes of SIGNS take too many
 * registers for more than one, and so does the mask of bf16 where there are 16. */
#define MOST_FEW(product, left) \
    ((int)(left) == RNNP_LEFT_SIGNS || (VL == 8 && (int)(product) == (int)RNNP_PRODUCT_bf16) ? 1 : (int)FEW_ROWS)
#define IS_FEW(rows, NV, most) ((rows) == 1 || ((rows) <= (most) && (rows) * (NV) <= FEW_SUMS))

/* Tiles of either kind: see <isa>/tile.h and dot.inc.h. w is where the panel begins. */
AI void any_tile(const int W, const int M, const int NV, const int LAST, const int AHEAD, size_t depth, const float *a,
                 size_t lda, const char *w, size_t header, size_t ldw, const start *from, float *c, size_t ldc,
                 const ahead *next)
{
    if (w_is_quantised(W))
        dots(W, M, 1, NV, LAST, depth, a, lda, w, 0, header, ldw, from, c, ldc);
    else
        tile(W, M, NV, LAST, AHEAD, depth, a, lda, w, ldw, from, c, ldc, next);
}
AI void any_few(const int W, const int M, const int P, const int NV, const int LAST, size_t depth, const float *a,
                size_t lda, const char *w, const start *from, float *c, size_t ldc)
{
    const size_t step = w_panel(W, NV, depth);
    if (w_is_quantised(W))
        dots(W, M, P, NV, LAST, depth, a, lda, w, step, w_header(W, NV), (size_t)NV * w_bytes(W), from, c, ldc);
    else
        few(W, M, P, NV, LAST, depth, a, lda, w, step, from, c, ldc);
}

/* Members of `start` one by one: a structure that was just written goes through memory, and costs more than a small
 * tile. */
typedef void panel_fn(size_t rows, size_t depth, const float *a, size_t lda, const char *w, const float *c0,
                      size_t ldc0, const float *last, size_t ld_last, float *c, size_t ldc, const char *next);
typedef void few_fn(size_t rows, size_t panels, size_t depth, const float *a, size_t lda, const char *w,
                    const float *c0, size_t ldc0, const float *last, size_t ld_last, size_t panel_last, float *c,
                    size_t ldc, int reverse);

/* Rows to rows of quantise.inc.h. */
typedef void quantise_fn(size_t rows, size_t depth, const float *x, size_t ldx, float *to, size_t ld_to);

typedef struct tiles {
    size_t nv, last; /* vectors of a panel's rows; those at the end that may begin elsewhere */
    panel_fn *panel; /* one panel for any number of rows that is not few. If `next` is not NULL, the tiles of a block
                      * bring the next block into L2, at last the one at next: each a part of it, so that weights from
                      * beyond L2 arrive as evenly as they are used. The CPU's own prefetcher does not foresee them */
    few_fn *few;     /* any number of panels for few rows, P of them at once for one row and two for more; panel p's
                      * results at c + p * NV * VL. Downwards when reverse is set */
    quantise_fn *quantise; /* NULL: rows are read as they are */
    size_t most_few, once; /* rows that `few` takes, and P */
    rnnp_format format;
    size_t group, bytes, header; /* of the product: w_group, w_size, and bytes of one column's header */
} tiles;

/* Bytes of a panel with its header. */
AI size_t panel_bytes(const tiles *t, size_t depth)
{
    return rnnp_columns_bytes(t->nv * VL, depth, t->group, t->bytes, t->header);
}

/* All vectors begin in c. */
AI start start_at(const float *c, size_t ld, size_t nv, size_t last)
{
    return (start){c, ld, c + (nv - last) * VL, ld, nv * VL};
}

enum { EDGE_ROWS = 24, STRIP_ROWS = TILE_ROWS < 8 ? (int)TILE_ROWS : 8 };

/* The last panel when n ends inside its first vector (few columns, often of a last layer): the others are passed over.
 * Eight rows are eight chains, enough for the FMA ports. For f32 alone: other formats take the edge's way. */
#define STRIP(M)                                                                                         \
    case M:                                                                                              \
        if (M <= STRIP_ROWS)                                                                             \
            tile(RNNP_PRODUCT_f32, M <= STRIP_ROWS ? M : 1, 1, 0, 0, g->k, g->a + r * g->lda, g->lda, w, \
                 nr * sizeof(float), &from, block, VL, NULL);                                            \
        break;
ONE_COPY void strip(const rnnp_gemm_args *g, size_t nr)
{
    const size_t j = g->n / nr * nr, n = g->n - j, count = (g->m + STRIP_ROWS - 1) / STRIP_ROWS;
    const char *w = (const char *)g->b + j * g->k * sizeof(float);
    size_t r = 0;
    for (size_t t = 0; t < count; t++) {
        float block[STRIP_ROWS * VL];
        const start from = start_at(block, VL, 1, 0);
        const size_t m = g->m / count + (t < g->m % count);
        for (size_t i = 0; i < m; i++)
            n_store(block + i * VL, g->c0 ? n_load_n(g->c0 + (r + i) * g->ldc0 + j, n) : n_set(0.0f));
        switch (m) {
            STRIP(1) STRIP(2) STRIP(3) STRIP(4) STRIP(5) STRIP(6) STRIP(7) STRIP(8) default : break;
        }
        for (size_t i = 0; i < m; i++) n_store_n(g->c + (r + i) * g->ldc + j, n_load(block + i * VL), n);
        r += m;
    }
}

/* What all tiles of a product share. */
#define QUANTISE_OF(W)                                                                                        \
    ONE_COPY __attribute__((unused)) void quantise_##W(size_t rows, size_t depth, const float *x, size_t ldx, \
                                                       float *to, size_t ld_to)                               \
    {                                                                                                         \
        for (size_t r = 0; r < rows; r++) quantise_row(RNNP_PRODUCT_##W, x + r * ldx, depth, to + r * ld_to); \
    }
#define RNNP_PRODUCT(name, format, left, offset) QUANTISE_OF(name)
#include "../products.def"
#undef RNNP_PRODUCT

/* Blocks of TILE_BLOCK bytes, of whole groups of k; sums of whole numbers are not stored between blocks. */
#define DEPTH(W, NV)              \
    (w_is_quantised(W) ? SIZE_MAX \
                       : (size_t)TILE_BLOCK / w_size(W) / ((size_t)(NV)*VL) / (size_t)w_group(W) * (size_t)w_group(W))

/* With up to four rows nobody fetches: weights pass so fast that fetching them costs more than it brings (LSTM with 2
 * and 4 rows took 7 to 25 % longer, GRU 5 to 10 %). From six rows on it pays. */
enum { FETCH_ROWS = 5 };

/* Lines that each of so many tiles fetches in a round, of `all`. */
AI size_t fetched_lines(size_t all, size_t count)
{
    const size_t most = FETCH, some = most && count > most ? most : count;
    return (all + some - 1) / some;
}

#define TILES(W, name, MR, NV, P, LAST)                                                                                \
    _Static_assert((NV) <= TILE_VECTORS && (MR) <= TILE_ROWS && (P) <= FEW_PANELS && (LAST) <= (NV),                   \
                   "tile.h has room");                                                                                 \
    _Static_assert((NV)*VL <= RNNP_MOST_LANES, "the edge has room");                                                   \
    ONE_COPY void panel_##name(size_t rows, size_t depth, const float *a, size_t lda, const char *w, const float *c0,  \
                               size_t ldc0, const float *last, size_t ld_last, float *c, size_t ldc, const char *next) \
    {                                                                                                                  \
        const size_t count = (rows + MR - 1) / MR;                                                                     \
        size_t k = 0;                                                                                                  \
        do {                                                                                                           \
            const size_t most = DEPTH(RNNP_PRODUCT_##W, NV), block = depth - k < most ? depth - k : most;              \
            const size_t bytes = block / (size_t)w_group(RNNP_PRODUCT_##W) * (NV * w_bytes(RNNP_PRODUCT_##W));         \
            const size_t all = NV * w_bytes(RNNP_PRODUCT_##W) * TILE_DEPTH / 64; /* lines of a round */                \
            const size_t some = fetched_lines(all, count), part = some * 64 * (block / TILE_DEPTH);                    \
            const char *const after = k + block < depth ? w + bytes : next;                                            \
            size_t r = 0;                                                                                              \
            for (size_t t = 0; t < count; t++) {                                                                       \
                const size_t m = rows / count + (t < rows % count);                                                    \
                const float *ar = a + r * lda + k;                                                                     \
                const start from = {c0 + r * ldc0, ldc0, LAST > 0 ? last + r * ld_last : NULL, ld_last, 0};            \
                if (FETCH > 0 && RNNP_PRODUCT_##W == RNNP_PRODUCT_f32 && rows >= FETCH_ROWS && next &&                 \
                    t * some < all) {                                                                                  \
                    const ahead fetch = {after + t * part, all - t * some < some ? all - t * some : some};             \
                    EACH_M(RNNP_PRODUCT_##W, MR, m, NV, LAST, 1, block, ar, lda, w, w_header(RNNP_PRODUCT_##W, NV),    \
                           NV *w_bytes(RNNP_PRODUCT_##W), &from, c + r * ldc, ldc, &fetch)                             \
                } else {                                                                                               \
                    EACH_M(RNNP_PRODUCT_##W, MR, m, NV, LAST, 0, block, ar, lda, w, w_header(RNNP_PRODUCT_##W, NV),    \
                           NV *w_bytes(RNNP_PRODUCT_##W), &from, c + r * ldc, ldc, NULL)                               \
                }                                                                                                      \
                r += m;                                                                                                \
            }                                                                                                          \
            k += block;                                                                                                \
            w += bytes;                                                                                                \
            c0 = c;                                                                                                    \
            last = c + (NV - LAST) * VL;                                                                               \
            ldc0 = ld_last = ldc;                                                                                      \
        } while (k < depth);                                                                                           \
    }                                                                                                                  \
    ONE_COPY void few_##name(size_t rows, size_t panels, size_t depth, const float *a, size_t lda, const char *w,      \
                             const float *c0, size_t ldc0, const float *last, size_t ld_last, size_t panel_last,       \
                             float *c, size_t ldc, int reverse)                                                        \
    {                                                                                                                  \
        switch (rows) {                                                                                                \
        case 1: FEW_WALK(RNNP_PRODUCT_##W, 1, P, NV, LAST) break;                                                      \
        case 2:                                                                                                        \
            if (IS_FEW(2, NV, MOST_FEW(RNNP_PRODUCT_##W, RNNP_PRODUCT_LEFT_##W)))                                      \
                FEW_WALK(RNNP_PRODUCT_##W, 2, P < 2 ? P : 2, NV, LAST) break;                                          \
        case 3:                                                                                                        \
            if (IS_FEW(3, NV, MOST_FEW(RNNP_PRODUCT_##W, RNNP_PRODUCT_LEFT_##W)))                                      \
                FEW_WALK(RNNP_PRODUCT_##W, 3, P < 2 ? P : 2, NV, LAST) break;                                          \
        case 4:                                                                                                        \
            if (IS_FEW(4, NV, MOST_FEW(RNNP_PRODUCT_##W, RNNP_PRODUCT_LEFT_##W)))                                      \
                FEW_WALK(RNNP_PRODUCT_##W, 4, P < 2 ? P : 2, NV, LAST) break;                                          \
        default: break;                                                                                                \
        }                                                                                                              \
    }                                                                                                                  \
    static const tiles tiles_##name = {NV,                                                                             \
                                       LAST,                                                                           \
                                       panel_##name,                                                                   \
                                       few_##name,                                                                     \
                                       (int)RNNP_PRODUCT_LEFT_##W == (int)RNNP_LEFT_FLOATS ? NULL : quantise_##W,      \
                                       MOST_FEW(RNNP_PRODUCT_##W, RNNP_PRODUCT_LEFT_##W),                              \
                                       P,                                                                              \
                                       (rnnp_format)RNNP_PRODUCT_FORMAT_##W,                                           \
                                       RNNP_PRODUCT_K_GROUP_##W,                                                       \
                                       RNNP_PRODUCT_BYTES_##W,                                                         \
                                       RNNP_PRODUCT_HEADER_##W};
/* Rows of a tile: all that are not few, and what MR + 1 rows are split into. */
#define IS_TILE(W, MR, M, NV) ((M) <= (MR) && (!IS_FEW(M, NV, MOST_FEW(W, w_traits[W].left)) || 2 * (M) >= (MR)))
/* clang-format off */
#define ONE_M(W, MR, M, NV, ...) \
    case M: if (IS_TILE(W, MR, M, NV)) any_tile(W, IS_TILE(W, MR, M, NV) ? M : 1, NV, __VA_ARGS__); break;
#define EACH_M(W, MR, m, NV, ...) \
    switch (m) { \
        ONE_M(W, MR, 1, NV, __VA_ARGS__) \
        ONE_M(W, MR, 2, NV, __VA_ARGS__)  ONE_M(W, MR, 3, NV, __VA_ARGS__)  ONE_M(W, MR, 4, NV, __VA_ARGS__) \
        ONE_M(W, MR, 5, NV, __VA_ARGS__)  ONE_M(W, MR, 6, NV, __VA_ARGS__)  ONE_M(W, MR, 7, NV, __VA_ARGS__) \
        ONE_M(W, MR, 8, NV, __VA_ARGS__)  ONE_M(W, MR, 9, NV, __VA_ARGS__)  ONE_M(W, MR, 10, NV, __VA_ARGS__) \
        ONE_M(W, MR, 11, NV, __VA_ARGS__) ONE_M(W, MR, 12, NV, __VA_ARGS__) \
    default: break; \
    }
/* clang-format on */
/* P panels at once, and what is left of them at once, too: a chain takes four cycles for each k, alone or beside seven
 * others. */
#define FEW_SOME(W, M, P, N, NV, LAST)                                                                                 \
    case N:                                                                                                            \
        if ((N) <= (P))                                                                                                \
            any_few(W, M, (N) <= (P) ? (N) : 1, NV, LAST, depth, a, lda, w + p * step, &from, c + p * (NV * VL), ldc); \
        break;
#define FEW_WALK(W, M, P, NV, LAST)                                                                         \
    {                                                                                                       \
        const size_t step = w_panel(W, NV, depth), calls = (panels + (P)-1) / (P);                          \
        for (size_t i = 0; i < calls; i++) {                                                                \
            const size_t p = (reverse ? calls - 1 - i : i) * (P), left = panels - p;                        \
            const start from = {c0 + p * (NV * VL), ldc0, LAST > 0 ? last + p * panel_last : NULL, ld_last, \
                                panel_last};                                                                \
            switch (left < (P) ? left : (P)) {                                                              \
                FEW_SOME(W, M, P, 1, NV, LAST)                                                              \
                FEW_SOME(W, M, P, 2, NV, LAST)                                                              \
                FEW_SOME(W, M, P, 3, NV, LAST)                                                              \
                FEW_SOME(W, M, P, 4, NV, LAST)                                                              \
            default: break;                                                                                 \
            }                                                                                               \
        }                                                                                                   \
    }

/* Panels that one call of `multiply` takes. */
AI size_t at_once(const tiles *t, size_t rows, size_t panels) { return IS_FEW(rows, t->nv, t->most_few) ? panels : 1; }

AI void multiply(const tiles *t, size_t rows, size_t panels, size_t depth, const float *a, size_t lda, const char *w,
                 const start *from, float *c, size_t ldc, int reverse, const char *next)
{
    if (IS_FEW(rows, t->nv, t->most_few))
        t->few(rows, panels, depth, a, lda, w, from->c, from->ld, from->last, from->ld_last, from->panel_last, c, ldc,
               reverse);
    else
        t->panel(rows, depth, a, lda, w, from->c, from->ld, from->last, from->ld_last, c, ldc, next);
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
ONE_COPY void edge(const rnnp_gemm_args *g, const tiles *t)
{
    const size_t nr = t->nv * VL, j = g->n / nr * nr, n = g->n - j;
    const char *w = (const char *)g->b + g->n / nr * panel_bytes(t, g->k);
    for (size_t r = 0; r < g->m; r += EDGE_ROWS) {
        float block[EDGE_ROWS * RNNP_MOST_LANES];
        const size_t count = g->m - r < EDGE_ROWS ? g->m - r : EDGE_ROWS;
        const start from = start_at(block, nr, t->nv, t->last);
        memset(block, 0, count * nr * sizeof(float));
        for (size_t i = 0; g->c0 && i < count; i++)
            memcpy(block + i * nr, g->c0 + (r + i) * g->ldc0 + j, n * sizeof(float));
        multiply(t, count, 1, g->k, g->a + r * g->lda, g->lda, w, &from, block, nr, 0, NULL);
        for (size_t i = 0; i < count; i++) memcpy(g->c + (r + i) * g->ldc + j, block + i * nr, n * sizeof(float));
    }
}

/* The next rows of a product, read as the tiles read them. */
ONE_COPY void gemm_rows(const rnnp_gemm_args *g, const tiles *t, int is_ahead)
{
    const size_t nr = t->nv * VL, full = g->n / nr, rows = g->m, panels = at_once(t, rows, full);
    const float *c0 = g->c0;
    size_t ldc0 = g->ldc0;
    if (!c0 && IS_FEW(rows, t->nv, t->most_few)) { /* rows of c are their own start */
        for (size_t r = 0; r < rows; r++) memset(g->c + r * g->ldc, 0, full * nr * sizeof(float));
        c0 = g->c;
        ldc0 = g->ldc;
    }
    for (size_t p = 0; p < full; p += panels) {
        const start from = c0 ? start_at(c0 + p * nr, ldc0, t->nv, t->last) : start_at(zeros, 0, t->nv, t->last);
        const char *w = (const char *)g->b + p * panel_bytes(t, g->k);
        multiply(t, rows, panels, g->k, g->a, g->lda, w, &from, g->c + p * nr, g->ldc, 0,
                 is_ahead ? w + panel_bytes(t, g->k) : NULL);
    }
    if (g->n % nr > VL || (g->n % nr && t->format != RNNP_FORMAT_f32))
        edge(g, t);
    else if (g->n % nr)
        strip(g, nr);
    if (g->act.kind != RNNP_ACT_NONE) RNNP_NAME(activate)(g, g->c, rows);
}

ONE_COPY void gemm(const rnnp_gemm_args *g, const tiles *t, rnnp_left left, int is_ahead)
{
    const size_t quantised = rnnp_quantised_floats(left, g->k);
    const size_t block = t->quantise ? rnnp_quantised_rows(g->m, quantised) : row_block(g->m, g->k);
    for (size_t m0 = 0; m0 < g->m; m0 += block) {
        rnnp_gemm_args rows = *g;
        rows.m = g->m - m0 < block ? g->m - m0 : block;
        rows.a = g->a + m0 * g->lda;
        rows.c0 = g->c0 ? g->c0 + m0 * g->ldc0 : NULL;
        rows.c = g->c + m0 * g->ldc;
        if (t->quantise) {
            t->quantise(rows.m, g->k, rows.a, g->lda, g->scratch, quantised);
            rows.a = g->scratch;
            rows.lda = quantised;
        }
        gemm_rows(&rows, t, is_ahead);
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

/* Panels of which few rows take first x's weights, then h's. As they are walked up in one step and down in the next,
 * that step then finds the last of both in L2. With all of x's weights before all of h's it found none of x's: single
 * steps with weights a little beyond L2 took 1.2 to 1.5 times as long. */
AI size_t in_turn(const tiles *t, size_t rows, size_t x_panel)
{
    enum { NEAR_BYTES = 65536 };
    const size_t once = rows > 1 && t->once > 2 ? 2 : t->once, fit = NEAR_BYTES / x_panel / once * once;
    return fit > once ? fit : once;
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
AI void step(const rnnp_step_args *s, const tiles *t, const rnnp_left left, rnnp_lstm_gates_f32_fn *act, size_t lanes,
             size_t slices, size_t how)
{
    const size_t nc = t->nv * VL, nr = nc * slices, block = how >> 1;
    const int is_ahead = how & STEP_AHEAD;
    const size_t all = s->panel_end - s->panel_begin;
    const size_t group = rnnp_step_group(block, nr, s->rows, all);
    const size_t h_slice = panel_bytes(t, s->hidden), x_slice = s->x ? panel_bytes(t, s->input) : 0;
    const float *x = s->x, *chain = s->chain;
    float *scratch = s->scratch;
    size_t ldx = s->ldx, ldchain = s->ldchain;
    if (t->quantise) { /* once for all panels */
        ldchain = rnnp_quantised_floats(left, s->hidden);
        t->quantise(s->rows, s->hidden, chain, s->ldchain, scratch, ldchain);
        chain = scratch;
        scratch += s->rows * ldchain;
    }
    if (t->quantise && x) {
        ldx = rnnp_quantised_floats(left, s->input);
        t->quantise(s->rows, s->input, x, s->ldx, scratch, ldx);
        x = scratch;
        scratch += s->rows * ldx;
    }
    for (size_t i = 0; i < all; i += group) {
        const size_t panels = all - i < group ? all - i : group, ld = panels * nr;
        const size_t p = s->reverse ? s->panel_end - i - panels : s->panel_begin + i;
        /* where the last gate's recurrent chain begins elsewhere (at zh: GRU, reset after), its input part is kept */
        float *out = scratch, *xout = t->last > 0 ? scratch + s->rows * ld : out;
        const float *z = s->z + p * nr, *zh = t->last > 0 ? s->zh + p * lanes : NULL;
        const char *wh = (const char *)s->wh + p * slices * h_slice, *wx = (const char *)s->wx + p * slices * x_slice;
        const size_t units = panels * slices, at_most = at_once(t, s->rows, units),
                     most = x && at_most > 1 ? in_turn(t, s->rows, x_slice) : at_most;
        for (size_t walked = 0, some; walked < units; walked += some) {
            some = units - walked < most ? units - walked : most;
            const size_t q = s->reverse ? units - some - walked : walked;
            const char *const wxq = wx + q * x_slice, *const whq = wh + q * h_slice;
            const int is_last = i + group >= all && walked + some >= units; /* the next step begins with it */
            const size_t slice = is_last ? 0 : x ? x_slice : h_slice;
            const char *const next = (x ? wxq : whq) + (s->reverse ? -(ptrdiff_t)slice : (ptrdiff_t)slice);
            start from = start_at(z + q * nc, s->ldz, t->nv, t->last);
            if (x) {
                multiply(t, s->rows, some, s->input, x, ldx, wxq, &from, xout + q * nc, ld, s->reverse,
                         is_ahead ? whq : NULL);
                from = start_at(xout + q * nc, ld, t->nv, t->last);
            }
            if (zh) {
                from.last = zh + q * lanes;
                from.ld_last = 0;
                from.panel_last = lanes;
            }
            multiply(t, s->rows, some, s->hidden, chain, ldchain, whq, &from, out + q * nc, ld, s->reverse,
                     is_ahead ? next : NULL);
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
#define STEP_OF(W, tiles)                                                                                    \
    ONE_COPY __attribute__((unused)) void step_##tiles(const rnnp_step_args *s, rnnp_lstm_gates_f32_fn *act, \
                                                       size_t lanes, size_t slices, size_t how)              \
    {                                                                                                        \
        step(s, &tiles_##tiles, (rnnp_left)RNNP_PRODUCT_LEFT_##W, act, lanes, slices, how);                  \
    }

/* ---- The lines ---- */

#define RNNP_TILES(product, rows, columns, panels, last)                                           \
    _Static_assert((columns) % VL == 0 && (last) % VL == 0, "columns of tiles are whole vectors"); \
    TILES(product, product##_##rows##x##columns, rows, (columns) / VL, panels, (last) / VL)        \
    STEP_OF(product, product##_##rows##x##columns)
#define RNNP_GEMM(product, variant, of_tiles, home, needs)                             \
    rnnp_gemm_fn RNNP_NAME(gemm_##product##_##variant);                                \
    void RNNP_NAME(gemm_##product##_##variant)(const rnnp_gemm_args *g)                \
    {                                                                                  \
        gemm(g, &tiles_##product##_##of_tiles, (rnnp_left)RNNP_PRODUCT_LEFT_##product, \
             RNNP_HOME_##home == RNNP_HOME_MEMORY);                                    \
    }
#define RNNP_STEP(part, product, variant, of_tiles, slices_, block_, home, needs)                                     \
    rnnp_##part##_step_fn RNNP_NAME(part##_step_##product##_##variant);                                               \
    void RNNP_NAME(part##_step_##product##_##variant)(const rnnp_step_args *s)                                        \
    {                                                                                                                 \
        enum {                                                                                                        \
            GATES = RNNP_GATES_##part,                                                                                \
            COLUMNS = (slices_)*RNNP_COLUMNS(product, of_tiles),                                                      \
            UNITS = RNNP_LANES(part, product, of_tiles, slices_)                                                      \
        };                                                                                                            \
        _Static_assert(COLUMNS == UNITS * GATES && GATES % (slices_) == 0, "a slice is whole gates");                 \
        _Static_assert(UNITS % VL == 0 && (UNITS & (UNITS - 1)) == 0, "lanes are whole vectors, a power of two");     \
        _Static_assert(RNNP_LAST(product, of_tiles) == (RNNP_OWN_START_##part ? UNITS : 0), "the last gate's start"); \
        step_##product##_##of_tiles(s, RNNP_NAME(part##_gates_f32), UNITS, slices_,                                   \
                                    RNNP_BLOCK_##block_ << 1 |                                                        \
                                        (RNNP_HOME_##home == RNNP_HOME_MEMORY ? STEP_AHEAD : 0));                     \
    }
#include RNNP_VARIANTS_DEF
#undef RNNP_TILES
#undef RNNP_GEMM
#undef RNNP_STEP

#include "table.inc.h"
