/* SPDX-License-Identifier: Apache-2.0
 *
 * The vocabulary of records of recurrent layers: from the words of a record to what the time loop does, and back.
 *
 *     step=NAME     kernel variant of the layer's step ("lstm_step_f32_tall_avx2"); of GRU with reset before the
 *                   product that of the first half
 *     second=NAME   kernel variant of the second half
 *     chunk=ROWS    rows of x in one input product, 1 to 256; chunk=none: each step multiplies x and h in one pass
 *     threads=N     threads that share a step
 *     walk=up       panels are walked upwards only, instead of up and down by turns
 *
 * A missing word leaves the decision to the library. No word changes a bit of a result.
 */
#ifndef RNNP_AUTOTUNE_CHOICE_H
#define RNNP_AUTOTUNE_CHOICE_H

#include "../src/cells/recurrent.h"
#include "rnnpack/records.h"

/* Key of a layer (its cell, sizes and direction are set) for calls of this shape. */
void rnnp_choice_key(const rnnp_recurrent *layer, size_t batch, size_t steps, size_t threads, rnnp_record_key *key);

/* Whether this context can do what a word says for this layer; a rnnp_record_usable_fn. */
typedef struct rnnp_choice_scope {
    const rnnp_context *context;
    const rnnp_recurrent *layer;
    const rnnp_recurrent *packed; /* not NULL: only kernels that read the panels of this prepared layer */
} rnnp_choice_scope;
int rnnp_choice_usable(void *scope, const char *name, const char *value);

/* Words that are all usable into *choice, which is cleared first. */
void rnnp_choice_read(const char *words, rnnp_recurrent_choice *choice);
/* Canonical words, in alphabetical order. */
void rnnp_choice_print(const rnnp_recurrent_choice *choice, char words[RNNP_RECORD_CHOICE]);

/*
 * Looks for the record of a layer and a shape and sets layer->choice, which is cleared when there is none; prepare the
 * layer afterwards. packed may be NULL. found says what was found, as rnnp_records_find does.
 */
void rnnp_choice_find(const rnnp_context *context, const rnnp_records *records, const rnnp_record_host *host,
                      const rnnp_recurrent *packed, size_t batch, size_t steps, size_t threads, rnnp_recurrent *layer,
                      rnnp_record_found *found);

#endif
