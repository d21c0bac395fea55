/* SPDX-License-Identifier: Apache-2.0
 *
 * Guesses of ranks: while nobody knows which branch of an If is taken and their ranks differ, those of the else branch
 * count. Where that leads to an error, or to an output of another rank than its file says, other guesses are tried: one
 * is turned for good if inference then gets further.
 */
#include "engine.h"
#include "ops/ops.h"

enum { TRIES = 64 }; /* of all guesses together */

/* How far inference comes with the guesses of the moment. */
typedef struct attempt {
    size_t reached;   /* the node with the first error that reaches an output; beyond that, outputs of the right rank */
    int32_t from;     /* the node that depends on a wrong guess, or -1 */
    uint8_t *guesses; /* [n_nodes] */
} attempt;

/* Infers all nodes; what they fold to is forgotten. */
static rnnp_status infer_all(rnnp_inference *inf, uint8_t *guesses)
{
    const rnnp_model *model = inf->model;
    rnnp_status status = RNNP_OK;

    for (size_t i = 0; i < model->n_inputs; i++) inf->meta[model->inputs[i]] = model->values[model->inputs[i]].meta;
    for (size_t n = 0; n < model->n_nodes && status == RNNP_OK; n++) {
        const rnnp_node *node = &model->nodes[n];

        if ((status = rnnp_inference_node(inf, node)) != RNNP_OK || rnnp_inference_failed(inf, node)) continue;
        guesses[n] = node->op->source && rnnp_if_guesses(node, inf->in);
        const rnnp_known known = rnnp_inference_known(inf, node);
        if (known == RNNP_KNOWN_SYMBOLIC) status = rnnp_inference_partial(inf, node);
        if (known == RNNP_KNOWN_FULLY && !node->op->uses_math)
            status = rnnp_inference_evaluate(inf, node, &model->context->selection, RNNP_MATH_U35, NULL, inf->arena);
        status = rnnp_inference_fails(inf, node, status);
    }
    return status;
}

static void judge(const rnnp_inference *inf, attempt *a)
{
    const rnnp_model *model = inf->model;
    size_t right = 0;

    a->from = -1;
    a->reached = SIZE_MAX;
    for (size_t k = 0; k < model->n_outputs; k++) {
        const rnnp_output_info *output = &model->outputs[k];
        const rnnp_failure *failure = inf->failed[output->value];
        const int fits = !failure && (!output->has_rank || output->rank == inf->meta[output->value].rank);

        if (failure && failure->node < a->reached) {
            a->reached = failure->node;
            a->from = (int32_t)failure->node;
        }
        if (!fits && a->from < 0) a->from = model->values[output->value].producer;
        right += (size_t)fits;
    }
    if (a->reached == SIZE_MAX) a->reached = model->n_nodes + right;
}

static rnnp_status try_guesses(rnnp_model *model, size_t bytes, uint64_t *work, struct rnnp_block **arena, attempt *a)
{
    struct rnnp_block *scratch = NULL;
    rnnp_inference inf;

    *a = (attempt){.from = -1, .guesses = rnnp_arena_calloc(model->context, arena, model->n_nodes, 1)};
    rnnp_status status = a->guesses ? rnnp_inference_begin(&inf, model, &scratch) : RNNP_ERR_MEMORY;
    if (status == RNNP_OK) status = rnnp_inference_tolerate(&inf);
    if (status == RNNP_OK && inf.failed) {
        inf.bytes_left = bytes;
        inf.work_left = *work;
        status = infer_all(&inf, a->guesses);
        *work = inf.work_left;
        if (status == RNNP_OK) judge(&inf, a);
    }
    rnnp_arena_free(model->context, &scratch);
    return status;
}

/* Marks the nodes that `from` depends on; upstream [n_nodes], values [n_values]. */
static void mark_upstream(const rnnp_model *model, size_t from, uint8_t *upstream, uint8_t *values)
{
    memset(upstream, 0, model->n_nodes);
    memset(values, 0, model->n_values);
    upstream[from] = 1;
    for (size_t n = from + 1; n-- > 0;) {
        const rnnp_node *node = &model->nodes[n];

        for (size_t i = 0; i < node->n_outputs; i++)
            upstream[n] |= node->outputs[i] != RNNP_NONE && values[node->outputs[i]];
        for (size_t i = 0; upstream[n] && i < node->n_inputs; i++) {
            if (node->inputs[i] != RNNP_NONE) values[node->inputs[i]] = 1;
        }
    }
}

/* Turns a guess that helps; *a stays without a node where none does. */
static rnnp_status improve(rnnp_model *model, size_t bytes, uint64_t *work, struct rnnp_block **arena, int *tries,
                           attempt *a)
{
    uint8_t *upstream = rnnp_arena_alloc(model->context, arena, model->n_nodes);
    uint8_t *values = rnnp_arena_alloc(model->context, arena, model->n_values);

    if (!upstream || !values) return RNNP_ERR_MEMORY;
    mark_upstream(model, (size_t)a->from, upstream, values);
    for (size_t n = (size_t)a->from + 1; n-- > 0 && *tries > 0;) {
        attempt other;

        if (!upstream[n] || !a->guesses[n]) continue;
        rnnp_status status = rnnp_if_turn(model, &model->nodes[n]);
        if (status == RNNP_OK) status = try_guesses(model, bytes, work, arena, &other);
        if (status != RNNP_OK) return status;
        --*tries;
        if (other.reached > a->reached) {
            *a = other;
            return RNNP_OK;
        }
        if ((status = rnnp_if_turn(model, &model->nodes[n])) != RNNP_OK) return status; /* back */
    }
    a->from = -1;
    return RNNP_OK;
}

rnnp_status rnnp_model_guess(rnnp_model *model, size_t bytes, uint64_t *work)
{
    struct rnnp_block *arena = NULL;
    int tries = TRIES;
    attempt a;

    rnnp_status status = try_guesses(model, bytes, work, &arena, &a);
    while (status == RNNP_OK && a.from >= 0 && tries > 0) status = improve(model, bytes, work, &arena, &tries, &a);
    rnnp_arena_free(model->context, &arena);
    return status;
}
