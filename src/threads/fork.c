/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "fork.h"

#include <sys/mman.h>
#include <unistd.h>

rnnp_fork_guard rnnp_fork_guard_create(void)
{
    rnnp_fork_guard guard = {.process = (long)getpid()};

#ifdef MADV_WIPEONFORK
    const long bytes = sysconf(_SC_PAGESIZE);
    if (bytes <= 0) return guard;
    guard.bytes = (size_t)bytes;
    char *page = mmap(NULL, guard.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return guard;
    if (madvise(page, guard.bytes, MADV_WIPEONFORK) != 0) {
        munmap(page, guard.bytes);
        return guard;
    }
    *page = 1;
    guard.page = page;
#endif
    return guard;
}

void rnnp_fork_guard_destroy(rnnp_fork_guard *guard)
{
    if (guard->page) munmap((void *)guard->page, guard->bytes);
}

int rnnp_is_forked(const rnnp_fork_guard *guard)
{
    return guard->page ? *guard->page == 0 : guard->process != (long)getpid();
}
