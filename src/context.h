/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RNNP_CONTEXT_H
#define RNNP_CONTEXT_H

#include "../dispatch/dispatch.h"
#include "rnnpack/rnnpack.h"
#include "threads/threads.h"

#include <pthread.h>

enum { RNNP_ERROR_RING = 16, RNNP_ERROR_CHARS = 256 };

struct rnnp_context {
    rnnp_allocator allocator;
    rnnp_cpu cpu;
    rnnp_topology topology;
    rnnp_selection selection;   /* const after creation */
    int max_rank;               /* cap in force */
    const char *isa_reason;
    rnnp_team *team;            /* NULL: calls run on the caller's thread alone */
    rnnp_log_fn log;
    void *log_user;
    pthread_mutex_t error_lock; /* guards the ring; taken on the error path only */
    unsigned error_count;
    char error[RNNP_ERROR_RING][RNNP_ERROR_CHARS];
};

/* RNNP_API on internal functions: librnnpack-onnx, a library of its own, uses them. */

/* Records the sentence and returns status, so that callers can write
 *     return rnnp_fail(ctx, RNNP_ERR_SHAPE, "hidden=%zu but R has %zu columns", hidden, columns); */
RNNP_API rnnp_status rnnp_fail(const rnnp_context *context, rnnp_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Allocation through the context; zero bytes give a valid block. rnnp_alloc aligns to 64 bytes. rnnp_calloc
 * zeroes. On failure NULL is returned and the error is recorded. */
RNNP_API void *rnnp_alloc(const rnnp_context *context, size_t bytes);
void *rnnp_calloc(const rnnp_context *context, size_t bytes);
RNNP_API void rnnp_free(const rnnp_context *context, void *p, size_t bytes);

/* a*b and a+b with overflow reported: return 1 on overflow, when *out is meaningless. */
static inline int rnnp_mul_overflow(size_t a, size_t b, size_t *out) { return __builtin_mul_overflow(a, b, out); }
static inline int rnnp_add_overflow(size_t a, size_t b, size_t *out) { return __builtin_add_overflow(a, b, out); }

#endif
