/* SPDX-License-Identifier: Apache-2.0 */
#include "rnnpack_training.h"

#include "bench/own.h"

#include <algorithm>

namespace {

class Layer final : public peer::Training {
  public:
    Layer(rnnp_context *context, const peer::Case &c, const peer::Weights &weights, const float *x)
        : context_(context), zeros_(c.rows * c.columns), dx_(c.rows * c.depth)
    {
        build(c, weights);
        create();
        std::fill_n(zeros_.data(), zeros_.size(), 0.0F);
        in_ = bench::make_tensor(c.steps, c.batch, c.hidden, x);
        target_ = bench::make_tensor(c.steps, c.batch, c.hidden, zeros_.data());
        d_in_ = bench::make_tensor(c.steps, c.batch, c.hidden, dx_.data());
        rnnp_train_batch_init(&batch_);
        batch_.inputs = &in_;
        batch_.n_inputs = 1;
        batch_.target = &target_;
        batch_.d_inputs = &d_in_;
    }
    Layer(const Layer &) = delete;
    Layer &operator=(const Layer &) = delete;

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
        trainer_ = bench::own<rnnp_trainer>(
            context_, "trainer", [&](auto trainer) { return rnnp_trainer_create(model_.get(), &o, trainer); });
    }

    rnnp_context *context_;
    peer::Array zeros_, dx_;
    bench::Owned<rnnp_model> model_;
    bench::Owned<rnnp_trainer> trainer_;
    rnnp_tensor in_{}, target_{}, d_in_{};
    rnnp_train_batch batch_{};
};

} // namespace

std::shared_ptr<peer::Training> rnnpack_training(rnnp_context *context, const peer::Case &c,
                                                 const peer::Weights &weights, const float *x)
{
    return std::make_shared<Layer>(context, c, weights, x);
}
