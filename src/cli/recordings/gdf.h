/* SPDX-License-Identifier: Apache-2.0
 *
 * GDF, versions 1 and 2 (Schlögl, GDF - A general dataformat for biosignals, arXiv:cs/0608052): a fixed header, a block
 * of 256 bytes for each signal, perhaps further ones, data records of equal length, and a table of events. All numbers
 * have the lowest byte first.
 */
#ifndef RNNP_CLI_GDF_H
#define RNNP_CLI_GDF_H

#include "recording.h"

typedef struct gdf_signal {
    size_t at, n; /* its first byte in each record, its samples there */
    const struct gdf_type *type;
} gdf_signal;

typedef struct gdf {
    double version;
    size_t header, record, n_records, n_signals; /* header, record: bytes */
    rec_rate duration;                           /* seconds of a record */
    gdf_signal *signals;
    FILE *file;
} gdf;

/* An unsigned number of 1 to 8 bytes, the lowest first. */
static inline uint64_t gdf_bits(const unsigned char *p, size_t bytes)
{
    uint64_t all = 0;
    for (size_t i = 0; i < bytes; i++) all |= (uint64_t)p[i] << (8 * i);
    return all;
}

/* The table of events, which is what the file has behind its records: `bytes` of them. */
int gdf_events(recording *r, const gdf *g, size_t bytes);

#endif
