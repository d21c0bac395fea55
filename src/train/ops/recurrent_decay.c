/* SPDX-License-Identifier: Apache-2.0
 *
 * The decay of a state (cells/decay.h), and its gradients. With ds, the gradient by the decayed state s':
 *
 *     s' = g s              dg = s ds    ds = g ds
 *     s' = (s - m) + g m    dg = m ds    dm = g ds - ds    dpre = dm tanh'(pre)    ds = ds + dpre D
 */
#include "bptt.h"

#include "../../cells/weights.h"

#include <string.h>

static rnnp_decay decay_of(const rnnp_bptt_run *run, size_t step)
{
    const rnnp_recurrent_call *io = &run->io;
    const size_t H = run->net.layer.hidden;

    return (rnnp_decay){.g = io->g + rnnp_bptt_time(run, step) * io->g_step,
                        .g_row = io->g_row,
                        .g_unit = io->g_unit,
                        .order = run->order,
                        .rows = rnnp_bptt_active(run, step),
                        .hidden = H,
                        .ldfrom = H,
                        .ldto = H};
}

void rnnp_bptt_decay(const rnnp_bptt_run *run, size_t step, const float *from, float *to)
{
    rnnp_decay d = decay_of(run, step);

    d.from = from;
    d.to = to;
    if (run->net.layer.splits) {
        d.split = run->work + run->net.work.m;
        rnnp_decay_part(&run->net.layer, run->prepared, &d, RNNP_ACT_TANH, d.split, NULL);
    }
    rnnp_decay_rows(run->net.layer.select, &d);
}

/* dg += a ds of one row, or the sum over units where all have one decay. Overwrites `work`. */
static void add_dg(const rnnp_bptt_run *run, const rnnp_decay *d, size_t row, const float *a, const float *ds,
                   float *work, float *dg)
{
    const size_t H = d->hidden;
    float *to = dg + (d->g - run->io.g) + d->order[row] * d->g_row, sum;
    const rnnp_row_args total = {.x = work, .y = &sum, .rows = 1, .cols = H, .ldx = H, .ldy = 1};

    rnnp_bptt_each(run, RNNP_OP_mul_f32, work, a, ds, H);
    if (d->g_unit) {
        rnnp_bptt_each(run, RNNP_OP_add_f32, to, to, work, H);
        return;
    }
    run->net.layer.select->op[RNNP_OP_reduce_sum_f32]->fn.reduce_sum_f32(&total);
    *to += sum;
}

/* The gradient by a row of pre-activations, from ds; ds stays. */
static void split_back(const rnnp_bptt_run *run, const rnnp_decay *d, size_t row, const float *pre, const float *ds,
                       float *dpre)
{
    const rnnp_selection *select = run->net.layer.select;
    const rnnp_act_back_args act = {.x = pre,
                                    .dy = dpre,
                                    .dx = dpre,
                                    .n = d->hidden,
                                    .act = {RNNP_ACT_TANH, 0, 0},
                                    .math = (int)run->net.layer.math};

    rnnp_decay_row(select, d, row, ds, dpre);
    rnnp_bptt_each(run, RNNP_OP_sub_f32, dpre, dpre, ds, d->hidden);
    select->op[RNNP_OP_act_back_f32]->fn.act_back_f32(&act);
}

void rnnp_bptt_decay_back(const rnnp_bptt_run *run, size_t step, size_t row, const float *from, float *ds, float *dg)
{
    const rnnp_bptt *net = &run->net;
    const rnnp_bptt_work *w = &net->work;
    const size_t H = net->layer.hidden;
    rnnp_decay d = decay_of(run, step);
    float *m = run->work + w->m, *pre = run->work + w->pre, *dpre = run->work + w->dpre + row * H;

    d.from = from;
    if (net->layer.splits) {
        rnnp_decay_part(&net->layer, run->prepared, &d, RNNP_ACT_TANH, m, NULL);
        rnnp_decay_part(&net->layer, run->prepared, &d, RNNP_ACT_NONE, pre, NULL);
        memcpy(run->work + w->raw + row * H, from, d.rows * H * sizeof *from);
    }
    for (size_t r = 0; r < d.rows; r++) {
        const float *a = net->layer.splits ? m + r * H : from + r * H;
        float *to = ds + r * H;

        if (net->layer.splits) split_back(run, &d, r, pre + r * H, to, dpre + r * H);
        if (dg) add_dg(run, &d, r, a, to, net->layer.splits ? m + r * H : m, dg);
        if (!net->layer.splits) rnnp_decay_row(net->layer.select, &d, r, to, to);
    }
    if (net->layer.splits)
        rnnp_bptt_product(net->gemm, d.rows, H, H, dpre, H, run->prepared + net->split_back, ds, H, ds, H);
}
