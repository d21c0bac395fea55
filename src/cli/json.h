/* SPDX-License-Identifier: Apache-2.0
 *
 * A small JSON writer on stdout. Keys are NULL inside arrays.
 */
#ifndef RNNP_CLI_JSON_H
#define RNNP_CLI_JSON_H

#include <stddef.h>
#include <stdint.h>

typedef struct json {
    char closing[16]; /* of the open objects and arrays */
    size_t depth;
    int comma; /* the current one has an element */
} json;

void json_object(json *j, const char *key);
void json_array(json *j, const char *key);
void json_close(json *j); /* the innermost; a newline after the outermost */

void json_string(json *j, const char *key, const char *value); /* NULL writes null */
void json_integer(json *j, const char *key, int64_t value);
void json_size(json *j, const char *key, size_t value);
void json_number(json *j, const char *key, double value); /* null unless finite */
void json_bool(json *j, const char *key, int value);

/* Bytes of the UTF-8 character at s, which ends with a zero; 0 when it is none. */
size_t json_utf8_length(const unsigned char *s);

#endif
