/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights change with every step, so that their reorders into the primitives' formats belong to it. oneDNN's one bias
 * stands for two of ONNX, which Adam moves equally: such rows are moved twice as far.
 *
 * Compiled with OpenMP where there is one, which is what oneDNN's team is made of.
 */
#include "onednn_training.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

using dnnl::memory;
using Desc = memory::desc;
using Tag = memory::format_tag;
using Arguments = std::unordered_map<int, memory>;
constexpr auto f32 = memory::data_type::f32;

memory::dim dim(std::size_t n) { return static_cast<memory::dim>(n); }

float *floats(const memory &m) { return static_cast<float *>(m.get_data_handle()); }

std::size_t count(const memory &m) { return m.get_desc().get_size() / sizeof(float); }

/* PyTorch's Adam on one array. */
class Optimizer {
  public:
    Optimizer(const memory &p, const memory &gradient, float rate)
        : p_(p), gradient_(gradient), rate_(rate), m_(count(p)), v_(count(p))
    {
    }

    void step()
    {
        const peer::Adam adam;
        step_++;
        const double correction1 = 1 - std::pow(static_cast<double>(adam.beta1), step_);
        const double correction2 = 1 - std::pow(static_cast<double>(adam.beta2), step_);
        update(static_cast<float>(rate_ / correction1), static_cast<float>(1 / std::sqrt(correction2)));
    }

  private:
    void update(float rate, float scale)
    {
        const peer::Adam adam;
        const float b1 = adam.beta1, b2 = adam.beta2, epsilon = adam.epsilon;
        float *const p = floats(p_), *const m = m_.data(), *const v = v_.data();
        const float *const g = floats(gradient_);
        const std::size_t n = m_.size();
#ifdef _OPENMP
#pragma omp parallel for simd
#endif
        for (std::size_t i = 0; i < n; i++) {
            m[i] = b1 * m[i] + (1 - b1) * g[i];
            v[i] = b2 * v[i] + (1 - b2) * g[i] * g[i];
            p[i] -= rate * m[i] / (std::sqrt(v[i]) * scale + epsilon);
        }
    }

    memory p_, gradient_;
    float rate_;
    double step_ = 0;
    std::vector<float> m_, v_;
};

/* The mean of y^2, and its gradient. */
double mean_square(const float *y, float *dy, std::size_t n)
{
    const float twice_over_n = 2 / static_cast<float>(n);
    double sum = 0;
#ifdef _OPENMP
#pragma omp parallel for simd reduction(+ : sum)
#endif
    for (std::size_t i = 0; i < n; i++) {
        sum += static_cast<double>(y[i] * y[i]);
        dy[i] = twice_over_n * y[i];
    }
    return sum / static_cast<double>(n);
}

struct Shape {
    const char *name;
    std::size_t gates, bias_rows;
    std::size_t order[4]; /* where each of oneDNN's gates stands in ONNX's */
};
constexpr Shape shapes[] = {{"gru_lbr", 3, 4, {0, 1, 2}}, {"lstm", 4, 4, {0, 2, 3, 1}}};

class Layer final : public peer::Training {
  public:
    Layer(const dnnl::engine &engine, const dnnl::stream &stream, const peer::Case &c, const peer::Weights &weights,
          const float *x)
        : engine_(engine), stream_(stream), shape_(c.cell == "lstm" ? shapes[1] : shapes[0]), hidden_(c.hidden)
    {
        const Desc sequence({dim(c.steps), dim(c.batch), dim(c.hidden)}, f32, Tag::tnc);
        y_ = memory(sequence, engine_);
        dy_ = memory(sequence, engine_);
        load(weights);
        const Desc state({1, 1, dim(c.batch), dim(c.hidden)}, f32, Tag::ldnc);
        if (c.cell == "lstm")
            make<dnnl::lstm_forward, dnnl::lstm_backward>(sequence, x, state, state);
        else
            make<dnnl::lbr_gru_forward, dnnl::lbr_gru_backward>(sequence, x, state);
        const peer::Adam adam;
        const std::size_t merged = shape_.bias_rows > shape_.gates ? shape_.gates - 1 : shape_.gates;
        optimizers_.emplace_back(w_, dw_, adam.rate);
        optimizers_.emplace_back(r_, dr_, adam.rate);
        optimizers_.emplace_back(part(bias_, 0, merged), part(dbias_, 0, merged), 2 * adam.rate);
        if (merged < shape_.bias_rows)
            optimizers_.emplace_back(part(bias_, merged, shape_.bias_rows), part(dbias_, merged, shape_.bias_rows),
                                     adam.rate);
    }

    double step() override
    {
        for (const auto &[from, to] : before_) reorder(from, to);
        forward_.execute(stream_, forward_arguments_);
        stream_.wait();
        const double loss = mean_square(floats(y_), floats(dy_), count(y_));
        for (const memory &sum : sums_) /* a backward pass adds to them */
            std::fill_n(floats(sum), count(sum), 0.0F);
        backward_.execute(stream_, backward_arguments_);
        for (const auto &[from, to] : after_) reorder(from, to);
        stream_.wait();
        for (Optimizer &optimizer : optimizers_) optimizer.step();
        return loss;
    }

    void gradient(float *r) override
    {
        const std::size_t h = hidden_, gates = shape_.gates;
        const float *from = floats(dr_); /* [input][gate][unit] */
        for (std::size_t g = 0; g < gates; g++)
            for (std::size_t u = 0; u < h; u++)
                for (std::size_t i = 0; i < h; i++)
                    r[(shape_.order[g] * h + u) * h + i] = from[(i * gates + g) * h + u];
    }

  private:
    void reorder(memory from, memory to) { dnnl::reorder(from, to).execute(stream_, from, to); }

    /* Rows of an array of bias rows. */
    memory part(const memory &rows, std::size_t begin, std::size_t end) const
    {
        return memory(Desc({dim((end - begin) * hidden_)}, f32, Tag::a), engine_, floats(rows) + begin * hidden_);
    }

    void load(const peer::Weights &weights)
    {
        const std::size_t h = hidden_, gates = shape_.gates;
        const Desc matrix({1, 1, dim(h), dim(gates), dim(h)}, f32, Tag::ldigo);
        const Desc bias({1, 1, dim(shape_.bias_rows), dim(h)}, f32, Tag::ldgo);
        for (memory *m : {&w_, &r_, &dw_, &dr_}) *m = memory(matrix, engine_);
        bias_ = memory(bias, engine_);
        dbias_ = memory(bias, engine_);
        const float *const recurrent = weights.bias + gates * h;
        for (std::size_t g = 0; g < gates; g++)
            for (std::size_t u = 0; u < h; u++) {
                const std::size_t row = shape_.order[g] * h + u;
                for (std::size_t i = 0; i < h; i++) {
                    floats(w_)[(i * gates + g) * h + u] = weights.w[row * h + i];
                    floats(r_)[(i * gates + g) * h + u] = weights.r[row * h + i];
                }
                const bool apart = shape_.bias_rows > gates && g + 1 == gates;
                floats(bias_)[g * h + u] = weights.bias[row] + (apart ? 0 : recurrent[row]);
                if (apart) floats(bias_)[(g + 1) * h + u] = recurrent[row];
            }
    }

    /* The memory that a primitive reads: ours, or one of its format that a reorder fills first. */
    memory readable(const memory &ours, const Desc &format)
    {
        if (ours.get_desc() == format) return ours;
        for (const auto &[from, to] : before_)
            if (from == ours && to.get_desc() == format) return to;
        before_.emplace_back(ours, memory(format, engine_));
        return before_.back().second;
    }

    /* The memory of sums that a primitive writes: ours, or one of its format that is reordered afterwards. */
    memory writable(const memory &ours, const Desc &format)
    {
        sums_.push_back(ours.get_desc() == format ? ours : memory(format, engine_));
        if (ours.get_desc() != format) after_.emplace_back(sums_.back(), ours);
        return sums_.back();
    }

    memory zeros(const Desc &desc)
    {
        const memory m(desc, engine_);
        std::fill_n(floats(m), count(m), 0.0F);
        return m;
    }

    /* states: a description for h and, of an LSTM, one for c. Zeros are given for all of them, before the first step
     * and backwards after the last: with no description the gradients of an LSTM (version 2.6) are wrong. */
    template <class Forward, class Backward, class... States>
    void make(const Desc &sequence, const float *x, const States &...states)
    {
        const auto direction = dnnl::rnn_direction::unidirectional_left2right;
        const Desc any({1, 1, dim(hidden_), dim(shape_.gates), dim(hidden_)}, f32, Tag::any);
        const Desc bias = bias_.get_desc();
        const typename Forward::primitive_desc forward(typename Forward::desc(dnnl::prop_kind::forward_training,
                                                                              direction, sequence, states..., any, any,
                                                                              bias, sequence, states...),
                                                       engine_);
        const typename Backward::primitive_desc backward(
            typename Backward::desc(dnnl::prop_kind::backward, direction, sequence, states..., any, any, bias, sequence,
                                    states..., sequence, states..., any, any, bias, sequence, states...),
            engine_, forward);
        forward_ = Forward(forward);
        backward_ = Backward(backward);
        forward_arguments_ = {
            {DNNL_ARG_SRC_LAYER, memory(sequence, engine_, const_cast<float *>(x))},
            {DNNL_ARG_WEIGHTS_LAYER, readable(w_, forward.weights_layer_desc())},
            {DNNL_ARG_WEIGHTS_ITER, readable(r_, forward.weights_iter_desc())},
            {DNNL_ARG_BIAS, bias_},
            {DNNL_ARG_DST_LAYER, y_},
            {DNNL_ARG_WORKSPACE, memory(forward.workspace_desc(), engine_)},
        };
        const Desc given[] = {states...};
        const int state_keys[][2] = {{DNNL_ARG_SRC_ITER, DNNL_ARG_DST_ITER},
                                     {DNNL_ARG_SRC_ITER_C, DNNL_ARG_DST_ITER_C}};
        const int gradient = DNNL_ARG_DIFF_SRC_ITER - DNNL_ARG_SRC_ITER; /* from the key of what it is by */
        for (std::size_t i = 0; i < sizeof...(states); i++)
            for (const int key : state_keys[i]) forward_arguments_[key] = zeros(given[i]);
        backward_arguments_ = forward_arguments_;
        for (std::size_t i = 0; i < sizeof...(states); i++)
            for (const int key : state_keys[i]) backward_arguments_[key + gradient] = zeros(given[i]);
        const std::pair<int, memory> more[] = {
            {DNNL_ARG_WEIGHTS_LAYER, readable(w_, backward.weights_layer_desc())},
            {DNNL_ARG_WEIGHTS_ITER, readable(r_, backward.weights_iter_desc())},
            {DNNL_ARG_DIFF_DST_LAYER, dy_},
            {DNNL_ARG_DIFF_SRC_LAYER, memory(sequence, engine_)},
            {DNNL_ARG_DIFF_WEIGHTS_LAYER, writable(dw_, backward.diff_weights_layer_desc())},
            {DNNL_ARG_DIFF_WEIGHTS_ITER, writable(dr_, backward.diff_weights_iter_desc())},
            {DNNL_ARG_DIFF_BIAS, writable(dbias_, bias)},
        };
        for (const auto &[key, value] : more) backward_arguments_[key] = value;
    }

    dnnl::engine engine_;
    dnnl::stream stream_;
    const Shape &shape_;
    std::size_t hidden_;
    memory w_, r_, bias_, dw_, dr_, dbias_, y_, dy_;
    dnnl::primitive forward_, backward_;
    Arguments forward_arguments_, backward_arguments_;
    std::vector<std::pair<memory, memory>> before_, after_; /* reorders around the passes */
    std::vector<memory> sums_;
    std::vector<Optimizer> optimizers_;
};

} // namespace

std::shared_ptr<peer::Training> onednn_training(const dnnl::engine &engine, const dnnl::stream &stream,
                                                const peer::Case &c, const peer::Weights &weights, const float *x)
{
    return std::make_shared<Layer>(engine, stream, c, weights, x);
}
