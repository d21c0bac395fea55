/* SPDX-License-Identifier: Apache-2.0
 *
 * Canonne, Kamath and Steinke, "The discrete Gaussian for differential privacy" (2020), algorithms 1 to 3. All numbers
 * are whole and fit 64 bits, so the distribution is exact but for |x| of more than 16 deviations, which are drawn with
 * a probability below 1e-55 and drawn again; and there is no rounding that would tell what was added (Mironov 2012).
 */
#include "exchange.h"

#include <string.h>

enum { ROOM = 512 };

typedef struct drawing {
    const uint8_t *key;
    uint64_t words[ROOM], block; /* of 64 bytes */
    size_t at;
} drawing;

static uint64_t draw(drawing *d)
{
    if (d->at == ROOM) {
        secrets_stream(d->key, d->block, d->words, ROOM);
        d->block += ROOM * 8 / 64;
        d->at = 0;
    }
    return d->words[d->at++];
}

/* A whole number below n, without bias. */
static uint64_t below(drawing *d, uint64_t n)
{
    const uint64_t uneven = (UINT64_MAX % n + 1) % n; /* 2^64 modulo n */
    uint64_t x;
    do x = draw(d);
    while (x > UINT64_MAX - uneven);
    return x % n;
}

/* 1 with probability exp(-p / q), p <= q (algorithm 1). */
static int flip_unit(drawing *d, uint64_t p, uint64_t q)
{
    uint64_t k = 1;
    while (below(d, q) < p && below(d, k) == 0) k++; /* both with probability p / (q k) */
    return k % 2 == 1;
}

/* The same of any p. */
static int flip(drawing *d, uint64_t p, uint64_t q)
{
    for (; p > q; p -= q)
        if (!flip_unit(d, 1, 1)) return 0;
    return flip_unit(d, p, q);
}

/* The discrete Laplace distribution of scale t (algorithm 2), as size and sign. */
static uint64_t laplace(drawing *d, uint64_t t, int *negative)
{
    for (;;) {
        const uint64_t u = below(d, t);
        uint64_t v = 0;
        if (!flip_unit(d, u, t)) continue;
        while (flip_unit(d, 1, 1)) v++;
        *negative = (int)below(d, 2);
        if (!*negative || u + t * v) return u + t * v;
    }
}

/* Algorithm 3: a number y of the Laplace distribution is taken with probability exp(-(|y| - s^2 / t)^2 / (2 s^2)). */
static double gaussian(drawing *d)
{
    const uint64_t s = NOISE_UNITS, t = s + 1;
    for (;;) {
        int negative;
        const uint64_t y = laplace(d, t, &negative);
        if (y > 16 * s) continue;
        const uint64_t a = y * t, far = a > s * s ? a - s * s : s * s - a; /* below 2^31 */
        if (flip(d, far * far, 2 * s * s * t * t)) return negative ? -(double)y : (double)y;
    }
}

void noise_add(const uint8_t key[KEY_BYTES], double *x, size_t n)
{
    drawing d = {.key = key, .at = ROOM};
    for (size_t i = 0; i < n; i++) x[i] += gaussian(&d);
    memset(d.words, 0, sizeof d.words);
}
