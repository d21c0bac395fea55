/* SPDX-License-Identifier: Apache-2.0
 *
 * Dimensions, symbolic or known, as the operators' infer() functions use them; sizes of types and tensors.
 */
#include "graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

rnnp_status rnnp_node_fail(const rnnp_context *context, const rnnp_node *node, rnnp_status status, const char *format,
                           ...)
{
    char text[RNNP_ERROR_CHARS];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return rnnp_fail(context, status, "%s %s: %s", node->op->name, node->name, text);
}

int64_t rnnp_dim_unknown(rnnp_infer *in) { return (*in->next_symbol)--; }

int64_t rnnp_dim_mul(rnnp_infer *in, int64_t a, int64_t b)
{
    int64_t product;

    if (a == 1 || b == 0) return b;
    if (b == 1 || a == 0) return a;
    if (rnnp_dim_is_symbol(a) || rnnp_dim_is_symbol(b)) return rnnp_dim_unknown(in);
    return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

int64_t rnnp_dim_add(rnnp_infer *in, int64_t a, int64_t b)
{
    int64_t sum;

    if (a == 0) return b;
    if (b == 0) return a;
    if (rnnp_dim_is_symbol(a) || rnnp_dim_is_symbol(b)) return rnnp_dim_unknown(in);
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* A symbol beside 1 stays; beside another number it must be that number or 1. */
static int broadcast_dim(rnnp_infer *in, int64_t a, int64_t b, int64_t *dim)
{
    if (a == b || b == 1) {
        *dim = a;
    } else if (a == 1) {
        *dim = b;
    } else if (rnnp_dim_is_symbol(a) && rnnp_dim_is_symbol(b)) {
        *dim = rnnp_dim_unknown(in);
    } else if (rnnp_dim_is_symbol(a)) {
        *dim = b;
    } else if (rnnp_dim_is_symbol(b)) {
        *dim = a;
    } else {
        return 0;
    }
    return 1;
}

rnnp_status rnnp_infer_broadcast(rnnp_infer *in, const rnnp_meta *a, const rnnp_meta *b, rnnp_meta *out)
{
    const size_t rank = a->rank > b->rank ? a->rank : b->rank;
    int64_t dims[RNNP_MAX_RANK];

    for (size_t i = 0; i < rank; i++) { /* from the last axis */
        const int64_t da = i < a->rank ? a->dim[a->rank - 1 - i] : 1;
        const int64_t db = i < b->rank ? b->dim[b->rank - 1 - i] : 1;

        if (!broadcast_dim(in, da, db, &dims[rank - 1 - i]))
            return rnnp_node_fail(in->context, in->node, RNNP_ERR_SHAPE,
                                  "dimension %zu from the end is %lld and %lld, which do not broadcast", i + 1,
                                  (long long)da, (long long)db);
    }
    out->rank = rank;
    for (size_t i = 0; i < rank; i++) out->dim[i] = dims[i];
    return RNNP_OK;
}

rnnp_status rnnp_infer_same(rnnp_infer *in, const char *what, int64_t a, int64_t b, int64_t *dim)
{
    if (a != b && !rnnp_dim_is_symbol(a) && !rnnp_dim_is_symbol(b))
        return rnnp_node_fail(in->context, in->node, RNNP_ERR_SHAPE, "%s is %lld and %lld", what, (long long)a,
                              (long long)b);
    *dim = rnnp_dim_is_symbol(a) ? b : a;
    return RNNP_OK;
}

/* ---- Sizes ---- */

static const struct {
    size_t bytes;
    const char *name;
} dtypes[] = {
    [RNNP_DTYPE_F32] = {4, "f32"},   [RNNP_DTYPE_I32] = {4, "i32"},   [RNNP_DTYPE_I64] = {8, "i64"},
    [RNNP_DTYPE_BOOL] = {1, "bool"}, [RNNP_DTYPE_U8] = {1, "u8"},     [RNNP_DTYPE_F64] = {8, "f64"},
    [RNNP_DTYPE_F16] = {2, "f16"},   [RNNP_DTYPE_BF16] = {2, "bf16"}, [RNNP_DTYPE_I8] = {1, "i8"},
};

enum { DTYPES = sizeof dtypes / sizeof dtypes[0] };

size_t rnnp_dtype_bytes(rnnp_dtype dtype) { return (size_t)dtype < DTYPES ? dtypes[dtype].bytes : 0; }

const char *rnnp_dtype_name(rnnp_dtype dtype) { return rnnp_dtype_bytes(dtype) ? dtypes[dtype].name : "unknown"; }

const char *rnnp_weights_name(rnnp_weights weights)
{
    return (unsigned)weights < RNNP_FORMAT_COUNT ? rnnp_format_names[weights] : "unknown";
}

size_t rnnp_tensor_elements(const rnnp_tensor *tensor)
{
    size_t elements = 1;
    int zero = 0, overflow = 0;

    for (size_t i = 0; i < tensor->rank; i++) {
        if (tensor->shape[i] < 0) return SIZE_MAX;
        zero |= tensor->shape[i] == 0;
        overflow = overflow || rnnp_mul_overflow(elements, (size_t)tensor->shape[i], &elements);
    }
    return zero ? 0 : overflow ? SIZE_MAX : elements;
}

rnnp_tensor rnnp_meta_tensor(const rnnp_meta *meta, const void *data)
{
    rnnp_tensor tensor = {.dtype = meta->dtype, .rank = meta->rank, .data = (void *)data};

    for (size_t i = 0; i < meta->rank; i++) tensor.shape[i] = meta->dim[i];
    return tensor;
}

int rnnp_same_dims(const rnnp_meta *a, const rnnp_meta *b)
{
    return a->rank == b->rank && memcmp(a->dim, b->dim, a->rank * sizeof *a->dim) == 0;
}

int rnnp_dims_agree(const rnnp_meta *a, const rnnp_meta *b)
{
    int agree = a->rank == b->rank;

    for (size_t d = 0; agree && d < a->rank; d++)
        agree = a->dim[d] == b->dim[d] || rnnp_dim_is_symbol(a->dim[d]) || rnnp_dim_is_symbol(b->dim[d]);
    return agree;
}

size_t rnnp_meta_elements(const rnnp_meta *meta)
{
    const rnnp_tensor tensor = rnnp_meta_tensor(meta, NULL);

    return rnnp_tensor_elements(&tensor);
}

size_t rnnp_meta_bytes(const rnnp_meta *meta)
{
    const size_t elements = rnnp_meta_elements(meta);
    size_t bytes;

    if (elements == SIZE_MAX || rnnp_mul_overflow(elements, rnnp_dtype_bytes(meta->dtype), &bytes)) return SIZE_MAX;
    return bytes;
}
