/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of cmocka's interface that our unit tests use, for cross builds where the library is not to be had.
 * The first failed assertion ends the program.
 */
#ifndef RNNP_TESTS_CMOCKA_H
#define RNNP_TESTS_CMOCKA_H

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*test_func)(void **state);
    int (*setup)(void **state), (*teardown)(void **state);
    void *initial_state;
};

#define cmocka_unit_test(function)            \
    {                                         \
#function, function, NULL, NULL, NULL \
    }
#define cmocka_unit_test_setup_teardown(function, setup, teardown) \
    {                                                              \
#function, function, setup, teardown, NULL                 \
    }
#define cmocka_run_group_tests(tests, setup, teardown) \
    _cmocka_run_group_tests("", tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

static inline void require(int holds, const char *what, const char *file, int line)
{
    if (!holds) {
        printf("%s:%d: %s\n", file, line, what);
        exit(1);
    }
}

__attribute__((weak)) jmp_buf skip_to;

#define skip() longjmp(skip_to, 1)

static inline int _cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests, size_t count,
                                          int (*setup)(void **state), int (*teardown)(void **state))
{
    void *state = NULL;

    printf("%s\n", name);
    if (setup && setup(&state) != 0) return 1;
    for (volatile size_t i = 0; i < count; i++) { /* volatile: kept by skip() */
        void *own = tests[i].initial_state;

        if (setjmp(skip_to)) {
            printf("[  SKIPPED ] %s\n", tests[i].name);
            continue;
        }
        void **given = own ? &own : &state;
        require(!tests[i].setup || tests[i].setup(given) == 0, "setup", tests[i].name, 0);
        tests[i].test_func(given);
        require(!tests[i].teardown || tests[i].teardown(given) == 0, "teardown", tests[i].name, 0);
        printf("[       OK ] %s\n", tests[i].name);
    }
    return teardown ? teardown(&state) : 0;
}

#define print_message(...) printf(__VA_ARGS__)
#define fail_msg(...) (printf(__VA_ARGS__), require(0, "fail_msg", __FILE__, __LINE__))
#define REQUIRE(condition, text) require((condition) ? 1 : 0, text, __FILE__, __LINE__)
#define assert_true(c) REQUIRE(c, #c)
#define assert_false(c) REQUIRE(!(c), "not: " #c)
#define assert_null(p) REQUIRE((p) == NULL, #p " == NULL")
#define assert_non_null(p) REQUIRE((p) != NULL, #p " != NULL")
#define assert_ptr_equal(a, b) REQUIRE((const void *)(a) == (const void *)(b), #a " == " #b)
#define assert_int_equal(a, b) REQUIRE((uintmax_t)(a) == (uintmax_t)(b), #a " == " #b)
#define assert_int_not_equal(a, b) REQUIRE((uintmax_t)(a) != (uintmax_t)(b), #a " != " #b)
#define assert_string_equal(a, b) REQUIRE(strcmp(a, b) == 0, #a " equals " #b)
#define assert_string_not_equal(a, b) REQUIRE(strcmp(a, b) != 0, #a " differs from " #b)
#define assert_memory_equal(a, b, n) REQUIRE(memcmp(a, b, n) == 0, #a " has the bytes of " #b)
#define assert_memory_not_equal(a, b, n) REQUIRE(memcmp(a, b, n) != 0, #a " has other bytes than " #b)

#endif
