/* SPDX-License-Identifier: Apache-2.0
 *
 * What Gemm and MatMul share. A constant right side is packed once, in the plan; any other by each run.
 */
#ifndef RNNP_PRODUCT_H
#define RNNP_PRODUCT_H

#include "ops.h"

/* Name of the kernel in use. */
const char *rnnp_product_variant(const rnnp_prepare *p);

/* Bytes of packed [k][n] matrices; SIZE_MAX on overflow, which no allocator can serve. */
size_t rnnp_product_packed_bytes(const rnnp_selection *select, size_t n, size_t k, size_t matrices);

/* Packs b[k * k_step + n * n_step], or a part of its columns. */
void rnnp_product_pack(const rnnp_selection *select, float *packed, const float *b, size_t n, size_t k, size_t n_step,
                       size_t k_step, size_t part, size_t parts);

/* What the bytes of packed matrices depend on besides the matrices. */
void rnnp_product_layout(const rnnp_selection *select, size_t n, size_t k, size_t matrices, char *text, size_t size);

/* The kernel of ops.h, on the team when that is worth it. */
void rnnp_product(const rnnp_exec *e, const rnnp_gemm_args *args);

#endif
