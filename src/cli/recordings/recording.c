/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "recording.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Files ---- */

int rec_load(const char *path, size_t most, unsigned char **bytes, size_t *size)
{
    enum { CHUNK = 1 << 20 };
    const char *why = NULL;
    FREED unsigned char *all = NULL;
    size_t used = 0, room = 0, n;
    FILE *f = cli_fopen(path, &why);
    if (!f) return cli_fail("%s: %s", path, why);
    do {
        cli_grow(&all, &room, used + CHUNK, 1);
        used += n = fread(all + used, 1, CHUNK, f);
    } while (n == CHUNK && used <= most);
    const int failed = ferror(f);
    fclose(f);
    if (failed) return cli_fail("%s: %s", path, strerror(errno));
    if (used > most) return cli_fail("%s: more than %zu bytes", path, most);
    *bytes = all;
    *size = used;
    all = NULL;
    return CLI_OK;
}

int rec_size(const char *path, size_t *size)
{
    const char *why = NULL;
    FILE *f = cli_fopen(path, &why);
    if (!f) return cli_fail("%s: %s", path, why);
    struct stat about;
    const int failed = fstat(fileno(f), &about);
    fclose(f);
    *size = failed ? 0 : (size_t)about.st_size;
    return failed ? cli_fail("%s: %s", path, strerror(errno)) : CLI_OK;
}

void rec_close(recording *r)
{
    for (size_t i = 0; i < r->n_channels; i++) free(r->channels[i].name), free(r->channels[i].unit);
    for (size_t i = 0; i < r->n_events; i++) free(r->events[i].text), free(r->events[i].aux);
    if (r->own) r->format->drop(r->own);
    free(r->channels);
    free(r->events);
    free(r->path);
    free(r->events_path);
    *r = (recording){0};
}

/* ---- Rates ---- */

static uint64_t common(uint64_t a, uint64_t b)
{
    while (b) {
        const uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

int rec_fraction(double x, rec_rate *fraction)
{
    uint64_t den = 1;
    for (int places = 0; places <= 9 && x > 0 && x < 1e9; places++, den *= 10) {
        const double num = floor(x * (double)den + 0.5);
        if (num / (double)den != x) continue; /* the quotient is rounded as the decimal was */
        const uint64_t same = common((uint64_t)num, den);
        *fraction = (rec_rate){(uint64_t)num / same, den / same};
        return 1;
    }
    return 0;
}

int rec_times(rec_rate a, rec_rate b, rec_rate *product)
{
    const uint64_t x = common(a.num, b.den), y = common(b.num, a.den);
    a.num /= x, b.den /= x, b.num /= y, a.den /= y;
    if (a.num > UINT64_MAX / b.num || a.den > UINT64_MAX / b.den) return 0;
    *product = (rec_rate){a.num * b.num, a.den * b.den};
    return 1;
}

/* ---- Values and events ---- */

rec_scale rec_scale_of(double low, double high, double least, double most)
{
    return (rec_scale){.zero = low,
                       .factor = most - least,
                       .divisor = high - low,
                       .base = least,
                       .low = low,
                       .high = high,
                       .times = 1,
                       .per = 1,
                       .invalid = NAN};
}

float rec_value(const rec_scale *s, double digital, int keep_clipped)
{
    if (digital == s->invalid || (!keep_clipped && (digital <= s->low || digital >= s->high))) return NAN;
    return (float)(((digital - s->zero) * s->factor / s->divisor + s->base) * s->times / s->per);
}

rec_event *rec_add_event(recording *r, double time, double duration, const char *text)
{
    cli_grow(&r->events, &r->room_events, r->n_events + 1, sizeof *r->events);
    rec_event *event = &r->events[r->n_events++];
    *event = (rec_event){.time = time, .duration = duration, .text = cli_copy(text), .usual = 1, .number = r->n_events};
    return event;
}

static int by_time(const void *a, const void *b)
{
    const rec_event *x = a, *y = b;
    return x->time != y->time ? (x->time < y->time ? -1 : 1) : (x->number > y->number) - (x->number < y->number);
}

void rec_sort_events(recording *r)
{
    if (r->n_events) qsort(r->events, r->n_events, sizeof *r->events, by_time);
}
