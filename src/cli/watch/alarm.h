/* SPDX-License-Identifier: Apache-2.0
 *
 * Alarms on a score, the same for a signal that comes step by step and for scores in an array. An episode begins at a
 * step whose score is at least `on`, and goes on until one is below `off`: with off < on a score that trembles about
 * one threshold is one episode. It is an alarm once it has lasted `least` steps. For `refractory` steps after the end
 * of an alarm no episode begins. A score that is no number is below every threshold.
 */
#ifndef RNNP_CLI_WATCH_ALARM_H
#define RNNP_CLI_WATCH_ALARM_H

#include <stddef.h>
#include <stdint.h>

typedef struct alarm_rules {
    double on, off;
    uint64_t least, refractory; /* steps */
} alarm_rules;

typedef enum alarm_phase { ALARM_QUIET, ALARM_EPISODE, ALARM_ON } alarm_phase;

/* Zeroed at first. */
typedef struct alarm_state {
    uint64_t phase;
    uint64_t count;       /* alarms so far */
    uint64_t onset, peak; /* steps of the episode: its first one, and the first one with its highest score */
    uint64_t quiet_until; /* the first step at which an episode may begin */
    double highest;
} alarm_state;

/* What there is to tell: an alarm has begun, at a step after its onset when it must last; or it has ended. */
typedef struct alarm_news {
    int ended;
    uint64_t number;            /* from 1 */
    uint64_t step, onset, peak; /* step: now; of an end the first one that is no part of the alarm */
    double score, highest;      /* score: at that step */
} alarm_news;

typedef void alarm_tell(void *user, const alarm_news *news);

/* Goes on with the scores [n] of the steps at[n], which rise. */
void alarm_go_on(const alarm_rules *rules, alarm_state *a, size_t n, const uint64_t *at, const double *scores,
                 alarm_tell *tell, void *user);
/* Nothing is known from this step on: an alarm ends here, and no refractory time follows. */
void alarm_cut(alarm_state *a, uint64_t step, alarm_tell *tell, void *user);

#endif
