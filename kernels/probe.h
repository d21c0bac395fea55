/* SPDX-License-Identifier: Apache-2.0
 *
 * Probes: loops that do nothing but what a limit counts, one set per ISA (src/limits.c times them).
 */
#ifndef RNNP_KERNELS_PROBE_H
#define RNNP_KERNELS_PROBE_H

#include "ops.h"

typedef struct rnnp_probe {
    /* Independent chains of FMAs on registers; returns the floating-point operations done, two per FMA. */
    double (*fma)(size_t rounds);
    /* The same with 8-bit dot products, two operations per product; NULL where the ISA has none. */
    double (*dot)(size_t rounds);
    uint64_t dot_needs; /* CPU features beyond the ISA's own */
    /* Reads `bytes` bytes, a multiple of RNNP_PROBE_LINE, front to back, `passes` times. Returns the sum. */
    float (*read)(const float *p, size_t bytes, size_t passes);
} rnnp_probe;

enum { RNNP_PROBE_LINE = 512 };

/* kernels/table.c: NULL for an ISA that this build does not have. */
extern const rnnp_probe *const rnnp_probes[RNNP_ISA_COUNT];

#endif
