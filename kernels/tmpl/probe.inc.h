/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: the probes of an ISA on its vector shim. An ISA with 8-bit dot products defines RNNP_PROBE_DOT and
 * RNNP_PROBE_DOT_NEEDS before.
 */
#include "../features.h"
#include "../probe.h"
#include "name.inc.h"

/* Chains that hide the latency of two FMA ports (4 cycles on most cores, 9 on some with 32 registers), and leave
 * registers for the operands. The empty asm keeps an accumulator in a register and its operations in place. */
#if defined(__AVX512F__)
#define PROBE_CHAINS 24
#define PROBE_KEEP(a) __asm__ volatile("" : "+v"(a))
#elif defined(__aarch64__)
#define PROBE_CHAINS 24
#define PROBE_KEEP(a) __asm__ volatile("" : "+w"(a))
#else
#define PROBE_CHAINS 12
#define PROBE_KEEP(a) __asm__ volatile("" : "+x"(a))
#endif

static double probe_fma(size_t rounds)
{
    nf acc[PROBE_CHAINS], a = n_set(0.999f), b = n_set(0.001f);
    PROBE_KEEP(a);
    PROBE_KEEP(b);
    UNROLLED(i, PROBE_CHAINS) acc[i] = n_set((float)i);
    for (size_t k = 0; k < rounds; k++)
        UNROLLED(i, PROBE_CHAINS) {
            acc[i] = n_fma(acc[i], a, b);
            PROBE_KEEP(acc[i]);
        }
    return (double)rounds * PROBE_CHAINS * VL * 2;
}

static float probe_read(const float *from, size_t bytes, size_t passes)
{
    enum { SUMS = 8 };
    nf sum[SUMS];
    for (int i = 0; i < SUMS; i++) sum[i] = n_set(0.0f);
    const float *const end = from + bytes / sizeof *from;
    for (size_t pass = 0; pass < passes; pass++)
        for (const float *p = from; p < end; p += SUMS * VL)
            UNROLLED(i, SUMS) sum[i] = n_add(sum[i], n_load(p + i * VL));
    for (int i = 1; i < SUMS; i++) sum[0] = n_add(sum[0], sum[i]);
    float lanes[VL], total = 0;
    n_store(lanes, sum[0]);
    for (int i = 0; i < VL; i++) total += lanes[i];
    return total;
}

#ifdef RNNP_PROBE_DOT
static double probe_dot(size_t rounds)
{
    ni acc[PROBE_CHAINS], a = i_set(0x01010101u), b = i_set(0x01010101u);
    PROBE_KEEP(a);
    PROBE_KEEP(b);
    UNROLLED(i, PROBE_CHAINS) acc[i] = i_set((uint32_t)i);
    for (size_t k = 0; k < rounds; k++)
        UNROLLED(i, PROBE_CHAINS) RNNP_PROBE_DOT(acc[i], a, b);
    return (double)rounds * PROBE_CHAINS * VL * 8;
}
#else
#define probe_dot NULL
#define RNNP_PROBE_DOT_NEEDS 0
#endif

extern const rnnp_probe RNNP_JOIN(rnnp_probe, RNNP_SUFFIX);
const rnnp_probe RNNP_JOIN(rnnp_probe, RNNP_SUFFIX) = {probe_fma, probe_dot, RNNP_PROBE_DOT_NEEDS, probe_read, VL};
