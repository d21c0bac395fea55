/* SPDX-License-Identifier: Apache-2.0 */
#include "alarm.h"

#include <math.h>

static void tell_of(const alarm_state *a, int ended, uint64_t step, double score, alarm_tell *tell, void *user)
{
    tell(user, &(alarm_news){ended, a->count, step, a->onset, a->peak, score, a->highest});
}

static void one_step(const alarm_rules *r, alarm_state *a, uint64_t step, double score, alarm_tell *tell, void *user)
{
    if (a->phase == ALARM_QUIET) {
        if (!(score >= r->on) || step < a->quiet_until) return;
        a->phase = ALARM_EPISODE;
        a->onset = a->peak = step;
        a->highest = score;
    } else if (!(score >= r->off)) {
        const int alarm = a->phase == ALARM_ON;
        a->phase = ALARM_QUIET;
        if (!alarm) return;
        a->quiet_until = step + r->refractory;
        tell_of(a, 1, step, score, tell, user);
        return;
    } else if (score > a->highest) {
        a->highest = score;
        a->peak = step;
    }
    if (a->phase == ALARM_ON || step - a->onset + 1 < r->least) return;
    a->phase = ALARM_ON;
    a->count++;
    tell_of(a, 0, step, score, tell, user);
}

void alarm_go_on(const alarm_rules *rules, alarm_state *a, size_t n, const uint64_t *at, const double *scores,
                 alarm_tell *tell, void *user)
{
    for (size_t i = 0; i < n; i++) one_step(rules, a, at[i], scores[i], tell, user);
}

void alarm_cut(alarm_state *a, uint64_t step, alarm_tell *tell, void *user)
{
    const int alarm = a->phase == ALARM_ON;
    a->phase = ALARM_QUIET;
    a->quiet_until = 0;
    if (alarm) tell_of(a, 1, step, NAN, tell, user);
}
