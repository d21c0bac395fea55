/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RNNP_WINDOWS_MMAN_H
#define RNNP_WINDOWS_MMAN_H

#include <stddef.h>

enum { PROT_NONE = 0, PROT_READ = 1, PROT_WRITE = 2, MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_ANONYMOUS = 32 };
#define MAP_FAILED ((void *)-1)

/* Maps a whole file for reading, or anonymous memory. */
#define mmap rnnp_posix_mmap
#define munmap rnnp_posix_munmap
#define mprotect rnnp_posix_mprotect
void *mmap(void *at, size_t bytes, int access, int flags, int fd, long long offset);
int munmap(void *at, size_t bytes); /* of a whole map */
int mprotect(void *at, size_t bytes, int access);

#endif
