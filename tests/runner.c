/* SPDX-License-Identifier: Apache-2.0
 *
 * The main function of unit tests.
 */
#include "test.h"

enum { MAX_TESTS = 200 };

static struct CMUnitTest units[MAX_TESTS];
static size_t n_units;

void test_register(const struct CMUnitTest *t)
{
    if (n_units == MAX_TESTS) abort();
    units[n_units++] = *t;
}

int main(int argc, char **argv)
{
    const int status = tests_begin ? tests_begin(argv + (argc > 0)) : 0;

    if (status) return status;
    const int failed = _cmocka_run_group_tests(argv[0], units, n_units, NULL, NULL);
    if (tests_end) tests_end();
    return failed || n_units == 0;
}
