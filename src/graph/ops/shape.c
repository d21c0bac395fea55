/* SPDX-License-Identifier: Apache-2.0
 *
 * Identity, Dropout, Squeeze, Unsqueeze: views; Shape and Size: what reads the shape. Other views: reshape.c.
 */
#include "ops.h"

/* ---- Identity ---- */

static RNNP_INFER(identity_infer)
{
    rnnp_meta_like(&outputs[0], &inputs[0]);
    return RNNP_OK;
}

RNNP_DEFINE(Identity, 1, 1, .infer = identity_infer, .channels_last = rnnp_last_elementwise, RNNP_VIEW);

/* ---- Dropout: the identity, and a mask of ones if it is used ---- */

static rnnp_status dropout_parse(rnnp_parse *p, void *params)
{
    (void)params;
    if (p->node->opset < 7 && !rnnp_parse_int(p, "is_test", 0))
        return PARSE_FAIL(p, RNNP_ERR_UNSUPPORTED, "is_test is not set: it drops at random");
    if (p->node->opset < 12) {
        rnnp_parse_float(p, "ratio", 0.5f);
        if (p->node->n_inputs > 1) return PARSE_FAIL(p, RNNP_ERR_ARG, "the ratio is an attribute before opset 12");
    } else {
        rnnp_parse_int(p, "seed", 0);
    }
    return RNNP_OK;
}

static rnnp_status dropout_training(const rnnp_context *context, const rnnp_node *node, const void *training_mode)
{
    if (training_mode && *(const uint8_t *)training_mode)
        return rnnp_node_fail(context, node, RNNP_ERR_UNSUPPORTED, "training_mode is set");
    return RNNP_OK;
}

static RNNP_INFER(dropout_infer)
{
    rnnp_status status;

    rnnp_meta_like(&outputs[0], &inputs[0]);
    rnnp_meta_like(&outputs[1], &inputs[0]);
    if (in->node->opset >= 10) outputs[1].dtype = RNNP_DTYPE_BOOL;
    if ((status = rnnp_infer_type(in, inputs, 0, RNNP_BIT(RNNP_DTYPE_F32))) != RNNP_OK || rnnp_absent(in->node, 2))
        return status;
    if ((status = rnnp_infer_type(in, inputs, 2, RNNP_BIT(RNNP_DTYPE_BOOL))) != RNNP_OK ||
        (status = rnnp_infer_scalar(in, inputs, 2, "training_mode")) != RNNP_OK)
        return status;
    return dropout_training(in->context, in->node, inputs[2].known);
}

static RNNP_RUN(dropout_run)
{
    const rnnp_tensor *mask = &outputs[1];

    if (mask->data && mask->dtype == RNNP_DTYPE_BOOL) memset(mask->data, 1, rnnp_tensor_elements(mask));
    for (size_t i = 0; mask->data && mask->dtype == RNNP_DTYPE_F32 && i < rnnp_tensor_elements(mask); i++)
        ((float *)mask->data)[i] = 1.0f;
    rnnp_view_run(e, node, inputs, outputs);
    return dropout_training(e->context, node, inputs[2].data);
}

/* A mode that only input data tells must be looked at by each run. */
static RNNP_VIEWS(dropout_view) { return !rnnp_wanted(node, 1) && (rnnp_absent(node, 2) || inputs[2].known); }

static RNNP_TIME(dropout_time)
{
    out_axis[0] = out_axis[1] = in_axis[0];
    return 0;
}

RNNP_DEFINE_OUTPUTS(Dropout, 1, 3, 1, 2, .parse = dropout_parse, .infer = dropout_infer, .run = dropout_run,
                    .view = dropout_view, .time = dropout_time);

/* ---- Squeeze, Unsqueeze: axes are an attribute before opset 13, an input since ---- */

static rnnp_status axes_parse(rnnp_parse *p, void *params)
{
    if (p->node->opset >= 13) return RNNP_OK;
    if (p->node->n_inputs > 1) return PARSE_FAIL(p, RNNP_ERR_ARG, "axes are an attribute before opset 13");
    return rnnp_parse_ints(p, "axes", params);
}

static rnnp_status axes_infer(rnnp_infer *in, const rnnp_meta *inputs, rnnp_ints *axes)
{
    *axes = *(const rnnp_ints *)in->node->params;
    return rnnp_absent(in->node, 1) ? RNNP_OK : rnnp_infer_ints(in, inputs, 1, "axes", axes, NULL);
}

static unsigned squeeze_mask(const rnnp_meta *x, const rnnp_ints *axes)
{
    unsigned mask = 0;

    if (axes->given) return rnnp_axes_mask(axes, x->rank);
    for (size_t i = 0; i < x->rank; i++) mask |= x->dim[i] == 1 ? 1u << i : 0;
    return mask;
}

/* Without axes. While a model is closed a symbol counts as a size above 1, which is what its producer saw. In a run the
 * size decides, as the standard says; in a stream and in training the symbol does, because there a call is a part of
 * something longer. */
static unsigned ones_mask(rnnp_infer *in, const rnnp_meta *x)
{
    const rnnp_meta *closed = in->part ? &in->node->input_metas[0] : x;

    for (size_t i = 0; i < x->rank; i++) in->guessed |= rnnp_dim_is_symbol(x->dim[i]);
    return squeeze_mask(closed->rank == x->rank ? closed : x, &(rnnp_ints){0});
}

static RNNP_INFER(squeeze_infer)
{
    const rnnp_meta *x = &inputs[0];
    rnnp_meta *out = &outputs[0];
    rnnp_status status;
    rnnp_ints axes;
    unsigned mask;

    if ((status = axes_infer(in, inputs, &axes)) != RNNP_OK ||
        (status = rnnp_infer_axes(in, &axes, x->rank, &mask)) != RNNP_OK)
        return status;
    *out = (rnnp_meta){.dtype = x->dtype};
    if (!axes.given) mask = ones_mask(in, x);
    for (size_t i = 0; i < x->rank; i++) {
        if (!(mask >> i & 1))
            out->dim[out->rank++] = x->dim[i];
        else if (!rnnp_dim_is_symbol(x->dim[i]) && x->dim[i] != 1)
            return FAIL(in, RNNP_ERR_SHAPE, "axis %zu has %lld elements", i, (long long)x->dim[i]);
    }
    return RNNP_OK;
}

static RNNP_TIME(squeeze_time)
{
    rnnp_ints axes = *(const rnnp_ints *)node->params;

    if (!rnnp_known_ints(node, inputs, 1, &axes)) return RNNP_TIME_UNKNOWN;
    return rnnp_time_without(in_axis[0], squeeze_mask(&inputs[0], &axes), 0, &out_axis[0]);
}

static const char *squeeze_lint(const rnnp_node *node, const char *producer)
{
    const rnnp_meta *x = &node->input_metas[0];

    (void)producer;
    if (((const rnnp_ints *)node->params)->given || !rnnp_absent(node, 1)) return NULL;
    for (size_t i = 0; i < x->rank; i++) {
        if (rnnp_dim_is_symbol(x->dim[i]))
            return "without axes: a run in which a dynamic dimension is 1 loses it, and so has results of lower rank; "
                   "give the axes";
    }
    return NULL;
}

static RNNP_INFER(unsqueeze_infer)
{
    const rnnp_meta *x = &inputs[0];
    rnnp_meta *out = &outputs[0];
    rnnp_status status;
    rnnp_ints axes;
    unsigned mask;

    if ((status = axes_infer(in, inputs, &axes)) != RNNP_OK) return status;
    if (!axes.given) return FAIL(in, RNNP_ERR_ARG, "there are no axes");
    if (x->rank + axes.count > RNNP_MAX_RANK)
        return FAIL(in, RNNP_ERR_UNSUPPORTED, "the result has rank %zu, above %d", x->rank + axes.count, RNNP_MAX_RANK);
    *out = (rnnp_meta){.dtype = x->dtype, .rank = x->rank + axes.count};
    if ((status = rnnp_infer_axes(in, &axes, out->rank, &mask)) != RNNP_OK) return status;
    for (size_t i = 0, from = 0; i < out->rank; i++) out->dim[i] = mask >> i & 1 ? 1 : x->dim[from++];
    return RNNP_OK;
}

static RNNP_TIME(unsqueeze_time)
{
    rnnp_ints axes = *(const rnnp_ints *)node->params;

    if (!rnnp_known_ints(node, inputs, 1, &axes)) return RNNP_TIME_UNKNOWN;
    out_axis[0] = in_axis[0];
    if (in_axis[0] == RNNP_TIME_NONE) return 0;
    const size_t rank = inputs[0].rank + axes.count;
    const unsigned mask = rnnp_axes_mask(&axes, rank);
    int from = -1;
    for (int i = 0; i < (int)rank && from < in_axis[0]; i++) {
        from += !(mask >> i & 1);
        out_axis[0] = i;
    }
    return 0;
}

#define AXES_VIEW(name, ...) \
    RNNP_DEFINE(name, 1, 2, .param_bytes = sizeof(rnnp_ints), .parse = axes_parse, RNNP_VIEW, __VA_ARGS__)

AXES_VIEW(Squeeze, .infer = squeeze_infer, .time = squeeze_time, .lint = squeeze_lint);
AXES_VIEW(Unsqueeze, .infer = unsqueeze_infer, .time = unsqueeze_time);

/* ---- Shape, Size ---- */

typedef struct shape_params {
    int64_t start, end;
} shape_params;

static rnnp_status shape_parse(rnnp_parse *p, void *params)
{
    shape_params *shape = params;

    *shape = (shape_params){0, INT64_MAX};
    if (p->node->opset >= 15) {
        shape->start = rnnp_parse_int(p, "start", 0);
        shape->end = rnnp_parse_int(p, "end", INT64_MAX);
    }
    return RNNP_OK;
}

static size_t clamp_axis(int64_t axis, size_t rank)
{
    const int64_t r = (int64_t)rank;

    if (axis < 0) axis = axis < -r ? 0 : axis + r;
    return axis > r ? rank : (size_t)axis;
}

static size_t shape_range(const rnnp_node *node, size_t rank, size_t *start)
{
    const shape_params *shape = node->params;
    const size_t end = clamp_axis(shape->end, rank);

    *start = clamp_axis(shape->start, rank);
    return end > *start ? end - *start : 0;
}

static RNNP_INFER(shape_infer)
{
    size_t start;

    outputs[0] = (rnnp_meta){.dtype = RNNP_DTYPE_I64, .rank = 1};
    outputs[0].dim[0] = (int64_t)shape_range(in->node, inputs[0].rank, &start);
    return RNNP_OK;
}

static RNNP_RUN(shape_run)
{
    size_t start;
    const size_t n = shape_range(node, inputs[0].rank, &start);

    if (n) memcpy(outputs[0].data, inputs[0].shape + start, n * sizeof *inputs[0].shape);
    return RNNP_OK;
}

static RNNP_TIME(no_time)
{
    out_axis[0] = RNNP_TIME_NONE;
    return 0;
}

RNNP_DEFINE(Shape, 1, 1, .param_bytes = sizeof(shape_params), .parse = shape_parse, .infer = shape_infer,
            .run = shape_run, .shape_only = 1, .moves = RNNP_MOVES_ALL, .time = no_time);

static RNNP_INFER(size_infer)
{
    outputs[0] = (rnnp_meta){.dtype = RNNP_DTYPE_I64};
    return RNNP_OK;
}

static RNNP_RUN(size_run)
{
    *(int64_t *)outputs[0].data = (int64_t)rnnp_tensor_elements(&inputs[0]);
    return RNNP_OK;
}

RNNP_DEFINE(Size, 1, 1, .infer = size_infer, .run = size_run, .shape_only = 1, .time = no_time);
