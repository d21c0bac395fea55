/* SPDX-License-Identifier: Apache-2.0
 *
 * A team of threads that work together inside one call. Workers stay awake for some 50 microseconds after a call, about
 * as long as waking them takes, then sleep (at once where there are more threads than CPUs).
 *
 * A worker can be late: it slept when the call began, or another process has its CPU. So shares of work are not given
 * out, they are taken: each thread takes its own share first, then those that nobody has begun. The caller alone can do
 * a whole call, and only a share that a worker has begun can hold it up. Where that happens, the team backs off
 * (rnnp_team_is_crowded) for a time that is bounded by the time that was lost.
 */
#ifndef RNNP_THREADS_H
#define RNNP_THREADS_H

#include "rnnpack/rnnpack.h"

#include <stdatomic.h>

typedef struct rnnp_team rnnp_team;

/* The library's own team of `threads` (the caller counts as one), or, when host is not NULL, a view of the
 * host's pool. With more threads than `budget` CPUs, waiting threads give the CPU away early. RNNP_ERR_MEMORY;
 * RNNP_ERR_IO if a thread could not be started.
 *
 * Workers block all signals but those that an instruction of their own raises (SIGSEGV and its like): a host's handler
 * for a broken mapping works in them, too. A child made by fork() has none of its parent's workers: there the team is
 * its caller alone, and may be destroyed. */
rnnp_status rnnp_team_create(const rnnp_allocator *allocator, size_t threads, size_t budget, const rnnp_parallel *host,
                             rnnp_team **team);
void rnnp_team_destroy(rnnp_team *team);
size_t rnnp_team_threads(const rnnp_team *team); /* 1 for NULL */

/* For guesses about time, as both may change at any moment. Awake: a call now would find no worker asleep. Crowded: the
 * team backs off because a worker lost its CPU, or there are more threads than CPUs. 0 for NULL and for a host's pool,
 * of which nothing is known. */
int rnnp_team_is_awake(const rnnp_team *team);
int rnnp_team_is_crowded(const rnnp_team *team);

/* Whether calls come in a row: the one before ended (rnnp_team_note_end) a moment ago, so that workers who are woken
 * now will be awake for the next. 0 for NULL and a host's pool. */
int rnnp_team_is_in_demand(const rnnp_team *team);
void rnnp_team_note_end(rnnp_team *team);

/* Wakes the workers for a call that will come within some 50 microseconds, so that they wake while the caller prepares
 * it. Does nothing when they are awake, when the team backs off, and for NULL and a host's pool. */
void rnnp_team_wake(rnnp_team *team);

/* Part i of n of `total` things: [*from, *to). */
static inline void rnnp_share(size_t total, size_t i, size_t n, size_t *from, size_t *to)
{
    if (n == 1) { /* no division in the steps of one thread */
        *from = 0;
        *to = total;
        return;
    }
    const size_t each = total / n, more = total % n;

    *from = i * each + (i < more ? i : more);
    *to = *from + each + (i < more);
}

/*
 * Runs phase(arg, p, i, n) for p = 0, 1, ..., phases - 1 and all i in [0, n): every call of phase p returns
 * before any of phase p + 1 begins. Any thread may run any i. n is at most `shares` (0: the team's size) and the team's
 * size; it may be 1 in some phases and more in others: 1 when the team is NULL, busy with another caller's work, or
 * backs off. With a host's pool each phase is one parallel loop. All phases run under the caller's floating-point mode.
 * No allocation, no lock beyond one atomic try; system calls only to wake sleepers and to sleep.
 */
void rnnp_team_phases(rnnp_team *team, size_t shares, size_t phases,
                      void (*phase)(void *arg, size_t p, size_t i, size_t n), void *arg);

/* The same for measurements of the threads themselves: every i by a thread of its own, whoever has to be waited for. n
 * is the team's size, or 1 when the team is NULL or busy. */
void rnnp_team_each(rnnp_team *team, size_t phases, void (*phase)(void *arg, size_t p, size_t i, size_t n), void *arg);

/*
 * Offers work: runs work(arg, i, n) for i = 0 on the calling thread and for the other i in [0, n) on those workers that
 * come before it returns there; workers that wake too late are not waited for. So the work is whatever its threads take
 * from a shared list, and the first one alone would do it all. n, modes, allocation and locks are as above; with a
 * host's pool it is one parallel loop, whose tasks may run one after the other.
 *
 * Work of many tasks lets the team back off in its midst: whoever waited too long says so (rnnp_team_lost), workers
 * return when rnnp_team_is_leaving(), and the caller (i = 0, n > 1) calls rnnp_team_renew() between its tasks,
 * which invites them again in time: then work() runs anew for those that come.
 */
void rnnp_team_offer(rnnp_team *team, void (*work)(void *arg, size_t i, size_t n), void *arg);
void rnnp_team_lost(rnnp_team *team, double seconds);
int rnnp_team_is_leaving(const rnnp_team *team);
void rnnp_team_renew(rnnp_team *team);

/* A number that threads of a call wait for: until it differs from what they have seen. */
typedef struct rnnp_event {
    atomic_uint count, sleepers;
} rnnp_event;

void rnnp_event_init(rnnp_event *event);
unsigned rnnp_event_count(const rnnp_event *event);
/* Counts on and wakes who sleeps; what happened before is seen by whoever sees the new count. */
void rnnp_event_advance(rnnp_team *team, rnnp_event *event);
/* Returns when the count is not `seen`: spins for some 100 microseconds, then sleeps. Returns how many seconds it
 * waited, 0 for a few microseconds. To be used in work that the same team was offered, and only while a thread that is
 * at work will advance the event. */
double rnnp_event_wait(rnnp_team *team, rnnp_event *event, unsigned seen);

#endif
