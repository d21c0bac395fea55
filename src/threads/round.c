/* SPDX-License-Identifier: Apache-2.0
 *
 * Rounds. A round is one phase, or one invitation to offered work. A team counts its rounds from its first call, in 64
 * bits, so no round number is ever reused. Each share has its own cache line with a number: 2 r if all rounds before r
 * are done and nobody has started round r, 2 r + 1 if somebody has. A thread claims the share by changing the number
 * from 2 r to 2 r + 1. This succeeds only once, and only while round r is open: a worker that slept through a whole
 * call, or that read its description and then lost its CPU for a second, cannot claim anything. A thread moves on to
 * round r once all shares have finished the rounds before r. That is the barrier, and the only place where threads
 * meet:
 *
 *     round r   share 0   2 r + 1     the caller is working on it
 *               share 1   2 r         its worker is late: the next thread to finish a share takes this one, too
 *
 * So no thread waits for another thread, only for a share that a thread has started, and the call ends when all its
 * rounds are done, whatever its workers are doing.
 *
 * A thread that finishes its own share claims it for the next round with the same store (2 r + 3). A round in lockstep
 * therefore costs each thread one store to its own line and one read of every other line.
 */
#include "round.h"

enum { SHORT_SPINS = 64, SPINS_PER_LOOK = 16 }; /* pauses before the first, and between looks at the clock */
enum { SLEEP = 100 * 1000 };                    /* nanoseconds at a time */

/* ---- The open call ---- */

void rnnp_publish(rnnp_team *team, const rnnp_team_call *c)
{
    rnnp_open_call *open = &team->open;
    const memory_order release = memory_order_release; /* the odd version is seen before the later stores */
    atomic_fetch_add_explicit(&open->version, 1, memory_order_acq_rel);
    atomic_store_explicit(&open->phase, c->phase, release);
    atomic_store_explicit(&open->work, c->work, release);
    atomic_store_explicit(&open->arg, c->arg, release);
    atomic_store_explicit(&open->shares, c->shares, release);
    atomic_store_explicit(&open->first, c->first, release);
    atomic_store_explicit(&open->end, c->end, release);
    atomic_store_explicit(&open->each, c->each, release);
    atomic_store_explicit(&open->mode, c->mode, release);
    for (size_t i = 0; i < c->shares; i++) { /* including those that calls with fewer shares left behind */
        atomic_store_explicit(&team->members[i].share, 2 * c->first, release);
    }
    atomic_fetch_add_explicit(&open->version, 1, memory_order_acq_rel);
}

int rnnp_read_call(rnnp_team *team, rnnp_team_call *c)
{
    const rnnp_open_call *open = &team->open;
    const memory_order acquire = memory_order_acquire; /* completed before the version is read again */
    const unsigned version = atomic_load_explicit(&open->version, acquire);
    c->phase = atomic_load_explicit(&open->phase, acquire);
    c->work = atomic_load_explicit(&open->work, acquire);
    c->arg = atomic_load_explicit(&open->arg, acquire);
    c->shares = atomic_load_explicit(&open->shares, acquire);
    c->first = atomic_load_explicit(&open->first, acquire);
    c->end = atomic_load_explicit(&open->end, acquire);
    c->each = atomic_load_explicit(&open->each, acquire);
    c->mode = (rnnp_fpmode)atomic_load_explicit(&open->mode, acquire);
    return version % 2 == 0 && atomic_load_explicit(&open->version, memory_order_relaxed) == version;
}

/* ---- Backing off ---- */

/* A thread that waits much longer for a share than shares take has lost time because another process uses a CPU. From
 * then on the caller works alone, for BACK_OFF times the time lost but at most MOST. Losses add up until there has been
 * none for MEMORY. Workers sleep meanwhile, and are then invited again, even in the middle of a call. So a loss costs
 * little beyond itself: while another process keeps a CPU busy, a loss of about 0.2 ms occurs at most once per MOST. */
enum { BACK_OFF = 4, MOST = 8 * 1000 * 1000, MEMORY = 50 * 1000 * 1000 }; /* nanoseconds */

static rnnp_count get(const atomic_ullong *count) { return atomic_load_explicit(count, memory_order_relaxed); }

int rnnp_team_is_leaving(const rnnp_team *team) { return get(&team->alone_until) != 0 || get(&team->reported) != 0; }

static void report(rnnp_team *team, rnnp_count lost)
{
    if (lost && team->backs_off) atomic_fetch_add_explicit(&team->reported, lost, memory_order_relaxed);
}

void rnnp_team_lost(rnnp_team *team, double seconds) { report(team, (rnnp_count)(seconds * 1e9)); }

int rnnp_works_alone(rnnp_team *team, int *invite)
{
    if (!rnnp_team_is_leaving(team)) return 0;
    const rnnp_count lost = atomic_exchange_explicit(&team->reported, 0, memory_order_relaxed), now = rnnp_clock_ns();
    if (lost) {
        if (now - team->lost_at > MEMORY) team->lost = 0;
        team->lost += lost;
        team->lost_at = now;
        const rnnp_count time = BACK_OFF * team->lost;
        atomic_store_explicit(&team->alone_until, now + (time < MOST ? time : MOST), memory_order_relaxed);
        return 1;
    }
    if (now < get(&team->alone_until)) return 1;
    atomic_store_explicit(&team->alone_until, 0, memory_order_relaxed);
    *invite = 1;
    return 0;
}

int rnnp_team_is_crowded(const rnnp_team *team)
{
    if (!team || team->host.run) return 0;
    const rnnp_count until = get(&team->alone_until);

    return !team->backs_off || get(&team->reported) != 0 || (until != 0 && rnnp_clock_ns() < until);
}

/* ---- Shares ---- */

rnnp_part rnnp_part_of(rnnp_team *team, const rnnp_team_call *call, size_t index)
{
    return (rnnp_part){.team = team, .call = call, .index = index, .since = rnnp_clock_ns()};
}

static rnnp_count look(const rnnp_team *team, size_t i)
{
    return atomic_load_explicit(&team->members[i].share, memory_order_acquire);
}

int rnnp_is_claimed(const rnnp_team *team, size_t i, rnnp_count r) { return look(team, i) == 2 * r + 1; }

rnnp_count rnnp_round_of(const rnnp_team *team, size_t i) { return look(team, i) / 2; }

int rnnp_claim(rnnp_part *part, size_t i, rnnp_count r)
{
    rnnp_member *m = &part->team->members[i];
    rnnp_count open = 2 * r;
    if (part->holds && i == part->index) {
        part->holds = 0;
        return 1;
    }
    if (look(part->team, i) != open || !atomic_compare_exchange_strong_explicit(
                                           &m->share, &open, 2 * r + 1, memory_order_acq_rel, memory_order_relaxed))
        return 0;
    atomic_store_explicit(&m->by, part->index, memory_order_relaxed);
    return 1;
}

/* There is no fence between the store and the check for sleepers, so that this thread need not wait for its store to
 * become visible. A sleeper missed this way wakes by itself and looks again (SLEEP). */
void rnnp_finish(rnnp_part *part, size_t i, rnnp_count r, int holds_next)
{
    rnnp_team *team = part->team;
    if (i == part->index) part->holds = holds_next;
    atomic_store_explicit(&team->members[i].share, 2 * r + (holds_next ? 3 : 2), memory_order_release);
    if (rnnp_event_has_sleepers(&team->round)) rnnp_event_signal(&team->lock, &team->round);
}

void rnnp_release(rnnp_part *part, rnnp_count r)
{
    if (part->holds) atomic_store_explicit(&part->team->members[part->index].share, 2 * r, memory_order_release);
    part->holds = 0;
}

/* Runs share i of round r if it is available. */
static int take(rnnp_part *part, size_t i, rnnp_count r)
{
    const rnnp_team_call *c = part->call;
    if (!rnnp_claim(part, i, r)) return 0;
    c->phase(c->arg, (size_t)(r - c->first), i, c->shares);
    rnnp_finish(part, i, r, i == part->index && r + 1 < c->end);
    return 1;
}

/* Runs share i of round r, or waits for the thread that has claimed it. A worker that leaves gives its share back, so a
 * second attempt may be needed. */
static void end_share(rnnp_part *part, size_t i, rnnp_count r)
{
    while (rnnp_round_of(part->team, i) == r) {
        if (part->call->each || !take(part, i, r)) rnnp_wait_for_share(part, i, r);
    }
}

void rnnp_take_shares(rnnp_part *part, rnnp_count r)
{
    const size_t shares = part->call->shares;
    take(part, part->index, r); /* first, so that each thread finds its weights in its own caches */
    for (size_t k = 1; k < shares; k++) {
        const size_t i = part->index + k < shares ? part->index + k : part->index + k - shares;
        end_share(part, i, r);
    }
    end_share(part, part->index, r); /* another thread may be running it */
}

void rnnp_take_all(rnnp_part *part, rnnp_count r)
{
    const rnnp_team_call *c = part->call;
    size_t mine = 0;
    while (mine < c->shares && rnnp_claim(part, mine, r)) mine++;
    if (mine == c->shares) c->phase(c->arg, (size_t)(r - c->first), 0, 1);
    for (size_t i = 0; i < mine; i++) {
        if (mine < c->shares) c->phase(c->arg, (size_t)(r - c->first), i, c->shares);
        rnnp_finish(part, i, r, 0);
    }
    if (mine < c->shares) rnnp_take_shares(part, r);
}

/* ---- Waiting ---- */

static void rest(void)
{
    for (int i = 0; i < SPINS_PER_LOOK; i++) rnnp_pause();
}

/* With `each`, a share belongs to its own thread; otherwise the wait also ends when the share is free to be taken. */
static int is_over(const rnnp_part *part, size_t i, rnnp_count r)
{
    return part->call->each ? rnnp_round_of(part->team, i) > r : !rnnp_is_claimed(part->team, i, r);
}

static int is_over_soon(const rnnp_part *part, size_t i, rnnp_count r)
{
    for (int spins = 0; spins < SHORT_SPINS; spins++) {
        if (is_over(part, i, r)) return 1;
        rnnp_pause();
    }
    return 0;
}

/* How long a wait may reasonably take. When a worker joins, others may be in the middle of their shares, and in the
 * caller's first round workers may be late. Later, a share takes at most half a round. */
static rnnp_count time_due(const rnnp_part *part, rnnp_count rounds, rnnp_count now)
{
    const rnnp_count patience = part->team->patience;
    return rounds == 0 ? patience : (rounds == 1 ? 2 : 1) * patience + (now - part->since) / rounds / 4 * 3;
}

/* The thread that runs share i seems to have lost its CPU. It gets the caller's, which is about to sleep. */
static void lend_cpu(rnnp_team *team, size_t i)
{
    rnnp_member *by = &team->members[atomic_load(&team->members[i].by)];
    if (by->index != 0) rnnp_place_here(&by->place, by->thread);
}

static void wait_long(rnnp_part *part, size_t i, rnnp_count r)
{
    rnnp_team *team = part->team;
    const rnnp_count start = rnnp_clock_ns(), rounds = r + 1 - part->joined, due = time_due(part, rounds, start);
    while (rnnp_clock_ns() - start < due) {
        if (is_over(part, i, r)) return;
        rest();
    }
    const int loses = team->backs_off && rounds > 0 && !part->call->each;
    if (loses) {
        report(team, due);
        if (part->index == 0) lend_cpu(team, i);
    }
    rnnp_release(part, r + 1);
    for (unsigned seen = rnnp_event_count(&team->round); !is_over(part, i, r); seen = rnnp_event_count(&team->round))
        rnnp_event_sleep(&team->lock, &team->round, seen, SLEEP);
    if (loses) report(team, rnnp_clock_ns() - start - due);
}

void rnnp_wait_for_share(rnnp_part *part, size_t i, rnnp_count r)
{
    if (!is_over_soon(part, i, r)) wait_long(part, i, r);
}

int rnnp_spin(const rnnp_event *event, unsigned seen, rnnp_count patience)
{
    const rnnp_count start = rnnp_clock_ns();
    while (rnnp_event_count(event) == seen) {
        if (rnnp_clock_ns() - start >= patience) return 0;
        rest();
    }
    return 1;
}

double rnnp_event_wait(rnnp_team *team, rnnp_event *event, unsigned seen)
{
    for (int i = 0; i < SHORT_SPINS; i++) {
        if (rnnp_event_count(event) != seen) return 0;
        rnnp_pause();
    }
    const rnnp_count start = rnnp_clock_ns();
    if (!rnnp_spin(event, seen, team->patience)) rnnp_event_sleep(&team->lock, event, seen, 0);
    return 1e-9 * (double)(rnnp_clock_ns() - start);
}
