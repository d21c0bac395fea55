/* SPDX-License-Identifier: Apache-2.0
 *
 * Template: the columns of a folder's variants.def. product.inc.h makes code of its lines, table.inc.h rows of the
 * variant table; what both derive from a line stands here.
 *
 *   RNNP_TILES(product, rows, columns, panels, last)
 *       Product tiles of up to `rows` rows by `columns` columns; one row takes `panels` panels at once; the last `last`
 *       columns of a panel may begin elsewhere (the last gate of a cell whose recurrent chain has its own start).
 *   RNNP_GEMM(product, variant, tiles, home, needs)
 *       gemm_<product>_<variant>_<isa>
 *   RNNP_STEP(part, product, variant, tiles, slices, block, home, needs)
 *       <part>_step_<product>_<variant>_<isa>, whose panels of weights are `slices` products each
 *
 *   product  line of products.def, and so the format of the weights
 *   variant  stable: tuning records keep the kernel's name
 *   tiles    <rows>x<columns> of one of the RNNP_TILES lines of the same product
 *   block    RNNP_BLOCK_..., pre-activations after which the gates follow
 *   home     RNNP_HOME_..., where the weights are meant to come from. From memory, weights are fetched ahead
 *   needs    CPU features beyond the ISA's
 */
#ifndef RNNP_VARIANTS_INC_H
#define RNNP_VARIANTS_INC_H

#include "../features.h"
#include "name.inc.h"

#define RNNP_TEXT_(a) #a
#define RNNP_TEXT(a) RNNP_TEXT_(a)
/* clang-format off */
#define RNNP_VARIANTS_DEF RNNP_TEXT(../RNNP_SUFFIX/variants.def) /* a path has no spaces */
/* clang-format on */

#define RNNP_ROWS(product, tiles) RNNP_TILE_ROWS_##product##_##tiles
#define RNNP_COLUMNS(product, tiles) RNNP_TILE_COLUMNS_##product##_##tiles
#define RNNP_LAST(product, tiles) RNNP_TILE_LAST_##product##_##tiles
enum {
#define RNNP_TILES(product, rows, columns, panels, last)                                                              \
    RNNP_TILE_ROWS_##product##_##rows##x##columns = rows, RNNP_TILE_COLUMNS_##product##_##rows##x##columns = columns, \
    RNNP_TILE_LAST_##product##_##rows##x##columns = last,
#define RNNP_GEMM(product, variant, tiles, home, needs)
#define RNNP_STEP(part, product, variant, tiles, slices, block, home, needs)
#include RNNP_VARIANTS_DEF
#undef RNNP_TILES
#undef RNNP_GEMM
#undef RNNP_STEP
};

/* Hidden units of a step's panel: its slices have the columns of all gates. */
#define RNNP_LANES(part, product, tiles, slices) ((slices)*RNNP_COLUMNS(product, tiles) / RNNP_GATES_##part)

#endif
