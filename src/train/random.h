/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers by counter: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011). A number depends on its key and counter alone, so masks, weights and orders are the same on every host,
 * for any number of threads, and after a resumed run.
 */
#ifndef RNNP_RANDOM_H
#define RNNP_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* What a sequence of numbers is for; part of the counter, so that no two uses ever meet. */
typedef enum rnnp_random_use {
    RNNP_RANDOM_DROPOUT = 1,
    RNNP_RANDOM_WEIGHTS,
    RNNP_RANDOM_ORDER,
    RNNP_RANDOM_RESAMPLE
} rnnp_random_use;

/* One stream of numbers: use and `which` (a node's serial, a parameter's index) and `step` tell it from all others of
 * the seed. Numbers are addressed by index. */
typedef struct rnnp_random {
    uint64_t seed, step;
    rnnp_random_use use;
    uint32_t which; /* below 2^24 */
} rnnp_random;

/* The generator itself: 10 rounds on counter under key. */
void rnnp_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* Numbers [first, first + n) of a stream: 32 uniform bits each; first < 2^34. */
void rnnp_random_bits(const rnnp_random *random, uint64_t first, size_t n, uint32_t *bits);
/* Uniform in [0, 1): multiples of 2^-24. */
void rnnp_random_uniform(const rnnp_random *random, uint64_t first, size_t n, float *x);
/* Standard normal (Box-Muller in double, rounded once; our own log and cosine so that hosts agree). */
void rnnp_random_normal(const rnnp_random *random, uint64_t first, size_t n, float *x);
/* A uniform permutation of 0..n-1 (Fisher-Yates with 64-bit multiplication, no modulo bias beyond 2^-32). */
void rnnp_random_order(const rnnp_random *random, size_t n, uint32_t *order);

#endif
