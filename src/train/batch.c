/* SPDX-License-Identifier: Apache-2.0
 *
 * A caller's batch, checked before anything is computed.
 */
#include "../graph/ops/ops.h"
#include "../real.h"
#include "training.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Inputs ---- */

rnnp_status rnnp_pass_shapes(rnnp_pass *pass, const rnnp_tensor *inputs, size_t n_inputs)
{
    const rnnp_trainer *t = pass->trainer;
    const rnnp_status status = rnnp_inputs_check(t->model, inputs, n_inputs, 1, t->inputs, t->symbols);
    if (status != RNNP_OK) return status;
    const int64_t rows = t->symbols[RNNP_SYMBOL - t->batch];
    if (rows < 1 || rows > UINT32_MAX)
        return rnnp_fail(t->context, RNNP_ERR_SHAPE, "the batch has %lld rows", (long long)rows);
    pass->rows = (size_t)rows;
    pass->slices = (pass->rows + RNNP_SLICE_ROWS - 1) / RNNP_SLICE_ROWS;
    rnnp_peers_slices(pass);
    const size_t own = pass->to > pass->from ? pass->to - pass->from : 1;
    pass->threads = t->threads < own ? t->threads : own;
    return RNNP_OK;
}

/* "row 3, element 7 of it" */
static void say_place(const rnnp_tensor *tensor, int axis, size_t at, char *text, size_t size)
{
    if (axis == RNNP_TIME_NONE) {
        snprintf(text, size, "element %zu", at);
        return;
    }
    const size_t inner = rnnp_shape_product(tensor, (size_t)axis + 1, tensor->rank), rows = (size_t)tensor->shape[axis];
    snprintf(text, size, "row %zu, element %zu of it", at / inner % rows, at / inner / rows * inner + at % inner);
}

/* The first element that is not finite among the rows of this process, or the number of elements. */
static size_t first_bad(const rnnp_pass *pass, const rnnp_tensor *tensor, int axis)
{
    const rnnp_selection *select = &pass->trainer->context->selection;
    const size_t n = rnnp_tensor_elements(tensor);
    const float *x = tensor->data;
    if (axis == RNNP_TIME_NONE || pass->to - pass->from == pass->slices)
        return rnnp_train_first_not_finite(select, x, n);
    const size_t inner = rnnp_shape_product(tensor, (size_t)axis + 1, tensor->rank),
                 outer = rnnp_shape_product(tensor, 0, (size_t)axis);
    const size_t end = pass->to * RNNP_SLICE_ROWS < pass->rows ? pass->to * RNNP_SLICE_ROWS : pass->rows;
    const size_t first = pass->from * RNNP_SLICE_ROWS, own = first < end ? (end - first) * inner : 0;
    for (size_t o = 0; o < outer; o++) {
        const size_t begin = (o * pass->rows + first) * inner;
        const size_t at = rnnp_train_first_not_finite(select, x + begin, own);
        if (at < own) return begin + at;
    }
    return n;
}

static rnnp_status check_elements(const rnnp_pass *pass, const char *name, const rnnp_tensor *tensor, int axis)
{
    const rnnp_trainer *t = pass->trainer;
    const size_t n = rnnp_tensor_elements(tensor);
    const float *x = tensor->data;
    char place[96];
    if (n && !tensor->data) return rnnp_fail(t->context, RNNP_ERR_ARG, "input %s has no data", name);
    const size_t at = tensor->dtype == RNNP_DTYPE_F32 ? first_bad(pass, tensor, axis) : n;
    if (at == n) return RNNP_OK;
    say_place(tensor, axis, at, place, sizeof place);
    return rnnp_fail(t->context, RNNP_ERR_ARG, "input %.80s: %s is %g", name, place, (double)x[at]);
}

static rnnp_status want_gradient(const rnnp_pass *pass, size_t i)
{
    const rnnp_trainer *t = pass->trainer;
    const rnnp_tensor *input = &pass->batch->inputs[i];
    const char *name = t->model->values[t->model->inputs[i]].name;
    if (!pass->batch->d_inputs || !pass->batch->d_inputs[i].data) return RNNP_OK;
    if (!pass->backward) return rnnp_fail(t->context, RNNP_ERR_ARG, "input %s: an evaluation has no gradients", name);
    if (input->dtype != RNNP_DTYPE_F32)
        return rnnp_fail(t->context, RNNP_ERR_TYPE, "input %s is %s, which has no gradient", name,
                         rnnp_dtype_name(input->dtype));
    if (t->rows.axis[t->model->inputs[i]] == RNNP_TIME_NONE)
        return rnnp_fail(t->context, RNNP_ERR_SHAPE,
                         "input %s has no batch dimension, which a gradient by an input needs", name);
    t->wanted[i] = 1;
    return RNNP_OK;
}

rnnp_status rnnp_pass_inputs(const rnnp_pass *pass)
{
    const rnnp_trainer *t = pass->trainer;
    rnnp_status status = RNNP_OK;
    memset(t->wanted, 0, t->model->n_inputs);
    for (size_t i = 0; i < t->model->n_inputs && status == RNNP_OK; i++) {
        const int32_t v = t->model->inputs[i];
        status = check_elements(pass, t->model->values[v].name, &pass->batch->inputs[i], t->rows.axis[v]);
        if (status == RNNP_OK) status = want_gradient(pass, i);
    }
    return status;
}

/* ---- Target and weights ---- */

static rnnp_status check_shape(const rnnp_trainer *t, const char *what, const rnnp_tensor *got, size_t rank,
                               const int64_t *shape)
{
    if (got->rank == rank && memcmp(got->shape, shape, rank * sizeof *shape) == 0)
        return got->data || rnnp_tensor_elements(got) == 0
                   ? RNNP_OK
                   : rnnp_fail(t->context, RNNP_ERR_ARG, "the %s no data", what);
    return rnnp_fail(t->context, RNNP_ERR_SHAPE, "the %s shape [%s], the loss of output %s requires [%s]", what,
                     rnnp_print_dims(got->rank <= RNNP_MAX_RANK ? got->rank : 0, got->shape, ',').s,
                     t->model->outputs[t->options.output].name, rnnp_print_dims(rank, shape, ',').s);
}

static rnnp_status check_types(const rnnp_pass *pass, size_t items_rank)
{
    const rnnp_trainer *t = pass->trainer;
    const rnnp_tensor *target = pass->batch->target, *weights = pass->batch->weights;
    const int sparse = t->options.loss == RNNP_LOSS_SPARSE;
    rnnp_status status;
    if (sparse ? target->dtype != RNNP_DTYPE_I32 && target->dtype != RNNP_DTYPE_I64 : target->dtype != RNNP_DTYPE_F32)
        return rnnp_fail(t->context, RNNP_ERR_TYPE, "the target is %s, the loss requires %s",
                         rnnp_dtype_name(target->dtype), sparse ? "i32 or i64 classes" : "f32");
    if (weights && weights->dtype != RNNP_DTYPE_F32)
        return rnnp_fail(t->context, RNNP_ERR_TYPE, "the weights are %s, not f32", rnnp_dtype_name(weights->dtype));
    status = check_shape(t, "target has", target, sparse ? items_rank : pass->output.rank, pass->output.dim);
    if (status == RNNP_OK && weights) status = check_shape(t, "weights have", weights, items_rank, pass->output.dim);
    return status;
}

static rnnp_status check_items(rnnp_pass *pass, size_t items_rank)
{
    const rnnp_trainer *t = pass->trainer;
    const rnnp_tensor *target = pass->batch->target, *weights = pass->batch->weights;
    const rnnp_loss_items items = {
        .n = pass->loss.k ? rnnp_meta_elements(&pass->output) / pass->loss.k : 0,
        .target = target->data,
        .target_dtype = target->dtype,
        .weight = weights ? weights->data : NULL,
    };
    const size_t bad = rnnp_loss_check(&pass->loss, &items, &t->context->selection);
    rnnp_tensor shape = rnnp_meta_tensor(&pass->output, NULL);
    char words[128], place[96];
    shape.rank = items_rank;
    if (bad < items.n) {
        rnnp_loss_describe(&pass->loss, &items, bad, words, sizeof words);
        say_place(&shape, t->rows.axis[t->model->outputs[t->options.output].value], bad, place, sizeof place);
        return rnnp_fail(t->context, RNNP_ERR_ARG, "target: %s: %s", place, words);
    }
    pass->weight = 0;
    rnnp_loss_weight(&pass->loss, &items, &pass->weight);
    /* A gradient's scale, 1 / sum(w), must be a float. */
    if (!(pass->weight > 0) || !isfinite(pass->weight) || !isfinite((float)(1.0 / pass->weight)))
        return rnnp_fail(t->context, RNNP_ERR_ARG, "the weights of the batch sum up to %g", pass->weight);
    return RNNP_OK;
}

/* ---- Results ---- */

static void set_type(rnnp_tensor *tensor, const rnnp_meta *meta, int axis, size_t rows)
{
    void *data = tensor->data;
    *tensor = rnnp_meta_tensor(meta, data);
    if (axis != RNNP_TIME_NONE) tensor->shape[axis] = (int64_t)rows;
}

static void set_results(const rnnp_pass *pass)
{
    const rnnp_trainer *t = pass->trainer;
    const rnnp_model *model = t->model;
    const rnnp_tape *tape = pass->tape[0];
    for (size_t k = 0; pass->batch->outputs && k < model->n_outputs; k++) {
        const int32_t v = model->outputs[k].value;
        set_type(&pass->batch->outputs[k], &tape->meta[v], t->rows.axis[v], pass->rows);
    }
    for (size_t i = 0; pass->batch->d_inputs && i < model->n_inputs; i++) {
        const int32_t v = model->inputs[i];
        rnnp_tensor *d = &pass->batch->d_inputs[i];
        set_type(d, &tape->meta[v], t->rows.axis[v], pass->rows);
        if (d->data && !tape->needed[v]) /* the loss does not depend on it */
            memset(d->data, 0, rnnp_tensor_elements(d) * sizeof(float));
    }
}

rnnp_status rnnp_pass_scores(rnnp_pass *pass)
{
    const rnnp_trainer *t = pass->trainer;
    const int32_t v = t->model->outputs[t->options.output].value;
    const size_t n = rnnp_meta_elements(&pass->tape[0]->meta[v]) / pass->tape[0]->rows; /* of a row */
    for (size_t r = 0; r < pass->rows; r++) {
        if (pass->scores->target[r] != RNNP_TARGET_LARGEST ? pass->scores->target[r] >= n : n == 0)
            return rnnp_fail(t->context, RNNP_ERR_ARG, "target %zu of row %zu: output %s has %zu elements in a row",
                             pass->scores->target[r], r, t->model->outputs[t->options.output].name, n);
    }
    set_results(pass);
    return RNNP_OK;
}

rnnp_status rnnp_pass_target(rnnp_pass *pass)
{
    const rnnp_trainer *t = pass->trainer;
    const int32_t v = t->model->outputs[t->options.output].value;
    const rnnp_loss kind = t->options.loss;
    rnnp_status status;
    pass->output = pass->tape[0]->meta[v];
    pass->output.dim[t->rows.axis[v]] = (int64_t)pass->rows;
    const size_t rank = pass->output.rank;
    const int each = rnnp_loss_of_numbers(kind) && pass->batch->weights && pass->batch->weights->rank == rank;
    const int rows_of_many = kind != RNNP_LOSS_BINARY && rank >= 2 && !each;
    pass->loss = (rnnp_loss_spec){.kind = kind,
                                  .smoothing = t->options.label_smoothing,
                                  .class_weights = t->options.class_weights,
                                  .k = rows_of_many ? (size_t)pass->output.dim[rank - 1] : 1,
                                  .delta = t->options.huber_delta};
    if (t->options.class_weights && kind != RNNP_LOSS_BINARY && pass->loss.k != t->options.n_classes)
        return rnnp_fail(t->context, RNNP_ERR_SHAPE, "output %s has %zu classes, but %zu class weights were given",
                         t->model->outputs[t->options.output].name, pass->loss.k, t->options.n_classes);
    if (pass->batch->target) {
        const size_t items_rank = rows_of_many ? rank - 1 : rank;
        if ((status = check_types(pass, items_rank)) != RNNP_OK || (status = check_items(pass, items_rank)) != RNNP_OK)
            return status;
    } else if (pass->backward) {
        return rnnp_fail(t->context, RNNP_ERR_ARG, "the batch has no target");
    } else if (pass->batch->weights) {
        return rnnp_fail(t->context, RNNP_ERR_ARG, "the batch has weights but no target");
    }
    set_results(pass);
    return RNNP_OK;
}
