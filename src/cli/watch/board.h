/* SPDX-License-Identifier: Apache-2.0
 *
 * The latest of a watched signal, for those who look at it from another thread. It is written step by step and copied
 * out under a lock; both take a time that has a bound, and nothing is allocated.
 */
#ifndef RNNP_CLI_WATCH_BOARD_H
#define RNNP_CLI_WATCH_BOARD_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "latency.h"

enum {
    BOARD_CHANNELS = 4, /* the first ones */
    BOARD_POINTS = 2048,
    BOARD_LINES = 256,
    BOARD_LINE = 1024 /* bytes of a line; a longer one is left out */
};

/* So many steps in a row. */
typedef struct board_point {
    uint64_t step; /* the first one */
    float low[BOARD_CHANNELS], high[BOARD_CHANNELS];
    float score; /* the highest, NaN: none */
} board_point;

typedef struct board_numbers {
    uint64_t step, steps, missing, gaps, alarms, dropped, garbled, late, waiting, waiting_most;
    double p50, p99, p999, most; /* seconds */
} board_numbers;

typedef struct board {
    size_t channels, per; /* channels that are shown; steps of a point */
    board_point now;      /* the writer's: the next point, and how many steps it has */
    size_t n_now;

    pthread_mutex_t mutex; /* of the rest */
    board_point points[BOARD_POINTS];
    uint64_t n_points; /* so far; number i is at i % BOARD_POINTS */
    char lines[BOARD_LINES][BOARD_LINE];
    uint64_t n_lines;
    char first[BOARD_LINE]; /* line 0, which stays */
    board_numbers numbers;
} board;

/* A point is of as many steps as let ten seconds fit (`rate` 0: not known, then one). */
void board_create(board *b, size_t channels, double rate);
void board_destroy(board *b);

/* ---- The writer ---- */

/* As monitor.watch and talk.listen. */
void board_step(void *b, uint64_t step, const float *x, double score);
void board_line(void *b, const char *line);
void board_count(board *b, const board_numbers *numbers);

/* ---- A reader ---- */

/* What is new since a number of points and lines; those that are gone are left out. */
typedef struct board_copy {
    uint64_t first_point, n_points, first_line, n_lines; /* numbers [first, n) */
    board_point points[BOARD_POINTS];                    /* in order */
    char lines[BOARD_LINES + 1][BOARD_LINE];
    size_t copied_lines;
    board_numbers numbers;
} board_copy;

void board_look(board *b, uint64_t from_point, uint64_t from_line, board_copy *copy);

#endif
