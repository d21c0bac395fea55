/* SPDX-License-Identifier: Apache-2.0
 *
 * Packed products and recurrent steps; the template explains the parameters.
 */
#include "simd.h"
#include "tile.h"
#include "../tmpl/product.inc.h"

/* variant, MR, NV, P, ahead: rows and vectors of a tile, panels at once for one row, prefetch of weights beyond L2 */
GEMM(4x16_generic, 4, 16, 1, 0)

/* op, gates, vectors of lanes, MR, P, last gate starts from zh, chain over hr, gates */
STEP(rnn_step_f32, 1, 4, 4, 1, 0, 0, rnn_gates)
STEP(lstm_step_f32, 4, 4, 4, 1, 0, 0, lstm_gates)
STEP(gru_step_f32, 3, 4, 4, 1, 1, 0, gru_gates)
STEP(gru_reset_step_f32, 2, 4, 4, 1, 0, 0, gru_reset_gates)
STEP(gru_update_step_f32, 1, 4, 4, 1, 0, 1, gru_update_gates)
