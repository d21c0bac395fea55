/* SPDX-License-Identifier: Apache-2.0
 *
 * The model as training sees it: where rows are, what the loss reads, what leads to it, and whether all that lies
 * between has a gradient.
 */
#include "../graph/ops/params.h"
#include "training.h"

#include <string.h>

/* ---- Rows ---- */

/* The axis of an input whose symbol is the batch's. */
static rnnp_status input_rows(rnnp_trainer *t, int32_t input, size_t *found)
{
    const rnnp_value_info *value = &t->model->values[input];
    for (size_t d = 0; d < value->meta.rank; d++) {
        if (value->meta.dim[d] != t->batch) continue;
        if (t->rows.axis[input] != RNNP_TIME_NONE)
            return rnnp_fail(t->context, RNNP_ERR_SHAPE, "input %s: dimensions %d and %zu are both the batch (%s)",
                             value->name, t->rows.axis[input], d, t->options.batch);
        t->rows.axis[input] = (int)d;
        ++*found;
    }
    return RNNP_OK;
}

static rnnp_status find_rows(rnnp_trainer *t)
{
    const rnnp_model *model = t->model;
    size_t s = 0, found = 0;
    rnnp_status status = rnnp_time_begin(&t->rows, model, &t->arena);
    while (s < model->n_symbols && !(model->symbols[s] && strcmp(model->symbols[s], t->options.batch) == 0)) s++;
    t->batch = RNNP_SYMBOL - (int64_t)s;
    t->rows.of_channels = 1;
    for (size_t i = 0; i < model->n_inputs && s < model->n_symbols && status == RNNP_OK; i++)
        status = input_rows(t, model->inputs[i], &found);
    if (status != RNNP_OK) return status;
    if (!found)
        return rnnp_fail(t->context, RNNP_ERR_SHAPE,
                         "no input has a dimension with the symbol %s, which the options name as the batch",
                         t->options.batch);
    const rnnp_node *mixer = rnnp_time_propagate(&t->rows, model);
    return mixer ? rnnp_node_fail(t->context, mixer, RNNP_ERR_SHAPE,
                                  "mixes the rows of the batch, so they cannot be trained on separately")
                 : RNNP_OK;
}

/* ---- The loss ---- */

/* Whether a softmax runs over the last axis alone. */
static int over_last_axis(const rnnp_node *node, size_t rank)
{
    rnnp_tensor probe = {.dtype = RNNP_DTYPE_F32, .rank = rank};
    for (size_t d = 0; d < rank; d++) probe.shape[d] = 2;
    const rnnp_blocks blocks = rnnp_softmax_blocks(node, &probe);
    return blocks.row == 2 && blocks.inner == 1;
}

/* Looks through the output's own Softmax or Sigmoid. */
static rnnp_status find_logits(rnnp_trainer *t)
{
    const rnnp_value_info *output = &t->model->values[t->loss_value];
    const rnnp_node *node = output->producer < 0 ? NULL : &t->model->nodes[output->producer];
    const rnnp_loss kind = t->options.loss;
    if (!node) return RNNP_OK;
    if (kind == RNNP_LOSS_BINARY && strcmp(node->op->name, "Sigmoid") == 0) t->loss_value = node->inputs[0];
    if ((kind == RNNP_LOSS_CROSS || kind == RNNP_LOSS_SPARSE) && strcmp(node->op->name, "Softmax") == 0) {
        if (!over_last_axis(node, output->meta.rank))
            return rnnp_node_fail(t->context, node, RNNP_ERR_UNSUPPORTED,
                                  "is not over the last axis only, as the loss requires");
        t->loss_value = node->inputs[0];
    }
    return RNNP_OK;
}

/* An attribution's score looks through them too, as it says. */
static void find_score(rnnp_trainer *t)
{
    const rnnp_value_info *output = &t->model->values[t->loss_value];
    const rnnp_node *node = output->producer < 0 ? NULL : &t->model->nodes[output->producer];
    const int of_log = node && strcmp(node->op->name, "LogSoftmax") == 0;
    const int of_self = node && (strcmp(node->op->name, "Softmax") == 0 || strcmp(node->op->name, "Sigmoid") == 0);
    if ((of_self && t->score == RNNP_SCORE_LOGIT) || (of_log && t->score != RNNP_SCORE_OUTPUT))
        t->loss_value = node->inputs[0];
    t->link = t->score == RNNP_SCORE_PROBABILITY && !of_self;
}

static rnnp_status find_loss(rnnp_trainer *t)
{
    const rnnp_model *model = t->model;
    const rnnp_loss kind = t->options.loss;
    if (t->options.output >= model->n_outputs)
        return rnnp_fail(t->context, RNNP_ERR_ARG, "train options: output %zu of a model with %zu", t->options.output,
                         model->n_outputs);
    const rnnp_output_info *output = &model->outputs[t->options.output];
    const rnnp_meta *meta = &model->values[output->value].meta;
    const int axis = t->rows.axis[output->value];
    const int numbers = rnnp_loss_of_numbers(kind);
    const int items = !t->explains && kind != RNNP_LOSS_BINARY && !(numbers && meta->rank < 2);

    t->loss_value = output->value;
    if (meta->dtype != RNNP_DTYPE_F32)
        return rnnp_fail(t->context, RNNP_ERR_TYPE, "output %s is %s, the %s is of f32", output->name,
                         rnnp_dtype_name(meta->dtype), t->explains ? "score" : "loss");
    if (axis == RNNP_TIME_NONE || meta->dim[axis] != t->batch)
        return rnnp_fail(t->context, RNNP_ERR_SHAPE, "output %s has no dimension that is certain to be the batch (%s)",
                         output->name, t->options.batch);
    if (items && (size_t)axis + 1 == meta->rank)
        return rnnp_fail(t->context, RNNP_ERR_SHAPE,
                         "output %s: the batch is its last dimension, where the loss expects the %s", output->name,
                         numbers ? "elements of a row" : "classes");
    if (t->options.class_weights && kind != RNNP_LOSS_BINARY && !rnnp_dim_is_symbol(meta->dim[meta->rank - 1]) &&
        meta->dim[meta->rank - 1] != (int64_t)t->options.n_classes)
        return rnnp_fail(t->context, RNNP_ERR_SHAPE, "output %s has %lld classes, but %zu class weights were given",
                         output->name, (long long)meta->dim[meta->rank - 1], t->options.n_classes);
    if (!t->explains) return find_logits(t);
    find_score(t);
    return RNNP_OK;
}

/* ---- What leads to it ---- */

/* The node's metas as training knows them: parameters are not known. */
static void symbolic_metas(const rnnp_trainer *t, const rnnp_node *node, rnnp_meta *inputs, rnnp_meta *outputs)
{
    memset(inputs, 0, rnnp_node_slots_in(node) * sizeof *inputs);
    memset(outputs, 0, rnnp_node_slots_out(node) * sizeof *outputs);
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == RNNP_NONE) continue;
        inputs[i] = node->input_metas[i];
        if (t->parameter_of[node->inputs[i]] >= 0) inputs[i].known = NULL;
    }
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] != RNNP_NONE) outputs[i] = t->model->values[node->outputs[i]].meta;
    }
}

static int any_output(const rnnp_node *node, const uint8_t *marked)
{
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] != RNNP_NONE && marked[node->outputs[i]]) return 1;
    }
    return 0;
}

/* A node without a gradient leads on from all its inputs: it is refused if a parameter is among them or below. */
static void mark_leading(rnnp_trainer *t, rnnp_meta *inputs, rnnp_meta *outputs)
{
    const rnnp_model *model = t->model;
    t->leads[t->loss_value] = 1;
    for (size_t n = model->n_nodes; n-- > 0;) {
        const rnnp_node *node = &model->nodes[n];
        const rnnp_gradient *row = rnnp_gradient_find(node->op->name);
        if (!any_output(node, t->leads)) continue;
        symbolic_metas(t, node, inputs, outputs);
        const int view = rnnp_gradient_is_view(node, row, inputs, outputs);
        for (size_t i = 0; i < node->n_inputs; i++) {
            const int32_t v = node->inputs[i];
            if (v != RNNP_NONE && model->values[v].meta.dtype == RNNP_DTYPE_F32 && rnnp_gradient_flows(row, view, i))
                t->leads[v] = 1;
        }
    }
}

/* Whether gradients by an input are wanted from the beginning: an attribution's. Others come with a batch. */
static int is_explained(const rnnp_trainer *t, int32_t input)
{
    return t->gradients && t->model->values[input].meta.dtype == RNNP_DTYPE_F32 &&
           t->rows.axis[input] != RNNP_TIME_NONE;
}

/* Follows the parameters (an attribution's inputs) upwards; `moves` [n_values]: depends on one. */
static rnnp_status check_nodes(const rnnp_trainer *t, uint8_t *moves, rnnp_meta *inputs, rnnp_meta *outputs)
{
    const rnnp_model *model = t->model;
    for (size_t v = 0; v < model->n_values; v++) moves[v] = !t->explains && t->parameter_of[v] >= 0;
    for (size_t i = 0; i < model->n_inputs; i++) moves[model->inputs[i]] = (uint8_t)is_explained(t, model->inputs[i]);
    for (size_t n = 0; n < model->n_nodes; n++) {
        const rnnp_node *node = &model->nodes[n];
        const rnnp_gradient *row = rnnp_gradient_find(node->op->name);
        int moved = 0;
        symbolic_metas(t, node, inputs, outputs);
        const int view = rnnp_gradient_is_view(node, row, inputs, outputs);
        for (size_t i = 0; i < node->n_inputs; i++)
            moved |= node->inputs[i] != RNNP_NONE && moves[node->inputs[i]] && t->leads[node->inputs[i]] &&
                     rnnp_gradient_flows(row, view, i);
        if (!moved || !any_output(node, t->leads)) continue;
        for (size_t i = 0; i < node->n_outputs; i++) {
            if (node->outputs[i] != RNNP_NONE) moves[node->outputs[i]] = 1;
        }
        if (!view && !row)
            return rnnp_node_fail(t->context, node, RNNP_ERR_UNSUPPORTED, "has no gradient, and lies between %s",
                                  t->explains ? "an input and the score" : "a parameter and the loss");
        const rnnp_gradient_shape shape = rnnp_train_shape(t, node, inputs, outputs);
        const rnnp_status status = row && row->check && !view ? row->check(&shape) : RNNP_OK;
        if (status != RNNP_OK) return status;
    }
    return RNNP_OK;
}

static rnnp_status walk(rnnp_trainer *t, struct rnnp_block **scratch)
{
    const rnnp_model *model = t->model;
    const rnnp_context *context = t->context;
    size_t in = 0, out = 0;
    rnnp_status status;
    for (size_t n = 0; n < model->n_nodes; n++) {
        in = rnnp_node_slots_in(&model->nodes[n]) > in ? rnnp_node_slots_in(&model->nodes[n]) : in;
        out = rnnp_node_slots_out(&model->nodes[n]) > out ? rnnp_node_slots_out(&model->nodes[n]) : out;
    }
    rnnp_meta *inputs = rnnp_arena_calloc(context, scratch, in, sizeof *inputs);
    rnnp_meta *outputs = rnnp_arena_calloc(context, scratch, out, sizeof *outputs);
    uint8_t *moves = rnnp_arena_calloc(context, scratch, model->n_values, 1);
    if (!inputs || !outputs || !moves) return RNNP_ERR_MEMORY;
    mark_leading(t, inputs, outputs);
    if ((status = rnnp_train_parameters(t)) != RNNP_OK) return status;
    return check_nodes(t, moves, inputs, outputs);
}

rnnp_status rnnp_train_graph(rnnp_trainer *t)
{
    const rnnp_model *model = t->model;
    for (size_t n = 0; n < model->n_nodes; n++) {
        if (model->nodes[n].op->source)
            return rnnp_node_fail(t->context, &model->nodes[n], RNNP_ERR_UNSUPPORTED,
                                  "which branch is taken must be known before %s",
                                  t->explains ? "a gradient" : "training");
        if (model->nodes[n].op->loop)
            return rnnp_node_fail(t->context, &model->nodes[n], RNNP_ERR_UNSUPPORTED, "loops cannot be %s through",
                                  t->explains ? "differentiated" : "trained");
    }
    struct rnnp_block *scratch = NULL;
    rnnp_status status;
    t->leads = rnnp_arena_calloc(t->context, &t->arena, model->n_values, 1);
    t->parameter_of = rnnp_arena_calloc(t->context, &t->arena, model->n_values, sizeof *t->parameter_of);
    t->symbols = rnnp_arena_calloc(t->context, &t->arena, model->n_symbols, sizeof *t->symbols);
    t->inputs = rnnp_arena_calloc(t->context, &t->arena, model->n_inputs, sizeof *t->inputs);
    t->wanted = rnnp_arena_calloc(t->context, &t->arena, model->n_inputs, 1);
    if (!t->leads || !t->parameter_of || !t->symbols || !t->inputs || !t->wanted) return RNNP_ERR_MEMORY;
    for (size_t v = 0; v < model->n_values; v++) t->parameter_of[v] = -1;
    if ((status = find_rows(t)) != RNNP_OK || (status = find_loss(t)) != RNNP_OK) return status;
    status = walk(t, &scratch);
    rnnp_arena_free(t->context, &scratch);
    return status;
}
