/* SPDX-License-Identifier: Apache-2.0
 *
 * The variant table: one pass over isa.def finds the list of each ISA folder. A new ISA needs no edit here.
 */
#include "ops.h"
#include "probe.h"

#define RNNP_ON_ANY(there, absent) there
#ifdef __x86_64__
#define RNNP_ON_X86_64(there, absent) there
#else
#define RNNP_ON_X86_64(there, absent) absent
#endif
#ifdef __aarch64__
#define RNNP_ON_AARCH64(there, absent) there
#else
#define RNNP_ON_AARCH64(there, absent) absent
#endif

#define RNNP_ISA(name, arch, rank, needs, flags)                           \
    extern const rnnp_variant_list rnnp_table_##name, rnnp_foreign_##name; \
    extern const rnnp_probe rnnp_probe_##name;
#include "isa.def"
#undef RNNP_ISA

/* An ISA that this build does not have. */
static const rnnp_variant_list no_variants __attribute__((unused)) = {NULL, 0};

const rnnp_variant_list *const rnnp_tables[RNNP_ISA_COUNT] = {
#define RNNP_ISA(name, arch, rank, needs, flags) [RNNP_ISA_##name] = RNNP_ON_##arch(&rnnp_table_##name, &no_variants),
#include "isa.def"
#undef RNNP_ISA
};

extern const rnnp_variant_list *const rnnp_foreign[RNNP_ISA_COUNT];
const rnnp_variant_list *const rnnp_foreign[RNNP_ISA_COUNT] = {
#define RNNP_ISA(name, arch, rank, needs, flags) [RNNP_ISA_##name] = RNNP_ON_##arch(&no_variants, &rnnp_foreign_##name),
#include "isa.def"
#undef RNNP_ISA
};

const rnnp_probe *const rnnp_probes[RNNP_ISA_COUNT] = {
#define RNNP_ISA(name, arch, rank, needs, flags) [RNNP_ISA_##name] = RNNP_ON_##arch(&rnnp_probe_##name, NULL),
#include "isa.def"
#undef RNNP_ISA
};

const char *const rnnp_op_names[RNNP_OP_COUNT] = {
#define RNNP_OP(op, args, source) #op,
#include "ops.def"
#undef RNNP_OP
};

const char *const rnnp_isa_names[RNNP_ISA_COUNT] = {
#define RNNP_ISA(name, arch, rank, needs, flags) #name,
#include "isa.def"
#undef RNNP_ISA
};
