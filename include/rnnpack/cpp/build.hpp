/* SPDX-License-Identifier: Apache-2.0
 *
 * Building a model layer by layer (model.h).
 */
#ifndef RNNPACK_CPP_BUILD_HPP
#define RNNPACK_CPP_BUILD_HPP

#include "rnnpack/cpp/model.hpp"

RNNP_CPP_BEGIN

/* The options of a layer, with their defaults. */
struct recurrent_options : with_size<rnnp_recurrent_options> {
    recurrent_options(rnnp_cell which, size_t inputs, size_t units) noexcept
    {
        cell = which;
        input = inputs;
        hidden = units;
    }
};

/* One direction's weights, in the layout of recurrent_options.order. Empty: none. */
struct recurrent_weights {
    span<const float> w, r, bias = {}, bias_r = {}, peephole = {};
};

/* GRU-D's weights beside its GRU's, as rnnp_grud_weights has them. Empty mean: 0. */
struct grud_weights {
    span<const float> input_decay, input_bias, hidden_decay, hidden_bias, mean = {};
    recurrent_weights gru;
};

namespace detail {
/* The elements, or nullptr for none; the fault if there are others than `size`. */
inline const float *take(fault &f, const char *name, span<const float> s, size_t size, bool needed)
{
    if (s.size() != size && (needed || s.size()))
        f = {RNNP_ERR_SHAPE,
             std::string(name) + " has " + std::to_string(s.size()) + " elements, and not " + std::to_string(size)};
    return s.size() ? s.data() : nullptr;
}

/* The weights as C takes them, if their sizes are those that the options need. */
inline fault take_weights(const rnnp_recurrent_options &o, span<const recurrent_weights> from,
                          std::vector<rnnp_recurrent_weights> &to)
{
    const size_t gates = o.cell == RNNP_CELL_LSTM ? 4 : o.cell == RNNP_CELL_GRU ? 3 : 1;
    const size_t rows = gates * o.hidden, bias = o.order == RNNP_ORDER_ONNX ? 2 * rows : rows;
    const size_t directions = o.direction == RNNP_DIRECTION_BIDIRECTIONAL ? 2 : 1;
    if (from.size() != directions)
        return {RNNP_ERR_ARG,
                "weights of " + std::to_string(from.size()) + " directions, and not " + std::to_string(directions)};
    for (const recurrent_weights &one : from) {
        fault f;
        rnnp_recurrent_weights c{};
        c.w = take(f, "w", one.w, rows * o.input, true);
        c.r = take(f, "r", one.r, rows * o.hidden, true);
        c.bias = take(f, "bias", one.bias, bias, false);
        c.bias_r = take(f, "bias_r", one.bias_r, rows, false);
        c.peephole = take(f, "peephole", one.peephole, 3 * o.hidden, false);
        if (f.status != RNNP_OK) return f;
        to.push_back(c);
    }
    return {};
}
} // namespace detail

/* A value of the graph; the default is an absent one. */
struct value {
    rnnp_value id = RNNP_NONE;
};

/* What a recurrent layer gives; c is absent unless it is an LSTM. */
struct recurrent_outputs {
    value y, h, c;
};

/* A model that is being built, on one thread at a time. */
class model_builder {
  public:
    model_builder() noexcept = default;
    static result<model_builder> make(const context &context)
    {
        model_builder made;
        rnnp_model *raw = nullptr;
        const rnnp_status status = rnnp_model_create(context.get(), &raw);
        if (status != RNNP_OK) return detail::fail<model_builder>(context.get(), status);
        made.context_ = context.shared();
        made.raw_ = {raw, rnnp_model_destroy};
        return result<model_builder>(std::move(made));
    }
#if RNNP_EXCEPTIONS
    explicit model_builder(const context &context) : model_builder(make(context)) {}
#endif
    model_builder(model_builder &&) noexcept = default;
    model_builder &operator=(model_builder &&) = delete; /* the old model would outlive its context */

    /* Entries of dims may be RNNP_DYNAMIC; symbols name dimensions, "" for none. */
    result<value> input(const std::string &name, rnnp_dtype dtype, const shape &dims,
                        const std::vector<std::string> &symbols = {})
    {
        std::vector<const char *> names(dims.rank(), nullptr);
        for (size_t i = 0; i < names.size() && i < symbols.size(); i++)
            if (!symbols[i].empty()) names[i] = symbols[i].c_str();
        return add([&](rnnp_value *v) {
            return rnnp_model_add_input(get(), name.c_str(), dtype, dims.rank(), dims.data(), names.data(), v);
        });
    }
    result<value> constant(const std::string &name, const tensor &from)
    {
        const rnnp_tensor t = detail::tensor_of(from);
        return add([&](rnnp_value *v) { return rnnp_model_add_constant(get(), name.c_str(), &t, v); });
    }
    result<void> output(const std::string &name, value v)
    {
        return done(rnnp_model_add_output(get(), name.c_str(), v.id));
    }
    result<void> layer_name(const std::string &name) { return done(rnnp_model_set_layer_name(get(), name.c_str())); }

    result<recurrent_outputs> recurrent(const rnnp_recurrent_options &options, span<const recurrent_weights> weights,
                                        value x, value lengths = {}, value h0 = {}, value c0 = {})
    {
        recurrent_outputs made;
        std::vector<rnnp_recurrent_weights> taken;
        const detail::fault fault = detail::take_weights(options, weights, taken);
        if (fault.status != RNNP_OK) return detail::fail<recurrent_outputs>(fault.status, fault.sentence);
        const rnnp_status status =
            rnnp_model_add_recurrent(get(), &options, taken.data(), x.id, lengths.id, h0.id, c0.id, &made.y.id,
                                     &made.h.id, options.cell == RNNP_CELL_LSTM ? &made.c.id : nullptr);
        return detail::value_of(context_.get(), status, made);
    }
    result<recurrent_outputs> recurrent(const rnnp_recurrent_options &options, const recurrent_weights &weights,
                                        value x, value lengths = {}, value h0 = {}, value c0 = {})
    {
        return recurrent(options, span<const recurrent_weights>(&weights, 1), x, lengths, h0, c0);
    }
    /* GRU-D: mask and delta have x's shape; options.input is twice its features. */
    result<recurrent_outputs> grud(const rnnp_recurrent_options &options, const grud_weights &weights, value x,
                                   value mask, value delta, value lengths = {}, value h0 = {})
    {
        recurrent_outputs made;
        std::vector<rnnp_recurrent_weights> gru;
        const size_t features = options.input / 2;
        rnnp_grud_weights w{};
        detail::fault f = detail::take_weights(options, span<const recurrent_weights>(&weights.gru, 1), gru);
        w.input_decay = detail::take(f, "input_decay", weights.input_decay, features, true);
        w.input_bias = detail::take(f, "input_bias", weights.input_bias, features, true);
        w.hidden_decay = detail::take(f, "hidden_decay", weights.hidden_decay, features * options.hidden, true);
        w.hidden_bias = detail::take(f, "hidden_bias", weights.hidden_bias, options.hidden, true);
        w.mean = detail::take(f, "mean", weights.mean, features, false);
        if (f.status != RNNP_OK) return detail::fail<recurrent_outputs>(f.status, f.sentence);
        w.gru = gru[0];
        const rnnp_status status = rnnp_model_add_grud(get(), &options, &w, x.id, mask.id, delta.id, lengths.id, h0.id,
                                                       &made.y.id, &made.h.id);
        return detail::value_of(context_.get(), status, made);
    }
    /* The time-aware LSTM: split is [hidden][hidden], split_bias [hidden] or empty, elapsed [steps][batch][1]. */
    result<recurrent_outputs> tlstm(const rnnp_recurrent_options &options, const recurrent_weights &weights,
                                    span<const float> split, span<const float> split_bias, value x, value elapsed,
                                    value lengths = {}, value h0 = {}, value c0 = {})
    {
        recurrent_outputs made;
        std::vector<rnnp_recurrent_weights> lstm;
        detail::fault f = detail::take_weights(options, span<const recurrent_weights>(&weights, 1), lstm);
        const float *const m = detail::take(f, "split", split, options.hidden * options.hidden, true);
        const float *const bias = detail::take(f, "split_bias", split_bias, options.hidden, false);
        if (f.status != RNNP_OK) return detail::fail<recurrent_outputs>(f.status, f.sentence);
        const rnnp_status status = rnnp_model_add_tlstm(get(), &options, lstm.data(), m, bias, x.id, elapsed.id,
                                                        lengths.id, h0.id, c0.id, &made.y.id, &made.h.id, &made.c.id);
        return detail::value_of(context_.get(), status, made);
    }
    /* Attention over time, [batch][input] of [steps][batch][input]: w is [input][width], bias and v [width]. */
    result<value> attention(value x, span<const float> w, span<const float> bias, span<const float> v,
                            value lengths = {})
    {
        const size_t width = v.size();
        if (!width || w.size() % width || bias.size() != width)
            return detail::fail<value>(RNNP_ERR_SHAPE, "attention of " + std::to_string(w.size()) + " weights, " +
                                                           std::to_string(bias.size()) + " biases and " +
                                                           std::to_string(width) + " query weights");
        return add([&](rnnp_value *made) {
            return rnnp_model_add_attention(get(), x.id, w.size() / width, width, w.data(), bias.data(), v.data(),
                                            lengths.id, made);
        });
    }
    /* w is [input][units], or [units][input] with `transposed`. */
    result<value> dense(value x, span<const float> w, size_t units, bool transposed = false,
                        span<const float> bias = {}, const char *activation = nullptr)
    {
        if (!units || w.size() % units || (bias.size() && bias.size() != units))
            return detail::fail<value>(RNNP_ERR_SHAPE, "a dense layer of " + std::to_string(units) + " units with " +
                                                           std::to_string(w.size()) + " weights and " +
                                                           std::to_string(bias.size()) + " biases");
        return add([&](rnnp_value *v) {
            return rnnp_model_add_dense(get(), x.id, w.data(), w.size() / units, units, transposed,
                                        bias.size() ? bias.data() : nullptr, activation, v);
        });
    }
    result<value> embedding(value indices, span<const float> table, size_t width)
    {
        if (!width || table.size() % width)
            return detail::fail<value>(RNNP_ERR_SHAPE, "a table of " + std::to_string(table.size()) +
                                                           " elements in rows of " + std::to_string(width));
        return add([&](rnnp_value *v) {
            return rnnp_model_add_embedding(get(), indices.id, table.data(), table.size() / width, width, v);
        });
    }
    result<value> pool(value x, rnnp_pool kind, int axis)
    {
        return add([&](rnnp_value *v) { return rnnp_model_add_pool(get(), x.id, kind, axis, v); });
    }
    result<value> dropout(value x, float rate)
    {
        return add([&](rnnp_value *v) { return rnnp_model_add_dropout(get(), x.id, rate, v); });
    }
    result<value> activation(const char *op, value x)
    {
        return add([&](rnnp_value *v) { return rnnp_model_add_activation(get(), op, x.id, v); });
    }
    result<value> softmax(value x, int axis)
    {
        return add([&](rnnp_value *v) { return rnnp_model_add_softmax(get(), x.id, axis, v); });
    }
    /* An operator by its ONNX name, with as many outputs as `wanted` says. */
    result<std::vector<value>> node(const char *op, int opset, span<const value> inputs, size_t wanted = 1,
                                    span<const rnnp_attr> attrs = {}, const char *name = nullptr)
    {
        std::vector<rnnp_value> in, out(wanted, 0);
        for (const value &v : inputs) in.push_back(v.id);
        const rnnp_status status = rnnp_model_add_node(get(), op, opset, name, in.data(), in.size(), attrs.data(),
                                                       attrs.size(), out.data(), out.size());
        std::vector<value> made;
        for (const rnnp_value id : out) made.push_back({id});
        return detail::value_of(context_.get(), status, std::move(made));
    }

    /* Ends the building: checks the graph and gives the model. The builder is empty after success. */
    result<model> close()
    {
        const rnnp_status status = rnnp_model_close(get());
        if (status != RNNP_OK) return detail::fail<model>(context_.get(), status);
        return model(context_, raw_.release());
    }

    rnnp_model *get() const noexcept { return raw_.get(); }

  private:
    template <class F> result<value> add(F call)
    {
        value made;
        const rnnp_status status = call(&made.id);
        return detail::value_of(context_.get(), status, made);
    }
    result<void> done(rnnp_status status) const { return detail::check(context_.get(), status); }

    std::shared_ptr<rnnp_context> context_;
    std::unique_ptr<rnnp_model, void (*)(rnnp_model *)> raw_{nullptr, rnnp_model_destroy};
};

RNNP_CPP_END
#endif
