/* SPDX-License-Identifier: Apache-2.0
 *
 * Selection over a variant table of the test's own: rnnp_tables here takes the place of kernels/table.c.
 */
#include "dispatch/dispatch.h"
#include "tests/test.h"

#include <limits.h>

#define ROW(op_, isa_, name_, needs_)                                               \
    {                                                                               \
        .name = name_, .op = RNNP_OP_##op_, .isa = RNNP_ISA_##isa_, .needs = needs_ \
    }

static const rnnp_variant generic_rows[] = {
    ROW(gemm, generic, "gemm_generic", 0),
    ROW(relu_f32, generic, "relu_generic", 0),
    ROW(exp_f32_u35, generic, "exp_generic", 0),
};
static const rnnp_variant avx2_rows[] = {
    ROW(gemm, avx2, "gemm_avx2_first", 0),
    ROW(gemm, avx2, "gemm_avx2_second", 0),
    ROW(relu_f32, avx2, "relu_avx2", 0),
    {.name = "gemm_avx2_far", .op = RNNP_OP_gemm, .isa = RNNP_ISA_avx2, .traits = {.home = RNNP_HOME_MEMORY}},
    {.name = "gemm_avx2_farther", .op = RNNP_OP_gemm, .isa = RNNP_ISA_avx2, .traits = {.home = RNNP_HOME_MEMORY}},
    {.name = "exp_avx2_l3", .op = RNNP_OP_exp_f32_u35, .isa = RNNP_ISA_avx2, .traits = {.home = RNNP_HOME_L3}},
    {.name = "exp_avx2", .op = RNNP_OP_exp_f32_u35, .isa = RNNP_ISA_avx2},
};
static const rnnp_variant avx512_rows[] = {
    ROW(gemm, avx512, "gemm_avx512_vnni", RNNP_CPU_AVX512VNNI),
    ROW(gemm, avx512, "gemm_avx512", 0),
};
static const rnnp_variant_list generic_list = {generic_rows, 3};
static const rnnp_variant_list avx2_list = {avx2_rows, 7};
static const rnnp_variant_list avx512_list = {avx512_rows, 2};
static const rnnp_variant_list absent = {NULL, 0};

/* Whatever other instruction sets isa.def knows, this build does not have them. */
#define LIST_OF(isa)                           \
    (isa) == RNNP_ISA_generic  ? &generic_list \
    : (isa) == RNNP_ISA_avx2   ? &avx2_list    \
    : (isa) == RNNP_ISA_avx512 ? &avx512_list  \
                               : &absent

const rnnp_variant_list *const rnnp_tables[RNNP_ISA_COUNT] = {
#define RNNP_ISA(name, arch, rank, needs, flags) LIST_OF(RNNP_ISA_##name),
#include "kernels/isa.def"
#undef RNNP_ISA
};

static const rnnp_variant neon_rows[] = {ROW(gemm, neon, "gemm_neon", 0)};
static const rnnp_variant_list neon_list = {neon_rows, 1};

/* Of another architecture. */
const rnnp_variant_list *const rnnp_foreign[RNNP_ISA_COUNT] = {
#define RNNP_ISA(name, arch, rank, needs, flags) RNNP_ISA_##name == RNNP_ISA_neon ? &neon_list : &absent,
#include "kernels/isa.def"
#undef RNNP_ISA
};

static const uint64_t avx2_set = RNNP_CPU_AVX2 | RNNP_CPU_FMA3 | RNNP_CPU_F16C;
static const uint64_t avx512_set = RNNP_CPU_AVX2 | RNNP_CPU_FMA3 | RNNP_CPU_F16C | RNNP_CPU_AVX512F |
                                   RNNP_CPU_AVX512BW | RNNP_CPU_AVX512DQ | RNNP_CPU_AVX512VL;

static void expect(uint64_t features, int max_rank, rnnp_isa isa, const char *gemm, const char *relu)
{
    rnnp_selection s;

    memset(&s, 0xa5, sizeof s);
    rnnp_select(features, max_rank, &s);
    assert_int_equal(s.isa, isa);
    assert_string_equal(s.op[RNNP_OP_gemm]->name, gemm);
    assert_string_equal(s.op[RNNP_OP_relu_f32]->name, relu);
    /* a row for other homes is never the first choice, and an ISA without a row falls back to a lower one */
    assert_string_equal(s.op[RNNP_OP_exp_f32_u35]->name, isa == RNNP_ISA_generic ? "exp_generic" : "exp_avx2");
    assert_null(s.op[RNNP_OP_log_f32_u35]);
    assert_null(s.at[RNNP_FORMAT_f32][RNNP_HOME_L3][RNNP_OP_log_f32_u35]);
}

TEST(features_decide)
{
    expect(0, INT_MAX, RNNP_ISA_generic, "gemm_generic", "relu_generic");
    expect(avx2_set, INT_MAX, RNNP_ISA_avx2, "gemm_avx2_first", "relu_avx2");
    expect(avx512_set, INT_MAX, RNNP_ISA_avx512, "gemm_avx512", "relu_avx2");
    expect(avx512_set | RNNP_CPU_AVX512VNNI, INT_MAX, RNNP_ISA_avx512, "gemm_avx512_vnni", "relu_avx2");
}

TEST(every_needed_feature_counts)
{
    expect(avx2_set & ~RNNP_CPU_FMA3, INT_MAX, RNNP_ISA_generic, "gemm_generic", "relu_generic");
    expect(avx512_set & ~RNNP_CPU_AVX512VL, INT_MAX, RNNP_ISA_avx2, "gemm_avx2_first", "relu_avx2");
    /* AVX-512 without AVX2 is no CPU anybody made: fall back to what certainly runs. */
    expect(avx512_set & ~RNNP_CPU_AVX2, INT_MAX, RNNP_ISA_generic, "gemm_generic", "relu_generic");
}

TEST(caps_only_lower)
{
    expect(avx512_set, rnnp_isa_rank("avx2"), RNNP_ISA_avx2, "gemm_avx2_first", "relu_avx2");
    expect(avx512_set, rnnp_isa_rank("generic"), RNNP_ISA_generic, "gemm_generic", "relu_generic");
    expect(avx2_set, rnnp_isa_rank("avx512"), RNNP_ISA_avx2, "gemm_avx2_first", "relu_avx2");
    expect(0, rnnp_isa_rank("avx512"), RNNP_ISA_generic, "gemm_generic", "relu_generic");
}

TEST(usable_is_per_variant)
{
    const rnnp_variant *vnni = &avx512_rows[0];

    assert_false(rnnp_variant_usable(vnni, avx512_set, INT_MAX));
    assert_true(rnnp_variant_usable(vnni, avx512_set | RNNP_CPU_AVX512VNNI, INT_MAX));
    assert_false(rnnp_variant_usable(vnni, avx512_set | RNNP_CPU_AVX512VNNI, rnnp_isa_rank("avx2")));
    assert_false(rnnp_variant_usable(vnni, RNNP_CPU_AVX512VNNI, INT_MAX));
    assert_true(rnnp_variant_usable(&generic_rows[0], 0, 0));
}

static const char *name_for(const rnnp_selection *s, rnnp_op op, size_t weights)
{
    return rnnp_select_for(s, op, RNNP_FORMAT_f32, weights)->name;
}

TEST(weights_choose_by_their_home)
{
    rnnp_selection s;

    rnnp_select(avx2_set, INT_MAX, &s);
    rnnp_select_machine(&(rnnp_cpu){.l2_bytes = 0}, NULL, &s);
    assert_string_equal(name_for(&s, RNNP_OP_gemm, SIZE_MAX), "gemm_avx2_first"); /* no cache is known */
    rnnp_select_machine(&(rnnp_cpu){.l2_bytes = 400, .l3_bytes = 12000}, NULL, &s);
    assert_string_equal(name_for(&s, RNNP_OP_gemm, 100), "gemm_avx2_first");
    assert_string_equal(name_for(&s, RNNP_OP_gemm, 101), "gemm_avx2_first"); /* no row for L3 */
    assert_string_equal(name_for(&s, RNNP_OP_gemm, 1500), "gemm_avx2_first");
    assert_string_equal(name_for(&s, RNNP_OP_gemm, 1501), "gemm_avx2_far");
    assert_string_equal(name_for(&s, RNNP_OP_exp_f32_u35, 100), "exp_avx2");
    assert_string_equal(name_for(&s, RNNP_OP_exp_f32_u35, 101), "exp_avx2_l3");
    assert_string_equal(name_for(&s, RNNP_OP_exp_f32_u35, 1501), "exp_avx2_l3"); /* the nearest home that has a row */
    assert_string_equal(name_for(&s, RNNP_OP_relu_f32, 1501), "relu_avx2");
    rnnp_select_machine(&(rnnp_cpu){.l2_bytes = 400, .l3_bytes = 600}, NULL, &s); /* a small L3 is no home of its own */
    assert_string_equal(name_for(&s, RNNP_OP_gemm, 100), "gemm_avx2_first");
    assert_string_equal(name_for(&s, RNNP_OP_gemm, 101), "gemm_avx2_far");
    /* nor is a slow one: of Emerald Rapids, but not of Tiger Lake and Zen 4 */
    rnnp_cpu slow = {.vendor = "GenuineIntel", .family = 6, .model = 0xcf, .l2_bytes = 2 << 20, .l3_bytes = 260 << 20};
    slow.features = avx512_set;
    rnnp_select_machine(&slow, NULL, &s);
    assert_int_equal(rnnp_home_of(&s, 2 << 20), RNNP_HOME_L2);
    assert_int_equal(rnnp_home_of(&s, (2 << 20) + 1), RNNP_HOME_MEMORY);
    slow.model = 0x8c;
    rnnp_select_machine(&slow, NULL, &s);
    assert_int_equal(rnnp_home_of(&s, (2 << 20) + 1), RNNP_HOME_L3);
    slow.model = 0xcf;
    strcpy(slow.vendor, "AuthenticAMD");
    rnnp_select_machine(&slow, NULL, &s);
    assert_int_equal(rnnp_home_of(&s, (2 << 20) + 1), RNNP_HOME_L3);
    rnnp_select(0, INT_MAX, &s);
    rnnp_select_machine(&(rnnp_cpu){.l2_bytes = 400}, NULL, &s);
    assert_string_equal(name_for(&s, RNNP_OP_gemm, 101), "gemm_generic");
}

TEST(ranks_follow_isa_def)
{
    assert_int_equal(rnnp_isa_rank("generic"), 0);
    assert_true(rnnp_isa_rank("avx2") > rnnp_isa_rank("generic"));
    assert_true(rnnp_isa_rank("avx512") > rnnp_isa_rank("avx2"));
    assert_true(rnnp_isa_rank("avx") < 0);
    assert_true(rnnp_isa_rank("") < 0);
    assert_true(rnnp_isa_rank("AVX2") < 0);
    assert_int_equal(rnnp_isa_rank_of(RNNP_ISA_avx2), rnnp_isa_rank("avx2"));
}

/* As a packer selects: any ISA, here or not, and nothing of the other architecture. */
TEST(any_isa_can_be_packed_for)
{
    static const struct {
        const char *name, *gemm, *relu;
    } expected[] = {
        {"generic", "gemm_generic", "relu_generic"},
        {"neon", "gemm_neon", "relu_generic"},
        {"avx2", "gemm_avx2_first", "relu_avx2"},
        {"avx512", "gemm_avx512_vnni", "relu_avx2"},
    };

    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const int isa = rnnp_isa_find(expected[i].name);
        rnnp_selection s;

        assert_true(isa >= 0);
        assert_non_null(strstr(rnnp_isa_list, expected[i].name));
        rnnp_select_isa((rnnp_isa)isa, &s);
        assert_int_equal(s.isa, isa);
        assert_string_equal(s.op[RNNP_OP_gemm]->name, expected[i].gemm);
        assert_string_equal(s.op[RNNP_OP_relu_f32]->name, expected[i].relu);
    }
    assert_int_equal(rnnp_isa_find("sse9"), -1);
}
