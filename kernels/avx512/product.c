/* SPDX-License-Identifier: Apache-2.0
 *
 * Packed products and recurrent steps; the template explains the parameters.
 */
#include "simd.h"
#include "tile.h"
#include "../tmpl/product.inc.h"

/* variant, MR, NV, P, ahead: rows and vectors of a tile, panels at once for one row, prefetch of weights beyond L2 */
GEMM(12x32_avx512, 12, 2, 4, 0)
GEMM(8x48_avx512, 8, 3, 3, 0)
GEMM(6x64_avx512, 6, 4, 2, 0)
GEMM(12x32_ahead_avx512, 12, 2, 4, 1)
GEMM(8x48_ahead_avx512, 8, 3, 3, 1)
GEMM(6x64_ahead_avx512, 6, 4, 2, 1)

/* op, gates, vectors of lanes, MR, P, last gate starts from zh, chain over hr, gates */
STEP(rnn_step_f32, 1, 2, 12, 4, 0, 0, rnn_gates)
STEP(lstm_step_f32, 4, 1, 6, 2, 0, 0, lstm_gates)
STEP(gru_step_f32, 3, 1, 8, 3, 1, 0, gru_gates)
STEP(gru_reset_step_f32, 2, 1, 12, 4, 0, 0, gru_reset_gates)
STEP(gru_update_step_f32, 1, 2, 12, 4, 0, 1, gru_update_gates)

STEP_AHEAD(rnn_step_f32, 1, 2, 12, 4, 0, 0, rnn_gates)
STEP_AHEAD(lstm_step_f32, 4, 1, 6, 2, 0, 0, lstm_gates)
STEP_AHEAD(gru_step_f32, 3, 1, 8, 3, 1, 0, gru_gates)
STEP_AHEAD(gru_reset_step_f32, 2, 1, 12, 4, 0, 0, gru_reset_gates)
STEP_AHEAD(gru_update_step_f32, 1, 2, 12, 4, 0, 1, gru_update_gates)

/* op, gates, vectors of lanes, MR, P, chain over hr, gates, slices */
STEP_TALL(lstm_step_f32, 4, 1, 12, 4, 0, lstm_gates, 2)
