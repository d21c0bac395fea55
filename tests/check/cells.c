/* SPDX-License-Identifier: Apache-2.0
 *
 * Gates and steps of all cells. One problem serves both: a step is the gates on chains over x and h. Panels
 * asked for cover the units [first, end); what lies outside them must keep its value.
 */
#include "check.h"
#include "kernels/cells.h"

#include "rnnpack/rnnpack.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct cell {
    const rnnp_part *part;
    int step; /* 0: gates op */
    size_t gates, rows, hidden, input, first, end;
    int panels_per_lanes; /* gates: log2 of the panel's width over the least one */
    int zx_inside;        /* GRU gates: zx lies in rows of z's layout */
    size_t skip;          /* gates: z begins this many eighths of the way to the first panel */
    int one_z, one_zx;    /* ldz == 0, ldzx == 0 */
    int in_place;         /* gates: y == h */
    int has_x, backwards; /* steps */
    size_t ldx, ldh, ldrh, ld_state, ldy, z_pad;
    rnnp_gate_spec spec;
    float *z, *zx, *zh; /* [rows or 1][gate][unit], [rows or 1][unit], [unit] */
    weights wx, wh;
    float *x, *h, *rh, *state, *peephole; /* rh: r h, which some chains run over */
} cell;

/* Whether y is the cell's h. */
static int is_last(const cell *p) { return p->part->state != RNNP_STATE_WRITTEN; }

float *filled(arena *a, rng *r, size_t n, inputs kind_of_inputs, float scale, size_t every)
{
    float *p = arena_floats(a, n);
    fill(r, p, n, kind_of_inputs, scale, every);
    return p;
}

rnnp_gate_spec random_gates(rng *r, arena *a, const struct rnnp_part *of, size_t others, size_t hidden, inputs kind,
                            float **peephole)
{
    const rnnp_cell_traits *traits = rnnp_cell_of(of->cell);
    rnnp_gate_spec spec = {.math = (int)rng_in(r, RNNP_MATH_U35, RNNP_MATH_FAST), .plain = !rng_one_in(r, others)};
    if (spec.plain) return spec;
    for (int i = 0; i < 3; i++) spec.act[i] = random_act(r);
    if (rng_one_in(r, 2)) spec.clip = rng_uniform(r, 0.1f, 4);
    spec.input_forget = traits->coupled && rng_one_in(r, 3);
    if (traits->peepholes && rng_one_in(r, 2))
        *peephole = filled(a, r, traits->peepholes * hidden, kind, 1, traits->peepholes * hidden);
    return spec;
}

void gates_text(const rnnp_gate_spec *spec, const float *peephole, char text[DESCRIPTION])
{
    char acts[32] = "plain";
    if (!spec->plain)
        snprintf(acts, sizeof acts, "acts%d.%d.%d", (int)spec->act[0].kind, (int)spec->act[1].kind,
                 (int)spec->act[2].kind);
    snprintf(text, DESCRIPTION, "%s%s%s%s-math%d", acts, spec->clip > 0 ? "-clip" : "",
             spec->input_forget ? "-coupled" : "", peephole ? "-peep" : "", spec->math);
}

static cell *cell_prepare(kernel_kind of, int step, arena *a, rng *r)
{
    cell *p = arena_take(a, sizeof *p);
    const rnnp_variant *shape = step ? any_variant(of, r) : NULL;
    *p = (cell){.part = rnnp_cell_part_of(of.op), .step = step, .gates = rnnp_op_gates(of.op)};
    p->rows = rng_or(r, 0, rng_one_in(r, 3) ? 1 : step ? rng_in(r, 1, 2 * shape->traits.mr + 3U) : rng_in(r, 1, 9));
    p->hidden = rng_or(r, 1, rng_size(r, step ? shape->traits.panels.lanes : 16, 5));
    p->input = step ? rng_size(r, 16, 4) : 0;
    p->has_x = step && rng_in(r, 0, 2) > 0;
    p->backwards = rng_one_in(r, 2);
    p->first = rng_one_in(r, 2) ? 0 : rng_in(r, 0, p->hidden - 1);
    p->end = rng_one_in(r, 2) ? p->hidden : rng_in(r, p->first + 1, p->hidden);
    p->panels_per_lanes = (int)rng_in(r, 0, 2);
    p->skip = rng_in(r, 0, 8);
    p->zx_inside = rng_one_in(r, 2);
    p->one_z = step && rng_one_in(r, 2);
    p->one_zx = rng_one_in(r, 3);
    p->ldx = p->input + rng_in(r, 0, 3);
    p->ldh = p->hidden + rng_in(r, 0, 3);
    p->ldrh = p->hidden + rng_in(r, 0, 3);
    p->ld_state = p->hidden + rng_in(r, 0, 3);
    p->in_place = !step && is_last(p) && p->part->blends && rng_one_in(r, 3);
    p->ldy = p->in_place ? p->ldh : p->hidden + rng_in(r, 0, 3);
    p->z_pad = rng_in(r, 0, 3);

    const inputs k = rng_inputs(r);
    const size_t H = p->hidden, G = p->gates, R = p->rows, state = R * H;
    const size_t every = step ? 1 + H * R / 2 : 6;
    p->z = filled(a, r, (p->one_z ? 1 : R) * G * H, k, 2, step ? 1 + H * G : 6);
    p->zx = filled(a, r, (p->one_zx ? 1 : R) * H, k, 1, 6);
    p->zh = filled(a, r, H, k, 1, H);
    p->h = filled(a, r, state, k, 1, every);
    p->rh = filled(a, r, state, k, 1, every);
    p->state = filled(a, r, state, k, p->part->state == RNNP_STATE_UPDATED ? 2 : 1, 6);
    if (step) {
        p->x = filled(a, r, R * p->input, k, 1, 1 + R * p->input / 2);
        float *wx = filled(a, r, G * H * p->input, k, 1 / sqrtf((float)p->input), G * H * p->input);
        float *wh = filled(a, r, G * H * H, k, 1 / sqrtf((float)H), G * H * H);
        p->wx = make_weights(of.format, a, r, wx, G, H, p->input, 0);
        p->wh = make_weights(of.format, a, r, wh, G, H, H, 0);
    }

    p->spec = random_gates(r, a, p->part, 3, H, k, &p->peephole);
    return p;
}

static int writes_state(const cell *p)
{
    return p->part->state == RNNP_STATE_UPDATED || p->part->state == RNNP_STATE_WRITTEN;
}

static void *gates_prepare(kernel_kind of, arena *a, rng *r) { return cell_prepare(of, 0, a, r); }

static void *step_prepare(kernel_kind of, arena *a, rng *r) { return cell_prepare(of, 1, a, r); }

static void cell_describe(const void *problem, char text[DESCRIPTION])
{
    const cell *p = problem;
    char from[32] = "", window[48] = "", spec[DESCRIPTION];
    gates_text(&p->spec, p->peephole, spec);
    if (p->step) snprintf(from, sizeof from, "-%s%zu%s", p->has_x ? "x" : "nox", p->input, p->one_z ? "-bias" : "");
    if (p->first > 0 || p->end < p->hidden) snprintf(window, sizeof window, "-units%zu..%zu", p->first, p->end);
    snprintf(text, DESCRIPTION, "rows%zu-h%zu%s%s-%.60s", p->rows, p->hidden, from, window, spec);
}

/* ---- Calls ---- */

/* [rows][gate][unit] into [rows][panel][gate][lane], panels from `panel` on, row stride ld; units beyond hidden are
 * NaN. */
static float *panel_order(arena *a, const float *from, size_t rows, size_t gates, size_t units, size_t lanes,
                          size_t panel, size_t ld)
{
    const size_t cols = (units + lanes - 1) / lanes * lanes - panel * lanes;
    float *to = arena_floats(a, rows * ld);
    for (size_t i = 0; i < rows * ld; i++) to[i] = NAN;
    for (size_t r = 0; r < rows; r++)
        for (size_t g = 0; g < gates; g++)
            for (size_t c = 0; c < cols; c++) {
                const size_t unit = panel * lanes + c;
                if (unit < units)
                    to[r * ld + (c / lanes * gates + g) * lanes + c % lanes] = from[(r * gates + g) * units + unit];
            }
    return to;
}

static void place_step(const cell *p, const rnnp_variant *variant, int whole, arena *a, memory *m, rnnp_step_args *s)
{
    const rnnp_panels *panels = &variant->traits.panels;
    const size_t H = p->hidden, lanes = panels->lanes, units = rnnp_panels_count(panels, H) * lanes;
    s->input = p->input;
    s->reverse = p->backwards && !whole;
    s->wh = packed_weights(m, a, panels, &p->wh);
    if (p->has_x) {
        s->wx = packed_weights(m, a, panels, &p->wx);
        s->x = memory_matrix(m, INPUT, p->x, p->rows, p->input, p->ldx);
        s->ldx = p->ldx;
    }
    if (p->part->own_start) s->zh = memory_floats(m, INPUT, panel_order(a, p->zh, 1, 1, H, lanes, 0, units), units);
    if (p->part->chain != RNNP_CHAIN_H) {
        s->chain = memory_matrix(m, INPUT, p->rh, p->rows, H, p->ldrh);
        s->ldchain = p->ldrh;
    }
    s->scratch = memory_scratch(m, rnnp_step_scratch(&variant->traits, p->rows, H, p->has_x ? p->input : 0));
}

/* zx in the place of the last gate, or in panels of its own. */
static void place_zx(const cell *p, arena *a, memory *m, size_t panels, rnnp_gates_args *g)
{
    const size_t gates = p->zx_inside ? p->gates : 1, cols = panels * gates * g->lanes, rows = p->one_zx ? 1 : p->rows;
    float *plain = arena_floats(a, rows * gates * p->hidden);
    for (size_t r = 0; r < rows; r++)
        memcpy(plain + (r * gates + gates - 1) * p->hidden, p->zx + r * p->hidden, p->hidden * sizeof(float));
    const float *zx = panel_order(a, plain, rows, gates, p->hidden, g->lanes, g->z_panel, cols);
    g->ldzx = p->one_zx ? 0 : cols + p->z_pad;
    g->zx = memory_matrix(m, INPUT, zx, rows, cols, g->ldzx) + (gates - 1) * g->lanes;
    g->zx_step = gates * g->lanes;
}

static const void *cell_place(const void *problem, const rnnp_variant *variant, int whole, arena *a, memory *m)
{
    static const usage uses[] = {
        [RNNP_STATE_UPDATED] = INOUT, [RNNP_STATE_WRITTEN] = OUTPUT, [RNNP_STATE_READ] = INPUT};
    const cell *p = problem;
    const size_t G = p->gates, H = p->hidden, R = p->rows;
    const size_t lanes = p->step ? variant->traits.panels.lanes : least_lanes(variant->isa) << p->panels_per_lanes;
    const size_t begin = whole ? 0 : p->first / lanes, end = ((whole ? H : p->end) + lanes - 1) / lanes;
    const size_t panels = (H + lanes - 1) / lanes, z_panel = p->step ? 0 : begin * p->skip / 8;
    const size_t z_size = (panels - z_panel) * G * lanes, ldz = z_size + p->z_pad, z_rows = p->one_z ? 1 : R;
    const size_t from = begin * lanes, to = end * lanes < H ? end * lanes : H;
    const rnnp_state_use use = p->part->state;
    rnnp_gate_spec *spec = arena_take(a, sizeof *spec);
    *spec = p->spec;
    if (p->peephole) spec->peephole = memory_floats(m, INPUT, p->peephole, rnnp_cell_of(p->part->cell)->peepholes * H);

    const float *z = panel_order(a, p->z, z_rows, G, H, lanes, z_panel, z_size);
    z = memory_matrix(m, INPUT, z, z_rows, z_size, p->one_z ? 0 : ldz);
    float *h = NULL, *y, *state = NULL;
    if (p->part->blends || (p->step && p->part->chain == RNNP_CHAIN_H))
        h = memory_matrix(m, p->in_place ? INOUT : INPUT, p->h, R, H, p->ldh);
    y = p->in_place ? h : memory_matrix(m, OUTPUT, NULL, R, H, p->ldy);
    memory_window(m, from, to);
    if (use) state = memory_matrix(m, uses[use], use == RNNP_STATE_WRITTEN ? NULL : p->state, R, H, p->ld_state);
    if (use) memory_window(m, from, to);
    if (p->step) {
        rnnp_step_args *s = arena_take(a, sizeof *s);
        *s = (rnnp_step_args){R,
                              H,
                              .panel_begin = begin,
                              .panel_end = end,
                              .z = z,
                              .ldz = p->one_z ? 0 : ldz,
                              .chain = h,
                              .ldchain = p->ldh,
                              .h = p->part->blends ? h : NULL,
                              .ldh = p->ldh,
                              .state = {{state, p->ld_state}},
                              .y = y,
                              .ldy = p->ldy,
                              .spec = spec};
        place_step(p, variant, whole, a, m, s);
        return s;
    }
    rnnp_gates_args *g = arena_take(a, sizeof *g);
    *g = (rnnp_gates_args){R,
                           H,
                           lanes,
                           begin,
                           end,
                           .z = z,
                           .ldz = ldz,
                           .z_panel = z_panel,
                           .h = h,
                           .ldh = p->ldh,
                           .state = {{state, p->ld_state}},
                           .y = y,
                           .ldy = p->ldy,
                           .spec = spec};
    if (p->part->own_start) place_zx(p, a, m, panels - z_panel, g);
    return g;
}

/* ---- Oracle ---- */

static ball plain(const cell *p, int which, ball z)
{
    const rnnp_act_spec act = {rnnp_cell_of(p->part->cell)->act[which], 0, 0};
    return ball_act(&act, p->spec.math, z);
}

static ball gate(const cell *p, int which, ball z)
{
    const rnnp_gate_spec *s = &p->spec;
    if (s->plain) return plain(p, which, z);
    if (s->clip > 0 && !isnan(z.e)) z = ball_clip(z, -(double)s->clip, (double)s->clip);
    return ball_act(&s->act[which], s->math, z);
}

/* What goes over the output of an LSTM is not clipped. */
static ball output(const cell *p, ball c)
{
    return p->spec.plain ? plain(p, 2, c) : ball_act(&p->spec.act[2], p->spec.math, c);
}

/* (1 - z) n + z h */
static ball blend(ball z, ball n, ball h) { return ball_fma(z, h, ball_fma(ball_neg(z), n, n)); }

/* y, and the new state in *second, of one unit from its pre-activations; zn is the input part of a GRU's n. */
static ball cell_unit(const cell *p, size_t row, size_t unit, const ball *z, ball zn, ball *second)
{
    const size_t at = row * p->hidden + unit;
    const ball h = ball_exact((double)p->h[at]), state = ball_exact((double)p->state[at]), one = ball_exact(1);
    switch ((int)p->part->step) {
    case RNNP_OP_rnn_step: return gate(p, 0, z[0]);
    case RNNP_OP_lstm_step: {
        ball peep[3] = {ball_exact(0), ball_exact(0), ball_exact(0)}, zi = z[0], zo = z[1], zf = z[2];
        for (size_t i = 0; p->peephole && i < 3; i++) peep[i] = ball_exact((double)p->peephole[i * p->hidden + unit]);
        if (p->peephole) {
            zi = ball_fma(peep[0], state, zi);
            zf = ball_fma(peep[2], state, zf);
        }
        const ball i = gate(p, 0, zi);
        const ball f = p->spec.input_forget ? ball_add(one, ball_neg(i)) : gate(p, 0, zf);
        const ball in = p->spec.plain ? ball_sigmoid_tanh(p->spec.math, zi, z[3]) : ball_mul(i, gate(p, 1, z[3]));
        const ball next = ball_fma(f, state, in);
        if (p->peephole) zo = ball_fma(peep[1], next, zo);
        *second = next;
        return p->spec.plain ? ball_sigmoid_tanh(p->spec.math, zo, next) : ball_mul(gate(p, 0, zo), output(p, next));
    }
    case RNNP_OP_gru_step: return blend(gate(p, 0, z[0]), gate(p, 1, ball_fma(gate(p, 0, z[1]), z[2], zn)), h);
    case RNNP_OP_gru_reset_step: *second = gate(p, 0, z[0]); return ball_mul(gate(p, 0, z[1]), h);
    case RNNP_OP_gru_update_step: return blend(state, gate(p, 1, z[0]), h);
    default: return ball_exact(NAN); /* a part without an oracle fails */
    }
}

static void cell_oracle(const void *problem, ball *expected)
{
    const cell *p = problem;
    const size_t G = p->gates, H = p->hidden;
    for (size_t r = 0; r < p->rows; r++)
        for (size_t unit = 0; unit < H; unit++) {
            ball z[RNNP_CELL_GATES], zn = ball_exact((double)p->zx[(p->one_zx ? 0 : r * H) + unit]);
            for (size_t g = 0; g < G; g++) {
                z[g] = ball_exact((double)p->z[(p->one_z ? 0 : r * G * H) + g * H + unit]);
                if (!p->step) continue;
                if (p->has_x) z[g] = ball_product(z[g], p->x + r * p->input, &p->wx, g, unit);
                if (p->part->own_start && g + 1 == G) {
                    zn = z[g];
                    z[g] = ball_exact((double)p->zh[unit]);
                }
                const float *h = p->part->chain == RNNP_CHAIN_H ? p->h : p->rh;
                z[g] = ball_product(z[g], h + r * H, &p->wh, g, unit);
            }
            ball *second = expected + (p->rows + r) * H + unit, unused;
            expected[r * H + unit] = cell_unit(p, r, unit, z, zn, writes_state(p) ? second : &unused);
        }
}

const check_class check_gates = {gates_prepare, cell_describe, cell_place, cell_oracle};
const check_class check_step = {step_prepare, cell_describe, cell_place, cell_oracle};
