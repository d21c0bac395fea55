/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers: known answers of the generator, moments, permutations, and that numbers depend on their address
 * alone.
 */
#include "../model/build.h"
#include "src/train/random.h"

static const rnnp_random example = {.seed = 0x123456789ABCDEFu, .step = 5, .use = RNNP_RANDOM_WEIGHTS, .which = 77};

/* Facts: the known answers for philox4x32 with 10 rounds in the Random123 distribution. */
TEST(test_philox)
{
    static const uint32_t known[][10] = {{0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
                                         {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff,
                                          0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
                                         {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0,
                                          0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};
    uint32_t out[4];

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        rnnp_philox(known[i], known[i] + 4, out);
        assert_memory_equal(out, known[i] + 6, sizeof out);
    }
}

/* Any piece is what the whole has there. */
TEST(test_addresses)
{
    enum { N = 1100 };
    uint32_t bits[N], piece[N];
    float normal[N], uniform[N], part[N];

    rnnp_random_bits(&example, 0, N, bits);
    rnnp_random_normal(&example, 0, N, normal);
    rnnp_random_uniform(&example, 0, N, uniform);
    for (size_t first = 0; first < 20; first++) {
        for (size_t n = 0; n <= N - 20; n += n < 20 ? 1 : 107) {
            rnnp_random_bits(&example, first, n, piece);
            assert_memory_equal(piece, bits + first, n * sizeof *bits);
            rnnp_random_normal(&example, first, n, part);
            assert_memory_equal(part, normal + first, n * sizeof *part);
            rnnp_random_uniform(&example, first, n, part);
            assert_memory_equal(part, uniform + first, n * sizeof *part);
        }
    }
    rnnp_random_bits(&example, (UINT64_C(1) << 34) - 3, 3, piece);
    rnnp_random_bits(&example, (UINT64_C(1) << 34) - 2, 2, piece + 4);
    assert_memory_equal(piece + 1, piece + 4, 2 * sizeof *piece);
}

/* Seed, step, use and which each give other numbers; the counter's and the key's words are known. */
TEST(test_streams)
{
    const rnnp_random others[] = {
        {.seed = 0x123456789ABCDEEu, .step = 5, .use = RNNP_RANDOM_WEIGHTS, .which = 77},
        {.seed = 0x023456789ABCDEFu, .step = 5, .use = RNNP_RANDOM_WEIGHTS, .which = 77},
        {.seed = 0x123456789ABCDEFu, .step = 6, .use = RNNP_RANDOM_WEIGHTS, .which = 77},
        {.seed = 0x123456789ABCDEFu, .step = 5 + (UINT64_C(1) << 32), .use = RNNP_RANDOM_WEIGHTS, .which = 77},
        {.seed = 0x123456789ABCDEFu, .step = 5, .use = RNNP_RANDOM_ORDER, .which = 77},
        {.seed = 0x123456789ABCDEFu, .step = 5, .use = RNNP_RANDOM_WEIGHTS, .which = 78}};
    const uint32_t counter[4] = {3, 77 << 8 | RNNP_RANDOM_WEIGHTS, 5, 0}, key[2] = {0x89ABCDEFu, 0x01234567u};
    uint32_t bits[16], other[16], block[4];

    rnnp_random_bits(&example, 0, 16, bits);
    rnnp_philox(counter, key, block);
    assert_memory_equal(block, bits + 12, sizeof block);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        size_t equal = 0;

        rnnp_random_bits(&others[i], 0, 16, other);
        for (size_t k = 0; k < 16; k++) equal += bits[k] == other[k];
        assert_int_equal(equal, 0);
    }
}

/* Means of powers within five standard errors; every sixteenth of the range gets its share. */
TEST(test_uniform)
{
    enum { N = 1 << 18 };
    FREED float *x = numbers(N, 1, 1);
    double sum[3] = {0}, share[16] = {0}, chi = 0;

    rnnp_random_uniform(&example, 12345, N, x);
    for (size_t i = 0; i < N; i++) {
        assert_true(x[i] >= 0 && x[i] < 1 && x[i] * 16777216.0f == floorf(x[i] * 16777216.0f));
        share[(size_t)(x[i] * 16)]++;
        for (int k = 0; k < 2; k++) sum[k] += pow(x[i], k + 1) / N;
        sum[2] += i > 0 ? ((double)x[i] - 0.5) * ((double)x[i - 1] - 0.5) / N : 0;
    }
    assert_true(fabs(sum[0] - 1.0 / 2) < 5 * sqrt(1.0 / 12 / N));
    assert_true(fabs(sum[1] - 1.0 / 3) < 5 * sqrt(4.0 / 45 / N));
    assert_true(fabs(sum[2]) < 5 * sqrt(1.0 / 144 / N));
    for (size_t i = 0; i < 16; i++) chi += (share[i] - N / 16.0) * (share[i] - N / 16.0) / (N / 16.0);
    assert_true(chi < 45); /* 15 degrees of freedom: p = 1e-4 */
}

/* Against Box and Muller with the C library, and four moments. */
TEST(test_normal)
{
    enum { N = 1 << 18 };
    FREED float *x = numbers(N, 1, 1);
    FREED uint32_t *bits = malloc(N * sizeof *bits);
    double sum[4] = {0};
    const double pi = 3.14159265358979323846;

    assert_non_null(bits);
    rnnp_random_bits(&example, 0, N, bits);
    rnnp_random_normal(&example, 0, N, x);
    for (size_t i = 0; i < N; i += 2) {
        const double radius = sqrt(-2 * log(((double)bits[i] + 0.5) / 4294967296.0));
        const double angle = 2 * pi * ((double)bits[i + 1] + 0.5) / 4294967296.0;

        assert_true(fabs(x[i] - radius * cos(angle)) <= 6e-8 * radius);
        assert_true(fabs(x[i + 1] - radius * sin(angle)) <= 6e-8 * radius);
    }
    for (size_t i = 0; i < N; i++) {
        for (int k = 0; k < 4; k++) sum[k] += pow(x[i], k + 1) / N;
    }
    assert_true(fabs(sum[0]) < 5 * sqrt(1.0 / N));
    assert_true(fabs(sum[1] - 1) < 5 * sqrt(2.0 / N));
    assert_true(fabs(sum[2]) < 5 * sqrt(15.0 / N));
    assert_true(fabs(sum[3] - 3) < 5 * sqrt(96.0 / N));
}

/* All are permutations, and of four things all 24 come up equally often. */
TEST(test_order)
{
    static uint32_t order[1000];
    static uint8_t seen[1000];
    double share[256] = {0}, chi = 0;
    rnnp_random random = {.seed = 1, .use = RNNP_RANDOM_ORDER};
    size_t kinds = 0;

    for (size_t n = 0; n <= 1000; n += n < 10 ? 1 : 110) {
        rnnp_random_order(&random, n, order);
        memset(seen, 0, sizeof seen);
        for (size_t i = 0; i < n; i++) {
            assert_true(order[i] < n && !seen[order[i]]);
            seen[order[i]] = 1;
        }
    }
    for (random.step = 0; random.step < 24000; random.step++) {
        rnnp_random_order(&random, 4, order);
        share[order[0] << 6 | order[1] << 4 | order[2] << 2 | order[3]]++;
    }
    for (size_t i = 0; i < 256; i++) {
        kinds += share[i] > 0;
        chi += share[i] > 0 ? (share[i] - 1000) * (share[i] - 1000) / 1000 : 0;
    }
    assert_int_equal(kinds, 24);
    assert_true(chi < 60); /* 23 degrees of freedom: p = 4e-5 */
}
