/* SPDX-License-Identifier: Apache-2.0
 *
 * Sleeping while a number in memory has a value, where the system knows that: a futex of Linux, WaitOnAddress of
 * Windows. A sleeper may also wake for nothing.
 */
#ifndef RNNP_FUTEX_H
#define RNNP_FUTEX_H

#include <limits.h>
#include <stdatomic.h>

#ifdef _WIN32
#include <windows.h>

static inline void rnnp_futex_wake(atomic_uint *at) { WakeByAddressAll(at); }

/* limit: nanoseconds, 0 for none; Windows counts milliseconds */
static inline void rnnp_futex_wait(atomic_uint *at, unsigned value, long limit)
{
    WaitOnAddress(at, &value, sizeof value, limit ? (DWORD)((limit - 1) / 1000000 + 1) : INFINITE);
}
#else
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static inline void rnnp_futex_wake(atomic_uint *at)
{
    syscall(SYS_futex, at, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static inline void rnnp_futex_wait(atomic_uint *at, unsigned value, long limit)
{
    const struct timespec time = {limit / 1000000000, limit % 1000000000};

    syscall(SYS_futex, at, FUTEX_WAIT_PRIVATE, value, limit ? &time : NULL, NULL, 0);
}
#endif

#endif
