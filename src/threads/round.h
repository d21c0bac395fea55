/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside a team of own workers: its rounds, and when it backs off.
 */
#ifndef RNNP_ROUND_H
#define RNNP_ROUND_H

#include "../clock.h"
#include "../fpmode.h"
#include "event.h"
#include "fork.h"
#include "place.h"

#include <pthread.h>

typedef unsigned long long rnnp_count;

/* Nanoseconds. PATIENCE: spinning before sleep while waiting for others; longer than wake-ups and jitter of shares,
 * shorter than a scheduler's slice. A thread that sleeps gives its CPU to the one that it waits for, if that lost its
 * own. IDLE: spinning before sleep after a call, as long as waking takes. IMPATIENCE: both where threads are more than
 * CPUs. */
#define RNNP_PATIENCE ((rnnp_count)100 * 1000)
#define RNNP_IDLE ((rnnp_count)50 * 1000)
#define RNNP_IMPATIENCE ((rnnp_count)1000)

typedef struct rnnp_team_call {
    void (*phase)(void *arg, size_t p, size_t i, size_t n);
    void (*work)(void *arg, size_t i, size_t n); /* instead of phases: for whoever comes */
    void *arg;
    size_t shares;
    rnnp_count first, end; /* rounds */
    int each;              /* every share by its own thread */
    rnnp_fpmode mode;      /* the caller's, under which all work: bits do not depend on who computes them */
} rnnp_team_call;

/* The same for threads that read while the caller may write: valid when `version` is even and the same after as before.
 */
typedef struct rnnp_open_call {
    atomic_uint version;
    _Atomic(void (*)(void *, size_t, size_t, size_t)) phase;
    _Atomic(void (*)(void *, size_t, size_t)) work;
    _Atomic(void *) arg;
    atomic_size_t shares;
    atomic_ullong first, end, mode;
    atomic_int each;
} rnnp_open_call;

typedef struct rnnp_member {
    _Alignas(64)
        atomic_ullong share; /* with this member's index: 2 r when round r is open, 2 r + 1 when it is claimed */
    atomic_size_t by;        /* whose thread claimed it last */
    rnnp_team *team;
    size_t index;
    pthread_t thread;
    rnnp_place place;
} rnnp_member;

struct rnnp_team {
    rnnp_allocator allocator;
    rnnp_parallel host; /* run == NULL: own workers */
    rnnp_fork_guard guard;
    size_t threads;
    size_t bytes; /* of this block */
    rnnp_count patience, idle;
    int backs_off;     /* 0: more threads than CPUs, which is what was asked for, or a host's pool */
    atomic_int busy;   /* one caller at a time owns the team, and its */
    rnnp_count rounds; /* so far */
    rnnp_count lost, lost_at;
    atomic_ullong ended; /* when the last call did */
    atomic_int ending;
    rnnp_event_lock lock;
    rnnp_open_call open;
    _Alignas(64) rnnp_event call;
    _Alignas(64) rnnp_event round;
    atomic_ullong alone_until; /* backing off; 0: not */
    atomic_ullong reported;    /* losses that the caller does not know yet */
    rnnp_member members[];     /* threads */
};

/* ---- Rounds ---- */

/* One thread's part in a call. */
typedef struct rnnp_part {
    rnnp_team *team;
    const rnnp_team_call *call;
    size_t index;
    int holds;                /* it has claimed its share of the next round */
    rnnp_count since, joined; /* when, and before which round: tells how long one takes */
} rnnp_part;

/* Opens a call to the workers, who must be invited. For the owner. */
void rnnp_publish(rnnp_team *team, const rnnp_team_call *call);
/* 0 when the call is being written. */
int rnnp_read_call(rnnp_team *team, rnnp_team_call *call);
rnnp_part rnnp_part_of(rnnp_team *team, const rnnp_team_call *call, size_t index);

/* The round up to which share i is done, and whether somebody has claimed it in round r. */
rnnp_count rnnp_round_of(const rnnp_team *team, size_t i);
int rnnp_is_claimed(const rnnp_team *team, size_t i, rnnp_count r);
/* Claims share i of round r; 0 when it is not there to be claimed. Who claims it must end it. */
int rnnp_claim(rnnp_part *part, size_t i, rnnp_count r);
void rnnp_finish(rnnp_part *part, size_t i, rnnp_count r, int holds_next);

/* Round r: the thread's own share, then those that nobody has begun; or all as one, by the owner, but for those that
 * workers have begun. Then it waits until all are done. */
void rnnp_take_shares(rnnp_part *part, rnnp_count r);
void rnnp_take_all(rnnp_part *part, rnnp_count r);
/* Waits until share i of round r is done or given back, and reports what was lost: time beyond what is due to late
 * wake-ups and uneven shares. */
void rnnp_wait_for_share(rnnp_part *part, size_t i, rnnp_count r);
/* Gives up the share that it holds. */
void rnnp_release(rnnp_part *part, rnnp_count r);

/* 1 when the event's count is not `seen` any more, within `patience`. */
int rnnp_spin(const rnnp_event *event, unsigned seen, rnnp_count patience);

/* ---- Backing off ---- */

/* For the owner: whether it works alone for now. When that has just ended workers must be invited, and *invite is set.
 */
int rnnp_works_alone(rnnp_team *team, int *invite);

#endif
