/* SPDX-License-Identifier: Apache-2.0
 *
 * What is tuned on which machine, and the candidates in the order of a cost model.
 */
#ifndef RNNP_AUTOTUNE_SPACE_H
#define RNNP_AUTOTUNE_SPACE_H

#include "choice.h"

/* What is tuned. */
typedef struct rnnp_subject {
    rnnp_shape shape;
    const rnnp_selection *select;            /* the context's, with this machine as it was measured */
    size_t threads;                          /* that a call may use */
    size_t layers;                           /* 0: a dense layer */
    rnnp_recurrent layer[RNNP_STACK_LAYERS]; /* lowest first, unprepared. Of a single one the choice is empty and to be
                                              * found; layers of a stack keep theirs */
} rnnp_subject;

/* ---- Candidates ---- */

enum { RNNP_CANDIDATES_MOST = 256 };

typedef struct rnnp_candidate {
    char words[RNNP_RECORD_CHOICE];
    double cost_ns; /* of a call, by the cost model */
} rnnp_candidate;

/* Every choice that makes sense for the subject, the default (no words) first. Returns how many. */
size_t rnnp_candidates(const rnnp_context *context, const rnnp_subject *subject,
                       rnnp_candidate candidates[RNNP_CANDIDATES_MOST]);

/* Nanoseconds of a call with the default, by the cost model. */
double rnnp_cost_ns(const rnnp_subject *subject);

#endif
