/* SPDX-License-Identifier: Apache-2.0
 *
 * What all classes of rnnpack.hpp build on: errors and results, spans, buffers, shapes, and the context.
 */
#ifndef RNNPACK_CPP_BASE_HPP
#define RNNPACK_CPP_BASE_HPP

#include "rnnpack/rnnpack.h"

#include <exception>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#ifndef RNNP_EXCEPTIONS
#ifdef __cpp_exceptions
#define RNNP_EXCEPTIONS 1
#else
#define RNNP_EXCEPTIONS 0
#endif
#endif

/* The same function throws in one file and returns a result in another; names keep the linker from mixing them. */
#if RNNP_EXCEPTIONS
#define RNNP_CPP_BEGIN  \
    namespace rnnpack { \
    inline namespace throws {
#else
#define RNNP_CPP_BEGIN  \
    namespace rnnpack { \
    inline namespace returns {
#endif
#define RNNP_CPP_END \
    }                \
    }

RNNP_CPP_BEGIN

/* ---- Errors and results ------------------------------------------------------------------------ */

/* A failure: its status, and in what() the library's sentence. */
class error : public std::runtime_error {
  public:
    error(rnnp_status status, const std::string &sentence)
        : std::runtime_error(sentence.empty() ? rnnp_status_string(status) : sentence), status_(status)
    {
    }
    rnnp_status status() const noexcept { return status_; }

  private:
    rnnp_status status_;
};

#if RNNP_EXCEPTIONS
template <class T> using result = T;
#else
/* A value, or the error in its place. Reading the value of an error is undefined: look first. */
template <class T> class [[nodiscard]] result {
  public:
    result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    result(class error failure) : state_(std::in_place_index<1>, std::move(failure)) {}

    bool ok() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }
    rnnp_status status() const noexcept { return ok() ? RNNP_OK : std::get_if<1>(&state_)->status(); }
    /* The sentence; "" without an error. */
    const char *what() const noexcept { return ok() ? "" : std::get_if<1>(&state_)->what(); }
    /* The error, to be returned on; there must be one. */
    const class error &failure() const noexcept { return *std::get_if<1>(&state_); }

    T &operator*() &noexcept { return *std::get_if<0>(&state_); }
    const T &operator*() const &noexcept { return *std::get_if<0>(&state_); }
    T &&operator*() &&noexcept { return std::move(*std::get_if<0>(&state_)); }
    T *operator->() noexcept { return std::get_if<0>(&state_); }
    const T *operator->() const noexcept { return std::get_if<0>(&state_); }

  private:
    std::variant<T, class error> state_;
};

template <> class [[nodiscard]] result<void> : public result<std::monostate> {
  public:
    result() : result<std::monostate>(std::monostate()) {}
    result(class error failure) : result<std::monostate>(std::move(failure)) {}
};
#endif

namespace detail {
#if RNNP_EXCEPTIONS
template <class T> [[noreturn]] T fail(rnnp_status status, const std::string &sentence)
{
    throw error(status, sentence);
}
inline void done() {}
#else
template <class T> result<T> fail(rnnp_status status, const std::string &sentence) { return error(status, sentence); }
inline result<void> done() { return {}; }
#endif

template <class T> result<T> fail(const rnnp_context *context, rnnp_status status)
{
    return fail<T>(status, context ? rnnp_last_error(context) : "");
}

inline result<void> check(const rnnp_context *context, rnnp_status status)
{
    if (status != RNNP_OK) return fail<void>(context, status);
    return done();
}

/* The value of a call that succeeded. */
template <class T> result<T> value_of(const rnnp_context *context, rnnp_status status, T value)
{
    if (status != RNNP_OK) return fail<T>(context, status);
    return value;
}

/* What call(&value) writes. */
template <class T, class F> result<T> get(const rnnp_context *context, F call)
{
    T value{};
    const rnnp_status status = call(&value);
    return value_of(context, status, std::move(value));
}

/* A callable behind a callback of C. Its exception waits here until the library's function has returned. */
template <class F> class callback {
  public:
    explicit callback(F &call) : call_(&call) {}

    /* call(args...), or `failed` if it throws or threw before. */
    template <class R, class... A> R operator()(R failed, A &&...args) noexcept
    {
#if RNNP_EXCEPTIONS
        if (thrown_) return failed;
        try {
            return static_cast<R>((*call_)(std::forward<A>(args)...));
        } catch (...) {
            thrown_ = std::current_exception();
            return failed;
        }
#else
        (void)failed;
        return static_cast<R>((*call_)(std::forward<A>(args)...));
#endif
    }

    void rethrow() const
    {
#if RNNP_EXCEPTIONS
        if (thrown_) std::rethrow_exception(thrown_);
#endif
    }

  private:
    F *call_;
#if RNNP_EXCEPTIONS
    std::exception_ptr thrown_;
#endif
};

/* Bytes of a _write function into a string or vector. */
template <class C> int append(void *user, const void *bytes, size_t size)
{
    using byte = typename C::value_type;
    auto to = [user](const byte *from, size_t n) {
        static_cast<C *>(user)->insert(static_cast<C *>(user)->end(), from, from + n);
        return 0;
    };
    callback call(to);
    return call(1, static_cast<const byte *>(bytes), size);
}
} // namespace detail

/* A struct of the C API with its defaults. */
template <class S> struct with_size : S {
    with_size() noexcept : S{} { this->struct_size = sizeof(S); }
};

/* ---- Memory of the caller ---------------------------------------------------------------------- */

/* A pointer and a number of elements: std::span for C++17. Made from arrays and from whatever has data() and size(). */
template <class T> class span {
  public:
    constexpr span() noexcept = default;
    constexpr span(T *data, size_t size) noexcept : data_(data), size_(size) {}
    template <class C, class E = std::remove_pointer_t<decltype(std::data(std::declval<C &>()))>,
              class = std::enable_if_t<std::is_convertible_v<E (*)[], T (*)[]>>>
    constexpr span(C &&from) noexcept : data_(std::data(from)), size_(std::size(from))
    {
    }

    constexpr T *data() const noexcept { return data_; }
    constexpr size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T *begin() const noexcept { return data_; }
    constexpr T *end() const noexcept { return data_ + size_; }
    constexpr T &operator[](size_t i) const noexcept { return data_[i]; }
    constexpr span subspan(size_t from, size_t size) const noexcept { return {data_ + from, size}; }

  private:
    T *data_ = nullptr;
    size_t size_ = 0;
};

/* The dtype of an element type; 0, which no dtype has, for others. */
template <class T> constexpr rnnp_dtype dtype_of() noexcept
{
    using E = std::remove_cv_t<T>;
    if constexpr (std::is_same_v<E, float>) return RNNP_DTYPE_F32;
    if constexpr (std::is_same_v<E, double>) return RNNP_DTYPE_F64;
    if constexpr (std::is_same_v<E, bool>) return RNNP_DTYPE_BOOL;
    if constexpr (std::is_same_v<E, uint8_t>) return RNNP_DTYPE_U8;
    if constexpr (std::is_same_v<E, int8_t>) return RNNP_DTYPE_I8;
    if constexpr (std::is_integral_v<E> && std::is_signed_v<E>) {
        if (sizeof(E) == 4) return RNNP_DTYPE_I32;
        if (sizeof(E) == 8) return RNNP_DTYPE_I64;
    }
    return static_cast<rnnp_dtype>(0);
}

/* Elements of one dtype, to be written (T = void) or read (T = const void). The empty buffer is an output that is not
 * wanted. Made from what a span can be made from. */
template <class T> class basic_buffer {
  public:
    constexpr basic_buffer() noexcept = default;
    constexpr basic_buffer(T *data, size_t elements, rnnp_dtype dtype) noexcept
        : data_(data), elements_(elements), dtype_(dtype)
    {
    }
    template <class C, class E = std::remove_pointer_t<decltype(std::data(std::declval<C &>()))>,
              class = std::enable_if_t<std::is_convertible_v<E *, T *> && dtype_of<E>() != 0>>
    constexpr basic_buffer(C &&from) noexcept
        : data_(std::data(from)), elements_(std::size(from)), dtype_(dtype_of<E>())
    {
    }

    constexpr T *data() const noexcept { return data_; }
    constexpr size_t elements() const noexcept { return elements_; }
    constexpr rnnp_dtype dtype() const noexcept { return dtype_; }

  private:
    T *data_ = nullptr;
    size_t elements_ = 0;
    rnnp_dtype dtype_ = static_cast<rnnp_dtype>(0);
};
using buffer = basic_buffer<void>;
using const_buffer = basic_buffer<const void>;

/* The dimensions of a tensor: {steps, batch, input}. The library refuses more than RNNP_MAX_RANK. */
class shape {
  public:
    constexpr shape() noexcept = default;
    constexpr shape(std::initializer_list<int64_t> dims) noexcept : shape(dims.begin(), dims.size()) {}
    constexpr shape(const int64_t *dims, size_t rank) noexcept : rank_(rank)
    {
        for (size_t i = 0; i < rank && i < RNNP_MAX_RANK; i++) dims_[i] = dims[i];
    }

    constexpr size_t rank() const noexcept { return rank_; }
    constexpr const int64_t *data() const noexcept { return dims_; }
    constexpr int64_t operator[](size_t i) const noexcept { return dims_[i]; }

  private:
    int64_t dims_[RNNP_MAX_RANK] = {};
    size_t rank_ = 0;
};

/* Input data with a shape, for functions that do not know it. */
struct tensor {
    const_buffer data;
    shape dims;
};

namespace detail {
inline rnnp_tensor tensor_of(rnnp_dtype dtype, const shape &dims) noexcept
{
    rnnp_tensor t{};
    t.dtype = dtype;
    t.rank = dims.rank();
    for (size_t i = 0; i < t.rank && i < RNNP_MAX_RANK; i++) t.shape[i] = dims[i];
    return t;
}

/* The tensor of C; a dtype of 0, which the library refuses, unless the data has as many elements as the shape. */
inline rnnp_tensor tensor_of(const tensor &from) noexcept
{
    rnnp_tensor t = tensor_of(from.data.dtype(), from.dims);
    t.const_data = from.data.data();
    if (t.rank > RNNP_MAX_RANK || rnnp_tensor_elements(&t) != from.data.elements())
        t.dtype = static_cast<rnnp_dtype>(0);
    return t;
}

inline std::string describe(rnnp_dtype dtype, size_t elements)
{
    return std::to_string(elements) + (elements == 1 ? " element of " : " elements of ") + rnnp_dtype_name(dtype);
}

/* What does not fit before the library is called. */
struct fault {
    rnnp_status status = RNNP_OK;
    std::string sentence;
};

/* An object of C, shared, which ends before what it was made from (the deleter's parents). */
template <class T, class... P> std::shared_ptr<T> own(T *raw, void (*destroy)(T *), P... parents)
{
    return {raw, [destroy, keep = std::make_tuple(std::move(parents)...)](T *p) { (void)keep, destroy(p); }};
}
} // namespace detail

/* ---- Context ----------------------------------------------------------------------------------- */

using context_options = with_size<rnnp_context_options>;
using log_function = std::function<void(rnnp_log_level, const char *)>;

/* A handle of an rnnp_context. A copy is the same context. */
class context {
  public:
#if RNNP_EXCEPTIONS
    /* Reads the CPU and chooses kernels; `log` takes the place of options.log. */
    explicit context(const rnnp_context_options &options = context_options(), log_function log = nullptr)
        : context(make(options, std::move(log)))
    {
    }
#else
    context() noexcept = default;
#endif

    static result<context> make(const rnnp_context_options &options = context_options(), log_function log = nullptr)
    {
        rnnp_context_options with = options;
        auto keep = log ? std::make_shared<log_function>(std::move(log)) : nullptr;
        if (keep) with.log = write_log, with.log_user = keep.get();
        rnnp_context *raw = nullptr;
        const rnnp_status status = rnnp_context_create(&with, &raw);
        if (status != RNNP_OK) return detail::fail<context>(status, explain(options));
        return context(detail::own(raw, rnnp_context_destroy, std::move(keep)));
    }

    result<with_size<rnnp_host_info>> host() const
    {
        return detail::get<with_size<rnnp_host_info>>(get(), [&](auto *i) { return rnnp_context_host(get(), i); });
    }
    /* The kernel variants of this build. */
    std::vector<rnnp_variant_info> variants() const
    {
        std::vector<rnnp_variant_info> all(get() ? rnnp_context_variant_count(get()) : 0,
                                           with_size<rnnp_variant_info>());
        for (size_t i = 0; i < all.size(); i++) rnnp_context_variant_info(get(), i, &all[i]);
        return all;
    }

    const rnnp_context *get() const noexcept { return raw_.get(); }
    const std::shared_ptr<rnnp_context> &shared() const noexcept { return raw_; }

  private:
    explicit context(std::shared_ptr<rnnp_context> raw) : raw_(std::move(raw)) {}

    static void write_log(void *user, rnnp_log_level level, const char *message)
    {
        auto log = [user](rnnp_log_level l, const char *m) { return (*static_cast<log_function *>(user))(l, m), 0; };
        detail::callback guarded(log);
        guarded(0, level, message);
    }

    /* There is no context that could have the sentence, so it is asked for once more. */
    static std::string explain(rnnp_context_options options)
    {
        std::string sentence;
        options.log = [](void *user, rnnp_log_level, const char *message) {
            *static_cast<std::string *>(user) = message;
        };
        options.log_user = &sentence;
        rnnp_context *raw = nullptr;
        if (rnnp_context_create(&options, &raw) == RNNP_OK) sentence.clear();
        rnnp_context_destroy(raw);
        return sentence;
    }

    std::shared_ptr<rnnp_context> raw_;
};

RNNP_CPP_END
#endif
