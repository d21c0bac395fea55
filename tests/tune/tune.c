/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnp_tune and rnnp_plan_create_measured: arguments, what is added to the records, what is skipped, progress, budget.
 * Shapes and budgets are tiny: which choice wins is of no interest here.
 */
#include "fixture.h"

#include <time.h>

enum { INPUT = 5, HIDDEN = 12, DATE = 1763712000 };

static const rnnp_shape small[] = {
    {RNNP_CELL_LSTM, 0, RNNP_FORWARD, INPUT, HIDDEN, 1, 4},
    {RNNP_CELL_GRU, RNNP_GRU_RESET_BEFORE, RNNP_BIDIRECTIONAL, INPUT, HIDDEN, 2, 4},
    {RNNP_CELL_RNN, 0, RNNP_REVERSE, INPUT, HIDDEN, 1, 1},
};

enum { SMALL = sizeof small / sizeof small[0] };

static rnnp_tune_options options_for(double seconds)
{
    rnnp_tune_options o;

    rnnp_tune_options_init(&o);
    o.seconds = seconds;
    o.now = DATE;
    return o;
}

static rnnp_record_key key_of(const rnnp_context *context, const rnnp_shape *s, size_t threads)
{
    const rnnp_recurrent l = bare_layer(context, s->cell, s->reset == RNNP_GRU_RESET_AFTER, s->direction, s->input,
                                        s->hidden);
    rnnp_record_key key;

    rnnp_choice_key(&l, s->batch, s->steps, threads, &key);
    return key;
}

/* The record of a shape on this host, or NULL. */
static const rnnp_record *record_of(const rnnp_context *context, const rnnp_records *set, const rnnp_shape *s,
                                    size_t threads)
{
    const rnnp_record_host host = host_of(context);
    const rnnp_record_key key = key_of(context, s, threads);
    rnnp_record_found found;

    OK(rnnp_records_find(set, &host, &key, NULL, NULL, &found));
    return found.match == RNNP_RECORD_EXACT ? found.record : NULL;
}

/* Tunes, on one thread, until there is a record: on a busy machine a short budget may not do. */
static void tune_one(rnnp_context *context, const rnnp_shape *shape, rnnp_records *set)
{
    for (rnnp_tune_options o = options_for(0.2); !record_of(context, set, shape, 1); o.seconds *= 2) {
        assert_true(o.seconds < 100);
        OK(rnnp_tune(context, shape, 1, &o, set));
    }
}

/* ---- Arguments ---- */

static void test_options(void **state)
{
    static const double bad[] = {0, -1, 1.1e6, NAN, INFINITY, -INFINITY};
    rnnp_context *context = capped_context(1, NULL);
    rnnp_records *set = make_set(context);
    rnnp_tune_options o;

    (void)state;
    rnnp_tune_options_init(NULL);
    memset(&o, 0x5a, sizeof o);
    rnnp_tune_options_init(&o);
    assert_int_equal(o.struct_size, sizeof o);
    assert_true(o.seconds >= 10 && o.seconds <= 10);
    assert_true(o.threads == 0 && o.now == 0 && o.again == 0 && !o.progress && !o.user);

    assert_int_equal(rnnp_tune(NULL, small, 1, &o, set), RNNP_ERR_ARG);
    assert_int_equal(rnnp_tune(context, NULL, 1, &o, set), RNNP_ERR_ARG);
    assert_says(context, "shapes is NULL");
    assert_int_equal(rnnp_tune(context, small, 1, &o, NULL), RNNP_ERR_ARG);
    assert_says(context, "records is NULL");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        o.seconds = bad[i];
        assert_int_equal(rnnp_tune(context, small, 1, &o, set), RNNP_ERR_ARG);
        assert_says(context, "seconds is");
    }
    rnnp_tune_options_init(&o);
    o.struct_size = sizeof o.struct_size - 1;
    assert_int_equal(rnnp_tune(context, small, 1, &o, set), RNNP_ERR_ARG);
    assert_says(context, "struct_size is 7");
    OK(rnnp_tune(context, NULL, 0, NULL, set)); /* nothing to do */
    assert_int_equal(rnnp_records_count(set), 0);
    rnnp_records_destroy(set);
    rnnp_context_destroy(context);
}

static void *modest_alloc(void *user, size_t bytes, size_t align)
{
    return bytes > (size_t)1 << 30 ? NULL : test_heap_alloc(user, bytes, align);
}

/* Every size is allowed, all together are too much for any machine. */
static void test_huge(void **state)
{
    const rnnp_shape huge = {RNNP_CELL_LSTM, 0, RNNP_BIDIRECTIONAL, 1 << 20, 1 << 20, 1 << 20, 1 << 20};
    const rnnp_tune_options o = options_for(60);
    test_heap heap = {0};
    rnnp_context_options options;
    rnnp_context *context;

    (void)state;
    rnnp_context_options_init(&options);
    options.allocator = (rnnp_allocator){&heap, modest_alloc, test_heap_free};
    OK(rnnp_context_create(&options, &context));
    rnnp_records *set = make_set(context);
    assert_int_equal(rnnp_tune(context, &huge, 1, &o, set), RNNP_ERR_MEMORY);
    assert_int_equal(rnnp_records_count(set), 0);
    rnnp_records_destroy(set);
    rnnp_context_destroy(context);
    assert_int_equal(atomic_load(&heap.live_blocks), 0);
}

/* Every shape is looked at before anything is measured. */
static void test_shapes(void **state)
{
    rnnp_context *context = capped_context(1, NULL);
    rnnp_records *set = make_set(context);
    const rnnp_tune_options o = options_for(60);
    rnnp_shape two[2] = {small[0], small[0]};

    (void)state;
#define REFUSED(field, value, words)                                                \
    do {                                                                            \
        two[1] = small[0];                                                          \
        two[1].field = value;                                                       \
        assert_int_equal(rnnp_tune(context, two, 2, &o, set), RNNP_ERR_ARG);        \
        assert_says(context, "shape 1");                                            \
        assert_says(context, words);                                                \
    } while (0)
    REFUSED(cell, (rnnp_cell)0, "cell 0");
    REFUSED(cell, (rnnp_cell)4, "cell 4");
    REFUSED(direction, (rnnp_direction)3, "direction 3");
    REFUSED(reset, (rnnp_gru_reset)2, "reset 2");
    REFUSED(input, 0, "input 0");
    REFUSED(hidden, 0, "hidden 0");
    REFUSED(batch, 0, "batch 0");
    REFUSED(steps, 0, "steps 0");
    REFUSED(input, (1 << 20) + 1, "input 1048577");
    REFUSED(steps, SIZE_MAX, "steps 18446744073709551615");
#undef REFUSED
    assert_int_equal(rnnp_records_count(set), 0);
    rnnp_records_destroy(set);
    rnnp_context_destroy(context);
}

/* ---- Records and progress ---- */

typedef struct diary {
    const rnnp_shape *shapes;
    size_t n, calls, done, measured, shape, stop_at; /* stop_at: the call that says stop, from 1; 0: none */
    double share;
} diary;

static int keep_diary(void *user, const rnnp_tune_progress *p)
{
    diary *d = user;

    d->calls++;
    assert_int_equal(p->shapes, d->n);
    assert_true(p->shape < d->n && p->shape >= d->shape);
    assert_ptr_equal(p->what, &d->shapes[p->shape]);
    assert_true(p->share >= d->share && p->share <= 1);
    assert_true(p->gain >= 0 && p->gain < 1);
    d->shape = p->shape;
    d->share = p->share;
    if (p->record) {
        assert_int_equal(p->record->key.hidden, p->what->hidden);
        assert_int_equal(p->record->key.batch, p->what->batch);
        assert_true(p->shape >= d->done); /* once for a shape; one for which the time ran out has none */
        d->done++;
        d->measured += p->measured != 0;
        if (p->measured)
            assert_true(p->tried >= 1 && p->tried <= p->candidates);
        else
            assert_true(p->tried == 0 && p->candidates == 0);
    }
    return d->stop_at && d->calls >= d->stop_at;
}

static void assert_sane(const rnnp_context *context, const rnnp_records *set, const rnnp_shape *s, size_t threads)
{
    const rnnp_record *r = record_of(context, set, s, threads);
    const rnnp_recurrent l = bare_layer(context, s->cell, s->reset == RNNP_GRU_RESET_AFTER, s->direction, s->input,
                                        s->hidden);
    rnnp_choice_scope scope = {context, &l, NULL};
    char name[RNNP_RECORD_WORD], value[RNNP_RECORD_WORD];

    assert_non_null(r);
    for (size_t i = 0; rnnp_record_word(r->choice, i, name, value); i++)
        assert_true(rnnp_choice_usable(&scope, name, value));
    assert_true(r->ns >= 1 && r->ns < 1000000000 && r->default_ns >= r->ns);
    assert_true(*r->choice ? r->ns < r->default_ns : r->ns == r->default_ns);
    assert_true(r->spread >= 0 && r->spread <= 100);
    assert_true(r->samples >= 1 && r->samples <= 64);
    assert_true(r->at >= DATE && r->at < DATE + 100);
}

static void test_one_thread(void **state)
{
    const diary empty = {.shapes = small, .n = SMALL};
    rnnp_context *context = capped_context(1, NULL);
    rnnp_records *set = NULL;
    rnnp_tune_options o = options_for(0.4);
    diary d = empty;

    (void)state;
    o.progress = keep_diary;
    o.user = &d;
    for (; d.done < SMALL; o.seconds *= 2) { /* more when the machine is so busy that the time runs out */
        assert_true(o.seconds < 100);
        rnnp_records_destroy(set);
        set = make_set(context);
        d = empty;
        OK(rnnp_tune(context, small, SMALL, &o, set));
        assert_int_equal(rnnp_records_count(set), d.done);
    }
    assert_int_equal(d.measured, SMALL);
    assert_true(d.calls > SMALL);
    for (size_t i = 0; i < SMALL; i++)
        assert_sane(context, set, &small[i], 1);

    const rnnp_record before = *record_of(context, set, &small[0], 1); /* known: told of, not measured */
    d = empty;
    OK(rnnp_tune(context, small, SMALL, &o, set));
    assert_int_equal(d.done, SMALL);
    assert_int_equal(d.measured, 0);
    assert_int_equal(d.calls, SMALL);
    assert_int_equal(rnnp_records_count(set), SMALL);
    assert_memory_equal(record_of(context, set, &small[0], 1), &before, sizeof before);

    o.again = 1; /* measured, and the new record replaces the old though the clock stands still */
    for (o.seconds = 0.2, d.measured = 0; !d.measured; o.seconds *= 2) {
        assert_true(o.seconds < 100);
        d = (diary){.shapes = small, .n = 1};
        OK(rnnp_tune(context, small, 1, &o, set));
    }
    assert_int_equal(rnnp_records_count(set), SMALL);
    assert_true(record_of(context, set, &small[0], 1)->at > before.at);
    rnnp_records_destroy(set);
    rnnp_context_destroy(context);
}

/* With a team, too; what is done in the time depends on how soon its threads run, which may be late. */
static void test_two_threads(void **state)
{
    rnnp_context *context = capped_context(2, NULL);
    rnnp_records *set = make_set(context);
    rnnp_tune_options o = options_for(0.2);
    diary d = {.shapes = &small[2], .n = 1};

    (void)state;
    o.progress = keep_diary;
    o.user = &d;
    OK(rnnp_tune(context, &small[2], 1, &o, set));
    assert_int_equal(rnnp_records_count(set), d.done);
    if (d.done)
        assert_sane(context, set, &small[2], 2);
    rnnp_records_destroy(set);
    rnnp_context_destroy(context);
}

/* Threads of the options bound those of the key; more than the context has are as many as it has: a record with that
 * key is the known one. */
static void test_threads(void **state)
{
    static const struct {
        size_t asked, key;
    } cases[] = {{1, 1}, {2, 2}, {9, 2}, {0, 2}};
    rnnp_context *context = capped_context(2, NULL);
    const rnnp_record_host host = host_of(context);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const rnnp_record_key key = key_of(context, &small[0], cases[i].key);
        rnnp_records *set = make_set(context);
        rnnp_tune_options o = options_for(60);
        diary d = {.shapes = small, .n = 1};

        put(set, &host, &key, "chunk=2");
        o.threads = cases[i].asked;
        o.progress = keep_diary;
        o.user = &d;
        OK(rnnp_tune(context, small, 1, &o, set));
        assert_int_equal(d.done, 1);
        assert_int_equal(d.measured, 0);
        rnnp_records_destroy(set);
    }
    rnnp_context_destroy(context);
}

/* A known shape behind a new one. */
static void test_mixed(void **state)
{
    rnnp_context *context = capped_context(1, NULL);
    rnnp_records *set = make_set(context);
    const rnnp_record_host host = host_of(context);
    const rnnp_record_key key = key_of(context, &small[1], 1);
    rnnp_tune_options o = options_for(0.4);
    diary d = {.shapes = small, .n = 2};

    (void)state;
    put(set, &host, &key, "chunk=2");
    o.progress = keep_diary;
    o.user = &d;
    OK(rnnp_tune(context, small, 2, &o, set));
    assert_int_equal(rnnp_records_count(set), 1 + d.measured);
    assert_string_equal(record_of(context, set, &small[1], 1)->choice, "chunk=2");
    rnnp_records_destroy(set);
    rnnp_context_destroy(context);
}

/* Records of another host, and of other shapes, stay as they are and are no reason to skip. */
static void test_other_host(void **state)
{
    rnnp_context *context = capped_context(1, NULL);
    rnnp_records *set = make_set(context);
    rnnp_record_host other = host_of(context);
    const rnnp_record_key key = key_of(context, &small[0], 1);
    const rnnp_record *theirs = NULL;
    const rnnp_record_host *host;
    const rnnp_record *r;

    (void)state;
    other.stepping++;
    put(set, &other, &key, "chunk=77");
    tune_one(context, small, set);
    assert_int_equal(rnnp_records_count(set), 2);
    for (size_t i = 0; rnnp_records_at(set, i, &host, &r); i++) {
        if (rnnp_record_same_host(host, &other))
            theirs = r;
    }
    assert_non_null(theirs);
    assert_string_equal(theirs->choice, "chunk=77");
    assert_true(theirs->ns == 900 && theirs->at == DATE);
    rnnp_records_destroy(set);
    rnnp_context_destroy(context);
}

/* ---- Ends ---- */

/* Stopped before anything but the default was run: that is no measurement. */
static void test_stop_at_once(void **state)
{
    rnnp_context *context = capped_context(1, NULL);
    rnnp_records *set = make_set(context);
    rnnp_tune_options o = options_for(30);
    diary d = {.shapes = small, .n = SMALL, .stop_at = 1};

    (void)state;
    o.progress = keep_diary;
    o.user = &d;
    OK(rnnp_tune(context, small, SMALL, &o, set));
    assert_int_equal(d.calls, 1);
    assert_int_equal(d.done, 0);
    assert_int_equal(rnnp_records_count(set), 0);
    rnnp_records_destroy(set);
    rnnp_context_destroy(context);
}

/* Stopped at any later call: what is done is in the set, the callback is not called again for another shape. */
static void test_stop_later(void **state)
{
    rnnp_context *context = capped_context(1, NULL);

    (void)state;
    for (size_t at = 2; at < 200; at *= 4) {
        rnnp_records *set = make_set(context);
        rnnp_tune_options o = options_for(30);
        diary d = {.shapes = small, .n = SMALL, .stop_at = at};

        o.progress = keep_diary;
        o.user = &d;
        OK(rnnp_tune(context, small, SMALL, &o, set));
        assert_true(d.calls <= at + 1); /* one more may tell of the record */
        assert_int_equal(rnnp_records_count(set), d.done);
        for (size_t i = 0; i < d.done; i++)
            assert_sane(context, set, &small[i], 1);
        rnnp_records_destroy(set);
    }
    rnnp_context_destroy(context);
}

/* With next to no time there may be no record, or some; all is well with them. */
static void test_tiny_budget(void **state)
{
    static const double seconds[] = {1e-9, 0.04};
    rnnp_context *context = capped_context(2, NULL);

    (void)state;
    for (size_t k = 0; k < sizeof seconds / sizeof seconds[0]; k++) {
        rnnp_records *set = make_set(context);
        rnnp_tune_options o = options_for(seconds[k]);
        diary d = {.shapes = small, .n = SMALL};

        o.progress = keep_diary;
        o.user = &d;
        OK(rnnp_tune(context, small, SMALL, &o, set));
        assert_int_equal(rnnp_records_count(set), d.done);
        for (size_t i = 0; i < d.done; i++)
            assert_sane(context, set, &small[i], 2);
        rnnp_records_destroy(set);
    }
    rnnp_context_destroy(context);
}

/* By the time that this thread worked, so that other work on the machine does not count: the budget, a tenth of it, and
 * a call of some milliseconds. */
static void test_budget(void **state)
{
    static const rnnp_shape shapes[] = {{RNNP_CELL_LSTM, 0, RNNP_FORWARD, 64, 64, 4, 200},
                                        {RNNP_CELL_GRU, RNNP_GRU_RESET_AFTER, RNNP_FORWARD, 64, 64, 4, 200}};
    const double seconds = 0.3, call = 0.02;
    rnnp_context *context = capped_context(1, NULL);
    rnnp_records *set = make_set(context);
    const rnnp_tune_options o = options_for(seconds);
    struct timespec start, end;

    (void)state;
#ifdef __SANITIZE_THREAD__
    rnnp_records_destroy(set);
    rnnp_context_destroy(context);
    skip(); /* measuring the machine alone takes seconds */
#endif
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    OK(rnnp_tune(context, shapes, 2, &o, set));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    const double took = (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
    if (took > 1.1 * seconds + call)
        fail_msg("%g s of %g s", took, seconds);
    rnnp_records_destroy(set);
    rnnp_context_destroy(context);
}

/* ---- Plans that measure ---- */

static rnnp_model *lstm_model(rnnp_context *context)
{
    layer l = make_layer(RNNP_CELL_LSTM, INPUT, HIDDEN, RNNP_FORWARD, 5);
    rnnp_model *model = make_model(context);
    rnnp_value y = input3(model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, INPUT);

    OK(rnnp_model_recurrent(model, &l.options, l.weights, y, RNNP_NONE, RNNP_NONE, RNNP_NONE, &y, NULL, NULL));
    OK(rnnp_model_output(model, "y", y));
    OK(rnnp_model_close(model));
    free_layer(&l);
    return model;
}

static void test_measured(void **state)
{
    static const rnnp_shape expected = {RNNP_CELL_LSTM, 0, RNNP_FORWARD, INPUT, HIDDEN, 2, 6};
    static const rnnp_shape one = {RNNP_CELL_LSTM, 0, RNNP_FORWARD, INPUT, HIDDEN, 1, 1};
    rnnp_context *context = capped_context(1, NULL);
    rnnp_model *model = lstm_model(context);
    rnnp_records *set = make_set(context);
    rnnp_tune_options tune = options_for(0.2);
    rnnp_plan_options options;
    rnnp_explanation e;
    rnnp_plan *plan;

    (void)state;
    rnnp_plan_options_init(&options);
    options.batch = 2;
    options.steps = 6;
    options.effort = RNNP_EFFORT_NONE; /* to measure is more effort */
    for (plan = NULL; rnnp_records_count(set) == 0; tune.seconds *= 2) {
        assert_true(tune.seconds < 100);
        rnnp_plan_destroy(plan);
        OK(rnnp_plan_create_measured(model, &options, &tune, set, &plan));
    }
    assert_int_equal(rnnp_records_count(set), 1);
    assert_sane(context, set, &expected, 1);
    for (size_t i = 0; i < rnnp_model_nodes(model); i++) {
        rnnp_node_info info;

        OK(rnnp_model_node_info(model, i, &info));
        if (strcmp(info.op, "LSTM") != 0)
            continue;
        OK(rnnp_plan_explain(plan, i, 2, 6, &e));
        assert_int_equal(e.match, RNNP_RECORD_EXACT);
        assert_string_equal(e.choice, record_of(context, set, &expected, 1)->choice);
    }
    rnnp_plan_destroy(plan);

    const rnnp_record before = *record_of(context, set, &expected, 1);
    OK(rnnp_plan_create_measured(model, &options, &tune, set, &plan)); /* known */
    rnnp_plan_destroy(plan);
    assert_memory_equal(record_of(context, set, &expected, 1), &before, sizeof before);
    tune.seconds = 2;
    OK(rnnp_plan_create_measured(model, NULL, &tune, set, &plan)); /* batch and steps 1 */
    rnnp_plan_destroy(plan);
    assert_int_equal(rnnp_records_count(set), 2);
    assert_sane(context, set, &one, 1);
    rnnp_records_destroy(set);
    rnnp_model_destroy(model);
    rnnp_context_destroy(context);
}

static void test_measured_errors(void **state)
{
    rnnp_context *context = capped_context(1, NULL);
    rnnp_model *model = lstm_model(context), *open = make_model(context);
    rnnp_records *set = make_set(context);
    rnnp_tune_options tune = options_for(0.01);
    rnnp_plan_options options;
    rnnp_plan *plan;

    (void)state;
#define REFUSED(status, ...)                                                          \
    do {                                                                              \
        plan = (rnnp_plan *)(void *)context;                                          \
        assert_int_equal(rnnp_plan_create_measured(__VA_ARGS__, &plan), status);      \
        assert_null(plan);                                                            \
    } while (0)
    rnnp_plan_options_init(&options);
    assert_int_equal(rnnp_plan_create_measured(model, &options, &tune, set, NULL), RNNP_ERR_ARG);
    assert_says(context, "plan is NULL");
    assert_int_equal(rnnp_plan_create_measured(NULL, &options, &tune, set, NULL), RNNP_ERR_ARG);
    REFUSED(RNNP_ERR_ARG, NULL, &options, &tune, set);
    REFUSED(RNNP_ERR_ARG, model, &options, &tune, NULL);
    assert_says(context, "records is NULL");
    REFUSED(RNNP_ERR_STATE, open, &options, &tune, set);
    assert_says(context, "not closed");
    options.struct_size = 1;
    REFUSED(RNNP_ERR_ARG, model, &options, &tune, set);
    assert_says(context, "plan options");
    rnnp_plan_options_init(&options);
    tune.struct_size = 1;
    REFUSED(RNNP_ERR_ARG, model, &options, &tune, set);
    assert_says(context, "tune options");
    tune = options_for(-1);
    REFUSED(RNNP_ERR_ARG, model, &options, &tune, set);
    assert_says(context, "seconds");
    tune = options_for(0.01);
    options.batch = (1 << 20) + 1;
    REFUSED(RNNP_ERR_ARG, model, &options, &tune, set);
    assert_says(context, "1048577");
    rnnp_plan_options_init(&options);
    options.math = (rnnp_math)9;
    REFUSED(RNNP_ERR_ARG, model, &options, &tune, set);
    assert_says(context, "math");
#undef REFUSED
    rnnp_records_destroy(set);
    rnnp_model_destroy(open);
    rnnp_model_destroy(model);
    rnnp_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),      cmocka_unit_test(test_shapes),     cmocka_unit_test(test_one_thread),
        cmocka_unit_test(test_two_threads),  cmocka_unit_test(test_threads),    cmocka_unit_test(test_other_host),
        cmocka_unit_test(test_stop_at_once), cmocka_unit_test(test_stop_later), cmocka_unit_test(test_tiny_budget),
        cmocka_unit_test(test_budget),       cmocka_unit_test(test_mixed),      cmocka_unit_test(test_measured),
        cmocka_unit_test(test_measured_errors), cmocka_unit_test(test_huge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
