/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks at a multiple of `align`, a power of two from sizeof(void *) on. Windows has its own way to free them.
 */
#ifndef RNNP_ALIGNED_H
#define RNNP_ALIGNED_H

#include <stdlib.h>

#ifdef _WIN32
#include <malloc.h>

static inline void *rnnp_aligned_alloc(size_t align, size_t bytes) { return _aligned_malloc(bytes ? bytes : 1, align); }

static inline void rnnp_aligned_free(void *p) { _aligned_free(p); }
#else
static inline void *rnnp_aligned_alloc(size_t align, size_t bytes)
{
    void *p;

    return posix_memalign(&p, align, bytes) == 0 ? p : NULL;
}

static inline void rnnp_aligned_free(void *p) { free(p); }
#endif

#endif
