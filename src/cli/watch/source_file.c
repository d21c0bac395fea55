/* SPDX-License-Identifier: Apache-2.0
 *
 * Files and stdin. What is wrong in them ends the input with a sentence: a file does not get better.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "source.h"

/* When samples are due. */
typedef struct pace {
    source *s;
    double start, apart; /* seconds; apart 0: at once */
    uint64_t n;
} pace;

static pace pace_of(source *s)
{
    const double rate = s->rate[0] ? (double)s->rate[0] / (double)s->rate[1] : 0;
    return (pace){s, cli_clock(), s->speed > 0 && rate > 0 ? 1 / (rate * s->speed) : 0, 0};
}

/* A sample, when it is due. At full speed it arrives when it is taken (0). 0: no more is wanted. */
static int put(pace *p, const float *x)
{
    const double due = p->start + (double)p->n++ * p->apart, early = due - cli_clock();
    if (p->apart > 0 && early > 0 && !source_pause(p->s, early)) return 0;
    const double arrived = p->apart > 0 ? due : p->s->kind == SOURCE_STDIN ? cli_clock() : 0;
    return queue_put(&p->s->queue, x, arrived, 0, CAUSE_NONE, 1);
}

void source_read_recording(source *s)
{
    pace p = pace_of(s);
    const dataset *set = &s->set;
    for (size_t i = set->first[0]; i < set->first[1]; i++)
        if (!put(&p, set->x + i * set->features)) return;
    queue_end(&s->queue, "");
}

/* Ends the input: `why` of the line that was read last, or of the whole. */
static void fail(source *s, uint64_t line, const char *why)
{
    char text[512];
    const char *name = s->kind == SOURCE_STDIN ? "stdin" : s->name;
    if (line)
        snprintf(text, sizeof text, "%.250s:%llu: %.200s", name, (unsigned long long)line, why);
    else
        snprintf(text, sizeof text, "%.250s: %.200s", name, why);
    queue_end(&s->queue, text);
}

/* A line of text. 0: the end. */
static int take_line(source *s, pace *p, char *line, float *x)
{
    int empty = 0;
    const char *why;
    if (s->parser.lines == 1 && parser_is_header(line))
        why = parser_take_header(&s->parser, line), empty = 1;
    else if (s->parser.fields || !(why = parser_begin(&s->parser)))
        why = parser_take_line(&s->parser, line, x, &empty);
    if (why) return fail(s, s->parser.lines, why), 0;
    return empty || put(p, x);
}

static int take_text(source *s, pace *p, const char *bytes, size_t n, float *x)
{
    for (size_t used = 0; used < n;) {
        char *line;
        used += parser_cut(&s->parser, bytes + used, n - used, &line);
        if (s->parser.too_long) return fail(s, s->parser.lines + !line, "the line is longer than 65535 bytes"), 0;
        if (line && !take_line(s, p, line, x)) return 0;
    }
    return 1;
}

/* Raw numbers; `kept` bytes of a sample came before. */
static int take_raw(source *s, pace *p, const char *bytes, size_t n, size_t *kept, float *x)
{
    const size_t size = s->parser.fields * sizeof(float);
    for (size_t used = 0; used < n;) {
        const size_t part = n - used < size - *kept ? n - used : size - *kept;
        memcpy(s->parser.line + *kept, bytes + used, part);
        used += part;
        *kept += part;
        if (*kept < size) return 1;
        *kept = 0;
        parser_take_raw(&s->parser, (const unsigned char *)s->parser.line, x);
        if (!put(p, x)) return 0;
    }
    return 1;
}

static void finish(source *s, pace *p, size_t kept, float *x)
{
    char *line;
    if (kept) {
        fail(s, 0, "it ends in the middle of a sample");
        return;
    }
    if (s->parser.used) { /* a last line without an end */
        parser_cut(&s->parser, "\n", 1, &line);
        if (!take_line(s, p, line, x)) return;
    }
    queue_end(&s->queue, "");
}

void source_read_file(source *s)
{
    char bytes[16384];
    FREED float *x = cli_alloc(s->parser.features, sizeof *x);
    pace p = pace_of(s);
    size_t kept = 0;
    ssize_t n;
    while (!queue_stopped(&s->queue)) {
        if (s->kind == SOURCE_STDIN && source_wait(s->fd) == 0) continue;
        n = read(s->fd, bytes, sizeof bytes);
        if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (n < 0)
            fail(s, 0, strerror(errno));
        else if (n == 0)
            finish(s, &p, kept, x);
        if (n <= 0 || !(s->raw ? take_raw(s, &p, bytes, (size_t)n, &kept, x) : take_text(s, &p, bytes, (size_t)n, x)))
            return;
    }
}
