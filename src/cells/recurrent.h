/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of one recurrent layer on packed weights: what the graph's recurrent operators and the public kernels.h share.
 * No allocation: all memory comes from the caller.
 */
#ifndef RNNP_RECURRENT_H
#define RNNP_RECURRENT_H

#include "estimate.h"
#include "memory.h"
#include "packed.h"

/* Bytes of workspace of such a call; SIZE_MAX where they do not fit. */
size_t rnnp_recurrent_workspace(const rnnp_recurrent *layer, size_t steps, size_t batch, size_t threads);
void rnnp_recurrent_forward(const rnnp_recurrent *layer, const rnnp_recurrent_call *call);

/* Nanoseconds of a call as rnnp_recurrent_forward() would run it, roughly (estimate.h). */
double rnnp_recurrent_forward_ns(const rnnp_recurrent *layer, const rnnp_recurrent_call *call);
/* Calls that take less are not worth the team. */
double rnnp_recurrent_worth_ns(const rnnp_recurrent *layer, const rnnp_recurrent_call *call);
/* Threads of its team that a call may use. */
size_t rnnp_recurrent_threads(const rnnp_recurrent_call *call);

#endif
