/* SPDX-License-Identifier: Apache-2.0
 *
 * Any valid record gives the same bits: runs and streams of plans with random records, however far-fetched, against the
 * plan without any, on contexts of one to three threads with and without a cap.
 */
#include "fixture.h"

enum { BATCH = 3, STEPS = 13, INPUT = 7, HIDDEN = 21, CASES = 35 / FEWER, OUTPUTS = 3 };
enum { FLOATS = STEPS * BATCH * 2 * HIDDEN + 4 * BATCH * HIDDEN };

static const struct {
    const char *name;
    rnnp_cell cell;
    rnnp_gru_reset reset;
    rnnp_direction direction;
    size_t layers;
} specs[] = {
    {"rnn", RNNP_CELL_RNN, 0, RNNP_DIRECTION_FORWARD, 1},
    {"lstm", RNNP_CELL_LSTM, 0, RNNP_DIRECTION_FORWARD, 1},
    {"gru", RNNP_CELL_GRU, RNNP_GRU_RESET_BEFORE, RNNP_DIRECTION_FORWARD, 1},
    {"gru_after", RNNP_CELL_GRU, RNNP_GRU_RESET_AFTER, RNNP_DIRECTION_FORWARD, 1},
    {"lstm_reverse", RNNP_CELL_LSTM, 0, RNNP_DIRECTION_REVERSE, 1},
    {"lstm_bidirectional", RNNP_CELL_LSTM, 0, RNNP_DIRECTION_BIDIRECTIONAL, 1},
    {"gru_bidirectional", RNNP_CELL_GRU, RNNP_GRU_RESET_BEFORE, RNNP_DIRECTION_BIDIRECTIONAL, 1},
    {"lstm_stack", RNNP_CELL_LSTM, 0, RNNP_DIRECTION_FORWARD, 3},
    {"gru_stack", RNNP_CELL_GRU, RNNP_GRU_RESET_BEFORE, RNNP_DIRECTION_FORWARD, 2},
};

enum { SPECS = sizeof specs / sizeof specs[0] };

static const struct {
    size_t threads;
    const char *cap;
} places[] = {{1, NULL}, {2, NULL}, {3, NULL}, {1, "generic"}, {2, "generic"}, {3, "generic"}};

enum { PLACES = sizeof places / sizeof places[0] };

/* A model in one context, and its layers as records name them: the first, and those on top of it. */
typedef struct subject {
    rnnp_context *context;
    rnnp_model *model;
    rnnp_record_host host;
    rnnp_recurrent layer[2];
    int streams;
} subject;

static subject make_subject(size_t spec, size_t threads, const char *cap)
{
    const rnnp_cell cell = specs[spec].cell;
    const rnnp_direction direction = specs[spec].direction;
    subject s = {.context = capped_context(NULL, cap, threads), .streams = direction == RNNP_DIRECTION_FORWARD};
    const int after = specs[spec].reset == RNNP_GRU_RESET_AFTER;
    rnnp_value y, h, c;

    s.host = host_of(s.context);
    s.model = make_model(s.context);
    y = input3(s.model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT);
    for (size_t i = 0; i < specs[spec].layers; i++) {
        DROPPED(free_layer)
        layer l = make_layer(cell, i ? HIDDEN : INPUT, HIDDEN, direction, (uint32_t)(10 * spec + i));

        l.options.reset = specs[spec].reset;
        OK(rnnp_model_add_recurrent(s.model, &l.options, l.weights, y, RNNP_NONE, RNNP_NONE, RNNP_NONE, &y, &h,
                                    cell == RNNP_CELL_LSTM ? &c : NULL));
    }
    OK(rnnp_model_add_output(s.model, "y", y));
    OK(rnnp_model_add_output(s.model, "h", h));
    if (cell == RNNP_CELL_LSTM) OK(rnnp_model_add_output(s.model, "c", c));
    OK(rnnp_model_close(s.model));
    for (size_t i = 0; i < 2; i++)
        s.layer[i] = bare_layer(s.context, cell, after, direction, i ? HIDDEN : INPUT, HIDDEN);
    return s;
}

static void destroy_subject(subject *s)
{
    rnnp_model_destroy(s->model);
    rnnp_context_destroy(s->context);
}

/* ---- Executions: all outputs one behind the other ---- */

static size_t place_outputs(rnnp_tensor out[OUTPUTS], size_t n, float *to)
{
    size_t used = 0;

    for (size_t i = 0; i < n; i++) {
        out[i].data = to + used;
        used += rnnp_tensor_elements(&out[i]);
    }
    assert_true(used <= FLOATS);
    return used;
}

/* Twice: panels are walked the other way. */
static void run(const subject *s, const rnnp_plan *plan, const float *x, float got[2][FLOATS])
{
    const rnnp_tensor in = tensor3(x, STEPS, BATCH, INPUT);
    const size_t n = rnnp_model_output_count(s->model);
    rnnp_tensor out[OUTPUTS];

    OWNED_NEW(run, r, plan, &in, 1);
    for (size_t i = 0; i < n; i++) OK(rnnp_run_output(r, i, &out[i]));
    for (size_t k = 0; k < 2; k++) {
        memset(got[k], 0xff, sizeof got[k]);
        place_outputs(out, n, got[k]);
        OK(rnnp_run_execute(r, &in, 1, out, n));
    }
}

/* y of all calls, then the states after the last: as a run writes them. */
static void stream(const subject *s, const rnnp_plan *plan, const float *x, size_t each, float got[FLOATS])
{
    const size_t n = rnnp_model_output_count(s->model), row = BATCH * HIDDEN;
    OPTIONS(stream, options);

    memset(got, 0xff, FLOATS * sizeof *got);
    options.batch = BATCH;
    options.steps = each;
    NEW(stream, st, plan, &options);
    for (size_t t = 0; t + each <= STEPS; t += each) {
        const rnnp_tensor in = tensor3(x + t * BATCH * INPUT, (int64_t)each, BATCH, INPUT);
        rnnp_tensor out[OUTPUTS] = {
            {.data = got + t * row}, {.data = got + STEPS * row}, {.data = got + (STEPS + 1) * row}};

        OK(rnnp_stream_step(st, &in, 1, out, n));
    }
    rnnp_stream_destroy(st);
}

static void assert_bits(const float *got, const float *want, size_t floats, const char *what, const rnnp_records *set)
{
    const rnnp_record *r;

    if (memcmp(got, want, floats * sizeof *got) == 0) return;
    for (size_t i = 0; rnnp_records_get(set, i, NULL, &r) == RNNP_OK; i++)
        print_message("%s input=%d batch=%d steps=%d threads=%d: %s\n", r->key.layer, (int)r->key.input,
                      (int)r->key.batch, (int)r->key.steps, (int)r->key.threads, r->choice);
    fail_msg("%s: other bits", what);
}

/* ---- Cases ---- */

/* Which shapes have records, for all layers; each gets a choice of its own. */
typedef struct shape {
    size_t batch, steps;
} shape;

static void put_random(rnnp_records *set, const subject *s, shape at, size_t threads, int spoiled, uint64_t *seed)
{
    static const char *const bad[] = {"chunk=257", "later=x", "step=nothing", "threads=0", "walk=down"};

    for (size_t i = 0; i < 2; i++) {
        const rnnp_choice choice = random_choice(s->context, &s->layer[i], seed);
        char words[RNNP_RECORD_CHOICE];

        rnnp_choice_print(RNNP_SHAPE_LAYER, &choice, words);
        put_for(set, &s->host, &s->layer[i], at.batch, at.steps, threads, spoiled ? bad[below(seed, 5)] : words);
    }
}

static void check_case(const subject *s, size_t threads, const float *x, const float *want, size_t floats, size_t n,
                       uint64_t *seed)
{
    static const shape expected[] = {{0, 0}, {BATCH, STEPS}, {1, 1}, {BATCH, 1}, {64, 100}};
    static const shape called[] = {{BATCH, STEPS}, {BATCH, 1}, {BATCH, 4}};
    static float got[2][FLOATS];
    const shape plans = expected[n % 5];
    OWNED(records) set = make_set(s->context);
    OPTIONS(plan, options);

    if (plans.batch) put_random(set, s, plans, threads, 0, seed);
    for (size_t i = 0; i < 3; i++) { /* for a third of the cases another shape near it alone, or words of no use */
        const int near = n % 3 == 1, spoiled = n % 7 == 3;

        put_random(set, s, (shape){called[i].batch + (size_t)near, called[i].steps}, i ? 1 : threads, spoiled, seed);
    }
    options.records = set;
    options.batch = plans.batch;
    options.steps = plans.steps;
    OWNED_NEW(plan, plan, s->model, &options);
    run(s, plan, x, got);
    assert_bits(got[0], want, floats, "run", set);
    assert_bits(got[1], want, floats, "second run", set);
    if (s->streams) {
        stream(s, plan, x, 1, got[0]);
        assert_bits(got[0], want, floats, "stream", set);
        stream(s, plan, x, 4, got[0]); /* 12 of the 13 steps */
        assert_bits(got[0], want, (STEPS - 1) * BATCH * HIDDEN, "stream by four", set);
    }
}

static void test_spec(void **state)
{
    static float want[2][FLOATS];
    const size_t spec = *(const size_t *)*state;
    FREED float *x = numbers(STEPS * BATCH * INPUT, 3, 1.0f);
    uint64_t seed = 77 + spec;
    size_t floats = 0;

    for (size_t p = 0; p < PLACES; p++) {
        DROPPED(destroy_subject) subject s = make_subject(spec, places[p].threads, places[p].cap);

        if (p == 0) {
            const size_t D = rnnp_directions(specs[spec].direction);
            const size_t states = specs[spec].cell == RNNP_CELL_LSTM ? 2 : 1;
            OPTIONS(plan, none);

            none.effort = RNNP_EFFORT_NONE;
            OWNED_NEW(plan, plan, s.model, &none);
            run(&s, plan, x, want);
            floats = (STEPS + states) * BATCH * D * HIDDEN;
            assert_memory_equal(want[0], want[1], floats * sizeof(float));
        }
        for (size_t n = 0; n < CASES; n++) check_case(&s, places[p].threads, x, want[0], floats, n, &seed);
    }
}

/* The comparison would notice: a weight that differs in its last bits gives other bits. */
static void test_notices(void **state)
{
    static float got[2][FLOATS], want[2][FLOATS];
    DROPPED(destroy_subject) subject s = make_subject(1, 1, NULL);
    OWNED(plan) plan = make_plan(s.model);
    FREED float *x = numbers(STEPS * BATCH * INPUT, 3, 1.0f);

    (void)state;
    run(&s, plan, x, want);
    x[0] = nextafterf(x[0], 2.0f) + 0x1p-20f;
    run(&s, plan, x, got);
    assert_memory_not_equal(got[0], want[0], sizeof got[0]);
}

int main(void)
{
    static size_t index[SPECS];
    struct CMUnitTest tests[SPECS + 1] = {cmocka_unit_test(test_notices)};

    for (size_t i = 0; i < SPECS; i++) {
        index[i] = i;
        tests[i + 1] = (struct CMUnitTest){.name = specs[i].name, .test_func = test_spec, .initial_state = &index[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
