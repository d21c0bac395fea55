/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of a model. Only regular ones are read, and opening waits for nobody. The model itself is where the caller says
 * it is; external data is where the file says it is, and must not lead out of the model's folder.
 */
#define _GNU_SOURCE /* O_PATH, syscall */
#include "../graph/budget.h"
#include "loader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#ifdef SYS_openat2
#include <linux/openat2.h>
#endif
#ifndef O_PATH
#define O_PATH O_RDONLY
#endif

enum { FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY };

/* ---- Below a folder ---- */

/* The kernel walks the path and sees to it that no part of it, links included, leaves the folder. */
static int open_beneath_at_once(int folder, const char *path)
{
#ifdef SYS_openat2
    const struct open_how how = {.flags = FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
#else
    (void)folder, (void)path;
    errno = ENOSYS;
    return -1;
#endif
}

/* Part by part, where the kernel cannot do it: no link is followed. The path is without "..". */
static int open_beneath_by_parts(int folder, const char *path)
{
    char part[256];
    int at = folder, next = -1, error = ENOENT;

    while (*path) {
        const size_t length = strcspn(path, "/");
        const int last = path[length + strspn(path + length, "/")] == '\0';

        if (length >= sizeof part) {
            next = -1;
            error = ENAMETOOLONG;
        } else {
            memcpy(part, path, length);
            part[length] = '\0';
            next = openat(at, part, last ? FLAGS | O_NOFOLLOW : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            error = errno;
        }
        if (at != folder) close(at);
        if (next < 0) break;
        at = next;
        path += length + strspn(path + length, "/");
    }
    errno = error;
    return next;
}

static int open_beneath(const char *folder, const char *path)
{
    const int at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (at < 0) return -1;
    int fd = open_beneath_at_once(at, path);
    if (fd < 0 &&
        (errno == ENOSYS || errno == EPERM || errno == EAGAIN || errno == EINVAL)) /* an old kernel, a filter */
        fd = open_beneath_by_parts(at, path);
    const int error = errno;
    close(at);
    errno = error;
    return fd;
}

/* ---- Files ---- */

static rnnp_status check_file(loader *l, const char *name, int fd, loader_file *file)
{
    struct stat about;

    if (fd < 0 && (errno == EXDEV || errno == ELOOP))
        return rnnp_fail(l->context, RNNP_ERR_IO, "%.150s leads out of the model's folder, or its links form a loop",
                         name);
    if (fd < 0 && errno != ENXIO) /* ENXIO: a socket */
        return rnnp_fail(l->context, RNNP_ERR_IO, "%.150s: %s", name, strerror(errno));
    if (fd >= 0 && fstat(fd, &about) != 0) {
        const int error = errno;

        close(fd);
        return rnnp_fail(l->context, RNNP_ERR_IO, "%.150s: %s", name, strerror(error));
    }
    if (fd < 0 || !S_ISREG(about.st_mode)) {
        if (fd >= 0) close(fd);
        return rnnp_fail(l->context, RNNP_ERR_IO, "%.150s is not a regular file", name);
    }
    *file = (loader_file){.fd = fd, .bytes = (size_t)about.st_size, .device = about.st_dev, .number = about.st_ino};
    file->on_disk = (uint64_t)about.st_blocks * 512;
    if (file->on_disk > file->bytes) file->on_disk = file->bytes;
    return RNNP_OK;
}

rnnp_status loader_open(loader *l, const char *path, loader_file *file)
{
    return check_file(l, path, open(path, FLAGS), file);
}

rnnp_status loader_open_beneath(loader *l, const char *path, loader_file *file)
{
    return check_file(l, path, open_beneath(l->directory, path), file);
}

void loader_close(const loader_file *file) { close(file->fd); }

rnnp_status loader_read(loader *l, const loader_file *file, const char *name, size_t offset, size_t length,
                        void **bytes)
{
    size_t done = 0;

    *bytes = NULL;
    if (offset > file->bytes || length > file->bytes - offset)
        return rnnp_fail(l->context, RNNP_ERR_FORMAT,
                         "%.150s: bytes %zu and the %zu after it are asked for, it has %zu", name, offset, length,
                         file->bytes);
    char *to = loader_alloc(l, length);
    if (!to) return RNNP_ERR_MEMORY;
    while (done < length) {
        const ssize_t n = pread(file->fd, to + done, length - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR) continue;
        if (n <= 0)
            return rnnp_fail(l->context, RNNP_ERR_IO, "%.150s: %s", name, n ? strerror(errno) : "it ends early");
        done += (size_t)n;
    }
    *bytes = to;
    return RNNP_OK;
}
