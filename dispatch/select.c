/* SPDX-License-Identifier: Apache-2.0 */
#include "dispatch.h"

#include <string.h>

#if defined(__AVX__) && !defined(RNNP_NATIVE)
#error "everything outside kernels/<isa>/ is compiled for the baseline: drop -march or define RNNP_NATIVE"
#endif

static const struct {
    const char *name;
    int rank;
    uint64_t needs;
} isas[RNNP_ISA_COUNT] = {
#define RNNP_ISA(name, arch, rank, needs, flags) {#name, rank, needs},
#include "isa.def"
#undef RNNP_ISA
};

static int isa_usable(rnnp_isa isa, uint64_t features, int max_rank)
{
    return isas[isa].rank <= max_rank && (isas[isa].needs & ~features) == 0;
}

int rnnp_isa_rank(const char *name)
{
    for (size_t i = 0; i < RNNP_ISA_COUNT; i++) {
        if (strcmp(isas[i].name, name) == 0)
            return isas[i].rank;
    }
    return -1;
}

int rnnp_isa_rank_of(rnnp_isa isa)
{
    return isas[isa].rank;
}

int rnnp_variant_usable(const rnnp_variant *variant, uint64_t features, int max_rank)
{
    return isa_usable(variant->isa, features, max_rank) && (variant->needs & ~features) == 0;
}

/* The first usable row of the same ISA for weights with this home. */
static const rnnp_variant *find_for(const rnnp_variant *of, rnnp_home home, uint64_t features, int max_rank)
{
    const rnnp_variant_list *list = rnnp_tables[of->isa];

    for (size_t i = 0; i < list->count; i++) {
        const rnnp_variant *row = &list->rows[i];

        if (row->op == of->op && row->traits.home == home && rnnp_variant_usable(row, features, max_rank))
            return row;
    }
    return NULL;
}

void rnnp_select(uint64_t features, int max_rank, rnnp_selection *selection)
{
    memset(selection, 0, sizeof *selection);
    for (int isa = 0; isa < RNNP_ISA_COUNT; isa++) {
        const rnnp_variant_list *list = rnnp_tables[isa];

        if (list->count == 0 || !isa_usable((rnnp_isa)isa, features, max_rank))
            continue;
        if (isas[isa].rank > isas[selection->isa].rank)
            selection->isa = (rnnp_isa)isa;
        for (size_t i = 0; i < list->count; i++) {
            const rnnp_variant *row = &list->rows[i];
            const rnnp_variant *best = selection->op[row->op];

            /* "Greater" keeps the first row within an ISA. */
            if (row->traits.home == RNNP_HOME_L2 && rnnp_variant_usable(row, features, max_rank) && (!best || isas[isa].rank > isas[best->isa].rank))
                selection->op[row->op] = row;
        }
    }
    for (size_t op = 0; op < RNNP_OP_COUNT; op++) {
        const rnnp_variant *best = selection->op[op];

        for (int home = RNNP_HOME_L2; best && home < RNNP_HOME_COUNT; home++) {
            const rnnp_variant *found = find_for(selection->op[op], (rnnp_home)home, features, max_rank);

            selection->away[home][op] = best = found ? found : best;
        }
    }
    selection->near_bytes = selection->far_bytes = SIZE_MAX;
}

void rnnp_select_homes(const rnnp_cpu *cpu, rnnp_selection *selection)
{
    if (cpu->l2_bytes == 0)
        return;
    selection->near_bytes = cpu->l2_bytes;
    selection->far_bytes = cpu->l3_bytes / 2 > cpu->l2_bytes ? cpu->l3_bytes / 2 : cpu->l2_bytes;
}
