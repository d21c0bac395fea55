/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters: the f32 constants that lead to the loss, in the order of the model's values, each from a cache line on in
 * one block. Gradients and optimiser state are blocks of the same layout.
 */
#include "../../kernels/cells.h"
#include "../graph/ops/ops.h"
#include "../structs.h"
#include "initialise.h"
#include "../real.h"
#include "training.h"

#include <math.h>
#include <string.h>

enum { LINE_FLOATS = 16 };

/* ---- Finding them ---- */

static int is_parameter(const rnnp_trainer *t, size_t v)
{
    const rnnp_value_info *value = &t->model->values[v];
    /* A number alone is no weight but part of a formula: the epsilon of a normalisation, a factor. */
    return t->leads[v] && value->is_constant && value->uses > 0 && value->meta.rank > 0 &&
           rnnp_meta_elements(&value->meta) > 0;
}

/* Recurrent layers' biases (B) and peepholes (P) have two dimensions and are no weights. */
static int is_weight(const rnnp_parameter_info *p)
{
    enum { B = 3, P = 7 };
    return p->rank >= 2 && !(rnnp_cell_of_op(p->op) && (p->input == B || p->input == P));
}

static void describe(const rnnp_trainer *t, int32_t v, rnnp_train_parameter *p)
{
    const rnnp_value_info *value = &t->model->values[v];
    p->value = v;
    p->elements = rnnp_meta_elements(&value->meta);
    p->info = (rnnp_parameter_info){.name = value->name, .rank = value->meta.rank};
    memcpy(p->info.shape, value->meta.dim, value->meta.rank * sizeof *value->meta.dim);
    for (size_t n = 0; n < t->model->n_nodes && !p->info.node; n++) {
        const rnnp_node *node = &t->model->nodes[n];
        for (size_t i = 0; i < node->n_inputs && !p->info.node; i++) {
            if (node->inputs[i] == v) {
                p->info.node = node->name;
                p->info.op = node->op->name;
                p->info.input = i;
            }
        }
    }
    p->penalised = p->info.op && is_weight(&p->info);
    p->info.frozen = t->explains;
}

static rnnp_status list_parameters(rnnp_trainer *t)
{
    size_t n = 0;
    for (size_t v = 0; v < t->model->n_values; v++) n += (size_t)is_parameter(t, v);
    if (n == 0 && !t->explains)
        return rnnp_fail(t->context, RNNP_ERR_UNSUPPORTED,
                         "there is nothing to train: output %s depends on no f32 constant of the model",
                         t->model->outputs[t->options.output].name);
    t->parameters = rnnp_arena_calloc(t->context, &t->arena, n, sizeof *t->parameters);
    if (!t->parameters) return RNNP_ERR_MEMORY;
    for (size_t v = 0; v < t->model->n_values; v++) {
        if (!is_parameter(t, v)) continue;
        rnnp_train_parameter *p = &t->parameters[t->n_parameters];

        describe(t, (int32_t)v, p);
        t->parameter_of[v] = (int32_t)t->n_parameters++;
        p->offset = t->floats;
        p->first_block = t->n_blocks;
        p->n_blocks = (p->elements + RNNP_UPDATE_ELEMENTS - 1) / RNNP_UPDATE_ELEMENTS;
        t->floats += (p->elements + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
        t->n_blocks += p->n_blocks;
    }
    return RNNP_OK;
}

static void list_blocks(rnnp_trainer *t)
{
    size_t b = 0;
    for (size_t i = 0; i < t->n_parameters; i++) {
        const rnnp_train_parameter *p = &t->parameters[i];
        for (size_t at = 0; at < p->elements; at += RNNP_UPDATE_ELEMENTS) {
            const size_t left = p->elements - at, most = RNNP_UPDATE_ELEMENTS;
            t->blocks[b++] = (rnnp_update_block){i, p->offset + at, left < most ? left : most};
        }
    }
}

static rnnp_status copy_elements(rnnp_trainer *t)
{
    for (size_t i = 0; i < t->n_parameters; i++) {
        const rnnp_train_parameter *p = &t->parameters[i];
        const rnnp_status status = rnnp_constant_need(t->model, p->value);
        if (status != RNNP_OK) return status;
        memcpy(t->values + p->offset, t->model->values[p->value].meta.known, p->elements * sizeof(float));
        const size_t bad = rnnp_first_not_finite(t->values + p->offset, p->elements);
        if (bad < p->elements)
            return rnnp_fail(t->context, RNNP_ERR_ARG, "parameter %s: element %zu is %g", p->info.name, bad,
                             (double)t->values[p->offset + bad]);
    }
    return RNNP_OK;
}

static int has_first_moment(const rnnp_optimizer *o)
{
    return o->kind == RNNP_OPTIMIZER_ADAM || o->kind == RNNP_OPTIMIZER_ADAMW ||
           (o->kind == RNNP_OPTIMIZER_SGD && o->momentum != 0.0f);
}

rnnp_status rnnp_train_parameters(rnnp_trainer *t)
{
    const rnnp_optimizer *o = &t->optimizer;
    const int m = has_first_moment(o), v = o->kind != RNNP_OPTIMIZER_SGD;
    struct rnnp_block **arena = &t->arena;
    const rnnp_status status = list_parameters(t);
    if (status != RNNP_OK) return status;
    t->blocks = rnnp_arena_calloc(t->context, arena, t->n_blocks, sizeof *t->blocks);
    t->block_norm = rnnp_arena_calloc(t->context, arena, t->n_blocks, sizeof *t->block_norm);
    t->block_penalty = rnnp_arena_calloc(t->context, arena, t->n_blocks, sizeof *t->block_penalty);
    t->values = rnnp_arena_calloc(t->context, arena, t->floats, sizeof *t->values);
    t->gradient = rnnp_arena_calloc(t->context, arena, t->explains ? 0 : t->floats, sizeof *t->gradient);
    t->m = m ? rnnp_arena_calloc(t->context, arena, t->floats, sizeof *t->m) : NULL;
    t->v = v ? rnnp_arena_calloc(t->context, arena, t->floats, sizeof *t->v) : NULL;
    if (!t->blocks || !t->block_norm || !t->block_penalty || !t->values || !t->gradient || (m && !t->m) || (v && !t->v))
        return RNNP_ERR_MEMORY;
    list_blocks(t);
    return copy_elements(t);
}

void rnnp_train_reset(rnnp_trainer *t)
{
    t->steps = 0;
    if (t->m) memset(t->m, 0, t->floats * sizeof *t->m);
    if (t->v) memset(t->v, 0, t->floats * sizeof *t->v);
}

/* ---- One by one ---- */

size_t rnnp_trainer_parameter_count(const rnnp_trainer *trainer) { return trainer ? trainer->n_parameters : 0; }

static rnnp_status find(const rnnp_trainer *t, size_t index, const void *out, const rnnp_train_parameter **p)
{
    if (!t) return RNNP_ERR_ARG;
    if (index >= t->n_parameters)
        return rnnp_fail(t->context, RNNP_ERR_ARG, "parameter %zu of %zu", index, t->n_parameters);
    if (!out)
        return rnnp_fail(t->context, RNNP_ERR_ARG, "parameter %s: the caller's memory is NULL",
                         t->parameters[index].info.name);
    *p = &t->parameters[index];
    return RNNP_OK;
}

rnnp_status rnnp_trainer_parameter_info(const rnnp_trainer *trainer, size_t index, rnnp_parameter_info *parameter)
{
    const rnnp_train_parameter *p = NULL;
    const rnnp_status status = find(trainer, index, parameter, &p);
    return status == RNNP_OK ? RNNP_STRUCT_WRITE(trainer->context, rnnp_parameter_info, &p->info, parameter) : status;
}

rnnp_status rnnp_trainer_get_parameter(const rnnp_trainer *trainer, size_t index, float *values)
{
    const rnnp_train_parameter *p = NULL;
    const rnnp_status status = find(trainer, index, values, &p);
    if (status == RNNP_OK) memcpy(values, trainer->values + p->offset, p->elements * sizeof *values);
    return status;
}

rnnp_status rnnp_trainer_set_parameter(rnnp_trainer *trainer, size_t index, const float *values)
{
    const rnnp_train_parameter *p = NULL;
    const rnnp_status status = find(trainer, index, values, &p);
    if (status != RNNP_OK) return status;
    const size_t bad = rnnp_first_not_finite(values, p->elements);
    if (bad < p->elements)
        return rnnp_fail(trainer->context, RNNP_ERR_ARG, "parameter %s: element %zu is %g", p->info.name, bad,
                         (double)values[bad]);
    memcpy(trainer->values + p->offset, values, p->elements * sizeof *values);
    return RNNP_OK;
}

rnnp_status rnnp_trainer_get_gradient(const rnnp_trainer *trainer, size_t index, float *values)
{
    const rnnp_train_parameter *p = NULL;
    const rnnp_status status = find(trainer, index, values, &p);
    if (status != RNNP_OK) return status;
    if (!trainer->has_gradient || p->info.frozen)
        return rnnp_fail(trainer->context, RNNP_ERR_STATE, "parameter %s has no gradient: %s", p->info.name,
                         p->info.frozen ? "it is frozen"
                                        : "there has been no backward pass since the trainer was made or parameters "
                                          "were frozen or thawed, or the last one failed");
    memcpy(values, trainer->gradient + p->offset, p->elements * sizeof *values);
    return RNNP_OK;
}

rnnp_status rnnp_trainer_freeze(rnnp_trainer *trainer, size_t index, int frozen)
{
    const rnnp_train_parameter *p = NULL;
    const rnnp_status status = find(trainer, index, &frozen, &p);
    if (status != RNNP_OK || p->info.frozen == (frozen != 0)) return status;
    trainer->parameters[index].info.frozen = frozen != 0;
    trainer->has_gradient = 0;
    for (size_t i = 0; i < RNNP_TAPES; i++) { /* they know what is differentiated */
        rnnp_tape_destroy(trainer->context, trainer->tapes[i]);
        trainer->tapes[i] = NULL;
    }
    return RNNP_OK;
}

/* ---- All at once ---- */

rnnp_status rnnp_trainer_initialize(rnnp_trainer *trainer, uint64_t seed)
{
    struct rnnp_block *scratch = NULL;
    size_t n = 0;
    if (!trainer) return RNNP_ERR_ARG;
    rnnp_weight *weights = rnnp_arena_calloc(trainer->context, &scratch, trainer->n_parameters, sizeof *weights);
    if (!weights) return RNNP_ERR_MEMORY;
    for (size_t i = 0; i < trainer->n_parameters; i++) {
        const rnnp_train_parameter *p = &trainer->parameters[i];
        if (!p->info.frozen)
            weights[n++] = (rnnp_weight){p->info.name, p->info.op,    p->info.input,
                                         p->info.rank, p->info.shape, trainer->values + p->offset};
    }
    const rnnp_status status = rnnp_initialise(trainer->context, weights, n, seed);
    rnnp_arena_free(trainer->context, &scratch);
    if (status == RNNP_OK) rnnp_train_reset(trainer);
    return status;
}

/* The constant of that name and shape, or -1. */
static int32_t same_constant(const rnnp_model *from, const rnnp_parameter_info *p)
{
    rnnp_format format;

    for (size_t v = 0; v < from->n_values; v++) {
        const rnnp_value_info *value = &from->values[v];
        if (value->is_constant && value->uses > 0 && rnnp_format_of(value->meta.dtype, &format) &&
            value->meta.rank == p->rank && memcmp(value->meta.dim, p->shape, p->rank * sizeof *p->shape) == 0 &&
            strcmp(value->name, p->name) == 0)
            return (int32_t)v;
    }
    return -1;
}

rnnp_status rnnp_trainer_adopt(rnnp_trainer *trainer, const rnnp_model *from, size_t *copied)
{
    size_t n = 0;
    if (!trainer) return RNNP_ERR_ARG;
    if (!from) return rnnp_fail(trainer->context, RNNP_ERR_ARG, "the model to adopt from is NULL");
    if (from->closed != RNNP_MODEL_CLOSED)
        return rnnp_fail(trainer->context, RNNP_ERR_STATE, "the model to adopt from is not closed");
    for (int copy = 0; copy < 2; copy++) { /* all are looked at before one is changed */
        for (size_t i = 0; i < trainer->n_parameters; i++) {
            const rnnp_train_parameter *p = &trainer->parameters[i];
            const int32_t v = same_constant(from, &p->info);
            if (v < 0) continue;
            if (from->values[v].meta.dtype != RNNP_DTYPE_F32)
                return rnnp_fail(trainer->context, RNNP_ERR_UNSUPPORTED, "the model to adopt from: %s is %s, not f32",
                                 p->info.name, rnnp_dtype_name(from->values[v].meta.dtype));
            const rnnp_status status = rnnp_constant_need(from, v);
            if (status != RNNP_OK) return status;
            const float *values = from->values[v].meta.known;
            const size_t bad = copy ? p->elements : rnnp_first_not_finite(values, p->elements);
            if (bad < p->elements)
                return rnnp_fail(trainer->context, RNNP_ERR_ARG, "the model to adopt from: element %zu of %s is %g",
                                 bad, p->info.name, (double)values[bad]);
            if (copy) memcpy(trainer->values + p->offset, values, p->elements * sizeof *values);
            n += (size_t)copy;
        }
    }
    if (copied) *copied = n;
    return RNNP_OK;
}
