/* SPDX-License-Identifier: Apache-2.0
 *
 * Models in files: ONNX (onnx.h) and packed files (packed.h).
 */
#ifndef RNNPACK_CPP_FILES_HPP
#define RNNPACK_CPP_FILES_HPP

#include "rnnpack/cpp/model.hpp"

#if defined(__has_include)
#if __has_include("rnnpack/onnx.h")
#include "rnnpack/onnx.h"
#define RNNP_CPP_ONNX 1
#endif
#endif

RNNP_CPP_BEGIN

namespace detail {
template <class F> result<model> open(const context &context, F call)
{
    rnnp_model *raw = nullptr;
    const rnnp_status status = call(&raw);
    if (status != RNNP_OK) return fail<model>(context.get(), status);
    return model(context, raw);
}
} // namespace detail

/* ---- Packed files ------------------------------------------------------------------------------ */

inline result<model> open_packed(const context &context, const std::string &path,
                                 const rnnp_load_options &options = load_options())
{
    return detail::open(
        context, [&](rnnp_model **m) { return rnnp_packed_open_file(context.get(), path.c_str(), &options, m); });
}
/* Bytes at a multiple of 64 are used in place, and must outlive the model and all that is made from it. */
inline result<model> open_packed(const context &context, span<const std::byte> bytes,
                                 const rnnp_load_options &options = load_options())
{
    return detail::open(context, [&](rnnp_model **m) {
        return rnnp_packed_open_memory(context.get(), bytes.data(), bytes.size(), &options, m);
    });
}

/* isas: instruction sets to pack for; none: the context's. */
inline result<void> write_packed(const model &model, const std::string &path,
                                 const std::vector<const char *> &isas = {})
{
    with_size<rnnp_packed_options> options;
    options.isas = isas.empty() ? nullptr : isas.data();
    options.n_isas = isas.size();
    return detail::check(model.context(), rnnp_packed_write_file(model.get(), &options, path.c_str()));
}
inline result<std::vector<std::byte>> packed_bytes(const model &model, const std::vector<const char *> &isas = {})
{
    std::vector<std::byte> bytes;
    with_size<rnnp_packed_options> options;
    options.isas = isas.empty() ? nullptr : isas.data();
    options.n_isas = isas.size();
    const rnnp_status status = rnnp_packed_write(model.get(), &options, detail::append<std::vector<std::byte>>, &bytes);
    return detail::value_of(model.context(), status, std::move(bytes));
}

/* Compares everything in a model's packed file with its checksums and weights. */
inline result<void> verify_packed(const model &model)
{
    return detail::check(model.context(), rnnp_packed_verify(model.get()));
}
inline result<with_size<rnnp_packed_info>> packed_info(const model &model)
{
    return detail::get<with_size<rnnp_packed_info>>(
        model.context(), [&](auto *info) { return rnnp_model_packed_info(model.get(), info); });
}
inline result<with_size<rnnp_packed_block_info>> packed_block_info(const model &model, size_t index)
{
    return detail::get<with_size<rnnp_packed_block_info>>(
        model.context(), [&](auto *info) { return rnnp_model_packed_block_info(model.get(), index, info); });
}

/* ---- ONNX: link rnnpack::onnx ------------------------------------------------------------------ */

#ifdef RNNP_CPP_ONNX
inline result<model> open_onnx(const context &context, const std::string &path,
                               const rnnp_load_options &options = load_options())
{
    return detail::open(context,
                        [&](rnnp_model **m) { return rnnp_onnx_open_file(context.get(), path.c_str(), &options, m); });
}
inline result<model> open_onnx(const context &context, span<const std::byte> bytes,
                               const rnnp_load_options &options = load_options())
{
    return detail::open(context, [&](rnnp_model **m) {
        return rnnp_onnx_open_memory(context.get(), bytes.data(), bytes.size(), &options, m);
    });
}
/* A file of either kind. */
inline result<model> open(const context &context, const std::string &path,
                          const rnnp_load_options &options = load_options())
{
    return rnnp_packed_is_file(path.c_str()) ? open_packed(context, path, options) : open_onnx(context, path, options);
}

inline result<void> write_onnx(const model &model, const std::string &path)
{
    return detail::check(model.context(), rnnp_onnx_write_file(model.get(), path.c_str()));
}
inline result<std::vector<std::byte>> onnx_bytes(const model &model)
{
    std::vector<std::byte> bytes;
    const rnnp_status status = rnnp_onnx_write(model.get(), detail::append<std::vector<std::byte>>, &bytes);
    return detail::value_of(model.context(), status, std::move(bytes));
}
#endif

RNNP_CPP_END
#endif
