/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside a team with workers of its own: its rounds, and when it backs off.
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

/* In nanoseconds. PATIENCE: how long a thread spins before it sleeps while waiting for others. It is longer than a
 * wake-up and the jitter between shares, and shorter than a scheduler's time slice. A thread that sleeps gives its CPU
 * to the thread it is waiting for, if that one lost its own. IDLE: how long a worker spins before it sleeps after a
 * call, about the time it takes to wake. IMPATIENCE: replaces both if there are more threads than CPUs. */
#define RNNP_PATIENCE ((rnnp_count)100 * 1000)
#define RNNP_IDLE ((rnnp_count)50 * 1000)
#define RNNP_IMPATIENCE ((rnnp_count)1000)

typedef struct rnnp_team_call {
    void (*phase)(void *arg, size_t p, size_t i, size_t n);
    void (*work)(void *arg, size_t i, size_t n); /* in place of phases: for the workers that come */
    void *arg;
    size_t shares;
    rnnp_count first, end; /* rounds */
    int each;              /* every share on its own thread */
    rnnp_fpmode mode;      /* the caller's, used by all threads, so that results do not depend on who computes them */
} rnnp_team_call;

/* The same for threads that read while the caller may be writing: valid if `version` is even, and equal before and
 * after reading. */
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
    _Alignas(64) atomic_ullong share; /* of this member's index: 2 r if round r is open, 2 r + 1 if it is claimed */
    atomic_size_t by;                 /* index of the thread that claimed it last */
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
    int backs_off;     /* 0: more threads than CPUs, as requested, or a host's pool */
    atomic_int busy;   /* one caller at a time owns the team and the next three fields */
    rnnp_count rounds; /* so far */
    rnnp_count lost, lost_at;
    atomic_ullong ended; /* when the last call ended */
    atomic_int ending;
    rnnp_event_lock lock;
    rnnp_open_call open;
    _Alignas(64) rnnp_event call;
    _Alignas(64) rnnp_event round;
    atomic_ullong alone_until; /* backing off until then; 0: not backing off */
    atomic_ullong reported;    /* losses that the caller has not seen yet */
    rnnp_member members[];     /* threads */
};

/* ---- Rounds ---- */

/* One thread's part in a call. */
typedef struct rnnp_part {
    rnnp_team *team;
    const rnnp_team_call *call;
    size_t index;
    int holds;                /* it has already claimed its share of the next round */
    rnnp_count since, joined; /* when it joined, and at which round: shows how long a round takes */
} rnnp_part;

/* Opens a call for the workers, which still have to be invited. For the owner. */
void rnnp_publish(rnnp_team *team, const rnnp_team_call *call);
/* 0 while the call is being written. */
int rnnp_read_call(rnnp_team *team, rnnp_team_call *call);
rnnp_part rnnp_part_of(rnnp_team *team, const rnnp_team_call *call, size_t index);

/* The round that share i has reached, and whether a thread has claimed it in round r. */
rnnp_count rnnp_round_of(const rnnp_team *team, size_t i);
int rnnp_is_claimed(const rnnp_team *team, size_t i, rnnp_count r);
/* Claims share i of round r; 0 if it is not available. A thread that claims a share must finish it. */
int rnnp_claim(rnnp_part *part, size_t i, rnnp_count r);
void rnnp_finish(rnnp_part *part, size_t i, rnnp_count r, int holds_next);

/* Round r: take_shares runs the thread's own share, then those that nobody has started; take_all lets the owner run all
 * shares as one, except those that workers have started. Both then wait until all shares are done. */
void rnnp_take_shares(rnnp_part *part, rnnp_count r);
void rnnp_take_all(rnnp_part *part, rnnp_count r);
/* Waits until share i of round r is done or given back, and reports the time lost beyond what late wake-ups and uneven
 * shares explain. */
void rnnp_wait_for_share(rnnp_part *part, size_t i, rnnp_count r);
/* Gives up the share that the thread holds. */
void rnnp_release(rnnp_part *part, rnnp_count r);

/* 1 if the event's count changes from `seen` within `patience`. */
int rnnp_spin(const rnnp_event *event, unsigned seen, rnnp_count patience);

/* ---- Backing off ---- */

/* For the owner: whether it works alone for now. If that has just ended, *invite is set: workers must be invited. */
int rnnp_works_alone(rnnp_team *team, int *invite);

#endif
