/* SPDX-License-Identifier: Apache-2.0
 *
 * The search for the fastest choice for one shape: candidates (space.h), each compared bit by bit with the
 * default before it is timed, then timed alternately in rounds that drop the slower half.
 */
#ifndef RNNP_AUTOTUNE_SEARCH_H
#define RNNP_AUTOTUNE_SEARCH_H

#include "space.h"

enum { RNNP_SEARCH_LEAST_ROUNDS = 5 }; /* fewer say nothing */

typedef struct rnnp_search_options {
    double seconds;                       /* of this search */
    int (*stop)(void *user, double gain); /* 1: end with what there is */
    void *user;
} rnnp_search_options;

typedef struct rnnp_search_result {
    char choice[RNNP_RECORD_CHOICE]; /* "" when nothing is faster than the default beyond doubt */
    uint64_t ns, default_ns;         /* of a call; of `steps` steps where a call of all would take too long, scaled */
    double spread;                   /* of the choice's times, relative to the default's beside them */
    size_t samples;                  /* rounds in which the choice was timed */
    size_t candidates, tried;        /* nothing is tried when there is one candidate */
    size_t wrong;                    /* candidates whose bits differ from the default's: 0, or a bug */
} rnnp_search_result;

/*
 * Weights, inputs and memory are the search's own, from the context's allocator; they are freed before the return.
 *
 * A choice replaces the default when its median time, relative to the default's in the same rounds, is lower by more
 * than 3 % and by more than three median absolute deviations, and its shortest time is lower by more than 3 %, too. Of
 * choices within 1 % the one with the fewest words wins.
 *
 * Returns  RNNP_OK; RNNP_ERR_MEMORY
 */
rnnp_status rnnp_search(const rnnp_context *context, const rnnp_subject *subject, const rnnp_search_options *options,
                        rnnp_search_result *result);

/* Seconds that a search should have at least, by the cost model: for the default and the few best-predicted choices,
 * for the rounds that count and for the proof of a winner. */
double rnnp_search_need(const rnnp_subject *subject);

#endif
