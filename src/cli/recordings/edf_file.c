/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "edf.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../train/text.h"

enum { MAIN = 256, MOST_RECORD = 1 << 26, MOST_RECORDS = 1 << 28 };

/* ---- Fields ---- */

typedef struct header {
    recording *r;
    edf *e;
    unsigned char *text; /* MAIN bytes, then for each field of signals all signals */
    size_t size;
} header;

/* A field without the blanks around it. */
static const char *field(const header *h, size_t at, size_t width, char text[81])
{
    memcpy(text, h->text + at, width);
    text[width] = '\0';
    return text_trim(text);
}

/* The field number `which` of signal i; widths as in the format. */
enum { LABEL, TRANSDUCER, UNIT, PHYSICAL_MIN, PHYSICAL_MAX, DIGITAL_MIN, DIGITAL_MAX, FILTER, SAMPLES, RESERVED };
static const char *signal_field(const header *h, int which, size_t i, char text[81])
{
    static const size_t widths[] = {16, 80, 8, 8, 8, 8, 8, 80, 8, 32};
    size_t at = MAIN;
    for (int k = 0; k < which; k++) at += widths[k] * h->e->n_signals;
    return field(h, at + widths[which] * i, widths[which], text);
}

static int number(const header *h, const char *text, const char *name, double least, double most, double *x)
{
    const char *wrong = text_number(text, '.', x);
    if (wrong) return cli_fail("%s: header: %s '%s' %s", h->r->path, name, text, wrong);
    return *x >= least && *x <= most
               ? CLI_OK
               : cli_fail("%s: header: %s %s is not from %g to %g", h->r->path, name, text, least, most);
}

static int whole(const header *h, const char *text, const char *name, double least, double most, double *x)
{
    TRY(number(h, text, name, least, most, x));
    return *x == floor(*x) ? CLI_OK : cli_fail("%s: header: %s %s is no whole number", h->r->path, name, text);
}

static int signal_number(const header *h, int which, size_t i, const char *what, double least, double most,
                         int is_whole, double *x)
{
    char text[81], label[81], name[160];
    snprintf(name, sizeof name, "%s of signal %zu ('%s')", what, i + 1, signal_field(h, LABEL, i, label));
    return (is_whole ? whole : number)(h, signal_field(h, which, i, text), name, least, most, x);
}

/* ---- Signals ---- */

static int read_scale(const header *h, size_t i, rec_channel *c)
{
    const double most = h->e->bytes == 2 ? 32767 : 8388607;
    double physical_min, physical_max, low, high;
    TRY(signal_number(h, PHYSICAL_MIN, i, "physical minimum", -1e30, 1e30, 0, &physical_min));
    TRY(signal_number(h, PHYSICAL_MAX, i, "physical maximum", -1e30, 1e30, 0, &physical_max));
    TRY(signal_number(h, DIGITAL_MIN, i, "digital minimum", -most - 1, most, 1, &low));
    TRY(signal_number(h, DIGITAL_MAX, i, "digital maximum", -most - 1, most, 1, &high));
    if (low >= high)
        return cli_fail("%s: header: signal %zu ('%s') has the digital minimum %g and the maximum %g", h->r->path,
                        i + 1, c->name, low, high);
    if (physical_min == physical_max)
        return cli_fail("%s: header: signal %zu ('%s') has the physical minimum and maximum %g", h->r->path, i + 1,
                        c->name, physical_min);
    c->scale = rec_scale_of(low, high, physical_min, physical_max);
    return CLI_OK;
}

static int read_signal(const header *h, size_t i)
{
    edf *e = h->e;
    recording *r = h->r;
    char text[81];
    double n;
    e->signals[i].at = e->record;
    e->signals[i].annotations =
        e->plus && strcmp(signal_field(h, LABEL, i, text), e->bytes == 2 ? "EDF Annotations" : "BDF Annotations") == 0;
    TRY(signal_number(h, SAMPLES, i, "number of samples in a record", 1, MOST_RECORD, 1, &n));
    e->signals[i].n = (size_t)n;
    e->record += e->signals[i].n * (size_t)e->bytes;
    if (e->record > MOST_RECORD)
        return cli_fail("%s: header: a data record has more than %d bytes", r->path, MOST_RECORD);
    if (e->signals[i].annotations) return CLI_OK;
    rec_channel *c = &r->channels[r->n_channels++];
    *c = (rec_channel){.name = cli_copy(signal_field(h, LABEL, i, text)), .place = i};
    c->unit = cli_copy(signal_field(h, UNIT, i, text));
    TRY(read_scale(h, i, c));
    const rec_rate per_record = {e->signals[i].n, 1}, a_second = {e->duration.den, e->duration.num};
    if (!e->duration.num)
        return cli_fail("%s: header: the duration of a data record is 0, and signal %zu ('%s') has samples", r->path,
                        i + 1, c->name);
    if (!rec_times(per_record, a_second, &c->rate) || rec_hertz(c->rate) > 1e7)
        return cli_fail("%s: header: signal %zu ('%s') has %zu samples in %g s: more than 10 MHz", r->path, i + 1,
                        c->name, e->signals[i].n, edf_seconds(e));
    return CLI_OK;
}

/* ---- The file ---- */

static int check_size(const header *h, double promised)
{
    const edf *e = h->e;
    struct stat about;
    if (fstat(fileno(e->file), &about) != 0 || (size_t)about.st_size < e->header)
        return cli_fail("%s: the header promises %zu bytes for itself; the file ends before", h->r->path, e->header);
    const size_t rest = (size_t)about.st_size - e->header, there = rest / e->record;
    if (there == 0) return cli_fail("%s: no complete data record of %zu bytes", h->r->path, e->record);
    if (there > MOST_RECORDS) return cli_fail("%s: more than %d data records", h->r->path, MOST_RECORDS);
    if (promised >= 0 && (promised * (double)e->record != (double)rest))
        return cli_fail("%s: the header promises %.0f data records of %zu bytes; the file has %zu and %zu bytes",
                        h->r->path, promised, e->record, there, rest % e->record);
    h->e->n_records = there;
    return CLI_OK;
}

static int read_main(header *h)
{
    edf *e = h->e;
    recording *r = h->r;
    char text[81];
    double signals, size, duration, records;
    h->text = cli_alloc(MAIN, 1);
    if (fread(h->text, 1, MAIN, e->file) != MAIN) return cli_fail("%s: the header ends before byte 256", r->path);
    TRY(whole(h, field(h, 252, 4, text), "number of signals", 1, REC_CHANNELS, &signals));
    TRY(whole(h, field(h, 184, 8, text), "number of bytes in the header", 0, 1e8, &size));
    TRY(whole(h, field(h, 236, 8, text), "number of data records", -1, MOST_RECORDS, &records));
    TRY(number(h, field(h, 244, 8, text), "duration of a data record", 0, 1e8, &duration));
    if (duration > 0 && !rec_fraction(duration, &e->duration))
        return cli_fail("%s: header: duration of a data record %s has more than nine decimals", r->path, text);
    e->n_signals = (size_t)signals;
    e->header = MAIN * (e->n_signals + 1);
    if (size != (double)e->header)
        return cli_fail("%s: header: number of bytes in the header is %.0f; with %zu signals it is %zu", r->path, size,
                        e->n_signals, e->header);
    const char *kind = field(h, 192, 44, text);
    e->plus = strncmp(kind, e->bytes == 2 ? "EDF+" : "BDF+", 4) == 0;
    e->continuous = !e->plus || kind[4] != 'D';
    free(h->text);
    h->text = cli_alloc(e->header, 1);
    rewind(e->file);
    if (fread(h->text, 1, e->header, e->file) != e->header)
        return cli_fail("%s: the header of %zu signals has %zu bytes; the file ends before", r->path, e->n_signals,
                        e->header);
    e->signals = cli_alloc(e->n_signals, sizeof *e->signals);
    r->channels = cli_alloc(e->n_signals, sizeof *r->channels);
    for (size_t i = 0; i < e->n_signals; i++) TRY(read_signal(h, i));
    return check_size(h, records);
}

/* ---- Samples ---- */

/* Where record k begins in a channel. */
static size_t first_sample(const edf *e, const rec_channel *c, size_t k)
{
    return e->start ? (size_t)rec_nearest(e->start[k], c->rate) : k * e->signals[c->place].n;
}

static int read_samples(const recording *r, const size_t *which, size_t n, int keep_clipped, float *const *x)
{
    const edf *e = r->own;
    for (size_t i = 0; i < n && e->start; i++)
        for (size_t t = 0; t < r->channels[which[i]].n; t++) x[i][t] = NAN;
    for (size_t k = 0; k < e->n_records; k++) {
        TRY(edf_record(r, e, k));
        for (size_t i = 0; i < n; i++) {
            const rec_channel *c = &r->channels[which[i]];
            const edf_signal *s = &e->signals[c->place];
            const unsigned char *p = e->bytes_of + s->at;
            float *to = x[i] + first_sample(e, c, k);
            for (size_t t = 0; t < s->n; t++, p += e->bytes)
                to[t] = rec_value(&c->scale, rec_number(p, e->bytes), keep_clipped);
        }
    }
    return CLI_OK;
}

/* Gaps count as samples: of a file they may be many, but not any number. */
static int count_samples(recording *r, const edf *e)
{
    const size_t last = e->n_records - 1;
    r->seconds = (e->start ? e->start[last] : (double)last * edf_seconds(e)) + edf_seconds(e);
    for (size_t i = 0; i < r->n_channels; i++) {
        rec_channel *c = &r->channels[i];
        const double there = (double)e->n_records * (double)e->signals[c->place].n,
                     all = r->seconds * rec_hertz(c->rate);
        if (!rec_bounded(all, there))
            return cli_fail("%s: channel '%s' has %.0f samples, with gaps %.0f; it may have 2^28, and gaps 64 times as "
                            "many as samples",
                            r->path, c->name, there, all);
        c->n = first_sample(e, c, last) + e->signals[c->place].n;
    }
    return CLI_OK;
}

static void drop(void *own)
{
    edf *e = own;
    if (e->file) fclose(e->file);
    free(e->signals);
    free(e->start);
    free(e->bytes_of);
    free(e);
}

static int annotate(recording *r, const char *annotator)
{
    (void)annotator; /* they stand in the file itself, and are read */
    const edf *e = r->own;
    return e->plus ? CLI_OK
                   : cli_fail("%s: it has no annotations: it is no %s+", r->path, e->bytes == 2 ? "EDF" : "BDF");
}

static const rec_format format = {read_samples, annotate, drop};

int rec_open_edf(recording *r, int bytes)
{
    const char *why = NULL;
    edf *e = cli_alloc(1, sizeof *e);
    header h = {.r = r, .e = e};
    r->format = &format;
    r->own = e;
    r->events_path = cli_copy(r->path);
    e->bytes = bytes;
    e->file = cli_fopen(r->path, &why);
    if (!e->file) return cli_fail("%s: %s", r->path, why);
    const int code = read_main(&h);
    free(h.text);
    TRY(code);
    e->bytes_of = cli_alloc(e->record, 1);
    if (e->plus) TRY(edf_annotations(r, e));
    return count_samples(r, e);
}
