/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "place.h"

#include <sched.h>
#include <string.h>

#if defined(CPU_SETSIZE)
_Static_assert(sizeof(cpu_set_t) == sizeof((rnnp_place){0}.cpus), "a set of CPUs");
#endif

enum { AWAKE, ASLEEP, BEING_NARROWED, NARROWED };

void rnnp_place_init(rnnp_place *place) { atomic_init(&place->state, AWAKE); }

static void leave_state(rnnp_place *place, int expected, int next)
{
    int state = expected;
    while (!atomic_compare_exchange_weak(&place->state, &state, next)) {
#if defined(CPU_SETSIZE)
        if (state == NARROWED) {
            cpu_set_t cpus;
            memcpy(&cpus, place->cpus, sizeof cpus);
            pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus);
            atomic_store(&place->state, expected);
        }
#endif
        state = expected; /* while another thread is narrowing its CPUs, it waits */
    }
}

void rnnp_place_fall_asleep(rnnp_place *place) { leave_state(place, AWAKE, ASLEEP); }

void rnnp_place_wake_up(rnnp_place *place) { leave_state(place, ASLEEP, AWAKE); }

void rnnp_place_restore(rnnp_place *place)
{
    if (atomic_load_explicit(&place->state, memory_order_relaxed) != AWAKE) leave_state(place, AWAKE, AWAKE);
}

/* Narrows the CPUs of a worker in the given state to this CPU, or to all others. */
static void narrow(rnnp_place *place, pthread_t worker, int state, int to_here)
{
#if defined(CPU_SETSIZE)
    const int here = sched_getcpu();
    cpu_set_t before, cpus;
    int next = state;

    if (here < 0 || here >= CPU_SETSIZE || !atomic_compare_exchange_strong(&place->state, &next, BEING_NARROWED))
        return;
    if (pthread_getaffinity_np(worker, sizeof before, &before) == 0 && CPU_ISSET((size_t)here, &before) &&
        CPU_COUNT(&before) > 1) {
        memcpy(place->cpus, &before, sizeof before);
        cpus = before;
        if (to_here)
            CPU_ZERO(&cpus);
        else
            CPU_CLR((size_t)here, &cpus);
        if (to_here) CPU_SET((size_t)here, &cpus);
        if (pthread_setaffinity_np(worker, sizeof cpus, &cpus) == 0) next = NARROWED;
    }
    atomic_store(&place->state, next);
#else
    (void)place;
    (void)worker;
    (void)state;
    (void)to_here;
#endif
}

void rnnp_place_elsewhere(rnnp_place *place, pthread_t worker) { narrow(place, worker, ASLEEP, 0); }

void rnnp_place_here(rnnp_place *place, pthread_t worker) { narrow(place, worker, AWAKE, 1); }
