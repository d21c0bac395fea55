/* SPDX-License-Identifier: Apache-2.0
 *
 * Tells a child made by fork() from its parent, without a handler of our own in the process: a page that the kernel
 * empties in the child. Where there is no such page, the process's number tells, at the cost of a system call.
 */
#ifndef RNNP_FORK_H
#define RNNP_FORK_H

#include <stddef.h>

typedef struct rnnp_fork_guard {
    const volatile char *page; /* not 0 in the process that made it; NULL: by the process's number */
    size_t bytes;
    long process;
} rnnp_fork_guard;

rnnp_fork_guard rnnp_fork_guard_create(void);
void rnnp_fork_guard_destroy(rnnp_fork_guard *guard);
int rnnp_is_forked(const rnnp_fork_guard *guard);

#endif
