/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights change with every step, so that their reorders into the primitives' formats belong to it. oneDNN's one bias
 * stands for two of ONNX, which Adam moves equally: such rows are moved twice as far.
 *
 * Compiled with OpenMP where there is one, which is what oneDNN's team is made of.
 */
#include "onednn.h"

#include <cmath>
#include <utility>
#include <vector>

namespace onednn {
namespace {

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

class Layer final : public peer::Training {
  public:
    Layer(Engine &engine, const peer::Case &c, const peer::Weights &weights, const float *x)
        : engine_(engine), cell_(cell_of(c)), hidden_(c.hidden)
    {
        const Desc sequence({dim(c.steps), dim(c.batch), dim(c.hidden)}, f32, Tag::tnc);
        y_ = make(sequence);
        dy_ = make(sequence);
        load(weights);
        const Desc state({1, 1, dim(c.batch), dim(c.hidden)}, f32, Tag::ldnc);
        if (c.cell == "lstm")
            make_passes<dnnl::lstm_forward, dnnl::lstm_backward>(sequence, x, state, state);
        else
            make_passes<dnnl::lbr_gru_forward, dnnl::lbr_gru_backward>(sequence, x, state);
        const peer::Adam adam;
        const std::size_t merged = cell_.bias_rows > cell_.gates ? cell_.gates - 1 : cell_.gates;
        optimizers_.emplace_back(w_, dw_, adam.rate);
        optimizers_.emplace_back(r_, dr_, adam.rate);
        optimizers_.emplace_back(part(bias_, 0, merged), part(dbias_, 0, merged), 2 * adam.rate);
        if (merged < cell_.bias_rows)
            optimizers_.emplace_back(part(bias_, merged, cell_.bias_rows), part(dbias_, merged, cell_.bias_rows),
                                     adam.rate);
    }

    double step() override
    {
        for (const auto &[from, to] : before_) engine_.reorder(from, to);
        forward_.execute(engine_.stream, forward_arguments_);
        engine_.stream.wait();
        const double loss = mean_square(floats(y_), floats(dy_), count(y_));
        for (const memory &sum : sums_) /* a backward pass adds to them */
            std::fill_n(floats(sum), count(sum), 0.0F);
        backward_.execute(engine_.stream, backward_arguments_);
        for (const auto &[from, to] : after_) engine_.reorder(from, to);
        engine_.stream.wait();
        for (Optimizer &optimizer : optimizers_) optimizer.step();
        return loss;
    }

    void gradient(float *r) override
    {
        const std::size_t gate = hidden_ * hidden_;
        const Desc by_gates({1, 1, dim(hidden_), dim(cell_.gates), dim(hidden_)}, f32, Tag::ldgoi);
        const memory sorted = engine_.reordered(dr_, by_gates);
        for (std::size_t g = 0; g < cell_.gates; g++)
            std::copy_n(floats(sorted) + g * gate, gate, r + cell_.order[g] * gate);
    }

  private:
    memory make(const Desc &desc) const { return memory(desc, engine_.engine); }

    /* Rows of an array of bias rows. */
    memory part(const memory &rows, std::size_t begin, std::size_t end) const
    {
        return memory(Desc({dim((end - begin) * hidden_)}, f32, Tag::a), engine_.engine,
                      floats(rows) + begin * hidden_);
    }

    void load(const peer::Weights &weights)
    {
        const memory::dims dims{1, 1, dim(hidden_), dim(cell_.gates), dim(hidden_)};
        const Desc matrix(dims, f32, Tag::ldigo);
        w_ = engine_.gates(cell_, dims, weights.w, matrix);
        r_ = engine_.gates(cell_, dims, weights.r, matrix);
        bias_ = engine_.bias(cell_, {1, 1, dim(cell_.bias_rows), dim(hidden_)}, weights.bias);
        dw_ = make(matrix);
        dr_ = make(matrix);
        dbias_ = make(bias_.get_desc());
    }

    /* The memory that a primitive reads: ours, or one of its format that a reorder fills first. */
    memory readable(const memory &ours, const Desc &format)
    {
        if (ours.get_desc() == format) return ours;
        for (const auto &[from, to] : before_)
            if (from == ours && to.get_desc() == format) return to;
        before_.emplace_back(ours, make(format));
        return before_.back().second;
    }

    /* The memory of sums that a primitive writes: ours, or one of its format that is reordered afterwards. */
    memory writable(const memory &ours, const Desc &format)
    {
        sums_.push_back(ours.get_desc() == format ? ours : make(format));
        if (ours.get_desc() != format) after_.emplace_back(sums_.back(), ours);
        return sums_.back();
    }

    memory zeros(const Desc &desc)
    {
        const memory m = make(desc);
        std::fill_n(floats(m), count(m), 0.0F);
        return m;
    }

    /* states: a description for h and, of an LSTM, one for c. Zeros are given for all of them, before the first step
     * and backwards after the last: with no description the gradients of an LSTM (version 2.6) are wrong. */
    template <class Forward, class Backward, class... States>
    void make_passes(const Desc &sequence, const float *x, const States &...states)
    {
        const auto direction = dnnl::rnn_direction::unidirectional_left2right;
        const Desc any({1, 1, dim(hidden_), dim(cell_.gates), dim(hidden_)}, f32, Tag::any);
        const Desc bias = bias_.get_desc();
        const auto forward = describe<Forward>(engine_.engine, {}, dnnl::prop_kind::forward_training, direction,
                                               sequence, states..., any, any, bias, sequence, states...);
        const auto backward = describe_backward<Backward>(engine_.engine, forward, dnnl::prop_kind::backward, direction,
                                                          sequence, states..., any, any, bias, sequence, states...,
                                                          sequence, states..., any, any, bias, sequence, states...);
        forward_ = Forward(forward);
        backward_ = Backward(backward);
        forward_arguments_ = {
            {DNNL_ARG_SRC_LAYER, engine_.view(sequence, x)},
            {DNNL_ARG_WEIGHTS_LAYER, readable(w_, forward.weights_layer_desc())},
            {DNNL_ARG_WEIGHTS_ITER, readable(r_, forward.weights_iter_desc())},
            {DNNL_ARG_BIAS, bias_},
            {DNNL_ARG_DST_LAYER, y_},
            {DNNL_ARG_WORKSPACE, make(forward.workspace_desc())},
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
            {DNNL_ARG_DIFF_SRC_LAYER, make(sequence)},
            {DNNL_ARG_DIFF_WEIGHTS_LAYER, writable(dw_, backward.diff_weights_layer_desc())},
            {DNNL_ARG_DIFF_WEIGHTS_ITER, writable(dr_, backward.diff_weights_iter_desc())},
            {DNNL_ARG_DIFF_BIAS, writable(dbias_, bias)},
        };
        for (const auto &[key, value] : more) backward_arguments_[key] = value;
    }

    Engine &engine_;
    const Cell &cell_;
    std::size_t hidden_;
    memory w_, r_, bias_, dw_, dr_, dbias_, y_, dy_;
    dnnl::primitive forward_, backward_;
    Arguments forward_arguments_, backward_arguments_;
    std::vector<std::pair<memory, memory>> before_, after_; /* reorders around the passes */
    std::vector<memory> sums_;
    std::vector<Optimizer> optimizers_;
};

} // namespace

std::shared_ptr<peer::Training> training(Engine &engine, const peer::Case &c, const peer::Weights &weights,
                                         const float *x)
{
    return std::make_shared<Layer>(engine, c, weights, x);
}

} // namespace onednn
