/* SPDX-License-Identifier: Apache-2.0
 *
 * What several tests share: an allocator that counts what is live and can be told to fail.
 */
#ifndef RNNP_TESTS_HARNESS_H
#define RNNP_TESTS_HARNESS_H

#include "rnnpack/rnnpack.h"

#include <stdatomic.h>
#include <stdlib.h>

/* All fields may start at 0: `test_heap heap = {0};` */
typedef struct test_heap {
    atomic_size_t calls;       /* allocations asked for so far */
    size_t fail_at;            /* the fail_at-th of them fails; 0: none */
    atomic_size_t live_blocks; /* not yet freed */
    atomic_size_t live_bytes;  /* by the byte counts given to alloc and free */
    atomic_size_t peak_bytes;  /* exact while one thread allocates */
} test_heap;

static inline void *test_heap_alloc(void *user, size_t bytes, size_t align)
{
    test_heap *heap = user;
    void *p = NULL;

    if (atomic_fetch_add(&heap->calls, 1) + 1 == heap->fail_at || posix_memalign(&p, align, bytes) != 0) return NULL;
    atomic_fetch_add(&heap->live_blocks, 1);
    const size_t live = atomic_fetch_add(&heap->live_bytes, bytes) + bytes;
    if (live > atomic_load(&heap->peak_bytes)) atomic_store(&heap->peak_bytes, live);
    return p;
}

static inline void test_heap_free(void *user, void *p, size_t bytes)
{
    test_heap *heap = user;

    atomic_fetch_sub(&heap->live_blocks, 1);
    atomic_fetch_sub(&heap->live_bytes, bytes);
    free(p);
}

static inline rnnp_allocator test_allocator(test_heap *heap)
{
    return (rnnp_allocator){heap, test_heap_alloc, test_heap_free};
}

#endif
