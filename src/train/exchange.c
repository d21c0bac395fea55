/* SPDX-License-Identifier: Apache-2.0
 *
 * The sum of gradients over processes. Every process owns an equal part of the gradient's elements: it gets the others'
 * nodes of its part, adds them in the order of the tree (slices.c), and sends the sum to all. So each element travels
 * twice, whatever the number of processes, and is added by one process in an order that depends on slices alone.
 *
 * The nodes of a process are sent parameter by parameter, each as soon as it is final (joins.c): while the backward
 * pass still goes through lower layers, or through the slices of a later node. Their tags say which is which, so they
 * may come in any order.
 */
#include "exchange.h"
#include "tree.h"

#include <string.h>

enum { PART_FLOATS = 16, NODE_TAGS = RNNP_PEERS_OWN - RNNP_TAG_NODES };

/* ---- Parts ---- */

/* The live elements [*from, *to) of a process. */
static void part_of(const rnnp_trainer *t, size_t live, size_t rank, size_t *from, size_t *to)
{
    size_t first, end;
    rnnp_share((live + PART_FLOATS - 1) / PART_FLOATS, rank, t->peers.ranks, &first, &end);
    *from = first * PART_FLOATS < live ? first * PART_FLOATS : live;
    *to = end * PART_FLOATS < live ? end * PART_FLOATS : live;
}

/* A walk over the part of a process: pieces of one parameter each, counted in live elements. */
typedef struct walk {
    const rnnp_trainer *trainer;
    size_t next, first; /* parameter, and its first element's number */
    size_t from, to;
    size_t parameter, offset, n; /* of the piece; offset as in rnnp_train_parameter */
} walk;

static walk walk_part(const rnnp_trainer *t, size_t live, size_t rank)
{
    walk w = {.trainer = t};
    part_of(t, live, rank, &w.from, &w.to);
    return w;
}

static size_t live_of(const rnnp_train_parameter *p) { return p->info.frozen ? 0 : p->elements; }

static int walk_on(walk *w)
{
    const rnnp_trainer *t = w->trainer;
    while (w->next < t->n_parameters && w->first < w->to) {
        const rnnp_train_parameter *p = &t->parameters[w->next++];
        const size_t first = w->first, end = first + live_of(p);
        const size_t from = w->from > first ? w->from : first, to = w->to < end ? w->to : end;
        w->first = end;
        if (from >= to) continue;
        w->parameter = w->next - 1;
        w->offset = p->offset + (from - first);
        w->n = to - from;
        return 1;
    }
    return 0;
}

/* ---- Memory: other processes' nodes of the own part, and requests ---- */

static size_t nodes_of(const rnnp_pass *pass, size_t rank, rnnp_tree_node node[RNNP_TREE_NODES])
{
    size_t from, to;
    rnnp_peers_slices_of(pass, rank, &from, &to);
    return rnnp_tree_nodes(from, to, pass->slices, node);
}

static void measure(rnnp_exchange *x)
{
    rnnp_tree_node node[RNNP_TREE_NODES];
    x->live = rnnp_live_floats(x->trainer);
    const walk own = walk_part(x->trainer, x->live, x->peers->rank);
    x->part = own.to - own.from;
    x->others = 0;
    for (size_t k = 0; k < x->peers->ranks; k++)
        if (k != x->peers->rank) x->others += nodes_of(x->pass, k, node);
}

/* At once: nodes, or sums, to and from all. All parts together have a piece of each parameter and one more for each
 * part that begins within one, at most. */
static size_t most_requests(const rnnp_exchange *x)
{
    const size_t all = x->trainer->n_parameters + x->peers->ranks;
    size_t own = 0;
    for (walk w = walk_part(x->trainer, x->live, x->peers->rank); walk_on(&w);) own++;
    return (x->others + x->peers->ranks) * own + (x->pass->n_nodes + 1) * all;
}

static size_t flags(const rnnp_exchange *x) { return x->pass->n_nodes * x->trainer->n_parameters; }

static size_t up(size_t bytes) { return (bytes + 63) / 64 * 64; }

size_t rnnp_exchange_measure(const rnnp_pass *pass)
{
    rnnp_exchange x = {.pass = (rnnp_pass *)pass, .trainer = pass->trainer, .peers = &pass->trainer->peers};
    size_t floats, requests;
    if (!pass->trainer->peers.ranks || !pass->training) return 0;
    measure(&x); /* only reads */
    if (rnnp_mul_overflow(x.others * sizeof(float), x.part, &floats) ||
        rnnp_mul_overflow(most_requests(&x), sizeof(size_t), &requests))
        return SIZE_MAX;
    return rnnp_add_bytes(up(requests) + up(flags(&x)), floats);
}

static void lay_out(rnnp_exchange *x)
{
    measure(x);
    x->requests = (size_t *)(void *)x->pass->parts;
    x->sent = (uint8_t *)x->pass->parts + up(most_requests(x) * sizeof *x->requests);
    x->memory = (float *)(void *)(x->sent + up(flags(x)));
    memset(x->sent, 0, flags(x));
}

/* ---- Messages ---- */

static void begun(rnnp_exchange *x, rnnp_status status)
{
    if (status == RNNP_OK)
        x->n_requests++;
    else
        x->status = rnnp_peers_fail(x->trainer->context, x->peers, status);
}

static void send_to(rnnp_exchange *x, size_t rank, size_t tag, const float *y, size_t n)
{
    if (x->status != RNNP_OK) return;
    begun(x, x->peers->send(x->peers->user, rank, tag, y, n * sizeof *y, &x->requests[x->n_requests]));
}

static void receive_from(rnnp_exchange *x, size_t rank, size_t tag, float *y, size_t n)
{
    if (x->status != RNNP_OK) return;
    begun(x, x->peers->receive(x->peers->user, rank, tag, y, n * sizeof *y, &x->requests[x->n_requests]));
}

/* For the first `n` requests. */
static void wait_for(rnnp_exchange *x, size_t n)
{
    for (; x->ended < n && x->status == RNNP_OK; x->ended++) {
        const rnnp_status status = x->peers->wait(x->peers->user, x->requests[x->ended]);
        if (status != RNNP_OK) x->status = rnnp_peers_fail(x->trainer->context, x->peers, status);
    }
}

/* Ends requests in the order in which they were begun, as wait_for() does, up to the first one that is not done; to
 * test that one moves all the others on, too. */
void rnnp_exchange_test(rnnp_exchange *x)
{
    int done = 1;
    for (; done && x->ended < x->n_requests && x->status == RNNP_OK; x->ended += done != 0) {
        const rnnp_status status = x->peers->test(x->peers->user, x->requests[x->ended], &done);
        if (status != RNNP_OK) x->status = rnnp_peers_fail(x->trainer->context, x->peers, status);
    }
}

void rnnp_exchange_drain(rnnp_exchange *x) { wait_for(x, x->n_requests); }

/* Other processes in turn, beginning with the next one: not all send to the same one first. */
static size_t neighbour(const rnnp_peers *peers, size_t i) { return (peers->rank + i) % peers->ranks; }

/* Where there are more sums than tags, several share one, and the receiver would take one for another if they were not
 * sent in the order of its receives: then none is sent early (can_overtake). */
static size_t tag_of(const rnnp_exchange *x, size_t node, size_t parameter)
{
    return RNNP_TAG_NODES + (node * x->trainer->n_parameters + parameter) % NODE_TAGS;
}

static int can_overtake(const rnnp_exchange *x) { return flags(x) <= NODE_TAGS; }

static void send_node(rnnp_exchange *x, size_t node, size_t parameter)
{
    const rnnp_trainer *t = x->trainer;
    const rnnp_train_parameter *p = &t->parameters[parameter];
    const float *y = rnnp_pass_buffer(x->pass, x->pass->at[node]) + p->offset;
    size_t first = 0, from, to;
    for (size_t i = 0; i < parameter; i++) first += live_of(&t->parameters[i]);
    const size_t end = first + live_of(p);
    for (size_t i = 1; i < x->peers->ranks; i++) {
        part_of(t, x->live, neighbour(x->peers, i), &from, &to);
        from = from > first ? from : first;
        to = to < end ? to : end;
        if (from < to) send_to(x, neighbour(x->peers, i), tag_of(x, node, parameter), y + (from - first), to - from);
    }
    x->sent[node * t->n_parameters + parameter] = 1;
}

void rnnp_exchange_send(rnnp_exchange *x, int all)
{
    const size_t n = x->trainer->n_parameters;
    if (!all && !can_overtake(x)) return;
    for (size_t k = 0; k < x->pass->n_nodes; k++)
        for (size_t p = 0; p < n; p++)
            if (!x->sent[k * n + p] && (all || rnnp_joins_ready(x->pass, k, p))) send_node(x, k, p);
}

void rnnp_exchange_clear(rnnp_exchange *x)
{
    const rnnp_trainer *t = x->trainer;
    for (size_t k = 0; k < x->pass->n_nodes; k++)
        for (size_t i = 0; i < t->n_parameters; i++)
            if (!x->sent[k * t->n_parameters + i])
                memset(rnnp_pass_buffer(x->pass, x->pass->at[k]) + t->parameters[i].offset, 0,
                       t->parameters[i].elements * sizeof(float));
}

void rnnp_exchange_receive(rnnp_exchange *x)
{
    rnnp_tree_node node[RNNP_TREE_NODES];
    lay_out(x);
    float *to = x->memory;
    for (size_t rank = 0; rank < x->peers->ranks; rank++) {
        const size_t n = rank == x->peers->rank ? 0 : nodes_of(x->pass, rank, node);
        for (size_t k = 0; k < n; k++)
            for (walk w = walk_part(x->trainer, x->live, x->peers->rank); walk_on(&w); to += w.n)
                receive_from(x, rank, tag_of(x, k, w.parameter), to, w.n);
    }
}

/* ---- Sums ---- */

/* A node's elements of the own part: of this process's gradient (at buffer `at`), or as another one sent them. */
typedef struct place {
    const float *sent;
    size_t at;
} place;

static float *piece_of(const rnnp_exchange *x, const place *p, const walk *w, size_t done)
{
    return p->sent ? (float *)p->sent + done : rnnp_pass_buffer(x->pass, p->at) + w->offset;
}

/* The part of one place to another, piece by piece: added, or copied. */
static void put_part(const rnnp_exchange *x, const place *to, const place *from, int add)
{
    size_t done = 0;
    for (walk w = walk_part(x->trainer, x->live, x->peers->rank); walk_on(&w); done += w.n) {
        float *y = piece_of(x, to, &w, done);
        const float *z = piece_of(x, from, &w, done);
        if (add)
            rnnp_train_add(x->trainer, y, z, w.n);
        else if (y != z)
            memcpy(y, z, w.n * sizeof *y);
    }
}

typedef struct summing {
    rnnp_exchange *x;
    rnnp_tree_node node[RNNP_TREE_NODES];
    place place[RNNP_TREE_NODES];
    size_t n;
} summing;

static void join_sums(summing *s)
{
    for (; rnnp_tree_can_join(s->node, s->n); s->n--) {
        rnnp_tree_join(s->node, s->n);
        put_part(s->x, &s->place[s->n - 2], &s->place[s->n - 1], 1);
    }
}

/* Adds the nodes of all processes in the order of their slices, each when it has come. */
static void add_nodes(summing *s)
{
    rnnp_exchange *x = s->x;
    const float *sent = x->memory;
    size_t pieces = 0, received = 0;
    for (walk w = walk_part(x->trainer, x->live, x->peers->rank); walk_on(&w);) pieces++;
    for (size_t rank = 0; rank < x->peers->ranks; rank++) {
        rnnp_tree_node node[RNNP_TREE_NODES];
        const size_t n = nodes_of(x->pass, rank, node);
        for (size_t k = 0; k < n; k++) {
            s->place[s->n] = (place){NULL, x->pass->at[k]};
            if (rank != x->peers->rank) {
                wait_for(x, received += pieces);
                s->place[s->n].sent = sent;
                sent += x->part;
            }
            s->node[s->n] = node[k];
            s->node[s->n++].loss = x->trainer->outcomes[rank].loss[k];
            if (x->status != RNNP_OK) return;
            join_sums(s);
        }
    }
    while (rnnp_tree_rise(s->node, s->n, x->pass->slices)) join_sums(s);
}

static void share_sums(rnnp_exchange *x)
{
    float *gradient = x->trainer->gradient;
    x->n_requests = x->ended = 0;
    for (size_t i = 1; i < x->peers->ranks; i++)
        for (walk w = walk_part(x->trainer, x->live, neighbour(x->peers, i)); walk_on(&w);)
            receive_from(x, neighbour(x->peers, i), RNNP_TAG_SUMS, gradient + w.offset, w.n);
    for (size_t i = 1; i < x->peers->ranks; i++)
        for (walk w = walk_part(x->trainer, x->live, x->peers->rank); walk_on(&w);)
            send_to(x, neighbour(x->peers, i), RNNP_TAG_SUMS, gradient + w.offset, w.n);
    rnnp_exchange_drain(x);
}

rnnp_status rnnp_exchange_sum(rnnp_exchange *x, rnnp_tree_node *root)
{
    const place whole = {NULL, 0}; /* the trainer's own gradient */
    summing s = {.x = x};
    add_nodes(&s);
    /* What others still read of the gradient must have been read before sums are written there. */
    rnnp_exchange_drain(x);
    if (x->status != RNNP_OK) return x->status;
    put_part(x, &whole, &s.place[0], 0);
    share_sums(x);
    *root = s.node[0];
    return x->status;
}
