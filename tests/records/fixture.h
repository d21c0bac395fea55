/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of tuning records share: records that look random, texts in memory, checksums, temporary folders.
 */
#ifndef RNNP_TESTS_RECORDS_FIXTURE_H
#define RNNP_TESTS_RECORDS_FIXTURE_H

#include "autotune/set.h"
#include "src/packed/packed.h"
#include "tests/scratch.h"

static inline rnnp_records *make_set(const rnnp_context *context)
{

    NEW(records, set, context);
    return set;
}

/* ---- Hosts and records ---- */

static inline rnnp_record_host make_host(uint64_t model)
{
    return (rnnp_record_host){
        .vendor = "AuthenticAMD",
        .family = 25,
        .model = model,
        .stepping = 1,
        .isa = "avx2",
        .features = "avx,avx2,fma3",
        .l1d_bytes = 32768,
        .l2_bytes = 524288,
        .l3_bytes = 33554432,
        .budget = 2,
        .kernels = 0x9f00c0ffee123456u,
        .version = "0.1.0",
    };
}

static inline rnnp_record make_record(uint64_t hidden, uint64_t batch, const char *choice)
{
    rnnp_record r = {.key = {"lstm", "f32", hidden, hidden, batch, 50, 1},
                     .ns = 218000,
                     .default_ns = 230000,
                     .spread = 0.012,
                     .samples = 12,
                     .at = 1763712000};

    snprintf(r.choice, sizeof r.choice, "%s", choice);
    return r;
}

/* xorshift64: *state is never 0. */
static inline uint64_t below(uint64_t *state, uint64_t n)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state % n;
}

/* From few values, so that sets overlap in keys and agree or disagree in any field. */
static inline rnnp_record random_record(uint64_t *state)
{
    static const char *const layers[] = {"gru", "lstm"};
    static const char *const choices[] = {"", "variant=block_avx2", "chunk=8 later=x"};
    rnnp_record r = make_record(1 + below(state, 3), 1 + below(state, 2), choices[below(state, 3)]);

    snprintf(r.key.layer, sizeof r.key.layer, "%s", layers[below(state, 2)]);
    r.ns = 1 + below(state, 2);
    r.default_ns = 1 + below(state, 2);
    r.spread = 0.25 * (double)below(state, 2);
    r.samples = 1 + below(state, 2);
    r.at = below(state, 2);
    return r;
}

static inline rnnp_records *random_set(const rnnp_context *context, uint64_t *state, size_t most)
{
    rnnp_records *const set = make_set(context);

    for (size_t n = below(state, most + 1); n > 0; n--) {
        const rnnp_record_host host = make_host(below(state, 2));
        const rnnp_record record = random_record(state);

        OK(rnnp_records_add(set, &host, &record));
    }
    return set;
}

/* ---- Texts ---- */

typedef struct text {
    char *data; /* ends with a zero that bytes does not count; free() it */
    size_t bytes;
} text;

__attribute__((unused)) static inline void free_text(const text *t) { free(t->data); }

static inline int text_append(void *user, const void *data, size_t bytes)
{
    text *const t = user;

    t->data = realloc(t->data, t->bytes + bytes + 1);
    memcpy(t->data + t->bytes, data, bytes);
    t->bytes += bytes;
    t->data[t->bytes] = '\0';
    return 0;
}

static inline text text_of(const rnnp_records *set)
{
    text t = {NULL, 0};

    OK(rnnp_records_write(set, text_append, &t));
    return t;
}

/* The lines with the checksum that belongs to them. */
static inline text sign(const char *lines, size_t bytes)
{
    char last[64];
    text t = {NULL, 0};

    text_append(&t, lines, bytes);
    text_append(&t, last,
                (size_t)snprintf(last, sizeof last, "checksum %016" PRIx64 "\n", rnnp_packed_checksum(lines, bytes)));
    return t;
}

static inline void assert_same_sets(const rnnp_records *a, const rnnp_records *b)
{
    DROPPED(free_text) text t = text_of(a), u = text_of(b);

    assert_string_equal(t.data, u.data);
}

/* ---- Files ---- */

static inline text read_file(const char *path)
{
    text t = {NULL, 0};
    char piece[4096];
    FILE *const f = fopen(path, "rb");

    assert_non_null(f);
    text_append(&t, "", 0);
    for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0;) text_append(&t, piece, n);
    fclose(f);
    return t;
}

#endif
