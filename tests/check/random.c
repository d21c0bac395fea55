/* SPDX-License-Identifier: Apache-2.0 */
#include "random.h"

#include <math.h>
#include <string.h>

uint64_t rng_next(rng *r) /* splitmix64 */
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

size_t rng_in(rng *r, size_t low, size_t high)
{
    return r->sizes ? low : low + (size_t)(rng_next(r) % (high - low + 1));
}

int rng_one_in(rng *r, size_t n) { return !r->sizes && rng_in(r, 1, n) == 1; }

size_t rng_or(const rng *r, size_t index, size_t drawn) { return r->sizes ? r->sizes[index] : drawn; }

float rng_option(rng *r, float usual, float most)
{
    return r->sizes ? usual : rng_one_in(r, 3) ? 0 : rng_uniform(r, 0, most);
}

float rng_uniform(rng *r, float low, float high)
{
    return low + (high - low) * (float)((double)(rng_next(r) >> 40) * 0x1p-24);
}

/* Twelve uniforms: sums only, so that inputs do not depend on a C library's logarithm. */
float rng_normal(rng *r)
{
    float sum = -6;
    for (int i = 0; i < 12; i++) sum += rng_uniform(r, 0, 1);
    return sum;
}

uint64_t hash_text(uint64_t seed, const char *text)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ seed;
    for (; *text; text++) h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return h;
}

size_t rng_size(rng *r, size_t step, size_t most)
{
    static const size_t primes[] = {1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67};
    if (rng_one_in(r, 4)) return primes[rng_in(r, 0, sizeof primes / sizeof *primes - 1)];
    if (rng_one_in(r, 3)) return rng_in(r, 1, step * most + 3);
    const size_t edge = step * rng_in(r, 1, most) + rng_in(r, 0, 6);
    return edge > 3 ? edge - 3 : 1;
}

inputs rng_inputs(rng *r)
{
    static const inputs mix[] = {NORMAL, NORMAL, NORMAL, WIDE, WIDE, TINY, SPECIAL, SPECIAL};
    return mix[rng_in(r, 0, sizeof mix / sizeof *mix - 1)];
}

static float tiny(rng *r)
{
    const uint32_t bits = (uint32_t)rng_next(r);
    if (bits & 1) return ldexpf(rng_uniform(r, -1, 1), -(int)rng_in(r, 0, 30));
    uint32_t word = bits & 0x80ffffffu; /* denormals and the first normals */
    float f;
    memcpy(&f, &word, sizeof f);
    return f;
}

void fill(rng *r, float *p, size_t n, inputs kind, float scale, size_t every)
{
    static const float special[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1.0f, -1.0f, 0x1p-149f};
    for (size_t i = 0; i < n; i++) {
        p[i] = kind == WIDE ? rng_uniform(r, -30, 30) : kind == TINY ? tiny(r) : scale * rng_normal(r);
        if (kind == SPECIAL && rng_one_in(r, every)) p[i] = special[rng_in(r, 0, sizeof special / sizeof *special - 1)];
    }
}
