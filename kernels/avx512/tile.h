/* SPDX-License-Identifier: Apache-2.0
 *
 * Product tiles on AVX-512; kernels/generic/tile.h defines them.
 *
 * Registers: M * NV accumulators, NV weight vectors of one k and a broadcast: 12x2, 8x3 and 6x4 use 24 of the
 * 32 as accumulators. Bound: M * NV FMAs on two ports; 2 loads a cycle feed NV weights and M broadcasts.
 * Broadcasts stay separate instructions: embedded ones hurt on a quiet core. Few rows need 8 chains
 * to cover 4 cycles of latency on two ports, hence P panels at once there. A tile's start and end cost more than a
 * hundred cycles a k block, and weights from L2 flow fast enough: blocks of 128 KiB are up to 6 % faster than 16 KiB.
 */
#ifndef RNNP_TILE_H
#define RNNP_TILE_H

#include "simd.h"

enum {
    TILE_ROWS = 12,
    TILE_VECTORS = 4,
    FEW_ROWS = 4,
    FEW_SUMS = 8,
    FEW_PANELS = 4,
    TILE_DEPTH = 1,
    REGISTERS = 32,
    FETCH = 4,
    TILE_BLOCK = 131072
};

#include "../tmpl/tile.inc.h"

#endif
