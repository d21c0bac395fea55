/* SPDX-License-Identifier: Apache-2.0
 *
 * The library's own team, or a view of the host's pool: its threads and the calls they work on.
 */
#define _GNU_SOURCE
#include "round.h"

#include <signal.h>

/* ---- Own workers ---- */

static void work_on_phases(rnnp_part *part)
{
    const rnnp_team_call *c = part->call;
    rnnp_count r = rnnp_round_of(part->team, 0);
    for (size_t i = 1; i < c->shares; i++) {
        const rnnp_count other = rnnp_round_of(part->team, i);
        r = other < r ? other : r;
    }
    part->joined = r + 1;
    for (; r < c->end && (c->each || !rnnp_team_is_leaving(part->team)); r++) {
        rnnp_take_shares(part, r);
        rnnp_place_restore(&part->team->members[part->index].place);
    }
    rnnp_release(part, r);
}

static void work_on_offer(rnnp_part *part)
{
    const rnnp_team_call *c = part->call;
    const rnnp_count r = rnnp_round_of(part->team, part->index);
    if (r < c->end && rnnp_claim(part, part->index, r)) {
        c->work(c->arg, part->index, c->shares);
        rnnp_finish(part, part->index, r, 0);
        rnnp_place_restore(&part->team->members[part->index].place);
    }
}

/* Waits for a new call: first awake, then asleep. */
static void wait_for_call(rnnp_team *team, rnnp_member *self, unsigned seen)
{
    if (!rnnp_team_is_leaving(team) && rnnp_spin(&team->call, seen, team->idle)) return;
    rnnp_place_fall_asleep(&self->place);
    rnnp_event_sleep(&team->lock, &team->call, seen, 0);
    rnnp_place_wake_up(&self->place);
}

static void *serve(void *arg)
{
    rnnp_member *self = arg;
    rnnp_team *team = self->team;
    for (unsigned seen = 0;;) {
        rnnp_team_call c;
        wait_for_call(team, self, seen);
        seen = rnnp_event_count(&team->call);
        if (atomic_load(&team->ending)) return NULL;
        if (!rnnp_read_call(team, &c) || self->index >= c.shares) continue;
        rnnp_fpmode_set(c.mode);
        rnnp_part part = rnnp_part_of(team, &c, self->index);
        if (c.work)
            work_on_offer(&part);
        else
            work_on_phases(&part);
    }
}

/* Workers never run the host's signal handlers, except for signals raised by their own instructions: if those were
 * blocked, they would kill the process without calling the host's handler. Returns how many workers were started. */
static size_t start_workers(rnnp_team *team)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigset_t blocked, before;
    size_t started = 0;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) sigdelset(&blocked, own[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    for (; started < team->threads - 1; started++) {
        rnnp_member *m = &team->members[started + 1];
        if (pthread_create(&m->thread, NULL, serve, m) != 0) break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

static void stop_workers(rnnp_team *team, size_t started)
{
    atomic_store(&team->ending, 1);
    rnnp_event_signal(&team->lock, &team->call);
    for (size_t i = 1; i <= started; i++) pthread_join(team->members[i].thread, NULL);
}

static void free_team(rnnp_team *team)
{
    const rnnp_allocator allocator = team->allocator;
    if (team->host.run || !rnnp_is_forked(&team->guard)) /* in a child, the parent's workers seem to wait on it */
        rnnp_event_lock_destroy(&team->lock);
    rnnp_fork_guard_destroy(&team->guard);
    allocator.free(allocator.user, team, team->bytes);
}

rnnp_status rnnp_team_create(const rnnp_allocator *allocator, size_t threads, size_t budget, const rnnp_parallel *host,
                             rnnp_team **team)
{
    const size_t members = host ? 0 : threads;
    size_t bytes;
    *team = NULL;
    if (__builtin_mul_overflow(members, sizeof(rnnp_member), &bytes) ||
        __builtin_add_overflow(bytes, sizeof(rnnp_team), &bytes))
        return RNNP_ERR_MEMORY;

    rnnp_team *t = allocator->alloc(allocator->user, bytes, _Alignof(rnnp_team));
    if (!t) return RNNP_ERR_MEMORY;
    const int has_cpus = threads <= budget;
    /* Zeros are what atomic_init would store. */
    *t = (rnnp_team){.allocator = *allocator, .threads = threads, .bytes = bytes, .backs_off = has_cpus && !host};
    t->patience = has_cpus ? RNNP_PATIENCE : RNNP_IMPATIENCE;
    t->idle = has_cpus ? RNNP_IDLE : RNNP_IMPATIENCE;
    rnnp_event_lock_init(&t->lock);
    if (host) {
        t->host = *host;
        *team = t;
        return RNNP_OK;
    }
    for (size_t i = 0; i < members; i++) {
        t->members[i] = (rnnp_member){.team = t, .index = i};
        atomic_init(&t->members[i].by, i);
        rnnp_place_init(&t->members[i].place);
    }
    t->guard = rnnp_fork_guard_create();
    const size_t started = start_workers(t);
    if (started < threads - 1) {
        stop_workers(t, started);
        free_team(t);
        return RNNP_ERR_IO;
    }
    *team = t;
    return RNNP_OK;
}

/* Whether the team has workers in this process. */
static int has_workers(const rnnp_team *team) { return !team->host.run && !rnnp_is_forked(&team->guard); }

void rnnp_team_destroy(rnnp_team *team)
{
    if (!team) return;
    if (has_workers(team)) stop_workers(team, team->threads - 1);
    free_team(team);
}

size_t rnnp_team_threads(const rnnp_team *team) { return team ? team->threads : 1; }

int rnnp_team_is_awake(const rnnp_team *team)
{
    return team && !team->host.run && !rnnp_event_has_sleepers(&team->call);
}

int rnnp_team_is_in_demand(const rnnp_team *team)
{
    return team && !team->host.run &&
           rnnp_clock_ns() - atomic_load_explicit(&team->ended, memory_order_relaxed) < team->idle;
}

void rnnp_team_note_end(rnnp_team *team) { atomic_store_explicit(&team->ended, rnnp_clock_ns(), memory_order_relaxed); }

static void invite(rnnp_team *team)
{
    for (size_t i = 1; i < team->threads && rnnp_event_has_sleepers(&team->call); i++)
        rnnp_place_elsewhere(&team->members[i].place, team->members[i].thread);
    rnnp_event_signal(&team->lock, &team->call);
}

void rnnp_team_wake(rnnp_team *team)
{
    if (team && has_workers(team) && rnnp_event_has_sleepers(&team->call) && !rnnp_team_is_leaving(team)) invite(team);
}

void rnnp_event_advance(rnnp_team *team, rnnp_event *event) { rnnp_event_signal(&team->lock, event); }

/* ---- Running ---- */

typedef struct host_task {
    const rnnp_team_call *call;
    size_t phase, shares;
} host_task;

static void run_host_task(void *arg, size_t i)
{
    const host_task *task = arg;
    const rnnp_team_call *call = task->call;
    const rnnp_fpmode before = rnnp_fpmode_get();
    rnnp_fpmode_set(call->mode);
    if (call->work)
        call->work(call->arg, i, task->shares);
    else
        call->phase(call->arg, task->phase, i, task->shares);
    rnnp_fpmode_set(before);
}

static void run_on_host(const rnnp_team *team, const rnnp_team_call *call, size_t rounds)
{
    for (size_t p = 0; p < rounds; p++) {
        host_task task = {call, p, call->shares};
        team->host.run(team->host.user, call->shares, run_host_task, &task);
    }
}

static void run_phases(rnnp_part *part)
{
    const rnnp_team_call *c = part->call;
    for (rnnp_count r = c->first; r < c->end; r++) {
        int invites = 0;
        if (!c->each && rnnp_works_alone(part->team, &invites)) {
            rnnp_take_all(part, r);
            continue;
        }
        if (invites) {
            invite(part->team);
            part->since = rnnp_clock_ns();
            part->joined = r;
        }
        rnnp_take_shares(part, r);
    }
}

/* The offer ends with the caller's part: shares that nobody has claimed are withdrawn; claimed ones are waited for. */
static void run_offer(rnnp_part *part)
{
    rnnp_team *team = part->team;
    const rnnp_team_call *c = part->call;
    c->work(c->arg, 0, c->shares);
    team->rounds = atomic_load(&team->open.end);
    for (size_t i = 1; i < c->shares; i++) {
        for (rnnp_count r; (r = rnnp_round_of(team, i)) < team->rounds;) {
            if (rnnp_claim(part, i, r))
                rnnp_finish(part, i, r, 0);
            else
                rnnp_wait_for_share(part, i, r);
        }
    }
}

void rnnp_team_renew(rnnp_team *team)
{
    int invites = 0;
    rnnp_works_alone(team, &invites);
    if (!invites) return;
    atomic_fetch_add(&team->open.end, 1);
    invite(team);
}

/* 0 if there is no team, or it is working for another caller. */
static int run_on_team(rnnp_team *team, rnnp_team_call *c, size_t rounds)
{
    int invites = 1;
    if (!team || atomic_exchange_explicit(&team->busy, 1, memory_order_acquire)) return 0;
    c->shares = c->shares && c->shares < team->threads ? c->shares : team->threads;
    c->mode = rnnp_fpmode_get();
    if (team->host.run) {
        run_on_host(team, c, rounds);
    } else if (rnnp_is_forked(&team->guard)) {
        return 0; /* and stays busy: there are no workers to call */
    } else {
        c->first = team->rounds;
        c->end = team->rounds + rounds;
        rnnp_publish(team, c);
        if (c->each || !rnnp_works_alone(team, &invites)) invite(team);
        rnnp_part part = rnnp_part_of(team, c, 0);
        part.joined = c->first;
        if (c->work)
            run_offer(&part);
        else
            run_phases(&part);
        team->rounds = atomic_load(&team->open.end);
        rnnp_works_alone(team, &invites); /* a loss counts from the time it occurred, not from the next call */
    }
    atomic_store_explicit(&team->busy, 0, memory_order_release);
    return 1;
}

static void run_phases_anywhere(rnnp_team *team, rnnp_team_call *c, size_t phases)
{
    if (phases == 0 || run_on_team(team, c, phases)) return;
    for (size_t p = 0; p < phases; p++) c->phase(c->arg, p, 0, 1);
}

void rnnp_team_phases(rnnp_team *team, size_t shares, size_t phases,
                      void (*phase)(void *arg, size_t p, size_t i, size_t n), void *arg)
{
    run_phases_anywhere(team, &(rnnp_team_call){.phase = phase, .arg = arg, .shares = shares}, phases);
}

void rnnp_team_each(rnnp_team *team, size_t phases, void (*phase)(void *arg, size_t p, size_t i, size_t n), void *arg)
{
    run_phases_anywhere(team, &(rnnp_team_call){.phase = phase, .arg = arg, .each = 1}, phases);
}

void rnnp_team_offer(rnnp_team *team, void (*work)(void *arg, size_t i, size_t n), void *arg)
{
    if (!run_on_team(team, &(rnnp_team_call){.work = work, .arg = arg}, 1)) work(arg, 0, 1);
}
