/* SPDX-License-Identifier: Apache-2.0
 *
 * How a thread of the team sleeps until a count changes, and how it is woken.
 */
#ifndef RNNP_EVENT_H
#define RNNP_EVENT_H

#include "threads.h"

#if (defined(__linux__) || defined(_WIN32)) && !defined(RNNP_NO_FUTEX)
#define RNNP_USE_FUTEX 1
#else
#define RNNP_USE_FUTEX 0
#include <pthread.h>
#endif

/* What the events of a team share; nothing on Linux and Windows. */
typedef struct rnnp_event_lock {
#if RNNP_USE_FUTEX
    char unused;
#else
    pthread_mutex_t mutex;
    pthread_cond_t changed;
#endif
} rnnp_event_lock;

void rnnp_event_lock_init(rnnp_event_lock *lock);
void rnnp_event_lock_destroy(rnnp_event_lock *lock);

/* Tells the CPU that this thread is spinning. */
static inline void rnnp_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* "yield" does nothing on most cores */
#endif
}

static inline int rnnp_event_has_sleepers(const rnnp_event *event) { return atomic_load(&event->sleepers) != 0; }

/* Increments the count and wakes all sleepers. Makes a system call only if there are any. */
void rnnp_event_signal(rnnp_event_lock *lock, rnnp_event *event);

/* Sleeps while the count is `seen`, but not much longer than `limit` nanoseconds (0: no limit). */
void rnnp_event_sleep(rnnp_event_lock *lock, rnnp_event *event, unsigned seen, long limit);

#endif
