/* SPDX-License-Identifier: Apache-2.0
 *
 * x86 CPU facts, CPUID leaf by leaf. A feature counts only when the leaf that holds its bit exists and the
 * operating system saves the registers it needs (XCR0), so a hypervisor may hide any part of it.
 */
#include "dispatch.h"

#include <string.h>

/* Register state that XCR0 must show as enabled: SSE and YMM; opmask and both halves of ZMM besides; AMX. */
enum { STATE_YMM = 0x6, STATE_ZMM = 0xe6, STATE_TILE = 0x60000 };

/* The CPUID words that hold feature bits. */
enum { LEAF1_ECX, LEAF7_EBX, LEAF7_ECX, LEAF7_EDX, LEAF7_1_EAX, WORD_COUNT };

static const struct {
    rnnp_feature feature;
    uint8_t word, bit;
    uint32_t state;
} feature_bits[] = {
    {RNNP_FEATURE_SSE41, LEAF1_ECX, 19, 0},
    {RNNP_FEATURE_HYPERVISOR, LEAF1_ECX, 31, 0},
    {RNNP_FEATURE_AVX, LEAF1_ECX, 28, STATE_YMM},
    {RNNP_FEATURE_FMA3, LEAF1_ECX, 12, STATE_YMM},
    {RNNP_FEATURE_F16C, LEAF1_ECX, 29, STATE_YMM},
    {RNNP_FEATURE_BMI2, LEAF7_EBX, 8, 0},
    {RNNP_FEATURE_AVX2, LEAF7_EBX, 5, STATE_YMM},
    {RNNP_FEATURE_AVXVNNI, LEAF7_1_EAX, 4, STATE_YMM},
    {RNNP_FEATURE_AVX512F, LEAF7_EBX, 16, STATE_ZMM},
    {RNNP_FEATURE_AVX512DQ, LEAF7_EBX, 17, STATE_ZMM},
    {RNNP_FEATURE_AVX512BW, LEAF7_EBX, 30, STATE_ZMM},
    {RNNP_FEATURE_AVX512VL, LEAF7_EBX, 31, STATE_ZMM},
    {RNNP_FEATURE_AVX512VNNI, LEAF7_ECX, 11, STATE_ZMM},
    {RNNP_FEATURE_AVX512BF16, LEAF7_1_EAX, 5, STATE_ZMM},
    {RNNP_FEATURE_AVX512FP16, LEAF7_EDX, 23, STATE_ZMM},
    {RNNP_FEATURE_AMX_TILE, LEAF7_EDX, 24, STATE_TILE},
    {RNNP_FEATURE_AMX_INT8, LEAF7_EDX, 25, STATE_TILE},
    {RNNP_FEATURE_AMX_BF16, LEAF7_EDX, 22, STATE_TILE},
};

enum { ECX_OSXSAVE = 1 << 27, ECX_AVX = 1 << 28, ECX_TOPOLOGY_EXTENSIONS = 1 << 22 };

typedef struct leaves {
    const rnnp_cpuid_source *source;
    uint32_t max_basic, max_extended;
} leaves;

/* Asks for a leaf; one beyond the CPU's limit reads as zeros (real CPUs answer with an unrelated leaf). */
static void ask(const leaves *l, uint32_t leaf, uint32_t subleaf, uint32_t regs[4])
{
    const uint32_t limit = leaf >= 0x80000000u ? l->max_extended : l->max_basic;

    memset(regs, 0, 4 * sizeof regs[0]);
    if (leaf <= limit) l->source->cpuid(l->source->user, leaf, subleaf, regs);
}

static void read_identity(const leaves *l, rnnp_cpu *cpu)
{
    uint32_t regs[4];
    char brand[49] = "";
    const char *first = brand;

    ask(l, 0, 0, regs);
    memcpy(cpu->vendor, &regs[1], 4);
    memcpy(cpu->vendor + 4, &regs[3], 4);
    memcpy(cpu->vendor + 8, &regs[2], 4);

    ask(l, 1, 0, regs);
    cpu->stepping = regs[0] & 0xf;
    cpu->family = (regs[0] >> 8) & 0xf;
    cpu->model = (regs[0] >> 4) & 0xf;
    if (cpu->family == 6 || cpu->family == 15) cpu->model |= (regs[0] >> 12) & 0xf0;
    if (cpu->family == 15) cpu->family += (regs[0] >> 20) & 0xff;

    for (uint32_t i = 0; i < 3; i++) {
        ask(l, 0x80000002u + i, 0, regs);
        memcpy(brand + 16 * i, regs, 16);
    }
    /* Intel right-aligns the text with spaces, AMD pads it with them. */
    while (*first == ' ') first++;
    size_t length = strlen(first);
    while (length > 0 && first[length - 1] == ' ') length--;
    memcpy(cpu->brand, first, length);
}

/*
 * Quirks: bits for "has it, but it is not what it seems".
 *
 * SLOW_ZMM  512-bit instructions work but need not beat 256-bit ones. Intel cores before Rocket Lake and Sapphire
 *           Rapids lower their clock, for the whole core and for a while after, under heavy 512-bit use. Zen 4
 *           (AMD family 19h with AVX-512) executes them as two 256-bit halves: no harm, no gain but fewer
 *           instructions. Shown to the user and kept in tuning keys; the choice of variants does not read it.
 */
static uint64_t quirks(const rnnp_cpu *cpu)
{
    static const uint32_t early_intel[] = {
        0x55,                   /* Skylake-SP, Cascade Lake, Cooper Lake */
        0x66,                   /* Cannon Lake */
        0x6a, 0x6c, 0x7d, 0x7e, /* Ice Lake */
        0x8c, 0x8d,             /* Tiger Lake */
    };
    int slow_zmm = 0;

    if (!(cpu->features & RNNP_CPU(AVX512F))) return 0;
    if (strcmp(cpu->vendor, "AuthenticAMD") == 0) slow_zmm = cpu->family == 0x19;
    if (strcmp(cpu->vendor, "GenuineIntel") == 0 && cpu->family == 6) {
        for (size_t i = 0; i < sizeof early_intel / sizeof early_intel[0]; i++)
            slow_zmm |= cpu->model == early_intel[i];
    }
    return slow_zmm ? RNNP_CPU(SLOW_ZMM) : 0;
}

static void read_features(const leaves *l, rnnp_cpu *cpu)
{
    uint32_t word[WORD_COUNT] = {0}, regs[4];
    uint64_t xcr0 = 0;

    ask(l, 1, 0, regs);
    word[LEAF1_ECX] = regs[2];
    ask(l, 7, 0, regs);
    word[LEAF7_EBX] = regs[1];
    word[LEAF7_ECX] = regs[2];
    word[LEAF7_EDX] = regs[3];
    if (regs[0] >= 1) { /* the highest subleaf of leaf 7 */
        ask(l, 7, 1, regs);
        word[LEAF7_1_EAX] = regs[0];
    }

    if (word[LEAF1_ECX] & ECX_OSXSAVE) xcr0 = l->source->xgetbv(l->source->user, 0);
    if (!(word[LEAF1_ECX] & ECX_AVX)) /* without AVX itself nothing that builds on it may run */
        xcr0 &= ~(uint64_t)STATE_ZMM;

    for (size_t i = 0; i < sizeof feature_bits / sizeof feature_bits[0]; i++) {
        const int present = (word[feature_bits[i].word] >> feature_bits[i].bit) & 1;
        if (present && (xcr0 & feature_bits[i].state) == feature_bits[i].state)
            cpu->features |= UINT64_C(1) << feature_bits[i].feature;
    }
    cpu->features |= quirks(cpu);
}

/* AMD with TopologyExtensions describes its caches in leaf 8000001Dh, all others in leaf 4, in the same
 * layout. The sharers of leaf 4 are room for ids, an upper bound: hwloc or sysfs know better. */
static void read_caches(const leaves *l, rnnp_cpu *cpu)
{
    uint32_t regs[4];

    ask(l, 0x80000001u, 0, regs);
    const uint32_t leaf = regs[2] & ECX_TOPOLOGY_EXTENSIONS ? 0x8000001du : 4;

    for (uint32_t i = 0; i < 16; i++) {
        ask(l, leaf, i, regs);
        const uint32_t type = regs[0] & 0x1f, level = (regs[0] >> 5) & 7;
        const size_t line = (regs[1] & 0xfff) + 1, parts = ((regs[1] >> 12) & 0x3ff) + 1, ways = (regs[1] >> 22) + 1;
        const size_t bytes = line * parts * ways * ((size_t)regs[2] + 1);
        const size_t sharers = ((regs[0] >> 14) & 0xfff) + 1;

        if (type == 0) break;
        if (type == 2) /* instructions */
            continue;
        if (level == 1) {
            cpu->l1d_bytes = bytes;
            cpu->line_bytes = line;
        } else if (level == 2) {
            cpu->l2_bytes = bytes;
            cpu->l2_sharers = sharers;
        } else if (level == 3) {
            cpu->l3_bytes = bytes;
            cpu->l3_sharers = sharers;
        }
    }
}

void rnnp_cpu_from_cpuid(const rnnp_cpuid_source *source, rnnp_cpu *cpu)
{
    leaves l = {.source = source, .max_basic = 0, .max_extended = 0x80000000u};
    uint32_t regs[4];

    memset(cpu, 0, sizeof *cpu);
    ask(&l, 0, 0, regs);
    l.max_basic = regs[0];
    ask(&l, 0x80000000u, 0, regs);
    /* A CPU without extended leaves answers with anything. */
    l.max_extended = regs[0] >= 0x80000000u && regs[0] <= 0x8000ffffu ? regs[0] : 0x80000000u;

    read_identity(&l, cpu);
    read_features(&l, cpu);
    read_caches(&l, cpu);
}

const char *rnnp_cpu_feature_text(size_t bit)
{
    static const char *const text[] = {
#define X(name, text) text,
        RNNP_FEATURES(X)
#undef X
    };
    return bit < RNNP_FEATURE_COUNT ? text[bit] : NULL;
}

#ifdef __x86_64__
#include <cpuid.h>

static void cpuid_native(void *user, uint32_t leaf, uint32_t subleaf, uint32_t regs[4])
{
    (void)user;
    __cpuid_count(leaf, subleaf, regs[0], regs[1], regs[2], regs[3]);
}

static uint64_t xgetbv_native(void *user, uint32_t index)
{
    uint32_t low, high;

    (void)user;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index)); /* the intrinsic needs -mxsave */
    return (uint64_t)high << 32 | low;
}

void rnnp_cpu_read(rnnp_cpu *cpu)
{
    const rnnp_cpuid_source native = {NULL, cpuid_native, xgetbv_native};

    rnnp_cpu_from_cpuid(&native, cpu);
}
#endif
