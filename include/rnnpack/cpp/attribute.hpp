/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributions (attribute.h).
 */
#ifndef RNNPACK_CPP_ATTRIBUTE_HPP
#define RNNPACK_CPP_ATTRIBUTE_HPP

#include "rnnpack/attribute.h"
#include "rnnpack/cpp/model.hpp"

#include <cstring>

RNNP_CPP_BEGIN

using attribution_options = with_size<rnnp_attribution_options>;
using attribution_batch = with_size<rnnp_attribution_batch>;

/* Attributions of one input, in its shape, and what is known of each row. */
struct attributed {
    std::vector<float> values;
    std::vector<rnnp_attribution_row> rows;
};

/* One thread at a time. */
class attribution {
  public:
    attribution() noexcept = default;
    attribution(attribution &&) noexcept = default;
    attribution &operator=(attribution &&) noexcept = default;
    attribution(const attribution &) = delete;
    attribution &operator=(const attribution &) = delete;

    static result<attribution> make(const model &model, const rnnp_attribution_options &options = attribution_options())
    {
        attribution made;
        rnnp_attribution *raw = nullptr;
        const rnnp_status status = rnnp_attribution_create(model.get(), &options, &raw);
        if (status != RNNP_OK) return detail::fail<attribution>(model.context(), status);
        made.axis_ = find_rows(model.get(), options.batch);
        made.context_ = model.shared_context();
        made.raw_ = detail::own(raw, rnnp_attribution_destroy, model.shared());
        return result<attribution>(std::move(made));
    }
#if RNNP_EXCEPTIONS
    explicit attribution(const model &model, const rnnp_attribution_options &options = attribution_options())
        : attribution(make(model, options))
    {
    }
#endif

    /* Of a model with one input. A baseline that is empty is zeros; targets that are empty are the largest element of
     * each row. */
    result<attributed> run(const tensor &input, const tensor &baseline = {}, span<const size_t> targets = {})
    {
        const size_t rows = axis_ < input.dims.rank() ? static_cast<size_t>(input.dims[axis_]) : 0;
        const rnnp_tensor x = detail::tensor_of(input), b = detail::tensor_of(baseline);
        if (!x.dtype || (targets.size() && targets.size() != rows))
            return detail::fail<attributed>(
                RNNP_ERR_SHAPE, detail::describe(input.data.dtype(), input.data.elements()) + " and " +
                                    std::to_string(targets.size()) + " targets do not fit the shape of the input");
        attributed found{std::vector<float>(input.data.elements()), std::vector<rnnp_attribution_row>(rows)};
        rnnp_tensor a{};
        a.data = found.values.data();
        attribution_batch batch;
        batch.inputs = &x;
        batch.n_inputs = 1;
        batch.baselines = baseline.data.data() ? &b : nullptr;
        batch.targets = targets.size() ? targets.data() : nullptr;
        batch.attributions = &a;
        batch.rows = found.rows.data();
        const rnnp_status status = rnnp_attribution_run(get(), &batch);
        return detail::value_of(context_.get(), status, std::move(found));
    }
    /* The same with the struct of C; sizes are the caller's. */
    result<void> run(const rnnp_attribution_batch &batch)
    {
        return detail::check(context_.get(), rnnp_attribution_run(get(), &batch));
    }

    rnnp_attribution *get() const noexcept { return raw_.get(); }

  private:
    /* Where the first input has its rows. */
    static size_t find_rows(const rnnp_model *model, const char *batch) noexcept
    {
        with_size<rnnp_port_info> port;
        if (rnnp_model_input_info(model, 0, &port) != RNNP_OK) return SIZE_MAX;
        for (size_t d = 0; d < port.rank; d++)
            if (port.symbol[d] && std::strcmp(port.symbol[d], batch ? batch : "batch") == 0) return d;
        return SIZE_MAX;
    }

    size_t axis_ = SIZE_MAX;
    std::shared_ptr<rnnp_context> context_;
    std::shared_ptr<rnnp_attribution> raw_;
};

RNNP_CPP_END
#endif
