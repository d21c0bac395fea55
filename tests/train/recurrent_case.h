/* SPDX-License-Identifier: Apache-2.0
 *
 * A recurrent node with numbers for everything, trained as node.h does it; and the same in double precision.
 */
#ifndef RNNP_TESTS_RECURRENT_CASE_H
#define RNNP_TESTS_RECURRENT_CASE_H

#include "../../src/graph/ops/recurrent.h"
#include "node.h"

enum { MOST_ROWS = 32 };

typedef struct spec {
    const char *name;
    rnnp_cell cell;
    size_t steps, batch, input, hidden;
    rnnp_direction direction;
    int reset_after, layout, peephole, input_forget;
    int no_bias, no_states, no_y, only_y;
    enum { DECAY_NONE, DECAY_UNITS, DECAY_ROWS } decay; /* of each unit, or one for all units of a row */
    int split, no_split_bias;
    float clip;
    int32_t lengths[MOST_ROWS]; /* used when with_lengths */
    int with_lengths;
    rnnp_act_spec act[3]; /* of every direction; kind 0: the default */
    const char *act_name[3];
    float dropout;
} spec;

/* Inputs and outputs of the node, by RNNP_IN_X, RNNP_OUT_Y, ... */
enum { CASE_INPUTS = RNNP_IN_SPLIT_BIAS + 1, CASE_OUTPUTS = 3 };

typedef struct example {
    spec s;
    size_t dirs, gates;
    size_t n_in[CASE_INPUTS], n_out[CASE_OUTPUTS]; /* elements, 0 where absent */
    float *in[CASE_INPUTS];                        /* all but the lengths */
    float *d_out[CASE_OUTPUTS];
} example;

example make_example(const spec *s);
void free_example(example *e);

typedef struct training {
    int recompute;
    int evaluation;       /* slice->training = 0 */
    int computed_weights; /* W, R and B are inputs of the model: there is no memory, as it can only be checked */
    const uint32_t *rows; /* places in the batch; NULL: 0, 1, 2, ... */
    unsigned unwanted;    /* bit i: nobody wants the gradient by input i */
    unsigned unused;      /* bit i: nothing depends on output i */
    size_t nr;            /* products have panels of so many columns, where a kernel has; 0: the usual */
} training;

/* The node with its memory, prepared, in a context of its own with this cap. */
void open_case(one_node *one, const example *e, const char *isa, const training *t);
void close_case(one_node *one);
/* The same, forwards and backwards. */
void train(one_node *one, const example *e, const char *isa, const training *t);
/* TRAINED(one, e, isa, .recompute = 1) declares it until the end of the scope. */
#define TRAINED(one, e, isa, ...)     \
    DROPPED(close_case) one_node one; \
    train(&one, e, isa, &(training){__VA_ARGS__})

static inline const float *gradient_of(const one_node *one, size_t input) { return one->d_in[input].data; }

/* sum of d_out * outputs in double, for these inputs; mask [dirs][batch][hidden] or NULL. */
double reference_loss(const example *e, double *const in[CASE_INPUTS], const double *mask);

#endif
