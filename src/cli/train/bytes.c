/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "bytes.h"

#include <sys/stat.h>
#include <unistd.h>

#include "../cli.h"

int bytes_open(const char *path, gzFile *file, size_t *size)
{
    struct stat about;
    const char *why = NULL;
    const int fd = cli_open(path, &why);
    *file = fd >= 0 && fstat(fd, &about) == 0 ? gzdopen(fd, "rb") : NULL;
    if (*file) {
        gzdirect(*file); /* looks at how it begins: until then it would be read to where it is to be sought */
        *size = (size_t)about.st_size;
        return CLI_OK;
    }
    if (fd >= 0) close(fd);
    return cli_fail("%s: %s", path, why ? why : "cannot be read");
}

int bytes_read(gzFile file, const char *path, size_t at, void *to, size_t n)
{
    char *p = to;
    if (gzseek(file, (z_off_t)at, SEEK_SET) != (z_off_t)at) return cli_fail("%s: cannot be read", path);
    while (n > 0) {
        const int got = gzread(file, p, n < 1 << 30 ? (unsigned)n : 1u << 30);
        if (got <= 0) return cli_fail("%s: cannot be read to its end", path);
        p += got;
        n -= (size_t)got;
    }
    return CLI_OK;
}
