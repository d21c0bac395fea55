/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a worker runs, at two moments at which the kernel's choice costs milliseconds. Linux may wake a worker on the
 * CPU of its caller although another one is idle (in virtual machines, where a halted CPU counts as taken, after almost
 * every pause), and it lets a worker whose CPU was given to another process wait there although its caller's is about
 * to be idle. So a worker's CPUs are narrowed for that moment, and the worker itself restores them.
 */
#ifndef RNNP_PLACE_H
#define RNNP_PLACE_H

#include <pthread.h>
#include <stdatomic.h>

typedef struct rnnp_place {
    atomic_int state;             /* of the worker: awake, asleep, its CPUs narrowed */
    unsigned char cpus[1024 / 8]; /* what these were before: a cpu_set_t, which not every file knows */
} rnnp_place;

void rnnp_place_init(rnnp_place *place);
/* By the worker, before it sleeps and after. */
void rnnp_place_fall_asleep(rnnp_place *place);
void rnnp_place_wake_up(rnnp_place *place);
/* By others: a worker that is asleep will wake on another CPU than this one; one that is awake comes to this one. */
void rnnp_place_elsewhere(rnnp_place *place, pthread_t worker);
void rnnp_place_here(rnnp_place *place, pthread_t worker);
/* By the worker, from time to time: restores its CPUs. */
void rnnp_place_restore(rnnp_place *place);

#endif
