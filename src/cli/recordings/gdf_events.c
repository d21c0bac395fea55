/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of events: mode, number and rate, then all positions (from 1 on), all types, and in mode 3 all channels and
 * durations; 4 more in the mode mean times of day behind them. An event's text is its type in decimals, such as 769, or
 * the name that the header gives to types below 256. A type with the highest bit set ends the event of the type without
 * it.
 */
#define _POSIX_C_SOURCE 200809L

#include "gdf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NAMED = 256 /* types that may have names */,
    HEAD = 8,
    ENDS = 0x8000,
    SAMPLE = 0x7fff /* the value of a signal that is seldom sampled */
};

typedef struct events {
    recording *r;
    const unsigned char *bytes;
    size_t n, size; /* of one event */
    int lasting;    /* there are channels and durations */
    double rate;
    size_t *open;   /* [ENDS] the last event of the type that has no end, counted from 1; 0: none */
    size_t *before; /* [n] of each of these the one that is open before it */
    const char *name[NAMED];
} events;

/* Behind the signals the header of version 2.1 and later has parts: a tag, 3 bytes of length, and so many bytes; tag 0
 * ends them. Tag 1 has names of types 0, 1, ..., each ended by a zero. *text holds them. */
static int read_names(events *e, const gdf *g, char **text)
{
    enum { SIGNAL = 256, PART = 4, NAMES = 1 };
    const size_t from = SIGNAL * (g->n_signals + 1), size = g->header - from;
    if (g->version < 2.1 || size < PART) return CLI_OK;
    char *all = *text = cli_alloc(size + 1, 1);
    if (fseeko(g->file, (off_t)from, SEEK_SET) != 0 || fread(all, 1, size, g->file) != size)
        return cli_fail("%s: the header cannot be read", e->r->path);
    for (size_t at = 0, length; at + PART <= size && all[at]; at += PART + length) {
        length = (size_t)gdf_bits((unsigned char *)all + at + 1, 3);
        if (length > size - at - PART)
            return cli_fail("%s: header: part %d has %zu bytes, and the header ends after %zu", e->r->path,
                            (unsigned char)all[at], length, size - at - PART);
        if (all[at] != NAMES) continue;
        const char *name = all + at + PART, *end = name + length;
        for (size_t k = 0; k < NAMED && name < end && memchr(name, 0, (size_t)(end - name));
             k++, name += strlen(name) + 1)
            e->name[k] = *name ? name : NULL;
    }
    return CLI_OK;
}

static double float_of(const unsigned char *p)
{
    const uint32_t bits = (uint32_t)gdf_bits(p, 4);
    float x;
    memcpy(&x, &bits, sizeof x);
    return (double)x;
}

static double highest_rate(const recording *r)
{
    double rate = 0;
    for (size_t i = 0; i < r->n_channels; i++)
        if (rec_hertz(r->channels[i].rate) > rate) rate = rec_hertz(r->channels[i].rate);
    return rate;
}

/* Until version 1.94 a rate of three bytes and a number of four, then a number of three and a rate in single
 * precision. A rate of 0 is that of the signals. */
static int read_head(events *e, double version, size_t bytes)
{
    const int early = version < 1.94;
    const unsigned char *p = e->bytes;
    if (bytes < HEAD)
        return cli_fail("%s: %zu bytes behind the data records are no table of events", e->r->path, bytes);
    e->n = (size_t)(early ? gdf_bits(p + 4, 4) : gdf_bits(p + 1, 3));
    e->rate = early ? (double)gdf_bits(p + 1, 3) : float_of(p + 4);
    if (p[0] != 1 && p[0] != 3 && p[0] != 5 && p[0] != 7)
        return cli_fail("%s: table of events: mode %d is none of 1, 3, 5 and 7", e->r->path, p[0]);
    e->lasting = (p[0] & 2) != 0;
    e->size = (e->lasting ? 12u : 6u) + (p[0] & 4 ? 8u : 0u);
    if (bytes - HEAD != e->n * e->size)
        return cli_fail("%s: a table of %zu events has %zu bytes; the file has %zu behind the data records", e->r->path,
                        e->n, HEAD + e->n * e->size, bytes);
    if (e->rate == 0) e->rate = highest_rate(e->r);
    return e->rate > 0 && e->rate <= 1e9
               ? CLI_OK
               : cli_fail("%s: table of events: its rate is %g samples a second", e->r->path, e->rate);
}

static int end_event(const events *e, size_t k, unsigned type, double time)
{
    const size_t last = e->open[type];
    if (!last) return cli_fail("%s: event %zu ends one of type %u, and none has begun", e->r->path, k + 1, type);
    rec_event *event = &e->r->events[last - 1];
    if (time < event->time)
        return cli_fail("%s: event %zu of type %u ends before it begins", e->r->path, event->number, type);
    event->duration = time - event->time;
    e->open[type] = e->before[last - 1];
    return CLI_OK;
}

static int take_event(const events *e, size_t k)
{
    const unsigned char *p = e->bytes + HEAD;
    const uint64_t position = gdf_bits(p + 4 * k, 4);
    const unsigned type = (unsigned)gdf_bits(p + 4 * e->n + 2 * k, 2);
    const double lasts = e->lasting ? (double)gdf_bits(p + 8 * e->n + 4 * k, 4) / e->rate : 0;
    char text[16];
    if (type == SAMPLE) return CLI_OK;
    if (position == 0) return cli_fail("%s: event %zu is at sample 0; they count from 1", e->r->path, k + 1);
    const double time = (double)(position - 1) / e->rate;
    if (type & ENDS) return end_event(e, k, type ^ ENDS, time);
    snprintf(text, sizeof text, "%u", type);
    const char *name = type < NAMED ? e->name[type] : NULL;
    rec_add_event(e->r, time, lasts, name ? name : text)->number = k + 1;
    if (lasts > 0) return CLI_OK;
    e->before[e->r->n_events - 1] = e->open[type];
    e->open[type] = e->r->n_events;
    return CLI_OK;
}

int gdf_events(recording *r, const gdf *g, size_t bytes)
{
    FREED unsigned char *all = cli_alloc(bytes + 1, 1);
    FREED char *names = NULL;
    events e = {.r = r, .bytes = all};
    TRY(read_names(&e, g, &names));
    if (fseeko(g->file, (off_t)(g->header + g->n_records * g->record), SEEK_SET) != 0 ||
        fread(all, 1, bytes, g->file) != bytes)
        return cli_fail("%s: the table of events cannot be read", r->path);
    TRY(read_head(&e, g->version, bytes));
    FREED size_t *open = cli_alloc(ENDS, sizeof *open), *before = cli_alloc(e.n + 1, sizeof *before);
    e.open = open;
    e.before = before;
    for (size_t k = 0; k < e.n; k++) TRY(take_event(&e, k));
    rec_sort_events(r);
    return CLI_OK;
}
