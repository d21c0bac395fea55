/* SPDX-License-Identifier: Apache-2.0
 *
 * Training (train.h).
 */
#ifndef RNNPACK_CPP_TRAIN_HPP
#define RNNPACK_CPP_TRAIN_HPP

#include "rnnpack/cpp/model.hpp"
#include "rnnpack/train.h"

RNNP_CPP_BEGIN

using train_options = with_size<rnnp_train_options>;
using train_result = with_size<rnnp_train_result>;
using train_batch = with_size<rnnp_train_batch>;
using parameter_info = with_size<rnnp_parameter_info>;

/* An optimiser with its defaults: train_options.optimizer points to it while the trainer is made. */
struct optimizer : rnnp_optimizer {
    explicit optimizer(rnnp_optimizer_kind which) noexcept : rnnp_optimizer{} { rnnp_optimizer_init(this, which); }
};

/* A learning rate over the epochs. */
struct schedule : rnnp_schedule {
    schedule(rnnp_schedule_kind which, float first) noexcept : rnnp_schedule{}
    {
        rnnp_schedule_init(this, which, first);
    }
    float rate_at(double epoch) const noexcept { return rnnp_schedule_rate(this, epoch); }
    void score(double loss) noexcept { rnnp_schedule_score(this, loss); }
};

/* A uniform permutation of 0 .. n-1. */
inline std::vector<uint32_t> train_order(uint64_t seed, uint64_t which, size_t n)
{
    std::vector<uint32_t> order(n);
    rnnp_train_order(seed, which, n, order.data());
    return order;
}

/* One thread at a time. */
class trainer {
  public:
    trainer() noexcept = default;
    trainer(trainer &&) noexcept = default;
    trainer &operator=(trainer &&) noexcept = default;
    trainer(const trainer &) = delete;
    trainer &operator=(const trainer &) = delete;

    static result<trainer> make(const model &model, const rnnp_train_options &options = train_options())
    {
        trainer made;
        rnnp_trainer *raw = nullptr;
        const rnnp_status status = rnnp_trainer_create(model.get(), &options, &raw);
        if (status != RNNP_OK) return detail::fail<trainer>(model.context(), status);
        made.context_ = model.shared_context();
        made.raw_ = detail::own(raw, rnnp_trainer_destroy, model.shared());
        return result<trainer>(std::move(made));
    }
#if RNNP_EXCEPTIONS
    explicit trainer(const model &model, const rnnp_train_options &options = train_options())
        : trainer(make(model, options))
    {
    }
#endif

    /* Forward, backward and one update. Weights that are empty are all 1. */
    result<train_result> step(span<const tensor> inputs, const tensor &target, const tensor &weights = {})
    {
        return call(rnnp_trainer_step, inputs, &target, weights);
    }
    /* The same without the update. */
    result<train_result> backward(span<const tensor> inputs, const tensor &target, const tensor &weights = {})
    {
        return call(rnnp_trainer_backward, inputs, &target, weights);
    }
    /* The loss without dropout. */
    result<train_result> evaluate(span<const tensor> inputs, const tensor &target, const tensor &weights = {})
    {
        return call(rnnp_trainer_evaluate, inputs, &target, weights);
    }
    result<train_result> step(const tensor &input, const tensor &target, const tensor &weights = {})
    {
        return step(span<const tensor>(&input, 1), target, weights);
    }
    result<train_result> backward(const tensor &input, const tensor &target, const tensor &weights = {})
    {
        return backward(span<const tensor>(&input, 1), target, weights);
    }
    result<train_result> evaluate(const tensor &input, const tensor &target, const tensor &weights = {})
    {
        return evaluate(span<const tensor>(&input, 1), target, weights);
    }
    /* The same with the struct of C, which can also ask for outputs and gradients of inputs; sizes are the caller's. */
    result<train_result> step(const rnnp_train_batch &batch) { return call(rnnp_trainer_step, batch); }
    result<train_result> backward(const rnnp_train_batch &batch) { return call(rnnp_trainer_backward, batch); }
    result<train_result> evaluate(const rnnp_train_batch &batch) { return call(rnnp_trainer_evaluate, batch); }

    result<void> set_rate(float rate) { return done(rnnp_trainer_set_rate(get(), rate)); }
    result<void> set_proximal(float weight) { return done(rnnp_trainer_set_proximal(get(), weight)); }
    uint64_t step_count() const noexcept { return rnnp_trainer_step_count(get()); }

    size_t parameter_count() const noexcept { return raw_ ? rnnp_trainer_parameter_count(get()) : 0; }
    result<parameter_info> parameter(size_t index) const
    {
        return detail::get<parameter_info>(context_.get(),
                                           [&](auto *p) { return rnnp_trainer_parameter_info(get(), index, p); });
    }
    result<std::vector<float>> values(size_t index) const { return copy(rnnp_trainer_get_parameter, index); }
    result<std::vector<float>> gradient(size_t index) const { return copy(rnnp_trainer_get_gradient, index); }
    result<void> set_values(size_t index, span<const float> values)
    {
        const size_t needed = elements(index);
        if (needed != SIZE_MAX && needed != values.size())
            return detail::fail<void>(RNNP_ERR_SHAPE, "a parameter of " + std::to_string(needed) + " elements gets " +
                                                          std::to_string(values.size()));
        return done(rnnp_trainer_set_parameter(get(), index, values.data()));
    }
    result<void> freeze(size_t index, bool frozen = true) { return done(rnnp_trainer_freeze(get(), index, frozen)); }
    result<void> initialize(uint64_t seed) { return done(rnnp_trainer_initialize(get(), seed)); }
    /* Copies the parameters of equal name and shape; returns how many. */
    result<size_t> adopt(const model &from)
    {
        return detail::get<size_t>(context_.get(), [&](size_t *n) { return rnnp_trainer_adopt(get(), from.get(), n); });
    }
    /* A model with the present values. */
    result<model> make_model() const
    {
        rnnp_model *raw = nullptr;
        const rnnp_status status = rnnp_trainer_model(get(), &raw);
        if (status != RNNP_OK) return detail::fail<model>(context_.get(), status);
        return model(context_, raw);
    }

    result<void> save(const std::string &path, span<const std::byte> note = {}) const
    {
        return done(rnnp_trainer_save_file(get(), path.c_str(), note.data(), note.size()));
    }
    /* Returns the size of the file's note, which goes to `note`. */
    result<size_t> load(const std::string &path, span<std::byte> note = {})
    {
        size_t bytes = note.size();
        const rnnp_status status = rnnp_trainer_load_file(get(), path.c_str(), note.data(), &bytes);
        return detail::value_of(context_.get(), status, bytes);
    }

    rnnp_trainer *get() const noexcept { return raw_.get(); }

  private:
    using function = rnnp_status (*)(rnnp_trainer *, const rnnp_train_batch *, rnnp_train_result *);

    result<void> done(rnnp_status status) const { return detail::check(context_.get(), status); }
    result<train_result> call(function f, const rnnp_train_batch &batch)
    {
        return detail::get<train_result>(context_.get(), [&](auto *result) { return f(get(), &batch, result); });
    }
    result<train_result> call(function f, span<const tensor> inputs, const tensor *target, const tensor &weights)
    {
        tensors_.clear(); /* its room stays */
        for (const tensor &t : inputs) tensors_.push_back(detail::tensor_of(t));
        const rnnp_tensor t = detail::tensor_of(*target), w = detail::tensor_of(weights);
        train_batch batch;
        batch.inputs = tensors_.data();
        batch.n_inputs = tensors_.size();
        batch.target = target->data.data() ? &t : nullptr;
        batch.weights = weights.data.data() ? &w : nullptr;
        return call(f, batch);
    }

    /* SIZE_MAX: there is no such parameter, which the library will say */
    size_t elements(size_t index) const
    {
        parameter_info info;
        if (rnnp_trainer_parameter_info(get(), index, &info) != RNNP_OK) return SIZE_MAX;
        const rnnp_tensor t = detail::tensor_of(RNNP_DTYPE_F32, shape(info.shape, info.rank));
        return rnnp_tensor_elements(&t);
    }
    template <class F> result<std::vector<float>> copy(F from, size_t index) const
    {
        const size_t n = elements(index);
        std::vector<float> values(n == SIZE_MAX ? 0 : n);
        const rnnp_status status = from(get(), index, values.data());
        return detail::value_of(context_.get(), status, std::move(values));
    }

    std::shared_ptr<rnnp_context> context_;
    std::shared_ptr<rnnp_trainer> raw_;
    std::vector<rnnp_tensor> tensors_;
};

RNNP_CPP_END
#endif
