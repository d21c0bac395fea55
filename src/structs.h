/* SPDX-License-Identifier: Apache-2.0
 *
 * Structs that cross the API between a program and a library of different versions. Each begins with struct_size, the
 * size that the program was compiled with. Fields are only ever appended and 0 is the default of all, so a shorter
 * struct is one whose last fields are 0, and a longer one is understood while the fields beyond ours are 0.
 */
#ifndef RNNP_STRUCTS_H
#define RNNP_STRUCTS_H

#include "context.h"

/* Copies a caller's struct to `own`, which has the library's size; NULL gives zeros. RNNP_ERR_ARG with a sentence for
 * a struct_size that no version has, and for fields beyond `bytes` that are set. context may be NULL: no sentence. */
#define RNNP_STRUCT_READ(context, type, given, own) rnnp_struct_read(context, #type, given, own, sizeof(type))
rnnp_status rnnp_struct_read(const rnnp_context *context, const char *type, const void *given, void *own, size_t bytes);

/* Copies `own` to a caller's struct, as much as that has room for, and zeros to fields that only the caller knows.
 * struct_size stays the caller's. RNNP_ERR_ARG for NULL or a struct_size that no version has. */
#define RNNP_STRUCT_WRITE(context, type, own, given) rnnp_struct_write(context, #type, own, given, sizeof(type))
rnnp_status rnnp_struct_write(const rnnp_context *context, const char *type, const void *own, void *given,
                              size_t bytes);

/* The check alone, for a result that is written at the end of a call that changes something. */
#define RNNP_STRUCT_CHECK(context, type, given) rnnp_struct_check(context, #type, given)
rnnp_status rnnp_struct_check(const rnnp_context *context, const char *type, const void *given);

/* What a struct_size says. The rest of a struct of no size is not to be trusted. */
typedef enum rnnp_struct_fit { RNNP_STRUCT_FITS, RNNP_STRUCT_NO_SIZE, RNNP_STRUCT_UNKNOWN_FIELD } rnnp_struct_fit;

/* Whether a caller's struct can be read; if not, `reason` is the sentence. */
enum { RNNP_STRUCT_REASON = 240 };
rnnp_struct_fit rnnp_struct_fits(const char *type, const void *given, size_t bytes, char reason[RNNP_STRUCT_REASON]);

#endif
