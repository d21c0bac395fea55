/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of tuning share: contexts with a cap, layers as the vocabulary of choices sees them, choices that look
 * random, and records under exact keys.
 */
#ifndef RNNP_TESTS_TUNE_FIXTURE_H
#define RNNP_TESTS_TUNE_FIXTURE_H

#include "autotune/choice.h"
#include "rnnpack/tune.h"
#include "tests/bare_layer.h"
#include "tests/model/build.h"

static inline rnnp_records *make_set(const rnnp_context *context)
{

    NEW(records, set, context);
    return set;
}

static inline rnnp_record_host host_of(const rnnp_context *context)
{
    rnnp_record_host host;

    OK(rnnp_records_host(context, &host));
    return host;
}

/* The thread sanitizer makes everything some ten times slower: random cases are cut to so many of it. */
#if defined(__SANITIZE_THREAD__)
enum { FEWER = 6 };
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
enum { FEWER = 6 };
#else
enum { FEWER = 1 };
#endif
#else
enum { FEWER = 1 };
#endif

/* ---- Choices ---- */

/* xorshift64: *state is never 0. */
static inline size_t below(uint64_t *state, size_t n)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (size_t)(*state % n);
}

/* The index-th variant of an op that this context may use, over all ISAs; NULL past the last. */
static inline const rnnp_variant *usable_variant(const rnnp_context *context, rnnp_op op, size_t index)
{
    for (size_t isa = 0; isa < RNNP_ISA_COUNT; isa++) {
        for (size_t i = 0; i < rnnp_tables[isa]->count; i++) {
            const rnnp_variant *v = &rnnp_tables[isa]->rows[i];

            if (v->op == op && rnnp_variant_usable(v, context->cpu.features, context->max_rank) && index-- == 0)
                return v;
        }
    }
    return NULL;
}

static inline const rnnp_variant *random_variant(const rnnp_context *context, rnnp_op op, uint64_t *state)
{
    size_t n = 0;

    while (usable_variant(context, op, n)) n++;
    return usable_variant(context, op, below(state, n));
}

/* Any valid choice; about every other one has all words. The variants of the two halves need not go together. */
static inline rnnp_choice random_choice(const rnnp_context *context, const rnnp_recurrent *l, uint64_t *state)
{
    const size_t chunks[] = {1, RNNP_CHUNK_NONE, RNNP_FAR_CHUNK_ROWS, 1 + below(state, RNNP_FAR_CHUNK_ROWS)};
    const int all = below(state, 2) == 0;
    rnnp_choice choice = {.layer = {.chunk = 0}};
    rnnp_recurrent_choice *c = &choice.layer;

    for (size_t part = 0; part < RNNP_CELL_PARTS; part++) {
        const rnnp_op op = rnnp_recurrent_op(l, part);

        if (op != RNNP_OP_COUNT && (all || below(state, 4))) c->step[part] = random_variant(context, op, state);
    }
    if (all || below(state, 2)) c->chunk = chunks[below(state, sizeof chunks / sizeof chunks[0])];
    if (all || below(state, 2)) c->threads = 1 + below(state, 8);
    c->one_way = all || below(state, 2);
    return choice;
}

/* ---- Records ---- */

static inline void put(rnnp_records *set, const rnnp_record_host *host, const rnnp_record_key *key, const char *choice)
{
    rnnp_record r = {.key = *key, .ns = 900, .default_ns = 1000, .samples = 5, .at = 1763712000};

    snprintf(r.choice, sizeof r.choice, "%s", choice);
    r.at = rnnp_records_date(set, host, key, r.at);
    OK(rnnp_records_add(set, host, &r));
}

static inline void put_for(rnnp_records *set, const rnnp_record_host *host, const rnnp_recurrent *l, size_t batch,
                           size_t steps, size_t threads, const char *choice)
{
    rnnp_record_key key;

    rnnp_choice_key(l, batch, steps, threads, &key);
    put(set, host, &key, choice);
}

#endif
