/* SPDX-License-Identifier: Apache-2.0
 *
 * The names of values in a file, and what is known of each.
 */
#ifndef RNNP_ONNX_NAMES_H
#define RNNP_ONNX_NAMES_H

#include "../names.h"
#include "loader.h"

/* What a value is to a product that a quantiser has spelled out (load_dynamic.c). */
typedef enum name_part {
    PART_NONE,
    PART_Q,     /* activations in 8 bits; */
    PART_SCALE, /* their scale */
    PART_ZERO,  /* and zero point */
    PART_SUMS,  /* their product with weights, as whole numbers */
    PART_FLOATS,
    PART_SCALES /* of activations times that of weights */
} name_part;

typedef struct name_entry {
    rnnp_value value; /* RNNP_NONE until it exists */
    size_t producer;  /* loading: node that will make it, SIZE_MAX if none */
    int is_input;
    int has_default;   /* loading: it is an initializer, too, which is its value if it is not bound */
    size_t duplicates; /* saving: the last number that was put behind it */
    int marked;        /* loading: LOADER_MARKS lists it */
    int is_weights;    /* it is weights of 8 bits, dequantised: those, and their scales */
    rnnp_value weights, scale, zero;
    name_part part;      /* no value, but this */
    rnnp_value from;     /* of these activations */
    struct scope *scope; /* loading: where it is defined */
    int needed;          /* loading: an output depends on it */
} name_entry;

typedef struct names {
    rnnp_names set;
    name_entry *entry;         /* of each name */
    const struct names *outer; /* which has what is not here; or NULL */
} names;

/* Room for `count` names, in loader_alloc memory. */
rnnp_status names_create(loader *l, size_t count, names *n);
/* The name's entry, or NULL; _own: not of an outer one. */
name_entry *names_find(const names *n, const char *name);
name_entry *names_find_own(const names *n, const char *name);
/* A new entry, all zeros, for a name that has none. The string stays where it is. */
name_entry *names_add(names *n, const char *name);
/* A new entry for the name, or for the name with the first number behind it that is new; NULL without memory. */
const char *names_claim(loader *l, names *n, const char *name);

#endif
