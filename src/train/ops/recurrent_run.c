/* SPDX-License-Identifier: Apache-2.0
 *
 * Sizes and memory of recurrent nodes in training, and one direction at work.
 */
#include "bptt.h"

#include "../../cells/loop.h"
#include "../../cells/weights.h"
#include "../random.h"

/* Rows of so many floats would meet in a few sets of the first cache. */
enum { SAME_SETS = 256 };

static void plan_parts(rnnp_bptt *net)
{
    net->parts = net->layer.parts;
    net->gates = net->layer.gates;
    net->panels = (net->layer.hidden + RNNP_TRAIN_LANES - 1) / RNNP_TRAIN_LANES;
    net->ldz[0] = net->ldz[1] = 0;
    for (size_t i = 0; i < net->parts; i++) {
        rnnp_bptt_part *part = &net->part[i];
        part->of = net->layer.part[i];
        part->of.lanes = RNNP_TRAIN_LANES;
        part->of.panels = net->panels;
        part->of.columns = net->panels * part->of.gates * RNNP_TRAIN_LANES;
        part->ldz = part->of.columns;
        if (part->ldz % SAME_SETS == 0) part->ldz += RNNP_TRAIN_LANES;
        net->ldz[i] = part->ldz;
    }
    if (rnnp_bptt_has_zx(net)) net->ldz[1] = net->panels * RNNP_TRAIN_LANES;
}

static size_t take(size_t *total, size_t rows, size_t width) { return rnnp_take_floats(total, rows * width); }

static void plan_kept(rnnp_bptt *net)
{
    const size_t H = net->layer.hidden, rows = net->recompute ? 0 : net->steps * net->batch;
    const size_t slots = net->recompute ? rnnp_bptt_segments(net) : net->steps + 1;
    rnnp_bptt_kept *k = &net->kept;
    k->floats = 0;
    for (size_t i = 0; i < 2; i++) k->z[i] = take(&k->floats, rows, net->ldz[i]);
    k->c = take(&k->floats, net->layer.has_c ? slots : 0, net->batch * H);
    k->y = take(&k->floats, net->has_y ? 0 : net->steps * net->batch, H);
}

static void plan_work(rnnp_bptt *net)
{
    const size_t H = net->layer.hidden, I = net->layer.input, B = net->batch, rows = net->segment * B;
    const rnnp_panels *panels = &net->gemm->traits.panels;
    rnnp_bptt_work *w = &net->work;
    size_t *const states[] = {&w->mask, &w->h, &w->masked, &w->u, &w->rh, &w->dh, &w->dh_prev, &w->dc, &w->du, &w->drh};
    const size_t reset_rows = net->parts > 1 ? rows : 0;
    w->floats = 0;
    w->order = take(&w->floats, B, sizeof(uint32_t) / sizeof(float));
    w->at = take(&w->floats, net->steps + 1, sizeof(size_t) / sizeof(float));
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) *states[i] = take(&w->floats, B, H);
    w->hs = take(&w->floats, rows, H);
    w->hs_masked = take(&w->floats, net->dropout > 0.0f ? rows : 0, H);
    w->rhs = take(&w->floats, reset_rows, H);
    w->us = take(&w->floats, reset_rows, H);
    for (size_t i = 0; i < 2; i++) w->z[i] = take(&w->floats, net->recompute ? rows : 0, net->ldz[i]);
    w->c = take(&w->floats, net->recompute && net->layer.has_c ? (net->segment + 1) * B : 0, H);
    w->x = take(&w->floats, rows, I);
    w->dx = take(&w->floats, rows, I);
    w->dp = take(&w->floats, net->layer.traits->peepholes, H);
    w->dzt = take(&w->floats, rows, H);
    w->sums = take(&w->floats, 1, H);
    w->packed_x = take(&w->floats, 1, rnnp_panels_bytes(panels, I, rows) / sizeof(float));
    w->packed_h = take(&w->floats, 1, rnnp_panels_bytes(panels, H, rows) / sizeof(float));
    w->decayed = take(&w->floats, net->layer.decays ? B : 0, H);
    w->raw = take(&w->floats, net->layer.decays ? rows : 0, H);
    w->m = take(&w->floats, net->layer.decays ? B : 0, H);
    w->pre = take(&w->floats, net->layer.splits ? B : 0, H);
    w->dpre = take(&w->floats, net->layer.splits ? rows : 0, H);
}

void rnnp_bptt_plan(const rnnp_gradient_shape *shape, rnnp_bptt *net)
{
    const rnnp_node *node = shape->node;
    const int64_t *x = shape->inputs[RNNP_IN_X].dim, hidden = shape->inputs[RNNP_IN_R].dim[2];
    rnnp_recurrent_of_node(node, x[2], hidden, shape->math, shape->select, &net->layer);
    rnnp_recurrent_prepare(&net->layer);
    rnnp_recurrent_sizes(node, x, &net->steps, &net->batch);
    net->recompute = shape->recompute;
    net->dropout = shape->recurrent_dropout;
    net->has_y = node->n_outputs > RNNP_OUT_Y && node->outputs[RNNP_OUT_Y] != RNNP_NONE;
    net->segment = net->batch ? RNNP_BPTT_ROWS / net->batch : RNNP_BPTT_STEPS;
    if (net->segment < RNNP_BPTT_STEPS) net->segment = RNNP_BPTT_STEPS;
    if (net->segment > net->steps) net->segment = net->steps ? net->steps : 1;
    plan_parts(net);
    rnnp_bptt_plan_pack(net);
    plan_kept(net);
    plan_work(net);
}

/* ---- At work ---- */

static void find_rows(rnnp_bptt_run *run)
{
    const rnnp_bptt *net = &run->net;
    const int32_t *lengths = run->io.lengths;
    for (size_t r = 0; r < net->batch; r++) run->order[r] = (uint32_t)r;
    if (lengths) rnnp_rows_by_length(run->order, lengths, net->batch);
}

rnnp_status rnnp_bptt_begin(const rnnp_gradient_call *call, rnnp_bptt_run *run)
{
    const rnnp_gradient_shape *shape = &call->shape;
    const rnnp_status status =
        rnnp_recurrent_call_of(shape->context, shape->node, call->inputs, call->outputs, &run->io);
    if (status != RNNP_OK) return status;
    rnnp_bptt_plan(shape, &run->net);
    run->call = call;
    run->work = call->workspace;
    run->order = (uint32_t *)(void *)(run->work + run->net.work.order);
    run->at = (size_t *)(void *)(run->work + run->net.work.at);
    find_rows(run);
    return RNNP_OK;
}

/* The mask of recurrent dropout: by the row's place in the batch and the unit, so that slices change nothing. It is on
 * the left side of recurrent products (h_prev, or r h_prev); what GRU's gates blend is h_prev itself. */
static const float *make_mask(const rnnp_bptt_run *run)
{
    const rnnp_bptt *net = &run->net;
    const rnnp_slice *slice = run->call->slice;
    const size_t H = net->layer.hidden, D = rnnp_directions(net->layer.direction);
    const float keep = 1.0f / (1.0f - net->dropout);
    const rnnp_random random = {.seed = slice->seed,
                                .step = slice->step,
                                .use = RNNP_RANDOM_DROPOUT,
                                .which = (uint32_t)run->call->shape.node->serial};
    float *mask = run->work + net->work.mask;
    if (!(net->dropout > 0.0f) || !slice->training) return NULL;
    for (size_t r = 0; r < net->batch; r++) {
        float *row = mask + r * H;
        rnnp_random_uniform(&random, ((uint64_t)slice->rows[run->order[r]] * D + run->d) * H, H, row);
        for (size_t u = 0; u < H; u++) row[u] = row[u] < net->dropout ? 0.0f : keep;
    }
    return mask;
}

void rnnp_bptt_begin_direction(rnnp_bptt_run *run, size_t d)
{
    const rnnp_bptt *net = &run->net;
    const size_t H = net->layer.hidden;
    const int32_t *lengths = run->io.lengths;
    const size_t peepholes = net->layer.traits->peepholes;
    const float *peephole = peepholes ? run->call->inputs[RNNP_IN_P].data : NULL;
    run->d = d;
    run->prepared = (const char *)run->call->prepared + d * net->prepared_bytes;
    run->kept = (float *)run->call->kept + d * net->kept.floats;
    run->spec = net->layer.spec[d];
    if (peephole) {
        run->spec.peephole = peephole + d * peepholes * H;
        run->spec.plain = 0;
    }
    run->y = net->has_y ? run->io.y + d * run->io.y_dir : run->kept + net->kept.y;
    run->y_step = net->has_y ? run->io.y_step : net->batch * H;
    run->y_row = net->has_y ? run->io.y_row : H;
    run->at[0] = 0;
    for (size_t s = 0; s < net->steps; s++) {
        const size_t t = rnnp_bptt_time(run, s);
        size_t rows = net->batch;
        while (lengths && rows > 0 && (size_t)lengths[run->order[rows - 1]] <= t) rows--;
        run->at[s + 1] = run->at[s] + rows;
    }
    run->mask = make_mask(run);
}

rnnp_bptt_segment rnnp_bptt_segment_at(const rnnp_bptt_run *run, size_t first)
{
    const rnnp_bptt *net = &run->net;
    const size_t state = net->batch * net->layer.hidden, left = net->steps - first;
    const int kept = !net->recompute;
    rnnp_bptt_segment s = {.first = first, .end = first + (left < net->segment ? left : net->segment)};
    s.rows = run->at[s.end] - run->at[first];
    for (size_t i = 0; i < 2; i++)
        s.z[i] = kept ? run->kept + net->kept.z[i] + run->at[first] * net->ldz[i] : run->work + net->work.z[i];
    s.c = kept ? run->kept + net->kept.c + first * state : run->work + net->work.c;
    return s;
}

/* ---- The caller's memory ---- */

static size_t state_at(const rnnp_bptt_run *run, int final, size_t r)
{
    const rnnp_recurrent_call *io = &run->io;
    return final ? run->d * io->h_dir + run->order[r] * io->h_row : run->d * io->h0_dir + run->order[r] * io->h0_row;
}

void rnnp_bptt_take_state(const rnnp_bptt_run *run, const float *theirs, int final, float *ours)
{
    const size_t H = run->net.layer.hidden;
    for (size_t r = 0; r < run->net.batch; r++) {
        if (theirs)
            memcpy(ours + r * H, theirs + state_at(run, final, r), H * sizeof *ours);
        else
            memset(ours + r * H, 0, H * sizeof *ours);
    }
}

void rnnp_bptt_give_state(const rnnp_bptt_run *run, const float *ours, int final, float *theirs)
{
    const size_t H = run->net.layer.hidden;
    for (size_t r = 0; theirs && r < run->net.batch; r++)
        memcpy(theirs + state_at(run, final, r), ours + r * H, H * sizeof *ours);
}

void rnnp_bptt_copy_rows(const rnnp_bptt_run *run, const rnnp_bptt_segment *s, float *theirs, float *ours, int give)
{
    const rnnp_recurrent_call *io = &run->io;
    const size_t I = run->net.layer.input;
    for (size_t step = s->first; step < s->end; step++)
        for (size_t r = 0; r < rnnp_bptt_active(run, step); r++, ours += I) {
            float *row = theirs + rnnp_bptt_time(run, step) * io->x_step + run->order[r] * io->x_row;
            memcpy(give ? row : ours, give ? ours : row, I * sizeof *ours);
        }
}
