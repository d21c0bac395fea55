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

int rnnp_struct_fits(const char *type, const void *given, size_t bytes, int read, char reason[RNNP_STRUCT_REASON])
{
    const size_t size = size_of(given);

    reason[0] = '\0';
    if (size < sizeof size || size > MOST_BYTES)
        snprintf(reason, RNNP_STRUCT_REASON, "%s: struct_size is %zu: call %s_init() first", type, size, type);
    for (size_t i = bytes; read && !reason[0] && i < size; i++) {
        if (((const unsigned char *)given)[i] == 0) continue;
        snprintf(
            reason, RNNP_STRUCT_REASON,
            "%s: struct_size is %zu, and byte %zu is set: a field of a newer version, while this is librnnpack %s, "
            "which knows %zu bytes",
            type, size, i, rnnp_version(), bytes);
    }
    return !reason[0];
}

rnnp_status rnnp_struct_read(const rnnp_context *context, const char *type, const void *given, void *own, size_t bytes)
{
    char reason[RNNP_STRUCT_REASON];

    memset(own, 0, bytes);
    if (given) {
        if (!rnnp_struct_fits(type, given, bytes, 1, reason))
            return context ? rnnp_fail(context, RNNP_ERR_ARG, "%s", reason) : RNNP_ERR_ARG;
        memcpy(own, given, size_of(given) < bytes ? size_of(given) : bytes);
    }
    memcpy(own, &bytes, sizeof bytes); /* struct_size, as all fields are there now */
    return RNNP_OK;
}

rnnp_status rnnp_struct_write(const rnnp_context *context, const char *type, const void *own, void *given, size_t bytes)
{
    char reason[RNNP_STRUCT_REASON] = "";

    if (!given) snprintf(reason, sizeof reason, "%s is NULL", type);
    if (!given || !rnnp_struct_fits(type, given, bytes, 0, reason))
        return context ? rnnp_fail(context, RNNP_ERR_ARG, "%s", reason) : RNNP_ERR_ARG;

    const size_t size = size_of(given), head = sizeof size;
    memset((char *)given + head, 0, size - head);
    memcpy((char *)given + head, (const char *)own + head, (size < bytes ? size : bytes) - head);
    return RNNP_OK;
}
