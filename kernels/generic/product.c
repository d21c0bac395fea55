/* SPDX-License-Identifier: Apache-2.0
 *
 * Packed products and recurrent steps; the template explains the parameters.
 */
#include "simd.h"
#include "tile.h"
#include "../tmpl/product.inc.h"

/* rows x columns, MR, NV, P, LAST: rows and vectors of a tile, panels at once for one row, vectors that may begin
 * elsewhere */
TILES(4x16, 4, 16, 1, 0)
TILES(4x12, 4, 12, 1, 4)
TILES(4x8, 4, 8, 1, 0)
TILES(4x4, 4, 4, 1, 0)

/* tiles */
GEMM(4x16)

/* op, gates, lanes, tiles, chain over hr, gates */
STEP(rnn_step, 1, 4, 4x4, 0, rnn_gates_f32)
STEP(lstm_step, 4, 4, 4x16, 0, lstm_gates_f32)
STEP(gru_step, 3, 4, 4x12, 0, gru_gates_f32)
STEP(gru_reset_step, 2, 4, 4x8, 0, gru_reset_gates_f32)
STEP(gru_update_step, 1, 4, 4x4, 1, gru_update_gates_f32)
