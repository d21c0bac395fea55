/* SPDX-License-Identifier: Apache-2.0
 *
 * A burst is a probe whose number of rounds doubles until it lasts long enough. The last try counts, but never the
 * first one, because it finds the caches as the filling of the memory left them. Threads meet before they begin, and
 * a try in which they did not run at once is repeated.
 */
#include "rnnpack/limits.h"

#include "../kernels/compiler.h"
#include "../kernels/probe.h"
#include "clock.h"
#include "context.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

typedef struct lane {
    _Alignas(64) double begin;
    double end, work;
    float sum; /* of what was read: kept, so that reading cannot be dropped */
} lane;

typedef struct burst burst;

struct burst {
    void (*work)(const burst *b, lane *l, size_t index, size_t threads);
    const rnnp_probe *probe;
    float *data; /* one slice per thread of the team; NULL for probes that read nothing */
    size_t slices, slice_bytes;
    size_t rounds;
    double wait;        /* seconds that a thread waits for the others before it begins */
    lane *lanes;        /* one per thread of the team */
    double slowest;     /* work per second of one thread, last try */
    size_t working;     /* threads of the last try */
    atomic_size_t here; /* of them: those that are ready to begin */
};

static float *slice(const burst *b, size_t index) { return b->data + index * (b->slice_bytes / sizeof *b->data); }

/* A thread that works alone because the team is busy with another call takes all slices. */
static size_t share(const burst *b, size_t threads)
{
    return threads == 1 ? b->slices * b->slice_bytes : b->slice_bytes;
}

/* A thread may lose its CPU just after a barrier, and a host's pool may run its tasks one after the other. So the
 * last thing before the burst is to check for a while that the others are there; threads that share a CPU must get
 * to it. */
static void meet_others(burst *b, size_t threads)
{
    const double begin = rnnp_clock();
    atomic_fetch_add(&b->here, 1);
    while (atomic_load(&b->here) < threads && rnnp_clock() - begin < b->wait) sched_yield();
}

/* Phase 0 gathers the team, and at the first try each thread touches the memory that it will read; phase 1 is timed. */
static void phase(void *arg, size_t p, size_t index, size_t threads)
{
    burst *const b = arg;
    lane *const l = &b->lanes[index];
    if (p == 0) {
        if (b->data && b->rounds == 1) memset(slice(b, index), 0, share(b, threads));
        return;
    }
    meet_others(b, threads);
    l->begin = rnnp_clock();
    b->work(b, l, index, threads);
    l->end = rnnp_clock();
    if (index == 0) b->working = threads;
}

typedef struct outcome {
    double rate;     /* work per second */
    double length;   /* seconds of the shortest */
    size_t together; /* threads that worked at once */
} outcome;

/* If the threads worked at once for nine tenths of the time, their rates add up. Otherwise the rate is the work
 * done between the first start and the last end. */
static outcome outcome_of(burst *b)
{
    double begin = b->lanes[0].begin, end = b->lanes[0].end, shortest = end - begin, busy = 0, work = 0, rates = 0;
    b->slowest = b->lanes[0].work / shortest;
    for (size_t i = 0; i < b->working; i++) {
        const lane *l = &b->lanes[i];
        const double length = l->end - l->begin, rate = l->work / length;
        begin = l->begin < begin ? l->begin : begin;
        end = l->end > end ? l->end : end;
        shortest = length < shortest ? length : shortest;
        busy += length;
        work += l->work;
        rates += rate;
        b->slowest = rate < b->slowest ? rate : b->slowest;
    }
    const double at_once = busy / (end - begin);
    if (at_once >= 0.9 * (double)b->working) return (outcome){rates, shortest, b->working};
    return (outcome){work / (end - begin), shortest, at_once < 1 ? 1 : (size_t)at_once};
}

/* Returns the first long try in which the whole team worked at once, or the best one within the time that a team
 * may need to become free. */
static outcome burst_best(rnnp_team *team, burst *b, double seconds)
{
    const size_t threads = rnnp_team_threads(team);
    const double begin = rnnp_clock(), patience = 20 * seconds;
    outcome best = {0};
    b->wait = patience < 1e-2 ? patience : 1e-2;
    for (b->rounds = 1;;) {
        atomic_store(&b->here, 0);
        rnnp_team_each(team, 2, phase, b);
        const outcome o = outcome_of(b);
        if (b->rounds == 1 || o.length < seconds) {
            b->rounds *= 2;
            continue;
        }
        if (o.together > best.together || (o.together == best.together && o.rate > best.rate)) best = o;
        if (o.together == threads || rnnp_clock() - begin > patience) return best;
    }
}

/* ---- What is burst ---- */

static void work_fma(const burst *b, lane *l, size_t index, size_t threads)
{
    (void)index;
    (void)threads;
    l->work = b->probe->fma(64 * b->rounds);
}

static void work_dot(const burst *b, lane *l, size_t index, size_t threads)
{
    (void)index;
    (void)threads;
    l->work = b->probe->dot(64 * b->rounds);
}

static void work_read(const burst *b, lane *l, size_t index, size_t threads)
{
    const size_t bytes = share(b, threads);
    l->sum += b->probe->read(slice(b, index), bytes, b->rounds);
    l->work = (double)b->rounds * (double)bytes;
}

static void work_clock(const burst *b, lane *l, size_t index, size_t threads)
{
    (void)index;
    (void)threads;
    size_t x = 0, y = 1;
    __asm__ volatile("" : "+r"(y)); /* a register: some cores add constants without an instruction in flight */
    for (size_t k = 0; k < 16 * b->rounds; k++) UNROLL for (int i = 0; i < 16; i++)
        {
            x ^= y;
            __asm__ volatile("" : "+r"(x));
        }
    l->work = 16.0 * 16.0 * (double)b->rounds;
}

static void work_loop(const burst *b, lane *l, size_t index, size_t threads)
{
    (void)index;
    (void)threads;
    rnnp_probe_loop(256 * b->rounds);
    l->work = 256.0 * (double)b->rounds;
}

static void work_timer(const burst *b, lane *l, size_t index, size_t threads)
{
    (void)index;
    (void)threads;
    for (size_t k = 0; k < b->rounds; k++) (void)rnnp_clock();
    l->work = (double)b->rounds;
}

/* ---- The functions of the header ---- */

static rnnp_status check(const rnnp_context *context, double seconds, const double *result)
{
    if (!context) return RNNP_ERR_ARG;
    if (!result) return rnnp_fail(context, RNNP_ERR_ARG, "the result's pointer is NULL");
    if (!(seconds > 0 && seconds <= 10))
        return rnnp_fail(context, RNNP_ERR_ARG, "a burst of %g s: must be above 0 and at most 10", seconds);
    return RNNP_OK;
}

static const rnnp_probe *probe_of(const rnnp_context *context) { return rnnp_probes[context->selection.isa]; }

enum { FEW = 16 }; /* lanes that need no allocation */

static rnnp_status team_rate(const rnnp_context *context, burst *b, double seconds, double *rate, size_t *together)
{
    const size_t threads = rnnp_team_threads(context->team), bytes = threads * sizeof(lane);
    lane few[FEW];
    b->lanes = threads <= FEW ? few : rnnp_alloc(context, bytes);
    if (!b->lanes) return RNNP_ERR_MEMORY;
    memset(b->lanes, 0, bytes);
    b->probe = probe_of(context);
    const outcome o = burst_best(context->team, b, seconds);
    *rate = o.rate;
    if (together) *together = o.together;
    if (b->lanes != few) rnnp_free(context, b->lanes, bytes);
    return RNNP_OK;
}

rnnp_status rnnp_limit_fma(const rnnp_context *context, double seconds, double *flops, size_t *together)
{
    const rnnp_status status = check(context, seconds, flops);
    return status == RNNP_OK ? team_rate(context, &(burst){.work = work_fma}, seconds, flops, together) : status;
}

rnnp_status rnnp_limit_dot(const rnnp_context *context, double seconds, double *ops, size_t *together)
{
    const rnnp_status status = check(context, seconds, ops);
    if (status != RNNP_OK) return status;
    const rnnp_probe *const probe = probe_of(context);
    if (!probe->dot || (probe->dot_needs & ~context->cpu.features))
        return rnnp_fail(context, RNNP_ERR_UNSUPPORTED, "%s on this CPU has no 8-bit dot product",
                         rnnp_isa_names[context->selection.isa]);
    return team_rate(context, &(burst){.work = work_dot}, seconds, ops, together);
}

rnnp_status rnnp_limit_read(const rnnp_context *context, double seconds, size_t bytes, double *rate, size_t *together)
{
    rnnp_status status = check(context, seconds, rate);
    if (status != RNNP_OK) return status;
    const size_t threads = rnnp_team_threads(context->team), line = threads * RNNP_PROBE_LINE;
    if (bytes == 0 || bytes > SIZE_MAX - line)
        return rnnp_fail(context, RNNP_ERR_ARG, "a footprint of %zu bytes", bytes);
    const size_t slice_bytes = (bytes + line - 1) / line * RNNP_PROBE_LINE, all = threads * slice_bytes;
    burst b = {.work = work_read, .data = rnnp_alloc(context, all), .slices = threads, .slice_bytes = slice_bytes};
    if (!b.data) return RNNP_ERR_MEMORY;
    status = team_rate(context, &b, seconds, rate, together);
    rnnp_free(context, b.data, all);
    return status;
}

rnnp_status rnnp_limit_loop(const rnnp_context *context, double seconds, double *rate)
{
    double all;
    burst b = {.work = work_loop};
    rnnp_status status = check(context, seconds, rate);
    if (status == RNNP_OK) status = team_rate(context, &b, seconds, &all, NULL);
    if (status == RNNP_OK) *rate = b.slowest;
    return status;
}

/* ---- The barrier, the clock ---- */

static void meet(void *arg, size_t p, size_t index, size_t threads)
{
    if (p == 0 && index == 0) *(size_t *)arg = threads;
}

rnnp_status rnnp_limit_barrier(const rnnp_context *context, double seconds, double *barrier)
{
    const rnnp_status status = check(context, seconds, barrier);
    if (status != RNNP_OK) return status;
    for (size_t phases = 64;; phases *= 2) {
        size_t working = 0;
        const double begin = rnnp_clock();
        rnnp_team_each(context->team, phases, meet, &working);
        const double length = rnnp_clock() - begin;
        if (working < 2)
            return rnnp_fail(context, RNNP_ERR_UNSUPPORTED, "no barrier: the context has no team, or it is busy");
        if (length >= seconds) {
            *barrier = length / (double)phases;
            return RNNP_OK;
        }
    }
}

static double own_rate(void (*work)(const burst *, lane *, size_t, size_t), double seconds)
{
    lane own = {0};
    return burst_best(NULL, &(burst){.work = work, .lanes = &own}, seconds).rate;
}

rnnp_status rnnp_limit_timer(const rnnp_context *context, double seconds, double *timer)
{
    const rnnp_status status = check(context, seconds, timer);
    if (status == RNNP_OK) *timer = 1 / own_rate(work_timer, seconds);
    return status;
}

rnnp_status rnnp_limit_clock(const rnnp_context *context, double seconds, double *hertz)
{
    const rnnp_status status = check(context, seconds, hertz);
    if (status == RNNP_OK) *hertz = own_rate(work_clock, seconds);
    return status;
}
