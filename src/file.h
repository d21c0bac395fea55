/* SPDX-License-Identifier: Apache-2.0
 *
 * Replaces a file as a whole: whatever happens, the path has the old file or the complete new one.
 */
#ifndef RNNP_FILE_H
#define RNNP_FILE_H

#include "context.h"

enum { RNNP_FILE_PATH = 4096 }; /* room for a path; PATH_MAX where realpath() needs it */

/* Passes the content of a file to write(to, ...) in order, and stops if that returns anything but 0. */
typedef rnnp_status (*rnnp_file_fill_fn)(void *user, rnnp_write_fn write, void *to);

/*
 * rnnp_file_replace() fills a new file beside the path (".NAME.N.tmp", N below 100), makes it durable (fsync) and
 * renames it to the path. A symbolic link is followed: what it points to is replaced.
 *
 * The new file can be opened by its owner alone until it is whole. Then it gets the mode and, as far as allowed, the
 * owner of the file that was there; of a new one the mode is 0666 less the umask, or 0600 where /proc does not tell the
 * umask. It is locked (flock) while it is filled, so that what a dead process left is known: the next writer removes
 * it.
 *
 * Returns  RNNP_OK; what fill returned; RNNP_ERR_IO with the system's words, or when something that is no regular file
 *          is at the path; RNNP_ERR_ARG for a path that is NULL, empty or too long; RNNP_ERR_MEMORY.
 * Errors   leave what was at the path as it was, and no temporary file; only a sentence that begins with "written"
 * means that the new file is there and whole, but may be the old one again after a power cut.
 */
rnnp_status rnnp_file_replace(const rnnp_context *context, const char *path, rnnp_file_fill_fn fill, void *user);

/* The same, but a new file gets `mode` less the umask. */
rnnp_status rnnp_file_write(const rnnp_context *context, const char *path, unsigned mode, rnnp_file_fill_fn fill,
                            void *user);

/* Whether rnnp_file_replace() could begin: makes the temporary file and removes it. */
rnnp_status rnnp_file_check(const rnnp_context *context, const char *path);

/* The path without symbolic links, or the path itself if nothing is there yet. RNNP_ERR_IO for a link that leads
 * nowhere. */
rnnp_status rnnp_file_resolve(const rnnp_context *context, const char *path, char real[RNNP_FILE_PATH]);

/* The path of a hidden file beside another: ".NAME" and the suffix. RNNP_ERR_ARG when it is too long. */
rnnp_status rnnp_file_beside(const rnnp_context *context, const char *path, const char *suffix,
                             char name[RNNP_FILE_PATH]);

/* 1 if the path still names the open file. */
int rnnp_file_is_named(int fd, const char *path);

#endif
