/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of segments. The first segment tells the channels; in records whose segments differ it is a layout, which
 * has no samples. A channel that a segment lacks is missing there.
 */
#include "wfdb.h"

#include <string.h>

static int same_channel(const recording *r, const rec_channel *c, const recording *part, size_t *which)
{
    for (size_t i = 0; i < part->n_channels; i++) {
        const rec_channel *d = &part->channels[i];
        if (strcmp(c->name, d->name) != 0) continue;
        if (c->rate.num != d->rate.num || c->rate.den != d->rate.den || strcmp(c->unit, d->unit) != 0)
            return cli_fail("%s: '%s' has %g samples a second in %s, in %s it has %g %s", part->path, d->name,
                            rec_hertz(d->rate), d->unit, r->path, rec_hertz(c->rate), c->unit);
        *which = i;
        return CLI_OK;
    }
    *which = SIZE_MAX;
    return CLI_OK;
}

static void header_format(recording *r, wfdb *w)
{
    static const rec_format unopened = {NULL, NULL, wfdb_drop};
    r->format = &unopened;
    r->own = w;
}

/* A segment has no segments itself: a record that names itself would never end. */
static int open_part(const recording *r, const wfdb_segment *s, recording *part)
{
    wfdb *w = cli_alloc(1, sizeof *w);
    *part = (recording){.path = cli_copy(s->path)};
    header_format(part, w);
    TRY(wfdb_read_header(part, w));
    if (w->n_segments) return cli_fail("%s: it is a segment of %s and has segments itself", s->path, r->path);
    TRY(wfdb_open_plain(part, w));
    return w->frames == s->frames
               ? CLI_OK
               : cli_fail("%s: number of samples is %zu, in %s it is %zu", s->path, w->frames, r->path, s->frames);
}

/* The channels of the first segment are those of the record. */
static int take_channels(recording *r, const recording *part)
{
    const wfdb *w = r->own, *first = part->own;
    cli_free(&r->channels);
    r->channels = cli_alloc(part->n_channels + 1, sizeof *r->channels);
    for (size_t i = 0; i < part->n_channels; i++) {
        rec_channel *c = &r->channels[r->n_channels++];
        *c = part->channels[i];
        c->name = cli_copy(c->name);
        c->unit = cli_copy(c->unit);
        c->n = w->frames * first->signals[i].per_frame;
    }
    return first->rate.num == w->rate.num && first->rate.den == w->rate.den
               ? CLI_OK
               : cli_fail("%s: sampling frequency is %g, in %s it is %g", part->path, rec_hertz(first->rate), r->path,
                          rec_hertz(w->rate));
}

static int read_segments(const recording *r, const size_t *which, size_t n, int keep_clipped, float *const *x)
{
    const wfdb *w = r->own;
    for (size_t i = 0; i < n; i++)
        for (size_t t = 0; t < r->channels[which[i]].n; t++) x[i][t] = NAN;
    for (size_t k = 0; k < w->n_segments; k++) {
        AUTO_RECORDING part = {0};
        if (!w->segments[k].path || !w->segments[k].frames) continue;
        TRY(open_part(r, &w->segments[k], &part));
        for (size_t i = 0; i < n; i++) {
            const rec_channel *c = &r->channels[which[i]];
            size_t at;
            TRY(same_channel(r, c, &part, &at));
            if (at == SIZE_MAX) continue;
            part.channels[at].scale.times = c->scale.times;
            part.channels[at].scale.per = c->scale.per;
            float *const to = x[i] + w->segments[k].first * (c->n / w->frames);
            TRY(part.format->read(&part, &at, 1, keep_clipped, &to));
        }
    }
    return CLI_OK;
}

static int open_segments(recording *r, wfdb *w)
{
    const wfdb_segment *last = &w->segments[w->n_segments - 1];
    const size_t frames = last->first + last->frames;
    double there = 0;
    if (w->counted && w->frames != frames)
        return cli_fail("%s: number of samples is %zu; the segments have %zu", r->path, w->frames, frames);
    w->frames = frames;
    r->seconds = (double)frames / rec_hertz(w->rate);
    if (!w->segments[0].path) return cli_fail("%s: the first segment, which tells the channels, is a gap", r->path);
    for (size_t k = 0; k < w->n_segments; k++) {
        AUTO_RECORDING part = {0};
        if (!w->segments[k].path) continue;
        TRY(open_part(r, &w->segments[k], &part));
        if (k == 0) TRY(take_channels(r, &part));
        if (part.n_channels) there += (double)w->segments[k].frames;
    }
    for (size_t i = 0; i < r->n_channels; i++)
        if (!rec_bounded((double)r->channels[i].n, there * (double)r->channels[i].n / (double)(frames + !frames)))
            return cli_fail("%s: '%s' has %zu samples, most of them in gaps", r->path, r->channels[i].name,
                            r->channels[i].n);
    return CLI_OK;
}

int rec_open_wfdb(recording *r)
{
    static const rec_format format = {read_segments, wfdb_annotate, wfdb_drop};
    wfdb *w = cli_alloc(1, sizeof *w);
    header_format(r, w);
    TRY(wfdb_read_header(r, w));
    if (!w->n_segments) return wfdb_open_plain(r, w);
    r->format = &format;
    return open_segments(r, w);
}
