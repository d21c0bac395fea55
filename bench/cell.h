/* SPDX-License-Identifier: Apache-2.0
 *
 * The recurrent cells that layers and training are measured with: input as wide as hidden, one direction.
 */
#ifndef RNNP_BENCH_CELL_H
#define RNNP_BENCH_CELL_H

#include "bench.h"

#include <cmath>
#include <memory>

namespace bench {

struct Cell {
    const char *name;
    rnnp_cell cell;
    size_t gates;
    rnnp_gru_reset reset;

    rnnp_recurrent_options options(size_t hidden) const
    {
        rnnp_recurrent_options o;
        rnnp_recurrent_options_init(&o, cell, hidden, hidden);
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

    Weights(const Cell &c, size_t hidden)
        : w(c.gates * hidden * hidden, scale(hidden), 1), r(c.gates * hidden * hidden, scale(hidden), 2),
          bias(2 * c.gates * hidden, scale(hidden), 3)
    {
    }
    rnnp_recurrent_weights from() const { return {w, r, bias, nullptr, nullptr}; }
    static float scale(size_t hidden) { return 1.0F / std::sqrt(static_cast<float>(hidden)); }
};

struct DestroyModel {
    void operator()(rnnp_model *model) const { rnnp_model_destroy(model); }
};
using Model = std::unique_ptr<rnnp_model, DestroyModel>;

/* A closed model of layers above each other, x [steps][batch][hidden] to y of the same shape. */
inline Model make_model(rnnp_context *context, const Cell &c, size_t hidden, size_t layers = 1)
{
    const Weights weights(c, hidden);
    const rnnp_recurrent_weights from = weights.from();
    const rnnp_recurrent_options options = c.options(hidden);
    const int64_t shape[] = {RNNP_DYNAMIC, RNNP_DYNAMIC, static_cast<int64_t>(hidden)};
    const char *const symbols[] = {"steps", "batch", nullptr};
    rnnp_model *m = nullptr;
    rnnp_value x = 0;
    require(rnnp_model_create(context, &m), context, "model");
    Model model(m);
    require(rnnp_model_add_input(m, "x", RNNP_DTYPE_F32, 3, shape, symbols, &x), context, "input");
    for (size_t i = 0; i < layers; i++)
        require(rnnp_model_add_recurrent(m, &options, &from, x, RNNP_NONE, RNNP_NONE, RNNP_NONE, &x, nullptr, nullptr),
                context, "layer");
    require(rnnp_model_add_output(m, "y", x), context, "output");
    require(rnnp_model_close(m), context, "close");
    return model;
}

} // namespace bench

#endif
