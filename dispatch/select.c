/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch.h"

#include <string.h>

#if defined(__AVX__) && !defined(RNNP_NATIVE)
#error "everything outside kernels/<isa>/ is compiled for the baseline: drop -march or define RNNP_NATIVE"
#endif

static const struct {
    const char *name, *arch;
    int rank;
    uint64_t needs;
} isas[RNNP_ISA_COUNT] = {
#define RNNP_ISA(name, arch, rank, needs, flags) {#name, #arch, rank, needs},
#include "../kernels/isa.def"
#undef RNNP_ISA
};

static const char names[] =
#define RNNP_ISA(name, arch, rank, needs, flags) ", " #name
#include "../kernels/isa.def"
#undef RNNP_ISA
    ;
const char *const rnnp_isa_list = names + 2;

static int isa_usable(rnnp_isa isa, uint64_t features, int max_rank)
{
    return isas[isa].rank <= max_rank && (isas[isa].needs & ~features) == 0;
}

int rnnp_isa_find(const char *name)
{
    for (int i = 0; i < RNNP_ISA_COUNT; i++) {
        if (strcmp(isas[i].name, name) == 0) return i;
    }
    return -1;
}

int rnnp_isa_rank(const char *name)
{
    const int isa = rnnp_isa_find(name);

    return isa < 0 ? -1 : isas[isa].rank;
}

int rnnp_isa_rank_of(rnnp_isa isa) { return isas[isa].rank; }

int rnnp_variant_usable(const rnnp_variant *variant, uint64_t features, int max_rank)
{
    return isa_usable(variant->isa, features, max_rank) && (variant->needs & ~features) == 0;
}

/* What is chosen from, and for which CPU. */
typedef struct choice {
    const rnnp_variant_list *const *lists; /* [RNNP_ISA_COUNT] */
    uint64_t features;
    int max_rank;
} choice;

/* The first usable row of the same ISA for weights with this home. */
static const rnnp_variant *find_for(const choice *from, const rnnp_variant *of, rnnp_home home)
{
    const rnnp_variant_list *list = from->lists[of->isa];

    for (size_t i = 0; i < list->count; i++) {
        const rnnp_variant *row = &list->rows[i];

        if (row->op == of->op && row->traits.home == home && rnnp_variant_usable(row, from->features, from->max_rank))
            return row;
    }
    return NULL;
}

static void select_from(const choice *from, rnnp_selection *selection)
{
    memset(selection, 0, sizeof *selection);
    for (int isa = 0; isa < RNNP_ISA_COUNT; isa++) {
        const rnnp_variant_list *list = from->lists[isa];

        if (list->count == 0 || !isa_usable((rnnp_isa)isa, from->features, from->max_rank)) continue;
        if (isas[isa].rank > isas[selection->isa].rank) selection->isa = (rnnp_isa)isa;
        for (size_t i = 0; i < list->count; i++) {
            const rnnp_variant *row = &list->rows[i];
            const rnnp_variant *best = selection->op[row->op];

            /* "Greater" keeps the first row within an ISA. */
            if (row->traits.home == RNNP_HOME_L2 && rnnp_variant_usable(row, from->features, from->max_rank) &&
                (!best || isas[isa].rank > isas[best->isa].rank))
                selection->op[row->op] = row;
        }
    }
    for (size_t op = 0; op < RNNP_OP_COUNT; op++) {
        const rnnp_variant *best = selection->op[op];

        for (int home = RNNP_HOME_L2; best && home < RNNP_HOME_COUNT; home++) {
            const rnnp_variant *found = find_for(from, selection->op[op], (rnnp_home)home);

            selection->away[home][op] = best = found ? found : best;
        }
    }
    selection->near_bytes = selection->far_bytes = SIZE_MAX;
}

void rnnp_select(uint64_t features, int max_rank, rnnp_selection *selection)
{
    select_from(&(choice){rnnp_tables, features, max_rank}, selection);
}

void rnnp_select_isa(rnnp_isa isa, rnnp_selection *selection)
{
    static const rnnp_variant_list none = {NULL, 0};
    const rnnp_variant_list *lists[RNNP_ISA_COUNT];

    for (int i = 0; i < RNNP_ISA_COUNT; i++) {
        const int there = strcmp(isas[i].arch, isas[isa].arch) == 0 || strcmp(isas[i].arch, "ANY") == 0;

        lists[i] = there ? rnnp_rows_of((rnnp_isa)i) : &none;
    }
    select_from(&(choice){lists, UINT64_MAX, isas[isa].rank}, selection);
}

void rnnp_select_homes(const rnnp_cpu *cpu, rnnp_selection *selection)
{
    if (cpu->l2_bytes == 0) return;
    selection->near_bytes = cpu->l2_bytes;
    selection->far_bytes = cpu->l3_bytes / 2 > cpu->l2_bytes ? cpu->l3_bytes / 2 : cpu->l2_bytes;
}
