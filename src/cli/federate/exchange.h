/* SPDX-License-Identifier: Apache-2.0
 *
 * What institutions exchange, and what protects it (docs/howto/hospitals.md):
 *
 *   sums.c     numbers as words that add up exactly; payloads of files
 *   secrets.c  keys, signatures and masks, all by libsodium
 *   noise.c    discrete Gaussian noise
 *   account.c  what the noise guarantees
 *   grid.c     bins of probabilities, which can be counted together
 *   folder.c   the files of a shared folder
 */
#ifndef RNNP_CLI_EXCHANGE_H
#define RNNP_CLI_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "../cli.h"

/* ---- sums.c ---- */

/* A number is two words: its floor, and what is left in units of 2^-52. Each is added modulo 2^64, so a sum of up to
 * EXCHANGE_PARTIES numbers is exact whatever is added to it and taken away again. A number is off by 2^-52 at most. */
enum { EXCHANGE_PARTIES = 1000, SUM_WORDS = 2 };
#define SUM_MOST 0x1p53 /* numbers are smaller than this */

/* 0 for a number that is too large, NaN or infinite. */
int sum_put(double x, uint64_t words[SUM_WORDS]);
double sum_get(const uint64_t words[SUM_WORDS]);
/* A sum that counts something; 0 when it is none, as sites may say what they like. */
size_t sum_count(double x);

/* Words that are written one after another, or read so. */
typedef struct payload {
    uint64_t *at;
    size_t n, room, next;
    int bad; /* more was read than there is */
} payload;

void payload_put(payload *p, uint64_t word);
void payload_put_number(payload *p, double x);
/* The number of bytes, and bytes, filled up with zeros. */
void payload_put_bytes(payload *p, const void *bytes, size_t size);
void payload_put_texts(payload *p, char *const *texts, size_t n); /* texts may be NULL */
uint64_t payload_get(payload *p);
/* A count of things of so many words each; bad when there cannot be as many. */
size_t payload_get_count(payload *p, size_t words);
double payload_get_number(payload *p);
/* Exactly so many bytes. */
void payload_get_bytes(payload *p, void *bytes, size_t size);
/* The caller's; NULL for none. Texts have no zero in them. */
char **payload_get_texts(payload *p, size_t *n);
/* Whether all of it was read, and nothing more. */
int payload_whole(const payload *p);
void payload_free(payload *p);
#define AUTO_PAYLOAD __attribute__((cleanup(payload_free))) payload

/* ---- secrets.c ---- */

enum { KEY_BYTES = 32, SECRET_BYTES = 64, SIGNATURE_BYTES = 64, KEY_DIGITS = 2 * KEY_BYTES };

/* Ed25519. Its X25519 form agrees on the keys of masks. */
typedef struct party_keys {
    uint8_t open[KEY_BYTES], secret[SECRET_BYTES];
} party_keys;

int secrets_begin(void);
void secrets_random(void *bytes, size_t size);
void keys_make(party_keys *keys);
void keys_of_seed(party_keys *keys, uint64_t seed, uint64_t number); /* of a simulation: no secret */
/* A secret key is a file that its owner alone can read; one that is there is not replaced. */
int keys_write(const party_keys *keys, const char *path);
int keys_read(party_keys *keys, const char *path);
void key_print(const uint8_t key[KEY_BYTES], char digits[KEY_DIGITS + 1]);
int key_scan(const char *digits, uint8_t key[KEY_BYTES]); /* 0: not a key */

/* BLAKE2b, with a key or (NULL) without. Texts end before their zero. */
void digest(const uint8_t key[KEY_BYTES], const char *purpose, const void *bytes, size_t size, uint64_t number,
            uint8_t out[KEY_BYTES]);

void secrets_sign(const party_keys *keys, const void *bytes, size_t size, uint8_t signature[SIGNATURE_BYTES]);
int secrets_signed(const uint8_t key[KEY_BYTES], const void *bytes, size_t size,
                   const uint8_t signature[SIGNATURE_BYTES]);

/* Bytes number first, first + 1, ... of a generator in words, by ChaCha20; first counts blocks of 64 bytes. */
void secrets_stream(const uint8_t key[KEY_BYTES], uint64_t first, uint64_t *words, size_t n);

/* Adds the masks of party `me` of n to words: of each pair one adds what the other takes away, so that they cancel in
 * the sum of all. A mask depends on the pair's shared secret, the call and the step. 0: a key that is none. */
int masks_add(const party_keys *mine, const uint8_t (*open)[KEY_BYTES], size_t n, size_t me,
              const uint8_t call[KEY_BYTES], uint64_t step, uint64_t *words, size_t n_words);

/* ---- noise.c ---- */

/* Units of a standard deviation of one party's noise. */
enum { NOISE_UNITS = 1 << 13 };

/* Adds whole numbers to x [n], each with probability in proportion to exp(-x^2 / 2 NOISE_UNITS^2): the discrete
 * Gaussian, exactly, by the algorithm of Canonne, Kamath and Steinke (2020), in whole numbers alone. */
void noise_add(const uint8_t key[KEY_BYTES], double *x, size_t n);

/* ---- account.c ---- */

/* The Renyi divergence of order `order` > 1 that one step of the Gaussian mechanism has, whose noise is `noise` times
 * the sensitivity, on a sample that takes each unit with this probability: Mironov 2017, proposition 7 (1: all units);
 * Mironov, Talwar and Zhang 2019, section 3.3 (below 1: whole orders alone). */
double account_divergence(double sampling, double noise, double order);
/* The least epsilon of (epsilon, delta)-differential privacy after so many steps, and the order that gives it (may be
 * NULL): Canonne, Kamath and Steinke 2020, proposition 12. INFINITY without noise. */
double account_epsilon(double sampling, double noise, double steps, double delta, double *order);

/* ---- grid.c ---- */

/* Bins of probabilities. Lower edges are 0, 128 in each octave from 2^-17 to 0.5, and 1 less these: floats, so that all
 * agree about them. */
enum { GRID_OCTAVES = 16, GRID_PARTS = 128, GRID_BINS = 2 * GRID_OCTAVES * GRID_PARTS + 2 };

float grid_edge(size_t bin); /* of GRID_BINS: just above 1 */
/* The last bin whose edge is at most p. */
size_t grid_bin(float p);

/* ---- folder.c ---- */

typedef struct exchange_file {
    uint8_t federation[KEY_BYTES]; /* 0 in the first call, which is what it is made of */
    uint64_t step;
    int answer; /* else a call */
    payload payload;
} exchange_file;

enum { FILE_ABSENT = CLI_USAGE + 1 };

/* STEP.call, or STEP.NAME.answer. */
char *folder_path(const char *folder, uint64_t step, const char *site);
/* Writes beside the path and renames, so that a file is whole once it has its name. */
int folder_write(const char *path, const exchange_file *file, const party_keys *keys);
/* CLI_OK with a payload; FILE_ABSENT; or CLI_FAILED, with a sentence in why [256]. A file must be signed by this key,
 * of this step, and (unless it is NULL) of this federation. `most`: words that it may have. */
int folder_read(const char *path, const uint8_t key[KEY_BYTES], const uint8_t *federation, uint64_t step, int answer,
                size_t most, exchange_file *file, char *why);
/* The bytes of a file of at most so many words, and a file that has them; nothing of them is looked at. Returns as the
 * two above. */
int folder_load(const char *path, size_t most_words, char **all, size_t *size, char *why);
int folder_store(const char *path, const char *all, size_t size);
/* The federation that a first call begins. */
void folder_identity(const exchange_file *call, const uint8_t coordinator[KEY_BYTES], uint8_t federation[KEY_BYTES]);

#endif
