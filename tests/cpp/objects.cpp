/* SPDX-License-Identifier: Apache-2.0
 *
 * Contexts, models, plans, runs, streams and kernels through rnnpack.hpp: the bits of the C API, lifetimes in any
 * order, and errors in place of memory that is too short.
 */
#include "check.hpp"

#include <array>

using namespace rnnpack;

namespace {

constexpr size_t input = 3, hidden = 5, steps = 7, batch = 2;

/* The status of the error that f throws; RNNP_OK without one. The sentence has the words. */
template <class F> rnnp_status status_of(F f, const char *words = "")
{
    try {
        f();
    } catch (const error &e) {
        if (!std::strstr(e.what(), words)) std::fprintf(stderr, "said: %s\n", e.what());
        CHECK(std::strstr(e.what(), words));
        return e.status();
    }
    return RNNP_OK;
}

const std::vector<float> w = numbers(4 * hidden * input, 1), r = numbers(4 * hidden * hidden, 2);
const std::vector<float> bias = numbers(4 * hidden, 3), x = numbers(steps * batch * input, 4);

recurrent_options lstm_options()
{
    recurrent_options options(RNNP_CELL_LSTM, input, hidden);
    options.order = RNNP_ORDER_PYTORCH;
    return options;
}

model make_lstm(const context &context)
{
    model_builder builder(context);
    const value in = builder.input("x", RNNP_DTYPE_F32, {RNNP_DYNAMIC, RNNP_DYNAMIC, input}, {"steps", "batch", ""});
    const recurrent_outputs out = builder.recurrent(lstm_options(), {w, r, bias}, in);
    builder.output("y", out.y);
    builder.output("c", out.c);
    model made = builder.close();
    CHECK(!builder.get());
    return made;
}

/* Everything that a stream was made of is gone when it is returned. */
stream make_stream_alone(size_t channels)
{
    stream_options options;
    options.batch = channels;
    return make_lstm(context()).make_plan().make_stream(options);
}

std::vector<float> by_c()
{
    rnnp_context *c = nullptr;
    rnnp_model *m = nullptr;
    rnnp_plan *p = nullptr;
    rnnp_run *u = nullptr;
    rnnp_value in, out;
    const rnnp_recurrent_options options = lstm_options();
    const rnnp_recurrent_weights weights = {w.data(), r.data(), bias.data(), nullptr, nullptr};
    const int64_t dims[] = {RNNP_DYNAMIC, RNNP_DYNAMIC, input};
    std::vector<float> y(steps * batch * hidden);
    rnnp_tensor tx{}, ty{};
    tx.dtype = RNNP_DTYPE_F32, tx.rank = 3, tx.const_data = x.data();
    tx.shape[0] = steps, tx.shape[1] = batch, tx.shape[2] = input;
    ty.data = y.data();
    CHECK(!rnnp_context_create(nullptr, &c) && !rnnp_model_create(c, &m));
    CHECK(!rnnp_model_add_input(m, "x", RNNP_DTYPE_F32, 3, dims, nullptr, &in));
    CHECK(
        !rnnp_model_add_recurrent(m, &options, &weights, in, RNNP_NONE, RNNP_NONE, RNNP_NONE, &out, nullptr, nullptr));
    CHECK(!rnnp_model_add_output(m, "y", out) && !rnnp_model_close(m));
    CHECK(!rnnp_plan_create(m, nullptr, &p) && !rnnp_run_create(p, &tx, 1, &u) && !rnnp_run_execute(u, &tx, 1, &ty, 1));
    rnnp_run_destroy(u), rnnp_plan_destroy(p), rnnp_model_destroy(m), rnnp_context_destroy(c);
    return y;
}

void test_bits()
{
    const std::vector<float> expected = by_c();
    std::vector<float> y(steps * batch * hidden), c(batch * hidden), streamed(steps * batch * hidden);
    run run = make_lstm(context()).make_plan().make_run({{steps, batch, input}});
    CHECK(run.outputs().size() == 2 && run.outputs()[0].shape[2] == hidden);
    run.execute({x}, {y, c});
    CHECK(same(y, expected));
    std::fill(y.begin(), y.end(), 0.0f);
    run.execute({x}, {y, {}}); /* the state is not wanted */
    CHECK(same(y, expected));

    stream stream = make_stream_alone(batch);
    const span<const float> in(x);
    const span<float> out(streamed);
    const size_t before = allocations;
    for (size_t t = 0; t < steps; t++)
        stream.step({in.subspan(t * batch * input, batch * input)},
                    {out.subspan(t * batch * hidden, batch * hidden), {}});
    CHECK(allocations == before);
    CHECK(same(streamed, expected));
}

void test_state()
{
    std::array<float, batch * input> now;
    std::array<float, batch * hidden> a{}, b{};
    std::copy_n(x.begin(), now.size(), now.begin());
    stream one = make_stream_alone(batch), two = make_stream_alone(1);
    one.step({now}, {a, {}});
    const std::vector<std::byte> all = one.save(), row = one.save_row(1);
    CHECK(all.size() == one.state_bytes() && row.size() == two.state_bytes() && one.batch() == batch);
    one.step({now}, {a, {}});
    one.load(all);
    one.step({now}, {b, {}});
    CHECK(same(a, b));

    /* A channel moves to a stream of its own. */
    std::array<float, hidden> alone{};
    two.load(row);
    two.step({span<const float>(now.data() + input, input)}, {alone, {}});
    CHECK(std::memcmp(alone.data(), a.data() + hidden, sizeof alone) == 0);

    /* The other channel waits: it does not notice, and its row is left alone. */
    one.load(all), b.fill(-7);
    const std::array<uint8_t, batch> active = {0, 1};
    one.step_rows(active, {now}, {b, {}});
    CHECK(std::all_of(b.begin(), b.begin() + hidden, [](float f) { return f == -7; }));
    CHECK(std::memcmp(b.data() + hidden, a.data() + hidden, sizeof alone) == 0);
    one.reset_row(1), one.reset();
    CHECK(status_of(
              [&] {
                  one.step_rows(span<const uint8_t>(active.data(), 1), {now}, {b, {}});
              },
              "1 entr") == RNNP_ERR_ARG);
    CHECK(status_of([&] { one.reset_row(batch); }) == RNNP_ERR_ARG);
    CHECK(status_of([&] { one.load(row); }) == RNNP_ERR_ARG);
}

/* What is too short, of another type or missing is an error, and nothing is written. */
void test_refused()
{
    run run = make_lstm(context()).make_plan().make_run({{1, 1, input}});
    std::vector<float> y(hidden, -7), c(hidden), in(input, 0.5f);
    const std::vector<double> doubles(input);
    CHECK(status_of([&] { run.execute({in, in}, {y, c}); }, "2 inputs, and not 1") == RNNP_ERR_ARG);
    CHECK(status_of([&] { run.execute(in, y); }, "1 outputs, and not 2") == RNNP_ERR_ARG);
    CHECK(status_of([&] { run.execute({doubles}, {y, c}); }, "input 0 has 3 elements of f64") == RNNP_ERR_TYPE);
    CHECK(status_of([&] { run.execute({c}, {y, c}); }, "input 0 has 5 elements") == RNNP_ERR_SHAPE);
    CHECK(status_of([&] { run.execute({in}, {y, in}); }, "output 1 has 3 elements") == RNNP_ERR_SHAPE);
    CHECK(status_of([&] { run.execute({{}}, {y, c}); }) == RNNP_ERR_TYPE);
    CHECK(y[0] == -7);
    run.execute({in}, {y, c});
    CHECK(y[0] != -7);

    const context context;
    const model lstm = make_lstm(context);
    const plan plan = lstm.make_plan();
    CHECK(status_of([&] { (void)plan.make_run({{1, 1, input + 1}}); }) == RNNP_ERR_SHAPE);
    CHECK(status_of([&] { (void)plan.make_run({{1, 1, input}, {1}}); }) == RNNP_ERR_ARG);
    CHECK(status_of([&] { (void)plan.make_run({{1, 1, input, 1, 1, 1, 1, 1, 1}}); }) != RNNP_OK);
    CHECK(plan.run_bytes(std::array<shape, 1>{{{1, 1, input}}}) > 0 && plan.stream_bytes() > 0);
    CHECK(plan.stream_multiple() == 1 && plan.node_variant(0) && !plan.node_variant(99));

    /* Weights that are too short for the options are not read. */
    model_builder builder(context);
    const value v = builder.input("x", RNNP_DTYPE_F32, {1, 1, input});
    CHECK(status_of(
              [&] {
                  builder.recurrent(lstm_options(), {bias, r, bias}, v);
              },
              "w has 20 elements, and not 60") == RNNP_ERR_SHAPE);
    CHECK(status_of([&] { builder.recurrent(lstm_options(), {w, r, r}, v); }, "bias") == RNNP_ERR_SHAPE);
    const recurrent_weights both[] = {{w, r}, {w, r}};
    CHECK(status_of([&] { builder.recurrent(lstm_options(), both, v); }, "2 directions") == RNNP_ERR_ARG);
    CHECK(status_of([&] { builder.dense(v, w, 7); }) == RNNP_ERR_SHAPE);
    CHECK(status_of([&] { builder.constant("k", {in, {4}}); }) != RNNP_OK);
    CHECK(status_of([&] { builder.node("Nonsense", 13, std::array<value, 1>{v}); }, "Nonsense") ==
          RNNP_ERR_UNSUPPORTED);

    /* Empty objects and those that were moved from. */
    stream s = plan.make_stream(), t = std::move(s), never;
    CHECK(status_of([&] { s.step({in}, {y, c}); }) == RNNP_ERR_ARG);
    CHECK(status_of([&] { never.step(in, y); }) == RNNP_ERR_ARG);
    CHECK(status_of([&] { (void)never.save(); }) == RNNP_ERR_ARG);
    never.reset();
    CHECK(never.state_bytes() == 0 && never.inputs().empty());
    CHECK(status_of([&] { (void)rnnpack::plan().make_run({{1}}); }) == RNNP_ERR_ARG);
    CHECK(status_of([&] { (void)rnnpack::plan().make_stream(); }) == RNNP_ERR_ARG);
    CHECK(status_of([&] { (void)model().make_plan(); }) == RNNP_ERR_ARG);
    CHECK(model().inputs().empty() && model().nodes().empty() && model().constant_elements() == 0);
    CHECK(status_of([&] { model_builder().input("x", RNNP_DTYPE_F32, {1}); }) == RNNP_ERR_ARG);

    /* Assigning ends the old object before what it was made from. */
    never = make_stream_alone(1), never = make_stream_alone(2), never = std::move(t);
}

void test_looks()
{
    std::vector<std::string> said;
    context_options options;
    options.threads = 2;
    const context context(options, [&](rnnp_log_level, const char *message) { said.push_back(message); });
    CHECK(context.host().threads == 2 && !context.variants().empty());
    options.max_isa = "abacus";
    CHECK(status_of([&] { rnnpack::context c(options); }, "abacus") == RNNP_ERR_ARG);

    const model lstm = make_lstm(context);
    CHECK(lstm.inputs().size() == 1 && !std::strcmp(lstm.inputs()[0].symbol[1], "batch"));
    CHECK(lstm.outputs().size() == 2 && lstm.nodes().size() >= 1 && lstm.constant_elements() > 0);
    CHECK(lstm.plan_bytes() > 0 && lstm.find_carried().empty());

    /* Metadata go with what is made of the model. */
    CHECK(lstm.metadata().empty() && !lstm.metadata("author"));
    model named = lstm; /* another handle */
    named.set_metadata("author", "nobody");
    named.set_metadata("unit", "mmol/l");
    named.set_metadata("author", "");
    CHECK(lstm.metadata("author") == "" && lstm.metadata("unit") == "mmol/l");
    CHECK(lstm.metadata().size() == 2 && lstm.metadata()[1].first == "unit");
    CHECK(open_packed(context, packed_bytes(lstm)).metadata() == lstm.metadata());

    /* quantize() tells of layers; what the callable throws comes out, and the model is as it was. */
    quantize_options s8;
    s8.weights = RNNP_WEIGHTS_S8;
    size_t layers = 0;
    model small = lstm.quantize(s8, [&](const rnnp_quantized_layer &l) { layers += l.bytes_after < l.bytes_before; });
    CHECK(layers == 1 && small.nodes()[0].weights == RNNP_WEIGHTS_S8);
    bool caught = false;
    try {
        (void)lstm.quantize(s8, [](const rnnp_quantized_layer &) { throw 17; });
    } catch (int number) {
        caught = number == 17;
    }
    CHECK(caught);
    const plan plan = small.make_plan();
    CHECK(small.release_weights() == 0); /* too small to be worth it */
}

void test_kernels()
{
    const context context;
    std::vector<float> a = {1, 2, 3, 4, 5, 6}, y(6), c(4);
    apply(context, RNNP_FUNCTION_RELU, RNNP_MATH_U35, std::vector<float>{-1, 2}, span<float>(y).subspan(0, 2));
    CHECK(y[0] == 0 && y[1] == 2);
    CHECK(status_of([&] { apply(context, RNNP_FUNCTION_EXP, RNNP_MATH_U35, a, c); }) == RNNP_ERR_SHAPE);
    softmax(context, RNNP_MATH_U35, 2, std::vector<float>{0, 0, 1, 1}, c);
    CHECK(c[0] == 0.5f && c[3] == 0.5f);
    CHECK(status_of([&] { softmax(context, RNNP_MATH_U35, 4, a, y); }) == RNNP_ERR_SHAPE);

    /* [2][3] by [3][2], and by its transpose */
    const std::vector<float> b = {1, 0, 0, 1, 1, 1}, b_t = {1, 0, 1, 0, 1, 1};
    const packed_matrix m = packed_matrix::make(context, 2, 3, b), t = packed_matrix::make(context, 2, 3, b_t, true);
    m.multiply(2, a, c);
    CHECK(c == (std::vector<float>{4, 5, 10, 11}));
    t.multiply(2, a, c, std::vector<float>{1, 2});
    CHECK(c == (std::vector<float>{5, 7, 11, 13}));
    CHECK(status_of([&] { m.multiply(2, a, y); }, "c has 6") == RNNP_ERR_SHAPE);
    CHECK(status_of([&] { (void)packed_matrix::make(context, 2, 3, c); }) == RNNP_ERR_SHAPE);

    const layer layer = layer::make(context, lstm_options(), {w, r, bias});
    std::vector<float> out(steps * batch * hidden);
    layer_args args;
    args.steps = steps, args.batch = batch, args.x = x.data(), args.y = out.data();
    const auto workspace = layer::make_workspace(layer.workspace_bytes(steps, batch));
    args.workspace = workspace.get();
    layer.forward(args);
    CHECK(same(out, by_c()));
    CHECK(status_of([&] { (void)layer::make(context, lstm_options(), {r, r}); }) == RNNP_ERR_SHAPE);
}

/* [steps][batch][features] input by input, as the layer for irregular visits that `add` adds gives it out of them. */
template <class F> std::vector<float> visits(size_t features, span<const span<const float>> inputs, F add)
{
    model_builder builder = model_builder(context());
    const shape dims = {steps, batch, static_cast<int64_t>(features)};
    std::vector<value> values;
    std::vector<shape> shapes(inputs.size(), dims);
    std::vector<const_buffer> given(inputs.begin(), inputs.end());
    for (size_t i = 0; i < inputs.size(); i++)
        values.push_back(builder.input(std::string(1, char('a' + i)), RNNP_DTYPE_F32, dims));
    builder.output("y", add(builder, values));
    const model model = builder.close();
    run run = model.make_plan().make_run(shapes);
    std::vector<float> y(rnnp_tensor_elements(&run.outputs()[0]));
    const buffer out[] = {y};
    run.execute(given, out);
    return y;
}

/* With decays of 1 (weights of 0) GRU-D is a GRU of values and masks, and where nothing is split off, the time-aware
 * LSTM is an LSTM: the same bits. */
void test_visits()
{
    const size_t features = 2;
    const std::vector<float> wide = numbers(3 * hidden * 2 * features, 5), own = numbers(3 * hidden * hidden, 6);
    const std::vector<float> values = numbers(steps * batch * features, 7), none(features * hidden, 0.0f);
    std::vector<float> mask(values.size(), 1.0f), both;
    for (size_t i = 0; i < mask.size(); i += 3) mask[i] = 0;
    for (size_t row = 0; row < steps * batch; row++) {
        both.insert(both.end(), &values[row * features], &values[row * features] + features);
        both.insert(both.end(), &mask[row * features], &mask[row * features] + features);
    }
    recurrent_options gru(RNNP_CELL_GRU, 2 * features, hidden);
    gru.order = RNNP_ORDER_PYTORCH;
    const span<const float> zeros(none.data(), features);
    grud_weights weights = {zeros, zeros, none, {none.data(), hidden}, {}, {wide, own}};
    const span<const float> visit[] = {values, mask, values}, joined[] = {both};
    auto grud = [&](model_builder &b, const std::vector<value> &v) -> value {
        return b.grud(gru, weights, v[0], v[1], v[2]).y;
    };
    CHECK(same(visits(features, visit, grud), visits(2 * features, joined, [&](model_builder &b, auto &v) -> value {
                   return b.recurrent(gru, weights.gru, v[0]).y;
               })));
    weights.input_bias = none;
    CHECK(status_of([&] { visits(features, visit, grud); }, "input_bias has 10 elements, and not 2") == RNNP_ERR_SHAPE);
    weights.input_bias = zeros, weights.gru.r = wide;
    CHECK(status_of([&] { visits(features, visit, grud); }, "r has 60 elements, and not 75") == RNNP_ERR_SHAPE);

    const std::vector<float> split(hidden * hidden, 0.0f), elapsed(steps * batch, 2.0f);
    const span<const float> one[] = {x};
    auto tlstm = [&](span<const float> m) {
        return visits(input, one, [&](model_builder &b, auto &v) -> value {
            const value time = b.constant("elapsed", {elapsed, {steps, batch, 1}});
            return b.tlstm(lstm_options(), {w, r, bias}, m, {}, v[0], time).y;
        });
    };
    CHECK(same(tlstm(split), by_c()));
    CHECK(status_of([&] { tlstm(elapsed); }, "split has 14 elements, and not 25") == RNNP_ERR_SHAPE);

    /* Attention that asks nothing gives the mean over steps. */
    const std::vector<float> kernel(input * 4, 1.0f), query(4, 0.0f);
    auto attention = [&](span<const float> v) {
        return visits(input, one, [&](model_builder &b, auto &in) { return b.attention(in[0], kernel, query, v); });
    };
    const std::vector<float> means = attention(query);
    for (size_t i = 0; i < means.size(); i++) {
        double sum = 0;
        for (size_t t = 0; t < steps; t++) sum += x[t * batch * input + i];
        CHECK(std::abs(means[i] - sum / steps) < 1e-6);
    }
    CHECK(status_of([&] { attention(elapsed); }, "attention of 12 weights, 4 biases and 14") == RNNP_ERR_SHAPE);
}

} // namespace

void test_objects()
{
    test_bits();
    test_state();
    test_refused();
    test_looks();
    test_kernels();
    test_visits();
}
