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

/* Records of shapes: all but the machine's. */
static inline size_t count_shapes(const rnnp_records *set)
{
    const rnnp_record *record;
    size_t n = 0;

    for (size_t i = 0; rnnp_records_get(set, i, NULL, &record) == RNNP_OK; i++)
        n += strcmp(record->key.layer, "machine") != 0;
    return n;
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

/* The index-th variant of an op that this context may use, for f32, over all ISAs; NULL past the last. */
static inline const rnnp_variant *usable_variant(const rnnp_context *context, rnnp_op op, size_t index)
{
    for (size_t isa = 0; isa < RNNP_ISA_COUNT; isa++) {
        for (size_t i = 0; i < rnnp_tables[isa]->count; i++) {
            const rnnp_variant *v = &rnnp_tables[isa]->rows[i];

            if (v->op == op && v->traits.panels.format == RNNP_FORMAT_f32 &&
                rnnp_variant_usable(v, context->cpu.features, context->max_rank) && index-- == 0)
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

static inline void put_shape(rnnp_records *set, const rnnp_record_host *host, const rnnp_shape *shape, size_t threads,
                             const char *words)
{
    rnnp_record_key key;

    rnnp_shape_key(shape, threads, &key);
    put(set, host, &key, words);
}

/* ---- Models in contexts of their own ---- */

typedef struct subject {
    rnnp_context *context;
    rnnp_record_host host;
    rnnp_model *model;
} subject;

/* The model is to be built. */
static inline subject begin_subject(size_t threads, const char *cap)
{
    subject s = {.context = capped_context(NULL, cap, threads)};

    s.host = host_of(s.context);
    s.model = make_model(s.context);
    return s;
}

__attribute__((unused)) static inline void destroy_subject(const subject *s)
{
    rnnp_model_destroy(s->model);
    rnnp_context_destroy(s->context);
}

static inline rnnp_plan *plan_with(const subject *s, const rnnp_records *set, size_t batch, size_t steps)
{
    OPTIONS(plan, options);

    assert_int_equal(options.effort, RNNP_EFFORT_CACHED);
    options.records = set;
    options.effort = set ? RNNP_EFFORT_CACHED : RNNP_EFFORT_NONE;
    options.batch = batch;
    options.steps = steps;
    NEW(plan, plan, s->model, &options);
    return plan;
}

/* x -> 3 LSTMs -> MatMul (all steps); h of the last -> Gemm, with the weights as they are or transposed */
enum { DENSE_INPUT = 7, DENSE_HIDDEN = 21, DENSE_UNITS = 37, DENSE_LAYERS = 3 };

static inline rnnp_value gemm(rnnp_model *model, rnnp_value x, int transposed)
{
    const rnnp_attr attrs[] = {{.name = "transB", .kind = RNNP_ATTR_INT, .i = transposed}};
    FREED float *w = numbers(DENSE_HIDDEN * DENSE_UNITS, 9, 0.2f);
    const int64_t rows = transposed ? DENSE_UNITS : DENSE_HIDDEN, columns = transposed ? DENSE_HIDDEN : DENSE_UNITS;
    const int64_t all[] = {-1, DENSE_HIDDEN};
    const rnnp_tensor tensor = {.dtype = RNNP_DTYPE_F32, .rank = 2, .shape = {rows, columns}, .data = w};
    rnnp_value inputs[2] = {node2(model, "Reshape", x, ints(model, all, 2)), RNNP_NONE};

    OK(rnnp_model_add_constant(model, "gemm", &tensor, &inputs[1]));
    return node(model, "Gemm", inputs, 2, attrs, 1);
}

static inline subject dense_subject(size_t threads, const char *cap, int transposed)
{
    const subject s = begin_subject(threads, cap);
    FREED float *w = numbers(DENSE_HIDDEN * DENSE_UNITS, 8, 0.2f);
    rnnp_value y = input3(s.model, "x", RNNP_DYNAMIC, RNNP_DYNAMIC, DENSE_INPUT), h = RNNP_NONE, dense;

    for (size_t i = 0; i < DENSE_LAYERS; i++) {
        const size_t input = i ? DENSE_HIDDEN : DENSE_INPUT;
        DROPPED(free_layer)
        layer l = make_layer(RNNP_CELL_LSTM, input, DENSE_HIDDEN, RNNP_DIRECTION_FORWARD, (uint32_t)i);

        OK(rnnp_model_add_recurrent(s.model, &l.options, l.weights, y, RNNP_NONE, RNNP_NONE, RNNP_NONE, &y, &h, NULL));
    }
    OK(rnnp_model_add_dense(s.model, y, w, DENSE_HIDDEN, DENSE_UNITS, 0, NULL, NULL, &dense));
    OK(rnnp_model_add_output(s.model, "dense", dense));
    close_with(s.model, "gemm", gemm(s.model, h, transposed));
    return s;
}

static inline rnnp_shape dense_shape(size_t rows)
{
    return (rnnp_shape)SHAPE(.kind = RNNP_SHAPE_DENSE, .input = DENSE_HIDDEN, .hidden = DENSE_UNITS, .batch = rows,
                             .steps = 1);
}

/* Of so many equal layers on one of DENSE_INPUT, as those of dense_subject. */
static inline rnnp_shape stack_shape(rnnp_cell cell, rnnp_gru_reset reset, size_t layers, size_t batch, size_t steps)
{
    return (rnnp_shape)SHAPE(.kind = RNNP_SHAPE_STACK, .cell = cell, .reset = reset, .n_layers = layers,
                             .input = DENSE_INPUT, .hidden = DENSE_HIDDEN, .batch = batch, .steps = steps);
}

#endif
