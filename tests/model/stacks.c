/* SPDX-License-Identifier: Apache-2.0
 *
 * Stacks of recurrent layers: the same bits whether layers run one after the other or in a wavefront, for any number of
 * threads and any kind of pool; which nodes of a graph form a stack, and that the others do not.
 */
#include "build.h"

#include <time.h>

#include "src/cells/wavefront.h"
#include "src/graph/engine.h"

/* Some of the cases and places: for emulated CPUs (--quick), which are a hundred times slower, and generic kernels. */
static int quick;

enum { MOST_LAYERS = 12, MOST_THREADS = 7, MOST_ROWS = 20 };

/* ---- Places to run ---- */

typedef struct pool {
    int in_turn;     /* all tasks on the calling thread */
    size_t loops;    /* parallel loops so far */
    rnnp_team *late; /* not NULL: the first task comes after the others and then says that time was lost */
    atomic_size_t come;
} pool;

typedef struct pool_task {
    void (*task)(void *arg, size_t i);
    void *arg;
    size_t i, n;
    pool *pool;
} pool_task;

static void *run_pool_task(void *arg)
{
    static const struct timespec pause = {0, 100 * 1000};
    const pool_task *t = arg;
    const int is_late = t->i == 0 && t->pool->late;

    atomic_fetch_add(&t->pool->come, 1);
    while (is_late && atomic_load(&t->pool->come) < t->n) nanosleep(&pause, NULL);
    if (is_late) nanosleep(&pause, NULL);
    t->task(t->arg, t->i);
    if (is_late && t->pool->loops == 2) /* of two executions, the one whose result remains */
        rnnp_team_lost(t->pool->late, 1e-3);
    return NULL;
}

static void run_pool(void *user, size_t n, void (*task)(void *arg, size_t i), void *arg)
{
    pool_task tasks[MOST_THREADS];
    pool *p = user;

    p->loops++;
    atomic_store(&p->come, 0);
    for (size_t i = 0; p->in_turn && i < n; i++) task(arg, n - 1 - i);
    for (size_t i = 0; !p->in_turn && i < n; i++) tasks[i] = (pool_task){task, arg, i, n, p};
    if (!p->in_turn) on_threads(n, run_pool_task, tasks, sizeof *tasks);
}

static rnnp_context *pooled_context(size_t threads, pool *p)
{
    OPTIONS(context, options);

    options.parallel = (rnnp_parallel){p, threads, run_pool};
    NEW(context, context, &options);
    return context;
}

/* ---- Stacks by layer calls ---- */

typedef struct stack {
    size_t layers, steps, batch;
    rnnp_direction direction;
    int batch_first, with_states;
    unsigned with_lengths; /* 1: the lowest layer and every other from there, 2: those between, 3: all */
    struct {
        rnnp_cell cell;
        rnnp_gru_reset reset;
        size_t hidden;
    } layer[MOST_LAYERS];
} stack;

enum { INPUT = 40 };

/* Layers l + first, l + first + 1, ... of a mixture. */
static stack mixture(size_t layers, size_t first, size_t steps, size_t batch)
{
    static const size_t hidden[] = {64, 33, 80, 7, 100};
    stack s = {.layers = layers, .steps = steps, .batch = batch};

    for (size_t l = 0; l < layers; l++) {
        const size_t kind = (first + l) % 4;

        s.layer[l].cell = kind == 0 ? RNNP_CELL_LSTM : kind == 1 ? RNNP_CELL_RNN : RNNP_CELL_GRU;
        s.layer[l].reset = kind == 2 ? RNNP_GRU_RESET_AFTER : RNNP_GRU_RESET_BEFORE;
        s.layer[l].hidden = hidden[(2 * first + l) % 5];
    }
    return s;
}

/* Outputs: y of the top, y of the lowest, then h and c of all layers. */
static rnnp_model *make_stack(rnnp_context *context, const stack *s)
{
    const int64_t row[] = {RNNP_DYNAMIC};
    rnnp_model *model = make_model(context);
    rnnp_value x = input3(model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT), lengths = RNNP_NONE, lowest = RNNP_NONE;
    rnnp_value finals[2 * MOST_LAYERS];
    size_t n = 0, input = INPUT;

    if (s->with_lengths) OK(rnnp_model_add_input(model, "lengths", RNNP_DTYPE_I32, 1, row, NULL, &lengths));
    for (size_t l = 0; l < s->layers; l++) {
        const size_t hidden = s->layer[l].hidden;
        const int lstm = s->layer[l].cell == RNNP_CELL_LSTM;
        layer w = make_layer(s->layer[l].cell, input, hidden, s->direction, (uint32_t)(l + 5));
        const rnnp_value given = s->with_lengths >> l % 2 & 1 ? lengths : RNNP_NONE;
        rnnp_value state = RNNP_NONE, h, c;

        w.options.reset = s->layer[l].reset;
        w.options.batch_first = s->batch_first;
        if (s->with_states) {
            FREED float *start = numbers(s->batch * hidden, (uint32_t)l + 40, 0.5f);
            const rnnp_tensor tensor = tensor3(start, 1, (int64_t)s->batch, (int64_t)hidden);

            OK(rnnp_model_add_constant(model, NULL, &tensor, &state));
        }
        OK(rnnp_model_add_recurrent(model, &w.options, w.weights, x, given, state, lstm ? state : RNNP_NONE, &x, &h,
                                    lstm ? &c : NULL));
        lowest = l == 0 ? x : lowest;
        finals[n++] = h;
        if (lstm) finals[n++] = c;
        free_layer(&w);
        input = hidden;
    }
    OK(rnnp_model_add_output(model, "y", x));
    OK(rnnp_model_add_output(model, "lowest", lowest));
    for (size_t i = 0; i < n; i++) {
        char name[32];

        snprintf(name, sizeof name, "final%zu", i);
        OK(rnnp_model_add_output(model, name, finals[i]));
    }
    OK(rnnp_model_close(model));
    return model;
}

typedef struct result {
    produced got;
    size_t stacked; /* nodes in the largest stack of the run */
} result;

static void free_result(result *r) { free_outputs(&r->got); }

/* Two executions of a new run. */
static result execute(rnnp_plan *plan, rnnp_stack_schedule schedule, const rnnp_tensor *in, size_t n_in)
{
    result r = {0};

    plan->schedule = (int)schedule;
    OWNED_NEW(run, run, plan, in, n_in);
    const rnnp_program *program = (const rnnp_program *)run;
    for (size_t c = 0; c < program->n_calls; c++)
        r.stacked = program->calls[c].stack > r.stacked ? program->calls[c].stack : r.stacked;
    r.got = execute_run(run, in, n_in, SIZE_MAX);
    OK(r.got.status);
    OK(rnnp_run_execute(run, in, n_in, r.got.out, r.got.n));
    return r;
}

static result run_stack(rnnp_context *context, const stack *s, rnnp_stack_schedule schedule)
{
    const size_t n = s->steps * s->batch * INPUT;
    const int64_t steps = (int64_t)s->steps, batch = (int64_t)s->batch;
    FREED float *x = numbers(n, 3, 1.0f);
    int32_t lengths[MOST_ROWS];
    const rnnp_tensor in[] = {tensor3(x, s->batch_first ? batch : steps, s->batch_first ? steps : batch, INPUT),
                              {RNNP_DTYPE_I32, 1, {batch}, .data = lengths}};
    OWNED(model) model = make_stack(context, s);
    OWNED(plan) plan = make_plan(model);

    assert_true(s->batch <= MOST_ROWS);
    for (size_t b = 0; b < s->batch; b++) lengths[b] = (int32_t)((b * 23 + s->steps - 1) % (s->steps + 1));
    const result r = execute(plan, schedule, in, s->with_lengths ? 2 : 1);
    return r;
}

/* The stack on this context against one thread, layer by layer. */
static void check_stack(rnnp_context *context, const stack *s, const result *want)
{
    for (int schedule = RNNP_SCHEDULE_FASTEST; schedule <= RNNP_SCHEDULE_GROUPS; schedule++) {
        DROPPED(free_result) result got = run_stack(context, s, (rnnp_stack_schedule)schedule);

        assert_true(got.stacked >= (s->layers < 6 ? s->layers : 2));
        assert_true(equal_outputs(&got.got, &want->got));
    }
}

typedef struct places {
    pool pools[2][MOST_THREADS + 1];
    rnnp_context *one, *context[9];
    size_t n;
} places;

static void make_places(places *p)
{
    static const size_t threads[] = {2, 3, MOST_THREADS};

    *p = (places){.one = make_context(NULL, 1)};
    for (size_t i = 0; i < 3; i++) {
        p->context[p->n++] = make_context(NULL, threads[i]);
        for (int in_turn = 0; in_turn < 2; in_turn++) {
            p->pools[in_turn][i].in_turn = in_turn;
            p->context[p->n++] = pooled_context(threads[i], &p->pools[in_turn][i]);
        }
    }
}

static void free_places(places *p)
{
    for (size_t i = 0; i < p->n; i++) rnnp_context_destroy(p->context[i]);
    rnnp_context_destroy(p->one);
}

static void check_everywhere(const places *p, const stack *s)
{
    DROPPED(free_result) result want = run_stack(p->one, s, RNNP_SCHEDULE_FASTEST);

    assert_true(want.stacked <= 1);
    for (size_t i = 0; i < p->n; i += quick ? 4 : 1) /* own 2 threads, 3 of a pool, 7 tasks in turn */
        check_stack(p->context[i], s, &want);
}

TEST(test_bits)
{
    static const size_t steps[] = {1, 2, 3, 5, 6, 7, 13, 50}; /* a chunk has six rows at least */
    places p;

    make_places(&p);
    for (size_t layers = 2; layers <= 5; layers++) {
        for (size_t t = quick ? layers % 4 : 0; t < sizeof steps / sizeof steps[0]; t += quick ? 5 : 1) {
            stack s = mixture(layers, t, steps[t], (layers + t) % 2 ? 1 : 4);

            s.batch_first = t % 3 == 0;
            s.with_states = t % 3 == 1;
            s.direction = t % 4 == 3 ? RNNP_DIRECTION_REVERSE : RNNP_DIRECTION_FORWARD;
            check_everywhere(&p, &s);
        }
    }
    free_places(&p);
}

TEST(test_lengths)
{
    static const size_t steps[] = {1, 6, 13, 50};
    places p;

    make_places(&p);
    for (size_t t = 0; t < sizeof steps / sizeof steps[0]; t += quick ? 2 : 1) {
        for (rnnp_direction direction = RNNP_DIRECTION_FORWARD; direction <= RNNP_DIRECTION_REVERSE; direction++) {
            stack s = mixture(2 + t % 3, t + (size_t)direction, steps[t], 5);

            s.with_lengths = 3 - (unsigned)(t + (size_t)direction) % 3;
            s.with_states = 1;
            s.direction = direction;
            check_everywhere(&p, &s);
        }
    }
    free_places(&p);
}

/* Rows enough that x and h are multiplied in one pass, and layers enough for more than one stack. */
TEST(test_wide_and_deep)
{
    places p;

    make_places(&p);
    stack wide = mixture(3, 0, 9, MOST_ROWS), deep = mixture(MOST_LAYERS, 1, 20, 1);
    for (size_t l = 0; l < deep.layers; l++) deep.layer[l].hidden = 24;
    wide.layer[0].hidden = 200; /* a wide layer does so from 16 rows on */
    check_everywhere(&p, &wide);
    wide.layer[0].hidden = 64; /* one that does, with lengths, above one that has a product and none */
    wide.layer[1].cell = RNNP_CELL_LSTM;
    wide.layer[1].hidden = 200;
    wide.with_lengths = 2;
    check_everywhere(&p, &wide);
    check_everywhere(&p, &deep);
    free_places(&p);
}

/* Parallel loops in two executions by two threads of three LSTMs, for each schedule. */
static void count_loops(size_t hidden, size_t loops[4])
{
    pool p = {0};
    OWNED(context) context = pooled_context(2, &p);
    stack s = mixture(3, 0, 50, 1);

    for (size_t l = 0; l < 3; l++) {
        s.layer[l].cell = RNNP_CELL_LSTM;
        s.layer[l].hidden = hidden;
    }
    OWNED(model) model = make_stack(context, &s);
    OPTIONS(plan, options);

    options.effort = RNNP_EFFORT_NONE; /* the rules are asked here, not the shipped table of some host */
    OWNED_NEW(plan, plan, model, &options);
    FREED float *x = numbers(s.steps * INPUT, 3, 1.0f);
    const rnnp_tensor in = tensor3(x, (int64_t)s.steps, 1, INPUT);
    for (int schedule = RNNP_SCHEDULE_FASTEST; schedule <= RNNP_SCHEDULE_GROUPS; schedule++) {
        p.loops = 0;
        result r = execute(plan, (rnnp_stack_schedule)schedule, &in, 1);
        free_result(&r);
        loops[schedule] = p.loops;
    }
}

/* A wavefront is one loop whatever the layers are. Steps that are large enough are shared, one loop for each; smaller
 * ones make a wavefront, and the smallest stack is not worth it. A step of the generic kernels takes as long as one of
 * ten times the width elsewhere. */
TEST(test_choice)
{
    size_t loops[4];
    OWNED(context) context = make_context(NULL, 1);
    rnnp_host_info host;

    rnnp_host_info_init(&host);
    OK(rnnp_context_host(context, &host));
    const int slow = strcmp(host.isa, "generic") == 0;

    count_loops(slow ? 1 : 16, loops);
    assert_int_equal(loops[RNNP_SCHEDULE_WAVEFRONT], 2);
    assert_int_equal(loops[RNNP_SCHEDULE_LAYERS], 0);
    assert_int_equal(loops[RNNP_SCHEDULE_FASTEST], 0);
    count_loops(slow ? 4 : 64, loops);
    assert_int_equal(loops[RNNP_SCHEDULE_WAVEFRONT], 2);
    assert_int_equal(loops[RNNP_SCHEDULE_LAYERS], 0);
    assert_int_equal(loops[RNNP_SCHEDULE_FASTEST], 2);
    count_loops(320, loops);
    assert_int_equal(loops[RNNP_SCHEDULE_WAVEFRONT], 2);
    assert_true(loops[RNNP_SCHEDULE_LAYERS] > 200);
    assert_int_equal(loops[RNNP_SCHEDULE_FASTEST], loops[RNNP_SCHEDULE_LAYERS]);
}

/* More threads than CPUs, several times. */
TEST(test_crowd)
{
    OWNED(context) one = make_context(NULL, 1), *crowd = make_context(NULL, MOST_THREADS);
    stack s = mixture(5, 0, 60, 2);
    DROPPED(free_result) result want = run_stack(one, &s, RNNP_SCHEDULE_FASTEST);

    for (int repeat = 0; repeat < (quick ? 2 : 20); repeat++) {
        DROPPED(free_result) result got = run_stack(crowd, &s, RNNP_SCHEDULE_WAVEFRONT);
        assert_true(equal_outputs(&got.got, &want.got));
    }
}

/* More threads than layers, of which the caller comes last; then the team backs off. Nothing is left undone. */
TEST(test_late_caller)
{
    pool p = {0};
    OWNED(context) one = make_context(NULL, 1), *many = pooled_context(4, &p);
    const rnnp_parallel host = {&p, 4, run_pool};
    stack s = mixture(2, 0, quick ? 1000 : 20000, 1);
    DROPPED(free_result) result want = run_stack(one, &s, RNNP_SCHEDULE_FASTEST);

    rnnp_team_destroy(many->team); /* instead of it one that has a CPU for each thread */
    OK(rnnp_team_create(&many->allocator, 4, 4, &host, &many->team));
    p.late = many->team;
    for (int repeat = 0; repeat < 3; repeat++) {
        p.loops = 0;
        DROPPED(free_result) result got = run_stack(many, &s, RNNP_SCHEDULE_WAVEFRONT);
        assert_int_equal(p.loops, 2);
        assert_true(equal_outputs(&got.got, &want.got));
    }
}

int tests_begin(char **arguments)
{
    quick = is_quick(arguments);
    return 0;
}
