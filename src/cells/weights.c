/* SPDX-License-Identifier: Apache-2.0 */
#include "weights.h"

#include "../structs.h"
#include "memory.h"

#include <math.h>
#include <string.h>

/* ONNX's names, and its defaults for alpha and beta (RNN-22, "activation_alpha"). */
static const struct {
    const char *name;
    int parameters;
    float alpha, beta;
} acts[RNNP_ACT_COUNT] = {
    [RNNP_ACT_TANH] = {"Tanh", 0, 0, 0},
    [RNNP_ACT_SIGMOID] = {"Sigmoid", 0, 0, 0},
    [RNNP_ACT_RELU] = {"Relu", 0, 0, 0},
    [RNNP_ACT_AFFINE] = {"Affine", 2, 1.0f, 0.0f},
    [RNNP_ACT_LEAKY_RELU] = {"LeakyRelu", 1, 0.01f, 0},
    [RNNP_ACT_THRESHOLDED_RELU] = {"ThresholdedRelu", 1, 1.0f, 0},
    [RNNP_ACT_SCALED_TANH] = {"ScaledTanh", 2, 1.0f, 1.0f},
    [RNNP_ACT_HARD_SIGMOID] = {"HardSigmoid", 2, 0.2f, 0.5f},
    [RNNP_ACT_ELU] = {"Elu", 1, 1.0f, 0},
    [RNNP_ACT_SOFTSIGN] = {"Softsign", 0, 0, 0},
    [RNNP_ACT_SOFTPLUS] = {"Softplus", 0, 0, 0},
};

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static int same_name(const char *a, const char *b)
{
    size_t i = 0;
    while (a[i] && lower(a[i]) == lower(b[i])) i++;
    return !a[i] && !b[i];
}

int rnnp_act_parse(const char *name, float alpha, float beta, rnnp_act_spec *act)
{
    for (int k = RNNP_ACT_TANH; k < RNNP_ACT_COUNT; k++)
        if (same_name(name, acts[k].name)) {
            act->kind = (rnnp_act)k;
            act->alpha = acts[k].parameters > 0 && !isnan(alpha) ? alpha : acts[k].alpha;
            act->beta = acts[k].parameters > 1 && !isnan(beta) ? beta : acts[k].beta;
            return 0;
        }
    return -1;
}

int rnnp_act_read(const rnnp_recurrent_options *o, size_t i, rnnp_act_spec *act)
{
    return rnnp_act_parse(o->activations[i], o->alpha ? o->alpha[i] : NAN, o->beta ? o->beta[i] : NAN, act);
}

const char *rnnp_act_name(rnnp_act kind) { return acts[kind].name; }

int rnnp_act_parameters(rnnp_act kind) { return acts[kind].parameters; }

void rnnp_act_defaults(rnnp_cell cell, rnnp_act_spec act[3])
{
    for (size_t i = 0; i < 3; i++) act[i] = (rnnp_act_spec){rnnp_cell_of(cell)->act[i], 0, 0};
}

static rnnp_status check_options(const rnnp_context *context, const rnnp_recurrent_options *o)
{
    if (!rnnp_cell_of(o->cell)) return rnnp_fail(context, RNNP_ERR_ARG, "unknown cell %d", (int)o->cell);
    if ((unsigned)o->direction > RNNP_DIRECTION_BIDIRECTIONAL)
        return rnnp_fail(context, RNNP_ERR_ARG, "unknown direction %d", (int)o->direction);
    if ((unsigned)o->order > RNNP_ORDER_KERAS)
        return rnnp_fail(context, RNNP_ERR_ARG, "unknown weights order %d", (int)o->order);
    if (!o->input || !o->hidden)
        return rnnp_fail(context, RNNP_ERR_ARG, "input=%zu and hidden=%zu must be positive", o->input, o->hidden);
    if (!rnnp_recurrent_fits(o->input, o->hidden, 0, 1))
        return rnnp_fail(context, RNNP_ERR_SHAPE, "input=%zu and hidden=%zu are too large", o->input, o->hidden);
    if (!(o->clip >= 0)) return rnnp_fail(context, RNNP_ERR_ARG, "clip=%g is negative", (double)o->clip);
    for (size_t i = 0; i < rnnp_cell_of(o->cell)->activations * rnnp_directions(o->direction); i++) {
        rnnp_act_spec act;
        if (o->activations[i] && rnnp_act_read(o, i, &act))
            return rnnp_fail(context, RNNP_ERR_UNSUPPORTED, "unknown activation \"%s\"", o->activations[i]);
    }
    return RNNP_OK;
}

rnnp_status rnnp_recurrent_options_read(const rnnp_context *context, const rnnp_recurrent_options *given,
                                        rnnp_recurrent_options *o)
{
    if (!given) return rnnp_fail(context, RNNP_ERR_ARG, "options is NULL");
    const rnnp_status status = RNNP_STRUCT_READ(context, rnnp_recurrent_options, given, o);
    return status == RNNP_OK ? check_options(context, o) : status;
}

rnnp_status rnnp_recurrent_read(const rnnp_context *context, const rnnp_recurrent_options *given,
                                const rnnp_recurrent_weights *weights, rnnp_recurrent_options *o)
{
    if (!weights) return rnnp_fail(context, RNNP_ERR_ARG, "weights is NULL");
    rnnp_status status = rnnp_recurrent_options_read(context, given, o);
    for (size_t d = 0; status == RNNP_OK && d < rnnp_directions(o->direction); d++) {
        const rnnp_recurrent_weights *w = &weights[d];
        if (!w->w || !w->r)
            status = rnnp_fail(context, RNNP_ERR_ARG, "weights of direction %zu: %s is NULL", d, w->w ? "r" : "w");
        else if (w->bias_r && o->order == RNNP_ORDER_ONNX)
            status = rnnp_fail(context, RNNP_ERR_ARG,
                               "weights of direction %zu: bias_r is given, but in ONNX order bias holds both", d);
        else if (w->peephole && !rnnp_cell_of(o->cell)->peepholes)
            status = rnnp_fail(context, RNNP_ERR_ARG, "weights of direction %zu: only an LSTM has peepholes", d);
    }
    return status;
}

/* The place in the source of a gate, in ONNX order. */
static size_t place_of(const rnnp_recurrent_options *o, size_t gate)
{
    const rnnp_cell_traits *cell = rnnp_cell_of(o->cell);
    const char *from = cell->order[o->order];
    return (size_t)(strchr(from, cell->order[RNNP_ORDER_ONNX][gate]) - from);
}

static void to_rows(const rnnp_recurrent_options *o, float *to, const float *from, size_t depth)
{
    const size_t H = o->hidden, gates = rnnp_cell_of(o->cell)->gates;
    for (size_t g = 0; g < gates; g++)
        for (size_t u = 0; u < H; u++) {
            const size_t row = place_of(o, g) * H + u;
            for (size_t k = 0; k < depth; k++)
                to[(g * H + u) * depth + k] =
                    from[o->order == RNNP_ORDER_KERAS ? k * gates * H + row : row * depth + k];
        }
}

static void to_bias(const rnnp_recurrent_options *o, float *to, const float *from)
{
    const size_t H = o->hidden;
    for (size_t g = 0; g < rnnp_cell_of(o->cell)->gates; g++)
        for (size_t u = 0; u < H; u++) to[g * H + u] = from ? from[place_of(o, g) * H + u] : 0.0f;
}

void rnnp_weights_to_onnx(const rnnp_recurrent_options *o, const rnnp_recurrent_weights *weights, float *w, float *r,
                          float *b)
{
    const size_t rows = rnnp_cell_of(o->cell)->gates * o->hidden;
    const float *second = weights->bias_r;
    if (o->order == RNNP_ORDER_ONNX && weights->bias) second = weights->bias + rows;
    to_rows(o, w, weights->w, o->input);
    to_rows(o, r, weights->r, o->hidden);
    to_bias(o, b, weights->bias);
    to_bias(o, b + rows, second);
}
