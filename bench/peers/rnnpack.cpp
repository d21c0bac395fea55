/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack itself, through its public headers, and the limits that its cases are held against.
 */
#include "bench/limit.h"
#include "bench/own.h"
#include "peer.h"
#include "training.h"

#include <rnnpack/limits.h>
#include <rnnpack/onnx.h>
#include <rnnpack/packed.h>

#include <algorithm>
#include <array>
#include <vector>

namespace {

using bench::own;
using bench::Owned;

/* A model of one recurrent layer and its trainer. */
class Training final : public peer::Training {
  public:
    Training(rnnp_context *context, const peer::Case &c, const peer::Weights &weights, const float *x)
        : context_(context), zeros_(c.rows * c.columns, 0.0F), dx_(c.rows * c.depth)
    {
        build(c, weights);
        create();
        in_ = bench::make_tensor(c.steps, c.batch, c.hidden, x);
        target_ = bench::make_tensor(c.steps, c.batch, c.hidden, zeros_.data());
        d_in_ = bench::make_tensor(c.steps, c.batch, c.hidden, dx_.data());
        rnnp_train_batch_init(&batch_);
        batch_.inputs = &in_;
        batch_.n_inputs = 1;
        batch_.target = &target_;
        batch_.d_inputs = &d_in_;
    }
    Training(const Training &) = delete;
    Training &operator=(const Training &) = delete;

    double step() override
    {
        rnnp_train_result result;
        rnnp_train_result_init(&result);
        check(rnnp_trainer_step(trainer_.get(), &batch_, &result));
        return result.loss;
    }

    void gradient(float *r) override
    {
        const std::size_t recurrent = 2; /* the input of a recurrent node that R is */
        for (std::size_t i = 0; i < rnnp_trainer_parameter_count(trainer_.get()); i++) {
            rnnp_parameter_info parameter;
            rnnp_parameter_info_init(&parameter);
            check(rnnp_trainer_parameter_info(trainer_.get(), i, &parameter));
            if (parameter.input == recurrent) check(rnnp_trainer_get_gradient(trainer_.get(), i, r));
        }
    }

  private:
    void check(rnnp_status status) const { bench::require(status, context_, "rnnpack"); }

    void build(const peer::Case &c, const peer::Weights &weights)
    {
        rnnp_recurrent_options o;
        rnnp_recurrent_options_init(&o, c.cell == "lstm" ? RNNP_CELL_LSTM : RNNP_CELL_GRU, c.hidden, c.hidden);
        const rnnp_recurrent_weights w = {weights.w, weights.r, weights.bias, nullptr, nullptr};
        model_ = bench::make_model(context_, c.hidden, [&](rnnp_model *model, rnnp_value x) {
            return bench::add_layer(context_, model, o, &w, x);
        });
    }

    void create()
    {
        const peer::Adam adam;
        rnnp_train_options o;
        rnnp_train_options_init(&o);
        o.loss = RNNP_LOSS_MSE;
        rnnp_optimizer optimizer;
        rnnp_optimizer_init(&optimizer, RNNP_OPTIMIZER_ADAM);
        optimizer.rate = adam.rate;
        optimizer.beta1 = adam.beta1;
        optimizer.beta2 = adam.beta2;
        optimizer.epsilon = adam.epsilon;
        o.optimizer = &optimizer;
        trainer_ = own<rnnp_trainer>(context_, "trainer",
                                     [&](auto trainer) { return rnnp_trainer_create(model_.get(), &o, trainer); });
    }

    rnnp_context *context_;
    peer::Array zeros_, dx_;
    Owned<rnnp_model> model_;
    Owned<rnnp_trainer> trainer_;
    rnnp_tensor in_{}, target_{}, d_in_{};
    rnnp_train_batch batch_{};
};

rnnp_recurrent_options layer_options(const peer::Case &c, std::size_t layer)
{
    rnnp_recurrent_options o;
    const rnnp_cell cell = c.cell == "lstm" ? RNNP_CELL_LSTM : c.cell == "rnn" ? RNNP_CELL_RNN : RNNP_CELL_GRU;
    rnnp_recurrent_options_init(&o, cell, c.width(layer), c.hidden);
    o.direction = c.directions > 1 ? RNNP_DIRECTION_BIDIRECTIONAL : RNNP_DIRECTION_FORWARD;
    o.order = RNNP_ORDER_ONNX;
    o.reset = c.cell == "gru_lbr" ? RNNP_GRU_RESET_AFTER : RNNP_GRU_RESET_BEFORE;
    return o;
}

/* Of both directions, if there are two. */
std::array<rnnp_recurrent_weights, 2> layer_weights(const peer::Case &c, const peer::Weights &weights,
                                                    std::size_t layer)
{
    std::array<rnnp_recurrent_weights, 2> found{};
    for (std::size_t d = 0; d < c.directions; d++) {
        const peer::Weights w = weights.from(c, layer, d);
        found[d] = {w.w, w.r, w.bias, nullptr, nullptr};
    }
    return found;
}

constexpr struct {
    rnnp_dtype dtype;
    int onnx;
} types[] = {{RNNP_DTYPE_F32, 1}, {RNNP_DTYPE_U8, 2}, {RNNP_DTYPE_I32, 6}, {RNNP_DTYPE_I64, 7}, {RNNP_DTYPE_BOOL, 9}};

std::vector<rnnp_tensor> tensors_of(const std::vector<peer::Tensor> &described, const float *data)
{
    std::vector<rnnp_tensor> tensors;
    for (const peer::Tensor &from : described) {
        const auto type = std::find_if(std::begin(types), std::end(types),
                                       [&from](const auto &known) { return known.onnx == from.type; });
        if (type == std::end(types) || from.shape.size() > RNNP_MAX_RANK)
            throw std::runtime_error(from.name + ": a type or rank that rnnpack does not have");
        rnnp_tensor tensor{};
        tensor.dtype = type->dtype;
        tensor.rank = from.shape.size();
        std::copy(from.shape.begin(), from.shape.end(), tensor.shape);
        tensor.const_data = data ? data + from.at : nullptr;
        tensors.push_back(tensor);
    }
    return tensors;
}

class Rnnpack final : public peer::Peer {
  public:
    explicit Rnnpack(const peer::Options &options) : dir_(options.dir), write_(options.write)
    {
        rnnp_context_options o;
        rnnp_context_options_init(&o);
        o.threads = options.threads;
        context_ = own<rnnp_context>(nullptr, "rnnpack", [&](auto c) { return rnnp_context_create(&o, c); });
    }

    std::string name() const override { return "rnnpack"; }
    std::string version() const override { return rnnp_version(); }
    std::string settings() const override
    {
        rnnp_host_info info;
        rnnp_host_info_init(&info);
        info.struct_size = sizeof info;
        check(rnnp_context_host(context_.get(), &info));
        return std::string("isa ") + info.isa +
               ", math u35 but where a case says otherwise, weights packed beforehand but "
               "in training";
    }

    std::function<void()> prepare(const peer::Case &c, const peer::Weights &weights, const float *x, float *y) override
    {
        switch (c.kind) {
        case peer::Kind::layer:
        case peer::Kind::product:
            if ((c.format != "f32" && !write_) || c.layers > 1) return as_model(c, weights, x, y);
            return c.kind == peer::Kind::layer ? layer(c, weights, x, y) : product(c, weights, x, y);
        case peer::Kind::function: return function(c, x, y);
        case peer::Kind::training: return steps_of(std::make_shared<Training>(context_.get(), c, weights, x), c, y);
        case peer::Kind::convolution:
            return run_of(convolution(c, weights), {bench::make_tensor(c.batch, c.in, c.length, x)},
                          {bench::make_tensor(c.batch, c.out, c.out_length(), y)});
        case peer::Kind::model: return run_of(load(c), tensors_of(c.inputs, x), tensors_of(c.outputs, y));
        case peer::Kind::start: break;
        }
        return run_of(load(c), {bench::make_tensor(c.steps, c.batch, c.hidden, x)},
                      {bench::make_tensor(c.steps, c.batch, c.hidden, y)});
    }

    std::vector<peer::Tensor> outputs_of(const peer::Case &c) override;

    /* Of a start: that of its run alone. */
    double limit_us(const peer::Case &c) override;

  private:
    std::function<void()> layer(const peer::Case &c, const peer::Weights &weights, const float *x, float *y);
    std::function<void()> product(const peer::Case &c, const peer::Weights &weights, const float *x, float *y);
    std::function<void()> function(const peer::Case &c, const float *x, float *y);
    std::function<void()> as_model(const peer::Case &c, const peer::Weights &weights, const float *x, float *y);
    rnnp_value stack(rnnp_model *model, const peer::Case &c, const peer::Weights &weights, rnnp_value x) const;
    std::shared_ptr<rnnp_model> quantised(const rnnp_model &model, const std::string &format) const;
    std::shared_ptr<rnnp_model> convolution(const peer::Case &c, const peer::Weights &weights);
    std::shared_ptr<rnnp_model> load(const peer::Case &c);
    std::function<void()> run_of(const std::shared_ptr<rnnp_model> &model, const std::vector<rnnp_tensor> &inputs,
                                 const std::vector<rnnp_tensor> &outputs);

    void check(rnnp_status status) const { bench::require(status, context_.get(), "rnnpack"); }

    /* The median of short bursts, as the times are medians: neither tells of a turn that another process took. */
    template <class Burst> double median(const Burst &burst) const
    {
        std::array<double, 5> rates;
        for (double &rate : rates) check(burst(&rate));
        std::sort(rates.begin(), rates.end());
        return rates[rates.size() / 2];
    }

    /* Wide footprints take longer, so that the first pass after the memory was written does not decide. */
    double read_rate(std::size_t bytes) const
    {
        const double slow = 10e9, seconds = std::max(burst_seconds, static_cast<double>(bytes) / slow);
        return median([&](double *rate) { return rnnp_limit_read(context_.get(), seconds, bytes, rate, nullptr); });
    }

    static constexpr double burst_seconds = 1e-4;
    std::string dir_;
    bool write_;
    Owned<rnnp_context> context_;
};

std::function<void()> Rnnpack::layer(const peer::Case &c, const peer::Weights &weights, const float *x, float *y)
{
    const rnnp_recurrent_options o = layer_options(c, 0);
    const auto w = layer_weights(c, weights, 0);
    const std::shared_ptr<rnnp_layer> layer = own<rnnp_layer>(context_.get(), "layer", [&](auto l) {
        return rnnp_layer_create(context_.get(), &o, w.data(), RNNP_MATH_U35, l);
    });

    std::size_t bytes;
    check(rnnp_layer_workspace_bytes(layer.get(), c.steps, c.batch, &bytes));
    const auto workspace = std::make_shared<peer::Array>(bytes / sizeof(float) + 1);
    rnnp_layer_args args;
    rnnp_layer_args_init(&args);
    args.steps = c.steps;
    args.batch = c.batch;
    args.x = args.h0 = x;
    args.c0 = o.cell == RNNP_CELL_LSTM ? x : nullptr;
    args.y = y;
    args.workspace = workspace->data();
    return [this, layer, workspace, args] { check(rnnp_layer_forward(layer.get(), &args)); };
}

std::function<void()> Rnnpack::product(const peer::Case &c, const peer::Weights &weights, const float *x, float *y)
{
    const std::size_t m = c.rows, n = c.columns, k = c.depth;
    std::size_t bytes;
    check(rnnp_gemm_pack_bytes(context_.get(), n, k, &bytes));
    const auto packed = std::make_shared<peer::Array>(bytes / sizeof(float) + 1);
    check(rnnp_gemm_pack(context_.get(), n, k, weights.w, 1, k, packed->data()));
    return [this, packed, m, n, k, x, y] {
        check(rnnp_gemm(context_.get(), m, n, k, x, k, packed->data(), nullptr, y, n));
    };
}

std::function<void()> Rnnpack::function(const peer::Case &c, const float *x, float *y)
{
    const rnnp_function f = c.function == "exp"    ? RNNP_FUNCTION_EXP
                            : c.function == "log"  ? RNNP_FUNCTION_LOG
                            : c.function == "tanh" ? RNNP_FUNCTION_TANH
                                                   : RNNP_FUNCTION_SIGMOID;
    const rnnp_math math = c.math == "fast" ? RNNP_MATH_FAST : c.math == "u10" ? RNNP_MATH_U10 : RNNP_MATH_U35;
    return [this, f, math, x, y, n = c.depth] { check(rnnp_apply(context_.get(), f, math, n, x, y)); };
}

rnnp_value Rnnpack::stack(rnnp_model *model, const peer::Case &c, const peer::Weights &weights, rnnp_value x) const
{
    const int64_t shape[] = {static_cast<int64_t>(c.directions), RNNP_DYNAMIC, static_cast<int64_t>(c.hidden)};
    for (std::size_t layer = 0; layer < c.layers; layer++) {
        const rnnp_recurrent_options o = layer_options(c, layer);
        rnnp_value state = 0;
        check(rnnp_model_add_input(model, ("h" + std::to_string(layer)).c_str(), RNNP_DTYPE_F32, 3, shape, nullptr,
                                   &state));
        check(rnnp_model_add_recurrent(model, &o, layer_weights(c, weights, layer).data(), x, RNNP_NONE, state,
                                       o.cell == RNNP_CELL_LSTM ? state : RNNP_NONE, &x, nullptr, nullptr));
    }
    return x;
}

/* A stack, or one layer or product in another format, as these are given to models alone. */
std::function<void()> Rnnpack::as_model(const peer::Case &c, const peer::Weights &weights, const float *x, float *y)
{
    const bool is_product = c.kind == peer::Kind::product;
    const std::size_t steps = is_product ? 1 : c.steps, batch = is_product ? c.rows : c.batch;
    std::shared_ptr<rnnp_model> model =
        bench::make_model(context_.get(), c.depth, [&](rnnp_model *made, rnnp_value value) {
            if (!is_product) return stack(made, c, weights, value);
            check(rnnp_model_add_dense(made, value, weights.w, c.depth, c.columns, 1, nullptr, nullptr, &value));
            return value;
        });
    if (c.format != "f32") model = quantised(*model, c.format);
    std::vector<rnnp_tensor> inputs = {bench::make_tensor(steps, batch, c.depth, x)};
    const std::size_t state = c.directions * c.batch * c.hidden;
    for (std::size_t at = 0; at < c.states(); at += state)
        inputs.push_back(bench::make_tensor(c.directions, batch, c.hidden, x + at));
    return run_of(model, inputs, {bench::make_tensor(steps, batch, c.columns, y)});
}

std::shared_ptr<rnnp_model> Rnnpack::quantised(const rnnp_model &model, const std::string &format) const
{
    rnnp_quantize_options to;
    rnnp_quantize_options_init(&to);
    to.weights = format == "s8" ? RNNP_WEIGHTS_S8 : RNNP_WEIGHTS_BF16;
    return own<rnnp_model>(context_.get(), "rnnpack",
                           [&](auto made) { return rnnp_model_quantize(&model, &to, made); });
}

/* A model of one node. */
std::shared_ptr<rnnp_model> Rnnpack::convolution(const peer::Case &c, const peer::Weights &weights)
{
    const auto i64 = [](std::size_t n) { return static_cast<std::int64_t>(n); };
    const std::int64_t shape[] = {RNNP_DYNAMIC, i64(c.in), RNNP_DYNAMIC}, pads[] = {i64(c.pad()), i64(c.pad())};
    const std::int64_t strides[] = {i64(c.stride)};
    const rnnp_attr attrs[] = {
        {"pads", RNNP_ATTR_INTS, 2, 0, 0, nullptr, pads, nullptr, nullptr, nullptr},
        {"strides", RNNP_ATTR_INTS, 1, 0, 0, nullptr, strides, nullptr, nullptr, nullptr},
        {"group", RNNP_ATTR_INT, 0, i64(c.groups), 0, nullptr, nullptr, nullptr, nullptr, nullptr}};
    const rnnp_tensor w = bench::make_tensor(c.out, c.in / c.groups, c.kernel, weights.w);
    rnnp_tensor bias = bench::make_tensor(c.out, 1, 1, weights.bias);
    bias.rank = 1;
    rnnp_value inputs[3], y = 0;
    auto model =
        own<rnnp_model>(context_.get(), "rnnpack", [this](auto m) { return rnnp_model_create(context_.get(), m); });
    check(rnnp_model_add_input(model.get(), "x", RNNP_DTYPE_F32, 3, shape, nullptr, &inputs[0]));
    check(rnnp_model_add_constant(model.get(), "w", &w, &inputs[1]));
    check(rnnp_model_add_constant(model.get(), "bias", &bias, &inputs[2]));
    check(rnnp_model_add_node(model.get(), "Conv", 14, nullptr, inputs, 3, attrs, 3, &y, 1));
    check(rnnp_model_add_output(model.get(), "y", y));
    check(rnnp_model_close(model.get()));
    return model;
}

std::vector<peer::Tensor> Rnnpack::outputs_of(const peer::Case &c)
{
    const std::shared_ptr<rnnp_model> model = load(c);
    const std::vector<rnnp_tensor> inputs = tensors_of(c.inputs, nullptr);
    const auto plan =
        own<rnnp_plan>(context_.get(), "rnnpack", [&](auto p) { return rnnp_plan_create(model.get(), nullptr, p); });
    const auto run = own<rnnp_run>(context_.get(), "rnnpack", [&](auto r) {
        return rnnp_run_create(plan.get(), inputs.data(), inputs.size(), r);
    });
    std::vector<peer::Tensor> outputs;
    for (std::size_t i = 0; i < rnnp_model_output_count(model.get()); i++) {
        rnnp_port_info port;
        rnnp_port_info_init(&port);
        check(rnnp_model_output_info(model.get(), i, &port));
        rnnp_tensor tensor;
        check(rnnp_run_output(run.get(), i, &tensor));
        const auto type = std::find_if(std::begin(types), std::end(types),
                                       [&tensor](const auto &known) { return known.dtype == tensor.dtype; });
        outputs.push_back({port.name, type == std::end(types) ? 0 : type->onnx,
                           std::vector<std::int64_t>(tensor.shape, tensor.shape + tensor.rank)});
    }
    return outputs;
}

/* The packed file is written where the outputs are: once, before anything is timed. */
std::shared_ptr<rnnp_model> Rnnpack::load(const peer::Case &c)
{
    const std::string onnx = dir_ + "/" + c.model + ".onnx", packed = dir_ + "/" + c.model + ".rnnp";
    const bool packs = c.cell == "start_packed";
    const auto open = [this](auto read, const std::string &path) {
        return own<rnnp_model>(context_.get(), "rnnpack",
                               [&](auto m) { return read(context_.get(), path.c_str(), nullptr, m); });
    };
    if (!packs) return open(rnnp_onnx_open_file, onnx);
    if (write_) check(rnnp_packed_write_file(open(rnnp_onnx_open_file, onnx).get(), nullptr, packed.c_str()));
    return open(rnnp_packed_open_file, packed);
}

std::function<void()> Rnnpack::run_of(const std::shared_ptr<rnnp_model> &model, const std::vector<rnnp_tensor> &inputs,
                                      const std::vector<rnnp_tensor> &outputs)
{
    const std::shared_ptr<rnnp_plan> plan =
        own<rnnp_plan>(context_.get(), "rnnpack", [&](auto p) { return rnnp_plan_create(model.get(), nullptr, p); });
    const std::shared_ptr<rnnp_run> run = own<rnnp_run>(context_.get(), "rnnpack", [&](auto r) {
        return rnnp_run_create(plan.get(), inputs.data(), inputs.size(), r);
    });
    return [this, model, plan, run, inputs, out = outputs]() mutable {
        check(rnnp_run_execute(run.get(), inputs.data(), inputs.size(), out.data(), out.size()));
    };
}

/* The work of one direction of a layer; the other kinds have one of both. */
bench::Work work_of(const peer::Case &c, std::size_t layer)
{
    switch (c.kind) {
    case peer::Kind::product: return bench::product_work(c.rows, c.columns, c.depth);
    case peer::Kind::function: return bench::array_work(2 * c.depth);
    case peer::Kind::training: return bench::training_work(c.gates, c.hidden, c.batch, c.steps);
    case peer::Kind::convolution:
        return bench::convolution_work(c.batch * c.out_length(), c.out, c.in / c.groups, c.kernel);
    case peer::Kind::model:
    case peer::Kind::layer:
    case peer::Kind::start: break;
    }
    return bench::sequence_work(c.gates, c.width(layer), c.hidden, c.batch, c.steps);
}

double Rnnpack::limit_us(const peer::Case &c)
{
    if (c.kind == peer::Kind::model) return 0;
    const double fma = median([&](double *rate) {
        const rnnp_status status = c.format == "s8" ? rnnp_limit_dot(context_.get(), burst_seconds, rate, nullptr)
                                                    : RNNP_ERR_UNSUPPORTED; /* as without VNNI */
        return status == RNNP_OK ? status : rnnp_limit_fma(context_.get(), burst_seconds, rate, nullptr);
    });
    const std::size_t narrower = c.format == "s8" ? 4 : c.format == "f32" ? 1 : 2;
    double seconds = 0;
    for (std::size_t layer = 0; layer < c.layers; layer++) {
        bench::Work work = work_of(c, layer);
        work.bytes /= static_cast<double>(narrower);
        work.footprint /= narrower;
        const double read = work.footprint > 0 ? read_rate(work.footprint) : 0;
        seconds += static_cast<double>(c.directions) * bench::bound(work, fma, read).seconds;
    }
    return seconds * 1e6;
}

} // namespace

int main(int argc, char **argv) { return peer::serve<Rnnpack>(argc, argv); }
