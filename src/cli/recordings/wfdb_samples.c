/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "wfdb.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_BYTES = 0x7fffffff };

static int is_none(const wfdb_file *file) { return strcmp(file->name, "~") == 0; }

/* Where a signal file is. Records are renamed with all their files, and the header still tells the old name. */
static char *find_file(const recording *r, const wfdb_file *file)
{
    const wfdb *w = r->own;
    const size_t old = strlen(w->name), base = strlen(w->folder), stem = strlen(r->path) - base - strlen(".hea");
    char *path = wfdb_path(w, file->name, "");
    if (access(path, F_OK) == 0 || strncmp(file->name, w->name, old) != 0) return path;
    FREED char *name = cli_alloc(stem + strlen(file->name) + 1, 1);
    snprintf(name, stem + strlen(file->name) + 1, "%.*s%s", (int)stem, r->path + base, file->name + old);
    char *renamed = wfdb_path(w, name, "");
    if (access(renamed, F_OK) != 0) return free(renamed), path;
    free(path);
    return renamed;
}

/* Whether a file of `size` bytes has all frames; *rest are those behind its offset. */
static int check_size(const recording *r, const wfdb_file *file, const char *path, size_t size, size_t *rest)
{
    const wfdb *w = r->own;
    const size_t need = wfdb_bytes(file->format, w->frames * file->frame);
    *rest = size > file->offset ? size - file->offset : 0;
    return *rest >= need
               ? CLI_OK
               : cli_fail(
                     "%s: %s promises %zu frames of %zu samples in format %d, which are %zu bytes; the file has %zu%s",
                     path, r->path, w->frames, file->frame, file->format, need, *rest,
                     file->offset ? " behind its offset" : "");
}

static int load(const recording *r, const wfdb_file *file, unsigned char **bytes)
{
    FREED char *path = find_file(r, file);
    size_t size, rest;
    TRY(rec_load(path, MOST_BYTES, bytes, &size));
    return check_size(r, file, path, size, &rest);
}

/* ---- Samples ---- */

/* All samples of one signal in the order of the file, as digital numbers; format 8 adds up its differences. */
static void decode(const wfdb *w, const wfdb_signal *s, const unsigned char *bytes, int32_t *digital)
{
    const wfdb_file *file = &w->files[s->file];
    int32_t sum = s->initial;
    for (size_t f = 0, i = 0; f < w->frames; f++)
        for (size_t k = 0; k < s->per_frame; k++, i++) {
            const size_t at = f * file->frame + s->slot + k;
            if (file->format == 8) sum = (int32_t)((uint32_t)sum + (uint32_t)rec_number(bytes + at, 1));
            digital[i] = file->format == 8 ? sum : wfdb_sample(file->format, bytes, at);
        }
}

static int check_sum(const recording *r, const rec_channel *c, const int32_t *digital)
{
    const wfdb *w = r->own;
    const wfdb_signal *s = &w->signals[c->place];
    uint32_t sum = 0;
    for (size_t i = 0; i < c->n; i++) sum += (uint32_t)digital[i];
    if (!s->checked || !w->counted || ((sum - (uint32_t)s->checksum) & 0xffff) == 0) return CLI_OK;
    return cli_fail("%s: checksum of '%s' is %d in the header and %d by the samples of %s%s", r->path, c->name,
                    s->checksum, (int)rec_number((const unsigned char[]){sum & 0xff, (sum >> 8) & 0xff}, 2), w->folder,
                    w->files[s->file].name);
}

static int read_channel(const recording *r, const rec_channel *c, const unsigned char *bytes, int keep_clipped,
                        float *x)
{
    const wfdb *w = r->own;
    const wfdb_signal *s = &w->signals[c->place];
    const size_t late = s->skew * s->per_frame;
    FREED int32_t *digital = cli_alloc(c->n + 1, sizeof *digital);
    decode(w, s, bytes, digital);
    TRY(check_sum(r, c, digital));
    for (size_t i = 0; i < c->n; i++)
        x[i] = i + late < c->n ? rec_value(&c->scale, digital[i + late], keep_clipped) : NAN;
    return CLI_OK;
}

static int read_samples(const recording *r, const size_t *which, size_t n, int keep_clipped, float *const *x)
{
    const wfdb *w = r->own;
    for (size_t f = 0; f < w->n_files && w->frames; f++) {
        FREED unsigned char *bytes = NULL;
        for (size_t i = 0; i < n; i++) {
            const rec_channel *c = &r->channels[which[i]];
            if (w->signals[c->place].file != f) continue;
            if (is_none(&w->files[f])) {
                for (size_t t = 0; t < c->n; t++) x[i][t] = NAN;
                continue;
            }
            if (!bytes) TRY(load(r, &w->files[f], &bytes));
            TRY(read_channel(r, c, bytes + w->files[f].offset, keep_clipped, x[i]));
        }
    }
    return CLI_OK;
}

/* ---- Opening ---- */

/* Checks the files' sizes. A header that does not count its samples leaves it to the shortest file. */
static int count_frames(recording *r, wfdb *w)
{
    size_t least = SIZE_MAX, there = 0, size, rest;
    for (size_t f = 0; f < w->n_files; f++) {
        const wfdb_file *file = &w->files[f];
        FREED char *path = find_file(r, file);
        if (is_none(file)) continue;
        TRY(rec_size(path, &size));
        TRY(check_size(r, file, path, size, &rest));
        const size_t samples = wfdb_samples(file->format, rest);
        there += samples;
        least = samples / file->frame < least ? samples / file->frame : least;
    }
    if (!w->counted) w->frames = least == SIZE_MAX ? 0 : least;
    for (size_t i = 0; i < r->n_channels; i++) {
        rec_channel *c = &r->channels[i];
        c->n = w->frames * w->signals[i].per_frame;
        if (!rec_bounded((double)c->n, (double)there))
            return cli_fail("%s: '%s' has %zu samples, the files have %zu; it may have 2^28, and 64 times as many",
                            r->path, c->name, c->n, there);
    }
    r->seconds = (double)w->frames / rec_hertz(w->rate);
    return CLI_OK;
}

int wfdb_open_plain(recording *r, wfdb *w)
{
    static const rec_format format = {read_samples, wfdb_annotate, wfdb_drop};
    r->format = &format;
    return count_frames(r, w);
}
