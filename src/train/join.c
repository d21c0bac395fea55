/* SPDX-License-Identifier: Apache-2.0
 *
 * A trainer becomes one of several, after all have said what they are: bits are the same only where everything is that
 * they depend on.
 */
#include "../packed/packed.h"
#include "training.h"

#include <string.h>

enum { PARTS = 6 };
static const char *const part_name[PARTS] = {
    "graph", "set of parameters", "loss or class weights", "optimiser", "penalty, clipping or dropout", "math class"};

/* What a process says when it joins. */
typedef struct rnnp_introduction {
    char version[40];
    int64_t status;
    uint64_t part[PARTS]; /* hashes */
} introduction;

/* ---- What results depend on ---- */

/* The order of what is added counts: each hash covers the one before. */
static void add(uint64_t *hash, const void *bytes, size_t size)
{
    const uint64_t pair[2] = {*hash, size ? rnnp_packed_checksum(bytes, size) : 0};
    *hash = rnnp_packed_checksum(pair, sizeof pair);
}

static void add_number(uint64_t *hash, double x) { add(hash, &x, sizeof x); }

static void add_graph(const rnnp_trainer *t, uint64_t *hash)
{
    for (size_t i = 0; i < t->model->n_nodes; i++) {
        const rnnp_node *node = &t->model->nodes[i];
        add(hash, node->op->name, strlen(node->op->name));
        add(hash, node->inputs, node->n_inputs * sizeof *node->inputs);
        add(hash, node->outputs, node->n_outputs * sizeof *node->outputs);
    }
    add_number(hash, (double)t->options.output);
}

static void add_parameters(const rnnp_trainer *t, uint64_t *hash)
{
    for (size_t i = 0; i < t->n_parameters; i++) {
        const rnnp_parameter_info *p = &t->parameters[i].info;
        add(hash, p->name, strlen(p->name));
        add(hash, p->shape, p->rank * sizeof *p->shape);
    }
}

static void introduce(const rnnp_trainer *t, introduction *own)
{
    const rnnp_train_options *o = &t->options;
    const rnnp_optimizer *p = &t->optimizer;
    memset(own, 0, sizeof *own);
    memcpy(own->version, RNNP_VERSION_TEXT, sizeof RNNP_VERSION_TEXT);
    add_graph(t, &own->part[0]);
    add_parameters(t, &own->part[1]);
    add_number(&own->part[2], (double)o->loss);
    add_number(&own->part[2], (double)o->label_smoothing);
    add_number(&own->part[2], (double)o->huber_delta);
    if (o->class_weights) add(&own->part[2], o->class_weights, o->n_classes * sizeof *o->class_weights);
    const float of_optimizer[] = {(float)p->kind, p->momentum, (float)p->nesterov, p->rho,
                                  p->beta1,       p->beta2,    p->epsilon,         p->decay};
    add(&own->part[3], of_optimizer, sizeof of_optimizer);
    const float others[] = {o->l1, o->l2, o->clip_value, o->clip_norm, o->recurrent_dropout};
    add(&own->part[4], others, sizeof others);
    add(&own->part[4], &o->seed, sizeof o->seed);
    add_number(&own->part[5], (double)o->math);
}

/* ---- Joining ---- */

static rnnp_status compare(const rnnp_trainer *t, const rnnp_peers *peers, const introduction *all)
{
    for (size_t k = 0; k < peers->ranks; k++) {
        if (strncmp(all[k].version, all[0].version, sizeof all[k].version) != 0)
            return rnnp_fail(t->context, RNNP_ERR_STATE, "rank %zu has librnnpack %.32s, rank 0 has %.32s", k,
                             all[k].version, all[0].version);
        if (all[k].status != RNNP_OK)
            return rnnp_fail(t->context, (rnnp_status)all[k].status, "rank %zu cannot join: %s", k,
                             rnnp_status_string((rnnp_status)all[k].status));
        for (size_t i = 0; i < PARTS; i++)
            if (all[k].part[i] != all[0].part[i])
                return rnnp_fail(t->context, RNNP_ERR_STATE, "rank %zu has another %s than rank 0", k, part_name[i]);
    }
    return RNNP_OK;
}

void rnnp_trainer_leave(rnnp_trainer *t)
{
    rnnp_free(t->context, t->introductions, t->room * sizeof *t->introductions);
    rnnp_free(t->context, t->words, t->room * sizeof *t->words);
    rnnp_free(t->context, t->outcomes, t->room * sizeof *t->outcomes);
    rnnp_free(t->context, t->reasons, t->room * RNNP_REASON_CHARS);
    t->introductions = NULL;
    t->words = NULL;
    t->outcomes = NULL;
    t->reasons = NULL;
    t->room = 0;
    t->compared = t->cut_off = 0;
    memset(&t->peers, 0, sizeof t->peers);
}

static rnnp_status join(rnnp_trainer *t, const rnnp_peers *peers)
{
    t->room = peers->ranks;
    t->introductions = rnnp_alloc(t->context, peers->ranks * sizeof *t->introductions);
    if (!t->introductions) return RNNP_ERR_MEMORY;
    t->words = rnnp_calloc(t->context, peers->ranks * sizeof *t->words);
    t->outcomes = rnnp_calloc(t->context, peers->ranks * sizeof *t->outcomes);
    t->reasons = rnnp_calloc(t->context, peers->ranks * RNNP_REASON_CHARS);
    introduce(t, &t->introductions[peers->rank]);
    if (!t->words || !t->outcomes || !t->reasons) t->introductions[peers->rank].status = RNNP_ERR_MEMORY;
    const rnnp_status status = rnnp_peers_share(t->context, peers, sizeof *t->introductions, t->introductions);
    return status == RNNP_OK ? compare(t, peers, t->introductions) : status;
}

rnnp_status rnnp_trainer_join(rnnp_trainer *trainer, const rnnp_peers *peers)
{
    rnnp_peers own;
    rnnp_status status;
    size_t bytes;
    if (!trainer) return RNNP_ERR_ARG;
    rnnp_trainer_leave(trainer);
    if (!peers) return RNNP_OK;
    if ((status = rnnp_peers_check(trainer->context, peers, &own)) != RNNP_OK) return status;
    if (rnnp_mul_overflow(own.ranks, sizeof(rnnp_outcome), &bytes) || bytes > SIZE_MAX / 8)
        return rnnp_fail(trainer->context, RNNP_ERR_ARG, "%zu processes", own.ranks);
    /* Introductions stay after an error, too: the transport may still write there. */
    if ((status = join(trainer, &own)) == RNNP_OK) trainer->peers = own;
    return status;
}
