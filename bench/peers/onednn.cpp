/* SPDX-License-Identifier: Apache-2.0
 *
 * oneDNN (version 2). Weights are reordered once into the format the primitive asks for. The size of its team comes
 * from the environment (OMP_NUM_THREADS).
 */
#include "onednn.h"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

namespace onednn {

constexpr Cell cells[] = {
    {"rnn", 1, 1, {0}}, {"gru", 3, 3, {0, 1, 2}}, {"gru_lbr", 3, 4, {0, 1, 2}}, {"lstm", 4, 4, {0, 2, 3, 1}}};

const Cell &cell_of(const peer::Case &c)
{
    const auto same = [&c](const Cell &cell) { return cell.name == c.cell; };
    const auto known = std::find_if(std::begin(cells), std::end(cells), same);
    if (known == std::end(cells)) throw std::runtime_error("case " + c.id + ": oneDNN has no " + c.cell);
    return *known;
}

memory Engine::reordered(const memory &from, const Desc &to)
{
    memory result(to, engine);
    reorder(from, result);
    stream.wait();
    return result;
}

memory Engine::gates(const Cell &cell, std::size_t hidden, const float *matrix, const Desc &to)
{
    const std::size_t gate = hidden * hidden;
    const peer::Array sorted = peer::Array::unset(cell.gates * gate);
    for (std::size_t g = 0; g < cell.gates; g++)
        std::copy_n(matrix + cell.order[g] * gate, gate, sorted.data() + g * gate);
    const Desc from({1, 1, dim(hidden), dim(cell.gates), dim(hidden)}, f32, Tag::ldgoi);
    return reordered(view(from, sorted.data()), to);
}

/* One bias: the sum of ONNX's two, but for the candidate of reset after. */
memory Engine::bias(const Cell &cell, std::size_t hidden, const float *onnx, const Desc &to)
{
    memory result(to, engine);
    float *const rows = floats(result);
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

class OneDnn final : public peer::Peer {
  public:
    explicit OneDnn(const peer::Options &) {}

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
        case peer::Kind::training: return steps_of(training(engine_, c, weights, x), c, y);
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
    template <class Layer, class... Arguments> Made make(const Arguments &...arguments);

    std::function<void()> call(const dnnl::primitive &primitive, const std::unordered_map<int, memory> &arguments)
    {
        return [this, primitive, arguments] {
            primitive.execute(engine_.stream, arguments);
            engine_.stream.wait();
        };
    }

    Engine engine_;
};

template <class Layer, class... Arguments> OneDnn::Made OneDnn::make(const Arguments &...arguments)
{
    const typename Layer::desc description(dnnl::prop_kind::forward_inference, arguments...);
    const typename Layer::primitive_desc chosen(description, engine_.engine);
    return {Layer(chosen), chosen.weights_layer_desc(), chosen.weights_iter_desc()};
}

std::function<void()> OneDnn::layer(const peer::Case &c, const peer::Weights &weights, const float *x, float *y)
{
    const Cell &cell = cell_of(c);
    const Desc seq({dim(c.steps), dim(c.batch), dim(c.hidden)}, f32, Tag::tnc), none;
    const Desc state({1, 1, dim(c.batch), dim(c.hidden)}, f32, Tag::ldnc);
    const Desc w({1, 1, dim(c.hidden), dim(cell.gates), dim(c.hidden)}, f32, Tag::any);
    const Desc b({1, 1, dim(cell.bias_rows), dim(c.hidden)}, f32, Tag::ldgo);
    const auto tanh = dnnl::algorithm::eltwise_tanh;
    const auto dir = dnnl::rnn_direction::unidirectional_left2right;
    const Made made = c.cell == "lstm"  ? make<dnnl::lstm_forward>(dir, seq, state, state, w, w, b, seq, none, none)
                      : c.cell == "gru" ? make<dnnl::gru_forward>(dir, seq, state, w, w, b, seq, none)
                      : c.cell == "gru_lbr"
                          ? make<dnnl::lbr_gru_forward>(dir, seq, state, w, w, b, seq, none)
                          : make<dnnl::vanilla_rnn_forward>(tanh, dir, seq, state, w, w, b, seq, none);
    std::unordered_map<int, memory> arguments{
        {DNNL_ARG_SRC_LAYER, engine_.view(seq, x)},
        {DNNL_ARG_SRC_ITER, engine_.view(state, x)},
        {DNNL_ARG_WEIGHTS_LAYER, engine_.gates(cell, c.hidden, weights.w, made.w)},
        {DNNL_ARG_WEIGHTS_ITER, engine_.gates(cell, c.hidden, weights.r, made.r)},
        {DNNL_ARG_BIAS, engine_.bias(cell, c.hidden, weights.bias, b)},
        {DNNL_ARG_DST_LAYER, engine_.view(seq, y)}};
    if (c.cell == "lstm") arguments.emplace(DNNL_ARG_SRC_ITER_C, engine_.view(state, x));
    return call(made.primitive, arguments);
}

std::function<void()> OneDnn::product(const peer::Case &c, const peer::Weights &weights, const float *x, float *y)
{
    const memory::dim m = dim(c.rows), n = dim(c.columns), k = dim(c.depth);
    const Desc a({m, k}, f32, Tag::ab), b({k, n}, f32, Tag::any), result({m, n}, f32, Tag::ab);
    const dnnl::matmul::primitive_desc d({a, b, result}, engine_.engine);
    return call(
        dnnl::matmul(d),
        {{DNNL_ARG_SRC, engine_.view(a, x)},
         {DNNL_ARG_WEIGHTS, engine_.reordered(engine_.view(Desc({k, n}, f32, Tag::ba), weights.w), d.weights_desc())},
         {DNNL_ARG_DST, engine_.view(result, y)}});
}

std::function<void()> OneDnn::function(const peer::Case &c, const float *x, float *y)
{
    const auto kind = c.function == "exp"    ? dnnl::algorithm::eltwise_exp
                      : c.function == "tanh" ? dnnl::algorithm::eltwise_tanh
                                             : dnnl::algorithm::eltwise_logistic;
    const Desc array({dim(c.depth)}, f32, Tag::a);
    const dnnl::eltwise_forward::desc description(dnnl::prop_kind::forward_inference, kind, array, 0);
    const dnnl::eltwise_forward eltwise(dnnl::eltwise_forward::primitive_desc(description, engine_.engine));
    return call(eltwise, {{DNNL_ARG_SRC, engine_.view(array, x)}, {DNNL_ARG_DST, engine_.view(array, y)}});
}

} // namespace onednn

int main(int argc, char **argv) { return peer::serve<onednn::OneDnn>(argc, argv); }
