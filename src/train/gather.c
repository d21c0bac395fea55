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

static rnnp_status exchange(const rnnp_peers *peers, size_t bytes, char *all, size_t have, size_t n)
{
    const size_t to = (peers->rank + peers->ranks - have) % peers->ranks, from = (peers->rank + have) % peers->ranks;
    piece out[2], in[2];
    size_t request[4], requests = 0;
    const size_t n_out = cut(peers, bytes, peers->rank, n, out), n_in = cut(peers, bytes, from, n, in);
    rnnp_status status = RNNP_OK;
    for (size_t i = 0; i < n_in && status == RNNP_OK; i++, requests++)
        status = peers->receive(peers->user, from, RNNP_TAG_WORDS, all + in[i].at, in[i].bytes, &request[requests]);
    for (size_t i = 0; i < n_out && status == RNNP_OK; i++, requests++)
        status = peers->send(peers->user, to, RNNP_TAG_WORDS, all + out[i].at, out[i].bytes, &request[requests]);
    for (size_t i = 0; i < requests && status == RNNP_OK; i++) status = peers->wait(peers->user, request[i]);
    return status;
}

rnnp_status rnnp_peers_share(const rnnp_context *context, const rnnp_peers *peers, size_t bytes, void *all)
{
    rnnp_status status = RNNP_OK;
    for (size_t have = 1; have < peers->ranks && status == RNNP_OK; have *= 2) {
        const size_t more = peers->ranks - have;
        status = exchange(peers, bytes, all, have, have < more ? have : more);
    }
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
