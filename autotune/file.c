/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of records: readers take what they find, writers replace it as a whole and one after another.
 */
#define _DEFAULT_SOURCE

#include "../src/clock.h"
#include "../src/file.h"
#include "set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static rnnp_status io_error(const rnnp_context *context, const char *doing, const char *path)
{
    return rnnp_fail(context, RNNP_ERR_IO, "%s%s: %s", doing, path, strerror(errno));
}

/* ---- Reading ---- */

typedef struct content {
    char *text; /* not NULL: free it */
    size_t bytes;
} content;

static rnnp_status fill(const rnnp_context *context, int file, const char *path, content *c)
{
    size_t used = 0;

    while (used < c->bytes) {
        const ssize_t n = read(file, c->text + used, c->bytes - used);

        if (n < 0 && errno != EINTR) return io_error(context, "", path);
        if (n == 0)
            return rnnp_fail(context, RNNP_ERR_FORMAT, "%s ends after %zu of its %zu bytes", path, used, c->bytes);
        used += n > 0 ? (size_t)n : 0;
    }
    return RNNP_OK;
}

static rnnp_status read_open(const rnnp_context *context, int file, const char *path, content *c)
{
    struct stat about;

    if (fstat(file, &about) != 0) return io_error(context, "", path);
    if (!S_ISREG(about.st_mode))
        return rnnp_fail(context, RNNP_ERR_IO, "%s is %s, not a regular file", path,
                         S_ISDIR(about.st_mode)    ? "a folder"
                         : S_ISFIFO(about.st_mode) ? "a pipe"
                                                   : "a device or socket");
    if (about.st_size > RNNP_RECORDS_TEXT_BYTES)
        return rnnp_fail(context, RNNP_ERR_FORMAT, "%s has %lld bytes, more than tuning records may have (%d)", path,
                         (long long)about.st_size, RNNP_RECORDS_TEXT_BYTES);
    c->bytes = (size_t)about.st_size;
    c->text = rnnp_alloc(context, c->bytes);
    return c->text ? fill(context, file, path, c) : RNNP_ERR_MEMORY;
}

/* Into *set, which is NULL after an error, and its text into *c, to be freed in any case. A file that is missing is
 * RNNP_ERR_IO without a sentence. */
static rnnp_status read_set(const rnnp_context *context, const char *path, int *missing, content *c, rnnp_records **set)
{
    *c = (content){NULL, 0};
    *set = NULL;
    /* A pipe without a writer would block otherwise. */
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    *missing = file < 0 && (errno == ENOENT || errno == ENOTDIR);
    if (file < 0) return *missing ? RNNP_ERR_IO : io_error(context, "", path);
    rnnp_status status = read_open(context, file, path, c);
    close(file);
    if (status == RNNP_OK) status = rnnp_records_open_memory(context, path, c->text, c->bytes, set);
    return status;
}

rnnp_status rnnp_records_open_file(const rnnp_context *context, const char *path, rnnp_records **set)
{
    content c;
    int missing;

    if (set) *set = NULL;
    if (!context || !path || !set) return RNNP_ERR_ARG;
    const rnnp_status status = read_set(context, path, &missing, &c, set);
    rnnp_free(context, c.text, c.bytes);
    return missing ? rnnp_fail(context, status, "%s: there is no such file", path) : status;
}

/* ---- Lock ---- */

/* An open file that holds the lock, to be closed; -1 with the sentence in the context. flock knows no time limit, so it
 * is tried again and again, after 1 to 16 ms. */
static int take_lock(const rnnp_context *context, const char *path, unsigned wait_ms)
{
    const double begin = rnnp_clock();

    for (unsigned pause = 1;; pause = pause < 16 ? 2 * pause : pause) {
        const int file = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0666);

        if (file < 0) {
            io_error(context, "cannot lock ", path);
            return -1;
        }
        if (flock(file, LOCK_EX | LOCK_NB) == 0) {
            if (rnnp_file_is_named(file, path)) /* whoever held it before us has removed it */
                return file;
        } else if (errno != EWOULDBLOCK && errno != EINTR) {
            io_error(context, "cannot lock ", path);
            close(file);
            return -1;
        }
        close(file);
        if (1e3 * (rnnp_clock() - begin) >= wait_ms) {
            rnnp_fail(context, RNNP_ERR_IO, "%s: another process has held the lock for %u ms", path, wait_ms);
            return -1;
        }
        nanosleep(&(struct timespec){0, (long)pause * 1000000}, NULL);
    }
}

/* ---- Changing ---- */

/* What a file of records may grant: others who could write to it would have it ignored (rnnp_records_open_default). */
enum { NEW_FILE = 0644 };

/* A text that is written, beside another. */
typedef struct comparison {
    const content *with;
    size_t bytes;
    int differs;
} comparison;

static int compare(void *user, const void *text, size_t bytes)
{
    comparison *c = user;

    c->differs |= c->bytes + bytes > c->with->bytes || memcmp(c->with->text + c->bytes, text, bytes) != 0;
    c->bytes += bytes;
    return 0;
}

static rnnp_status write_set(void *set, rnnp_write_fn write, void *to) { return rnnp_records_write(set, write, to); }

/* Unless the file has this content already; no file is made to hold nothing. */
static rnnp_status write_changed(const rnnp_records *set, const char *path, const content *before, int missing)
{
    comparison c = {.with = before};

    rnnp_records_write(set, compare, &c);
    if (c.bytes > RNNP_RECORDS_TEXT_BYTES)
        return rnnp_fail(set->context, RNNP_ERR_IO, "%s would have %zu bytes, more than tuning records may have (%d)",
                         path, c.bytes, RNNP_RECORDS_TEXT_BYTES);
    if (missing ? set->n_records == 0 : !c.differs && c.bytes == before->bytes) return RNNP_OK;
    return rnnp_file_write(set->context, path, NEW_FILE, write_set, (void *)(uintptr_t)set);
}

typedef rnnp_status work_fn(const rnnp_context *context, const char *path, void *user);

/* Does the work with the path without links, while the lock beside the file is held. The lock file goes with the lock.
 */
static rnnp_status with_lock(const rnnp_context *context, const char *path, unsigned wait_ms, work_fn *work, void *user)
{
    char real[RNNP_FILE_PATH], lock[RNNP_FILE_PATH];

    if (strlen(path) >= RNNP_RECORDS_PATH)
        return rnnp_fail(context, RNNP_ERR_ARG, "a path of %zu characters is too long", strlen(path));
    rnnp_status status = rnnp_file_resolve(context, path, real);
    if (status == RNNP_OK) status = rnnp_file_beside(context, real, ".lock", lock);
    if (status != RNNP_OK) return status;
    const int held = take_lock(context, lock, wait_ms);
    if (held < 0) return RNNP_ERR_IO;
    status = work(context, real, user);
    if (rnnp_file_is_named(held, lock)) unlink(lock);
    flock(held, LOCK_UN); /* said, because a child that was forked meanwhile has the file open too */
    close(held);
    return status;
}

typedef struct editing {
    rnnp_records_edit_fn edit;
    void *user;
    rnnp_records *result; /* what the file then holds */
} editing;

static rnnp_status edit_work(const rnnp_context *context, const char *path, void *user)
{
    editing *e = user;
    content before;
    int missing;

    rnnp_status status = read_set(context, path, &missing, &before, &e->result);
    if (missing) status = rnnp_records_create(context, &e->result);
    if (status == RNNP_OK) status = e->edit(e->user, e->result);
    if (status == RNNP_OK) status = write_changed(e->result, path, &before, missing);
    rnnp_free(context, before.text, before.bytes);
    return status;
}

/* Reads what is there and makes room for what is not. */
static rnnp_status check_work(const rnnp_context *context, const char *path, void *user)
{
    rnnp_records *set;
    content c;
    int missing;
    const rnnp_status status = read_set(context, path, &missing, &c, &set);

    (void)user;
    rnnp_free(context, c.text, c.bytes);
    rnnp_records_destroy(set);
    return status == RNNP_OK || missing ? rnnp_file_check(context, path) : status;
}

rnnp_status rnnp_records_check(const rnnp_context *context, const char *path, unsigned wait_ms)
{
    if (!context || !path) return RNNP_ERR_ARG;
    return with_lock(context, path, wait_ms, check_work, NULL);
}

rnnp_status rnnp_records_edit(const rnnp_context *context, const char *path, unsigned wait_ms,
                              rnnp_records_edit_fn edit, void *user)
{
    editing e = {edit, user, NULL};

    if (!context || !path || !edit) return RNNP_ERR_ARG;
    const rnnp_status status = with_lock(context, path, wait_ms, edit_work, &e);
    rnnp_records_destroy(e.result);
    return status;
}

static rnnp_status join_into(void *user, rnnp_records *set) { return rnnp_records_merge(set, user); }

rnnp_status rnnp_records_update(rnnp_records *set, const char *path, unsigned wait_ms)
{
    editing e = {join_into, set, NULL};

    if (!set || !path) return RNNP_ERR_ARG;
    const rnnp_status status = with_lock(set->context, path, wait_ms, edit_work, &e);
    if (status == RNNP_OK) rnnp_records_swap(set, e.result);
    rnnp_records_destroy(e.result);
    return status;
}
