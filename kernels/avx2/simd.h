/* SPDX-License-Identifier: Apache-2.0
 *
 * The vector shim on AVX2 + FMA + F16C; kernels/generic/simd.h defines each operation.
 */
#ifndef RNNP_SIMD_H
#define RNNP_SIMD_H

#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error "kernels/avx2 needs -mavx2 -mfma -mf16c"
#endif
#ifdef __AVX512F__
#error "kernels/avx2 must not be compiled for AVX-512"
#endif

#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../compiler.h"
#include "../panels.h"

#define RNNP_SUFFIX avx2
#define VL 8
#define VU 4

typedef __m256 nf;
typedef __m256i ni;
typedef __m256 nm; /* all ones or all zeros in a lane; n_sel reads the sign bit only */

AI nf n_set(float a) { return _mm256_set1_ps(a); }
AI nf n_load(const float *p) { return _mm256_loadu_ps(p); }
AI void n_store(float *p, nf a) { _mm256_storeu_ps(p, a); }
AI nf w_load_f32(const void *p, const int j) { return n_load((const float *)p + j * VL); }
AI nf w_load_f16(const void *p, const int j)
{
    (void)j;
    return _mm256_cvtph_ps(_mm_loadu_si128(p));
}
AI nf w_load_bf16(const void *p, const int j)
{
    const __m256i pair = _mm256_loadu_si256(p);
    return _mm256_castsi256_ps(j ? _mm256_and_si256(pair, _mm256_set1_epi32((int)0xffff0000u))
                                 : _mm256_slli_epi32(pair, 16));
}
AI __m256i n_first(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
AI nf n_load_n(const float *p, size_t n) { return _mm256_maskload_ps(p, n_first(n)); }
AI void n_store_n(float *p, nf a, size_t n) { _mm256_maskstore_ps(p, n_first(n), a); }
AI void n_transpose(nf v[VL])
{
    nf a[VL], b[VL];
    UNROLLED_BY(i, VL, 2) { /* pairs of rows: columns 0 1 4 5, and 2 3 6 7 */
        a[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
        a[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
    }
    UNROLLED_BY(i, VL, 4) /* fours of rows: columns 0 4, 1 5, 2 6 and 3 7 */
        UNROLLED(j, 2) {
            b[i + 2 * j] = _mm256_shuffle_ps(a[i + j], a[i + j + 2], _MM_SHUFFLE(1, 0, 1, 0));
            b[i + 2 * j + 1] = _mm256_shuffle_ps(a[i + j], a[i + j + 2], _MM_SHUFFLE(3, 2, 3, 2));
        }
    UNROLLED(i, 4) {
        v[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        v[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
}
AI ni n_bits(nf a) { return _mm256_castps_si256(a); }
AI nf n_from(ni a) { return _mm256_castsi256_ps(a); }

AI nf n_add(nf a, nf b) { return _mm256_add_ps(a, b); }
AI nf n_sub(nf a, nf b) { return _mm256_sub_ps(a, b); }
AI nf n_mul(nf a, nf b) { return _mm256_mul_ps(a, b); }
AI nf n_div(nf a, nf b) { return _mm256_div_ps(a, b); }
AI nf n_sqrt(nf a) { return _mm256_sqrt_ps(a); }
AI nf n_fma(nf a, nf b, nf c) { return _mm256_fmadd_ps(a, b, c); }
AI nf n_fnma(nf a, nf b, nf c) { return _mm256_fnmadd_ps(a, b, c); }

AI nf n_min(nf a, nf b) { return _mm256_min_ps(a, b); }
AI nf n_max(nf a, nf b) { return _mm256_max_ps(a, b); }
AI nm n_lt(nf a, nf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
AI nm n_eq(nf a, nf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
AI nm n_neg(nf a) { return a; }
AI nf n_sel(nm m, nf a, nf b) { return _mm256_blendv_ps(b, a, m); }
AI nf n_only(nm m, nf a) { return _mm256_and_ps(m, a); }
AI nf n_abs(nf a) { return _mm256_andnot_ps(n_set(-0.0f), a); }
AI nf n_negabs(nf a) { return _mm256_or_ps(n_set(-0.0f), a); }
AI nf n_copysign(nf m, nf s) { return _mm256_or_ps(n_abs(m), _mm256_and_ps(n_set(-0.0f), s)); }

AI ni i_set(uint32_t a) { return _mm256_set1_epi32((int)a); }
AI ni i_add(ni a, ni b) { return _mm256_add_epi32(a, b); }
AI ni i_sub(ni a, ni b) { return _mm256_sub_epi32(a, b); }
AI ni i_shl23(ni a) { return _mm256_slli_epi32(a, 23); }
AI ni i_sra23(ni a) { return _mm256_srai_epi32(a, 23); }
AI nf i_to_f(ni a) { return _mm256_cvtepi32_ps(a); }
AI ni i_sra31(ni a) { return _mm256_srai_epi32(a, 31); }
AI ni i_xor(ni a, ni b) { return _mm256_xor_si256(a, b); }
AI ni i_max(ni a, ni b) { return _mm256_max_epi32(a, b); }
AI uint32_t i_most(ni a)
{
    __m128i m = _mm_max_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
    return (uint32_t)_mm_cvtsi128_si32(_mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1)));
}
AI uint32_t i_total(ni a)
{
    __m128i m = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    m = _mm_add_epi32(m, _mm_shuffle_epi32(m, 0x4e));
    return (uint32_t)_mm_cvtsi128_si32(_mm_add_epi32(m, _mm_shuffle_epi32(m, 0xb1)));
}
AI ni i_load(const void *p) { return _mm256_loadu_si256(p); }
AI void i_store_bytes(int8_t *p, ni a)
{
    const __m256i low = _mm256_shuffle_epi8(a, _mm256_set1_epi32(0x0c080400));
    _mm_storel_epi64((__m128i *)(void *)p,
                     _mm_unpacklo_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1)));
}
AI ni i_in_register(ni a)
{
    __asm__("" : "+x"(a));
    return a;
}

#include "../tmpl/signs.inc.h"

/* SIGNS: |q| times w ^ s. A pair is at most 2 * 127 * 128 = 32512, so vpmaddubsw never saturates. vpsignb in place
 * of the xor would need no start, but takes a port of the multiplications. */
AI ni dot(const int W, ni acc, ni w, nq q)
{
    if (W == RNNP_PRODUCT_s8_vnni) {
        __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc) : "x"(w), "x"(q.q));
        return acc;
    }
    const ni pairs = _mm256_maddubs_epi16(q.absolute, _mm256_xor_si256(w, q.q));
    return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

typedef __m256d nh;
#define h_add _mm256_add_pd
#define h_sub _mm256_sub_pd
#define h_mul _mm256_mul_pd
#define h_div _mm256_div_pd
#define h_set _mm256_set1_pd
AI nh h_shl52(nh a) { return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(a), 52)); }
#include "../tmpl/pair.inc.h"
AI nd d_from_f(nf a)
{
    return (nd){_mm256_cvtps_pd(_mm256_castps256_ps128(a)), _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1))};
}
AI nf d_to_f(nd a)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(a.lo)), _mm256_cvtpd_ps(a.hi), 1);
}

#endif
