/* SPDX-License-Identifier: Apache-2.0
 *
 * A team of threads that work together inside one call. After a call, workers stay awake for about 50 microseconds,
 * roughly the time it takes to wake them, and then sleep. With more threads than CPUs they sleep at once.
 *
 * A worker can be late: it was asleep when the call began, or another process has its CPU. So nobody hands out shares
 * of the work; threads take them. Each thread takes its own share first, then any share that nobody has started. The
 * caller can finish a whole call alone, and only a share that a worker has started can hold it up. If that happens, the
 * team backs off (rnnp_team_is_crowded) for a time proportional to the time lost.
 */
#ifndef RNNP_THREADS_H
#define RNNP_THREADS_H

#include "rnnpack/rnnpack.h"

#include <stdatomic.h>

typedef struct rnnp_team rnnp_team;

/* The library's own team of `threads`, including the caller, or a view of the host's pool if host is not NULL. With
 * more threads than `budget` CPUs, waiting threads give up the CPU early. RNNP_ERR_MEMORY; RNNP_ERR_IO if a thread
 * cannot be started.
 *
 * Workers block all signals except those raised by their own instructions (SIGSEGV and the like), so a host's handler
 * for a broken mapping also works in them. A child created by fork() has none of its parent's workers: there the team
 * consists of the caller alone, and can be destroyed. */
rnnp_status rnnp_team_create(const rnnp_allocator *allocator, size_t threads, size_t budget, const rnnp_parallel *host,
                             rnnp_team **team);
void rnnp_team_destroy(rnnp_team *team);
size_t rnnp_team_threads(const rnnp_team *team); /* 1 for NULL */

/* Hints for estimating times; both may change at any moment. Awake: a call made now would find no worker asleep.
 * Crowded: the team is backing off because a worker lost its CPU, or there are more threads than CPUs. 0 for NULL and
 * for a host's pool, about which nothing is known. */
int rnnp_team_is_awake(const rnnp_team *team);
int rnnp_team_is_crowded(const rnnp_team *team);

/* Whether calls follow each other closely: the previous one ended (rnnp_team_note_end) a moment ago, so workers woken
 * now will still be awake for the next one. 0 for NULL and a host's pool. */
int rnnp_team_is_in_demand(const rnnp_team *team);
void rnnp_team_note_end(rnnp_team *team);

/* Wakes the workers for a call that will come within about 50 microseconds, so that they wake up while the caller
 * prepares it. Does nothing if they are awake, if the team is backing off, and for NULL and a host's pool. */
void rnnp_team_wake(rnnp_team *team);

/* Part i of n of `total` things: [*from, *to). */
static inline void rnnp_share(size_t total, size_t i, size_t n, size_t *from, size_t *to)
{
    if (n == 1) { /* avoids a division in single-threaded steps */
        *from = 0;
        *to = total;
        return;
    }
    const size_t each = total / n, more = total % n;

    *from = i * each + (i < more ? i : more);
    *to = *from + each + (i < more);
}

/*
 * Runs phase(arg, p, i, n) for p = 0, 1, ..., phases - 1 and all i in [0, n). Every call of phase p returns before any
 * call of phase p + 1 begins. Any thread may run any i. n is at most `shares` (0: the team's size) and at most the
 * team's size, and may differ from phase to phase: it is 1 if the team is NULL, busy with another caller's work, or
 * backing off. With a host's pool, each phase is one parallel loop. All phases run in the caller's floating-point mode.
 * No allocation and no lock other than one atomic attempt; system calls only to wake sleepers and to sleep.
 */
void rnnp_team_phases(rnnp_team *team, size_t shares, size_t phases,
                      void (*phase)(void *arg, size_t p, size_t i, size_t n), void *arg);

/* The same for measuring the threads themselves: each i runs on its own thread, however long that thread takes to come.
 * n is the team's size, or 1 if the team is NULL or busy. */
void rnnp_team_each(rnnp_team *team, size_t phases, void (*phase)(void *arg, size_t p, size_t i, size_t n), void *arg);

/*
 * Offers work: runs work(arg, 0, n) on the calling thread, and work(arg, i, n) for the other i in [0, n) on workers
 * that arrive before the caller's own work() returns. It does not wait for workers that wake too late. So work() must
 * take its tasks from a shared list, and i = 0 must be able to do all of them. n, modes, allocation and locks are as
 * above; with a host's pool this is one parallel loop, whose tasks may run one after another.
 *
 * If the work consists of many tasks, the team can back off partway through: a thread that waited too long reports it
 * (rnnp_team_lost), workers return once rnnp_team_is_leaving(), and the caller (i = 0, n > 1) calls rnnp_team_renew()
 * between its tasks, which invites the workers back in due time. work() then runs again for those that come.
 */
void rnnp_team_offer(rnnp_team *team, void (*work)(void *arg, size_t i, size_t n), void *arg);
void rnnp_team_lost(rnnp_team *team, double seconds);
int rnnp_team_is_leaving(const rnnp_team *team);
void rnnp_team_renew(rnnp_team *team);

/* A counter that threads of a call wait for, until it differs from the value they have seen. */
typedef struct rnnp_event {
    atomic_uint count, sleepers;
} rnnp_event;

void rnnp_event_init(rnnp_event *event);
unsigned rnnp_event_count(const rnnp_event *event);
/* Increments the counter and wakes sleepers. A thread that sees the new count also sees everything done before. */
void rnnp_event_advance(rnnp_team *team, rnnp_event *event);
/* Returns once the count is not `seen`: spins for about 100 microseconds, then sleeps. Returns the seconds it waited, 0
 * for a few microseconds. Only for work offered to the same team, while a thread at work will advance the event. */
double rnnp_event_wait(rnnp_team *team, rnnp_event *event, unsigned seen);

#endif
