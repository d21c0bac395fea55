/* SPDX-License-Identifier: Apache-2.0
 *
 * The vector shim on AVX-512 F, BW, DQ, VL; kernels/generic/simd.h defines each operation.
 */
#ifndef RNNP_SIMD_H
#define RNNP_SIMD_H

#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512DQ__) || !defined(__AVX512VL__)
#error "kernels/avx512 needs -mavx512f -mavx512bw -mavx512dq -mavx512vl"
#endif

#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../compiler.h"
#include "../panels.h"

#define RNNP_SUFFIX avx512
#define VL 16
#define VU 4

typedef __m512 nf;
typedef __m512i ni;
typedef __mmask16 nm;

AI nf n_set(float a) { return _mm512_set1_ps(a); }
AI nf n_load(const float *p) { return _mm512_loadu_ps(p); }
AI void n_store(float *p, nf a) { _mm512_storeu_ps(p, a); }
AI nf w_load_f32(const void *p, const int j) { return n_load((const float *)p + j * VL); }
AI nf w_load_f16(const void *p, const int j)
{
    (void)j;
    return _mm512_cvtph_ps(_mm256_loadu_si256(p));
}
AI nf w_load_bf16(const void *p, const int j)
{
    const __m512i pair = _mm512_loadu_si512(p);
    return _mm512_castsi512_ps(j ? _mm512_and_si512(pair, _mm512_set1_epi32((int)0xffff0000u))
                                 : _mm512_slli_epi32(pair, 16));
}
AI __mmask16 n_first(size_t n) { return (__mmask16)((1u << n) - 1u); } /* n <= 16 */
AI nf n_load_n(const float *p, size_t n) { return _mm512_maskz_loadu_ps(n_first(n), p); }
AI void n_store_n(float *p, nf a, size_t n) { _mm512_mask_storeu_ps(p, n_first(n), a); }
/* With r and c bits of row and lane, a round of zips turns r3 r2 r1 r0 c3 c2 c1 c0 left by one: four make c r. */
AI void n_transpose(nf v[VL])
{
    const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
    UNROLLED(round, 4) {
        nf zipped[VL];
        UNROLLED(i, VL / 2) {
            zipped[2 * i] = _mm512_permutex2var_ps(v[i], low, v[i + VL / 2]);
            zipped[2 * i + 1] = _mm512_permutex2var_ps(v[i], high, v[i + VL / 2]);
        }
        UNROLLED(i, VL) v[i] = zipped[i];
    }
}
AI ni n_bits(nf a) { return _mm512_castps_si512(a); }
AI nf n_from(ni a) { return _mm512_castsi512_ps(a); }

AI nf n_add(nf a, nf b) { return _mm512_add_ps(a, b); }
AI nf n_sub(nf a, nf b) { return _mm512_sub_ps(a, b); }
AI nf n_mul(nf a, nf b) { return _mm512_mul_ps(a, b); }
AI nf n_div(nf a, nf b) { return _mm512_div_ps(a, b); }
AI nf n_sqrt(nf a) { return _mm512_sqrt_ps(a); }
AI nf n_fma(nf a, nf b, nf c) { return _mm512_fmadd_ps(a, b, c); }
AI nf n_fnma(nf a, nf b, nf c) { return _mm512_fnmadd_ps(a, b, c); }

AI nf n_min(nf a, nf b) { return _mm512_min_ps(a, b); }
AI nf n_max(nf a, nf b) { return _mm512_max_ps(a, b); }
AI nm n_lt(nf a, nf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
AI nm n_eq(nf a, nf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
AI nm n_neg(nf a) { return _mm512_movepi32_mask(n_bits(a)); }
AI nf n_sel(nm m, nf a, nf b) { return _mm512_mask_blend_ps(m, b, a); }
AI nf n_only(nm m, nf a) { return _mm512_maskz_mov_ps(m, a); }
AI nf n_abs(nf a) { return _mm512_andnot_ps(n_set(-0.0f), a); }
AI nf n_negabs(nf a) { return _mm512_or_ps(n_set(-0.0f), a); }
AI nf n_copysign(nf m, nf s) /* one vpternlogd: sign bit from s, the rest from m */
{
    return n_from(_mm512_ternarylogic_epi32(_mm512_set1_epi32(INT32_MIN), n_bits(s), n_bits(m), 0xca));
}

AI ni i_set(uint32_t a) { return _mm512_set1_epi32((int)a); }
AI ni i_add(ni a, ni b) { return _mm512_add_epi32(a, b); }
AI ni i_sub(ni a, ni b) { return _mm512_sub_epi32(a, b); }
AI ni i_shl23(ni a) { return _mm512_slli_epi32(a, 23); }
AI ni i_sra23(ni a) { return _mm512_srai_epi32(a, 23); }
AI nf i_to_f(ni a) { return _mm512_cvtepi32_ps(a); }
AI ni i_sra31(ni a) { return _mm512_srai_epi32(a, 31); }
AI ni i_xor(ni a, ni b) { return _mm512_xor_si512(a, b); }
AI ni i_max(ni a, ni b) { return _mm512_max_epi32(a, b); }
AI uint32_t i_most(ni a) { return (uint32_t)_mm512_reduce_max_epi32(a); }
AI uint32_t i_total(ni a) { return (uint32_t)_mm512_reduce_add_epi32(a); }
AI ni i_load(const void *p) { return _mm512_loadu_si512(p); }
AI void i_store_bytes(int8_t *p, ni a) { _mm_storeu_si128((__m128i *)(void *)p, _mm512_cvtepi32_epi8(a)); }
AI ni i_in_register(ni a)
{
    __asm__("" : "+v"(a));
    return a;
}

#include "../tmpl/signs.inc.h"

/* As an intrinsic gcc 12 copies the sum around it, which halves the speed of a tile. */
AI ni dot(const int W, ni acc, ni w, nq q)
{
    if (W == RNNP_PRODUCT_s8_vnni) {
        __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(w), "v"(q.q));
        return acc;
    }
    const ni pairs = _mm512_maddubs_epi16(q.absolute, _mm512_xor_si512(w, q.q));
    return _mm512_add_epi32(acc, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}

typedef __m512d nh;
#define h_add _mm512_add_pd
#define h_sub _mm512_sub_pd
#define h_mul _mm512_mul_pd
#define h_div _mm512_div_pd
#define h_set _mm512_set1_pd
AI nh h_shl52(nh a) { return _mm512_castsi512_pd(_mm512_slli_epi64(_mm512_castpd_si512(a), 52)); }
#include "../tmpl/pair.inc.h"
AI nd d_from_f(nf a)
{
    return (nd){_mm512_cvtps_pd(_mm512_castps512_ps256(a)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1))};
}
AI nf d_to_f(nd a)
{
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(a.lo)), _mm512_cvtpd_ps(a.hi), 1);
}

#endif
