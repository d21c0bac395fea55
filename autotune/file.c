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
    char *text;
    size_t bytes;
} content;

static void release(const rnnp_context *context, content *c)
{
    rnnp_free(context, c->text, c->bytes);
    *c = (content){NULL, 0};
}

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

/* Release the content in any case. A missing file is RNNP_ERR_IO without a sentence, and so is one that is not trusted,
 * where `distrust` is given: it tells why, and is "" for any other file. */
static rnnp_status read_content(const rnnp_context *context, const char *path, int *missing, char *distrust, content *c)
{
    rnnp_status status = RNNP_ERR_IO;

    *c = (content){NULL, 0};
    *missing = 0;
    if (distrust) distrust[0] = '\0';
    /* A pipe without a writer would block otherwise. */
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0) {
        *missing = errno == ENOENT || errno == ENOTDIR;
        return *missing ? RNNP_ERR_IO : io_error(context, "", path);
    }
    if (!distrust || rnnp_records_trusted(file, path, distrust)) status = read_open(context, file, path, c);
    close(file);
    return status;
}

rnnp_status rnnp_records_read_if(const rnnp_context *context, const char *path, int *missing, char *distrust,
                                 rnnp_records **set)
{
    content c;

    *set = NULL;
    rnnp_status status = read_content(context, path, missing, distrust, &c);
    if (status == RNNP_OK) status = rnnp_records_open_memory(context, path, c.text, c.bytes, set);
    release(context, &c);
    return status;
}

rnnp_status rnnp_records_open_file(const rnnp_context *context, const char *path, rnnp_records **set)
{
    int missing;

    if (set) *set = NULL;
    if (!context || !path || !set) return RNNP_ERR_ARG;
    const rnnp_status status = rnnp_records_read_if(context, path, &missing, NULL, set);
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

/* ---- Writing ---- */

static int count_bytes(void *user, const void *text, size_t bytes)
{
    (void)text;
    *(size_t *)user += bytes;
    return 0;
}

static int append(void *user, const void *text, size_t bytes)
{
    char **const end = user;

    memcpy(*end, text, bytes);
    *end += bytes;
    return 0;
}

static rnnp_status print_content(const rnnp_records *set, const char *path, content *c)
{
    *c = (content){NULL, 0};
    rnnp_records_write(set, count_bytes, &c->bytes);
    if (c->bytes > RNNP_RECORDS_TEXT_BYTES)
        return rnnp_fail(set->context, RNNP_ERR_IO, "%s would have %zu bytes, more than tuning records may have (%d)",
                         path, c->bytes, RNNP_RECORDS_TEXT_BYTES);
    c->text = rnnp_alloc(set->context, c->bytes);
    if (!c->text) return RNNP_ERR_MEMORY;
    char *end = c->text;
    return rnnp_records_write(set, append, &end);
}

static rnnp_status write_content(void *user, rnnp_write_fn write, void *to)
{
    const content *c = user;

    return write(to, c->text, c->bytes) == 0 ? RNNP_OK : RNNP_ERR_IO;
}

/* What a file of records may grant: others who could write to it would have it ignored (rnnp_records_open_default). */
enum { NEW_FILE = 0644 };

/* ---- Changing ---- */

/* With the lock held. *result is what the file then holds. */
static rnnp_status edit_locked(const rnnp_context *context, const char *path, rnnp_records_edit_fn edit, void *user,
                               rnnp_records **result)
{
    content before, after = {NULL, 0};
    int missing;

    rnnp_status status = read_content(context, path, &missing, NULL, &before);
    if (status == RNNP_OK)
        status = rnnp_records_open_memory(context, path, before.text, before.bytes, result);
    else if (missing)
        status = rnnp_records_create(context, result);
    if (status == RNNP_OK) status = edit(user, *result);
    if (status == RNNP_OK) status = print_content(*result, path, &after);
    if (status == RNNP_OK) {
        const int changed = missing ? rnnp_records_count(*result) > 0
                                    : before.bytes != after.bytes || memcmp(before.text, after.text, after.bytes) != 0;
        if (changed) status = rnnp_file_write(context, path, NEW_FILE, write_content, &after);
    }
    release(context, &before);
    release(context, &after);
    return status;
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
    rnnp_records **result;
} editing;

static rnnp_status edit_work(const rnnp_context *context, const char *path, void *user)
{
    const editing *e = user;

    return edit_locked(context, path, e->edit, e->user, e->result);
}

static rnnp_status edit_file(const rnnp_context *context, const char *path, unsigned wait_ms, rnnp_records_edit_fn edit,
                             void *user, rnnp_records **result)
{
    *result = NULL;
    const rnnp_status status = with_lock(context, path, wait_ms, edit_work, &(editing){edit, user, result});

    if (status != RNNP_OK) {
        rnnp_records_destroy(*result);
        *result = NULL;
    }
    return status;
}

/* Reads what is there and makes room for what is not. */
static rnnp_status check_work(const rnnp_context *context, const char *path, void *user)
{
    rnnp_records *set;
    int missing;
    const rnnp_status status = rnnp_records_read_if(context, path, &missing, NULL, &set);

    (void)user;
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
    rnnp_records *result;

    if (!context || !path || !edit) return RNNP_ERR_ARG;
    const rnnp_status status = edit_file(context, path, wait_ms, edit, user, &result);
    rnnp_records_destroy(result);
    return status;
}

static rnnp_status join_into(void *user, rnnp_records *set) { return rnnp_records_merge(set, user); }

rnnp_status rnnp_records_update(rnnp_records *set, const char *path, unsigned wait_ms)
{
    rnnp_records *result;

    if (!set || !path) return RNNP_ERR_ARG;
    const rnnp_status status = edit_file(set->context, path, wait_ms, join_into, set, &result);
    if (status == RNNP_OK) rnnp_records_swap(set, result);
    rnnp_records_destroy(result);
    return status;
}
