/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch cut into slices, and the sum of their gradients.
 *
 * The tree over slices 0 .. S-1: node (l, j) is the sum over slices [j 2^l, (j+1) 2^l) below S, and for l > 0 it is
 * node (l-1, 2j) plus node (l-1, 2j+1), in this order, or the former alone where the latter has no slice. The root is
 * the gradient, and in the same way the sum of losses.
 *
 * Each thread takes neighbouring slices in ascending order and adds siblings as soon as it has both, so that a stack of
 * about log2 S gradients is all it needs. What is left on the stacks are nodes of the tree, in the order of their
 * slices; they are added in the end, element by element in the same order, so that threads can share the elements.
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
        for (; rnnp_tree_can_join(node, n); n--) rnnp_tree_join(node, n);
    }
    return most;
}

/* Of all threads; the first one may find itself alone. */
static size_t measure_buffers(rnnp_pass *pass)
{
    size_t n = 0, from, to;
    for (size_t i = 0; i < pass->threads; i++) {
        rnnp_share(pass->to - pass->from, i, pass->threads, &from, &to);
        const size_t depth = stack_depth(pass->from + from, pass->from + to);
        const size_t alone = i == 0 ? stack_depth(pass->from, pass->to) : 0;

        pass->trainer->workers[i].first_buffer = n;
        n += depth > alone ? depth : alone;
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
    return rnnp_add_bytes(rnnp_peers_measure(pass),
                          rnnp_add_bytes(extra, rnnp_add_bytes(pass->prepared_bytes, slices)));
}

/* ---- Slices ---- */

static void add_gradients(const rnnp_trainer *t, float *sum, const float *x)
{
    for (size_t i = 0; i < t->n_parameters; i++) {
        const rnnp_train_parameter *p = &t->parameters[i];
        if (!p->info.frozen) rnnp_train_add(t, sum + p->offset, x + p->offset, p->elements);
    }
}

static rnnp_status run_slice(const rnnp_pass *pass, const rnnp_worker *worker, char *memory, size_t slice, double *loss)
{
    const rnnp_trainer *t = pass->trainer;
    uint32_t rows[RNNP_SLICE_ROWS];
    rnnp_tape_run run = {.pass = pass, .memory = memory, .first = slice * RNNP_SLICE_ROWS};
    run.tape = pass->tape[pass->tape[1] && slice + 1 == pass->slices];
    run.gradient = rnnp_pass_buffer(pass, worker->first_buffer + worker->n_nodes);
    for (size_t r = 0; r < run.tape->rows; r++) rows[r] = (uint32_t)(run.first + r);
    run.slice = (rnnp_slice){
        .seed = t->options.seed, .step = t->steps, .rows = rows, .n_rows = run.tape->rows, .training = pass->training};
    *loss = 0;
    return rnnp_tape_run_slice(&run, loss);
}

static void run_share(const rnnp_pass *pass, rnnp_worker *worker, char *memory, size_t from, size_t to)
{
    worker->n_nodes = 0;
    worker->status = RNNP_OK;
    for (size_t s = from; s < to; s++) {
        rnnp_tree_node *node = worker->node;
        double loss;
        worker->status = run_slice(pass, worker, memory, s, &loss);
        if (worker->status != RNNP_OK) { /* sentences are a thread's own: the caller says it again */
            snprintf(worker->sentence, sizeof worker->sentence, "%s", rnnp_last_error(pass->trainer->context));
            return;
        }
        node[worker->n_nodes++] = (rnnp_tree_node){0, s, loss};
        for (; rnnp_tree_can_join(node, worker->n_nodes); worker->n_nodes--) {
            const size_t top = worker->first_buffer + worker->n_nodes - 1;
            rnnp_tree_join(node, worker->n_nodes);
            if (pass->backward)
                add_gradients(pass->trainer, rnnp_pass_buffer(pass, top - 1), rnnp_pass_buffer(pass, top));
        }
    }
}

static void slices_phase(void *arg, size_t phase, size_t i, size_t n)
{
    rnnp_pass *pass = arg;
    char *memory = pass->slice + i * pass->slice_bytes;
    size_t from, to;
    if (phase == 0) {
        const rnnp_tape *tape = pass->tape[0];
        rnnp_tape_prepare(pass->trainer, tape, pass->prepared, (rnnp_tensor *)(void *)(memory + tape->slots), i, n);
        return;
    }
    if (i == 0) { /* alone, with a team that was meant to have more: the others have done nothing */
        for (size_t w = n; w < pass->threads; w++) {
            pass->trainer->workers[w].n_nodes = 0;
            pass->trainer->workers[w].status = RNNP_OK;
        }
    }
    rnnp_share(pass->to - pass->from, i, n, &from, &to);
    run_share(pass, &pass->trainer->workers[i], memory, pass->from + from, pass->from + to);
}

/* ---- What is left on the stacks ---- */

enum { MOST_ADDS = 2 * RNNP_TREE_NODES };

typedef struct left_over {
    rnnp_pass *pass;
    size_t sum[MOST_ADDS], add[MOST_ADDS]; /* buffers to be added before the next thread's nodes come */
    size_t n_adds;
} left_over;

static void add_phase(void *arg, size_t phase, size_t i, size_t n)
{
    const left_over *l = arg;
    const rnnp_trainer *t = l->pass->trainer;
    size_t from, to;
    (void)phase;
    rnnp_share(t->n_blocks, i, n, &from, &to);
    for (size_t b = from; b < to; b++) {
        const rnnp_update_block *block = &t->blocks[b];
        for (size_t a = 0; a < l->n_adds && !t->parameters[block->parameter].info.frozen; a++)
            rnnp_train_add(t, rnnp_pass_buffer(l->pass, l->sum[a]) + block->offset,
                           rnnp_pass_buffer(l->pass, l->add[a]) + block->offset, block->n);
    }
}

static void run_adds(left_over *l)
{
    if (l->n_adds && l->pass->backward)
        rnnp_team_phases(l->pass->threads > 1 ? l->pass->trainer->context->team : NULL, l->pass->threads, 1, add_phase,
                         l);
    l->n_adds = 0;
}

static void join_tops(left_over *l)
{
    rnnp_pass *pass = l->pass;
    for (; rnnp_tree_can_join(pass->node, pass->n_nodes); pass->n_nodes--) {
        l->sum[l->n_adds] = pass->at[pass->n_nodes - 2];
        l->add[l->n_adds++] = pass->at[pass->n_nodes - 1];
        rnnp_tree_join(pass->node, pass->n_nodes);
    }
}

static void join_stacks(rnnp_pass *pass)
{
    left_over l = {.pass = pass};
    pass->n_nodes = 0;
    for (size_t i = 0; i < pass->threads; i++) {
        const rnnp_worker *worker = &pass->trainer->workers[i];
        for (size_t k = 0; k < worker->n_nodes; k++) {
            pass->node[pass->n_nodes] = worker->node[k];
            pass->at[pass->n_nodes++] = worker->first_buffer + k;
            join_tops(&l);
        }
        run_adds(&l);
    }
    while (rnnp_tree_rise(pass->node, pass->n_nodes, pass->slices)) join_tops(&l);
    run_adds(&l);
}

rnnp_status rnnp_pass_run(rnnp_pass *pass)
{
    rnnp_trainer *t = pass->trainer;
    pass->extra = t->work;
    pass->prepared = pass->extra + (pass->buffers - 1) * pass->buffer_bytes;
    pass->slice = pass->prepared + pass->prepared_bytes;
    pass->parts = pass->slice + pass->threads * pass->slice_bytes;
    rnnp_team_phases(pass->threads > 1 ? t->context->team : NULL, pass->threads, 2, slices_phase, pass);
    for (size_t i = 0; i < pass->threads; i++) {
        if (t->workers[i].status != RNNP_OK)
            return rnnp_fail(t->context, t->workers[i].status, "%s", t->workers[i].sentence);
    }
    join_stacks(pass);
    return RNNP_OK;
}
