/* SPDX-License-Identifier: Apache-2.0
 *
 * The sides of every If that only input data decides: which calls one side alone needs. An execution leaves them out
 * when it takes the other. A branch may lie in another, and its calls are then also left out with that one.
 */
#include "engine.h"

/* Branches that lie in more than so many others count as the innermost of these, so that no graph makes the search slow
 * or an execution check more. */
enum { DEEPEST = 16 };

enum { NOBODY = -2, ALWAYS = -1 }; /* who needs a value, besides branches */

typedef struct search {
    rnnp_layout *layout;
    int32_t *needs; /* [n_values], of roots */
} search;

/* The innermost branch that both are in. */
static int32_t meet(const rnnp_layout *layout, int32_t a, int32_t b)
{
    if (a == NOBODY || b == NOBODY) return a == NOBODY ? b : a;
    while (a != b && a != ALWAYS && b != ALWAYS) {
        if (layout->branches[a].depth >= layout->branches[b].depth)
            a = layout->branches[a].around;
        else
            b = layout->branches[b].around;
    }
    return a == b ? a : ALWAYS;
}

static void need(search *s, int32_t value, int32_t branch)
{
    if (value == RNNP_NONE) return;
    int32_t *needs = &s->needs[s->layout->root[value]];
    *needs = meet(s->layout, *needs, branch);
}

/* One side of the node, in a branch or ALWAYS. */
static int32_t open_side(rnnp_layout *layout, size_t n, int taken, int32_t around)
{
    const uint8_t depth = (uint8_t)(around < 0 ? 0 : layout->branches[around].depth + 1);

    if (depth == DEEPEST) return around;
    layout->branches[layout->n_branches] = (rnnp_branch){n, around, (uint8_t)taken, depth};
    return (int32_t)layout->n_branches++;
}

static void follow(search *s, size_t n)
{
    rnnp_layout *layout = s->layout;
    const rnnp_node *node = &layout->plan->model->nodes[n];
    const int keeps =
        rnnp_layout_keeps(layout, node) || (node->op->pace && rnnp_layout_time(layout, node)); /* sees every step */
    int32_t branch = NOBODY;

    for (size_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] != RNNP_NONE) branch = meet(layout, branch, s->needs[layout->root[node->outputs[i]]]);
    }
    branch = branch == NOBODY || keeps ? ALWAYS : branch;
    layout->branch[n] = branch;
    if (!node->op->source) {
        for (size_t i = 0; i < node->n_inputs; i++) need(s, node->inputs[i], branch);
        return;
    }
    need(s, node->inputs[0], branch);
    for (int taken = 1; taken >= 0; taken--) {
        const int32_t side = open_side(layout, n, taken, branch);

        for (size_t i = 0; i < node->n_outputs; i++) need(s, node->inputs[1 + (taken ? 0 : node->n_outputs) + i], side);
    }
}

rnnp_status rnnp_layout_branches(rnnp_layout *layout)
{
    const rnnp_model *model = layout->plan->model;
    const rnnp_context *context = layout->plan->context;
    size_t n_choices = 0;

    for (size_t n = 0; n < model->n_nodes; n++) n_choices += layout->called[n] && model->nodes[n].op->source;
    if (n_choices == 0) return RNNP_OK;
    search s = {layout, rnnp_arena_alloc(context, &layout->arena, model->n_values * sizeof *s.needs)};
    layout->branches = rnnp_arena_calloc(context, &layout->arena, 2 * n_choices, sizeof *layout->branches);
    layout->branch = rnnp_arena_calloc(context, &layout->arena, model->n_nodes, sizeof *layout->branch);
    if (!s.needs || !layout->branches || !layout->branch) return RNNP_ERR_MEMORY;
    for (size_t v = 0; v < model->n_values; v++) s.needs[v] = NOBODY;
    for (size_t k = 0; k < model->n_outputs; k++) need(&s, model->outputs[k].value, ALWAYS);
    for (size_t n = model->n_nodes; n-- > 0;) {
        if (layout->called[n]) follow(&s, n);
    }
    return RNNP_OK;
}

/* Whether the call at this position comes after the condition is computed. */
static int is_decided(const rnnp_layout *layout, const rnnp_branch *branch, size_t position)
{
    const rnnp_model *model = layout->plan->model;
    const int32_t root = layout->root[model->nodes[branch->node].inputs[0]];

    return layout->storage[root] != RNNP_STORE_COMPUTED || layout->position[model->values[root].producer] < position;
}

rnnp_status rnnp_layout_decide(rnnp_layout *layout)
{
    if (layout->n_branches == 0) return RNNP_OK;
    layout->position = rnnp_arena_calloc(layout->plan->context, &layout->arena, layout->plan->model->n_nodes,
                                         sizeof *layout->position);
    if (!layout->position) return RNNP_ERR_MEMORY;
    for (size_t p = 0; p < layout->n_calls; p++) layout->position[layout->order[p]] = p;
    for (size_t p = 0; p < layout->n_calls; p++) {
        int32_t *branch = &layout->branch[layout->order[p]];

        for (int32_t b = *branch; b >= 0; b = layout->branches[b].around) {
            if (!is_decided(layout, &layout->branches[b], p)) *branch = layout->branches[b].around;
        }
    }
    return RNNP_OK;
}
