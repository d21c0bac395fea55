/* SPDX-License-Identifier: Apache-2.0
 *
 * The library's objects as C++ owns them, and the model that most programs here measure.
 */
#ifndef RNNP_BENCH_OWN_H
#define RNNP_BENCH_OWN_H

#include <memory>
#include <stdexcept>
#include <string>

extern "C" {
#include "rnnpack/kernels.h"
#include "rnnpack/records.h"
#include "rnnpack/train.h"
}

namespace bench {

struct Destroy {
    void operator()(rnnp_context *p) const { rnnp_context_destroy(p); }
    void operator()(rnnp_layer *p) const { rnnp_layer_destroy(p); }
    void operator()(rnnp_model *p) const { rnnp_model_destroy(p); }
    void operator()(rnnp_plan *p) const { rnnp_plan_destroy(p); }
    void operator()(rnnp_records *p) const { rnnp_records_destroy(p); }
    void operator()(rnnp_run *p) const { rnnp_run_destroy(p); }
    void operator()(rnnp_stream *p) const { rnnp_stream_destroy(p); }
    void operator()(rnnp_trainer *p) const { rnnp_trainer_destroy(p); }
};
template <class T> using Owned = std::unique_ptr<T, Destroy>;

/* Throws the library's sentence; `what` says what failed where there is none. */
inline void require(rnnp_status status, const rnnp_context *context, const char *what)
{
    if (status == RNNP_OK) return;
    const char *const sentence = rnnp_last_error(context);
    throw std::runtime_error(std::string(what) + ": " + (*sentence ? sentence : rnnp_status_string(status)));
}

/* What create(&pointer) makes. */
template <class T, class Create> Owned<T> own(const rnnp_context *context, const char *what, Create create)
{
    T *made = nullptr;
    require(create(&made), context, what);
    return Owned<T>(made);
}

inline rnnp_tensor make_tensor(size_t a, size_t b, size_t c, const float *data)
{
    rnnp_tensor t{};
    t.dtype = RNNP_DTYPE_F32;
    t.rank = 3;
    const size_t sizes[] = {a, b, c};
    for (size_t i = 0; i < 3; i++) t.shape[i] = static_cast<int64_t>(sizes[i]);
    t.data = const_cast<float *>(data);
    return t;
}

/* A closed model: x [steps][batch][width], on which add(model, x) builds y. */
template <class Add> Owned<rnnp_model> make_model(rnnp_context *context, size_t width, Add add)
{
    auto model = own<rnnp_model>(context, "model", [=](auto m) { return rnnp_model_create(context, m); });
    const int64_t shape[] = {RNNP_DYNAMIC, RNNP_DYNAMIC, static_cast<int64_t>(width)};
    const char *const symbols[] = {"steps", "batch", nullptr};
    rnnp_value x = 0;
    require(rnnp_model_add_input(model.get(), "x", RNNP_DTYPE_F32, 3, shape, symbols, &x), context, "input");
    require(rnnp_model_add_output(model.get(), "y", add(model.get(), x)), context, "output");
    require(rnnp_model_close(model.get()), context, "close");
    return model;
}

/* y of a recurrent layer on x without lengths and initial states. */
inline rnnp_value add_layer(rnnp_context *context, rnnp_model *model, const rnnp_recurrent_options &options,
                            const rnnp_recurrent_weights *weights, rnnp_value x)
{
    require(
        rnnp_model_add_recurrent(model, &options, weights, x, RNNP_NONE, RNNP_NONE, RNNP_NONE, &x, nullptr, nullptr),
        context, "layer");
    return x;
}

} // namespace bench

#endif
