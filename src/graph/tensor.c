/* SPDX-License-Identifier: Apache-2.0 */
#include "graph.h"

static const struct {
    size_t bytes;
    const char *name;
} dtypes[] = {
    [RNNP_DTYPE_F32] = {4, "f32"},   [RNNP_DTYPE_I32] = {4, "i32"}, [RNNP_DTYPE_I64] = {8, "i64"},
    [RNNP_DTYPE_BOOL] = {1, "bool"}, [RNNP_DTYPE_U8] = {1, "u8"},   [RNNP_DTYPE_F64] = {8, "f64"},
};

enum { DTYPES = sizeof dtypes / sizeof dtypes[0] };

size_t rnnp_dtype_bytes(rnnp_dtype dtype) { return (size_t)dtype < DTYPES ? dtypes[dtype].bytes : 0; }

const char *rnnp_dtype_name(rnnp_dtype dtype) { return rnnp_dtype_bytes(dtype) ? dtypes[dtype].name : "unknown"; }

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
