/* SPDX-License-Identifier: Apache-2.0 */
#include "weights.h"

#include "../structs.h"

#include <math.h>
#include <string.h>

/* ONNX's names, and its defaults for alpha and beta (RNN-22, "activation_alpha"). */
static const struct {
    const char *name;
    int parameters;
    float alpha, beta;
} acts[RNNP_ACT_COUNT] = {
    [RNNP_ACT_TANH] = {"tanh", 0, 0, 0},
    [RNNP_ACT_SIGMOID] = {"sigmoid", 0, 0, 0},
    [RNNP_ACT_RELU] = {"relu", 0, 0, 0},
    [RNNP_ACT_AFFINE] = {"affine", 2, 1.0f, 0.0f},
    [RNNP_ACT_LEAKY_RELU] = {"leakyrelu", 1, 0.01f, 0},
    [RNNP_ACT_THRESHOLDED_RELU] = {"thresholdedrelu", 1, 1.0f, 0},
    [RNNP_ACT_SCALED_TANH] = {"scaledtanh", 2, 1.0f, 1.0f},
    [RNNP_ACT_HARD_SIGMOID] = {"hardsigmoid", 2, 0.2f, 0.5f},
    [RNNP_ACT_ELU] = {"elu", 1, 1.0f, 0},
    [RNNP_ACT_SOFTSIGN] = {"softsign", 0, 0, 0},
    [RNNP_ACT_SOFTPLUS] = {"softplus", 0, 0, 0},
};

size_t rnnp_cell_gates(rnnp_cell cell)
{
    return cell == RNNP_CELL_RNN ? 1 : cell == RNNP_CELL_LSTM ? 4 : cell == RNNP_CELL_GRU ? 3 : 0;
}

size_t rnnp_cell_activations(rnnp_cell cell) { return cell == RNNP_CELL_LSTM ? 3 : cell == RNNP_CELL_GRU ? 2 : 1; }

static int same_name(const char *given, const char *lower)
{
    size_t i = 0;
    for (; given[i] && lower[i]; i++) {
        char c = given[i];
        if ((c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c) != lower[i]) return 0;
    }
    return given[i] == lower[i];
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

int rnnp_act_parameters(rnnp_act kind) { return acts[kind].parameters; }

void rnnp_act_defaults(rnnp_cell cell, rnnp_act_spec act[3])
{
    const rnnp_act_spec tanh_act = {RNNP_ACT_TANH, 0, 0}, sigmoid = {RNNP_ACT_SIGMOID, 0, 0};
    act[0] = cell == RNNP_CELL_RNN ? tanh_act : sigmoid;
    act[1] = act[2] = tanh_act;
}

static rnnp_status check_options(const rnnp_context *context, const rnnp_recurrent_options *o)
{
    if (!rnnp_cell_gates(o->cell)) return rnnp_fail(context, RNNP_ERR_ARG, "unknown cell %d", (int)o->cell);
    if ((unsigned)o->direction > RNNP_DIRECTION_BIDIRECTIONAL)
        return rnnp_fail(context, RNNP_ERR_ARG, "unknown direction %d", (int)o->direction);
    if ((unsigned)o->order > RNNP_ORDER_KERAS)
        return rnnp_fail(context, RNNP_ERR_ARG, "unknown weights order %d", (int)o->order);
    if (!o->input || !o->hidden)
        return rnnp_fail(context, RNNP_ERR_ARG, "input=%zu and hidden=%zu must be positive", o->input, o->hidden);
    if (!rnnp_recurrent_fits(o->input, o->hidden, 0, 1))
        return rnnp_fail(context, RNNP_ERR_SHAPE, "input=%zu and hidden=%zu are too large", o->input, o->hidden);
    if (!(o->clip >= 0)) return rnnp_fail(context, RNNP_ERR_ARG, "clip=%g is negative", (double)o->clip);
    for (size_t i = 0; i < rnnp_cell_activations(o->cell) * rnnp_directions(o->direction); i++) {
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
        else if (w->peephole && o->cell != RNNP_CELL_LSTM)
            status = rnnp_fail(context, RNNP_ERR_ARG, "weights of direction %zu: only an LSTM has peepholes", d);
    }
    return status;
}

/* ONNX gate g of a cell is gate order[g] of the source. */
static const uint8_t *gate_order(const rnnp_recurrent_options *o)
{
    static const uint8_t same[] = {0, 1, 2, 3};
    static const uint8_t lstm_pytorch[] = {0, 3, 1, 2}; /* i o f c from i f g o */
    static const uint8_t lstm_keras[] = {0, 3, 1, 2};   /* from i f c o */
    static const uint8_t gru_pytorch[] = {1, 0, 2};     /* z r h from r z n */
    if (o->cell == RNNP_CELL_LSTM)
        return o->order == RNNP_ORDER_PYTORCH ? lstm_pytorch : o->order == RNNP_ORDER_KERAS ? lstm_keras : same;
    return o->cell == RNNP_CELL_GRU && o->order == RNNP_ORDER_PYTORCH ? gru_pytorch : same;
}

static void to_rows(float *to, const float *from, size_t gates, size_t hidden, size_t depth, int transposed,
                    const uint8_t *order)
{
    for (size_t g = 0; g < gates; g++)
        for (size_t u = 0; u < hidden; u++)
            for (size_t k = 0; k < depth; k++) {
                size_t row = order[g] * hidden + u;
                to[(g * hidden + u) * depth + k] = from[transposed ? k * gates * hidden + row : row * depth + k];
            }
}

static void to_bias(float *to, const float *from, size_t gates, size_t hidden, const uint8_t *order)
{
    for (size_t g = 0; g < gates; g++)
        for (size_t u = 0; u < hidden; u++) to[g * hidden + u] = from ? from[order[g] * hidden + u] : 0.0f;
}

void rnnp_weights_to_onnx(const rnnp_recurrent_options *o, const rnnp_recurrent_weights *weights, float *w, float *r,
                          float *b)
{
    size_t gates = rnnp_cell_gates(o->cell), H = o->hidden;
    const uint8_t *order = gate_order(o);
    int transposed = o->order == RNNP_ORDER_KERAS;
    const float *second = weights->bias_r;
    if (o->order == RNNP_ORDER_ONNX && weights->bias) second = weights->bias + gates * H;
    to_rows(w, weights->w, gates, H, o->input, transposed, order);
    to_rows(r, weights->r, gates, H, H, transposed, order);
    to_bias(b, weights->bias, gates, H, order);
    to_bias(b + gates * H, second, gates, H, order);
}
