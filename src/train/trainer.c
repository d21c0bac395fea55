/* SPDX-License-Identifier: Apache-2.0
 *
 * Trainers: made, given batches, measured.
 */
#include "../fpmode.h"
#include "../structs.h"
#include "exchange.h"
#include "options.h"

#include <math.h>
#include <string.h>

/* ---- Making one ---- */

static rnnp_status copy_options(rnnp_trainer *t)
{
    rnnp_train_options *o = &t->options;
    const size_t length = strlen(o->batch) + 1;
    char *batch = rnnp_arena_alloc(t->context, &t->arena, length);
    if (!batch) return RNNP_ERR_MEMORY;
    o->batch = memcpy(batch, o->batch, length);
    if (o->class_weights) {
        float *weights = rnnp_arena_alloc(t->context, &t->arena, o->n_classes * sizeof *weights);
        if (!weights) return RNNP_ERR_MEMORY;
        o->class_weights = memcpy(weights, o->class_weights, o->n_classes * sizeof *weights);
    }
    return RNNP_OK;
}

/* Every constant is read sooner or later. */
static rnnp_status need_constants(const rnnp_model *model)
{
    rnnp_status status = RNNP_OK;
    for (size_t v = 0; v < model->n_values && status == RNNP_OK; v++) {
        if (model->values[v].is_constant && model->values[v].uses > 0) status = rnnp_constant_need(model, (int32_t)v);
    }
    return status;
}

/* A step changes weights by less than the other formats can tell apart, and s8 has no slope to follow. */
static rnnp_status need_f32(const rnnp_model *model, int explains)
{
    for (size_t i = 0; i < model->n_nodes; i++) {
        const rnnp_weights weights = rnnp_node_weights(model, &model->nodes[i]);

        if (weights != RNNP_WEIGHTS_F32)
            return rnnp_node_fail(model->context, &model->nodes[i], RNNP_ERR_UNSUPPORTED,
                                  "its weights are %s; only models with weights in f32 can be %s",
                                  rnnp_weights_name(weights), explains ? "differentiated" : "trained");
    }
    return RNNP_OK;
}

static rnnp_status make(rnnp_trainer *t)
{
    const size_t team = rnnp_team_threads(t->context->team);
    rnnp_status status;
    t->threads = t->options.threads && t->options.threads < team ? t->options.threads : team;
    t->workers = rnnp_arena_calloc(t->context, &t->arena, t->threads, sizeof *t->workers);
    if (!t->workers) return RNNP_ERR_MEMORY;
    if ((status = copy_options(t)) != RNNP_OK || (status = need_constants(t->model)) != RNNP_OK) return status;
    return rnnp_train_graph(t);
}

/* `as` says what it is for: explains, gradients and score. */
static rnnp_status create(const rnnp_model *model, const rnnp_train_options *options, const rnnp_trainer *as,
                          rnnp_trainer **trainer)
{
    rnnp_train_options checked;
    rnnp_optimizer optimizer;
    rnnp_status status;
    if ((status = rnnp_train_options_check(model->context, options, &checked, &optimizer)) != RNNP_OK ||
        (status = rnnp_model_need_closed(model)) != RNNP_OK || (status = need_f32(model, as->explains)) != RNNP_OK)
        return status;
    rnnp_trainer *t = rnnp_calloc(model->context, sizeof *t);
    if (!t) return RNNP_ERR_MEMORY;
    *t = *as;
    t->context = model->context;
    t->model = model;
    t->options = checked;
    t->optimizer = optimizer;
    t->options.optimizer = &t->optimizer;
    if ((status = make(t)) == RNNP_OK)
        *trainer = t;
    else
        rnnp_trainer_destroy(t);
    return status;
}

rnnp_status rnnp_trainer_create(const rnnp_model *model, const rnnp_train_options *options, rnnp_trainer **trainer)
{
    if (!trainer) return model ? rnnp_fail(model->context, RNNP_ERR_ARG, "trainer is NULL") : RNNP_ERR_ARG;
    *trainer = NULL;
    return model ? create(model, options, &(rnnp_trainer){0}, trainer) : RNNP_ERR_ARG;
}

rnnp_status rnnp_trainer_explain(const rnnp_model *model, const rnnp_train_options *options, rnnp_score score,
                                 int gradients, rnnp_trainer **trainer)
{
    return create(model, options, &(rnnp_trainer){.explains = 1, .score = score, .gradients = gradients}, trainer);
}

void rnnp_trainer_destroy(rnnp_trainer *trainer)
{
    if (!trainer) return;
    const rnnp_context *context = trainer->context;

    rnnp_trainer_leave(trainer);
    for (size_t i = 0; i < RNNP_TAPES; i++) rnnp_tape_destroy(context, trainer->tapes[i]);
    rnnp_free(context, trainer->work, trainer->work_bytes);
    rnnp_free(context, trainer->anchor, trainer->floats * sizeof *trainer->anchor);
    rnnp_arena_free(context, &trainer->arena);
    rnnp_free(context, trainer, sizeof *trainer);
}

/* ---- Tapes ---- */

static int is_for(const rnnp_trainer *t, const rnnp_tape *tape, size_t rows)
{
    const size_t n = t->model->n_inputs;
    int same = tape->rows == rows && memcmp(tape->wanted, t->wanted, n) == 0;
    for (size_t i = 0; same && i < n; i++)
        same = memcmp(tape->inputs[i].dim, t->inputs[i].dim, t->inputs[i].rank * sizeof *t->inputs[i].dim) == 0;
    return same;
}

/* The shapes of a slice of so many rows into t->inputs. */
static void set_rows(rnnp_trainer *t, size_t rows)
{
    for (size_t i = 0; i < t->model->n_inputs; i++) {
        const int axis = t->rows.axis[t->model->inputs[i]];
        if (axis != RNNP_TIME_NONE) t->inputs[i].dim[axis] = (int64_t)rows;
    }
}

/* The least recently used one goes when there is a new one. */
static rnnp_status find_tape(rnnp_trainer *t, size_t rows, rnnp_tape **tape)
{
    size_t i = 0;
    set_rows(t, rows);
    while (i + 1 < RNNP_TAPES && t->tapes[i] && !is_for(t, t->tapes[i], rows)) i++;
    rnnp_tape *found = t->tapes[i];
    if (!found || !is_for(t, found, rows)) {
        rnnp_tape *made;
        const rnnp_status status = rnnp_tape_create(t, t->inputs, t->wanted, rows, &made);
        if (status != RNNP_OK) return status;
        rnnp_tape_destroy(t->context, found);
        found = made;
    }
    memmove(&t->tapes[1], &t->tapes[0], i * sizeof t->tapes[0]);
    *tape = t->tapes[0] = found;
    return RNNP_OK;
}

rnnp_status rnnp_pass_tapes(rnnp_pass *pass)
{
    const size_t last = rnnp_pass_rows(pass, pass->slices - 1);
    rnnp_status status = find_tape(pass->trainer, rnnp_pass_rows(pass, 0), &pass->tape[0]);
    if (status == RNNP_OK && last != pass->tape[0]->rows) status = find_tape(pass->trainer, last, &pass->tape[1]);
    return status;
}

/* ---- Batches ---- */

rnnp_status rnnp_pass_room(rnnp_pass *pass)
{
    rnnp_trainer *t = pass->trainer;
    const size_t bytes = rnnp_pass_measure(pass);
    if (bytes <= t->work_bytes) return RNNP_OK;
    if (bytes == SIZE_MAX) return rnnp_fail(t->context, RNNP_ERR_MEMORY, "the slices of a batch do not fit in memory");
    char *work = rnnp_alloc(t->context, bytes);
    if (!work) return RNNP_ERR_MEMORY;
    rnnp_free(t->context, t->work, t->work_bytes);
    t->work = work;
    t->work_bytes = bytes;
    return RNNP_OK;
}

static rnnp_status diverged(const rnnp_trainer *t, const char *what, double value)
{
    return rnnp_fail(t->context, RNNP_ERR_STATE, "training has diverged: %s is %g after %llu steps", what, value,
                     (unsigned long long)t->steps);
}

/* What is made of the sums over all slices. */
static rnnp_status finish(rnnp_pass *pass, int update, rnnp_train_result *result)
{
    rnnp_trainer *t = pass->trainer;
    rnnp_train_result r = {.struct_size = result->struct_size, .weight = pass->batch->target ? pass->weight : 0};
    double penalty;
    if (pass->batch->target) {
        rnnp_train_norm(t, pass->backward, &r.norm, &penalty);
        r.loss = pass->node[0].loss / pass->weight + penalty;
    }
    if (pass->backward && !isfinite(r.loss)) return diverged(t, "the loss", r.loss);
    if (pass->backward && !isfinite(r.norm)) return diverged(t, "the gradient's norm", r.norm);
    t->has_gradient |= pass->backward;
    if (update) rnnp_train_update(t, r.norm);
    *result = r;
    return RNNP_OK;
}

/* Checks the batch, and has memory for the slices of this process. */
static rnnp_status begin_slices(rnnp_pass *pass, const rnnp_train_batch *given, rnnp_train_batch *own)
{
    rnnp_trainer *t = pass->trainer;
    rnnp_status status;
    if (!given) return rnnp_fail(t->context, RNNP_ERR_ARG, "batch is NULL");
    if ((status = RNNP_STRUCT_READ(t->context, rnnp_train_batch, given, own)) != RNNP_OK ||
        (status = rnnp_pass_shapes(pass, own->inputs, own->n_inputs)) != RNNP_OK ||
        (status = rnnp_pass_inputs(pass)) != RNNP_OK || (status = rnnp_pass_tapes(pass)) != RNNP_OK ||
        (status = rnnp_pass_target(pass)) != RNNP_OK || (status = rnnp_pass_room(pass)) != RNNP_OK)
        return status;
    if (pass->backward) t->has_gradient = 0;
    return RNNP_OK;
}

static rnnp_status run_batch(rnnp_trainer *t, const rnnp_train_batch *batch, int training, int update,
                             rnnp_train_result *result)
{
    rnnp_train_batch own;
    rnnp_train_result r = {.struct_size = sizeof r};
    rnnp_pass pass = {.trainer = t, .batch = &own, .training = training, .backward = training};
    rnnp_exchange exchange;
    rnnp_status status = RNNP_OK;
    if (!t) return RNNP_ERR_ARG;
    if (t->cut_off)
        return rnnp_fail(t->context, RNNP_ERR_STATE,
                         "messages of an earlier step have failed: join the trainer again, or let it be alone");
    const int joined = t->peers.ranks && training;
    const rnnp_fpmode mode = rnnp_fpmode_enter(0);
    if (result) status = RNNP_STRUCT_CHECK(t->context, rnnp_train_result, result);
    if (status == RNNP_OK) status = begin_slices(&pass, batch, &own);
    if (joined) rnnp_peers_begin(&pass, &exchange, status); /* also says that this one failed */
    if (status == RNNP_OK) status = rnnp_pass_run(&pass);
    if (joined) status = rnnp_peers_reduce(&pass, status);
    if (status == RNNP_OK) status = finish(&pass, update, &r);
    rnnp_fpmode_set(mode);
    return status == RNNP_OK && result ? RNNP_STRUCT_WRITE(t->context, rnnp_train_result, &r, result) : status;
}

rnnp_status rnnp_trainer_step(rnnp_trainer *trainer, const rnnp_train_batch *batch, rnnp_train_result *result)
{
    return run_batch(trainer, batch, 1, 1, result);
}

rnnp_status rnnp_trainer_backward(rnnp_trainer *trainer, const rnnp_train_batch *batch, rnnp_train_result *result)
{
    return run_batch(trainer, batch, 1, 0, result);
}

rnnp_status rnnp_trainer_evaluate(rnnp_trainer *trainer, const rnnp_train_batch *batch, rnnp_train_result *result)
{
    return run_batch(trainer, batch, 0, 0, result);
}

/* ---- What it takes, and its state ---- */

static rnnp_status measure(rnnp_pass *pass, const rnnp_tensor *inputs, size_t n_inputs, size_t *bytes)
{
    rnnp_trainer *t = pass->trainer;
    rnnp_status status = rnnp_pass_shapes(pass, inputs, n_inputs);
    if (status != RNNP_OK) return status;
    memset(t->wanted, 0, t->model->n_inputs);
    const size_t first = rnnp_pass_rows(pass, 0), last = rnnp_pass_rows(pass, pass->slices - 1);
    set_rows(t, first);
    status = rnnp_tape_create(t, t->inputs, t->wanted, first, &pass->tape[0]);
    set_rows(t, last);
    if (status == RNNP_OK && last != first) status = rnnp_tape_create(t, t->inputs, t->wanted, last, &pass->tape[1]);
    if (status != RNNP_OK) return status;
    const size_t work = rnnp_pass_measure(pass);
    if (work == SIZE_MAX) return rnnp_fail(t->context, RNNP_ERR_MEMORY, "the slices of a batch do not fit in memory");
    *bytes = work + pass->tape[0]->arena_bytes + (pass->tape[1] ? pass->tape[1]->arena_bytes : 0);
    return RNNP_OK;
}

rnnp_status rnnp_trainer_bytes(const rnnp_trainer *trainer, const rnnp_tensor *inputs, size_t n_inputs, size_t *bytes)
{
    rnnp_pass pass = {.trainer = (rnnp_trainer *)trainer, .backward = 1}; /* scratch arrays alone are written */
    if (!trainer) return RNNP_ERR_ARG;
    if (!bytes) return rnnp_fail(trainer->context, RNNP_ERR_ARG, "bytes is NULL");
    const rnnp_fpmode mode = rnnp_fpmode_enter(0);
    const rnnp_status status = measure(&pass, inputs, n_inputs, bytes);
    rnnp_fpmode_set(mode);
    rnnp_tape_destroy(trainer->context, pass.tape[0]);
    rnnp_tape_destroy(trainer->context, pass.tape[1]);
    return status;
}

rnnp_status rnnp_trainer_set_rate(rnnp_trainer *trainer, float rate)
{
    if (!trainer) return RNNP_ERR_ARG;
    if (!(rate >= 0) || !isfinite(rate))
        return rnnp_fail(trainer->context, RNNP_ERR_ARG, "a learning rate of %g", (double)rate);
    trainer->optimizer.rate = rate;
    return RNNP_OK;
}

rnnp_status rnnp_trainer_set_proximal(rnnp_trainer *trainer, float weight)
{
    if (!trainer) return RNNP_ERR_ARG;
    if (!(weight >= 0) || !isfinite(weight))
        return rnnp_fail(trainer->context, RNNP_ERR_ARG, "a proximal weight of %g", (double)weight);
    const size_t bytes = trainer->floats * sizeof *trainer->anchor;
    if (weight > 0 && !trainer->anchor && !(trainer->anchor = rnnp_alloc(trainer->context, bytes)))
        return RNNP_ERR_MEMORY;
    if (weight > 0) memcpy(trainer->anchor, trainer->values, bytes);
    trainer->proximal = weight;
    return RNNP_OK;
}

uint64_t rnnp_trainer_step_count(const rnnp_trainer *trainer) { return trainer ? trainer->steps : 0; }
