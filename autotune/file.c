/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of records: readers take what they find, writers replace it as a whole and one after another.
 */
#define _DEFAULT_SOURCE

#include "../src/clock.h"
#include "../src/context.h"
#include "set.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

        if (n < 0 && errno != EINTR)
            return io_error(context, "", path);
        if (n == 0)
            return rnnp_fail(context, RNNP_ERR_FORMAT, "%s ends after %zu of its %zu bytes", path, used, c->bytes);
        used += n > 0 ? (size_t)n : 0;
    }
    return RNNP_OK;
}

static rnnp_status read_open(const rnnp_context *context, int file, const char *path, content *c)
{
    struct stat about;

    if (fstat(file, &about) != 0)
        return io_error(context, "", path);
    if (!S_ISREG(about.st_mode))
        return rnnp_fail(context, RNNP_ERR_IO, "%s is %s, no regular file", path,
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

/* Release the content in any case. A missing file is RNNP_ERR_IO without a sentence. */
static rnnp_status read_content(const rnnp_context *context, const char *path, int *missing, content *c)
{
    *c = (content){NULL, 0};
    *missing = 0;
    /* A pipe without a writer would block otherwise. */
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0) {
        *missing = errno == ENOENT || errno == ENOTDIR;
        return *missing ? RNNP_ERR_IO : io_error(context, "", path);
    }
    const rnnp_status status = read_open(context, file, path, c);
    close(file);
    return status;
}

rnnp_status rnnp_records_read_if(const rnnp_context *context, const char *path, int *missing, rnnp_records **set)
{
    content c;

    *set = NULL;
    rnnp_status status = read_content(context, path, missing, &c);
    if (status == RNNP_OK)
        status = rnnp_records_parse(context, path, c.text, c.bytes, set);
    release(context, &c);
    return status;
}

rnnp_status rnnp_records_read(const rnnp_context *context, const char *path, rnnp_records **set)
{
    int missing;

    if (set)
        *set = NULL;
    if (!context || !path || !set)
        return RNNP_ERR_ARG;
    const rnnp_status status = rnnp_records_read_if(context, path, &missing, set);
    return missing ? rnnp_fail(context, status, "%s: there is no such file", path) : status;
}

/* ---- Lock ---- */

/* 1 if the path still names the open file: whoever tidies up may have removed a lock that we waited for. */
static int still_named(int file, const char *path)
{
    struct stat opened, named;

    return fstat(file, &opened) == 0 && stat(path, &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

/* An open file that holds the lock, to be closed; -1 with the sentence in the context. flock knows no time limit, so it
 * is asked again and again, after 1 to 16 ms. */
static int take_lock(const rnnp_context *context, const char *path, unsigned wait_ms)
{
    const double begin = rnnp_clock();

    for (unsigned pause = 1;; pause = pause < 16 ? 2 * pause : pause) {
        const int file = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);

        if (file < 0) {
            io_error(context, "cannot lock ", path);
            return -1;
        }
        if (flock(file, LOCK_EX | LOCK_NB) == 0) {
            if (still_named(file, path))
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

static int count_bytes(void *user, const char *text, size_t bytes)
{
    (void)text;
    *(size_t *)user += bytes;
    return 0;
}

static int append(void *user, const char *text, size_t bytes)
{
    char **const end = user;

    memcpy(*end, text, bytes);
    *end += bytes;
    return 0;
}

static rnnp_status print_content(const rnnp_records *set, const char *path, content *c)
{
    *c = (content){NULL, 0};
    rnnp_records_print(set, count_bytes, &c->bytes);
    if (c->bytes > RNNP_RECORDS_TEXT_BYTES)
        return rnnp_fail(set->context, RNNP_ERR_IO, "%s would have %zu bytes, more than tuning records may have (%d)",
                         path, c->bytes, RNNP_RECORDS_TEXT_BYTES);
    c->text = rnnp_alloc(set->context, c->bytes);
    if (!c->text)
        return RNNP_ERR_MEMORY;
    char *end = c->text;
    return rnnp_records_print(set, append, &end);
}

/* Everything to the disk, with mode and owner of the file that this one is to replace. Returns 1, or 0 with errno. */
static int write_whole(int file, const content *c, const char *replaced)
{
    struct stat about;

    for (size_t used = 0; used < c->bytes;) {
        const ssize_t n = write(file, c->text + used, c->bytes - used);

        if (n < 0 && errno != EINTR)
            return 0;
        used += n > 0 ? (size_t)n : 0;
    }
    if (stat(replaced, &about) == 0) {
        const int given = fchown(file, about.st_uid, about.st_gid); /* only root may give files to others */
        (void)given;
        if (fchmod(file, about.st_mode & 0777) != 0)
            return 0;
    }
    return fsync(file) == 0;
}

/* The rename itself must reach the disk too; some file systems know no fsync of a folder. */
static int flush_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *const slash = strrchr(path, '/');
    const size_t length = slash ? (size_t)(slash - path) : 0;

    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(length ? length : 1) : 1, slash ? path : ".");
    const int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return 0;
    const int done = fsync(file) == 0 || errno == EINVAL;
    const int error = errno;
    close(file);
    errno = error;
    return done;
}

/* The lock is ours, so a path.tmp that is there was left by a writer that died. */
static rnnp_status replace(const rnnp_context *context, const char *path, const content *c)
{
    char temporary[PATH_MAX + 8];

    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    unlink(temporary);
    const int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0)
        return io_error(context, "cannot write ", temporary);
    int done = write_whole(file, c, path);
    const int error = errno;
    if (close(file) != 0 && done)
        done = 0;
    else if (!done)
        errno = error;
    if (!done || rename(temporary, path) != 0) {
        const rnnp_status status = io_error(context, "cannot write ", temporary);

        unlink(temporary);
        return status;
    }
    return flush_folder(path) ? RNNP_OK : io_error(context, "written, but perhaps not yet on the disk: ", path);
}

/* ---- Changing ---- */

/* The path without symbolic links, so that the file and not the link is replaced. */
static rnnp_status resolve(const rnnp_context *context, const char *path, char real[PATH_MAX])
{
    struct stat about;

    if (strlen(path) >= RNNP_RECORDS_PATH)
        return rnnp_fail(context, RNNP_ERR_ARG, "a path of %zu characters is too long", strlen(path));
    if (realpath(path, real))
        return RNNP_OK;
    if (errno != ENOENT || (lstat(path, &about) == 0 && S_ISLNK(about.st_mode))) /* the latter: a link to nothing */
        return io_error(context, "", path);
    snprintf(real, PATH_MAX, "%s", path); /* a new file, or one that another process made just now */
    return RNNP_OK;
}

/* With the lock held. *result is what the file then holds. */
static rnnp_status edit_locked(const rnnp_context *context, const char *path, rnnp_records_edit_fn edit, void *user,
                               rnnp_records **result)
{
    content before, after = {NULL, 0};
    int missing;

    rnnp_status status = read_content(context, path, &missing, &before);
    if (status == RNNP_OK)
        status = rnnp_records_parse(context, path, before.text, before.bytes, result);
    else if (missing)
        status = rnnp_records_create(context, result);
    if (status == RNNP_OK)
        status = edit(user, *result);
    if (status == RNNP_OK)
        status = print_content(*result, path, &after);
    if (status == RNNP_OK &&
        (missing || before.bytes != after.bytes || memcmp(before.text, after.text, after.bytes) != 0))
        status = replace(context, path, &after);
    release(context, &before);
    release(context, &after);
    return status;
}

static rnnp_status edit_file(const rnnp_context *context, const char *path, unsigned wait_ms, rnnp_records_edit_fn edit,
                             void *user, rnnp_records **result)
{
    char real[PATH_MAX], lock[PATH_MAX + 8];

    *result = NULL;
    rnnp_status status = resolve(context, path, real);
    if (status != RNNP_OK)
        return status;
    snprintf(lock, sizeof lock, "%s.lock", real);
    const int held = take_lock(context, lock, wait_ms);
    if (held < 0)
        return RNNP_ERR_IO;
    status = edit_locked(context, real, edit, user, result);
    flock(held, LOCK_UN); /* said, because a child that was forked meanwhile has the file open too */
    close(held);
    if (status != RNNP_OK) {
        rnnp_records_destroy(*result);
        *result = NULL;
    }
    return status;
}

rnnp_status rnnp_records_edit(const rnnp_context *context, const char *path, unsigned wait_ms,
                              rnnp_records_edit_fn edit, void *user)
{
    rnnp_records *result;

    if (!context || !path || !edit)
        return RNNP_ERR_ARG;
    const rnnp_status status = edit_file(context, path, wait_ms, edit, user, &result);
    rnnp_records_destroy(result);
    return status;
}

static rnnp_status join_into(void *user, rnnp_records *set) { return rnnp_records_merge(set, user); }

rnnp_status rnnp_records_update(rnnp_records *set, const char *path, unsigned wait_ms)
{
    rnnp_records *result;

    if (!set || !path)
        return RNNP_ERR_ARG;
    const rnnp_status status = edit_file(set->context, path, wait_ms, join_into, set, &result);
    if (status == RNNP_OK)
        rnnp_records_swap(set, result);
    rnnp_records_destroy(result);
    return status;
}
