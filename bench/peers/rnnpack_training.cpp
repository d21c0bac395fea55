/* SPDX-License-Identifier: Apache-2.0 */
#include "rnnpack_training.h"

#include <rnnpack/train.h>

#include <algorithm>
#include <stdexcept>

namespace {

struct Destroy {
    void operator()(rnnp_model *p) const { rnnp_model_destroy(p); }
    void operator()(rnnp_trainer *p) const { rnnp_trainer_destroy(p); }
};

class Layer final : public peer::Training {
  public:
    Layer(rnnp_context *context, const peer::Case &c, const peer::Weights &weights, const float *x)
        : context_(context), zeros_(c.rows * c.columns), dx_(c.rows * c.depth)
    {
        build(c, weights);
        create();
        std::fill_n(zeros_.data(), zeros_.size(), 0.0F);
        in_.dtype = RNNP_DTYPE_F32;
        in_.rank = 3;
        in_.shape[0] = static_cast<std::int64_t>(c.steps);
        in_.shape[1] = static_cast<std::int64_t>(c.batch);
        in_.shape[2] = static_cast<std::int64_t>(c.hidden);
        target_ = d_in_ = in_;
        in_.data = const_cast<float *>(x);
        target_.data = zeros_.data();
        d_in_.data = dx_.data();
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
    void check(rnnp_status status) const
    {
        if (status != RNNP_OK) throw std::runtime_error(std::string("rnnpack: ") + rnnp_last_error(context_));
    }

    void build(const peer::Case &c, const peer::Weights &weights)
    {
        rnnp_recurrent_options o;
        rnnp_recurrent_options_init(&o, c.cell == "lstm" ? RNNP_CELL_LSTM : RNNP_CELL_GRU, c.hidden, c.hidden);
        const rnnp_recurrent_weights w = {weights.w, weights.r, weights.bias, nullptr, nullptr};
        const std::int64_t shape[] = {RNNP_DYNAMIC, RNNP_DYNAMIC, static_cast<std::int64_t>(c.hidden)};
        const char *const symbols[] = {"steps", "batch", nullptr};
        rnnp_model *model;
        rnnp_value x;
        check(rnnp_model_create(context_, &model));
        model_.reset(model);
        check(rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 3, shape, symbols, &x));
        check(rnnp_model_add_recurrent(model, &o, &w, x, RNNP_NONE, RNNP_NONE, RNNP_NONE, &x, nullptr, nullptr));
        check(rnnp_model_add_output(model, "y", x));
        check(rnnp_model_close(model));
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
        rnnp_trainer *trainer;
        check(rnnp_trainer_create(model_.get(), &o, &trainer));
        trainer_.reset(trainer);
    }

    rnnp_context *context_;
    peer::Array zeros_, dx_;
    std::unique_ptr<rnnp_model, Destroy> model_;
    std::unique_ptr<rnnp_trainer, Destroy> trainer_;
    rnnp_tensor in_{}, target_{}, d_in_{};
    rnnp_train_batch batch_{};
};

} // namespace

std::shared_ptr<peer::Training> rnnpack_training(rnnp_context *context, const peer::Case &c,
                                                 const peer::Weights &weights, const float *x)
{
    return std::make_shared<Layer>(context, c, weights, x);
}
