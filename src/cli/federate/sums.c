/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Numbers ---- */

int sum_put(double x, uint64_t words[SUM_WORDS])
{
    if (!(fabs(x) < SUM_MOST)) return 0;
    const double whole = floor(x);
    words[0] = (uint64_t)(int64_t)whole;
    words[1] = (uint64_t)rint((x - whole) * 0x1p52);
    return 1;
}

double sum_get(const uint64_t words[SUM_WORDS])
{
    const uint64_t carried = words[0] + (words[1] >> 52), rest = words[1] & ((UINT64_C(1) << 52) - 1);
    /* A sum above 2^63 stands for a negative number. */
    const double whole = carried >> 63 ? -(double)(UINT64_MAX - carried + 1) : (double)carried;
    return whole + (double)rest * 0x1p-52;
}

size_t sum_count(double x) { return x >= 0 && x < SUM_MOST ? (size_t)x : 0; }

/* ---- Writing ---- */

void payload_put(payload *p, uint64_t word)
{
    cli_grow(&p->at, &p->room, p->n + 1, sizeof *p->at);
    p->at[p->n++] = word;
}

void payload_put_number(payload *p, double x)
{
    uint64_t word;
    memcpy(&word, &x, sizeof word);
    payload_put(p, word);
}

void payload_put_bytes(payload *p, const void *bytes, size_t size)
{
    const size_t words = (size + 7) / 8;
    payload_put(p, size);
    cli_grow(&p->at, &p->room, p->n + words + 1, sizeof *p->at);
    memset(p->at + p->n, 0, words * sizeof *p->at);
    if (size) memcpy(p->at + p->n, bytes, size);
    p->n += words;
}

void payload_put_texts(payload *p, char *const *texts, size_t n)
{
    payload_put(p, texts ? n : 0);
    for (size_t i = 0; texts && i < n; i++) payload_put_bytes(p, texts[i], strlen(texts[i]));
}

/* ---- Reading ---- */

uint64_t payload_get(payload *p)
{
    if (p->next < p->n) return p->at[p->next++];
    p->bad = 1;
    return 0;
}

size_t payload_get_count(payload *p, size_t words)
{
    const uint64_t n = payload_get(p);
    if (n <= (p->n - p->next) / words) return (size_t)n;
    p->bad = 1;
    return 0;
}

double payload_get_number(payload *p)
{
    const uint64_t word = payload_get(p);
    double x;
    memcpy(&x, &word, sizeof x);
    if (!isfinite(x)) p->bad = 1;
    return x;
}

/* The bytes that come next, or NULL. */
static const char *take(payload *p, size_t *size)
{
    const uint64_t bytes = payload_get(p), words = bytes / 8 + (bytes % 8 != 0);
    if (p->bad || words > p->n - p->next) return p->bad = 1, NULL;
    const char *const at = (const char *)(p->at + p->next);
    for (uint64_t i = bytes; i < 8 * words; i++) p->bad |= at[i] != 0;
    p->next += (size_t)words;
    *size = (size_t)bytes;
    return p->bad ? NULL : at;
}

void payload_get_bytes(payload *p, void *bytes, size_t size)
{
    size_t found = 0;
    const char *at = take(p, &found);
    if (found != size) p->bad = 1;
    if (at && !p->bad && size) memcpy(bytes, at, size);
}

char **payload_get_texts(payload *p, size_t *n)
{
    size_t many = payload_get_count(p, 1), size = 0;
    char **texts = many ? cli_alloc(many, sizeof *texts) : NULL;
    *n = 0;
    for (size_t i = 0; i < many; i++) {
        const char *at = take(p, &size);
        if (!at || memchr(at, 0, size)) {
            p->bad = 1;
            cli_free_texts(texts, *n);
            *n = 0;
            return NULL;
        }
        texts[i] = cli_alloc(size + 1, 1);
        memcpy(texts[i], at, size);
        ++*n;
    }
    return texts;
}

int payload_whole(const payload *p) { return !p->bad && p->next == p->n; }

void payload_free(payload *p)
{
    free(p->at);
    *p = (payload){0};
}
