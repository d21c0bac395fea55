/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "open.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
