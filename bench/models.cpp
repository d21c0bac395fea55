/* SPDX-License-Identifier: Apache-2.0
 *
 * What a process pays before its first answer: reading an ONNX file and planning, which packs, or mapping a packed file
 * and planning, which does not; and the first run.
 */
#include "bench.h"
#include "onnx_stack.h"

#include <cstdlib>
#include <functional>
#include <unistd.h>

extern "C" {
#include "rnnpack/onnx.h"
#include "rnnpack/packed.h"
}

namespace bench {
namespace {

enum { LAYERS = 3, STEPS = 50 };

/* A packed file of an ONNX model, as long as this lives. */
class PackedFile {
  public:
    PackedFile(rnnp_context *context, const std::vector<uint8_t> &onnx)
    {
        rnnp_model *model = nullptr;
        const int fd = mkstemp(path_);
        require(fd < 0 || close(fd) != 0 ? RNNP_ERR_IO : RNNP_OK, context, "temporary file");
        require(rnnp_onnx_open_memory(context, onnx.data(), onnx.size(), NULL, &model), context, "model");
        require(rnnp_packed_write_file(model, nullptr, path_), context, "packed file");
        rnnp_model_destroy(model);
    }
    ~PackedFile() { unlink(path_); }
    PackedFile(const PackedFile &) = delete;
    PackedFile &operator=(const PackedFile &) = delete;
    const char *path() const { return path_; }

  private:
    char path_[32] = "/tmp/rnnpack-bench-XXXXXX";
};

using Open = std::function<rnnp_status(rnnp_context *, rnnp_model **)>;

/* From the file to the plan, and with `first` on to the first output. */
void load(rnnp_context *context, const Open &open, size_t hidden, bool first, const float *x, float *y)
{
    rnnp_model *model = nullptr;
    rnnp_plan *plan = nullptr;
    rnnp_run *run = nullptr;
    require(open(context, &model), context, "model");
    require(rnnp_plan_create(model, nullptr, &plan), context, "plan");
    if (first) {
        rnnp_tensor in{}, out{};
        in.dtype = out.dtype = RNNP_DTYPE_F32;
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
        for (const bool packed : {false, true})
            for (const bool first : {false, true}) {
                const std::string name = std::string("model/load") + (packed ? "_packed" : "") +
                                         (first ? "_and_first_run" : "") + "/lstm3/h" + std::to_string(hidden);
                benchmark::RegisterBenchmark(
                    name.c_str(),
                    [&host, hidden, packed, first](benchmark::State &state) {
                        rnnp_context *context = host.context("", 1);
                        const std::vector<uint8_t> file = onnx_lstm_stack(LAYERS, hidden);
                        const PackedFile packed_file(context, file);
                        const Floats x(STEPS * hidden), y(STEPS * hidden);
                        const Open from_onnx = [&file](rnnp_context *c, rnnp_model **model) {
                            return rnnp_onnx_open_memory(c, file.data(), file.size(), NULL, model);
                        };
                        const Open from_packed = [&packed_file](rnnp_context *c, rnnp_model **model) {
                            return rnnp_packed_open_file(c, packed_file.path(), NULL, model);
                        };
                        Work work; /* the ONNX file's bytes are the least that must be read; packed weights are as many
                                    * */
                        work.footprint = file.size();
                        work.bytes = static_cast<double>(file.size());
                        measure(state, host, context, work,
                                [&] { load(context, packed ? from_packed : from_onnx, hidden, first, x, y); });
                    })
                    ->UseRealTime()
                    ->Unit(benchmark::kMicrosecond);
            }
}

} // namespace bench
