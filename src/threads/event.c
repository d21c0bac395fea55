/* SPDX-License-Identifier: Apache-2.0
 *
 * A sleeper announces itself before it checks the count one last time, and a thread that increments the count checks
 * for sleepers afterwards. All four operations are sequentially consistent, so either the sleeper sees the new count or
 * the other thread sees the sleeper.
 */
#define _GNU_SOURCE
#include "event.h"

#if RNNP_USE_FUTEX
#include "futex.h"
#else
#include <time.h>
#endif

void rnnp_event_lock_init(rnnp_event_lock *lock)
{
#if RNNP_USE_FUTEX
    lock->unused = 0;
#else
    pthread_mutex_init(&lock->mutex, NULL);
    pthread_cond_init(&lock->changed, NULL);
#endif
}

void rnnp_event_lock_destroy(rnnp_event_lock *lock)
{
#if RNNP_USE_FUTEX
    (void)lock;
#else
    pthread_cond_destroy(&lock->changed);
    pthread_mutex_destroy(&lock->mutex);
#endif
}

void rnnp_event_init(rnnp_event *event)
{
    atomic_init(&event->count, 0);
    atomic_init(&event->sleepers, 0);
}

unsigned rnnp_event_count(const rnnp_event *event) { return atomic_load_explicit(&event->count, memory_order_acquire); }

void rnnp_event_signal(rnnp_event_lock *lock, rnnp_event *event)
{
    atomic_fetch_add(&event->count, 1);
    if (!rnnp_event_has_sleepers(event)) return;
#if RNNP_USE_FUTEX
    (void)lock;
    rnnp_futex_wake(&event->count);
#else
    pthread_mutex_lock(&lock->mutex);
    pthread_cond_broadcast(&lock->changed);
    pthread_mutex_unlock(&lock->mutex);
#endif
}

void rnnp_event_sleep(rnnp_event_lock *lock, rnnp_event *event, unsigned seen, long limit)
{
    atomic_fetch_add(&event->sleepers, 1);
#if RNNP_USE_FUTEX
    (void)lock;
    if (limit) rnnp_futex_wait(&event->count, seen, limit);
    while (!limit && atomic_load(&event->count) == seen) rnnp_futex_wait(&event->count, seen, 0);
#else
    pthread_mutex_lock(&lock->mutex);
    if (limit && atomic_load(&event->count) == seen) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += limit;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&lock->changed, &lock->mutex, &until);
    }
    while (!limit && atomic_load(&event->count) == seen) pthread_cond_wait(&lock->changed, &lock->mutex);
    pthread_mutex_unlock(&lock->mutex);
#endif
    atomic_fetch_sub(&event->sleepers, 1);
}
