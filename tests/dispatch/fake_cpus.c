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
/* clang-format on */

/* eax and ebx of a cache leaf: type, level, sharers; line, ways */
#define CACHE_A(type, level, sharers) ((type) | (level) << 5 | ((sharers)-1) << 14)
#define CACHE_B(line, ways) (((line)-1) | ((ways)-1) << 22)

static const uint64_t avx2_set = RNNP_CPU_AVX2 | RNNP_CPU_FMA3 | RNNP_CPU_F16C;
static const uint64_t avx512_set = RNNP_CPU_AVX512F | RNNP_CPU_AVX512BW | RNNP_CPU_AVX512DQ | RNNP_CPU_AVX512VL;

#define HAS_ALL(cpu, set) (((cpu).features & (set)) == (set))
#define HAS_NONE(cpu, set) (((cpu).features & (set)) == 0)

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
    assert_int_equal(cpu.features, avx2_set | RNNP_CPU(AVX) | RNNP_CPU(SSE41) | RNNP_CPU(BMI2));
    assert_int_equal(cpu.l1d_bytes, 32 * 1024);
    assert_int_equal(cpu.l2_bytes, 256 * 1024);
    assert_int_equal(cpu.l3_bytes, 8 * 1024 * 1024);
    assert_int_equal(cpu.line_bytes, 64);
    assert_int_equal(cpu.l2_sharers, 2);
    assert_int_equal(cpu.l3_sharers, 16);
    assert_chosen(&cpu, RNNP_ISA_avx2);
}

TEST(skylake_x_has_slow_zmm)
{
    READ(cpu, XCR0_ZMM, INTEL(22), {1, 0, {0x00050654, 0, C1_BASE | C1_AVX, 0}},
         {7, 0, {0, B7_AVX2 | B7_AVX512, 0, 0}});

    assert_int_equal(cpu.model, 0x55);
    assert_true(HAS_ALL(cpu, avx2_set | avx512_set | RNNP_CPU(SLOW_ZMM)));
    assert_true(HAS_NONE(cpu, RNNP_CPU_AVX512VNNI));
    assert_chosen(&cpu, RNNP_ISA_avx512);
}

TEST(ice_lake_has_vnni)
{
    READ(cpu, XCR0_ZMM, INTEL(27), {1, 0, {0x000606a6, 0, C1_BASE | C1_AVX, 0}},
         {7, 0, {0, B7_AVX2 | B7_AVX512, C7_VNNI, 0}});

    assert_true(HAS_ALL(cpu, avx512_set | RNNP_CPU_AVX512VNNI | RNNP_CPU(SLOW_ZMM)));
    assert_true(HAS_NONE(cpu, RNNP_CPU(AVX512BF16) | RNNP_CPU(AVXVNNI)));
}

TEST(sapphire_rapids_has_tiles_and_fast_zmm)
{
    const leaf one = {1, 0, {0x000806f8, 0, C1_BASE | C1_AVX, 0}};
    const leaf seven = {7, 0, {1, B7_AVX2 | B7_AVX512, C7_VNNI, BIT(22) | BIT(23) | BIT(24) | BIT(25)}};
    const leaf seven_one = {7, 1, {BIT(4) | BIT(5), 0, 0, 0}};
    const uint64_t tiles = RNNP_CPU(AMX_TILE) | RNNP_CPU(AMX_INT8) | RNNP_CPU(AMX_BF16);
    const uint64_t rest = RNNP_CPU(AVX512FP16) | RNNP_CPU(AVX512BF16) | RNNP_CPU(AVXVNNI);

    READ(cpu, XCR0_TILES, INTEL(31), one, seven, seven_one);
    assert_true(HAS_ALL(cpu, avx512_set | tiles | rest));
    assert_true(HAS_NONE(cpu, RNNP_CPU(SLOW_ZMM)));

    READ(no_tiles, XCR0_ZMM, INTEL(31), one, seven, seven_one);
    assert_true(HAS_ALL(no_tiles, avx512_set | rest));
    assert_true(HAS_NONE(no_tiles, tiles));
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
    assert_true(HAS_ALL(cpu, avx2_set));
    assert_true(HAS_NONE(cpu, avx512_set | RNNP_CPU(SLOW_ZMM)));
    assert_int_equal(cpu.l1d_bytes, 32 * 1024);
    assert_int_equal(cpu.l2_bytes, 512 * 1024);
    assert_int_equal(cpu.l3_bytes, 32 * 1024 * 1024);
    assert_int_equal(cpu.l3_sharers, 16);
}

TEST(zen4_halves_zmm_and_zen5_does_not)
{
    const leaf seven = {7, 0, {0, B7_AVX2 | B7_AVX512, C7_VNNI, 0}};

    READ(zen4, XCR0_ZMM, AMD(16), {1, 0, {0x00a10f11, 0, C1_BASE | C1_AVX, 0}}, seven);
    READ(zen5, XCR0_ZMM, AMD(16), {1, 0, {0x00b00f21, 0, C1_BASE | C1_AVX, 0}}, seven);

    assert_true(HAS_ALL(zen4, avx512_set | RNNP_CPU(SLOW_ZMM)));
    assert_int_equal(zen5.family, 0x1a);
    assert_true(HAS_ALL(zen5, avx512_set));
    assert_true(HAS_NONE(zen5, RNNP_CPU(SLOW_ZMM)));
}

TEST(hidden_osxsave_hides_all_of_avx)
{
    READ(cpu, XCR0_ZMM, INTEL(22), {1, 0, {0x00050654, 0, (C1_BASE | C1_AVX | BIT(31)) & ~BIT(27), 0}},
         {7, 0, {0, B7_AVX2 | B7_AVX512, 0, 0}});

    assert_int_equal(cpu.features, RNNP_CPU(SSE41) | RNNP_CPU(BMI2) | RNNP_CPU(HYPERVISOR));
    assert_int_equal(cpu_fake.xgetbv_calls, 0); /* it would be an illegal instruction */
    assert_chosen(&cpu, RNNP_ISA_generic);
}

TEST(hidden_avx_hides_what_builds_on_it)
{
    READ(cpu, XCR0_ZMM, INTEL(22), {1, 0, {0x00050654, 0, (C1_BASE | C1_AVX) & ~BIT(28), 0}},
         {7, 0, {0, B7_AVX2 | B7_AVX512, 0, 0}});

    assert_int_equal(cpu.features, RNNP_CPU(SSE41) | RNNP_CPU(BMI2));
    assert_chosen(&cpu, RNNP_ISA_generic);
}

TEST(avx2_without_fma)
{
    READ(cpu, XCR0_YMM, {0, 0, {13, 0x746e6543, 0x736c7561, 0x48727561}}, /* CentaurHauls */
         {1, 0, {0x000006f0, 0, (C1_BASE | C1_AVX) & ~BIT(12), 0}}, {7, 0, {0, B7_AVX2, 0, 0}});

    assert_string_equal(cpu.vendor, "CentaurHauls");
    assert_true(HAS_ALL(cpu, RNNP_CPU_AVX2));
    assert_true(HAS_NONE(cpu, RNNP_CPU_FMA3));
    assert_chosen(&cpu, RNNP_ISA_generic);
}

TEST(avx512_without_vl)
{
    READ(cpu, XCR0_ZMM, INTEL(13), {1, 0, {0x00050671, 0, C1_BASE | C1_AVX, 0}}, /* Knights Landing: F alone */
         {7, 0, {0, B7_AVX2 | BIT(16), 0, 0}});

    assert_true(HAS_ALL(cpu, avx2_set | RNNP_CPU_AVX512F));
    assert_true(HAS_NONE(cpu, avx512_set & ~RNNP_CPU_AVX512F));
    assert_chosen(&cpu, RNNP_ISA_avx2);
}

/* Each of the four parts of AVX-512 that the kernels use may be missing, as under a hypervisor's mask. */
TEST(avx512_is_used_whole_or_not_at_all)
{
    static const uint32_t parts[] = {BIT(16), BIT(17), BIT(30), BIT(31)}; /* f dq bw vl */

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        READ(cpu, XCR0_ZMM, INTEL(22), {1, 0, {0x00050654, 0, C1_BASE | C1_AVX, 0}},
             {7, 0, {0, B7_AVX2 | (B7_AVX512 & ~parts[i]), 0, 0}});
        assert_chosen(&cpu, RNNP_ISA_avx2);
    }
}

/* AVX10 is announced by bits of its own (leaf 7.1 and leaf 24h). A CPU with its 512-bit form has the AVX-512 bits as
 * well; with the 256-bit form it has not, and its EVEX instructions stay unused. */
TEST(avx10_counts_by_its_avx512_bits)
{
    const leaf one = {1, 0, {0x000d0670, 0, C1_BASE | C1_AVX, 0}};
    const leaf seven_one = {7, 1, {BIT(4) | BIT(5), 0, 0, BIT(19)}};

    READ(wide, XCR0_ZMM, INTEL(0x24), one, {7, 0, {1, B7_AVX2 | B7_AVX512, C7_VNNI, 0}}, seven_one,
         {0x24, 0, {0, 2 | BIT(16) | BIT(17) | BIT(18), 0, 0}});
    assert_true(HAS_ALL(wide, avx2_set | avx512_set));
    assert_chosen(&wide, RNNP_ISA_avx512);

    READ(narrow, XCR0_ZMM, INTEL(0x24), one, {7, 0, {1, B7_AVX2, 0, 0}}, seven_one,
         {0x24, 0, {0, 1 | BIT(16) | BIT(17), 0, 0}});
    assert_true(HAS_ALL(narrow, avx2_set));
    assert_true(HAS_NONE(narrow, avx512_set));
    assert_chosen(&narrow, RNNP_ISA_avx2);
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

TEST(xcr0_limits_features)
{
    const leaf one = {1, 0, {0x000606a6, 0, C1_BASE | C1_AVX, 0}};
    const leaf seven = {7, 0, {0, B7_AVX2 | B7_AVX512, C7_VNNI, 0}};

    READ(no_zmm, XCR0_YMM, INTEL(27), one, seven);
    assert_true(HAS_ALL(no_zmm, avx2_set));
    assert_true(HAS_NONE(no_zmm, avx512_set | RNNP_CPU_AVX512VNNI | RNNP_CPU(SLOW_ZMM)));
    assert_chosen(&no_zmm, RNNP_ISA_avx2);

    READ(no_opmask, XCR0_ZMM & ~0x20, INTEL(27), one, seven);
    assert_true(HAS_NONE(no_opmask, avx512_set));
    assert_chosen(&no_opmask, RNNP_ISA_avx2);

    READ(no_ymm, XCR0_SSE, INTEL(27), one, seven);
    assert_int_equal(no_ymm.features, RNNP_CPU(SSE41) | RNNP_CPU(BMI2));
    assert_chosen(&no_ymm, RNNP_ISA_generic);
}

TEST(leaf_limits_are_kept)
{
    const leaf one = {1, 0, {0x000206a7, 0, C1_BASE | C1_AVX, 0}};
    const leaf junk = {7, 0, {0, 0xffffffff, 0xffffffff, 0xffffffff}};

    /* Leaf 7 lies beyond the limit: what answers there means nothing. */
    READ(six, XCR0_TILES, INTEL(6), one, junk);
    assert_true(HAS_ALL(six, RNNP_CPU(AVX) | RNNP_CPU_FMA3));
    assert_true(HAS_NONE(six, RNNP_CPU_AVX2 | avx512_set | RNNP_CPU(AMX_TILE)));

    /* So does leaf 1 when leaf 0 is all there is. */
    READ(zero, XCR0_TILES, INTEL(0), one, junk);
    assert_int_equal(zero.features, 0);
    assert_int_equal(zero.family, 0);
    assert_int_equal(zero.l1d_bytes, 0);

    /* Subleaf 1 of leaf 7 counts only when subleaf 0 announces it. */
    READ(sub, XCR0_ZMM, INTEL(7), one, {7, 0, {0, B7_AVX2 | B7_AVX512, 0, 0}}, {7, 1, {0xffffffff, 0, 0, 0}});
    assert_true(HAS_NONE(sub, RNNP_CPU(AVXVNNI) | RNNP_CPU(AVX512BF16)));

    /* No extended leaves: the answer to 80000000h is not one of their numbers. */
    READ(basic, XCR0_YMM, INTEL(13), one, {0x80000000, 0, {7, 0, 0, 0}}, {0x80000001, 0, {0, 0, BIT(22), 0}},
         {0x80000002, 0, {0x41414141, 0, 0, 0}});
    assert_string_equal(basic.brand, "");
}

TEST(unknown_vendor)
{
    READ(cpu, XCR0_ZMM, {0, 0, {7, 0x206e6f4e, 0x20202020, 0x65736f50}}, {1, 0, {0x00000f00, 0, C1_BASE | C1_AVX, 0}},
         {7, 0, {0, B7_AVX2 | B7_AVX512, 0, 0}});

    assert_string_equal(cpu.vendor, "Non Pose    ");
    assert_int_equal(cpu.family, 15);
    assert_true(HAS_ALL(cpu, avx2_set | avx512_set)); /* features decide, not names */
    assert_true(HAS_NONE(cpu, RNNP_CPU(SLOW_ZMM)));
    assert_chosen(&cpu, RNNP_ISA_avx512);
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
    assert_true(HAS_ALL(cpu, RNNP_CPU_NEON));
#endif
}

TEST(features_have_names)
{
    assert_string_equal(rnnp_cpu_feature_text(RNNP_FEATURE_AVX2), "avx2");
    assert_string_equal(rnnp_cpu_feature_text(RNNP_FEATURE_SLOW_ZMM), "slow-zmm");
    for (size_t i = 0; i < RNNP_FEATURE_COUNT; i++) assert_non_null(rnnp_cpu_feature_text(i));
    assert_null(rnnp_cpu_feature_text(RNNP_FEATURE_COUNT));
}
