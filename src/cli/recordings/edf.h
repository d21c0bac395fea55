/* SPDX-License-Identifier: Apache-2.0
 *
 * EDF (Kemp et al. 1992), EDF+ (Kemp and Olivan 2003), BDF and BDF+ (the same with 24 bits): a header of text in
 * fields of fixed width, then data records of equal length. A record has n samples of each signal. Signals named "EDF
 * Annotations" have text instead, which also says when each record begins.
 */
#ifndef RNNP_CLI_EDF_H
#define RNNP_CLI_EDF_H

#include "recording.h"

typedef struct edf_signal {
    size_t at, n; /* its first byte in each record, its samples there */
    int annotations;
} edf_signal;

typedef struct edf {
    int bytes; /* of a sample */
    int plus, continuous;
    size_t header, record, n_records, n_signals; /* header, record: bytes */
    rec_rate duration;                           /* seconds of a record; 0: there are annotations alone */
    edf_signal *signals;
    double *start;           /* [n_records] seconds since the first record began, or NULL: one behind the other */
    unsigned char *bytes_of; /* memory for one record */
    FILE *file;
} edf;

static inline double edf_seconds(const edf *e) { return e->duration.num ? rec_hertz(e->duration) : 0; }
/* Reads record k into bytes_of. */
int edf_record(const recording *r, const edf *e, size_t k);
/* Annotations and the beginnings of records. */
int edf_annotations(recording *r, edf *e);

#endif
