/* SPDX-License-Identifier: Apache-2.0
 *
 * Tuning (tune.h), and what this machine can do at most (limits.h).
 */
#ifndef RNNPACK_CPP_TUNE_HPP
#define RNNPACK_CPP_TUNE_HPP

#include "rnnpack/cpp/model.hpp"
#include "rnnpack/limits.h"

RNNP_CPP_BEGIN

using tune_options = with_size<rnnp_tune_options>;
using tune_shape = with_size<rnnp_shape>;

/* What can be tuned of a model, at every combination of a batch and a number of steps. */
inline result<std::vector<tune_shape>> tune_shapes(const model &model, span<const size_t> batches,
                                                   span<const size_t> steps)
{
    using shapes = std::vector<tune_shape>;
    size_t n = 0;
    rnnp_status status =
        rnnp_model_shapes(model.get(), batches.data(), batches.size(), steps.data(), steps.size(), nullptr, 0, &n);
    shapes all(n);
    if (status == RNNP_OK && n)
        status = rnnp_model_shapes(model.get(), batches.data(), batches.size(), steps.data(), steps.size(), all.data(),
                                   n, &n);
    return detail::value_of<shapes>(model.context(), status, std::move(all));
}

/* Measures shapes, and adds what it finds to the records. */
inline result<void> tune(const context &context, span<const tune_shape> shapes, records records,
                         const rnnp_tune_options &options = tune_options())
{
    const rnnp_status status = rnnp_tune(context.get(), shapes.data(), shapes.size(), &options, records.get());
    return detail::check(context.get(), status);
}
/* progress(const rnnp_tune_progress &) returns whether to go on. */
template <class F>
result<void> tune(const context &context, span<const tune_shape> shapes, records records,
                  const rnnp_tune_options &options, F &&progress)
{
    auto call = [&progress](const rnnp_tune_progress *p) { return progress(*p) ? 0 : 1; };
    detail::callback guarded(call);
    rnnp_tune_options with = options;
    with.progress_user = &guarded;
    with.progress = [](void *user, const rnnp_tune_progress *p) {
        return (*static_cast<decltype(guarded) *>(user))(1, p);
    };
    const rnnp_status status = rnnp_tune(context.get(), shapes.data(), shapes.size(), &with, records.get());
    guarded.rethrow();
    return detail::check(context.get(), status);
}

/* Which record a plan uses for a node, and why. Strings live as long as the plan. */
inline result<with_size<rnnp_explanation>> explain(const plan &plan, size_t node, size_t batch, size_t steps)
{
    return detail::get<with_size<rnnp_explanation>>(
        plan.context(), [&](auto *e) { return rnnp_plan_explain(plan.get(), node, batch, steps, e); });
}

/* ---- Limits ------------------------------------------------------------------------------------ */

/* A rate, and how many threads ran at the same time. */
struct limit {
    double rate = 0;
    size_t together = 0;
};

/* Operations per second of fused multiply-adds. */
inline result<limit> limit_fma(const context &context, double seconds)
{
    return detail::get<limit>(context.get(),
                              [&](limit *l) { return rnnp_limit_fma(context.get(), seconds, &l->rate, &l->together); });
}
/* Operations per second of 8-bit dot products. */
inline result<limit> limit_dot(const context &context, double seconds)
{
    return detail::get<limit>(context.get(),
                              [&](limit *l) { return rnnp_limit_dot(context.get(), seconds, &l->rate, &l->together); });
}
/* Bytes per second of reading `bytes` bytes again and again. */
inline result<limit> limit_read(const context &context, double seconds, size_t bytes)
{
    return detail::get<limit>(context.get(), [&](limit *l) {
        return rnnp_limit_read(context.get(), seconds, bytes, &l->rate, &l->together);
    });
}
/* Iterations per second of an empty loop, seconds of a barrier and of reading the clock, and cycles per second. */
inline result<double> limit_loop(const context &context, double seconds)
{
    return detail::get<double>(context.get(), [&](double *d) { return rnnp_limit_loop(context.get(), seconds, d); });
}
inline result<double> limit_barrier(const context &context, double seconds)
{
    return detail::get<double>(context.get(), [&](double *d) { return rnnp_limit_barrier(context.get(), seconds, d); });
}
inline result<double> limit_timer(const context &context, double seconds)
{
    return detail::get<double>(context.get(), [&](double *d) { return rnnp_limit_timer(context.get(), seconds, d); });
}
inline result<double> limit_clock(const context &context, double seconds)
{
    return detail::get<double>(context.get(), [&](double *d) { return rnnp_limit_clock(context.get(), seconds, d); });
}

RNNP_CPP_END
#endif
