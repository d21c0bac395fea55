/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX Runtime, from its shared library alone: Debian has no package of it, and npm's has no headers. Its C API is a
 * table of functions that only ever grows at the end, so a function is known by its place.
 */
#include "peer.h"

#include <dlfcn.h>

#include <cstdint>
#include <stdexcept>
#include <vector>

namespace {

struct Status;
struct Env;
struct Session;
struct SessionOptions;
struct MemoryInfo;
struct RunOptions;
struct Value;

using Function = void (*)();

struct Place {
    const Function *table;
    std::size_t index;

    template <class Type> operator Type() const { return reinterpret_cast<Type>(table[index]); }
};

struct Api {
    const Function *table;

    Place at(std::size_t index) const { return {table, index}; }

    const char *(*GetErrorMessage)(const Status *) = at(2);
    Status *(*CreateEnv)(int log_level, const char *log_id, Env **) = at(3);
    Status *(*CreateSession)(const Env *, const char *path, const SessionOptions *, Session **) = at(7);
    Status *(*Run)(Session *, const RunOptions *, const char *const *input_names, const Value *const *inputs,
                   std::size_t n_inputs, const char *const *output_names, std::size_t n_outputs, Value **) = at(9);
    Status *(*CreateSessionOptions)(SessionOptions **) = at(10);
    Status *(*SetSessionGraphOptimizationLevel)(SessionOptions *, int level) = at(23);
    Status *(*SetIntraOpNumThreads)(SessionOptions *, int threads) = at(24);
    Status *(*SetInterOpNumThreads)(SessionOptions *, int threads) = at(25);
    Status *(*CreateTensorWithDataAsOrtValue)(const MemoryInfo *, void *data, std::size_t bytes,
                                              const std::int64_t *shape, std::size_t rank, int type, Value **) = at(49);
    Status *(*CreateCpuMemoryInfo)(int allocator_type, int memory_type, MemoryInfo **) = at(69);
    void (*ReleaseSession)(Session *) = at(95);
    void (*ReleaseValue)(Value *) = at(96);
};

struct ApiBase {
    const Function *(*GetApi)(std::uint32_t version);
    const char *(*GetVersionString)();
};

enum : int { log_errors = 3, optimise_all = 99, type_float = 1 };
constexpr std::uint32_t api_version = 11; /* the oldest one with all of the above in place */

const ApiBase &open(const std::string &path)
{
    void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) throw std::runtime_error(dlerror());
    using Get = const ApiBase *(*)();
    const auto get = reinterpret_cast<Get>(dlsym(library, "OrtGetApiBase"));
    const ApiBase *base = get ? get() : nullptr;
    if (!base || !base->GetApi(api_version))
        throw std::runtime_error(path + ": not an ONNX Runtime with version " + std::to_string(api_version) +
                                 " of the C API");
    return *base;
}

class Ort final : public peer::Peer {
  public:
    explicit Ort(const peer::Options &options)
        : dir_(options.dir), base_(open(options.library)), api_{base_.GetApi(api_version)}
    {
        const auto threads = static_cast<int>(options.threads);
        check(api_.CreateEnv(log_errors, "peers", &env_));
        check(api_.CreateSessionOptions(&options_));
        check(api_.SetSessionGraphOptimizationLevel(options_, optimise_all));
        check(api_.SetIntraOpNumThreads(options_, threads));
        check(api_.SetInterOpNumThreads(options_, 1));
        check(api_.CreateCpuMemoryInfo(0, 0, &memory_));
    }

    std::string name() const override { return "onnxruntime"; }
    std::string version() const override { return base_.GetVersionString(); }
    std::string settings() const override { return "all graph optimisations, outputs allocated beforehand"; }

    std::function<void()> prepare(const peer::Case &c, const peer::Weights &, const float *x, float *y) override
    {
        if (c.kind == peer::Kind::training) throw peer::Lacks("ONNX Runtime's library does not train");
        if (c.format != "f32" && (c.format != "s8" || (c.cell != "lstm" && c.cell != "gemm")))
            throw peer::Lacks("ONNX Runtime has no " + c.cell + " in " + c.format);
        if (!session_ || loaded_ != c.model) {
            session_.reset();
            Session *session;
            check(api_.CreateSession(env_, (dir_ + "/" + c.model + ".onnx").c_str(), options_, &session));
            session_ = handle(session, api_.ReleaseSession);
            loaded_ = c.model;
        }
        const auto input = tensor(x, shape(c, c.depth, false)), output = tensor(y, shape(c, c.columns, true));
        const bool layer = c.kind == peer::Kind::layer;
        const auto state =
            layer ? tensor(x, {1, static_cast<std::int64_t>(c.batch), static_cast<std::int64_t>(c.hidden)}) : nullptr;
        return [this, session = session_, input, state, output] {
            const char *const input_names[] = {"x", "h0"}, *const output_name = "y";
            const Value *const inputs[] = {input.get(), state.get()};
            Value *outputs[] = {output.get()};
            check(api_.Run(session.get(), nullptr, input_names, inputs, state ? 2 : 1, &output_name, 1, outputs));
        };
    }

  private:
    template <class T> static std::shared_ptr<T> handle(T *p, void (*release)(T *))
    {
        return std::shared_ptr<T>(p, release);
    }

    using Shape = std::vector<std::int64_t>;

    /* As prepare.py says; a layer's y has an axis of directions. */
    static Shape shape(const peer::Case &c, std::size_t last, bool is_y)
    {
        const auto steps = static_cast<std::int64_t>(c.steps), batch = static_cast<std::int64_t>(c.batch);
        const auto rows = static_cast<std::int64_t>(c.rows), width = static_cast<std::int64_t>(last);
        switch (c.kind) {
        case peer::Kind::layer: return is_y ? Shape{steps, 1, batch, width} : Shape{steps, batch, width};
        case peer::Kind::product: return {rows, width};
        case peer::Kind::function: return {width};
        case peer::Kind::start:
        case peer::Kind::training: break;
        }
        return {steps, batch, width};
    }

    std::shared_ptr<Value> tensor(const float *data, const Shape &shape) const
    {
        std::size_t bytes = sizeof(float);
        for (const std::int64_t size : shape) bytes *= static_cast<std::size_t>(size);
        Value *value;
        check(api_.CreateTensorWithDataAsOrtValue(memory_, const_cast<float *>(data), bytes, shape.data(), shape.size(),
                                                  type_float, &value));
        return handle(value, api_.ReleaseValue);
    }

    void check(const Status *status) const
    {
        if (status) throw std::runtime_error(std::string("ONNX Runtime: ") + api_.GetErrorMessage(status));
    }

    std::string dir_;
    const ApiBase &base_;
    Api api_;
    Env *env_ = nullptr; /* these three live as long as the process */
    SessionOptions *options_ = nullptr;
    MemoryInfo *memory_ = nullptr;
    std::shared_ptr<Session> session_;
    std::string loaded_;
};

} // namespace

int main(int argc, char **argv) { return peer::serve<Ort>(argc, argv); }
