/* SPDX-License-Identifier: Apache-2.0
 *
 * What all metrics do with rows: weights, checks, and the order by score.
 */
#ifndef RNNP_METRICS_ROWS_H
#define RNNP_METRICS_ROWS_H

#include <stddef.h>
#include <stdint.h>

static inline double rnnp_weight_of(const float *weight, size_t i) { return weight ? (double)weight[i] : 1; }

double rnnp_weight_sum(const float *weight, size_t n);

/* Classes in range, weights finite and >= 0. */
int rnnp_rows_are_good(const int32_t *truth, const float *weight, size_t n, size_t classes);
/* All in [0, 1], and no NaN. */
int rnnp_are_probabilities(const float *p, size_t rows, size_t columns);
/* Rows by falling score, equals in their order; scratch [2 * n]. Returns the half of it that holds the result. Takes n
 * log n time, and n where the rows are in this order already. */
const size_t *rnnp_rows_by_score(const float *score, size_t n, size_t *scratch);

#endif
