/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch cut into slices, and the sum of their gradients.
 *
 * The tree over slices 0 .. S-1: node (l, j) is the sum over slices [j 2^l, (j+1) 2^l) below S, and for l > 0 it is
 * node (l-1, 2j) plus node (l-1, 2j+1), in this order, or the former alone where the latter has no slice. The root is
 * the gradient, and in the same way the sum of losses.
 *
 * Each thread takes neighbouring slices in ascending order and adds siblings as soon as it has both, so that a stack of
 * about log2 S gradients is all it needs. What its last slice leaves on the stack are nodes of the tree, which are
 * added to those of the other threads in the end (joins.c), in the order of their slices.
 */
#include "training.h"
#include "tree.h"

#include <stdio.h>

size_t rnnp_pass_rows(const rnnp_pass *pass, size_t slice)
{
    const size_t left = pass->rows - slice * RNNP_SLICE_ROWS;
    return left < RNNP_SLICE_ROWS ? left : RNNP_SLICE_ROWS;
}

/* ---- Memory ---- */

/* The most nodes at once for slices [from, to). */
static size_t stack_depth(size_t from, size_t to)
{
    rnnp_tree_node node[RNNP_TREE_NODES];
    size_t n = 0, most = 1;
    for (size_t s = from; s < to; s++) {
        node[n++] = (rnnp_tree_node){0, s, 0};
        most = n > most ? n : most;
        n = rnnp_tree_join_tops(node, n);
    }
    return most;
}

static size_t measure_buffers(rnnp_pass *pass)
{
    size_t n = 0, from, to;
    for (size_t i = 0; i < pass->threads; i++) {
        rnnp_share(pass->to - pass->from, i, pass->threads, &from, &to);
        pass->trainer->workers[i].first_buffer = n;
        n += stack_depth(pass->from + from, pass->from + to);
    }
    return n;
}

size_t rnnp_pass_measure(rnnp_pass *pass)
{
    size_t extra, slices, prepared = 0;
    pass->buffers = measure_buffers(pass);
    pass->buffer_bytes = pass->trainer->explains ? 0 : pass->trainer->floats * sizeof(float);
    pass->slice_bytes = 0;
    for (size_t i = 0; i < 2 && pass->tape[i]; i++) {
        const rnnp_tape *tape = pass->tape[i];
        prepared = tape->prepared_bytes > prepared ? tape->prepared_bytes : prepared;
        pass->slice_bytes = tape->bytes > pass->slice_bytes ? tape->bytes : pass->slice_bytes;
    }
    pass->prepared_bytes = prepared;
    if (rnnp_mul_overflow(pass->buffers - 1, pass->buffer_bytes, &extra) ||
        rnnp_mul_overflow(pass->threads, pass->slice_bytes, &slices))
        return SIZE_MAX;
    pass->joins_bytes = rnnp_joins_measure(pass);
    const size_t own = rnnp_add_bytes(rnnp_add_bytes(extra, pass->prepared_bytes), slices);
    return rnnp_add_bytes(rnnp_add_bytes(own, pass->joins_bytes), rnnp_exchange_measure(pass));
}

/* ---- Slices ---- */

static void add_gradients(const rnnp_trainer *t, float *sum, const float *x)
{
    for (size_t i = 0; i < t->n_parameters; i++) {
        const rnnp_train_parameter *p = &t->parameters[i];
        if (!p->info.frozen) rnnp_train_add(t, sum + p->offset, x + p->offset, p->elements);
    }
}

void rnnp_pass_meanwhile(void *pass)
{
    rnnp_joins_help(pass);
    rnnp_peers_go_on(pass);
}

/* `node`: of the pass, when the slice is the last one of its thread and gradients are wanted; else SIZE_MAX. */
static rnnp_status run_slice(const rnnp_pass *pass, const rnnp_worker *worker, char *memory, size_t slice, size_t node,
                             double *loss)
{
    const rnnp_trainer *t = pass->trainer;
    uint32_t rows[RNNP_SLICE_ROWS];
    rnnp_tape_run run = {.pass = pass, .memory = memory, .first = slice * RNNP_SLICE_ROWS, .node = node};
    run.tape = pass->tape[pass->tape[1] && slice + 1 == pass->slices];
    run.gradient = rnnp_pass_buffer(pass, worker->first_buffer + worker->n_nodes);
    for (size_t r = 0; r < run.tape->rows; r++) rows[r] = (uint32_t)(run.first + r);
    run.slice = (rnnp_slice){
        .seed = t->options.seed, .step = t->steps, .rows = rows, .n_rows = run.tape->rows, .training = pass->training};
    if (pass->exchange) {
        run.slice.meanwhile = rnnp_pass_meanwhile;
        run.slice.arg = (rnnp_pass *)pass;
    }
    *loss = 0;
    return rnnp_tape_run_slice(&run, loss);
}

static void join_tops(const rnnp_pass *pass, rnnp_worker *worker)
{
    for (; rnnp_tree_can_join(worker->node, worker->n_nodes); worker->n_nodes--) {
        const size_t top = worker->first_buffer + worker->n_nodes - 1;
        rnnp_tree_join(worker->node, worker->n_nodes);
        if (pass->backward) add_gradients(pass->trainer, rnnp_pass_buffer(pass, top - 1), rnnp_pass_buffer(pass, top));
    }
}

/* A node of the process that ends before the thread's share does is complete, as far as this thread goes. */
static size_t close_node(rnnp_pass *pass, size_t node, size_t slice)
{
    if (node >= pass->n_nodes || slice + 1 < rnnp_joins_end(pass, node)) return node;
    for (size_t i = 0; i < pass->trainer->n_parameters; i++) rnnp_joins_leave(pass, node, i);
    return node + 1;
}

static void run_share(rnnp_pass *pass, rnnp_worker *worker, char *memory, size_t from, size_t to)
{
    size_t node = 0;
    worker->n_nodes = 0;
    worker->status = RNNP_OK;
    while (node < pass->n_nodes && rnnp_joins_end(pass, node) <= from) node++;
    for (size_t s = from; s < to; s++) {
        const int last = s + 1 == to;
        double loss;
        worker->status = run_slice(pass, worker, memory, s, last && pass->n_nodes ? node : SIZE_MAX, &loss);
        if (worker->status != RNNP_OK) { /* sentences are a thread's own: the caller says it again */
            snprintf(worker->sentence, sizeof worker->sentence, "%s", rnnp_last_error(pass->trainer->context));
            return;
        }
        worker->node[worker->n_nodes++] = (rnnp_tree_node){0, s, loss};
        if (last) return;
        join_tops(pass, worker);
        node = close_node(pass, node, s);
    }
}

enum { PREPARE, RUN, JOIN, PHASES };

static void slices_phase(void *arg, size_t phase, size_t i, size_t n)
{
    rnnp_pass *pass = arg;
    char *memory = pass->slice + i * pass->slice_bytes;
    size_t from, to;
    if (phase == PREPARE) {
        rnnp_tape_prepare(pass->trainer, pass->tape[0], pass->prepared,
                          (rnnp_tensor *)(void *)(memory + pass->tape[0]->slots), i, n);
    } else if (phase == RUN) {
        for (size_t w = i; w < pass->threads; w += n) { /* alone: all shares, one after another */
            rnnp_share(pass->to - pass->from, w, pass->threads, &from, &to);
            run_share(pass, &pass->trainer->workers[w], memory, pass->from + from, pass->from + to);
        }
    } else {
        rnnp_joins_help(pass);
    }
}

/* The losses of the nodes that all threads' slices add up to, added as the gradients are. */
static void join_losses(rnnp_pass *pass)
{
    size_t n = 0;
    for (size_t i = 0; i < pass->threads; i++) {
        const rnnp_worker *worker = &pass->trainer->workers[i];
        for (size_t k = 0; k < worker->n_nodes; k++) {
            pass->node[n++] = worker->node[k];
            n = rnnp_tree_join_tops(pass->node, n);
        }
    }
    pass->n_nodes = rnnp_tree_end(pass->node, n, pass->slices);
}

/* The tape of attributions has gradients of inputs alone. */
static int adds(const rnnp_pass *pass) { return pass->backward && !pass->trainer->explains; }

rnnp_status rnnp_pass_run(rnnp_pass *pass)
{
    rnnp_trainer *t = pass->trainer;
    pass->extra = t->work;
    pass->prepared = pass->extra + (pass->buffers - 1) * pass->buffer_bytes;
    pass->slice = pass->prepared + pass->prepared_bytes;
    pass->states = (rnnp_join_state *)(void *)(pass->slice + pass->threads * pass->slice_bytes);
    pass->joins = (rnnp_join *)(void *)(pass->states + pass->n_nodes * t->n_parameters);
    pass->parts = (char *)pass->states + pass->joins_bytes;
    rnnp_joins_plan(pass);
    rnnp_team_phases(pass->threads > 1 ? t->context->team : NULL, pass->threads, adds(pass) ? PHASES : JOIN,
                     slices_phase, pass);
    for (size_t i = 0; i < pass->threads; i++) {
        if (t->workers[i].status != RNNP_OK)
            return rnnp_fail(t->context, t->workers[i].status, "%s", t->workers[i].sentence);
    }
    join_losses(pass);
    return RNNP_OK;
}
