/* SPDX-License-Identifier: Apache-2.0
 *
 * Product tiles on AVX2; kernels/generic/tile.h defines them.
 *
 * Registers: M * NV accumulators, the smaller of NV weight vectors and M broadcasts, and one of the others: 6x2,
 * 4x3 and 3x4 fit the 16. Bound: M * NV FMAs on two ports; 2 loads a cycle feed NV weights and M broadcasts, so
 * every tile of 12 accumulators is bound by the FMA ports (6 cycles, 7 or 8 loads). Few rows need 8
 * chains to cover 4 cycles of latency on two ports, hence P panels at once there.
 */
#ifndef RNNP_TILE_H
#define RNNP_TILE_H

#include "simd.h"

enum {
    TILE_ROWS = 8,
    TILE_VECTORS = 4,
    FEW_ROWS = 3,
    FEW_SUMS = 7,
    FEW_PANELS = 4,
    TILE_DEPTH = 4,
    REGISTERS = 16,
    FETCH = 2,
    TILE_BLOCK = 16384
};

#include "../tmpl/tile.inc.h"

#endif
