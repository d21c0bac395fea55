/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of tuning records: the bytes are as documented, a set and its text determine each other, and every other
 * text is refused with a reason.
 */
#include "fixture.h"

#include <locale.h>

#define HOST                                                                                             \
    "host AuthenticAMD 25 1 1 isa=avx2 features=avx,avx2,fma3 l1d=32768 l2=524288 l3=33554432 budget=2 " \
    "kernels=9f00c0ffee123456 version=0.1.0\n"
#define SIZES "tune lstm f32 input=128 hidden=128 batch=1 steps=50 threads=1 "
#define TIMES "ns=218000 default=230000 spread=0.0120 samples=12 at=1763712000\n"
#define TUNE SIZES ": chunk=64 variant=block_avx2 : " TIMES
#define HEADER "rnnpack-records 1\n"

static void assert_refused(const rnnp_context *context, const char *data, size_t bytes, rnnp_status status,
                           const char *words)
{
    rnnp_records *set = (rnnp_records *)&status;

    assert_int_equal(rnnp_records_open_memory(context, "file", data, bytes, &set), status);
    assert_null(set);
    if (!strstr(rnnp_last_error(context), words))
        fail_msg("\"%s\" does not say \"%s\"", rnnp_last_error(context), words);
}

static rnnp_records *example(const rnnp_context *context)
{
    rnnp_records *const set = make_set(context);
    const rnnp_record_host hosts[] = {make_host(1), make_host(33)};
    const rnnp_record records[] = {make_record(128, 1, "variant=block_avx2 chunk=64"), make_record(64, 16, ""),
                                   make_record(64, 2, "x=y")};

    for (size_t h = 0; h < 2; h++)
        for (size_t i = 0; i < 3; i++) OK(rnnp_records_add(set, &hosts[1 - h], &records[i]));
    return set;
}

/* ---- What is accepted ---- */

TEST(test_bytes)
{
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 1);
    OWNED(records) set = make_set(context), *parsed = NULL;
    const rnnp_record_host host = make_host(1);
    const rnnp_record record = make_record(128, 1, "variant=block_avx2 chunk=64");

    DROPPED(free_text) text empty = text_of(set), none = sign(HEADER, strlen(HEADER));
    assert_string_equal(empty.data, none.data);

    OK(rnnp_records_add(set, &host, &record));
    DROPPED(free_text) text got = text_of(set), want = sign(HEADER HOST TUNE, strlen(HEADER HOST TUNE));
    assert_string_equal(got.data, want.data);

    OK(rnnp_records_open_memory(context, "file", got.data, got.bytes, &parsed));
    const rnnp_record_host *parsed_host;
    const rnnp_record *r;
    assert_int_equal(rnnp_records_get(parsed, 0, &parsed_host, &r), RNNP_OK);
    assert_true(rnnp_record_host_equal(parsed_host, &host));
    assert_string_equal(r->choice, "chunk=64 variant=block_avx2");
    assert_int_equal(r->key.input, 128);
    assert_int_equal(r->key.steps, 50);
    assert_int_equal(r->ns, 218000);
    assert_true(r->spread > 0.01199999 && r->spread < 0.01200001);
    assert_int_equal(r->at, 1763712000);
    assert_int_equal(rnnp_records_get(parsed, 1, NULL, NULL), RNNP_ERR_ARG);
}

TEST(test_round_trip)
{
    OWNED(context) context = make_context(NULL, 1);
    uint64_t seed = 1;

    for (int round = 0; round < 200; round++) {
        OWNED(records) set = random_set(context, &seed, 30), *parsed = NULL;
        DROPPED(free_text) text t = text_of(set);

        OK(rnnp_records_open_memory(context, "file", t.data, t.bytes, &parsed));
        assert_int_equal(rnnp_records_count(parsed), rnnp_records_count(set));
        assert_same_sets(parsed, set);
    }
}

/* The order is by numbers and not by their digits, and does not depend on how the set was made. */
TEST(test_order)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(records) set = example(context);
    DROPPED(free_text) text t = text_of(set);
    const char *last = t.data;
    static const char *const order[] = {"\nhost AuthenticAMD 25 1 ",  "hidden=64 batch=2 ",
                                        "hidden=64 batch=16 ",        "hidden=128 ",
                                        "\nhost AuthenticAMD 25 33 ", "hidden=64 batch=2 "};

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        last = strstr(last, order[i]);
        assert_non_null(last);
    }
    assert_non_null(strstr(t.data, "threads=1 : : ns="));
}

/* A decimal comma in the program's locale changes nothing. */
TEST(test_locale)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(records) set = example(context), *parsed = NULL;
    DROPPED(free_text) text before = text_of(set);
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};

    for (size_t i = 0; i < 3 && !setlocale(LC_NUMERIC, names[i]); i++) {
    }
    DROPPED(free_text) text after = text_of(set);
    assert_string_equal(before.data, after.data);
    OK(rnnp_records_open_memory(context, "file", before.data, before.bytes, &parsed));
    setlocale(LC_NUMERIC, "C");
}

static int stop(void *user, const void *data, size_t bytes)
{
    (void)data;
    (void)bytes;
    return --*(int *)user == 0;
}

TEST(test_stopped_print)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(records) set = example(context);
    int calls;

    for (int n = 1; n < 8; n++) {
        calls = n;
        assert_int_equal(rnnp_records_write(set, stop, &calls), RNNP_ERR_IO);
        assert_int_equal(calls, 0);
    }
    assert_int_equal(rnnp_records_write(NULL, stop, &calls), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_write(set, NULL, NULL), RNNP_ERR_ARG);
}

/* ---- What is refused ---- */

TEST(test_damage)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(records) set = example(context), *parsed = NULL;
    DROPPED(free_text) text t = text_of(set);

    for (size_t i = 0; i < t.bytes; i++) {
        for (int bit = 0; bit < 8; bit++) {
            t.data[i] = (char)(t.data[i] ^ 1 << bit);
            const rnnp_status status = rnnp_records_open_memory(context, "file", t.data, t.bytes, &parsed);
            /* of the first line a flip may make a newer format */
            assert_true(status == RNNP_ERR_FORMAT || (status == RNNP_ERR_UNSUPPORTED && i < strlen(HEADER)));
            assert_null(parsed);
            t.data[i] = (char)(t.data[i] ^ 1 << bit);
        }
        FREED char *cut = malloc(i ? i : 1); /* exactly: reading on would show */
        assert_non_null(cut);
        memcpy(cut, t.data, i);
        assert_refused(context, cut, i, RNNP_ERR_FORMAT, i ? "file" : "file is empty");
    }
    assert_refused(context, t.data, t.bytes + 1, RNNP_ERR_FORMAT, "cut off");
    OK(rnnp_records_open_memory(context, "file", t.data, t.bytes, &parsed));
}

/* With a right checksum, so that the lines themselves are looked at. */
static void assert_lines(const rnnp_context *context, const char *before, const char *lines, const char *after,
                         const char *words)
{
    char whole[1024];

    assert_true((size_t)snprintf(whole, sizeof whole, "%s%s%s", before, lines, after) < sizeof whole);
    DROPPED(free_text) text t = sign(whole, strlen(whole));
    assert_refused(context, t.data, t.bytes, RNNP_ERR_FORMAT, words);
}

TEST(test_frames)
{
    OWNED(context) context = make_context(NULL, 1);
    static const char *const newer[][2] = {
        {"rnnpack-records 2\nnew things\n", "format 2; this version reads format 1"},
        {"rnnpack-records 99999999999999999999999\n", "format 99999999999999999999; "},
    };
    static const char *const cases[][2] = {
        {"rnnpack-records 01\n", "line 1: the format number"},
        {"rnnpack-records 1 \n", "line 1: the format number"},
        {"rnnpack-records \n", "line 1: the format number"},
        {"rnnpack-records", "does not begin with"},
        {"hello\n", "does not begin with"},
        {"\x7f\x45LF\x02\x01", "does not begin with"},
        {HEADER "host", "does not end with its checksum"},
        {HEADER "\n", "line 2: it is neither"},
        {HEADER "# a comment\n", "line 2: it is neither"},
        {HEADER TUNE, "line 2: there is no host before it"},
        {HEADER HOST, "the host has no records"},
        {HEADER HOST "host Z 1 1 1 isa=a features=a l1d=1 l2=1 l3=1 budget=2 kernels=0000000000000000 version=1\n" TUNE,
         "line 3: the host before it has no records"},
        {HEADER HOST TUNE HOST TUNE, "line 4: it is out of order, or a duplicate"},
        {HEADER HOST TUNE TUNE, "line 4: it is out of order, or a duplicate"},
        {HEADER HOST "tune lstm f32 input=128\n", "line 3: it is too short"},
        {HEADER HOST "host \ntune \n", "line 3: it is too short"},
    };

    for (size_t i = 0; i < sizeof newer / sizeof newer[0]; i++) {
        DROPPED(free_text) text t = sign(newer[i][0], strlen(newer[i][0]));

        assert_refused(context, t.data, t.bytes, RNNP_ERR_UNSUPPORTED, newer[i][1]);
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) assert_lines(context, "", cases[i][0], "", cases[i][1]);
    /* a zero byte, which no C string can show */
    char zero[] = HEADER HOST TUNE;
    zero[strlen(HEADER HOST) + 6] = '\0';
    DROPPED(free_text) text t = sign(zero, sizeof zero - 1);
    assert_refused(context, t.data, t.bytes, RNNP_ERR_FORMAT, "line 3: it holds the byte 0x00");
}

/* Ranges are those that records have where they are made (test_fields). */
TEST(test_lines)
{
    OWNED(context) context = make_context(NULL, 1);
    static const char *const choices[][2] = {
        {": chunk=64 variant=block\x07 : ", "line 3: it holds the byte 0x07"},
        {": v=\xc3\xa4 : ", "line 3: it holds the byte 0xc3"},
        {": v=1\t : ", "line 3: it holds the byte 0x09"},
        {": v=1 : \r", "byte 0x0d"},
        {": variant=b chunk=64 : ", "line 3: it is not in the standard form"},
        {" : a=1 : ", "line 3: it is not in the standard form"},
        {": a=1 :  ", "line 3: it is not in the standard form"},
        {":  chunk=64 : ", "is not a list of name=value"},
        {": a=1  b=2 : ", "is not a list of name=value"},
        {": chunk : ", "is not a list of name=value"},
        {": =64 : ", "is not a list of name=value"},
        {": chunk= : ", "is not a list of name=value"},
        {": chunk=a/b : ", "is not a list of name=value"},
        {": a=1 a=2 : ", "has a twice"},
        {": chunk=64 ", "between two colons"},
        {"chunk=64 : ", "between two colons"},
    };
    static const char *const times[][2] = {
        {"ns=0 default=1 spread=0.0000 samples=1 at=0", "ns=0 is not from 1"},
        {"ns=-1 default=1 spread=0.0000 samples=1 at=0", "\"ns=-1\" cannot be read"},
        {"ns=nan default=1 spread=0.0000 samples=1 at=0", "\"ns=nan\" cannot"},
        {"ns=1.5 default=1 spread=0.0000 samples=1 at=0", "\"ns=1.5\" cannot"},
        {"ns=1e3 default=1 spread=0.0000 samples=1 at=0", "\"ns=1e3\" cannot"},
        {"ns=07 default=1 spread=0.0000 samples=1 at=0", "not in the standard"},
        {"ns=18446744073709551616 default=1 spread=0.0000 samples=1 at=0", "cannot be read"},
        {"ns=18446744073709551615 default=1 spread=0.0000 samples=1 at=0", "is not from 1 to"},
        {"ns=1 default=1 spread=nan samples=1 at=0", "spread=nan"},
        {"ns=1 default=1 spread=-0.1000 samples=1 at=0", "spread=-0.1000"},
        {"ns=1 default=1 spread=.1000 samples=1 at=0", "spread=.1000"},
        {"ns=1 default=1 spread=0.1 samples=1 at=0", "spread=0.1"},
        {"ns=1 default=1 spread=100.0001 samples=1 at=0", "is not from 0 to 100"},
        {"ns=1 default=1 spread=99999999999999999999.0001 samples=1 at=0", "cannot be read"},
        {"ns=1 default=1 samples=1 spread=0.0000 at=0", "is in the place of spread="},
        {"ns=1 default=1 spread=0.0000 samples=1 at=0 more", "something follows"},
        {"ns=1 default=1 spread=0.0000 samples=1", "is in the place of at="},
    };
    static const char *const hosts[][2] = {
        {"host A 1 1 1 isa=a features=a l1d=1 l2=1 l3=1 budget=1 kernels=000000000000000G version=1\n", "00000G"},
        {"host A 1 1 1 isa=a features=a l1d=1 l2=1 l3=1 budget=1 kernels=00000000000000AB version=1\n", "00000AB"},
        {"host A 1 1 1 isa=a features=a l1d=1 l2=1 l3=1 budget=1 kernels=00000000000ab version=1000\n",
         "line 2: it is not in the standard form"},
        {"host A x 1 1 isa=a features=a l1d=1 l2=1 l3=1 budget=1 kernels=0000000000000000 version=1\n",
         "\"x\" cannot be read"},
    };

    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++)
        assert_lines(context, HEADER HOST SIZES, choices[i][0], TIMES, choices[i][1]);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        assert_lines(context, HEADER HOST SIZES ": : ", times[i][0], "\n", times[i][1]);
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        assert_lines(context, HEADER, hosts[i][0], TUNE, hosts[i][1]);
    assert_lines(context, HEADER HOST, "tune ls/tm f32 input=1 hidden=1 batch=1 steps=1 threads=1 : : ", TIMES,
                 "is not a word");
    assert_lines(context, HEADER HOST "tune llllllllllllllllllllllllllllllllllllllllllllllllll f32 input=1 hidden=1 ",
                 "batch=1 steps=1 threads=1 : : ", TIMES, "cannot be read");
}

/* More lines than memory should follow: a short line asks for none. */
TEST(test_many_short_lines)
{
    enum { LINES = 100000 };
    test_heap heap = {0};
    OWNED(context) context = make_context(&heap, 1);
    const size_t before = atomic_load(&heap.peak_bytes);
    FREED char *lines = malloc(strlen(HEADER) + 6 * LINES);

    assert_non_null(lines);
    memcpy(lines, HEADER, strlen(HEADER));
    for (size_t i = 0; i < LINES; i++) memcpy(lines + strlen(HEADER) + 6 * i, "host \n", 6);
    DROPPED(free_text) text t = sign(lines, strlen(HEADER) + 6 * LINES);
    assert_refused(context, t.data, t.bytes, RNNP_ERR_FORMAT, "line 2: it is too short");
    assert_true(atomic_load(&heap.peak_bytes) - before < t.bytes);
}

TEST(test_arguments)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_records *set;

    assert_int_equal(rnnp_records_create(NULL, &set), RNNP_ERR_ARG);
    assert_null(set);
    assert_int_equal(rnnp_records_create(context, NULL), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_open_memory(NULL, "x", "", 0, &set), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_open_memory(context, NULL, "", 0, &set), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_open_memory(context, "x", NULL, 1, &set), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_open_memory(context, "x", "", 0, NULL), RNNP_ERR_ARG);
    assert_refused(context, NULL, 0, RNNP_ERR_FORMAT, "file is empty");
    rnnp_records_destroy(NULL);
    assert_int_equal(rnnp_records_count(NULL), 0);
}

/* Numbers that no measurement gives are refused where records are made, too. */
TEST(test_fields)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED(records) set = example(context);
    DROPPED(free_text) text before = text_of(set);
    const rnnp_record_host host = make_host(1);
    const rnnp_record good = make_record(9, 1, "a=b");
    rnnp_record r;
    rnnp_record_host h;

#define NOT_ADDED(change, words)                                       \
    do {                                                               \
        r = good;                                                      \
        h = host;                                                      \
        change;                                                        \
        assert_int_equal(rnnp_records_add(set, &h, &r), RNNP_ERR_ARG); \
        assert_says(context, words);                                   \
    } while (0)
    NOT_ADDED(r.spread = (double)NAN, "spread=");
    NOT_ADDED(r.spread = (double)INFINITY, "spread=inf");
    NOT_ADDED(r.spread = -0.1, "spread=-0.1");
    NOT_ADDED(r.spread = 100.1, "spread=100.1");
    NOT_ADDED(r.ns = 0, "ns=0");
    NOT_ADDED(r.ns = (uint64_t)-5, "ns=18446744073709551611");
    NOT_ADDED(r.default_ns = 0, "default=0");
    NOT_ADDED(r.samples = 0, "samples=0");
    NOT_ADDED(r.samples = 2000000000, "samples=2000000000");
    NOT_ADDED(r.at = UINT64_MAX, "at=");
    NOT_ADDED(r.key.batch = 0, "batch=0");
    NOT_ADDED(r.key.hidden = UINT64_MAX, "hidden=");
    NOT_ADDED(r.key.threads = 5000, "threads=5000");
    NOT_ADDED(r.key.layer[0] = '\0', "is not a word");
    NOT_ADDED(r.key.layer[0] = ' ', "is not a word");
    NOT_ADDED(memset(r.key.layer, 'x', sizeof r.key.layer), "does not end within 48");
    NOT_ADDED(memset(r.choice, 'x', sizeof r.choice), "does not end within 192");
    NOT_ADDED(snprintf(r.choice, sizeof r.choice, "a=b a=c"), "has a twice");
    NOT_ADDED(snprintf(r.choice, sizeof r.choice, "a=b "), "is not a list");
    NOT_ADDED(snprintf(r.choice, sizeof r.choice, " a=b"), "is not a list");
    NOT_ADDED(snprintf(r.choice, sizeof r.choice, "a=b=c"), "is not a list");
    NOT_ADDED(snprintf(r.choice, sizeof r.choice, "a=b\nc=d"), "is not a list");
    NOT_ADDED(snprintf(r.choice, sizeof r.choice, "x23456789012345678901234567890123456789012345678=1"),
              "is not a list");
    NOT_ADDED(snprintf(h.vendor, sizeof h.vendor, "two words"), "is not a word");
    NOT_ADDED(h.budget = 0, "budget=0");
    NOT_ADDED(h.family = UINT64_MAX, "a number=");
    NOT_ADDED(h.features[0] = '\0', "is not a word");
    assert_int_equal(rnnp_records_add(NULL, &host, &good), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_add(set, NULL, &good), RNNP_ERR_ARG);
    assert_int_equal(rnnp_records_add(set, &host, NULL), RNNP_ERR_ARG);

    DROPPED(free_text) text after = text_of(set);
    assert_string_equal(before.data, after.data); /* nothing was lost */
    OK(rnnp_records_add(set, &host, &good));
    r = make_record(10, 1, "a=b");
    r.spread = -0.0;
    OK(rnnp_records_add(set, &host, &r));
    r = make_record(11, 1, "a=b");
    r.spread = 0.00004; /* rounds to 0.0000, as its text has it */
    OK(rnnp_records_add(set, &host, &r));
    DROPPED(free_text) text grown = text_of(set);
    OWNED(records) parsed = NULL;
    OK(rnnp_records_open_memory(context, "file", grown.data, grown.bytes, &parsed));
    assert_same_sets(set, parsed);
    const rnnp_record *last;
    assert_int_equal(rnnp_records_get(set, 2, NULL, &last), RNNP_OK);
    assert_int_equal(last->key.hidden, 11);
    assert_true(last->spread < 1e-9);
}
