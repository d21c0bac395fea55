/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack.hpp without exceptions: the same functions return results.
 */
#include "check.hpp"

static_assert(!RNNP_EXCEPTIONS);

namespace {

rnnpack::result<rnnpack::stream> make_stream()
{
    const auto context = rnnpack::context::make();
    if (!context) return context.failure();
    auto builder = rnnpack::model_builder::make(*context);
    if (!builder) return builder.failure();
    const std::vector<float> w = numbers(6, 1), r = numbers(4, 2);
    const auto x = builder->input("x", RNNP_DTYPE_F32, {RNNP_DYNAMIC, 1, 3});
    if (!x) return x.failure();
    const auto rnn = builder->recurrent(rnnpack::recurrent_options(RNNP_CELL_RNN, 3, 2), {w, r}, *x);
    if (!rnn) return rnn.failure();
    if (const auto done = builder->output("y", rnn->y); !done) return done.failure();
    const auto model = builder->close();
    if (!model) return model.failure();
    const auto plan = model->make_plan();
    return plan ? plan->make_stream() : plan.failure();
}

} // namespace

void test_returns()
{
    auto stream = make_stream();
    CHECK(stream && stream.status() == RNNP_OK && !*stream.what());
    const std::vector<float> x = {1, 2, 3};
    std::vector<float> y(2, -7), one(1, -7);
    const auto bad = stream->step(x, one);
    CHECK(!bad && bad.status() == RNNP_ERR_SHAPE && std::strstr(bad.what(), "output 0 has 1 element of f32"));
    CHECK(one[0] == -7);
    CHECK(stream->step(x, y) && y[0] != -7);
    const auto state = stream->save();
    CHECK(state && state->size() == stream->state_bytes() && stream->load(*state));

    rnnpack::context_options options;
    options.max_isa = "abacus";
    const auto none = rnnpack::context::make(options);
    CHECK(none.status() == RNNP_ERR_ARG && std::strstr(none.what(), "abacus"));
    CHECK(rnnpack::open_packed(rnnpack::context(), "none").status() == RNNP_ERR_ARG);
    const auto context = rnnpack::context::make();
    CHECK(rnnpack::open_packed(*context, "/no/such/file").status() == RNNP_ERR_IO);
    CHECK(rnnpack::records::open_file(*context, "/no/such/file").status() == RNNP_ERR_IO);
    CHECK(rnnpack::trainer::make(rnnpack::model()).status() == RNNP_ERR_ARG);
    CHECK(rnnpack::attribution::make(rnnpack::model()).status() == RNNP_ERR_ARG);
    CHECK(rnnpack::packed_matrix::make(*context, 2, 2, x).status() == RNNP_ERR_SHAPE);
    CHECK(rnnpack::layer::make(*context, rnnpack::recurrent_options(RNNP_CELL_GRU, 1, 1), {x, y}).status() ==
          RNNP_ERR_SHAPE);
}
