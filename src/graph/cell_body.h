/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files that look for a recurrent layer in a loop's body share: values of the body (here), how often the loop
 * goes round and which step it takes (cell_steps.c), gates (cell_gates.c), and what they make together (cell_match.c).
 */
#ifndef RNNP_CELL_BODY_H
#define RNNP_CELL_BODY_H

#include "engine.h"
#include "ops/loop.h"

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

typedef struct cell_body {
    const rnnp_inference *inf;
    const rnnp_model *model;
    size_t begin, end;
    cell_match *m;
    int32_t h;     /* the state that gates multiply */
    int32_t reset; /* the reset gate, once something is multiplied with it; RNNP_NONE: nothing yet */
} cell_body;

enum { CELL_DEEPEST = 12 }; /* operators that are looked through, one behind the other */

/* ---- Values ---- */

static inline const rnnp_meta *cell_meta_of(const cell_body *b, int32_t v) { return &b->inf->meta[v]; }

static inline int cell_is_op(const rnnp_node *node, const char *op) { return node && strcmp(node->op->name, op) == 0; }

/* The same value without Identity in front, of which nobody has many. */
static inline int32_t cell_value_of(const cell_body *b, int32_t v)
{
    for (size_t i = 0; i < CELL_DEEPEST && v != RNNP_NONE && b->model->values[v].producer >= 0; i++) {
        const rnnp_node *node = &b->model->nodes[b->model->values[v].producer];

        if (!cell_is_op(node, "Identity")) break;
        v = node->inputs[0];
    }
    return v;
}

/* The node of the body that computes it, or NULL. */
static inline const rnnp_node *cell_node_of(const cell_body *b, int32_t v)
{
    v = cell_value_of(b, v);
    const int32_t producer = v == RNNP_NONE ? -1 : b->model->values[v].producer;

    return producer > (int32_t)b->begin && producer < (int32_t)b->end ? &b->model->nodes[producer] : NULL;
}

static inline const rnnp_node *cell_op_of(const cell_body *b, int32_t v, const char *op)
{
    const rnnp_node *node = cell_node_of(b, v);

    return cell_is_op(node, op) ? node : NULL;
}

static inline int cell_is_integer(const rnnp_meta *meta)
{
    return meta->dtype == RNNP_DTYPE_I64 || meta->dtype == RNNP_DTYPE_I32;
}

/* The only element of an integer that is known; it may be a symbol. */
static inline int cell_known_number(const cell_body *b, int32_t v, int64_t *number)
{
    const rnnp_meta *meta = v == RNNP_NONE ? NULL : cell_meta_of(b, v);

    if (!meta || !meta->known || rnnp_meta_elements(meta) != 1 || !cell_is_integer(meta)) return 0;
    const rnnp_tensor t = rnnp_known_tensor(meta);
    *number = rnnp_integer_at(&t, 0);
    return 1;
}

static inline int cell_known_true(const cell_body *b, int32_t v)
{
    return v == RNNP_NONE || (cell_meta_of(b, v)->known && *(const uint8_t *)cell_meta_of(b, v)->known != 0);
}

static inline const float *cell_known_floats(const cell_body *b, int32_t v)
{
    return b->model->values[v].is_constant && cell_meta_of(b, v)->dtype == RNNP_DTYPE_F32 ? cell_meta_of(b, v)->known
                                                                                          : NULL;
}

static inline int cell_is_one(const cell_body *b, int32_t v)
{
    const float *known = cell_known_floats(b, v);

    return known && rnnp_meta_elements(cell_meta_of(b, v)) == 1 && *known == 1.0f;
}

/* ---- Carried values ---- */

static inline int32_t cell_result_of(const cell_body *b, size_t k) { return b->m->end->inputs[RNNP_END_RESULT + k]; }
static inline int32_t cell_carried(const cell_body *b, size_t k) { return b->m->begin->outputs[RNNP_LOOP_VALUE + k]; }
static inline size_t cell_n_carried(const cell_body *b) { return rnnp_loop_params_of(b->m->begin)->carried; }

/* Whether carried value k is one more after each iteration; what it begins with. */
int rnnp_cell_counter(const cell_body *b, size_t k, int64_t *start);
/* Whether the loop makes so many iterations, a size or a symbol. */
int rnnp_cell_goes_round(const cell_body *b, int64_t steps);
/* Whether v is the step of this iteration; the sequence and its axis of time are noted. */
int rnnp_cell_step(const cell_body *b, int32_t v);
/* Whether v is an activation of a sum of products with constant matrices, for `hidden` units. */
int rnnp_cell_gate(cell_body *b, int32_t v, cell_gate *gate);

#endif
