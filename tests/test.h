/* SPDX-License-Identifier: Apache-2.0
 *
 * What every unit test starts from: cmocka, tests that register themselves, objects that are destroyed when they go out
 * of scope, and checks of a status.
 */
#ifndef RNNP_TESTS_TEST_H
#define RNNP_TESTS_TEST_H

#include "harness.h"
#include "rnnpack/attribute.h"
#include "rnnpack/model.h"
#include "rnnpack/train.h"
#include "rnnpack/tune.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ---- Tests ---- */

/* Tests run in the order of their file. A program needs no main: that of runner.c runs all that are registered. */
void test_register(const struct CMUnitTest *t);

/* TEST(name) { ... } */
#define TEST_BETWEEN(function, set_up, tear_down)                                          \
    static void function(void **);                                                         \
    __attribute__((constructor)) static void function##_registers(void)                    \
    {                                                                                      \
        test_register(&(struct CMUnitTest){#function, function, set_up, tear_down, NULL}); \
    }                                                                                      \
    static void function(__attribute__((unused)) void **state)
#define TEST(function) TEST_BETWEEN(function, NULL, NULL)

/* A program may define these; the arguments end with NULL. A status of tests_begin other than 0 ends the program: 77
 * after "skipped: <reason>". */
int tests_begin(char **arguments) __attribute__((weak));
void tests_end(void) __attribute__((weak));

/* Whether a program should take some of its cases only: with --quick, for emulated CPUs, and under the generic cap,
 * whose kernels take ten times as long. */
static inline int is_quick(char **arguments)
{
    const char *cap = getenv("RNNPACK_MAX_ISA");

    return (*arguments && strcmp(*arguments, "--quick") == 0) || (cap && strcmp(cap, "generic") == 0);
}

/* ---- Objects ---- */

/* DROPPED(free_layer) layer l = ...: free_layer(&l) is called at the end of the scope, in the reverse order of
 * declaration. OWNED(plan) p = NULL declares a pointer to an rnnp_plan that is destroyed so. */
#define DROPPED(function) __attribute__((cleanup(function)))
#define OWNED(what) DROPPED(drop_##what) rnnp_##what *
#define FREED DROPPED(drop_memory)

__attribute__((unused)) static inline void drop_memory(void *p) { free(*(void **)p); }

#define RNNP_TEST_DROPS(what) \
    __attribute__((unused)) static inline void drop_##what(rnnp_##what **p) { rnnp_##what##_destroy(*p); }

/* WATCHED heap = {0}: at the end of the scope, when all that was declared behind it is gone, nothing is live. */
#define WATCHED DROPPED(assert_nothing_live) test_heap

__attribute__((unused)) static void assert_nothing_live(test_heap *heap)
{
    assert_int_equal(atomic_load(&heap->live_blocks), 0);
    assert_int_equal(atomic_load(&heap->live_bytes), 0);
}

RNNP_TEST_DROPS(context)
RNNP_TEST_DROPS(model)
RNNP_TEST_DROPS(plan)
RNNP_TEST_DROPS(run)
RNNP_TEST_DROPS(stream)
RNNP_TEST_DROPS(trainer)
RNNP_TEST_DROPS(attribution)
RNNP_TEST_DROPS(records)

/* ---- Checks ---- */

#define OK(call) assert_int_equal((call), RNNP_OK)
#define FAILS(call, status) assert_int_equal((call), status)

/* The latest error of a context mentions the words. */
#define assert_says(context, words) assert_non_null(strstr(rnnp_last_error(context), words))

/* Both of the above. */
#define REFUSED(context, call, status, words) \
    do {                                      \
        FAILS(call, status);                  \
        assert_says(context, words);          \
    } while (0)

/* In functions that return a status. */
#define TRY(call)                      \
    do {                               \
        const rnnp_status s_ = (call); \
        if (s_ != RNNP_OK) return s_;  \
    } while (0)

/* UNTIL_OK(heap, call) statement; makes the call until it succeeds: its first allocation fails, then its second, and so
 * on. The statement is done after each failure, which is RNNP_ERR_MEMORY. */
#define UNTIL_OK(heap, call) \
    for (size_t n_ = 1; (heap).fail_at = atomic_load(&(heap).calls) + n_, test_is_short(&(heap), call); n_++)

__attribute__((unused)) static int test_is_short(test_heap *heap, rnnp_status status)
{
    heap->fail_at = 0;
    if (status != RNNP_OK) assert_int_equal(status, RNNP_ERR_MEMORY);
    return status != RNNP_OK;
}

/* ---- Objects made, options with their defaults ---- */

/* NEW(run, r, plan, &in, 1) declares r, an rnnp_run, and creates it of the other arguments. */
#define NEW(what, name, ...) \
    rnnp_##what *name;       \
    OK(rnnp_##what##_create(__VA_ARGS__, &name))
#define OWNED_NEW(what, name, ...) \
    OWNED(what) name = NULL;       \
    OK(rnnp_##what##_create(__VA_ARGS__, &name))
#define OPTIONS(what, name)     \
    rnnp_##what##_options name; \
    rnnp_##what##_options_init(&name)

/* ---- Threads ---- */

/* call(arg) on n threads at once, each with its own element of args, which have `size` bytes each. */
static inline void on_threads(size_t n, void *(*call)(void *arg), void *args, size_t size)
{
    enum { MOST = 16 };
    pthread_t threads[MOST];

    assert_true(n <= MOST);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call, (char *)args + i * size), 0);
    for (size_t i = 0; i < n; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* ---- Shapes ---- */

/* The initialiser of a shape. */
#define SHAPE(...)                                     \
    {                                                  \
        .struct_size = sizeof(rnnp_shape), __VA_ARGS__ \
    }

/* ---- Contexts ---- */

/* heap, isa: NULL for the default */
static inline rnnp_context *capped_context(test_heap *heap, const char *isa, size_t threads)
{
    rnnp_context_options options;
    rnnp_context *context;

    rnnp_context_options_init(&options);
    options.max_isa = isa;
    options.threads = threads;
    if (heap) options.allocator = test_allocator(heap);
    OK(rnnp_context_create(&options, &context));
    return context;
}

static inline rnnp_context *make_context(test_heap *heap, size_t threads)
{
    return capped_context(heap, NULL, threads);
}

/* The context of all tests of a program, named context. */
#define ONE_CONTEXT(threads)                                                                               \
    static rnnp_context *context;                                                                          \
    __attribute__((constructor)) static void open_context(void) { context = make_context(NULL, threads); } \
    __attribute__((destructor)) static void close_context(void) { rnnp_context_destroy(context); }

#endif
