/* SPDX-License-Identifier: Apache-2.0
 *
 * The models of the corpus, made with the layer calls of model.h. Weights and inputs are functions of a counter in
 * integer arithmetic and exact conversions, so every machine makes the same ones.
 */
#ifndef RNNP_TESTS_CORPUS_MODELS_H
#define RNNP_TESTS_CORPUS_MODELS_H

#include "rnnpack/rnnpack.h"

enum { CORPUS_INPUTS = 2, CORPUS_OUTPUTS = 3, CORPUS_NAME = 96 };

/* One recurrent layer and what is around it. */
typedef enum corpus_shape {
    ONE_LAYER, /* y, h and, for an LSTM, c */
    STACK,     /* a bidirectional GRU, dense and softmax on top */
    TOWER,     /* two more layers in the same direction, which threads may run at once */
    TEXT,      /* an embedding below; pooling over time, dense and softmax on top */
    CORPUS_SHAPES,
    SIGNAL = CORPUS_SHAPES /* convolutions along time below: many channels, each on its own, and transposed in groups */
} corpus_shape;

typedef struct corpus_entry {
    size_t cell; /* index of the cell table of models.c */
    corpus_shape shape;
    rnnp_direction direction;
    size_t hidden, batch, steps;
    rnnp_math math;
    int lengths;
    rnnp_pool pool; /* TEXT */
    rnnp_weights weights;
} corpus_entry;

/* Fills in entry `index` and returns 1, or returns 0 past the last. */
int corpus_at(size_t index, corpus_entry *entry);
/* "lstm-peephole reverse h33 b3 t50 u10 lengths", with " s8" at the end for other weights than f32 */
void corpus_name(const corpus_entry *entry, char name[CORPUS_NAME]);

/* A closed model; NULL after an error, which the context remembers. */
rnnp_model *corpus_model(rnnp_context *context, const corpus_entry *entry);
/* The model's inputs, with data from malloc (NULL: no memory); returns how many there are. */
size_t corpus_inputs(const corpus_entry *entry, rnnp_tensor inputs[CORPUS_INPUTS]);

#endif
