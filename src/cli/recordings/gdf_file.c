/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "gdf.h"

#include <stdlib.h>
#include <string.h>

#include "../train/text.h"

enum { MAIN = 256, MOST_RECORD = 1 << 26, MOST_RECORDS = 1 << 28 };

/* ---- Samples ---- */

typedef enum number_kind { SIGNED, UNSIGNED, REAL } number_kind;

static const struct gdf_type {
    unsigned number; /* in the header */
    size_t bytes;
    number_kind kind;
} types[] = {{1, 1, SIGNED}, {2, 1, UNSIGNED}, {3, 2, SIGNED}, {4, 2, UNSIGNED}, {5, 4, SIGNED},   {6, 4, UNSIGNED},
             {7, 8, SIGNED}, {8, 8, UNSIGNED}, {16, 4, REAL},  {17, 8, REAL},    {279, 3, SIGNED}, {535, 3, UNSIGNED}};

static double number_of(uint64_t bits, size_t bytes, number_kind kind)
{
    const uint64_t sign = UINT64_C(1) << (8 * bytes - 1), wide = (bits ^ sign) - sign;
    const uint32_t low = (uint32_t)bits;
    int64_t x;
    float f;
    double d;
    memcpy(&x, &wide, sizeof x);
    memcpy(&f, &low, sizeof f);
    memcpy(&d, &bits, sizeof d);
    return kind == SIGNED ? (double)x : kind == UNSIGNED ? (double)bits : bytes == 4 ? (double)f : d;
}

static double double_of(const unsigned char *p) { return number_of(gdf_bits(p, 8), 8, REAL); }

static int read_samples(const recording *r, const size_t *which, size_t n, int keep_clipped, float *const *x)
{
    const gdf *g = r->own;
    FREED unsigned char *bytes = cli_alloc(g->record, 1);
    if (fseeko(g->file, (off_t)g->header, SEEK_SET) != 0) return cli_fail("%s: its records cannot be read", r->path);
    for (size_t k = 0; k < g->n_records; k++) {
        if (fread(bytes, 1, g->record, g->file) != g->record)
            return cli_fail("%s: data record %zu cannot be read", r->path, k + 1);
        for (size_t i = 0; i < n; i++) {
            const rec_channel *c = &r->channels[which[i]];
            const gdf_signal *s = &g->signals[c->place];
            const unsigned char *p = bytes + s->at;
            for (size_t t = 0; t < s->n; t++, p += s->type->bytes)
                x[i][k * s->n + t] = rec_value(
                    &c->scale, number_of(gdf_bits(p, s->type->bytes), s->type->bytes, s->type->kind), keep_clipped);
        }
    }
    return CLI_OK;
}

/* ---- Signals: each field stands for all of them, then comes the next ---- */

typedef struct header {
    recording *r;
    gdf *g;
    unsigned char *bytes; /* MAIN, then MAIN for each signal */
} header;

/* Field at byte `at` of a signal's 256, of this width. */
static const unsigned char *field(const header *h, size_t at, size_t width, size_t i)
{
    return h->bytes + MAIN + at * h->g->n_signals + width * i;
}

static const char *text_field(const header *h, size_t at, size_t width, size_t i, char text[32])
{
    memcpy(text, field(h, at, width, i), width);
    text[width] = '\0';
    return text_trim(text);
}

/* ISO 11073-10101: the lowest five bits are a power of ten. Units that have no name here go by their number. */
static void unit_of(unsigned code, char text[32])
{
    static const char *const prefixes[32] = {
        "", "da", "h", "k", "M", "G", "T", "P", "E", "Z", "Y", [16] = "d", "c", "m", "u", "n", "p", "f", "a", "z", "y"};
    static const struct {
        unsigned code;
        const char *name;
    } units[] = {{0, ""},      {512, ""},   {544, "%"},    {2176, "s"}, {2496, "Hz"},   {2528, "1/min"},
                 {3840, "Pa"}, {4256, "V"}, {4288, "Ohm"}, {6048, "C"}, {3872, "mmHg"}, {1280, "m"}};
    const char *prefix = prefixes[code & 31];
    for (size_t i = 0; i < COUNT(units); i++)
        if (units[i].code == (code & ~31u) && prefix) {
            snprintf(text, 32, "%s%s", prefix, units[i].name);
            return;
        }
    snprintf(text, 32, "unit %u", code);
}

static int read_scale(const header *h, size_t i, rec_channel *c)
{
    const int early = h->g->version < 1.9;
    const unsigned char *from = field(h, 120, 8, i), *to = field(h, 128, 8, i);
    const double least = double_of(field(h, 104, 8, i)), most = double_of(field(h, 112, 8, i));
    const double low = early ? number_of(gdf_bits(from, 8), 8, SIGNED) : double_of(from);
    const double high = early ? number_of(gdf_bits(to, 8), 8, SIGNED) : double_of(to);
    c->scale = rec_scale_of(low, high, least, most);
    if (!(fabs(least) <= 1e30 && fabs(most) <= 1e30) || least == most)
        return cli_fail("%s: header: signal %zu ('%s') has the physical minimum %g and the maximum %g", h->r->path,
                        i + 1, c->name, least, most);
    if (!(fabs(low) <= 1e30 && fabs(high) <= 1e30) || !(low < high))
        return cli_fail("%s: header: signal %zu ('%s') has the digital minimum %g and the maximum %g", h->r->path,
                        i + 1, c->name, low, high);
    return CLI_OK;
}

static int read_rate(const header *h, size_t i, rec_channel *c)
{
    gdf_signal *s = &h->g->signals[i];
    const unsigned type = (unsigned)gdf_bits(field(h, 220, 4, i), 4);
    s->at = h->g->record;
    s->n = (size_t)gdf_bits(field(h, 216, 4, i), 4);
    for (size_t k = 0; k < COUNT(types); k++)
        if (types[k].number == type) s->type = &types[k];
    if (!s->type)
        return cli_fail("%s: header: signal %zu ('%s') has samples of type %u, which is not read", h->r->path, i + 1,
                        c->name, type);
    if (s->n == 0)
        return cli_fail("%s: header: signal %zu ('%s') has no samples in a record: signals whose samples are events "
                        "are not read",
                        h->r->path, i + 1, c->name);
    if (s->n > MOST_RECORD || (h->g->record += s->n * s->type->bytes) > MOST_RECORD)
        return cli_fail("%s: header: a data record has more than %d bytes", h->r->path, MOST_RECORD);
    const rec_rate a_second = {h->g->duration.den, h->g->duration.num};
    if (!rec_times((rec_rate){s->n, 1}, a_second, &c->rate) || rec_hertz(c->rate) > 1e7)
        return cli_fail("%s: header: signal %zu ('%s') has %zu samples in %g s: more than 10 MHz", h->r->path, i + 1,
                        c->name, s->n, rec_hertz(h->g->duration));
    return CLI_OK;
}

static int read_signal(const header *h, size_t i)
{
    rec_channel *c = &h->r->channels[h->r->n_channels++];
    char text[32];
    *c = (rec_channel){.name = cli_copy(text_field(h, 0, 16, i, text)), .place = i};
    if (h->g->version < 1.9)
        text_field(h, 96, 8, i, text);
    else
        unit_of((unsigned)gdf_bits(field(h, 102, 2, i), 2), text);
    c->unit = cli_copy(text_trim(text));
    TRY(read_scale(h, i, c));
    return read_rate(h, i, c);
}

/* ---- The file ---- */

/* A fraction that is this number: one of few decimals, or one over such. */
static int fraction_of(double x, rec_rate *fraction)
{
    if (rec_fraction(x, fraction)) return 1;
    for (double den = 1; den <= 1e9 && x > 0; den *= 10) {
        const double num = floor(den / x + 0.5);
        if (num >= 1 && num < 1e15 && den / num == x)
            return rec_times((rec_rate){(uint64_t)den, 1}, (rec_rate){1, (uint64_t)num}, fraction);
    }
    return 0;
}

/* Two whole numbers; since version 2.21 one in double precision. */
static int read_duration(const header *h)
{
    const unsigned char *p = h->bytes + 244;
    const unsigned long long num = gdf_bits(p, 4), den = gdf_bits(p + 4, 4);
    if (h->g->version >= 2.21)
        return fraction_of(double_of(p), &h->g->duration)
                   ? CLI_OK
                   : cli_fail("%s: header: the duration of a data record is %.17g s", h->r->path, double_of(p));
    return num && den && rec_times((rec_rate){num, 1}, (rec_rate){1, den}, &h->g->duration)
               ? CLI_OK
               : cli_fail("%s: header: the duration of a data record is %llu / %llu s", h->r->path, num, den);
}

/* What the fixed header says; `size` is the file's. */
static int read_main(header *h, size_t size)
{
    gdf *g = h->g;
    const char *path = h->r->path;
    unsigned char *b = h->bytes = cli_alloc(MAIN, 1);
    char version[8] = {0};
    if (fread(b, 1, MAIN, g->file) != MAIN) return cli_fail("%s: the header ends before byte 256", path);
    memcpy(version, b + 4, 4);
    if (text_number(version, '.', &g->version) || g->version < 1 || g->version >= 3)
        return cli_fail("%s: version '%s' of GDF is not read; 1 and 2 are", path, version);
    const int early = g->version < 1.9;
    const double promised = early ? (double)gdf_bits(b + 184, 8) : 256 * (double)gdf_bits(b + 184, 2);
    g->n_signals = (size_t)gdf_bits(b + 252, early ? 4 : 2);
    if (g->n_signals == 0 || g->n_signals > REC_CHANNELS)
        return cli_fail("%s: header: %zu signals; 1 to %d are read", path, g->n_signals, REC_CHANNELS);
    if (promised < (double)(MAIN * (g->n_signals + 1)) || promised > (double)size)
        return cli_fail(
            "%s: header: it says that it has %.0f bytes; with %zu signals it has at least %zu, and the file "
            "has %zu",
            path, promised, g->n_signals, MAIN * (g->n_signals + 1), size);
    g->header = (size_t)promised;
    return read_duration(h);
}

static int read_header(header *h, size_t size)
{
    gdf *g = h->g;
    recording *r = h->r;
    TRY(read_main(h, size));
    const double promised = number_of(gdf_bits(h->bytes + 236, 8), 8, SIGNED);
    free(h->bytes);
    h->bytes = cli_alloc(MAIN * (g->n_signals + 1), 1);
    rewind(g->file);
    if (fread(h->bytes, 1, MAIN * (g->n_signals + 1), g->file) != MAIN * (g->n_signals + 1))
        return cli_fail("%s: the header of %zu signals cannot be read", r->path, g->n_signals);
    g->signals = cli_alloc(g->n_signals, sizeof *g->signals);
    r->channels = cli_alloc(g->n_signals, sizeof *r->channels);
    for (size_t i = 0; i < g->n_signals; i++) TRY(read_signal(h, i));
    const size_t rest = size - g->header, there = rest / g->record;
    if (promised < -1 || promised == 0 || promised > MOST_RECORDS || (promised == -1 && there > MOST_RECORDS))
        return cli_fail("%s: header: %.0f data records", r->path, promised);
    g->n_records = promised < 0 ? there : (size_t)promised;
    if (g->n_records == 0 || g->n_records > there || (promised < 0 && rest % g->record))
        return cli_fail("%s: the header promises %.0f data records of %zu bytes; the file has %zu and %zu bytes",
                        r->path, promised, g->record, there, rest % g->record);
    return CLI_OK;
}

static int read_events(recording *r, gdf *g, size_t size)
{
    const size_t at = g->header + g->n_records * g->record;
    return at == size ? CLI_OK : gdf_events(r, g, size - at);
}

static int count_samples(recording *r, const gdf *g)
{
    r->seconds = (double)g->n_records * rec_hertz(g->duration);
    for (size_t i = 0; i < r->n_channels; i++) {
        rec_channel *c = &r->channels[i];
        const double all = (double)g->n_records * (double)g->signals[c->place].n;
        if (!rec_bounded(all, all))
            return cli_fail("%s: channel '%s' has %.0f samples; it may have 2^28", r->path, c->name, all);
        c->n = (size_t)all;
    }
    return CLI_OK;
}

static void drop(void *own)
{
    gdf *g = own;
    if (g->file) fclose(g->file);
    free(g->signals);
    free(g);
}

static int annotate(recording *r, const char *annotator)
{
    (void)r;
    (void)annotator; /* they stand in the file itself, and are read */
    return CLI_OK;
}

static const rec_format format = {read_samples, annotate, drop};

int rec_open_gdf(recording *r)
{
    const char *why = NULL;
    size_t size = 0;
    gdf *g = cli_alloc(1, sizeof *g);
    header h = {.r = r, .g = g};
    r->format = &format;
    r->own = g;
    r->events_path = cli_copy(r->path);
    TRY(rec_size(r->path, &size));
    g->file = cli_fopen(r->path, &why);
    if (!g->file) return cli_fail("%s: %s", r->path, why);
    const int code = read_header(&h, size);
    free(h.bytes);
    TRY(code);
    TRY(count_samples(r, g));
    return read_events(r, g, size);
}
