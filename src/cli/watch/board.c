/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "board.h"

#include <math.h>
#include <string.h>

void board_create(board *b, size_t channels, double rate)
{
    const double seconds = 10;
    memset(b, 0, sizeof *b);
    b->channels = channels < BOARD_CHANNELS ? channels : BOARD_CHANNELS;
    b->per = rate > 0 ? (size_t)fmin(1e6, ceil(rate * seconds / (BOARD_POINTS - 200))) : 1;
    pthread_mutex_init(&b->mutex, NULL);
}

void board_destroy(board *b) { pthread_mutex_destroy(&b->mutex); }

/* ---- The writer ---- */

static void begin_point(board_point *p, uint64_t step)
{
    p->step = step;
    p->score = NAN;
    for (size_t c = 0; c < BOARD_CHANNELS; c++) {
        p->low[c] = INFINITY;
        p->high[c] = -INFINITY;
    }
}

void board_step(void *user, uint64_t step, const float *x, double score)
{
    board *b = user;
    board_point *p = &b->now;
    if (b->n_now && step >= p->step + b->per) b->n_now = 0; /* behind a gap: the point before it was not full */
    if (!b->n_now) begin_point(p, step);
    for (size_t c = 0; c < b->channels; c++) {
        p->low[c] = x[c] < p->low[c] ? x[c] : p->low[c];
        p->high[c] = x[c] > p->high[c] ? x[c] : p->high[c];
    }
    if (!((double)p->score >= score) && !isnan(score)) p->score = (float)score;
    if (++b->n_now < b->per) return;
    b->n_now = 0;
    pthread_mutex_lock(&b->mutex);
    b->points[b->n_points++ % BOARD_POINTS] = *p;
    pthread_mutex_unlock(&b->mutex);
}

void board_line(void *user, const char *line)
{
    board *b = user;
    const size_t n = strlen(line);
    if (n >= BOARD_LINE) return;
    pthread_mutex_lock(&b->mutex);
    if (!b->n_lines) memcpy(b->first, line, n + 1);
    memcpy(b->lines[b->n_lines++ % BOARD_LINES], line, n + 1);
    pthread_mutex_unlock(&b->mutex);
}

void board_count(board *b, const board_numbers *numbers)
{
    pthread_mutex_lock(&b->mutex);
    b->numbers = *numbers;
    pthread_mutex_unlock(&b->mutex);
}

/* ---- A reader ---- */

/* The first of n numbers that is wanted and still there, of a ring. */
static uint64_t first_of(uint64_t wanted, uint64_t n, uint64_t room)
{
    const uint64_t oldest = n > room ? n - room : 0;
    return wanted > n ? n : wanted > oldest ? wanted : oldest;
}

void board_look(board *b, uint64_t from_point, uint64_t from_line, board_copy *copy)
{
    pthread_mutex_lock(&b->mutex);
    copy->n_points = b->n_points;
    copy->n_lines = b->n_lines;
    copy->first_point = first_of(from_point, b->n_points, BOARD_POINTS);
    copy->first_line = first_of(from_line, b->n_lines, BOARD_LINES);
    copy->numbers = b->numbers;
    for (uint64_t i = copy->first_point; i < copy->n_points; i++)
        copy->points[i - copy->first_point] = b->points[i % BOARD_POINTS];
    size_t n = 0;
    if (from_line == 0 && copy->first_line > 0) memcpy(copy->lines[n++], b->first, BOARD_LINE);
    for (uint64_t i = copy->first_line; i < copy->n_lines; i++)
        memcpy(copy->lines[n++], b->lines[i % BOARD_LINES], BOARD_LINE);
    copy->copied_lines = n;
    pthread_mutex_unlock(&b->mutex);
}
