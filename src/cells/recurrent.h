/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of one recurrent layer on packed weights: what the graph's recurrent operators and the public kernels.h share.
 * No allocation: all memory comes from the caller.
 */
#ifndef RNNP_RECURRENT_H
#define RNNP_RECURRENT_H

#include "memory.h"
#include "packed.h"

/* Bytes of workspace of such a call; SIZE_MAX where they do not fit. */
size_t rnnp_recurrent_workspace(const rnnp_recurrent *layer, size_t steps, size_t batch, size_t threads);
void rnnp_recurrent_forward(const rnnp_recurrent *layer, const rnnp_recurrent_call *call);

/* ---- How long it takes, roughly; what depends on it are schedules, never bits ---- */

/* Nanoseconds of one of so many steps on one thread, all directions. */
double rnnp_recurrent_step_ns(const rnnp_recurrent *layer, size_t steps, size_t batch);
/* What of that is the product of one direction's x, if it is computed for many steps at once. */
double rnnp_recurrent_product_ns(const rnnp_recurrent *layer, size_t batch);
/* Nanoseconds of a call as rnnp_recurrent_forward() would run it. */
double rnnp_recurrent_forward_ns(const rnnp_recurrent *layer, const rnnp_recurrent_call *call);
/* Calls that take less are not worth the team. */
double rnnp_recurrent_worth_ns(const rnnp_recurrent *layer, const rnnp_recurrent_call *call);
/* Nanoseconds that so many threads take to meet, and to exchange so many bytes that one has written and others read. */
double rnnp_meeting_ns(const rnnp_machine *m, size_t threads, double bytes);
/* One step of one direction on `threads` of a team of `all` which meet after each part. alone: its time on one. */
double rnnp_recurrent_shared_ns(const rnnp_recurrent *layer, size_t batch, size_t threads, size_t all, double alone);
/* Threads of its team that a call may use. */
size_t rnnp_recurrent_threads(const rnnp_recurrent_call *call);

#endif
