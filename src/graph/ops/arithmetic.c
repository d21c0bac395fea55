/* SPDX-License-Identifier: Apache-2.0
 *
 * The loops of arithmetic.h. Floating-point ones use only operations with one correct result (fmodf, floorf,
 * ceilf and rintf are exact), so they agree on every machine.
 */
#include "arithmetic.h"

#include <math.h>

#define LOOP(name, T, R, expression)                                                                  \
    static int name(const void *pa, const void *pb, void *py, size_t n, size_t a_step, size_t b_step) \
    {                                                                                                 \
        const T *a = pa, *b = pb;                                                                     \
        R *y = py;                                                                                    \
                                                                                                      \
        for (size_t i = 0; i < n; i++) {                                                              \
            const T u = a[i * a_step], v = b[i * b_step];                                             \
                                                                                                      \
            (void)v;                                                                                  \
            y[i] = (R)(expression);                                                                   \
        }                                                                                             \
        return 0;                                                                                     \
    }

/* The same, for an operation that has no result where v is 0. */
#define DIVIDING_LOOP(name, T, function)                                                              \
    static int name(const void *pa, const void *pb, void *py, size_t n, size_t a_step, size_t b_step) \
    {                                                                                                 \
        const T *a = pa, *b = pb;                                                                     \
        T *y = py;                                                                                    \
                                                                                                      \
        for (size_t i = 0; i < n; i++) {                                                              \
            if (b[i * b_step] == 0) return -1;                                                        \
            y[i] = (T)function(a[i * a_step], b[i * b_step]);                                         \
        }                                                                                             \
        return 0;                                                                                     \
    }

/* Sums and products are taken modulo 2^64, of which the smaller types keep the low bits. */
#define WRAP(u, op, v) ((uint64_t)(u)op(uint64_t)(v))

static int64_t divide(int64_t u, int64_t v)
{
    return v == -1 ? (int64_t)WRAP(0, -, u) : u / v; /* INT64_MIN / -1 overflows */
}

static int64_t remainder_truncated(int64_t u, int64_t v) { return v == -1 ? 0 : u % v; }

/* The result has the divisor's sign. */
static int64_t modulo(int64_t u, int64_t v)
{
    const int64_t r = remainder_truncated(u, v);

    return r != 0 && (r < 0) != (v < 0) ? r + v : r;
}

static int64_t power(int64_t u, int64_t v)
{
    uint64_t base = (uint64_t)u, y = 1;

    if (v < 0) /* 1 / u^-v, truncated */
        return u == 1 ? 1 : u == -1 ? (v % 2 ? -1 : 1) : 0;
    for (; v; v /= 2) {
        if (v % 2) y *= base;
        base *= base;
    }
    return (int64_t)y;
}

#define INTEGER_LOOPS(t, T)                                    \
    LOOP(add_##t, T, T, WRAP(u, +, v))                         \
    LOOP(sub_##t, T, T, WRAP(u, -, v))                         \
    LOOP(mul_##t, T, T, WRAP(u, *, v))                         \
    LOOP(pow_##t, T, T, power(u, v))                           \
    LOOP(neg_##t, T, T, WRAP(0, -, u))                         \
    LOOP(abs_##t, T, T, u < 1 ? WRAP(0, -, u) : WRAP(0, +, u)) \
    LOOP(relu_##t, T, T, u < 1 ? 0 : u)                        \
    LOOP(sign_##t, T, T, u < 1 ? -(u != 0) : 1)                \
    DIVIDING_LOOP(div_##t, T, divide)                          \
    DIVIDING_LOOP(modulo_##t, T, modulo)                       \
    DIVIDING_LOOP(remainder_##t, T, remainder_truncated)
INTEGER_LOOPS(i32, int32_t)
INTEGER_LOOPS(i64, int64_t)
INTEGER_LOOPS(u8, uint8_t)

#define ORDER_LOOPS(t, T)                    \
    LOOP(min_##t, T, T, v < u ? v : u)       \
    LOOP(max_##t, T, T, v > u ? v : u)       \
    LOOP(equal_##t, T, uint8_t, u == v)      \
    LOOP(less_##t, T, uint8_t, u < v)        \
    LOOP(less_equal_##t, T, uint8_t, u <= v) \
    LOOP(greater_##t, T, uint8_t, u > v)     \
    LOOP(greater_equal_##t, T, uint8_t, u >= v)
ORDER_LOOPS(i32, int32_t)
ORDER_LOOPS(i64, int64_t)
ORDER_LOOPS(u8, uint8_t)

/* As ORDER_LOOPS, except that a NaN wins and that +0 is above -0, whatever the order of the operands. */
static float least(float u, float v) { return u != u || v != v ? u + v : u < v || (u == v && signbit(u)) ? u : v; }

static float greatest(float u, float v) { return u != u || v != v ? u + v : u > v || (u == v && signbit(v)) ? u : v; }

LOOP(min_f32, float, float, least(u, v))
LOOP(max_f32, float, float, greatest(u, v))
LOOP(equal_f32, float, uint8_t, u == v)
LOOP(less_f32, float, uint8_t, u < v)
LOOP(less_equal_f32, float, uint8_t, u <= v)
LOOP(greater_f32, float, uint8_t, u > v)
LOOP(greater_equal_f32, float, uint8_t, u >= v)
LOOP(remainder_f32, float, float, fmodf(u, v))
LOOP(abs_f32, float, float, fabsf(u))
LOOP(sign_f32, float, float, u != u ? u : (float)((u > 0) - (u < 0)))
LOOP(floor_f32, float, float, floorf(u))
LOOP(ceil_f32, float, float, ceilf(u))
LOOP(round_f32, float, float, rintf(u))
LOOP(reciprocal_f32, float, float, 1.0f / u)
LOOP(isnan_f32, float, uint8_t, u != u)

LOOP(and_bool, uint8_t, uint8_t, u &&v)
LOOP(or_bool, uint8_t, uint8_t, u || v)
LOOP(xor_bool, uint8_t, uint8_t, !u != !v)
LOOP(equal_bool, uint8_t, uint8_t, !u == !v)
LOOP(not_bool, uint8_t, uint8_t, !u)

#define INTEGERS(op) [RNNP_DTYPE_I32] = op##_i32, [RNNP_DTYPE_I64] = op##_i64, [RNNP_DTYPE_U8] = op##_u8

const rnnp_loops rnnp_loops_add = {{INTEGERS(add)}};
const rnnp_loops rnnp_loops_sub = {{INTEGERS(sub)}};
const rnnp_loops rnnp_loops_mul = {{INTEGERS(mul)}};
const rnnp_loops rnnp_loops_div = {{INTEGERS(div)}};
const rnnp_loops rnnp_loops_pow = {{INTEGERS(pow)}};
const rnnp_loops rnnp_loops_min = {{INTEGERS(min), [RNNP_DTYPE_F32] = min_f32}};
const rnnp_loops rnnp_loops_max = {{INTEGERS(max), [RNNP_DTYPE_F32] = max_f32}};
const rnnp_loops rnnp_loops_modulo = {{INTEGERS(modulo)}};
const rnnp_loops rnnp_loops_remainder = {{INTEGERS(remainder), [RNNP_DTYPE_F32] = remainder_f32}};
const rnnp_loops rnnp_loops_equal = {{INTEGERS(equal), [RNNP_DTYPE_F32] = equal_f32, [RNNP_DTYPE_BOOL] = equal_bool}};
const rnnp_loops rnnp_loops_less = {{INTEGERS(less), [RNNP_DTYPE_F32] = less_f32}};
const rnnp_loops rnnp_loops_less_equal = {{INTEGERS(less_equal), [RNNP_DTYPE_F32] = less_equal_f32}};
const rnnp_loops rnnp_loops_greater = {{INTEGERS(greater), [RNNP_DTYPE_F32] = greater_f32}};
const rnnp_loops rnnp_loops_greater_equal = {{INTEGERS(greater_equal), [RNNP_DTYPE_F32] = greater_equal_f32}};
const rnnp_loops rnnp_loops_and = {{[RNNP_DTYPE_BOOL] = and_bool}};
const rnnp_loops rnnp_loops_or = {{[RNNP_DTYPE_BOOL] = or_bool}};
const rnnp_loops rnnp_loops_xor = {{[RNNP_DTYPE_BOOL] = xor_bool}};
const rnnp_loops rnnp_loops_neg = {{INTEGERS(neg)}};
const rnnp_loops rnnp_loops_abs = {{INTEGERS(abs), [RNNP_DTYPE_F32] = abs_f32}};
const rnnp_loops rnnp_loops_relu = {{INTEGERS(relu)}};
const rnnp_loops rnnp_loops_not = {{[RNNP_DTYPE_BOOL] = not_bool}};
const rnnp_loops rnnp_loops_sign = {{INTEGERS(sign), [RNNP_DTYPE_F32] = sign_f32}};
const rnnp_loops rnnp_loops_floor = {{[RNNP_DTYPE_F32] = floor_f32}};
const rnnp_loops rnnp_loops_ceil = {{[RNNP_DTYPE_F32] = ceil_f32}};
const rnnp_loops rnnp_loops_round = {{[RNNP_DTYPE_F32] = round_f32}};
const rnnp_loops rnnp_loops_reciprocal = {{[RNNP_DTYPE_F32] = reciprocal_f32}};
const rnnp_loops rnnp_loops_isnan = {{[RNNP_DTYPE_F32] = isnan_f32}};
