/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples made ready for the model one by one, as a training makes whole sequences ready (src/cli/train/prepare.c): a
 * missing value is filled, and channels are added that say where it was there and how long ago.
 */
#ifndef RNNP_CLI_WATCH_PREPARE_H
#define RNNP_CLI_WATCH_PREPARE_H

#include <stddef.h>
#include <stdint.h>

#include "../train/dataset.h"

typedef struct prepare {
    fill_rule rule;
    size_t channels;   /* of a step that is ready */
    const float *fill; /* [features] what stands for a value that was never there; NULL: 0 */
    float *last;       /* [features] */
    double *seen;      /* [features] the last step at which it was there, or 0 */
    uint64_t steps;    /* since the beginning */
} prepare;

/* By a recipe's configuration; NULL: the last value is carried on, nothing is added. fill must outlive it. */
void prepare_create(prepare *p, const train_config *config, size_t features, const float *fill);
void prepare_destroy(prepare *p);
/* A sequence begins. */
void prepare_begin(prepare *p);
/* x [features], NaN: missing; y [channels]. */
void prepare_step(prepare *p, const float *x, float *y);

#endif
