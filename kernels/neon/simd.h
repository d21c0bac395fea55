/* SPDX-License-Identifier: Apache-2.0
 *
 * The vector shim on NEON (aarch64); kernels/generic/simd.h defines each operation.
 */
#ifndef RNNP_SIMD_H
#define RNNP_SIMD_H

#if !defined(__aarch64__) || !defined(__ARM_NEON)
#error "kernels/neon needs aarch64 with NEON"
#endif

#include <arm_neon.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../compiler.h"
#include "../panels.h"

#define RNNP_SUFFIX neon
#define VL 4
#define VU 4

typedef float32x4_t nf;
typedef uint32x4_t ni;
typedef uint32x4_t nm; /* all ones or all zeros in a lane */

AI nf n_set(float a) { return vdupq_n_f32(a); }
AI nf n_load(const float *p) { return vld1q_f32(p); }
AI void n_store(float *p, nf a) { vst1q_f32(p, a); }
AI nf w_load_f32(const void *p, const int j) { return n_load((const float *)p + j * VL); }
AI nf w_load_f16(const void *p, const int j)
{
    (void)j;
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}
AI nf w_load_bf16(const void *p, const int j)
{
    const uint32x4_t pair = vld1q_u32(p);
    return vreinterpretq_f32_u32(j ? vandq_u32(pair, vdupq_n_u32(0xffff0000u)) : vshlq_n_u32(pair, 16));
}
/* There are no masks: a lane is touched by an instruction of its own, or not at all. */
AI nf n_load_n(const float *p, size_t n)
{
    const float32x2_t zero = vdup_n_f32(0.0f);
    switch (n) {
    case 0: return vdupq_n_f32(0.0f);
    case 1: return vcombine_f32(vld1_lane_f32(p, zero, 0), zero);
    case 2: return vcombine_f32(vld1_f32(p), zero);
    case 3: return vcombine_f32(vld1_f32(p), vld1_lane_f32(p + 2, zero, 0));
    default: return vld1q_f32(p);
    }
}
AI void n_store_n(float *p, nf a, size_t n)
{
    switch (n) {
    case 0: break;
    case 3: vst1q_lane_f32(p + 2, a, 2); /* fall through */
    case 2: vst1_f32(p, vget_low_f32(a)); break;
    case 1: vst1q_lane_f32(p, a, 0); break;
    default: vst1q_f32(p, a);
    }
}
/* With r and c bits of row and lane, a round of zips turns r1 r0 c1 c0 left by one: two make c r. */
AI void n_transpose(nf v[VL])
{
    UNROLLED(round, 2) {
        const nf zipped[VL] = {vzip1q_f32(v[0], v[2]), vzip2q_f32(v[0], v[2]), vzip1q_f32(v[1], v[3]),
                               vzip2q_f32(v[1], v[3])};
        UNROLLED(i, VL) v[i] = zipped[i];
    }
}
AI ni n_bits(nf a) { return vreinterpretq_u32_f32(a); }
AI nf n_from(ni a) { return vreinterpretq_f32_u32(a); }

AI nf n_add(nf a, nf b) { return vaddq_f32(a, b); }
AI nf n_sub(nf a, nf b) { return vsubq_f32(a, b); }
AI nf n_mul(nf a, nf b) { return vmulq_f32(a, b); }
AI nf n_div(nf a, nf b) { return vdivq_f32(a, b); }
AI nf n_sqrt(nf a) { return vsqrtq_f32(a); }
AI nf n_fma(nf a, nf b, nf c) { return vfmaq_f32(c, a, b); }
AI nf n_fnma(nf a, nf b, nf c) { return vfmsq_f32(c, a, b); }

/* FMIN and FMAX treat NaN and signed zeros in their own way. */
AI nm n_lt(nf a, nf b) { return vcltq_f32(a, b); }
AI nm n_eq(nf a, nf b) { return vceqq_f32(a, b); }
AI nm n_neg(nf a) { return vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_f32(a), 31)); }
AI nf n_sel(nm m, nf a, nf b) { return vbslq_f32(m, a, b); }
AI nf n_only(nm m, nf a) { return vreinterpretq_f32_u32(vandq_u32(m, n_bits(a))); }
AI nf n_min(nf a, nf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
AI nf n_max(nf a, nf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
AI nf n_abs(nf a) { return vabsq_f32(a); }
AI nf n_negabs(nf a) { return vreinterpretq_f32_u32(vorrq_u32(n_bits(a), vdupq_n_u32(0x80000000u))); }
AI nf n_copysign(nf m, nf s) { return vbslq_f32(vdupq_n_u32(0x80000000u), s, m); }

AI ni i_set(uint32_t a) { return vdupq_n_u32(a); }
AI ni i_add(ni a, ni b) { return vaddq_u32(a, b); }
AI ni i_sub(ni a, ni b) { return vsubq_u32(a, b); }
AI ni i_shl23(ni a) { return vshlq_n_u32(a, 23); }
AI ni i_sra23(ni a) { return vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_u32(a), 23)); }
AI nf i_to_f(ni a) { return vcvtq_f32_s32(vreinterpretq_s32_u32(a)); }
AI ni i_sra31(ni a) { return vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_u32(a), 31)); }
AI ni i_xor(ni a, ni b) { return veorq_u32(a, b); }
AI ni i_max(ni a, ni b) { return vreinterpretq_u32_s32(vmaxq_s32(vreinterpretq_s32_u32(a), vreinterpretq_s32_u32(b))); }
AI uint32_t i_most(ni a) { return (uint32_t)vmaxvq_s32(vreinterpretq_s32_u32(a)); }
AI uint32_t i_total(ni a) { return vaddvq_u32(a); }
AI ni i_load(const void *p) { return vreinterpretq_u32_u8(vld1q_u8(p)); }
AI void i_store_bytes(int8_t *p, ni a)
{
    const uint16x4_t half = vmovn_u32(a);
    const uint32_t four = vget_lane_u32(vreinterpret_u32_u8(vmovn_u16(vcombine_u16(half, half))), 0);
    memcpy(p, &four, sizeof four);
}
AI ni i_in_register(ni a) { return a; }

typedef int8x16_t nq;
AI nq q_set(const int W, const int8_t *q, size_t plane)
{
    uint32_t four;
    (void)W;
    (void)plane;
    memcpy(&four, q, sizeof four);
    return vreinterpretq_s8_u32(vdupq_n_u32(four));
}
/* Without sdot the products of pairs, at most 2 * 127 * 127 = 32258, are added in 16 bits. */
AI ni dot(const int W, ni acc, ni w, nq q)
{
    const int8x16_t b = vreinterpretq_s8_u32(w);
    (void)W;
#ifndef __clang__ /* whose assembler takes sdot in files for CPUs that have it only: the same sums without it */
    if (W == RNNP_PRODUCT_s8_sdot) {
        __asm__(".arch armv8.2-a+dotprod\n\tsdot %0.4s, %1.16b, %2.16b" : "+w"(acc) : "w"(b), "w"(q));
        return acc;
    }
#endif
    const int16x8_t pairs = vpaddq_s16(vmull_s8(vget_low_s8(b), vget_low_s8(q)), vmull_high_s8(b, q));
    return vreinterpretq_u32_s32(vpadalq_s16(vreinterpretq_s32_u32(acc), pairs));
}

typedef float64x2_t nh;
#define h_add vaddq_f64
#define h_sub vsubq_f64
#define h_mul vmulq_f64
#define h_div vdivq_f64
#define h_set vdupq_n_f64
AI nh h_shl52(nh a) { return vreinterpretq_f64_u64(vshlq_n_u64(vreinterpretq_u64_f64(a), 52)); }
#include "../tmpl/pair.inc.h"
AI nd d_from_f(nf a) { return (nd){vcvt_f64_f32(vget_low_f32(a)), vcvt_high_f64_f32(a)}; }
AI nf d_to_f(nd a) { return vcvt_high_f32_f64(vcvt_f32_f64(a.lo), a.hi); }

#endif
