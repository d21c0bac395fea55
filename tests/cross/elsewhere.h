/* SPDX-License-Identifier: Apache-2.0
 *
 * Included before a source that is compiled without __linux__: what other systems of POSIX do not have is gone. macOS
 * has none of these.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Sources define it again. */
#undef _DEFAULT_SOURCE

#undef CPU_COUNT
#undef CPU_ISSET
#undef CPU_SET
#undef CPU_SETSIZE
#undef CPU_ZERO
#undef MADV_HUGEPAGE
#undef MADV_WIPEONFORK
#undef MAP_POPULATE
#undef O_PATH
#undef O_TMPFILE
#pragma GCC poison cpu_set_t sched_getaffinity sched_setaffinity pthread_getaffinity_np pthread_setaffinity_np \
    sched_getcpu
#pragma GCC poison syscall gettid getauxval memfd_create renameat2 fallocate posix_fallocate get_nprocs
#pragma GCC poison pthread_condattr_setclock clock_nanosleep strchrnul mempcpy memrchr qsort_r secure_getenv execvpe \
    pipe2
