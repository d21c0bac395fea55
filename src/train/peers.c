/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch divided among processes. Each runs as many neighbouring slices as any (the last ones fewer, or none), so that
 * its sums are few nodes of the tree. Every process owns an equal part of the gradient's elements: it gets the others'
 * nodes of its part, adds them in the order of the tree (slices.c), and sends the sum to all. So each element travels
 * twice, whatever the number of processes, and is added by one process in an order that depends on slices alone.
 *
 * A step has three exchanges:
 *
 *   words   of each process to all: whether its slices went well, the losses of its nodes, what must be the same
 *   nodes   to the owner of each part
 *   sums    from the owner of each part to all
 *
 * When a word says that something failed, all stop after it, so that nobody waits for who has given up. join.c has how
 * a trainer comes to have others.
 */
#include "../packed/packed.h"
#include "tree.h"

#include <stdio.h>
#include <string.h>

enum { PART_FLOATS = 16, COMPARED_EVERY = 64 };

/* ---- Shares ---- */

static void slices_of(const rnnp_pass *pass, size_t rank, size_t *from, size_t *to)
{
    const size_t ranks = pass->trainer->peers.ranks, each = (pass->slices + ranks - 1) / ranks;
    *from = rank * each < pass->slices ? rank * each : pass->slices;
    *to = *from + each < pass->slices ? *from + each : pass->slices;
}

void rnnp_peers_slices(rnnp_pass *pass)
{
    pass->from = 0;
    pass->to = pass->slices;
    if (pass->trainer->peers.ranks && pass->training)
        slices_of(pass, pass->trainer->peers.rank, &pass->from, &pass->to);
}

rnnp_status rnnp_trainer_rows(const rnnp_trainer *trainer, size_t rows, size_t *from, size_t *to)
{
    if (!trainer) return RNNP_ERR_ARG;
    if (!from || !to) return rnnp_fail(trainer->context, RNNP_ERR_ARG, "%s is NULL", from ? "to" : "from");
    rnnp_pass pass = {.trainer = (rnnp_trainer *)trainer, .training = 1}; /* only read */
    pass.slices = rows / RNNP_SLICE_ROWS + (rows % RNNP_SLICE_ROWS != 0);
    rnnp_peers_slices(&pass);
    *from = pass.from * RNNP_SLICE_ROWS < rows ? pass.from * RNNP_SLICE_ROWS : rows;
    *to = pass.to * RNNP_SLICE_ROWS < rows ? pass.to * RNNP_SLICE_ROWS : rows;
    return RNNP_OK;
}

/* The nodes that a process's slices add up to. */
static size_t nodes_of(const rnnp_pass *pass, size_t rank, rnnp_tree_node node[RNNP_TREE_NODES])
{
    size_t from, to, n = 0;
    slices_of(pass, rank, &from, &to);
    for (size_t s = from; s < to; s++) {
        node[n++] = (rnnp_tree_node){0, s, 0};
        for (; rnnp_tree_can_join(node, n); n--) rnnp_tree_join(node, n);
    }
    while (rnnp_tree_rise(node, n, pass->slices))
        for (; rnnp_tree_can_join(node, n); n--) rnnp_tree_join(node, n);
    return n;
}

/* ---- Parts ---- */

/* Elements of the gradient that are not frozen. */
static size_t live_floats(const rnnp_trainer *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_parameters; i++) n += t->parameters[i].info.frozen ? 0 : t->parameters[i].elements;
    return n;
}

/* A walk over the part of a process: pieces of one parameter each, counted in live elements. */
typedef struct walk {
    const rnnp_trainer *trainer;
    size_t parameter, first; /* the next one, and its first element's number */
    size_t from, to;
    size_t offset, n; /* of the piece, as in rnnp_train_parameter */
} walk;

static walk walk_part(const rnnp_trainer *t, size_t live, size_t rank)
{
    const size_t lines = (live + PART_FLOATS - 1) / PART_FLOATS, each = lines / t->peers.ranks,
                 more = lines % t->peers.ranks;
    const size_t from = (rank * each + (rank < more ? rank : more)) * PART_FLOATS,
                 to = from + (each + (rank < more)) * PART_FLOATS;
    return (walk){.trainer = t, .from = from < live ? from : live, .to = to < live ? to : live};
}

static int walk_on(walk *w)
{
    const rnnp_trainer *t = w->trainer;
    for (; w->parameter < t->n_parameters && w->first < w->to; w->parameter++) {
        const rnnp_train_parameter *p = &t->parameters[w->parameter];
        const size_t end = w->first + (p->info.frozen ? 0 : p->elements);
        const size_t from = w->from > w->first ? w->from : w->first, to = w->to < end ? w->to : end;
        const size_t first = w->first;
        w->first = end;
        if (from >= to) continue;
        w->offset = p->offset + (from - first);
        w->n = to - from;
        w->parameter++;
        return 1;
    }
    return 0;
}

/* ---- Memory: other processes' nodes of the own part, and requests ---- */

typedef struct reduction {
    rnnp_pass *pass;
    const rnnp_trainer *trainer;
    const rnnp_peers *peers;
    size_t live, part;            /* floats: of the gradient, of the own part */
    size_t others;                /* nodes of other processes */
    size_t *requests, n_requests; /* that were begun and not waited for */
    float *memory;                /* [others][part] */
    rnnp_status status;
} reduction;

static reduction reduce_of(rnnp_pass *pass)
{
    reduction r = {.pass = pass, .trainer = pass->trainer, .peers = &pass->trainer->peers};
    rnnp_tree_node node[RNNP_TREE_NODES];
    r.live = live_floats(r.trainer);
    const walk own = walk_part(r.trainer, r.live, r.peers->rank);
    r.part = own.to - own.from;
    for (size_t k = 0; k < r.peers->ranks; k++)
        if (k != r.peers->rank) r.others += nodes_of(pass, k, node);
    return r;
}

/* At once: nodes, or sums, to and from all. All parts together have a piece of each parameter and one more for each
 * part that begins within one, at most. */
static size_t most_requests(const reduction *r)
{
    rnnp_tree_node node[RNNP_TREE_NODES];
    const size_t all = r->trainer->n_parameters + r->peers->ranks;
    size_t own = 0;
    for (walk w = walk_part(r->trainer, r->live, r->peers->rank); walk_on(&w);) own++;
    return (r->others + r->peers->ranks) * own + (nodes_of(r->pass, r->peers->rank, node) + 1) * all;
}

size_t rnnp_peers_measure(const rnnp_pass *pass)
{
    size_t floats, requests;
    if (!pass->trainer->peers.ranks || !pass->training) return 0;
    const reduction r = reduce_of((rnnp_pass *)pass); /* only read */
    if (rnnp_mul_overflow(r.others * sizeof(float), r.part, &floats) ||
        rnnp_mul_overflow(most_requests(&r), sizeof(size_t), &requests))
        return SIZE_MAX;
    return rnnp_add_bytes((requests + 63) / 64 * 64, floats);
}

/* ---- Messages ---- */

static void begin(reduction *r, rnnp_status status)
{
    if (status == RNNP_OK)
        r->n_requests++;
    else if (r->status == RNNP_OK)
        r->status = rnnp_peers_fail(r->trainer->context, r->peers, status);
}

static void send_to(reduction *r, size_t rank, const float *x, size_t n)
{
    if (r->status != RNNP_OK) return;
    begin(r, r->peers->send(r->peers->user, rank, RNNP_TAG_WORDS, x, n * sizeof *x, &r->requests[r->n_requests]));
}

static void receive_from(reduction *r, size_t rank, float *x, size_t n)
{
    if (r->status != RNNP_OK) return;
    begin(r, r->peers->receive(r->peers->user, rank, RNNP_TAG_WORDS, x, n * sizeof *x, &r->requests[r->n_requests]));
}

static void wait_for(reduction *r, size_t request)
{
    if (r->status != RNNP_OK) return;
    const rnnp_status status = r->peers->wait(r->peers->user, r->requests[request]);
    if (status != RNNP_OK) r->status = rnnp_peers_fail(r->trainer->context, r->peers, status);
}

/* Other processes in turn, beginning with the next one: not all send to the same one first. */
static size_t neighbour(const rnnp_peers *peers, size_t i) { return (peers->rank + i) % peers->ranks; }

static void send_nodes(reduction *r)
{
    for (size_t i = 1; i < r->peers->ranks; i++)
        for (size_t k = 0; k < r->pass->n_nodes; k++)
            for (walk w = walk_part(r->trainer, r->live, neighbour(r->peers, i)); walk_on(&w);)
                send_to(r, neighbour(r->peers, i), rnnp_pass_buffer(r->pass, r->pass->at[k]) + w.offset, w.n);
}

static void receive_nodes(reduction *r)
{
    rnnp_tree_node node[RNNP_TREE_NODES];
    float *to = r->memory;
    for (size_t rank = 0; rank < r->peers->ranks; rank++) {
        if (rank == r->peers->rank) continue;
        for (size_t k = nodes_of(r->pass, rank, node); k > 0; k--)
            for (walk w = walk_part(r->trainer, r->live, r->peers->rank); walk_on(&w); to += w.n)
                receive_from(r, rank, to, w.n);
    }
}

/* ---- Sums ---- */

/* A node's elements of the own part: of this process's gradient (at buffer `at`), or as another one sent them. */
typedef struct place {
    const float *sent;
    size_t at;
} place;

static float *piece_of(const reduction *r, const place *p, const walk *w, size_t done)
{
    return p->sent ? (float *)p->sent + done : rnnp_pass_buffer(r->pass, p->at) + w->offset;
}

/* The part of one place to another, piece by piece: added, or copied. */
static void put_part(const reduction *r, const place *to, const place *from, int add)
{
    size_t done = 0;
    for (walk w = walk_part(r->trainer, r->live, r->peers->rank); walk_on(&w); done += w.n) {
        float *y = piece_of(r, to, &w, done);
        const float *x = piece_of(r, from, &w, done);
        if (add)
            rnnp_train_add(r->trainer, y, x, w.n);
        else if (y != x)
            memcpy(y, x, w.n * sizeof *y);
    }
}

typedef struct summing {
    reduction *r; /* NULL: losses alone */
    rnnp_tree_node node[RNNP_TREE_NODES];
    place place[RNNP_TREE_NODES];
    size_t n;
} summing;

static void join_sums(summing *s)
{
    for (; rnnp_tree_can_join(s->node, s->n); s->n--) {
        rnnp_tree_join(s->node, s->n);
        if (s->r) put_part(s->r, &s->place[s->n - 2], &s->place[s->n - 1], 1);
    }
}

/* Adds the nodes of all processes in the order of their slices, each when it has come. */
static void add_nodes(const rnnp_pass *pass, reduction *r, summing *s)
{
    const rnnp_peers *peers = &pass->trainer->peers;
    const float *sent = r ? r->memory : NULL;
    size_t request = 0;
    for (size_t rank = 0; rank < peers->ranks; rank++) {
        rnnp_tree_node node[RNNP_TREE_NODES];
        const size_t n = nodes_of(pass, rank, node);
        for (size_t k = 0; k < n; k++) {
            s->place[s->n] = (place){NULL, pass->at[k]};
            if (r && rank != peers->rank) {
                for (walk w = walk_part(r->trainer, r->live, peers->rank); walk_on(&w);) wait_for(r, request++);
                s->place[s->n].sent = sent;
                sent += r->part;
            }
            s->node[s->n] = node[k];
            s->node[s->n++].loss = pass->trainer->words[rank].loss[k];
            if (r && r->status != RNNP_OK) return;
            join_sums(s);
        }
    }
    while (rnnp_tree_rise(s->node, s->n, pass->slices)) join_sums(s);
}

static void share_sums(reduction *r)
{
    r->n_requests = 0;
    for (size_t i = 1; i < r->peers->ranks; i++)
        for (walk w = walk_part(r->trainer, r->live, neighbour(r->peers, i)); walk_on(&w);)
            receive_from(r, neighbour(r->peers, i), r->trainer->gradient + w.offset, w.n);
    for (size_t i = 1; i < r->peers->ranks; i++)
        for (walk w = walk_part(r->trainer, r->live, r->peers->rank); walk_on(&w);)
            send_to(r, neighbour(r->peers, i), r->trainer->gradient + w.offset, w.n);
    for (size_t i = 0; i < r->n_requests; i++) wait_for(r, i);
}

static rnnp_status reduce_gradient(rnnp_pass *pass, summing *s)
{
    reduction r = reduce_of(pass);
    const place whole = {NULL, 0}; /* the trainer's own gradient */
    size_t received;
    r.requests = (size_t *)(void *)pass->parts;
    r.memory = (float *)(void *)(pass->parts + (most_requests(&r) * sizeof *r.requests + 63) / 64 * 64);
    s->r = &r;
    receive_nodes(&r);
    received = r.n_requests;
    send_nodes(&r);
    add_nodes(pass, &r, s);
    /* What others still read of the gradient must have been read before sums are written there. */
    for (size_t i = received; i < r.n_requests; i++) wait_for(&r, i);
    if (r.status != RNNP_OK) return r.status;
    put_part(&r, &whole, &s->place[0], 0);
    share_sums(&r);
    return r.status;
}

/* ---- Words ---- */

static uint32_t frozen_of(const rnnp_trainer *t)
{
    uint32_t hash = 2166136261; /* FNV-1a */
    for (size_t i = 0; i < t->n_parameters; i++) hash = (hash ^ (uint32_t)t->parameters[i].info.frozen) * 16777619;
    return hash;
}

static void say(rnnp_pass *pass, rnnp_status status)
{
    rnnp_trainer *t = pass->trainer;
    rnnp_word *w = &t->words[t->peers.rank];
    char *reason = t->reasons + t->peers.rank * RNNP_REASON_CHARS;
    *w = (rnnp_word){.status = status, .steps = t->steps, .rows = pass->rows, .live = live_floats(t)};
    w->weight = pass->weight;
    w->rate = t->optimizer.rate;
    w->proximal = t->proximal;
    w->frozen = frozen_of(t);
    for (size_t k = 0; k < pass->n_nodes && status == RNNP_OK; k++) w->loss[k] = pass->node[k].loss;
    if (status != RNNP_OK) snprintf(reason, RNNP_REASON_CHARS, "%s", rnnp_last_error(t->context));
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

/* The first process that failed speaks for all. */
static rnnp_status tell(const rnnp_trainer *t, size_t rank)
{
    const rnnp_peers *peers = &t->peers;
    char own[RNNP_REASON_CHARS];
    const rnnp_status status = rnnp_peers_share(t->context, peers, RNNP_REASON_CHARS, t->reasons);
    if (status != RNNP_OK) return status;
    snprintf(own, sizeof own, "%.*s", RNNP_REASON_CHARS - 1, t->reasons + rank * RNNP_REASON_CHARS);
    return peers->ranks > 1 ? rnnp_fail(t->context, (rnnp_status)t->words[rank].status, "rank %zu: %s", rank, own)
                            : (rnnp_status)t->words[rank].status;
}

static rnnp_status compare(const rnnp_trainer *t)
{
    for (size_t k = 0; k < t->peers.ranks; k++)
        if (t->words[k].status != RNNP_OK) return tell(t, k);
    for (size_t k = 1; k < t->peers.ranks; k++) {
        const char *what = difference(&t->words[0], &t->words[k]);
        if (what)
            return rnnp_fail(t->context, RNNP_ERR_ARG, "after %llu steps rank %zu has another %s than rank 0",
                             (unsigned long long)t->steps, k, what);
    }
    return RNNP_OK;
}

rnnp_status rnnp_peers_reduce(rnnp_pass *pass, rnnp_status status)
{
    rnnp_trainer *t = pass->trainer;
    summing sum = {.r = NULL};
    say(pass, status);
    status = rnnp_peers_share(t->context, &t->peers, sizeof *t->words, t->words);
    if (status == RNNP_OK) status = compare(t);
    if (status == RNNP_OK) status = reduce_gradient(pass, &sum);
    if (status == RNNP_OK) pass->node[0] = sum.node[0];
    return status;
}
