/* SPDX-License-Identifier: Apache-2.0
 *
 * Tuning seen from a model: which shapes its layers have, and what a plan makes of the records.
 */
#include "engine.h"

#include "../../autotune/choice.h"
#include "../structs.h"

#include <stdio.h>
#include <string.h>

enum { MOST_SIZE = 1 << 20 };

_Static_assert((int)RNNP_SHAPE_LAYERS == (int)RNNP_STACK_NODES, "every stack can be tuned");

/* ---- Stacks ---- */

/* The stack of these layers, lowest first; 0 when they are not alike. */
static int stack_shape(const rnnp_shape *layers, size_t n, rnnp_shape *stack)
{
    *stack = layers[0];
    stack->kind = RNNP_SHAPE_STACK;
    stack->n_layers = n;
    stack->direction = RNNP_DIRECTION_FORWARD;
    for (size_t i = 1; i < n; i++) {
        if (layers[i].cell != layers[0].cell || layers[i].reset != layers[0].reset ||
            layers[i].hidden != layers[0].hidden || layers[i].input != layers[0].hidden)
            return 0;
    }
    return n > 1;
}

void rnnp_layout_stack_choice(const rnnp_layout *layout, size_t position, rnnp_stack_choice *choice)
{
    const rnnp_plan *plan = layout->plan;
    const size_t n = layout->stack[position];
    rnnp_shape shapes[RNNP_STACK_NODES], stack;
    rnnp_record_found found;

    *choice = (rnnp_stack_choice){.task = 0};
    if (n < 2 || plan->tuning.off) return;
    for (size_t i = 0; i < n; i++) {
        const rnnp_node *node = &plan->model->nodes[layout->order[position + i]];
        const rnnp_prepare prepare = rnnp_layout_prepare(layout, node, layout->inf.in);

        if (!node->op->shape || !node->op->shape(&prepare, &shapes[i])) return;
    }
    if (stack_shape(shapes, n, &stack))
        rnnp_choice_find_stack(plan->tuning.records, &plan->tuning.host, &stack, layout->threads, choice, &found);
}

/* The value whose elements this one has, through views. */
static int32_t root_of(const rnnp_model *model, int32_t value)
{
    for (;;) {
        const int32_t n = value == RNNP_NONE ? -1 : model->values[value].producer;
        const rnnp_node *node = n < 0 ? NULL : &model->nodes[n];

        if (!node || node->late || node->outputs[0] != value || node->inputs[0] == RNNP_NONE ||
            rnnp_view_source(node, node->input_metas, &model->values[value].meta, 0) != 0)
            return value;
        value = node->inputs[0];
    }
}

/* Whether a node can be the next of a stack; what only a layout knows is not looked at. */
static int stacks_on(const rnnp_model *model, const rnnp_node *below, const rnnp_node *node)
{
    const int32_t y = below->outputs[0];

    return node->op->stacks && below->op->stacks && !node->late && !below->late && y != RNNP_NONE &&
           root_of(model, node->inputs[0]) == y &&
           node->op->stacks(below, &model->values[y].meta, node, &node->input_metas[0]);
}

/* The stack whose lowest is the n-th node; 0 when it is not the lowest, or the layers are not alike. */
static int stack_of(const rnnp_model *model, size_t n, const rnnp_tuning *tuning, rnnp_shape *stack)
{
    rnnp_prepare prepare = {.context = model->context, .select = &model->context->selection, .tuning = tuning};
    const rnnp_node *top = &model->nodes[n];
    rnnp_shape shapes[RNNP_STACK_NODES];
    size_t layers = 0;

    for (size_t before = 0; before < n; before++) {
        if (stacks_on(model, &model->nodes[before], top)) return 0;
    }
    for (size_t i = n; i < model->n_nodes; i++) {
        if (i != n && !stacks_on(model, top, &model->nodes[i])) continue;
        top = prepare.node = &model->nodes[i];
        prepare.inputs = top->input_metas;
        if (layers == RNNP_STACK_NODES || !top->op->stacks || !top->op->shape(&prepare, &shapes[layers++]))
            return 0; /* of more layers a layout makes several stacks, by its own rules */
    }
    return stack_shape(shapes, layers, stack);
}

/* ---- Shapes ---- */

static int is_same(const rnnp_shape *a, const rnnp_shape *b)
{
    return a->cell == b->cell && a->reset == b->reset && a->direction == b->direction && a->input == b->input &&
           a->hidden == b->hidden && a->batch == b->batch && a->steps == b->steps && a->kind == b->kind &&
           a->n_layers == b->n_layers && a->weights == b->weights;
}

/* What is listed: of every node the layer, then the stack of which it is the lowest, at each batch and steps. */
typedef struct listing {
    const rnnp_model *model;
    rnnp_tuning tuning;
    const size_t *batches, *steps;
    size_t n_steps, n_pairs;
} listing;

static size_t entries(const listing *l) { return 2 * l->model->n_nodes * l->n_pairs; }

/* The entry at this position; 0 when there is none. */
static int entry(listing *l, size_t at, rnnp_shape *shape)
{
    const size_t pair = at % l->n_pairs, n = at / l->n_pairs / 2;
    const rnnp_node *node = &l->model->nodes[n];
    const rnnp_prepare prepare = {.context = l->model->context,
                                  .node = node,
                                  .inputs = node->input_metas,
                                  .select = &l->model->context->selection,
                                  .tuning = &l->tuning};

    if (!node->op->shape || node->late) return 0;
    l->tuning.batch = l->batches[pair / l->n_steps];
    l->tuning.steps = l->steps[pair % l->n_steps];
    if (at / l->n_pairs % 2 == 0 ? !node->op->shape(&prepare, shape)
                                 : rnnp_team_threads(l->model->context->team) == 1 ||
                                       !stack_of(l->model, n, &l->tuning, shape) || shape->steps == 1)
        return 0;
    const size_t sizes[] = {shape->input, shape->hidden, shape->batch, shape->steps};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i] < 1 || sizes[i] > MOST_SIZE) return 0;
    }
    return 1;
}

static int is_listed(listing *l, size_t at, const rnnp_shape *shape)
{
    rnnp_shape other;

    for (size_t before = 0; before < at; before++) {
        const int is_stack = before / l->n_pairs % 2 == 1;

        if (is_stack == (shape->kind == RNNP_SHAPE_STACK) && entry(l, before, &other) && is_same(&other, shape))
            return 1;
    }
    return 0;
}

static rnnp_status check_sizes(const rnnp_context *context, const char *what, const size_t *sizes, size_t n)
{
    if (n && !sizes) return rnnp_fail(context, RNNP_ERR_ARG, "%s is NULL", what);
    for (size_t i = 0; i < n; i++) {
        if (sizes[i] < 1 || sizes[i] > MOST_SIZE)
            return rnnp_fail(context, RNNP_ERR_ARG, "%s[%zu] is %zu", what, i, sizes[i]);
    }
    return RNNP_OK;
}

rnnp_status rnnp_model_shapes(const rnnp_model *model, const size_t *batches, size_t n_batches, const size_t *steps,
                              size_t n_steps, rnnp_shape *shapes, size_t most, size_t *count)
{
    rnnp_shape shape;
    rnnp_status status;

    if (!model) return RNNP_ERR_ARG;
    if (!count || (most && !shapes))
        return rnnp_fail(model->context, RNNP_ERR_ARG, "%s is NULL", count ? "shapes" : "count");
    if ((status = check_sizes(model->context, "batches", batches, n_batches)) != RNNP_OK ||
        (status = check_sizes(model->context, "steps", steps, n_steps)) != RNNP_OK ||
        (status = rnnp_model_need_closed(model)) != RNNP_OK)
        return status;
    const size_t distance = most ? shapes->struct_size : 0; /* from one of the caller's entries to the next */
    listing l = {
        .model = model, .batches = batches, .steps = steps, .n_steps = n_steps, .n_pairs = n_batches * n_steps};
    rnnp_tuning_symbols(model, &l.tuning);
    *count = 0;
    for (size_t i = 0; i < entries(&l); i++) {
        if (!entry(&l, i, &shape) || is_listed(&l, i, &shape)) continue;
        if (*count < most) {
            void *to = (char *)shapes + *count * distance;

            memcpy(to, &distance, sizeof distance);
            if ((status = RNNP_STRUCT_WRITE(model->context, rnnp_shape, &shape, to)) != RNNP_OK) return status;
        }
        ++*count;
    }
    return RNNP_OK;
}

/* ---- Looking at a plan ---- */

static void explain_found(const rnnp_record_found *found, rnnp_explanation *e)
{
    e->match = found->match;
    e->source = found->source;
    memcpy(e->reason, found->reason, sizeof e->reason);
    if (!found->record) return;
    memcpy(e->choice, found->record->choice, sizeof e->choice);
    e->ns = found->record->ns;
    e->default_ns = found->record->default_ns;
    e->batch = found->record->key.batch;
    e->steps = found->record->key.steps;
}

/* As a plan without records would have it, and as a call of this batch and steps; 0 for a node that is not tuned. */
static int explain_node(const rnnp_plan *plan, size_t index, size_t batch, size_t steps, rnnp_explanation *e)
{
    const rnnp_plan_node *node = &plan->nodes[index];
    rnnp_prepare prepare = rnnp_plan_prepare(plan, &plan->model->nodes[index]);
    rnnp_tuning tuning = plan->tuning;
    rnnp_record_found found = {.match = RNNP_MATCH_NONE};
    rnnp_planned usual = {0}, chosen = {.found = &found};

    tuning.batch = batch;
    tuning.steps = steps;
    tuning.call = 1;
    prepare.tuning = prepare.tuning ? &tuning : NULL;
    prepare.planned = node->planned.own;
    rnnp_node_plan(&prepare, &chosen);
    prepare.tuning = NULL;
    prepare.planned = NULL;
    rnnp_node_plan(&prepare, &usual);
    e->usual = usual.variant;
    e->variant = chosen.variant;
    explain_found(&found, e);
    return chosen.tuned;
}

static void explain_stack(const rnnp_plan *plan, size_t index, size_t batch, size_t steps, rnnp_explanation *e)
{
    rnnp_tuning tuning = plan->tuning;
    rnnp_stack_choice choice;
    rnnp_record_found found;
    rnnp_shape stack;

    tuning.batch = batch;
    tuning.steps = steps;
    if (plan->threads == 1 || tuning.off || !plan->model->nodes[index].op->stacks ||
        !stack_of(plan->model, index, &tuning, &stack))
        return;
    rnnp_choice_find_stack(tuning.records, &tuning.host, &stack, plan->threads, &choice, &found);
    e->stack_layers = stack.n_layers;
    e->stack_match = found.match;
    memcpy(e->stack_reason, found.reason, sizeof e->stack_reason);
    rnnp_stack_print(&choice, e->stack_choice);
}

rnnp_status rnnp_plan_explain(const rnnp_plan *plan, size_t index, size_t batch, size_t steps,
                              rnnp_explanation *explanation)
{
    if (!plan) return RNNP_ERR_ARG;
    if (index >= plan->model->n_nodes)
        return rnnp_fail(plan->context, RNNP_ERR_ARG, "node %zu of %zu", index, plan->model->n_nodes);
    rnnp_explanation full = {.match = RNNP_MATCH_NONE};
    if (!explain_node(plan, index, batch, steps, &full))
        return rnnp_node_fail(plan->context, &plan->model->nodes[index], RNNP_ERR_ARG,
                              "is neither a recurrent layer nor a product with constant weights");
    explain_stack(plan, index, batch, steps, &full);
    return RNNP_STRUCT_WRITE(plan->context, rnnp_explanation, &full, explanation);
}

rnnp_status rnnp_plan_create_measured(const rnnp_model *model, const rnnp_plan_options *options,
                                      const rnnp_tune_options *tune, rnnp_records *records, rnnp_plan **plan)
{
    rnnp_plan_options o;
    rnnp_tune_options t;
    size_t count;
    rnnp_status status;

    if (!plan) return model ? rnnp_fail(model->context, RNNP_ERR_ARG, "plan is NULL") : RNNP_ERR_ARG;
    *plan = NULL;
    if (!model) return RNNP_ERR_ARG;
    if (!records) return rnnp_fail(model->context, RNNP_ERR_ARG, "records is NULL");
    if ((status = RNNP_STRUCT_READ(model->context, rnnp_plan_options, options, &o)) != RNNP_OK ||
        (status = RNNP_STRUCT_READ(model->context, rnnp_tune_options, tune, &t)) != RNNP_OK)
        return status;
    o.batch = o.batch ? o.batch : 1;
    o.steps = o.steps ? o.steps : 1;
    t.threads = o.threads;
    if ((status = rnnp_model_shapes(model, &o.batch, 1, &o.steps, 1, NULL, 0, &count)) != RNNP_OK) return status;
    const size_t bytes = count * sizeof(rnnp_shape);
    rnnp_shape *shapes = rnnp_alloc(model->context, bytes);
    if (!shapes) return RNNP_ERR_MEMORY;
    shapes->struct_size = sizeof *shapes;
    status = rnnp_model_shapes(model, &o.batch, 1, &o.steps, 1, shapes, count, &count);
    if (status == RNNP_OK) status = rnnp_tune(model->context, shapes, count, &t, records);
    rnnp_free(model->context, shapes, bytes);
    o.effort = RNNP_EFFORT_CACHED;
    o.records = records;
    return status == RNNP_OK ? rnnp_plan_create(model, &o, plan) : status;
}
