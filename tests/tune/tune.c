/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnp_tune: what is added to the records, what is skipped, progress.
 */
#include "tuning.h"

static void test_one_thread(void **state)
{
    const diary empty = {.shapes = small, .n = SMALL};
    rnnp_context *context = capped_context(1, NULL);
    rnnp_records *set = NULL;
    rnnp_tune_options o = options_for(0.4 * FEWER * FEWER);
    diary d = empty;

    (void)state;
    o.progress = keep_diary;
    o.progress_user = &d;
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
    for (size_t i = 0; i < SMALL; i++) assert_sane(context, set, &small[i], 1);

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

/* Dense layers and stacks; where there is nothing to choose nothing is recorded. */
static void test_kinds(void **state)
{
    static const rnnp_shape kinds[] = {
        {.struct_size = sizeof(rnnp_shape),
         .kind = RNNP_SHAPE_DENSE,
         .input = INPUT,
         .hidden = 50,
         .batch = 7,
         .steps = 1},
        {.struct_size = sizeof(rnnp_shape),
         .kind = RNNP_SHAPE_STACK,
         .n_layers = 3,
         .cell = RNNP_CELL_LSTM,
         .input = INPUT,
         .hidden = HIDDEN,
         .batch = 2,
         .steps = 6},
        {.struct_size = sizeof(rnnp_shape),
         .kind = RNNP_SHAPE_STACK,
         .n_layers = 2,
         .cell = RNNP_CELL_GRU,
         .input = INPUT,
         .hidden = HIDDEN,
         .batch = 1,
         .steps = 6},
    };
    enum { KINDS = sizeof kinds / sizeof kinds[0] };

    (void)state;
    for (size_t threads = 1; threads <= 2; threads++) {
        rnnp_context *context = capped_context(threads, NULL);
        rnnp_records *set = make_set(context);
        rnnp_tune_options o = options_for(0.4);
        const size_t dense = context->selection.isa != RNNP_ISA_generic || threads > 1,
                     expected = threads > 1 ? 3 : dense;
        diary d = {.shapes = kinds, .n = KINDS};

        o.progress = keep_diary;
        for (; d.done < expected && o.seconds < (threads > 1 ? 4 : 100); o.seconds *= 2) {
            d = (diary){.shapes = kinds, .n = KINDS};
            o.progress_user = &d;
            OK(rnnp_tune(context, kinds, KINDS, &o, set));
            assert_int_equal(rnnp_records_count(set), d.done);
            if (threads == 1)                             /* a crowded team finds nothing to choose */
                assert_true(d.plain <= KINDS - expected); /* fewer when the time ran out before */
        }
        if (threads == 1) assert_int_equal(d.done, expected);
        for (size_t i = 0; i < KINDS && d.done == KINDS; i++) assert_sane(context, set, &kinds[i], threads);
        rnnp_records_destroy(set);
        rnnp_context_destroy(context);
    }
}

/* A budget that does not suffice for all leaves none of the first ones half done. */
static void test_small_budget(void **state)
{
    enum { MANY = 200 };
    static rnnp_shape shapes[MANY];
    rnnp_context *context = capped_context(1, NULL);
    rnnp_records *set = make_set(context);
    rnnp_tune_options o = options_for(0.5);
    diary d = {.shapes = shapes, .n = MANY};

    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        shapes[i] = small[0];
        shapes[i].steps = 1 + i;
    }
    o.progress = keep_diary;
    for (; d.done == 0; o.seconds *= 2) {
        assert_true(o.seconds < 100);
        d = (diary){.shapes = shapes, .n = MANY};
        o.progress_user = &d;
        OK(rnnp_tune(context, shapes, MANY, &o, set));
    }
    assert_int_equal(rnnp_records_count(set), d.done);
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
    o.progress_user = &d;
    OK(rnnp_tune(context, &small[2], 1, &o, set));
    assert_int_equal(rnnp_records_count(set), d.done);
    if (d.done) assert_sane(context, set, &small[2], 2);
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
        const rnnp_record_key key = key_of(&small[0], cases[i].key);
        rnnp_records *set = make_set(context);
        rnnp_tune_options o = options_for(60);
        diary d = {.shapes = small, .n = 1};

        put(set, &host, &key, "chunk=2");
        o.threads = cases[i].asked;
        o.progress = keep_diary;
        o.progress_user = &d;
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
    const rnnp_record_key key = key_of(&small[1], 1);
    rnnp_tune_options o = options_for(0.4);
    diary d = {.shapes = small, .n = 2};

    (void)state;
    put(set, &host, &key, "chunk=2");
    o.progress = keep_diary;
    o.progress_user = &d;
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
    const rnnp_record_key key = key_of(&small[0], 1);
    const rnnp_record *theirs = NULL;
    const rnnp_record_host *host;
    const rnnp_record *r;

    (void)state;
    other.stepping++;
    put(set, &other, &key, "chunk=77");
    tune_one(context, small, set);
    assert_int_equal(rnnp_records_count(set), 2);
    for (size_t i = 0; rnnp_records_get(set, i, &host, &r) == RNNP_OK; i++) {
        if (rnnp_record_host_equal(host, &other)) theirs = r;
    }
    assert_non_null(theirs);
    assert_string_equal(theirs->choice, "chunk=77");
    assert_true(theirs->ns == 900 && theirs->at == DATE);
    rnnp_records_destroy(set);
    rnnp_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_thread),  cmocka_unit_test(test_kinds),   cmocka_unit_test(test_small_budget),
        cmocka_unit_test(test_two_threads), cmocka_unit_test(test_threads), cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_other_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
