/* SPDX-License-Identifier: Apache-2.0
 *
 * The vector shim, scalar form: the reference for every other ISA, and the place where each operation is
 * defined. Only operations with one correct result exist (IEEE 754 add, sub, mul, div, sqrt, fma, compare and
 * select, integer bits), so a template over the shim gives the same bits on every ISA.
 *
 *   nf   VL floats        nd   VL doubles (two registers where VL floats fill one)
 *   ni   VL uint32        nm   VL booleans
 *
 * n_min(a, b) = a < b ? a : b and n_max(a, b) = a > b ? a : b: an unordered compare returns b, so the data
 * operand goes second where a NaN must survive.
 */
#ifndef RNNP_SIMD_H
#define RNNP_SIMD_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../compiler.h"
#include "../halves.h"

#define RNNP_SUFFIX generic
#define VL 1 /* floats in a native vector */
#define VU 1 /* native vectors in lockstep: see tmpl/wide.inc.h */

typedef float nf;
typedef uint32_t ni;
typedef int nm;
typedef double nd;

AI nf n_set(float a) { return a; }
AI nf n_load(const float *p) { return *p; }
AI void n_store(float *p, nf a) { *p = a; }
/* VL packed weights of this format (weights.def), of k = j of a group */
AI nf w_load_f32(const void *p, int j) { return ((const float *)p)[j]; }
AI nf w_load_f16(const void *p, int j) { return rnnp_f16_to_f32(((const uint16_t *)p)[j]); }
AI nf w_load_bf16(const void *p, int j) { return rnnp_bf16_to_f32(((const uint16_t *)p)[j]); }
AI void n_transpose(nf v[VL]) { (void)v; }                         /* lane j of v[i] becomes lane i of v[j] */
AI nf n_load_n(const float *p, size_t n) { return n ? *p : 0.0f; } /* first n lanes, the rest 0 */
AI void n_store_n(float *p, nf a, size_t n)
{
    if (n) *p = a;
}
AI ni n_bits(nf a)
{
    ni r;
    memcpy(&r, &a, 4);
    return r;
}
AI nf n_from(ni a)
{
    nf r;
    memcpy(&r, &a, 4);
    return r;
}

AI nf n_add(nf a, nf b) { return a + b; }
AI nf n_sub(nf a, nf b) { return a - b; }
AI nf n_mul(nf a, nf b) { return a * b; }
AI nf n_div(nf a, nf b) { return a / b; }
AI nf n_sqrt(nf a) { return sqrtf(a); }

/* a*b + c, rounded once. */
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
AI nf n_fma(nf a, nf b, nf c) { return fmaf(a, b, c); }
#else
/* Without the instruction: the product is exact in double (24 + 24 bits); the sum is rounded to odd there
 * (Boldo and Melquiond, 2008), after which rounding to float is as good as rounding once. err is the exact
 * error of the sum (TwoSum); it is NaN, hence neither above nor below 0, when the sum is not finite. */
AI nf n_fma(nf a, nf b, nf c)
{
    double p = (double)a * (double)b, d = (double)c, s = p + d, t = s - p;
    double err = (p - (s - t)) + (d - t);
    uint64_t u;
    memcpy(&u, &s, 8);
    if ((err > 0 || err < 0) && !(u & 1)) {
        u += (err > 0) == (s > 0) ? 1 : (uint64_t)-1;
        memcpy(&s, &u, 8);
    }
    return (float)s;
}
#endif
AI nf n_fnma(nf a, nf b, nf c) { return n_fma(-a, b, c); } /* c - a*b */

AI nf n_min(nf a, nf b) { return a < b ? a : b; }
AI nf n_max(nf a, nf b) { return a > b ? a : b; }
AI nm n_lt(nf a, nf b) { return a < b; }
AI nm n_eq(nf a, nf b) { return a == b; }
AI nm n_neg(nf a) { return (int)(n_bits(a) >> 31); } /* sign bit set */
AI nf n_sel(nm m, nf a, nf b) { return m ? a : b; }
AI nf n_only(nm m, nf a) { return m ? a : 0.0f; } /* m of a comparison */
AI nf n_copysign(nf m, nf s) { return n_from((n_bits(m) & 0x7fffffffu) | (n_bits(s) & 0x80000000u)); }
AI nf n_abs(nf a) { return n_from(n_bits(a) & 0x7fffffffu); }
AI nf n_negabs(nf a) { return n_from(n_bits(a) | 0x80000000u); }

AI ni i_set(uint32_t a) { return a; }
AI ni i_add(ni a, ni b) { return a + b; }
AI ni i_sub(ni a, ni b) { return a - b; }
AI ni i_shl23(ni a) { return a << 23; }
AI ni i_sra23(ni a) { return (a >> 23) | (a >> 31 ? 0xfffffe00u : 0); } /* arithmetic shift */
AI nf i_to_f(ni a) { return (float)(int32_t)a; }
AI ni i_sra31(ni a) { return a >> 31 ? 0xffffffffu : 0; }
AI ni i_xor(ni a, ni b) { return a ^ b; }
AI ni i_max(ni a, ni b) { return (int32_t)a > (int32_t)b ? a : b; } /* with signs */
AI uint32_t i_most(ni a) { return a; }                              /* of all lanes */
AI uint32_t i_total(ni a) { return a; }
AI ni i_load(const void *p)
{
    ni r;
    memcpy(&r, p, 4);
    return r;
}
AI void i_store_bytes(int8_t *p, ni a) { *p = (int8_t)a; } /* the low byte of each lane */
AI ni i_in_register(ni a) { return a; }

/* Products of whole numbers (tmpl/dot.inc.h): four bytes of a row, and acc + sum of w[i] q[i]. */
typedef ni nq;
AI nq q_set(const int W, const int8_t *q, size_t plane)
{
    (void)W;
    (void)plane;
    return i_load(q);
}
AI ni dot(const int W, ni acc, ni w, nq q)
{
    (void)W;
    for (int i = 0; i < 32; i += 8) acc += (uint32_t)((int32_t)(int8_t)(w >> i) * (int32_t)(int8_t)(q >> i));
    return acc;
}

AI nd d_set(double a) { return a; }
AI nd d_add(nd a, nd b) { return a + b; }
AI nd d_sub(nd a, nd b) { return a - b; }
AI nd d_mul(nd a, nd b) { return a * b; }
AI nd d_div(nd a, nd b) { return a / b; }
AI nd d_from_f(nf a) { return (double)a; }
AI nf d_to_f(nd a) { return (float)a; }
AI nd d_shl52(nd a)
{
    uint64_t u;
    memcpy(&u, &a, 8);
    u <<= 52;
    memcpy(&a, &u, 8);
    return a;
} /* on the bits */

#endif
