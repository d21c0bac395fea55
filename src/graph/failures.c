/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors of inference in a graph with an If. A node on the side that is not taken may well fail: `squeeze this axis if
 * its size is 1`. So an error stays with the outputs of its node and goes on to all that is made of them. It counts
 * where it reaches an output of the model.
 */
#include "engine.h"

#include <string.h>

rnnp_status rnnp_inference_tolerate(rnnp_inference *inf)
{
    const rnnp_model *model = inf->model;
    size_t n = 0;

    while (n < model->n_nodes && !model->nodes[n].op->source) n++;
    if (n == model->n_nodes) return RNNP_OK;
    inf->failed = rnnp_arena_calloc(model->context, inf->arena, model->n_values, sizeof *inf->failed);
    return inf->failed ? RNNP_OK : RNNP_ERR_MEMORY;
}

static void fail_output(rnnp_inference *inf, const rnnp_node *node, size_t output, const rnnp_failure *failure)
{
    const int32_t v = node->outputs[output];

    if (v == RNNP_NONE) return;
    inf->meta[v] = (rnnp_meta){0};
    inf->partial[v] = (rnnp_partial){0};
    inf->failed[v] = failure;
}

rnnp_status rnnp_inference_fails(rnnp_inference *inf, const rnnp_node *node, rnnp_status status)
{
    const rnnp_context *context = inf->model->context;

    if (status == RNNP_OK || status == RNNP_ERR_MEMORY || status == RNNP_ERR_LIMIT || !inf->failed) return status;
    const char *text = rnnp_last_error(context);
    rnnp_failure *failure = rnnp_arena_alloc(context, inf->arena, sizeof *failure + strlen(text) + 1);
    if (!failure) return RNNP_ERR_MEMORY;
    failure->status = status;
    failure->node = (size_t)(node - inf->model->nodes);
    memcpy(failure->text, text, strlen(text) + 1);
    for (size_t i = 0; i < node->n_outputs; i++) fail_output(inf, node, i, failure);
    return RNNP_OK;
}

static const rnnp_failure *failure_of(const rnnp_inference *inf, const rnnp_node *node, size_t input)
{
    return node->inputs[input] == RNNP_NONE ? NULL : inf->failed[node->inputs[input]];
}

static int is_unsupported(const rnnp_inference *inf, const rnnp_failure *failure)
{
    return failure && inf->model->nodes[failure->node].op == &rnnp_operator_Unsupported;
}

/* While nobody knows which side is taken, one that works is enough: an execution that takes the other fails. But none
 * may ever meet an operator that is not supported. */
static const rnnp_failure *why_chosen(const rnnp_inference *inf, const rnnp_node *node, size_t output)
{
    const size_t source = node->op->source(node, inf->in, output);

    if (source != SIZE_MAX) return failure_of(inf, node, source);
    if (failure_of(inf, node, 0)) return failure_of(inf, node, 0);
    const rnnp_failure *a = failure_of(inf, node, 1 + output);
    const rnnp_failure *b = failure_of(inf, node, 1 + node->n_outputs + output);
    if (inf->concrete && is_unsupported(inf, a)) return a;
    if (inf->concrete && is_unsupported(inf, b)) return b;
    return b ? a : NULL;
}

static const rnnp_failure *why(const rnnp_inference *inf, const rnnp_node *node, size_t output)
{
    const rnnp_failure *first = NULL;

    if (node->op->source) return why_chosen(inf, node, output);
    for (size_t i = 0; i < node->n_inputs && !first; i++) first = failure_of(inf, node, i);
    return first;
}

int rnnp_inference_inherits(rnnp_inference *inf, const rnnp_node *node)
{
    int any = 0;

    for (size_t i = 0; inf->failed && i < node->n_outputs; i++) {
        const rnnp_failure *failure = why(inf, node, i);

        if (failure) fail_output(inf, node, i, failure);
        any |= failure != NULL;
    }
    return any;
}

int rnnp_inference_failed(const rnnp_inference *inf, const rnnp_node *node)
{
    for (size_t i = 0; inf->failed && i < node->n_outputs; i++) {
        if (node->outputs[i] != RNNP_NONE && inf->failed[node->outputs[i]]) return 1;
    }
    return 0;
}

rnnp_status rnnp_inference_outputs(const rnnp_inference *inf)
{
    for (size_t k = 0; inf->failed && k < inf->model->n_outputs; k++) {
        const rnnp_failure *failure = inf->failed[inf->model->outputs[k].value];

        if (failure) return rnnp_fail(inf->model->context, failure->status, "%s", failure->text);
    }
    return RNNP_OK;
}
