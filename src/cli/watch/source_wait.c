/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "source.h"

int source_wait(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    const int n = poll(&p, 1, 100);
    if (n < 0) return errno == EINTR ? 0 : -1;
    return n == 0 ? 0 : (p.revents & POLLIN) ? 1 : -1;
}

int source_pause(source *s, double seconds)
{
    const double until = cli_clock() + seconds;
    for (double left = seconds; left > 0; left = until - cli_clock()) {
        const double part = left < 0.1 ? left : 0.1;
        const struct timespec t = {.tv_nsec = (long)(1e9 * part)};
        if (queue_stopped(&s->queue)) return 0;
        nanosleep(&t, NULL);
    }
    return 1;
}
