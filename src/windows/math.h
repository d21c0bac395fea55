/* SPDX-License-Identifier: Apache-2.0
 *
 * mingw-w64's own macros convert a double to a float in a branch that is never taken, and warn of it.
 */
#include_next <math.h>

#ifndef RNNP_WINDOWS_MATH_H
#define RNNP_WINDOWS_MATH_H

#undef isfinite
#undef isinf
#undef isnan
#undef signbit
#define isfinite(x) __builtin_isfinite(x)
#define isinf(x) __builtin_isinf(x)
#define isnan(x) __builtin_isnan(x)
#define signbit(x) __builtin_signbit(x)

#endif
