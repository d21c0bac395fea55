/* SPDX-License-Identifier: Apache-2.0
 *
 * NumPy's .npz files: zip archives (PKWARE's APPNOTE) of stored or deflated members, as numpy.savez and
 * savez_compressed write them. Archives of several files, encrypted ones and those beyond 4 GiB (zip64) are refused,
 * and so is what no writer makes: members that overlap, sizes and sums that differ, and bytes that would become far
 * more. (libzip and minizip do not tell where members lie, so they could not be asked whether these overlap.)
 */
#ifndef RNNP_CLI_ARCHIVE_H
#define RNNP_CLI_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

enum { ARCHIVE_MEMBERS = 32 };

typedef struct archive_member {
    char name[64];
    size_t begin, at, end; /* in the archive: the local header, the packed bytes */
    size_t size;           /* unpacked */
    uint32_t sum;          /* CRC-32 of that */
    int packed;
} archive_member;

typedef struct archive {
    const char *path;
    const unsigned char *bytes;
    unsigned char *image; /* of a file: its bytes, as far as they are needed; the others are never touched */
    gzFile file;
    size_t size, n;
    archive_member at[ARCHIVE_MEMBERS];
} archive;

/* Whether these are the first bytes of a zip archive. */
int archive_is(const unsigned char *bytes, size_t size);
/* Describes an archive in memory, which is the caller's. CLI_OK, or CLI_FAILED after a sentence. */
int archive_parse(archive *a, const char *path, const unsigned char *bytes, size_t size);
/* The same of a file, whose members are read when they are wanted. It need not be an archive: then it has no members.
 * Close it either way. */
int archive_open(archive *a, const char *path);
void archive_close(archive *a);
/* The bytes of a member, to be freed with free(). */
int archive_read(const archive *a, const archive_member *m, unsigned char **bytes);

/* Whether packed bytes may become so many: data pack some 5 to 20 times, a bomb a thousand times. */
static inline int archive_bounded(double unpacked, size_t packed)
{
    enum { FREE = 16 << 20, TIMES = 64 };
    return unpacked <= FREE + TIMES * (double)packed;
}

#endif
