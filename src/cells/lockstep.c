/* SPDX-License-Identifier: Apache-2.0 */
#include "lockstep.h"

void rnnp_lockstep_begin(rnnp_lockstep *l, size_t steps, size_t chunk)
{
    l->loops = l->full = l->threads = 0;
    l->steps = steps;
    l->chunk = chunk;
}

static size_t phases_of(const rnnp_loop *o, size_t steps)
{
    return (size_t)o->gathers + (size_t)(o->w->chunk > 0) + steps * o->layer->parts;
}

void rnnp_lockstep_add(rnnp_lockstep *l, const rnnp_loop *loop, size_t lag)
{
    const size_t phases = phases_of(loop, l->chunk), i = l->loops++;
    l->of[i].loop = loop;
    l->of[i].first = l->threads;
    l->of[i].threads = loop->threads;
    l->of[i].lag = lag;
    l->threads += loop->threads;
    if (phases > l->full) l->full = phases;
}

/* Share i of n of what a loop does in a phase, counted from its own first one. */
static void run_loop(const rnnp_lockstep *l, const rnnp_loop *o, size_t phase, size_t i, size_t n)
{
    const size_t first = phase / l->full * l->chunk, in = phase % l->full;
    const size_t gathers = (size_t)o->gathers, pre = phases_of(o, 0), parts = o->layer->parts;
    if (first >= l->steps) return;
    const size_t left = l->steps - first, at = in - pre; /* at: from its steps on */
    const rnnp_chunk chunk = {.first = first, .count = left < l->chunk ? left : l->chunk};
    if (in < gathers)
        rnnp_loop_gather(o, &chunk, i, n);
    else if (in < pre)
        rnnp_loop_project(o, &chunk, i, n);
    else if (at < chunk.count * parts)
        rnnp_loop_step(o, &chunk, at / parts, at % parts, i, n);
}

static void run_phase(void *arg, size_t phase, size_t i, size_t n)
{
    const rnnp_lockstep *l = arg;
    for (size_t k = 0; k < l->loops; k++) {
        const size_t lag = l->of[k].lag * l->full, group = l->of[k].threads, first = l->of[k].first;
        if (phase < lag) continue;
        if (n == 1)
            run_loop(l, l->of[k].loop, phase - lag, 0, 1);
        else if (i >= first && i - first < group)
            run_loop(l, l->of[k].loop, phase - lag, i - first, group);
    }
}

void rnnp_lockstep_run(const rnnp_lockstep *l, rnnp_team *team)
{
    const size_t whole = l->steps > 0 ? (l->steps - 1) / l->chunk : 0; /* chunks before the last */
    size_t phases = 0;
    for (size_t k = 0; l->steps > 0 && k < l->loops; k++) {
        const size_t end = (l->of[k].lag + whole) * l->full + phases_of(l->of[k].loop, l->steps - whole * l->chunk);
        phases = end > phases ? end : phases;
    }
    rnnp_team_phases(team, l->threads, phases, run_phase, (void *)l);
}

void rnnp_lockstep_forward(const rnnp_recurrent *layer, const rnnp_recurrent_call *call, size_t threads)
{
    const size_t loops = rnnp_directions(layer->direction);
    rnnp_loop o[2];
    rnnp_lockstep together;
    for (size_t d = 0; d < loops; d++) {
        rnnp_loop_begin(&o[d], layer, call, threads / loops);
        o[d].base += d * o[d].w->floats;
        rnnp_loop_begin_direction(&o[d], d);
    }
    rnnp_lockstep_begin(&together, call->steps, o[0].chunk);
    for (size_t d = 0; d < loops; d++) rnnp_lockstep_add(&together, &o[d], 0);
    rnnp_lockstep_run(&together, call->team);
    for (size_t d = 0; d < loops; d++) rnnp_loop_end_direction(&o[d]);
}
