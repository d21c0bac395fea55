/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers, and inputs of the kinds that have found faults: the middle, saturation, the bottom, and values
 * that are no numbers.
 */
#ifndef CHECK_RANDOM_H
#define CHECK_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* With sizes it makes a plain problem of these sizes, as benchmarks measure: every choice below is the usual one, and
 * numbers alone are random. */
typedef struct rng {
    uint64_t state;
    const size_t *sizes;
} rng;

uint64_t rng_next(rng *r);
/* In [low, high]; plain: low. */
size_t rng_in(rng *r, size_t low, size_t high);
/* 1 in n; plain: 0. */
int rng_one_in(rng *r, size_t n);
/* Size `index` of a plain problem, or what was drawn. */
size_t rng_or(const rng *r, size_t index, size_t drawn);
/* An option in [0, most], 0 in one of three; plain: its usual value. */
float rng_option(rng *r, float usual, float most);
float rng_uniform(rng *r, float low, float high);
float rng_normal(rng *r);
uint64_t hash_text(uint64_t seed, const char *text);

/* A size near a multiple of `step`, up to `most` multiples: where tiles and vectors begin and end. */
size_t rng_size(rng *r, size_t step, size_t most);

typedef enum inputs { NORMAL, WIDE, TINY, SPECIAL, INPUTS } inputs;

/* Plain: NORMAL. */
inputs rng_inputs(rng *r);
/* n floats: N(0, scale), U(-30, 30), near zero with denormals; SPECIAL is NORMAL with one in `every` a zero, an
 * infinity or a NaN. */
void fill(rng *r, float *p, size_t n, inputs kind, float scale, size_t every);

#endif
