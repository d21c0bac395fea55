/* SPDX-License-Identifier: Apache-2.0
 *
 * The library's own team, or a view of the host's pool.
 *
 * Two words change while a team works. `call` counts calls: idle workers sleep on it. `round` counts barriers
 * passed: inside a call everyone who arrives early spins on it for a bounded time, then sleeps on it. A
 * sleeper announces itself in `sleepers` before it looks at the word a last time, so that whoever changes the
 * word needs the system only when somebody sleeps.
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

typedef struct phase_call {
    void (*phase)(void *arg, size_t p, size_t i, size_t n);
    void *arg;
    size_t phases;
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
    phase_call current; /* written by the owner before `call` changes; phases == 0 ends the workers */
    _Alignas(64) atomic_uint call;
    _Alignas(64) atomic_uint round;
    atomic_uint arrived;
    atomic_uint sleepers;
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

/* ---- Sleeping until a word differs from `seen` ---- */

static void word_wait(rnnp_team *team, atomic_uint *word, unsigned seen)
{
    atomic_fetch_add(&team->sleepers, 1);
#if USE_FUTEX
    while (atomic_load(word) == seen)
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
#else
    pthread_mutex_lock(&team->lock);
    while (atomic_load(word) == seen)
        pthread_cond_wait(&team->changed, &team->lock);
    pthread_mutex_unlock(&team->lock);
#endif
    atomic_fetch_sub(&team->sleepers, 1);
}

/* Both the change of the word and the look at `sleepers` are sequentially consistent, as are their counterparts
 * in word_wait: either the sleeper sees the new word or it is seen here. */
static void word_advance(rnnp_team *team, atomic_uint *word)
{
    atomic_fetch_add(word, 1);
    if (atomic_load(&team->sleepers) == 0)
        return;
#if USE_FUTEX
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
#else
    pthread_mutex_lock(&team->lock);
    pthread_cond_broadcast(&team->changed);
    pthread_mutex_unlock(&team->lock);
#endif
}

static void barrier(rnnp_team *team)
{
    const unsigned seen = atomic_load_explicit(&team->round, memory_order_relaxed);

    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) + 1 == team->threads) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        word_advance(team, &team->round);
        return;
    }
    for (int i = 0; i < team->spins; i++) {
        if (atomic_load_explicit(&team->round, memory_order_acquire) != seen)
            return;
        pause_cpu();
    }
    word_wait(team, &team->round, seen);
}

/* ---- Own workers ---- */

static void take_part(rnnp_team *team, const phase_call *call, size_t index)
{
    for (size_t p = 0; p < call->phases; p++) {
        call->phase(call->arg, p, index, team->threads);
        barrier(team);
    }
}

static void *work(void *arg)
{
    const worker *self = arg;
    rnnp_team *team = self->team;

    for (unsigned seen = 0;; seen++) {
        word_wait(team, &team->call, seen);
        const phase_call call = team->current;
        if (call.phases == 0)
            return NULL;
        rnnp_fpmode_set(call.mode);
        take_part(team, &call, self->index);
    }
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
        if (pthread_create(&w->thread, NULL, work, w) != 0)
            break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static void stop_workers(rnnp_team *team, size_t started)
{
    team->current.phases = 0;
    word_advance(team, &team->call);
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
    atomic_init(&t->call, 0);
    atomic_init(&t->round, 0);
    atomic_init(&t->arrived, 0);
    atomic_init(&t->sleepers, 0);
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

/* ---- Running ---- */

typedef struct host_task {
    const phase_call *call;
    size_t phase, threads;
} host_task;

static void run_host_task(void *arg, size_t i)
{
    const host_task *task = arg;
    const rnnp_fpmode before = rnnp_fpmode_get();

    rnnp_fpmode_set(task->call->mode);
    task->call->phase(task->call->arg, task->phase, i, task->threads);
    rnnp_fpmode_set(before);
}

static void run_on_host(const rnnp_team *team, const phase_call *call)
{
    for (size_t p = 0; p < call->phases; p++) {
        host_task task = {call, p, team->threads};

        team->host.run(team->host.user, team->threads, run_host_task, &task);
    }
}

void rnnp_team_phases(rnnp_team *team, size_t phases, void (*phase)(void *arg, size_t p, size_t i, size_t n), void *arg)
{
    const phase_call call = {phase, arg, phases, rnnp_fpmode_get()};

    if (phases == 0)
        return;
    if (!team || atomic_exchange_explicit(&team->busy, 1, memory_order_acquire)) {
        for (size_t p = 0; p < phases; p++)
            phase(arg, p, 0, 1);
        return;
    }
    if (team->host.run) {
        run_on_host(team, &call);
    } else {
        team->current = call;
        word_advance(team, &team->call);
        take_part(team, &call, 0);
    }
    atomic_store_explicit(&team->busy, 0, memory_order_release);
}
