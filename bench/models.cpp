/* SPDX-License-Identifier: Apache-2.0
 *
 * What a process pays before its first answer: reading an ONNX file, planning (which packs), the first run.
 */
#include "bench.h"
#include "onnx_stack.h"

extern "C" {
#include "rnnpack/onnx.h"
}

namespace bench {
namespace {

enum { LAYERS = 3, STEPS = 50 };

/* From the file's bytes to the plan, and with `first` on to the first output. */
void load(rnnp_context *context, const std::vector<uint8_t> &file, size_t hidden, bool first, const float *x, float *y)
{
    rnnp_model *model = nullptr;
    rnnp_plan *plan = nullptr;
    rnnp_run *run = nullptr;
    require(rnnp_onnx_load(context, file.data(), file.size(), nullptr, &model), context, "model");
    require(rnnp_plan_create(model, nullptr, &plan), context, "plan");
    if (first) {
        rnnp_tensor in{}, out{};
        in.dtype = out.dtype = RNNP_F32;
        in.rank = out.rank = 3;
        in.shape[0] = out.shape[0] = STEPS;
        in.shape[1] = out.shape[1] = 1;
        in.shape[2] = out.shape[2] = static_cast<int64_t>(hidden);
        in.data = const_cast<float *>(x);
        out.data = y;
        require(rnnp_run_create(plan, &in, 1, &run), context, "run");
        require(rnnp_run_execute(run, &in, 1, &out, 1), context, "first run");
    }
    rnnp_run_destroy(run);
    rnnp_plan_destroy(plan);
    rnnp_model_destroy(model);
}

} // namespace

void register_models(Host &host)
{
    for (const size_t hidden : {size_t{64}, size_t{256}})
        for (const bool first : {false, true}) {
            const std::string name =
                std::string(first ? "model/load_and_first_run" : "model/load") + "/lstm3/h" + std::to_string(hidden);
            benchmark::RegisterBenchmark(name.c_str(), [&host, hidden, first](benchmark::State &state) {
                rnnp_context *context = host.context("", 1);
                const std::vector<uint8_t> file = onnx_lstm_stack(LAYERS, hidden);
                const Floats x(STEPS * hidden), y(STEPS * hidden);
                Work work; /* the file's bytes are the least that must be read */
                work.footprint = file.size();
                work.bytes = static_cast<double>(file.size());
                measure(state, host, context, work, [&] { load(context, file, hidden, first, x, y); });
            })->UseRealTime()->Unit(benchmark::kMicrosecond);
        }
}

} // namespace bench
