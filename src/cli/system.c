/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- Memory ------------------------------------------------------------------------------------ */

/* A command has nothing to do without memory. What it has written is whole: files are replaced when they are. */
static void *checked(void *p, size_t n, size_t size)
{
    if (p) return p;
    fprintf(stderr, "rnnpack: out of memory: %zu times %zu bytes are needed\n", n, size);
    exit(1);
}

void *cli_alloc(size_t n, size_t size) { return checked(calloc(n ? n : 1, size ? size : 1), n, size); }

void cli_grow(void *p, size_t *room, size_t n, size_t size)
{
    void *at;
    if (n <= *room) return;
    memcpy(&at, p, sizeof at);
    *room = n + n / 2 + 64;
    at = checked(*room <= SIZE_MAX / size ? realloc(at, *room * size) : NULL, n, size);
    memcpy(p, &at, sizeof at);
}

char *cli_copy(const char *text) { return checked(strdup(text), strlen(text), 1); }

char **cli_copies(char *const *texts, size_t n)
{
    char **copies = texts ? cli_alloc(n + 1, sizeof *copies) : NULL;
    for (size_t i = 0; texts && i < n; i++) copies[i] = texts[i] ? cli_copy(texts[i]) : NULL;
    return copies;
}

void cli_free_texts(char **texts, size_t n)
{
    for (size_t i = 0; texts && i < n; i++) free(texts[i]);
    free(texts);
}

void cli_free(void *p)
{
    void *at;
    memcpy(&at, p, sizeof at);
    free(at);
}

/* ---- Files ------------------------------------------------------------------------------------- */

int cli_open(const char *path, const char **why)
{
    struct stat about;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        *why = errno == ENXIO ? "is not a regular file" : strerror(errno); /* ENXIO: a socket */
        return -1;
    }
    if (fstat(fd, &about) != 0)
        *why = strerror(errno);
    else if (!S_ISREG(about.st_mode))
        *why = S_ISDIR(about.st_mode) ? strerror(EISDIR) : "is not a regular file";
    else
        return fd;
    close(fd);
    return -1;
}

FILE *cli_fopen(const char *path, const char **why)
{
    const int fd = cli_open(path, why);
    FILE *const file = fd < 0 ? NULL : fdopen(fd, "rb");
    if (fd >= 0 && !file) {
        *why = strerror(errno);
        close(fd);
    }
    return file;
}

const char *cli_fclose(FILE *file)
{
    errno = 0;
    const int failed = fflush(file) != 0 || ferror(file), reason = errno;

    return fclose(file) != 0 || failed ? strerror(reason ? reason : errno ? errno : EIO) : NULL;
}

int cli_same_file(const char *a, const char *b)
{
    struct stat x, y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

double cli_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
