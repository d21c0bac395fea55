/* SPDX-License-Identifier: Apache-2.0 */
#include "wfdb.h"

#include <stdlib.h>
#include <string.h>

#include "../train/text.h"

enum { SEGMENTS = 1 << 16 };

typedef struct header {
    recording *r;
    wfdb *w;
    size_t line, records, signals, segments; /* lines of each kind so far */
    size_t promised, promised_segments;
    char *rest; /* of the line */
} header;

#define fault(h, ...) text_fail((h)->r->path, (h)->line, __VA_ARGS__)

/* The next word of the line, "" at its end. */
static char *word(header *h)
{
    char *begin = h->rest + strspn(h->rest, " \t");
    const size_t n = strcspn(begin, " \t");
    h->rest = begin + n + (begin[n] != '\0');
    begin[n] = '\0';
    return begin;
}

static int next_is(char **text, char c)
{
    const int is = **text == c;
    *text += is;
    return is;
}

/* A number at the beginning of *text, which moves behind it. CLI_OK, or CLI_FAILED after a sentence. */
static int take(const header *h, char **text, const char *name, int is_whole, double least, double most, double *x)
{
    const size_t n = strspn(*text, is_whole ? "-0123456789" : "-+.eE0123456789");
    char copy[64] = "";
    if (n < sizeof copy) memcpy(copy, *text, n);
    if (text_number(copy, '.', x) || *x < least || *x > most)
        return fault(h, "%s '%.40s' is not a number from %g to %g", name, *text, least, most);
    *text += n;
    return CLI_OK;
}

/* The same for a whole word, which may be left out. */
static int take_word(header *h, const char *name, double least, double most, double usual, double *x)
{
    char *text = word(h);
    *x = usual;
    if (!*text) return CLI_OK;
    TRY(take(h, &text, name, 1, least, most, x));
    return *text ? fault(h, "%s is followed by '%.40s'", name, text) : CLI_OK;
}

/* A file beside the header: a record must not reach for others. */
static int check_name(const header *h, const char *what, const char *name)
{
    return *name && !strchr(name, '/') && name[0] != '.'
               ? CLI_OK
               : fault(h, "%s '%.80s' is no file beside the header", what, name);
}

/* ---- The record: NAME[/SEGMENTS] SIGNALS [RATE[/COUNTER] [FRAMES ...]] ---- */

static int read_record(header *h)
{
    wfdb *w = h->w;
    char *name = word(h), *slash = strchr(name, '/'), *text;
    double n = 0, rate = 250, frames;
    if (slash) {
        *slash++ = '\0';
        TRY(take(h, &slash, "number of segments", 1, 1, SEGMENTS, &n));
        h->promised_segments = (size_t)n;
        w->segments = cli_alloc(h->promised_segments, sizeof *w->segments);
    }
    TRY(check_name(h, "record", name));
    w->name = cli_copy(name);
    text = word(h);
    TRY(take(h, &text, "number of signals", 1, 0, REC_CHANNELS, &n));
    h->promised = slash ? 0 : (size_t)n;
    text = word(h);
    if (*text) TRY(take(h, &text, "sampling frequency", 0, 1e-9, 1e7, &rate));
    if (!rec_fraction(rate, &w->rate)) return fault(h, "sampling frequency %g has more than nine decimals", rate);
    TRY(take_word(h, "number of samples", 0, REC_SAMPLES, 0, &frames));
    w->frames = (size_t)frames;
    w->counted = frames > 0;
    w->signals = cli_alloc(h->promised + 1, sizeof *w->signals);
    w->files = cli_alloc(h->promised + 1, sizeof *w->files);
    h->r->channels = cli_alloc(h->promised + 1, sizeof *h->r->channels);
    return CLI_OK;
}

/* ---- A signal: FILE FORMAT[xPER_FRAME][:SKEW][+OFFSET]
 *      [GAIN[(BASELINE)][/UNIT] [BITS [ZERO [INITIAL [CHECKSUM [BLOCK [NAME]]]]]]] ---- */

/* Neighbours of the same file share its frames. */
static int join_file(header *h, const char *name, int format, size_t offset)
{
    wfdb *w = h->w;
    wfdb_file *last = w->n_files ? &w->files[w->n_files - 1] : NULL;
    if (last && strcmp(last->name, name) == 0 && strcmp(name, "~") != 0)
        return last->format == format && last->offset == offset
                   ? CLI_OK
                   : fault(h, "format and offset of '%.80s' are not those of the signal before", name);
    for (size_t i = 0; i < w->n_files; i++)
        if (strcmp(w->files[i].name, name) == 0 && strcmp(name, "~") != 0)
            return fault(h, "signals of '%.80s' do not stand together", name);
    w->files[w->n_files++] = (wfdb_file){cli_copy(name), format, offset, 0};
    return CLI_OK;
}

static int read_format(header *h, wfdb_signal *s, int *format)
{
    char *name = word(h), *text = word(h);
    double kind, per_frame = 1, skew = 0, offset = 0;
    TRY(take(h, &text, "format", 1, 0, 1000, &kind));
    if (next_is(&text, 'x')) TRY(take(h, &text, "samples per frame", 1, 1, 1e6, &per_frame));
    if (next_is(&text, ':')) TRY(take(h, &text, "skew", 1, 0, 1e6, &skew));
    if (next_is(&text, '+')) TRY(take(h, &text, "offset", 1, 0, 1e9, &offset));
    if (*text) return fault(h, "format is followed by '%.40s'", text);
    const int none = strcmp(name, "~") == 0;
    if (!none) TRY(check_name(h, "signal file", name));
    *format = (int)kind;
    if (!none && !wfdb_bits(*format))
        return fault(h, "format %d is not read; 8, 16, 24, 32, 61, 80, 160, 212, 310 and 311 are", *format);
    s->per_frame = (size_t)per_frame;
    s->skew = (size_t)skew;
    TRY(join_file(h, name, none ? 0 : *format, (size_t)offset));
    wfdb_file *file = &h->w->files[h->w->n_files - 1];
    s->file = h->w->n_files - 1;
    s->slot = file->frame;
    file->frame += s->per_frame;
    return CLI_OK;
}

/* GAIN(BASELINE)/UNIT; without a gain it is 200 units a millivolt. */
static int read_gain(header *h, double *gain, double *baseline, int *has_baseline, const char **unit)
{
    char *text = word(h);
    *gain = 0;
    *has_baseline = 0;
    *unit = "mV";
    if (*text) TRY(take(h, &text, "gain", 0, -1e30, 1e30, gain));
    if (*text == '(') {
        text++;
        TRY(take(h, &text, "baseline", 1, -2147483648.0, 2147483647.0, baseline));
        if (*text++ != ')') return fault(h, "the baseline has no closing bracket");
        *has_baseline = 1;
    }
    if (*text == '/' && text[1])
        *unit = text + 1;
    else if (*text)
        return fault(h, "gain is followed by '%.40s'", text);
    if (*gain == 0) *gain = 200;
    return CLI_OK;
}

static int read_signal(header *h)
{
    wfdb *w = h->w;
    wfdb_signal *s = &w->signals[w->n_signals++];
    int format = 0, has_baseline = 0;
    double gain = 0, baseline = 0, bits, zero, initial, checksum;
    const char *unit;
    char name[32];
    TRY(read_format(h, s, &format));
    TRY(read_gain(h, &gain, &baseline, &has_baseline, &unit));
    rec_channel *c = &h->r->channels[h->r->n_channels++];
    *c = (rec_channel){.unit = cli_copy(unit), .place = w->n_signals - 1};
    TRY(take_word(h, "resolution in bits", 0, 32, 0, &bits));
    TRY(take_word(h, "zero of the converter", -2147483648.0, 2147483647.0, 0, &zero));
    TRY(take_word(h, "initial value", -2147483648.0, 2147483647.0, zero, &initial));
    s->checked = h->rest[strspn(h->rest, " \t")] != '\0';
    TRY(take_word(h, "checksum", -65536, 65536, 0, &checksum));
    TRY(take_word(h, "block size", -1e9, 1e9, 0, &(double){0}));
    s->initial = (int32_t)initial;
    s->checksum = (int)checksum;
    snprintf(name, sizeof name, "signal %zu", w->n_signals);
    const char *given = text_trim(h->rest);
    c->name = cli_copy(*given ? given : name);
    const rec_rate per_frame = {s->per_frame, 1};
    if (!rec_times(w->rate, per_frame, &c->rate) || rec_hertz(c->rate) > 1e7)
        return fault(h, "'%.80s' has %zu samples in each of %g frames a second: more than 10 MHz", c->name,
                     s->per_frame, rec_hertz(w->rate));
    const int width = wfdb_bits(format) ? wfdb_bits(format) : 16, n = bits > 0 && bits < width ? (int)bits : width;
    const double half = (double)(INT64_C(1) << (n - 1));
    c->scale = (rec_scale){.zero = has_baseline ? baseline : zero,
                           .factor = 1,
                           .divisor = gain,
                           .low = zero - half,
                           .high = zero + half - 1,
                           .times = 1,
                           .per = 1,
                           .invalid = format == 8 ? NAN : -(double)(INT64_C(1) << (width - 1))};
    return CLI_OK;
}

/* ---- A segment: NAME FRAMES; the name ~ is a gap ---- */

static int read_segment(header *h)
{
    wfdb *w = h->w;
    wfdb_segment *s = &w->segments[w->n_segments++], *before = w->n_segments > 1 ? s - 1 : NULL;
    char *name = word(h), *text = word(h);
    double frames;
    const int gap = strcmp(name, "~") == 0;
    if (!gap) TRY(check_name(h, "segment", name));
    TRY(take(h, &text, "number of samples", 1, 0, REC_SAMPLES, &frames));
    if (!gap) s->path = wfdb_path(w, name, ".hea");
    s->frames = (size_t)frames;
    s->first = before ? before->first + before->frames : 0;
    return s->first + s->frames <= REC_SAMPLES ? CLI_OK : fault(h, "the segments have more than 2^28 samples");
}

/* ---- The file ---- */

void wfdb_drop(void *own)
{
    wfdb *w = own;
    for (size_t i = 0; i < w->n_files; i++) free(w->files[i].name);
    for (size_t i = 0; i < w->n_segments; i++) free(w->segments[i].path);
    free(w->files);
    free(w->signals);
    free(w->segments);
    free(w->folder);
    free(w->name);
    free(w);
}

static int read_line(void *user, line_reader *lines)
{
    header *h = user;
    char *text = text_trim(lines->line);
    h->line = lines->number;
    h->rest = text;
    if (!*text || *text == '#') return CLI_OK;
    if (h->records++ == 0) return read_record(h);
    if (h->w->n_segments < h->promised_segments) return read_segment(h);
    if (h->w->n_signals < h->promised) return read_signal(h);
    return fault(h, "a line behind the last signal: '%.40s'", text);
}

char *wfdb_path(const wfdb *w, const char *name, const char *ending)
{
    const size_t size = strlen(w->folder) + strlen(name) + strlen(ending) + 1;
    char *path = cli_alloc(size, 1);
    snprintf(path, size, "%s%s%s", w->folder, name, ending);
    return path;
}

int wfdb_read_header(recording *r, wfdb *w)
{
    header h = {.r = r, .w = w};
    const char *slash = strrchr(r->path, '/');
    w->folder = cli_copy(r->path);
    w->folder[slash ? slash - r->path + 1 : 0] = '\0';
    TRY(lines_each(r->path, read_line, &h));
    if (!h.records) return cli_fail("%s: no line that describes the record", r->path);
    if (w->n_signals < h.promised)
        return cli_fail("%s: number of signals is %zu, and %zu are described", r->path, h.promised, w->n_signals);
    if (w->n_segments < h.promised_segments)
        return cli_fail("%s: number of segments is %zu, and %zu are described", r->path, h.promised_segments,
                        w->n_segments);
    return CLI_OK;
}
