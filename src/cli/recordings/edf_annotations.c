/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of EDF+: "+12.5 [0x15 duration] 0x14 text 0x14 text 0x14 0". The first one of each record has an empty text
 * first and says when the record begins.
 */
#define _POSIX_C_SOURCE 200809L

#include "edf.h"

#include <stdlib.h>
#include <string.h>

#include "../train/text.h"

enum { TEXT_ENDS = 0x14, DURATION = 0x15 };

int edf_record(const recording *r, const edf *e, size_t k)
{
    const off_t at = (off_t)(e->header + k * e->record);
    return fseeko(e->file, at, SEEK_SET) == 0 && fread(e->bytes_of, 1, e->record, e->file) == e->record
               ? CLI_OK
               : cli_fail("%s: data record %zu cannot be read", r->path, k + 1);
}

typedef struct scan {
    recording *r;
    edf *e;
    size_t record;
    double origin; /* when the first record begins, by the file's clock */
    int found;     /* this record's beginning is known */
} scan;

static int bad(const scan *s, const char *what, const char *text)
{
    return cli_fail("%s: annotations of data record %zu: %s '%.80s'", s->r->path, s->record + 1, what, text);
}

/* The first of these bytes, or NULL. */
static char *find(char *text, char *end, const char *ends)
{
    for (; text < end; text++)
        if (*text && strchr(ends, *text)) return text;
    return NULL;
}

static int begin_record(scan *s, double onset)
{
    edf *e = s->e;
    const double length = edf_seconds(e);
    if (s->record == 0) s->origin = onset;
    const double start = onset - s->origin, straight = (double)s->record * length;
    s->found = 1;
    if (!e->duration.num) return CLI_OK;
    double rate = 1 / length; /* of the fastest signal */
    for (size_t i = 0; i < s->r->n_channels; i++)
        rate = rec_hertz(s->r->channels[i].rate) > rate ? rec_hertz(s->r->channels[i].rate) : rate;
    const double tolerance = 1 / rate + 1e-6 * straight;
    const double least = s->record == 0 ? 0 : e->continuous ? straight : e->start[s->record - 1] + length;
    if (start < least - tolerance || (e->continuous && start > least + tolerance))
        return cli_fail("%s: data record %zu begins at %.9g s; by the records before it and their duration of %g s it "
                        "is %.9g s%s",
                        s->r->path, s->record + 1, start, length, least, e->continuous ? "" : " or later");
    if (!(start < 1e9)) return cli_fail("%s: data record %zu begins at %g s", s->r->path, s->record + 1, start);
    if (e->start) e->start[s->record] = start > least ? start : least;
    return CLI_OK;
}

/* One list between at and end, where a zero stands. */
static int read_list(scan *s, char *at, char *end, int first)
{
    double onset, duration = 0;
    static const char ends[] = {TEXT_ENDS, DURATION, '\0'};
    char *stop = find(at, end, ends);
    if (!stop) return bad(s, "no end of the onset", at);
    const int lasts = *stop == DURATION;
    *stop = '\0';
    if (text_number(at, '.', &onset) || (*at != '+' && *at != '-')) return bad(s, "this is no onset:", at);
    at = stop + 1;
    if (lasts) {
        if (!(stop = find(at, end, "\x14"))) return bad(s, "no end of the duration", at);
        *stop = '\0';
        if (text_number(at, '.', &duration) || duration < 0) return bad(s, "this is no duration:", at);
        at = stop + 1;
    }
    if (first && (at >= end || *at != TEXT_ENDS))
        return bad(s, "no empty text, which tells the record's time, after", at);
    if (first) TRY(begin_record(s, onset));
    for (; (stop = find(at, end, "\x14")); at = stop + 1) {
        *stop = '\0';
        const char *text = text_trim(at);
        if (*text) rec_add_event(s->r, onset - s->origin, duration, text);
    }
    return at == end ? CLI_OK : bad(s, "no end of the text", at);
}

static int read_signal(scan *s, const edf_signal *signal)
{
    char *at = (char *)s->e->bytes_of + signal->at, *const end = at + signal->n * (size_t)s->e->bytes;
    while (at < end) {
        char *zero = memchr(at, 0, (size_t)(end - at));
        if (!zero) return bad(s, "no zero byte ends the last list", "");
        if (zero > at) TRY(read_list(s, at, zero, !s->found));
        at = zero + 1;
    }
    return CLI_OK;
}

int edf_annotations(recording *r, edf *e)
{
    scan s = {.r = r, .e = e};
    if (!e->continuous) e->start = cli_alloc(e->n_records, sizeof *e->start);
    for (; s.record < e->n_records; s.record++) {
        TRY(edf_record(r, e, s.record));
        s.found = 0;
        for (size_t i = 0; i < e->n_signals; i++)
            if (e->signals[i].annotations) TRY(read_signal(&s, &e->signals[i]));
        if (!s.found)
            return cli_fail("%s: data record %zu does not tell its time (%s+ needs a signal '%s Annotations')", r->path,
                            s.record + 1, e->bytes == 2 ? "EDF" : "BDF", e->bytes == 2 ? "EDF" : "BDF");
    }
    rec_sort_events(r);
    return CLI_OK;
}
