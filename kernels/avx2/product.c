/* SPDX-License-Identifier: Apache-2.0
 *
 * Packed products and recurrent steps; the template explains the parameters.
 */
#include "simd.h"
#include "tile.h"
#include "../tmpl/product.inc.h"

/* rows x columns, MR, NV, P, LAST: rows and vectors of a tile, panels at once for one row, vectors that may begin
 * elsewhere */
TILES(6x16, 6, 2, 4, 0)
TILES(4x24, 4, 3, 3, 1)
TILES(3x32, 3, 4, 2, 0)

/* tiles; the second ones fetch weights from beyond L2 */
GEMM(6x16)
GEMM(4x24)
GEMM(3x32)
GEMM_AHEAD(6x16)
GEMM_AHEAD(4x24)
GEMM_AHEAD(3x32)

/* op, gates, lanes, tiles, chain over hr, gates */
STEP(rnn_step, 1, 16, 6x16, 0, rnn_gates_f32)
STEP(lstm_step, 4, 8, 3x32, 0, lstm_gates_f32)
STEP(gru_step, 3, 8, 4x24, 0, gru_gates_f32)
STEP(gru_reset_step, 2, 8, 6x16, 0, gru_reset_gates_f32)
STEP(gru_update_step, 1, 16, 6x16, 1, gru_update_gates_f32)

/* op, variant, its loop, block, prefetch */
STEP_ONE(rnn_step, ahead, rnn_step, RNNP_BLOCK_L1, 1)
STEP_ONE(lstm_step, ahead, lstm_step, RNNP_BLOCK_L1, 1)
STEP_ONE(gru_step, ahead, gru_step, RNNP_BLOCK_L1, 1)
STEP_ONE(gru_reset_step, ahead, gru_reset_step, RNNP_BLOCK_L1, 1)
STEP_ONE(gru_update_step, ahead, gru_update_step, RNNP_BLOCK_L1, 1)
STEP_LOOP(lstm_tall, 4, 8, 6x16, 0, lstm_gates_f32)
STEP_ONE(lstm_step, tall, lstm_tall, RNNP_BLOCK_L1, 0)
STEP_ONE(lstm_step, tall_ahead, lstm_tall, RNNP_BLOCK_L1, 1)
