/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions on arrays, packed products and single layers, for engines with a graph of their own (kernels.h).
 */
#ifndef RNNPACK_CPP_KERNELS_HPP
#define RNNPACK_CPP_KERNELS_HPP

#include "rnnpack/cpp/build.hpp"
#include "rnnpack/kernels.h"

#include <new>

RNNP_CPP_BEGIN

namespace detail {
inline result<void> refuse(rnnp_status status, const char *what, size_t given, size_t needed)
{
    return fail<void>(status, std::string(what) + " has " + std::to_string(given) + " elements, and not " +
                                  std::to_string(needed));
}

/* Memory at a multiple of 64, as packed weights and workspaces need it. */
struct free_aligned {
    void operator()(std::byte *p) const noexcept { ::operator delete(p, std::align_val_t(64)); }
};
using aligned = std::unique_ptr<std::byte, free_aligned>;
inline aligned allocate(size_t bytes)
{
    return aligned(static_cast<std::byte *>(::operator new(bytes ? bytes : 1, std::align_val_t(64))));
}
} // namespace detail

/* y[i] = function(x[i]); y may be x. */
inline result<void> apply(const context &context, rnnp_function function, rnnp_math math, span<const float> x,
                          span<float> y)
{
    if (x.size() != y.size()) return detail::refuse(RNNP_ERR_SHAPE, "y", y.size(), x.size());
    return detail::check(context.get(), rnnp_apply(context.get(), function, math, x.size(), x.data(), y.data()));
}

/* The softmax of each row of `cols` elements; y may be x. */
inline result<void> softmax(const context &context, rnnp_math math, size_t cols, span<const float> x, span<float> y)
{
    if (x.size() != y.size()) return detail::refuse(RNNP_ERR_SHAPE, "y", y.size(), x.size());
    if (!cols || x.size() % cols)
        return detail::fail<void>(RNNP_ERR_SHAPE,
                                  std::to_string(x.size()) + " elements are no rows of " + std::to_string(cols));
    return detail::check(context.get(), rnnp_softmax(context.get(), math, x.size() / cols, cols, x.data(), y.data()));
}

/* A matrix b [k][n] that is packed once and multiplied often, by any number of threads at the same time. */
class packed_matrix {
  public:
    packed_matrix() noexcept = default;
    /* b is dense: [k][n], or [n][k] with `transposed`. */
    static result<packed_matrix> make(const context &context, size_t n, size_t k, span<const float> b,
                                      bool transposed = false)
    {
        packed_matrix made;
        size_t bytes = 0;
        rnnp_status status = rnnp_gemm_pack_bytes(context.get(), n, k, &bytes);
        if (status != RNNP_OK) return detail::fail<packed_matrix>(context.get(), status);
        if (b.size() != n * k)
            return detail::fail<packed_matrix>(RNNP_ERR_SHAPE, "b has " + std::to_string(b.size()) +
                                                                   " elements, and not " + std::to_string(n * k));
        made.packed_ = detail::allocate(bytes);
        status =
            rnnp_gemm_pack(context.get(), n, k, b.data(), transposed ? 1 : n, transposed ? k : 1, made.packed_.get());
        if (status != RNNP_OK) return detail::fail<packed_matrix>(context.get(), status);
        made.context_ = context.shared();
        made.n_ = n;
        made.k_ = k;
        return result<packed_matrix>(std::move(made));
    }

    /* c [m][n] = bias [n] + a [m][k] b; an empty bias is zeros. */
    result<void> multiply(size_t m, span<const float> a, span<float> c, span<const float> bias = {}) const
    {
        if (a.size() != m * k_) return detail::refuse(RNNP_ERR_SHAPE, "a", a.size(), m * k_);
        if (c.size() != m * n_) return detail::refuse(RNNP_ERR_SHAPE, "c", c.size(), m * n_);
        if (bias.size() && bias.size() != n_) return detail::refuse(RNNP_ERR_SHAPE, "bias", bias.size(), n_);
        return detail::check(context_.get(), rnnp_gemm(context_.get(), m, n_, k_, a.data(), k_, packed_.get(),
                                                       bias.size() ? bias.data() : nullptr, c.data(), n_));
    }

  private:
    std::shared_ptr<rnnp_context> context_;
    detail::aligned packed_;
    size_t n_ = 0, k_ = 0;
};

using layer_args = with_size<rnnp_layer_args>;

/* A handle of a packed recurrent layer, which any number of threads may run, each with its own workspace. */
class layer {
  public:
    layer() noexcept = default;
    static result<layer> make(const context &context, const rnnp_recurrent_options &options,
                              span<const recurrent_weights> weights, rnnp_math math = RNNP_MATH_U35)
    {
        layer made;
        rnnp_layer *raw = nullptr;
        std::vector<rnnp_recurrent_weights> taken;
        const detail::fault fault = detail::take_weights(options, weights, taken);
        if (fault.status != RNNP_OK) return detail::fail<layer>(fault.status, fault.sentence);
        const rnnp_status status = rnnp_layer_create(context.get(), &options, taken.data(), math, &raw);
        if (status != RNNP_OK) return detail::fail<layer>(context.get(), status);
        made.context_ = context.get();
        made.raw_ = detail::own(raw, rnnp_layer_destroy, context.shared());
        return result<layer>(std::move(made));
    }
    static result<layer> make(const context &context, const rnnp_recurrent_options &options,
                              const recurrent_weights &weights, rnnp_math math = RNNP_MATH_U35)
    {
        return make(context, options, span<const recurrent_weights>(&weights, 1), math);
    }

    result<size_t> workspace_bytes(size_t steps, size_t batch) const
    {
        return detail::get<size_t>(
            context_, [&](size_t *bytes) { return rnnp_layer_workspace_bytes(raw_.get(), steps, batch, bytes); });
    }
    /* Memory for layer_args.workspace, at a multiple of 64. */
    static detail::aligned make_workspace(size_t bytes) { return detail::allocate(bytes); }
    /* The arguments are the struct of C; sizes are the caller's. */
    result<void> forward(const rnnp_layer_args &args) const
    {
        return detail::check(context_, rnnp_layer_forward(raw_.get(), &args));
    }

    const rnnp_layer *get() const noexcept { return raw_.get(); }

  private:
    const rnnp_context *context_ = nullptr;
    std::shared_ptr<rnnp_layer> raw_;
};

RNNP_CPP_END
#endif
