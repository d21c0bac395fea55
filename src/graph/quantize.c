/* SPDX-License-Identifier: Apache-2.0
 *
 * A model with its weights in other formats: the model is built again, and constants that are weights of its layers are
 * rounded on the way.
 */
#include "../../kernels/halves.h"
#include "../structs.h"
#include "engine.h"
#include "ops/ops.h"
#include "visit.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_INPUTS = 16, NAME_CHARS = 256 };

/* A value of the new model; a constant is added when it is first used. */
typedef struct value {
    rnnp_value number; /* RNNP_NONE: a constant that is not there yet */
    const char *name;
    rnnp_tensor tensor;
} value;

typedef struct copy {
    const rnnp_context *context;
    const rnnp_quantize_options *options;
    rnnp_model *to;
    struct rnnp_block *arena;
    value *values; /* by the visitor's numbers */
    size_t n_values;
    uint8_t *used; /* [n_rules] */
} copy;

/* ---- Rounding ---- */

typedef struct rounded {
    rnnp_tensor weights, scale;
    double square, change, largest, farthest; /* sums of w^2 and of the changes', and the largest of both */
} rounded;

static void note(rounded *r, float w, double now)
{
    const double change = fabs((double)w - now);

    r->square += (double)w * (double)w;
    r->change += change * change;
    r->largest = fmax(r->largest, fabs((double)w));
    r->farthest = fmax(r->farthest, change);
}

static void round_s8(const float *w, const rnnp_channels *c, int8_t *to, float *scale, rounded *r)
{
    for (size_t i = 0; i < c->count; i++) {
        float most = 0;

        for (size_t k = 0; k < c->depth; k++) most = fmaxf(most, fabsf(w[i * c->stride + k * c->k_stride]));
        scale[i] = most / 127.0f;
        if (scale[i] == 0) scale[i] = 1; /* zeros, or denormals that count as such */
        for (size_t k = 0; k < c->depth; k++) {
            const size_t at = i * c->stride + k * c->k_stride;
            const double q = nearbyint((double)w[at] / (double)scale[i]);

            to[at] = (int8_t)(q > 127 ? 127 : q < -127 ? -127 : q); /* a denormal scale is not exact */
            note(r, w[at], (double)to[at] * (double)scale[i]);
        }
    }
}

static void round_half(const float *w, size_t n, rnnp_weights format, uint16_t *to, rounded *r)
{
    for (size_t i = 0; i < n; i++) {
        const float most = 65504, v = w[i] > most ? most : w[i] < -most ? -most : w[i];

        to[i] = format == RNNP_WEIGHTS_F16 ? rnnp_f32_to_f16(v) : rnnp_f32_to_bf16(w[i]);
        note(r, w[i], (double)(format == RNNP_WEIGHTS_F16 ? rnnp_f16_to_f32(to[i]) : rnnp_bf16_to_f32(to[i])));
    }
}

/* RNNP_ERR_ARG for weights that the format cannot hold. */
static rnnp_status check_range(const copy *c, const rnnp_node *node, const float *w, size_t n, rnnp_weights format)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(w[i])) return rnnp_node_fail(c->context, node, RNNP_ERR_ARG, "a weight is %g", (double)w[i]);
        if (format == RNNP_WEIGHTS_F16 && !c->options->saturate && fabsf(w[i]) >= 65520)
            return rnnp_node_fail(c->context, node, RNNP_ERR_ARG, "weight %g is too large for f16", (double)w[i]);
        if (format == RNNP_WEIGHTS_BF16 && isinf(rnnp_bf16_to_f32(rnnp_f32_to_bf16(w[i]))))
            return rnnp_node_fail(c->context, node, RNNP_ERR_ARG, "weight %g is too large for bf16", (double)w[i]);
    }
    return RNNP_OK;
}

/* Weights of input i in the format, in the arena. */
static rnnp_status round_weights(copy *c, const rnnp_node *node, size_t i, const rnnp_tensor *from, rnnp_weights format,
                                 rounded *r)
{
    const size_t n = rnnp_tensor_elements(from);
    rnnp_channels channels;

    const rnnp_status status = check_range(c, node, from->data, n, format);
    if (status != RNNP_OK) return status;
    node->op->channels(node, node->input_metas, i, &channels);
    r->weights = *from;
    r->weights.dtype = rnnp_format_dtypes[format];
    r->weights.data = rnnp_arena_alloc(c->context, &c->arena, n * rnnp_dtype_bytes(r->weights.dtype));
    if (!r->weights.data) return RNNP_ERR_MEMORY;
    if (format != RNNP_WEIGHTS_S8) {
        round_half(from->data, n, format, r->weights.data, r);
        return RNNP_OK;
    }
    /* [dirs][channels] of a recurrent layer, [channels] of a matrix */
    r->scale = (rnnp_tensor){.dtype = RNNP_DTYPE_F32, .rank = from->rank - 1, .shape = {(int64_t)channels.count}};
    if (r->scale.rank == 2) memcpy(r->scale.shape, from->shape, 2 * sizeof *from->shape);
    r->scale.data = rnnp_arena_alloc(c->context, &c->arena, channels.count * sizeof(float));
    if (!r->scale.data) return RNNP_ERR_MEMORY;
    round_s8(from->data, &channels, r->weights.data, r->scale.data, r);
    return RNNP_OK;
}

/* ---- The copy ---- */

static rnnp_status keep(copy *c, rnnp_value number, const char *name, const rnnp_tensor *tensor)
{
    c->values[c->n_values++] =
        (value){.number = number, .name = name, .tensor = tensor ? *tensor : (rnnp_tensor){.rank = 0}};
    return RNNP_OK;
}

static rnnp_status copy_input(void *user, const rnnp_port_info *port)
{
    copy *c = user;
    rnnp_value v;
    const rnnp_status status =
        rnnp_model_add_input(c->to, port->name, port->dtype, port->rank, port->shape, port->symbol, &v);

    return status == RNNP_OK ? keep(c, v, NULL, NULL) : status;
}

static rnnp_status copy_constant(void *user, const char *name, const rnnp_tensor *tensor)
{
    return keep(user, RNNP_NONE, name, tensor);
}

/* The number in the new model. */
static rnnp_status number_of(copy *c, rnnp_value old, rnnp_value *number)
{
    value *v = old == RNNP_NONE ? NULL : &c->values[old];

    *number = v ? v->number : RNNP_NONE;
    if (!v || v->number != RNNP_NONE) return RNNP_OK;
    const rnnp_status status = rnnp_model_add_constant(c->to, v->name, &v->tensor, &v->number);
    *number = v->number;
    return status;
}

static int has_weights(const copy *c, const rnnp_node *node, const rnnp_value *inputs)
{
    if (node->late) return 0;
    for (size_t i = 0; i < 2 && node->op->weights[i].input; i++) {
        const rnnp_value v = inputs[node->op->weights[i].input];

        if (v == RNNP_NONE || !c->values[v].tensor.dtype) return 0; /* not a constant */
    }
    return node->op->weights[0].input && c->values[inputs[node->op->weights[0].input]].tensor.rank > 1 &&
           (node->op->weights[1].input || c->values[inputs[node->op->weights[0].input]].tensor.rank == 2);
}

/* What the rules say of a layer. */
static rnnp_weights format_for(copy *c, const rnnp_node *node, const char *weights)
{
    for (size_t i = 0; i < c->options->n_rules; i++) {
        const rnnp_quantize_rule *rule = &c->options->rules[i];

        if (fnmatch(rule->pattern, node->name, 0) != 0 && fnmatch(rule->pattern, weights, 0) != 0) continue;
        c->used[i] = 1;
        return rule->weights;
    }
    return c->options->weights;
}

static rnnp_weights format_now(rnnp_dtype dtype)
{
    rnnp_format format;

    rnnp_format_of(dtype, &format);
    return (rnnp_weights)format;
}

/* Adds weights i of a node, and their scale, in the format. */
static rnnp_status add_weights(copy *c, const rnnp_node *node, size_t i, const rnnp_value *old, rnnp_weights format,
                               rnnp_value *inputs, rnnp_quantized_layer *layer, rounded *r)
{
    const value *from = &c->values[old[node->op->weights[i].input]];
    const size_t n = rnnp_tensor_elements(&from->tensor), before = n * rnnp_dtype_bytes(from->tensor.dtype);
    char name[NAME_CHARS];

    layer->parameters += n;
    layer->bytes_before += before;
    layer->bytes_after += before;
    if (format == format_now(from->tensor.dtype)) return RNNP_OK;
    rnnp_status status = round_weights(c, node, i, &from->tensor, format, r);
    if (status != RNNP_OK) return status;
    layer->bytes_after -= before - n * rnnp_dtype_bytes(r->weights.dtype);
    status = rnnp_model_add_constant(c->to, from->name, &r->weights, &inputs[node->op->weights[i].input]);
    if (status == RNNP_OK && r->scale.data) {
        layer->bytes_after += rnnp_tensor_elements(&r->scale) * sizeof(float);
        snprintf(name, sizeof name, "%.240s_scale", from->name);
        status = rnnp_model_add_constant(c->to, name, &r->scale, &inputs[node->op->weights[i].scale]);
    }
    rnnp_arena_free(c->context, &c->arena);
    r->scale.data = NULL;
    return status;
}

/* Of a layer with weights. */
static rnnp_status convert(copy *c, const rnnp_node *node, const rnnp_value *old, rnnp_value *inputs, size_t *n_inputs)
{
    const value *first = &c->values[old[node->op->weights[0].input]];
    const rnnp_weights now = format_now(first->tensor.dtype), format = format_for(c, node, first->name);
    rnnp_quantized_layer layer = {
        .struct_size = sizeof layer, .name = node->name, .op = node->op->name, .weights = now};
    rounded r = {.square = 0};

    if (format != RNNP_WEIGHTS_F32 && now != RNNP_WEIGHTS_F32)
        return rnnp_node_fail(c->context, node, RNNP_ERR_ARG, "its weights are %s already, not f32",
                              rnnp_dtype_name(first->tensor.dtype));
    if (format != RNNP_WEIGHTS_F32) layer.weights = format;
    for (size_t i = 0; i < 2 && node->op->weights[i].input; i++) {
        const rnnp_status status = add_weights(c, node, i, old, layer.weights, inputs, &layer, &r);
        if (status != RNNP_OK) return status;
        if (layer.weights == RNNP_WEIGHTS_S8 && *n_inputs <= node->op->weights[i].scale)
            *n_inputs = node->op->weights[i].scale + 1U;
    }
    layer.rms_error = r.square > 0 ? sqrt(r.change / r.square) : 0;
    layer.max_error = r.largest > 0 ? r.farthest / r.largest : 0;
    if (c->options->layer) c->options->layer(c->options->user, &layer);
    return RNNP_OK;
}

static rnnp_status copy_node(void *user, const rnnp_node *node, const rnnp_value *old, const rnnp_value *old_outputs)
{
    copy *c = user;
    const size_t room = node->n_inputs + MOST_INPUTS, outputs_at = room;
    struct rnnp_block *own = NULL;
    size_t n_inputs = node->n_inputs;
    rnnp_value *inputs = rnnp_arena_calloc(c->context, &own, room + node->n_outputs + 1, sizeof *inputs);
    rnnp_status status = inputs ? RNNP_OK : RNNP_ERR_MEMORY;

    for (size_t i = 0; status == RNNP_OK && i < room; i++) inputs[i] = RNNP_NONE;
    if (status == RNNP_OK && has_weights(c, node, old)) status = convert(c, node, old, inputs, &n_inputs);
    for (size_t i = 0; status == RNNP_OK && i < node->n_inputs; i++) {
        if (inputs[i] == RNNP_NONE) status = number_of(c, old[i], &inputs[i]);
    }
    for (size_t i = 0; status == RNNP_OK && i < node->n_outputs; i++)
        inputs[outputs_at + i] = old_outputs[i] == RNNP_NONE ? RNNP_NONE : 0;
    if (status == RNNP_OK)
        status = rnnp_model_add_node(c->to, node->op->name, node->opset, node->name, inputs, n_inputs, node->attrs,
                                     node->n_attrs, inputs + outputs_at, node->n_outputs);
    for (size_t i = 0; status == RNNP_OK && i < node->n_outputs; i++) {
        if (old_outputs[i] != RNNP_NONE) keep(c, inputs[outputs_at + i], NULL, NULL);
    }
    rnnp_arena_free(c->context, &own);
    return status;
}

static rnnp_status copy_output(void *user, const char *name, rnnp_value old)
{
    copy *c = user;
    rnnp_value number;
    const rnnp_status status = number_of(c, old, &number);

    return status == RNNP_OK ? rnnp_model_add_output(c->to, name, number) : status;
}

/* ---- The call ---- */

static rnnp_status check_options(const rnnp_context *context, const rnnp_quantize_options *o)
{
    if ((unsigned)o->weights >= RNNP_FORMAT_COUNT)
        return rnnp_fail(context, RNNP_ERR_ARG, "unknown format of weights %d", (int)o->weights);
    if (o->n_rules && !o->rules) return rnnp_fail(context, RNNP_ERR_ARG, "rules is NULL");
    for (size_t i = 0; i < o->n_rules; i++) {
        if (!o->rules[i].pattern) return rnnp_fail(context, RNNP_ERR_ARG, "rule %zu has no pattern", i);
        if ((unsigned)o->rules[i].weights >= RNNP_FORMAT_COUNT)
            return rnnp_fail(context, RNNP_ERR_ARG, "rule %zu: unknown format of weights %d", i,
                             (int)o->rules[i].weights);
    }
    return RNNP_OK;
}

static rnnp_status quantize(copy *c, const rnnp_model *model)
{
    const rnnp_visitor visitor = {c, copy_input, copy_constant, copy_node, copy_output, NULL};
    struct rnnp_block *own = NULL;
    rnnp_status status;

    c->values = rnnp_arena_calloc(c->context, &own, model->n_values, sizeof *c->values);
    c->used = rnnp_arena_calloc(c->context, &own, c->options->n_rules + 1, 1);
    status = c->values && c->used ? rnnp_model_create(c->context, &c->to) : RNNP_ERR_MEMORY;
    if (status == RNNP_OK) status = rnnp_model_set_producer(c->to, model->producer);
    if (status == RNNP_OK) status = rnnp_model_copy_metadata(c->to, model);
    if (status == RNNP_OK) status = rnnp_model_visit(model, &visitor);
    for (size_t i = 0; status == RNNP_OK && i < c->options->n_rules; i++) {
        if (!c->used[i])
            status = rnnp_fail(c->context, RNNP_ERR_ARG, "rule %zu: %s fits no layer with constant weights", i,
                               c->options->rules[i].pattern);
    }
    if (status == RNNP_OK) status = rnnp_model_close(c->to);
    rnnp_arena_free(c->context, &c->arena);
    rnnp_arena_free(c->context, &own);
    return status;
}

rnnp_status rnnp_model_quantize(const rnnp_model *model, const rnnp_quantize_options *options, rnnp_model **quantized)
{
    rnnp_quantize_options own;

    if (quantized) *quantized = NULL;
    if (!model) return RNNP_ERR_ARG;
    copy c = {.context = model->context, .options = &own};
    if (!options || !quantized)
        return rnnp_fail(c.context, RNNP_ERR_ARG, "%s is NULL", options ? "quantized" : "options");
    rnnp_status status = RNNP_STRUCT_READ(c.context, rnnp_quantize_options, options, &own);
    if (status == RNNP_OK) status = check_options(c.context, &own);
    if (status == RNNP_OK) status = rnnp_model_need_closed(model);
    if (status == RNNP_OK) status = quantize(&c, model);
    if (status != RNNP_OK) {
        rnnp_model_destroy(c.to);
        return status;
    }
    *quantized = c.to;
    return RNNP_OK;
}
