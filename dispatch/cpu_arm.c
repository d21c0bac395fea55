/* SPDX-License-Identifier: Apache-2.0
 *
 * aarch64 CPU facts, from the HWCAP words in which Linux says what CPU and kernel offer together.
 */
#include "dispatch.h"

#include <string.h>

/* The bit numbers are Linux ABI; written out so that every build can test the decoding. */
static const struct {
    rnnp_feature feature;
    uint8_t word, bit;
} hwcap_bits[] = {
    {RNNP_FEATURE_NEON, 0, 1},     /* ASIMD */
    {RNNP_FEATURE_FP16, 0, 10},    /* ASIMDHP */
    {RNNP_FEATURE_DOTPROD, 0, 20}, /* ASIMDDP */
    {RNNP_FEATURE_SVE, 0, 22},     /* SVE */
    {RNNP_FEATURE_I8MM, 1, 13},    /* I8MM */
    {RNNP_FEATURE_BF16, 1, 14},    /* BF16 */
};

void rnnp_cpu_from_hwcap(uint64_t hwcap, uint64_t hwcap2, rnnp_cpu *cpu)
{
    const uint64_t words[2] = {hwcap, hwcap2};

    memset(cpu, 0, sizeof *cpu);
    for (size_t i = 0; i < sizeof hwcap_bits / sizeof hwcap_bits[0]; i++) {
        if (words[hwcap_bits[i].word] >> hwcap_bits[i].bit & 1) cpu->features |= UINT64_C(1) << hwcap_bits[i].feature;
    }
}

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>

/* Linux lets programs read the main id register when this bit of HWCAP is set. */
enum { HWCAP_BIT_CPUID = 11 };

static void read_identity(rnnp_cpu *cpu)
{
    static const struct {
        uint32_t code;
        char name[16];
    } implementers[] = {
        {0x41, "ARM"},    {0x42, "Broadcom"}, {0x43, "Cavium"},   {0x46, "Fujitsu"}, {0x48, "HiSilicon"},
        {0x4e, "NVIDIA"}, {0x50, "APM"},      {0x51, "Qualcomm"}, {0x61, "Apple"},   {0xc0, "Ampere"},
    };
    uint64_t midr;

    __asm__("mrs %0, midr_el1" : "=r"(midr));
    cpu->family = (uint32_t)(midr >> 24) & 0xff; /* the implementer: part numbers count within it */
    cpu->model = (uint32_t)(midr >> 4) & 0xfff;
    cpu->stepping = (uint32_t)((midr >> 16 & 0xf0) | (midr & 0xf)); /* variant, revision */
    for (size_t i = 0; i < sizeof implementers / sizeof implementers[0]; i++) {
        if (implementers[i].code == cpu->family) memcpy(cpu->vendor, implementers[i].name, sizeof cpu->vendor);
    }
}

void rnnp_cpu_read(rnnp_cpu *cpu)
{
    const uint64_t hwcap = getauxval(AT_HWCAP);

    rnnp_cpu_from_hwcap(hwcap, getauxval(AT_HWCAP2), cpu);
    if (hwcap >> HWCAP_BIT_CPUID & 1) read_identity(cpu);
}
#elif !defined(__x86_64__)
/* Any other machine: nothing is known, and the generic kernels need nothing. */
void rnnp_cpu_read(rnnp_cpu *cpu) { memset(cpu, 0, sizeof *cpu); }
#endif
