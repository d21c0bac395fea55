/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradients: of cells' gates, of activations, of softmax. Oracles are the same formulas on numbers with a bound; that
 * the formulas are the gradients of the forward operators, the tests of training show by differences.
 */
#include "check.h"
#include "kernels/cells.h"

#include "rnnpack/rnnpack.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Gates ---- */

enum { LANES = RNNP_TRAIN_LANES };

/* Matrices of [rows][hidden]; zx has whole panels. */
typedef enum matrix { ZX, H, C, C_PREV, DH, DH_PREV, D_STATE, MATRICES } matrix;

typedef struct gates_back {
    const rnnp_part *part;
    size_t gates, rows, hidden, z_cols, zx_cols, ldz, ld[MATRICES];
    rnnp_gate_spec spec;
    float *z, *m[MATRICES], *peephole, *dp;
} gates_back;

/* Lanes beyond hidden: what the kernel must not use. */
static void spoil(float *p, size_t rows, size_t gates, size_t hidden)
{
    const size_t cols = (hidden + LANES - 1) / LANES * LANES;
    for (size_t r = 0; r < rows; r++)
        for (size_t g = 0; g < gates; g++)
            for (size_t u = hidden; u < cols; u++)
                p[r * cols * gates + (u / LANES * gates + g) * LANES + u % LANES] = NAN;
}

static void *gates_back_prepare(kernel_kind of, arena *a, rng *r)
{
    const rnnp_op op = of.op;
    gates_back *p = arena_take(a, sizeof *p);
    *p = (gates_back){.part = rnnp_cell_part_of(op),
                      .gates = rnnp_op_gates(op),
                      .rows = rng_or(r, 0, rng_one_in(r, 3) ? 1 : rng_in(r, 1, 9))};
    p->hidden = rng_or(r, 1, rng_size(r, LANES, 5));
    p->zx_cols = (p->hidden + LANES - 1) / LANES * LANES;
    p->z_cols = p->gates * p->zx_cols;
    p->ldz = p->z_cols + rng_in(r, 0, 3);
    for (int i = 0; i < MATRICES; i++) p->ld[i] = (i == ZX ? p->zx_cols : p->hidden) + rng_in(r, 0, 3);

    const inputs kind = rng_inputs(r);
    p->z = filled(a, r, p->rows * p->z_cols, kind, 2, 8);
    spoil(p->z, p->rows, p->gates, p->hidden);
    for (int i = 0; i < MATRICES; i++) { /* gradients so small that the results of many calls stay numbers */
        const float scale = r->sizes && i >= DH ? 1e-3f : 1;
        p->m[i] = filled(a, r, p->rows * (i == ZX ? p->zx_cols : p->hidden), kind, scale, 8);
    }
    spoil(p->m[ZX], p->rows, 1, p->hidden);
    p->dp = filled(a, r, 3 * p->hidden, kind, 1, 8);

    p->spec = random_gates(r, a, p->part, 2, p->hidden, kind, &p->peephole);
    return p;
}

static void gates_back_describe(const void *problem, char text[DESCRIPTION])
{
    const gates_back *p = problem;
    char spec[DESCRIPTION];
    gates_text(&p->spec, p->peephole, spec);
    snprintf(text, DESCRIPTION, "rows%zu-h%zu-%.90s", p->rows, p->hidden, spec);
}

/* The gradient by a state goes the other way. */
static const usage d_state_use[] = {
    [RNNP_STATE_UPDATED] = INOUT, [RNNP_STATE_WRITTEN] = INPUT, [RNNP_STATE_READ] = OUTPUT};

static float *given(const gates_back *p, memory *m, matrix which, usage use)
{
    const size_t cols = which == ZX ? p->zx_cols : p->hidden;
    return memory_matrix(m, use, use == OUTPUT ? NULL : p->m[which], p->rows, cols, p->ld[which]);
}

/* The part's z is in z, or in zx where z is another part's. */
static int overwrites_z(const gates_back *p) { return p->part->chain != RNNP_CHAIN_RH; }

static int overwrites_zx(const gates_back *p) { return p->part->chain == RNNP_CHAIN_RH || p->part->own_start; }

static int writes_d_state(const gates_back *p)
{
    return p->part->state == RNNP_STATE_UPDATED || p->part->state == RNNP_STATE_READ;
}

static const void *gates_back_place(const void *problem, const rnnp_variant *variant, int whole, arena *a, memory *m)
{
    const gates_back *p = problem;
    (void)variant, (void)whole;
    const rnnp_state_use use = p->part->state;
    rnnp_gate_spec *spec = arena_take(a, sizeof *spec);
    rnnp_gates_back_args *g = arena_take(a, sizeof *g);
    *spec = p->spec;
    if (p->peephole) spec->peephole = memory_floats(m, INPUT, p->peephole, 3 * p->hidden);
    *g = (rnnp_gates_back_args){.rows = p->rows, .hidden = p->hidden, .spec = spec};
    g->ldz = p->ldz, g->ldzx = p->ld[ZX], g->ldh = p->ld[H], g->lddh = p->ld[DH], g->lddh_prev = p->ld[DH_PREV];
    g->z = memory_matrix(m, overwrites_z(p) ? INOUT : INPUT, p->z, p->rows, p->z_cols, p->ldz);
    g->dh = given(p, m, DH, INPUT);
    if (use == RNNP_STATE_UPDATED) {
        g->state[0] = (rnnp_state){given(p, m, C, INPUT), p->ld[C]};
        g->state_prev[0] = (rnnp_state){given(p, m, C_PREV, INPUT), p->ld[C_PREV]};
    }
    if (overwrites_zx(p)) g->zx = given(p, m, ZX, INOUT);
    if (p->part->blends) {
        g->h = given(p, m, H, INPUT);
        g->dh_prev = given(p, m, DH_PREV, INOUT);
    }
    if (use) g->d_state[0] = (rnnp_state){given(p, m, D_STATE, d_state_use[use]), p->ld[D_STATE]};
    if (p->peephole) g->dp = memory_floats(m, INOUT, p->dp, 3 * p->hidden);
    return g;
}

/* A gate's value y and derivative d. */
typedef struct graded {
    ball y, d;
} graded;

static graded graded_act(const gates_back *p, int which, ball z)
{
    const rnnp_act_spec plain = {rnnp_cell_of(p->part->cell)->act[which], 0, 0};
    const rnnp_act_spec *act = p->spec.plain ? &plain : &p->spec.act[which];
    return (graded){ball_act(act, p->spec.math, z), ball_slope(act, p->spec.math, z)};
}

static graded gate(const gates_back *p, int which, ball z)
{
    const double clip = (double)p->spec.clip;
    if (!(clip > 0) || isnan(z.v) || isnan(z.e)) return graded_act(p, which, z);
    graded g = graded_act(p, which, ball_clip(z, -clip, clip));
    if (z.e > 0 && fabs(fabs(z.v) - clip) <= z.e)
        g.d = ball_unknown();
    else if (fabs(z.v) > clip)
        g.d = ball_exact(0);
    return g;
}

/* Gradients by one unit of one row. */
typedef struct unit_back {
    ball dz[RNNP_CELL_GATES], dzx, dh_prev, d_state, dp[3];
} unit_back;

static void lstm_unit(const gates_back *p, size_t at, size_t unit, const ball *z, unit_back *to)
{
    const ball c = ball_exact((double)p->m[C][at]), c_prev = ball_exact((double)p->m[C_PREV][at]);
    const ball dh = ball_exact((double)p->m[DH][at]);
    ball peep[3] = {{0, 0}, {0, 0}, {0, 0}}, zi = z[0], zo = z[1], zf = z[2],
         dc = ball_exact((double)p->m[D_STATE][at]);
    for (size_t i = 0; p->peephole && i < 3; i++) peep[i] = ball_exact((double)p->peephole[i * p->hidden + unit]);
    if (p->peephole) {
        zi = ball_fma(peep[0], c_prev, zi);
        zo = ball_fma(peep[1], c, zo);
        zf = ball_fma(peep[2], c_prev, zf);
    }
    const graded i = gate(p, 0, zi), o = gate(p, 0, zo), g = gate(p, 1, z[3]), t = graded_act(p, 2, c);
    graded f = gate(p, 0, zf);
    to->dz[1] = ball_mul(ball_mul(dh, t.y), o.d);
    dc = ball_fma(ball_mul(dh, o.y), t.d, dc);
    if (p->peephole) dc = ball_fma(to->dz[1], peep[1], dc);
    ball di = ball_mul(dc, g.y);
    to->dz[2] = ball_mul(ball_mul(dc, c_prev), f.d);
    if (p->spec.input_forget) {
        f.y = ball_add(ball_exact(1), ball_neg(i.y));
        di = ball_fma(ball_neg(dc), c_prev, di);
        to->dz[2] = ball_exact(0);
    }
    to->dz[0] = ball_mul(di, i.d);
    to->dz[3] = ball_mul(ball_mul(dc, i.y), g.d);
    to->d_state = ball_mul(dc, f.y);
    if (!p->peephole) return;
    to->d_state = ball_fma(to->dz[0], peep[0], to->d_state);
    to->dp[0] = ball_fma(to->dz[0], c_prev, to->dp[0]);
    to->dp[1] = ball_fma(to->dz[1], c, to->dp[1]);
    if (p->spec.input_forget) return;
    to->d_state = ball_fma(to->dz[2], peep[2], to->d_state);
    to->dp[2] = ball_fma(to->dz[2], c_prev, to->dp[2]);
}

/* GRU: u and r are the gates of the first part, n the last gate. */
static ball gru_new(const gates_back *p, size_t at, const ball *z, graded n, unit_back *to)
{
    const ball h = ball_exact((double)p->m[H][at]), dh = ball_exact((double)p->m[DH][at]);
    const graded u = gate(p, 0, z[0]);
    to->dh_prev = ball_fma(dh, u.y, to->dh_prev);
    to->dzx = ball_mul(ball_mul(dh, ball_add(ball_exact(1), ball_neg(u.y))), n.d);
    return ball_mul(dh, ball_add(h, ball_neg(n.y)));
}

static void gru_unit(const gates_back *p, size_t at, const ball *z, ball zx, unit_back *to)
{
    const graded r = gate(p, 0, z[1]);
    const ball du = gru_new(p, at, z, gate(p, 1, ball_fma(r.y, z[2], zx)), to);
    to->dz[0] = ball_mul(du, gate(p, 0, z[0]).d);
    to->dz[1] = ball_mul(ball_mul(to->dzx, z[2]), r.d);
    to->dz[2] = ball_mul(to->dzx, r.y);
}

static void gru_reset_unit(const gates_back *p, size_t at, const ball *z, unit_back *to)
{
    const ball h = ball_exact((double)p->m[H][at]), dh = ball_exact((double)p->m[DH][at]);
    const graded r = gate(p, 0, z[1]);
    to->dh_prev = ball_fma(dh, r.y, to->dh_prev);
    to->dz[0] = ball_mul(ball_exact((double)p->m[D_STATE][at]), gate(p, 0, z[0]).d);
    to->dz[1] = ball_mul(ball_mul(dh, h), r.d);
}

static void unit_of(const gates_back *p, size_t at, size_t unit, const ball *z, ball zx, unit_back *to)
{
    switch ((int)p->part->back_op) {
    case RNNP_OP_rnn_gates_back_f32: to->dz[0] = ball_mul(ball_exact((double)p->m[DH][at]), gate(p, 0, z[0]).d); return;
    case RNNP_OP_lstm_gates_back_f32: lstm_unit(p, at, unit, z, to); return;
    case RNNP_OP_gru_gates_back_f32: gru_unit(p, at, z, zx, to); return;
    case RNNP_OP_gru_reset_gates_back_f32: gru_reset_unit(p, at, z, to); return;
    case RNNP_OP_gru_update_gates_back_f32: to->d_state = gru_new(p, at, z, gate(p, 1, zx), to); return;
    default: to->dz[0] = to->d_state = to->dzx = ball_exact(NAN); /* a part without an oracle fails */
    }
}

static void gates_back_oracle(const void *problem, ball *expected)
{
    const gates_back *p = problem;
    const size_t R = p->rows, n = R * p->hidden, cols = p->zx_cols;
    const int has_dz = overwrites_z(p), has_dzx = overwrites_zx(p), blends = p->part->blends;
    ball *dz = expected, *dzx = dz + (has_dz ? R * p->z_cols : 0), *dh_prev = dzx + (has_dzx ? R * cols : 0);
    ball *d_state = dh_prev + (blends ? n : 0), *dp = d_state + (writes_d_state(p) ? n : 0);
    for (size_t i = 0; has_dz && i < R * p->z_cols; i++) dz[i] = (ball){0, BITS};
    for (size_t i = 0; has_dzx && i < R * cols; i++) dzx[i] = (ball){0, BITS};
    for (size_t i = 0; p->peephole && i < 3 * p->hidden; i++) dp[i] = ball_exact((double)p->dp[i]);
    for (size_t r = 0; r < R; r++)
        for (size_t u = 0; u < p->hidden; u++) {
            const size_t at = r * p->hidden + u, first = r * p->z_cols + u / LANES * p->gates * LANES + u % LANES;
            ball z[RNNP_CELL_GATES];
            unit_back to = {.dh_prev = ball_exact((double)p->m[DH_PREV][at])};
            for (size_t g = 0; g < p->gates; g++) z[g] = ball_exact((double)p->z[first + g * LANES]);
            for (size_t i = 0; p->peephole && i < 3; i++) to.dp[i] = dp[i * p->hidden + u];
            unit_of(p, at, u, z, ball_exact((double)p->m[ZX][r * cols + u]), &to);
            for (size_t g = 0; has_dz && g < p->gates; g++) dz[first + g * LANES] = to.dz[g];
            if (has_dzx) dzx[r * cols + u] = to.dzx;
            if (blends) dh_prev[at] = to.dh_prev;
            if (writes_d_state(p)) d_state[at] = to.d_state;
            for (size_t i = 0; p->peephole && i < 3; i++) dp[i * p->hidden + u] = to.dp[i];
        }
}

const check_class check_gates_back = {gates_back_prepare, gates_back_describe, gates_back_place, gates_back_oracle};

/* ---- Activations ---- */

typedef struct act_back {
    size_t n;
    int in_place, math;
    rnnp_act_spec act;
    float *x, *dy;
} act_back;

static void *act_back_prepare(kernel_kind of, arena *a, rng *r)
{
    const rnnp_op op = of.op;
    act_back *p = arena_take(a, sizeof *p);
    (void)op;
    *p = (act_back){.n = rng_or(r, 0, rng_one_in(r, 16) ? 0 : rng_in(r, 1, 260)),
                    .in_place = rng_one_in(r, 3),
                    .math = (int)rng_in(r, RNNP_MATH_U35, RNNP_MATH_FAST),
                    .act = random_act(r)};
    p->x = filled(a, r, p->n, rng_inputs(r), 2, 8);
    p->dy = filled(a, r, p->n, rng_inputs(r), 1, 8);
    /* on the kinks that parameters move, exactly where these are powers of two */
    if (rng_one_in(r, 2)) p->act.alpha = 0.25f, p->act.beta = 0.5f;
    const float kink[] = {p->act.alpha, -p->act.beta / p->act.alpha, (1 - p->act.beta) / p->act.alpha};
    for (size_t i = 0; i < p->n; i++)
        if (rng_one_in(r, 8)) p->x[i] = kink[rng_in(r, 0, 2)];
    return p;
}

static void act_back_describe(const void *problem, char text[DESCRIPTION])
{
    const act_back *p = problem;
    snprintf(text, DESCRIPTION, "n%zu-act%d-math%d%s", p->n, (int)p->act.kind, p->math, p->in_place ? "-in-place" : "");
}

static const void *act_back_place(const void *problem, const rnnp_variant *variant, int whole, arena *a, memory *m)
{
    const act_back *p = problem;
    (void)variant, (void)whole;
    rnnp_act_back_args *args = arena_take(a, sizeof *args);
    const float *x = memory_floats(m, INPUT, p->x, p->n);
    float *dy = memory_floats(m, p->in_place ? INOUT : INPUT, p->dy, p->n);
    float *dx = p->in_place ? dy : memory_floats(m, OUTPUT, NULL, p->n);
    *args = (rnnp_act_back_args){x, dy, dx, p->n, p->act, p->math};
    return args;
}

static void act_back_oracle(const void *problem, ball *expected)
{
    const act_back *p = problem;
    for (size_t i = 0; i < p->n; i++)
        expected[i] = ball_mul(ball_exact((double)p->dy[i]), ball_slope(&p->act, p->math, ball_exact((double)p->x[i])));
}

const check_class check_act_back = {act_back_prepare, act_back_describe, act_back_place, act_back_oracle};

/* ---- Softmax and log-softmax ---- */

typedef struct row_back {
    rnnp_op op;
    size_t rows, cols, ldy, lddy, lddx;
    int in_place;
    float *y, *dy;
} row_back;

enum { MOST_COLS = 16 * 12 + 80 };

static void *row_back_prepare(kernel_kind of, arena *a, rng *r)
{
    const rnnp_op op = of.op;
    row_back *p = arena_take(a, sizeof *p);
    *p = (row_back){.op = op,
                    .rows = rng_or(r, 0, rng_in(r, 1, 5)),
                    .cols = rng_or(r, 1, rng_size(r, 16, 12)),
                    .in_place = rng_one_in(r, 3)};
    p->ldy = p->cols + rng_in(r, 0, 5);
    p->lddy = p->cols + rng_in(r, 0, 5);
    p->lddx = p->in_place ? p->lddy : p->cols + rng_in(r, 0, 5);
    p->y = filled(a, r, p->rows * p->cols, rng_inputs(r), 1, 8);
    p->dy = filled(a, r, p->rows * p->cols, rng_inputs(r), 1, 8);
    return p;
}

static void row_back_describe(const void *problem, char text[DESCRIPTION])
{
    const row_back *p = problem;
    snprintf(text, DESCRIPTION, "rows%zu-cols%zu%s", p->rows, p->cols, p->in_place ? "-in-place" : "");
}

static const void *row_back_place(const void *problem, const rnnp_variant *variant, int whole, arena *a, memory *m)
{
    const row_back *p = problem;
    (void)variant, (void)whole;
    rnnp_row_back_args *args = arena_take(a, sizeof *args);
    const float *y = memory_matrix(m, INPUT, p->y, p->rows, p->cols, p->ldy);
    float *dy = memory_matrix(m, p->in_place ? INOUT : INPUT, p->dy, p->rows, p->cols, p->lddy);
    float *dx = p->in_place ? dy : memory_matrix(m, OUTPUT, NULL, p->rows, p->cols, p->lddx);
    *args = (rnnp_row_back_args){y, dy, dx, p->rows, p->cols, p->ldy, p->lddy, p->lddx};
    return args;
}

static void row_back_oracle(const void *problem, ball *expected)
{
    const row_back *p = problem;
    const int log_softmax = p->op == RNNP_OP_log_softmax_back_f32;
    for (size_t r = 0; r < p->rows; r++) {
        const float *y = p->y + r * p->cols, *dy = p->dy + r * p->cols;
        ball terms[MOST_COLS];
        for (size_t c = 0; c < p->cols; c++) {
            terms[c] = ball_exact((double)dy[c]);
            if (!log_softmax) terms[c] = ball_mul(ball_exact((double)y[c]), terms[c]);
        }
        const ball sum = ball_row_sum(terms, p->cols);
        for (size_t c = 0; c < p->cols; c++) {
            const ball by = ball_exact((double)y[c]), bdy = ball_exact((double)dy[c]);
            expected[r * p->cols + c] = log_softmax ? ball_fma(ball_neg(ball_exp(RNNP_MATH_U35, by)), sum, bdy)
                                                    : ball_mul(by, ball_add(bdy, ball_neg(sum)));
        }
    }
}

const check_class check_row_back = {row_back_prepare, row_back_describe, row_back_place, row_back_oracle};
