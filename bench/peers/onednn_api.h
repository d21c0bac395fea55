/* SPDX-License-Identifier: Apache-2.0
 *
 * The one place that knows oneDNN's versions apart. In version 2 an operation has a ::desc, and attributes hold scales
 * and zero points. In version 3 a primitive's description takes what the ::desc took, and scales and zero points are
 * arguments of each call.
 *
 * add_scales(): results are multiplied by scales, as many as mask says; version 3 wants to know whose scales they are.
 */
#ifndef RNNP_BENCH_PEER_ONEDNN_API_H
#define RNNP_BENCH_PEER_ONEDNN_API_H

#include <oneapi/dnnl/dnnl.hpp>

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace onednn {

using dnnl::memory;
using Desc = memory::desc;
using Tag = memory::format_tag;
using Type = memory::data_type;
using Arguments = std::unordered_map<int, memory>;
constexpr auto f32 = Type::f32;

/* What a primitive does besides, and the arguments that this adds to a call. */
struct Extras {
    dnnl::primitive_attr attr;
    Arguments arguments;
};

#if DNNL_VERSION_MAJOR < 3

template <class Primitive, class... Args>
typename Primitive::primitive_desc describe(const dnnl::engine &engine, const Extras &extras, const Args &...args)
{
    return typename Primitive::primitive_desc(typename Primitive::desc(args...), extras.attr, engine);
}

template <class Backward, class Forward, class... Args>
typename Backward::primitive_desc describe_backward(const dnnl::engine &engine, const Forward &forward,
                                                    const Args &...args)
{
    return typename Backward::primitive_desc(typename Backward::desc(args...), engine, forward);
}

inline dnnl::eltwise_forward::primitive_desc describe_function(const dnnl::engine &engine, dnnl::algorithm function,
                                                               const Desc &array)
{
    return describe<dnnl::eltwise_forward>(engine, {}, dnnl::prop_kind::forward_inference, function, array);
}

inline Type type_of(const Desc &desc) { return desc.data_type(); }

inline void add_scales(Extras &extras, const dnnl::engine &, int, int mask, const std::vector<float> &scales)
{
    extras.attr.set_output_scales(mask, scales);
}

inline void add_zero_point(Extras &extras, const dnnl::engine &, int argument, int zero)
{
    extras.attr.set_zero_points(argument, 0, {zero});
}

#else

template <class Primitive, class... Args>
typename Primitive::primitive_desc describe(const dnnl::engine &engine, const Extras &extras, const Args &...args)
{
    return typename Primitive::primitive_desc(engine, args..., extras.attr);
}

template <class Backward, class Forward, class... Args>
typename Backward::primitive_desc describe_backward(const dnnl::engine &engine, const Forward &forward,
                                                    const Args &...args)
{
    return typename Backward::primitive_desc(engine, args..., forward);
}

inline dnnl::eltwise_forward::primitive_desc describe_function(const dnnl::engine &engine, dnnl::algorithm function,
                                                               const Desc &array)
{
    return describe<dnnl::eltwise_forward>(engine, {}, dnnl::prop_kind::forward_inference, function, array, array);
}

inline Type type_of(const Desc &desc) { return desc.get_data_type(); }

template <class T> memory memory_of(const dnnl::engine &engine, Type type, const std::vector<T> &values)
{
    memory m(Desc({static_cast<memory::dim>(values.size())}, type, Tag::x), engine);
    std::copy(values.begin(), values.end(), static_cast<T *>(m.get_data_handle()));
    return m;
}

inline void add_scales(Extras &extras, const dnnl::engine &engine, int argument, int mask,
                       const std::vector<float> &scales)
{
    extras.attr.set_scales_mask(argument, mask);
    extras.arguments[DNNL_ARG_ATTR_SCALES | argument] = memory_of(engine, f32, scales);
}

inline void add_zero_point(Extras &extras, const dnnl::engine &engine, int argument, int zero)
{
    extras.attr.set_zero_points_mask(argument, 0);
    extras.arguments[DNNL_ARG_ATTR_ZERO_POINTS | argument] =
        memory_of(engine, Type::s32, std::vector<std::int32_t>{zero});
}

#endif

} // namespace onednn

#endif
