/* SPDX-License-Identifier: Apache-2.0
 *
 * QuantizeLinear and DequantizeLinear, opsets 10 to 25: one scale and zero point for a tensor, or one for each index of
 * an axis. In f32, as ONNX defines them: (x - zero point) scale, and x / scale rounded to the nearest, ties to even,
 * plus zero point, saturated. A NaN becomes the zero point.
 */
#include "ops.h"

#include <math.h>

enum { X, SCALE, ZERO };

typedef struct linear_params {
    int64_t axis;
    rnnp_dtype to; /* QuantizeLinear without zero point */
} linear_params;

/* A TensorProto.DataType that is float, or that of the scale, which is float, too. */
static int computes_in_f32(rnnp_parse *p, const char *attr)
{
    const int64_t type = rnnp_parse_int(p, attr, 0);

    return type == 0 || type == 1;
}

static rnnp_status linear_parse(rnnp_parse *p, void *params)
{
    /* TensorProto.DataType */
    static const rnnp_dtype dtypes[] = {RNNP_DTYPE_U8, 0, RNNP_DTYPE_U8, RNNP_DTYPE_I8};
    const int quantizes = strcmp(p->node->op->name, "QuantizeLinear") == 0;
    linear_params *linear = params;

    linear->axis = p->node->opset >= 13 ? rnnp_parse_int(p, "axis", 1) : 1;
    linear->to = RNNP_DTYPE_U8;
    if (p->node->opset >= 21 && rnnp_parse_int(p, "block_size", 0) != 0)
        return PARSE_FAIL(p, RNNP_ERR_UNSUPPORTED, "block_size is not 0");
    if (p->node->opset >= 19 && quantizes) rnnp_parse_int(p, "saturate", 1); /* of 8-bit floating-point types only */
    if (p->node->opset >= 23 && !computes_in_f32(p, quantizes ? "precision" : "output_dtype"))
        return PARSE_FAIL(p, RNNP_ERR_UNSUPPORTED, "%s is not float", quantizes ? "precision" : "output_dtype");
    if (p->node->opset < 21 || !quantizes) return RNNP_OK;
    const int64_t to = rnnp_parse_int(p, "output_dtype", 0);
    linear->to = to >= 0 && (size_t)to < sizeof dtypes / sizeof dtypes[0] ? dtypes[to] : (rnnp_dtype)0;
    if (!linear->to) return PARSE_FAIL(p, RNNP_ERR_UNSUPPORTED, "output_dtype %lld", (long long)to);
    return RNNP_OK;
}

static rnnp_status check_scales(const rnnp_context *context, const rnnp_node *node, const float *scale, size_t n)
{
    const size_t bad = rnnp_bad_scale(scale, n);

    if (bad == n) return RNNP_OK;
    return rnnp_node_fail(context, node, RNNP_ERR_ARG, "scale %zu is %g, expected a finite number above 0", bad,
                          (double)scale[bad]);
}

static rnnp_status check_zeros(const rnnp_context *context, const rnnp_node *node, const rnnp_tensor *zero)
{
    for (size_t i = 0; zero->dtype == RNNP_DTYPE_I32 && i < rnnp_tensor_elements(zero); i++) {
        if (((const int32_t *)zero->data)[i])
            return rnnp_node_fail(context, node, RNNP_ERR_ARG, "zero point %zu of i32 is %d, expected 0", i,
                                  ((const int32_t *)zero->data)[i]);
    }
    return RNNP_OK;
}

/* Scale and zero point against X: of one element, or of rank 1 with one for each index of the axis. */
static rnnp_status check_scale(rnnp_infer *in, const rnnp_meta *inputs)
{
    const linear_params *linear = in->node->params;
    const rnnp_meta *x = &inputs[X], *scale = &inputs[SCALE], *zero = &inputs[ZERO];
    rnnp_status status = rnnp_infer_type(in, inputs, SCALE, RNNP_BIT(RNNP_DTYPE_F32));
    int64_t dim;
    size_t axis;

    if (status != RNNP_OK) return status;
    if (scale->rank > 1) return FAIL(in, RNNP_ERR_UNSUPPORTED, "the scale has rank %zu, expected 0 or 1", scale->rank);
    if (scale->rank == 1 && scale->dim[0] != 1) {
        if ((status = rnnp_infer_axis(in, linear->axis, x->rank, &axis)) != RNNP_OK ||
            (status = rnnp_infer_same(in, "number of scales", x->dim[axis], scale->dim[0], &dim)) != RNNP_OK)
            return status;
    }
    if (zero->dtype && rnnp_meta_elements(zero) != rnnp_meta_elements(scale))
        return FAIL(in, RNNP_ERR_SHAPE, "the zero point has shape [%s] and the scale [%s]",
                    rnnp_print_dims(zero->rank, zero->dim, ',').s, rnnp_print_dims(scale->rank, scale->dim, ',').s);
    if (scale->known) status = check_scales(in->context, in->node, scale->known, rnnp_meta_elements(scale));
    if (status != RNNP_OK || !zero->known) return status;
    const rnnp_tensor known = rnnp_known_tensor(zero);
    return check_zeros(in->context, in->node, &known);
}

static RNNP_INFER(dequantize_infer)
{
    const rnnp_status status =
        rnnp_infer_type(in, inputs, X, RNNP_BIT(RNNP_DTYPE_I8) | RNNP_BIT(RNNP_DTYPE_U8) | RNNP_BIT(RNNP_DTYPE_I32));

    if (status != RNNP_OK) return status;
    if (inputs[ZERO].dtype && inputs[ZERO].dtype != inputs[X].dtype)
        return FAIL(in, RNNP_ERR_TYPE, "the zero point is %s and x is %s", rnnp_dtype_name(inputs[ZERO].dtype),
                    rnnp_dtype_name(inputs[X].dtype));
    rnnp_meta_like(&outputs[0], &inputs[X]);
    outputs[0].dtype = RNNP_DTYPE_F32;
    return check_scale(in, inputs);
}

static RNNP_INFER(quantize_infer)
{
    const linear_params *linear = in->node->params;
    rnnp_status status = rnnp_infer_type(in, inputs, X, RNNP_BIT(RNNP_DTYPE_F32) | RNNP_BIT(RNNP_DTYPE_I32));

    if (status == RNNP_OK && inputs[ZERO].dtype)
        status = rnnp_infer_type(in, inputs, ZERO, RNNP_BIT(RNNP_DTYPE_I8) | RNNP_BIT(RNNP_DTYPE_U8));
    if (status != RNNP_OK) return status;
    rnnp_meta_like(&outputs[0], &inputs[X]);
    outputs[0].dtype = inputs[ZERO].dtype ? inputs[ZERO].dtype : linear->to;
    return check_scale(in, inputs);
}

/* X as [outer][channels][inner], a scale for each channel; channels is 1 with one scale for all. */
typedef struct extent {
    size_t outer, channels, inner;
} extent;

static rnnp_status begin(const rnnp_exec *e, const rnnp_node *node, const rnnp_tensor *inputs, extent *to)
{
    const linear_params *linear = node->params;
    const rnnp_tensor *x = &inputs[X], *scale = &inputs[SCALE];
    rnnp_status status = check_scales(e->context, node, scale->data, rnnp_tensor_elements(scale));

    if (status == RNNP_OK && inputs[ZERO].dtype) status = check_zeros(e->context, node, &inputs[ZERO]);
    *to = (extent){1, 1, rnnp_tensor_elements(x)};
    if (rnnp_tensor_elements(scale) == 1 || to->inner == 0) return status;
    const size_t axis = rnnp_axis(linear->axis, x->rank);
    *to = (extent){rnnp_shape_product(x, 0, axis), (size_t)x->shape[axis], rnnp_shape_product(x, axis + 1, x->rank)};
    return status;
}

static int32_t zero_at(const rnnp_tensor *zero, size_t i)
{
    switch ((int)zero->dtype) {
    case RNNP_DTYPE_I8: return ((const int8_t *)zero->data)[i];
    case RNNP_DTYPE_U8: return ((const uint8_t *)zero->data)[i];
    default: return 0;
    }
}

#define DEQUANTIZE(T) \
    for (size_t i = 0; i < size.inner; i++) y[at + i] = (float)(((const T *)inputs[X].data)[at + i] - zero) * scale

static RNNP_RUN(dequantize_run)
{
    float *y = outputs[0].data;
    extent size;
    const rnnp_status status = begin(e, node, inputs, &size);

    if (status != RNNP_OK) return status;
    for (size_t row = 0; row < size.outer * size.channels; row++) {
        const size_t at = row * size.inner, c = row % size.channels;
        const float scale = ((const float *)inputs[SCALE].data)[c];
        const int32_t zero = zero_at(&inputs[ZERO], c);

        switch ((int)inputs[X].dtype) {
        case RNNP_DTYPE_I8: DEQUANTIZE(int8_t); break;
        case RNNP_DTYPE_U8: DEQUANTIZE(uint8_t); break;
        default: DEQUANTIZE(int32_t); break;
        }
    }
    return RNNP_OK;
}

static RNNP_RUN(quantize_run)
{
    const int is_signed = outputs[0].dtype == RNNP_DTYPE_I8, whole = inputs[X].dtype == RNNP_DTYPE_I32;
    const float low = is_signed ? -128 : 0, high = is_signed ? 127 : 255;
    uint8_t *y = outputs[0].data;
    extent size;
    const rnnp_status status = begin(e, node, inputs, &size);

    if (status != RNNP_OK) return status;
    for (size_t row = 0; row < size.outer * size.channels; row++) {
        const size_t at = row * size.inner, c = row % size.channels;
        const float scale = ((const float *)inputs[SCALE].data)[c], zero = (float)zero_at(&inputs[ZERO], c);

        for (size_t i = at; i < at + size.inner; i++) {
            const float x = whole ? (float)((const int32_t *)inputs[X].data)[i] : ((const float *)inputs[X].data)[i];
            const float q = (x != x ? 0 : nearbyintf(x / scale)) + zero;

            y[i] = (uint8_t)(int)(q < low ? low : q > high ? high : q);
        }
    }
    return RNNP_OK;
}

/* One scale for each time step is nothing that a stream can step. */
static RNNP_TIME(linear_time)
{
    const linear_params *linear = node->params;
    const int of_axis = rnnp_meta_elements(&inputs[SCALE]) != 1;

    out_axis[0] = in_axis[X];
    if (in_axis[SCALE] != RNNP_TIME_NONE || (!rnnp_absent(node, ZERO) && in_axis[ZERO] != RNNP_TIME_NONE))
        return RNNP_TIME_MIXED;
    return of_axis && in_axis[X] == (int)rnnp_axis(linear->axis, inputs[X].rank) ? RNNP_TIME_MIXED : 0;
}

RNNP_DEFINE(DequantizeLinear, 2, 3, .since_opset = 10, .param_bytes = sizeof(linear_params), .parse = linear_parse,
            .infer = dequantize_infer, .run = dequantize_run, .time = linear_time);
RNNP_DEFINE(QuantizeLinear, 2, 3, .since_opset = 10, .param_bytes = sizeof(linear_params), .parse = linear_parse,
            .infer = quantize_infer, .run = quantize_run, .time = linear_time);
