/* SPDX-License-Identifier: Apache-2.0
 *
 * This folder is what Windows lacks of POSIX, as far as the library, the program and the tests use it. Its headers come
 * before the compiler's of the same names, and add to them; posix.c has the functions. Only builds for Windows see it.
 *
 * Files are opened in binary mode and may be renamed and removed while they are open. Paths are in the code page of the
 * process. Permissions come from the folder; modes given to open(), mkdir() and fchmod() change nothing.
 */
#include_next <fcntl.h>

#ifndef RNNP_WINDOWS_FCNTL_H
#define RNNP_WINDOWS_FCNTL_H

#define O_CLOEXEC O_NOINHERIT
#define O_NONBLOCK 0
#define O_NOCTTY 0
#define O_NOFOLLOW 0x1000000
#define O_DIRECTORY 0x2000000

enum { F_GETFD = 1 };

#define open rnnp_posix_open
#define fcntl rnnp_posix_fcntl
int open(const char *path, int flags, ...);
int fcntl(int fd, int what); /* F_GETFD: 0 if the descriptor is open */

#endif
