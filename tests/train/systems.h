/* SPDX-License-Identifier: Apache-2.0
 *
 * Systems that people train, small: models made with layer calls, and batches for them. Numbers are functions of a
 * counter in integer arithmetic and exact conversions, so every machine makes the same ones. Calls that fail end the
 * program.
 */
#ifndef RNNP_TESTS_SYSTEMS_H
#define RNNP_TESTS_SYSTEMS_H

#include "../identity/specs.h"
#include "rnnpack/train.h"

enum { SYSTEM_STEPS = 12, SYSTEM_MOST_ROWS = 33 };

/* What a system is made like. */
typedef struct system_form {
    size_t shrink;   /* divides the units of all layers */
    size_t shortest; /* rows have shortest .. SYSTEM_STEPS steps; SYSTEM_STEPS: no lengths */
    float dropout;   /* rate of a dropout layer below the head */
} system_form;

struct system_builder;

typedef struct train_system {
    const char *name;
    rnnp_loss loss;
    size_t classes; /* numbers per row or step that the head gives */
    rnnp_value (*build)(const struct train_system *system, struct system_builder *builder);
    const char *activation;
} train_system;

extern const train_system train_systems[];
extern const size_t train_system_count;

const train_system *find_system(const char *name);

/* A closed model; its weights are 0 (rnnp_trainer_initialize gives others). */
rnnp_model *make_system(rnnp_context *context, const train_system *system, const system_form *form);

/* A batch of `rows` rows. With lengths there are weights: masks of steps, or a number per row. */
typedef struct system_batch {
    rnnp_tensor inputs[2], target, weights;
    rnnp_train_batch batch;
} system_batch;

void make_batch(system_batch *batch, const train_system *system, const system_form *form, size_t rows, uint32_t seed);
void free_batch(system_batch *batch);

/* Bytes of a tensor; all parameters one behind the other. */
size_t tensor_bytes(const rnnp_tensor *tensor);
float *all_parameters(const rnnp_trainer *trainer, size_t *n);

#endif
