/* SPDX-License-Identifier: Apache-2.0
 *
 * Many processes on one file: no update is lost, every reader sees a whole file, and kill -9 at any moment leaves the
 * old file or the new one.
 */
#include "fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { PROCESSES = 200, UPDATES = 3, KILLS = 500, PATIENCE_MS = 200000 };

static int add_one(const rnnp_context *context, const char *path, size_t process, size_t turn)
{
    const rnnp_record_host host = make_host(process % 5);
    const rnnp_record record = make_record(1 + process, 1 + turn, "variant=block_avx2");
    OWNED(records) set = NULL, *seen = NULL;

    if (rnnp_records_create(context, &set) != RNNP_OK || rnnp_records_add(set, &host, &record) != RNNP_OK ||
        rnnp_records_update(set, path, PATIENCE_MS) != RNNP_OK ||
        rnnp_records_open_file(context, path, &seen) != RNNP_OK)
        return 0;
    const int grew = rnnp_records_count(seen) >= rnnp_records_count(set); /* others go on writing */
    return grew;
}

TEST(test_many_processes)
{
    OWNED(context) context = make_context(NULL, 1);
    pid_t children[PROCESSES];
    OWNED(records) set = NULL;
    size_t failed = 0;
    FOLDER(folder);
    const char *const path = in(folder, "records");
    for (size_t i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            for (size_t turn = 0; turn < UPDATES; turn++) {
                if (!add_one(context, path, i, turn)) {
                    fprintf(stderr, "process %zu: %s\n", i, rnnp_last_error(context));
                    _exit(1);
                }
            }
            _exit(0);
        }
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        int status = -1;

        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        failed += !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    assert_int_equal(failed, 0);
    OK(rnnp_records_open_file(context, path, &set));
    assert_int_equal(rnnp_records_count(set), PROCESSES * UPDATES);
}

/* Writes newer and newer records until it is killed. */
static void write_for_ever(const rnnp_context *context, const char *path, uint64_t seed)
{
    const rnnp_record_host host = make_host(1);
    rnnp_records *set;

    if (rnnp_records_create(context, &set) != RNNP_OK) _exit(1);
    for (uint64_t at = 1;; at++) {
        rnnp_record record = make_record(1 + below(&seed, 20), 1, "variant=block_avx2");

        record.at = rnnp_records_date(set, &host, &record.key, at);
        if (rnnp_records_add(set, &host, &record) != RNNP_OK || rnnp_records_update(set, path, 1000) != RNNP_OK)
            _exit(1);
    }
}

TEST(test_kill)
{
    OWNED(context) context = make_context(NULL, 1);
    rnnp_records *before, *after;
    uint64_t seed = 11, longest = 3000000; /* ns that a child may live */
    size_t torn = 0, grown = 0;
    struct stat about;
    FOLDER(folder);
    const char *const path = in(folder, "records"), *const temporary = in(folder, ".records.0.tmp");
    const rnnp_record_host host = make_host(2);
    const rnnp_record first = make_record(2, 1, ""), record = make_record(1, 1, "");
    before = make_set(context);
    OK(rnnp_records_add(before, &host, &first));
    OK(rnnp_records_update(before, path, 0));
    for (size_t n = 0; n < KILLS; n++) {
        int status = 0;
        const pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) write_for_ever(context, path, seed + n);
        nanosleep(&(struct timespec){0, (long)below(&seed, longest)}, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status)); /* and did not give up by itself */
        torn += stat(temporary, &about) == 0;

        OK(rnnp_records_open_file(context, path, &after));
        DROPPED(free_text) text now = text_of(after);
        OK(rnnp_records_merge(before, after)); /* nothing of before is missing or older */
        DROPPED(free_text) text joined = text_of(before);
        assert_string_equal(joined.data, now.data);
        grown += rnnp_records_count(after) > 1;
        /* A busy disk takes longer for one update: then children live longer. */
        if (grown == 0 && n % 16 == 15 && longest < 400000000) longest *= 2;
        rnnp_records_destroy(before);
        before = after;
    }
    printf("%zu of %d kills left an unfinished file behind\n", torn, KILLS);
    assert_true(grown > 0);

    OK(rnnp_records_add(before, &host, &record));
    OK(rnnp_records_update(before, path, 0)); /* no stale lock, and the unfinished file is gone */
    assert_int_not_equal(stat(temporary, &about), 0);
    rnnp_records_destroy(before);
}
