/* SPDX-License-Identifier: Apache-2.0
 *
 * From samples to alarms: samples are brought to the model's rate, filled and stepped, steps are scored, and scores
 * raise alarms. A few missing samples are filled; from a certain number on they are a gap, over which the model's state
 * is held, or after which it is reset.
 *
 *   monitor.c        all of that, in this order
 *   prepare.c        missing values
 *   stepper.c        the model, as a stream, or on windows (window.c)
 *   scoring.c        scores
 *   alarm.c          alarms
 *   latency.c        how long a sample took
 *   state.c          all that is remembered, as a file
 *   talk.c           what is told
 */
#ifndef RNNP_CLI_WATCH_MONITOR_H
#define RNNP_CLI_WATCH_MONITOR_H

#include "alarm.h"
#include "latency.h"
#include "prepare.h"
#include "queue.h"
#include "scoring.h"
#include "stepper.h"
#include "talk.h"

typedef struct monitor_counts {
    uint64_t steps, missing, gaps; /* steps taken; samples (at the model's rate) that were missing; gaps */
} monitor_counts;

typedef struct monitor {
    /* The caller's. */
    talk *talk;
    int alarming; /* there are rules */
    alarm_rules rules;
    int resets;         /* a gap resets the model's state */
    uint64_t gap_limit; /* missing steps that are filled */
    FILE *scores;       /* a table of them, or NULL */
    void (*watch)(void *user, uint64_t step, const float *x, double score);
    void *watch_user;

    prepare prepare;
    stepper stepper;
    scoring scoring;
    alarm_state alarm;
    const char *cut; /* why an alarm ends, when it is not for its score */

    rec_filter filter; /* of weights NULL: the source has the model's rate */
    rec_stream *streams;
    float *frame; /* [features] */

    uint64_t position;   /* the next step */
    uint64_t run;        /* missing samples up to here */
    uint64_t told, open; /* the gap has been told; and the state has been dealt with */
    monitor_counts counts;

    size_t n; /* steps of a block so far: */
    uint64_t *at;
    double *arrived, *values;
    latency latency;
} monitor;

/* After prepare, stepper, scoring and filter were made. */
void monitor_create(monitor *m);
void monitor_destroy(monitor *m);

/* A sample [features], NaN: missing, that arrived at this time; `cause` of those that are missing. */
int monitor_put(monitor *m, const float *x, double arrived, missing_cause cause);
/* So many samples are missing. */
int monitor_miss(monitor *m, uint64_t n, double arrived, missing_cause cause);
/* Nothing has come for longer than a gap: it is told at once, and dealt with when samples come again. */
void monitor_silence(monitor *m);
/* Samples come again: it was a gap, however many are missing. */
int monitor_skip(monitor *m);
/* The end of the input. keep_alarm: it may go on, with the state as it is. */
int monitor_end(monitor *m, int keep_alarm);

/* Takes a block of steps that is not full yet. */
int monitor_flush(monitor *m);

/* ---- state.c ---- */

/* All that is remembered, which a monitor of the same model and options goes on with: the same bits as if there had
 * been no end. Written to a new file that then takes the place of the old one; reading fails with a sentence and
 * changes nothing. */
int monitor_save(monitor *m, const char *path);
int monitor_load(monitor *m, const char *path);

#endif
