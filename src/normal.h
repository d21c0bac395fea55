/* SPDX-License-Identifier: Apache-2.0
 *
 * The standard normal distribution, the same on every host.
 */
#ifndef RNNP_NORMAL_H
#define RNNP_NORMAL_H

/* Chance of more than x. */
double rnnp_normal_above(double x);
/* The x that is exceeded with chance 1 - p, 0 < p < 1. */
double rnnp_normal_quantile(double p);

#endif
