/* SPDX-License-Identifier: Apache-2.0
 *
 * WFDB records (physionet.org/physiotools/wag): NAME.hea tells the signals and their files, in which samples stand
 * frame by frame. A record of segments is made of further records.
 */
#ifndef RNNP_CLI_WFDB_H
#define RNNP_CLI_WFDB_H

#include "recording.h"

typedef struct wfdb_signal {
    size_t file, slot, per_frame; /* its samples in a frame: from `slot` on */
    size_t skew;                  /* frames by which it comes late */
    int32_t initial;              /* before the first difference (format 8) */
    int checked, checksum;        /* the header has a checksum of 16 bits */
} wfdb_signal;

typedef struct wfdb_file {
    char *name; /* "~": there is none, all its samples are missing */
    int format;
    size_t offset, frame; /* bytes before the samples, samples of a frame */
} wfdb_file;

typedef struct wfdb_segment {
    char *path; /* of its header; NULL: a gap */
    size_t first, frames;
} wfdb_segment;

typedef struct wfdb {
    char *folder, *name;
    rec_rate rate; /* of frames */
    size_t frames; /* 0: as many as the files have */
    int counted;   /* the header says how many */
    wfdb_signal *signals;
    wfdb_file *files;
    size_t n_signals, n_files;
    wfdb_segment *segments;
    size_t n_segments;
} wfdb;

/* Reads the header into r->channels (with n and seconds still 0) and w. */
int wfdb_read_header(recording *r, wfdb *w);
/* Bytes of `samples` samples, and how many samples so many bytes are. 0 where the format is not known. */
size_t wfdb_bytes(int format, size_t samples);
size_t wfdb_samples(int format, size_t bytes);
/* The number of bits, and the number that stands for a missing sample (0: none does). 0: the format is not known. */
int wfdb_bits(int format);
/* Sample i of a file's bytes, except of format 8, which has differences. */
int32_t wfdb_sample(int format, const unsigned char *bytes, size_t i);
/* Joins folder, name and an ending. The caller frees it. */
char *wfdb_path(const wfdb *w, const char *name, const char *ending);
int wfdb_annotate(recording *r, const char *annotator);
void wfdb_drop(void *own);
/* A record without segments, whose header was read: the sizes of its files, its samples. */
int wfdb_open_plain(recording *r, wfdb *w);

#endif
