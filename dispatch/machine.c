/* SPDX-License-Identifier: Apache-2.0
 *
 * What a machine gives when nobody has measured it: rates by kind of CPU, rounded from measurements. The rules need no
 * more than their order of magnitude, but for one thing: whether an L3 is fast enough to be a home of weights.
 */
#include "dispatch.h"

#include <string.h>

/* At 3 GHz; Emerald Rapids does 217, Zen 3 with AVX2 115. The generic kernels compute fused multiply-adds by double
 * arithmetic. */
enum { GENERIC_FLOPS = 1, PORT_FLOPS_128 = 24, PORT_FLOPS_256 = 48, PORT_FLOPS_512 = 96 };

static int is_intel(const rnnp_cpu *cpu) { return strcmp(cpu->vendor, "GenuineIntel") == 0; }

/* Intel's servers since Skylake-SP: a private L2 of a megabyte and more. So have Tiger Lakes, without a mesh. */
static int is_intel_server(const rnnp_cpu *cpu)
{
    return is_intel(cpu) && (cpu->features & RNNP_CPU(AVX512F)) && cpu->l2_bytes >= (size_t)1 << 20 &&
           cpu->model != 0x8c && cpu->model != 0x8d;
}

/* Ports for 512 bits: Zen 4 splits them into halves. */
static int ports_512(const rnnp_cpu *cpu)
{
    enum { ZEN_5 = 0x1a };

    return is_intel(cpu) ? (is_intel_server(cpu) ? 2 : 1) : cpu->family >= ZEN_5 ? 2 : 1;
}

static double flops_per_ns(const rnnp_cpu *cpu, rnnp_isa isa)
{
    switch (isa) {
    case RNNP_ISA_avx512: return PORT_FLOPS_512 * ports_512(cpu);
    case RNNP_ISA_avx2: return 2 * PORT_FLOPS_256;
    case RNNP_ISA_neon: return 2 * PORT_FLOPS_128;
    default: return GENERIC_FLOPS;
    }
}

void rnnp_machine_assume(const rnnp_cpu *cpu, rnnp_isa isa, rnnp_machine *machine)
{
    *machine = (rnnp_machine){
        .flops_per_ns = flops_per_ns(cpu, isa),
        /* the L3 of Intel's servers is on a mesh, which gives a core 9 bytes a cycle (Emerald
                               * Rapids: 32 GB/s, where Zen 3's gives 80) */
        .bytes_per_ns =
            {[RNNP_HOME_L2] = 100, [RNNP_HOME_L3] = is_intel_server(cpu) ? 32 : 70, [RNNP_HOME_MEMORY] = 15},
        .barrier_ns = 200,
        .wake_ns = 35e3};
}
