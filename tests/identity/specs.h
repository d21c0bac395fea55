/* SPDX-License-Identifier: Apache-2.0
 *
 * The models of the identity matrix and their inputs.
 */
#ifndef RNNP_TESTS_IDENTITY_SPECS_H
#define RNNP_TESTS_IDENTITY_SPECS_H

#include "rnnpack/kernels.h"

enum { STEPS = 20, MAX_OUTPUTS = 3 };

/* What is put on top of one recurrent layer. */
typedef enum spec_shape {
    ONE_LAYER,
    STACK,  /* a second, bidirectional GRU, a dense layer and softmax */
    LAYERS, /* a GRU and an LSTM in the same direction, which may run at once with the first */
} spec_shape;

typedef struct spec {
    const char *name;
    rnnp_cell cell;
    rnnp_gru_reset reset;
    rnnp_direction direction;
    spec_shape shape;
    size_t hidden, input, batch;
    const char *activations[3]; /* NULL: standard */
    float clip;
    int peephole, input_forget;
    rnnp_weights weights; /* of all layers; kernels.h has f32 alone */
    int in_quick;         /* part of the short run that sanitizers do */
} spec;

extern const spec specs[];
extern const size_t spec_count;

/* Numbers in [-1, 1) that depend on the seed alone. */
void fill(float *x, size_t n, float scale, uint32_t seed);

/* x [STEPS][batch][input]. In batches of more than two the last row has large values, zeros of both signs, denormals,
 * infinities and at last a NaN, which must stay in that row. */
float *make_input(const spec *s);
/* [batch], from 0 to STEPS, unsorted. */
int32_t *make_lengths(const spec *s);

/* A closed model with the inputs x and, on demand, lengths; its outputs are y, h and, for one LSTM, c. */
rnnp_model *make_model(rnnp_context *context, const spec *s, int with_lengths);
/* The recurrent layer alone, through kernels.h. */
rnnp_layer *make_layer(rnnp_context *context, const spec *s, rnnp_math math);

/* Ends the program when a call failed. */
void must(rnnp_context *context, rnnp_status status, const char *what);
#define MUST(context, call) must(context, call, #call)
void *must_alloc(size_t bytes);

#endif
