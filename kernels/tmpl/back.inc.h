/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: gradients of the elementwise parts over the wide shim: gates of the cells, activations, softmax. Contract
 * in ops.h, formulas in docs/explanation/numerics.md. Values of gates are computed again from their pre-activations, so
 * that training keeps these alone; the derivative follows from the value.
 */
#ifndef RNNP_BACK_INC_H
#define RNNP_BACK_INC_H

#include "gates.inc.h"
#include "rows.inc.h"

/* A function's value and its derivative by x. */
typedef struct graded {
    vf y, d;
} graded;

AI graded graded_tanh(int math, vf x)
{
    vf t = tanh_class(math, x);
    graded g = {t, vf_fnma(t, t, vf_set(1.0f))};
    return g;
}
AI graded graded_sigmoid(int math, vf x)
{
    vf s = sigmoid_class(math, x);
    graded g = {s, vf_fnma(s, s, s)};
    return g;
}

/* ---- Activations ---- */

OUT_OF_LINE vf elu_slope(vf x, vf alpha)
{
    vd e = exp_double(vd_from_f(clamp_exp(x)));
    return vf_sel(vf_lt(vf_set(0.0f), x), vf_set(1.0f), vd_to_f(vd_mul(vd_from_f(alpha), e)));
}
AI vf softsign_slope(vf x)
{
    vf q = vf_div(vf_set(1.0f), vf_add(vf_set(1.0f), vf_abs(x)));
    return vf_mul(q, q);
}
/* alpha where the ramp is neither below 0 nor above 1 */
AI vf hard_sigmoid_slope(vf x, vf alpha, vf beta)
{
    vf v = vf_fma(alpha, x, beta), zero = vf_set(0.0f);
    return vf_sel(vf_lt(zero, v), vf_sel(vf_lt(vf_set(1.0f), v), zero, alpha), zero);
}
static __attribute__((noinline, unused)) vf act_slope(const rnnp_act_spec *act, int math, vf x)
{
    vf alpha = vf_set(act->alpha), beta = vf_set(act->beta), zero = vf_set(0.0f), one = vf_set(1.0f), d = one;
    switch (act->kind) {
    case RNNP_ACT_TANH: d = graded_tanh(math, x).d; break;
    case RNNP_ACT_SIGMOID: d = graded_sigmoid(math, x).d; break;
    case RNNP_ACT_SCALED_TANH: d = vf_mul(vf_mul(alpha, beta), graded_tanh(math, vf_mul(beta, x)).d); break;
    case RNNP_ACT_RELU: d = vf_sel(vf_lt(zero, x), one, zero); break;
    case RNNP_ACT_AFFINE: d = alpha; break;
    case RNNP_ACT_LEAKY_RELU: d = vf_sel(vf_lt(zero, x), one, alpha); break;
    case RNNP_ACT_THRESHOLDED_RELU: d = vf_sel(vf_lt(alpha, x), one, zero); break;
    case RNNP_ACT_HARD_SIGMOID: d = hard_sigmoid_slope(x, alpha, beta); break;
    case RNNP_ACT_ELU: d = elu_slope(x, alpha); break;
    case RNNP_ACT_SOFTSIGN: d = softsign_slope(x); break;
    case RNNP_ACT_SOFTPLUS: d = sigmoid_class(math, x); break;
    case RNNP_ACT_NONE:
    case RNNP_ACT_COUNT: break;
    }
    return vf_sel(vf_eq(x, x), d, x); /* NaN stays, also where the derivative is constant */
}

static void act_back(const rnnp_act_back_args *a)
{
    for (size_t i = 0, n = a->n; i < a->n; i += WIDE, n -= WIDE) {
        vf d = act_slope(&a->act, a->math, vf_load_up_to(a->x + i, n));
        vf_store_up_to(a->dx + i, vf_mul(vf_load_up_to(a->dy + i, n), d), n);
    }
}

/* ---- Cells ---- */

/* How a gate is computed: a math class (plain cells), or by the spec. Constants where the bodies are inlined. */
enum { BY_SPEC = -1 };

AI graded graded_act(const rnnp_act_spec *act, int math, vf x)
{
    graded g = {gate_act(act, math, x), x};
    if (act->kind == RNNP_ACT_TANH)
        g.d = vf_fnma(g.y, g.y, vf_set(1.0f));
    else if (act->kind == RNNP_ACT_SIGMOID)
        g.d = vf_fnma(g.y, g.y, g.y);
    else
        g.d = act_slope(act, math, x);
    return g;
}
static __attribute__((noinline, unused)) graded graded_by_spec(const rnnp_gate_spec *s, int which, vf z)
{
    graded g = graded_act(&s->act[which], s->math, gate_clip(s, z));
    if (s->clip > 0) g.d = vf_sel(vf_lt(vf_set(s->clip), vf_abs(z)), vf_set(0.0f), g.d);
    return g;
}
/* Activation `which` of LSTM and GRU. */
AI graded graded_gate(const rnnp_gate_spec *s, int how, int which, vf z)
{
    if (how == BY_SPEC) return graded_by_spec(s, which, z);
    return which == 0 ? graded_sigmoid(how, z) : graded_tanh(how, z);
}
/* An LSTM's output activation is not clipped. */
AI graded graded_output(const rnnp_gate_spec *s, int how, vf c)
{
    return how == BY_SPEC ? graded_act(&s->act[2], s->math, c) : graded_tanh(how, c);
}

AI void items_store_z(const rnnp_gates_back_args *a, const items *it, size_t gate, vf v)
{
    for (int j = 0; j < VU; j++) {
        float *to = a->z + (it->z[j] - a->z) + gate * RNNP_TRAIN_LANES;
        if (it->n[j] == VL)
            n_store(to, v.v[j]);
        else
            n_store_n(to, v.v[j], it->n[j]);
    }
}
AI vf items_gate(const items *it, size_t gate) { return items_z(it, gate * RNNP_TRAIN_LANES); }
/* p += a b */
AI void items_add(const items *it, float *p, size_t ld, vf a, vf b)
{
    items_store(it, p, ld, vf_fma(a, b, items_load(it, p, ld)));
}
static void clear_padding(float *z, size_t ldz, size_t rows, size_t gates, size_t hidden)
{
    const size_t used = hidden % RNNP_TRAIN_LANES, last = (hidden - used) * gates;
    for (size_t r = 0; used && r < rows; r++)
        for (size_t g = 0; g < gates; g++)
            for (size_t lane = used; lane < RNNP_TRAIN_LANES; lane++)
                z[r * ldz + last + g * RNNP_TRAIN_LANES + lane] = 0.0f;
}

/* Bodies load all they need before they store: an item may be there twice (FOR_ITEMS). */
AI void rnn_back(const rnnp_gates_back_args *a, const items *it, int how)
{
    vf z = items_gate(it, 0);
    vf d = how == BY_SPEC ? graded_by_spec(a->spec, 0, z).d : graded_tanh(how, z).d;
    items_store_z(a, it, 0, vf_mul(items_load(it, a->dh, a->lddh), d));
}

AI void lstm_back(const rnnp_gates_back_args *a, const items *it, int how)
{
    const rnnp_gate_spec *s = a->spec;
    const float *peep = how == BY_SPEC ? s->peephole : NULL;
    const int coupled = how == BY_SPEC && s->input_forget;
    vf c = items_load(it, a->state[0].p, a->state[0].ld);
    vf c_prev = items_load(it, a->state_prev[0].p, a->state_prev[0].ld);
    vf zi = items_gate(it, 0), zo = items_gate(it, 1), zf = items_gate(it, 2), pi, po, pf;
    if (peep) {
        pi = items_units(it, peep);
        po = items_units(it, peep + a->hidden);
        pf = items_units(it, peep + 2 * a->hidden);
        zi = vf_fma(pi, c_prev, zi);
        zo = vf_fma(po, c, zo);
        zf = vf_fma(pf, c_prev, zf);
    }
    vf dh = items_load(it, a->dh, a->lddh);
    graded o = graded_gate(s, how, 0, zo), t = graded_output(s, how, c);
    vf dzo = vf_mul(vf_mul(dh, t.y), o.d);
    vf dc = vf_fma(vf_mul(dh, o.y), t.d, items_load(it, a->d_state[0].p, a->d_state[0].ld));
    if (peep) dc = vf_fma(dzo, po, dc);
    graded i = graded_gate(s, how, 0, zi), g = graded_gate(s, how, 1, items_gate(it, 3)), f;
    vf di = vf_mul(dc, g.y), dzf;
    if (coupled) {
        di = vf_fnma(dc, c_prev, di);
        f.y = vf_sub(vf_set(1.0f), i.y);
        dzf = vf_set(0.0f);
    } else {
        f = graded_gate(s, how, 0, zf);
        dzf = vf_mul(vf_mul(dc, c_prev), f.d);
    }
    vf dzi = vf_mul(di, i.d), dzg = vf_mul(vf_mul(dc, i.y), g.d);
    dc = vf_mul(dc, f.y);
    if (peep) dc = vf_fma(dzi, pi, dc);
    if (peep && !coupled) dc = vf_fma(dzf, pf, dc);
    items_store_z(a, it, 0, dzi);
    items_store_z(a, it, 1, dzo);
    items_store_z(a, it, 2, dzf);
    items_store_z(a, it, 3, dzg);
    items_store(it, a->d_state[0].p, a->d_state[0].ld, dc);
}
enum {
#define RNNP_CELL(cell, name, states, peepholes, ...) PEEPHOLES_##cell = peepholes,
#include "../cells.def"
};
/* dp += dz c of the gates i, o, f, whose dz is in z by now. A coupled f has no part in anything. */
static void peepholes_back(const rnnp_gates_back_args *a)
{
    const size_t H = a->hidden;
    for (size_t u = 0; u < H; u += VL) {
        const size_t n = H - u < VL ? H - u : VL, lane = u % RNNP_TRAIN_LANES;
        nf pi = n_load_n(a->dp + u, n), po = n_load_n(a->dp + H + u, n), pf = n_load_n(a->dp + 2 * H + u, n);
        for (size_t r = 0; r < a->rows; r++) {
            const float *dz = a->z + r * a->ldz + (u - lane) * 4 + lane;
            nf c = n_load_n(a->state[0].p + r * a->state[0].ld + u, n);
            nf c_prev = n_load_n(a->state_prev[0].p + r * a->state_prev[0].ld + u, n);
            pi = n_fma(n_load(dz), c_prev, pi);
            po = n_fma(n_load(dz + RNNP_TRAIN_LANES), c, po);
            pf = n_fma(n_load(dz + 2 * RNNP_TRAIN_LANES), c_prev, pf);
        }
        n_store_n(a->dp + u, pi, n);
        n_store_n(a->dp + H + u, po, n);
        if (!a->spec->input_forget) n_store_n(a->dp + 2 * H + u, pf, n);
    }
}

AI void gru_back(const rnnp_gates_back_args *a, const items *it, int how)
{
    const rnnp_gate_spec *s = a->spec;
    vf zn = items_gate(it, 2), h = items_load(it, a->h, a->ldh), dh = items_load(it, a->dh, a->lddh);
    graded z = graded_gate(s, how, 0, items_gate(it, 0)), r = graded_gate(s, how, 0, items_gate(it, 1));
    graded n = graded_gate(s, how, 1, vf_fma(r.y, zn, items_load(it, a->zx, a->ldzx)));
    vf dn = vf_mul(vf_mul(dh, vf_sub(vf_set(1.0f), z.y)), n.d);
    vf dzz = vf_mul(vf_mul(dh, vf_sub(h, n.y)), z.d), dzr = vf_mul(vf_mul(dn, zn), r.d);
    items_store_z(a, it, 0, dzz);
    items_store_z(a, it, 1, dzr);
    items_store_z(a, it, 2, vf_mul(dn, r.y));
    items_store(it, a->zx, a->ldzx, dn);
    items_add(it, a->dh_prev, a->lddh_prev, dh, z.y);
}
AI void gru_update_back(const rnnp_gates_back_args *a, const items *it, int how)
{
    const rnnp_gate_spec *s = a->spec;
    vf h = items_load(it, a->h, a->ldh), dh = items_load(it, a->dh, a->lddh);
    vf u = graded_gate(s, how, 0, items_gate(it, 0)).y;
    graded n = graded_gate(s, how, 1, items_load(it, a->zx, a->ldzx));
    items_store(it, a->zx, a->ldzx, vf_mul(vf_mul(dh, vf_sub(vf_set(1.0f), u)), n.d));
    items_store(it, a->d_state[0].p, a->d_state[0].ld, vf_mul(dh, vf_sub(h, n.y)));
    items_add(it, a->dh_prev, a->lddh_prev, dh, u);
}
AI void gru_reset_back(const rnnp_gates_back_args *a, const items *it, int how)
{
    const rnnp_gate_spec *s = a->spec;
    vf h = items_load(it, a->h, a->ldh), dh = items_load(it, a->dh, a->lddh);
    graded z = graded_gate(s, how, 0, items_gate(it, 0)), r = graded_gate(s, how, 0, items_gate(it, 1));
    items_store_z(a, it, 0, vf_mul(items_load(it, a->d_state[0].p, a->d_state[0].ld), z.d));
    items_store_z(a, it, 1, vf_mul(vf_mul(dh, h), r.d));
    items_add(it, a->dh_prev, a->lddh_prev, dh, r.y);
}

#define BACK_OP(name, body, gates, u10)                                                                  \
    AI void body##_u35(const rnnp_gates_back_args *a, const items *it) { body(a, it, RNNP_MATH_U35); }   \
    AI void body##_fast(const rnnp_gates_back_args *a, const items *it) { body(a, it, RNNP_MATH_FAST); } \
    AI void body##_any(const rnnp_gates_back_args *a, const items *it) { body(a, it, BY_SPEC); }         \
    static void name(const rnnp_gates_back_args *a)                                                      \
    {                                                                                                    \
        const rnnp_gates_args all = {.rows = a->rows,                                                    \
                                     .hidden = a->hidden,                                                \
                                     .lanes = RNNP_TRAIN_LANES,                                          \
                                     .panel_end = (a->hidden + RNNP_TRAIN_LANES - 1) / RNNP_TRAIN_LANES, \
                                     .z = a->z,                                                          \
                                     .ldz = a->ldz};                                                     \
        rnnp_gates_back_args any = *a;                                                                   \
        if (a->spec->plain && a->spec->math == RNNP_MATH_U10) any.spec = &u10;                           \
        if (!any.spec->plain)                                                                            \
            FOR_ITEMS(&all, gates, body##_any, &any);                                                    \
        else if (a->spec->math == RNNP_MATH_U35)                                                         \
            FOR_ITEMS(&all, gates, body##_u35, a);                                                       \
        else                                                                                             \
            FOR_ITEMS(&all, gates, body##_fast, a);                                                      \
    }

/* Its z is what it overwrites: z, or zx where z is another part's. */
#define RNNP_PART(cell, reset, part, gates, z_back, chain, own_start, ...)                                          \
    BACK_OP(part##_gates_back_units, part##_back, z_back, plain_u10_##cell)                                         \
    static void part##_gates_back(const rnnp_gates_back_args *a)                                                    \
    {                                                                                                               \
        part##_gates_back_units(a);                                                                                 \
        if (PEEPHOLES_##cell > 0 && !a->spec->plain && a->spec->peephole) peepholes_back(a);                        \
        if (RNNP_CHAIN_##chain != RNNP_CHAIN_RH) clear_padding(a->z, a->ldz, a->rows, gates, a->hidden);            \
        if (RNNP_CHAIN_##chain == RNNP_CHAIN_RH || own_start) clear_padding(a->zx, a->ldzx, a->rows, 1, a->hidden); \
    }
#include "../cells.def"

/* ---- Softmax ---- */

AI float row_dot(const float *x, const float *y, size_t n)
{
    lanes s;
    for (int j = 0; j < TREE; j++) s.v[j] = n_set(0.0f);
    for (size_t i = 0; i < n; i += LANES)
        for (int j = 0; j < TREE; j++) {
            size_t part = lanes_part(n - i, j);
            s.v[j] = n_fma(n_load_n(x + i + j * VL, part), n_load_n(y + i + j * VL, part), s.v[j]);
        }
    return lanes_sum(&s);
}
AI vf softmax_slope(vf y, vf dy, vf sum) { return vf_mul(y, vf_sub(dy, sum)); }
AI vf log_softmax_slope(vf y, vf dy, vf sum) { return vf_fnma(exp_u35(y), sum, dy); }

#define SOFTMAX_BACK(name, total, slope)                                                                               \
    static void name(const rnnp_row_back_args *a)                                                                      \
    {                                                                                                                  \
        for (size_t r = 0; r < a->rows; r++) {                                                                         \
            const float *y = a->y + r * a->ldy, *dy = a->dy + r * a->lddy;                                             \
            vf sum = vf_set(total);                                                                                    \
            for (size_t i = 0, n = a->cols; i < a->cols; i += WIDE, n -= WIDE)                                         \
                vf_store_up_to(a->dx + r * a->lddx + i, slope(vf_load_up_to(y + i, n), vf_load_up_to(dy + i, n), sum), \
                               n);                                                                                     \
        }                                                                                                              \
    }
SOFTMAX_BACK(softmax_back, row_dot(y, dy, a->cols), softmax_slope)
SOFTMAX_BACK(log_softmax_back, row_sum(dy, a->cols), log_softmax_slope)

#endif
