/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void monitor_create(monitor *m)
{
    const size_t F = m->prepare.rule.features;
    m->frame = cli_alloc(F, sizeof *m->frame);
    m->at = cli_alloc(m->stepper.block, sizeof *m->at);
    m->arrived = cli_alloc(m->stepper.block, sizeof *m->arrived);
    m->values = cli_alloc(m->stepper.block, sizeof *m->values);
    if (!m->filter.weights) return;
    m->streams = cli_alloc(F, sizeof *m->streams);
    for (size_t f = 0; f < F; f++) rec_stream_create(&m->streams[f], &m->filter);
}

void monitor_destroy(monitor *m)
{
    for (size_t f = 0; m->streams && f < m->prepare.rule.features; f++) rec_stream_free(&m->streams[f]);
    free(m->streams);
    free(m->filter.weights);
    free(m->frame);
    free(m->at);
    free(m->arrived);
    free(m->values);
    prepare_destroy(&m->prepare);
    stepper_close(&m->stepper);
    scoring_destroy(&m->scoring);
    *m = (monitor){0};
}

/* ---- Alarms ---- */

static void tell_alarm(void *user, const alarm_news *news)
{
    monitor *m = user;
    json *j = talk_begin(m->talk, news->ended ? "alarm_end" : "alarm", news->step);
    json_put(j, INT("alarm", news->number), INT("onset_step", news->onset));
    talk_time(m->talk, "onset", news->onset);
    if (!news->ended) {
        json_put(j, REAL("score", news->score));
    } else {
        talk_time(m->talk, "duration", news->step - news->onset);
        json_put(j, INT("duration_steps", news->step - news->onset), REAL("peak", news->highest),
                 INT("peak_step", news->peak));
        talk_time(m->talk, "peak_time", news->peak);
        json_put(j, TEXT("cause", m->cut ? m->cut : "score"));
    }
    talk_end(m->talk);
}

static void cut_alarm(monitor *m, const char *cause)
{
    m->cut = cause;
    alarm_cut(&m->alarm, m->position, tell_alarm, m);
    m->cut = NULL;
}

/* ---- Steps ---- */

static void write_score(const monitor *m, size_t i)
{
    if (m->talk->rate.num)
        fprintf(m->scores, "%.6f,", talk_seconds(m->talk, m->at[i]));
    else
        fprintf(m->scores, "%llu,", (unsigned long long)m->at[i]);
    if (!isnan(m->values[i])) fprintf(m->scores, "%.9g", m->values[i]);
    putc('\n', m->scores);
}

int monitor_flush(monitor *m)
{
    const size_t n = m->n, channels = m->prepare.channels;
    m->n = 0;
    if (!n) return CLI_OK;
    TRY(stepper_run(&m->stepper, n));
    m->counts.steps += n;
    if (!m->stepper.scored) { /* no window is due */
        if (m->watch) m->watch(m->watch_user, m->at[0], m->stepper.x, NAN);
        return CLI_OK;
    }
    for (size_t i = 0; i < n; i++)
        m->values[i] = scoring_step(&m->scoring, m->stepper.x + i * channels, m->stepper.y + i * m->stepper.width);
    const double now = cli_clock();
    for (size_t i = 0; i < n; i++) latency_add(&m->latency, now - m->arrived[i]);
    for (size_t i = 0; i < n && m->watch; i++)
        m->watch(m->watch_user, m->at[i], m->stepper.x + i * channels, m->values[i]);
    for (size_t i = 0; i < n && m->scores; i++) write_score(m, i);
    if (m->alarming) alarm_go_on(&m->rules, &m->alarm, n, m->at, m->values, tell_alarm, m);
    return CLI_OK;
}

static int take_step(monitor *m, const float *x, double arrived)
{
    prepare_step(&m->prepare, x, m->stepper.x + m->n * m->prepare.channels);
    m->at[m->n] = m->position++;
    m->arrived[m->n++] = arrived;
    return m->n == m->stepper.block ? monitor_flush(m) : CLI_OK;
}

/* ---- Gaps ---- */

static const char *cause_name(missing_cause cause)
{
    static const char *const names[] = {
        [CAUSE_NONE] = "missing",    [CAUSE_SOURCE] = "missing",  [CAUSE_LOST] = "lost",
        [CAUSE_OVERRUN] = "overrun", [CAUSE_GARBLED] = "garbled", [CAUSE_SILENCE] = "silence"};
    return names[cause];
}

static void tell_gap(monitor *m, uint64_t step, missing_cause cause)
{
    if (m->told) return;
    m->told = 1;
    m->counts.gaps++;
    talk_line(m->talk, "gap", step, TEXT("cause", cause_name(cause)));
}

/* The sample at this position is missing, and too many before it were. */
static int begin_gap(monitor *m, missing_cause cause)
{
    TRY(monitor_flush(m));
    tell_gap(m, m->position + 1 - m->run, cause);
    m->open = 1;
    if (m->resets) cut_alarm(m, "gap");
    return CLI_OK;
}

static int end_gap(monitor *m)
{
    const int reset = m->open && m->resets;
    json *j = talk_begin(m->talk, "gap_end", m->position);
    json_put(j, INT("missing", m->run));
    talk_time(m->talk, "seconds", m->run);
    json_put(j, TEXT("state", reset ? "reset" : "held"));
    talk_end(m->talk);
    m->told = m->open = 0;
    if (!reset) return CLI_OK;
    stepper_reset(&m->stepper);
    scoring_begin(&m->scoring);
    prepare_begin(&m->prepare);
    return CLI_OK;
}

static int is_missing(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isnan(x[i])) return 0;
    return 1;
}

/* A sample at the model's rate. */
static int take_frame(monitor *m, const float *x, double arrived, missing_cause cause)
{
    if (!is_missing(x, m->prepare.rule.features)) {
        if (m->told) TRY(end_gap(m));
        m->run = 0;
        return take_step(m, x, arrived);
    }
    m->run++;
    m->counts.missing++;
    if (m->run <= m->gap_limit) return take_step(m, x, arrived);
    if (!m->open) TRY(begin_gap(m, cause));
    m->position++;
    return CLI_OK;
}

void monitor_silence(monitor *m) { tell_gap(m, m->position, CAUSE_SILENCE); }

int monitor_skip(monitor *m) { return m->open ? CLI_OK : begin_gap(m, CAUSE_SILENCE); }

/* ---- Samples ---- */

static int take_resampled(monitor *m, double arrived, missing_cause cause, int ended)
{
    const size_t F = m->prepare.rule.features;
    for (;;) {
        for (size_t f = 0; f < F; f++)
            if (!rec_stream_ready(&m->streams[f], ended)) return CLI_OK;
        for (size_t f = 0; f < F; f++) m->frame[f] = rec_stream_take(&m->streams[f], ended);
        TRY(take_frame(m, m->frame, arrived, cause));
    }
}

int monitor_put(monitor *m, const float *x, double arrived, missing_cause cause)
{
    if (!m->streams) return take_frame(m, x, arrived, cause);
    for (size_t f = 0; f < m->prepare.rule.features; f++) rec_stream_put(&m->streams[f], x[f]);
    return take_resampled(m, arrived, cause, 0);
}

int monitor_miss(monitor *m, uint64_t n, double arrived, missing_cause cause)
{
    for (; n; n--) {
        for (size_t f = 0; f < m->prepare.rule.features; f++) m->frame[f] = NAN;
        TRY(monitor_put(m, m->frame, arrived, cause));
    }
    return CLI_OK;
}

int monitor_end(monitor *m, int keep_alarm)
{
    if (m->streams && !keep_alarm) TRY(take_resampled(m, cli_clock(), CAUSE_SOURCE, 1));
    TRY(monitor_flush(m));
    if (!keep_alarm && m->alarming) cut_alarm(m, "end");
    return CLI_OK;
}
