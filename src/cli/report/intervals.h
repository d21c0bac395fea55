/* SPDX-License-Identifier: Apache-2.0
 *
 * Metrics with intervals, by the bootstrap over clusters (metrics.h).
 */
#ifndef RNNP_CLI_INTERVALS_H
#define RNNP_CLI_INTERVALS_H

#include "../cli.h"
#include "judged.h"
#include "rnnpack/metrics.h"

typedef struct resampling {
    size_t draws; /* 0: no intervals */
    double confidence;
    uint64_t seed;
    int bca, quiet;
} resampling;

/* --bootstrap, --confidence and --interval, or a sentence about what is wrong with them. */
int resampling_of(const cli_call *call, resampling *how);

/* estimate is NaN where a metric has no meaning; found.used is 0 where it has no interval. */
typedef struct measured {
    double estimate;
    rnnp_bootstrap found;
} measured;

/* The interval of the calibration error is the basic one, whatever how->bca says. */
void intervals_of(const judged *j, const resampling *how, measured values[METRICS]);
/* The same of a - b, two models on the same rows in any order. */
void intervals_of_difference(const judged *a, const judged *b, const resampling *how, measured values[METRICS]);

/* The area of two classes, its standard error and interval by DeLong; 0 where it has none. */
int intervals_delong(const judged *j, const resampling *how, double *auc, double *error, rnnp_interval *interval);

/* What a draw is asked: fills values [n] under the weights of its rows. */
typedef void draw_fn(void *user, const float *weight, double *values);
/* Calls fn for each draw of j's clusters, and sets all [draws][n]. */
void intervals_draw(const judged *j, const resampling *how, size_t n, draw_fn *fn, void *user, double *all);
/* The interval of each of n columns of all [draws][n]. */
void intervals_of_columns(const resampling *how, size_t n, const double *all, const double *estimates,
                          rnnp_bootstrap *found);

#endif
