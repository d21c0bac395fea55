/* SPDX-License-Identifier: Apache-2.0
 *
 * A stand for one layer and one shape: weights, inputs and outputs made up, on which any choice can be run and timed.
 */
#ifndef RNNP_AUTOTUNE_TRIAL_H
#define RNNP_AUTOTUNE_TRIAL_H

#include "../src/cells/recurrent.h"

typedef struct rnnp_stand rnnp_stand;

/* The layer is unprepared and has no choice. RNNP_ERR_MEMORY. */
rnnp_status rnnp_stand_create(rnnp_context *context, const rnnp_recurrent *layer, size_t batch, size_t steps,
                              size_t threads, rnnp_stand **stand);
void rnnp_stand_destroy(rnnp_stand *stand);

/* Prepares a layer with this choice and packs the weights as it wants them, once for each layout. NULL when memory does not
 * suffice. It lives as long as the stand. */
const rnnp_recurrent *rnnp_stand_prepare(rnnp_stand *stand, const rnnp_recurrent_choice *choice);

/* Runs a prepared layer once from the same input; the first run's outputs are kept, and 1 is returned when those of a later
 * one are the same bits. */
int rnnp_stand_verify(rnnp_stand *stand, const rnnp_recurrent *layer);

/* Nanoseconds of a call, over `calls` calls after one that is not timed. */
double rnnp_stand_time(rnnp_stand *stand, const rnnp_recurrent *layer, size_t calls);

/* Nanoseconds of a fixed piece of work on all threads that touches no memory: longer when a core is contended. */
double rnnp_stand_calibrate(rnnp_stand *stand);

#endif
