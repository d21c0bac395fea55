/* SPDX-License-Identifier: Apache-2.0
 *
 * cpp FOLDER: tests rnnpack.hpp, with and without exceptions in one program; files go into FOLDER.
 */
#include "check.hpp"

#include <new>

size_t allocations;

void *operator new(size_t bytes)
{
    allocations++;
    if (void *p = std::malloc(bytes ? bytes : 1)) return p;
    throw std::bad_alloc();
}
void operator delete(void *p) noexcept { std::free(p); }
void operator delete(void *p, size_t) noexcept { std::free(p); }

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    test_objects();
    test_training_and_records(argv[1]);
    test_returns();
    std::puts("ok");
}
