/* SPDX-License-Identifier: Apache-2.0
 *
 * Distinguishes a child created by fork() from its parent without installing a handler: the kernel clears a marked page
 * in the child. Where such pages are not available, the process ID decides, at the cost of a system call.
 */
#ifndef RNNP_FORK_H
#define RNNP_FORK_H

#include <stddef.h>

typedef struct rnnp_fork_guard {
    const volatile char *page; /* not 0 in the process that created it; NULL: the process ID decides */
    size_t bytes;
    long process;
} rnnp_fork_guard;

rnnp_fork_guard rnnp_fork_guard_create(void);
void rnnp_fork_guard_destroy(rnnp_fork_guard *guard);
int rnnp_is_forked(const rnnp_fork_guard *guard);

#endif
