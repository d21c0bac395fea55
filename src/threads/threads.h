/* SPDX-License-Identifier: Apache-2.0
 *
 * A team of threads that stays together inside one call. Workers sleep while no call runs; inside a
 * call they meet at barriers (bounded spinning, then a futex wait).
 */
#ifndef RNNP_THREADS_H
#define RNNP_THREADS_H

#include "rnnpack/rnnpack.h"

typedef struct rnnp_team rnnp_team;

/* The library's own team of `threads` (the caller counts as one), or, when host is not NULL, a view of the
 * host's pool. With more threads than `budget` CPUs, barriers give the CPU away early. RNNP_ERR_MEMORY;
 * RNNP_ERR_IO if a thread could not be started. */
rnnp_status rnnp_team_create(const rnnp_allocator *allocator, size_t threads, size_t budget, const rnnp_parallel *host,
                             rnnp_team **team);
void rnnp_team_destroy(rnnp_team *team);
size_t rnnp_team_threads(const rnnp_team *team); /* 1 for NULL */

/*
 * Runs phase(arg, p, i, n) for p = 0, 1, ..., phases - 1 and all i in [0, n): every call of phase p returns
 * before any of phase p + 1 begins. n is the team's size, or 1 when the team is NULL or busy with another
 * caller's work (then everything runs on the calling thread). With the library's own team the workers
 * stay awake across phases; with a host's pool each phase is one parallel loop. All phases run under the
 * caller's floating-point mode. No allocation, no lock beyond one atomic try.
 */
void rnnp_team_phases(rnnp_team *team, size_t phases, void (*phase)(void *arg, size_t p, size_t i, size_t n), void *arg);

#endif
