/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a worker runs, at two moments when the kernel's choice costs milliseconds. Linux may wake a worker on its
 * caller's CPU although another CPU is idle. In virtual machines, where a halted CPU counts as taken, it does so after
 * almost every pause. And if a worker's CPU is given to another process, Linux lets the worker wait there although the
 * caller's CPU is about to become idle. So the set of CPUs that a worker may use is narrowed at these moments, and the
 * worker restores it itself.
 */
#ifndef RNNP_PLACE_H
#define RNNP_PLACE_H

#include <pthread.h>
#include <stdatomic.h>

typedef struct rnnp_place {
    atomic_int state;             /* of the worker: awake, asleep, or its CPUs narrowed */
    unsigned char cpus[1024 / 8]; /* the CPUs before narrowing: a cpu_set_t, a type that not every file has */
} rnnp_place;

void rnnp_place_init(rnnp_place *place);
/* Called by the worker before and after it sleeps. */
void rnnp_place_fall_asleep(rnnp_place *place);
void rnnp_place_wake_up(rnnp_place *place);
/* Called by others: a sleeping worker will wake on a CPU other than this one; an awake one moves to this CPU. */
void rnnp_place_elsewhere(rnnp_place *place, pthread_t worker);
void rnnp_place_here(rnnp_place *place, pthread_t worker);
/* Called by the worker from time to time: restores its CPUs. */
void rnnp_place_restore(rnnp_place *place);

#endif
