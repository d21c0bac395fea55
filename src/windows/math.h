/* SPDX-License-Identifier: Apache-2.0
 *
 * mingw-w64's own macros convert a double to a float in a branch that is never taken, and warn of it. Its fmaf() rounds
 * twice: to the 64 bits of an x87 register, and then to a float.
 */
#include_next <math.h>

#ifndef RNNP_WINDOWS_MATH_H
#define RNNP_WINDOWS_MATH_H

#include <stdint.h>
#include <string.h>

/* A product of floats is exact in a double. The sum is rounded to odd there: if it is not exact, its last bit is set,
 * which keeps the second rounding from taking it for a tie. 53 bits are at least 2 * 24 + 2, so the float is the one
 * nearest to the exact sum, be it normal or not. */
static inline float rnnp_posix_fmaf(float x, float y, float z)
{
#ifdef __FMA__
    return __builtin_fmaf(x, y, z);
#else
    const double product = (double)x * (double)y, sum = product + (double)z;
    const double part = sum - product,
                 rest = (product - (sum - part)) + ((double)z - part); /* exact: the sum's error */
    double odd = sum;
    uint64_t bits;

    memcpy(&bits, &sum, sizeof bits);
    if (rest != 0 && !(bits & 1) && __builtin_isfinite(sum)) {
        bits += (rest > 0) == (sum > 0) ? 1u : ~UINT64_C(0); /* towards the exact sum; its neighbours are odd */
        memcpy(&odd, &bits, sizeof odd);
    }
    return (float)odd;
#endif
}

#define fmaf rnnp_posix_fmaf

#undef isfinite
#undef isinf
#undef isnan
#undef signbit
#define isfinite(x) __builtin_isfinite(x)
#define isinf(x) __builtin_isinf(x)
#define isnan(x) __builtin_isnan(x)
#define signbit(x) __builtin_signbit(x)

#endif
