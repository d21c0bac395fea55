/* SPDX-License-Identifier: Apache-2.0
 *
 * Compiled once for each ISA of another architecture (CMakeLists.txt): the rows of its variants.def without their
 * functions. Names and traits say how weights are packed for it, which can be done anywhere.
 */
#include "../features.h"
#include "../ops.h"
#include "name.inc.h"

static const rnnp_variant rows[] = {
#define RNNP_VARIANT(op_, var, needs_, ...)   \
    {.name = #op_ "_f32_" #var,               \
     .op = RNNP_OP_##op_,                     \
     .isa = RNNP_JOIN(RNNP_ISA, RNNP_SUFFIX), \
     .needs = needs_,                         \
     .traits = {__VA_ARGS__}},
#include RNNP_VARIANTS_DEF
#undef RNNP_VARIANT
};

extern const rnnp_variant_list RNNP_JOIN(rnnp_foreign, RNNP_SUFFIX);
const rnnp_variant_list RNNP_JOIN(rnnp_foreign, RNNP_SUFFIX) = {rows, sizeof rows / sizeof *rows};
