/* SPDX-License-Identifier: Apache-2.0
 *
 * The names of values in a file: open addressing, at least twice as many places as names.
 */
#ifndef RNNP_ONNX_NAMES_H
#define RNNP_ONNX_NAMES_H

#include "loader.h"

typedef struct name_entry {
    const char *name;      /* NULL: a free place */
    rnnp_value value;      /* RNNP_NONE until it exists */
    size_t producer;       /* loading: node that will make it, SIZE_MAX if none */
    int is_input;
    size_t duplicates;     /* saving: the last number that was put behind it */
} name_entry;

typedef struct names {
    name_entry *place;
    size_t mask;
} names;

/* Room for `count` names, in loader_alloc memory. */
rnnp_status names_create(loader *l, size_t count, names *n);
/* The name's entry, or the place where it belongs. */
name_entry *names_find(const names *n, const char *name);

#endif
