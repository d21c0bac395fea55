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
    size_t lanes; /* floats of a vector */
} rnnp_probe;

enum { RNNP_PROBE_LINE = 512 };

/* Nothing, `rounds` times. A core passes a taken branch in one cycle at best, and two threads of one core take turns at
 * it: a busy sibling thread doubles the time, while it may hardly touch the FMAs of probe_fma, which are bound by their
 * latency. On a Zen 3: 6.2 and 12 to 14 us for 20000 rounds, where the FMAs take 3.74 and 3.8, and a product's tiles
 * 7.7 and 10. */
static inline void rnnp_probe_loop(size_t rounds)
{
    for (size_t i = 0; i < rounds; i++) __asm__ volatile("");
}

/* kernels/table.c: NULL for an ISA that this build does not have. */
extern const rnnp_probe *const rnnp_probes[RNNP_ISA_COUNT];

#endif
