/* SPDX-License-Identifier: Apache-2.0
 *
 * What each process says to all others (Bruck et al. 1997). After k rounds a process has the parts of 2^k processes
 * beginning with itself, counted round in a circle; in the next round it gets as many from the process that is so many
 * further on.
 */
#include "../structs.h"
#include "training.h"

rnnp_status rnnp_peers_fail(const rnnp_context *context, const rnnp_peers *peers, rnnp_status status)
{
    const char *reason = peers->reason(peers->user);
    return rnnp_fail(context, status, "%s", reason && *reason ? reason : rnnp_status_string(status));
}

/* Parts [first, first + n), counted round, to or from a process: in two messages where they pass the end. */
typedef struct piece {
    size_t at, bytes;
} piece;

static size_t cut(const rnnp_peers *peers, size_t bytes, size_t first, size_t n, piece part[2])
{
    const size_t begin = first % peers->ranks, left = peers->ranks - begin, one = n < left ? n : left;
    part[0].at = begin * bytes;
    part[0].bytes = one * bytes;
    part[1].at = 0;
    part[1].bytes = (n - one) * bytes;
    return n > one ? 2 : 1;
}

/* The next round. */
static rnnp_status begin_round(rnnp_gathering *s)
{
    const rnnp_peers *peers = s->peers;
    const size_t more = peers->ranks - s->have, n = s->have < more ? s->have : more;
    const size_t to = (peers->rank + more) % peers->ranks, from = (peers->rank + s->have) % peers->ranks;
    piece out[2], in[2];
    const size_t n_out = cut(peers, s->bytes, peers->rank, n, out), n_in = cut(peers, s->bytes, from, n, in);
    rnnp_status status = RNNP_OK;
    s->n_requests = s->ended = 0;
    for (size_t i = 0; i < n_in && status == RNNP_OK; i++, s->n_requests++)
        status = peers->receive(peers->user, from, RNNP_TAG_WORDS, s->all + in[i].at, in[i].bytes,
                                &s->request[s->n_requests]);
    for (size_t i = 0; i < n_out && status == RNNP_OK; i++, s->n_requests++)
        status =
            peers->send(peers->user, to, RNNP_TAG_WORDS, s->all + out[i].at, out[i].bytes, &s->request[s->n_requests]);
    return status;
}

void rnnp_gathering_begin(rnnp_gathering *gathering, const rnnp_peers *peers, size_t bytes, void *all)
{
    *gathering = (rnnp_gathering){.peers = peers, .bytes = bytes, .all = all};
}

rnnp_status rnnp_gathering_go_on(rnnp_gathering *s, int wait, int *done)
{
    const rnnp_peers *peers = s->peers;
    rnnp_status status = RNNP_OK;
    for (;;) {
        for (; s->ended < s->n_requests; s->ended++) {
            *done = 1;
            status = wait ? peers->wait(peers->user, s->request[s->ended])
                          : peers->test(peers->user, s->request[s->ended], done);
            if (status != RNNP_OK || !*done) return status;
        }
        s->have = s->have == 0 ? 1 : 2 * s->have < peers->ranks ? 2 * s->have : peers->ranks;
        *done = s->have == peers->ranks;
        if (*done || (status = begin_round(s)) != RNNP_OK) return status;
    }
}

rnnp_status rnnp_peers_share(const rnnp_context *context, const rnnp_peers *peers, size_t bytes, void *all)
{
    rnnp_gathering gathering;
    int done;
    rnnp_gathering_begin(&gathering, peers, bytes, all);
    const rnnp_status status = rnnp_gathering_go_on(&gathering, 1, &done);
    return status == RNNP_OK ? RNNP_OK : rnnp_peers_fail(context, peers, status);
}

rnnp_status rnnp_peers_check(const rnnp_context *context, const rnnp_peers *given, rnnp_peers *own)
{
    const rnnp_status status = RNNP_STRUCT_READ(context, rnnp_peers, given, own);
    if (status != RNNP_OK) return status;
    if (!own->send || !own->receive || !own->wait || !own->reason)
        return rnnp_fail(context, RNNP_ERR_ARG, "a function of rnnp_peers is NULL");
    if (own->rank >= own->ranks)
        return rnnp_fail(context, RNNP_ERR_ARG, "rank %zu of %zu processes", own->rank, own->ranks);
    return RNNP_OK;
}

rnnp_status rnnp_peers_gather(const rnnp_context *context, const rnnp_peers *peers, size_t bytes, void *all)
{
    rnnp_peers own;
    if (!context) return RNNP_ERR_ARG;
    if (!peers || !all || !bytes)
        return rnnp_fail(context, RNNP_ERR_ARG, "%s", !peers ? "peers is NULL" : !all ? "all is NULL" : "bytes is 0");
    const rnnp_status status = rnnp_peers_check(context, peers, &own);
    return status == RNNP_OK ? rnnp_peers_share(context, &own, bytes, all) : status;
}
