/* SPDX-License-Identifier: Apache-2.0
 *
 * A call of one layer: how many threads do its steps, and which.
 */
#include "recurrent.h"

#include "lockstep.h"

#include <stdatomic.h>

/* What a barrier between two steps costs two threads, and what each more adds: every thread reads a line of every other,
 * and writes one that all others read. The barrier alone takes a third of that. The rest is waiting until what the
 * others have written arrives (steps of 0.6 to 2.4 us, shared by two, took half of that and 0.6 to 0.8 us). */
enum { BARRIER_NS = 700, BARRIER_EACH_NS = 30 };

/* Waking workers that sleep takes 30 to 40 us, and their caches are cold: a second thread gains from calls of some 250
 * us on (after a pause of 1 ms, LSTM of 64 and batch 4 takes 104 us alone and 138 with two, of 128 355 and 294); if
 * they are awake, or the calls come in a row so that they will be, from 20 us on. How long a call takes is estimated
 * from flops, and from weights that are read once a step, from L2 or from beyond. */
enum { WORTH_WAKING_NS = 250 * 1000, WORTH_CALLING_NS = 20 * 1000 };
enum { NEAR_BYTES = 512 * 1024, FLOPS_PER_NS = 100, NEAR_BYTES_PER_NS = 100, FAR_BYTES_PER_NS = 60 };

static size_t directions(const rnnp_recurrent *layer) { return rnnp_directions(layer->direction); }

/* Two directions run at once, each in its half of the workspace: alone, and so without a barrier, or from this many
 * threads on by half of them each. */
enum { BOTH_SHARED = 4 };

size_t rnnp_recurrent_workspace(const rnnp_recurrent *layer, size_t steps, size_t batch, size_t threads)
{
    const size_t halves = directions(layer) == 2 && threads > 1 ? 2 : 1;
    rnnp_recurrent_memory w;
    if (!rnnp_recurrent_fits(layer->input, layer->hidden, batch, threads)) return SIZE_MAX;
    rnnp_recurrent_plan_memory(layer, steps, batch, threads / halves, &w);
    return w.floats * sizeof(float) * halves;
}

/* ---- Estimates ---- */

/* Products of whole numbers count as a third: they take about so much less time. */
static double step_flops(const rnnp_recurrent *layer, size_t batch)
{
    const double products = layer->part[0].step->traits.left == RNNP_LEFT_FLOATS ? 2.0 : 2.0 / 3;
    return products * (double)(layer->gates * layer->hidden) * (double)(layer->hidden + layer->input) * (double)batch;
}

double rnnp_recurrent_step_ns(const rnnp_recurrent *layer, size_t batch)
{
    const double flops = step_flops(layer, batch), bytes = (double)(layer->gates * layer->hidden) *
                                                           (double)(layer->hidden + layer->input) *
                                                           (double)rnnp_format_bytes(layer->format);
    const double work = flops / FLOPS_PER_NS;
    const double read = bytes / (bytes > (double)NEAR_BYTES ? FAR_BYTES_PER_NS : NEAR_BYTES_PER_NS);
    return (work > read ? work : read) * (double)directions(layer);
}

double rnnp_recurrent_product_ns(const rnnp_recurrent *layer, size_t batch)
{
    return step_flops(layer, batch) / FLOPS_PER_NS * (double)layer->input / (double)(layer->input + layer->hidden);
}

double rnnp_barrier_ns(size_t threads)
{
    return threads < 2 ? 0 : BARRIER_NS + (double)(threads - 2) * BARRIER_EACH_NS;
}

size_t rnnp_recurrent_threads(const rnnp_recurrent_call *call)
{
    const size_t team = rnnp_team_threads(call->team);
    return call->threads && call->threads < team ? call->threads : team;
}

double rnnp_recurrent_worth_ns(const rnnp_recurrent_call *call)
{
    return rnnp_team_is_awake(call->team) ? WORTH_CALLING_NS : WORTH_WAKING_NS;
}

/* One step of all directions, which takes one thread `alone`, if `threads` share it, directions at once. */
static double shared_step_ns(const rnnp_recurrent *layer, size_t batch, size_t threads, double alone)
{
    const size_t each = threads / directions(layer);
    double ns = 0;
    for (size_t k = 0; k < layer->parts; k++)
        ns += rnnp_loop_largest_share(layer, k, batch, each) * (double)layer->part[k].gates / (double)layer->gates;
    ns *= alone / (double)directions(layer);
    return each > 1 ? ns + (double)layer->parts * rnnp_barrier_ns(threads) : ns;
}

/* Threads, of `team`, that finish a step first, and when: all, half of them, and so on, as more threads make shares
 * smaller and barriers longer. One direction alone on a thread has no barriers. */
static size_t sharing_threads(const rnnp_recurrent *layer, size_t batch, size_t team, double *ns)
{
    const size_t chosen = layer->choice.threads, most = chosen && chosen < team ? chosen : team;
    const double alone = rnnp_recurrent_step_ns(layer, batch);
    size_t best = 1;
    *ns = alone;
    for (size_t n = most; n > 1; n /= 2) {
        const size_t threads = n - n % directions(layer);
        const double t = shared_step_ns(layer, batch, threads, alone);
        if (t < *ns || chosen) {
            *ns = t;
            best = threads;
        }
        if (chosen) break;
    }
    return best;
}

double rnnp_recurrent_forward_ns(const rnnp_recurrent *layer, const rnnp_recurrent_call *call)
{
    const double alone = rnnp_recurrent_step_ns(layer, call->batch) * (double)call->steps;
    const size_t team = rnnp_recurrent_threads(call);
    double step;
    if (team == 1 || alone < rnnp_recurrent_worth_ns(call)) return alone;
    sharing_threads(layer, call->batch, team, &step);
    return step * (double)call->steps;
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

static void forward_both(const rnnp_recurrent *layer, const rnnp_recurrent_call *call, size_t threads)
{
    rnnp_lockstep together;
    pair p;
    for (size_t d = 0; d < 2; d++) {
        rnnp_loop_begin(&p.loop[d], layer, call, threads / 2);
        p.loop[d].base += d * p.loop[d].w->floats;
        rnnp_loop_begin_direction(&p.loop[d], d);
    }
    if (threads < BOTH_SHARED) {
        atomic_init(&p.taken, 0);
        rnnp_team_offer(call->team, run_direction, &p);
    } else {
        rnnp_lockstep_begin(&together, call->steps, p.loop[0].chunk);
        for (size_t d = 0; d < 2; d++) rnnp_lockstep_add(&together, &p.loop[d], 0);
        rnnp_lockstep_run(&together, call->team);
    }
    for (size_t d = 0; d < 2; d++) rnnp_loop_end_direction(&p.loop[d]);
}

/* ---- The call ---- */

/* Threads that this call is for, if it is worth them. */
static size_t wanted_threads(const rnnp_recurrent *layer, const rnnp_recurrent_call *call)
{
    const size_t team = rnnp_recurrent_threads(call);
    double ns;
    return team == 1 ? 1 : sharing_threads(layer, call->batch, team, &ns);
}

/* Whether it is worth them. */
static int is_worth_waking(const rnnp_recurrent *layer, const rnnp_recurrent_call *call)
{
    const double ns = rnnp_recurrent_step_ns(layer, call->batch) * (double)call->steps;
    if (ns >= rnnp_recurrent_worth_ns(call)) return 1;
    /* A chosen number of threads says that sharing pays, not that waking does. */
    if (layer->choice.threads && rnnp_team_is_awake(call->team)) return 1;
    return ns >= WORTH_CALLING_NS && rnnp_team_is_in_demand(call->team);
}

static void forward(const rnnp_recurrent *layer, const rnnp_recurrent_call *call, size_t threads)
{
    rnnp_loop o; /* filled in field by field: clearing it all would take a tenth of a small step */
    rnnp_lockstep alone;
    rnnp_loop_begin(&o, layer, call, threads);
    for (size_t d = 0; d < directions(layer); d++) {
        rnnp_loop_begin_direction(&o, d);
        if (o.threads > 1) {
            rnnp_lockstep_begin(&alone, call->steps, o.chunk);
            rnnp_lockstep_add(&alone, &o, 0);
            rnnp_lockstep_run(&alone, call->team);
        } else {
            rnnp_loop_run(&o, 0, call->steps);
        }
        rnnp_loop_end_direction(&o);
    }
}

void rnnp_recurrent_forward(const rnnp_recurrent *layer, const rnnp_recurrent_call *call)
{
    const size_t wanted = wanted_threads(layer, call),
                 threads = wanted > 1 && is_worth_waking(layer, call) ? wanted : 1;
    if (threads > 1) rnnp_team_wake(call->team); /* they wake while states and arguments are prepared */
    if (threads > 1 && directions(layer) == 2)
        forward_both(layer, call, threads);
    else
        forward(layer, call, threads);
    if (wanted > 1) rnnp_team_note_end(call->team);
}
