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

/* The first usable row of an ISA for weights in this format with this home. */
static const rnnp_variant *first_row(const choice *from, rnnp_isa isa, rnnp_op op, rnnp_format format, rnnp_home home)
{
    const rnnp_variant_list *list = from->lists[isa];

    for (size_t i = 0; i < list->count; i++) {
        const rnnp_variant *row = &list->rows[i];

        if (row->op == op && row->traits.panels.format == format && row->traits.home == home &&
            rnnp_variant_usable(row, from->features, from->max_rank))
            return row;
    }
    return NULL;
}

/* The same of the highest-ranked usable ISA that has one; any home is served by rows for L2. */
static const rnnp_variant *best_row(const choice *from, rnnp_op op, rnnp_format format)
{
    const rnnp_variant *best = NULL;

    for (int isa = 0; isa < RNNP_ISA_COUNT; isa++) {
        const rnnp_variant *row = first_row(from, (rnnp_isa)isa, op, format, RNNP_HOME_L2);

        if (row && (!best || isas[isa].rank > isas[best->isa].rank)) best = row;
    }
    return best;
}

static void select_from(const choice *from, rnnp_selection *selection)
{
    memset(selection, 0, sizeof *selection);
    for (int isa = 0; isa < RNNP_ISA_COUNT; isa++) {
        if (from->lists[isa]->count > 0 && isa_usable((rnnp_isa)isa, from->features, from->max_rank) &&
            isas[isa].rank > isas[selection->isa].rank)
            selection->isa = (rnnp_isa)isa;
    }
    for (int op = 0; op < RNNP_OP_COUNT; op++) {
        for (int format = 0; format < RNNP_FORMAT_COUNT; format++) {
            const rnnp_variant *best = best_row(from, (rnnp_op)op, (rnnp_format)format);

            for (int home = RNNP_HOME_L2; best && home < RNNP_HOME_COUNT; home++) {
                const rnnp_variant *row = first_row(from, best->isa, (rnnp_op)op, (rnnp_format)format, (rnnp_home)home);

                selection->at[format][home][op] = best = row ? row : best;
            }
        }
        selection->op[op] = selection->at[RNNP_FORMAT_f32][RNNP_HOME_L2][op];
    }
    selection->near_bytes = selection->far_bytes = selection->last_bytes = SIZE_MAX;
    rnnp_machine_assume(&(rnnp_cpu){.family = 0}, selection->isa, &selection->machine);
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

const rnnp_variant *rnnp_select_wider(const rnnp_variant *usual, size_t n, size_t least_rows)
{
    const rnnp_variant_list *list = rnnp_rows_of(usual->isa);
    const size_t lanes = 2 * usual->traits.panels.lanes;

    if (usual->traits.home != RNNP_HOME_L2 || usual->traits.panels.format != RNNP_FORMAT_f32) return usual;
    if (n % lanes != 0 && n % lanes <= lanes / 2) return usual;
    for (size_t i = 0; i < list->count; i++) {
        const rnnp_variant *row = &list->rows[i];
        const rnnp_traits *t = &row->traits;

        if (row->op == usual->op && t->panels.format == RNNP_FORMAT_f32 && t->panels.lanes == lanes &&
            t->mr >= least_rows && t->home == RNNP_HOME_L2 && !(row->needs & ~usual->needs))
            return row;
    }
    return usual;
}

void rnnp_select_machine(const rnnp_cpu *cpu, const rnnp_machine *machine, rnnp_selection *selection)
{
    rnnp_machine *const m = &selection->machine;

    if (machine)
        *m = *machine;
    else
        rnnp_machine_assume(cpu, selection->isa, m);
    const int is_slow = 3 * m->bytes_per_ns[RNNP_HOME_L3] < m->bytes_per_ns[RNNP_HOME_L2];
    const size_t last = cpu->l3_bytes / 2 > cpu->l2_bytes ? cpu->l3_bytes / 2 : cpu->l2_bytes;

    selection->near_bytes = selection->far_bytes = selection->last_bytes = SIZE_MAX;
    if (cpu->l2_bytes == 0) return;
    selection->near_bytes = cpu->l2_bytes;
    selection->far_bytes = is_slow ? cpu->l2_bytes : last;
    selection->last_bytes = last;
}
