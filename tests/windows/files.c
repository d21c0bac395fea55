/* SPDX-License-Identifier: Apache-2.0
 *
 * Files on Windows, by several processes: this program starts itself. And what src/windows has that a C library has
 * elsewhere.
 */
#include "src/file.h"
#include "tests/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <process.h>
#include <windows.h>
#include <sys/file.h>
#include <sys/stat.h>

static const char *self;

static rnnp_status fill(void *text, rnnp_write_fn write, void *to)
{
    return write(to, text, 10) ? RNNP_ERR_IO : RNNP_OK;
}

/* A writer of another process: ten equal characters, again and again. */
static int write_often(const char *path, int digit)
{
    OWNED(context) context = make_context(NULL, 1);
    char text[10];

    memset(text, digit, sizeof text);
    for (int i = 0; i < 50; i++) {
        if (rnnp_file_replace(context, path, fill, text) == RNNP_OK) continue;
        puts(rnnp_last_error(context));
        return 1;
    }
    return 0;
}

/* Takes a lock, says so by a file, and never gives it back. */
static int hold_lock(const char *path, const char *ready)
{
    const int fd = open(path, O_RDWR | O_CREAT, 0600);

    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) return 1;
    close(open(ready, O_RDWR | O_CREAT, 0600));
    for (;;) Sleep(1000);
}

static intptr_t start(const char *what, const char *path, const char *argument)
{
    const intptr_t child = _spawnl(_P_NOWAIT, self, self, what, path, argument, (char *)NULL);

    assert_true(child != -1);
    return child;
}

/* Somebody who reads has the file open all the time. */
TEST(writers_at_once)
{
    enum { WRITERS = 3 };
    static const char *const digits[WRITERS] = {"1", "2", "3"};
    OWNED(context) context = make_context(NULL, 1);
    intptr_t child[WRITERS];
    char got[16];
    FOLDER(folder);
    const char *const path = in(folder, "file");

    OK(rnnp_file_replace(context, path, fill, (char[]){"0000000000"}));
    for (size_t i = 0; i < WRITERS; i++) child[i] = start("write", path, digits[i]);
    for (size_t i = 0; i < 200; i++) {
        const int fd = open(path, O_RDONLY);

        assert_true(fd >= 0);
        assert_int_equal(read(fd, got, sizeof got), 10);
        assert_int_equal(strspn(got, (char[]){got[0], 0}), 10);
        close(fd);
    }
    for (size_t i = 0; i < WRITERS; i++) {
        int status = -1;

        assert_true(_cwait(&status, child[i], 0) == child[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(access(in(folder, ".file.0.tmp"), F_OK), -1);
}

TEST(a_lock_ends_with_its_process)
{
    OWNED(context) context = make_context(NULL, 1);
    OWNED_NEW(records, set, context);
    FOLDER(folder);
    const char *const path = in(folder, "records"), *const ready = in(folder, "ready");
    const intptr_t child = start("lock", in(folder, ".records.lock"), ready);

    for (int i = 0; i < 1000 && access(ready, F_OK) != 0; i++) Sleep(10);
    REFUSED(context, rnnp_records_update(set, path, 30), RNNP_ERR_IO, "another process has held the lock for 30 ms");
    assert_true(TerminateProcess((HANDLE)child, 1));
    assert_true(_cwait(NULL, child, 0) == child);
    OK(rnnp_records_update(set, path, 5000));
}

TEST(names)
{
    OWNED(context) context = make_context(NULL, 1);
    FOLDER(folder);
    char real[RNNP_FILE_PATH], path[RNNP_FILE_PATH], again[RNNP_FILE_PATH];

    snprintf(path, sizeof path, "%s\\file", folder);
    OK(rnnp_file_resolve(context, path, again)); /* nothing is there yet */
    OK(rnnp_file_replace(context, path, fill, (char[]){"0123456789"}));
    OK(rnnp_file_resolve(context, path, real));
    assert_null(strchr(real, '\\'));
    assert_string_equal(real, again);
    assert_string_equal(strrchr(real, '/'), "/file");
    assert_int_equal(rnnp_file_replace(context, folder, fill, (char[]){"0123456789"}), RNNP_ERR_IO);
    assert_says(context, "not a regular file");
    assert_int_equal(rnnp_file_replace(context, "NUL", fill, (char[]){"0123456789"}), RNNP_ERR_IO);
}

TEST(patterns)
{
    assert_int_equal(fnmatch("*lstm[0-9]", "a/lstm7", 0), 0);
    assert_int_equal(fnmatch("*lstm[!0-9]", "a/lstm7", 0), 1);
    assert_int_equal(fnmatch("l?tm*", "lstm", 0), 0);
    assert_int_equal(fnmatch("l?tm", "ltm", 0), 1);
    assert_int_equal(fnmatch("\\*", "*", 0), 0);
    assert_int_equal(fnmatch("\\*", "x", 0), 1);
    assert_int_equal(fnmatch("a*b*c", "aXbYbZc", 0), 0);
    assert_int_equal(fnmatch("a*b*c", "aXbYbZ", 0), 1);
    assert_int_equal(fnmatch("[]]", "]", 0), 0);
    assert_int_equal(fnmatch("[", "[", 0), 0);
    assert_int_equal(fnmatch("", "", 0), 0);
}

/* A sum that is 2^-70 below the middle of two floats, which rounding twice takes for the middle. */
TEST(fma_rounds_once)
{
    const volatile float low = 0x1.000002p-24f, most = 0x1.fffffcp-1f, odd = 0x1.000002p0f, tiny = 0x1p-75f;

    assert_true(fmaf(low, most, odd) == odd);
    assert_true(fmaf(-low, most, -odd) == -odd);
    assert_true(fmaf(low, 1.0f, odd) == 0x1.000004p0f);
    assert_true(fmaf(tiny, tiny, 0x1p-149f) == 0x1p-148f); /* a tie */
    assert_true(isnan(fmaf(INFINITY, 0.0f, odd)));
    assert_true(fmaf(0x1p127f, 4.0f, odd) == INFINITY);
}

int tests_begin(char **arguments)
{
    self = arguments[-1];
    if (!arguments[0]) return 0;
    exit(strcmp(arguments[0], "write") == 0 ? write_often(arguments[1], arguments[2][0])
                                            : hold_lock(arguments[1], arguments[2]));
}
