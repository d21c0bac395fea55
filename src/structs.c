/* SPDX-License-Identifier: Apache-2.0 */
#include "structs.h"

#include <stdio.h>
#include <string.h>

/* Larger than any struct will be: what claims more was never initialised, and reading so far could crash. */
enum { MOST_BYTES = 16384 };

static size_t size_of(const void *given)
{
    size_t size;

    memcpy(&size, given, sizeof size);
    return size;
}

/* 0, and why, for what no version of a struct has. */
static int has_size(const char *type, const void *given, char reason[RNNP_STRUCT_REASON])
{
    const size_t size = size_of(given);

    if (size >= sizeof size && size <= MOST_BYTES) return 1;
    snprintf(reason, RNNP_STRUCT_REASON, "%s: struct_size is %zu: call %s_init() first", type, size, type);
    return 0;
}

rnnp_struct_fit rnnp_struct_fits(const char *type, const void *given, size_t bytes, char reason[RNNP_STRUCT_REASON])
{
    if (!has_size(type, given, reason)) return RNNP_STRUCT_NO_SIZE;
    for (size_t i = bytes; i < size_of(given); i++) {
        if (((const unsigned char *)given)[i] == 0) continue;
        snprintf(reason, RNNP_STRUCT_REASON,
                 "%s: byte %zu of %zu is set, which is a field of a newer version; librnnpack %s knows %zu bytes", type,
                 i, size_of(given), RNNP_VERSION_TEXT, bytes);
        return RNNP_STRUCT_UNKNOWN_FIELD;
    }
    return RNNP_STRUCT_FITS;
}

/* No sentence without a context. */
static rnnp_status refuse(const rnnp_context *context, const char *reason)
{
    return context ? context->calls->fail(context, RNNP_ERR_ARG, "%s", reason) : RNNP_ERR_ARG;
}

rnnp_status rnnp_struct_read(const rnnp_context *context, const char *type, const void *given, void *own, size_t bytes)
{
    char reason[RNNP_STRUCT_REASON];

    memset(own, 0, bytes);
    if (given) {
        if (rnnp_struct_fits(type, given, bytes, reason) != RNNP_STRUCT_FITS) return refuse(context, reason);
        memcpy(own, given, size_of(given) < bytes ? size_of(given) : bytes);
    }
    memcpy(own, &bytes, sizeof bytes); /* struct_size, as all fields are there now */
    return RNNP_OK;
}

rnnp_status rnnp_struct_check(const rnnp_context *context, const char *type, const void *given)
{
    char reason[RNNP_STRUCT_REASON];

    if (!given)
        snprintf(reason, RNNP_STRUCT_REASON, "%s is NULL", type);
    else if (has_size(type, given, reason))
        return RNNP_OK;
    return refuse(context, reason);
}

rnnp_status rnnp_struct_write(const rnnp_context *context, const char *type, const void *own, void *given, size_t bytes)
{
    const size_t head = sizeof(size_t);
    const rnnp_status status = rnnp_struct_check(context, type, given);

    if (status != RNNP_OK) return status;
    const size_t size = size_of(given);
    memset((char *)given + head, 0, size - head);
    memcpy((char *)given + head, (const char *)own + head, (size < bytes ? size : bytes) - head);
    return RNNP_OK;
}
