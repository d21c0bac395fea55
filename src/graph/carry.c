/* SPDX-License-Identifier: Apache-2.0
 *
 * State that a model has as inputs and outputs: which output becomes which input in a stream's next step.
 */
#include "engine.h"

#include <stdio.h>
#include <string.h>

/* ---- Pairs as the caller gives them ---- */

static size_t find_input(const rnnp_model *model, const char *name)
{
    size_t i = 0;

    while (i < model->n_inputs && strcmp(model->values[model->inputs[i]].name, name) != 0) i++;
    return i;
}

static size_t find_output(const rnnp_model *model, const char *name)
{
    size_t k = 0;

    while (k < model->n_outputs && strcmp(model->outputs[k].name, name) != 0) k++;
    return k;
}

static rnnp_status read_pair(const rnnp_model *model, const rnnp_carried *given, rnnp_carry *pair)
{
    if (!given->input || !given->output)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "a carried value has no name of an input and an output");
    *pair = (rnnp_carry){find_input(model, given->input), find_output(model, given->output)};
    if (pair->input == model->n_inputs)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "the model has no input \"%s\" to carry", given->input);
    if (pair->output == model->n_outputs)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "the model has no output \"%s\" to carry", given->output);
    return RNNP_OK;
}

static size_t width(const rnnp_model *model, const rnnp_carry *pair)
{
    return rnnp_dtype_bytes(model->values[model->inputs[pair->input]].meta.dtype);
}

/* The state has wide elements first, so that all are aligned, then the order of the inputs. */
static int comes_before(const rnnp_model *model, const rnnp_carry *a, const rnnp_carry *b)
{
    const size_t wide_a = width(model, a), wide_b = width(model, b);

    return wide_a != wide_b ? wide_a > wide_b : a->input < b->input;
}

rnnp_status rnnp_carries_read(rnnp_carries *c, const rnnp_model *model, const rnnp_carried *given, size_t n,
                              struct rnnp_block **arena)
{
    const rnnp_context *context = model->context;
    rnnp_status status;
    rnnp_carry pair;

    *c = (rnnp_carries){.n = 0};
    if (n && !given) return rnnp_fail(context, RNNP_ERR_ARG, "stream options: carried is NULL");
    if (n > model->n_inputs)
        return rnnp_fail(context, RNNP_ERR_ARG, "stream options: %zu carried values, and the model has %zu inputs", n,
                         model->n_inputs);
    c->pair = rnnp_arena_calloc(context, arena, n, sizeof *c->pair);
    c->input = rnnp_arena_calloc(context, arena, model->n_inputs, 1);
    c->output = rnnp_arena_calloc(context, arena, model->n_outputs, 1);
    c->stateless = rnnp_arena_calloc(context, arena, model->n_nodes, 1);
    if (!c->pair || !c->input || !c->output || !c->stateless) return RNNP_ERR_MEMORY;
    for (; c->n < n; c->n++) {
        size_t at = c->n;

        if ((status = read_pair(model, &given[c->n], &pair)) != RNNP_OK) return status;
        if (c->input[pair.input] || c->output[pair.output])
            return rnnp_fail(context, RNNP_ERR_ARG, "\"%s\" is carried twice",
                             c->input[pair.input] ? given[c->n].input : given[c->n].output);
        c->input[pair.input] = c->output[pair.output] = 1;
        for (; at > 0 && comes_before(model, &pair, &c->pair[at - 1]); at--) c->pair[at] = c->pair[at - 1];
        c->pair[at] = pair;
    }
    return RNNP_OK;
}

/* A node whose initial state is made of a carried value would otherwise have it twice. */
rnnp_status rnnp_carries_restart(const rnnp_carries *c, const rnnp_model *model, int all, struct rnnp_block **arena)
{
    uint8_t *made = rnnp_arena_calloc(model->context, arena, model->n_values, 1); /* of carried values */

    if (!made) return RNNP_ERR_MEMORY;
    for (size_t i = 0; i < c->n; i++) made[model->inputs[c->pair[i].input]] = 1;
    for (size_t n = 0; n < model->n_nodes; n++) {
        const rnnp_node *node = &model->nodes[n];
        int any = 0;

        for (size_t i = 0; i < node->n_inputs; i++) {
            if (node->inputs[i] == RNNP_NONE || !made[node->inputs[i]]) continue;
            any = 1;
            c->stateless[n] |= node->op->state_arrays && i >= node->op->state_input;
        }
        c->stateless[n] |= all && node->op->state_arrays;
        for (size_t i = 0; any && i < node->n_outputs; i++) {
            if (node->outputs[i] != RNNP_NONE) made[node->outputs[i]] = 1;
        }
    }
    return RNNP_OK;
}

rnnp_status rnnp_carries_check(const rnnp_carries *c, const rnnp_layout *layout)
{
    const rnnp_model *model = layout->plan->model;

    for (size_t i = 0; i < c->n; i++) {
        const rnnp_value_info *input = &model->values[model->inputs[c->pair[i].input]];
        const rnnp_output_info *output = &model->outputs[c->pair[i].output];
        const rnnp_meta *to = &layout->inf.meta[model->inputs[c->pair[i].input]];
        const rnnp_meta *from = &layout->inf.meta[output->value];

        if (from->dtype != to->dtype)
            return rnnp_fail(model->context, RNNP_ERR_TYPE, "output %s is %s and cannot become input %s, which is %s",
                             output->name, rnnp_dtype_name(from->dtype), input->name, rnnp_dtype_name(to->dtype));
        if (!rnnp_same_dims(from, to))
            return rnnp_fail(model->context, RNNP_ERR_SHAPE,
                             "output %s cannot become input %s: their shapes differ in a stream of these sizes",
                             output->name, input->name);
    }
    return RNNP_OK;
}

/* ---- Pairs as names and the graph tell ---- */

static int same_shape(const rnnp_meta *a, const rnnp_meta *b) { return a->dtype == b->dtype && rnnp_same_dims(a, b); }

/* As far as sizes are known. */
static int may_be_same(const rnnp_meta *a, const rnnp_meta *b) { return a->dtype == b->dtype && rnnp_dims_agree(a, b); }

/* Whether one name is the other with its end, or a word for what comes in, replaced by one for what goes out. */
static int names_match(const char *input, const char *output)
{
    static const char *const words[][2] = {{"", "_out"},     {"", "N"},   {"", "n"},       {"", "_n"},    {"", "_new"},
                                           {"", "_next"},    {"", "Out"}, {"_in", "_out"}, {"in", "out"}, {"In", "Out"},
                                           {"prev", "next"}, {"0", "n"},  {"0", "1"},      {"0", "_n"},   {"_0", "_n"}};
    char replaced[256];

    for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
        const size_t n = strlen(words[w][0]);

        for (const char *at = n ? strstr(input, words[w][0]) : input + strlen(input); at;
             at = n ? strstr(at + 1, words[w][0]) : NULL) {
            snprintf(replaced, sizeof replaced, "%.*s%s%s", (int)(at - input), input, words[w][1], at + n);
            if (strcmp(replaced, output) == 0) return 1;
        }
    }
    return 0;
}

/* Marks the values that reach the initial state of a recurrent node by way of moves alone. */
static void mark_states(const rnnp_model *model, uint8_t *state)
{
    for (size_t n = model->n_nodes; n-- > 0;) {
        const rnnp_node *node = &model->nodes[n];
        int needed = 0;

        for (size_t i = 0; i < node->n_outputs; i++) needed |= node->outputs[i] != RNNP_NONE && state[node->outputs[i]];
        for (size_t i = 0; i < node->n_inputs; i++) {
            const int initial = node->op->state_arrays && node->op->state_input && i >= node->op->state_input;
            const int moves = needed && node->op->moves != RNNP_MOVES_NOTHING && i == 0;

            if (node->inputs[i] != RNNP_NONE && (initial || moves)) state[node->inputs[i]] = 1;
        }
    }
}

/* The output whose name fits; else, of an input that is an initial state, the only one of its shape. */
static size_t partner(const rnnp_model *model, size_t input, const uint8_t *state, const uint8_t *taken)
{
    const rnnp_value_info *in = &model->values[model->inputs[input]];
    size_t found = model->n_outputs, fits = 0;

    for (size_t k = 0; k < model->n_outputs; k++) {
        const rnnp_meta *out = &model->values[model->outputs[k].value].meta;

        if (taken[k] || !may_be_same(&in->meta, out)) continue;
        if (names_match(in->name, model->outputs[k].name)) return k;
        if (!same_shape(&in->meta, out)) continue;
        fits++;
        found = k;
    }
    return fits == 1 && state[model->inputs[input]] ? found : model->n_outputs;
}

rnnp_status rnnp_model_find_carried(const rnnp_model *model, rnnp_carried *pairs, size_t room, size_t *n)
{
    struct rnnp_block *arena = NULL;
    rnnp_status status;

    if (!model) return RNNP_ERR_ARG;
    if ((status = rnnp_model_need_closed(model)) != RNNP_OK) return status;
    if (!n || (room && !pairs)) return rnnp_fail(model->context, RNNP_ERR_ARG, "%s is NULL", n ? "pairs" : "n");
    uint8_t *state = rnnp_arena_calloc(model->context, &arena, model->n_values, 1);
    uint8_t *taken = rnnp_arena_calloc(model->context, &arena, model->n_outputs, 1);
    *n = 0;
    for (size_t i = 0; state && taken && i < model->n_inputs; i++) {
        if (i == 0) mark_states(model, state);
        const size_t k = partner(model, i, state, taken);

        if (k == model->n_outputs) continue;
        taken[k] = 1;
        if (*n < room) pairs[*n] = (rnnp_carried){model->values[model->inputs[i]].name, model->outputs[k].name};
        ++*n;
    }
    status = state && taken ? RNNP_OK : RNNP_ERR_MEMORY;
    rnnp_arena_free(model->context, &arena);
    return status;
}
