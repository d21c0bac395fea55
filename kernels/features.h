/* SPDX-License-Identifier: Apache-2.0
 *
 * The names of CPU features: the vocabulary of isa.def and of the folders' variants.def.
 */
#ifndef RNNP_KERNELS_FEATURES_H
#define RNNP_KERNELS_FEATURES_H

#include <stdint.h>

/* CPU features: a bit is set when the CPU has the feature and the operating system saves its registers.
 * "Supported" is not "fast": quirks that change a choice are bits of their own, set in one commented
 * function of cpu_x86.c. */
/* clang-format off */
#define RNNP_FEATURES(X) \
    X(SSE41, "sse4.1") X(AVX, "avx") X(AVX2, "avx2") X(FMA3, "fma3") X(F16C, "f16c") X(BMI2, "bmi2") \
    X(AVX512F, "avx512f") X(AVX512BW, "avx512bw") X(AVX512DQ, "avx512dq") X(AVX512VL, "avx512vl") \
    X(AVX512VNNI, "avx512vnni") X(AVX512BF16, "avx512bf16") X(AVX512FP16, "avx512fp16") \
    X(AVXVNNI, "avxvnni") X(AMX_TILE, "amx-tile") X(AMX_INT8, "amx-int8") X(AMX_BF16, "amx-bf16") \
    X(NEON, "neon") X(DOTPROD, "dotprod") X(FP16, "fp16") X(BF16, "bf16") X(I8MM, "i8mm") X(SVE, "sve") \
    X(HYPERVISOR, "hypervisor") X(SLOW_ZMM, "slow-zmm")
/* clang-format on */

typedef enum rnnp_feature {
#define X(name, text) RNNP_FEATURE_##name,
    RNNP_FEATURES(X)
#undef X
        RNNP_FEATURE_COUNT
} rnnp_feature;

enum { RNNP_FEATURE_BITS_FIT = 1 / (RNNP_FEATURE_COUNT <= 64) };
#define RNNP_CPU(name) (UINT64_C(1) << RNNP_FEATURE_##name)
#define RNNP_CPU_AVX2 RNNP_CPU(AVX2)
#define RNNP_CPU_FMA3 RNNP_CPU(FMA3)
#define RNNP_CPU_F16C RNNP_CPU(F16C)
#define RNNP_CPU_AVX512F RNNP_CPU(AVX512F)
#define RNNP_CPU_AVX512BW RNNP_CPU(AVX512BW)
#define RNNP_CPU_AVX512DQ RNNP_CPU(AVX512DQ)
#define RNNP_CPU_AVX512VL RNNP_CPU(AVX512VL)
#define RNNP_CPU_AVX512VNNI RNNP_CPU(AVX512VNNI)
#define RNNP_CPU_AVXVNNI RNNP_CPU(AVXVNNI)
#define RNNP_CPU_NEON RNNP_CPU(NEON)
#define RNNP_CPU_DOTPROD RNNP_CPU(DOTPROD)

#endif
