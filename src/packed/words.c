/* SPDX-License-Identifier: Apache-2.0 */
#include "words.h"

#include <string.h>

enum { WORD = sizeof(uint64_t) };

/* ---- Writing ---- */

/* Room for n more words, zeroed. */
static uint64_t *reserve(words *w, size_t n)
{
    size_t need, capacity, bytes;

    if (w->status != RNNP_OK) return NULL;
    if (rnnp_add_overflow(w->count, n, &need) || rnnp_mul_overflow(need < 256 ? 256 : need, 2, &capacity) ||
        rnnp_mul_overflow(capacity, WORD, &bytes)) {
        w->status = rnnp_fail(w->context, RNNP_ERR_MEMORY, "the graph does not fit in memory");
        return NULL;
    }
    if (need > w->capacity) {
        uint64_t *larger = rnnp_alloc(w->context, bytes);

        if (!larger) {
            w->status = RNNP_ERR_MEMORY;
            return NULL;
        }
        if (w->count) memcpy(larger, w->at, w->count * WORD);
        rnnp_free(w->context, w->at, w->capacity * WORD);
        w->at = larger;
        w->capacity = capacity;
    }
    uint64_t *p = w->at + w->count;
    w->count = need;
    memset(p, 0, n * WORD);
    return p;
}

void words_put(words *w, uint64_t number)
{
    uint64_t *p = reserve(w, 1);

    if (p) *p = number;
}

/* The length, then `size` bytes in `n` words. */
static void put(words *w, const void *bytes, size_t size, size_t n)
{
    uint64_t *p;

    words_put(w, size);
    if ((p = reserve(w, n)) != NULL && size) memcpy(p, bytes, size);
}

void words_put_string(words *w, const char *s)
{
    const size_t length = strlen(s);

    put(w, s, length, length / WORD + 1);
}

void words_put_bytes(words *w, const void *bytes, size_t size)
{
    put(w, bytes, size, size / WORD + (size % WORD != 0));
}

void words_free(words *w) { rnnp_free(w->context, w->at, w->capacity * WORD); }

/* ---- Reading ---- */

static size_t left(const word_reader *r) { return r->bad ? 0 : (size_t)(r->end - r->at); }

uint64_t words_get(word_reader *r)
{
    if (left(r) == 0) {
        r->bad = 1;
        return 0;
    }
    return *r->at++;
}

size_t words_get_count(word_reader *r, size_t words_each)
{
    const uint64_t count = words_get(r);

    if (count > left(r) / words_each) {
        r->bad = 1;
        return 0;
    }
    return (size_t)count;
}

const void *words_get_bytes(word_reader *r, size_t *size)
{
    const uint64_t bytes = words_get(r), n = bytes / WORD + (bytes % WORD != 0);

    *size = 0;
    if (n > left(r)) {
        r->bad = 1;
        return NULL;
    }
    const void *p = r->at;
    r->at += r->bad ? 0 : n;
    *size = (size_t)bytes;
    return p;
}

const char *words_get_string(word_reader *r)
{
    const uint64_t length = words_get(r), n = length / WORD + 1;
    const char *s = (const char *)r->at;

    if (n > left(r) || memchr(s, 0, (size_t)length + 1) != s + length) {
        r->bad = 1;
        return "";
    }
    r->at += n;
    return s;
}
