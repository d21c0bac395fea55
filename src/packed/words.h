/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams of 8-byte words. Every item begins on a word, so that a reader can use arrays where they are:
 *
 *   number   one word
 *   string   its length, then its bytes, a NUL, and zeros up to the next word
 *   bytes    their number, then they, and zeros up to the next word
 */
#ifndef RNNP_PACKED_WORDS_H
#define RNNP_PACKED_WORDS_H

#include "../context.h"

/* ---- Writing ---- */

typedef struct words {
    const rnnp_context *context;
    uint64_t *at;
    size_t count, capacity;
    rnnp_status status; /* the first failure; later calls do nothing */
} words;

void words_put(words *w, uint64_t number);
void words_put_string(words *w, const char *s);
void words_put_bytes(words *w, const void *bytes, size_t size);
void words_free(words *w);

/* ---- Reading: bounds and form are checked; after the first fault everything reads as 0, "" or nothing ---- */

typedef struct word_reader {
    const uint64_t *at, *end;
    int bad;
} word_reader;

uint64_t words_get(word_reader *r);
const char *words_get_string(word_reader *r);
const void *words_get_bytes(word_reader *r, size_t *size);
/* A number of items of at least so many words each, that there can be. */
size_t words_get_count(word_reader *r, size_t words_each);

#endif
