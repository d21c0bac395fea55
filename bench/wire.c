/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack-wire LATENCY BANDWIDTH NAMESPACE...: a network between network namespaces (ip netns), for measuring what
 * slower networks than a host's own do to a program. Each namespace gets an interface "wire" with the address
 * 10.78.0.K, K from 1 on, whose link carries BANDWIDTH bytes a second each way; a frame is on its way for LATENCY
 * seconds more. It ends with its standard input. Linux, as root; kernels without netem are what it is for.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORTS = 16, FRAME = 9216, MTU = 9000, BROADCAST = 1 };

typedef struct frame {
    struct frame *next;
    double due;
    size_t bytes;
    unsigned char data[];
} frame;

typedef struct port {
    int file;
    double up_free, down_free; /* when the link can take the next frame */
    frame *first, **last;      /* to this port, in the order in which they are due */
} port;

static port ports[PORTS];
static size_t n_ports;
static double latency, bandwidth;

static void die(const char *what)
{
    fprintf(stderr, "rnnpack-wire: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- Interfaces ---- */

static void set_address(struct ifreq *request, size_t k)
{
    const int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a4e0000u + (uint32_t)k + 1)};
    struct sockaddr_in mask = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xffffff00u)};
    if (s < 0) die("socket");
    request->ifr_hwaddr = (struct sockaddr){.sa_family = ARPHRD_ETHER, .sa_data = {2, 0, 0, 0, 0, (char)k}};
    if (ioctl(s, SIOCSIFHWADDR, request)) die("SIOCSIFHWADDR");
    memcpy(&request->ifr_addr, &address, sizeof address);
    if (ioctl(s, SIOCSIFADDR, request)) die("SIOCSIFADDR");
    memcpy(&request->ifr_netmask, &mask, sizeof mask);
    if (ioctl(s, SIOCSIFNETMASK, request)) die("SIOCSIFNETMASK");
    request->ifr_mtu = MTU;
    if (ioctl(s, SIOCSIFMTU, request)) die("SIOCSIFMTU");
    request->ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(s, SIOCSIFFLAGS, request)) die("SIOCSIFFLAGS");
    close(s);
}

static void open_port(const char *name, size_t k)
{
    char path[256];
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    port *p = &ports[k];
    snprintf(path, sizeof path, "/run/netns/%s", name);
    const int space = open(path, O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNET)) die(path);
    close(space);
    p->file = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (p->file < 0) die("/dev/net/tun");
    snprintf(request.ifr_name, sizeof request.ifr_name, "wire");
    if (ioctl(p->file, TUNSETIFF, &request)) die("TUNSETIFF");
    p->last = &p->first;
    set_address(&request, k);
}

/* ---- Frames ---- */

/* From the end of the sender's link over the distance and through the receiver's. */
static void carry(port *to, const unsigned char *data, size_t bytes, double sent)
{
    const double through = (double)bytes / bandwidth;
    frame *f = malloc(sizeof *f + bytes);
    if (!f) die("malloc");
    f->next = NULL;
    f->bytes = bytes;
    memcpy(f->data, data, bytes);
    f->due = sent + latency;
    if (f->due < to->down_free) f->due = to->down_free;
    to->down_free = f->due + through;
    *to->last = f;
    to->last = &f->next;
}

static void take(port *from)
{
    unsigned char data[FRAME];
    ssize_t n;
    while ((n = read(from->file, data, sizeof data)) > 0) {
        const double begin = now();
        from->up_free = (begin > from->up_free ? begin : from->up_free) + (double)n / bandwidth;
        for (size_t k = 0; k < n_ports; k++)
            if (&ports[k] != from && (data[0] & BROADCAST || data[5] == k))
                carry(&ports[k], data, (size_t)n, from->up_free);
    }
}

/* Returns when the next frame is due. */
static double deliver(double at)
{
    double next = at + 1;
    for (size_t k = 0; k < n_ports; k++) {
        port *p = &ports[k];
        for (frame *f = p->first; f && f->due <= at; f = p->first) {
            if (write(p->file, f->data, f->bytes) < 0 && errno == EAGAIN) break;
            if (!(p->first = f->next)) p->last = &p->first;
            free(f);
        }
        if (p->first && p->first->due < next) next = p->first->due;
    }
    return next;
}

int main(int argc, char **argv)
{
    struct pollfd files[PORTS + 1];
    if (argc < 5 || argc > 3 + PORTS || (latency = atof(argv[1])) < 0 || (bandwidth = atof(argv[2])) <= 0) {
        fprintf(stderr, "rnnpack-wire LATENCY BANDWIDTH NAMESPACE NAMESPACE...\n");
        return 2;
    }
    prctl(PR_SET_TIMERSLACK, 1);
    for (; n_ports + 3 < (size_t)argc; n_ports++) open_port(argv[n_ports + 3], n_ports);
    for (size_t k = 0; k < n_ports; k++) files[k] = (struct pollfd){ports[k].file, POLLIN, 0};
    files[n_ports] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
    puts("ready");
    fflush(stdout);
    for (;;) {
        const double at = now(), wait = deliver(at) - at;
        const struct timespec until = {.tv_nsec = wait > 0 ? (long)(wait * 0.99e9) : 0};
        char end[64];
        if (ppoll(files, n_ports + 1, &until, NULL) < 0 && errno != EINTR) die("ppoll");
        for (size_t k = 0; k < n_ports; k++)
            if (files[k].revents & POLLIN) take(&ports[k]);
        if (files[n_ports].revents && read(STDIN_FILENO, end, sizeof end) <= 0) return 0;
    }
}
