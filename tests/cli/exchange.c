/* SPDX-License-Identifier: Apache-2.0
 *
 * What sites exchange: numbers add up exactly and masks cancel, whatever they are; noise has the distribution that is
 * accounted for; the accountant gives published values; files come back as they were written, or not at all.
 */
#include "tests/scratch.h"

#undef FREED /* cli.h has its own */
#undef TRY
#include "src/cli/federate/exchange.h"

static uint64_t last_bits = 1;

static uint64_t bits(void)
{
    last_bits = last_bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return last_bits ^ last_bits >> 29;
}

static double number(void)
{
    const double size = pow(2, (double)(bits() % 100) - 50);
    return ((double)(bits() >> 11) * 0x1p-53 - 0.5) * size;
}

/* ---- Numbers ---- */

TEST(test_numbers)
{
    static const double exact[] = {0, 1, -1, 0.5, -0.5, 1e15, -1e15, 0x1p53 - 1, 1 - 0x1p53, 0x1p-52, -0x1p-52, 1e-20};
    static const double bad[] = {0x1p53, -0x1p53, INFINITY, -INFINITY, NAN};
    uint64_t w[2];

    for (size_t i = 0; i < COUNT(exact); i++) {
        assert_true(sum_put(exact[i], w));
        assert_true(fabs(sum_get(w) - exact[i]) <= (i == COUNT(exact) - 1 ? 0x1p-53 : 0));
    }
    for (size_t i = 0; i < COUNT(bad); i++) assert_false(sum_put(bad[i], w));
    for (int k = 0; k < 100000; k++) {
        const double x = number();
        assert_true(sum_put(x, w) && fabs(sum_get(w) - x) <= 0x1p-52);
    }
}

/* The order does not matter, and a sum is off by its numbers' own rounding alone. */
TEST(test_sums)
{
    double x[EXCHANGE_PARTIES];

    for (int k = 0; k < 200; k++) {
        const size_t n = 1 + bits() % EXCHANGE_PARTIES;
        uint64_t forth[2] = {0, 0}, back[2] = {0, 0}, w[2];
        long double sum = 0;

        for (size_t i = 0; i < n; i++) {
            x[i] = k < 100 ? number() : (bits() % 2 ? 1 : -1) * (0x1p53 - 1 - (double)(bits() % 1000));
            sum += x[i];
            assert_true(sum_put(x[i], w));
            forth[0] += w[0], forth[1] += w[1];
        }
        for (size_t i = n; i-- > 0;) {
            assert_true(sum_put(x[i], w));
            back[0] += w[0], back[1] += w[1];
        }
        assert_memory_equal(forth, back, sizeof forth);
        assert_true(fabsl((long double)sum_get(forth) - sum) <= (long double)n * 0x1p-52L + fabsl(sum) * 0x1p-52L);
    }
}

/* ---- Masks ---- */

enum { MOST = 9, WORDS = 1200 };

/* Any number of parties, any words: the masks of all cancel to the last bit, and no subset's do. */
TEST(test_masks_cancel)
{
    party_keys keys[MOST];
    uint8_t open[MOST][KEY_BYTES], federation[KEY_BYTES];
    static uint64_t plain[WORDS], masked[WORDS], one[WORDS], mine[WORDS];

    for (int k = 0; k < 40; k++) {
        const size_t n = 2 + bits() % (MOST - 1), words = 1 + bits() % WORDS;
        const uint64_t step = bits();

        secrets_random(federation, sizeof federation);
        memset(plain, 0, sizeof plain);
        memset(masked, 0, sizeof masked);
        for (size_t i = 0; i < n; i++) {
            keys_make(&keys[i]);
            memcpy(open[i], keys[i].open, KEY_BYTES);
        }
        for (size_t i = 0; i < n; i++) {
            size_t same = 0, high = 0;

            for (size_t w = 0; w < words; w++) mine[w] = one[w] = bits() >> (bits() % 60);
            assert_true(masks_add(&keys[i], (const uint8_t(*)[KEY_BYTES])open, n, i, federation, step, one, words));
            for (size_t w = 0; w < words; w++) {
                plain[w] += mine[w];
                masked[w] += one[w];
                same += one[w] == mine[w];
                high += (size_t)(one[w] >> 63);
            }
            assert_int_equal(same, 0);
            if (words > 500) assert_true(high > words / 3 && high < 2 * words / 3);
            if (i + 1 < n) assert_memory_not_equal(plain, masked, words * sizeof *plain);
        }
        assert_memory_equal(plain, masked, words * sizeof *plain);
    }
}

/* Another step, federation or pair has another mask: the same mask twice would tell the difference of two answers. */
TEST(test_masks_differ)
{
    party_keys keys[3];
    uint8_t open[3][KEY_BYTES], federation[2][KEY_BYTES] = {{1}, {2}}, none[KEY_BYTES];
    uint64_t masks[5][64] = {{0}};

    for (size_t i = 0; i < 3; i++) {
        keys_of_seed(&keys[i], 7, i);
        memcpy(open[i], keys[i].open, KEY_BYTES);
    }
    const uint8_t(*all)[KEY_BYTES] = (const uint8_t(*)[KEY_BYTES])open;
    assert_true(masks_add(&keys[0], all, 2, 0, federation[0], 1, masks[0], 64));
    assert_true(masks_add(&keys[0], all, 2, 0, federation[0], 2, masks[1], 64));
    assert_true(masks_add(&keys[0], all, 2, 0, federation[1], 1, masks[2], 64));
    assert_true(masks_add(&keys[0], all, 3, 0, federation[0], 1, masks[3], 64));
    assert_true(masks_add(&keys[1], all, 2, 1, federation[0], 1, masks[4], 64));
    for (size_t w = 0; w < 64; w++) {
        for (size_t i = 1; i < 4; i++) assert_true(masks[i][w] != masks[0][w]);
        assert_true(masks[4][w] + masks[0][w] == 0);
    }
    memset(none, 0, sizeof none);
    memcpy(open[1], none, sizeof none); /* of low order: it would share a secret with everybody */
    assert_false(masks_add(&keys[0], all, 2, 0, federation[0], 1, masks[0], 64));
}

/* ---- Noise ---- */

/* Moments and tails of the discrete Gaussian, whose deviation is NOISE_UNITS to 1e-100 at this size. */
TEST(test_noise)
{
    enum { N = 200000 };
    const uint8_t key[KEY_BYTES] = {3}, other[KEY_BYTES] = {4};
    static double x[N], y[N];
    double mean = 0, square = 0, fourth = 0, beyond[4] = {0};
    /* 1 - erf(k / sqrt(2)), and its standard error of N draws: five of them are allowed */
    static const double tail[] = {1, 0.31731051, 0.04550026, 0.00269980};

    noise_add(key, x, N);
    for (size_t i = 0; i < N; i++) {
        const double z = x[i] / NOISE_UNITS;
        assert_true(x[i] == floor(x[i]));
        mean += z / N;
        square += z * z / N;
        fourth += z * z * z * z / N;
        for (int k = 1; k < 4; k++) beyond[k] += fabs(z) > k ? 1.0 / N : 0;
    }
    assert_true(fabs(mean) < 5 / sqrt(N));
    assert_true(fabs(square - 1) < 5 * sqrt(2.0 / N));
    assert_true(fabs(fourth - 3) < 5 * sqrt(96.0 / N));
    for (int k = 1; k < 4; k++) assert_true(fabs(beyond[k] - tail[k]) < 5 * sqrt(tail[k] * (1 - tail[k]) / N));
    noise_add(key, y, N); /* the key says all of it */
    assert_memory_equal(x, y, sizeof x);
    memset(y, 0, sizeof y);
    noise_add(other, y, N);
    assert_memory_not_equal(x, y, sizeof x);
}

/* ---- The accountant ---- */

/* Mironov 2017, proposition 7; and TensorFlow Privacy's tests of its accountant (rdp_accountant_test.py). */
TEST(test_divergences)
{
    static const struct {
        double sampling, noise, steps, order, divergence, error;
    } known[] = {
        {1, 1, 1, 2, 1, 1e-12},
        {1, 4, 10, 20, 6.25, 1e-12},
        {1, 2.5, 1, 1.5, 0.12, 1e-12},
        {0.1, 2, 10, 5, 0.07737, 5e-6},
        {0.01, 2.5, 50, 5, 0.00218075, 1e-6},
        {0.01, 2.5, 50, 50, 0.023846, 5e-7},
        {0.01, 2.5, 50, 100, 167.416307, 1e-6},
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        const double found = known[i].steps * account_divergence(known[i].sampling, known[i].noise, known[i].order);
        assert_true(fabs(found - known[i].divergence) <= known[i].error);
    }
    assert_true(account_divergence(0, 1, 2) == 0);
    assert_true(isinf(account_divergence(1, 0, 2)) && isinf(account_divergence(0.5, 1, 2.5)));
}

TEST(test_epsilons)
{
    double least = INFINITY, order;

    /* Abadi et al. 2016, section 5: q = 0.01, sigma = 4, 10000 steps, delta = 1e-5 give 1.26, by orders to 33 and the
     * conversion of Mironov 2017, proposition 3. */
    for (double a = 2; a <= 33; a++) {
        const double epsilon = 10000 * account_divergence(0.01, 4, a) - log(1e-5) / (a - 1);
        least = epsilon < least ? epsilon : least;
    }
    assert_true(fabs(least - 1.26) < 0.005);
    assert_true(account_epsilon(0.01, 4, 10000, 1e-5, &order) < least && order > 1);

    /* Without sampling proposition 3 has its least at a closed form; proposition 12 of Canonne, Kamath and Steinke is
     * below it, and above what the Gaussian mechanism needs exactly (Balle and Wang 2018, theorem 8). */
    for (double noise = 0.5; noise < 60; noise *= 1.7)
        for (double steps = 1; steps <= 1000; steps *= 10)
            for (double delta = 1e-8; delta < 0.1; delta *= 100) {
                const double m = sqrt(steps) / noise, bound = m * m / 2 + m * sqrt(-2 * log(delta));
                const double e = account_epsilon(1, noise, steps, delta, NULL);
                const double exact =
                    0.5 * erfc((e / m - m / 2) / sqrt(2)) - exp(e) * 0.5 * erfc((e / m + m / 2) / sqrt(2));

                assert_true(e <= bound * 1.0001 + 1e-9);
                assert_true(isnan(exact) || isinf(exp(e)) || exact <= delta * 1.0000001);
            }
    assert_true(isinf(account_epsilon(1, 0, 1, 1e-5, NULL)));
    assert_true(account_epsilon(0, 1, 1, 1e-5, NULL) == 0 && account_epsilon(1, 1, 0, 1e-5, NULL) == 0);
    assert_true(account_epsilon(0.5, 1, 10, 1e-5, NULL) < account_epsilon(1, 1, 10, 1e-5, NULL));
}

/* ---- Bins ---- */

/* They rise, cover all from 0 to 1, are as wide as they are said to be, and 1 less an edge is an edge. */
TEST(test_grid)
{
    assert_true(grid_edge(0) == 0 && grid_edge(1) == 0x1p-17f && grid_edge(GRID_BINS - 1) == 1 - 0x1p-17f);
    assert_int_equal(grid_bin(1), GRID_BINS - 1);
    assert_true(grid_edge(grid_bin(0.5f)) == 0.5f);
    for (size_t i = 0; i < GRID_BINS; i++) {
        const float from = grid_edge(i), to = grid_edge(i + 1), less = from < 0.5f ? to : 1 - from;
        assert_true(from < to);
        assert_int_equal(grid_bin(from), i);
        assert_int_equal(grid_bin(nextafterf(to, 0)), i);
        if (i && i + 1 < GRID_BINS) {
            assert_true(to - from <= less / GRID_PARTS);
            assert_true(grid_edge(GRID_BINS - i) == 1 - from);
        }
    }
    assert_int_equal(sum_count(-1), 0);
    assert_int_equal(sum_count((double)NAN), 0);
    assert_int_equal(sum_count(0x1p70), 0);
    assert_int_equal(sum_count(12.5), 12);
}

/* ---- Payloads and files ---- */

TEST(test_payloads)
{
    char *const texts[] = {(char *)"", (char *)"a", (char *)"eight is", (char *)"nine isn't"};
    uint8_t in[11] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, out[11] = {0};
    payload p = {0};
    size_t n;

    payload_put(&p, 42);
    payload_put_number(&p, -0.25);
    payload_put_bytes(&p, in, sizeof in);
    payload_put_texts(&p, texts, 4);
    payload_put_texts(&p, NULL, 4);
    assert_int_equal(payload_get(&p), 42);
    assert_true(payload_get_number(&p) == -0.25);
    payload_get_bytes(&p, out, sizeof out);
    assert_memory_equal(in, out, sizeof in);
    char **read = payload_get_texts(&p, &n);
    assert_int_equal(n, 4);
    for (size_t i = 0; i < n; i++) assert_string_equal(read[i], texts[i]);
    assert_null(payload_get_texts(&p, &n));
    assert_true(n == 0 && payload_whole(&p));
    payload_get(&p);
    assert_true(p.bad && !payload_whole(&p));
    cli_free_texts(read, 4);

    /* Cut off anywhere, and with counts that cannot be, nothing is read past the end. */
    for (size_t cut = 0; cut < p.n; cut++) {
        uint64_t words[32];
        payload part = {.at = words, .n = cut};

        memcpy(words, p.at, cut * sizeof *words);
        payload_get(&part);
        payload_get_number(&part);
        payload_get_bytes(&part, out, sizeof out);
        read = payload_get_texts(&part, &n);
        cli_free_texts(read, n);
        if (cut + 1 < p.n) assert_true(!payload_whole(&part) || cut + 1 == p.n);
        if (cut) {
            words[cut - 1] = UINT64_MAX - (cut & 3);
            part = (payload){.at = words, .n = cut, .next = cut - 1};
            assert_null(payload_get_texts(&part, &n));
            part = (payload){.at = words, .n = cut, .next = cut - 1};
            assert_int_equal(payload_get_count(&part, 3), 0);
            assert_true(part.bad);
        }
    }
    payload_free(&p);
}

/* Every bit of a file counts: with any one of them turned it is refused. */
TEST(test_files)
{
    FOLDER(root);
    const char *path = in(root, "0003.x.answer");
    char why[256] = "";
    party_keys keys, stranger;
    exchange_file file = {.step = 3, .answer = 1, .federation = {9}}, found;
    const uint8_t other[KEY_BYTES] = {8};

    keys_make(&keys);
    keys_make(&stranger);
    for (uint64_t w = 0; w < 5; w++) payload_put(&file.payload, w * w);
    assert_int_equal(folder_read(path, keys.open, NULL, 3, 1, 100, &found, why), FILE_ABSENT);
    assert_int_equal(folder_write(path, &file, &keys), CLI_OK);
    assert_int_equal(folder_read(path, keys.open, file.federation, 3, 1, 5, &found, why), CLI_OK);
    assert_int_equal(found.payload.n, 5);
    assert_memory_equal(found.payload.at, file.payload.at, 5 * sizeof(uint64_t));
    assert_memory_equal(found.federation, file.federation, KEY_BYTES);
    payload_free(&found.payload);

    assert_int_equal(folder_read(path, stranger.open, NULL, 3, 1, 5, &found, why), CLI_FAILED);
    assert_non_null(strstr(why, "its signature is not of the key"));
    assert_int_equal(folder_read(path, keys.open, other, 3, 1, 5, &found, why), CLI_FAILED);
    assert_string_equal(why, "it is of another federation");
    assert_int_equal(folder_read(path, keys.open, NULL, 4, 1, 5, &found, why), CLI_FAILED);
    assert_string_equal(why, "it is of step 3, and this is step 4");
    assert_int_equal(folder_read(path, keys.open, NULL, 3, 0, 5, &found, why), CLI_FAILED);
    assert_string_equal(why, "it is an answer");
    assert_int_equal(folder_read(path, keys.open, NULL, 3, 1, 4, &found, why), CLI_FAILED);
    assert_string_equal(why, "it has 176 bytes; a file of this step has 136 to 168");

    char bytes[176];
    FILE *f = fopen(path, "rb");
    assert_int_equal(fread(bytes, 1, sizeof bytes, f), sizeof bytes);
    fclose(f);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        f = fopen(path, "wb");
        fwrite(bytes, 1, sizeof bytes, f);
        fclose(f);
        assert_int_equal(folder_read(path, keys.open, file.federation, 3, 1, 5, &found, why), CLI_FAILED);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
    payload_free(&file.payload);
}

TEST(test_keys)
{
    FOLDER(root);
    const char *path = in(root, "a.key");
    char digits[KEY_DIGITS + 1];
    uint8_t key[KEY_BYTES];
    party_keys made, read;

    keys_make(&made);
    key_print(made.open, digits);
    assert_true(key_scan(digits, key));
    assert_memory_equal(key, made.open, KEY_BYTES);
    digits[3] = 'g';
    assert_false(key_scan(digits, key));
    digits[3] = '\0';
    assert_false(key_scan(digits, key));
    assert_int_equal(keys_write(&made, path), CLI_OK);
    assert_int_equal(keys_read(&read, path), CLI_OK);
    assert_memory_equal(&made, &read, sizeof made);
}

int tests_begin(char **arguments)
{
    (void)arguments;
    return secrets_begin();
}
