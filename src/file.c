/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SUFFIX = 64, TRIES = 100 };

typedef struct file {
    int fd;
    int error;   /* errno of what failed, 0 for nothing */
} file;

static int write_bytes(void *user, const void *bytes, size_t size)
{
    file *f = user;
    const char *p = bytes;

    while (size) {
        const ssize_t n = write(f->fd, p, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            f->error = n < 0 ? errno : EIO;
            return -1;
        }
        p += n;
        size -= (size_t)n;
    }
    return 0;
}

/* A new file beside the path; its name goes to `name`. */
static int create_beside(const char *path, char *name, size_t size)
{
    int fd = -1;

    errno = EEXIST;
    for (unsigned i = 0; i < TRIES && fd < 0 && errno == EEXIST; i++) {
        snprintf(name, size, "%s.%ld.%u.tmp", path, (long)getpid(), i);
        fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    return fd;
}

/* A file that only some may read stays so. */
static int keep_mode(int fd, const struct stat *old)
{
    const int given = fchown(fd, old->st_uid, old->st_gid); /* only root may give files to others */

    (void)given;
    return fchmod(fd, old->st_mode & 0777);
}

/* Makes the rename itself durable; file systems that cannot sync a folder need not. */
static void sync_folder(const char *path, char *folder)
{
    const char *slash = strrchr(path, '/');
    const size_t length = slash ? (size_t)(slash - path) + 1 : 1;

    memcpy(folder, slash ? path : ".", length);
    folder[length] = 0;
    const int fd = open(folder, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

/* The system's words must not fall off behind a long path. */
static rnnp_status io_fail(const rnnp_context *context, const char *path, int error)
{
    return rnnp_fail(context, RNNP_ERR_IO, "%.150s: %s", path, strerror(error));
}

static rnnp_status replace(const rnnp_context *context, const char *path, rnnp_file_fill_fn fill, void *user,
                           char *name, size_t size)
{
    struct stat old;
    const int exists = stat(path, &old) == 0;

    if (exists && !S_ISREG(old.st_mode)) /* renaming would put a file in the place of a device */
        return rnnp_fail(context, RNNP_ERR_IO, "%.150s is not a regular file", path);
    file f = {.fd = create_beside(path, name, size)};
    if (f.fd < 0)
        return io_fail(context, name, errno);
    rnnp_status status = fill(user, write_bytes, &f);
    if (status == RNNP_OK && ((exists && keep_mode(f.fd, &old) != 0) || fsync(f.fd) != 0))
        f.error = errno;
    if (close(f.fd) != 0 && !f.error)
        f.error = errno;
    if (f.error)
        status = io_fail(context, name, f.error);
    if (status == RNNP_OK && rename(name, path) != 0)
        status = io_fail(context, path, errno);
    if (status != RNNP_OK)
        unlink(name);
    else
        sync_folder(path, name);
    return status;
}

rnnp_status rnnp_file_replace(const rnnp_context *context, const char *path, rnnp_file_fill_fn fill, void *user)
{
    if (!path || !*path)
        return rnnp_fail(context, RNNP_ERR_ARG, "path is %s", path ? "empty" : "NULL");
    const size_t size = strlen(path) + SUFFIX;
    char *name = rnnp_alloc(context, size);
    if (!name)
        return RNNP_ERR_MEMORY;
    const rnnp_status status = replace(context, path, fill, user, name, size);
    rnnp_free(context, name, size);
    return status;
}
