/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers, and inputs of the kinds that have found faults: the middle, saturation, the bottom, and values
 * that are no numbers.
 */
#ifndef CHECK_RANDOM_H
#define CHECK_RANDOM_H

#include <stddef.h>
#include <stdint.h>

typedef struct rng {
    uint64_t state;
} rng;

uint64_t rng_next(rng *r);
/* In [low, high]. */
size_t rng_in(rng *r, size_t low, size_t high);
/* 1 in n. */
int rng_one_in(rng *r, size_t n);
float rng_uniform(rng *r, float low, float high);
float rng_normal(rng *r);
uint64_t hash_text(uint64_t seed, const char *text);

/* A size near a multiple of `step`, up to `most` multiples: where tiles and vectors begin and end. */
size_t rng_size(rng *r, size_t step, size_t most);

typedef enum inputs { NORMAL, WIDE, TINY, SPECIAL, INPUTS } inputs;

inputs rng_inputs(rng *r);
/* n floats: N(0, scale), U(-30, 30), near zero with denormals; SPECIAL is NORMAL with one in `every` a zero, an
 * infinity or a NaN. */
void fill(rng *r, float *p, size_t n, inputs kind, float scale, size_t every);

#endif
