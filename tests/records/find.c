/* SPDX-License-Identifier: Apache-2.0
 *
 * Search: the exact record, the nearest by the documented rule, the shipped table, and why. Hosts: their names and the
 * hash of the kernel set.
 */
#include "fixture.h"

#include "src/context.h"

static const rnnp_default no_defaults[] = {{NULL, {.ns = 0}}};

static rnnp_records *set_of(const rnnp_context *context, const rnnp_record *records, size_t n)
{
    rnnp_records *const set = make_set(context);
    const rnnp_record_host host = make_host(1);

    for (size_t i = 0; i < n; i++) OK(rnnp_records_add(set, &host, &records[i]));
    return set;
}

static rnnp_record_found find(const rnnp_records *set, const rnnp_default *table, const rnnp_record_key *key,
                              rnnp_record_usable_fn usable)
{
    const rnnp_record_host host = make_host(1);
    rnnp_record_found found = {.struct_size = sizeof found};

    OK(rnnp_records_find_in(set, table, &host, key, usable, NULL, &found));
    assert_int_equal(found.match == RNNP_MATCH_NONE, found.record == NULL);
    assert_int_equal(found.match == RNNP_MATCH_NONE, found.source == NULL);
    return found;
}

TEST(test_exact)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_record records[4] = {make_record(64, 1, "v=a"), make_record(64, 2, "v=b"), make_record(64, 1, "v=c"),
                              make_record(64, 1, "v=d")};

    snprintf(records[2].key.layer, sizeof records[2].key.layer, "gru");
    records[3].key.threads = 2;
    OWNED(records) set = set_of(context, records, 4);
    for (size_t i = 0; i < 4; i++) {
        const rnnp_record_found f = find(set, no_defaults, &records[i].key, NULL);

        assert_int_equal(f.match, RNNP_MATCH_EXACT);
        assert_string_equal(f.record->choice, records[i].choice);
        assert_string_equal(f.source, "records");
        assert_string_equal(f.reason, "");
    }
}

TEST(test_nearest)
{
    OWNED(context) context = make_context(NULL, 1);
    static const struct {
        uint64_t wanted[4], there[2][4]; /* input, hidden, batch, steps */
        int nearest;                     /* of there; -1: none */
    } cases[] = {
        {{64, 64, 8, 50}, {{64, 64, 4, 50}, {64, 64, 9, 50}}, 1},
        {{64, 64, 8, 50}, {{64, 64, 4, 50}, {64, 64, 16, 50}}, 0},  /* a tie goes to the smaller */
        {{64, 64, 6, 50}, {{64, 64, 4, 50}, {64, 64, 9, 50}}, 0},   /* both 3/2 */
        {{64, 64, 8, 50}, {{64, 64, 3, 50}, {64, 64, 17, 50}}, -1}, /* beyond a factor of two */
        {{64, 64, 8, 50}, {{64, 64, 3, 50}, {64, 64, 16, 50}}, 1},  /* two is within */
        {{64, 64, 8, 50}, {{129, 64, 8, 50}, {64, 64, 8, 100}}, 1},
        {{64, 64, 8, 50}, {{64, 31, 8, 50}, {64, 64, 8, 101}}, -1},
        {{64, 64, 8, 50}, {{128, 128, 8, 50}, {64, 64, 4, 50}}, 1}, /* 4 against 2 */
        {{64, 64, 8, 50}, {{96, 64, 8, 50}, {64, 64, 5, 51}}, 0},   /* 1.5 against 1.632 */
        {{1000000000000, 1, 1, 1}, {{500000000000, 1, 1, 1}, {499999999999, 1, 1, 1}}, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rnnp_record r[3]; /* the last is the key that is wanted */

        for (int k = 0; k < 3; k++) {
            const uint64_t *const shape = k < 2 ? cases[i].there[k] : cases[i].wanted;

            r[k] = make_record(1, 1, k ? "v=second" : "v=first");
            r[k].key.input = shape[0];
            r[k].key.hidden = shape[1];
            r[k].key.batch = shape[2];
            r[k].key.steps = shape[3];
        }
        OWNED(records) set = set_of(context, r, 2);
        const rnnp_record_found f = find(set, no_defaults, &r[2].key, NULL);

        if (cases[i].nearest < 0) {
            assert_int_equal(f.match, RNNP_MATCH_NONE);
            assert_non_null(strstr(f.reason, "no record of lstm f32 threads=1 is within a factor of two"));
        } else {
            assert_int_equal(f.match, RNNP_MATCH_NEAREST);
            assert_string_equal(f.record->choice, r[cases[i].nearest].choice);
            assert_non_null(strstr(f.reason, "nearest: input="));
        }
    }

    /* another layer, precision or number of threads is never near */
    const rnnp_record there = make_record(64, 8, "v=x");
    OWNED(records) set = set_of(context, &there, 1);
    for (int k = 0; k < 3; k++) {
        rnnp_record_key key = there.key;

        if (k == 0) snprintf(key.layer, sizeof key.layer, "gru");
        if (k == 1) snprintf(key.precision, sizeof key.precision, "bf16");
        if (k == 2) key.threads = 2;
        assert_int_equal(find(set, no_defaults, &key, NULL).match, RNNP_MATCH_NONE);
    }
}

/* Knows variants a and b, and nothing else. */
static int knows_a_and_b(void *user, const char *name, const char *value)
{
    (void)user;
    return strcmp(name, "v") == 0 && (strcmp(value, "a") == 0 || strcmp(value, "b") == 0);
}

TEST(test_unusable)
{
    OWNED(context) context = make_context(NULL, 1);
    const rnnp_record records[] = {make_record(64, 8, "later=1 v=a"), make_record(64, 9, "v=c"),
                                   make_record(64, 10, "v=b"), make_record(512, 8, "v=c"), make_record(4096, 8, "")};
    OWNED(records) set = set_of(context, records, 5);

    rnnp_record_found f = find(set, no_defaults, &records[0].key, knows_a_and_b);
    assert_int_equal(f.match, RNNP_MATCH_NEAREST);
    assert_string_equal(f.record->choice, "v=b");
    assert_non_null(strstr(f.reason, "batch=10"));
    assert_non_null(strstr(f.reason, "the exact record has later=1, which is not possible here"));
    f = find(set, no_defaults, &records[3].key, knows_a_and_b);
    assert_int_equal(f.match, RNNP_MATCH_NONE);
    assert_string_equal(f.reason, "the exact record has v=c, which is not possible here");
    rnnp_record_key near = records[3].key;
    near.batch = 7;
    f = find(set, no_defaults, &near, knows_a_and_b);
    assert_int_equal(f.match, RNNP_MATCH_NONE);
    assert_string_equal(f.reason, "a near record has v=c, which is not possible here");
    f = find(set, no_defaults, &records[4].key, knows_a_and_b); /* the default can always be done */
    assert_int_equal(f.match, RNNP_MATCH_EXACT);
}

TEST(test_other_hosts)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(records) set = make_set(context);
    const rnnp_record record = make_record(64, 8, "v=a");
    rnnp_record_host near = make_host(1), far = make_host(7);

    rnnp_record_found f = find(set, no_defaults, &record.key, NULL);
    assert_string_equal(f.reason, "there are no records");
    f = find(NULL, no_defaults, &record.key, NULL);
    assert_string_equal(f.reason, "there are no records");
    near.kernels = 1;
    far.budget = 64;
    OK(rnnp_records_add(set, &far, &record));
    OK(rnnp_records_add(set, &near, &record));
    f = find(set, no_defaults, &record.key, NULL);
    assert_int_equal(f.match, RNNP_MATCH_NONE);
    assert_string_equal(f.reason,
                        "no records of this host: the most similar host of 2 has kernels=0000000000000001, not "
                        "kernels=9f00c0ffee123456 (1 field differs)");
}

#define ROW(where, hidden_, choice_)                                                     \
    {                                                                                    \
        where, { .key = {"lstm", "f32", hidden_, hidden_, 8, 50, 1}, .choice = choice_ } \
    }

TEST(test_defaults)
{
    OWNED(context) context = make_context(NULL, 1);
    const rnnp_default table[] = {
        ROW("generic", 512, "v=generic512"),
        ROW("generic", 64, "v=generic64"),
        ROW("avx2", 64, "v=avx2"),
        ROW("avx2", 256, "v=avx256"),
        ROW("zen3", 64, "v=zen3"),
        ROW("zen4", 1024, "v=zen4"),
        ROW("avx2", 2048, "v=twice"),
        ROW("avx2", 1500, "v=less"),
        ROW("zen3", 40000, "v=large"),
        ROW("zen3", 10000, "v=small"),
        {NULL, {.ns = 0}},
    };
    const rnnp_record own = make_record(64, 8, "v=own");
    OWNED(records) set = set_of(context, &own, 1);
    static const struct {
        uint64_t hidden;
        const char *choice, *source;
        rnnp_match match;
    } cases[] = {
        {64, "v=zen3", "zen3", RNNP_MATCH_EXACT},       {90, "v=zen3", "zen3", RNNP_MATCH_NEAREST},
        {256, "v=avx256", "avx2", RNNP_MATCH_EXACT},    {512, "v=avx256", "avx2", RNNP_MATCH_NEAREST},
        {1024, "v=less", "avx2", RNNP_MATCH_NEAREST},   {700, "v=generic512", "generic", RNNP_MATCH_NEAREST},
        {20000, "v=small", "zen3", RNNP_MATCH_NEAREST}, /* a tie, in whatever order the rows are */
        {4096, "v=twice", "avx2", RNNP_MATCH_NEAREST},  {200000, NULL, NULL, RNNP_MATCH_NONE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const rnnp_record wanted = make_record(cases[i].hidden, 8, "");
        const rnnp_record_found f = find(NULL, table, &wanted.key, NULL);

        assert_int_equal(f.match, cases[i].match);
        if (cases[i].choice) {
            assert_string_equal(f.record->choice, cases[i].choice);
            assert_string_equal(f.source, cases[i].source);
        }
        assert_string_equal(f.reason, "there are no records");
    }
    /* records of the host come first; a row that cannot be used is passed over */
    assert_string_equal(find(set, table, &own.key, NULL).source, "records");
    assert_int_equal(find(set, table, &own.key, knows_a_and_b).match, RNNP_MATCH_NONE);
}

/* Every shipped line is one that a record may have. */
TEST(test_shipped)
{
    char reason[RNNP_RECORD_REASON];

    for (const rnnp_default *row = rnnp_defaults; row->where; row++) {
        rnnp_record r = row->record;

        if (!rnnp_fields_check(rnnp_record_fields, RNNP_CHOICE_FIELDS, &r, reason))
            fail_msg("defaults.def: %s", reason);
        rnnp_record_normalise(&r);
        assert_string_equal(r.choice, row->record.choice);
    }
}

TEST(test_arguments)
{
    OWNED(context) context = make_context(NULL, 1);
    const rnnp_record record = make_record(64, 8, "v=a");
    OWNED(records) set = set_of(context, &record, 1);
    const rnnp_record_host host = make_host(1);
    rnnp_record_key key = record.key;
    rnnp_record_found found = {.struct_size = sizeof found};

    assert_int_equal(rnnp_records_find(set, NULL, &key, NULL, NULL, &found), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_find(set, &host, NULL, NULL, NULL, &found), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_find(set, &host, &key, NULL, NULL, NULL), RNNP_ERR_ARG);
    key.batch = 0;
    assert_int_equal(rnnp_records_find(set, &host, &key, NULL, NULL, &found), RNNP_ERR_ARG);
    assert_int_equal(found.match, RNNP_MATCH_NONE);
    assert_says(context, "batch=0");
    OK(rnnp_records_find(set, &host, &record.key, NULL, NULL, &found));
    assert_int_equal(found.match, RNNP_MATCH_EXACT);
}

TEST(test_words)
{
    char name[RNNP_RECORD_WORD], value[RNNP_RECORD_WORD];

    assert_int_equal(rnnp_record_word("chunk=64 variant=block_avx2", 0, name, value), RNNP_OK);
    assert_string_equal(name, "chunk");
    assert_string_equal(value, "64");
    assert_int_equal(rnnp_record_word("chunk=64 variant=block_avx2", 1, name, value), RNNP_OK);
    assert_string_equal(name, "variant");
    assert_string_equal(value, "block_avx2");
    assert_int_equal(rnnp_record_word("chunk=64 variant=block_avx2", 2, name, value), RNNP_ERR_ARG);
    assert_int_equal(rnnp_record_word("", 0, name, value), RNNP_ERR_ARG);
}

/* ---- Hosts ---- */

TEST(test_host)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_record_host host, other;
    rnnp_host_info info = {.struct_size = sizeof info};
    char reason[RNNP_RECORD_REASON];

    OK(rnnp_records_host(context, &host));
    OK(rnnp_context_host(context, &info));
    assert_int_equal(rnnp_fields_check(rnnp_host_fields, RNNP_HOST_FIELDS, &host, reason), 1);
    assert_string_equal(host.isa, info.isa);
    assert_string_equal(host.version, rnnp_version());
    assert_int_equal(host.budget, info.budget);
    assert_int_equal(host.l2_bytes, info.l2_bytes);
    assert_int_equal(rnnp_records_host(NULL, &host), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_host(context, NULL), RNNP_ERR_ARG);

    /* a cap is another host: what is fastest below it need not be so without it */
    OPTIONS(context, options);
    options.max_isa = "generic";
    OWNED_NEW(context, capped, &options);
    OK(rnnp_records_host(capped, &other));
    assert_int_equal(rnnp_record_host_equal(&host, &other), strcmp(info.isa, "generic") == 0);
}

/* Names make words, and all of them fit. */
TEST(test_host_names)
{
    rnnp_cpu cpu = {.vendor = "Vortex86 SoC", .features = RNNP_CPU(FMA3) | RNNP_CPU(AVX) | RNNP_CPU(AVX2)};
    rnnp_record_host host;
    char reason[RNNP_RECORD_REASON];

    rnnp_record_host_of(&cpu, 3, "avx2", 5, &host);
    assert_string_equal(host.vendor, "Vortex86_SoC");
    assert_string_equal(host.features, "avx,avx2,fma3");
    assert_int_equal(host.budget, 3);
    assert_int_equal(host.kernels, 5);
    cpu = (rnnp_cpu){.features = 0};
    rnnp_record_host_of(&cpu, 1, "generic", 0, &host);
    assert_string_equal(host.vendor, "unknown");
    assert_string_equal(host.features, "none");
    cpu.features = UINT64_MAX;
    rnnp_record_host_of(&cpu, 1, "generic", 0, &host);
    assert_int_equal(rnnp_fields_check(rnnp_host_fields, RNNP_HOST_FIELDS, &host, reason), 1);
    for (size_t bit = 0; bit < RNNP_FEATURE_COUNT; bit++)
        assert_non_null(strstr(host.features, rnnp_cpu_feature_text(bit)));
}

TEST(test_microarchitecture)
{
    static const struct {
        const char *vendor;
        uint64_t family, model;
        const char *name;
    } cases[] = {
        {"AuthenticAMD", 0x19, 0x01, "zen3"}, {"AuthenticAMD", 0x19, 0x21, "zen3"}, {"AuthenticAMD", 0x19, 0x11, NULL},
        {"GenuineIntel", 0x19, 0x01, NULL},   {"AuthenticAMD", 6, 0x55, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rnnp_record_host host = make_host(cases[i].model);

        snprintf(host.vendor, sizeof host.vendor, "%s", cases[i].vendor);
        host.family = cases[i].family;
        const char *const name = rnnp_microarchitecture(&host);
        if (cases[i].name)
            assert_string_equal(name, cases[i].name);
        else
            assert_null(name);
    }
}

/* The hash knows names and ops, and no order. */
TEST(test_kernel_set)
{
    const rnnp_variant rows[] = {{.name = "a_x", .op = RNNP_OP_exp_f32_u35},
                                 {.name = "b_x", .op = RNNP_OP_log_f32_u35}};
    const rnnp_variant turned[] = {rows[1], rows[0]};
    const rnnp_variant other_name[] = {rows[0], {.name = "b_y", .op = RNNP_OP_log_f32_u35}};
    const rnnp_variant other_op[] = {rows[0], {.name = "b_x", .op = RNNP_OP_exp_f32_u35}};
    const rnnp_variant_list both = {rows, 2}, turned_both = {turned, 2}, first = {rows, 1}, second = {rows + 1, 1};
    const rnnp_variant_list named = {other_name, 2}, of_op = {other_op, 2};
    const rnnp_variant_list *const one[] = {&both}, *const split[] = {&second, &first};
    const rnnp_variant_list *const others[][1] = {{&named}, {&of_op}, {&first}};
    const uint64_t hash = rnnp_kernel_set_hash(one, 1);

    assert_true(rnnp_kernel_set_hash((const rnnp_variant_list *const[]){&turned_both}, 1) == hash);
    assert_true(rnnp_kernel_set_hash(split, 2) == hash);
    for (size_t i = 0; i < 3; i++) assert_false(rnnp_kernel_set_hash(others[i], 1) == hash);
    assert_false(rnnp_kernel_set_hash(rnnp_tables, RNNP_ISA_COUNT) == rnnp_kernel_set_hash(NULL, 0));
}
