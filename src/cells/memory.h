/* SPDX-License-Identifier: Apache-2.0
 *
 * How much memory a layer and its calls take.
 */
#ifndef RNNP_CELLS_MEMORY_H
#define RNNP_CELLS_MEMORY_H

#include "layer.h"

/* 1 when the sizes of everything below fit size_t with room to spare; batch 0 asks for the packed block alone. Where
 * it is 0, the queries return SIZE_MAX and nothing else may be called. */
int rnnp_recurrent_fits(size_t input, size_t hidden, size_t batch, size_t threads);

/* Floats of one thread's step arguments: whole lines, as they are written in every step. */
size_t rnnp_recurrent_args_floats(const rnnp_recurrent *layer);

/* Sections of calls with these sizes; fewer threads never need more. */
void rnnp_recurrent_plan_memory(const rnnp_recurrent *layer, size_t steps, size_t batch, size_t threads,
                                rnnp_recurrent_memory *memory);

#endif
