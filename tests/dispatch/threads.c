/* SPDX-License-Identifier: Apache-2.0
 *
 * The team: every (phase, index) once, phases in order, callers that compete, a host's pool, and failures.
 */
#include "src/fpmode.h"
#include "src/threads/threads.h"
#include "tests/test.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#ifndef _WIN32
#include <sys/wait.h>
#endif

RNNP_TEST_DROPS(team)

enum { MAX_THREADS = 8, PHASES = 200 };

/* What a call does: plain (not atomic) cells that each phase reads from its neighbours and writes for itself, so that
 * a barrier that lets anyone through early is a data race and a wrong sum. A team that backs off makes one share of a
 * phase: this has all cells. */
typedef struct job {
    size_t n;                      /* shares of a phase, the most; also at first */
    unsigned cell[2][MAX_THREADS]; /* by parity of the phase */
    unsigned runs[PHASES];         /* counted by index 0 */
    int wrong;
} job;

static void write_cell(job *j, size_t p, size_t i)
{
    const unsigned *before = j->cell[(p + 1) % 2];

    if (p > 0 && (before[i] != p || before[(i + 1) % j->n] != p)) j->wrong = 1;
    j->cell[p % 2][i] = p == 0 ? 1 : before[(i + 1) % j->n] + 1;
}

static void phase(void *arg, size_t p, size_t i, size_t n)
{
    job *j = arg;

    if (n != 1 && n != j->n) j->wrong = 1;
    for (size_t c = i; c < (n == 1 ? j->n : i + 1); c++) write_cell(j, p, c);
    if (i == 0) j->runs[p]++;
}

static void check_job(const job *j, size_t threads, size_t phases)
{
    assert_int_equal(j->n, threads);
    assert_false(j->wrong);
    for (size_t p = 0; p < PHASES; p++) assert_int_equal(j->runs[p], p < phases);
    for (size_t i = 0; i < threads; i++) assert_int_equal(j->cell[(phases - 1) % 2][i], phases);
}

static rnnp_team *make_team(test_heap *heap, size_t threads, size_t budget, const rnnp_parallel *host)
{
    const rnnp_allocator allocator = test_allocator(heap);
    rnnp_team *team;

    assert_int_equal(rnnp_team_create(&allocator, threads, budget, host, &team), RNNP_OK);
    assert_int_equal(rnnp_team_threads(team), threads);
    return team;
}

static void run_jobs(rnnp_team *team, size_t calls)
{
    static const size_t phases[] = {1, 2, 3, PHASES};

    for (size_t c = 0; c < calls; c++) {
        job j = {.n = rnnp_team_threads(team)};
        const size_t n = phases[c % 4];

        rnnp_team_phases(team, 0, n, phase, &j);
        check_job(&j, rnnp_team_threads(team), n);
    }
}

TEST(every_phase_in_order)
{
    for (size_t threads = 1; threads <= MAX_THREADS; threads++) {
        WATCHED heap = {0};
        OWNED(team) team = make_team(&heap, threads, threads, NULL);

        run_jobs(team, 12);
    }
}

TEST(more_threads_than_cpus)
{
    WATCHED heap = {0};
    OWNED(team) team = make_team(&heap, MAX_THREADS, 1, NULL);

    run_jobs(team, 8);
}

static void sleep_ms(long ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

/* A thread that comes so late that the others have gone to sleep in the barrier. */
static void late_phase(void *arg, size_t p, size_t i, size_t n)
{
    if (i == p % n) sleep_ms(30);
    phase(arg, p, i, n);
}

TEST(late_threads_wake_the_others)
{
    test_heap heap = {0};
    OWNED(team) team = make_team(&heap, 3, 3, NULL);
    job j = {.n = 3};

    rnnp_team_phases(team, 0, 6, late_phase, &j);
    check_job(&j, 3, 6);
    sleep_ms(30); /* the workers are asleep for certain */
    run_jobs(team, 2);
}

/* One that a worker takes, however late it comes, keeps the caller waiting. */
static void slow_share(void *arg, size_t p, size_t i, size_t n)
{
    (void)arg;
    (void)p;
    if (n > 1) sleep_ms(i == 1 ? 30 : 2);
}

/* Work of the caller alone; counts calls. */
static void nothing_to_do(void *arg, size_t i, size_t n)
{
    (void)n;
    atomic_fetch_add((atomic_size_t *)arg, i == 0);
}

/* Awake for a moment after a call, then asleep; crowded after a long wait for a share, but for some milliseconds only.
 */
TEST(awake_and_crowded)
{
    test_heap heap = {0};
    OWNED(team) team = make_team(&heap, 2, 2, NULL), *crowd = make_team(&heap, 2, 1, NULL);

    assert_false(rnnp_team_is_awake(NULL));
    assert_false(rnnp_team_is_crowded(NULL));
    assert_true(rnnp_team_is_crowded(crowd));
    for (size_t ms = 0; rnnp_team_is_awake(team) && ms < 5000; ms++) sleep_ms(1);
    assert_false(rnnp_team_is_awake(team));
    rnnp_team_wake(team);
    for (size_t tries = 0; !rnnp_team_is_crowded(team) && tries < 100; tries++)
        rnnp_team_phases(team, 0, 4, slow_share, NULL);
    assert_true(rnnp_team_is_crowded(team)); /* somebody waited for 28 ms */
    sleep_ms(10);
    assert_false(rnnp_team_is_crowded(team));
    run_jobs(team, 4);
}

typedef struct counter {
    atomic_size_t shares, alone;
} counter;

static void count_shares(void *arg, size_t p, size_t i, size_t n)
{
    counter *c = arg;

    (void)p;
    (void)i;
    atomic_fetch_add(n == 1 ? &c->alone : &c->shares, 1);
}

TEST(fewer_shares_than_threads)
{
    test_heap heap = {0};
    OWNED(team) team = make_team(&heap, 4, 4, NULL);

    for (size_t shares = 1; shares <= 6; shares++) {
        for (size_t call = 0; call < 20; call++) {
            const size_t n = shares < 4 ? shares : 4;
            counter c = {0};

            rnnp_team_phases(team, shares, 5, count_shares, &c);
            if (n == 1)
                assert_int_equal(atomic_load(&c.alone), 5);
            else
                assert_int_equal(atomic_load(&c.alone) * n + atomic_load(&c.shares), 5 * n);
        }
    }
}

/* Each index on a thread of its own, and no two at a time on one. */
static void each_has_its_thread(void *arg, size_t p, size_t i, size_t n)
{
    (void)n;
    if (p == 0)
        ((pthread_t *)arg)[i] = pthread_self();
    else if (!pthread_equal(((pthread_t *)arg)[i], pthread_self()))
        ((pthread_t *)arg)[i] = 0;
}

TEST(measurements_need_every_thread)
{
    test_heap heap = {0};
    OWNED(team) team = make_team(&heap, 3, 3, NULL);

    for (size_t c = 0; c < 50; c++) {
        pthread_t seen[3] = {0};

        rnnp_team_each(team, 10, each_has_its_thread, seen);
        for (size_t i = 0; i < 3; i++) {
            assert_true(seen[i] != 0);
            assert_false(pthread_equal(seen[i], seen[(i + 1) % 3]));
        }
    }
}

#ifndef _WIN32
/* A child has no workers. It does its work alone, and may destroy the team. */
TEST(a_child_works_alone)
{
    if (getenv("QEMU_CPU")) skip(); /* user emulation does not empty pages in a child */
    test_heap heap = {0};
    OWNED(team) team = make_team(&heap, 3, 3, NULL);
    int status;

    run_jobs(team, 2);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        job j = {.n = 1};
        atomic_size_t offers = 0;

        alarm(20);
        rnnp_team_wake(team);
        rnnp_team_phases(team, 0, 6, phase, &j);
        rnnp_team_offer(team, nothing_to_do, &offers);
        _exit(j.wrong || j.runs[5] != 1 || atomic_load(&offers) != 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    run_jobs(team, 2);
}

/* A fault in a worker reaches the host's handler, as one in the caller does. Other signals never come to a worker. */
static sigjmp_buf fault_at[2];
static _Thread_local volatile int fault_slot;

static void on_fault(int signal)
{
    (void)signal;
    siglongjmp(fault_at[fault_slot], 1);
}

typedef struct faults {
    atomic_int caught;
    sigset_t blocked;
} faults;

static void fault_phase(void *arg, size_t p, size_t i, size_t n)
{
    faults *f = arg;

    (void)p;
    (void)n;
    if (i != 1) return;
    fault_slot = 1;
    pthread_sigmask(SIG_SETMASK, NULL, &f->blocked);
    if (sigsetjmp(fault_at[1], 1) == 0)
        raise(SIGSEGV);
    else
        atomic_fetch_add(&f->caught, 1);
}

TEST(faults_reach_the_host)
{
    test_heap heap = {0};
    OWNED(team) team = make_team(&heap, 2, 2, NULL);
    const struct sigaction handler = {.sa_handler = on_fault};
    struct sigaction before;
    faults f = {0};

    sigaction(SIGSEGV, &handler, &before);
    rnnp_team_each(team, 1, fault_phase, &f);
    sigaction(SIGSEGV, &before, NULL);
    assert_int_equal(atomic_load(&f.caught), 1);
    assert_false(sigismember(&f.blocked, SIGBUS));
    assert_false(sigismember(&f.blocked, SIGFPE));
    assert_false(sigismember(&f.blocked, SIGILL));
    assert_true(sigismember(&f.blocked, SIGINT));
    assert_true(sigismember(&f.blocked, SIGALRM));
}
#endif

TEST(no_team_and_no_phases)
{
    job j = {.n = 1};

    assert_int_equal(rnnp_team_threads(NULL), 1);
    rnnp_team_phases(NULL, 0, 5, phase, &j);
    check_job(&j, 1, 5);
    rnnp_team_phases(NULL, 0, 0, phase, NULL);
    rnnp_team_destroy(NULL);

    test_heap heap = {0};
    OWNED(team) team = make_team(&heap, 2, 2, NULL);
    rnnp_team_phases(team, 0, 0, phase, NULL);
    run_jobs(team, 1);
}

/* ---- Callers that compete: one gets the team, the others run alone ---- */

enum { CALLERS = 3, CALLS = 60 };

typedef struct caller {
    rnnp_team *team;
    int offers; /* work, instead of phases */
    size_t bad;
} caller;

static int offer(rnnp_team *team, long slow_ms);

static void *call_often(void *arg)
{
    caller *c = arg;

    for (size_t i = 0; i < CALLS; i++) {
        job j = {.n = rnnp_team_threads(c->team)};

        if (c->offers) {
            c->bad += !offer(c->team, 0);
            continue;
        }
        rnnp_team_phases(c->team, 0, 5, phase, &j);
        c->bad += j.wrong || j.runs[4] != 1;
    }
    return NULL;
}

TEST(callers_compete)
{
    for (int offering = 0; offering < 2; offering++) { /* none of them, then all but one */
        test_heap heap = {0};
        OWNED(team) team = make_team(&heap, 3, 2, NULL);
        caller callers[CALLERS];

        for (int i = 0; i < CALLERS; i++) callers[i] = (caller){.team = team, .offers = offering && i > 0};
        on_threads(CALLERS, call_often, callers, sizeof *callers);
        for (size_t i = 0; i < CALLERS; i++) assert_int_equal(callers[i].bad, 0);
    }
}

typedef struct nested {
    rnnp_team *team;
    job inner;
} nested;

static void outer_phase(void *arg, size_t p, size_t i, size_t n)
{
    nested *call = arg;

    (void)n;
    if (p == 0 && i == 0) rnnp_team_phases(call->team, 0, 3, phase, &call->inner);
}

TEST(nested_calls_run_alone)
{
    test_heap heap = {0};
    nested call = {make_team(&heap, 3, 3, NULL), {.n = 1}};

    rnnp_team_phases(call.team, 0, 2, outer_phase, &call);
    check_job(&call.inner, 1, 3);
    rnnp_team_destroy(call.team);
}

/* ---- Work that is offered ---- */

enum { TASKS = 40 };

/* A list of tasks that anyone takes from; each is done after the one before, whoever did that. */
typedef struct list {
    rnnp_team *team;
    atomic_size_t taken;
    rnnp_event done;
    unsigned runs[TASKS]; /* plain: of task t when t are done */
    atomic_int wrong;
    long slow_ms; /* every fifth task takes so long */
} list;

static void work_list(void *arg, size_t i, size_t n)
{
    list *l = arg;

    for (size_t t; (t = atomic_fetch_add(&l->taken, 1)) < TASKS;) {
        for (unsigned seen; (seen = rnnp_event_count(&l->done)) < t;) /* never with one thread */
            rnnp_event_wait(l->team, &l->done, seen);
        if (l->slow_ms && t % 5 == 0) sleep_ms(l->slow_ms);
        if (i >= n || (t > 0 && l->runs[t - 1] != 1)) atomic_store(&l->wrong, 1);
        l->runs[t]++;
        if (n > 1)
            rnnp_event_advance(l->team, &l->done);
        else
            atomic_fetch_add(&l->done.count, 1);
    }
}

static int offer(rnnp_team *team, long slow_ms)
{
    list l = {.team = team, .slow_ms = slow_ms};
    int right = 1;

    atomic_init(&l.taken, 0);
    atomic_init(&l.wrong, 0);
    rnnp_event_init(&l.done);
    rnnp_team_offer(team, work_list, &l);
    for (size_t t = 0; t < TASKS; t++) right &= l.runs[t] == 1;
    return right && !atomic_load(&l.wrong) && rnnp_event_count(&l.done) == TASKS;
}

TEST(offered_work_is_done_once)
{
    assert_true(offer(NULL, 0));
    for (size_t threads = 1; threads <= MAX_THREADS; threads++) {
        WATCHED heap = {0};
        OWNED(team) team = make_team(&heap, threads, threads, NULL);

        for (size_t c = 0; c < 100; c++) {
            assert_true(offer(team, 0));
            if (c % 4 == 0) /* workers that missed an offer must not miss a phase */
                run_jobs(team, 1 + c % 3);
        }
    }
}

TEST(waiting_for_an_event_may_sleep)
{
    test_heap heap = {0};
    OWNED(team) team = make_team(&heap, 3, 3, NULL);

    assert_true(offer(team, 5));
}

/* What the caller does alone does not wait for workers: they have not woken before it is over. */
TEST(nobody_waits_for_those_who_sleep)
{
    test_heap heap = {0};
    OWNED(team) team = make_team(&heap, MAX_THREADS, 1, NULL);
    atomic_size_t calls = 0;

    for (size_t c = 0; c < 2000; c++) rnnp_team_offer(team, nothing_to_do, &calls);
    assert_int_equal(atomic_load(&calls), 2000);
    run_jobs(team, 3);
}

/* ---- A host's pool ---- */

typedef struct host_call {
    void (*task)(void *arg, size_t i);
    void *arg;
    size_t i;
} host_call;

static void *host_thread(void *arg)
{
    const host_call *call = arg;

    call->task(call->arg, call->i);
    return NULL;
}

/* One new thread per task; counts its calls. */
static void host_run(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg)
{
    host_call calls[MAX_THREADS];

    ++*(size_t *)user;
    for (size_t i = 0; i < n; i++) calls[i] = (host_call){task, arg, i};
    on_threads(n, host_thread, calls, sizeof *calls);
}

TEST(host_pool_runs_once_per_phase)
{
    WATCHED heap = {0};
    size_t runs = 0;
    const rnnp_parallel host = {&runs, 4, host_run};
    OWNED(team) team = make_team(&heap, 4, 1, &host);
    job j = {.n = 4};

    rnnp_team_phases(team, 0, 7, phase, &j);
    check_job(&j, 4, 7);
    assert_int_equal(runs, 7);
}

/* The tasks of an offer on one thread, one after the other, the last first. */
static void host_run_in_turn(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg)
{
    ++*(size_t *)user;
    while (n-- > 0) task(arg, n);
}

TEST(host_pool_gets_offers)
{
    test_heap heap = {0};
    size_t runs = 0;
    const rnnp_parallel hosts[] = {{&runs, 4, host_run}, {&runs, 4, host_run_in_turn}};

    for (size_t h = 0; h < 2; h++) {
        OWNED(team) team = make_team(&heap, 4, 4, &hosts[h]);

        assert_true(offer(team, 0));
        assert_int_equal(runs, h + 1);
        rnnp_team_lost(team, 1); /* a host's pool does not back off */
        assert_false(rnnp_team_is_leaving(team));
        assert_false(rnnp_team_is_crowded(team));
    }
}

/* ---- Floating-point mode ---- */

typedef struct mode_job {
    rnnp_fpmode seen[MAX_THREADS];
} mode_job;

static void mode_phase(void *arg, size_t p, size_t i, size_t n)
{
    (void)p;
    (void)n;
    ((mode_job *)arg)->seen[i] = rnnp_fpmode_get();
}

TEST(workers_adopt_the_callers_mode)
{
    test_heap heap = {0};
    size_t runs = 0;
    const rnnp_parallel host = {&runs, 3, host_run};
    rnnp_team *teams[] = {make_team(&heap, 3, 3, NULL), make_team(&heap, 3, 3, &host)};

    for (size_t t = 0; t < 2; t++) {
        for (int flush = 0; flush < 2; flush++) {
            mode_job j = {0};

            const rnnp_fpmode before = rnnp_fpmode_enter(flush);
            rnnp_team_each(teams[t], 1, mode_phase, &j);
            rnnp_fpmode_set(before);
            for (size_t i = 0; i < 3; i++) assert_int_equal(j.seen[i], flush ? RNNP_FPMODE_FLUSH : RNNP_FPMODE_KEEP);
        }
        rnnp_team_destroy(teams[t]);
    }
}

/* ---- Failures ---- */

TEST(no_memory)
{
    test_heap heap = {.fail_at = 1};
    const rnnp_allocator allocator = test_allocator(&heap);
    rnnp_team *team = (rnnp_team *)&heap;

    assert_int_equal(rnnp_team_create(&allocator, 4, 4, NULL, &team), RNNP_ERR_MEMORY);
    assert_null(team);
    team = (rnnp_team *)&heap;
    assert_int_equal(rnnp_team_create(&allocator, SIZE_MAX / 2, 4, NULL, &team), RNNP_ERR_MEMORY);
    assert_null(team);
}

/* The linker sends the team's pthread_create here: the create_fails_at-th call fails. */
static size_t create_calls, create_fails_at;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
    return ++create_calls == create_fails_at ? EAGAIN : __real_pthread_create(thread, attr, start, arg);
}

TEST(no_thread)
{
    for (size_t n = 1; n <= 3; n++) {
        WATCHED heap = {0};
        const rnnp_allocator allocator = test_allocator(&heap);
        rnnp_team *team = (rnnp_team *)&heap;

        create_calls = 0;
        create_fails_at = n;
        assert_int_equal(rnnp_team_create(&allocator, 4, 4, NULL, &team), RNNP_ERR_IO);
        create_fails_at = 0;
        assert_null(team);
    }
}
