/* SPDX-License-Identifier: Apache-2.0
 *
 * What the commands train and eval say of predictions besides the line of metrics.
 */
#ifndef RNNP_CLI_REPORT_H
#define RNNP_CLI_REPORT_H

#include "../train/training.h"
#include "intervals.h"

/* Rows of scores whose truth is known; 0 where there are none. Free it either way. */
int report_judged(const scores *s, const dataset *set, const train_config *config, judged *j);

/* Prints metrics with intervals; `name` may be NULL. */
void report_print(const judged *j, const resampling *how, const char *name, const measured values[METRICS]);
/* Measures and prints the rows of scores with intervals, where there are some and draws are asked for. */
void report_intervals(const scores *s, const dataset *set, const train_config *config, const resampling *how,
                      const char *name);
/* "312 groups", "40 sequences". Returns text. */
const char *report_units(const judged *j, char text[48]);
/* "95 %" */
const char *report_confidence(const resampling *how, char text[32]);

#endif
