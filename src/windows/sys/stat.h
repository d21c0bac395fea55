/* SPDX-License-Identifier: Apache-2.0 */
#include_next <sys/stat.h>

#ifndef RNNP_WINDOWS_STAT_H
#define RNNP_WINDOWS_STAT_H

#undef S_ISLNK
#define S_IFLNK 0xA000
#define S_ISLNK(mode) (((mode)&S_IFMT) == S_IFLNK)
#define S_ISVTX 01000

#undef stat
#undef fstat
#undef lstat
#define stat rnnp_posix_stat
#define fstat rnnp_posix_fstat
#define lstat rnnp_posix_lstat
#define fchmod rnnp_posix_fchmod
#define mkdir rnnp_posix_mkdir

/* Users: 0 for the system and administrators, geteuid() for this one, any other for somebody else. S_IWOTH is set when
 * the access list lets anybody else write. */
struct stat {
    unsigned long long st_dev, st_ino;
    unsigned st_mode, st_uid, st_gid;
    long long st_size;
};

int stat(const char *path, struct stat *about);
int lstat(const char *path, struct stat *about);
int fstat(int fd, struct stat *about);
int fchmod(int fd, unsigned mode);
int mkdir(const char *path, unsigned mode);

#endif
