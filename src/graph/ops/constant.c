/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators whose result comes from attributes and shapes: Constant, ConstantOfShape, Range.
 */
#include "ops.h"

#include <math.h>
#include <string.h>

static RNNP_TIME(time_refused) { return -1; }

/* Attributes live as long as the model, so their elements need no copy. */
static void keep_tensor(const rnnp_tensor *tensor, rnnp_meta *kept)
{
    *kept = (rnnp_meta){.dtype = tensor->dtype, .rank = tensor->rank, .known = tensor->data};
    for (size_t i = 0; i < tensor->rank; i++) kept->dim[i] = tensor->shape[i];
}

/* ---- Constant ---- */

static rnnp_status constant_parse(rnnp_parse *p, void *params)
{
    const rnnp_attr *value = rnnp_parse_attr(p, "value", RNNP_ATTR_TENSOR);
    const rnnp_attr *number = NULL;
    rnnp_tensor tensor = {0};

    if (value) {
        tensor = *value->tensor;
    } else if ((number = rnnp_parse_attr(p, "value_float", RNNP_ATTR_FLOAT)) != NULL) {
        tensor = (rnnp_tensor){.dtype = RNNP_DTYPE_F32, .data = (void *)&number->f};
    } else if ((number = rnnp_parse_attr(p, "value_int", RNNP_ATTR_INT)) != NULL) {
        tensor = (rnnp_tensor){.dtype = RNNP_DTYPE_I64, .data = (void *)&number->i};
    } else if ((number = rnnp_parse_attr(p, "value_floats", RNNP_ATTR_FLOATS)) != NULL) {
        tensor = (rnnp_tensor){.dtype = RNNP_DTYPE_F32, .rank = 1, .shape = {(int64_t)number->count}};
        tensor.data = (void *)number->floats;
    } else if ((number = rnnp_parse_attr(p, "value_ints", RNNP_ATTR_INTS)) != NULL) {
        tensor = (rnnp_tensor){.dtype = RNNP_DTYPE_I64, .rank = 1, .shape = {(int64_t)number->count}};
        tensor.data = (void *)number->ints;
    } else {
        return PARSE_FAIL(p, RNNP_ERR_UNSUPPORTED, "there is no tensor or number");
    }
    keep_tensor(&tensor, params);
    return RNNP_OK;
}

static RNNP_INFER(constant_infer)
{
    rnnp_meta_like(&outputs[0], in->node->params);
    return RNNP_OK;
}

static RNNP_RUN(constant_run)
{
    const rnnp_meta *value = node->params;

    memcpy(outputs[0].data, value->known, rnnp_meta_bytes(value));
    return RNNP_OK;
}

RNNP_DEFINE(Constant, 0, 0, .param_bytes = sizeof(rnnp_meta), .parse = constant_parse, .infer = constant_infer,
            .run = constant_run);

/* ---- ConstantOfShape ---- */

static rnnp_status fill_parse(rnnp_parse *p, void *params)
{
    const rnnp_attr *value = rnnp_parse_attr(p, "value", RNNP_ATTR_TENSOR);
    static const float zero = 0.0f;
    const rnnp_tensor fallback = {.dtype = RNNP_DTYPE_F32, .data = (void *)&zero};
    rnnp_meta *kept = params;

    keep_tensor(value ? value->tensor : &fallback, kept);
    if (rnnp_meta_elements(kept) != 1) return PARSE_FAIL(p, RNNP_ERR_SHAPE, "the value is not one number");
    return RNNP_OK;
}

static RNNP_INFER(fill_infer)
{
    const rnnp_meta *value = in->node->params;
    rnnp_ints shape;
    int known;
    const rnnp_status status = rnnp_infer_ints(in, inputs, 0, "shape", &shape, &known);

    if (status != RNNP_OK) return status;
    outputs[0] = (rnnp_meta){.dtype = value->dtype, .rank = shape.count};
    if (!known) return rnnp_infer_unknown_shape(in, &inputs[0], 1, &outputs[0]);
    for (size_t i = 0; i < shape.count; i++) {
        outputs[0].dim[i] = shape.at[i];
        if (outputs[0].dim[i] < 0 && !rnnp_dim_is_symbol(outputs[0].dim[i]))
            return FAIL(in, RNNP_ERR_SHAPE, "dimension %zu is %lld", i, (long long)outputs[0].dim[i]);
    }
    return RNNP_OK;
}

static RNNP_RUN(fill_run)
{
    const rnnp_meta *value = node->params;
    static const ptrdiff_t still[RNNP_MAX_RANK];

    rnnp_copy_strided(e->select, &outputs[0], value->known, 0, still);
    return RNNP_OK;
}

RNNP_DEFINE(ConstantOfShape, 1, 1, .since_opset = 9, .param_bytes = sizeof(rnnp_meta), .parse = fill_parse,
            .infer = fill_infer, .run = fill_run, .time = time_refused);

/* ---- Range: start, start + delta, ... before limit ---- */

static int64_t integer_of(rnnp_dtype dtype, const void *data)
{
    return dtype == RNNP_DTYPE_I64 ? *(const int64_t *)data : *(const int32_t *)data;
}

/* The count, or -1 when there is none. */
static int64_t range_count(const rnnp_meta *in)
{
    if (in[0].dtype == RNNP_DTYPE_F32) {
        const double start = (double)*(const float *)in[0].known, limit = (double)*(const float *)in[1].known;
        const double n = ceil((limit - start) / (double)*(const float *)in[2].known);

        return n <= 0.0 ? 0 : n < 0x1p53 ? (int64_t)n : -1; /* NaN: -1 */
    }
    const int64_t start = integer_of(in[0].dtype, in[0].known), limit = integer_of(in[1].dtype, in[1].known);
    const int64_t delta = integer_of(in[2].dtype, in[2].known);
    uint64_t span = 0, stride = (uint64_t)delta;
    if (delta == 0) return -1;
    if (delta > 0 && limit > start) span = (uint64_t)limit - (uint64_t)start;
    if (delta < 0) {
        span = start > limit ? (uint64_t)start - (uint64_t)limit : 0;
        stride = 0 - stride;
    }
    const uint64_t n = span ? (span - 1) / stride + 1 : 0;
    return n > INT64_MAX ? -1 : (int64_t)n;
}

static RNNP_INFER(range_infer)
{
    static const char *const names[] = {"start", "limit", "delta"};
    const unsigned types = RNNP_BIT(RNNP_DTYPE_F32) | RNNP_BIT(RNNP_DTYPE_I32) | RNNP_BIT(RNNP_DTYPE_I64);
    int known = 1, symbolic = 0;
    rnnp_status status;

    for (size_t i = 0; i < 3; i++) {
        if ((status = rnnp_infer_type(in, inputs, i, types)) != RNNP_OK ||
            (status = rnnp_infer_same_type(in, inputs, 0, i)) != RNNP_OK ||
            (status = rnnp_infer_scalar(in, inputs, i, names[i])) != RNNP_OK)
            return status;
        known = known && inputs[i].known;
        symbolic |= inputs[i].known && inputs[i].dtype == RNNP_DTYPE_I64 &&
                    rnnp_dim_is_symbol(integer_of(RNNP_DTYPE_I64, inputs[i].known));
    }
    outputs[0] = (rnnp_meta){.dtype = inputs[0].dtype, .rank = 1};
    if (known && symbolic && integer_of(RNNP_DTYPE_I64, inputs[0].known) == 0 &&
        integer_of(RNNP_DTYPE_I64, inputs[2].known) == 1) {
        outputs[0].dim[0] = integer_of(RNNP_DTYPE_I64, inputs[1].known);
        return RNNP_OK;
    }
    outputs[0].dim[0] = known && !symbolic ? range_count(inputs) : rnnp_dim_unknown(in);
    if (outputs[0].dim[0] == -1)
        return FAIL(in, RNNP_ERR_SHAPE, "start, limit and delta give no finite number of steps");
    return RNNP_OK;
}

static RNNP_RUN(range_run)
{
    const rnnp_dtype dtype = outputs[0].dtype;
    const int64_t n = outputs[0].shape[0];

    for (int64_t i = 0; i < n && dtype == RNNP_DTYPE_F32; i++)
        ((float *)outputs[0].data)[i] = *(const float *)inputs[0].data + (float)i * *(const float *)inputs[2].data;
    for (int64_t i = 0; i < n && dtype != RNNP_DTYPE_F32; i++) {
        const uint64_t start = (uint64_t)integer_of(dtype, inputs[0].data);
        const int64_t v = (int64_t)(start + (uint64_t)i * (uint64_t)integer_of(dtype, inputs[2].data));

        if (dtype == RNNP_DTYPE_I64)
            ((int64_t *)outputs[0].data)[i] = v;
        else
            ((int32_t *)outputs[0].data)[i] = (int32_t)v;
    }
    return RNNP_OK;
}

RNNP_DEFINE(Range, 3, 3, .since_opset = 11, .infer = range_infer, .run = range_run, .time = time_refused);
