/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows that were predicted and whose truth is known, wherever they come from: what all numbers of a report are of.
 *
 *   judged.c     rows, parts of them, and their metrics
 *   intervals.c  metrics with intervals, by drawing clusters again
 *   print.c      both as text
 *   report.h     what the commands train and eval write
 */
#ifndef RNNP_CLI_JUDGED_H
#define RNNP_CLI_JUDGED_H

#include <stddef.h>
#include <stdint.h>

/* A cluster is a patient: rows of it are drawn together. */
typedef struct judged {
    size_t n, classes; /* 0 classes: numbers were predicted */
    float *p;          /* [n][classes] */
    float *chosen;     /* [n][classes] 1 for the class that a threshold chose; NULL: the largest of p */
    float *error;      /* [n] numbers: mean squared error of the row */
    double *extent;    /* [n] numbers: how many it is the mean of */
    int32_t *truth;    /* [n]; NULL: numbers without labels */
    size_t *cluster;   /* [n] */
    size_t *row;       /* [n] its sequence, in the order of the data */
    size_t clusters;
    int grouped;        /* clusters are groups that the data name */
    char **class_names; /* [classes], its owner's */
} judged;

/* Memory for n rows. */
void judged_create(judged *j, size_t n, size_t classes);
void judged_free(judged *j);
/* Numbers whose labels mean nothing. */
void judged_forget(judged *j);
#define AUTO_JUDGED __attribute__((cleanup(judged_free))) judged
/* Clusters, whose numbers are below j->clusters, get the numbers 0, 1, ... in the order in which they come first. */
void judged_number(judged *j);
/* Rows in the order of falling score, where there is one, so that each draw's ranking takes linear time. */
void judged_order(judged *j);
/* The rows whose `kept` is set, which is by judged.row. */
void judged_part(const judged *j, const unsigned char *kept, judged *part);

/* The score of class 1 that ranks the rows, [n]; NULL when there are not two classes. The rows must have an order. */
const float *judged_score(const judged *j, float *memory);

/* "312 groups", "40 sequences". Returns text. */
const char *judged_units(const judged *j, char text[48]);

typedef enum metric_kind {
    METRIC_ACCURACY,
    METRIC_F1,
    METRIC_KAPPA,
    METRIC_SENSITIVITY, /* of two classes, the second is the positive one */
    METRIC_SPECIFICITY,
    METRIC_PPV,
    METRIC_AUC,
    METRIC_PRECISION,
    METRIC_BRIER,
    METRIC_CALIBRATION,
    METRIC_ERROR,
    METRICS
} metric_kind;

const char *metric_name(metric_kind kind);
/* With as many digits as it is printed with. Returns text. */
const char *metric_text(metric_kind kind, double value, char text[32]);
/* Whether less is better. */
int metric_is_loss(metric_kind kind);

/* Work memory of metrics_of. */
typedef struct metrics_room {
    float *score;
    size_t *scratch;
    double *confusion;
} metrics_room;

void metrics_room_create(metrics_room *room, const judged *j);
void metrics_room_free(metrics_room *room);
#define AUTO_ROOM __attribute__((cleanup(metrics_room_free))) metrics_room
/* All metrics of rows with weights [n] (NULL: all 1); NaN where one has no meaning. */
void metrics_of(const judged *j, metrics_room *room, const float *weight, double values[METRICS]);

#endif
