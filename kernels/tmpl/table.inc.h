/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: the variant list of an ISA: a row for each kernel of its variants.def, and one for each TMPL op of ops.def.
 * With RNNP_FOREIGN, for an ISA of another architecture, only the former and without functions: names and traits say
 * how weights are packed for it, which can be done anywhere.
 */
#include "variants.inc.h"

#ifdef RNNP_FOREIGN
#define RNNP_LIST RNNP_JOIN(rnnp_foreign, RNNP_SUFFIX)
#define RNNP_FN(op_, function)
#define RNNP_ROW_TMPL(op_)
#else
#define RNNP_LIST RNNP_JOIN(rnnp_table, RNNP_SUFFIX)
#define RNNP_FN(op_, function) .fn.op_ = RNNP_NAME(function),
#define RNNP_ROW_TMPL(op_) RNNP_ROW(op_, op_, 0, 0)
#endif
#define RNNP_ROW_HAND(op_)
#define RNNP_ROW(op_, name_, needs_, ...)       \
    {.name = #name_ "_" RNNP_TEXT(RNNP_SUFFIX), \
     .op = RNNP_OP_##op_,                       \
     .isa = RNNP_JOIN(RNNP_ISA, RNNP_SUFFIX),   \
     .needs = needs_,                           \
     RNNP_FN(op_, name_).traits = {__VA_ARGS__}},

static const rnnp_variant rows[] = {
#define RNNP_PANELS(product, gates, lanes, slices)                                                        \
    {                                                                                                     \
        gates, lanes, slices, RNNP_PRODUCT_K_GROUP_##product, (rnnp_format)RNNP_PRODUCT_FORMAT_##product, \
            RNNP_PRODUCT_OFFSET_##product                                                                 \
    }
#define RNNP_TILES(product, rows, columns, panels, last)
#define RNNP_GEMM(product, variant, tiles, home_, needs)                                                          \
    RNNP_ROW(gemm, gemm_##product##_##variant, needs, .mr = RNNP_ROWS(product, tiles), .home = RNNP_HOME_##home_, \
             .left = (rnnp_left)RNNP_PRODUCT_LEFT_##product,                                                      \
             .panels = RNNP_PANELS(product, 1, RNNP_COLUMNS(product, tiles), 1))
#define RNNP_STEP(part, product, variant, tiles, slices_, block_, home_, needs)                                       \
    RNNP_ROW(part##_step, part##_step_##product##_##variant, needs, .mr = RNNP_ROWS(product, tiles),                  \
             .block = RNNP_BLOCK_##block_, .home = RNNP_HOME_##home_, .left = (rnnp_left)RNNP_PRODUCT_LEFT_##product, \
             .panels = RNNP_PANELS(product, RNNP_GATES_##part, RNNP_LANES(part, product, tiles, slices_), slices_))
#include RNNP_VARIANTS_DEF
#undef RNNP_TILES
#undef RNNP_GEMM
#undef RNNP_STEP
#define RNNP_OP(op_, args, source) RNNP_ROW_##source(op_)
#include "../ops.def"
#undef RNNP_OP
};

extern const rnnp_variant_list RNNP_LIST;
const rnnp_variant_list RNNP_LIST = {rows, sizeof rows / sizeof *rows};
