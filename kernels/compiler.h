/* SPDX-License-Identifier: Apache-2.0
 *
 * What kernels ask of the compiler.
 */
#ifndef RNNP_KERNELS_COMPILER_H
#define RNNP_KERNELS_COMPILER_H

#define AI static inline __attribute__((always_inline, unused))

/* A long function that is the same for all its callers: copies for the constants of some of them would be most of a
 * library. */
#if defined(__clang__)
#define ONE_COPY static __attribute__((noinline))
#else
#define ONE_COPY static __attribute__((noinline, noclone))
#endif

/* Before a loop over a small array with constant bounds: unrolled as a whole, so that its elements live in registers.
 * Either compiler passes over the other one's words in silence; with the array in memory a product takes four times as
 * long. UNROLL_4: four rounds of a longer loop in one. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#define UNROLL_4 _Pragma("clang loop unroll_count(4)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#define UNROLL_4 _Pragma("GCC unroll 4")
#endif

#define UNROLLED_BY(i, n, by) UNROLL for (int i = 0; i < (n); i += (by))
#define UNROLLED(i, n) UNROLLED_BY(i, n, 1)

#endif
