/* SPDX-License-Identifier: Apache-2.0
 *
 * Recurrent cells by ONNX's formulas, in double, one row and one step at a time: what the tests of inference and of
 * training compare with.
 */
#ifndef RNNP_TESTS_ORACLE_H
#define RNNP_TESTS_ORACLE_H

#include "../kernels/ops.h"
#include "rnnpack/model.h"

#include <math.h>
#include <string.h>

enum { ORACLE_UNITS = 64 }; /* at most */

/* One direction of a layer; weights in ONNX's order. */
typedef struct oracle_cell {
    rnnp_cell cell;
    size_t gates, input, hidden;
    int reset_after, input_forget;
    double clip; /* 0: none */
    rnnp_act_spec act[3];
    const double *w, *r, *bw, *br, *p; /* bw, br, p: NULL for none */
} oracle_cell;

/* With the cell's usual activations, and without weights. */
static inline oracle_cell oracle_make(rnnp_cell cell, size_t input, size_t hidden)
{
    static const oracle_cell cells[] = {
#define RNNP_CELL(cell_, name, states, peepholes, coupled, f, g, h, onnx, ...) \
    [RNNP_CELL_##cell_] = {.cell = RNNP_CELL_##cell_,                          \
                           .gates = sizeof onnx - 1,                           \
                           .act = {{.kind = RNNP_ACT_##f}, {.kind = RNNP_ACT_##g}, {.kind = RNNP_ACT_##h}}},
#include "../kernels/cells.def"
    };
    oracle_cell k = cells[cell];

    k.input = input;
    k.hidden = hidden;
    return k;
}

static inline double oracle_act(const rnnp_act_spec *act, double x)
{
    const double a = (double)act->alpha, b = (double)act->beta;

    switch (act->kind) {
    case RNNP_ACT_TANH: return tanh(x);
    case RNNP_ACT_SIGMOID: return 1.0 / (1.0 + exp(-x));
    case RNNP_ACT_RELU: return x > 0.0 ? x : 0.0;
    case RNNP_ACT_AFFINE: return a * x + b;
    case RNNP_ACT_LEAKY_RELU: return x > 0.0 ? x : a * x;
    case RNNP_ACT_SCALED_TANH: return a * tanh(b * x);
    case RNNP_ACT_HARD_SIGMOID: return fmax(0.0, fmin(1.0, a * x + b));
    case RNNP_ACT_ELU: return x > 0.0 ? x : a * (exp(x) - 1.0);
    case RNNP_ACT_SOFTSIGN: return x / (1.0 + fabs(x));
    case RNNP_ACT_SOFTPLUS: return log1p(exp(x));
    default: return NAN;
    }
}

/* Activation i of a pre-activation. */
static inline double oracle_gate(const oracle_cell *k, size_t i, double z)
{
    return oracle_act(&k->act[i], k->clip > 0.0 ? fmax(-k->clip, fmin(k->clip, z)) : z);
}

/* Row `row` of weights [rows][n] times x, and its bias. */
static inline double oracle_chain(const double *bias, const double *weights, size_t row, const double *x, size_t n)
{
    double sum = bias ? bias[row] : 0.0;

    for (size_t i = 0; i < n; i++) sum += weights[row * n + i] * x[i];
    return sum;
}

/* The state s of one row before a step, in place: g s, or (s - m) + g m with m = tanh(D s + d); g of each unit or, with
 * unit 0, one for all. */
static inline void oracle_decay(size_t hidden, const double *split, const double *bias, const double *g, size_t unit,
                                double *s)
{
    double m[ORACLE_UNITS];

    for (size_t u = 0; u < hidden; u++) m[u] = split ? tanh(oracle_chain(bias, split, u, s, hidden)) : s[u];
    for (size_t u = 0; u < hidden; u++) s[u] = s[u] - m[u] + g[u * unit] * m[u];
}

/* h and c of one row, in place; mask [hidden] multiplies h on its way to the products, NULL for none. */
static inline void oracle_step(const oracle_cell *k, const double *x, const double *mask, double *h, double *c)
{
    const size_t H = k->hidden, last = k->gates - 1;
    double hm[ORACLE_UNITS], rh[ORACLE_UNITS], next[ORACLE_UNITS];

    for (size_t u = 0; u < H; u++) hm[u] = mask ? h[u] * mask[u] : h[u];
    for (size_t u = 0; u < H && k->cell == RNNP_CELL_GRU; u++) { /* reset before: r h of all units comes first */
        const double z = oracle_chain(k->bw, k->w, H + u, x, k->input) + oracle_chain(k->br, k->r, H + u, hm, H);

        rh[u] = oracle_gate(k, 0, z) * hm[u];
    }
    for (size_t u = 0; u < H; u++) {
        double zx[4], zh[4], z[4];

        for (size_t g = 0; g <= last; g++) {
            zx[g] = oracle_chain(k->bw, k->w, g * H + u, x, k->input);
            zh[g] = oracle_chain(k->br, k->r, g * H + u, hm, H);
            z[g] = zx[g] + zh[g];
        }
        switch (k->cell) {
        case RNNP_CELL_RNN: next[u] = oracle_gate(k, 0, z[0]); break;
        case RNNP_CELL_LSTM: {
            const double *p = k->p, i = oracle_gate(k, 0, z[0] + (p ? p[u] * c[u] : 0.0));
            const double f = k->input_forget ? 1.0 - i : oracle_gate(k, 0, z[2] + (p ? p[2 * H + u] * c[u] : 0.0));

            c[u] = f * c[u] + i * oracle_gate(k, 1, z[3]);
            next[u] = oracle_gate(k, 0, z[1] + (p ? p[H + u] * c[u] : 0.0)) * oracle_act(&k->act[2], c[u]);
            break;
        }
        case RNNP_CELL_GRU: {
            const double update = oracle_gate(k, 0, z[0]);
            const double n =
                k->reset_after ? oracle_gate(k, 0, z[1]) * zh[2] : oracle_chain(k->br, k->r, 2 * H + u, rh, H);

            next[u] = (1.0 - update) * oracle_gate(k, 1, zx[2] + n) + update * h[u];
            break;
        }
        }
    }
    memcpy(h, next, H * sizeof *h);
}

#endif
