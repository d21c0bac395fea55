/* SPDX-License-Identifier: Apache-2.0
 *
 * Merging is a join: order, grouping and repetition do not matter, nothing but the worse of two records is lost.
 */
#include "fixture.h"

static rnnp_records *copy(const rnnp_context *context, const rnnp_records *set)
{
    rnnp_records *const made = make_set(context);

    OK(rnnp_records_merge(made, set));
    return made;
}

static rnnp_records *join(const rnnp_context *context, const rnnp_records *a, const rnnp_records *b)
{
    rnnp_records *const made = copy(context, a);

    OK(rnnp_records_merge(made, b));
    return made;
}

TEST(test_properties)
{
    OWNED(context) context = make_context(NULL, 1);
    uint64_t seed = 7;
    size_t overlaps = 0;

    for (int round = 0; round < 1000; round++) {
        rnnp_records *a = random_set(context, &seed, 12), *b = random_set(context, &seed, 12);
        rnnp_records *c = random_set(context, &seed, 12), *none = make_set(context);
        rnnp_records *ab = join(context, a, b), *ba = join(context, b, a), *bc = join(context, b, c);
        rnnp_records *ab_c = join(context, ab, c), *a_bc = join(context, a, bc), *aa = join(context, a, a);
        rnnp_records *ab_b = join(context, ab, b), *a_none = join(context, a, none);

        assert_same_sets(ab, ba);
        assert_same_sets(ab_c, a_bc);
        assert_same_sets(aa, a);
        assert_same_sets(ab_b, ab);
        assert_same_sets(a_none, a);
        overlaps += rnnp_records_count(ab) < rnnp_records_count(a) + rnnp_records_count(b);

        rnnp_records *all[] = {a, b, c, none, ab, ba, bc, ab_c, a_bc, aa, ab_b, a_none};
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) rnnp_records_destroy(all[i]);
    }
    assert_true(overlaps > 500);
}

/* Adding one by one, in any order, is the same as merging. */
TEST(test_add)
{
    OWNED(context) context = make_context(NULL, 1);
    uint64_t seed = 21;

    for (int round = 0; round < 200; round++) {
        OWNED(records) a = random_set(context, &seed, 20), *backwards = make_set(context);
        const rnnp_record_host *host;
        const rnnp_record *record;

        for (size_t i = rnnp_records_count(a); i-- > 0;) {
            assert_int_equal(rnnp_records_get(a, i, &host, &record), RNNP_OK);
            OK(rnnp_records_add(backwards, host, record));
        }
        assert_same_sets(a, backwards);
    }
}

/* Later date, more samples, shorter time, first in the order of the text. */
TEST(test_rule)
{
    OWNED(context) context = make_context(NULL, 1);
    const rnnp_record_host host = make_host(1);
    const rnnp_record base = make_record(8, 1, "a=b");

#define WINS(change, winner_is_changed)                                                                              \
    do {                                                                                                             \
        rnnp_records *set = make_set(context);                                                                       \
        const rnnp_record *kept;                                                                                     \
        rnnp_record r = base;                                                                                        \
        change;                                                                                                      \
        OK(rnnp_records_add(set, &host, &base));                                                                     \
        OK(rnnp_records_add(set, &host, &r));                                                                        \
        assert_int_equal(rnnp_records_count(set), 1);                                                                \
        assert_int_equal(rnnp_records_get(set, 0, NULL, &kept), RNNP_OK);                                            \
        assert_int_equal(                                                                                            \
            rnnp_fields_compare(rnnp_record_fields, RNNP_RECORD_FIELDS, kept, (winner_is_changed) ? &r : &base), 0); \
        rnnp_records_destroy(set);                                                                                   \
    } while (0)
    WINS((r.at++, r.samples = 1, r.ns *= 9), 1);
    WINS((r.at--, r.samples *= 9, r.ns = 1), 0);
    WINS((r.samples++, r.ns *= 9), 1);
    WINS((r.samples--, r.ns = 1), 0);
    WINS((r.ns--, r.default_ns *= 9), 1);
    WINS((r.ns++, r.default_ns = 1), 0);
    WINS(r.choice[0] = '\0', 1);
    WINS(r.choice[0] = 'z', 0);
}

/* A clock that steps back does not make new measurements older than old ones. */
TEST(test_date)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(records) set = make_set(context);
    const rnnp_record_host host = make_host(1), other = make_host(2);
    rnnp_record old = make_record(8, 1, "a=old"), fresh = make_record(8, 1, "a=new");
    const rnnp_record *kept;

    old.at = 2000;
    OK(rnnp_records_add(set, &host, &old));
    assert_int_equal(rnnp_records_date(set, &host, &fresh.key, 5000), 5000);
    assert_int_equal(rnnp_records_date(set, &host, &fresh.key, 2000), 2001);
    assert_int_equal(rnnp_records_date(set, &host, &fresh.key, 1000), 2001);
    assert_int_equal(rnnp_records_date(set, &other, &fresh.key, 1000), 1000);
    fresh.key.batch = 2;
    assert_int_equal(rnnp_records_date(set, &host, &fresh.key, 1000), 1000);
    assert_int_equal(rnnp_records_date(NULL, &host, &fresh.key, 1000), 1000);
    fresh.key.batch = 1;
    fresh.at = rnnp_records_date(set, &host, &fresh.key, 1000);
    fresh.samples = 1;
    OK(rnnp_records_add(set, &host, &fresh));
    assert_int_equal(rnnp_records_get(set, 0, NULL, &kept), RNNP_OK);
    assert_string_equal(kept->choice, "a=new");
}

/* Walking by index sees each record once, with its own host. */
TEST(test_walk)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(records) set = make_set(context), *again = make_set(context);
    const rnnp_record_host *host;
    const rnnp_record *record;

    for (uint64_t model = 0; model < 5; model++) {
        for (uint64_t batch = 0; batch <= model; batch++) {
            const rnnp_record_host h = make_host(model);
            const rnnp_record r = make_record(10 + model, 1 + batch, "");

            OK(rnnp_records_add(set, &h, &r));
        }
    }
    assert_int_equal(rnnp_records_count(set), 15);
    for (size_t i = 0; i < 15; i++) {
        assert_int_equal(rnnp_records_get(set, i, &host, &record), RNNP_OK);
        assert_int_equal(record->key.hidden, 10 + host->model);
        OK(rnnp_records_add(again, host, record));
    }
    assert_int_equal(rnnp_records_get(set, 15, &host, &record), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_get(NULL, 0, &host, &record), RNNP_ERR_ARG);
    assert_same_sets(set, again);
}

static int odd_batches_not_of_model_2(void *user, const rnnp_record_host *host, const rnnp_record *record)
{
    ++*(size_t *)user;
    return record->key.batch % 2 == 1 && host->model != 2;
}

TEST(test_keep)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(records) set = make_set(context), *want = make_set(context);
    size_t calls = 0;

    for (uint64_t model = 1; model <= 3; model++) {
        for (uint64_t batch = 1; batch <= 3; batch++) {
            const rnnp_record_host h = make_host(model);
            const rnnp_record r = make_record(8, batch, "");

            OK(rnnp_records_add(set, &h, &r));
            if (batch != 2 && model != 2) OK(rnnp_records_add(want, &h, &r));
        }
    }
    assert_int_equal(rnnp_records_keep(set, odd_batches_not_of_model_2, &calls), 5);
    assert_int_equal(calls, 9);
    assert_same_sets(set, want);
    assert_int_equal(rnnp_records_keep(set, odd_batches_not_of_model_2, &calls), 0);
    assert_int_equal(rnnp_records_keep(NULL, odd_batches_not_of_model_2, &calls), 0);
    assert_int_equal(rnnp_records_keep(set, NULL, NULL), 0);
    OK(rnnp_records_merge(set, want)); /* a set with spare room still merges */
    assert_same_sets(set, want);
    assert_int_equal(rnnp_records_merge(NULL, set), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_merge(set, NULL), RNNP_ERR_ARG);
}
