/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnp_tune: what is added to the records, what is skipped, progress.
 */
#include "tuning.h"

TEST(test_one_thread)
{
    const diary empty = {.shapes = small, .n = SMALL};
    OWNED(context) context = make_context(NULL, 1);
    rnnp_records *set = NULL;
    rnnp_tune_options o = options_for(0.4 * FEWER * FEWER);
    diary d = empty;

    for (; d.done < SMALL; o.seconds *= 2) { /* more when the machine is so busy that the time runs out */
        assert_true(o.seconds < 100);
        rnnp_records_destroy(set);
        set = make_set(context);
        d = empty;
        tune_diary(context, &d, o, set);
        assert_int_equal(count_shapes(set), d.done);
    }
    assert_int_equal(d.measured, SMALL);
    assert_true(d.calls > SMALL);
    for (size_t i = 0; i < SMALL; i++) assert_sane(context, set, &small[i], 1);

    const rnnp_record before = *record_of(context, set, &small[0], 1); /* known: told of, not measured */
    d = empty;
    tune_diary(context, &d, o, set);
    assert_int_equal(d.done, SMALL);
    assert_int_equal(d.measured, 0);
    assert_int_equal(d.calls, SMALL);
    assert_int_equal(count_shapes(set), SMALL);
    assert_memory_equal(record_of(context, set, &small[0], 1), &before, sizeof before);

    o.again = 1; /* measured, and the new record replaces the old though the clock stands still */
    for (o.seconds = 0.2, d.measured = 0; !d.measured; o.seconds *= 2) {
        assert_true(o.seconds < 100);
        d = (diary){.shapes = small, .n = 1};
        tune_diary(context, &d, o, set);
    }
    assert_int_equal(count_shapes(set), SMALL);
    assert_true(record_of(context, set, &small[0], 1)->at > before.at);
    rnnp_records_destroy(set);
}

/* Dense layers and stacks; where there is nothing to choose nothing is recorded. */
TEST(test_kinds)
{
    static const rnnp_shape kinds[] = {
        SHAPE(.kind = RNNP_SHAPE_DENSE, .input = INPUT, .hidden = 50, .batch = 7, .steps = 1),
        SHAPE(.kind = RNNP_SHAPE_STACK, .n_layers = 3, .cell = RNNP_CELL_LSTM, .input = INPUT, .hidden = HIDDEN,
              .batch = 2, .steps = 6),
        SHAPE(.kind = RNNP_SHAPE_STACK, .n_layers = 2, .cell = RNNP_CELL_GRU, .input = INPUT, .hidden = HIDDEN,
              .batch = 1, .steps = 6),
    };
    enum { KINDS = sizeof kinds / sizeof kinds[0] };

    for (size_t threads = 1; threads <= 2; threads++) {
        OWNED(context) context = make_context(NULL, threads);
        OWNED(records) set = make_set(context);
        rnnp_tune_options o = options_for(0.4);
        const size_t dense = context->selection.isa != RNNP_ISA_generic || threads > 1,
                     expected = threads > 1 ? 3 : dense;
        diary d = {.shapes = kinds, .n = KINDS};

        for (; d.done < expected && o.seconds < (threads > 1 ? 4 : 100); o.seconds *= 2) {
            d = (diary){.shapes = kinds, .n = KINDS};
            tune_diary(context, &d, o, set);
            assert_int_equal(count_shapes(set), d.done);
            if (threads == 1)                             /* a crowded team finds nothing to choose */
                assert_true(d.plain <= KINDS - expected); /* fewer when the time ran out before */
        }
        if (threads == 1) assert_int_equal(d.done, expected);
        for (size_t i = 0; i < KINDS && d.done == KINDS; i++) assert_sane(context, set, &kinds[i], threads);
    }
}

/* A budget that does not suffice for all leaves none of the first ones half done. */
TEST(test_small_budget)
{
    enum { MANY = 200 };
    static rnnp_shape shapes[MANY];
    OWNED(context) context = make_context(NULL, 1);
    OWNED(records) set = make_set(context);
    rnnp_tune_options o = options_for(0.5);
    diary d = {.shapes = shapes, .n = MANY};

    for (size_t i = 0; i < MANY; i++) {
        shapes[i] = small[0];
        shapes[i].steps = 1 + i;
    }
    for (; d.done == 0; o.seconds *= 2) {
        assert_true(o.seconds < 100);
        d = (diary){.shapes = shapes, .n = MANY};
        tune_diary(context, &d, o, set);
    }
    assert_int_equal(count_shapes(set), d.done);
}

/* With a team, too; what is done in the time depends on how soon its threads run, which may be late. */
TEST(test_two_threads)
{
    OWNED(context) context = make_context(NULL, 2);
    OWNED(records) set = make_set(context);
    rnnp_tune_options o = options_for(0.2);
    diary d = {.shapes = &small[2], .n = 1};

    tune_diary(context, &d, o, set);
    assert_int_equal(count_shapes(set), d.done);
    if (d.done) assert_sane(context, set, &small[2], 2);
}

/* Threads of the options bound those of the key; more than the context has are as many as it has: a record with that
 * key is the known one. */
TEST(test_threads)
{
    static const struct {
        size_t asked, key;
    } cases[] = {{1, 1}, {2, 2}, {9, 2}, {0, 2}};
    OWNED(context) context = make_context(NULL, 2);
    const rnnp_record_host host = host_of(context);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const rnnp_record_key key = key_of(&small[0], cases[i].key);
        OWNED(records) set = make_set(context);
        rnnp_tune_options o = options_for(60);
        diary d = {.shapes = small, .n = 1};

        put(set, &host, &key, "chunk=2");
        o.threads = cases[i].asked;
        tune_diary(context, &d, o, set);
        assert_int_equal(d.done, 1);
        assert_int_equal(d.measured, 0);
    }
}

/* A known shape behind a new one. */
TEST(test_mixed)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(records) set = make_set(context);
    const rnnp_record_host host = host_of(context);
    const rnnp_record_key key = key_of(&small[1], 1);
    rnnp_tune_options o = options_for(0.4);
    diary d = {.shapes = small, .n = 2};

    put(set, &host, &key, "chunk=2");
    tune_diary(context, &d, o, set);
    assert_int_equal(count_shapes(set), 1 + d.measured);
    assert_string_equal(record_of(context, set, &small[1], 1)->choice, "chunk=2");
}

/* Records of another host, and of other shapes, stay as they are and are no reason to skip. */
TEST(test_other_host)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(records) set = make_set(context);
    rnnp_record_host other = host_of(context);
    const rnnp_record_key key = key_of(&small[0], 1);
    const rnnp_record *theirs = NULL;
    const rnnp_record_host *host;
    const rnnp_record *r;

    other.stepping++;
    put(set, &other, &key, "chunk=77");
    tune_one(context, small, set);
    assert_int_equal(count_shapes(set), 2);
    for (size_t i = 0; rnnp_records_get(set, i, &host, &r) == RNNP_OK; i++) {
        if (rnnp_record_host_equal(host, &other)) theirs = r;
    }
    assert_non_null(theirs);
    assert_string_equal(theirs->choice, "chunk=77");
    assert_true(theirs->ns == 900 && theirs->at == DATE);
}
