/* SPDX-License-Identifier: Apache-2.0
 *
 * Every allocation fails once: reading, merging, adding and updating either work or say RNNP_ERR_MEMORY, leave nothing
 * behind, and lose nothing that was there.
 */
#include "fixture.h"

typedef struct objects {
    rnnp_records *read, *made, *parsed;
} objects;

static rnnp_status keep_all(void *user, rnnp_records *set)
{
    const rnnp_record_host host = make_host(5);
    const rnnp_record record = make_record(500, 1, "edited=1");

    (void)user;
    return rnnp_records_add(set, &host, &record);
}

static rnnp_status scenario(rnnp_context *context, const char *path, const text *t, objects *o)
{
    const rnnp_record_host host = make_host(1);
    const rnnp_record record = make_record(64, 1, "variant=x chunk=8");

    TRY(rnnp_records_open_file(context, path, &o->read));
    TRY(rnnp_records_create(context, &o->made));
    TRY(rnnp_records_add(o->made, &host, &record));
    TRY(rnnp_records_merge(o->made, o->read));
    TRY(rnnp_records_open_memory(context, "text", t->data, t->bytes, &o->parsed));
    TRY(rnnp_records_update(o->made, path, 1000));
    return rnnp_records_edit(context, path, 1000, keep_all, NULL);
}

TEST(test_every_allocation)
{
    OWNED(context) plain = make_context(NULL, 1);
    uint64_t seed = 3;
    OWNED(records) old = random_set(plain, &seed, 10);
    DROPPED(free_text) text before = text_of(old);
    size_t failures = 0;

    FOLDER(folder);
    const char *const path = in(folder, "records");
    for (rnnp_status status = RNNP_ERR_MEMORY; status != RNNP_OK; failures++) {
        WATCHED heap = {0};
        OWNED(context) context = make_context(&heap, 1);
        objects o = {0};

        write_file(path, before.data, before.bytes);
        heap.fail_at = atomic_load(&heap.calls) + failures + 1;
        status = scenario(context, path, &before, &o);
        heap.fail_at = 0;
        if (status != RNNP_OK) {
            assert_int_equal(status, RNNP_ERR_MEMORY);
            assert_says(context, "cannot allocate");
        }
        /* the file is whole, and holds at least what it held */
        OWNED(records) full = NULL;
        OK(rnnp_records_open_file(plain, path, &full));
        assert_true(rnnp_records_count(full) >= rnnp_records_count(old));
        OK(rnnp_records_merge(full, old));
        DROPPED(free_text) text after = text_of(full), in_file = read_file(path);
        assert_string_equal(after.data, in_file.data);
        rnnp_records_destroy(o.read);
        rnnp_records_destroy(o.made);
        rnnp_records_destroy(o.parsed);
    }
    assert_true(failures > 26);
}

/* A set that could not grow is as it was. */
TEST(test_set_stays)
{
    WATCHED heap = {0};
    OWNED(context) context = make_context(&heap, 1);
    uint64_t seed = 5;
    OWNED(records) set = random_set(context, &seed, 10), *other = random_set(context, &seed, 10);
    DROPPED(free_text) text before = text_of(set);

    UNTIL_OK(heap, rnnp_records_merge(set, other)) {
        DROPPED(free_text) text after = text_of(set);

        assert_string_equal(before.data, after.data);
    }
}
