/* SPDX-License-Identifier: Apache-2.0
 *
 * Cast between the supported types. Floating point to integer truncates and saturates, NaN becomes 0; integers
 * keep their low bits; anything but 0 is true. To 16-bit floats it rounds to the nearest, from f64 by way of f32.
 */
#include "../../../kernels/halves.h"
#include "arithmetic.h"

#include <string.h>

static int64_t truncated(double v, int64_t low, int64_t high)
{
    if (v != v) return 0;
    return v <= (double)low ? low : v >= (double)high ? high : (int64_t)v;
}

/* D from S by the expression in v, which is an element widened. The loops take the same arguments as those of
 * arithmetic.h. */
#define CAST(s, S, d, D, expression)                                                                          \
    static int s##_to_##d(const void *px, const void *unused, void *py, size_t n, size_t x_step, size_t step) \
    {                                                                                                         \
        const S *x = px;                                                                                      \
        D *y = py;                                                                                            \
                                                                                                              \
        (void)unused;                                                                                         \
        (void)step;                                                                                           \
        for (size_t i = 0; i < n; i++) {                                                                      \
            const WIDE_##s v = WIDEN_##s(x[i * x_step]);                                                      \
                                                                                                              \
            y[i] = expression;                                                                                \
        }                                                                                                     \
        return 0;                                                                                             \
    }

#define WIDEN_f32
#define WIDEN_f64
#define WIDEN_i32
#define WIDEN_i64
#define WIDEN_u8
#define WIDEN_i8
#define WIDEN_f16 rnnp_f16_to_f32
#define WIDEN_bf16 rnnp_bf16_to_f32
typedef float WIDE_f32, WIDE_f16, WIDE_bf16;
typedef double WIDE_f64;
typedef int32_t WIDE_i32;
typedef int64_t WIDE_i64;
typedef uint8_t WIDE_u8;
typedef int8_t WIDE_i8;

#define CASTS_TO_SAME_WAY(s, S)                            \
    CAST(s, S, f32, float, (float)v)                       \
    CAST(s, S, f64, double, (double)v)                     \
    CAST(s, S, f16, uint16_t, rnnp_f32_to_f16((float)v))   \
    CAST(s, S, bf16, uint16_t, rnnp_f32_to_bf16((float)v)) \
    CAST(s, S, bool, uint8_t, v != 0)

#define CASTS_FROM_FLOATING(s, S)                                                 \
    CASTS_TO_SAME_WAY(s, S)                                                       \
    CAST(s, S, i32, int32_t, (int32_t)truncated((double)v, INT32_MIN, INT32_MAX)) \
    CAST(s, S, i64, int64_t, truncated((double)v, INT64_MIN, INT64_MAX))          \
    CAST(s, S, u8, uint8_t, (uint8_t)truncated((double)v, 0, UINT8_MAX))          \
    CAST(s, S, i8, int8_t, (int8_t)truncated((double)v, INT8_MIN, INT8_MAX))

#define CASTS_FROM_INTEGER(s, S)         \
    CASTS_TO_SAME_WAY(s, S)              \
    CAST(s, S, i32, int32_t, (int32_t)v) \
    CAST(s, S, i64, int64_t, (int64_t)v) \
    CAST(s, S, u8, uint8_t, (uint8_t)v)  \
    CAST(s, S, i8, int8_t, (int8_t)v)

CASTS_FROM_FLOATING(f32, float)
CASTS_FROM_FLOATING(f64, double)
CASTS_FROM_INTEGER(i32, int32_t)
CASTS_FROM_INTEGER(i64, int64_t)
CASTS_FROM_INTEGER(u8, uint8_t)
CASTS_FROM_INTEGER(i8, int8_t)
CASTS_FROM_FLOATING(f16, uint16_t)
CASTS_FROM_FLOATING(bf16, uint16_t)

#define ROW(s)                                                                                           \
    {                                                                                                    \
        {                                                                                                \
            [RNNP_DTYPE_F32] = s##_to_f32, [RNNP_DTYPE_F64] = s##_to_f64, [RNNP_DTYPE_I32] = s##_to_i32, \
            [RNNP_DTYPE_I64] = s##_to_i64, [RNNP_DTYPE_BOOL] = s##_to_bool, [RNNP_DTYPE_U8] = s##_to_u8, \
            [RNNP_DTYPE_F16] = s##_to_f16, [RNNP_DTYPE_BF16] = s##_to_bf16, [RNNP_DTYPE_I8] = s##_to_i8  \
        }                                                                                                \
    }

static const rnnp_loops casts[RNNP_DTYPES] = {
    [RNNP_DTYPE_F32] = ROW(f32), [RNNP_DTYPE_F64] = ROW(f64),   [RNNP_DTYPE_I32] = ROW(i32),
    [RNNP_DTYPE_I64] = ROW(i64), [RNNP_DTYPE_BOOL] = ROW(u8),   [RNNP_DTYPE_U8] = ROW(u8),
    [RNNP_DTYPE_F16] = ROW(f16), [RNNP_DTYPE_BF16] = ROW(bf16), [RNNP_DTYPE_I8] = ROW(i8)};

typedef struct cast_params {
    rnnp_dtype to;
} cast_params;

static rnnp_status cast_parse(rnnp_parse *p, void *params)
{
    /* TensorProto.DataType */
    static const rnnp_dtype dtypes[] = {[1] = RNNP_DTYPE_F32,  [2] = RNNP_DTYPE_U8,   [3] = RNNP_DTYPE_I8,
                                        [6] = RNNP_DTYPE_I32,  [7] = RNNP_DTYPE_I64,  [9] = RNNP_DTYPE_BOOL,
                                        [10] = RNNP_DTYPE_F16, [11] = RNNP_DTYPE_F64, [16] = RNNP_DTYPE_BF16};
    const size_t n = sizeof dtypes / sizeof dtypes[0];
    cast_params *cast = params;
    const int64_t to = rnnp_parse_int(p, "to", 0);

    if (p->node->opset >= 19) rnnp_parse_int(p, "saturate", 1); /* of 8-bit floating-point types only, as round_mode */
    if (p->node->opset >= 24) rnnp_parse_string(p, "round_mode", "up");
    cast->to = to >= 0 && (uint64_t)to < n ? dtypes[to] : (rnnp_dtype)0;
    if (!cast->to) return PARSE_FAIL(p, RNNP_ERR_UNSUPPORTED, "to data type %lld", (long long)to);
    return RNNP_OK;
}

static RNNP_INFER(cast_infer)
{
    const cast_params *cast = in->node->params;

    rnnp_meta_like(&outputs[0], &inputs[0]);
    outputs[0].dtype = cast->to;
    return RNNP_OK;
}

static RNNP_RUN(cast_run)
{
    const cast_params *cast = node->params;

    casts[inputs[0].dtype].of[cast->to](inputs[0].data, NULL, outputs[0].data, rnnp_tensor_elements(&inputs[0]), 1, 1);
    return RNNP_OK;
}

static RNNP_VIEWS(cast_view) { return inputs[0].dtype == outputs[0].dtype; }

RNNP_DEFINE(Cast, 1, 1, .param_bytes = sizeof(cast_params), .parse = cast_parse, .infer = cast_infer, .run = cast_run,
            .view = cast_view);
