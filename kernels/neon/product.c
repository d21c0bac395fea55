/* SPDX-License-Identifier: Apache-2.0
 *
 * Packed products and recurrent steps; the template explains the parameters.
 */
/* Before it allocates registers, gcc for aarch64 moves loads up to hide latencies that the core hides itself; a tile
 * that needs all 32 registers then keeps accumulators in memory (a fifth slower by llvm-mca). */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-schedule-insns")
#endif
#include "simd.h"
#include "tile.h"
#include "../tmpl/product.inc.h"

/* rows x columns, MR, NV, P, LAST: rows and vectors of a tile, panels at once for one row, vectors that may begin
 * elsewhere */
TILES(6x16, 6, 4, 4, 0)
TILES(8x12, 8, 3, 4, 0)
TILES(4x24, 4, 6, 3, 2)

/* tiles; the second ones fetch weights from beyond L2 */
GEMM(6x16)
GEMM(8x12)
GEMM(4x24)
GEMM_AHEAD(6x16)
GEMM_AHEAD(4x24)

/* op, gates, lanes, tiles, chain over hr, gates */
STEP(rnn_step, 1, 16, 6x16, 0, rnn_gates_f32)
STEP(lstm_step, 4, 4, 6x16, 0, lstm_gates_f32)
STEP(gru_step, 3, 8, 4x24, 0, gru_gates_f32)
STEP(gru_reset_step, 2, 8, 6x16, 0, gru_reset_gates_f32)
STEP(gru_update_step, 1, 16, 6x16, 1, gru_update_gates_f32)

/* op, variant, its loop, block, prefetch */
STEP_ONE(rnn_step, ahead, rnn_step, RNNP_BLOCK_L1, 1)
STEP_ONE(lstm_step, ahead, lstm_step, RNNP_BLOCK_L1, 1)
STEP_ONE(gru_step, ahead, gru_step, RNNP_BLOCK_L1, 1)
STEP_ONE(gru_reset_step, ahead, gru_reset_step, RNNP_BLOCK_L1, 1)
STEP_ONE(gru_update_step, ahead, gru_update_step, RNNP_BLOCK_L1, 1)
