/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of rnnpack.hpp: checks, numbers, and a count of what operator new gives.
 */
#ifndef RNNP_TESTS_CPP_CHECK_HPP
#define RNNP_TESTS_CPP_CHECK_HPP

#include "rnnpack/rnnpack.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

extern size_t allocations; /* calls of operator new so far */

#define CHECK(condition)                                                             \
    do {                                                                             \
        if (!(condition)) {                                                          \
            std::fprintf(stderr, "%s:%d: not %s\n", __FILE__, __LINE__, #condition); \
            std::exit(1);                                                            \
        }                                                                            \
    } while (0)

inline std::vector<float> numbers(size_t n, unsigned seed)
{
    std::vector<float> v(n);
    for (float &x : v) x = static_cast<float>((seed = seed * 1664525u + 1013904223u) >> 16) / 65536.0f - 0.5f;
    return v;
}

template <class A, class B> bool same(const A &a, const B &b)
{
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof *a.data()) == 0;
}

void test_returns(); /* returns.cpp, which is compiled without exceptions */
void test_objects();
void test_training_and_records(const char *folder);

#endif
