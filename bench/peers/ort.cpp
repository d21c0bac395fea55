/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX Runtime, from its shared library alone (src/ort/api.h). With --provider, rnnpack's execution provider runs the
 * recurrent nodes.
 */
#include "peer.h"

#include "../../src/ort/api.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

using Status = OrtStatus;
using Value = OrtValue;
using Session = OrtSession;

struct Api {
    ORT_FUNCTIONS(ORT_MEMBER)
    ORT_HOST_FUNCTIONS(ORT_MEMBER)
};

enum : int { log_errors = 3, optimise_all = 99, type_float = 1 };

const OrtApiBase &open(const std::string &path)
{
    void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) throw std::runtime_error(dlerror());
    using Get = const OrtApiBase *(*)();
    const auto get = reinterpret_cast<Get>(dlsym(library, "OrtGetApiBase"));
    const OrtApiBase *base = get ? get() : nullptr;
    if (!base || !base->GetApi(ORT_API_OF))
        throw std::runtime_error(path + ": not an ONNX Runtime with version " + std::to_string(ORT_API_OF) +
                                 " of the C API");
    return *base;
}

Api read(const OrtApiBase &base)
{
    Api functions{}, *const api = &functions;
    const auto table = static_cast<const char *>(base.GetApi(ORT_API_OF));
    ORT_FUNCTIONS(ORT_READ)
    ORT_HOST_FUNCTIONS(ORT_READ)
    return functions;
}

class Ort final : public peer::Peer {
  public:
    explicit Ort(const peer::Options &options)
        : dir_(options.dir), base_(open(options.library)), api_(read(base_)), provider_(!options.provider.empty())
    {
        const auto threads = static_cast<int>(options.threads);
        check(api_.CreateEnv(log_errors, "peers", &env_));
        check(api_.CreateSessionOptions(&options_));
        check(api_.SetSessionGraphOptimizationLevel(options_, optimise_all));
        check(api_.SetIntraOpNumThreads(options_, threads));
        check(api_.SetInterOpNumThreads(options_, 1));
        check(api_.CreateCpuMemoryInfo(0, 0, &memory_));
        if (provider_) add_provider(options.provider, std::to_string(threads));
    }

    std::string name() const override { return provider_ ? "onnxruntime with rnnpack" : "onnxruntime"; }
    std::string version() const override { return base_.GetVersionString(); }
    std::string settings() const override { return "all graph optimisations, outputs allocated beforehand"; }

    std::function<void()> prepare(const peer::Case &c, const peer::Weights &, const float *x, float *y) override
    {
        if (c.kind == peer::Kind::training) throw peer::Lacks("ONNX Runtime's library does not train");
        if (c.math == "u10") throw peer::Lacks("ONNX Runtime's " + c.function + " is of no such class");
        if (c.format != "f32" && (c.format != "s8" || (c.cell != "lstm" && c.cell != "gemm")))
            throw peer::Lacks("ONNX Runtime has no " + c.cell + " in " + c.format);
        if (!session_ || loaded_ != c.model) {
            session_.reset();
            Session *session;
            check(api_.CreateSession(env_, (dir_ + "/" + c.model + ".onnx").c_str(), options_, &session));
            session_ = handle(session, api_.ReleaseSession);
            loaded_ = c.model;
        }
        std::vector<peer::Tensor> from = c.inputs, to = c.outputs;
        if (c.kind != peer::Kind::model) {
            from = {{"x", type_float, shape(c, c.depth, false)}};
            to = {{"y", type_float, shape(c, c.columns, true)}};
        }
        const auto i64 = [](std::size_t n) { return static_cast<std::int64_t>(n); };
        const std::size_t state = c.directions * c.batch * c.hidden;
        for (std::size_t at = 0; at < c.states(); at += state)
            from.push_back(
                {"h" + std::to_string(at / state), type_float, {i64(c.directions), i64(c.batch), i64(c.hidden)}, at});
        return [this, session = session_, inputs = Tensors(*this, from, x), outputs = Tensors(*this, to, y)]() mutable {
            check(api_.Run(session.get(), nullptr, inputs.names.data(), inputs.values.data(), inputs.names.size(),
                           outputs.names.data(), outputs.names.size(), outputs.values.data()));
        };
    }

  private:
    void add_provider(const std::string &path, const std::string &threads)
    {
        const OrtEpDevice *const *devices;
        std::size_t n;
        check(api_.RegisterExecutionProviderLibrary(env_, "rnnpack", path.c_str()));
        check(api_.GetEpDevices(env_, &devices, &n));
        const auto ours = std::find_if(devices, devices + n, [this](const OrtEpDevice *device) {
            return std::string(api_.EpDevice_EpName(device)) == "RnnpackExecutionProvider";
        });
        if (ours == devices + n) throw std::runtime_error(path + ": no device for the provider");
        const char *const key = "threads", *const value = threads.c_str();
        check(api_.SessionOptionsAppendExecutionProvider_V2(options_, env_, ours, 1, &key, &value, 1));
    }

    template <class T> static std::shared_ptr<T> handle(T *p, void (*release)(T *))
    {
        return std::shared_ptr<T>(p, release);
    }

    using Shape = std::vector<std::int64_t>;

    /* As Run() takes them. Types have ONNX's numbers here too. */
    struct Tensors {
        Tensors(const Ort &ort, std::vector<peer::Tensor> described, const float *data)
            : tensors(std::make_shared<const std::vector<peer::Tensor>>(std::move(described)))
        {
            for (const peer::Tensor &tensor : *tensors) {
                owned.push_back(ort.tensor(data + tensor.at, tensor));
                values.push_back(owned.back().get());
                names.push_back(tensor.name.c_str());
            }
        }
        std::shared_ptr<const std::vector<peer::Tensor>> tensors; /* whose names are pointed to */
        std::vector<std::shared_ptr<Value>> owned;
        std::vector<Value *> values;
        std::vector<const char *> names;
    };

    /* As prepare.py says; the y of one direction has an axis of directions. */
    static Shape shape(const peer::Case &c, std::size_t last, bool is_y)
    {
        const auto steps = static_cast<std::int64_t>(c.steps), batch = static_cast<std::int64_t>(c.batch);
        const auto rows = static_cast<std::int64_t>(c.rows), width = static_cast<std::int64_t>(last);
        switch (c.kind) {
        case peer::Kind::layer:
            return is_y && c.directions == 1 ? Shape{steps, 1, batch, width} : Shape{steps, batch, width};
        case peer::Kind::product: return {rows, width};
        case peer::Kind::function: return {width};
        case peer::Kind::convolution:
            return {batch, static_cast<std::int64_t>(is_y ? c.out : c.in),
                    static_cast<std::int64_t>(is_y ? c.out_length() : c.length)};
        case peer::Kind::start:
        case peer::Kind::training:
        case peer::Kind::model: break;
        }
        return {steps, batch, width};
    }

    std::shared_ptr<Value> tensor(const float *data, const peer::Tensor &tensor) const
    {
        Value *value;
        check(api_.CreateTensorWithDataAsOrtValue(memory_, const_cast<float *>(data), tensor.bytes(),
                                                  tensor.shape.data(), tensor.shape.size(), tensor.type, &value));
        return handle(value, api_.ReleaseValue);
    }

    void check(const Status *status) const
    {
        if (status) throw std::runtime_error(std::string("ONNX Runtime: ") + api_.GetErrorMessage(status));
    }

    std::string dir_;
    const OrtApiBase &base_;
    Api api_;
    bool provider_;
    OrtEnv *env_ = nullptr; /* these three live as long as the process */
    OrtSessionOptions *options_ = nullptr;
    OrtMemoryInfo *memory_ = nullptr;
    std::shared_ptr<Session> session_;
    std::string loaded_;
};

} // namespace

int main(int argc, char **argv) { return peer::serve<Ort>(argc, argv); }
