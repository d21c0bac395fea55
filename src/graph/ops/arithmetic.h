/* SPDX-License-Identifier: Apache-2.0
 *
 * Loops in plain C for what has no kernel: integers (which wrap around), comparisons, logic.
 */
#ifndef RNNP_ARITHMETIC_H
#define RNNP_ARITHMETIC_H

#include "ops.h"

/* y[i] = f(a[i*a_step], b[i*b_step]). Returns 0, or -1 when a divisor is 0. */
typedef int rnnp_loop_fn(const void *a, const void *b, void *y, size_t n, size_t a_step, size_t b_step);

enum { RNNP_DTYPES = RNNP_DTYPE_I8 + 1 };

/* The loop of an operation for each input dtype, NULL where there is none. */
typedef struct rnnp_loops {
    rnnp_loop_fn *of[RNNP_DTYPES];
} rnnp_loops;

extern const rnnp_loops rnnp_loops_add, rnnp_loops_sub, rnnp_loops_mul, rnnp_loops_div, rnnp_loops_pow, rnnp_loops_min,
    rnnp_loops_max, rnnp_loops_modulo, rnnp_loops_remainder;
extern const rnnp_loops rnnp_loops_equal, rnnp_loops_less, rnnp_loops_less_equal, rnnp_loops_greater,
    rnnp_loops_greater_equal, rnnp_loops_and, rnnp_loops_or, rnnp_loops_xor;

/* Of one operand: b is ignored. */
extern const rnnp_loops rnnp_loops_neg, rnnp_loops_abs, rnnp_loops_relu, rnnp_loops_not, rnnp_loops_sign,
    rnnp_loops_floor, rnnp_loops_ceil, rnnp_loops_round, rnnp_loops_reciprocal, rnnp_loops_isnan;
/* functions.c */
extern const rnnp_loops rnnp_loops_sin, rnnp_loops_cos, rnnp_loops_tan, rnnp_loops_asin, rnnp_loops_acos,
    rnnp_loops_atan, rnnp_loops_sinh, rnnp_loops_cosh, rnnp_loops_asinh, rnnp_loops_acosh, rnnp_loops_atanh;

#endif
