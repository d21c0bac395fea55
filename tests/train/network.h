/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages between threads of this program, which stand for processes (rnnp_peers): mailboxes for the network.
 */
#ifndef RNNP_TESTS_NETWORK_H
#define RNNP_TESTS_NETWORK_H

#include "../model/build.h"
#include "rnnpack/train.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

enum { MOST_RANKS = 9, MOST_TAGS = 256, MOST_REQUESTS = 4096, FIRST_NODE = 2 /* tag */ };

typedef struct letter {
    struct letter *next;
    size_t tag, bytes;
    char content[];
} letter;

typedef struct network {
    pthread_mutex_t mutex;
    pthread_cond_t news;
    letter *first[MOST_RANKS][MOST_RANKS]; /* [from][to], in the order in which they were sent */
    double patience;                       /* seconds */
    int cut;                               /* every call fails */
} network;

/* One process's end of it. */
typedef struct station {
    network *net;
    size_t rank, ranks;
    struct {
        size_t from, tag, number, bytes; /* of a receive: the how many'th of its tag; from SIZE_MAX: a send */
        void *to;
    } request[MOST_REQUESTS];
    size_t n, open;
    size_t begun[MOST_RANKS][MOST_TAGS], taken[MOST_RANKS][MOST_TAGS]; /* receives by sender */
    size_t sends_nodes;
    size_t looks, first_look, last_look; /* tests so far; before the first and the last node was sent */
    uint64_t sent;                       /* bytes */
    size_t calls, cuts_at;               /* so far; its so many'th one cuts the network, 0: none */
    int failed;                          /* a call has failed: no more may come */
    int blind;                           /* it has no test */
    size_t unsure;                       /* not 0: its test says now and then that what has come has not */
    const char *version;                 /* that it pretends to be, or NULL */
    const char *reason;
} station;

static inline void open_network(network *net, double patience)
{
    *net = (network){.patience = patience};
    pthread_mutex_init(&net->mutex, NULL);
    pthread_cond_init(&net->news, NULL);
}

static inline void close_network(network *net)
{
    for (size_t from = 0; from < MOST_RANKS; from++)
        for (size_t to = 0; to < MOST_RANKS; to++)
            for (letter *l = net->first[from][to], *next; l; l = next) next = l->next, free(l);
    pthread_cond_destroy(&net->news);
    pthread_mutex_destroy(&net->mutex);
}

static inline rnnp_status cut_off(station *s)
{
    s->failed = 1;
    s->reason = "the network is cut";
    return RNNP_ERR_IO;
}

static inline int is_cut(station *s)
{
    network *net = s->net;
    assert_false(s->failed);
    pthread_mutex_lock(&net->mutex);
    if (++s->calls == s->cuts_at) {
        net->cut = 1;
        pthread_cond_broadcast(&net->news);
    }
    const int cut = net->cut;
    pthread_mutex_unlock(&net->mutex);
    return cut;
}

/* Requests are numbered anew when none is open. */
static inline size_t new_request(station *s)
{
    if (s->open++ == 0) s->n = 0;
    assert_true(s->n < MOST_REQUESTS);
    return s->n++;
}

static inline rnnp_status post(void *user, size_t to, size_t tag, const void *x, size_t bytes, size_t *request)
{
    station *s = user;
    if (is_cut(s)) return cut_off(s);
    letter *l = malloc(sizeof *l + bytes), **end;
    *request = new_request(s);
    s->request[*request].from = SIZE_MAX;
    *l = (letter){.tag = tag, .bytes = bytes};
    memcpy(l->content, x, bytes);
    if (s->version && strncmp(l->content, rnnp_version(), strlen(rnnp_version())) == 0)
        memcpy(l->content, s->version, strlen(s->version));
    s->sent += bytes;
    if (tag >= FIRST_NODE) {
        if (!s->sends_nodes++) s->first_look = s->looks;
        s->last_look = s->looks;
    }
    pthread_mutex_lock(&s->net->mutex);
    for (end = &s->net->first[s->rank][to]; *end;) end = &(*end)->next;
    *end = l;
    pthread_cond_broadcast(&s->net->news);
    pthread_mutex_unlock(&s->net->mutex);
    return RNNP_OK;
}

static inline rnnp_status expect(void *user, size_t from, size_t tag, void *x, size_t bytes, size_t *request)
{
    station *s = user;
    if (is_cut(s)) return cut_off(s);
    assert_true(tag < MOST_TAGS);
    *request = new_request(s);
    s->request[*request].from = from;
    s->request[*request].tag = tag;
    s->request[*request].number = s->begun[from][tag]++;
    s->request[*request].bytes = bytes;
    s->request[*request].to = x;
    return RNNP_OK;
}

/* The letter of a receive, taken from the network; NULL: it has not come. With the mutex. */
static inline letter *take_letter(station *s, size_t request)
{
    const size_t from = s->request[request].from, tag = s->request[request].tag;
    size_t before = s->request[request].number - s->taken[from][tag];
    letter **at = &s->net->first[from][s->rank];
    if (before) return NULL; /* earlier ones of its tag first, so that order is what the trainer asked for */
    while (*at && (*at)->tag != tag) at = &(*at)->next;
    letter *l = *at;
    if (l) *at = l->next, s->taken[from][tag]++;
    return l;
}

static inline rnnp_status open_letter(station *s, size_t request, letter *l)
{
    const int fits = l->bytes == s->request[request].bytes;
    if (fits) memcpy(s->request[request].to, l->content, l->bytes);
    free(l);
    s->reason = "a message has another size than it should";
    return fits ? RNNP_OK : RNNP_ERR_FORMAT;
}

static inline rnnp_status receive(void *user, size_t request)
{
    station *s = user;
    network *net = s->net;
    struct timespec end;
    letter *l;
    rnnp_status status = RNNP_OK;
    if (is_cut(s)) return cut_off(s);
    s->open--;
    if (s->request[request].from == SIZE_MAX) return RNNP_OK;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_nsec += (long)(net->patience * 1e9) % 1000000000;
    end.tv_sec += (time_t)net->patience + end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    pthread_mutex_lock(&net->mutex);
    while (!(l = take_letter(s, request)) && status == RNNP_OK && !net->cut)
        if (pthread_cond_timedwait(&net->news, &net->mutex, &end) == ETIMEDOUT) status = RNNP_ERR_IO;
    const int cut = net->cut;
    pthread_mutex_unlock(&net->mutex);
    if (l) return open_letter(s, request, l);
    if (cut) return cut_off(s);
    s->failed = 1;
    s->reason = "nobody answers";
    return status;
}

static inline rnnp_status look(void *user, size_t request, int *done)
{
    station *s = user;
    letter *l = NULL;
    if (is_cut(s)) return cut_off(s);
    s->looks++;
    *done = 0;
    if (s->unsure && (s->unsure = s->unsure * 1664525 + 1013904223) >> 16 & 1) return RNNP_OK;
    if (s->request[request].from != SIZE_MAX) {
        pthread_mutex_lock(&s->net->mutex);
        l = take_letter(s, request);
        pthread_mutex_unlock(&s->net->mutex);
    }
    *done = l || s->request[request].from == SIZE_MAX;
    if (*done) s->open--;
    return l ? open_letter(s, request, l) : RNNP_OK;
}

static inline const char *reason(void *user) { return ((station *)user)->reason; }

static inline rnnp_peers peers_of(station *s)
{
    return (rnnp_peers){.struct_size = sizeof(rnnp_peers),
                        .rank = s->rank,
                        .ranks = s->ranks,
                        .user = s,
                        .send = post,
                        .receive = expect,
                        .wait = receive,
                        .test = s->blind ? NULL : look,
                        .reason = reason};
}

#endif
