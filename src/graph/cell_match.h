/* SPDX-License-Identifier: Apache-2.0
 *
 * Loops over time that are a recurrent layer: found by what their bodies compute (cell_match.c), and replaced by one
 * node of the operator (cell_build.c).
 */
#ifndef RNNP_CELL_MATCH_H
#define RNNP_CELL_MATCH_H

#include "engine.h"

enum { CELL_GATES = 4, CELL_TERMS = 2, CELL_BIASES = 4 };

/* What a product in a gate multiplies: the input of the step, the state, or the state behind the reset gate. */
typedef enum cell_source { CELL_X, CELL_H } cell_source;

/* A product with a part of a constant matrix: of its rows from `row` and columns from `col` on. Across: the matrix has
 * the output channels in its rows, and row and col are exchanged. */
typedef struct cell_term {
    int32_t weights;
    int across;
    size_t row, col;
} cell_term;

/* Elements of a constant from `at` on. */
typedef struct cell_bias {
    int32_t value;
    size_t at;
} cell_bias;

/* A sum of products and constants: what an activation is taken of. after: of a GRU's candidate, what the reset gate is
 * multiplied with. */
typedef struct cell_gate {
    const rnnp_node *activation;
    cell_term term[CELL_TERMS]; /* by source; weights RNNP_NONE: there is none */
    cell_bias bias[CELL_BIASES], after[CELL_BIASES];
    size_t n_biases, n_after;
} cell_gate;

typedef struct cell_match {
    const char *op;
    const rnnp_node *begin, *end;
    size_t state[2]; /* carried values: h, c */
    size_t n_states;
    int32_t x;   /* the sequence */
    size_t axis; /* of time in it */
    size_t input, hidden;
    int64_t batch; /* may be a symbol */
    int reset_after;
    size_t n_gates;
    cell_gate gate[CELL_GATES];         /* in the operator's order */
    const rnnp_node *output_activation; /* of LSTM */
} cell_match;

/* Whether the loop between these nodes of a model that was inferred is a layer. */
int rnnp_cell_match(const rnnp_inference *inf, size_t begin, size_t end, cell_match *m);

#endif
