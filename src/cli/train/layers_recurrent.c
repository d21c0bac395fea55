/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers with memory.
 */
#define _POSIX_C_SOURCE 200809L

#include "layers.h"

#include <stdlib.h>
#include <string.h>

static int has_reset(rnnp_cell cell)
{
    return 0
#define RNNP_PART(of, reset, ...) || (cell == RNNP_CELL_##of && strcmp(#reset, "ANY") != 0)
#include "../../../kernels/cells.def"
        ;
}

/* Takes a word after the number of units. Returns whether it is known. */
static int recurrent_word(const char *word, const layer_kind *kind, rnnp_recurrent_options *o)
{
    static const char *const functions[][2] = {{"relu", "Relu"}, {"sigmoid", "Sigmoid"}, {"tanh", "Tanh"}};
    for (size_t k = 0; k < COUNT(functions) && strcmp(kind->second, "NONE") == 0; k++) {
        if (strcmp(word, functions[k][0]) != 0) continue;
        o->activations[0] = o->activations[1] = functions[k][1];
        return 1;
    }
    if (strcmp(word, "bidirectional") == 0)
        o->direction = RNNP_DIRECTION_BIDIRECTIONAL;
    else if (strcmp(word, "reverse") == 0)
        o->direction = RNNP_DIRECTION_REVERSE;
    else if (strcmp(word, "sequences") == 0 || strcmp(word, "last") == 0)
        o->last_step = word[0] == 'l';
    else if (strcmp(word, "reset_before") == 0 && has_reset(o->cell))
        o->reset = RNNP_GRU_RESET_BEFORE;
    else if (strncmp(word, "clip=", 5) == 0)
        return (o->clip = strtof(word + 5, NULL)) > 0;
    else
        return strcmp(word, "peepholes") == 0 && kind->peepholes;
    return 1;
}

int layer_recurrent(builder *b)
{
    const layer_kind *kind = b->kind;
    rnnp_recurrent_options o;
    double hidden;
    if (!b->has_steps)
        return layer_wrong(
            b, "there are no steps here: the layer before gives only its last one (use sequences, or repeat)");
    TRY(layer_number(b, 1, LAYER_UNITS, &hidden));
    rnnp_recurrent_options_init(&o, kind->cell, b->width, (size_t)hidden);
    o.last_step = !b->needs_steps;
    o.order = RNNP_ORDER_PYTORCH; /* two biases; zeros are the same in any order */
    for (size_t i = 2; i < b->n_words; i++)
        if (!recurrent_word(b->words[i], kind, &o)) return layer_wrong(b, "unknown word");
    const double most = (double)(o.input > o.hidden ? o.input : o.hidden);
    TRY(layer_need_zeros(b, (double)kind->gates * ((double)o.hidden * most + 2 * (double)o.hidden)));
    const float *z = b->zeros, *peephole = layer_has_word(b, "peepholes") ? z : NULL;
    const rnnp_recurrent_weights one = {.w = z, .r = z, .bias = z, .bias_r = z, .peephole = peephole},
                                 weights[2] = {one, one};
    b->has_steps = !o.last_step;
    b->width = o.hidden * (o.direction == RNNP_DIRECTION_BIDIRECTIONAL ? 2 : 1);
    return layer_check(
        b, rnnp_model_add_recurrent(b->model, &o, weights, b->y, b->lengths, RNNP_NONE, RNNP_NONE, &b->y, NULL, NULL));
}

/* ---- Irregular visits ---- */

/* x of a layer for irregular visits: values, masks and times since, [data] missing = carry. */
static int visit_channels(builder *b, size_t *features, rnnp_value *mask, rnnp_value *delta)
{
    const train_config *c = b->config;
    const size_t F = *features = b->net->features / 3;
    if (b->line != 0 || c->missing != MISSING_CARRY || !c->mask || !c->delta)
        return layer_wrong(b, "this is a first layer, of [data] missing = carry, mask = yes, delta = yes");
    if (c->embed.n) return layer_wrong(b, "it decays values, and takes no columns of [model] embed");
    TRY(layer_slice(b, b->x, F, 2 * F, mask));
    return layer_slice(b, b->x, 2 * F, 3 * F, delta);
}

static int visit_options(builder *b, rnnp_recurrent_options *o, size_t width)
{
    const layer_kind *kind = b->kind;
    double hidden;
    TRY(layer_number(b, 1, LAYER_UNITS, &hidden));
    rnnp_recurrent_options_init(o, kind->cell, width, (size_t)hidden);
    o->last_step = !b->needs_steps;
    o->reset = RNNP_GRU_RESET_BEFORE;
    o->order = RNNP_ORDER_PYTORCH;
    for (size_t i = 2; i < b->n_words; i++)
        if (!recurrent_word(b->words[i], kind, o)) return layer_wrong(b, "unknown word");
    const double H = hidden, most = (double)width > H ? (double)width : H;
    b->has_steps = !o->last_step;
    b->width = o->hidden;
    return layer_need_zeros(b, (double)kind->gates * (H * most + 2 * H));
}

/* Times are scaled by their deviations, but not shifted, because 0 is none; the mean of standardised values is 0. */
int layer_grud(builder *b)
{
    static const float slow = 0.1f; /* a weight of 0 has no gradient: max(0, 0) */
    rnnp_recurrent_options o;
    rnnp_value mask, delta, values, deviation;
    size_t features;
    TRY(visit_channels(b, &features, &mask, &delta));
    TRY(layer_slice(b, b->y, 0, features, &values));
    TRY(visit_options(b, &o, 2 * features));
    if (b->net->deviations) {
        TRY(layer_constant(b, "standardise.since", RNNP_DTYPE_F32, b->net->deviations + 2 * features, features,
                           &deviation));
        TRY(layer_node(b, "Div", delta, deviation, 0, &delta));
    }
    FREED float *rates = cli_alloc(features, sizeof *rates);
    for (size_t i = 0; i < features; i++) rates[i] = slow;
    const float *z = b->zeros;
    const rnnp_grud_weights weights = {.input_decay = rates,
                                       .input_bias = z,
                                       .hidden_decay = z,
                                       .hidden_bias = z,
                                       .gru = {.w = z, .r = z, .bias = z, .bias_r = z}};
    return layer_check(
        b, rnnp_model_add_grud(b->model, &o, &weights, values, mask, delta, b->lengths, RNNP_NONE, &b->y, NULL));
}

/* The time since the visit before is the least of those since a value was there. */
int layer_tlstm(builder *b)
{
    static const int64_t last = -1;
    rnnp_recurrent_options o;
    rnnp_value mask, inputs[2] = {0}, elapsed = 0;
    size_t features;
    TRY(visit_channels(b, &features, &mask, &inputs[0]));
    TRY(layer_constant(b, NULL, RNNP_DTYPE_I64, &last, 1, &inputs[1]));
    TRY(layer_check(b, rnnp_model_add_node(b->model, "ReduceMin", LAYER_OPSET, NULL, inputs, 2, NULL, 0, &elapsed, 1)));
    TRY(visit_options(b, &o, b->net->features));
    const float *z = b->zeros;
    const rnnp_recurrent_weights weights = {.w = z, .r = z, .bias = z, .bias_r = z};
    return layer_check(b, rnnp_model_add_tlstm(b->model, &o, &weights, z, z, b->y, elapsed, b->lengths, RNNP_NONE,
                                               RNNP_NONE, &b->y, NULL, NULL));
}
