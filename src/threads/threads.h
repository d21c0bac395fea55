/* SPDX-License-Identifier: Apache-2.0
 *
 * A team of threads that stays together inside one call. Workers sleep soon after a call (about as long as
 * waking them would take; at once with more threads than CPUs); inside a call they meet at
 * barriers or wait for events (bounded spinning, then a futex wait).
 */
#ifndef RNNP_THREADS_H
#define RNNP_THREADS_H

#include "rnnpack/rnnpack.h"

#include <stdatomic.h>

typedef struct rnnp_team rnnp_team;

/* The library's own team of `threads` (the caller counts as one), or, when host is not NULL, a view of the
 * host's pool. With more threads than `budget` CPUs, barriers give the CPU away early. RNNP_ERR_MEMORY;
 * RNNP_ERR_IO if a thread could not be started. */
rnnp_status rnnp_team_create(const rnnp_allocator *allocator, size_t threads, size_t budget, const rnnp_parallel *host,
                             rnnp_team **team);
void rnnp_team_destroy(rnnp_team *team);
size_t rnnp_team_threads(const rnnp_team *team); /* 1 for NULL */

/* For guesses about time, as both may change at any moment. Awake: a call now would find no worker asleep. Crowded: of
 * late somebody waited at a barrier for so long that a CPU must have been lost to others, or there are more threads than
 * CPUs. 0 for NULL and for a host's pool, of which nothing is known. */
int rnnp_team_is_awake(const rnnp_team *team);
int rnnp_team_is_crowded(const rnnp_team *team);

/* Whether this call had better do without the team: after somebody lost a CPU at a barrier the next calls sit out, as a
 * step that waits for a thread without a CPU takes a scheduler's slice, milliseconds. 0 where there are more threads than
 * CPUs from the start: that is what was asked for. */
int rnnp_team_sits_out(rnnp_team *team);

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
 * before any of phase p + 1 begins. n is the team's size, or 1 when the team is NULL or busy with another
 * caller's work (then everything runs on the calling thread). With the library's own team the workers
 * stay awake across phases; with a host's pool each phase is one parallel loop. All phases run under the
 * caller's floating-point mode. No allocation, no lock beyond one atomic try.
 */
void rnnp_team_phases(rnnp_team *team, size_t phases, void (*phase)(void *arg, size_t p, size_t i, size_t n), void *arg);

/*
 * Offers work: runs work(arg, i, n) for i = 0 on the calling thread and for the other i in [0, n) on those workers that
 * come before it returns there; workers that wake too late are not waited for. So the work is whatever its threads take
 * from a shared list, and the first one alone would do it all. n, modes, allocation and locks are as above; with a
 * host's pool it is one parallel loop, whose tasks may run one after the other.
 */
void rnnp_team_offer(rnnp_team *team, void (*work)(void *arg, size_t i, size_t n), void *arg);

/* A number that threads of a call wait for: until it differs from what they have seen. */
typedef struct rnnp_event {
    atomic_uint count, sleepers;
} rnnp_event;

void rnnp_event_init(rnnp_event *event);
unsigned rnnp_event_count(const rnnp_event *event);
/* Counts on and wakes who sleeps; what happened before is seen by whoever sees the new count. */
void rnnp_event_advance(rnnp_team *team, rnnp_event *event);
/* Returns when the count is not `seen`: spins for some 100 microseconds, then sleeps. To be used in work that the
 * same team was offered, and only while a thread that is at work will advance the event. */
void rnnp_event_wait(rnnp_team *team, rnnp_event *event, unsigned seen);

#endif
