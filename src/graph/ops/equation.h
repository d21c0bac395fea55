/* SPDX-License-Identifier: Apache-2.0
 *
 * Equations of Einsum: a term of labels for each operand and one for the result.
 */
#ifndef RNNP_OPS_EQUATION_H
#define RNNP_OPS_EQUATION_H

#include "ops.h"

/* Labels are numbers: the letters in the order of ASCII, then the axes behind an ellipsis, counted from the last. */
enum { RNNP_LETTERS = 52, RNNP_LABELS = RNNP_LETTERS + RNNP_MAX_RANK };

/* Some labels, one for each axis. */
typedef struct rnnp_labels {
    size_t n;
    uint8_t at[RNNP_MAX_RANK];
} rnnp_labels;

typedef struct rnnp_term {
    rnnp_labels letters;
    int has_ellipsis;
    size_t ellipsis; /* how many letters come before it */
} rnnp_term;

typedef struct rnnp_equation {
    rnnp_term *terms; /* of the operands */
    rnnp_term result;
} rnnp_equation;

/* Of a node whose inputs are counted; errors name the place in the text. */
rnnp_status rnnp_equation_parse(rnnp_parse *p, const char *text, rnnp_equation *equation);

/* The labels of a tensor of this rank, or 0 when the term has another. */
int rnnp_term_labels(const rnnp_term *term, size_t rank, rnnp_labels *labels);

/* How an error says a label. */
typedef struct rnnp_label_text {
    char s[24];
} rnnp_label_text;
rnnp_label_text rnnp_label_name(uint8_t label);

static inline uint64_t rnnp_labels_mask(const rnnp_labels *labels)
{
    uint64_t mask = 0;

    for (size_t i = 0; i < labels->n; i++) mask |= UINT64_C(1) << labels->at[i];
    return mask;
}

#endif
