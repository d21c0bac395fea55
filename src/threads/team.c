/* SPDX-License-Identifier: Apache-2.0
 *
 * The library's own team, or a view of the host's pool.
 *
 * Two events drive a team. `call` counts calls: idle workers wait for it, awake for a moment, then asleep. `round`
 * counts barriers passed: inside a call everyone who arrives early spins on it for a bounded time, then sleeps on it. A
 * sleeper announces itself before it looks at the number a last time, so that whoever changes the number needs the
 * system only when somebody sleeps.
 *
 * A worker may look at the current call only while it is inside. The owner opens the call, and when its own part is
 * done closes it and waits until all who came in have left. Those who come to a closed door go back to sleep.
 */
#define _GNU_SOURCE
#include "threads.h"

#include "../fpmode.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#if defined(__linux__) && !defined(RNNP_NO_FUTEX)
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#define USE_FUTEX 1
#else
#define USE_FUTEX 0
#endif

/* Pauses before an early arrival goes to sleep: some 100 microseconds, longer than a phase of a small layer is
 * uneven, shorter than a scheduler's slice. With more threads than CPUs the late one may need this CPU. */
enum { SPINS_OWN_CPU = 4000, SPINS_SHARED_CPU = 40 };

/* Whoever had to sleep at a barrier had no CPU to meet at: for so many calls, the team counts as crowded. */
enum { CROWDED_CALLS = 64 };

static const unsigned CLOSED = 1u << 31;

typedef struct phase_call {
    void (*phase)(void *arg, size_t p, size_t i, size_t n);
    void (*work)(void *arg, size_t i, size_t n); /* instead of phases: for whoever comes */
    void *arg;
    size_t phases;    /* 0 without work ends the workers                                        */
    unsigned number;  /* of the call: a worker takes part once                                  */
    rnnp_fpmode mode; /* the caller's, under which all work: bits do not depend on who computes them */
} phase_call;

typedef struct worker {
    rnnp_team *team;
    size_t index;
    pthread_t thread;
} worker;

struct rnnp_team {
    rnnp_allocator allocator;
    rnnp_parallel host; /* run == NULL: own workers */
    size_t threads;
    size_t bytes; /* of this block */
    int spins;
    atomic_int busy;    /* one caller at a time owns the team */
    phase_call current; /* the owner writes it while the door is closed and nobody is inside */
    _Alignas(64) rnnp_event call;
    rnnp_event inside;  /* workers inside, and CLOSED */
    _Alignas(64) rnnp_event round;
    atomic_uint arrived;
    atomic_uint crowded; /* calls left that count so */
#if !USE_FUTEX
    pthread_mutex_t lock;
    pthread_cond_t changed;
#endif
    worker workers[]; /* threads - 1 */
};

static void pause_cpu(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* "yield" does nothing on most cores */
#endif
}

/* ---- Events ---- */

void rnnp_event_init(rnnp_event *event)
{
    atomic_init(&event->count, 0);
    atomic_init(&event->sleepers, 0);
}

unsigned rnnp_event_count(const rnnp_event *event)
{
    return atomic_load_explicit(&event->count, memory_order_acquire);
}

static void event_sleep(rnnp_team *team, rnnp_event *event, unsigned seen)
{
    atomic_fetch_add(&event->sleepers, 1);
#if USE_FUTEX
    (void)team;
    while (atomic_load(&event->count) == seen)
        syscall(SYS_futex, &event->count, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
#else
    pthread_mutex_lock(&team->lock);
    while (atomic_load(&event->count) == seen)
        pthread_cond_wait(&team->changed, &team->lock);
    pthread_mutex_unlock(&team->lock);
#endif
    atomic_fetch_sub(&event->sleepers, 1);
}

/* Both the change of the count and the look at `sleepers` are sequentially consistent, as are their counterparts
 * in event_sleep: either the sleeper sees the new count or it is seen here. Returns the new count. */
static unsigned event_add(rnnp_team *team, rnnp_event *event, unsigned step)
{
    const unsigned now = atomic_fetch_add(&event->count, step) + step;

    if (atomic_load(&event->sleepers) == 0)
        return now;
#if USE_FUTEX
    (void)team;
    syscall(SYS_futex, &event->count, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
#else
    pthread_mutex_lock(&team->lock);
    pthread_cond_broadcast(&team->changed);
    pthread_mutex_unlock(&team->lock);
#endif
    return now;
}

void rnnp_event_advance(rnnp_team *team, rnnp_event *event)
{
    event_add(team, event, 1);
}

/* 1 if the count changed in that time. */
static int event_spin(const rnnp_event *event, unsigned seen, int spins)
{
    for (int i = 0; i < spins; i++) {
        if (rnnp_event_count(event) != seen)
            return 1;
        pause_cpu();
    }
    return 0;
}

void rnnp_event_wait(rnnp_team *team, rnnp_event *event, unsigned seen)
{
    if (!event_spin(event, seen, team->spins))
        event_sleep(team, event, seen);
}

static void barrier(rnnp_team *team)
{
    const unsigned seen = atomic_load_explicit(&team->round.count, memory_order_relaxed);

    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) + 1 == team->threads) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        rnnp_event_advance(team, &team->round);
        return;
    }
    if (event_spin(&team->round, seen, team->spins))
        return;
    atomic_store_explicit(&team->crowded, CROWDED_CALLS, memory_order_relaxed);
    event_sleep(team, &team->round, seen);
}

/* ---- The door ---- */

static void open_call(rnnp_team *team, const phase_call *call)
{
    const unsigned crowded = atomic_load_explicit(&team->crowded, memory_order_relaxed);

    if (crowded > 0)
        atomic_store_explicit(&team->crowded, crowded - 1, memory_order_relaxed);
    team->current = *call;
    team->current.number = rnnp_event_count(&team->call) + 1;
    event_add(team, &team->inside, 0u - CLOSED);
    rnnp_event_advance(team, &team->call);
}

static void close_call(rnnp_team *team)
{
    unsigned inside = event_add(team, &team->inside, CLOSED);

    while (inside != CLOSED) {
        rnnp_event_wait(team, &team->inside, inside);
        inside = rnnp_event_count(&team->inside);
    }
}

/* 1 when the call is open; whoever has entered must leave. */
static int enter(rnnp_team *team)
{
    return event_add(team, &team->inside, 1) < CLOSED;
}

static void leave(rnnp_team *team)
{
    event_add(team, &team->inside, 0u - 1);
}

/* ---- Own workers ---- */

static void take_part(rnnp_team *team, const phase_call *call, size_t index)
{
    if (call->work)
        call->work(call->arg, index, team->threads);
    for (size_t p = 0; p < call->phases; p++) {
        call->phase(call->arg, p, index, team->threads);
        barrier(team);
    }
}

static void *serve(void *arg)
{
    const worker *self = arg;
    rnnp_team *team = self->team;
    unsigned seen = 0, number = 0;

    for (int running = 1; running;) {
        if (!event_spin(&team->call, seen, team->spins / 2)) /* as long as waking would take */
            event_sleep(team, &team->call, seen);
        seen = rnnp_event_count(&team->call);
        if (enter(team) && team->current.number != number) {
            const phase_call call = team->current;

            number = call.number;
            running = call.work || call.phases > 0;
            rnnp_fpmode_set(call.mode);
            take_part(team, &call, self->index);
        }
        leave(team);
    }
    return NULL;
}

/* Workers never run the host's signal handlers. Returns how many were started. */
static size_t start_workers(rnnp_team *team)
{
    sigset_t all, before;
    size_t started = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; started < team->threads - 1; started++) {
        worker *w = &team->workers[started];

        w->team = team;
        w->index = started + 1;
        if (pthread_create(&w->thread, NULL, serve, w) != 0)
            break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static void stop_workers(rnnp_team *team, size_t started)
{
    const phase_call end = {.mode = rnnp_fpmode_get()};

    open_call(team, &end);
    for (size_t i = 0; i < started; i++)
        pthread_join(team->workers[i].thread, NULL);
}

static void free_team(rnnp_team *team)
{
    const rnnp_allocator allocator = team->allocator;

#if !USE_FUTEX
    pthread_cond_destroy(&team->changed);
    pthread_mutex_destroy(&team->lock);
#endif
    allocator.free(allocator.user, team, team->bytes);
}

rnnp_status rnnp_team_create(const rnnp_allocator *allocator, size_t threads, size_t budget, const rnnp_parallel *host,
                             rnnp_team **team)
{
    const size_t workers = host ? 0 : threads - 1;
    size_t bytes;

    *team = NULL;
    if (__builtin_mul_overflow(workers, sizeof(worker), &bytes) ||
        __builtin_add_overflow(bytes, sizeof(rnnp_team), &bytes))
        return RNNP_ERR_MEMORY;

    rnnp_team *t = allocator->alloc(allocator->user, bytes, _Alignof(rnnp_team));
    if (!t)
        return RNNP_ERR_MEMORY;
    *t = (rnnp_team){.allocator = *allocator, .threads = threads, .bytes = bytes};
    if (host)
        t->host = *host;
    t->spins = threads <= budget ? SPINS_OWN_CPU : SPINS_SHARED_CPU;
    atomic_init(&t->busy, 0);
    atomic_init(&t->arrived, 0);
    atomic_init(&t->crowded, 0);
    rnnp_event_init(&t->call);
    rnnp_event_init(&t->round);
    rnnp_event_init(&t->inside);
    atomic_store_explicit(&t->inside.count, CLOSED, memory_order_relaxed);
#if !USE_FUTEX
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
#endif
    if (workers > 0) {
        const size_t started = start_workers(t);
        if (started < workers) {
            stop_workers(t, started);
            free_team(t);
            return RNNP_ERR_IO;
        }
    }
    *team = t;
    return RNNP_OK;
}

void rnnp_team_destroy(rnnp_team *team)
{
    if (!team)
        return;
    if (!team->host.run)
        stop_workers(team, team->threads - 1);
    free_team(team);
}

size_t rnnp_team_threads(const rnnp_team *team)
{
    return team ? team->threads : 1;
}

int rnnp_team_is_awake(const rnnp_team *team)
{
    return team && !team->host.run && atomic_load_explicit(&team->call.sleepers, memory_order_relaxed) == 0;
}

int rnnp_team_is_crowded(const rnnp_team *team)
{
    return team && !team->host.run &&
           (team->spins == SPINS_SHARED_CPU || atomic_load_explicit(&team->crowded, memory_order_relaxed) > 0);
}

int rnnp_team_sits_out(rnnp_team *team)
{
    if (!team || team->host.run || team->spins == SPINS_SHARED_CPU)
        return 0;
    const unsigned crowded = atomic_load_explicit(&team->crowded, memory_order_relaxed);

    if (crowded > 0)
        atomic_store_explicit(&team->crowded, crowded - 1, memory_order_relaxed);
    return crowded > 0;
}

/* ---- Running ---- */

typedef struct host_task {
    const phase_call *call;
    size_t phase, threads;
} host_task;

static void run_host_task(void *arg, size_t i)
{
    const host_task *task = arg;
    const phase_call *call = task->call;
    const rnnp_fpmode before = rnnp_fpmode_get();

    rnnp_fpmode_set(call->mode);
    if (call->work)
        call->work(call->arg, i, task->threads);
    else
        call->phase(call->arg, task->phase, i, task->threads);
    rnnp_fpmode_set(before);
}

static void run_on_host(const rnnp_team *team, const phase_call *call)
{
    for (size_t p = 0; p < (call->work ? 1 : call->phases); p++) {
        host_task task = {call, p, team->threads};

        team->host.run(team->host.user, team->threads, run_host_task, &task);
    }
}

/* 0 when there is no team, or it works for somebody else. */
static int run_on_team(rnnp_team *team, const phase_call *call)
{
    if (!team || atomic_exchange_explicit(&team->busy, 1, memory_order_acquire))
        return 0;
    if (team->host.run) {
        run_on_host(team, call);
    } else {
        open_call(team, call);
        take_part(team, call, 0);
        close_call(team);
    }
    atomic_store_explicit(&team->busy, 0, memory_order_release);
    return 1;
}

void rnnp_team_phases(rnnp_team *team, size_t phases, void (*phase)(void *arg, size_t p, size_t i, size_t n), void *arg)
{
    const phase_call call = {.phase = phase, .arg = arg, .phases = phases, .mode = rnnp_fpmode_get()};

    if (phases == 0 || run_on_team(team, &call))
        return;
    for (size_t p = 0; p < phases; p++)
        phase(arg, p, 0, 1);
}

void rnnp_team_offer(rnnp_team *team, void (*work)(void *arg, size_t i, size_t n), void *arg)
{
    const phase_call call = {.work = work, .arg = arg, .mode = rnnp_fpmode_get()};

    if (!run_on_team(team, &call))
        work(arg, 0, 1);
}
