/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole layers through the public API: sequences over a grid, also of uneven lengths, the streaming step, also of many
 * channels, and packing.
 */
#include "bench.h"
#include "cell.h"

namespace bench {
namespace {

using Layer = Owned<rnnp_layer>;

Layer create(rnnp_context *context, const Cell &c, size_t hidden, const Weights &weights)
{
    const rnnp_recurrent_options options = c.options(hidden, hidden);
    const rnnp_recurrent_weights from = weights.from();
    return own<rnnp_layer>(context, "layer", [&](auto layer) {
        return rnnp_layer_create(context, &options, &from, RNNP_MATH_U35, layer);
    });
}

struct Sequence {
    size_t hidden, batch, steps, threads;
};

void run_sequence(benchmark::State &state, Host &host, const Cell &c, const Sequence &s)
{
    rnnp_context *context = host.context("", s.threads);
    const Weights weights(c, s.hidden, s.hidden);
    const Layer layer = create(context, c, s.hidden, weights);
    const size_t rows = s.batch * s.hidden;
    const Floats x(s.steps * rows, 1.0F, 4), y(s.steps * rows), h(rows, 0.1F), cell_state(rows, 0.1F);
    size_t bytes = 0;
    require(rnnp_layer_workspace_bytes(layer.get(), s.steps, s.batch, &bytes), context, "workspace");
    const Floats workspace(bytes / sizeof(float) + 1);

    rnnp_layer_args args;
    rnnp_layer_args_init(&args);
    args.steps = s.steps;
    args.batch = s.batch;
    args.x = x;
    args.y = y;
    args.workspace = workspace;
    if (s.steps == 1) { /* a streaming step: the state goes round */
        args.h0 = args.h = h;
        args.c0 = args.c = c.cell == RNNP_CELL_LSTM ? cell_state.data() : nullptr;
    }
    measure(state, host, context, sequence_work(c.gates, s.hidden, s.hidden, s.batch, s.steps), [&] {
        if (rnnp_layer_forward(layer.get(), &args) != RNNP_OK) state.SkipWithError(rnnp_last_error(context));
        args.turn++;
    });
}

void run_pack(benchmark::State &state, Host &host, const Cell &c, size_t hidden)
{
    rnnp_context *context = host.context("", 1);
    const Weights weights(c, hidden, hidden);
    const Work work = array_work(2 * c.gates * hidden * hidden);
    measure(state, host, context, work, [&] { create(context, c, hidden, weights); });
}

/* ---- Many channels: one stream of all, or a stream for each ---- */

/* A stream with its input and output in place. */
struct Stream {
    Owned<rnnp_stream> stream;
    rnnp_tensor in{}, out{};

    Stream(rnnp_context *context, const rnnp_plan *plan, size_t batch, float *x, float *y)
    {
        rnnp_stream_options options;
        rnnp_stream_options_init(&options);
        options.batch = batch;
        stream = own<rnnp_stream>(context, "stream", [&](auto s) { return rnnp_stream_create(plan, &options, s); });
        require(rnnp_stream_input(stream.get(), 0, &in), context, "input");
        in.data = x;
        out.data = y;
    }
    rnnp_status step() { return rnnp_stream_step(stream.get(), &in, 1, &out, 1); }
};

void run_together(benchmark::State &state, Host &host, const Cell &c, size_t hidden, size_t n)
{
    rnnp_context *context = host.context("", 1);
    const Owned<rnnp_model> model = make_stack(context, c, hidden);
    const auto plan =
        own<rnnp_plan>(context, "plan", [&](auto p) { return rnnp_plan_create(model.get(), nullptr, p); });
    const Floats x(n * hidden, 1.0F, 4), y(n * hidden);
    Stream all(context, plan.get(), n, x, y);
    std::vector<Stream> each;
    for (size_t i = 0; i < n; i++) each.emplace_back(context, plan.get(), 1, x + i * hidden, y + i * hidden);
    const auto check = [&](rnnp_status status) {
        if (status != RNNP_OK) state.SkipWithError(rnnp_last_error(context));
    };
    state.counters["apart_over_together"] = measure_beside(
        state, host, context, sequence_work(c.gates, hidden, hidden, n, 1), [&] { check(all.step()); },
        [&] {
            for (Stream &s : each) check(s.step());
        });
}

/* ---- Uneven lengths against all rows full: the time should be as much less as the steps are ---- */

void run_lengths(benchmark::State &state, Host &host, const Cell &c, const Sequence &s)
{
    rnnp_context *context = host.context("", s.threads);
    const Weights weights(c, s.hidden, s.hidden);
    const Layer layer = create(context, c, s.hidden, weights);
    const size_t rows = s.batch * s.hidden;
    const Floats x(s.steps * rows, 1.0F, 4), y(s.steps * rows), uniform(s.batch, 1.0F, 5);
    std::vector<int32_t> lengths(s.batch);
    double sum = 0;
    for (size_t b = 0; b < s.batch; b++) {
        lengths[b] = 1 + static_cast<int32_t>((uniform[b] + 1.0F) / 2.0F * static_cast<float>(s.steps - 1) + 0.5F);
        sum += lengths[b];
    }
    size_t bytes = 0;
    require(rnnp_layer_workspace_bytes(layer.get(), s.steps, s.batch, &bytes), context, "workspace");
    const Floats workspace(bytes / sizeof(float) + 1);
    rnnp_layer_args full;
    rnnp_layer_args_init(&full);
    full.steps = s.steps;
    full.batch = s.batch;
    full.x = x;
    full.y = y;
    full.workspace = workspace;
    rnnp_layer_args uneven = full;
    uneven.lengths = lengths.data();
    const auto forward = [&](rnnp_layer_args &args) {
        if (rnnp_layer_forward(layer.get(), &args) != RNNP_OK) state.SkipWithError(rnnp_last_error(context));
        args.turn++;
    };
    const double filled = sum / static_cast<double>(s.batch * s.steps);
    Work work = sequence_work(c.gates, s.hidden, s.hidden, s.batch, s.steps);
    work.flop *= filled;
    work.projection *= filled;
    state.counters["filled"] = filled;
    state.counters["of_full"] = 1 / measure_beside(
                                        state, host, context, work, [&] { forward(uneven); }, [&] { forward(full); });
}

} // namespace

void register_layers(Host &host)
{
    const size_t widths[] = {64, 128, 256, 512, 1024}, batches[] = {1, 4, 16, 64};
    std::vector<size_t> teams = {1};
    if (host.info().budget > 1) teams.push_back(2);

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
            if (hidden > 512 || c.cell == RNNP_CELL_RNN) continue;
            add(
                "stream/together/" + cell + "/n64",
                [&host, &c, hidden](benchmark::State &state) { run_together(state, host, c, hidden, 64); }, true);
            for (const size_t batch : {size_t{16}, size_t{64}}) {
                const Sequence s = {hidden, batch, 50, 1};
                add(
                    "layer/lengths/" + cell + "/b" + std::to_string(batch) + "/t50",
                    [&host, &c, s](benchmark::State &state) { run_lengths(state, host, c, s); }, true);
            }
        }
}

} // namespace bench
