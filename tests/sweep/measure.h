/* SPDX-License-Identifier: Apache-2.0
 *
 * Error measurement, a block of inputs at a time.
 *
 * References are in double, off by less than a millionth of a float's ULP, and vectorised by the compiler: measure.c is
 * built once per row of `arithmetics`. exact.c has the same in long double, for inputs that would set a record.
 *
 * An ULP is the distance of neighbouring floats at the true value: never more than at the rounded value, and 2^-149
 * below 2^-126. Infinity counts as 2^128, the true value as 2^128 when it is above; below 0 likewise.
 */
#ifndef SWEEP_MEASURE_H
#define SWEEP_MEASURE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum kind { KIND_EXP, KIND_TANH, KIND_SIGMOID, KIND_LOG, KIND_SOFTPLUS, KIND_ELU, KIND_COUNT } kind;

typedef enum metric {
    METRIC_ULP,      /* true value 2^-126 or more */
    METRIC_DENORMAL, /* ULP where it is less */
    METRIC_ABSOLUTE,
    METRIC_RELATIVE, /* true value 2^-126 or more */
    METRIC_COUNT
} metric;

typedef struct errors {
    double of[METRIC_COUNT];
} errors;

static inline double double_from_bits(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static inline uint64_t double_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* Of a result y, given the true value and its distance from y. No branches: the compiler is to vectorise it. */
static inline errors errors_at(double truth, double distance)
{
    const double size = fabs(truth), normal = size > 0x1p-126 ? size : 0x1p-126;
    const double binade = normal < 0x1p127 ? normal : 0x1p127;
    const uint64_t exponent = double_bits(binade) & 0x7ff0000000000000u;
    const double per_ulp = double_from_bits(((uint64_t)(2046 + 23) << 52) - exponent);
    const double ulp = distance * per_ulp, relative = distance / normal;
    return (errors){{
        [METRIC_ULP] = size < 0x1p-126 ? 0 : ulp,
        [METRIC_DENORMAL] = size < 0x1p-126 ? ulp : 0,
        [METRIC_ABSOLUTE] = distance,
        [METRIC_RELATIVE] = size < 0x1p-126 ? 0 : relative,
    }};
}

static inline double finite(double y)
{
    const double below = 0x1p128 < y ? 0x1p128 : y;
    return -0x1p128 > below ? -0x1p128 : below;
}

/* 0 where one of them is NaN: those are counted, not measured. */
static inline errors errors_between(double y, double truth)
{
    const double distance = fabs(finite(y) - truth);
    return errors_at(truth, distance >= 0 ? distance : 0);
}

typedef struct block_facts {
    errors worst;
    size_t numbers;   /* true values that are not NaN */
    size_t rounded;   /* results that are the true value rounded to nearest */
    size_t nan_wrong; /* NaN without a NaN as the true value, or the other way round */
} block_facts;

typedef struct arithmetic {
    const char *name;
    void (*reference)(kind k, const float *x, double *truth, size_t n);
    block_facts (*measure)(const float *y, const double *truth, size_t n);
    /* Pairs whose bits differ once those of b are xored with `flip`; all NaNs are the same. */
    size_t (*unequal)(const float *a, const float *b, uint32_t flip, size_t n);
    /* Neighbours y[i], y[i+1] of which the second is less (greater, when `falling`). */
    size_t (*steps_back)(const float *y, int falling, size_t n);
} arithmetic;

extern const arithmetic arithmetic_base, arithmetic_avx2;

/* exact.c */
errors exact_errors(kind k, float x, double y);
int has_value(kind k, float x);

#endif
