/* SPDX-License-Identifier: Apache-2.0
 *
 * Any valid record gives the same bits: runs and streams of plans with random records, however far-fetched, against the
 * plan without any, on contexts of one to three threads with and without a cap.
 */
#include "fixture.h"

enum { BATCH = 3, STEPS = 13, INPUT = DENSE_INPUT, HIDDEN = DENSE_HIDDEN, CASES = 35 / FEWER, OUTPUTS = 3 };
enum { FLOATS = STEPS * BATCH * 2 * HIDDEN + 4 * BATCH * HIDDEN };

static const struct {
    const char *name;
    rnnp_cell cell;
    rnnp_gru_reset reset;
    rnnp_direction direction;
    size_t layers;
    int dense; /* dense_subject: 1 as they are, 2 transposed */
} specs[] = {
    {"rnn", RNNP_CELL_RNN, 0, RNNP_DIRECTION_FORWARD, 1, 0},
    {"lstm", RNNP_CELL_LSTM, 0, RNNP_DIRECTION_FORWARD, 1, 0},
    {"gru", RNNP_CELL_GRU, RNNP_GRU_RESET_BEFORE, RNNP_DIRECTION_FORWARD, 1, 0},
    {"gru_after", RNNP_CELL_GRU, RNNP_GRU_RESET_AFTER, RNNP_DIRECTION_FORWARD, 1, 0},
    {"lstm_reverse", RNNP_CELL_LSTM, 0, RNNP_DIRECTION_REVERSE, 1, 0},
    {"lstm_bidirectional", RNNP_CELL_LSTM, 0, RNNP_DIRECTION_BIDIRECTIONAL, 1, 0},
    {"gru_bidirectional", RNNP_CELL_GRU, RNNP_GRU_RESET_BEFORE, RNNP_DIRECTION_BIDIRECTIONAL, 1, 0},
    {"lstm_stack", RNNP_CELL_LSTM, 0, RNNP_DIRECTION_FORWARD, 3, 0},
    {"gru_stack", RNNP_CELL_GRU, RNNP_GRU_RESET_BEFORE, RNNP_DIRECTION_FORWARD, 2, 0},
    {"dense", RNNP_CELL_LSTM, 0, RNNP_DIRECTION_FORWARD, DENSE_LAYERS, 1},
    {"dense_transposed", RNNP_CELL_LSTM, 0, RNNP_DIRECTION_FORWARD, DENSE_LAYERS, 2},
};

enum { SPECS = sizeof specs / sizeof specs[0] };

static const struct {
    size_t threads;
    const char *cap;
} places[] = {{1, NULL}, {2, NULL}, {3, NULL}, {1, "generic"}, {2, "generic"}, {3, "generic"}};

enum { PLACES = sizeof places / sizeof places[0] };

static subject make_subject(size_t spec, size_t threads, const char *cap)
{
    const rnnp_cell cell = specs[spec].cell;
    rnnp_value y, h, c;

    if (specs[spec].dense) return dense_subject(threads, cap, specs[spec].dense == 2);
    const subject s = begin_subject(threads, cap);
    y = input3(s.model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT);
    for (size_t i = 0; i < specs[spec].layers; i++) {
        const uint32_t seed = (uint32_t)(10 * spec + i);
        DROPPED(free_layer) layer l = make_layer(cell, i ? HIDDEN : INPUT, HIDDEN, specs[spec].direction, seed);

        l.options.reset = specs[spec].reset;
        OK(rnnp_model_add_recurrent(s.model, &l.options, l.weights, y, RNNP_NONE, RNNP_NONE, RNNP_NONE, &y, &h,
                                    cell == RNNP_CELL_LSTM ? &c : NULL));
    }
    OK(rnnp_model_add_output(s.model, "y", y));
    OK(rnnp_model_add_output(s.model, "h", h));
    if (cell == RNNP_CELL_LSTM) OK(rnnp_model_add_output(s.model, "c", c));
    OK(rnnp_model_close(s.model));
    return s;
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

/* Twice: panels are walked the other way. Returns how many numbers. */
static size_t run(const subject *s, const rnnp_plan *plan, const float *x, float got[2][FLOATS])
{
    const rnnp_tensor in = tensor3(x, STEPS, BATCH, INPUT);
    const size_t n = rnnp_model_output_count(s->model);
    rnnp_tensor out[OUTPUTS];
    size_t floats = 0;

    OWNED_NEW(run, r, plan, &in, 1);
    for (size_t i = 0; i < n; i++) OK(rnnp_run_output(r, i, &out[i]));
    for (size_t k = 0; k < 2; k++) {
        memset(got[k], 0xff, sizeof got[k]);
        floats = place_outputs(out, n, got[k]);
        OK(rnnp_run_execute(r, &in, 1, out, n));
    }
    return floats;
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

/* Of the first layer, those on top of it, the stack of all, and the products. */
static void put_random(rnnp_records *set, const subject *s, size_t spec, shape at, size_t threads, int spoiled,
                       uint64_t *seed)
{
    static const char *const bad[] = {"chunk=257", "later=x", "step=nothing", "threads=0", "walk=down"};
    const int after = specs[spec].reset == RNNP_GRU_RESET_AFTER;
    const rnnp_shape products[] = {dense_shape(at.batch * at.steps), dense_shape(at.batch)};
    const rnnp_shape stack = stack_shape(specs[spec].cell, specs[spec].reset, specs[spec].layers, at.batch, at.steps);
    char words[RNNP_RECORD_CHOICE];

    for (size_t i = 0; i < 2; i++) {
        const rnnp_recurrent one =
            bare_layer(s->context, specs[spec].cell, after, specs[spec].direction, i ? HIDDEN : INPUT, HIDDEN);
        const rnnp_choice choice = random_choice(s->context, &one, seed);

        rnnp_choice_print(RNNP_SHAPE_LAYER, &choice, words);
        put_for(set, &s->host, &one, at.batch, at.steps, threads, spoiled ? bad[below(seed, 5)] : words);
    }
    if (specs[spec].layers > 1) {
        const rnnp_stack_choice choice = {(rnnp_stack_schedule)below(seed, 3),
                                          below(seed, 2) ? 1 + below(seed, 20) : 0};

        rnnp_stack_print(&choice, words);
        put_shape(set, &s->host, &stack, threads, spoiled ? bad[below(seed, 5)] : words);
    }
    for (size_t i = 0; specs[spec].dense && i < 2; i++) {
        const rnnp_variant *kernel = below(seed, 4) ? random_variant(s->context, RNNP_OP_gemm, seed) : NULL;

        rnnp_choice_print(RNNP_SHAPE_DENSE, &(rnnp_choice){.product = {kernel, below(seed, 5)}}, words);
        put_shape(set, &s->host, &products[i], threads, spoiled ? bad[below(seed, 5)] : words);
    }
}

static void check_case(const subject *s, size_t spec, size_t threads, const float *x, const float *want, size_t floats,
                       size_t n, uint64_t *seed)
{
    static const shape expected[] = {{0, 0}, {BATCH, STEPS}, {1, 1}, {BATCH, 1}, {64, 100}};
    static const shape called[] = {{BATCH, STEPS}, {BATCH, 1}, {BATCH, 4}};
    static float got[2][FLOATS];
    const shape plans = expected[n % 5];
    OWNED(records) set = make_set(s->context);

    if (plans.batch) put_random(set, s, spec, plans, threads, 0, seed);
    for (size_t i = 0; i < 3; i++) { /* for a third of the cases another shape near it alone, or words of no use */
        const int near = n % 3 == 1, spoiled = n % 7 == 3;

        put_random(set, s, spec, (shape){called[i].batch + (size_t)near, called[i].steps}, i ? 1 : threads, spoiled,
                   seed);
    }
    OWNED(plan) plan = plan_with(s, set, plans.batch, plans.steps);
    run(s, plan, x, got);
    assert_bits(got[0], want, floats, "run", set);
    assert_bits(got[1], want, floats, "second run", set);
    if (specs[spec].direction == RNNP_DIRECTION_FORWARD && !specs[spec].dense) {
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
            OWNED(plan) plan = plan_with(&s, NULL, 0, 0);

            floats = run(&s, plan, x, want);
            assert_memory_equal(want[0], want[1], floats * sizeof(float));
        }
        for (size_t n = 0; n < CASES; n++) check_case(&s, spec, places[p].threads, x, want[0], floats, n, &seed);
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
