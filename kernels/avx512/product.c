/* SPDX-License-Identifier: Apache-2.0
 *
 * Packed products and recurrent steps; the template explains the parameters.
 */
#include "simd.h"
#include "tile.h"
#include "../tmpl/product.inc.h"

/* rows x columns, MR, NV, P, LAST: rows and vectors of a tile, panels at once for one row, vectors that may begin
 * elsewhere */
TILES(12x32, 12, 2, 4, 0)
TILES(8x48, 8, 3, 3, 1)
TILES(6x64, 6, 4, 2, 0)

/* tiles; the second ones fetch weights from beyond L2 */
GEMM(12x32)
GEMM(8x48)
GEMM(6x64)
GEMM_AHEAD(12x32)
GEMM_AHEAD(8x48)
GEMM_AHEAD(6x64)

/* op, gates, lanes, tiles, chain over hr, gates */
STEP(rnn_step, 1, 32, 12x32, 0, rnn_gates_f32)
STEP(lstm_step, 4, 16, 6x64, 0, lstm_gates_f32)
STEP(gru_step, 3, 16, 8x48, 0, gru_gates_f32)
STEP(gru_reset_step, 2, 16, 12x32, 0, gru_reset_gates_f32)
STEP(gru_update_step, 1, 32, 12x32, 1, gru_update_gates_f32)

/* op, variant, its loop, block, prefetch */
STEP_ONE(rnn_step, ahead, rnn_step, RNNP_BLOCK_L1, 1)
STEP_ONE(lstm_step, ahead, lstm_step, RNNP_BLOCK_L1, 1)
STEP_ONE(gru_step, ahead, gru_step, RNNP_BLOCK_L1, 1)
STEP_ONE(gru_reset_step, ahead, gru_reset_step, RNNP_BLOCK_L1, 1)
STEP_ONE(gru_update_step, ahead, gru_update_step, RNNP_BLOCK_L1, 1)
STEP_LOOP(lstm_tall, 4, 16, 12x32, 0, lstm_gates_f32)
STEP_ONE(lstm_step, tall, lstm_tall, RNNP_BLOCK_L1, 0)
STEP_ONE(lstm_step, tall_ahead, lstm_tall, RNNP_BLOCK_L1, 1)
