/* SPDX-License-Identifier: Apache-2.0
 *
 * What everybody asks a context for: memory and a place for the sentence of an error. host.c creates contexts.
 */
#include "context.h"

#include <stdarg.h>
#include <string.h>

/* ---- Memory ---- */

/* Zero bytes give a block of one, so that NULL always means failure. */
static size_t block_bytes(size_t bytes) { return bytes ? bytes : 1; }

void *rnnp_alloc(const rnnp_context *context, size_t bytes)
{
    void *p = context->allocator.alloc(context->allocator.user, block_bytes(bytes), RNNP_BLOCK_ALIGN);

    if (!p) rnnp_fail(context, RNNP_ERR_MEMORY, "cannot allocate %zu bytes", bytes);
    return p;
}

void *rnnp_calloc(const rnnp_context *context, size_t bytes)
{
    void *p = rnnp_alloc(context, bytes);

    if (p) memset(p, 0, block_bytes(bytes));
    return p;
}

void rnnp_free(const rnnp_context *context, void *p, size_t bytes)
{
    if (p) context->allocator.free(context->allocator.user, p, block_bytes(bytes));
}

/* ---- Errors ---- */

/* Contexts are never const objects, and sentences are no part of their value. */
static rnnp_errors *errors_of(const rnnp_context *context) { return &((rnnp_context *)context)->errors; }

rnnp_status rnnp_fail(const rnnp_context *context, rnnp_status status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    rnnp_errors_put(errors_of(context), format, args);
    va_end(args);
    return status;
}

const char *rnnp_last_error(const rnnp_context *context) { return context ? rnnp_errors_get(errors_of(context)) : ""; }
