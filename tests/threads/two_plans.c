/* SPDX-License-Identifier: Apache-2.0
 *
 * two_plans SECONDS: two threads execute at the same time, for so long, by turns a plan of their own (each with a team
 * of two) and one that both share, whose team only one of them can have at a time. Every execution must give the bits
 * of one thread alone. The model has all ways in which threads share work: a wavefront, two directions side by side,
 * steps by panels and a dense product.
 */
#include "tests/model/graph.h"

#include "src/cells/wavefront.h"
#include "src/graph/engine.h"

#include <pthread.h>
#include <time.h>

enum { STEPS = 24, BATCH = 3, INPUT = 48, HIDDEN = 72, CLASSES = 300, CALLERS = 2 };
enum { P_FLOATS = STEPS * BATCH * CLASSES, H_FLOATS = BATCH * HIDDEN };

static const int schedules[] = {RNNP_SCHEDULE_WAVEFRONT, RNNP_SCHEDULE_LAYERS};

static rnnp_model *make_net(rnnp_context *context)
{
    return make_graph(context, "x: f32[24,3,48]; a = lstm[48,72]#1(x); b = gru[72,72]#2(a); c, h = rnn[72,72]#3(b);"
                               "-> p = MatMul(gru[72,72]#4(c, both), f32[144,300]~6*0.2), h");
}

typedef struct net {
    rnnp_context *context;
    rnnp_model *model;
    rnnp_plan *plan[2]; /* one for each schedule */
} net;

static net make(size_t threads)
{
    net n = {.context = make_context(NULL, threads)};

    n.model = make_net(n.context);
    for (size_t i = 0; i < 2; i++) {
        n.plan[i] = make_plan(n.model);
        n.plan[i]->schedule = schedules[i];
    }
    return n;
}

static void free_net(net *n)
{
    for (size_t i = 0; i < 2; i++) rnnp_plan_destroy(n->plan[i]);
    rnnp_model_destroy(n->model);
    rnnp_context_destroy(n->context);
}

typedef struct caller {
    pthread_t thread;
    const net *own, *shared;
    const float *x, *p, *h; /* input and what must come out */
    const atomic_int *stop;
    size_t calls, failures, differences;
} caller;

/* No assertions here: they may only fail in the main thread. */
static void execute(caller *c, rnnp_run *run, float *p, float *h)
{
    const rnnp_tensor in = tensor3(c->x, STEPS, BATCH, INPUT);
    rnnp_tensor out[] = {{.data = p}, {.data = h}};

    memset(p, 0x55, P_FLOATS * sizeof *p);
    memset(h, 0x55, H_FLOATS * sizeof *h);
    c->calls++;
    c->failures += rnnp_run_execute(run, &in, 1, out, 2) != RNNP_OK;
    c->differences += memcmp(p, c->p, P_FLOATS * sizeof *p) != 0 || memcmp(h, c->h, H_FLOATS * sizeof *h) != 0;
}

static void *call(void *arg)
{
    caller *c = arg;
    const rnnp_plan *plans[] = {c->own->plan[0], c->shared->plan[0], c->own->plan[1], c->shared->plan[1]};
    const rnnp_tensor in = tensor3(NULL, STEPS, BATCH, INPUT);
    FREED float *p = malloc(P_FLOATS * sizeof *p), *h = malloc(H_FLOATS * sizeof *h);
    rnnp_run *runs[4] = {NULL};

    for (size_t round = 0; p && h && !c->failures && !atomic_load(c->stop); round++) {
        for (size_t i = 0; i < 4; i++) {
            if (round % 5 == 0) {
                rnnp_run_destroy(runs[i]);
                c->failures += rnnp_run_create(plans[i], &in, 1, &runs[i]) != RNNP_OK;
            }
            if (runs[i]) execute(c, runs[i], p, h);
        }
    }
    for (size_t i = 0; i < 4; i++) rnnp_run_destroy(runs[i]);
    return NULL;
}

static double seconds = 2;

TEST(test_two_plans)
{
    const struct timespec length = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    FREED float *x = numbers(STEPS * BATCH * INPUT, 1, 1.0f), *p = malloc(P_FLOATS * sizeof *p);
    float h[H_FLOATS];
    const rnnp_tensor in = tensor3(x, STEPS, BATCH, INPUT);
    rnnp_tensor out[] = {{.data = p}, {.data = h}};
    net one = make(1), shared = make(3), own[CALLERS];
    caller callers[CALLERS];
    atomic_int stop = 0;

    assert_non_null(p);
    NEW(run, run, one.plan[0], &in, 1);
    OK(rnnp_run_execute(run, &in, 1, out, 2));
    rnnp_run_destroy(run);
    for (size_t i = 0; i < CALLERS; i++) {
        own[i] = make(2);
        callers[i] = (caller){.own = &own[i], .shared = &shared, .x = x, .p = p, .h = h, .stop = &stop};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    }
    nanosleep(&length, NULL);
    atomic_store(&stop, 1);
    for (size_t i = 0; i < CALLERS; i++) pthread_join(callers[i].thread, NULL);
    for (size_t i = 0; i < CALLERS; i++) {
        printf("thread %zu: %zu executions\n", i, callers[i].calls);
        assert_int_equal(callers[i].failures, 0);
        assert_int_equal(callers[i].differences, 0);
        assert_true(callers[i].calls > 0);
        free_net(&own[i]);
    }
    free_net(&shared);
    free_net(&one);
}

int tests_begin(char **arguments)
{
    if (*arguments) seconds = atof(*arguments);
    return 0;
}
