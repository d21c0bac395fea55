/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls whose threads do not wait for each other at every step: each does all steps of its own piece, which is some
 * rows of the batch in one direction. They meet only now and then, so that a thread that comes late can still join, and
 * one that loses its CPU is noticed.
 */
#ifndef RNNP_PIECES_H
#define RNNP_PIECES_H

#include "loop.h"

/* Parts of the rows of each direction, for so many threads; 0 if there are no such pieces. Every piece reads all
 * weights, so these must fit half of its thread's L2, unless there is a direction for each thread anyway (at three
 * quarters and more of it, calls on two threads took as long as by steps at best, and 10 to 15 % longer in the median).
 * Rows with lengths are not divided, as one part may have all long ones. */
size_t rnnp_pieces_rows(const rnnp_recurrent *layer, size_t batch, int has_lengths, size_t threads);

/* Bytes of workspace of such a call with at most so many threads. */
size_t rnnp_pieces_workspace(const rnnp_recurrent *layer, size_t steps, size_t batch, size_t threads);

/* With a piece for each of rows * directions threads, which meet when they have done so many steps. */
void rnnp_pieces_forward(const rnnp_recurrent *layer, const rnnp_recurrent_call *call, size_t rows, size_t steps);

#endif
