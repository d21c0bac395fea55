/* SPDX-License-Identifier: Apache-2.0 */
#include "subjects.h"

#include <fnmatch.h>

#ifdef SLEEF_FORMS
#include <sleef.h>
#endif

const promise promises[SUBJECTS] = {
    {RNNP_OP_exp_f32_u35, KIND_EXP, METRIC_ULP, 1.0, 1},
    {RNNP_OP_exp_f32_u10, KIND_EXP, METRIC_ULP, 1.0, 1},
    {RNNP_OP_exp_f32_fast, KIND_EXP, METRIC_RELATIVE, 1e-4, 0},
    {RNNP_OP_tanh_f32_u35, KIND_TANH, METRIC_ULP, 3.5, 1},
    {RNNP_OP_tanh_f32_u10, KIND_TANH, METRIC_ULP, 1.0, 1},
    {RNNP_OP_tanh_f32_fast, KIND_TANH, METRIC_ABSOLUTE, 5e-5, 0},
    {RNNP_OP_sigmoid_f32_u35, KIND_SIGMOID, METRIC_ULP, 3.5, 1},
    {RNNP_OP_sigmoid_f32_u10, KIND_SIGMOID, METRIC_ULP, 1.0, 1},
    {RNNP_OP_sigmoid_f32_fast, KIND_SIGMOID, METRIC_ABSOLUTE, 5e-5, 0},
    {RNNP_OP_log_f32_u35, KIND_LOG, METRIC_ULP, 1.0, 1},
    {RNNP_OP_log_f32_u10, KIND_LOG, METRIC_ULP, 0.51, 1},
    {RNNP_OP_softplus_f32_u35, KIND_SOFTPLUS, METRIC_ULP, 3.5, 1},
    {RNNP_OP_softplus_f32_u10, KIND_SOFTPLUS, METRIC_ULP, 0.51, 1},
    {RNNP_OP_elu_f32_u35, KIND_ELU, METRIC_ULP, 3.5, 1},
    {RNNP_OP_elu_f32_u10, KIND_ELU, METRIC_ULP, 0.51, 1},
};

static void find_opinions(subject *s, uint64_t features)
{
#ifdef SLEEF_FORMS
    static const sleef_form *const forms[] = {SLEEF_FORMS};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if ((features & forms[i]->needs) == forms[i]->needs) s->opinions[s->opinion_count++] = forms[i];
#else
    (void)s;
    (void)features;
#endif
}

#define QUOTE(text) #text
#define TEXT(text) QUOTE(text)

const char *opinion_name(void)
{
#ifdef SLEEF_FORMS
    return "SLEEF " TEXT(SLEEF_VERSION_MAJOR) "." TEXT(SLEEF_VERSION_MINOR) "." TEXT(SLEEF_VERSION_PATCHLEVEL);
#else
    return NULL;
#endif
}

/* The op's row in an ISA, if it runs on this CPU. */
static const rnnp_variant *row_of(rnnp_isa isa, rnnp_op op, uint64_t features)
{
    const rnnp_variant_list *table = rnnp_tables[isa];
    for (size_t i = 0; table && i < table->count; i++)
        if (table->rows[i].op == op && rnnp_variant_usable(&table->rows[i], features, rnnp_isa_rank_of(isa)))
            return &table->rows[i];
    return NULL;
}

static rnnp_isa choose(uint64_t features, const char *name)
{
    rnnp_isa best = RNNP_ISA_COUNT;
    for (rnnp_isa isa = 0; isa < RNNP_ISA_COUNT; isa++) {
        if (!row_of(isa, promises[0].op, features) || (name && strcmp(name, rnnp_isa_names[isa]) != 0)) continue;
        if (best == RNNP_ISA_COUNT || rnnp_isa_rank_of(isa) > rnnp_isa_rank_of(best)) best = isa;
    }
    return best;
}

int subjects_select(subject subjects[SUBJECTS], uint64_t features, const char *only, const char *isa)
{
    const rnnp_isa measured = choose(features, isa);
    if (measured == RNNP_ISA_COUNT) return 0;
    for (size_t i = 0; i < SUBJECTS; i++) {
        const rnnp_op op = promises[i].op;
        subject *s = &subjects[i];
        *s = (subject){.promise = &promises[i]};
        if (only && fnmatch(only, rnnp_op_names[op], 0) != 0) continue;
        s->measured = row_of(measured, op, features);
        if (fnmatch("*_u10", rnnp_op_names[op], 0) == 0) find_opinions(s, features);
        for (rnnp_isa other = 0; other < RNNP_ISA_COUNT; other++) {
            const rnnp_variant *row = row_of(other, op, features);
            if (row && other != measured && s->other_count < MOST_OTHERS && (!isa || other == RNNP_ISA_generic))
                s->others[s->other_count++] = row;
        }
    }
    return 1;
}

/* The members of the union for ops with the same arguments have the same type. */
void subject_run(const rnnp_variant *variant, const float *x, float *y, size_t n)
{
    variant->fn.exp_f32_u35(&(rnnp_unary_args){.x = x, .y = y, .n = n, .alpha = 1});
}
