/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples on their way from the thread that reads them to the one that takes steps: a ring of fixed size. When it is
 * full, a file or a pipe waits, and a device that cannot wait loses samples: these are counted, and the next one that
 * finds room says how many are missing before it.
 */
#ifndef RNNP_CLI_WATCH_QUEUE_H
#define RNNP_CLI_WATCH_QUEUE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* Why samples are missing. */
typedef enum missing_cause {
    CAUSE_NONE,
    CAUSE_SOURCE,  /* the recording or the line has none */
    CAUSE_LOST,    /* numbers of datagrams say so */
    CAUSE_OVERRUN, /* the ring was full */
    CAUSE_GARBLED, /* a line or a datagram was not understood */
    CAUSE_SILENCE  /* nothing came */
} missing_cause;

/* What comes with a sample. */
typedef struct queue_note {
    double arrived;   /* cli_clock() */
    uint64_t before;  /* samples that are missing before it */
    uint32_t cause;   /* of these, a missing_cause */
    uint32_t counted; /* whether `before` is all that is missing since the sample before, however long that is ago */
} queue_note;

typedef struct queue_counts {
    uint64_t dropped, garbled, late; /* samples; lines and datagrams; datagrams behind newer ones */
    size_t waiting, most;            /* samples in the ring, now and at most */
} queue_counts;

typedef struct queue_event_text {
    const char *what; /* "closed", "opened", "restarted" */
    char why[200];    /* "" without a reason */
} queue_event_text;

typedef struct queue {
    pthread_mutex_t mutex;
    pthread_cond_t filled, emptied;
    size_t width, room, first, n;
    float *x; /* [room][width] */
    queue_note *notes;
    int waits;        /* a full ring holds the reader up, in place of losing samples */
    int stopped;      /* by the taker: the reader ends */
    int ended;        /* by the reader: nothing comes any more */
    int taker_waits;  /* for a sample */
    uint64_t pending; /* missing before the next sample */
    missing_cause pending_cause;
    queue_counts counts;
    char fault[512];        /* why the reader gave up, "" without */
    uint64_t events;        /* what happened to the source, as the reader counts it */
    queue_event_text event; /* the latest of them */
} queue;

void queue_create(queue *q, size_t room, size_t width, int waits);
void queue_destroy(queue *q);

/* ---- The reader ---- */

/* A sample of `width` numbers; `missing` ones are missing before it. 0 when the taker wants no more. */
int queue_put(queue *q, const float *x, double arrived, uint64_t missing, missing_cause cause, int counted);
/* A line or a datagram that was not understood, in the place of `samples` samples. */
void queue_garbled(queue *q, uint64_t samples);
void queue_late(queue *q);
/* Something happened to the source; why may be NULL. */
void queue_event(queue *q, const char *what, const char *why);
/* Nothing comes any more: fault is "" at the end of the input, else a sentence. */
void queue_end(queue *q, const char *fault);
int queue_stopped(queue *q);

/* ---- The taker ---- */

typedef enum queue_result { QUEUE_TAKEN, QUEUE_EMPTY, QUEUE_ENDED } queue_result;

/* Up to *n samples that wait, and their notes; waits at most `seconds` for the first one. *n: how many they are. */
queue_result queue_take(queue *q, float *x, queue_note *notes, size_t *n, double seconds);
void queue_stop(queue *q);
queue_counts queue_count(queue *q);
/* The number of events so far, and the latest one. */
uint64_t queue_look(queue *q, queue_event_text *event);

#endif
