/* SPDX-License-Identifier: Apache-2.0
 *
 * The forward pass of a recurrent node in training. The chains are those of inference, so the bits are, too.
 */
#include "bptt.h"

#include "../../cells/weights.h"

#include <string.h>

/* ---- Rows of a segment ---- */

const float *rnnp_bptt_x(const rnnp_bptt_run *run, const rnnp_bptt_segment *s)
{
    float *const x = run->work + run->net.work.x;
    if (rnnp_bptt_x_in_place(run)) return run->io.x + s->first * run->io.x_step;
    rnnp_bptt_copy_rows(run, s, (float *)run->io.x, x, 0);
    return x;
}

const float *rnnp_bptt_h(const rnnp_bptt_run *run, const rnnp_bptt_segment *s)
{
    const rnnp_bptt *net = &run->net;
    const size_t H = net->layer.hidden;
    const int decays = rnnp_bptt_decays_h(net);
    if (s->first > 0 && !run->mask && !decays && rnnp_bptt_h_in_place(run) && rnnp_bptt_forwards(run) &&
        run->y_step == net->batch * H)
        return run->y + (s->first - 1) * run->y_step;
    float *h0 = run->work + net->work.h, *to = run->work + net->work.hs, *masked = run->work + net->work.hs_masked;
    float *raw = run->work + net->work.raw;
    rnnp_bptt_take_state(run, run->io.h0, 0, h0);
    for (size_t step = s->first; step < s->end; step++) {
        const size_t rows = rnnp_bptt_active(run, step), before = step ? rnnp_bptt_active(run, step - 1) : 0;
        const float *y = step ? run->y + rnnp_bptt_time(run, step - 1) * run->y_step : NULL;
        for (size_t r = 0; r < rows; r++)
            memcpy((decays ? raw : to) + r * H, r < before ? y + run->order[r] * run->y_row : h0 + r * H,
                   H * sizeof *to);
        if (decays) rnnp_bptt_decay(run, step, raw, to);
        if (run->mask && rows > 0) rnnp_bptt_each(run, RNNP_OP_mul_f32, masked, to, run->mask, rows * H);
        to += rows * H;
        raw += rows * H;
        masked += rows * H;
    }
    return run->work + net->work.hs;
}

/* One gate of all panels from rows of one kind to rows of another; a step is from panel to panel. */
static void copy_gate(size_t rows, size_t panels, float *to, size_t ld_to, size_t to_step, const float *from,
                      size_t ld_from, size_t from_step)
{
    for (size_t r = 0; r < rows; r++, to += ld_to, from += ld_from) {
        for (size_t panel = 0; panel < panels; panel++)
            memcpy(to + panel * to_step, from + panel * from_step, RNNP_TRAIN_LANES * sizeof *to);
    }
}

/* The last gate of the first part. */
static size_t last_step(const rnnp_bptt *net) { return net->part[0].of.gates * RNNP_TRAIN_LANES; }
static size_t last_at(const rnnp_bptt *net) { return last_step(net) - RNNP_TRAIN_LANES; }

void rnnp_bptt_zx_to_n(const rnnp_bptt *net, const rnnp_bptt_segment *s)
{
    copy_gate(s->rows, net->panels, s->z[0] + last_at(net), net->ldz[0], last_step(net), s->z[1], net->ldz[1],
              RNNP_TRAIN_LANES);
}

/* ---- Pre-activations ---- */

/* bias + x W^T of all parts. The recurrent part of n begins with a bias of its own. */
static void project(const rnnp_bptt_run *run, const rnnp_bptt_segment *s, const float *x)
{
    const rnnp_bptt *net = &run->net;
    const size_t I = net->layer.input;
    for (size_t i = 0; i < net->parts; i++) {
        const rnnp_bptt_part *p = &net->part[i];
        rnnp_bptt_product(p->gemm, s->rows, p->of.columns, I, x, I, run->prepared + p->of.wx,
                          rnnp_const_floats_at(run->prepared, p->of.bias), 0, s->z[i], p->ldz);
    }
    if (!rnnp_bptt_has_zx(net)) return;
    float *n = s->z[0] + last_at(net);
    copy_gate(s->rows, net->panels, s->z[1], net->ldz[1], RNNP_TRAIN_LANES, n, net->ldz[0], last_step(net));
    copy_gate(s->rows, net->panels, n, net->ldz[0], last_step(net),
              rnnp_const_floats_at(run->prepared, net->part[0].of.bias_h), 0, RNNP_TRAIN_LANES);
}

/* z of a part += h R^T, for rows of a segment from `row` on. */
static void recur(const rnnp_bptt_run *run, const rnnp_bptt_segment *s, size_t i, size_t row, size_t rows,
                  const float *h)
{
    const rnnp_bptt_part *p = &run->net.part[i];
    const size_t H = run->net.layer.hidden;
    float *z = s->z[i] + row * p->ldz;
    rnnp_bptt_product(p->gemm, rows, p->of.columns, H, h, H, run->prepared + p->of.wh, z, p->ldz, z, p->ldz);
}

typedef struct states {
    const float *h;
    float *state, *y; /* state: c or u */
} states;

static void gates(const rnnp_bptt_run *run, const rnnp_bptt_segment *s, size_t i, size_t row, size_t rows, states at)
{
    const rnnp_bptt *net = &run->net;
    const size_t H = net->layer.hidden;
    const rnnp_gates_args args = {.rows = rows,
                                  .hidden = H,
                                  .lanes = RNNP_TRAIN_LANES,
                                  .panel_end = net->panels,
                                  .z = s->z[i] + row * net->ldz[i],
                                  .ldz = net->ldz[i],
                                  .zx = rnnp_bptt_has_zx(net) ? s->z[1] + row * net->ldz[1] : NULL,
                                  .ldzx = net->ldz[1],
                                  .zx_step = RNNP_TRAIN_LANES,
                                  .h = at.h,
                                  .ldh = H,
                                  .state = {{at.state, H}},
                                  .y = at.y,
                                  .ldy = H,
                                  .spec = &run->spec};
    if (rows > 0)
        net->layer.select->op[net->part[i].of.of->gates_op]->fn.lstm_gates_f32(&args); /* all gates ops have one type */
}

/* ---- Once more, on the way back ---- */

void rnnp_bptt_reset_rows(const rnnp_bptt_run *run, const rnnp_bptt_segment *s)
{
    const rnnp_bptt_work *w = &run->net.work;
    const size_t H = run->net.layer.hidden;
    float *rhs = run->work + w->rhs;
    gates(run, s, 0, 0, s->rows, (states){.h = s->h, .state = run->work + w->us, .y = rhs});
    for (size_t step = s->first; run->mask && step < s->end; step++) {
        const size_t rows = rnnp_bptt_active(run, step);
        if (rows > 0) rnnp_bptt_each(run, RNNP_OP_mul_f32, rhs, rhs, run->mask, rows * H);
        rhs += rows * H;
    }
}

void rnnp_bptt_again(const rnnp_bptt_run *run, const rnnp_bptt_segment *s, const float *x)
{
    const rnnp_bptt *net = &run->net;
    const size_t state = net->batch * net->layer.hidden;
    project(run, s, x);
    recur(run, s, 0, 0, s->rows, run->mask ? run->work + net->work.hs_masked : s->h);
    if (net->parts > 1) {
        rnnp_bptt_reset_rows(run, s);
        recur(run, s, 1, 0, s->rows, run->work + net->work.rhs);
    }
    if (!net->layer.has_c) return;
    memcpy(s->c, run->kept + net->kept.c + s->first / net->segment * state, state * sizeof *s->c);
    for (size_t step = s->first; step < s->end; step++) {
        float *c = s->c + (step - s->first + 1) * state;
        memcpy(c, c - state, state * sizeof *c);
        if (rnnp_bptt_decays_c(net)) rnnp_bptt_decay(run, step, c, c);
        gates(run, s, 0, run->at[step] - run->at[s->first], rnnp_bptt_active(run, step),
              (states){.state = c, .y = run->work + net->work.rh});
    }
}

/* ---- Forward ---- */

static const float *masked(const rnnp_bptt_run *run, const float *h, size_t rows)
{
    float *to = run->work + run->net.work.masked;
    if (!run->mask || rows == 0) return h;
    rnnp_bptt_each(run, RNNP_OP_mul_f32, to, h, run->mask, rows * run->net.layer.hidden);
    return to;
}

/* h of the active rows to y, zeros to the others. */
static void scatter(const rnnp_bptt_run *run, size_t step, const float *h)
{
    const size_t H = run->net.layer.hidden, rows = rnnp_bptt_active(run, step);
    float *y = run->y + rnnp_bptt_time(run, step) * run->y_step;
    for (size_t r = 0; r < run->net.batch; r++) {
        float *to = y + run->order[r] * run->y_row;
        if (r < rows)
            memcpy(to, h + r * H, H * sizeof *to);
        else
            memset(to, 0, H * sizeof *to);
    }
}

/* Steps of a segment from h on; returns the last h. */
static const float *forward_segment(const rnnp_bptt_run *run, const rnnp_bptt_segment *s, const float *h)
{
    const rnnp_bptt *net = &run->net;
    const size_t state = net->batch * net->layer.hidden;
    const int has_c = net->layer.has_c, in_place = rnnp_bptt_h_in_place(run);
    float *rh = run->work + net->work.rh;
    project(run, s, rnnp_bptt_x(run, s));
    for (size_t step = s->first; step < s->end; step++) {
        const size_t row = run->at[step] - run->at[s->first], rows = rnnp_bptt_active(run, step);
        float *c = has_c ? s->c + (step - s->first + 1) * state : NULL;
        float *y = in_place ? run->y + rnnp_bptt_time(run, step) * run->y_step : run->work + net->work.h;
        if (has_c) memcpy(c, c - state, state * sizeof *c);
        if (rnnp_bptt_decays_c(net)) rnnp_bptt_decay(run, step, c, c);
        if (rnnp_bptt_decays_h(net)) {
            rnnp_bptt_decay(run, step, h, run->work + net->work.decayed);
            h = run->work + net->work.decayed;
        }
        for (size_t i = 0; i < net->parts; i++) {
            recur(run, s, i, row, rows, masked(run, i ? rh : h, rows));
            gates(run, s, i, row, rows,
                  (states){.h = h, .state = has_c ? c : run->work + net->work.u, .y = i + 1 < net->parts ? rh : y});
        }
        h = y;
        if (!in_place) scatter(run, step, h);
    }
    return h;
}

static void forward_direction(const rnnp_bptt_run *run)
{
    const rnnp_bptt *net = &run->net;
    const size_t state = net->batch * net->layer.hidden;
    const int has_c = net->layer.has_c;
    float *h0 = run->work + net->work.h, *c = rnnp_bptt_segment_at(run, 0).c;
    const float *h = h0;
    rnnp_bptt_take_state(run, run->io.h0, 0, h0);
    if (has_c) rnnp_bptt_take_state(run, run->io.c0, 0, c);
    for (size_t first = 0; first < net->steps; first += net->segment) {
        const rnnp_bptt_segment s = rnnp_bptt_segment_at(run, first);
        if (has_c && net->recompute)
            memcpy(run->kept + net->kept.c + first / net->segment * state, s.c, state * sizeof *c);
        h = forward_segment(run, &s, h);
        c = has_c ? s.c + (s.end - first) * state : NULL;
        if (has_c && net->recompute) { /* the next segment has the same memory */
            memcpy(s.c, c, state * sizeof *c);
            c = s.c;
        }
    }
    rnnp_bptt_give_state(run, h, 1, run->io.h);
    if (has_c) rnnp_bptt_give_state(run, c, 1, run->io.c);
}

rnnp_status rnnp_bptt_forward(const rnnp_gradient_call *call)
{
    rnnp_bptt_run run;
    const rnnp_status status = rnnp_bptt_begin(call, &run);
    if (status != RNNP_OK) return status;
    for (size_t d = 0; d < rnnp_directions(run.net.layer.direction); d++) {
        rnnp_bptt_begin_direction(&run, d);
        forward_direction(&run);
    }
    return RNNP_OK;
}
