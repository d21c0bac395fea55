/* SPDX-License-Identifier: Apache-2.0
 *
 * Normalisations. BatchNormalization takes its statistics from the file: one product and one sum for each element. The
 * others take them from rows of x, which is seen as [rows][elements]: mean, differences, mean of their squares.
 */
#include "params.h"

#include <math.h>

typedef struct norm_params {
    int64_t axis; /* LayerNormalization: where rows begin */
    int64_t groups;
    float epsilon;
} norm_params;

/* ---- What they share ---- */

float rnnp_norm_epsilon(const rnnp_node *node) { return ((const norm_params *)node->params)->epsilon; }

static rnnp_status parse_stash(rnnp_parse *p)
{
    const int64_t type = rnnp_parse_int(p, "stash_type", 1);

    return type == 1 ? RNNP_OK
                     : PARSE_FAIL(p, RNNP_ERR_UNSUPPORTED, "stash_type is %lld: computed in f32 only", (long long)type);
}

/* Inputs from the second on have one element for each channel of x, or for each of so many groups. */
static rnnp_status infer_channels(rnnp_infer *in, const rnnp_meta *inputs, size_t least_rank, int64_t groups)
{
    rnnp_status status = rnnp_infer_type(in, inputs, 0, RNNP_BIT(RNNP_DTYPE_F32));
    int64_t agreed;

    if (status == RNNP_OK && inputs[0].rank < least_rank)
        status = FAIL(in, RNNP_ERR_SHAPE, "an input of rank %zu", inputs[0].rank);
    const int64_t channels = groups ? groups : inputs[0].rank > 1 ? inputs[0].dim[1] : 1;
    for (size_t i = 1; status == RNNP_OK && i < in->node->n_inputs; i++) {
        if ((status = rnnp_infer_type(in, inputs, i, RNNP_BIT(RNNP_DTYPE_F32))) != RNNP_OK) break;
        if (inputs[i].rank != 1) return FAIL(in, RNNP_ERR_SHAPE, "input %zu has rank %zu, not 1", i, inputs[i].rank);
        status = rnnp_infer_same(in, groups ? "the number of groups" : "the number of channels", channels,
                                 inputs[i].dim[0], &agreed);
    }
    return status;
}

/* y as [batch][channels][elements], and what has one element for each channel as an operand of it; last: as [batch *
 * elements][channels]. */
static rnnp_tensor by_channel(const rnnp_tensor *y, size_t channels, int last)
{
    const size_t batch = (size_t)y->shape[0], n = rnnp_tensor_elements(y);
    const size_t all = batch * channels;

    if (last)
        return (rnnp_tensor){
            RNNP_DTYPE_F32, 2, {(int64_t)(channels ? n / channels : 0), (int64_t)channels}, .data = y->data};
    return (rnnp_tensor){
        RNNP_DTYPE_F32, 3, {y->shape[0], (int64_t)channels, (int64_t)(all ? n / all : 0)}, .data = y->data};
}

static rnnp_tensor of_channels(const void *data, size_t channels, int last)
{
    return (rnnp_tensor){RNNP_DTYPE_F32, last ? 1 : 2, {(int64_t)channels, 1}, .const_data = data};
}

/* y = x scale + bias, broadcast, rounded twice. */
static void scale_and_shift(const rnnp_exec *e, const rnnp_tensor *x, const rnnp_tensor *scale, const rnnp_tensor *bias,
                            const rnnp_tensor *y)
{
    rnnp_binary_f32(e->select, RNNP_OP_mul_f32, x, scale, y);
    if (bias->data) rnnp_binary_f32(e->select, RNNP_OP_add_f32, y, bias, y);
}

float rnnp_row_mean(const rnnp_exec *e, const float *x, size_t n)
{
    float mean = NAN;

    if (n)
        e->select->op[RNNP_OP_reduce_mean_f32]->fn.reduce_mean_f32(
            &(rnnp_row_args){.x = x, .y = &mean, .rows = 1, .cols = n, .ldx = n, .ldy = 1});
    return mean;
}

void rnnp_normalise(const rnnp_exec *e, const float *x, float *y, size_t rows, size_t n, float epsilon, float *mean,
                    float *inverse)
{
    const rnnp_variant *subtract = e->select->op[RNNP_OP_sub_f32], *multiply = e->select->op[RNNP_OP_mul_f32];
    float *squares = e->workspace;

    for (size_t r = 0; r < rows && !n && (mean || inverse); r++) { /* there may be no memory to point at */
        if (mean) mean[r] = NAN;
        if (inverse) inverse[r] = NAN;
    }
    for (size_t r = 0; r < rows && n; r++) {
        float *to = y ? y + r * n : squares + n;
        const float m = rnnp_row_mean(e, x + r * n, n);

        subtract->fn.sub_f32(&(rnnp_binary_args){.a = x + r * n, .b = &m, .y = to, .n = n, .a_step = 1});
        multiply->fn.mul_f32(&(rnnp_binary_args){.a = to, .b = to, .y = squares, .n = n, .a_step = 1, .b_step = 1});
        const float inv = 1 / sqrtf(rnnp_row_mean(e, squares, n) + epsilon);
        multiply->fn.mul_f32(&(rnnp_binary_args){.a = to, .b = &inv, .y = to, .n = n, .a_step = 1});
        if (mean) mean[r] = m;
        if (inverse) inverse[r] = inv;
    }
}

/* Bytes; none where no row has an element, however long it is. */
static size_t two_rows(const rnnp_tensor *x, size_t n)
{
    return rnnp_tensor_elements(x) ? rnnp_add_bytes(n * sizeof(float), n * sizeof(float)) : 0;
}

/* Where no input but x has time, and time is in front of axis `end`. */
static int time_before(const rnnp_node *node, const int *in_axis, int end, int *out_axis)
{
    for (size_t i = 1; i < node->n_inputs; i++)
        if (in_axis[i] != RNNP_TIME_NONE) return RNNP_TIME_MIXED;
    for (size_t i = 0; i < node->n_outputs; i++) out_axis[i] = in_axis[0];
    return in_axis[0] < end ? 0 : RNNP_TIME_MIXED;
}

/* ---- BatchNormalization ---- */

static rnnp_status batch_parse(rnnp_parse *p, void *params)
{
    norm_params *norm = params;

    rnnp_parse_float(p, "momentum", 0.9f); /* of training */
    norm->epsilon = rnnp_parse_float(p, "epsilon", 1e-5f);
    if (p->node->opset < 9 && !rnnp_parse_int(p, "spatial", 1))
        return PARSE_FAIL(p, RNNP_ERR_UNSUPPORTED, "spatial is 0");
    if ((p->node->opset >= 14 && rnnp_parse_int(p, "training_mode", 0)) ||
        (p->node->opset < 7 && !rnnp_parse_int(p, "is_test", 0)))
        return PARSE_FAIL(p, RNNP_ERR_UNSUPPORTED, "training_mode is set");
    for (size_t i = 1; i < p->node->n_outputs; i++)
        if (rnnp_wanted(p->node, i)) return PARSE_FAIL(p, RNNP_ERR_UNSUPPORTED, "output %zu is of training", i);
    return RNNP_OK;
}

static RNNP_INFER(batch_infer)
{
    rnnp_meta_like(&outputs[0], &inputs[0]);
    return infer_channels(in, inputs, 1, 0);
}

static RNNP_SCRATCH(batch_workspace)
{
    return rnnp_add_bytes(rnnp_meta_bytes(&p->inputs[1]), rnnp_meta_bytes(&p->inputs[1]));
}

/* a = scale / sqrt(variance + epsilon) and b = bias - mean a in double, each rounded once. */
static void batch_begin(const rnnp_exec *e, const rnnp_node *node, const rnnp_tensor *inputs)
{
    const norm_params *norm = node->params;
    const size_t channels = rnnp_tensor_elements(&inputs[1]);
    const float *const given[] = {inputs[1].data, inputs[2].data, inputs[3].data, inputs[4].data};
    float *a = e->workspace, *b = a + channels;

    for (size_t c = 0; c < channels; c++) {
        const double factor = (double)given[0][c] / sqrt((double)given[3][c] + (double)norm->epsilon);

        a[c] = (float)factor;
        b[c] = (float)((double)given[1][c] - (double)given[2][c] * factor);
    }
}

/* y = x a + b. */
static RNNP_RUN(batch_run)
{
    const size_t channels = rnnp_tensor_elements(&inputs[1]);
    const float *a = e->workspace, *b = a + channels;
    const int last = e->channels_last != 0;
    const rnnp_tensor scale = of_channels(a, channels, last), shift = of_channels(b, channels, last);
    const rnnp_tensor x = by_channel(&inputs[0], channels, last), y = by_channel(&outputs[0], channels, last);

    if (!e->is_part) batch_begin(e, node, inputs);
    scale_and_shift(e, &x, &scale, &shift, &y);
    return RNNP_OK;
}

static RNNP_LAST(batch_last) { return outputs[0].rank > 2 ? RNNP_LAST_ALIKE | RNNP_LAST_ROWS : 0; }

static RNNP_TIME(batch_time)
{
    const int status = time_before(node, in_axis, RNNP_MAX_RANK, out_axis);

    return status == 0 && in_axis[0] == 1 ? RNNP_TIME_MIXED : status;
}

RNNP_DEFINE_OUTPUTS(BatchNormalization, 5, 5, 1, 5, .param_bytes = sizeof(norm_params), .parse = batch_parse,
                    .infer = batch_infer, .run = batch_run, .time = batch_time, .workspace_bytes = batch_workspace,
                    .in_place = 1, .channels_last = batch_last, .begin = batch_begin);

/* ---- InstanceNormalization, GroupNormalization: a row is a channel, or the channels of a group ---- */

static rnnp_status instance_parse(rnnp_parse *p, void *params)
{
    norm_params *norm = params;

    norm->epsilon = rnnp_parse_float(p, "epsilon", 1e-5f);
    return RNNP_OK;
}

static rnnp_status group_parse(rnnp_parse *p, void *params)
{
    norm_params *norm = params;

    norm->epsilon = rnnp_parse_float(p, "epsilon", 1e-5f);
    norm->groups = rnnp_parse_int(p, "num_groups", 0);
    if (norm->groups < 1) return PARSE_FAIL(p, RNNP_ERR_ARG, "num_groups is %lld", (long long)norm->groups);
    return p->node->opset >= 21 ? parse_stash(p) : RNNP_OK;
}

static RNNP_INFER(instance_infer)
{
    const norm_params *norm = in->node->params;
    const rnnp_status status = infer_channels(in, inputs, 2, in->node->opset < 21 ? norm->groups : 0);

    rnnp_meta_like(&outputs[0], &inputs[0]);
    if (status != RNNP_OK || !norm->groups || rnnp_dim_is_symbol(inputs[0].dim[1]) ||
        inputs[0].dim[1] % norm->groups == 0)
        return status;
    return FAIL(in, RNNP_ERR_SHAPE, "%lld channels in %lld groups", (long long)inputs[0].dim[1],
                (long long)norm->groups);
}

size_t rnnp_norm_row(const rnnp_node *node, const rnnp_tensor *x)
{
    const norm_params *norm = node->params;

    return (norm->groups ? (size_t)(x->shape[1] / norm->groups) : 1) * rnnp_shape_product(x, 2, x->rank);
}

static RNNP_SCRATCH(instance_workspace)
{
    const rnnp_tensor x = rnnp_known_tensor(&p->inputs[0]);

    return two_rows(&x, rnnp_norm_row(p->node, &x));
}

static RNNP_RUN(instance_run)
{
    const norm_params *norm = node->params;
    const size_t channels = rnnp_tensor_elements(&inputs[1]), row = rnnp_norm_row(node, &inputs[0]);
    const rnnp_tensor scale = of_channels(inputs[1].data, channels, 0), bias = of_channels(inputs[2].data, channels, 0);
    const rnnp_tensor y = by_channel(&outputs[0], channels, 0);

    if (row == 0) return RNNP_OK;
    rnnp_normalise(e, inputs[0].data, y.data, rnnp_tensor_elements(&inputs[0]) / row, row, norm->epsilon, NULL, NULL);
    scale_and_shift(e, &y, &scale, &bias, &y);
    return RNNP_OK;
}

static RNNP_TIME(instance_time) { return time_before(node, in_axis, 1, out_axis); }

#define INSTANCE(op_name, since, parser)                                                                      \
    RNNP_DEFINE(op_name, 3, 3, .since_opset = (since), .param_bytes = sizeof(norm_params), .parse = (parser), \
                .infer = instance_infer, .run = instance_run, .time = instance_time,                          \
                .workspace_bytes = instance_workspace)

INSTANCE(InstanceNormalization, 0, instance_parse);
INSTANCE(GroupNormalization, 18, group_parse);

/* ---- LayerNormalization: a row is the axes from `axis` on; mean and 1 / deviation are results if wanted ---- */

static rnnp_status layer_parse(rnnp_parse *p, void *params)
{
    norm_params *norm = params;

    norm->axis = rnnp_parse_int(p, "axis", -1);
    norm->epsilon = rnnp_parse_float(p, "epsilon", 1e-5f);
    return parse_stash(p);
}

static RNNP_INFER(layer_infer)
{
    const norm_params *norm = in->node->params;
    rnnp_status status = rnnp_infer_type(in, inputs, 0, RNNP_BIT(RNNP_DTYPE_F32));
    size_t axis = 0;

    if (status == RNNP_OK) status = rnnp_infer_axis(in, norm->axis, inputs[0].rank, &axis);
    for (size_t i = 1; status == RNNP_OK && i < 3; i++)
        if (!rnnp_absent(in->node, i)) status = rnnp_infer_broadcast_to_first(in, inputs, i);
    for (size_t i = 0; i < 3; i++) {
        rnnp_meta_like(&outputs[i], &inputs[0]);
        for (size_t k = axis; i > 0 && k < inputs[0].rank; k++) outputs[i].dim[k] = 1;
    }
    return status;
}

static RNNP_SCRATCH(layer_workspace)
{
    const rnnp_tensor x = rnnp_known_tensor(&p->inputs[0]);

    return two_rows(&x, rnnp_shape_product(&x, rnnp_axis_of(p->node, x.rank), x.rank));
}

static RNNP_RUN(layer_run)
{
    const norm_params *norm = node->params;
    const rnnp_tensor *x = &inputs[0];
    const size_t axis = rnnp_axis_of(node, x->rank);

    rnnp_normalise(e, x->data, outputs[0].data, rnnp_shape_product(x, 0, axis), rnnp_shape_product(x, axis, x->rank),
                   norm->epsilon, outputs[1].data, outputs[2].data);
    if (outputs[0].data) scale_and_shift(e, &outputs[0], &inputs[1], &inputs[2], &outputs[0]);
    return RNNP_OK;
}

static RNNP_TIME(layer_time) { return time_before(node, in_axis, (int)rnnp_axis_of(node, inputs[0].rank), out_axis); }

RNNP_DEFINE_OUTPUTS(LayerNormalization, 2, 3, 1, 3, .since_opset = 17, .param_bytes = sizeof(norm_params),
                    .parse = layer_parse, .infer = layer_infer, .run = layer_run, .time = layer_time,
                    .workspace_bytes = layer_workspace);
