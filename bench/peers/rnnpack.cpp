/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack itself, through kernels.h, and the limits that its cases are held against.
 */
#include "peer.h"

#include <rnnpack/kernels.h>
#include <rnnpack/limits.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace {

struct Destroy {
    void operator()(rnnp_context *p) const { rnnp_context_destroy(p); }
    void operator()(rnnp_layer *p) const { rnnp_layer_destroy(p); }
};

class Rnnpack final : public peer::Peer {
public:
    explicit Rnnpack(const peer::Options &options)
    {
        rnnp_context_options o;
        rnnp_context_options_init(&o);
        o.threads = options.threads;
        rnnp_context *context;
        const rnnp_status status = rnnp_context_create(&o, &context);
        if (status != RNNP_OK)
            throw std::runtime_error(std::string("rnnpack: no context: ") + rnnp_status_string(status));
        context_.reset(context);
    }

    std::string name() const override { return "rnnpack"; }
    std::string version() const override { return rnnp_version(); }
    std::string settings() const override
    {
        rnnp_host_info info;
        info.struct_size = sizeof info;
        check(rnnp_context_host(context_.get(), &info));
        return std::string("isa ") + info.isa + ", math u35, weights packed beforehand";
    }

    std::function<void()> prepare(const peer::Case &c, const peer::Weights &weights, const float *x, float *y) override
    {
        return c.recurrent() ? layer(c, weights, x, y) : product(c, weights, x, y);
    }

    double limit_us(const peer::Case &c) override;

private:
    std::function<void()> layer(const peer::Case &c, const peer::Weights &weights, const float *x, float *y);
    std::function<void()> product(const peer::Case &c, const peer::Weights &weights, const float *x, float *y);

    void check(rnnp_status status) const
    {
        if (status != RNNP_OK)
            throw std::runtime_error(std::string("rnnpack: ") + rnnp_context_last_error(context_.get()));
    }

    /* The median of short bursts, as the times are medians: neither tells of a turn that another process took. */
    template <class Burst> double median(const Burst &burst) const
    {
        std::array<double, 5> rates;
        for (double &rate : rates)
            check(burst(&rate));
        std::sort(rates.begin(), rates.end());
        return rates[rates.size() / 2];
    }

    /* Wide footprints take longer, so that the first pass after the memory was written does not decide. */
    double read_rate(double bytes) const
    {
        const double slow = 10e9, seconds = std::max(burst_seconds, bytes / slow);
        return median([&](double *rate) {
            return rnnp_limit_read(context_.get(), seconds, static_cast<std::size_t>(bytes), rate);
        });
    }

    static constexpr double burst_seconds = 1e-4;
    std::unique_ptr<rnnp_context, Destroy> context_;
};

std::function<void()> Rnnpack::layer(const peer::Case &c, const peer::Weights &weights, const float *x, float *y)
{
    rnnp_recurrent_options o;
    const rnnp_cell cell = c.cell == "lstm" ? RNNP_CELL_LSTM : c.cell == "rnn" ? RNNP_CELL_RNN : RNNP_CELL_GRU;
    rnnp_recurrent_options_init(&o, cell, c.hidden, c.hidden);
    o.order = RNNP_ORDER_ONNX;
    o.reset = c.cell == "gru_lbr" ? RNNP_GRU_RESET_AFTER : RNNP_GRU_RESET_BEFORE;
    const rnnp_recurrent_weights w = {weights.w, weights.r, weights.bias, nullptr, nullptr};
    rnnp_layer *created;
    check(rnnp_layer_create(context_.get(), &o, &w, RNNP_MATH_U35, &created));
    const std::shared_ptr<rnnp_layer> layer(created, Destroy());

    std::size_t bytes;
    check(rnnp_layer_workspace_bytes(created, c.steps, c.batch, &bytes));
    const auto workspace = std::make_shared<peer::Array>(bytes / sizeof(float) + 1);
    rnnp_layer_args args;
    rnnp_layer_args_init(&args, created, c.steps, c.batch);
    args.x = x;
    args.y = y;
    args.workspace = workspace->data();
    return [this, layer, workspace, args] { check(rnnp_layer_forward(layer.get(), &args)); };
}

std::function<void()> Rnnpack::product(const peer::Case &c, const peer::Weights &weights, const float *x, float *y)
{
    const std::size_t m = c.rows(), n = c.columns(), k = c.hidden;
    std::size_t bytes;
    check(rnnp_gemm_pack_bytes(context_.get(), n, k, &bytes));
    const auto packed = std::make_shared<peer::Array>(bytes / sizeof(float) + 1);
    check(rnnp_gemm_pack(context_.get(), n, k, weights.w, 1, k, packed->data()));
    return [this, packed, m, n, k, x, y] {
        check(rnnp_gemm(context_.get(), m, n, k, x, k, packed->data(), nullptr, y, n));
    };
}

/* A sequence: the input projection as one product at FMA peak, then per step the longer of multiplying and reading
 * the recurrent weights. A single step and a product read all their weights once. */
double Rnnpack::limit_us(const peer::Case &c)
{
    const double peak = median([&](double *rate) { return rnnp_limit_fma(context_.get(), burst_seconds, rate); });
    const auto batch = static_cast<double>(c.batch), steps = static_cast<double>(c.steps);
    const auto matrix = static_cast<double>(c.gates() * c.hidden * c.hidden);
    const double matrix_bytes = matrix * sizeof(float), matrix_time = 2 * matrix * batch / peak; /* of one step */
    if (c.steps > 1)
        return steps * (matrix_time + std::max(matrix_time, matrix_bytes / read_rate(matrix_bytes))) * 1e6;
    const double matrices = c.recurrent() ? 2 : 1;
    return std::max(matrices * matrix_time, matrices * matrix_bytes / read_rate(matrices * matrix_bytes)) * 1e6;
}

} // namespace

int main(int argc, char **argv)
{
    return peer::serve(argc, argv, [](const peer::Options &options) -> std::unique_ptr<peer::Peer> {
        return std::make_unique<Rnnpack>(options);
    });
}
