/* SPDX-License-Identifier: Apache-2.0
 *
 * A stand for one subject: weights, inputs and outputs made up, on which any choice can be run and timed.
 */
#ifndef RNNP_AUTOTUNE_TRIAL_H
#define RNNP_AUTOTUNE_TRIAL_H

#include "space.h"

typedef struct rnnp_stand rnnp_stand;
typedef struct rnnp_prepared rnnp_prepared; /* a choice made ready to run */

/* RNNP_ERR_MEMORY. */
rnnp_status rnnp_stand_create(const rnnp_context *context, const rnnp_subject *subject, rnnp_stand **stand);
void rnnp_stand_destroy(rnnp_stand *stand);

/* Makes a choice ready and packs the weights as it needs them, once for each layout. NULL when memory does not suffice.
 * It lives as long as the stand. */
const rnnp_prepared *rnnp_stand_prepare(rnnp_stand *stand, const char *words);

/* Runs a choice once from the same input and tells the nanoseconds it took, cold; the first run's outputs are kept, and
 * 1 is returned when those of a later one are the same bits. */
int rnnp_stand_verify(rnnp_stand *stand, const rnnp_prepared *prepared, double *ns);

/* Seconds of calls by which a team wakes and works as in a long row of them. */
#define RNNP_WARM_UP_SECONDS 2e-4

/* Nanoseconds of a call, over `calls` calls in a row. Before them, calls that are not timed bring the weights into the
 * caches and workers to work. */
double rnnp_stand_time(rnnp_stand *stand, const rnnp_prepared *prepared, size_t calls);

/* Nanoseconds of an empty loop of fixed length on all threads: longer, up to twice, when a core's sibling thread is
 * busy. */
double rnnp_stand_calibrate(rnnp_stand *stand);

#endif
