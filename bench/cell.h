/* SPDX-License-Identifier: Apache-2.0
 *
 * The recurrent cells that layers and training are measured with: one direction unless told otherwise.
 */
#ifndef RNNP_BENCH_CELL_H
#define RNNP_BENCH_CELL_H

#include "floats.h"
#include "own.h"

#include <cmath>

namespace bench {

struct Cell {
    const char *name;
    rnnp_cell cell;
    size_t gates;
    rnnp_gru_reset reset;

    rnnp_recurrent_options options(size_t input, size_t hidden) const
    {
        rnnp_recurrent_options o;
        rnnp_recurrent_options_init(&o, cell, input, hidden);
        o.reset = reset;
        return o;
    }
};

inline constexpr Cell cells[] = {
    {"rnn", RNNP_CELL_RNN, 1, RNNP_GRU_RESET_AFTER},
    {"lstm", RNNP_CELL_LSTM, 4, RNNP_GRU_RESET_AFTER},
    {"gru", RNNP_CELL_GRU, 3, RNNP_GRU_RESET_BEFORE},
    {"gru_lbr", RNNP_CELL_GRU, 3, RNNP_GRU_RESET_AFTER},
};

/* Weights as wide as common initialisers make them: states stay away from saturation. */
struct Weights {
    Floats w, r, bias;

    Weights(const Cell &c, size_t input, size_t hidden)
        : w(c.gates * hidden * input, scale(hidden), 1), r(c.gates * hidden * hidden, scale(hidden), 2),
          bias(2 * c.gates * hidden, scale(hidden), 3)
    {
    }
    rnnp_recurrent_weights from() const { return {w, r, bias, nullptr, nullptr}; }
    static float scale(size_t hidden) { return 1.0F / std::sqrt(static_cast<float>(hidden)); }
};

/* Layers above each other, x [steps][batch][hidden] to y of the same shape. */
inline Owned<rnnp_model> make_stack(rnnp_context *context, const Cell &c, size_t hidden, size_t layers = 1)
{
    const Weights weights(c, hidden, hidden);
    const rnnp_recurrent_weights from = weights.from();
    return make_model(context, hidden, [&](rnnp_model *model, rnnp_value x) {
        for (size_t i = 0; i < layers; i++) x = add_layer(context, model, c.options(hidden, hidden), &from, x);
        return x;
    });
}

} // namespace bench

#endif
