/* SPDX-License-Identifier: Apache-2.0
 *
 * [predict] from sums over the cases that sites hold out, where none tells what its cases are given.
 *
 * Temperature: the derivative of the likelihood at several points adds up; what is 0 lies between two of them, and is
 * looked for there in the next step. Thresholds and isotonic regression: cases are counted by p, on a grid that is the
 * same everywhere, and fitted as if each had the p of its bin's lower edge. Whether a case reaches an edge does not
 * depend on where in its bin it is, so shares of cases at a threshold are exact; only the candidates are fewer.
 */
#ifndef RNNP_CLI_DECISION_H
#define RNNP_CLI_DECISION_H

#include "../train/decider.h"
#include "exchange.h"

/* Points of a step, and steps: 1 / temperature is known to 1e-10 in the end. */
enum { SEARCH_POINTS = 1025, SEARCH_STEPS = 4 };

typedef struct temperature_search {
    double low, high; /* of 1 / temperature */
    size_t done;      /* steps */
} temperature_search;

void search_begin(temperature_search *s);
/* The derivative at each point, of these cases: sums [SEARCH_POINTS]. */
int search_slopes(const temperature_search *s, const scores *held, double *sums);
void search_narrow(temperature_search *s, const double *sums);
/* As rnnpack train writes it down. */
double search_temperature(const temperature_search *s);

/* Counts cases by p of the class, calibrated as d is so far: counts [2][GRID_BINS] of other classes, then of this one.
 */
int grid_count(const decider *d, const scores *held, size_t positive, double *counts);
/* What a threshold and isotonic regression are, of so many cases and positives as d has. */
int grid_fit(decider *d, const double *counts);

/* What all know of it. Nothing is fitted, and these do nothing, unless [predict] asks for it. */
typedef struct decision {
    const train_config *config;
    size_t classes, positive;
    double *held; /* [classes + 1] cases that are held out: of each class, their groups */
    temperature_search search;
    decider decider;
} decision;

/* Fails when [predict] does not fit the classes. Free it either way. */
int decision_begin(decision *d, const train_config *config, const dataset *like);
void decision_free(decision *d);
size_t decision_held(const decision *d); /* numbers of `held` */
void decision_count(decision *d, const double *held);
/* In a call; the payload is bad when it is malformed. */
void decision_put(const decision *d, payload *p);
void decision_get(decision *d, payload *p);

#endif
