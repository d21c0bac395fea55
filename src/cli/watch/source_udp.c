/* SPDX-License-Identifier: Apache-2.0
 *
 * Datagrams. Their numbers say how many samples are missing between two of them. A datagram with numbers that have
 * passed comes too late and is left out, but several in a row that follow each other are those of a sender that began
 * anew.
 */
#define _DEFAULT_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "source.h"

enum { HEAD = 12, ANEW = 3, FAR = 1 << 24 /* samples: a jump of more is no loss */ };

int source_open_udp(source *s)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port)};
    socklen_t size = sizeof at;
    const int room = 1 << 22; /* a wish: the kernel gives what it may */
    memcpy(&at.sin_addr, s->address, sizeof s->address);
    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s->fd >= 0) setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (s->fd < 0 || bind(s->fd, (const struct sockaddr *)&at, sizeof at) != 0 ||
        getsockname(s->fd, (struct sockaddr *)&at, &size) != 0)
        return cli_fail("%s: %s", s->name, strerror(errno));
    s->port = ntohs(at.sin_port);
    snprintf(s->name, sizeof s->name, "udp://%u.%u.%u.%u:%u", s->address[0], s->address[1], s->address[2],
             s->address[3], s->port);
    return CLI_OK;
}

typedef struct datagrams {
    source *s;
    float *x;
    int begun;
    uint32_t next;            /* the number of the sample that comes next */
    uint32_t late, late_next; /* datagrams in a row that came too late and follow each other */
} datagrams;

static unsigned u16(const unsigned char *p) { return p[0] | (unsigned)p[1] << 8; }
static uint32_t u32(const unsigned char *p) { return u16(p) | (uint32_t)u16(p + 2) << 16; }

/* Whether a datagram of n samples from `number` on is taken, and how many samples are missing before it. */
static int in_order(datagrams *d, uint32_t number, unsigned n, uint32_t *missing, int *counted)
{
    const uint32_t ahead = number - d->next;
    *missing = 0;
    *counted = d->begun;
    if (!d->begun || ahead == 0) {
        d->late = 0;
    } else if (ahead <= FAR) {
        d->late = 0;
        *missing = ahead;
    } else {
        d->late = d->late && number == d->late_next ? d->late + 1 : 1;
        d->late_next = number + n;
        if (d->late < ANEW) return 0;
        d->late = 0;
        *counted = 0;
        queue_event(&d->s->queue, "restarted", "its numbers begin anew");
    }
    d->begun = 1;
    d->next = number + n;
    return 1;
}

static int take_binary(datagrams *d, const unsigned char *bytes, size_t size, double now)
{
    source *s = d->s;
    const unsigned n = size >= HEAD ? u16(bytes + 8) : 0, channels = size >= HEAD ? u16(bytes + 10) : 0;
    uint32_t missing;
    int counted;
    if (!n || channels != s->parser.fields || size != HEAD + (size_t)n * channels * sizeof(float)) {
        queue_garbled(&s->queue, 0); /* the next number tells what was lost */
        return 1;
    }
    if (!in_order(d, u32(bytes + 4), n, &missing, &counted)) {
        queue_late(&s->queue);
        return 1;
    }
    for (unsigned i = 0; i < n; i++) {
        parser_take_raw(&s->parser, bytes + HEAD + i * channels * sizeof(float), d->x);
        if (!queue_put(&s->queue, d->x, now, i ? 0 : missing, CAUSE_LOST, i || counted)) return 0;
    }
    return 1;
}

static int take_text(datagrams *d, char *text, double now)
{
    source *s = d->s;
    for (char *next, *line = strtok_r(text, "\r\n", &next); line; line = strtok_r(NULL, "\r\n", &next)) {
        int empty;
        if (parser_take_line(&s->parser, line, d->x, &empty))
            queue_garbled(&s->queue, 1);
        else if (!empty && !queue_put(&s->queue, d->x, now, 0, CAUSE_NONE, 0))
            return 0;
    }
    return 1;
}

void source_read_udp(source *s)
{
    enum { MOST = 65536 };
    FREED unsigned char *bytes = cli_alloc(MOST + 1, 1);
    FREED float *x = cli_alloc(s->parser.features, sizeof *x);
    datagrams d = {.s = s, .x = x};
    int more = 1;
    while (more && !queue_stopped(&s->queue)) {
        if (source_wait(s->fd) == 0) continue;
        const ssize_t n = recv(s->fd, bytes, MOST, MSG_DONTWAIT);
        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR) more = source_pause(s, 0.1); /* an error of the network passes */
            continue;
        }
        bytes[n] = '\0';
        if (n >= 4 && memcmp(bytes, "RNPS", 4) == 0)
            more = take_binary(&d, bytes, (size_t)n, cli_clock());
        else
            more = take_text(&d, (char *)bytes, cli_clock());
    }
}
