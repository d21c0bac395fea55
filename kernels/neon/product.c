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

/* variant, MR, NV, P, ahead: rows and vectors of a tile, panels at once for one row, prefetch of weights beyond L2 */
GEMM(6x16_neon, 6, 4, 4, 0)
GEMM(8x12_neon, 8, 3, 4, 0)
GEMM(4x24_neon, 4, 6, 3, 0)
GEMM(6x16_ahead_neon, 6, 4, 4, 1)
GEMM(4x24_ahead_neon, 4, 6, 3, 1)

/* op, gates, vectors of lanes, MR, P, last gate starts from zh, chain over hr, gates */
STEP(rnn_step_f32, 1, 4, 6, 4, 0, 0, rnn_gates)
STEP(lstm_step_f32, 4, 1, 6, 4, 0, 0, lstm_gates)
STEP(gru_step_f32, 3, 2, 4, 3, 1, 0, gru_gates)
STEP(gru_reset_step_f32, 2, 2, 6, 4, 0, 0, gru_reset_gates)
STEP(gru_update_step_f32, 1, 4, 6, 4, 0, 1, gru_update_gates)

STEP_AHEAD(rnn_step_f32, 1, 4, 6, 4, 0, 0, rnn_gates)
STEP_AHEAD(lstm_step_f32, 4, 1, 6, 4, 0, 0, lstm_gates)
STEP_AHEAD(gru_step_f32, 3, 2, 4, 3, 1, 0, gru_gates)
STEP_AHEAD(gru_reset_step_f32, 2, 2, 6, 4, 0, 0, gru_reset_gates)
STEP_AHEAD(gru_update_step_f32, 1, 4, 6, 4, 0, 1, gru_update_gates)
