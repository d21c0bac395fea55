/* SPDX-License-Identifier: Apache-2.0
 *
 * The last additions of a pass. When a thread has run its last slice, nodes of the tree (slices.c) are left on its
 * stack, and those of all threads make up the nodes of the process. Which are added to which follows from the slices
 * alone, so the list is made before the first one runs.
 *
 * The gradient of a parameter is final for a thread when the backward pass of its last slice has gone by, that of an
 * upper layer long before that of the first one. From then on the sums of this parameter can be taken, block by block,
 * by whichever thread comes by, and sent to other processes (exchange.c) while the pass goes on.
 */
#include "tree.h"

/* ---- The list ---- */

/* How many of this process's nodes' sums of parameters there are. */
static size_t sums_of(const rnnp_pass *pass) { return pass->n_nodes * pass->trainer->n_parameters; }

size_t rnnp_joins_measure(rnnp_pass *pass)
{
    size_t sums, joins;
    pass->n_nodes = pass->backward ? rnnp_tree_nodes(pass->from, pass->to, pass->slices, pass->node) : 0;
    if (rnnp_mul_overflow(sums_of(pass), sizeof(rnnp_join_state), &sums) ||
        rnnp_mul_overflow(pass->buffers, sizeof(rnnp_join), &joins))
        return SIZE_MAX;
    return rnnp_add_bytes(rnnp_add_bytes(sums, joins), 64) / 64 * 64;
}

size_t rnnp_joins_end(const rnnp_pass *pass, size_t node)
{
    const size_t end = (pass->node[node].index + 1) << pass->node[node].level;
    return end < pass->to ? end : pass->to;
}

typedef struct planning {
    rnnp_pass *pass;
    rnnp_tree_node node[RNNP_TREE_NODES];
    size_t at[RNNP_TREE_NODES], n; /* the buffer of each */
} planning;

static void join_tops(planning *p)
{
    for (; rnnp_tree_can_join(p->node, p->n); p->n--) {
        p->pass->joins[p->pass->n_joins++] = (rnnp_join){p->at[p->n - 2], p->at[p->n - 1]};
        rnnp_tree_join(p->node, p->n);
    }
}

/* What a thread's slices leave on its stack. */
static void plan_share(planning *p, const rnnp_worker *worker, size_t from, size_t to, size_t *node)
{
    rnnp_pass *pass = p->pass;
    rnnp_tree_node left[RNNP_TREE_NODES];
    const size_t n = rnnp_tree_left(from, to, left);
    for (size_t j = 0; j < n; j++) {
        while (left[j].index << left[j].level >= rnnp_joins_end(pass, *node)) pass->first_join[++*node] = pass->n_joins;
        p->node[p->n] = left[j];
        p->at[p->n++] = worker->first_buffer + j;
        join_tops(p);
    }
}

/* How many threads have a share in each node. */
static void plan_waits(rnnp_pass *pass, size_t from, size_t to)
{
    const size_t n = pass->trainer->n_parameters;
    for (size_t k = 0; k < pass->n_nodes; k++) {
        if (from >= rnnp_joins_end(pass, k) || to <= pass->node[k].index << pass->node[k].level) continue;
        for (size_t i = 0; i < n; i++)
            atomic_fetch_add_explicit(&pass->states[k * n + i].waits, 1, memory_order_relaxed);
    }
}

void rnnp_joins_plan(rnnp_pass *pass)
{
    planning p = {.pass = pass};
    const size_t threads = pass->threads;
    size_t from, to, node = 0;
    pass->n_joins = 0;
    pass->first_join[0] = 0;
    for (size_t i = 0; i < sums_of(pass); i++) {
        atomic_init(&pass->states[i].waits, 0);
        atomic_init(&pass->states[i].taken, 0);
        atomic_init(&pass->states[i].done, 0);
    }
    if (pass->n_nodes == 0) return;
    for (size_t i = 0; i < threads; i++) {
        rnnp_share(pass->to - pass->from, i, threads, &from, &to);
        plan_share(&p, &pass->trainer->workers[i], pass->from + from, pass->from + to, &node);
        plan_waits(pass, pass->from + from, pass->from + to);
    }
    while (rnnp_tree_rise(p.node, p.n, pass->slices)) join_tops(&p);
    while (node < pass->n_nodes) pass->first_join[++node] = pass->n_joins;
    for (size_t k = 0; k < p.n; k++) pass->at[k] = p.at[k];
}

/* ---- Adding ---- */

void rnnp_joins_leave(rnnp_pass *pass, size_t node, size_t parameter)
{
    rnnp_join_state *state = &pass->states[node * pass->trainer->n_parameters + parameter];
    atomic_fetch_sub_explicit(&state->waits, 1, memory_order_acq_rel);
}

static void add_block(const rnnp_pass *pass, size_t node, const rnnp_update_block *block)
{
    for (size_t j = pass->first_join[node]; j < pass->first_join[node + 1]; j++)
        rnnp_train_add(pass->trainer, rnnp_pass_buffer(pass, pass->joins[j].sum) + block->offset,
                       rnnp_pass_buffer(pass, pass->joins[j].add) + block->offset, block->n);
}

static void add_blocks(rnnp_pass *pass, size_t node, size_t parameter)
{
    const rnnp_trainer *t = pass->trainer;
    const rnnp_train_parameter *p = &t->parameters[parameter];
    rnnp_join_state *state = &pass->states[node * t->n_parameters + parameter];
    if (p->info.frozen || atomic_load_explicit(&state->waits, memory_order_acquire)) return;
    while (atomic_load_explicit(&state->taken, memory_order_relaxed) < p->n_blocks) {
        const size_t b = atomic_fetch_add_explicit(&state->taken, 1, memory_order_relaxed);
        if (b >= p->n_blocks) return;
        add_block(pass, node, &t->blocks[p->first_block + b]);
        atomic_fetch_add_explicit(&state->done, 1, memory_order_release);
    }
}

void rnnp_joins_help(rnnp_pass *pass)
{
    for (size_t k = 0; k < pass->n_nodes; k++)
        for (size_t i = 0; pass->first_join[k] < pass->first_join[k + 1] && i < pass->trainer->n_parameters; i++)
            add_blocks(pass, k, i);
}

int rnnp_joins_ready(const rnnp_pass *pass, size_t node, size_t parameter)
{
    const rnnp_join_state *state = &pass->states[node * pass->trainer->n_parameters + parameter];
    const int adds = pass->first_join[node] < pass->first_join[node + 1];
    return !atomic_load_explicit(&state->waits, memory_order_acquire) &&
           (!adds ||
            atomic_load_explicit(&state->done, memory_order_acquire) == pass->trainer->parameters[parameter].n_blocks);
}
