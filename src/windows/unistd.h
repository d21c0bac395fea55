/* SPDX-License-Identifier: Apache-2.0 */
#include_next <unistd.h>

#ifndef RNNP_WINDOWS_UNISTD_H
#define RNNP_WINDOWS_UNISTD_H

#include <stdio.h>
#include <sys/types.h>

enum { _SC_PAGESIZE = 1, _SC_NPROCESSORS_ONLN = 2 };

#define read rnnp_posix_read
#define write rnnp_posix_write
#define pread rnnp_posix_pread
#define fsync rnnp_posix_fsync
#define unlink rnnp_posix_unlink
#define rename rnnp_posix_rename
#define geteuid rnnp_posix_geteuid
#define fchown rnnp_posix_fchown
#define sysconf rnnp_posix_sysconf
ssize_t read(int fd, void *to, size_t bytes);
ssize_t write(int fd, const void *from, size_t bytes);
ssize_t pread(int fd, void *to, size_t bytes, long long at);
int fsync(int fd);
int unlink(const char *path);
int rename(const char *from, const char *to); /* replaces a file that is open, where Windows 10 and NTFS can */
unsigned geteuid(void);
int fchown(int fd, unsigned user, unsigned group);
long sysconf(int what); /* the CPUs are those of the process's mask */

#endif
