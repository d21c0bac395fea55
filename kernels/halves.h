/* SPDX-License-Identifier: Apache-2.0
 *
 * Floats of 16 bits: f16 (IEEE 754 binary16) and bf16 (the upper half of a float). Widening is exact; narrowing rounds
 * to the nearest, ties to even, and keeps a NaN a NaN.
 */
#ifndef RNNP_KERNELS_HALVES_H
#define RNNP_KERNELS_HALVES_H

#include <stdint.h>
#include <string.h>

static inline uint32_t rnnp_float_bits(float a)
{
    uint32_t u;
    memcpy(&u, &a, sizeof u);
    return u;
}
static inline float rnnp_bits_float(uint32_t u)
{
    float a;
    memcpy(&a, &u, sizeof a);
    return a;
}

static inline float rnnp_bf16_to_f32(uint16_t h) { return rnnp_bits_float((uint32_t)h << 16); }

static inline uint16_t rnnp_f32_to_bf16(float a)
{
    const uint32_t u = rnnp_float_bits(a);
    if ((u & 0x7fffffff) > 0x7f800000) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/* Denormals count in units of 2^-24. */
static inline float rnnp_f16_to_f32(uint16_t h)
{
    const uint32_t exponent = h >> 10 & 31, fraction = h & 1023, sign = (uint32_t)(h & 0x8000) << 16;
    const uint32_t normal = ((exponent == 31 ? 255 : exponent + 112) << 23) | fraction << 13;
    return rnnp_bits_float((exponent ? normal : rnnp_float_bits((float)fraction * 0x1p-24f)) | sign);
}

/* From 65520 on it is infinite. 0.5 has units of 2^-24, so that adding it rounds to a denormal. */
static inline uint16_t rnnp_f32_to_f16(float a)
{
    const uint32_t u = rnnp_float_bits(a), sign = u >> 16 & 0x8000, size = u & 0x7fffffff;
    if (size > 0x7f800000) return (uint16_t)(sign | 0x7e00);
    if (size >= 0x477ff000) return (uint16_t)(sign | 0x7c00);
    if (size < 0x38800000)
        return (uint16_t)(sign | (rnnp_float_bits(rnnp_bits_float(size) + 0.5f) - rnnp_float_bits(0.5f)));
    return (uint16_t)(sign | (((size + 0xfff + (size >> 13 & 1)) >> 13) - (112 << 10)));
}

#endif
