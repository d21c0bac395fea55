/* SPDX-License-Identifier: Apache-2.0
 *
 * Philox4x32-10 and what is made of its bits.
 */
#include "random.h"
#include "../real.h"
#include "rnnpack/train.h"

#include <math.h>

void rnnp_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)c0 * 0xD2511F53u, b = (uint64_t)c2 * 0xCD9E8D57u;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += 0x9E3779B9u; /* the golden ratio, */
        k1 += 0xBB67AE85u; /* and sqrt(3) - 1 */
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* The counter: number / 4, which and use, step; the key: seed. */
void rnnp_random_bits(const rnnp_random *random, uint64_t first, size_t n, uint32_t *bits)
{
    const uint32_t key[2] = {(uint32_t)random->seed, (uint32_t)(random->seed >> 32)};
    uint32_t counter[4] = {(uint32_t)(first / 4), random->which << 8 | (uint32_t)random->use, (uint32_t)random->step,
                           (uint32_t)(random->step >> 32)};
    uint32_t four[4];
    for (size_t i = 0, at = (size_t)(first % 4); i < n; at = 0, counter[0]++) {
        if (at == 0 && n - i >= 4) {
            rnnp_philox(counter, key, bits + i);
            i += 4;
            continue;
        }
        rnnp_philox(counter, key, four);
        while (at < 4 && i < n) bits[i++] = four[at++];
    }
}

/* ---- Uniform ---- */

enum { CHUNK = 256 };

static size_t chunk_of(size_t left) { return left < CHUNK ? left : CHUNK; }

void rnnp_random_uniform(const rnnp_random *random, uint64_t first, size_t n, float *x)
{
    uint32_t bits[CHUNK];
    for (size_t done = 0, part; done < n; done += part) {
        part = chunk_of(n - done);
        rnnp_random_bits(random, first + done, part, bits);
        for (size_t i = 0; i < part; i++) x[done + i] = (float)(bits[i] >> 8) * 0x1p-24f;
    }
}

/* ---- Normal ---- */

/* Numbers 2j and 2j + 1 are the two of Box and Muller's transform of bits 2j, the radius, and 2j + 1, the angle. Each
 * has 2^32 equal steps, of which the middle is taken: the largest radius is 6.8. */
void rnnp_random_normal(const rnnp_random *random, uint64_t first, size_t n, float *x)
{
    uint32_t bits[CHUNK];
    size_t done = 0;
    while (done < n) {
        const uint64_t pair = (first + done) / 2 * 2;
        const size_t skip = (size_t)(first + done - pair);
        const size_t part = chunk_of(n - done + skip);
        rnnp_random_bits(random, pair, (part + 1) / 2 * 2, bits);
        for (size_t i = 0; i < part; i += 2) {
            const double radius = sqrt(-2.0 * rnnp_real_log(((double)bits[i] + 0.5) * 0x1p-32));
            const double turn = ((double)bits[i + 1] + 0.5) * 0x1p-31; /* in halves */
            const double both[2] = {rnnp_real_cos_pi(turn), rnnp_real_cos_pi(turn - 0.5)};
            for (size_t k = 0; k < 2; k++) {
                if (i + k >= skip && i + k < part) x[done + i + k - skip] = (float)(radius * both[k]);
            }
        }
        done += part - skip;
    }
}

/* ---- Order ---- */

void rnnp_random_order(const rnnp_random *random, size_t n, uint32_t *order)
{
    uint32_t bits[CHUNK];
    for (size_t i = 0; i < n; i++) order[i] = (uint32_t)i;
    for (size_t done = 0, part; done < n; done += part) {
        part = chunk_of(n - done);
        rnnp_random_bits(random, done, part, bits);
        for (size_t i = 0; i < part; i++) {
            const size_t last = n - 1 - done - i, other = (size_t)(((uint64_t)bits[i] * (last + 1)) >> 32);
            const uint32_t swap = order[last];
            order[last] = order[other];
            order[other] = swap;
        }
    }
}

void rnnp_train_order(uint64_t seed, uint64_t which, size_t n, uint32_t *order)
{
    const rnnp_random random = {.seed = seed, .step = which, .use = RNNP_RANDOM_ORDER};
    rnnp_random_order(&random, n, order);
}
