/* SPDX-License-Identifier: Apache-2.0
 *
 * Closed models, and what runs them: plan, run, stream. build.hpp builds models, files.hpp opens them.
 */
#ifndef RNNPACK_CPP_MODEL_HPP
#define RNNPACK_CPP_MODEL_HPP

#include "rnnpack/cpp/records.hpp"

#include <cstddef>
#include <optional>

RNNP_CPP_BEGIN

using load_options = with_size<rnnp_load_options>;
using plan_options = with_size<rnnp_plan_options>;
using stream_options = with_size<rnnp_stream_options>;
using quantize_options = with_size<rnnp_quantize_options>;

namespace detail {
/* The inputs or outputs of a run or stream: dtypes and shapes that are known, and data of each call. */
class ports {
  public:
    explicit ports(const char *what) : what_(what) {}

    void add(const rnnp_tensor &t) { all_.push_back(t); }
    rnnp_tensor *data() noexcept { return all_.data(); }
    size_t size() const noexcept { return all_.size(); }
    span<const rnnp_tensor> all() const noexcept { return {all_.data(), all_.size()}; }

    fault bind(span<const const_buffer> given)
    {
        fault f = count(given.size());
        for (size_t i = 0; f.status == RNNP_OK && i < all_.size(); i++) {
            f = compare(i, given[i].dtype(), given[i].elements());
            all_[i].const_data = given[i].data();
        }
        return f;
    }
    fault bind(span<const buffer> given)
    {
        fault f = count(given.size());
        for (size_t i = 0; f.status == RNNP_OK && i < all_.size(); i++) {
            if (given[i].dtype() != 0) f = compare(i, given[i].dtype(), given[i].elements());
            all_[i].data = given[i].data();
        }
        return f;
    }

  private:
    fault count(size_t n) const
    {
        if (n == all_.size()) return {};
        return {RNNP_ERR_ARG, std::to_string(n) + " " + what_ + "s, and not " + std::to_string(all_.size())};
    }
    fault compare(size_t i, rnnp_dtype dtype, size_t elements) const
    {
        const size_t needed = rnnp_tensor_elements(&all_[i]);
        if (dtype == all_[i].dtype && elements == needed) return {};
        return {dtype == all_[i].dtype ? RNNP_ERR_SHAPE : RNNP_ERR_TYPE,
                std::string(what_) + " " + std::to_string(i) + " has " + describe(dtype, elements) + ", and not " +
                    describe(all_[i].dtype, needed)};
    }

    const char *what_;
    std::vector<rnnp_tensor> all_;
};
} // namespace detail

/* What a run and a stream have in common. */
template <class T> class executable {
  public:
    executable() = default;
    executable(executable &&) noexcept = default;
    executable &operator=(executable &&) noexcept = default;
    executable(const executable &) = delete;
    executable &operator=(const executable &) = delete;

    /* dtypes and shapes; data is that of the last call */
    span<const rnnp_tensor> inputs() const noexcept { return inputs_.all(); }
    span<const rnnp_tensor> outputs() const noexcept { return outputs_.all(); }
    T *get() const noexcept { return raw_.get(); }

  protected:
    /* describe(object, index, &tensor) tells the dtype and shape of a port. */
    template <class D> void describe(detail::ports &ports, size_t n, D tell)
    {
        for (size_t i = 0; i < n; i++) {
            rnnp_tensor t{};
            if (tell(raw_.get(), i, &t) == RNNP_OK) ports.add(t);
        }
    }
    template <class C> result<void> call(span<const const_buffer> x, span<const buffer> y, C function)
    {
        detail::fault fault = inputs_.bind(x);
        if (fault.status == RNNP_OK) fault = outputs_.bind(y);
        if (fault.status != RNNP_OK) return detail::fail<void>(fault.status, fault.sentence);
        return detail::check(context_, function(inputs_.data(), inputs_.size(), outputs_.data(), outputs_.size()));
    }

    const rnnp_context *context_ = nullptr;
    std::shared_ptr<T> raw_;
    detail::ports inputs_{"input"}, outputs_{"output"};
};

/* A plan with the shapes of its inputs and the memory for one execution; one thread at a time. */
class run : public executable<rnnp_run> {
  public:
    /* Data in the order of the model's inputs and outputs; an empty buffer is an output that is not wanted. */
    result<void> execute(span<const const_buffer> x, span<const buffer> y)
    {
        return call(x, y, [this](auto... a) { return rnnp_run_execute(raw_.get(), a...); });
    }
    result<void> execute(std::initializer_list<const_buffer> x, std::initializer_list<buffer> y)
    {
        return execute(span<const const_buffer>(x), span<const buffer>(y));
    }
    result<void> execute(const_buffer x, buffer y)
    {
        return execute(span<const const_buffer>(&x, 1), span<const buffer>(&y, 1));
    }

  private:
    friend class plan;
};

/* A plan that is stepped through time; one thread at a time. */
class stream : public executable<rnnp_stream> {
  public:
    /* The next steps of all channels. */
    result<void> step(span<const const_buffer> x, span<const buffer> y)
    {
        return call(x, y, [this](auto... a) { return rnnp_stream_step(raw_.get(), a...); });
    }
    result<void> step(std::initializer_list<const_buffer> x, std::initializer_list<buffer> y)
    {
        return step(span<const const_buffer>(x), span<const buffer>(y));
    }
    result<void> step(const_buffer x, buffer y)
    {
        return step(span<const const_buffer>(&x, 1), span<const buffer>(&y, 1));
    }

    /* The next steps of the channels whose entry of active [batch] is not 0. */
    result<void> step_rows(span<const uint8_t> active, span<const const_buffer> x, span<const buffer> y)
    {
        if (active.size() != batch_)
            return detail::fail<void>(RNNP_ERR_ARG, std::to_string(active.size()) + " entries of active, and not " +
                                                        std::to_string(batch_));
        return call(x, y, [&](auto... a) { return rnnp_stream_step_rows(raw_.get(), active.data(), a...); });
    }
    result<void> step_rows(span<const uint8_t> active, std::initializer_list<const_buffer> x,
                           std::initializer_list<buffer> y)
    {
        return step_rows(active, span<const const_buffer>(x), span<const buffer>(y));
    }
    result<void> step_rows(span<const uint8_t> active, const_buffer x, buffer y)
    {
        return step_rows(active, span<const const_buffer>(&x, 1), span<const buffer>(&y, 1));
    }

    size_t batch() const noexcept { return batch_; }
    void reset() noexcept { rnnp_stream_reset(raw_.get()); }
    result<void> reset_row(size_t row) { return detail::check(context_, rnnp_stream_reset_row(raw_.get(), row)); }

    /* The recurrent state of all channels, or of one. */
    size_t state_bytes() const noexcept { return raw_ ? rnnp_stream_state_bytes(raw_.get()) : 0; }
    size_t row_state_bytes() const noexcept { return raw_ ? rnnp_stream_row_state_bytes(raw_.get()) : 0; }
    result<void> save(span<std::byte> state) const
    {
        return detail::check(context_, rnnp_stream_save(raw_.get(), state.data(), state.size()));
    }
    result<std::vector<std::byte>> save() const
    {
        std::vector<std::byte> state(state_bytes());
        const rnnp_status status = rnnp_stream_save(raw_.get(), state.data(), state.size());
        return detail::value_of(context_, status, std::move(state));
    }
    result<void> load(span<const std::byte> state)
    {
        return detail::check(context_, rnnp_stream_load(raw_.get(), state.data(), state.size()));
    }
    result<void> save_row(size_t row, span<std::byte> state) const
    {
        return detail::check(context_, rnnp_stream_save_row(raw_.get(), row, state.data(), state.size()));
    }
    result<std::vector<std::byte>> save_row(size_t row) const
    {
        std::vector<std::byte> state(row_state_bytes());
        const rnnp_status status = rnnp_stream_save_row(raw_.get(), row, state.data(), state.size());
        return detail::value_of(context_, status, std::move(state));
    }
    result<void> load_row(size_t row, span<const std::byte> state)
    {
        return detail::check(context_, rnnp_stream_load_row(raw_.get(), row, state.data(), state.size()));
    }

  private:
    friend class plan;
    size_t batch_ = 0;
};

/* A handle of a plan: a model prepared for this host. */
class plan {
  public:
    plan() noexcept = default;

    /* The memory for inputs of these shapes, in the order of the model. */
    result<run> make_run(span<const shape> inputs) const
    {
        run made;
        rnnp_run *raw = nullptr;
        const std::vector<rnnp_tensor> tensors = describe(inputs);
        const rnnp_status status = rnnp_run_create(get(), tensors.data(), tensors.size(), &raw);
        if (status != RNNP_OK) return detail::fail<run>(context_, status);
        made.context_ = context_;
        made.raw_ = detail::own(raw, rnnp_run_destroy, raw_);
        for (const rnnp_tensor &t : tensors) made.inputs_.add(t);
        made.describe(made.outputs_, rnnp_model_output_count(model_.get()), rnnp_run_output);
        return result<run>(std::move(made));
    }
    result<run> make_run(std::initializer_list<shape> inputs) const { return make_run(span<const shape>(inputs)); }
    result<size_t> run_bytes(span<const shape> inputs) const
    {
        const std::vector<rnnp_tensor> tensors = describe(inputs);
        return detail::get<size_t>(
            context_, [&](size_t *bytes) { return rnnp_run_bytes(get(), tensors.data(), tensors.size(), bytes); });
    }

    result<stream> make_stream(const rnnp_stream_options &options = stream_options()) const
    {
        stream made;
        rnnp_stream *raw = nullptr;
        const rnnp_status status = rnnp_stream_create(get(), &options, &raw);
        if (status != RNNP_OK) return detail::fail<stream>(context_, status);
        made.context_ = context_;
        made.raw_ = detail::own(raw, rnnp_stream_destroy, raw_);
        made.batch_ = options.batch ? options.batch : 1;
        made.describe(made.inputs_, rnnp_model_input_count(model_.get()) - options.n_carried, rnnp_stream_input);
        made.describe(made.outputs_, rnnp_model_output_count(model_.get()) - options.n_carried, rnnp_stream_output);
        return result<stream>(std::move(made));
    }
    result<size_t> stream_bytes(const rnnp_stream_options &options = stream_options()) const
    {
        return detail::get<size_t>(context_, [&](size_t *bytes) { return rnnp_stream_bytes(get(), &options, bytes); });
    }
    result<size_t> stream_multiple(const rnnp_stream_options &options = stream_options()) const
    {
        return detail::get<size_t>(context_, [&](size_t *n) { return rnnp_stream_multiple(get(), &options, n); });
    }

    /* The kernel of a node, or NULL, and where its packed weights are. */
    const char *node_variant(size_t node) const noexcept
    {
        return raw_ ? rnnp_plan_node_variant(get(), node) : nullptr;
    }
    rnnp_weights_place node_place(size_t node) const noexcept
    {
        return raw_ ? rnnp_plan_node_place(get(), node) : RNNP_WEIGHTS_PLACE_NONE;
    }

    const rnnp_plan *get() const noexcept { return raw_.get(); }
    const rnnp_context *context() const noexcept { return context_; }

  private:
    friend class model;
    plan(const rnnp_context *context, std::shared_ptr<rnnp_model> model, const records &records, rnnp_plan *raw)
        : context_(context), model_(std::move(model)),
          raw_(detail::own(raw, rnnp_plan_destroy, model_, records.shared()))
    {
    }

    std::vector<rnnp_tensor> describe(span<const shape> inputs) const
    {
        std::vector<rnnp_tensor> tensors;
        for (size_t i = 0; i < inputs.size(); i++) {
            with_size<rnnp_port_info> info;
            if (i < rnnp_model_input_count(model_.get())) rnnp_model_input_info(model_.get(), i, &info);
            tensors.push_back(detail::tensor_of(info.dtype, inputs[i]));
        }
        return tensors;
    }

    const rnnp_context *context_ = nullptr;
    std::shared_ptr<rnnp_model> model_;
    std::shared_ptr<rnnp_plan> raw_;
};

/* A handle of a closed model. */
class model {
  public:
    model() noexcept = default;
    /* Takes over a closed model of the C API, which `context` made. */
    model(const rnnpack::context &context, rnnp_model *raw) : model(context.shared(), raw) {}
    model(std::shared_ptr<rnnp_context> context, rnnp_model *raw)
        : context_(std::move(context)), raw_(detail::own(raw, rnnp_model_destroy, context_))
    {
    }

    /* Chooses kernels and packs weights. The plan keeps the records alive; they must not change meanwhile. */
    result<plan> make_plan(const rnnp_plan_options &options = plan_options(), const records &records = {}) const
    {
        rnnp_plan_options with = options;
        if (records.get()) with.records = records.get();
        rnnp_plan *made = nullptr;
        const rnnp_status status = rnnp_plan_create(get(), &with, &made);
        if (status != RNNP_OK) return detail::fail<plan>(context(), status);
        return plan(context(), raw_, records, made);
    }
    /* The same after measuring what `records`, which receive the results, do not have yet (tune.h). */
    result<plan> make_measured_plan(records records, const rnnp_tune_options &tune,
                                    const rnnp_plan_options &options = plan_options()) const
    {
        rnnp_plan *made = nullptr;
        const rnnp_status status = rnnp_plan_create_measured(get(), &options, &tune, records.get(), &made);
        if (status != RNNP_OK) return detail::fail<plan>(context(), status);
        return plan(context(), raw_, records, made);
    }
    result<size_t> plan_bytes(const rnnp_plan_options &options = plan_options()) const
    {
        return detail::get<size_t>(context(), [&](size_t *bytes) { return rnnp_plan_bytes(get(), &options, bytes); });
    }

    /* A copy with weights in other formats. layer(const rnnp_quantized_layer &) is told of each layer. */
    result<model> quantize(const rnnp_quantize_options &options) const { return copy(options); }
    template <class F> result<model> quantize(const rnnp_quantize_options &options, F &&layer) const
    {
        auto tell = [&layer](const rnnp_quantized_layer *l) { return layer(*l), 0; };
        detail::callback call(tell);
        rnnp_quantize_options with = options;
        with.user = &call;
        with.layer = [](void *user, const rnnp_quantized_layer *l) { (*static_cast<decltype(call) *>(user))(0, l); };
        auto made = copy(with);
        call.rethrow();
        return made;
    }

    std::vector<rnnp_port_info> inputs() const
    {
        return list<rnnp_port_info>(rnnp_model_input_count(get()), rnnp_model_input_info);
    }
    std::vector<rnnp_port_info> outputs() const
    {
        return list<rnnp_port_info>(rnnp_model_output_count(get()), rnnp_model_output_info);
    }
    std::vector<rnnp_node_info> nodes() const
    {
        return list<rnnp_node_info>(rnnp_model_node_count(get()), rnnp_model_node_info);
    }
    size_t constant_elements() const noexcept { return rnnp_model_constant_elements(get()); }

    /* Texts that travel with the model (model.h), in the order in which their keys came. */
    std::vector<std::pair<std::string, std::string>> metadata() const
    {
        std::vector<std::pair<std::string, std::string>> all;
        const char *key = nullptr, *value = nullptr;
        for (size_t i = 0; rnnp_model_metadata_get(get(), i, &key, &value) == RNNP_OK; i++)
            all.emplace_back(key, value);
        return all;
    }
    std::optional<std::string> metadata(const std::string &key) const
    {
        const char *value = rnnp_model_metadata_find(get(), key.c_str());
        return value ? std::optional<std::string>(value) : std::nullopt;
    }
    /* No other thread may use the model meanwhile. */
    result<void> set_metadata(const std::string &key, const std::string &value)
    {
        return detail::check(context(), rnnp_model_set_metadata(get(), key.c_str(), value.c_str()));
    }

    /* A proposal of inputs and outputs for stream_options.carried; names live as long as the model. */
    result<std::vector<rnnp_carried>> find_carried() const
    {
        std::vector<rnnp_carried> pairs(rnnp_model_input_count(get()));
        size_t n = 0;
        const rnnp_status status = rnnp_model_find_carried(get(), pairs.data(), pairs.size(), &n);
        pairs.resize(n < pairs.size() ? n : pairs.size());
        return detail::value_of(context(), status, std::move(pairs));
    }
    /* Frees what plans have packed; returns bytes. */
    result<size_t> release_weights()
    {
        return detail::get<size_t>(context(), [&](size_t *bytes) { return rnnp_model_release_weights(get(), bytes); });
    }

    rnnp_model *get() const noexcept { return raw_.get(); }
    const rnnp_context *context() const noexcept { return context_.get(); }
    const std::shared_ptr<rnnp_model> &shared() const noexcept { return raw_; }
    const std::shared_ptr<rnnp_context> &shared_context() const noexcept { return context_; }

  private:
    template <class I, class F> std::vector<I> list(size_t n, F tell) const
    {
        std::vector<I> all(n, with_size<I>());
        for (size_t i = 0; i < n; i++) tell(get(), i, &all[i]);
        return all;
    }
    result<model> copy(const rnnp_quantize_options &options) const
    {
        rnnp_model *raw = nullptr;
        const rnnp_status status = rnnp_model_quantize(get(), &options, &raw);
        if (status != RNNP_OK) return detail::fail<model>(context(), status);
        return model(context_, raw);
    }
    std::shared_ptr<rnnp_context> context_;
    std::shared_ptr<rnnp_model> raw_;
};

RNNP_CPP_END
#endif
