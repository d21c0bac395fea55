/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* flock */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEMPORARIES = 100, PRIVATE = 0600 };

/* A long path must not push out the system's words. */
static rnnp_status io_fail(const rnnp_context *context, const char *doing, const char *path, int error)
{
    return rnnp_fail(context, RNNP_ERR_IO, "%s%.150s: %s", doing, path, strerror(error));
}

/* ---- Names ---- */

rnnp_status rnnp_file_resolve(const rnnp_context *context, const char *path, char real[RNNP_FILE_PATH])
{
    struct stat about;

    if (!path || !*path) return rnnp_fail(context, RNNP_ERR_ARG, "path is %s", path ? "empty" : "NULL");
    if (strlen(path) >= RNNP_FILE_PATH)
        return rnnp_fail(context, RNNP_ERR_ARG, "a path of %zu characters is too long", strlen(path));
    if (realpath(path, real)) return RNNP_OK;
    if (errno != ENOENT || (lstat(path, &about) == 0 && S_ISLNK(about.st_mode))) /* a link that leads nowhere */
        return io_fail(context, "", path, errno);
    snprintf(real, RNNP_FILE_PATH, "%s", path); /* a new file, or one that another process made just now */
    return RNNP_OK;
}

rnnp_status rnnp_file_beside(const rnnp_context *context, const char *path, const char *suffix,
                             char name[RNNP_FILE_PATH])
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const int length = snprintf(name, RNNP_FILE_PATH, "%.*s.%s%s", (int)(base - path), path, base, suffix);

    if (length < 0 || length >= RNNP_FILE_PATH)
        return rnnp_fail(context, RNNP_ERR_ARG, "a path of %zu characters is too long", strlen(path));
    return RNNP_OK;
}

int rnnp_file_is_named(int fd, const char *path)
{
    struct stat opened, named;

    return fstat(fd, &opened) == 0 && lstat(path, &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

/* ---- Temporary files ---- */

/* The process that fills a temporary file holds its lock, which ends with the process. */
static void remove_leftover(const char *name)
{
    const int fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat about;

    if (fd < 0) return;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && (about.st_uid == geteuid() || geteuid() == 0) &&
        flock(fd, LOCK_EX | LOCK_NB) == 0 && rnnp_file_is_named(fd, name))
        unlink(name);
    close(fd);
}

/* A new file, locked where the file system knows locks. Another process may take it for a leftover before it is
 * locked: that is EEXIST too. */
static int create_locked(const char *name)
{
    const int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, PRIVATE);

    if (fd < 0) return -1;
    if ((flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) && rnnp_file_is_named(fd, name)) return fd;
    close(fd);
    errno = EEXIST;
    return -1;
}

/* A new file beside the path; its name goes to `name`. What dead processes left there is removed first. */
static rnnp_status create_beside(const rnnp_context *context, const char *path, char name[RNNP_FILE_PATH], int *fd)
{
    char suffix[32];

    *fd = -1;
    for (int sweep = 1; sweep >= 0; sweep--) {
        for (int i = 0; i < TEMPORARIES; i++) {
            snprintf(suffix, sizeof suffix, ".%d.tmp", i);
            const rnnp_status status = rnnp_file_beside(context, path, suffix, name);
            if (status != RNNP_OK) return status;
            if (sweep) {
                remove_leftover(name);
                continue;
            }
            *fd = create_locked(name);
            if (*fd >= 0) return RNNP_OK;
            if (errno != EEXIST) return io_fail(context, "cannot write ", path, errno);
        }
    }
    return rnnp_fail(context, RNNP_ERR_IO, "cannot write %.150s: %d temporary files are in the way, up to %.50s", path,
                     TEMPORARIES, strrchr(name, '/') ? strrchr(name, '/') + 1 : name);
}

/* ---- Modes ---- */

/* Calling umask() would change it for a moment, for all threads. Without /proc, only the owner may read and write. */
static mode_t read_umask(void)
{
    char text[512];
    const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;

    if (fd >= 0) close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *line = strstr(text, "\nUmask:");
    return line ? (mode_t)strtoul(line + 7, NULL, 8) : 0777 & ~(mode_t)PRIVATE;
}

/* Those of the file that is replaced, or of a new one. */
static int set_mode(int fd, const struct stat *old, unsigned mode)
{
    if (!old) return fchmod(fd, (mode_t)mode & ~read_umask());
    const int given = fchown(fd, old->st_uid, old->st_gid); /* only root may give files to others */

    (void)given;
    return fchmod(fd, old->st_mode & 0777);
}

/* ---- Replacing ---- */

typedef struct file {
    int fd;
    int error; /* errno of what failed, 0 for nothing */
} file;

static int write_bytes(void *user, const void *bytes, size_t size)
{
    file *f = user;
    const char *p = bytes;

    while (size) {
        const ssize_t n = write(f->fd, p, size);

        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            f->error = n < 0 ? errno : EIO;
            return -1;
        }
        p += n;
        size -= (size_t)n;
    }
    return 0;
}

/* Makes the rename itself durable. File systems that cannot sync a folder need not. */
static rnnp_status sync_folder(const rnnp_context *context, const char *path)
{
    char folder[RNNP_FILE_PATH];
    const char *slash = strrchr(path, '/');

    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) /* the folder is writable but not readable: nothing more can be done */
        return RNNP_OK;
    const int error = fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
    close(fd);
    return error ? io_fail(context, "written, but perhaps not yet on the disk: ", path, error) : RNNP_OK;
}

/* What is at a path, if it can be replaced; *exists is 0 if nothing is. */
static rnnp_status look(const rnnp_context *context, const char *path, struct stat *old, int *exists)
{
    *exists = stat(path, old) == 0;
    if (*exists && !S_ISREG(old->st_mode)) /* renaming would put a file in the place of a device */
        return rnnp_fail(context, RNNP_ERR_IO, "%.150s is not a regular file", path);
    return RNNP_OK;
}

static rnnp_status replace(const rnnp_context *context, const char *path, unsigned mode, rnnp_file_fill_fn fill,
                           void *user)
{
    char name[RNNP_FILE_PATH];
    struct stat old;
    int exists;
    file f = {.fd = -1};

    rnnp_status status = look(context, path, &old, &exists);
    if (status == RNNP_OK) status = create_beside(context, path, name, &f.fd);
    if (status != RNNP_OK) return status;
    status = fill(user, write_bytes, &f);
    if (status == RNNP_OK && (set_mode(f.fd, exists ? &old : NULL, mode) != 0 || fsync(f.fd) != 0)) f.error = errno;
    if (status == RNNP_OK && !f.error && rename(name, path) != 0) f.error = errno;
    if (f.error) status = io_fail(context, "cannot write ", path, f.error);
    if (status != RNNP_OK) unlink(name);
    const int closed = close(f.fd); /* and with it the lock, now that the name is no temporary one */
    if (status == RNNP_OK && closed != 0)
        status = io_fail(context, "written, but perhaps not yet on the disk: ", path, errno);
    return status == RNNP_OK ? sync_folder(context, path) : status;
}

rnnp_status rnnp_file_write(const rnnp_context *context, const char *path, unsigned mode, rnnp_file_fill_fn fill,
                            void *user)
{
    char real[RNNP_FILE_PATH];
    const rnnp_status status = rnnp_file_resolve(context, path, real);

    return status == RNNP_OK ? replace(context, real, mode, fill, user) : status;
}

rnnp_status rnnp_file_replace(const rnnp_context *context, const char *path, rnnp_file_fill_fn fill, void *user)
{
    return rnnp_file_write(context, path, 0666, fill, user);
}

rnnp_status rnnp_file_check(const rnnp_context *context, const char *path)
{
    char real[RNNP_FILE_PATH], name[RNNP_FILE_PATH];
    struct stat old;
    int exists, fd;

    rnnp_status status = rnnp_file_resolve(context, path, real);
    if (status == RNNP_OK) status = look(context, real, &old, &exists);
    if (status == RNNP_OK) status = create_beside(context, real, name, &fd);
    if (status != RNNP_OK) return status;
    unlink(name);
    close(fd);
    return RNNP_OK;
}
