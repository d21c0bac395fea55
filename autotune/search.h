/* SPDX-License-Identifier: Apache-2.0
 *
 * The search for the fastest choice for one layer and one shape: candidates in the order of a cost model, each compared
 * bit by bit with the default before it is timed, then timed by turns in rounds that drop the slower half.
 */
#ifndef RNNP_AUTOTUNE_SEARCH_H
#define RNNP_AUTOTUNE_SEARCH_H

#include "choice.h"

/* What this machine gives, for the order of candidates; measured once, in some ten milliseconds. */
typedef struct rnnp_machine {
    double flops_per_ns;                     /* one thread                                             */
    double bytes_per_ns[RNNP_HOME_COUNT];    /* weights by their home                                  */
    double barrier_ns;
} rnnp_machine;
rnnp_status rnnp_machine_measure(rnnp_context *context, rnnp_machine *machine);

/* Nanoseconds of a call with a prepared layer, by the cost model. */
double rnnp_cost_ns(const rnnp_machine *machine, const rnnp_recurrent *layer, size_t batch, size_t steps, size_t threads);

/* ---- Candidates ---- */

enum { RNNP_CANDIDATES_MOST = 256 };

/* Every choice that makes sense for the layer and shape; the first is the default (no words). Returns how many. */
size_t rnnp_candidates(const rnnp_context *context, const rnnp_recurrent *layer, size_t batch, size_t steps,
                       size_t threads, rnnp_recurrent_choice choices[RNNP_CANDIDATES_MOST]);

/* ---- Search ---- */

enum { RNNP_SEARCH_LEAST_ROUNDS = 5 }; /* fewer say nothing */

typedef struct rnnp_search_options {
    double seconds;       /* of this search                                                            */
    size_t most;          /* candidates to try, 0: as many as the time allows                          */
    int (*stop)(void *user, size_t done, size_t all, double gain); /* may be NULL; 1: end with what there is */
    void *user;
} rnnp_search_options;

typedef struct rnnp_search_result {
    char choice[RNNP_RECORD_CHOICE];  /* "" when nothing is faster than the default beyond doubt */
    uint64_t ns, default_ns;          /* of a call; of `steps` steps where a call of all would take too long, scaled */
    double spread;                    /* of the choice's times, relative to the default's beside them  */
    size_t samples;                   /* rounds in which the choice was timed                          */
    size_t candidates, tried;
    size_t wrong;                     /* candidates whose bits differ from the default's: 0, or a bug  */
    int stopped;                      /* by stop()                                                     */
} rnnp_search_result;

/*
 * The layer's cell, sizes, direction, math and selection are set, and its choice is empty. Weights, inputs and memory
 * are the search's own, from the context's allocator; they are freed before the return.
 *
 * A choice replaces the default when its median time, relative to the default's in the same rounds, is lower by more
 * than 3 % and by more than three median absolute deviations. Of choices within 1 % the one with the fewest words wins.
 *
 * Returns  RNNP_OK; RNNP_ERR_MEMORY
 */
rnnp_status rnnp_search(rnnp_context *context, const rnnp_machine *machine, const rnnp_recurrent *layer, size_t batch,
                        size_t steps, size_t threads, const rnnp_search_options *options, rnnp_search_result *result);

/* Seconds of the clock that searches go by. */
double rnnp_search_clock(void);

#endif
