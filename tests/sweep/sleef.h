/* SPDX-License-Identifier: Apache-2.0
 *
 * SLEEF's deterministic functions (finz, u10), a second opinion on class u10. They come in forms, one for each
 * instruction set, which should have the same bits.
 */
#ifndef SWEEP_SLEEF_H
#define SWEEP_SLEEF_H

#include "measure.h"

/* Of one form. SLEEF has neither sigmoid nor softplus nor elu: they are made of exp, log1p and expm1 in float. */
typedef struct sleef_form {
    const char *name;
    uint64_t needs; /* CPU features, all of them; FMA alone is asked for as one of two */
    void (*of[KIND_COUNT])(const float *x, float *y, size_t n); /* n is a multiple of 16; y does not overlap x */
} sleef_form;

extern const sleef_form sleef_purecfma, sleef_avx2, sleef_avx512f, sleef_advsimd; /* those that the build has */

#endif
