/* SPDX-License-Identifier: Apache-2.0
 *
 * Serial lines, 8 bits without parity. One that goes away, as a plug that is drawn, is opened again, after a tenth of a
 * second at first and after twice as long each time, up to 5 s.
 */
#define _DEFAULT_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "source.h"

static int speed_of(unsigned baud, speed_t *speed)
{
    static const struct {
        unsigned baud;
        speed_t speed;
    } speeds[] = {{1200, B1200},     {2400, B2400},     {4800, B4800},       {9600, B9600},      {19200, B19200},
                  {38400, B38400},   {57600, B57600},   {115200, B115200},   {230400, B230400},  {460800, B460800},
                  {500000, B500000}, {921600, B921600}, {1000000, B1000000}, {2000000, B2000000}};
    for (size_t i = 0; i < COUNT(speeds); i++)
        if (speeds[i].baud == baud) return *speed = speeds[i].speed, 1;
    return 0;
}

/* A descriptor, or -1 with errno. */
static int open_line(const char *path, speed_t speed)
{
    struct termios t;
    const int fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return -1;
    if (tcgetattr(fd, &t) == 0) {
        cfmakeraw(&t);
        t.c_cflag |= CLOCAL | CREAD;
        t.c_cflag &= ~(tcflag_t)CSTOPB;
        cfsetispeed(&t, speed);
        cfsetospeed(&t, speed);
        if (tcsetattr(fd, TCSANOW, &t) == 0) return fd;
    }
    const int why = errno;
    close(fd);
    errno = why;
    return -1;
}

int source_open_serial(source *s)
{
    speed_t speed;
    if (!speed_of(s->baud, &speed))
        return cli_misuse("--source %s: %u is no speed of serial lines; 9600 and 115200 are some", s->name, s->baud);
    s->fd = open_line(s->path, speed);
    s->parser.skips = 1; /* it may be in the middle of a line */
    return s->fd >= 0 ? CLI_OK
                      : cli_fail("%s: %s", s->path, errno == ENOTTY ? "is not a serial line" : strerror(errno));
}

/* 0: no more is wanted. */
static int reopen(source *s, const char *why)
{
    double pause = 0.1;
    speed_t speed = B0;
    close(s->fd);
    s->fd = -1;
    queue_event(&s->queue, "closed", why);
    for (speed_of(s->baud, &speed); s->fd < 0; pause = pause < 2.5 ? 2 * pause : 5) {
        if (!source_pause(s, pause)) return 0;
        s->fd = open_line(s->path, speed);
    }
    s->parser.used = 0;
    s->parser.skips = 1;
    queue_event(&s->queue, "opened", NULL);
    return 1;
}

static int take_bytes(source *s, const char *bytes, size_t n, float *x, double now)
{
    for (size_t used = 0; used < n;) {
        char *line;
        const int skips = s->parser.skips;
        const uint64_t too_long = s->parser.too_long;
        int empty;
        used += parser_cut(&s->parser, bytes + used, n - used, &line);
        if (s->parser.too_long > too_long) queue_garbled(&s->queue, 1);
        if (!line || skips) continue;
        if (parser_take_line(&s->parser, line, x, &empty))
            queue_garbled(&s->queue, 1);
        else if (!empty && !queue_put(&s->queue, x, now, 0, CAUSE_NONE, 0))
            return 0;
    }
    return 1;
}

void source_read_serial(source *s)
{
    char bytes[4096];
    FREED float *x = cli_alloc(s->parser.features, sizeof *x);
    while (!queue_stopped(&s->queue)) {
        const int there = source_wait(s->fd);
        if (there == 0) continue;
        const ssize_t n = read(s->fd, bytes, sizeof bytes);
        if (n < 0 && (errno == EINTR || errno == EAGAIN) && there > 0) continue;
        if (n > 0 ? !take_bytes(s, bytes, (size_t)n, x, cli_clock())
                  : !reopen(s, n < 0 && errno != EAGAIN ? strerror(errno) : "the line hung up"))
            return;
    }
}
