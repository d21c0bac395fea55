/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "queue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../cli.h"

/* Waits end by a clock that nobody sets, where a condition can have one. Elsewhere a jump of the time of day makes a
 * wait shorter or longer, and the taker looks again. */
#ifdef __linux__
#define WAITS_BY CLOCK_MONOTONIC
#define set_clock(attributes) pthread_condattr_setclock(attributes, WAITS_BY)
#else
#define WAITS_BY CLOCK_REALTIME
#define set_clock(attributes) ((void)(attributes))
#endif

void queue_create(queue *q, size_t room, size_t width, int waits)
{
    pthread_condattr_t attributes;
    *q = (queue){.width = width, .room = room, .waits = waits};
    q->x = cli_alloc(room * width, sizeof *q->x);
    q->notes = cli_alloc(room, sizeof *q->notes);
    pthread_condattr_init(&attributes);
    set_clock(&attributes);
    pthread_mutex_init(&q->mutex, NULL);
    pthread_cond_init(&q->filled, &attributes);
    pthread_cond_init(&q->emptied, NULL);
    pthread_condattr_destroy(&attributes);
}

void queue_destroy(queue *q)
{
    if (!q->room) return;
    pthread_cond_destroy(&q->emptied);
    pthread_cond_destroy(&q->filled);
    pthread_mutex_destroy(&q->mutex);
    free(q->notes);
    free(q->x);
    *q = (queue){0};
}

/* ---- The reader ---- */

static void miss(queue *q, uint64_t n, missing_cause cause)
{
    q->pending += n;
    if (n && q->pending_cause != CAUSE_OVERRUN) q->pending_cause = cause;
}

static void append(queue *q, const float *x, double arrived, int counted)
{
    const size_t at = (q->first + q->n++) % q->room;
    memcpy(q->x + at * q->width, x, q->width * sizeof *x);
    q->notes[at] = (queue_note){arrived, q->pending, q->pending ? q->pending_cause : CAUSE_NONE, counted != 0};
    q->pending = 0;
    q->pending_cause = CAUSE_NONE;
    if (q->n > q->counts.most) q->counts.most = q->n;
    if (q->taker_waits) pthread_cond_signal(&q->filled);
}

int queue_put(queue *q, const float *x, double arrived, uint64_t missing, missing_cause cause, int counted)
{
    pthread_mutex_lock(&q->mutex);
    miss(q, missing, cause);
    while (q->n == q->room && q->waits && !q->stopped) pthread_cond_wait(&q->emptied, &q->mutex);
    if (q->n < q->room) {
        append(q, x, arrived, counted);
    } else if (!q->stopped) {
        miss(q, 1, CAUSE_OVERRUN);
        q->counts.dropped++;
    }
    const int more = !q->stopped;
    pthread_mutex_unlock(&q->mutex);
    return more;
}

void queue_garbled(queue *q, uint64_t samples)
{
    pthread_mutex_lock(&q->mutex);
    miss(q, samples, CAUSE_GARBLED);
    q->counts.garbled++;
    pthread_mutex_unlock(&q->mutex);
}

void queue_late(queue *q)
{
    pthread_mutex_lock(&q->mutex);
    q->counts.late++;
    pthread_mutex_unlock(&q->mutex);
}

void queue_event(queue *q, const char *what, const char *why)
{
    pthread_mutex_lock(&q->mutex);
    q->events++;
    q->event.what = what;
    snprintf(q->event.why, sizeof q->event.why, "%s", why ? why : "");
    pthread_cond_signal(&q->filled);
    pthread_mutex_unlock(&q->mutex);
}

void queue_end(queue *q, const char *fault)
{
    pthread_mutex_lock(&q->mutex);
    q->ended = 1;
    snprintf(q->fault, sizeof q->fault, "%s", fault);
    pthread_cond_signal(&q->filled);
    pthread_mutex_unlock(&q->mutex);
}

int queue_stopped(queue *q)
{
    pthread_mutex_lock(&q->mutex);
    const int stopped = q->stopped;
    pthread_mutex_unlock(&q->mutex);
    return stopped;
}

/* ---- The taker ---- */

static void wait_for_samples(queue *q, double seconds)
{
    struct timespec until;
    clock_gettime(WAITS_BY, &until);
    const double whole = (double)until.tv_nsec + 1e9 * seconds;
    until.tv_sec += (time_t)(whole / 1e9);
    until.tv_nsec = (long)(whole - 1e9 * (double)(time_t)(whole / 1e9));
    q->taker_waits = 1;
    pthread_cond_timedwait(&q->filled, &q->mutex, &until);
    q->taker_waits = 0;
}

queue_result queue_take(queue *q, float *x, queue_note *notes, size_t *n, double seconds)
{
    const size_t room = *n;
    pthread_mutex_lock(&q->mutex);
    if (!q->n && !q->ended) wait_for_samples(q, seconds); /* woken for nothing is a wait that was short */
    for (*n = 0; *n < room && q->n; ++*n, q->n--) {
        memcpy(x + *n * q->width, q->x + q->first * q->width, q->width * sizeof *x);
        notes[*n] = q->notes[q->first];
        q->first = (q->first + 1) % q->room;
    }
    if (*n) pthread_cond_signal(&q->emptied);
    const queue_result result = *n ? QUEUE_TAKEN : q->ended ? QUEUE_ENDED : QUEUE_EMPTY;
    pthread_mutex_unlock(&q->mutex);
    return result;
}

void queue_stop(queue *q)
{
    pthread_mutex_lock(&q->mutex);
    q->stopped = 1;
    pthread_cond_signal(&q->emptied);
    pthread_mutex_unlock(&q->mutex);
}

queue_counts queue_count(queue *q)
{
    pthread_mutex_lock(&q->mutex);
    queue_counts counts = q->counts;
    counts.waiting = q->n;
    pthread_mutex_unlock(&q->mutex);
    return counts;
}

uint64_t queue_look(queue *q, queue_event_text *event)
{
    pthread_mutex_lock(&q->mutex);
    const uint64_t events = q->events;
    *event = q->event;
    pthread_mutex_unlock(&q->mutex);
    return events;
}
