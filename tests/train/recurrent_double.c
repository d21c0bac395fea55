/* SPDX-License-Identifier: Apache-2.0
 *
 * RNN, LSTM and GRU by the formulas of ONNX, in double, row by row.
 */
#include "recurrent_case.h"

#include <math.h>
#include <string.h>

enum { MOST_UNITS = 64 };

static double activate(const rnnp_act_spec *act, double x)
{
    const double a = act->alpha, b = act->beta;

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

/* One direction's tensors and activations. */
typedef struct cell {
    const example *e;
    const double *w, *r, *bw, *br, *p;
    rnnp_act_spec act[3];
} cell;

static double gate(const cell *k, size_t i, double z)
{
    const double clip = k->e->s.clip;

    return activate(&k->act[i], clip > 0.0 ? fmax(-clip, fmin(clip, z)) : z);
}

static double input_part(const cell *k, size_t row, const double *x)
{
    double sum = k->bw ? k->bw[row] : 0.0;

    for (size_t i = 0; i < k->e->s.input; i++) sum += k->w[row * k->e->s.input + i] * x[i];
    return sum;
}

static double recurrent_part(const cell *k, size_t row, const double *h)
{
    double sum = k->br ? k->br[row] : 0.0;

    for (size_t i = 0; i < k->e->s.hidden; i++) sum += k->r[row * k->e->s.hidden + i] * h[i];
    return sum;
}

static void step(const cell *k, const double *x, const double *mask, double *h, double *c)
{
    const spec *s = &k->e->s;
    const size_t H = s->hidden;
    double hm[MOST_UNITS], rh[MOST_UNITS], next[MOST_UNITS];

    for (size_t u = 0; u < H; u++) hm[u] = mask ? h[u] * mask[u] : h[u];
    for (size_t u = 0; u < H && s->cell == RNNP_CELL_GRU; u++) {
        const double r = gate(k, 0, input_part(k, H + u, x) + recurrent_part(k, H + u, hm));

        rh[u] = s->reset_after ? r : r * hm[u];
    }
    for (size_t u = 0; u < H; u++) {
        double z[4];

        for (size_t g = 0; g < k->e->gates; g++) z[g] = input_part(k, g * H + u, x);
        for (size_t g = 0; g < k->e->gates && !(s->cell == RNNP_CELL_GRU && g == 2); g++)
            z[g] += recurrent_part(k, g * H + u, hm);
        if (s->cell == RNNP_CELL_RNN) {
            next[u] = gate(k, 0, z[0]);
        } else if (s->cell == RNNP_CELL_LSTM) {
            const double *p = k->p;
            const double i = gate(k, 0, z[0] + (p ? p[u] * c[u] : 0.0));
            const double f = s->input_forget ? 1.0 - i : gate(k, 0, z[2] + (p ? p[2 * H + u] * c[u] : 0.0));

            c[u] = f * c[u] + i * gate(k, 1, z[3]);
            next[u] = gate(k, 0, z[1] + (p ? p[H + u] * c[u] : 0.0)) * activate(&k->act[2], c[u]);
        } else {
            const double n = recurrent_part(k, 2 * H + u, s->reset_after ? hm : rh) * (s->reset_after ? rh[u] : 1.0);
            const double update = gate(k, 0, z[0]);

            next[u] = (1.0 - update) * gate(k, 1, z[2] + n) + update * h[u];
        }
    }
    memcpy(h, next, H * sizeof *h);
}

static const double *of_direction(const double *all, size_t d, size_t elements)
{
    return all ? all + d * elements : NULL;
}

double reference_loss(const example *e, double *const in[CASE_INPUTS], const double *mask)
{
    const spec *s = &e->s;
    const size_t H = s->hidden, I = s->input, B = s->batch, T = s->steps, D = e->dirs, GH = e->gates * H;
    double loss = 0.0;

    for (size_t d = 0; d < D; d++) {
        const int reverse = s->direction == RNNP_DIRECTION_REVERSE || d == 1;
        cell k = {.e = e,
                  .w = in[RNNP_IN_W] + d * GH * I,
                  .r = in[RNNP_IN_R] + d * GH * H,
                  .bw = of_direction(in[RNNP_IN_B], d, 2 * GH),
                  .p = of_direction(in[RNNP_IN_P], d, 3 * H)};
        static const rnnp_act_spec sigmoid = {RNNP_ACT_SIGMOID, 0, 0}, tanh_act = {RNNP_ACT_TANH, 0, 0};

        k.br = k.bw ? k.bw + GH : NULL;
        for (size_t i = 0; i < 3; i++)
            k.act[i] = s->act[i].kind ? s->act[i] : i == 0 && s->cell != RNNP_CELL_RNN ? sigmoid : tanh_act;
        for (size_t b = 0; b < B; b++) {
            const size_t length = s->with_lengths ? (size_t)s->lengths[b] : T;
            const size_t at = s->layout ? (b * D + d) * H : (d * B + b) * H;
            double h[MOST_UNITS] = {0}, c[MOST_UNITS] = {0};

            for (size_t u = 0; u < H; u++) {
                h[u] = in[RNNP_IN_H0] ? in[RNNP_IN_H0][at + u] : 0.0;
                c[u] = in[RNNP_IN_C0] ? in[RNNP_IN_C0][at + u] : 0.0;
            }
            for (size_t i = 0; i < length; i++) {
                const size_t t = reverse ? length - 1 - i : i;
                const double *x = in[RNNP_IN_X] + (s->layout ? b * T + t : t * B + b) * I;
                const size_t y = s->layout ? ((b * T + t) * D + d) * H : ((t * D + d) * B + b) * H;

                step(&k, x, mask ? mask + (d * B + b) * H : NULL, h, c);
                for (size_t u = 0; u < H && e->d_out[RNNP_OUT_Y]; u++) loss += e->d_out[RNNP_OUT_Y][y + u] * h[u];
            }
            for (size_t u = 0; u < H; u++) {
                loss += e->d_out[RNNP_OUT_H] ? e->d_out[RNNP_OUT_H][at + u] * h[u] : 0.0;
                loss += e->d_out[RNNP_OUT_C] ? e->d_out[RNNP_OUT_C][at + u] * c[u] : 0.0;
            }
        }
    }
    return loss;
}
