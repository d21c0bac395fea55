/* SPDX-License-Identifier: Apache-2.0
 *
 * Recordings of signals, as devices and archives write them: channels of samples with physical units, and annotations.
 *
 *   open.c        which format a file is of
 *   wfdb_*.c      records of PhysioNet: a header (.hea), signal files (.dat), annotations (.atr)
 *   edf*.c        EDF, EDF+, BDF and BDF+
 *   gdf*.c        GDF 1 and 2
 *   resample.c    samples at another rate
 *
 * Opening reads the header alone (EDF+: and the annotations, which say when records begin); samples of the channels
 * that are wanted come in one pass. Everything that a header says is checked against the size of the files before
 * memory is taken for it. Each fault is a sentence that names the file, the field and its value.
 */
#ifndef RNNP_CLI_RECORDING_H
#define RNNP_CLI_RECORDING_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "../cli.h"

/* Samples a second, in lowest terms. */
typedef struct rec_rate {
    uint64_t num, den;
} rec_rate;

/* How a number of the file becomes a physical one: (digital - zero) * factor / divisor + base. */
typedef struct rec_scale {
    double zero, factor, divisor, base;
    double low, high;  /* what the converter can give; at these numbers and beyond them the signal is clipped */
    double times, per; /* 1, or what turns the channel's unit into another: the result * times / per */
    double invalid;    /* the number that stands for no value; NaN: none does */
} rec_scale;

typedef struct rec_channel {
    char *name, *unit; /* as the file has them */
    rec_rate rate;
    size_t n; /* samples, those of gaps between discontinuous parts among them */
    rec_scale scale;
    size_t place; /* the reader's */
} rec_channel;

typedef struct rec_event {
    double time, duration; /* seconds from the first sample on; 0: a moment */
    char *text;            /* WFDB: the code's sign, such as N */
    char *aux;             /* WFDB: what is written beside it, or NULL */
    int usual;             /* meant when nobody says which: WFDB: a heart beat; EDF+: any */
    size_t number;         /* its place in the file, from 1 */
} rec_event;

typedef struct recording {
    char *path, *events_path; /* the file that has the annotations */
    rec_channel *channels;
    size_t n_channels;
    rec_event *events; /* by time */
    size_t n_events, room_events;
    double seconds;
    const struct rec_format *format;
    void *own; /* the format's */
} recording;

typedef struct rec_format {
    /* The samples of n channels into x[i], which has room for them; NaN where there is none. */
    int (*read)(const recording *r, const size_t *which, size_t n, int keep_clipped, float *const *x);
    /* Fills events, unless opening did. */
    int (*annotate)(recording *r, const char *annotator);
    void (*drop)(void *own);
} rec_format;

/* What kind of file this is, by its first bytes (of a WFDB header: by its name). */
typedef enum rec_kind { REC_FAILED = -1, REC_OTHER, REC_WFDB, REC_EDF, REC_BDF, REC_GDF } rec_kind;
/* REC_FAILED after a sentence: it cannot be read, or is of a format that is known and not supported. */
rec_kind rec_kind_of(const char *path);

/* CLI_OK, or CLI_FAILED after a sentence; close it either way. */
int rec_open(const char *path, recording *r);
void rec_close(recording *r);
#define AUTO_RECORDING __attribute__((cleanup(rec_close))) recording

/* ---- For the formats ---- */

int rec_open_wfdb(recording *r);
int rec_open_edf(recording *r, int bytes);
int rec_open_gdf(recording *r);

enum { REC_CHANNELS = 4096, REC_SAMPLES = 1 << 28 }; /* of a recording, of a channel */

/* Whether a channel may have `all` samples when its files have `there`: gaps may be long, but a few bytes must not
 * become gigabytes. */
static inline int rec_bounded(double all, double there) { return all <= REC_SAMPLES && all <= 64 * there + (1 << 20); }

/* x as a fraction: a number with at most nine decimals. 0 when it is none, or not above 0. */
int rec_fraction(double x, rec_rate *fraction);
/* a times b; 0 when that is no fraction of 64-bit numbers. */
int rec_times(rec_rate a, rec_rate b, rec_rate *product);
static inline double rec_hertz(rec_rate rate) { return (double)rate.num / (double)rate.den; }
/* The nearest sample. */
static inline double rec_nearest(double seconds, rec_rate rate) { return floor(seconds * rec_hertz(rate) + 0.5); }

/* Digital values from low to high are physical ones from least to most, as in EDF; no number is invalid. */
rec_scale rec_scale_of(double low, double high, double least, double most);
float rec_value(const rec_scale *s, double digital, int keep_clipped);
/* Texts are copied. */
rec_event *rec_add_event(recording *r, double time, double duration, const char *text);
void rec_sort_events(recording *r);
/* Bytes of a file. */
int rec_size(const char *path, size_t *size);
/* A whole file of at most `most` bytes. */
int rec_load(const char *path, size_t most, unsigned char **bytes, size_t *size);
/* A signed number of 1 to 4 bytes, the lowest first. */
static inline int32_t rec_number(const unsigned char *p, int bytes)
{
    uint32_t all = 0;
    for (int i = 0; i < bytes; i++) all |= (uint32_t)p[i] << (8 * i);
    const uint32_t sign = UINT32_C(1) << (8 * bytes - 1);
    return (int32_t)((int64_t)(all & (sign - 1)) - (int64_t)(all & sign));
}

/* ---- resample.c ---- */

/* A low-pass filter at the places of new samples, `up` of them for `down` old ones. */
typedef struct rec_filter {
    size_t up, down, taps, half; /* weights of taps samples, from `half` - 1 before the new sample on */
    double *weights;             /* [up][taps], freed with free() */
} rec_filter;

/* 0 with the reason in *why. */
int rec_filter_make(rec_rate from, rec_rate to, rec_filter *f, const char **why);

/* How many samples at `to` become of n at `from`; 0 with the reason in *why. */
int rec_resampled(size_t n, rec_rate from, rec_rate to, size_t *n_out, const char **why);

/* Samples at `to` instead of `from`; NULL with the reason in *why. Missing ones stay missing. */
float *rec_resample(const float *x, size_t n, rec_rate from, rec_rate to, size_t *n_out, const char **why);

/* ---- resample_stream.c ---- */

/* The same samples, bit by bit, one by one: each as soon as all samples that it is made of are there. That is `half`
 * samples behind; where samples are missing there, until the nearest ones of all of them are known, at most half as
 * many again on top of it. */
typedef struct rec_stream {
    const rec_filter *f;
    double *x;      /* [room] the last samples, missing ones as the nearest one, as far as that is known */
    uint8_t *there; /* [room] */
    size_t room;
    uint64_t n, made; /* old samples so far, new ones taken */
    uint64_t last;    /* the last sample that is there, + 1; 0: none yet */
} rec_stream;

void rec_stream_create(rec_stream *s, const rec_filter *f);
void rec_stream_free(rec_stream *s);
/* An old sample, NaN: missing. All new ones that are ready must have been taken, unless another stream held them up,
 * which had as many old ones. */
void rec_stream_put(rec_stream *s, float x);
/* Whether a new sample is ready; `ended`: no old one comes after the last one. */
int rec_stream_ready(const rec_stream *s, int ended);
float rec_stream_take(rec_stream *s, int ended);

#endif
