/* SPDX-License-Identifier: Apache-2.0
 *
 * The floating-point mode of the calling thread: rounding, exception masks and the treatment of denormals.
 * The numerics contract requires rounding to nearest, no traps, and denormals kept unless a plan says otherwise.
 */
#ifndef RNNP_FPMODE_H
#define RNNP_FPMODE_H

#include <stdint.h>

#if defined(__x86_64__)
#include <xmmintrin.h>

typedef uint32_t rnnp_fpmode;
enum { RNNP_FPMODE_KEEP = 0x1f80, RNNP_FPMODE_FLUSH = 0x1f80 | 0x8000 | 0x0040 }; /* masks all; FTZ, DAZ */

static inline rnnp_fpmode rnnp_fpmode_get(void) { return _mm_getcsr(); }

static inline void rnnp_fpmode_set(rnnp_fpmode mode) { _mm_setcsr(mode); }

#elif defined(__aarch64__)

typedef uint64_t rnnp_fpmode;
#define RNNP_FPMODE_KEEP UINT64_C(0)
#define RNNP_FPMODE_FLUSH (UINT64_C(1) << 24) /* FZ */

static inline rnnp_fpmode rnnp_fpmode_get(void)
{
    rnnp_fpmode mode;

    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}

static inline void rnnp_fpmode_set(rnnp_fpmode mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode) : "memory"); }

#else
#error "the floating-point mode of this architecture is not known"
#endif

/* Sets the contract's mode and returns the caller's, for rnnp_fpmode_set afterwards. Sticky exception flags
 * of the caller are kept: they are part of the saved word on x86 and a register of their own on aarch64. */
static inline rnnp_fpmode rnnp_fpmode_enter(int flush_denormals)
{
    const rnnp_fpmode saved = rnnp_fpmode_get();

    rnnp_fpmode_set(flush_denormals ? RNNP_FPMODE_FLUSH : RNNP_FPMODE_KEEP);
    return saved;
}

#endif
