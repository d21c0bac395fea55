/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: the variant list rnnp_table_<isa>: one row per TMPL op of ops.def, and the HAND rows of the
 * folder's variants.def (one line each: RNNP_VARIANT(op, variant, needs, traits...)).
 */
#include "../features.h"
#include "../ops.h"
#include "name.inc.h"

#define RNNP_VARIANT(op_, var, needs_, ...) rnnp_##op_##_fn rnnp_##op_##_f32_##var;
#include RNNP_VARIANTS_DEF
#undef RNNP_VARIANT

#define RNNP_TEXT_(a) #a
#define RNNP_TEXT(a) RNNP_TEXT_(a)

static const rnnp_variant rows[] = {
#define RNNP_VARIANT(op_, var, needs_, ...)   \
    {.name = #op_ "_f32_" #var,               \
     .op = RNNP_OP_##op_,                     \
     .isa = RNNP_JOIN(RNNP_ISA, RNNP_SUFFIX), \
     .needs = needs_,                         \
     .fn.op_ = rnnp_##op_##_f32_##var,        \
     .traits = {__VA_ARGS__}},
#include RNNP_VARIANTS_DEF
#undef RNNP_VARIANT
#define RNNP_ROW_TMPL(op_)                    \
    {.name = #op_ "_" RNNP_TEXT(RNNP_SUFFIX), \
     .op = RNNP_OP_##op_,                     \
     .isa = RNNP_JOIN(RNNP_ISA, RNNP_SUFFIX), \
     .fn.op_ = RNNP_NAME(op_)},
#define RNNP_ROW_HAND(op_)
#define RNNP_OP(op_, args, source) RNNP_ROW_##source(op_)
#include "../ops.def"
#undef RNNP_OP
};

extern const rnnp_variant_list RNNP_JOIN(rnnp_table, RNNP_SUFFIX);
const rnnp_variant_list RNNP_JOIN(rnnp_table, RNNP_SUFFIX) = {rows, sizeof rows / sizeof *rows};
