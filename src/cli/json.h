/* SPDX-License-Identifier: Apache-2.0
 *
 * A small JSON writer, on stdout unless it is told another place. Keys are NULL inside arrays.
 *
 *     json j = {0};
 *     json_object(&j, NULL);
 *     json_put(&j, TEXT("model", path), INT("batch", batch));
 *     json_close(&j);
 */
#ifndef RNNP_CLI_JSON_H
#define RNNP_CLI_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct json {
    char closing[16]; /* of the open objects and arrays */
    size_t depth;
    int comma;  /* the current one has an element */
    int line;   /* all in one line */
    FILE *file; /* NULL: stdout */
} json;

typedef struct json_value {
    char kind; /* 't', 'i', 'r', 'l', 'b'; 0 ends a list */
    const char *key, *text;
    int64_t integer;
    double real;
} json_value;

/* TEXT: NULL writes null; REAL, of 6 digits, and LONG_REAL, of 12: null unless finite. */
#define TEXT(key, value) ((json_value){'t', key, value, 0, 0})
#define INT(key, value) ((json_value){'i', key, NULL, (int64_t)(value), 0})
#define REAL(key, value) ((json_value){'r', key, NULL, 0, value})
#define LONG_REAL(key, value) ((json_value){'l', key, NULL, 0, value})
#define BOOL(key, value) ((json_value){'b', key, NULL, (value) != 0, 0})
#define json_put(j, ...) json_put_all(j, (const json_value[]){__VA_ARGS__, {0}})
/* An object of these values alone. */
#define json_flat(j, key, ...) (json_object(j, key), json_put(j, __VA_ARGS__), json_close(j))

void json_object(json *j, const char *key);
void json_array(json *j, const char *key);
void json_close(json *j); /* the innermost; a newline after the outermost */
void json_end(json *j);   /* all of them */
void json_put_all(json *j, const json_value *values);

/* The bytes of the UTF-8 character at s, which ends with a zero; 0 when it is none. */
size_t json_utf8_length(const unsigned char *s);

#endif
