/* SPDX-License-Identifier: Apache-2.0
 *
 * From a gradient to new parameters: penalties, the norm, the optimiser. Threads share blocks of up to 4096 elements of
 * one parameter. A sum over all of them: in each block 16 lanes, where lane i adds elements i, i + 16, ... in double;
 * lanes by halves (8, 4, 2, 1); blocks, those of frozen parameters as 0, in the tree of slices.c.
 */
#include "../real.h"
#include "training.h"

#include <math.h>

enum { LANES = 16 };

/* ---- Sums ---- */

static double add_lanes(double *lane)
{
    for (size_t half = LANES / 2; half > 0; half /= 2) {
        for (size_t i = 0; i < half; i++) lane[i] += lane[i + half];
    }
    return lane[0];
}

static double sum_squares(const float *x, size_t n)
{
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++) lane[l] += (double)x[i + l] * (double)x[i + l];
    for (; i < n; i++) lane[i % LANES] += (double)x[i] * (double)x[i];
    return add_lanes(lane);
}

static double sum_sizes(const float *x, size_t n)
{
    double lane[LANES] = {0};
    for (size_t i = 0; i < n; i++) lane[i % LANES] += fabs((double)x[i]);
    return add_lanes(lane);
}

/* The squares of how far parameters are from their anchors; adds the slope to a gradient, unless it is NULL. */
static double pull(const float *p, const float *anchor, size_t n, float weight, float *g)
{
    double lane[LANES] = {0};
    for (size_t i = 0; i < n; i++) {
        const float away = p[i] - anchor[i];
        lane[i % LANES] += (double)away * (double)away;
        if (g) g[i] += weight * away;
    }
    return add_lanes(lane);
}

static double add_blocks(double *sum, size_t n)
{
    for (size_t step = 1; step < n; step *= 2) {
        for (size_t i = 0; i + step < n; i += 2 * step) sum[i] += sum[i + step];
    }
    return n ? sum[0] : 0;
}

/* ---- Blocks ---- */

typedef struct update_call {
    rnnp_trainer *trainer;
    rnnp_update_args args;
    int backward;
} update_call;

static rnnp_update_args block_args(const update_call *call, const rnnp_update_block *block)
{
    const rnnp_trainer *t = call->trainer;
    rnnp_update_args args = call->args;
    args.p = t->values + block->offset;
    args.g = t->gradient + block->offset;
    args.m = t->m ? t->m + block->offset : NULL;
    args.v = t->v ? t->v + block->offset : NULL;
    args.n = block->n;
    return args;
}

static void norm_phase(void *arg, size_t phase, size_t i, size_t n)
{
    const update_call *call = arg;
    const rnnp_trainer *t = call->trainer;
    const rnnp_selection *select = &t->context->selection;
    const int penalties = call->args.l1 > 0 || call->args.l2 > 0;
    size_t from, to;
    (void)phase;
    rnnp_share(t->n_blocks, i, n, &from, &to);
    for (size_t b = from; b < to; b++) {
        const rnnp_train_parameter *p = &t->parameters[t->blocks[b].parameter];
        const rnnp_update_args args = block_args(call, &t->blocks[b]);
        const int penalised = penalties && p->penalised && !p->info.frozen;
        t->block_norm[b] = t->block_penalty[b] = 0;
        if (penalised && call->args.l1 > 0) t->block_penalty[b] += (double)args.l1 * sum_sizes(args.p, args.n);
        if (penalised && call->args.l2 > 0) t->block_penalty[b] += (double)args.l2 / 2 * sum_squares(args.p, args.n);
        if (penalised && call->backward) select->op[RNNP_OP_penalty_f32]->fn.penalty_f32(&args);
        if (t->proximal > 0 && !p->info.frozen)
            t->block_penalty[b] +=
                (double)t->proximal / 2 *
                pull(args.p, t->anchor + t->blocks[b].offset, args.n, t->proximal, call->backward ? args.g : NULL);
        if (call->backward && !p->info.frozen) t->block_norm[b] = sum_squares(args.g, args.n);
    }
}

static rnnp_team *team_of(const rnnp_trainer *t) { return t->threads > 1 ? t->context->team : NULL; }

void rnnp_train_norm(rnnp_trainer *t, int backward, double *norm, double *penalty)
{
    update_call call = {.trainer = t, .args = {.l1 = t->options.l1, .l2 = t->options.l2}, .backward = backward};
    *norm = *penalty = 0;
    if (!backward && t->options.l1 <= 0 && t->options.l2 <= 0 && t->proximal <= 0) return;
    rnnp_team_phases(team_of(t), t->threads, 1, norm_phase, &call);
    *norm = sqrt(add_blocks(t->block_norm, t->n_blocks));
    *penalty = add_blocks(t->block_penalty, t->n_blocks);
}

/* ---- The optimiser ---- */

static void update_phase(void *arg, size_t phase, size_t i, size_t n)
{
    const update_call *call = arg;
    const rnnp_trainer *t = call->trainer;
    const rnnp_selection *select = &t->context->selection;
    size_t from, to;
    (void)phase;
    rnnp_share(t->n_blocks, i, n, &from, &to);
    for (size_t b = from; b < to; b++) {
        const rnnp_update_args args = block_args(call, &t->blocks[b]);
        if (t->parameters[t->blocks[b].parameter].info.frozen) continue;
        switch (t->optimizer.kind) {
        case RNNP_OPTIMIZER_SGD: select->op[RNNP_OP_sgd_f32]->fn.sgd_f32(&args); break;
        case RNNP_OPTIMIZER_RMSPROP: select->op[RNNP_OP_rmsprop_f32]->fn.rmsprop_f32(&args); break;
        default: select->op[RNNP_OP_adam_f32]->fn.adam_f32(&args); break;
        }
    }
}

void rnnp_train_update(rnnp_trainer *t, double norm)
{
    const rnnp_optimizer *o = &t->optimizer;
    const uint64_t step = t->steps + 1;
    const double most = (double)t->options.clip_norm;
    update_call call = {.trainer = t,
                        .args = {
                            .rate = o->rate,
                            .decay = o->decay,
                            .scale = most > 0 && norm > most ? (float)(most / norm) : 1.0f,
                            .limit = t->options.clip_value,
                            .momentum = o->momentum,
                            .rho = o->rho,
                            .beta1 = o->beta1,
                            .beta2 = o->beta2,
                            .epsilon = o->epsilon,
                            .nesterov = o->nesterov,
                            .decoupled = o->kind == RNNP_OPTIMIZER_ADAMW,
                            .rate1 = (float)((double)o->rate / (1 - rnnp_real_power((double)o->beta1, step))),
                            .root2 = (float)(1 / sqrt(1 - rnnp_real_power((double)o->beta2, step))),
                        }};
    rnnp_team_phases(team_of(t), t->threads, 1, update_phase, &call);
    t->steps = step;
}
