/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: names of the ISA RNNP_SUFFIX (set by <isa>/simd.h) and the declarations of its TMPL kernels.
 */
#ifndef RNNP_NAME_INC_H
#define RNNP_NAME_INC_H

#include "../ops.h"

#define RNNP_JOIN_(a, b) a##_##b
#define RNNP_JOIN(a, b) RNNP_JOIN_(a, b)
#define RNNP_NAME(op) RNNP_JOIN(rnnp_##op, RNNP_SUFFIX)

#define RNNP_DECLARE_TMPL(op) rnnp_##op##_fn RNNP_NAME(op);
#define RNNP_DECLARE_HAND(op)
#define RNNP_OP(op, args, source) RNNP_DECLARE_##source(op)
#include "../ops.def"
#undef RNNP_OP

/* pointwise.c for product.c: act over rows of c, which are at c and not at g->c. */
void RNNP_NAME(activate)(const rnnp_gemm_args *g, float *c, size_t rows);

#endif
