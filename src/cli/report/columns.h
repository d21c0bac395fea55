/* SPDX-License-Identifier: Apache-2.0
 *
 * Targets in columns (values, or several labels), each measured with intervals.
 */
#ifndef RNNP_CLI_COLUMNS_H
#define RNNP_CLI_COLUMNS_H

#include "../train/training.h"
#include "intervals.h"

enum { COLUMN_METRICS = 6 };

/* Of values: mean error, MAE, RMSE, R2, Pearson, concordance. Of labels: ROC AUC, average precision, precision,
 * recall, F1, positive. Rows: each column; all labels as if they were one (micro); means over the columns (macro). */
typedef struct columns {
    size_t n; /* columns, without the two rows behind them; 0: there are none */
    int values;
    judged j;     /* rows and clusters alone */
    measured *at; /* [n + 2][COLUMN_METRICS] */
} columns;

/* n stays 0 where scores have no such targets, or none is known. Free it either way. */
void columns_measure(const scores *s, const dataset *set, const train_config *config, const resampling *how,
                     columns *c);
void columns_free(columns *c);
/* NULL past the last row that has something to say. */
const char *columns_name(const columns *c, const dataset *set, size_t row);
const char *columns_metric(const columns *c, size_t k);
const char *columns_text(const columns *c, size_t k, double value, char text[32]);
void columns_print(const columns *c, const dataset *set, const resampling *how, const char *name);

#endif
