/* SPDX-License-Identifier: Apache-2.0
 *
 * [search]: the configuration among several that scores best without the test set.
 */
#ifndef RNNP_CLI_SEARCH_H
#define RNNP_CLI_SEARCH_H

#include "task.h"

/* Checks every trial (experiment_check), then tries them, and leaves the configuration at the best one. Without
 * variables it checks the one configuration and changes nothing. `final`: a model of all training data is wanted, too.
 */
int search(task *t, int final);

/* The middle one, or the mean of the two in the middle; sorts the values. */
double search_median(double *values, size_t n);

#endif
