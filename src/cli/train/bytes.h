/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes of a file from anywhere in it. zlib reads plain files, too, and finds its way in them: so one kind of file does
 * for all. gzdirect() tells whether it is plain.
 */
#ifndef RNNP_CLI_BYTES_H
#define RNNP_CLI_BYTES_H

#include <stddef.h>
#include <zlib.h>

/* A file and its size. CLI_OK, or CLI_FAILED after a sentence. */
int bytes_open(const char *path, gzFile *file, size_t *size);
int bytes_read(gzFile file, const char *path, size_t at, void *to, size_t n);

#endif
