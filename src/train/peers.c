/* SPDX-License-Identifier: Apache-2.0
 *
 * A step of several processes, which share a batch (shares.c). It has four exchanges:
 *
 *   words     of each process to all, before its slices: whether the batch is good, and what must be the same
 *   nodes     while slices run, as soon as all words have come: sums to the process that adds them (exchange.c)
 *   outcomes  of each process to all, after its slices: whether they went well, and the losses of its nodes
 *   sums      from those who added them to all
 *
 * When a word says that something failed, all stop after it. When slices fail, their process still sends what the
 * others expect, and its outcome says that it counts for nothing. So nobody waits for who has given up.
 */
#include "../clock.h"
#include "../packed/packed.h"
#include "exchange.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { COMPARED_EVERY = 64, LOOK_NS = 50000 };

/* ---- Words ---- */

static uint32_t frozen_of(const rnnp_trainer *t)
{
    uint32_t hash = 2166136261; /* FNV-1a */
    for (size_t i = 0; i < t->n_parameters; i++) hash = (hash ^ (uint32_t)t->parameters[i].info.frozen) * 16777619;
    return hash;
}

static void give_reason(const rnnp_trainer *t)
{
    snprintf(t->reasons + t->peers.rank * RNNP_REASON_CHARS, RNNP_REASON_CHARS, "%s", rnnp_last_error(t->context));
}

static void say(rnnp_pass *pass, rnnp_status status)
{
    rnnp_trainer *t = pass->trainer;
    rnnp_word *w = &t->words[t->peers.rank];
    *w = (rnnp_word){.status = status, .steps = t->steps, .rows = pass->rows, .live = rnnp_live_floats(t)};
    w->weight = pass->weight;
    w->rate = t->optimizer.rate;
    w->proximal = t->proximal;
    w->frozen = frozen_of(t);
    if (status != RNNP_OK) give_reason(t);
    if (!t->compared || t->steps % COMPARED_EVERY == 0)
        w->values = rnnp_packed_checksum(t->values, t->floats * sizeof *t->values);
    t->compared = 1;
}

/* What of two words differs that must not, or NULL. */
static const char *difference(const rnnp_word *a, const rnnp_word *b)
{
    if (a->steps != b->steps) return "number of steps done";
    if (a->rows != b->rows) return "number of rows in the batch";
    if (memcmp(&a->rate, &b->rate, sizeof a->rate) != 0) return "learning rate";
    if (memcmp(&a->proximal, &b->proximal, sizeof a->proximal) != 0) return "proximal weight";
    if (a->live != b->live || a->frozen != b->frozen) return "set of frozen parameters";
    if (memcmp(&a->weight, &b->weight, sizeof a->weight) != 0) return "sum of the batch's weights";
    return a->values != b->values ? "value of some parameter" : NULL;
}

/* Whether all words are good and say the same. */
static int agree(const rnnp_trainer *t)
{
    for (size_t k = 0; k < t->peers.ranks; k++)
        if (t->words[k].status != RNNP_OK || difference(&t->words[0], &t->words[k])) return 0;
    return 1;
}

/* The first process that failed speaks for all. */
static rnnp_status tell(rnnp_exchange *x, size_t rank, rnnp_status what)
{
    const rnnp_trainer *t = x->trainer;
    const rnnp_peers *peers = &t->peers;
    char own[RNNP_REASON_CHARS];
    x->status = rnnp_peers_share(t->context, peers, RNNP_REASON_CHARS, t->reasons);
    if (x->status != RNNP_OK) return x->status;
    snprintf(own, sizeof own, "%.*s", RNNP_REASON_CHARS - 1, t->reasons + rank * RNNP_REASON_CHARS);
    return peers->ranks > 1 ? rnnp_fail(t->context, what, "rank %zu: %s", rank, own) : what;
}

static rnnp_status compare(rnnp_exchange *x)
{
    const rnnp_trainer *t = x->trainer;
    for (size_t k = 0; k < t->peers.ranks; k++)
        if (t->words[k].status != RNNP_OK) return tell(x, k, (rnnp_status)t->words[k].status);
    for (size_t k = 1; k < t->peers.ranks; k++) {
        const char *what = difference(&t->words[0], &t->words[k]);
        if (what)
            return rnnp_fail(t->context, RNNP_ERR_ARG, "after %llu steps rank %zu has another %s than rank 0",
                             (unsigned long long)t->steps, k, what);
    }
    return RNNP_OK;
}

/* ---- A step ---- */

/* Threads are told apart by where their errno is. */
static const void *this_thread(void) { return &errno; }

static void go_on_with_words(rnnp_exchange *x, int wait)
{
    int done = 0;
    const rnnp_status status = rnnp_gathering_go_on(&x->words, wait, &done);
    if (status != RNNP_OK) x->status = rnnp_peers_fail(x->trainer->context, x->peers, status);
    x->agreed = status == RNNP_OK && done && agree(x->trainer);
    if (x->agreed) rnnp_exchange_receive(x);
}

void rnnp_peers_begin(rnnp_pass *pass, rnnp_exchange *exchange, rnnp_status status)
{
    rnnp_trainer *t = pass->trainer;
    *exchange = (rnnp_exchange){.pass = pass, .trainer = t, .peers = &t->peers, .caller = this_thread()};
    say(pass, status);
    rnnp_gathering_begin(&exchange->words, &t->peers, sizeof *t->words, t->words);
    pass->exchange = exchange;
}

void rnnp_peers_go_on(rnnp_pass *pass)
{
    rnnp_exchange *x = pass->exchange;
    if (!x || x->caller != this_thread() || !x->peers->test || x->status != RNNP_OK) return;
    const unsigned long long now = rnnp_clock_ns();
    if (now - x->looked < LOOK_NS) return;
    x->looked = now;
    if (!x->agreed && x->words.have < x->peers->ranks) go_on_with_words(x, 0);
    if (!x->agreed) return;
    rnnp_exchange_send(x, 0);
    rnnp_exchange_test(x);
}

/* All processes send and receive all nodes, whatever has become of their slices. */
static rnnp_status reduce(rnnp_pass *pass, rnnp_status status)
{
    rnnp_exchange *x = pass->exchange;
    rnnp_trainer *t = pass->trainer;
    rnnp_outcome *own = &t->outcomes[t->peers.rank];
    *own = (rnnp_outcome){.status = status};
    for (size_t k = 0; k < pass->n_nodes && status == RNNP_OK; k++) own->loss[k] = pass->node[k].loss;
    if (status != RNNP_OK) {
        give_reason(t);
        rnnp_exchange_clear(x);
    }
    rnnp_exchange_send(x, 1);
    if (x->status == RNNP_OK) x->status = rnnp_peers_share(t->context, &t->peers, sizeof *own, t->outcomes);
    for (size_t k = 0; k < t->peers.ranks && x->status == RNNP_OK; k++) {
        if (t->outcomes[k].status == RNNP_OK) continue;
        rnnp_exchange_drain(x);
        return x->status == RNNP_OK ? tell(x, k, (rnnp_status)t->outcomes[k].status) : x->status;
    }
    return x->status == RNNP_OK ? rnnp_exchange_sum(x, &pass->node[0]) : x->status;
}

static rnnp_status end(rnnp_pass *pass, rnnp_status status)
{
    rnnp_exchange *x = pass->exchange;
    if (!x->agreed && x->status == RNNP_OK && x->words.have < x->peers->ranks) go_on_with_words(x, 1);
    /* Messages may have failed while slices ran, whose own errors have put other sentences in the place of theirs. */
    if (x->status != RNNP_OK) return rnnp_peers_fail(x->trainer->context, x->peers, x->status);
    const rnnp_status words = compare(x);
    return words == RNNP_OK ? reduce(pass, status) : words;
}

rnnp_status rnnp_peers_reduce(rnnp_pass *pass, rnnp_status status)
{
    const rnnp_status ended = end(pass, status);
    pass->trainer->cut_off = pass->exchange->status != RNNP_OK;
    return ended;
}
