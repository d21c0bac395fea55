/* SPDX-License-Identifier: Apache-2.0
 *
 * All of it is libsodium's: Ed25519 signatures, X25519, BLAKE2b, ChaCha20.
 */
#define _POSIX_C_SOURCE 200809L

#include "exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

_Static_assert(KEY_BYTES == crypto_sign_PUBLICKEYBYTES && SECRET_BYTES == crypto_sign_SECRETKEYBYTES &&
                   SIGNATURE_BYTES == crypto_sign_BYTES && KEY_BYTES == crypto_sign_SEEDBYTES &&
                   KEY_BYTES == crypto_scalarmult_BYTES && KEY_BYTES == crypto_stream_chacha20_KEYBYTES,
               "libsodium's sizes");

int secrets_begin(void) { return sodium_init() < 0 ? cli_fail("libsodium has no random numbers on this system") : 0; }

void secrets_random(void *bytes, size_t size) { randombytes_buf(bytes, size); }

void digest(const uint8_t key[KEY_BYTES], const char *purpose, const void *bytes, size_t size, uint64_t number,
            uint8_t out[KEY_BYTES])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, key, key ? KEY_BYTES : 0, KEY_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)purpose, strlen(purpose) + 1);
    crypto_generichash_update(&state, (const uint8_t *)&number, sizeof number);
    crypto_generichash_update(&state, bytes, size);
    crypto_generichash_final(&state, out, KEY_BYTES);
}

/* ---- Keys ---- */

void keys_make(party_keys *keys) { crypto_sign_keypair(keys->open, keys->secret); }

void keys_of_seed(party_keys *keys, uint64_t seed, uint64_t number)
{
    uint8_t bytes[KEY_BYTES];
    digest(NULL, "rnnpack simulated party", &seed, sizeof seed, number, bytes);
    crypto_sign_seed_keypair(keys->open, keys->secret, bytes);
}

static const char head[] = "rnnpack secret key\n";
enum { HEAD = sizeof head - 1, KEY_FILE = HEAD + KEY_DIGITS + 1 };

int keys_write(const party_keys *keys, const char *path)
{
    char text[KEY_FILE + 1];
    memcpy(text, head, HEAD);
    key_print(keys->secret, text + HEAD); /* the first half is the seed of both */
    text[KEY_FILE - 1] = '\n';
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return cli_fail("%s: %s", path,
                        errno == EEXIST ? "there is a file, and keys are not replaced" : strerror(errno));
    int failed = write(fd, text, KEY_FILE) != KEY_FILE || fsync(fd) != 0;
    if (close(fd) != 0) failed = 1;
    sodium_memzero(text, sizeof text);
    if (!failed) return CLI_OK;
    unlink(path);
    return cli_fail("%s: the key was not written", path);
}

int keys_read(party_keys *keys, const char *path)
{
    char text[KEY_FILE + 1] = "";
    uint8_t seed[KEY_BYTES];
    const char *why;
    const int fd = cli_open(path, &why);
    if (fd < 0) return cli_fail("%s: %s", path, why);
    const ssize_t size = read(fd, text, sizeof text);
    close(fd);
    const int good = size == KEY_FILE && memcmp(text, head, HEAD) == 0 && text[KEY_FILE - 1] == '\n';
    text[KEY_FILE - 1] = '\0';
    if (!good || !key_scan(text + HEAD, seed)) return cli_fail("%s is not a secret key of rnnpack federate keys", path);
    crypto_sign_seed_keypair(keys->open, keys->secret, seed);
    sodium_memzero(text, sizeof text);
    sodium_memzero(seed, sizeof seed);
    return CLI_OK;
}

void key_print(const uint8_t key[KEY_BYTES], char digits[KEY_DIGITS + 1])
{
    sodium_bin2hex(digits, KEY_DIGITS + 1, key, KEY_BYTES);
}

int key_scan(const char *digits, uint8_t key[KEY_BYTES])
{
    size_t found;
    return strlen(digits) == KEY_DIGITS &&
           sodium_hex2bin(key, KEY_BYTES, digits, KEY_DIGITS, NULL, &found, NULL) == 0 && found == KEY_BYTES;
}

/* ---- Signatures ---- */

void secrets_sign(const party_keys *keys, const void *bytes, size_t size, uint8_t signature[SIGNATURE_BYTES])
{
    crypto_sign_detached(signature, NULL, bytes, size, keys->secret);
}

int secrets_signed(const uint8_t key[KEY_BYTES], const void *bytes, size_t size,
                   const uint8_t signature[SIGNATURE_BYTES])
{
    return crypto_sign_verify_detached(signature, bytes, size, key) == 0;
}

/* ---- Masks ---- */

void secrets_stream(const uint8_t key[KEY_BYTES], uint64_t first, uint64_t *words, size_t n)
{
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES] = {0}; /* a key is used once */
    memset(words, 0, n * sizeof *words);
    crypto_stream_chacha20_xor_ic((uint8_t *)words, (const uint8_t *)words, n * sizeof *words, nonce, first, key);
}

/* The key that two parties share for one step: of their X25519 secret, and of who they are. */
static int agree(const party_keys *mine, const uint8_t other[KEY_BYTES], const uint8_t call[KEY_BYTES], uint64_t step,
                 uint8_t key[KEY_BYTES])
{
    uint8_t scalar[KEY_BYTES], point[KEY_BYTES], shared[KEY_BYTES], who[3 * KEY_BYTES];
    const int first = memcmp(mine->open, other, KEY_BYTES) < 0;
    memcpy(who, first ? mine->open : other, KEY_BYTES);
    memcpy(who + KEY_BYTES, first ? other : mine->open, KEY_BYTES);
    memcpy(who + 2 * KEY_BYTES, call, KEY_BYTES);
    const int good = crypto_sign_ed25519_pk_to_curve25519(point, other) == 0 &&
                     crypto_sign_ed25519_sk_to_curve25519(scalar, mine->secret) == 0 &&
                     crypto_scalarmult(shared, scalar, point) == 0;
    if (good) digest(shared, "rnnpack mask", who, sizeof who, step, key);
    sodium_memzero(scalar, sizeof scalar);
    sodium_memzero(shared, sizeof shared);
    return good;
}

int masks_add(const party_keys *mine, const uint8_t (*open)[KEY_BYTES], size_t n, size_t me,
              const uint8_t call[KEY_BYTES], uint64_t step, uint64_t *words, size_t n_words)
{
    enum { CHUNK = 512, BLOCKS = CHUNK * 8 / 64 };
    uint64_t mask[CHUNK];
    uint8_t key[KEY_BYTES];
    int good = 1;
    for (size_t other = 0; other < n && good; other++) {
        if (other == me) continue;
        good = agree(mine, open[other], call, step, key);
        for (size_t at = 0, part; at < n_words && good; at += part) {
            part = n_words - at < CHUNK ? n_words - at : CHUNK;
            secrets_stream(key, at / CHUNK * BLOCKS, mask, part);
            for (size_t i = 0; i < part; i++) words[at + i] += me < other ? mask[i] : 0 - mask[i];
        }
    }
    sodium_memzero(key, sizeof key);
    sodium_memzero(mask, sizeof mask);
    return good;
}
