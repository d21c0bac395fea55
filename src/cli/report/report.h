/* SPDX-License-Identifier: Apache-2.0
 *
 * What the commands train and eval say of predictions besides the line of metrics.
 *
 *   print.c      metrics with intervals, as text
 *   subgroups.c  parts of the rows by a column
 *   curves.c     learning curves
 *   page.c       one page with all of it; plots.c and thresholds.c its pictures, describe.c data and configuration
 */
#ifndef RNNP_CLI_REPORT_H
#define RNNP_CLI_REPORT_H

#include "../train/experiment.h"
#include "columns.h"
#include "curves.h"
#include "subgroups.h"

/* Rows of scores whose truth is known, and what they come to. */
typedef struct assessment {
    int known; /* there are such rows */
    judged j;
    measured values[METRICS];
    subgroup *parts;
    size_t n_parts;
    columns columns; /* of targets in columns, which are not known rows */
} assessment;

void assessment_free(assessment *a);
#define AUTO_ASSESSMENT __attribute__((cleanup(assessment_free))) assessment

/* Measures scores and prints intervals and subgroups, as far as they are asked for; by->of is NULL without subgroups.
 * `name` says which training it is, or is NULL. */
void assess(const task *t, const scores *s, const dataset *set, const resampling *how, const subgroups *by,
            const char *name, assessment *a);

/* ---- page.c ---- */

enum { REPORT_FEATURES = 60 }; /* that are told of, at most */

typedef struct report_feature {
    double n, sum, squares, least, most;
    size_t missing;
} report_feature;

typedef struct report {
    const char *title, *what; /* "Training of visits.ini", "all folds together" */
    const char *model;        /* its file, or NULL */
    const task *t;
    const scores *s; /* may have no rows */
    const dataset *set;
    const assessment *a;
    const resampling *how;
    const subgroups *by;
    const trainings *past;                    /* NULL: of a finished model */
    report_feature features[REPORT_FEATURES]; /* of the training data: report_write's */
    FILE *f;
} report;

/* All ranks call it; the first one writes. */
int report_write(report *r, const char *path);

/* ---- pieces of the page ---- */

void page_text(const report *r, const char *text); /* plainly, and without markup */
int page_look(report *r);                          /* at the features */
void page_describe(const report *r);
void page_configuration(const report *r);
void page_ranking(const report *r);
void page_calibration(const report *r);
void page_thresholds(const report *r);
void page_errors(const report *r);
void page_learning(const report *r);
void page_forest(const report *r, metric_kind kind);
/* The metric that says most of this kind of prediction. */
metric_kind report_first_metric(const judged *j);

#endif
