/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows sends no signals to threads, so masks have nothing to block. Handlers hear of what a thread's own
 * instructions do.
 */
#include_next <signal.h>

#ifndef RNNP_WINDOWS_SIGNAL_H
#define RNNP_WINDOWS_SIGNAL_H

#include <pthread_signal.h>
#include <sys/types.h>

#define sigset_t _sigset_t

enum { SIGTRAP = 5, SIGBUS = 7, SIGSYS = 31, SIG_SETMASK = 2 };

static inline int sigfillset(sigset_t *set)
{
    *set = (sigset_t)-1;
    return 0;
}

static inline int sigdelset(sigset_t *set, int number)
{
    *set &= ~((sigset_t)1 << number);
    return 0;
}

#undef pthread_sigmask
static inline int pthread_sigmask(int how, const sigset_t *set, sigset_t *before)
{
    (void)how;
    if (before) *before = *set;
    return 0;
}

struct sigaction {
    void (*sa_handler)(int number);
    sigset_t sa_mask;
    int sa_flags;
};

static inline int sigaction(int number, const struct sigaction *action, struct sigaction *before)
{
    void (*const old)(int) = signal(number, action ? action->sa_handler : SIG_GET);

    if (before) *before = (struct sigaction){.sa_handler = old};
    return old == SIG_ERR ? -1 : 0;
}

#endif
