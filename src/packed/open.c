/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a packed file's bytes come from: a map, the caller's memory, or a copy of it.
 */
#define _POSIX_C_SOURCE 200809L
#include "../graph/engine.h"
#include "format.h"
#include "packed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A descriptor of a regular file, never waiting for a writer of a pipe; -1 with errno, 0 for something else. */
static int open_regular(const char *path, struct stat *about)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) return -1;
    if (fstat(fd, about) == 0 && S_ISREG(about->st_mode)) return fd;
    close(fd);
    errno = 0;
    return -1;
}

int rnnp_packed_is_file(const char *path)
{
    char magic[PACKED_MAGIC_BYTES];
    struct stat about;
    const int fd = path ? open_regular(path, &about) : -1;

    if (fd < 0) return 0;
    const ssize_t got = pread(fd, magic, sizeof magic, 0);
    close(fd);
    return got == PACKED_MAGIC_BYTES && memcmp(magic, PACKED_MAGIC, PACKED_MAGIC_BYTES) == 0;
}

/* The end of a long path says more than its beginning, and leaves room for the sentence. */
static void set_name(struct rnnp_packed *p, const char *path)
{
    const size_t length = strlen(path), most = sizeof p->name - 1;

    if (length <= most)
        snprintf(p->name, sizeof p->name, "%s", path);
    else
        snprintf(p->name, sizeof p->name, "...%s", path + length - (most - 3));
}

static struct rnnp_packed *create(const rnnp_context *context, const char *path)
{
    struct rnnp_packed *p = rnnp_calloc(context, sizeof *p);

    if (!p) return NULL;
    p->context = context;
    set_name(p, path);
    return p;
}

static rnnp_status map(struct rnnp_packed *p, const char *path)
{
    struct stat about;
    const int fd = open_regular(path, &about);

    if (fd < 0)
        return rnnp_fail(p->context, RNNP_ERR_IO, "%s%s%s", p->name, errno ? ": " : " is not a regular file",
                         errno ? strerror(errno) : "");
    if (about.st_size <= 0 || (uintmax_t)about.st_size > SIZE_MAX) {
        close(fd);
        return rnnp_fail(p->context, RNNP_ERR_FORMAT, "%s is not a packed model: it is %s", p->name,
                         about.st_size <= 0 ? "empty" : "too large");
    }
    void *base = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_SHARED, fd, 0);
    const int error = errno;
    close(fd);
    if (base == MAP_FAILED)
        return rnnp_fail(p->context, RNNP_ERR_IO, "%s: cannot be mapped: %s", p->name, strerror(error));
    p->base = base;
    p->bytes = (size_t)about.st_size;
    p->is_map = 1;
    return RNNP_OK;
}

rnnp_status rnnp_packed_open_file(const rnnp_context *context, const char *path, const rnnp_load_options *options,
                                  rnnp_model **model)
{
    if (!model) return context ? rnnp_fail(context, RNNP_ERR_ARG, "model is NULL") : RNNP_ERR_ARG;
    *model = NULL;
    if (!context) return RNNP_ERR_ARG;
    if (!path) return rnnp_fail(context, RNNP_ERR_ARG, "path is NULL");
    struct rnnp_packed *p = create(context, path);
    if (!p) return RNNP_ERR_MEMORY;
    const rnnp_status status = map(p, path);
    if (status == RNNP_OK) return rnnp_packed_read(context, p, options, model);
    rnnp_packed_destroy(p);
    return status;
}

rnnp_status rnnp_packed_open_memory(const rnnp_context *context, const void *bytes, size_t size,
                                    const rnnp_load_options *options, rnnp_model **model)
{
    if (!model) return context ? rnnp_fail(context, RNNP_ERR_ARG, "model is NULL") : RNNP_ERR_ARG;
    *model = NULL;
    if (!context) return RNNP_ERR_ARG;
    if (!bytes) return rnnp_fail(context, RNNP_ERR_ARG, "bytes is NULL");
    struct rnnp_packed *p = create(context, "the packed model");
    if (!p) return RNNP_ERR_MEMORY;
    p->base = bytes;
    p->bytes = size;
    if ((uintptr_t)bytes % PACKED_ALIGN != 0) {
        void *copy = rnnp_alloc(context, size);

        if (!copy) {
            rnnp_packed_destroy(p);
            return RNNP_ERR_MEMORY;
        }
        p->base = memcpy(copy, bytes, size);
        p->is_copy = 1;
    }
    return rnnp_packed_read(context, p, options, model);
}
