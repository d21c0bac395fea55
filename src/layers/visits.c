/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers for visits at irregular times: GRU-D, the time-aware LSTM, and attention over time. What depends on the times
 * alone (decays) is nodes in front of the recurrent one, whose state the decay multiplies (cells/decay.h).
 */
#include "build.h"

/* A weight as a constant, [rows][columns], or [columns] with rows 0. */
static rnnp_status weight(rnnp_model *model, const char *role, const float *values, size_t rows, size_t columns,
                          rnnp_value *value)
{
    const rnnp_tensor tensor = {
        RNNP_DTYPE_F32, rows ? 2 : 1, {(int64_t)(rows ? rows : columns), (int64_t)columns}, .const_data = values};
    return rnnp_build_weight(model, role, &tensor, value);
}

/* y = op(a, b), b may be RNNP_NONE; does nothing after an error. */
static void apply(rnnp_model *model, rnnp_status *status, const char *op, rnnp_value a, rnnp_value b, rnnp_value *y)
{
    const rnnp_value inputs[] = {a, b};
    if (*status == RNNP_OK) *status = rnnp_build_node(model, op, inputs, b == RNNP_NONE ? 1 : 2, NULL, 0, y);
}

static rnnp_status scalar(rnnp_model *model, float value, rnnp_value *constant)
{
    const rnnp_tensor tensor = {.dtype = RNNP_DTYPE_F32, .const_data = &value};
    return rnnp_model_add_constant(model, NULL, &tensor, constant);
}

static int weights_fit(size_t a, size_t b)
{
    size_t elements;
    return a > 0 && b > 0 && !rnnp_mul_overflow(a, b, &elements) && elements <= SIZE_MAX / 16;
}

/* ---- GRU-D ---- */

/* exp(-max(0, delta op w + bias)), op Mul for a weight of each feature, MatMul for a matrix. */
static rnnp_status decay(rnnp_model *model, const char *op, rnnp_value delta, rnnp_value w, rnnp_value bias,
                         rnnp_value *y)
{
    rnnp_status status = RNNP_OK;
    apply(model, &status, op, delta, w, y);
    apply(model, &status, "Add", *y, bias, y);
    apply(model, &status, "Relu", *y, RNNP_NONE, y);
    apply(model, &status, "Neg", *y, RNNP_NONE, y);
    apply(model, &status, "Exp", *y, RNNP_NONE, y);
    return status;
}

/* x where it is there, else what is left of it on its way to the mean: (x - mean) (m + (1 - m) decay) + mean. */
static rnnp_status fade(rnnp_model *model, rnnp_value x, rnnp_value mask, rnnp_value left, rnnp_value mean,
                        rnnp_value *y)
{
    rnnp_value one, absent, kept;
    rnnp_status status = scalar(model, 1.0f, &one);
    apply(model, &status, "Sub", one, mask, &absent);
    apply(model, &status, "Mul", absent, left, &kept);
    apply(model, &status, "Add", mask, kept, &kept);
    if (mean != RNNP_NONE) apply(model, &status, "Sub", x, mean, &x);
    apply(model, &status, "Mul", x, kept, y);
    if (mean != RNNP_NONE) apply(model, &status, "Add", *y, mean, y);
    return status;
}

rnnp_status rnnp_model_add_grud(rnnp_model *model, const rnnp_recurrent_options *options,
                                const rnnp_grud_weights *weights, rnnp_value x, rnnp_value mask, rnnp_value delta,
                                rnnp_value lengths, rnnp_value h0, rnnp_value *y, rnnp_value *h)
{
    const rnnp_attr axis = rnnp_attr_int("axis", -1);
    const rnnp_grud_weights *w = weights;
    rnnp_value wx, bx, wh, bh, mean = RNNP_NONE, left, kept, inputs[2] = {RNNP_NONE, mask};
    rnnp_build_decay decayed = {RNNP_NONE, RNNP_NONE, RNNP_NONE};
    rnnp_status status;
    if (!model) return RNNP_ERR_ARG;
    if (!options || !w || !y || !w->input_decay || !w->input_bias || !w->hidden_decay || !w->hidden_bias)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "grud: NULL");
    if (options->cell != RNNP_CELL_GRU || options->input % 2 || !weights_fit(options->input, options->hidden))
        return rnnp_fail(model->context, RNNP_ERR_ARG, "grud: a GRU whose input is twice the features, not %zu of %zu",
                         options->input, options->hidden);
    const size_t features = options->input / 2;
    if ((status = weight(model, "input_decay", w->input_decay, 0, features, &wx)) != RNNP_OK ||
        (status = weight(model, "input_bias", w->input_bias, 0, features, &bx)) != RNNP_OK ||
        (status = weight(model, "hidden_decay", w->hidden_decay, features, options->hidden, &wh)) != RNNP_OK ||
        (status = weight(model, "hidden_bias", w->hidden_bias, 0, options->hidden, &bh)) != RNNP_OK ||
        (w->mean && (status = weight(model, "mean", w->mean, 0, features, &mean)) != RNNP_OK) ||
        (status = decay(model, "Mul", delta, wx, bx, &left)) != RNNP_OK ||
        (status = fade(model, x, mask, left, mean, &inputs[0])) != RNNP_OK ||
        (status = decay(model, "MatMul", delta, wh, bh, &decayed.decay)) != RNNP_OK ||
        (status = rnnp_build_node(model, "Concat", inputs, 2, &axis, 1, &kept)) != RNNP_OK)
        return status;
    return rnnp_build_recurrent(model, options, &w->gru, kept, lengths, h0, RNNP_NONE, &decayed, y, h, NULL);
}

/* ---- Time-aware LSTM ---- */

rnnp_status rnnp_model_add_tlstm(rnnp_model *model, const rnnp_recurrent_options *options,
                                 const rnnp_recurrent_weights *weights, const float *split, const float *split_bias,
                                 rnnp_value x, rnnp_value elapsed, rnnp_value lengths, rnnp_value h0, rnnp_value c0,
                                 rnnp_value *y, rnnp_value *h, rnnp_value *c)
{
    const size_t hidden = options ? options->hidden : 0;
    const rnnp_tensor matrix = {RNNP_DTYPE_F32, 3, {1, (int64_t)hidden, (int64_t)hidden}, .const_data = split};
    rnnp_build_decay decayed = {RNNP_NONE, RNNP_NONE, RNNP_NONE};
    rnnp_value e, g;
    rnnp_status status;
    if (!model) return RNNP_ERR_ARG;
    if (!options || !y || !split) return rnnp_fail(model->context, RNNP_ERR_ARG, "tlstm: NULL");
    if (options->cell != RNNP_CELL_LSTM || !weights_fit(hidden, hidden))
        return rnnp_fail(model->context, RNNP_ERR_ARG, "tlstm: an LSTM, of %zu units", hidden);
    if ((status = rnnp_build_weight(model, "split", &matrix, &decayed.split)) != RNNP_OK ||
        (split_bias && (status = weight(model, "split_bias", split_bias, 1, hidden, &decayed.split_bias)) != RNNP_OK) ||
        (status = scalar(model, 2.7182818f, &e)) != RNNP_OK)
        return status;
    apply(model, &status, "Add", elapsed, e, &g);
    apply(model, &status, "Log", g, RNNP_NONE, &g);
    apply(model, &status, "Reciprocal", g, RNNP_NONE, &decayed.decay);
    if (status != RNNP_OK) return status;
    return rnnp_build_recurrent(model, options, weights, x, lengths, h0, c0, &decayed, y, h, c);
}

/* ---- Attention ---- */

/* Which steps each row has, bool [steps][batch][1]. */
static rnnp_status active_steps(rnnp_model *model, rnnp_value x, rnnp_value lengths, rnnp_value *active)
{
    static const int64_t numbers[] = {0, 1, 2};
    const rnnp_attr to = rnnp_attr_int("to", 6); /* ONNX's number of i32 */
    rnnp_value zero, one, shape, steps, range[3], times;
    rnnp_status status;
    const rnnp_tensor first = {.dtype = RNNP_DTYPE_I64, .const_data = &numbers[0]},
                      each = {.dtype = RNNP_DTYPE_I64, .const_data = &numbers[1]};
    if ((status = rnnp_model_add_constant(model, NULL, &first, &zero)) != RNNP_OK ||
        (status = rnnp_model_add_constant(model, NULL, &each, &one)) != RNNP_OK)
        return status;
    apply(model, &status, "Shape", x, RNNP_NONE, &shape);
    apply(model, &status, "Gather", shape, zero, &steps);
    range[0] = zero, range[1] = steps, range[2] = one;
    if (status != RNNP_OK || (status = rnnp_build_node(model, "Range", range, 3, NULL, 0, &times)) != RNNP_OK ||
        (status = rnnp_build_node(model, "Cast", &times, 1, &to, 1, &times)) != RNNP_OK ||
        (status = rnnp_build_with_ints(model, "Unsqueeze", times, &numbers[1], 1, NULL, 0, &times)) != RNNP_OK)
        return status;
    apply(model, &status, "Less", times, lengths, active);
    return status == RNNP_OK ? rnnp_build_with_ints(model, "Unsqueeze", *active, &numbers[2], 1, NULL, 0, active)
                             : status;
}

rnnp_status rnnp_model_add_attention(rnnp_model *model, rnnp_value x, size_t input, size_t width, const float *w,
                                     const float *bias, const float *v, rnnp_value lengths, rnnp_value *y)
{
    static const int64_t steps = 0;
    const rnnp_attr axis = rnnp_attr_int("axis", 0), keepdims = rnnp_attr_int("keepdims", 0);
    rnnp_value kernel, b, query, score, pick[3];
    rnnp_status status;
    if (!model) return RNNP_ERR_ARG;
    if (!w || !bias || !v || !y || !weights_fit(input, width))
        return rnnp_fail(model->context, RNNP_ERR_ARG, "attention: NULL, or input=%zu, width=%zu", input, width);
    if ((status = weight(model, "kernel", w, input, width, &kernel)) != RNNP_OK ||
        (status = weight(model, "bias", bias, 0, width, &b)) != RNNP_OK ||
        (status = weight(model, "query", v, width, 1, &query)) != RNNP_OK)
        return status;
    apply(model, &status, "MatMul", x, kernel, &score);
    apply(model, &status, "Add", score, b, &score);
    apply(model, &status, "Tanh", score, RNNP_NONE, &score);
    apply(model, &status, "MatMul", score, query, &score);
    if (status == RNNP_OK && lengths != RNNP_NONE) {
        pick[1] = score;
        if ((status = active_steps(model, x, lengths, &pick[0])) != RNNP_OK ||
            (status = scalar(model, -1e30f, &pick[2])) != RNNP_OK ||
            (status = rnnp_build_node(model, "Where", pick, 3, NULL, 0, &score)) != RNNP_OK)
            return status;
    }
    if (status == RNNP_OK) status = rnnp_build_node(model, "Softmax", &score, 1, &axis, 1, &score);
    apply(model, &status, "Mul", x, score, &score);
    return status == RNNP_OK ? rnnp_build_with_ints(model, "ReduceSum", score, &steps, 1, &keepdims, 1, y) : status;
}
