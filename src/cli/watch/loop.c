/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watching.h"

enum { BATCH = 64 };

static volatile sig_atomic_t stopped, asked;

static void on_signal(int number)
{
    if (number == SIGUSR1)
        asked = 1;
    else
        stopped = number;
}

void watch_listen(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
}

void watch_tell_latency(watch *w)
{
    const latency *l = &w->monitor.latency;
    const queue_counts counts = queue_count(&w->source.queue);
    json *j = talk_begin(&w->talk, "latency", w->monitor.position);
    json_put(j, INT("steps", l->n), REAL("p50_us", 1e6 * latency_quantile(l, 0.5)),
             REAL("p99_us", 1e6 * latency_quantile(l, 0.99)), REAL("p999_us", 1e6 * latency_quantile(l, 0.999)),
             REAL("max_us", 1e6 * l->most), INT("waiting", counts.waiting), INT("waiting_most", counts.most));
    json_array(j, "buckets_us"); /* [upper edge, steps] */
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        if (!l->count[i]) continue;
        json_array(j, NULL);
        json_put(j, REAL(NULL, 1e6 * latency_edge(i)), INT(NULL, l->count[i]));
        json_close(j);
    }
    talk_end(&w->talk);
}

void watch_count(watch *w)
{
    const monitor *m = &w->monitor;
    const latency *l = &m->latency;
    if (!w->board) return;
    const queue_counts counts = queue_count(&w->source.queue);
    board_count(w->board, &(board_numbers){.step = m->position,
                                           .steps = m->counts.steps,
                                           .missing = m->counts.missing,
                                           .gaps = m->counts.gaps,
                                           .alarms = m->alarm.count,
                                           .dropped = counts.dropped,
                                           .garbled = counts.garbled,
                                           .late = counts.late,
                                           .waiting = counts.waiting,
                                           .waiting_most = counts.most,
                                           .p50 = latency_quantile(l, 0.5),
                                           .p99 = latency_quantile(l, 0.99),
                                           .p999 = latency_quantile(l, 0.999),
                                           .most = l->most});
    w->counted = cli_clock();
}

/* ---- What happens to the source ---- */

static void tell_event(watch *w)
{
    queue_event_text event;
    const uint64_t events = queue_look(&w->source.queue, &event);
    if (events == w->events) return;
    w->events = events;
    json *j = talk_begin(&w->talk, "source", w->monitor.position);
    json_put(j, TEXT("state", event.what));
    if (*event.why) json_put(j, TEXT("why", event.why));
    talk_end(&w->talk);
}

/* A file at full speed is always ahead. */
static void tell_waiting(watch *w)
{
    if (!source_is_live(&w->source) && w->source.speed <= 0) return;
    const queue_counts counts = queue_count(&w->source.queue);
    const int behind =
        w->behind ? counts.waiting > w->source.room / 4 : counts.waiting >= w->source.room - w->source.room / 4;
    if (behind != w->behind)
        talk_line(&w->talk, behind ? "behind" : "caught_up", w->monitor.position, INT("waiting", counts.waiting));
    w->behind = behind;
}

static void look_for_silence(watch *w)
{
    const double limit = fmax(w->gap_after, 0.1);
    if (w->silent || !(source_is_live(&w->source) || w->source.kind == SOURCE_STDIN)) return;
    if (cli_clock() - w->last < limit) return;
    w->silent = 1;
    monitor_silence(&w->monitor);
}

/* ---- Samples ---- */

/* Samples that nobody counted, by the clock. However many they seem to be, silence was told as a gap. */
static int after_silence(watch *w, const queue_note *note)
{
    const uint64_t *rate = w->source.rate;
    const double n = rate[0] ? floor((note->arrived - w->last) * (double)rate[0] / (double)rate[1] + 0.5) - 1 : 0;
    if (!w->begun) return CLI_OK;
    if (n > 0) TRY(monitor_miss(&w->monitor, (uint64_t)n, note->arrived, CAUSE_SILENCE));
    return monitor_skip(&w->monitor);
}

static int take_sample(watch *w, const float *x, const queue_note *note)
{
    const double arrived = note->arrived > 0 ? note->arrived : cli_clock();
    if (note->cause == CAUSE_OVERRUN) talk_line(&w->talk, "overrun", w->monitor.position, INT("dropped", note->before));
    if (w->silent && !note->counted && w->source.kind != SOURCE_STDIN)
        TRY(after_silence(w, note));
    else if (note->before)
        TRY(monitor_miss(&w->monitor, note->before, arrived, (missing_cause)note->cause));
    w->silent = 0;
    w->begun = 1;
    w->last = arrived;
    return monitor_put(&w->monitor, x, arrived, CAUSE_SOURCE);
}

static int take_samples(watch *w, const float *x, const queue_note *notes, size_t n)
{
    for (size_t i = 0; i < n; i++) TRY(take_sample(w, x + i * w->source.queue.width, &notes[i]));
    return CLI_OK;
}

/* CLI_OK while it goes on, and at the end w->end says why. */
static int go_on(watch *w, float *x, queue_note *notes)
{
    size_t n = BATCH;
    const queue_result result = queue_take(&w->source.queue, x, notes, &n, 0.05);
    TRY(take_samples(w, x, notes, n));
    tell_event(w);
    tell_waiting(w);
    if (!n) look_for_silence(w);
    if (w->board && cli_clock() - w->counted > 0.05) watch_count(w);
    if (asked) {
        asked = 0;
        watch_tell_latency(w);
    }
    if (result == QUEUE_ENDED) w->end = *w->source.queue.fault ? "fault" : "end";
    if (stopped) w->end = stopped == SIGINT ? "SIGINT" : "SIGTERM";
    if (ferror(stdout)) w->end = "stdout";
    return CLI_OK;
}

int watch_run(watch *w)
{
    FREED float *x = cli_alloc(BATCH * w->source.parser.features, sizeof *x);
    queue_note notes[BATCH];
    w->last = cli_clock();
    while (!w->end) TRY(go_on(w, x, notes));
    return CLI_OK;
}
