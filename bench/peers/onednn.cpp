/* SPDX-License-Identifier: Apache-2.0
 *
 * oneDNN (version 2). Weights are reordered once into the format the primitive asks for. The size of its team comes
 * from the environment (OMP_NUM_THREADS).
 */
#include "onednn_training.h"
#include "peer.h"

#include <oneapi/dnnl/dnnl.hpp>

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

namespace {

using dnnl::memory;
using Desc = memory::desc;
using Tag = memory::format_tag;
constexpr auto f32 = memory::data_type::f32;

/* The gates as oneDNN orders them (LSTM: input, forget, candidate, output) and its rows of bias. Reset after has a
 * fourth row: the recurrent bias of the candidate, which stands inside the reset gate's product. */
struct Cell {
    const char *name;
    std::size_t gates, bias_rows;
    peer::Order order;
};
constexpr Cell cells[] = {
    {"rnn", 1, 1, {0}}, {"gru", 3, 3, {0, 1, 2}}, {"gru_lbr", 3, 4, {0, 1, 2}}, {"lstm", 4, 4, {0, 2, 3, 1}}};

memory::dim dim(std::size_t n) { return static_cast<memory::dim>(n); }

class OneDnn final : public peer::Peer {
  public:
    OneDnn() : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {}

    std::string name() const override { return "onednn"; }
    std::string version() const override
    {
        const dnnl_version_t *v = dnnl_version();
        return std::to_string(v->major) + '.' + std::to_string(v->minor) + '.' + std::to_string(v->patch);
    }
    std::string settings() const override
    {
        static const struct {
            dnnl::cpu_isa isa;
            const char *name;
        } isas[] = {{dnnl::cpu_isa::sse41, "sse41"},
                    {dnnl::cpu_isa::avx2, "avx2"},
                    {dnnl::cpu_isa::avx512_core, "avx512_core"},
                    {dnnl::cpu_isa::avx512_core_vnni, "avx512_core_vnni"},
                    {dnnl::cpu_isa::avx512_core_bf16, "avx512_core_bf16"}};
        std::string name = "other";
        for (const auto &known : isas)
            if (known.isa == dnnl::get_effective_cpu_isa()) name = known.name;
        return "isa " + name +
               ", weights in the primitive's own format beforehand; a step of training has their "
               "reorders, and a loss and an Adam that the benchmark adds";
    }

    std::function<void()> prepare(const peer::Case &c, const peer::Weights &weights, const float *x, float *y) override
    {
        switch (c.kind) {
        case peer::Kind::layer: return layer(c, weights, x, y);
        case peer::Kind::product: return product(c, weights, x, y);
        case peer::Kind::function: return function(c, x, y);
        case peer::Kind::training: return steps_of(onednn_training(engine_, stream_, c, weights, x), c, y);
        case peer::Kind::start: break;
        }
        throw std::runtime_error("case " + c.id + ": oneDNN reads no models");
    }

  private:
    struct Made {
        dnnl::primitive primitive;
        Desc w, r; /* the formats it needs */
    };

    std::function<void()> layer(const peer::Case &c, const peer::Weights &weights, const float *x, float *y);
    std::function<void()> product(const peer::Case &c, const peer::Weights &weights, const float *x, float *y);
    std::function<void()> function(const peer::Case &c, const float *x, float *y);
    memory reordered(memory from, const Desc &to);
    memory gates(const Cell &cell, std::size_t hidden, const float *matrix, const Desc &to);
    memory bias(const Cell &cell, std::size_t hidden, const float *onnx, const Desc &to);
    template <class Layer, class... Arguments> Made make(const Arguments &...arguments);

    std::function<void()> call(const dnnl::primitive &primitive, const std::unordered_map<int, memory> &arguments)
    {
        return [this, primitive, arguments] {
            primitive.execute(stream_, arguments);
            stream_.wait();
        };
    }

    /* oneDNN does not write to what it reads, but has no type that says so. */
    memory view(const Desc &desc, const float *data) { return memory(desc, engine_, const_cast<float *>(data)); }

    dnnl::engine engine_;
    dnnl::stream stream_;
};

memory OneDnn::reordered(memory from, const Desc &to)
{
    memory result(to, engine_);
    dnnl::reorder(from, result).execute(stream_, from, result);
    stream_.wait();
    return result;
}

memory OneDnn::gates(const Cell &cell, std::size_t hidden, const float *matrix, const Desc &to)
{
    const std::size_t gate = hidden * hidden;
    const peer::Array sorted(cell.gates * gate);
    for (std::size_t g = 0; g < cell.gates; g++)
        std::copy_n(matrix + cell.order[g] * gate, gate, sorted.data() + g * gate);
    const Desc from({1, 1, dim(hidden), dim(cell.gates), dim(hidden)}, f32, Tag::ldgoi);
    return reordered(view(from, sorted.data()), to);
}

/* One bias: the sum of ONNX's two, but for the candidate of reset after. */
memory OneDnn::bias(const Cell &cell, std::size_t hidden, const float *onnx, const Desc &to)
{
    memory result(to, engine_);
    auto *rows = static_cast<float *>(result.get_data_handle());
    const float *recurrent = onnx + cell.gates * hidden;
    for (std::size_t g = 0; g < cell.gates; g++)
        for (std::size_t u = 0; u < hidden; u++) {
            const std::size_t from = cell.order[g] * hidden + u;
            rows[g * hidden + u] = onnx[from] + recurrent[from];
        }
    if (cell.bias_rows > cell.gates) {
        const std::size_t candidate = (cell.gates - 1) * hidden;
        std::copy_n(onnx + candidate, hidden, rows + candidate);
        std::copy_n(recurrent + candidate, hidden, rows + candidate + hidden);
    }
    return result;
}

template <class Layer, class... Arguments> OneDnn::Made OneDnn::make(const Arguments &...arguments)
{
    const typename Layer::desc description(dnnl::prop_kind::forward_inference, arguments...);
    const typename Layer::primitive_desc chosen(description, engine_);
    return {Layer(chosen), chosen.weights_layer_desc(), chosen.weights_iter_desc()};
}

std::function<void()> OneDnn::layer(const peer::Case &c, const peer::Weights &weights, const float *x, float *y)
{
    const auto same = [&c](const Cell &cell) { return cell.name == c.cell; };
    const auto known = std::find_if(std::begin(cells), std::end(cells), same);
    if (known == std::end(cells)) throw std::runtime_error("case " + c.id + ": oneDNN has no " + c.cell);
    const Desc seq({dim(c.steps), dim(c.batch), dim(c.hidden)}, f32, Tag::tnc), none;
    const Desc state({1, 1, dim(c.batch), dim(c.hidden)}, f32, Tag::ldnc);
    const Desc w({1, 1, dim(c.hidden), dim(known->gates), dim(c.hidden)}, f32, Tag::any);
    const Desc b({1, 1, dim(known->bias_rows), dim(c.hidden)}, f32, Tag::ldgo);
    const auto tanh = dnnl::algorithm::eltwise_tanh;
    const auto dir = dnnl::rnn_direction::unidirectional_left2right;
    const Made made = c.cell == "lstm"  ? make<dnnl::lstm_forward>(dir, seq, state, state, w, w, b, seq, none, none)
                      : c.cell == "gru" ? make<dnnl::gru_forward>(dir, seq, state, w, w, b, seq, none)
                      : c.cell == "gru_lbr"
                          ? make<dnnl::lbr_gru_forward>(dir, seq, state, w, w, b, seq, none)
                          : make<dnnl::vanilla_rnn_forward>(tanh, dir, seq, state, w, w, b, seq, none);
    std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC_LAYER, view(seq, x)},
                                              {DNNL_ARG_SRC_ITER, view(state, x)},
                                              {DNNL_ARG_WEIGHTS_LAYER, gates(*known, c.hidden, weights.w, made.w)},
                                              {DNNL_ARG_WEIGHTS_ITER, gates(*known, c.hidden, weights.r, made.r)},
                                              {DNNL_ARG_BIAS, bias(*known, c.hidden, weights.bias, b)},
                                              {DNNL_ARG_DST_LAYER, view(seq, y)}};
    if (c.cell == "lstm") arguments.emplace(DNNL_ARG_SRC_ITER_C, view(state, x));
    return call(made.primitive, arguments);
}

std::function<void()> OneDnn::product(const peer::Case &c, const peer::Weights &weights, const float *x, float *y)
{
    const memory::dim m = dim(c.rows), n = dim(c.columns), k = dim(c.depth);
    const Desc a({m, k}, f32, Tag::ab), b({k, n}, f32, Tag::any), result({m, n}, f32, Tag::ab);
    const dnnl::matmul::primitive_desc d({a, b, result}, engine_);
    return call(dnnl::matmul(d),
                {{DNNL_ARG_SRC, view(a, x)},
                 {DNNL_ARG_WEIGHTS, reordered(view(Desc({k, n}, f32, Tag::ba), weights.w), d.weights_desc())},
                 {DNNL_ARG_DST, view(result, y)}});
}

std::function<void()> OneDnn::function(const peer::Case &c, const float *x, float *y)
{
    const auto kind = c.function == "exp"    ? dnnl::algorithm::eltwise_exp
                      : c.function == "tanh" ? dnnl::algorithm::eltwise_tanh
                                             : dnnl::algorithm::eltwise_logistic;
    const Desc array({dim(c.depth)}, f32, Tag::a);
    const dnnl::eltwise_forward::desc description(dnnl::prop_kind::forward_inference, kind, array, 0);
    const dnnl::eltwise_forward eltwise(dnnl::eltwise_forward::primitive_desc(description, engine_));
    return call(eltwise, {{DNNL_ARG_SRC, view(array, x)}, {DNNL_ARG_DST, view(array, y)}});
}

} // namespace

int main(int argc, char **argv)
{
    return peer::serve(argc, argv,
                       [](const peer::Options &) -> std::unique_ptr<peer::Peer> { return std::make_unique<OneDnn>(); });
}
