/* SPDX-License-Identifier: Apache-2.0
 *
 * A file replaced as a whole: there is the old one or the whole new one, whatever happens.
 */
#ifndef RNNP_FILE_H
#define RNNP_FILE_H

#include "context.h"

/* Gives the content of a file to write(to, ...), first to last, and stops when that is not 0. */
typedef rnnp_status (*rnnp_file_fill_fn)(void *user, rnnp_write_fn write, void *to);

/*
 * rnnp_file_replace() fills a new file beside the path (the path, ".", the process's number, a number and ".tmp"),
 * makes it durable (fsync) and renames it to the path. Mode and, as far as allowed, owner are those of the file that
 * was there.
 *
 * Returns  RNNP_OK; what fill returned; RNNP_ERR_IO with the system's words, or when something that is no regular file
 *          is at the path; RNNP_ERR_ARG for a path that is NULL or empty; RNNP_ERR_MEMORY.
 * Errors   leave what was at the path as it was, and no temporary file.
 */
rnnp_status rnnp_file_replace(const rnnp_context *context, const char *path, rnnp_file_fill_fn fill, void *user);

#endif
