/* SPDX-License-Identifier: Apache-2.0
 *
 * Every thread gets its own last sentence of a context, and never another's.
 */
#include "rnnpack/kernels.h"
#include "src/context.h"
#include "tests/test.h"

static rnnp_context *create(void)
{
    rnnp_context *context = NULL;

    assert_int_equal(rnnp_context_create(NULL, &context), RNNP_OK);
    return context;
}

/* ---- At the same time ---- */

enum { THREADS = 4, CALLS = 50000 };

typedef struct caller {
    rnnp_context *context[2];
    size_t number, wrong;
} caller;

/* A public function that fails, with a number in its sentence. */
static void fail_publicly(rnnp_context *context, size_t number)
{
    const rnnp_recurrent_weights none = {0};
    rnnp_recurrent_options options;
    rnnp_layer *layer;

    rnnp_recurrent_options_init(&options, RNNP_CELL_LSTM, number, 0);
    (void)rnnp_layer_create(context, &options, &none, RNNP_MATH_U35, &layer);
}

static void *fail_often(void *arg)
{
    caller *c = arg;
    char expected[2][64];

    for (size_t i = 0; i < CALLS; i++) {
        const size_t number = c->number * CALLS + i + 1;

        fail_publicly(c->context[0], number);
        snprintf(expected[0], sizeof expected[0], "input=%zu and hidden=0 must be positive", number);
        if (i % 3 == 0) {
            rnnp_fail(c->context[1], RNNP_ERR_ARG, "%zu elsewhere", number);
            snprintf(expected[1], sizeof expected[1], "%zu elsewhere", number);
        }
        for (size_t k = 0; k < 2; k++) c->wrong += strcmp(rnnp_last_error(c->context[k]), expected[k]) != 0;
    }
    return NULL;
}

TEST(threads_do_not_mix)
{
    rnnp_context *context[2] = {create(), create()};
    caller callers[THREADS];

    for (size_t i = 0; i < THREADS; i++) callers[i] = (caller){.context = {context[0], context[1]}, .number = i};
    on_threads(THREADS, fail_often, callers, sizeof *callers);
    for (size_t i = 0; i < THREADS; i++) assert_int_equal(callers[i].wrong, 0);
    assert_string_equal(rnnp_last_error(context[0]), ""); /* this thread did not fail */
    rnnp_context_destroy(context[0]);
    rnnp_context_destroy(context[1]);
}

/* ---- One after the other ---- */

typedef struct visit {
    rnnp_context *context;
    int fails_elsewhere;
    char seen[RNNP_ERROR_CHARS];
    const void *stack; /* where this thread is: the next one often gets the same place */
} visit;

static void *look_then_fail(void *arg)
{
    visit *v = arg;
    OWNED(context) other = NULL;

    v->stack = &other;
    if (v->fails_elsewhere && rnnp_context_create(NULL, &other) == RNNP_OK) rnnp_fail(other, RNNP_ERR_ARG, "elsewhere");
    snprintf(v->seen, sizeof v->seen, "%s", rnnp_last_error(v->context));
    rnnp_fail(v->context, RNNP_ERR_ARG, "a thread that will end");
    return NULL;
}

TEST(a_new_thread_hears_nothing_of_dead_ones)
{
    enum { VISITS = 300 };
    OWNED(context) context = create();
    const void *before = NULL;
    size_t same_place = 0;

    rnnp_fail(context, RNNP_ERR_ARG, "mine");
    for (int i = 0; i < VISITS; i++) {
        visit v = {.context = context, .fails_elsewhere = i % 2};

        on_threads(1, look_then_fail, &v, sizeof v);
        assert_string_equal(v.seen, "");
        same_place += v.stack == before;
        before = v.stack;
        if (i == RNNP_ERROR_THREADS - 2) assert_string_equal(rnnp_last_error(context), "mine");
    }
    printf("%zu threads had the place of the one before\n", same_place);
    assert_string_equal(rnnp_last_error(context), ""); /* lost to threads that failed later; not replaced */
    rnnp_fail(context, RNNP_ERR_ARG, "mine again");
    assert_string_equal(rnnp_last_error(context), "mine again");
}

/* ---- A context where another one was ---- */

static void *give_block(void *user, size_t bytes, size_t align)
{
    char **block = user;

    (void)align;
    if (!*block) *block = aligned_alloc(64, (bytes + 63) / 64 * 64);
    return *block;
}

static void keep_block(void *user, void *p, size_t bytes)
{
    (void)user;
    (void)p;
    (void)bytes;
}

TEST(a_new_context_knows_nothing_of_a_dead_one)
{
    FREED void *block = NULL;
    void *first = NULL;
    OPTIONS(context, options);

    options.allocator = (rnnp_allocator){&block, give_block, keep_block};
    for (int i = 0; i < 2; i++) {
        OWNED(context) context = NULL;

        assert_int_equal(rnnp_context_create(&options, &context), RNNP_OK);
        if (i == 0) first = context;
        assert_ptr_equal(context, first);
        assert_string_equal(rnnp_last_error(context), "");
        rnnp_fail(context, RNNP_ERR_ARG, "of context %d", i);
    }
}
