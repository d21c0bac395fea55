/* SPDX-License-Identifier: Apache-2.0
 *
 * A call of one layer: which threads do its steps.
 *
 * Phases. When threads share the steps, all work is a sequence of phases; inside one, each share is a range of unit
 * panels, and every phase ends in a barrier:
 *     per direction, per chunk:  [gather rows]  [input product]  then per step: one phase per part
 */
#include "recurrent.h"

#include "loop.h"

#include <stdatomic.h>

/* Waking workers that sleep takes 30 to 40 us, and their caches are cold: a second thread gains from calls of some 250
 * us on (after a pause of 1 ms, LSTM of 64 and batch 4 takes 104 us alone and 138 with two, of 128 355 and 294); if
 * they are awake, or the calls come in a row so that they will be, from 20 us on, some 80 barriers. */
static const double WORTH_WAKINGS = 7, WORTH_BARRIERS = 80;

/* A step that is shared should give each thread two barriers' worth of work and more; threads begin in caches that the
 * others wrote to. */
static const double LEAST_BARRIERS = 4;

/* Share of the FMA rate that steps reach. */
static const double REACHED = 0.85;

static size_t directions(const rnnp_recurrent *layer) { return rnnp_directions(layer->direction); }

/* With few threads two directions run at once, each alone and so without a barrier, in halves of the workspace; with
 * more, each step is shared by all. */
static int side_by_side(const rnnp_recurrent *layer, size_t threads)
{
    return directions(layer) == 2 && (threads == 2 || threads == 3);
}

size_t rnnp_recurrent_workspace(const rnnp_recurrent *layer, size_t steps, size_t batch, size_t threads)
{
    rnnp_recurrent_memory w;
    if (!rnnp_recurrent_fits(layer->input, layer->hidden, batch, threads)) return SIZE_MAX;
    rnnp_recurrent_plan_memory(layer, steps, batch, threads, &w);
    return w.floats * sizeof(float) * (side_by_side(layer, threads) ? 2 : 1);
}

/* ---- Estimates ---- */

/* Products of whole numbers count as a third: they take about so much less time. */
static double step_flops(const rnnp_recurrent *layer, size_t batch)
{
    const double products = layer->part[0].step->traits.left == RNNP_LEFT_FLOATS ? 2.0 : 2.0 / 3;
    return products * (double)(layer->gates * layer->hidden) * (double)(layer->hidden + layer->input) * (double)batch;
}

static const rnnp_machine *machine(const rnnp_recurrent *layer) { return &layer->select->machine; }

static double work_ns(const rnnp_recurrent *layer, size_t batch)
{
    return step_flops(layer, batch) / (REACHED * machine(layer)->flops_per_ns);
}

double rnnp_recurrent_step_ns(const rnnp_recurrent *layer, size_t batch)
{
    const size_t weights = layer->gates * layer->hidden * (layer->hidden + layer->input),
                 bytes = weights * rnnp_format_bytes(layer->format);
    const double read = (double)bytes / machine(layer)->bytes_per_ns[rnnp_home_of(layer->select, bytes)],
                 work = work_ns(layer, batch);
    return (work > read ? work : read) * (double)directions(layer);
}

size_t rnnp_recurrent_threads(const rnnp_recurrent_call *call)
{
    const size_t team = rnnp_team_threads(call->team);
    return call->threads && call->threads < team ? call->threads : team;
}

/* A call that takes longer is worth a team that is awake. */
static double worth_calling_ns(const rnnp_recurrent *layer) { return WORTH_BARRIERS * machine(layer)->barrier_ns; }

double rnnp_recurrent_worth_ns(const rnnp_recurrent *layer, const rnnp_recurrent_call *call)
{
    return rnnp_team_is_awake(call->team) ? worth_calling_ns(layer) : WORTH_WAKINGS * machine(layer)->wake_ns;
}

/* Threads that share the steps of a call which is worth waking them; 1 for steps too small to share. */
static size_t sharing_threads(const rnnp_recurrent *layer, const rnnp_recurrent_call *call)
{
    const size_t team = rnnp_recurrent_threads(call), chosen = layer->choice.threads;
    if (chosen) return chosen < team ? chosen : team;
    const double most = work_ns(layer, call->batch) / (LEAST_BARRIERS * machine(layer)->barrier_ns) + 1;
    return most < 3 ? 1 : most < (double)team ? (size_t)most : team;
}

double rnnp_recurrent_forward_ns(const rnnp_recurrent *layer, const rnnp_recurrent_call *call)
{
    const double alone = rnnp_recurrent_step_ns(layer, call->batch) * (double)call->steps;
    const size_t team = rnnp_recurrent_threads(call);
    if (team == 1 || alone < rnnp_recurrent_worth_ns(layer, call)) return alone;
    if (side_by_side(layer, team)) return alone / 2;
    const size_t threads = sharing_threads(layer, call);
    if (threads == 1) return alone;
    return alone / (double)threads +
           (double)(call->steps * layer->parts * directions(layer)) * machine(layer)->barrier_ns;
}

/* ---- Steps shared by threads ---- */

static size_t phases_before_steps(const rnnp_loop *o) { return (size_t)(o->order != NULL) + (size_t)(o->w->chunk > 0); }

static void run_phase(void *arg, size_t phase, size_t i, size_t n)
{
    const rnnp_loop *o = arg;
    const size_t pre = phases_before_steps(o), full = pre + o->chunk * o->layer->parts;
    const size_t first = phase / full * o->chunk, in = phase % full, left = o->call->steps - first;
    const rnnp_chunk chunk = {.first = first, .count = left < o->chunk ? left : o->chunk};
    if (in >= pre)
        rnnp_loop_step(o, &chunk, (in - pre) / o->layer->parts, (in - pre) % o->layer->parts, i, n);
    else if (o->order && in == 0)
        rnnp_loop_gather(o, &chunk, i, n);
    else
        rnnp_loop_project(o, &chunk, i, n);
}

static void run_shared(rnnp_loop *o)
{
    const size_t chunks = (o->call->steps + o->chunk - 1) / o->chunk;
    const size_t phases = chunks * phases_before_steps(o) + o->call->steps * o->layer->parts;
    rnnp_team_phases(o->call->team, o->threads, phases, run_phase, o);
}

/* ---- Two directions at once ---- */

typedef struct pair {
    rnnp_loop loop[2];
    atomic_size_t taken; /* directions that somebody does or has done */
} pair;

static void run_direction(void *arg, size_t i, size_t n)
{
    pair *p = arg;
    (void)i;
    (void)n;
    for (size_t d; (d = atomic_fetch_add_explicit(&p->taken, 1, memory_order_relaxed)) < 2;)
        rnnp_loop_run(&p->loop[d], 0, p->loop[d].call->steps);
}

static void forward_side_by_side(const rnnp_recurrent *layer, const rnnp_recurrent_call *call)
{
    pair p;
    atomic_init(&p.taken, 0);
    for (size_t d = 0; d < 2; d++) {
        rnnp_loop_begin(&p.loop[d], layer, call, 1);
        p.loop[d].base += d * p.loop[d].w->floats;
        rnnp_loop_begin_direction(&p.loop[d], d);
    }
    rnnp_team_offer(call->team, run_direction, &p);
    for (size_t d = 0; d < 2; d++) rnnp_loop_end_direction(&p.loop[d]);
}

/* ---- The call ---- */

/* Threads that this call is for: all it may use for two directions side by side, those that share its steps, or 1. */
static size_t wanted_threads(const rnnp_recurrent *layer, const rnnp_recurrent_call *call)
{
    const size_t team = rnnp_recurrent_threads(call);
    if (team == 1 || layer->choice.threads == 1) return 1;
    return side_by_side(layer, team) ? team : sharing_threads(layer, call);
}

/* Whether it is worth them. */
static int is_worth_waking(const rnnp_recurrent *layer, const rnnp_recurrent_call *call)
{
    const double ns = rnnp_recurrent_step_ns(layer, call->batch) * (double)call->steps;
    if (ns >= rnnp_recurrent_worth_ns(layer, call)) return 1;
    /* A chosen number of threads says that sharing pays, not that waking does. */
    if (layer->choice.threads && rnnp_team_is_awake(call->team)) return 1;
    return ns >= worth_calling_ns(layer) && rnnp_team_is_in_demand(call->team);
}

static void forward(const rnnp_recurrent *layer, const rnnp_recurrent_call *call, size_t threads)
{
    rnnp_loop o; /* filled in field by field: clearing it all would take a tenth of a small step */
    rnnp_loop_begin(&o, layer, call, threads);
    for (size_t d = 0; d < directions(layer); d++) {
        rnnp_loop_begin_direction(&o, d);
        if (o.threads > 1)
            run_shared(&o);
        else
            rnnp_loop_run(&o, 0, call->steps);
        rnnp_loop_end_direction(&o);
    }
}

void rnnp_recurrent_forward(const rnnp_recurrent *layer, const rnnp_recurrent_call *call)
{
    const size_t wanted = wanted_threads(layer, call),
                 threads = wanted > 1 && is_worth_waking(layer, call) ? wanted : 1;
    if (threads > 1) rnnp_team_wake(call->team); /* they wake while states and arguments are prepared */
    if (threads > 1 && side_by_side(layer, rnnp_recurrent_threads(call)))
        forward_side_by_side(layer, call);
    else
        forward(layer, call, threads);
    if (wanted > 1) rnnp_team_note_end(call->team);
}
