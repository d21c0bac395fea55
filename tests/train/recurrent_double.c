/* SPDX-License-Identifier: Apache-2.0
 *
 * The loss of a recurrent node in double, row by row.
 */
#include "recurrent_case.h"

#include "../oracle.h"

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
        oracle_cell k = oracle_make(s->cell, I, H);

        k.reset_after = s->reset_after;
        k.input_forget = s->input_forget;
        k.clip = (double)s->clip;
        k.w = in[RNNP_IN_W] + d * GH * I;
        k.r = in[RNNP_IN_R] + d * GH * H;
        k.bw = of_direction(in[RNNP_IN_B], d, 2 * GH);
        k.br = k.bw ? k.bw + GH : NULL;
        k.p = of_direction(in[RNNP_IN_P], d, 3 * H);
        for (size_t i = 0; i < 3; i++) {
            if (s->act[i].kind) k.act[i] = s->act[i];
        }
        for (size_t b = 0; b < B; b++) {
            const size_t length = s->with_lengths ? (size_t)s->lengths[b] : T;
            const size_t at = s->layout ? (b * D + d) * H : (d * B + b) * H;
            double h[ORACLE_UNITS] = {0}, c[ORACLE_UNITS] = {0};

            for (size_t u = 0; u < H; u++) {
                h[u] = in[RNNP_IN_H0] ? in[RNNP_IN_H0][at + u] : 0.0;
                c[u] = in[RNNP_IN_C0] ? in[RNNP_IN_C0][at + u] : 0.0;
            }
            for (size_t i = 0; i < length; i++) {
                const size_t t = reverse ? length - 1 - i : i;
                const double *x = in[RNNP_IN_X] + (s->layout ? b * T + t : t * B + b) * I;
                const size_t y = s->layout ? ((b * T + t) * D + d) * H : ((t * D + d) * B + b) * H;

                oracle_step(&k, x, mask ? mask + (d * B + b) * H : NULL, h, c);
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
