/* SPDX-License-Identifier: Apache-2.0
 *
 * A recurrent node with numbers for everything, run by inference and by training; and the same in double precision.
 */
#ifndef RNNP_TESTS_RECURRENT_CASE_H
#define RNNP_TESTS_RECURRENT_CASE_H

#include "../../src/graph/ops/recurrent.h"
#include "../../src/train/gradient.h"

enum { MOST_ROWS = 32 };

typedef struct spec {
    const char *name;
    rnnp_cell cell;
    size_t steps, batch, input, hidden;
    rnnp_direction direction;
    int reset_after, layout, peephole, input_forget;
    int no_bias, no_states, no_y, only_y;
    float clip;
    int32_t lengths[MOST_ROWS]; /* used when with_lengths */
    int with_lengths;
    rnnp_act_spec act[3]; /* of every direction; kind 0: the default */
    const char *act_name[3];
    float dropout;
} spec;

/* Inputs of the node, or gradients by them, or outputs; in double. Index: RNNP_IN_X, ... */
enum { CASE_INPUTS = 8, CASE_OUTPUTS = 3 };

typedef struct example {
    spec s;
    size_t dirs, gates;
    size_t n_in[CASE_INPUTS], n_out[CASE_OUTPUTS]; /* elements, 0 where absent */
    float *in[CASE_INPUTS];                        /* all but the lengths */
    float *d_out[CASE_OUTPUTS];
} example;

example make_example(const spec *s);
void free_example(example *e);

/* What a node gives. */
typedef struct result {
    float *out[CASE_OUTPUTS], *d_in[CASE_INPUTS];
    size_t kept_bytes;
} result;

void free_result(result *r);
/* 1 when outputs and gradients have the same bits. */
int same_outputs(const example *e, const result *a, const result *b);
int same_gradients(const example *e, const result *a, const result *b);

typedef struct training {
    int recompute;
    int evaluation;       /* slice->training = 0 */
    const uint32_t *rows; /* places in the batch; NULL: 0, 1, 2, ... */
    unsigned unwanted;    /* bit i: nobody wants the gradient by input i */
    unsigned unused;      /* bit i: nothing depends on output i */
    size_t parts;         /* of prepare; 0: 1 */
    size_t nr;            /* products have panels of so many columns, where a kernel has; 0: the usual */
} training;

result infer(const example *e, const char *isa);
result train(const example *e, const char *isa, const training *t);
/* Status of forward alone, and of check; the sentence is copied to text[256]. */
rnnp_status try_forward(const example *e, char *text);
rnnp_status try_check(const example *e, int computed_weights, char *text);

/* The seed and step of the slice in train(). */
enum { CASE_SEED = 77, CASE_STEP = 5 };

/* sum of d_out * outputs in double, for these inputs; mask [dirs][batch][hidden] or NULL. */
double reference_loss(const example *e, double *const in[CASE_INPUTS], const double *mask);

#endif
