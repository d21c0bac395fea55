/* SPDX-License-Identifier: Apache-2.0
 *
 * The order in which a layout's nodes are executed. It is the model's, but for stacks: nodes that may run at once, each
 * some steps behind the one whose output it takes, are put behind each other. What lies between them in the model goes
 * before the stack if it needs none of it, and behind it otherwise.
 */
#include "engine.h"

#include <string.h>

/* Of a node from the stack's lowest on. */
enum { BEFORE, MEMBER, BEHIND };

typedef struct search {
    rnnp_layout *layout;
    uint8_t *role;    /* [n_calls], of the nodes at these positions */
    uint8_t *follows; /* [n_values], of roots: depends on the stack, or on a node behind it */
    size_t *sorted;   /* [n_calls] */
} search;

static const rnnp_node *node_at(const rnnp_layout *layout, size_t position)
{
    return &layout->plan->model->nodes[layout->order[position]];
}

static void mark_outputs(search *s, const rnnp_node *node)
{
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] != RNNP_NONE) s->follows[s->layout->root[node->outputs[i]]] = 1;
    }
}

/* Whether an input from `first` on does, or what decides if the node is called. */
static int follows(const search *s, const rnnp_node *node, size_t first)
{
    const rnnp_layout *layout = s->layout;
    int32_t b = layout->branch ? layout->branch[node - layout->plan->model->nodes] : -1;

    for (; b >= 0; b = layout->branches[b].around) {
        const rnnp_node *decides = &layout->plan->model->nodes[layout->branches[b].node];

        if (s->follows[layout->root[decides->inputs[0]]]) return 1;
    }
    for (size_t i = first; i < node->n_inputs; i++) {
        if (node->inputs[i] != RNNP_NONE && s->follows[s->layout->root[node->inputs[i]]]) return 1;
    }
    return 0;
}

/* Whether the node can be the next of the stack above `top`. */
static int extends(const search *s, const rnnp_node *top, const rnnp_node *node)
{
    const rnnp_layout *layout = s->layout;

    return node->op->stacks && top->outputs[0] != RNNP_NONE && node->inputs[0] != RNNP_NONE &&
           layout->root[node->inputs[0]] == top->outputs[0] && !follows(s, node, 1) &&
           node->op->stacks(top, &layout->inf.meta[top->outputs[0]], node, &layout->inf.meta[node->inputs[0]]);
}

/* Gives roles to the nodes from `first` on, the lowest of the stack; returns the position of its last. */
static size_t find_members(search *s, size_t first)
{
    const rnnp_layout *layout = s->layout;
    const rnnp_node *top = node_at(layout, first);
    size_t last = first;

    memset(s->follows, 0, layout->plan->model->n_values);
    mark_outputs(s, top);
    s->role[first] = MEMBER;
    for (size_t p = first + 1; p < layout->n_calls; p++) {
        const rnnp_node *node = node_at(layout, p);

        if (layout->loop[p] != layout->loop[first]) break; /* a loop stays in one piece */
        if (extends(s, top, node)) {
            s->role[p] = MEMBER;
            top = node;
            last = p;
        } else { /* one that could be the lowest of a stack stays behind, where it is looked at again */
            s->role[p] = node->op->stacks || follows(s, node, 0) ? BEHIND : BEFORE;
        }
        if (s->role[p] != BEFORE) mark_outputs(s, node);
    }
    return last;
}

/* Puts the positions from first to last in the order of their roles; returns how many have this one. */
static size_t take_role(search *s, size_t first, size_t last, uint8_t role, size_t *n)
{
    const size_t before = *n;

    for (size_t p = first; p <= last; p++) {
        if (s->role[p] == role) s->sorted[(*n)++] = s->layout->order[p];
    }
    return *n - before;
}

/* The stack whose lowest is at this position; returns the first position behind it. */
static size_t form_stack(search *s, size_t first)
{
    rnnp_layout *layout = s->layout;
    const size_t last = find_members(s, first);
    size_t n = 0;

    const size_t begin = first + take_role(s, first, last, BEFORE, &n);
    const size_t members = take_role(s, first, last, MEMBER, &n);
    take_role(s, first, last, BEHIND, &n);
    memcpy(layout->order + first, s->sorted, n * sizeof *s->sorted);
    memset(layout->stack + begin, 0, members * sizeof *layout->stack);
    for (size_t at = 0, left = (members + RNNP_STACK_NODES - 1) / RNNP_STACK_NODES; left > 0; left--) {
        const size_t share = (members - at + left - 1) / left; /* stacks that are too large are divided evenly */

        layout->stack[begin + at] = share;
        at += share;
    }
    return begin + members;
}

static void find_loops(rnnp_layout *layout)
{
    for (size_t p = 0, around = SIZE_MAX; p < layout->n_calls; p++) {
        const rnnp_loop_role role = node_at(layout, p)->op->loop;

        layout->loop[p] = around;
        if (role == RNNP_LOOP_BEGIN) around = p;
        if (role != RNNP_LOOP_END) continue;
        layout->end[around] = p;
        around = layout->loop[around];
    }
}

rnnp_status rnnp_layout_order(rnnp_layout *layout)
{
    const rnnp_model *model = layout->plan->model;
    const rnnp_context *context = layout->plan->context;
    struct rnnp_block **arena = &layout->arena;

    for (size_t n = 0; n < model->n_nodes; n++) layout->n_calls += layout->called[n];
    layout->order = rnnp_arena_calloc(context, arena, layout->n_calls, sizeof *layout->order);
    layout->stack = rnnp_arena_calloc(context, arena, layout->n_calls, sizeof *layout->stack);
    layout->loop = rnnp_arena_calloc(context, arena, layout->n_calls, sizeof *layout->loop);
    layout->end = rnnp_arena_calloc(context, arena, layout->n_calls, sizeof *layout->end);
    search s = {
        .layout = layout,
        .role = rnnp_arena_calloc(context, arena, layout->n_calls, sizeof *s.role),
        .follows = rnnp_arena_calloc(context, arena, model->n_values, sizeof *s.follows),
        .sorted = rnnp_arena_calloc(context, arena, layout->n_calls, sizeof *s.sorted),
    };
    if (!layout->order || !layout->stack || !layout->loop || !layout->end || !s.role || !s.follows || !s.sorted)
        return RNNP_ERR_MEMORY;
    for (size_t n = 0, p = 0; n < model->n_nodes; n++) {
        if (!layout->called[n]) continue;
        layout->order[p] = n;
        layout->stack[p++] = 1;
    }
    find_loops(layout);
    for (size_t p = 0; layout->threads > 1 && p < layout->n_calls;)
        p = node_at(layout, p)->op->stacks ? form_stack(&s, p) : p + 1;
    return RNNP_OK;
}
