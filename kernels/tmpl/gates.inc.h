/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: the elementwise part of the cells over the wide shim; contract in ops.h, formulas and their
 * errors in docs/explanation/numerics.md. The gates ops, which every step calls at its end. A part of a cell
 * (cells.def) is three bodies: <part>_gates_u35 and _fast are its plain formula, _any has all options.
 *
 * LSTM shares divisions: with sigmoid = N/D and tanh = N/D, the products i g and o tanh(c) take one division
 * each. GRU's blend (1-z) n + z h is exact at both ends: z = 1 holds the state bit for bit.
 */
#ifndef RNNP_GATES_INC_H
#define RNNP_GATES_INC_H

#include "../ops.h"
#include "math.inc.h"
#include "rnnpack/rnnpack.h"

/* VU vectors of units in lockstep: along the units of one row, or down the rows of one vector of units.
 * When fewer are left the last one is repeated: it computes and stores the same values again. */
typedef struct items {
    size_t row[VU], unit[VU], n[VU];
    const float *z[VU];
} items;

AI items items_at(const rnnp_gates_args *a, size_t gates, size_t row, size_t row_step, size_t unit, size_t unit_step,
                  size_t count)
{
    items it;
    for (size_t j = 0; j < VU; j++) {
        size_t k = j < count ? j : count - 1;
        size_t u = unit + k * unit_step, lane = u & (a->lanes - 1), left = a->hidden - u;
        it.row[j] = row + k * row_step;
        it.unit[j] = u;
        it.n[j] = left < VL ? left : VL;
        it.z[j] = a->z + it.row[j] * a->ldz + (u - lane - a->z_panel * a->lanes) * gates + lane;
    }
    return it;
}
AI vf items_z(const items *it, size_t offset) { EACH(vf, n_load(it->z[j] + offset)); }
AI vf items_load(const items *it, const float *p, size_t ld) /* [row][hidden] */
{
    EACH(vf, n_load_n(p + it->row[j] * ld + it->unit[j], it->n[j]));
}
AI vf items_units(const items *it, const float *p) { EACH(vf, n_load_n(p + it->unit[j], it->n[j])); }
AI void items_store(const items *it, float *p, size_t ld, vf v)
{
    for (int j = 0; j < VU; j++) {
        float *to = p + it->row[j] * ld + it->unit[j];
        if (it->n[j] == VL)
            n_store(to, v.v[j]);
        else
            n_store_n(to, v.v[j], it->n[j]);
    }
}

/* Runs body(args, &items) over all rows and units of the gates a. Lanes are a power of two. */
#define FOR_ITEMS(a, gates, body, args)                                                 \
    do {                                                                                \
        size_t u0 = (a)->panel_begin * (a)->lanes, end = (a)->panel_end * (a)->lanes;   \
        size_t vectors = ((end < (a)->hidden ? end : (a)->hidden) - u0 + VL - 1) / VL;  \
        int down = (a)->rows >= VU;                                                     \
        size_t outer = down ? vectors : (a)->rows, inner = down ? (a)->rows : vectors;  \
        for (size_t o = 0; o < outer; o++)                                              \
            for (size_t i = 0; i < inner; i += VU) {                                    \
                items it = down ? items_at(a, gates, i, 1, u0 + o * VL, 0, inner - i)   \
                                : items_at(a, gates, o, 0, u0 + i * VL, VL, inner - i); \
                body(args, &it);                                                        \
            }                                                                           \
    } while (0)

AI vf tanh_class(int math, vf x)
{
    return math == RNNP_MATH_U35 ? tanh_u35(x) : math == RNNP_MATH_U10 ? tanh_u10(x) : tanh_fast(x);
}
AI vf sigmoid_class(int math, vf x)
{
    return math == RNNP_MATH_U35 ? sigmoid_u35(x) : math == RNNP_MATH_U10 ? sigmoid_u10(x) : sigmoid_fast(x);
}
/* Any activation. Not inlined: cells other than the plain ones call it up to five times. */
static __attribute__((noinline, unused)) vf gate_act(const rnnp_act_spec *act, int math, vf x)
{
    vf alpha = vf_set(act->alpha), beta = vf_set(act->beta);
    switch (act->kind) {
    case RNNP_ACT_TANH: return tanh_class(math, x);
    case RNNP_ACT_SIGMOID: return sigmoid_class(math, x);
    case RNNP_ACT_SCALED_TANH: return vf_mul(alpha, tanh_class(math, vf_mul(beta, x)));
    case RNNP_ACT_RELU: return relu_f32(x);
    case RNNP_ACT_AFFINE: return affine_f32(x, alpha, beta);
    case RNNP_ACT_LEAKY_RELU: return leaky_relu_f32(x, alpha);
    case RNNP_ACT_THRESHOLDED_RELU: return thresholded_relu_f32(x, alpha);
    case RNNP_ACT_HARD_SIGMOID: return hard_sigmoid_f32(x, alpha, beta);
    case RNNP_ACT_ELU: return math == RNNP_MATH_U10 ? elu_u10(x, alpha) : elu_u35(x, alpha);
    case RNNP_ACT_SOFTSIGN: return softsign_f32(x);
    case RNNP_ACT_SOFTPLUS: return math == RNNP_MATH_U10 ? softplus_u10(x) : softplus_u35(x);
    case RNNP_ACT_NONE:
    case RNNP_ACT_COUNT: break;
    }
    return x;
}
AI vf gate_clip(const rnnp_gate_spec *s, vf x)
{
    return s->clip > 0 ? clip_f32(x, vf_set(-s->clip), vf_set(s->clip)) : x;
}

/* One switch per call, outside the loops: `name`_u35 and _fast are the plain formulas, _any the rest. Class u10, which
 * nobody calls for speed, is composed of its functions: it has no divisions to share. */
#define RNNP_CELL(cell, name, states, peepholes, coupled, f, g, h, ...) \
    static const rnnp_gate_spec plain_u10_##cell = {                    \
        .math = RNNP_MATH_U10, .act = {{.kind = RNNP_ACT_##f}, {.kind = RNNP_ACT_##g}, {.kind = RNNP_ACT_##h}}};
#include "../cells.def"
#define GATES_OP(name, gates, u10)                                             \
    static __attribute__((unused)) void name(const rnnp_gates_args *a)         \
    {                                                                          \
        rnnp_gates_args any = *a;                                              \
        if (a->spec->plain && a->spec->math == RNNP_MATH_U10) any.spec = &u10; \
        if (!any.spec->plain)                                                  \
            FOR_ITEMS(&any, gates, name##_any, &any);                          \
        else if (a->spec->math == RNNP_MATH_U35)                               \
            FOR_ITEMS(a, gates, name##_u35, a);                                \
        else                                                                   \
            FOR_ITEMS(a, gates, name##_fast, a);                               \
    }
#define FOR_CLASSES(X) X(u35) X(fast)

/* ---- RNN: h = f(z) ---- */

AI void rnn_gates_any(const rnnp_gates_args *a, const items *it)
{
    items_store(it, a->y, a->ldy, gate_act(&a->spec->act[0], a->spec->math, gate_clip(a->spec, items_z(it, 0))));
}
#define RNN_PLAIN(cls)                                                 \
    AI void rnn_gates_##cls(const rnnp_gates_args *a, const items *it) \
    {                                                                  \
        items_store(it, a->y, a->ldy, tanh_##cls(items_z(it, 0)));     \
    }
FOR_CLASSES(RNN_PLAIN)

/* ---- LSTM: gates i o f c ---- */

AI void lstm_gates_any(const rnnp_gates_args *a, const items *it)
{
    const rnnp_gate_spec *s = a->spec;
    const float *peep = s->peephole;
    vf c = items_load(it, a->state[0].p, a->state[0].ld);
    vf zi = items_z(it, 0), zo = items_z(it, a->lanes), zf = items_z(it, 2 * a->lanes), zc = items_z(it, 3 * a->lanes);
    if (peep) {
        zi = vf_fma(items_units(it, peep), c, zi);
        zf = vf_fma(items_units(it, peep + 2 * a->hidden), c, zf);
    }
    vf i = gate_act(&s->act[0], s->math, gate_clip(s, zi));
    vf f = s->input_forget ? vf_sub(vf_set(1.0f), i) : gate_act(&s->act[0], s->math, gate_clip(s, zf));
    vf g = gate_act(&s->act[1], s->math, gate_clip(s, zc));
    c = vf_fma(f, c, vf_mul(i, g));
    if (peep) zo = vf_fma(items_units(it, peep + a->hidden), c, zo);
    vf o = gate_act(&s->act[0], s->math, gate_clip(s, zo));
    items_store(it, a->state[0].p, a->state[0].ld, c);
    items_store(it, a->y, a->ldy, vf_mul(o, gate_act(&s->act[2], s->math, c)));
}
/* sigmoid(x) tanh(y) with one division. The numerator of sigmoid may carry a small scale: it comes last, so that a
 * tiny tanh keeps its digits. */
#define LSTM_PLAIN(cls)                                                                                             \
    AI vf sigmoid_tanh_##cls(vf x, vf y)                                                                            \
    {                                                                                                               \
        quotient s = sigmoid_q_##cls(x), t = tanh_q_##cls(y);                                                       \
        return vf_mul(vf_div(t.n, vf_mul(s.d, t.d)), s.n);                                                          \
    }                                                                                                               \
    AI void lstm_gates_##cls(const rnnp_gates_args *a, const items *it)                                             \
    {                                                                                                               \
        vf ig = sigmoid_tanh_##cls(items_z(it, 0), items_z(it, 3 * a->lanes));                                      \
        vf c = vf_fma(sigmoid_##cls(items_z(it, 2 * a->lanes)), items_load(it, a->state[0].p, a->state[0].ld), ig); \
        items_store(it, a->state[0].p, a->state[0].ld, c);                                                          \
        items_store(it, a->y, a->ldy, sigmoid_tanh_##cls(items_z(it, a->lanes), c));                                \
    }
FOR_CLASSES(LSTM_PLAIN)

/* ---- GRU ---- */

/* (1 - z) n + z h */
AI vf gru_blend(vf z, vf n, vf h) { return vf_fma(z, h, vf_fnma(z, n, n)); }

AI const float *item_zx(const rnnp_gates_args *a, const items *it, int j)
{
    size_t lane = it->unit[j] & (a->lanes - 1), panel = (it->unit[j] >> __builtin_ctzll(a->lanes)) - a->z_panel;
    return a->zx + it->row[j] * a->ldzx + panel * a->zx_step + lane;
}
AI vf items_zx(const rnnp_gates_args *a, const items *it) { EACH(vf, n_load(item_zx(a, it, j))); }
#define GRU_BODIES(cls, SIG, TANH)                                                                       \
    AI void gru_gates_##cls(const rnnp_gates_args *a, const items *it)                                   \
    {                                                                                                    \
        vf r = SIG(items_z(it, a->lanes));                                                               \
        vf n = TANH(vf_fma(r, items_z(it, 2 * a->lanes), items_zx(a, it)));                              \
        vf h = items_load(it, a->h, a->ldh);                                                             \
        items_store(it, a->y, a->ldy, gru_blend(SIG(items_z(it, 0)), n, h));                             \
    }                                                                                                    \
    AI void gru_reset_gates_##cls(const rnnp_gates_args *a, const items *it)                             \
    {                                                                                                    \
        items_store(it, a->state[0].p, a->state[0].ld, SIG(items_z(it, 0)));                             \
        items_store(it, a->y, a->ldy, vf_mul(SIG(items_z(it, a->lanes)), items_load(it, a->h, a->ldh))); \
    }                                                                                                    \
    AI void gru_update_gates_##cls(const rnnp_gates_args *a, const items *it)                            \
    {                                                                                                    \
        vf n = TANH(items_z(it, 0)), h = items_load(it, a->h, a->ldh);                                   \
        items_store(it, a->y, a->ldy, gru_blend(items_load(it, a->state[0].p, a->state[0].ld), n, h));   \
    }
#define GRU_F(x) gate_act(&a->spec->act[0], a->spec->math, gate_clip(a->spec, x))
#define GRU_G(x) gate_act(&a->spec->act[1], a->spec->math, gate_clip(a->spec, x))
#define GRU_PLAIN(cls) GRU_BODIES(cls, sigmoid_##cls, tanh_##cls)
GRU_BODIES(any, GRU_F, GRU_G)
FOR_CLASSES(GRU_PLAIN)

#define RNNP_PART(cell, reset, part, gates, ...) GATES_OP(part##_gates, gates, plain_u10_##cell)
#include "../cells.def"

#endif
