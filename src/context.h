/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RNNP_CONTEXT_H
#define RNNP_CONTEXT_H

#include "../dispatch/dispatch.h"
#include "errors.h"
#include "rnnpack/rnnpack.h"
#include "threads/threads.h"

#define RNNP_TEXT_OF(x) #x
#define RNNP_DOTTED(major, minor, patch) RNNP_TEXT_OF(major) "." RNNP_TEXT_OF(minor) "." RNNP_TEXT_OF(patch)
#define RNNP_VERSION_TEXT RNNP_DOTTED(RNNP_VERSION_MAJOR, RNNP_VERSION_MINOR, RNNP_VERSION_PATCH)

/* What librnnpack-onnx and librnnpack-mpi, libraries of their own, call. They find the functions through the objects
 * that they are given, so that none of them is exported (graph/graph.h has more); `version` tells them whether both
 * libraries are of one build. */
typedef struct rnnp_context_calls {
    const char *version; /* this and the next stay first in all versions */
    rnnp_status (*fail)(const rnnp_context *context, rnnp_status status, const char *format, ...)
        __attribute__((format(__printf__, 3, 4)));
    void *(*alloc)(const rnnp_context *context, size_t bytes);
    void (*free)(const rnnp_context *context, void *p, size_t bytes);
    rnnp_status (*struct_read)(const rnnp_context *context, const char *type, const void *given, void *own,
                               size_t bytes);
    rnnp_status (*struct_write)(const rnnp_context *context, const char *type, const void *own, void *given,
                                size_t bytes);
} rnnp_context_calls;

struct rnnp_context {
    const rnnp_context_calls *calls; /* stays first in all versions */
    rnnp_allocator allocator;
    rnnp_cpu cpu;
    rnnp_topology topology;
    rnnp_selection selection; /* const after creation */
    int max_rank;             /* cap in force */
    const char *isa_reason;
    rnnp_team *team; /* NULL: calls run on the caller's thread alone. What its workers say when they fail must be said
                      * again by the thread that called */
    rnnp_log_fn log;
    void *log_user;
    rnnp_errors errors;
};

/* Records the sentence as the calling thread's last and returns status, so that callers can write
 *     return rnnp_fail(ctx, RNNP_ERR_SHAPE, "hidden=%zu but R has %zu columns", hidden, columns); */
rnnp_status rnnp_fail(const rnnp_context *context, rnnp_status status, const char *format, ...)
    __attribute__((format(__printf__, 3, 4)));

enum { RNNP_BLOCK_ALIGN = 64 }; /* of all memory that a context allocates */

/* Allocation through the context; zero bytes give a valid block. rnnp_alloc aligns to 64 bytes. rnnp_calloc
 * zeroes. On failure NULL is returned and the error is recorded. */
void *rnnp_alloc(const rnnp_context *context, size_t bytes);
void *rnnp_calloc(const rnnp_context *context, size_t bytes);
void rnnp_free(const rnnp_context *context, void *p, size_t bytes);

/* a*b and a+b with overflow reported: return 1 on overflow, when *out is meaningless. */
static inline int rnnp_mul_overflow(size_t a, size_t b, size_t *out) { return __builtin_mul_overflow(a, b, out); }
static inline int rnnp_add_overflow(size_t a, size_t b, size_t *out) { return __builtin_add_overflow(a, b, out); }

static inline size_t rnnp_align64(size_t bytes)
{
    return bytes > SIZE_MAX - 63 ? SIZE_MAX : (bytes + 63) & ~(size_t)63;
}

#endif
