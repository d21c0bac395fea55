/* SPDX-License-Identifier: Apache-2.0
 *
 * The vocabulary of records: from the words of a record to what a layer, a dense layer or a stack does, and back.
 *
 *   recurrent layers
 *     step=NAME     kernel variant of the layer's step ("lstm_step_f32_tall_avx2"); of GRU with reset before the
 *                   product that of the first half
 *     second=NAME   kernel variant of the second half
 *     chunk=ROWS    rows of x in one input product, 1 to 256; chunk=none: each step multiplies x and h in one pass
 *     threads=N     threads that share a step
 *     walk=up       panels are walked upwards only, instead of alternately up and down
 *   dense layers
 *     product=NAME  kernel variant of the product ("gemm_f32_4x24_avx2")
 *     threads=N     threads that share it
 *   stacks
 *     schedule=layers, schedule=wavefront
 *     task=STEPS    steps of one task of a wavefront
 *
 * A missing word leaves the decision to the library. No word changes a bit of a result. Key names of layers: "lstm",
 * "gru-after-bidirectional", "dense" (hidden: its columns, batch: rows), "lstm-stack3".
 */
#ifndef RNNP_AUTOTUNE_CHOICE_H
#define RNNP_AUTOTUNE_CHOICE_H

#include "../src/cells/product.h"
#include "../src/cells/wavefront.h"
#include "rnnpack/tune.h"

/* Key of a shape for calls that may use so many threads. */
void rnnp_shape_key(const rnnp_shape *shape, size_t threads, rnnp_record_key *key);
/* The same of a layer (its cell, sizes and direction are set). */
void rnnp_choice_key(const rnnp_recurrent *layer, size_t batch, size_t steps, size_t threads, rnnp_record_key *key);

/* What the words of a record say; of a kind of shape, one of the three. A field that is 0 is not said. */
typedef struct rnnp_choice {
    rnnp_recurrent_choice layer;
    rnnp_product product;
    rnnp_stack_choice stack;
} rnnp_choice;

/* Words that are all usable into *choice, which is cleared first. */
void rnnp_choice_read(rnnp_shape_kind kind, const char *words, rnnp_choice *choice);
/* Canonical words, in alphabetical order. */
void rnnp_choice_print(rnnp_shape_kind kind, const rnnp_choice *choice, char words[RNNP_RECORD_CHOICE]);
void rnnp_stack_print(const rnnp_stack_choice *choice, char words[RNNP_RECORD_CHOICE]);

/* Whether a context can do what a word says: a rnnp_record_usable_fn. For stacks the kind is enough. */
typedef struct rnnp_choice_scope {
    const rnnp_context *context;
    rnnp_shape_kind kind;
    rnnp_op op[RNNP_CELL_PARTS];                /* of the kernels */
    rnnp_format format;                         /* of the weights */
    const rnnp_panels *packed[RNNP_CELL_PARTS]; /* not NULL: only kernels that read such panels */
} rnnp_choice_scope;
int rnnp_choice_usable(void *scope, const char *name, const char *value);

/* Of a layer, of a product; what is packed may be NULL: a prepared layer, a kernel. */
rnnp_choice_scope rnnp_layer_scope(const rnnp_context *context, const rnnp_recurrent *layer,
                                   const rnnp_recurrent *packed);
rnnp_choice_scope rnnp_product_scope(const rnnp_context *context, rnnp_format format, const rnnp_variant *packed);

/* ---- Looking for a record; found says what was found, as rnnp_records_find does ---- */

/* Sets layer->choice, which is cleared when there is none; prepare the layer afterwards. packed may be NULL. */
void rnnp_choice_find(const rnnp_context *context, const rnnp_records *records, const rnnp_record_host *host,
                      const rnnp_recurrent *packed, size_t batch, size_t steps, size_t threads, rnnp_recurrent *layer,
                      rnnp_record_found *found);

/* Replaces what the record names, and leaves the rest of *product. packed may be NULL. */
void rnnp_choice_find_product(const rnnp_context *context, const rnnp_records *records, const rnnp_record_host *host,
                              const rnnp_variant *packed, const rnnp_shape *shape, size_t threads,
                              rnnp_product *product, rnnp_record_found *found);

/* *choice is cleared when there is none. */
void rnnp_choice_find_stack(const rnnp_records *records, const rnnp_record_host *host, const rnnp_shape *shape,
                            size_t threads, rnnp_stack_choice *choice, rnnp_record_found *found);

#endif
