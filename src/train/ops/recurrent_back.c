/* SPDX-License-Identifier: Apache-2.0
 *
 * The backward pass of a recurrent node. dh is the gradient by h of the current step for rows that take part in it. For
 * others it is that by the final state until their last step comes, and that by h0 once all their steps are done. dc
 * likewise.
 */
#include "bptt.h"

#include "../../cells/weights.h"

#include <string.h>

/* Gradients of this direction, NULL where they are not wanted. */
typedef struct gradients {
    const float *dy;
    float *dx, *dw, *dr, *dbw, *dbr, *dg, *dsplit, *dsplit_bias;
    int begun; /* dw and dr hold the sums of some segments */
} gradients;

/* ---- The recurrence ---- */

/* dh += dy of the step's rows */
static void add_dy(const rnnp_bptt_run *run, size_t step, size_t rows, const float *dy, float *dh)
{
    const rnnp_recurrent_call *io = &run->io;
    const size_t H = run->net.layer.hidden;
    const float *from = dy + rnnp_bptt_time(run, step) * io->y_step + run->d * io->y_dir;

    if (rnnp_bptt_h_in_place(run)) {
        rnnp_bptt_each(run, RNNP_OP_add_f32, dh, dh, from, rows * H);
        return;
    }
    for (size_t r = 0; r < rows; r++)
        rnnp_bptt_each(run, RNNP_OP_add_f32, dh + r * H, dh + r * H, from + run->order[r] * io->y_row, H);
}

/* dh = start + (dz R) of a part, masked as h_prev was; start NULL: nothing. */
static void dz_to_dh(const rnnp_bptt_run *run, size_t part, const float *dz, size_t rows, const float *start, float *dh)
{
    const rnnp_bptt *net = &run->net;
    const rnnp_bptt_part *p = &net->part[part];
    const size_t H = net->layer.hidden;
    const char *r = run->prepared + p->wh_back;

    rnnp_bptt_product(net->gemm, rows, H, p->of.columns, dz, p->ldz, r, run->mask ? NULL : start, H, dh, H);
    if (!run->mask) return;
    rnnp_bptt_each(run, RNNP_OP_mul_f32, dh, dh, run->mask, rows * H);
    if (start) rnnp_bptt_each(run, RNNP_OP_add_f32, dh, start, dh, rows * H);
}

static void gates_back(const rnnp_bptt_run *run, size_t part, const rnnp_gates_back_args *args)
{
    run->net.layer.select->op[run->net.part[part].of.of->back_op]->fn.lstm_gates_back_f32(args); /* all have one type */
}

static void step_back(const rnnp_bptt_run *run, const rnnp_bptt_segment *s, size_t step, const gradients *g)
{
    const rnnp_bptt *net = &run->net;
    const rnnp_bptt_work *w = &net->work;
    const size_t H = net->layer.hidden, state = net->batch * H, rows = rnnp_bptt_active(run, step);
    const size_t row = run->at[step] - run->at[s->first];
    const int blends = net->layer.part[0].of->blends, has_c = net->layer.has_c;
    float *dh = run->work + w->dh, *carried = blends ? run->work + w->dh_prev : NULL, *drh = run->work + w->drh;
    float *c = has_c ? s->c + (step - s->first + 1) * state : NULL;
    rnnp_gates_back_args a = {.rows = rows,
                              .hidden = H,
                              .z = s->z[0] + row * net->ldz[0],
                              .ldz = net->ldz[0],
                              .zx = net->ldz[1] ? s->z[1] + row * net->ldz[1] : NULL,
                              .ldzx = net->ldz[1],
                              .h = s->h + row * H,
                              .ldh = H,
                              .state = {{c, H}},
                              .state_prev = {{has_c ? c - state : NULL, H}},
                              .dh = dh,
                              .lddh = H,
                              .dh_prev = carried,
                              .lddh_prev = H,
                              .d_state = {{run->work + (has_c ? w->dc : w->du), H}},
                              .dp = run->work + w->dp,
                              .spec = &run->spec};

    if (rows == 0) return;
    if (rnnp_bptt_decays_c(net)) {
        rnnp_bptt_decay(run, step, c - state, run->work + w->decayed);
        a.state_prev[0].p = run->work + w->decayed;
    }
    if (g->dy) add_dy(run, step, rows, g->dy, dh);
    if (blends) memset(carried, 0, rows * H * sizeof *carried);
    if (net->parts > 1) {
        gates_back(run, 1, &a);
        dz_to_dh(run, 1, a.zx, rows, NULL, drh);
        a.dh = drh;
    }
    gates_back(run, 0, &a);
    dz_to_dh(run, 0, a.z, rows, carried, dh);
    if (rnnp_bptt_decays_h(net)) rnnp_bptt_decay_back(run, step, row, run->work + w->raw + row * H, dh, g->dg);
    if (rnnp_bptt_decays_c(net)) rnnp_bptt_decay_back(run, step, row, c - state, run->work + w->dc, g->dg);
}

/* ---- Weights and x, a segment at a time ---- */

/* The rows of a segment as the right side of products. */
static const float *pack(const rnnp_bptt_run *run, const rnnp_bptt_segment *s, const float *x, size_t width,
                         size_t section)
{
    const rnnp_unpacked from = rnnp_unpacked_f32(x, width, s->rows, 0, 1, width);
    float *packed = run->work + section;

    rnnp_panels_pack(&run->net.gemm->traits.panels, &from, packed, 0, 1);
    return packed;
}

/* One gate of dz, [rows][panel][gates_of_z][lane] from it on, to rows [unit] of dzt; their sums, too. */
static void turn(const rnnp_bptt_run *run, const rnnp_bptt_segment *s, const float *dz, size_t ldz, size_t gates_of_z)
{
    const size_t H = run->net.layer.hidden;
    const rnnp_selection *select = run->net.layer.select;
    float *dzt = run->work + run->net.work.dzt;
    const rnnp_row_args sums = {
        .x = dzt, .y = run->work + run->net.work.sums, .rows = H, .cols = s->rows, .ldx = s->rows, .ldy = 1};

    for (size_t u = 0; u < H; u += RNNP_TRAIN_LANES) {
        const rnnp_move_args args = {.x = dz + u * gates_of_z,
                                     .ldx = ldz,
                                     .rows = s->rows,
                                     .cols = H - u < RNNP_TRAIN_LANES ? H - u : RNNP_TRAIN_LANES,
                                     .ldy = s->rows,
                                     .y = dzt + u * s->rows};

        select->op[RNNP_OP_transpose_f32]->fn.transpose_f32(&args);
    }
    select->op[RNNP_OP_reduce_sum_f32]->fn.reduce_sum_f32(&sums);
}

/* dw [hidden][width] of one gate += dzt times packed rows, or = where nothing has begun; db += the sums. */
static void add_gate(const rnnp_bptt_run *run, const rnnp_bptt_segment *s, const float *packed, size_t width, float *dw,
                     float *db, int begun)
{
    const rnnp_bptt *net = &run->net;
    const size_t H = net->layer.hidden;

    if (dw)
        rnnp_bptt_product(net->gemm, H, width, s->rows, run->work + net->work.dzt, s->rows, packed, begun ? dw : NULL,
                          width, dw, width);
    if (db) rnnp_bptt_each(run, RNNP_OP_add_f32, db, db, run->work + net->work.sums, H);
}

static float *of_gate(float *gradient, size_t gate, size_t elements)
{
    return gradient ? gradient + gate * elements : NULL;
}

/* Gate by gate, so that what is turned stays near for both products. */
static void add_weights(const rnnp_bptt_run *run, const rnnp_bptt_segment *s, const float *x, const gradients *g)
{
    const rnnp_bptt *net = &run->net;
    const rnnp_bptt_work *w = &net->work;
    const size_t H = net->layer.hidden, I = net->layer.input;
    const float *px = g->dw ? pack(run, s, x, I, w->packed_x) : NULL, *ph = NULL;

    for (size_t i = 0; i < net->parts; i++) {
        const size_t gates = net->part[i].of.gates, first = net->part[i].of.first_gate;
        const float *h = i > 0 ? run->work + w->rhs : run->mask ? run->work + w->hs_masked : s->h;

        if (g->dr) ph = pack(run, s, h, H, w->packed_h);
        for (size_t k = 0; k < gates; k++) {
            const size_t gate = first + k;

            turn(run, s, s->z[i] + k * RNNP_TRAIN_LANES, net->ldz[i], gates);
            add_gate(run, s, ph, H, of_gate(g->dr, gate, H * H), of_gate(g->dbr, gate, H), g->begun);
            if (rnnp_bptt_has_zx(net) && gate + 1 == net->gates) turn(run, s, s->z[1], net->ldz[1], 1);
            add_gate(run, s, px, I, of_gate(g->dw, gate, H * I), of_gate(g->dbw, gate, H), g->begun);
        }
    }
    if (!net->layer.splits) return;
    if (g->dsplit) ph = pack(run, s, run->work + w->raw, H, w->packed_h);
    turn(run, s, run->work + w->dpre, H, 1);
    add_gate(run, s, ph, H, g->dsplit, g->dsplit_bias, g->begun);
}

/* dx += dz W; a second direction adds to the first. */
static void add_dx(const rnnp_bptt_run *run, const rnnp_bptt_segment *s, float *dx)
{
    const rnnp_bptt *net = &run->net;
    const size_t I = net->layer.input;
    const int in_place = rnnp_bptt_x_in_place(run);
    float *rows = in_place ? dx + s->first * run->io.x_step : run->work + net->work.dx;

    if (run->d > 0) rnnp_bptt_copy_rows(run, s, dx, rows, 0);
    for (size_t i = 0; i < net->parts; i++)
        rnnp_bptt_product(net->gemm, s->rows, I, net->part[i].of.columns, s->z[i], net->ldz[i],
                          run->prepared + net->part[i].wx_back, run->d + i > 0 ? rows : NULL, I, rows, I);
    if (!in_place) rnnp_bptt_copy_rows(run, s, dx, rows, 1);
}

static void segment_back(const rnnp_bptt_run *run, rnnp_bptt_segment *s, gradients *g)
{
    const rnnp_bptt *net = &run->net;
    const float *x = rnnp_bptt_x(run, s);

    s->h = rnnp_bptt_h(run, s);
    if (net->recompute)
        rnnp_bptt_again(run, s, x);
    else if (net->parts > 1)
        rnnp_bptt_reset_rows(run, s);
    for (size_t step = s->end; step-- > s->first;) {
        step_back(run, s, step, g);
        rnnp_slice_meanwhile(run->call->slice);
    }
    add_weights(run, s, x, g);
    if (rnnp_bptt_has_zx(net)) rnnp_bptt_zx_to_n(net, s);
    if (g->dx) add_dx(run, s, g->dx);
    g->begun = 1;
}

/* ---- The whole ---- */

static float *of_direction(float *gradient, size_t d, size_t elements)
{
    return gradient ? gradient + d * elements : NULL;
}

static float *split_bias_of(const rnnp_gradient_call *call)
{
    return call->shape.node->n_inputs > RNNP_IN_SPLIT_BIAS ? call->d_inputs[RNNP_IN_SPLIT_BIAS].data : NULL;
}

static void direction_back(const rnnp_bptt_run *run)
{
    const rnnp_bptt *net = &run->net;
    const rnnp_gradient_call *call = run->call;
    const size_t H = net->layer.hidden, GH = net->gates * H, d = run->d;
    const size_t peepholes = net->layer.traits->peepholes;
    float *dh = run->work + net->work.dh, *dc = run->work + net->work.dc, *dp = run->work + net->work.dp;
    gradients g = {
        .dy = call->d_outputs[RNNP_OUT_Y].data,
        .dx = call->d_inputs[RNNP_IN_X].data,
        .dw = of_direction(call->d_inputs[RNNP_IN_W].data, d, GH * net->layer.input),
        .dr = of_direction(call->d_inputs[RNNP_IN_R].data, d, GH * H),
        .dbw = of_direction(call->d_inputs[RNNP_IN_B].data, d, 2 * GH),
        .dg = net->layer.decays ? call->d_inputs[RNNP_IN_DECAY].data : NULL,
        .dsplit = net->layer.splits ? call->d_inputs[RNNP_IN_SPLIT].data : NULL,
        .dsplit_bias = split_bias_of(call),
    };

    g.dbr = g.dbw ? g.dbw + GH : NULL;
    rnnp_bptt_take_state(run, call->d_outputs[RNNP_OUT_H].data, 1, dh);
    if (net->layer.has_c) rnnp_bptt_take_state(run, call->d_outputs[RNNP_OUT_C].data, 1, dc);
    memset(dp, 0, peepholes * H * sizeof *dp);
    for (size_t i = rnnp_bptt_segments(net); i-- > 0;) {
        rnnp_bptt_segment s = rnnp_bptt_segment_at(run, i * net->segment);

        if (s.rows > 0) segment_back(run, &s, &g);
    }
    if (!g.begun && g.dw) memset(g.dw, 0, GH * net->layer.input * sizeof *g.dw);
    if (!g.begun && g.dsplit) memset(g.dsplit, 0, H * H * sizeof *g.dsplit);
    if (!g.begun && g.dr) memset(g.dr, 0, GH * H * sizeof *g.dr);
    rnnp_bptt_give_state(run, dh, 0, call->d_inputs[RNNP_IN_H0].data);
    if (net->layer.has_c) rnnp_bptt_give_state(run, dc, 0, call->d_inputs[RNNP_IN_C0].data);
    if (peepholes && call->d_inputs[RNNP_IN_P].data)
        memcpy((float *)call->d_inputs[RNNP_IN_P].data + d * peepholes * H, dp, peepholes * H * sizeof *dp);
}

/* Gradients of biases and of decays, which segments add to, and of x past a row's length begin with zeros. */
static void clear(const rnnp_bptt_run *run)
{
    const rnnp_tensor *dx = &run->call->d_inputs[RNNP_IN_X], *db = &run->call->d_inputs[RNNP_IN_B];

    if (run->io.lengths && dx->data) memset(dx->data, 0, rnnp_tensor_elements(dx) * sizeof(float));
    if (db->data) memset(db->data, 0, rnnp_tensor_elements(db) * sizeof(float));
    if (split_bias_of(run->call)) memset(split_bias_of(run->call), 0, run->net.layer.hidden * sizeof(float));
    if (!run->net.layer.decays) return;
    const rnnp_tensor *dg = &run->call->d_inputs[RNNP_IN_DECAY];
    if (dg->data) memset(dg->data, 0, rnnp_tensor_elements(dg) * sizeof(float));
}

rnnp_status rnnp_bptt_backward(const rnnp_gradient_call *call)
{
    rnnp_bptt_run run;
    const rnnp_status status = rnnp_bptt_begin(call, &run);

    if (status != RNNP_OK) return status;
    clear(&run);
    for (size_t d = 0; d < rnnp_directions(run.net.layer.direction); d++) {
        rnnp_bptt_begin_direction(&run, d);
        direction_back(&run);
    }
    return RNNP_OK;
}
