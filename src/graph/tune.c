/* SPDX-License-Identifier: Apache-2.0
 *
 * Tuning seen from a model: which shapes its layers have, and what a plan makes of the records.
 */
#include "engine.h"

#include <string.h>

enum { MOST_SIZE = 1 << 20 };

static int is_same(const rnnp_shape *a, const rnnp_shape *b)
{
    return a->cell == b->cell && a->reset == b->reset && a->direction == b->direction && a->input == b->input &&
           a->hidden == b->hidden && a->batch == b->batch && a->steps == b->steps;
}

/* The shape of a node's layer without batch and steps; 0 for nodes that are no recurrent layer. */
static int layer_shape(const rnnp_model *model, size_t n, rnnp_shape *shape)
{
    const rnnp_node *node = &model->nodes[n];
    const rnnp_prepare prepare = {.context = model->context, .node = node, .inputs = node->input_metas,
                                  .select = &model->context->selection};

    return node->op->shape && node->op->shape(&prepare, shape);
}

/* Whether a node before has the same layer: its shapes are listed already. */
static int is_listed(const rnnp_model *model, size_t n, const rnnp_shape *shape)
{
    rnnp_shape other;

    for (size_t before = 0; before < n; before++) {
        if (layer_shape(model, before, &other)) {
            other.batch = shape->batch;
            other.steps = shape->steps;
            if (is_same(&other, shape))
                return 1;
        }
    }
    return 0;
}

static rnnp_status check_sizes(const rnnp_context *context, const char *what, const size_t *sizes, size_t n)
{
    if (n && !sizes)
        return rnnp_fail(context, RNNP_ERR_ARG, "%s is NULL", what);
    for (size_t i = 0; i < n; i++) {
        if (sizes[i] < 1 || sizes[i] > MOST_SIZE)
            return rnnp_fail(context, RNNP_ERR_ARG, "%s[%zu] is %zu", what, i, sizes[i]);
    }
    return RNNP_OK;
}

rnnp_status rnnp_model_shapes(const rnnp_model *model, const size_t *batches, size_t n_batches, const size_t *steps,
                              size_t n_steps, rnnp_shape *shapes, size_t most, size_t *count)
{
    rnnp_status status;

    if (!model)
        return RNNP_ERR_ARG;
    if (!count || (most && !shapes))
        return rnnp_fail(model->context, RNNP_ERR_ARG, "%s is NULL", count ? "shapes" : "count");
    if ((status = check_sizes(model->context, "batches", batches, n_batches)) != RNNP_OK ||
        (status = check_sizes(model->context, "steps", steps, n_steps)) != RNNP_OK)
        return status;
    if (model->closed != RNNP_MODEL_CLOSED)
        return rnnp_fail(model->context, RNNP_ERR_STATE, "the model is not closed");
    *count = 0;
    for (size_t n = 0; n < model->n_nodes; n++) {
        rnnp_shape shape = {.batch = 0};

        if (!layer_shape(model, n, &shape) || is_listed(model, n, &shape))
            continue;
        for (size_t i = 0; i < n_batches * n_steps; i++) {
            shape.batch = batches[i / n_steps];
            shape.steps = steps[i % n_steps];
            if (*count < most)
                shapes[*count] = shape;
            ++*count;
        }
    }
    return RNNP_OK;
}

rnnp_status rnnp_plan_explain(const rnnp_plan *plan, size_t index, size_t batch, size_t steps,
                              rnnp_explanation *explanation)
{
    if (!plan)
        return RNNP_ERR_ARG;
    if (!explanation)
        return rnnp_fail(plan->context, RNNP_ERR_ARG, "explanation is NULL");
    if (index >= plan->model->n_nodes)
        return rnnp_fail(plan->context, RNNP_ERR_ARG, "node %zu of %zu", index, plan->model->n_nodes);
    const rnnp_node *node = &plan->model->nodes[index];
    rnnp_prepare prepare = rnnp_plan_prepare(plan, node);

    if (!node->op->explain)
        return rnnp_node_fail(plan->context, node, RNNP_ERR_ARG, "is no recurrent layer");
    prepare.planned = plan->nodes[index].planned;
    memset(explanation, 0, sizeof *explanation);
    node->op->explain(&prepare, batch, steps, explanation);
    return RNNP_OK;
}

rnnp_status rnnp_plan_create_measured(const rnnp_model *model, const rnnp_plan_options *options,
                                      const rnnp_tune_options *tune, rnnp_records *records, rnnp_plan **plan)
{
    rnnp_plan_options o;
    rnnp_tune_options t;
    size_t count;
    rnnp_status status;

    if (!plan)
        return model ? rnnp_fail(model->context, RNNP_ERR_ARG, "plan is NULL") : RNNP_ERR_ARG;
    *plan = NULL;
    if (!model)
        return RNNP_ERR_ARG;
    if (!records)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "records is NULL");
    if ((options && options->struct_size < sizeof options->struct_size) ||
        (tune && tune->struct_size < sizeof tune->struct_size))
        return rnnp_fail(model->context, RNNP_ERR_ARG, "struct_size of the %s options is too small",
                         tune && tune->struct_size < sizeof tune->struct_size ? "tune" : "plan");
    rnnp_plan_options_init(&o);
    if (options)
        memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
    rnnp_tune_options_init(&t);
    if (tune)
        memcpy(&t, tune, tune->struct_size < sizeof t ? tune->struct_size : sizeof t);
    o.batch = o.batch ? o.batch : 1;
    o.steps = o.steps ? o.steps : 1;
    t.threads = o.threads;
    if ((status = rnnp_model_shapes(model, &o.batch, 1, &o.steps, 1, NULL, 0, &count)) != RNNP_OK)
        return status;
    const size_t bytes = count * sizeof(rnnp_shape);
    rnnp_shape *shapes = rnnp_alloc(model->context, bytes);
    if (!shapes)
        return RNNP_ERR_MEMORY;
    status = rnnp_model_shapes(model, &o.batch, 1, &o.steps, 1, shapes, count, &count);
    if (status == RNNP_OK)
        status = rnnp_tune(model->context, shapes, count, &t, records);
    rnnp_free(model->context, shapes, bytes);
    o.effort = RNNP_EFFORT_CACHED;
    o.records = records;
    return status == RNNP_OK ? rnnp_plan_create(model, &o, plan) : status;
}
