/* SPDX-License-Identifier: Apache-2.0
 *
 * CPUs that this machine is not, and hypervisors that hide parts of them. A fake CPU is a list of CPUID leaves and
 * the value of XCR0.
 */
#include "dispatch/dispatch.h"
#include "tests/test.h"

#include <limits.h>

typedef struct leaf {
    uint32_t leaf, subleaf, regs[4];
} leaf;

typedef struct fake_cpu {
    const leaf *leaves;
    size_t count;
    uint64_t xcr0;
    size_t xgetbv_calls;
} fake_cpu;

static void fake_cpuid(void *user, uint32_t number, uint32_t subleaf, uint32_t regs[4])
{
    const fake_cpu *fake = user;

    memset(regs, 0, 4 * sizeof regs[0]);
    for (size_t i = 0; i < fake->count; i++) {
        if (fake->leaves[i].leaf == number && fake->leaves[i].subleaf == subleaf)
            memcpy(regs, fake->leaves[i].regs, 4 * sizeof regs[0]);
    }
}

static uint64_t fake_xgetbv(void *user, uint32_t index)
{
    fake_cpu *fake = user;

    assert_int_equal(index, 0);
    fake->xgetbv_calls++;
    return fake->xcr0;
}

static rnnp_cpu read_fake(fake_cpu *fake)
{
    const rnnp_cpuid_source source = {fake, fake_cpuid, fake_xgetbv};
    rnnp_cpu cpu;

    memset(&cpu, 0xa5, sizeof cpu); /* nothing may be left as it was */
    rnnp_cpu_from_cpuid(&source, &cpu);
    return cpu;
}

/* Bits by the numbers of the vendors' manuals. */
#define BIT(n) (UINT32_C(1) << (n))
enum { XCR0_SSE = 0x3, XCR0_YMM = 0x7, XCR0_ZMM = 0xe7, XCR0_TILES = 0x600e7 };
#define C1_BASE (BIT(0) | BIT(19) | BIT(20))              /* sse3 sse4.1 sse4.2 */
#define C1_AVX (BIT(12) | BIT(27) | BIT(28) | BIT(29))    /* fma osxsave avx f16c */
#define B7_AVX2 (BIT(3) | BIT(5) | BIT(8))                /* bmi1 avx2 bmi2 */
#define B7_AVX512 (BIT(16) | BIT(17) | BIT(30) | BIT(31)) /* f dq bw vl */
#define C7_VNNI BIT(11)

/* Leaf 0: the highest leaf and the name, ebx ecx edx. */
/* clang-format off */
#define INTEL(max) {0, 0, {max, 0x756e6547, 0x6c65746e, 0x49656e69}} /* Genu ntel ineI */
#define AMD(max)   {0, 0, {max, 0x68747541, 0x444d4163, 0x69746e65}} /* Auth cAMD enti */
#define ONE(signature) {1, 0, {signature, 0, C1_BASE | C1_AVX, 0}}
#define SEVEN(max, b, c, d) {7, 0, {max, b, c, d}}
#define SEVEN_ONE(a, d) {7, 1, {a, 0, 0, d}}
/* clang-format on */

/* eax and ebx of a cache leaf: type, level, sharers; line, ways */
#define CACHE_A(type, level, sharers) ((type) | (level) << 5 | ((sharers)-1) << 14)
#define CACHE_B(line, ways) (((line)-1) | ((ways)-1) << 22)

#define AVX2_SET (RNNP_CPU_AVX2 | RNNP_CPU_FMA3 | RNNP_CPU_F16C)
#define AVX512_SET (RNNP_CPU_AVX512F | RNNP_CPU_AVX512BW | RNNP_CPU_AVX512DQ | RNNP_CPU_AVX512VL)
#define TILES (RNNP_CPU(AMX_TILE) | RNNP_CPU(AMX_INT8) | RNNP_CPU(AMX_BF16))
#define SLOW RNNP_CPU(SLOW_ZMM)
#define BELOW_AVX (RNNP_CPU(SSE41) | RNNP_CPU(BMI2))

#define READ(cpu, xcr0_value, ...)                                                                     \
    const leaf cpu##_leaves[] = {__VA_ARGS__};                                                         \
    fake_cpu cpu##_fake = {cpu##_leaves, sizeof cpu##_leaves / sizeof cpu##_leaves[0], xcr0_value, 0}; \
    const rnnp_cpu cpu = read_fake(&cpu##_fake)

/* What a context on this CPU would use, of the ISAs that the build has. */
static void assert_chosen(const rnnp_cpu *cpu, rnnp_isa expected)
{
    rnnp_selection selection;

    rnnp_select(cpu->features, INT_MAX, &selection);
    assert_string_equal(rnnp_isa_names[selection.isa],
                        rnnp_isa_names[rnnp_tables[expected]->count ? expected : RNNP_ISA_generic]);
}

TEST(haswell)
{
    READ(cpu, XCR0_YMM, INTEL(13), {1, 0, {0x000306c3, 0, C1_BASE | C1_AVX, 0}}, {7, 0, {0, B7_AVX2, 0, 0}},
         {4, 0, {CACHE_A(1, 1, 2), CACHE_B(64, 8), 63, 0}}, {4, 1, {CACHE_A(2, 1, 2), CACHE_B(64, 8), 63, 0}},
         {4, 2, {CACHE_A(3, 2, 2), CACHE_B(64, 8), 511, 0}}, {4, 3, {CACHE_A(3, 3, 16), CACHE_B(64, 16), 8191, 0}},
         {0x80000000, 0, {0x80000004, 0, 0, 0}},
         {0x80000002, 0, {0x20202020, 0x65746e49, 0x6f43206c, 0x00006572}}); /* "    Intel Core" */

    assert_string_equal(cpu.vendor, "GenuineIntel");
    assert_string_equal(cpu.brand, "Intel Core");
    assert_int_equal(cpu.family, 6);
    assert_int_equal(cpu.model, 0x3c);
    assert_int_equal(cpu.stepping, 3);
    assert_int_equal(cpu.features, AVX2_SET | RNNP_CPU(AVX) | RNNP_CPU(SSE41) | RNNP_CPU(BMI2));
    assert_int_equal(cpu.l1d_bytes, 32 * 1024);
    assert_int_equal(cpu.l2_bytes, 256 * 1024);
    assert_int_equal(cpu.l3_bytes, 8 * 1024 * 1024);
    assert_int_equal(cpu.line_bytes, 64);
    assert_int_equal(cpu.l2_sharers, 2);
    assert_int_equal(cpu.l3_sharers, 16);
    assert_chosen(&cpu, RNNP_ISA_avx2);
}

TEST(zen3)
{
    READ(cpu, XCR0_YMM, AMD(16), {1, 0, {0x00a00f11, 0, C1_BASE | C1_AVX, 0}}, {7, 0, {0, B7_AVX2, 0, 0}},
         {4, 0, {CACHE_A(1, 1, 1), CACHE_B(64, 1), 0, 0}}, /* must not be asked: TopologyExtensions says where */
         {0x80000000, 0, {0x80000023, 0, 0, 0}}, {0x80000001, 0, {0, 0, BIT(22), 0}},
         {0x80000002, 0, {0x20444d41, 0x43595045, 0x20202020, 0x20202020}}, /* "AMD EPYC" and spaces */
         {0x8000001d, 0, {CACHE_A(1, 1, 2), CACHE_B(64, 8), 63, 0}},
         {0x8000001d, 1, {CACHE_A(2, 1, 2), CACHE_B(64, 8), 63, 0}},
         {0x8000001d, 2, {CACHE_A(3, 2, 2), CACHE_B(64, 8), 1023, 0}},
         {0x8000001d, 3, {CACHE_A(3, 3, 16), CACHE_B(64, 16), 32767, 0}});

    assert_string_equal(cpu.vendor, "AuthenticAMD");
    assert_string_equal(cpu.brand, "AMD EPYC");
    assert_int_equal(cpu.family, 0x19);
    assert_int_equal(cpu.model, 1);
    assert_int_equal(cpu.features & (AVX2_SET | AVX512_SET | SLOW), AVX2_SET);
    assert_int_equal(cpu.l1d_bytes, 32 * 1024);
    assert_int_equal(cpu.l2_bytes, 512 * 1024);
    assert_int_equal(cpu.l3_bytes, 32 * 1024 * 1024);
    assert_int_equal(cpu.l3_sharers, 16);
}

/* ---- Features alone: exactly those of `all`, or all of `has` and none of `lacks` ---- */

#define LEAVES(...) (const leaf[]){__VA_ARGS__}, sizeof((const leaf[]){__VA_ARGS__}) / sizeof(leaf)
#define EXACTLY(set) set, ~(uint64_t)(set)
#define WIDE (B7_AVX2 | B7_AVX512)
#define SAPPHIRE \
    ONE(0x000806f8), SEVEN(1, WIDE, C7_VNNI, BIT(22) | BIT(23) | BIT(24) | BIT(25)), SEVEN_ONE(BIT(4) | BIT(5), 0)
#define SAPPHIRE_SET (AVX512_SET | RNNP_CPU(AVX512FP16) | RNNP_CPU(AVX512BF16) | RNNP_CPU(AVXVNNI))
#define ICE_LAKE INTEL(27), ONE(0x000606a6), SEVEN(0, WIDE, C7_VNNI, 0)
#define MASKED(part)                      \
    XCR0_ZMM, AVX2_SET, 0, RNNP_ISA_avx2, \
        LEAVES(INTEL(22), ONE(0x00050654), SEVEN(0, B7_AVX2 | (B7_AVX512 & ~(part)), 0, 0))
#define JUNK SEVEN(0, 0xffffffff, 0xffffffff, 0xffffffff)

static const struct {
    const char *name;
    uint64_t xcr0, has, lacks;
    rnnp_isa chosen; /* what a context would use */
    const leaf *leaves;
    size_t count;
} cpus[] = {
    {"Skylake-X has slow zmm", XCR0_ZMM, AVX2_SET | AVX512_SET | SLOW, RNNP_CPU_AVX512VNNI, RNNP_ISA_avx512,
     LEAVES(INTEL(22), ONE(0x00050654), SEVEN(0, WIDE, 0, 0))},
    {"Ice Lake has VNNI", XCR0_ZMM, AVX512_SET | RNNP_CPU_AVX512VNNI | SLOW, RNNP_CPU(AVX512BF16) | RNNP_CPU(AVXVNNI),
     RNNP_ISA_avx512, LEAVES(ICE_LAKE)},
    {"Sapphire Rapids has tiles and fast zmm", XCR0_TILES, SAPPHIRE_SET | TILES, SLOW, RNNP_ISA_avx512,
     LEAVES(INTEL(31), SAPPHIRE)},
    {"... and without tiles in XCR0", XCR0_ZMM, SAPPHIRE_SET, TILES, RNNP_ISA_avx512, LEAVES(INTEL(31), SAPPHIRE)},
    {"Zen 4 halves zmm", XCR0_ZMM, AVX512_SET | SLOW, 0, RNNP_ISA_avx512,
     LEAVES(AMD(16), ONE(0x00a10f11), SEVEN(0, WIDE, C7_VNNI, 0))},
    {"Zen 5 does not", XCR0_ZMM, AVX512_SET, SLOW, RNNP_ISA_avx512,
     LEAVES(AMD(16), ONE(0x00b00f21), SEVEN(0, WIDE, C7_VNNI, 0))},
    {"hidden OSXSAVE hides all of AVX", XCR0_ZMM, EXACTLY(BELOW_AVX | RNNP_CPU(HYPERVISOR)), RNNP_ISA_generic,
     LEAVES(INTEL(22), {1, 0, {0x00050654, 0, (C1_BASE | C1_AVX | BIT(31)) & ~BIT(27), 0}}, SEVEN(0, WIDE, 0, 0))},
    {"hidden AVX hides what builds on it", XCR0_ZMM, EXACTLY(BELOW_AVX), RNNP_ISA_generic,
     LEAVES(INTEL(22), {1, 0, {0x00050654, 0, (C1_BASE | C1_AVX) & ~BIT(28), 0}}, SEVEN(0, WIDE, 0, 0))},
    {"AVX2 without FMA", XCR0_YMM, RNNP_CPU_AVX2, RNNP_CPU_FMA3, RNNP_ISA_generic,
     LEAVES({0, 0, {13, 0x746e6543, 0x736c7561, 0x48727561}} /* CentaurHauls */,
            {1, 0, {0x000006f0, 0, (C1_BASE | C1_AVX) & ~BIT(12), 0}}, SEVEN(0, B7_AVX2, 0, 0))},
    {"Knights Landing: F alone", XCR0_ZMM, AVX2_SET | RNNP_CPU_AVX512F, AVX512_SET & ~RNNP_CPU_AVX512F, RNNP_ISA_avx2,
     LEAVES(INTEL(13), ONE(0x00050671), SEVEN(0, B7_AVX2 | BIT(16), 0, 0))},
    /* AVX-512 is used whole or not at all: each of its four parts may be missing, as under a hypervisor's mask. */
    {"no AVX512F", MASKED(BIT(16))},
    {"no AVX512DQ", MASKED(BIT(17))},
    {"no AVX512BW", MASKED(BIT(30))},
    {"no AVX512VL", MASKED(BIT(31))},
    /* AVX10 is announced by bits of its own (leaf 7.1 and leaf 24h). A CPU with its 512-bit form has the AVX-512 bits
     * as well; with the 256-bit form it has not, and its EVEX instructions stay unused. */
    {"AVX10, 512 bits", XCR0_ZMM, AVX2_SET | AVX512_SET, 0, RNNP_ISA_avx512,
     LEAVES(INTEL(0x24), ONE(0x000d0670), SEVEN(1, WIDE, C7_VNNI, 0), SEVEN_ONE(BIT(4) | BIT(5), BIT(19)),
            {0x24, 0, {0, 2 | BIT(16) | BIT(17) | BIT(18), 0, 0}})},
    {"AVX10, 256 bits", XCR0_ZMM, AVX2_SET, AVX512_SET, RNNP_ISA_avx2,
     LEAVES(INTEL(0x24), ONE(0x000d0670), SEVEN(1, B7_AVX2, 0, 0), SEVEN_ONE(BIT(4) | BIT(5), BIT(19)),
            {0x24, 0, {0, 1 | BIT(16) | BIT(17), 0, 0}})},
    {"no zmm in XCR0", XCR0_YMM, AVX2_SET, AVX512_SET | RNNP_CPU_AVX512VNNI | SLOW, RNNP_ISA_avx2, LEAVES(ICE_LAKE)},
    {"no opmask in XCR0", XCR0_ZMM & ~0x20, AVX2_SET, AVX512_SET, RNNP_ISA_avx2, LEAVES(ICE_LAKE)},
    {"no ymm in XCR0", XCR0_SSE, EXACTLY(BELOW_AVX), RNNP_ISA_generic, LEAVES(ICE_LAKE)},
    {"what answers beyond the highest leaf means nothing", XCR0_TILES, RNNP_CPU(AVX) | RNNP_CPU_FMA3,
     RNNP_CPU_AVX2 | AVX512_SET | RNNP_CPU(AMX_TILE), RNNP_ISA_generic, LEAVES(INTEL(6), ONE(0x000206a7), JUNK)},
    {"leaf 0 is all there is", XCR0_TILES, EXACTLY(0), RNNP_ISA_generic, LEAVES(INTEL(0), ONE(0x000206a7), JUNK)},
    {"subleaf 1 counts when subleaf 0 announces it", XCR0_ZMM, AVX512_SET, RNNP_CPU(AVXVNNI) | RNNP_CPU(AVX512BF16),
     RNNP_ISA_avx512, LEAVES(INTEL(7), ONE(0x000206a7), SEVEN(0, WIDE, 0, 0), SEVEN_ONE(0xffffffff, 0))},
    {"unknown vendor: features decide, not names", XCR0_ZMM, AVX2_SET | AVX512_SET, SLOW, RNNP_ISA_avx512,
     LEAVES({0, 0, {7, 0x206e6f4e, 0x20202020, 0x65736f50}}, ONE(0x00000f00), SEVEN(0, WIDE, 0, 0))},
};

TEST(features_by_leaves)
{
    for (size_t i = 0; i < sizeof cpus / sizeof cpus[0]; i++) {
        fake_cpu fake = {cpus[i].leaves, cpus[i].count, cpus[i].xcr0, 0};
        const rnnp_cpu cpu = read_fake(&fake);

        if ((cpu.features & cpus[i].has) != cpus[i].has || (cpu.features & cpus[i].lacks) != 0)
            fail_msg("%s: %" PRIx64, cpus[i].name, cpu.features);
        assert_chosen(&cpu, cpus[i].chosen);
        if (strstr(cpus[i].name, "OSXSAVE")) assert_int_equal(fake.xgetbv_calls, 0); /* an illegal instruction there */
    }
}

TEST(names_and_numbers)
{
    READ(unknown, XCR0_ZMM, {0, 0, {7, 0x206e6f4e, 0x20202020, 0x65736f50}}, ONE(0x00000f00));
    READ(skylake, XCR0_ZMM, INTEL(22), ONE(0x00050654));
    READ(zen5, XCR0_ZMM, AMD(16), ONE(0x00b00f21));
    READ(zero, XCR0_TILES, INTEL(0), ONE(0x000206a7));
    /* No extended leaves: the answer to 80000000h is not one of their numbers. */
    READ(basic, XCR0_YMM, INTEL(13), ONE(0x000206a7), {0x80000000, 0, {7, 0, 0, 0}},
         {0x80000001, 0, {0, 0, BIT(22), 0}}, {0x80000002, 0, {0x41414141, 0, 0, 0}});

    assert_string_equal(unknown.vendor, "Non Pose    ");
    assert_int_equal(unknown.family, 15);
    assert_int_equal(skylake.model, 0x55);
    assert_int_equal(zen5.family, 0x1a);
    assert_int_equal(zero.family, 0);
    assert_int_equal(zero.l1d_bytes, 0);
    assert_string_equal(basic.brand, "");
}

/* Alder Lake: the facts are of the core that is asked. Both kinds have the same instructions, and a thread may move
 * from one to the other: caches differ, the choice of kernels does not. */
TEST(hybrid_cores_choose_alike)
{
    const leaf one = {1, 0, {0x00090672, 0, C1_BASE | C1_AVX, 0}};
    const leaf seven = {7, 0, {1, B7_AVX2, 0, BIT(15)}}; /* hybrid */
    const leaf seven_one = {7, 1, {BIT(4), 0, 0, 0}};

    READ(big, XCR0_YMM, INTEL(32), one, seven, seven_one, {0x1a, 0, {UINT32_C(0x40000001), 0, 0, 0}},
         {4, 0, {CACHE_A(1, 1, 2), CACHE_B(64, 12), 63, 0}});
    READ(small, XCR0_YMM, INTEL(32), one, seven, seven_one, {0x1a, 0, {UINT32_C(0x20000001), 0, 0, 0}},
         {4, 0, {CACHE_A(1, 1, 1), CACHE_B(64, 8), 63, 0}});

    assert_int_equal(big.l1d_bytes, 48 * 1024);
    assert_int_equal(small.l1d_bytes, 32 * 1024);
    assert_int_equal(big.features, small.features);
    assert_chosen(&big, RNNP_ISA_avx2);
    assert_chosen(&small, RNNP_ISA_avx2);
}

TEST(arm_features_come_from_hwcap)
{
    rnnp_cpu cpu;

    memset(&cpu, 0xa5, sizeof cpu);
    rnnp_cpu_from_hwcap(BIT(0) | BIT(1), 0, &cpu); /* Cortex-A53: fp asimd */
    assert_int_equal(cpu.features, RNNP_CPU_NEON);
    assert_int_equal(cpu.l1d_bytes, 0);
    assert_chosen(&cpu, RNNP_ISA_neon);

    rnnp_cpu_from_hwcap(BIT(1) | BIT(10) | BIT(20) | BIT(22), BIT(13) | BIT(14), &cpu); /* Neoverse V1 */
    assert_int_equal(cpu.features, RNNP_CPU_NEON | RNNP_CPU(FP16) | RNNP_CPU(DOTPROD) | RNNP_CPU(SVE) | RNNP_CPU(I8MM) |
                                       RNNP_CPU(BF16));
}

TEST(this_machine_has_the_baseline)
{
    rnnp_cpu cpu;

    rnnp_cpu_read(&cpu);
#if defined(__x86_64__)
    assert_int_equal(strlen(cpu.vendor), 12);
    assert_true(cpu.family != 0);
#elif defined(__aarch64__)
    assert_true(cpu.features & RNNP_CPU_NEON);
#endif
}

TEST(features_have_names)
{
    assert_string_equal(rnnp_cpu_feature_text(RNNP_FEATURE_AVX2), "avx2");
    assert_string_equal(rnnp_cpu_feature_text(RNNP_FEATURE_SLOW_ZMM), "slow-zmm");
    for (size_t i = 0; i < RNNP_FEATURE_COUNT; i++) assert_non_null(rnnp_cpu_feature_text(i));
    assert_null(rnnp_cpu_feature_text(RNNP_FEATURE_COUNT));
}
