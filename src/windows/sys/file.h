/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RNNP_WINDOWS_FILE_H
#define RNNP_WINDOWS_FILE_H

enum { LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8 };

/* The lock is on a byte that no file has, because Windows refuses to read and write what others have locked. */
#define flock rnnp_posix_flock
int flock(int fd, int operation);

#endif
