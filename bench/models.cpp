/* SPDX-License-Identifier: Apache-2.0
 *
 * What a process pays before its first answer: reading an ONNX file and planning, which packs, or mapping a packed file
 * and planning, which does not; and the first run.
 */
#include "bench.h"
#include "cell.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <unistd.h>

extern "C" {
#include "rnnpack/onnx.h"
#include "rnnpack/packed.h"
}

namespace bench {
namespace {

enum { LAYERS = 3, STEPS = 50 };

/* The bytes of an ONNX file of the model. */
std::vector<char> onnx_of(rnnp_context *context, const rnnp_model *model)
{
    std::vector<char> bytes;
    const auto append = [](void *to, const void *part, size_t size) {
        auto *const all = static_cast<std::vector<char> *>(to);
        all->insert(all->end(), static_cast<const char *>(part), static_cast<const char *>(part) + size);
        return 0;
    };
    require(rnnp_onnx_write(model, append, &bytes), context, "ONNX file");
    return bytes;
}

/* A packed file of the model, as long as this lives. */
class PackedFile {
  public:
    PackedFile(rnnp_context *context, const rnnp_model *model)
    {
        const int fd = mkstemp(path_);
        require(fd < 0 || close(fd) != 0 ? RNNP_ERR_IO : RNNP_OK, context, "temporary file");
        require(rnnp_packed_write_file(model, nullptr, path_), context, "packed file");
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
    const auto model = own<rnnp_model>(context, "model", [&](auto m) { return open(context, m); });
    const auto plan =
        own<rnnp_plan>(context, "plan", [&](auto p) { return rnnp_plan_create(model.get(), nullptr, p); });
    if (!first) return;
    const rnnp_tensor in = make_tensor(STEPS, 1, hidden, x);
    rnnp_tensor out = make_tensor(STEPS, 1, hidden, y);
    const auto run = own<rnnp_run>(context, "run", [&](auto r) { return rnnp_run_create(plan.get(), &in, 1, r); });
    require(rnnp_run_execute(run.get(), &in, 1, &out, 1), context, "first run");
}

} // namespace

void register_models(Host &host)
{
    const Cell *const lstm =
        std::find_if(std::begin(cells), std::end(cells), [](const Cell &c) { return c.cell == RNNP_CELL_LSTM; });
    for (const size_t hidden : {size_t{64}, size_t{256}})
        for (const bool packed : {false, true})
            for (const bool first : {false, true}) {
                const std::string name = std::string("model/load") + (packed ? "_packed" : "") +
                                         (first ? "_and_first_run" : "") + "/lstm3/h" + std::to_string(hidden);
                add(name, [&host, lstm, hidden, packed, first](benchmark::State &state) {
                    rnnp_context *context = host.context("", 1);
                    const Owned<rnnp_model> model = make_stack(context, *lstm, hidden, LAYERS);
                    const std::vector<char> file = onnx_of(context, model.get());
                    const PackedFile packed_file(context, model.get());
                    const Floats x(STEPS * hidden), y(STEPS * hidden);
                    const Open from_onnx = [&file](rnnp_context *c, rnnp_model **made) {
                        return rnnp_onnx_open_memory(c, file.data(), file.size(), nullptr, made);
                    };
                    const Open from_packed = [&packed_file](rnnp_context *c, rnnp_model **made) {
                        return rnnp_packed_open_file(c, packed_file.path(), nullptr, made);
                    };
                    Work work; /* the ONNX file's bytes are the least that must be read; packed weights are as many */
                    work.footprint = file.size();
                    work.bytes = static_cast<double>(file.size());
                    measure(state, host, context, work,
                            [&] { load(context, packed ? from_packed : from_onnx, hidden, first, x, y); });
                });
            }
}

} // namespace bench
