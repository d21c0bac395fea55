/* SPDX-License-Identifier: Apache-2.0
 *
 * Scores as sums: what a site says about its predictions, and what is known of all when these are added up. Ranks
 * cannot be added up, so there is no area under a curve.
 */
#ifndef RNNP_CLI_TALLY_H
#define RNNP_CLI_TALLY_H

#include "../train/training.h"

/* What all sites know. */
typedef struct tally {
    rnnp_context *context;
    const train_config *config;
    const dataset *like; /* classes and targets */
    const network *net;  /* scales of values */
} tally;

/* Numbers of a site's scores; what they are, added to x, which is zeros; what is made of their sum. */
size_t tally_numbers(const tally *t);
void tally_put(const tally *t, const scores *s, double *x);
int tally_take(const tally *t, const double *x, scores *s);

#endif
