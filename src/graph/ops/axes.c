/* SPDX-License-Identifier: Apache-2.0
 *
 * Axes, known integers, type checks, views and time rules of operators.
 */
#include "ops.h"

#include <stdio.h>

rnnp_status rnnp_parse_ints(rnnp_parse *p, const char *name, rnnp_ints *ints)
{
    const rnnp_attr *attr = rnnp_parse_attr(p, name, RNNP_ATTR_INTS);

    *ints = (rnnp_ints){0};
    if (!attr) return RNNP_OK;
    if (attr->count > RNNP_MAX_RANK)
        return PARSE_FAIL(p, RNNP_ERR_UNSUPPORTED, "%s has %zu entries, above %d", name, attr->count, RNNP_MAX_RANK);
    ints->given = 1;
    ints->count = attr->count;
    for (size_t i = 0; i < attr->count; i++) ints->at[i] = attr->ints[i];
    return RNNP_OK;
}

int64_t rnnp_integer_at(const rnnp_tensor *tensor, size_t i)
{
    return tensor->dtype == RNNP_DTYPE_I64 ? ((const int64_t *)tensor->data)[i] : ((const int32_t *)tensor->data)[i];
}

rnnp_status rnnp_infer_ints(rnnp_infer *in, const rnnp_meta *inputs, size_t input, const char *what, rnnp_ints *ints,
                            int *known)
{
    const rnnp_meta *meta = &inputs[input];
    rnnp_status status;

    *ints = (rnnp_ints){0};
    if (known) *known = 1;
    if (rnnp_absent(in->node, input)) return RNNP_OK;
    if ((status = rnnp_infer_type(in, inputs, input, RNNP_BIT(RNNP_DTYPE_I64) | RNNP_BIT(RNNP_DTYPE_I32))) != RNNP_OK)
        return status;
    if (meta->rank > 1) return FAIL(in, RNNP_ERR_SHAPE, "%s has rank %zu", what, meta->rank);
    ints->given = 1;
    if (!meta->known && rnnp_meta_elements(meta) != 0) { /* an empty list is known */
        if (!known) return FAIL(in, RNNP_ERR_UNSUPPORTED, "%s depends on input data", what);
        *known = 0;
        return RNNP_OK;
    }
    ints->count = rnnp_meta_elements(meta);
    if (ints->count > RNNP_MAX_RANK)
        return FAIL(in, RNNP_ERR_UNSUPPORTED, "%s has %zu entries, above %d", what, ints->count, RNNP_MAX_RANK);
    const rnnp_tensor tensor = rnnp_known_tensor(meta);
    rnnp_run_ints(&tensor, ints);
    return RNNP_OK;
}

int rnnp_known_ints(const rnnp_node *node, const rnnp_meta *inputs, size_t input, rnnp_ints *ints)
{
    if (rnnp_absent(node, input)) return 1;
    const rnnp_tensor tensor = rnnp_known_tensor(&inputs[input]);
    if (!rnnp_tensor_known(&tensor)) return 0;
    rnnp_run_ints(&tensor, ints);
    return 1;
}

rnnp_status rnnp_infer_unknown_shape(rnnp_infer *in, const rnnp_meta *list, size_t least_rank, rnnp_meta *out)
{
    const int64_t entries = list->rank ? list->dim[0] : 1;

    if (list->rank < least_rank || rnnp_dim_is_symbol(entries) || entries > RNNP_MAX_RANK)
        return FAIL(in, RNNP_ERR_UNSUPPORTED, "the rank of the result is not known or above %d", RNNP_MAX_RANK);
    out->rank = (size_t)entries;
    for (size_t i = 0; i < out->rank; i++) out->dim[i] = rnnp_dim_unknown(in);
    return RNNP_OK;
}

void rnnp_run_ints(const rnnp_tensor *tensor, rnnp_ints *ints)
{
    *ints = (rnnp_ints){0};
    if (!tensor->dtype) return;
    ints->given = 1;
    ints->count = rnnp_tensor_elements(tensor);
    for (size_t i = 0; i < ints->count; i++) ints->at[i] = rnnp_integer_at(tensor, i);
}

rnnp_status rnnp_infer_axis(rnnp_infer *in, int64_t axis, size_t rank, size_t *normal)
{
    const int64_t r = (int64_t)rank;

    if (rnnp_dim_is_symbol(axis)) return FAIL(in, RNNP_ERR_UNSUPPORTED, "an axis depends on a dynamic dimension");
    if (axis < -r || axis >= r)
        return FAIL(in, RNNP_ERR_SHAPE, "axis %lld of a tensor of rank %zu", (long long)axis, rank);
    *normal = rnnp_axis(axis, rank);
    return RNNP_OK;
}

rnnp_status rnnp_infer_axes(rnnp_infer *in, const rnnp_ints *axes, size_t rank, unsigned *mask)
{
    *mask = 0;
    for (size_t i = 0; i < axes->count; i++) {
        size_t axis = 0;
        const rnnp_status status = rnnp_infer_axis(in, axes->at[i], rank, &axis);

        if (status != RNNP_OK) return status;
        if (*mask >> axis & 1) return FAIL(in, RNNP_ERR_SHAPE, "axis %zu is given twice", axis);
        *mask |= 1u << axis;
    }
    return RNNP_OK;
}

unsigned rnnp_axes_mask(const rnnp_ints *axes, size_t rank)
{
    unsigned mask = 0;

    for (size_t i = 0; i < axes->count; i++) mask |= 1u << rnnp_axis(axes->at[i], rank);
    return mask;
}

rnnp_status rnnp_infer_type(rnnp_infer *in, const rnnp_meta *inputs, size_t input, unsigned allowed)
{
    if (!(allowed >> inputs[input].dtype & 1))
        return FAIL(in, RNNP_ERR_TYPE, "input %zu of type %s is not supported", input,
                    rnnp_dtype_name(inputs[input].dtype));
    return RNNP_OK;
}

rnnp_status rnnp_infer_same_type(rnnp_infer *in, const rnnp_meta *inputs, size_t a, size_t b)
{
    if (inputs[a].dtype != inputs[b].dtype)
        return FAIL(in, RNNP_ERR_TYPE, "input %zu is %s but input %zu is %s", a, rnnp_dtype_name(inputs[a].dtype), b,
                    rnnp_dtype_name(inputs[b].dtype));
    return RNNP_OK;
}

rnnp_status rnnp_infer_broadcast_to_first(rnnp_infer *in, const rnnp_meta *inputs, size_t input)
{
    const rnnp_meta *x = &inputs[0], *other = &inputs[input];
    const rnnp_status status = rnnp_infer_same_type(in, inputs, 0, input);
    int fits = other->rank <= x->rank;

    for (size_t i = 0; fits && i < other->rank; i++) {
        const int64_t dim = other->dim[i], to = x->dim[x->rank - other->rank + i];

        fits = dim == to || dim == 1 || rnnp_dim_is_symbol(dim) || rnnp_dim_is_symbol(to);
    }
    if (status != RNNP_OK || fits) return status;
    return FAIL(in, RNNP_ERR_SHAPE, "input %zu of %s is not broadcast to input 0 of %s", input,
                rnnp_print_dims(other->rank, other->dim, 'x').s, rnnp_print_dims(x->rank, x->dim, 'x').s);
}

rnnp_status rnnp_infer_scalar(rnnp_infer *in, const rnnp_meta *inputs, size_t input, const char *what)
{
    for (size_t i = 0; i < inputs[input].rank; i++) {
        if (inputs[input].dim[i] != 1 && !rnnp_dim_is_symbol(inputs[input].dim[i]))
            return FAIL(in, RNNP_ERR_SHAPE, "%s is not one number", what);
    }
    return RNNP_OK;
}

rnnp_dims_text rnnp_print_dims(size_t rank, const int64_t *dims, char separator)
{
    rnnp_dims_text text = {""};

    for (size_t i = 0, used = 0; i < rank && used < sizeof text.s; i++) {
        const char before[] = {i ? separator : '\0', '\0'};

        used += (size_t)(rnnp_dim_is_symbol(dims[i])
                             ? snprintf(text.s + used, sizeof text.s - used, "%s?", before)
                             : snprintf(text.s + used, sizeof text.s - used, "%s%lld", before, (long long)dims[i]));
    }
    return text;
}

rnnp_status rnnp_view_run(const rnnp_exec *e, const rnnp_node *node, const rnnp_tensor *inputs, rnnp_tensor *outputs)
{
    (void)e;
    (void)node;
    if (outputs[0].data && outputs[0].data != inputs[0].data)
        rnnp_copy(outputs[0].data, inputs[0].data,
                  rnnp_tensor_elements(&inputs[0]) * rnnp_dtype_bytes(inputs[0].dtype));
    return RNNP_OK;
}

size_t rnnp_shape_product(const rnnp_tensor *tensor, size_t from, size_t to)
{
    size_t product = 1;

    for (size_t i = from; i < to; i++) product *= (size_t)tensor->shape[i];
    return product;
}

int rnnp_time_agree(int axis, int *out)
{
    if (axis == RNNP_TIME_NONE || axis == *out) return 0;
    if (*out != RNNP_TIME_NONE) return -1;
    *out = axis;
    return 0;
}

int rnnp_time_broadcast(int axis, size_t rank, size_t out_rank, int *out)
{
    return axis == RNNP_TIME_NONE ? 0 : rnnp_time_agree(axis + (int)(out_rank - rank), out);
}

int rnnp_time_without(int axis, unsigned mask, int keep, int *out)
{
    *out = axis;
    if (axis == RNNP_TIME_NONE) return 0;
    if (mask >> axis & 1) return -1;
    for (int i = 0; i < axis && !keep; i++) *out -= (int)(mask >> i & 1);
    return 0;
}
