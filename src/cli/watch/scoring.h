/* SPDX-License-Identifier: Apache-2.0
 *
 * One number for each step: an element of an output, the probability of a class, or the error of a forecast. It may be
 * smoothed over time.
 */
#ifndef RNNP_CLI_WATCH_SCORING_H
#define RNNP_CLI_WATCH_SCORING_H

#include <stddef.h>
#include <stdint.h>

#include "../model.h"
#include "../train/decider.h"

typedef enum scoring_kind { SCORING_OUTPUT, SCORING_PROBABILITY, SCORING_ERROR } scoring_kind;

typedef struct scoring {
    scoring_kind kind;
    rnnp_context *context;
    size_t width; /* of the output at a step */
    size_t index; /* element, or class */

    /* Probabilities. */
    int logits; /* the output is none yet */
    size_t classes;
    const decider *decider; /* what the model's training says of its probabilities */
    size_t positive;        /* the class that an isotonic calibration is of */
    float *p;               /* [classes] */

    /* Errors of forecasts: the output is [many][features], of the samples `ahead`, `ahead` + 1, ... steps later. The
     * error of a sample is the mean of the squared errors of all forecasts that were made of it. */
    size_t features, ahead, many, room;
    float *past; /* [room][width] the last outputs; step n is at n % room */
    uint64_t n;  /* steps since the beginning */

    double keep; /* smoothing: the share of the smoothed score before that stays */
    double smoothed;
    uint64_t begun;
} scoring;

/* What the kind needs of the fields above `many` is set. Smoothed with a time constant of so
 * many steps; 0: not. */
void scoring_create(scoring *s, double smooth);
void scoring_destroy(scoring *s);
/* A sequence begins. */
void scoring_begin(scoring *s);
/* The score of a step: y [width] is what the model says of the sample x [features]. NaN while there is none: before the
 * first forecast of a sample. */
double scoring_step(scoring *s, const float *x, const float *y);

#endif
