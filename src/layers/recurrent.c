/* SPDX-License-Identifier: Apache-2.0
 *
 * RNN, LSTM and GRU layers: weights in ONNX order, the ONNX node, and its outputs as layers like them.
 */
#include "../cells/weights.h"
#include "../graph/ops/recurrent.h"
#include "build.h"

#include <math.h>
#include <string.h>

enum { X, W, R, B, LENGTHS, H0, C0, P, INPUTS, ALL_INPUTS = RNNP_IN_SPLIT_BIAS + 1 };
enum { Y, Y_H, Y_C, OUTPUTS };
enum { ACTIVATIONS = 6 };

/* ---- Weights ---- */

/* W, R, B and P of all directions; B and P only where some direction has them. */
static rnnp_status add_weights(rnnp_model *model, const rnnp_recurrent_options *o,
                               const rnnp_recurrent_weights *weights, rnnp_value *inputs)
{
    const rnnp_cell_traits *cell = rnnp_cell_of(o->cell);
    const size_t D = rnnp_directions(o->direction), H = o->hidden, rows = cell->gates * H;
    const size_t sizes[4] = {rows * o->input, rows * H, 2 * rows, cell->peepholes * H}; /* per direction: W, R, B, P */
    const size_t bytes = D * (sizes[0] + sizes[1] + sizes[2] + sizes[3]) * sizeof(float);
    float *w = rnnp_calloc(model->context, bytes), *r, *b, *p;
    int biased = 0, peepholes = 0;
    rnnp_status status;

    if (!w) return RNNP_ERR_MEMORY;
    r = w + D * sizes[0];
    b = r + D * sizes[1];
    p = b + D * sizes[2];
    for (size_t d = 0; d < D; d++) {
        rnnp_weights_to_onnx(o, &weights[d], w + d * sizes[0], r + d * sizes[1], b + d * sizes[2]);
        biased |= weights[d].bias || weights[d].bias_r;
        if (weights[d].peephole) {
            memcpy(p + d * sizes[3], weights[d].peephole, sizes[3] * sizeof(float));
            peepholes = 1;
        }
    }
    const int64_t dirs = (int64_t)D, gated = (int64_t)rows;
    const rnnp_tensor tensors[] = {
        {RNNP_DTYPE_F32, 3, {dirs, gated, (int64_t)o->input}, .data = w},
        {RNNP_DTYPE_F32, 3, {dirs, gated, (int64_t)H}, .data = r},
        {RNNP_DTYPE_F32, 2, {dirs, 2 * gated}, .data = b},
        {RNNP_DTYPE_F32, 2, {dirs, (int64_t)sizes[3]}, .data = p},
    };
    status = rnnp_build_weight(model, "W", &tensors[0], &inputs[W]);
    if (status == RNNP_OK) status = rnnp_build_weight(model, "R", &tensors[1], &inputs[R]);
    if (status == RNNP_OK && biased) status = rnnp_build_weight(model, "B", &tensors[2], &inputs[B]);
    if (status == RNNP_OK && peepholes) status = rnnp_build_weight(model, "P", &tensors[3], &inputs[P]);
    rnnp_free(model->context, w, bytes);
    return status;
}

/* ---- The node ---- */

/* Activations by name, with every alpha and beta spelled out for the functions that take them. */
typedef struct activation_lists {
    const char *names[ACTIVATIONS];
    float alpha[ACTIVATIONS], beta[ACTIVATIONS];
    size_t count, alphas, betas;
    int given;
} activation_lists;

static void list_activations(const rnnp_recurrent_options *o, activation_lists *lists)
{
    const size_t each = rnnp_cell_of(o->cell)->activations;

    *lists = (activation_lists){.count = each * rnnp_directions(o->direction)};
    for (size_t i = 0; i < lists->count; i++) {
        rnnp_act_spec act = {RNNP_ACT_NONE, 0.0f, 0.0f};

        lists->given |= o->activations[i] != NULL;
        lists->names[i] = o->activations[i];
        if (!lists->names[i]) lists->names[i] = rnnp_act_name(rnnp_cell_of(o->cell)->act[i % each]);
        rnnp_act_parse(lists->names[i], o->alpha ? o->alpha[i] : NAN, o->beta ? o->beta[i] : NAN, &act);
        if (rnnp_act_parameters(act.kind) > 0) lists->alpha[lists->alphas++] = act.alpha;
        if (rnnp_act_parameters(act.kind) > 1) lists->beta[lists->betas++] = act.beta;
    }
}

static rnnp_status add_node(rnnp_model *model, const rnnp_recurrent_options *o, const rnnp_value *inputs,
                            rnnp_value *outputs)
{
    static const char *const dirs[] = {"forward", "reverse", "bidirectional"};
    const rnnp_cell_traits *cell = rnnp_cell_of(o->cell);
    rnnp_attr attrs[10];
    activation_lists lists;
    size_t n = 0;

    attrs[n++] = rnnp_attr_int("hidden_size", (int64_t)o->hidden);
    attrs[n++] = (rnnp_attr){.name = "direction", .kind = RNNP_ATTR_STRING, .s = dirs[o->direction]};
    attrs[n++] = rnnp_attr_int("layout", o->batch_first != 0);
    if (o->clip > 0.0f) attrs[n++] = (rnnp_attr){.name = "clip", .kind = RNNP_ATTR_FLOAT, .f = o->clip};
    if (rnnp_cell_has_reset(o->cell))
        attrs[n++] = rnnp_attr_int("linear_before_reset", o->reset == RNNP_GRU_RESET_AFTER);
    if (cell->coupled && o->input_forget) attrs[n++] = rnnp_attr_int("input_forget", 1);
    list_activations(o, &lists);
    if (lists.given) {
        attrs[n++] =
            (rnnp_attr){.name = "activations", .kind = RNNP_ATTR_STRINGS, .strings = lists.names, .count = lists.count};
        attrs[n++] = (rnnp_attr){
            .name = "activation_alpha", .kind = RNNP_ATTR_FLOATS, .floats = lists.alpha, .count = lists.alphas};
        attrs[n++] = (rnnp_attr){
            .name = "activation_beta", .kind = RNNP_ATTR_FLOATS, .floats = lists.beta, .count = lists.betas};
    }
    return rnnp_model_add_node(model, cell->op, RNNP_LAYER_OPSET, NULL, inputs,
                               inputs[RNNP_IN_DECAY] != RNNP_NONE ? ALL_INPUTS
                               : cell->peepholes                  ? INPUTS
                               : cell->states > 1                 ? P
                                                                  : C0,
                               attrs, n, outputs, 1 + cell->states);
}

/* ---- Shapes around the node ---- */

/* [dirs][batch][hidden] <-> [batch][dirs][hidden], which the node has when the batch comes first. */
static rnnp_status swap_state(rnnp_model *model, const rnnp_recurrent_options *o, rnnp_value *state)
{
    static const int64_t perm[] = {1, 0, 2};

    if (!o->batch_first || *state == RNNP_NONE) return RNNP_OK;
    return rnnp_build_transpose(model, *state, perm, 3, state);
}

/* Directions concatenated: y [a][b][dirs*hidden] from Y. */
static rnnp_status join_sequence(rnnp_model *model, const rnnp_recurrent_options *o, rnnp_value in, rnnp_value *y)
{
    static const int64_t perm[] = {0, 2, 1, 3};
    const int64_t direction_axis = o->batch_first ? 2 : 1, shape[] = {0, 0, 2 * (int64_t)o->hidden};
    rnnp_status status;

    if (rnnp_directions(o->direction) == 1)
        return rnnp_build_with_ints(model, "Squeeze", in, &direction_axis, 1, NULL, 0, y);
    if (!o->batch_first && (status = rnnp_build_transpose(model, in, perm, 4, &in)) != RNNP_OK) return status;
    return rnnp_build_with_ints(model, "Reshape", in, shape, 3, NULL, 0, y);
}

/* The same of the last step: y [batch][dirs*hidden] from Y_h. */
static rnnp_status join_last(rnnp_model *model, const rnnp_recurrent_options *o, rnnp_value in, rnnp_value *y)
{
    static const int64_t perm[] = {1, 0, 2};
    const int64_t direction_axis = o->batch_first ? 1 : 0, shape[] = {0, 2 * (int64_t)o->hidden};
    rnnp_status status;

    if (rnnp_directions(o->direction) == 1)
        return rnnp_build_with_ints(model, "Squeeze", in, &direction_axis, 1, NULL, 0, y);
    if (!o->batch_first && (status = rnnp_build_transpose(model, in, perm, 3, &in)) != RNNP_OK) return status;
    return rnnp_build_with_ints(model, "Reshape", in, shape, 2, NULL, 0, y);
}

rnnp_status rnnp_build_recurrent(rnnp_model *model, const rnnp_recurrent_options *options,
                                 const rnnp_recurrent_weights *weights, rnnp_value x, rnnp_value lengths, rnnp_value h0,
                                 rnnp_value c0, const rnnp_build_decay *decay, rnnp_value *y, rnnp_value *h,
                                 rnnp_value *c)
{
    rnnp_value inputs[ALL_INPUTS];
    rnnp_value outputs[OUTPUTS], joined = RNNP_NONE;
    rnnp_recurrent_options o;
    rnnp_status status;

    if (!model) return RNNP_ERR_ARG;
    if (!y) return rnnp_fail(model->context, RNNP_ERR_ARG, "y is NULL");
    for (size_t i = 0; i < ALL_INPUTS; i++) inputs[i] = RNNP_NONE;
    inputs[X] = x;
    inputs[LENGTHS] = lengths;
    inputs[H0] = h0;
    inputs[C0] = c0;
    if (decay) {
        inputs[RNNP_IN_DECAY] = decay->decay;
        inputs[RNNP_IN_SPLIT] = decay->split;
        inputs[RNNP_IN_SPLIT_BIAS] = decay->split_bias;
    }
    if ((status = rnnp_recurrent_read(model->context, options, weights, &o)) != RNNP_OK) return status;
    if (rnnp_cell_of(o.cell)->states < 2 && (c || c0 != RNNP_NONE))
        return rnnp_fail(model->context, RNNP_ERR_ARG, "only an LSTM has a cell state");
    outputs[Y] = o.last_step ? RNNP_NONE : 0;
    outputs[Y_H] = h || o.last_step ? 0 : RNNP_NONE;
    outputs[Y_C] = c ? 0 : RNNP_NONE;
    if ((status = swap_state(model, &o, &inputs[H0])) != RNNP_OK ||
        (status = swap_state(model, &o, &inputs[C0])) != RNNP_OK ||
        (status = add_weights(model, &o, weights, inputs)) != RNNP_OK ||
        (status = add_node(model, &o, inputs, outputs)) != RNNP_OK)
        return status;
    status = o.last_step ? join_last(model, &o, outputs[Y_H], &joined) : join_sequence(model, &o, outputs[Y], &joined);
    if (status != RNNP_OK || (h && (status = swap_state(model, &o, &outputs[Y_H])) != RNNP_OK) ||
        (c && (status = swap_state(model, &o, &outputs[Y_C])) != RNNP_OK))
        return status;
    *y = joined;
    if (h) *h = outputs[Y_H];
    if (c) *c = outputs[Y_C];
    return RNNP_OK;
}

rnnp_status rnnp_model_add_recurrent(rnnp_model *model, const rnnp_recurrent_options *options,
                                     const rnnp_recurrent_weights *weights, rnnp_value x, rnnp_value lengths,
                                     rnnp_value h0, rnnp_value c0, rnnp_value *y, rnnp_value *h, rnnp_value *c)
{
    return rnnp_build_recurrent(model, options, weights, x, lengths, h0, c0, NULL, y, h, c);
}
