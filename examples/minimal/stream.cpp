/* SPDX-License-Identifier: Apache-2.0
 *
 * The same as lstm.c, in C++: build an LSTM, run a whole sequence, then stream it and get the same bits.
 */
#include <cstdio>
#include <cstring>
#include <vector>

#include "rnnpack/rnnpack.hpp"

namespace {

constexpr size_t steps = 100, input = 3, hidden = 16, gates = 4;

std::vector<float> numbers(size_t n, unsigned seed)
{
    std::vector<float> v(n);
    for (float &x : v) x = static_cast<float>((seed = seed * 1664525u + 1013904223u) >> 16) / 65536.0f - 0.5f;
    return v;
}

/* The model keeps its context alive, and the plan and all that comes from it keep the model. */
rnnpack::model make_lstm()
{
    const auto w = numbers(gates * hidden * input, 1), r = numbers(gates * hidden * hidden, 2);
    const auto bias = numbers(gates * hidden, 3);
    rnnpack::recurrent_options options(RNNP_CELL_LSTM, input, hidden);
    options.order = RNNP_ORDER_PYTORCH;

    rnnpack::model_builder builder{rnnpack::context()};
    const auto x = builder.input("x", RNNP_DTYPE_F32, {RNNP_DYNAMIC, 1, input});
    builder.output("y", builder.recurrent(options, {w, r, bias}, x).y);
    return builder.close();
}

} // namespace

int main()
try {
    const auto x = numbers(steps * input, 4);
    std::vector<float> at_once(steps * hidden), streamed(steps * hidden);
    const rnnpack::plan plan = make_lstm().make_plan();

    plan.make_run({{steps, 1, input}}).execute(x, at_once);

    rnnpack::stream stream = plan.make_stream();
    const rnnpack::span<const float> in(x);
    const rnnpack::span<float> out(streamed);
    for (size_t t = 0; t < steps; t++) stream.step(in.subspan(t * input, input), out.subspan(t * hidden, hidden));

    const float *last = &streamed[(steps - 1) * hidden];
    std::printf("y[%zu] = %.6f %.6f %.6f ...\n", steps - 1, static_cast<double>(last[0]), static_cast<double>(last[1]),
                static_cast<double>(last[2]));
    const bool same = std::memcmp(at_once.data(), streamed.data(), streamed.size() * sizeof(float)) == 0;
    std::printf("run and stream: %s\n", same ? "the same bits" : "different bits");

    /* A buffer of the wrong size is an error with a sentence, and nothing is touched. */
    try {
        stream.step(in.subspan(0, 2), out.subspan(0, hidden));
    } catch (const rnnpack::error &e) {
        std::printf("%s: %s\n", rnnp_status_string(e.status()), e.what());
    }
    return same ? 0 : 1;
} catch (const rnnpack::error &e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
}
