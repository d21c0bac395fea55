/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole layers through the public API: sequences over a grid, the streaming step, and packing.
 */
#include "bench.h"

#include <cmath>

namespace bench {
namespace {

struct Cell {
    const char *name;
    rnnp_cell cell;
    size_t gates;
    rnnp_gru_reset reset;
};

const Cell cells[] = {
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
    static float scale(size_t hidden) { return 1.0F / std::sqrt(static_cast<float>(hidden)); }
};

struct DestroyLayer {
    void operator()(rnnp_layer *layer) const { rnnp_layer_destroy(layer); }
};
using Layer = std::unique_ptr<rnnp_layer, DestroyLayer>;

Layer create(rnnp_context *context, const Cell &c, size_t hidden, const Weights &weights)
{
    rnnp_recurrent_options options;
    rnnp_recurrent_options_init(&options, c.cell, hidden, hidden);
    options.reset = c.reset;
    const rnnp_recurrent_weights from = {weights.w, weights.r, weights.bias, nullptr, nullptr};
    rnnp_layer *layer = nullptr;
    require(rnnp_layer_create(context, &options, &from, RNNP_MATH_U35, &layer), context, "layer");
    return Layer(layer);
}

struct Sequence {
    size_t hidden, batch, steps, threads;
};

/* A sequence can take the input's share as one product; a single step reads all weights once. */
Work work_of(const Cell &c, const Sequence &s)
{
    const double weights = static_cast<double>(c.gates * s.hidden * s.hidden), steps = static_cast<double>(s.steps);
    const double product = 2 * weights * static_cast<double>(s.batch) * steps;
    const size_t bytes = c.gates * s.hidden * s.hidden * sizeof(float);
    Work work;
    work.flop = 2 * product;
    work.steps = steps;
    work.footprint = s.steps > 1 ? bytes : 2 * bytes;
    work.bytes = static_cast<double>(work.footprint) * steps;
    work.projection = s.steps > 1 ? product : 0;
    return work;
}

void run_sequence(benchmark::State &state, Host &host, const Cell &c, const Sequence &s)
{
    rnnp_context *context = host.context("", s.threads);
    const Weights weights(c, s.hidden);
    const Layer layer = create(context, c, s.hidden, weights);
    const size_t rows = s.batch * s.hidden;
    const Floats x(s.steps * rows, 1.0F, 4), y(s.steps * rows), h(rows, 0.1F), cell_state(rows, 0.1F);
    size_t bytes = 0;
    require(rnnp_layer_workspace_bytes(layer.get(), s.steps, s.batch, &bytes), context, "workspace");
    const Floats workspace(bytes / sizeof(float) + 1);

    rnnp_layer_args args;
    rnnp_layer_args_init(&args, layer.get(), s.steps, s.batch);
    args.x = x;
    args.y = y;
    args.workspace = workspace;
    if (s.steps == 1) { /* a streaming step: the state goes round */
        args.h0 = args.h = h;
        args.c0 = args.c = c.cell == RNNP_CELL_LSTM ? cell_state.data() : nullptr;
    }
    measure(state, host, context, work_of(c, s), [&] {
        if (rnnp_layer_forward(layer.get(), &args) != RNNP_OK)
            state.SkipWithError(rnnp_context_last_error(context));
        args.turn++;
    });
}

void run_pack(benchmark::State &state, Host &host, const Cell &c, size_t hidden)
{
    rnnp_context *context = host.context("", 1);
    const Weights weights(c, hidden);
    Work work;
    work.footprint = 2 * c.gates * hidden * hidden * sizeof(float);
    work.bytes = static_cast<double>(work.footprint);
    measure(state, host, context, work, [&] { create(context, c, hidden, weights); });
}

} // namespace

void register_layers(Host &host)
{
    const size_t widths[] = {64, 128, 256, 512, 1024}, batches[] = {1, 4, 16, 64};
    const auto add = [](const std::string &name, auto run) {
        benchmark::RegisterBenchmark(name.c_str(), run)->UseRealTime()->Unit(benchmark::kMicrosecond);
    };
    std::vector<size_t> teams = {1};
    if (host.info().budget > 1)
        teams.push_back(2);

    for (const Cell &c : cells)
        for (const size_t hidden : widths) {
            const std::string cell = std::string(c.name) + "/h" + std::to_string(hidden);
            add("stream/" + cell, [&host, &c, hidden](benchmark::State &state) {
                run_sequence(state, host, c, {hidden, 1, 1, 1});
            });
            add("pack/" + cell, [&host, &c, hidden](benchmark::State &state) { run_pack(state, host, c, hidden); });
            for (const size_t batch : batches)
                for (const size_t threads : teams) {
                    const Sequence s = {hidden, batch, 50, threads};
                    const std::string shape = "/b" + std::to_string(batch) + "/t50/threads" + std::to_string(threads);
                    add("layer/" + cell + shape,
                        [&host, &c, s](benchmark::State &state) { run_sequence(state, host, c, s); });
                }
        }
}

} // namespace bench
