/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples at another rate, one by one, with the bits that resample.c gives a whole series. A new sample is made of
 * those up to `half` behind its place, with missing ones as the nearest that is there (the earlier of two). It is
 * missing itself when the old sample nearest to its place is. So where it is made, a sample is there next to its place,
 * and a missing one within `half` of it has one at most `half` before itself: what comes later is too far to be nearer
 * once that many more samples have come. The ring holds all samples from `half` before the place to that one.
 */
#include <math.h>
#include <stdlib.h>

#include "recording.h"

void rec_stream_create(rec_stream *s, const rec_filter *f)
{
    *s = (rec_stream){.f = f, .room = 4 * f->half + 8};
    s->x = cli_alloc(s->room, sizeof *s->x);
    s->there = cli_alloc(s->room, 1);
}

void rec_stream_free(rec_stream *s)
{
    free(s->x);
    free(s->there);
    *s = (rec_stream){0};
}

void rec_stream_put(rec_stream *s, float x)
{
    const uint64_t here = s->n++, oldest = s->n > s->room ? s->n - s->room : 0;
    const int there = !isnan(x);
    s->there[here % s->room] = (uint8_t)there;
    s->x[here % s->room] = there ? (double)x : here ? s->x[(here - 1) % s->room] : 0;
    if (!there) return;
    for (uint64_t j = s->last > oldest ? s->last : oldest; j < here; j++)
        if (!s->last || j - (s->last - 1) > here - j) s->x[j % s->room] = (double)x;
    s->last = s->n;
}

static uint64_t place_of(const rec_stream *s) { return s->made * s->f->down / s->f->up; }

static uint64_t nearest_to(const rec_stream *s, int ended)
{
    const uint64_t at = place_of(s), rest = s->made * s->f->down % s->f->up;
    return at + (2 * rest >= s->f->up && !(ended && at + 1 >= s->n));
}

int rec_stream_ready(const rec_stream *s, int ended)
{
    const uint64_t at = place_of(s), behind = at + s->f->half;
    if (ended) return at < s->n;
    if (s->n <= behind) return 0;
    if (!s->there[nearest_to(s, 0) % s->room]) return 1;
    /* Of the missing ones after the last, that farthest from it must not be nearer to what may come. */
    return s->last > behind || behind - (s->last - 1) <= s->n - behind;
}

float rec_stream_take(rec_stream *s, int ended)
{
    const rec_filter *f = s->f;
    const uint64_t at = place_of(s);
    const int there = s->there[nearest_to(s, ended) % s->room];
    const double *w = f->weights + s->made % f->up * f->taps;
    double sum = 0;
    s->made++;
    if (!there) return NAN;
    for (size_t k = 0; k < f->taps; k++) {
        const uint64_t j = at + k + 1 < f->half ? 0 : at + k + 1 - f->half;
        sum += w[k] * s->x[(j < s->n ? j : s->n - 1) % s->room];
    }
    return (float)sum;
}
