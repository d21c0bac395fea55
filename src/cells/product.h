/* SPDX-License-Identifier: Apache-2.0
 *
 * A product with a packed right side, what dense layers are made of: packing, and the call shared by a team. No
 * allocation: all memory comes from the caller.
 */
#ifndef RNNP_PRODUCT_H
#define RNNP_PRODUCT_H

#include "../context.h"

/* How a product is computed. What a tuner may decide is both: speed changes, bits do not. */
typedef struct rnnp_product {
    const rnnp_variant *kernel; /* of gemm; its panels decide the packing */
    size_t threads;             /* that share it, of those the call may use; 0: all */
} rnnp_product;

/* The kernel meant for a right side [k][n] in a format, by where that lives. */
const rnnp_variant *rnnp_product_kernel(const rnnp_selection *select, rnnp_format format, size_t n, size_t k);

/* A kernel like it for panels of twice the columns, whose tiles are half as high but have at least so many rows, and
 * read the left side half as often; itself where there is none, or n columns would leave half of the last panel
 * empty. */
const rnnp_variant *rnnp_product_wider(const rnnp_variant *usual, size_t n, size_t least_rows);

/* Bytes of packed [k][n] matrices; SIZE_MAX on overflow, which no allocator can serve. */
size_t rnnp_product_bytes(const rnnp_variant *kernel, size_t n, size_t k, size_t matrices);

/* Packs b[i * k_step + j * n_step], i < k, j < n, f32. Threads may each write one of `parts` parts. */
void rnnp_product_pack(const rnnp_variant *kernel, void *packed, const float *b, size_t n, size_t k, size_t n_step,
                       size_t k_step, size_t part, size_t parts);

/* Floats of args.scratch for m rows, on up to `threads` threads. */
size_t rnnp_product_scratch(const rnnp_variant *kernel, size_t m, size_t k, size_t threads);

/* A line that tells what the bytes of packed matrices depend on besides the matrices. */
void rnnp_product_layout(const rnnp_variant *kernel, size_t n, size_t k, size_t matrices, char *text, size_t size);

/* Runs it, with rnnp_product_scratch() floats of args.scratch, on at most `threads` of the team (0: all; team NULL:
 * the caller alone), when that is worth it. */
void rnnp_product_forward(const rnnp_product *product, const rnnp_gemm_args *args, rnnp_team *team, size_t threads);

#endif
