/* SPDX-License-Identifier: Apache-2.0
 *
 * The search for the fastest choice for one shape: candidates in the order of a cost model, each compared bit by bit
 * with the default before it is timed, then timed by turns in rounds that drop the slower half.
 */
#ifndef RNNP_AUTOTUNE_SEARCH_H
#define RNNP_AUTOTUNE_SEARCH_H

#include "choice.h"

/* What this machine gives, for the order of candidates; measured once, in some ten milliseconds. */
typedef struct rnnp_machine {
    double flops_per_ns;                  /* one thread */
    double bytes_per_ns[RNNP_HOME_COUNT]; /* weights by their home */
    double barrier_ns;
} rnnp_machine;
rnnp_status rnnp_machine_measure(rnnp_context *context, rnnp_machine *machine);

/* What is tuned. */
typedef struct rnnp_subject {
    rnnp_shape shape;
    size_t threads;                          /* that a call may use */
    size_t layers;                           /* 0: a dense layer */
    rnnp_recurrent layer[RNNP_STACK_LAYERS]; /* lowest first, unprepared. Of a single one the choice is empty and to be
                                              * found; layers of a stack keep theirs */
} rnnp_subject;

/* Layers with the usual activations in the usual class, and without choices. */
void rnnp_subject_init(rnnp_subject *subject, const rnnp_context *context, const rnnp_shape *shape, size_t threads);

/* ---- Candidates ---- */

enum { RNNP_CANDIDATES_MOST = 256 };

typedef struct rnnp_candidate {
    char words[RNNP_RECORD_CHOICE];
    double cost_ns; /* of a call, by the cost model */
} rnnp_candidate;

/* Every choice that makes sense for the subject, the default (no words) first. Returns how many. */
size_t rnnp_candidates(const rnnp_context *context, const rnnp_machine *machine, const rnnp_subject *subject,
                       rnnp_candidate candidates[RNNP_CANDIDATES_MOST]);

/* Nanoseconds of a call with the default, by the cost model. */
double rnnp_cost_ns(const rnnp_context *context, const rnnp_machine *machine, const rnnp_subject *subject);

/* ---- Search ---- */

enum { RNNP_SEARCH_LEAST_ROUNDS = 5 }; /* fewer say nothing */

typedef struct rnnp_search_options {
    double seconds; /* of this search */
    size_t most;    /* candidates to try, 0: as many as the time allows */
    int (*stop)(void *user, size_t done, size_t all, double gain); /* may be NULL; 1: end with what there is */
    void *user;
} rnnp_search_options;

typedef struct rnnp_search_result {
    char choice[RNNP_RECORD_CHOICE]; /* "" when nothing is faster than the default beyond doubt */
    uint64_t ns, default_ns;         /* of a call; of `steps` steps where a call of all would take too long, scaled */
    double spread;                   /* of the choice's times, relative to the default's beside them */
    size_t samples;                  /* rounds in which the choice was timed */
    size_t candidates, tried;        /* nothing is tried when there is one candidate */
    size_t wrong;                    /* candidates whose bits differ from the default's: 0, or a bug */
    int stopped;                     /* by stop() */
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
rnnp_status rnnp_search(rnnp_context *context, const rnnp_machine *machine, const rnnp_subject *subject,
                        const rnnp_search_options *options, rnnp_search_result *result);

/* Seconds that a search should have at least, by the cost model: for the default and the few best-predicted choices,
 * for the rounds that count and for the proof of a winner. */
double rnnp_search_need(const rnnp_context *context, const rnnp_machine *machine, const rnnp_subject *subject);

#endif
