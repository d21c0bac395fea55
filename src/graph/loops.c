/* SPDX-License-Identifier: Apache-2.0
 *
 * Loops of a model that is being closed. The body of a loop is the nodes that depend on its LoopBegin; they and the two
 * nodes around them come to stand in one piece, and what was between them without depending on the loop, before it.
 * Loops lie in each other or apart.
 */
#include "engine.h"
#include "ops/loop.h"

#include <string.h>

enum { NONE = -1 };

/* Loops are numbered as their LoopBegins come. */
typedef struct loop {
    size_t begin, end;   /* nodes */
    int32_t around;      /* the loop that this one lies in, or NONE */
    size_t height;       /* of the loops that lie in each other in it, itself included */
    int32_t first, last; /* its nodes so far, in a list */
} loop;

typedef struct search {
    rnnp_model *model;
    loop *loops;
    size_t n_loops;
    int32_t *of_begin; /* [n_nodes]: the loop that a LoopBegin begins */
    int32_t *owner;    /* [n_values]: the innermost loop that a value is of, or NONE */
    int32_t *next;     /* [n_nodes], of the lists */
    size_t *place;     /* [n_nodes]: where a node comes to stand */
} search;

#define NODE_FAIL(s, n, ...) rnnp_node_fail((s)->model->context, &(s)->model->nodes[n], RNNP_ERR_ARG, __VA_ARGS__)

/* Loops around this one, which has come to lie in them, are as high as it says: found at node n. */
static rnnp_status raise_heights(const search *s, size_t n, int32_t inner)
{
    size_t height = s->loops[inner].height;

    for (int32_t a = s->loops[inner].around; a != NONE; a = s->loops[a].around) {
        if (++height > s->loops[a].height) s->loops[a].height = height;
    }
    if (height <= RNNP_LOOP_DEPTH) return RNNP_OK;
    return NODE_FAIL(s, n, "more than %d loops lie in each other", RNNP_LOOP_DEPTH);
}

/* Node n depends on loops a and b, so these and the loops around them lie in each other: what begins later lies in what
 * begins before it. *a becomes the innermost. */
static rnnp_status nest(const search *s, size_t n, int32_t *a, int32_t b)
{
    const int32_t inner = *a > b ? *a : b;
    int32_t other = *a > b ? b : *a;

    *a = inner;
    for (int32_t at = inner; other != NONE && at != other; at = s->loops[at].around) {
        const int32_t around = s->loops[at].around;

        if (around >= other) continue;
        s->loops[at].around = other;
        other = around;
    }
    return inner == NONE ? RNNP_OK : raise_heights(s, n, inner);
}

static rnnp_status begin_loop(search *s, size_t n, int32_t around)
{
    const int32_t new = (int32_t)s->n_loops++;

    s->of_begin[n] = new;
    s->loops[new] = (loop){.begin = n, .around = around, .height = 1, .first = NONE, .last = NONE};
    return raise_heights(s, n, new);
}

/* Whether LoopEnd has what its LoopBegin has. */
static int fits(const rnnp_node *begin, const rnnp_node *end)
{
    const size_t carried = rnnp_loop_params_of(begin)->carried;

    if (begin->inputs[RNNP_LOOP_COUNT] != end->inputs[RNNP_END_COUNT] ||
        begin->inputs[RNNP_LOOP_CONDITION] != end->inputs[RNNP_END_CONDITION] ||
        rnnp_loop_params_of(end)->carried != carried)
        return 0;
    for (size_t i = 0; i < carried; i++) {
        if (begin->outputs[RNNP_LOOP_VALUE + i] != end->inputs[rnnp_loop_value(end, i)]) return 0;
    }
    return 1;
}

static rnnp_status end_loop(search *s, size_t n, int32_t inner)
{
    const rnnp_model *model = s->model;
    const rnnp_node *node = &model->nodes[n];
    const int32_t producer = model->values[node->inputs[RNNP_END_GO]].producer;

    if (producer < 0 || model->nodes[producer].op->loop != RNNP_LOOP_BEGIN ||
        model->nodes[producer].outputs[RNNP_LOOP_GO] != node->inputs[RNNP_END_GO])
        return NODE_FAIL(s, n, "input 0 does not come from a LoopBegin");
    const int32_t of = s->of_begin[producer];
    if (!fits(&model->nodes[producer], node))
        return NODE_FAIL(s, n, "its number of iterations, condition and values are not those of %s",
                         model->nodes[producer].name);
    if (inner != of) return NODE_FAIL(s, n, "it depends on a loop in the loop that has not ended");
    s->loops[of].end = n;
    return RNNP_OK;
}

/* Whose nodes and values are whose; next has the loops of nodes, until the lists are made. */
static rnnp_status find_owners(search *s)
{
    const rnnp_model *model = s->model;
    rnnp_status status = RNNP_OK;

    for (size_t v = 0; v < model->n_values; v++) s->owner[v] = NONE;
    for (size_t n = 0; n < model->n_nodes && status == RNNP_OK; n++) {
        const rnnp_node *node = &model->nodes[n];
        int32_t of = NONE;

        for (size_t i = 0; i < node->n_inputs && status == RNNP_OK; i++) {
            if (node->inputs[i] != RNNP_NONE) status = nest(s, n, &of, s->owner[node->inputs[i]]);
        }
        if (status != RNNP_OK) return status;
        if (of != NONE && s->loops[of].end)
            return NODE_FAIL(s, n, "it reads a value of loop %s outside of it", model->nodes[s->loops[of].begin].name);
        s->next[n] = of;
        if (node->op->loop == RNNP_LOOP_BEGIN) {
            status = begin_loop(s, n, of);
            of = s->next[n] = s->of_begin[n];
        }
        if (node->op->loop == RNNP_LOOP_END && (status = end_loop(s, n, of)) == RNNP_OK) of = s->loops[of].around;
        for (size_t i = 0; i < node->n_outputs; i++) {
            if (node->outputs[i] != RNNP_NONE) s->owner[node->outputs[i]] = of;
        }
    }
    return status;
}

static rnnp_status check(const search *s)
{
    const rnnp_model *model = s->model;

    for (size_t l = 0; l < s->n_loops; l++) {
        if (!s->loops[l].end) return NODE_FAIL(s, s->loops[l].begin, "it has no LoopEnd");
        if (s->loops[l].around != NONE && s->loops[s->loops[l].around].end < s->loops[l].end)
            return NODE_FAIL(s, s->loops[l].begin, "it ends behind the loop that it lies in");
    }
    for (size_t k = 0; k < model->n_outputs; k++) {
        const int32_t of = s->owner[model->outputs[k].value];

        if (of != NONE)
            return NODE_FAIL(s, s->loops[of].begin, "output %s is a value of its body", model->outputs[k].name);
    }
    return RNNP_OK;
}

static void append(search *s, loop *to, int32_t first, int32_t last)
{
    if (to->last == NONE)
        to->first = first;
    else
        s->next[to->last] = first;
    to->last = last;
}

/* Nodes of a loop wait until it ends. */
static void find_places(search *s)
{
    loop outside = {.first = NONE, .last = NONE};
    size_t at = 0;

    for (size_t n = 0; n < s->model->n_nodes; n++) {
        const int32_t of = s->next[n];
        loop *around = of == NONE ? &outside : &s->loops[of];

        s->next[n] = NONE;
        append(s, around, (int32_t)n, (int32_t)n);
        if (of == NONE || around->end != n) continue;
        append(s, around->around == NONE ? &outside : &s->loops[around->around], around->first, around->last);
    }
    for (int32_t n = outside.first; n != NONE; n = s->next[n]) s->place[n] = at++;
}

static rnnp_status move_nodes(search *s, struct rnnp_block **arena)
{
    rnnp_model *model = s->model;
    rnnp_node *copy = rnnp_arena_alloc(model->context, arena, model->n_nodes * sizeof *copy);

    if (!copy) return RNNP_ERR_MEMORY;
    memcpy(copy, model->nodes, model->n_nodes * sizeof *copy);
    for (size_t n = 0; n < model->n_nodes; n++) model->nodes[s->place[n]] = copy[n];
    for (size_t v = 0; v < model->n_values; v++) {
        int32_t *producer = &model->values[v].producer;

        if (*producer >= 0 && (size_t)*producer < model->n_nodes) *producer = (int32_t)s->place[*producer];
    }
    return RNNP_OK;
}

static rnnp_status order(rnnp_model *model, size_t n_loops, struct rnnp_block **arena)
{
    const rnnp_context *context = model->context;
    search s = {.model = model,
                .loops = rnnp_arena_calloc(context, arena, n_loops, sizeof *s.loops),
                .of_begin = rnnp_arena_calloc(context, arena, model->n_nodes, sizeof *s.of_begin),
                .owner = rnnp_arena_calloc(context, arena, model->n_values, sizeof *s.owner),
                .next = rnnp_arena_calloc(context, arena, model->n_nodes, sizeof *s.next),
                .place = rnnp_arena_calloc(context, arena, model->n_nodes, sizeof *s.place)};
    rnnp_status status;

    if (!s.loops || !s.of_begin || !s.owner || !s.next || !s.place) return RNNP_ERR_MEMORY;
    if ((status = find_owners(&s)) != RNNP_OK || (status = check(&s)) != RNNP_OK) return status;
    find_places(&s);
    return move_nodes(&s, arena);
}

/* ---- Values that stay ---- */

static void read_initial(const int32_t *initial, int32_t *v)
{
    if (*v != RNNP_NONE && initial[*v] != RNNP_NONE) *v = initial[*v];
}

static void remove_at(int32_t *list, size_t *n, size_t at)
{
    memmove(list + at, list + at + 1, (*n - at - 1) * sizeof *list);
    --*n;
}

static rnnp_status count_less(rnnp_model *model, rnnp_node *node)
{
    rnnp_loop_params *params = node->params;
    rnnp_attr *attrs = rnnp_attrs_copy(model, node->attrs, node->n_attrs);

    if (!attrs) return RNNP_ERR_MEMORY;
    params->carried--;
    for (size_t i = 0; i < node->n_attrs; i++) attrs[i].i = attrs[i].kind == RNNP_ATTR_INT ? attrs[i].i - 1 : 0;
    node->attrs = attrs;
    return RNNP_OK;
}

/* The loop carries one value less. */
static rnnp_status drop_value(rnnp_model *model, rnnp_node *begin, rnnp_node *end, size_t k)
{
    remove_at(end->inputs, &end->n_inputs, rnnp_loop_value(end, k));
    remove_at(end->inputs, &end->n_inputs, RNNP_END_RESULT + k);
    remove_at(end->outputs, &end->n_outputs, k);
    remove_at(begin->inputs, &begin->n_inputs, RNNP_LOOP_INITIAL + k);
    remove_at(begin->outputs, &begin->n_outputs, RNNP_LOOP_VALUE + k);
    const rnnp_status status = count_less(model, begin);
    return status == RNNP_OK ? count_less(model, end) : status;
}

/* A carried value that an iteration hands on as it is, is what it was at first. */
static rnnp_status find_what_stays(rnnp_model *model, int32_t *initial)
{
    rnnp_status status = RNNP_OK;

    for (size_t n = 0; n < model->n_nodes && status == RNNP_OK; n++) {
        rnnp_node *node = &model->nodes[n];
        const int is_end = node->op->loop == RNNP_LOOP_END;
        const int32_t producer = is_end ? model->values[node->inputs[RNNP_END_GO]].producer : -1;
        rnnp_node *begin = producer < 0 ? NULL : &model->nodes[producer];

        if (!begin || begin->op->loop != RNNP_LOOP_BEGIN || !fits(begin, node)) continue;
        for (size_t k = rnnp_loop_params_of(node)->carried; k-- > 0 && status == RNNP_OK;) {
            const int32_t value = begin->outputs[RNNP_LOOP_VALUE + k], final = node->outputs[k];

            if (node->inputs[RNNP_END_RESULT + k] != value) continue;
            initial[value] = begin->inputs[RNNP_LOOP_INITIAL + k];
            if (final != RNNP_NONE) initial[final] = initial[value];
            status = drop_value(model, begin, node, k);
        }
    }
    return status;
}

/* The body and those behind the loop read what it was, and the loop does not carry it. */
static rnnp_status read_what_stays(rnnp_model *model, struct rnnp_block **arena)
{
    int32_t *initial = rnnp_arena_alloc(model->context, arena, model->n_values * sizeof *initial);

    if (!initial) return RNNP_ERR_MEMORY;
    for (size_t v = 0; v < model->n_values; v++) initial[v] = RNNP_NONE;
    const rnnp_status status = find_what_stays(model, initial);
    if (status != RNNP_OK) return status;
    for (size_t v = 0; v < model->n_values; v++) { /* chains lead to earlier values */
        if (initial[v] != RNNP_NONE && initial[initial[v]] != RNNP_NONE) initial[v] = initial[initial[v]];
    }
    for (size_t n = 0; n < model->n_nodes; n++) {
        const rnnp_node *node = &model->nodes[n];

        for (size_t i = 0; i < node->n_inputs; i++) read_initial(initial, &node->inputs[i]);
    }
    for (size_t k = 0; k < model->n_outputs; k++) read_initial(initial, &model->outputs[k].value);
    return RNNP_OK;
}

rnnp_status rnnp_model_order_loops(rnnp_model *model)
{
    struct rnnp_block *arena = NULL;
    rnnp_status status = RNNP_OK;
    size_t n_loops = 0, n_ends = 0;

    for (size_t n = 0; n < model->n_nodes; n++) {
        n_loops += model->nodes[n].op->loop == RNNP_LOOP_BEGIN;
        n_ends += model->nodes[n].op->loop == RNNP_LOOP_END;
    }
    if (n_loops + n_ends) status = read_what_stays(model, &arena);
    if (n_loops + n_ends && status == RNNP_OK) status = order(model, n_loops, &arena);
    rnnp_arena_free(model->context, &arena);
    return status;
}

void rnnp_loop_forget(rnnp_node *end)
{
    const size_t carried = rnnp_loop_params_of(end)->carried;

    for (size_t i = 0; carried + i < end->n_outputs; i++) {
        if (end->outputs[carried + i] == RNNP_NONE) end->inputs[rnnp_loop_row(end, i)] = RNNP_NONE;
    }
}
