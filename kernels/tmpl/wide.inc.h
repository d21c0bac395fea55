/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: parameters are VL, VU and the native shim of <isa>/simd.h.
 *
 * Widens the shim to VU native vectors in lockstep. Each operation is issued for all of them before the
 * next one: a chain of dependent operations (an exponential is about 85 cycles of latency) would otherwise
 * fill the scheduler while the ports idle. Bits do not depend on VU.
 *
 *   vf, vd, vm   VU * VL floats, doubles, booleans
 */
#ifndef RNNP_WIDE_INC_H
#define RNNP_WIDE_INC_H

typedef struct vf {
    nf v[VU];
} vf;
typedef struct vi {
    ni v[VU];
} vi;
typedef struct vm {
    nm v[VU];
} vm;
typedef struct vd {
    nd v[VU];
} vd;

enum { WIDE = VL * VU };

#define EACH(type, expression)             \
    type r;                                \
    UNROLLED(j, VU) r.v[j] = (expression); \
    return r

#define W1(w, n, R, A) \
    AI R w(A a) { EACH(R, n(a.v[j])); }
#define W2(w, n, R, A, B) \
    AI R w(A a, B b) { EACH(R, n(a.v[j], b.v[j])); }
#define W3(w, n, R, A, B, C) \
    AI R w(A a, B b, C c) { EACH(R, n(a.v[j], b.v[j], c.v[j])); }

AI vf vf_set(float a) { EACH(vf, n_set(a)); }
AI vi vi_set(uint32_t a) { EACH(vi, i_set(a)); }
AI vd vd_set(double a) { EACH(vd, d_set(a)); }
AI vf vf_load(const float *p) { EACH(vf, n_load(p + j * VL)); }
AI void vf_store(float *p, vf a)
{
    UNROLLED(j, VU) n_store(p + j * VL, a.v[j]);
}
/* The first n of WIDE floats, n <= WIDE; nothing beyond them is touched. */
AI size_t vf_part(size_t n, int j)
{
    size_t from = (size_t)j * VL;
    return n <= from ? 0 : n - from < VL ? n - from : VL;
}
AI vf vf_load_n(const float *p, size_t n) { EACH(vf, n_load_n(p + j * VL, vf_part(n, j))); }
AI void vf_store_n(float *p, vf a, size_t n)
{
    UNROLLED(j, VU) n_store_n(p + j * VL, a.v[j], vf_part(n, j));
}
/* The same for loops over rows: masked stores are slow on some cores (AMD Zen), so full vectors go without. */
AI vf vf_load_up_to(const float *p, size_t n) { return n >= WIDE ? vf_load(p) : vf_load_n(p, n); }
AI void vf_store_up_to(float *p, vf a, size_t n)
{
    if (n >= WIDE)
        vf_store(p, a);
    else
        vf_store_n(p, a, n);
}

W2(vf_add, n_add, vf, vf, vf)
W2(vf_sub, n_sub, vf, vf, vf)
W2(vf_mul, n_mul, vf, vf, vf)
W2(vf_div, n_div, vf, vf, vf)
W1(vf_sqrt, n_sqrt, vf, vf)
W3(vf_fma, n_fma, vf, vf, vf, vf)
W3(vf_fnma, n_fnma, vf, vf, vf, vf)
W2(vf_min, n_min, vf, vf, vf)
W2(vf_max, n_max, vf, vf, vf)
W2(vf_lt, n_lt, vm, vf, vf)
W2(vf_eq, n_eq, vm, vf, vf)
W1(vf_neg, n_neg, vm, vf)
W3(vf_sel, n_sel, vf, vm, vf, vf)
W2(vf_only, n_only, vf, vm, vf)
W2(vf_copysign, n_copysign, vf, vf, vf)
W1(vf_abs, n_abs, vf, vf)
W1(vf_negabs, n_negabs, vf, vf)
W1(vf_bits, n_bits, vi, vf)
W1(vf_from, n_from, vf, vi)
W2(vi_add, i_add, vi, vi, vi)
W2(vi_sub, i_sub, vi, vi, vi)
W1(vi_shl23, i_shl23, vi, vi)
W1(vi_sra23, i_sra23, vi, vi)
W1(vi_to_f, i_to_f, vf, vi)
W2(vd_add, d_add, vd, vd, vd)
W2(vd_sub, d_sub, vd, vd, vd)
W2(vd_mul, d_mul, vd, vd, vd)
W2(vd_div, d_div, vd, vd, vd)
W1(vd_from_f, d_from_f, vd, vf)
W1(vd_to_f, d_to_f, vf, vd)
W1(vd_shl52, d_shl52, vd, vd)

#undef W1
#undef W2
#undef W3

#endif
