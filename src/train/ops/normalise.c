/* SPDX-License-Identifier: Apache-2.0
 *
 * Normalisations. BatchNormalization's statistics are constants of the file. The others know their rows again: with
 * n = (x - mean) / sqrt(variance + epsilon) as the operator computes it, g = dy scale, and the means of a row as
 * ReduceMean's,
 *
 *   dscale = sum of dy n    dbias = sum of dy    dx = ((g - mean(g)) - n mean(g n)) / sqrt(variance + epsilon)
 *
 * where sums are over broadcast axes (rnnp_sum_broadcast).
 */
#include "back.h"

#include <math.h>

enum { X, SCALE, BIAS, MEAN, VARIANCE };

/* A tensor of x's shape as [batch][channels][elements], and what has one element for each channel as an operand. */
static rnnp_tensor by_channel(const rnnp_tensor *x, void *data, size_t channels)
{
    const size_t all = (size_t)x->shape[0] * channels, elements = all ? rnnp_tensor_elements(x) / all : 0;

    return (rnnp_tensor){RNNP_DTYPE_F32, 3, {x->shape[0], (int64_t)channels, (int64_t)elements}, .data = data};
}

static rnnp_tensor of_channels(void *data, size_t channels)
{
    return (rnnp_tensor){RNNP_DTYPE_F32, 3, {1, (int64_t)channels, 1}, .data = data};
}

/* ---- BatchNormalization: dx = dy a, a as in run(); dscale = (sum of (x - mean) dy) / sqrt(variance + epsilon) ---- */

/* [(x - mean) dy][one number for each channel] */
static size_t batch_bytes(const rnnp_gradient_shape *shape)
{
    return rnnp_add_bytes(rnnp_align64(rnnp_meta_bytes(&shape->inputs[X])), rnnp_meta_bytes(&shape->inputs[SCALE]));
}

static rnnp_status batch_backward(const rnnp_gradient_call *call)
{
    const rnnp_selection *select = rnnp_call_select(call);
    const size_t channels = rnnp_tensor_elements(&call->inputs[SCALE]);
    const rnnp_tensor *x = &call->inputs[X], *d = call->d_inputs;
    const rnnp_tensor dy = by_channel(x, call->d_outputs[0].data, channels);
    const rnnp_tensor products = by_channel(x, call->workspace, channels);
    float *factor = (float *)(void *)((char *)call->workspace + rnnp_align64(rnnp_tensor_elements(x) * sizeof(float)));
    float *d_scale = d[SCALE].data;
    const float *scale = call->inputs[SCALE].data, *variance = call->inputs[VARIANCE].data;
    const double epsilon = (double)rnnp_norm_epsilon(call->shape.node);

    if (d_scale) {
        const rnnp_tensor in = by_channel(x, x->data, channels);
        const rnnp_tensor mean = of_channels(call->inputs[MEAN].data, channels), sum = of_channels(d_scale, channels);

        rnnp_binary_f32(select, RNNP_OP_sub_f32, &in, &mean, &products);
        rnnp_binary_f32(select, RNNP_OP_mul_f32, &products, &dy, &products);
        rnnp_sum_broadcast(select, &products, &sum);
        for (size_t c = 0; c < channels; c++)
            d_scale[c] = (float)((double)d_scale[c] / sqrt((double)variance[c] + epsilon));
    }
    if (d[BIAS].data) {
        const rnnp_tensor sum = of_channels(d[BIAS].data, channels);

        rnnp_sum_broadcast(select, &dy, &sum);
    }
    if (d[X].data) {
        const rnnp_tensor dx = by_channel(x, d[X].data, channels), a = of_channels(factor, channels);

        for (size_t c = 0; c < channels; c++)
            factor[c] = (float)((double)scale[c] / sqrt((double)variance[c] + epsilon));
        rnnp_binary_f32(select, RNNP_OP_mul_f32, &dy, &a, &dx);
    }
    return RNNP_OK;
}

static rnnp_status batch_check(const rnnp_gradient_shape *shape)
{
    const rnnp_status status = rnnp_check_constant(shape, MEAN, "the mean");

    return status == RNNP_OK ? rnnp_check_constant(shape, VARIANCE, "the variance") : status;
}

RNNP_GRADIENT_ROW(BatchNormalization, .inputs = 7, .keeps_inputs = 0x1B, .backward = batch_backward,
                  .workspace_bytes = batch_bytes, .check = batch_check);

/* ---- The others ---- */

/* Of one node: rows of n elements, and its operands, where scale and bias are broadcast to x. */
typedef struct norm {
    size_t rows, n;
    rnnp_tensor x, dy, dx, scale, d_scale, d_bias;
} norm;

/* [two rows][1 / deviation of each row][n][products] */
typedef struct norm_space {
    size_t inverse, normal, products, bytes;
} norm_space;

static norm_space space_of(size_t rows, size_t n)
{
    const size_t whole = rows * n * sizeof(float);
    norm_space s = {.inverse = rnnp_align64(2 * n * sizeof(float))};

    s.normal = s.inverse + rnnp_align64(rows * sizeof(float));
    s.products = s.normal + rnnp_align64(whole);
    s.bytes = s.products + whole;
    return s;
}

static rnnp_status norm_backward(const rnnp_gradient_call *call, const norm *of)
{
    const rnnp_selection *select = rnnp_call_select(call);
    const rnnp_exec e = rnnp_call_exec(call);
    const norm_space space = space_of(of->rows, of->n);
    const float *inverse = (const float *)(const void *)((const char *)call->workspace + space.inverse);
    rnnp_tensor normal = of->x, products = of->x;

    normal.data = (char *)call->workspace + space.normal;
    products.data = (char *)call->workspace + space.products;
    rnnp_normalise(&e, of->x.data, normal.data, of->rows, of->n, rnnp_norm_epsilon(call->shape.node), NULL,
                   (float *)(void *)((char *)call->workspace + space.inverse));
    if (of->d_bias.data) rnnp_sum_broadcast(select, &of->dy, &of->d_bias);
    if (of->d_scale.data) {
        rnnp_binary_f32(select, RNNP_OP_mul_f32, &of->dy, &normal, &products);
        rnnp_sum_broadcast(select, &products, &of->d_scale);
    }
    if (!of->dx.data) return RNNP_OK;
    rnnp_binary_f32(select, RNNP_OP_mul_f32, &of->dy, &of->scale, &of->dx);
    rnnp_binary_f32(select, RNNP_OP_mul_f32, &of->dx, &normal, &products);
    for (size_t r = 0; r < of->rows; r++) {
        const float *to_mean = (const float *)products.data + r * of->n, *n = (const float *)normal.data + r * of->n;
        float *g = (float *)of->dx.data + r * of->n;
        const float mean = rnnp_row_mean(&e, g, of->n), slope = rnnp_row_mean(&e, to_mean, of->n);

        for (size_t i = 0; i < of->n; i++) g[i] = ((g[i] - mean) - n[i] * slope) * inverse[r];
    }
    return RNNP_OK;
}

static size_t norm_bytes(const rnnp_gradient_shape *shape, size_t n)
{
    return n ? space_of(rnnp_meta_elements(&shape->inputs[X]) / n, n).bytes : 0;
}

/* InstanceNormalization, GroupNormalization */
static size_t instance_bytes(const rnnp_gradient_shape *shape)
{
    const rnnp_tensor x = rnnp_known_tensor(&shape->inputs[X]);

    return norm_bytes(shape, rnnp_norm_row(shape->node, &x));
}

static rnnp_status instance_backward(const rnnp_gradient_call *call)
{
    const rnnp_tensor *x = &call->inputs[X], *d = call->d_inputs;
    const size_t n = rnnp_norm_row(call->shape.node, x), channels = rnnp_tensor_elements(&call->inputs[SCALE]);
    const norm of = {.rows = n ? rnnp_tensor_elements(x) / n : 0,
                     .n = n,
                     .x = by_channel(x, x->data, channels),
                     .dy = by_channel(x, call->d_outputs[0].data, channels),
                     .dx = by_channel(x, d[X].data, channels),
                     .scale = of_channels(call->inputs[SCALE].data, channels),
                     .d_scale = of_channels(d[SCALE].data, channels),
                     .d_bias = of_channels(d[BIAS].data, channels)};

    return norm_backward(call, &of);
}

RNNP_GRADIENT_ROW(InstanceNormalization, .inputs = 7, .keeps_inputs = 3, .backward = instance_backward,
                  .workspace_bytes = instance_bytes);
RNNP_GRADIENT_ROW(GroupNormalization, .inputs = 7, .keeps_inputs = 3, .backward = instance_backward,
                  .workspace_bytes = instance_bytes);

/* LayerNormalization: there may be no bias. */
static size_t layer_row(const rnnp_node *node, const rnnp_tensor *x)
{
    return rnnp_shape_product(x, rnnp_axis_of(node, x->rank), x->rank);
}

static size_t layer_bytes(const rnnp_gradient_shape *shape)
{
    const rnnp_tensor x = rnnp_known_tensor(&shape->inputs[X]);

    return norm_bytes(shape, layer_row(shape->node, &x));
}

static rnnp_status layer_backward(const rnnp_gradient_call *call)
{
    const rnnp_tensor *d = call->d_inputs;
    const size_t n = layer_row(call->shape.node, &call->inputs[X]);
    norm of = {.rows = n ? rnnp_tensor_elements(&call->inputs[X]) / n : 0,
               .n = n,
               .x = call->inputs[X],
               .dy = call->d_outputs[0],
               .dx = d[X],
               .scale = call->inputs[SCALE],
               .d_scale = d[SCALE]};

    if (!rnnp_absent(call->shape.node, BIAS)) of.d_bias = d[BIAS];
    return norm_backward(call, &of);
}

static rnnp_status layer_check(const rnnp_gradient_shape *shape)
{
    for (size_t i = 1; i < 3; i++) {
        if (rnnp_wanted(shape->node, i))
            return rnnp_node_fail(shape->context, shape->node, RNNP_ERR_UNSUPPORTED, "output %zu has no gradient", i);
    }
    return RNNP_OK;
}

RNNP_GRADIENT_ROW(LayerNormalization, .inputs = 7, .keeps_inputs = 3, .backward = layer_backward,
                  .workspace_bytes = layer_bytes, .check = layer_check);

/* ---- LpNormalization: (dy - s (dy . x) / m) / norm in double, rounded once ----
 *
 * With m = norm^2 and s = x, or for p = 1 m = norm and s the sign of x. A norm of 0 divides nothing. Sums are in
 * double, ascending from 0. */

static double sign(double x) { return (x > 0) - (x < 0); }

static rnnp_status lp_backward(const rnnp_gradient_call *call)
{
    const rnnp_tensor *dx = &call->d_inputs[0];
    const size_t axis = rnnp_axis_of(call->shape.node, dx->rank), n = (size_t)dx->shape[axis];
    const size_t inner = rnnp_shape_product(dx, axis + 1, dx->rank), outer = rnnp_shape_product(dx, 0, axis);
    const int absolute = rnnp_lp_of(call->shape.node) == 1;

    for (size_t i = 0; dx->data && i < outer * inner; i++) {
        const size_t first = i / inner * n * inner + i % inner;
        const float *x = (const float *)call->inputs[0].data + first,
                    *dy = (const float *)call->d_outputs[0].data + first;
        double size = 0, dot = 0;

        for (size_t k = 0; k < n * inner; k += inner) {
            size += absolute ? fabs((double)x[k]) : (double)x[k] * (double)x[k];
            dot += (double)dy[k] * (double)x[k];
        }
        const double share = size == 0 ? 0 : dot / size, length = size == 0 ? 1 : absolute ? size : sqrt(size);
        for (size_t k = 0; k < n * inner; k += inner)
            ((float *)dx->data)[first + k] =
                (float)(((double)dy[k] - (absolute ? sign((double)x[k]) : (double)x[k]) * share) / length);
    }
    return RNNP_OK;
}

RNNP_GRADIENT_ROW(LpNormalization, .inputs = 1, .keeps_inputs = 1, .backward = lp_backward);
