/* SPDX-License-Identifier: Apache-2.0
 *
 * The variant table as the check sees it, and what must hold of the table itself.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>

const check_class *const check_classes[RNNP_OP_COUNT] = {
#define RNNP_OP(op, args, source) [RNNP_OP_##op] = &check_##args,
#include "kernels/ops.def"
#undef RNNP_OP
};

static const char *const sources[RNNP_OP_COUNT] = {
#define RNNP_OP(op, args, source) #source,
#include "kernels/ops.def"
#undef RNNP_OP
};

size_t complain(const char *name, const char *what)
{
    printf("FAILED %s: %s\n", name, what);
    return 1;
}

size_t rows_of(rnnp_op op, rnnp_format format, const rnnp_variant *rows[MOST_VARIANTS])
{
    size_t count = 0;
    for (size_t isa = 0; isa < RNNP_ISA_COUNT; isa++)
        for (size_t i = 0; i < rnnp_tables[isa]->count; i++) {
            const rnnp_variant *v = &rnnp_tables[isa]->rows[i];
            if (v->op == op && v->traits.panels.format == format && count < MOST_VARIANTS) rows[count++] = v;
        }
    return count;
}

const rnnp_variant *any_variant(kernel_kind of, rng *r)
{
    const rnnp_variant *rows[MOST_VARIANTS];
    const size_t count = rows_of(of.op, of.format, rows);
    return count ? rows[rng_in(r, 0, count - 1)] : NULL;
}

size_t least_lanes(rnnp_isa isa)
{
    size_t least = 64;
    for (size_t i = 0; i < rnnp_tables[isa]->count; i++) {
        const rnnp_variant *v = &rnnp_tables[isa]->rows[i];
        if (check_classes[v->op] == &check_step && v->traits.panels.lanes < least) least = v->traits.panels.lanes;
    }
    return least;
}

static int ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), k = strlen(end);
    return n > k && strcmp(text + n - k, end) == 0 && text[n - k - 1] == '_';
}

/* Scratch asked for R rows must do for any fewer rows: with lengths, fewer and fewer rows are active. */
static int scratch_is_enough(const rnnp_variant *v)
{
    const size_t lanes = v->traits.panels.lanes, nr = rnnp_panels_columns(&v->traits.panels);
    for (size_t hidden = 1; hidden <= 40 * lanes; hidden += 3 * lanes - 1) {
        const size_t panels = (hidden + lanes - 1) / lanes;
        for (size_t rows = 1, need = 0; rows <= 300; rows++) {
            const size_t used = 2 * rows * nr * rnnp_step_group(v->traits.block, nr, rows, panels);
            need = used > need ? used : need;
            if (rnnp_step_scratch(&v->traits, rows, hidden, 0) < need) return 0;
        }
    }
    return 1;
}

/* A plain product packs before its weights' home is asked for: all homes' rows must read the same panels. */
static int packs_apart(const rnnp_variant *v)
{
    const rnnp_variant *first = NULL, *first_of_home = NULL;
    for (size_t i = 0; i < rnnp_tables[v->isa]->count; i++) {
        const rnnp_variant *row = &rnnp_tables[v->isa]->rows[i];
        if (row->op != v->op || row->traits.panels.format != v->traits.panels.format) continue;
        if (!first && row->traits.home == RNNP_HOME_L2) first = row;
        if (!first_of_home && row->traits.home == v->traits.home) first_of_home = row;
    }
    return first_of_home == v && (!first || !rnnp_panels_same(&first->traits.panels, &v->traits.panels));
}

static const char *gemm_fault(const rnnp_variant *v)
{
    const rnnp_panels *p = &v->traits.panels;
    return v->traits.mr == 0 || p->lanes == 0 || p->gates != 1 || p->slices != 1 ? "needs mr, and lanes of one gate"
                                                                                 : NULL;
}

static const char *step_fault(const rnnp_variant *v)
{
    const rnnp_panels *p = &v->traits.panels;
    if (v->traits.mr == 0 || p->lanes == 0 || (p->lanes & (p->lanes - 1)) != 0)
        return "needs mr, and lanes that are a power of two";
    if (p->gates != rnnp_op_gates(v->op) || p->slices == 0 || p->gates % p->slices != 0)
        return "needs the gates of its op, and slices that divide them";
    return scratch_is_enough(v) ? NULL : "may use more scratch than rnnp_step_scratch says";
}

size_t check_table(void)
{
    size_t faults = 0, per_isa[RNNP_ISA_COUNT][RNNP_OP_COUNT] = {{0}};
    for (size_t isa = 0; isa < RNNP_ISA_COUNT; isa++)
        for (size_t i = 0; i < rnnp_tables[isa]->count; i++) {
            const rnnp_variant *v = &rnnp_tables[isa]->rows[i];
            const char *op = rnnp_op_names[v->op];
            per_isa[isa][v->op]++;
            if (v->isa != isa) faults += complain(v->name, "stands in another ISA's list");
            if (strncmp(v->name, op, strlen(op)) != 0 || !ends_with(v->name, rnnp_isa_names[v->isa]))
                faults += complain(v->name, "is not named <op>_<variant>_<isa>");
            const char *fault = check_classes[v->op] == &check_gemm   ? gemm_fault(v)
                                : check_classes[v->op] == &check_step ? step_fault(v)
                                                                      : NULL;
            if (fault) faults += complain(v->name, fault);
            const rnnp_variant *same[MOST_VARIANTS];
            if (rows_of(v->op, v->traits.panels.format, same) == 0 || same[0]->isa != RNNP_ISA_generic)
                faults += complain(v->name, "has no generic row of its op and format");
            if (v->op == RNNP_OP_gemm && v->traits.home != RNNP_HOME_L2 && packs_apart(v))
                faults += complain(v->name, "is first for its home but packs other panels than the first of all");
            for (size_t other = 0; other <= isa; other++)
                for (size_t k = 0; k < (other < isa ? rnnp_tables[other]->count : i); k++)
                    if (strcmp(rnnp_tables[other]->rows[k].name, v->name) == 0)
                        faults += complain(v->name, "is the name of two rows");
        }
    for (size_t op = 0; op < RNNP_OP_COUNT; op++)
        for (size_t isa = 0; isa < RNNP_ISA_COUNT; isa++) {
            const size_t rows = per_isa[isa][op];
            const int stamped = strcmp(sources[op], "TMPL") == 0;
            if (stamped && rnnp_tables[isa]->count > 0 && rows != 1) {
                printf("FAILED %s: %zu rows in %s, expected 1\n", rnnp_op_names[op], rows, rnnp_isa_names[isa]);
                faults++;
            }
            if (isa == RNNP_ISA_generic && rows == 0) faults += complain(rnnp_op_names[op], "has no generic row");
        }
    return faults;
}
