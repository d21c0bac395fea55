/* SPDX-License-Identifier: Apache-2.0
 *
 * Files, tuning, records, training and metrics through rnnpack.hpp.
 */
#include "check.hpp"

using namespace rnnpack;

namespace {

template <class F> rnnp_status status_of(F f)
{
    try {
        f();
    } catch (const error &e) {
        return e.status();
    }
    return RNNP_OK;
}

/* What f throws, if that is a number. */
template <class F> int thrown_by(F f)
{
    try {
        f();
    } catch (int number) {
        return number;
    }
    return 0;
}

model make_dense(const context &context)
{
    model_builder builder(context);
    builder.layer_name("dense");
    const value x = builder.input("x", RNNP_DTYPE_F32, {RNNP_DYNAMIC, 2}, {"batch"});
    builder.output("y", builder.dense(x, std::vector<float>{0.5f, -0.5f}, 1, false, std::vector<float>{0}));
    return builder.close();
}

void test_files(const std::string &folder)
{
    const context context;
    const model dense = make_dense(context);
    std::vector<float> y(1), again(1);
    const std::vector<float> x = {3, 4};
    dense.make_plan().make_run({{1, 2}}).execute(x, y);
    auto check = [&](const model &other) {
        other.make_plan().make_run({{1, 2}}).execute(x, again);
        CHECK(same(y, again));
    };

    const std::string packed = folder + "/model.rnnp";
    write_packed(dense, packed);
    const std::vector<std::byte> bytes = packed_bytes(dense, {"generic"});
    check(open_packed(context, packed));
    check(open_packed(context, bytes));
    verify_packed(open_packed(context, packed));
    CHECK(packed_info(open_packed(context, packed)).n_blocks == 1);
    CHECK(packed_block_info(open_packed(context, packed), 0).bytes > 0);
    CHECK(status_of([&] { verify_packed(dense); }) == RNNP_ERR_STATE);
    CHECK(status_of([&] { (void)open_packed(context, span<const std::byte>(bytes).subspan(0, 99)); }) ==
          RNNP_ERR_FORMAT);
    CHECK(status_of([&] { write_packed(dense, folder + "/none/model"); }) == RNNP_ERR_IO);
#ifdef WITH_ONNX
    const std::string onnx = folder + "/model.onnx";
    write_onnx(dense, onnx);
    check(open(context, onnx));
    check(open(context, packed));
    check(open_onnx(context, onnx_bytes(dense)));
    load_options only;
    const char *names[] = {"nothing"};
    only.outputs = names, only.n_outputs = 1;
    CHECK(status_of([&] { (void)open(context, onnx, only); }) == RNNP_ERR_ARG);
#endif
}

tune_shape gru_shape()
{
    tune_shape shape;
    shape.cell = RNNP_CELL_GRU;
    shape.input = shape.hidden = 64;
    shape.batch = 1, shape.steps = 20;
    return shape;
}

void test_records(const std::string &folder)
{
    const context context;
    const model dense = make_dense(context);
    const size_t one[] = {1};
    const std::vector<tune_shape> shapes = tune_shapes(dense, one, one);
    CHECK(shapes.size() == 1 && shapes[0].kind == RNNP_SHAPE_DENSE);

    /* Progress can end it, by its answer or by what it throws. Measuring a machine with a large cache takes seconds. */
    const std::vector<tune_shape> layer(1, gru_shape());
    records set = records::make(context);
    tune_options long_enough;
    long_enough.seconds = 60;
    size_t told = 0;
    auto three = [&](const rnnp_tune_progress &p) { return p.n_shapes == 1 && ++told < 3; };
    tune(context, layer, set, long_enough, three);
    CHECK(told == 3);
    auto fail = [](const rnnp_tune_progress &) -> bool { throw 5; };
    CHECK(thrown_by([&] { tune(context, layer, set, long_enough, fail); }) == 5);
    CHECK(set.size() == 0);

    /* A record of our own: text, file, search. */
    const rnnp_record_host host = record_host(context);
    rnnp_record record{};
    std::strcpy(record.key.layer, "gru");
    std::strcpy(record.key.precision, "f32");
    record.key.input = record.key.hidden = 64;
    record.key.batch = record.key.steps = record.key.threads = 1;
    record.ns = 10, record.default_ns = 20, record.samples = 5, record.at = 1000;
    records mine = records::make(context);
    mine.add(host, record);
    CHECK(mine.size() == 1 && mine.at(0).second.ns == 10 && mine.date(host, record.key, 7) == 1001);
    CHECK(mine.find(host, record.key).match == RNNP_MATCH_EXACT);
    records read = records::open_memory(context, "text", mine.text());
    CHECK(read.text() == mine.text());
    CHECK(status_of([&] { (void)records::open_memory(context, "text", "nothing of the kind"); }) == RNNP_ERR_FORMAT);
    CHECK(status_of([&] { (void)mine.at(1); }) == RNNP_ERR_ARG);
    record.ns = 0;
    CHECK(status_of([&] { mine.add(host, record); }) == RNNP_ERR_ARG);

    const std::string path = folder + "/records";
    std::string file;
    mine.update(path);
    CHECK(records::open_file(context, path).size() == 1);
    CHECK(records::open_default(context, path.c_str(), &file).size() == 1 && file == path);
    CHECK(own_records_file(context, path.c_str()) == path);
    CHECK(thrown_by([&] { records::edit(context, path, [](records &) -> rnnp_status { throw 6; }); }) == 6);
    CHECK(records::open_file(context, path).size() == 1);
    records::edit(context, path, [&](records &inside) {
        CHECK(inside.keep([](const rnnp_record_host &, const rnnp_record &r) { return r.key.hidden != 64; }) == 1);
        return RNNP_OK;
    });
    CHECK(records::open_file(context, path).size() == 0);
    CHECK(thrown_by([&] { mine.keep([](const rnnp_record_host &, const rnnp_record &) -> bool { throw 7; }); }) == 7);
    CHECK(mine.size() == 1);
    mine.merge(read);
    CHECK(mine.size() == 1);

    /* A plan keeps its records. */
    const plan plan = dense.make_plan(plan_options(), mine);
    std::weak_ptr<rnnp_records> watched = mine.shared();
    mine = records();
    CHECK(!watched.expired());
    size_t explained = 0;
    for (size_t i = 0; i < dense.nodes().size(); i++)
        explained += status_of([&] { CHECK(explain(plan, i, 1, 1).variant); }) == RNNP_OK;
    CHECK(explained == 1);
    tune_options short_one;
    short_one.seconds = 0.01;
    (void)dense.make_measured_plan(records::make(context), short_one);
    CHECK(limit_timer(context, 0.001) > 0 && limit_clock(context, 0.001) > 1e6 && limit_loop(context, 0.001) > 1e6);
    CHECK(limit_fma(context, 0.001).rate > 0 && limit_read(context, 0.001, 4096).together == 1);
    CHECK(status_of([&] { (void)limit_barrier(context, 0.001); }) == RNNP_ERR_UNSUPPORTED);
}

/* y = 2 a - b */
void test_training(const std::string &folder)
{
    const context context;
    const model dense = make_dense(context);
    const std::vector<float> x = numbers(32, 9);
    std::vector<float> t(16);
    for (size_t i = 0; i < t.size(); i++) t[i] = 2 * x[2 * i] - x[2 * i + 1];
    const tensor input = {x, {16, 2}}, target = {t, {16, 1}};

    optimizer adam(RNNP_OPTIMIZER_ADAM);
    schedule rates(RNNP_SCHEDULE_COSINE, 0.1f);
    train_options options;
    options.loss = RNNP_LOSS_MSE;
    options.optimizer = &adam;
    trainer trainer(dense, options);
    const double first = trainer.evaluate(input, target).loss;
    for (int i = 0; i < 100; i++) {
        trainer.set_rate(rates.rate_at(i));
        trainer.set_proximal(0.0f);
        CHECK(trainer.step(input, target).loss >= 0);
    }
    const double last = trainer.evaluate(input, target).loss;
    CHECK(first > 0.1 && last < 0.01 * first && trainer.step_count() == 100);

    CHECK(trainer.parameter_count() == 2);
    for (size_t i = 0; i < 2; i++) {
        const std::string name = trainer.parameter(i).name;
        CHECK(name == "dense.kernel" || name == "dense.bias");
        CHECK(trainer.values(i).size() == (name == "dense.kernel" ? 2 : 1));
        CHECK(status_of([&] { trainer.set_values(i, std::vector<float>(3)); }) == RNNP_ERR_SHAPE);
        trainer.backward(input, target);
        CHECK(trainer.gradient(i).size() == trainer.values(i).size());
    }
    CHECK(status_of([&] { (void)trainer.values(2); }) == RNNP_ERR_ARG);
    CHECK(status_of([&] { trainer.step({x, {15, 2}}, target); }) != RNNP_OK);
    CHECK(status_of([&] { trainer.step(input, {t, {17, 1}}); }) != RNNP_OK);
    CHECK(status_of([&] { trainer.step(input, target, {t, {3}}); }) != RNNP_OK);

    const std::string path = folder + "/checkpoint";
    const std::byte note[] = {std::byte(1), std::byte(2)};
    std::byte back[4] = {};
    trainer.save(path, note);
    const std::vector<float> kept = trainer.values(0);
    trainer.initialize(1);
    CHECK(!same(kept, trainer.values(0)));
    CHECK(trainer.load(path, back) == 2 && back[1] == std::byte(2) && same(kept, trainer.values(0)));
    trainer.freeze(0);
    trainer.step(input, target);
    CHECK(same(kept, trainer.values(0)));

    std::vector<float> y(1);
    trainer.make_model().make_plan().make_run({{1, 2}}).execute(std::vector<float>{1, 1}, y);
    CHECK(y[0] > 0.7f && y[0] < 1.3f);
    rnnpack::trainer other(dense, options);
    CHECK(other.adopt(trainer.make_model()) == 2 && same(kept, other.values(0)));
    other = std::move(trainer);
    CHECK(other.step_count() == 101);
    CHECK(train_order(1, 0, 10) == train_order(1, 0, 10) && train_order(1, 0, 10) != train_order(1, 1, 10));
}

void test_attribution()
{
    const context context;
    const model dense = make_dense(context); /* y = (x0 - x1) / 2 */
    const std::vector<float> x = {3, 1, -2, 4}, base = {1, 1};
    attribution_options options;
    options.method = RNNP_ATTRIBUTION_GRADIENT;
    attribution why(dense, options);
    const attributed found = why.run({x, {2, 2}}, {base, {1, 2}}, std::vector<size_t>{0, 0});
    CHECK(found.values == (std::vector<float>{1, 0, -1.5f, -1.5f}));
    CHECK(found.rows.size() == 2 && found.rows[1].complete && found.rows[1].score == -3);
    CHECK(why.run({x, {2, 2}}).values == (std::vector<float>{1.5f, -0.5f, -1, -2}));
    CHECK(status_of([&] { (void)why.run({x, {3, 2}}); }) == RNNP_ERR_SHAPE);
    CHECK(status_of([&] { (void)why.run({x, {2, 2}}, {}, std::vector<size_t>{0}); }) == RNNP_ERR_SHAPE);
    CHECK(status_of([&] { (void)why.run({x, {2, 2}}, {}, std::vector<size_t>{0, 1}); }) == RNNP_ERR_ARG);
    CHECK(status_of([&] { (void)why.run({x, {2, 2}}, {base, {2, 1}}); }) == RNNP_ERR_SHAPE);
    options.points = 3;
    CHECK(status_of([&] { attribution wrong(dense, options); }) == RNNP_ERR_ARG);
    attribution_batch batch;
    CHECK(status_of([&] { why.run(batch); }) == RNNP_ERR_ARG);
}

void test_metrics()
{
    const std::vector<float> p = {0.9f, 0.1f, 0.2f, 0.8f, 0.7f, 0.3f}, score = {0.1f, 0.8f, 0.3f};
    const std::vector<int32_t> truth = {0, 1, 1};
    std::vector<double> counts(4);
    confusion(2, p, truth, counts);
    const class_report report = classes(2, counts);
    CHECK(report.summary.accuracy > 0.66 && report.summary.accuracy < 0.67 && report.classes[0].recall == 1);
    CHECK(ranking(score, truth).roc_auc == 1 && ranking(score, truth).curve.size() == 4);
    CHECK(brier(2, score, truth) > 0 && calibration(5, score, truth).bins.size() == 5);
    CHECK(status_of([&] { confusion(3, p, truth, counts); }) == RNNP_ERR_SHAPE);
    CHECK(status_of([&] { (void)classes(3, counts); }) == RNNP_ERR_SHAPE);
    CHECK(status_of([&] { (void)ranking(p, truth); }) == RNNP_ERR_SHAPE);
    CHECK(status_of([&] { (void)brier(2, p, truth); }) == RNNP_ERR_SHAPE);
    CHECK(status_of([&] { (void)calibration(5, score, truth, p); }) == RNNP_ERR_SHAPE);
}

void test_intervals()
{
    const std::vector<float> score = {0.1f, 0.8f, 0.3f, 0.2f, 0.6f, 0.4f};
    const std::vector<int32_t> truth = {0, 1, 1, 0, 1, 0};
    const std::vector<size_t> of = {0, 1, 2, 2, 0, 1}, few = {0};
    const std::vector<double> at = {0.35, 0.5}, replicates = {0.5, 0.75, 0.9, 1.0};
    const clusters by = {of, 3};
    CHECK(decisions(score, truth, at)[1].tp == 2 && decisions(score, truth, at)[0].fp == 1);
    CHECK(normal(2, 1).p_value < 0.05 && normal(2, 1).interval.low > 0 && wilson(0.5, 10).high < 1);
    CHECK(delong(1, score, truth).auc[0] == ranking(score, truth).roc_auc);
    CHECK(delong(1, score, truth, by).covariance.size() == 1);
    const std::vector<float> weight = resample(6, 1, 0, by);
    CHECK(weight[2] == weight[3] && weight[0] + weight[1] + weight[2] == 3);
    CHECK(resample(6, 1, 0) != resample(6, 1, 1));
    CHECK(bootstrap(0.8, replicates).used == 4);
    CHECK(bootstrap(0.8, replicates, 0.9, replicates).interval.low >= 0.5);
    CHECK(status_of([&] { (void)decisions(score, truth, at, std::vector<float>(5)); }) == RNNP_ERR_SHAPE);
    CHECK(status_of([&] { (void)normal(0, -1); }) == RNNP_ERR_ARG);
    CHECK(status_of([&] { (void)wilson(2, 1); }) == RNNP_ERR_ARG);
    CHECK(status_of([&] { (void)delong(2, score, truth); }) == RNNP_ERR_SHAPE);
    CHECK(status_of([&] { (void)delong(1, score, truth, {few, 1}); }) == RNNP_ERR_SHAPE);
    CHECK(status_of([&] { (void)resample(6, 1, 0, {few, 1}); }) == RNNP_ERR_SHAPE);
    CHECK(status_of([&] { (void)bootstrap(0.8, replicates, 1); }) == RNNP_ERR_ARG);
}

} // namespace

void test_training_and_records(const char *folder)
{
    test_files(folder);
    test_records(folder);
    test_training(folder);
    test_attribution();
    test_metrics();
    test_intervals();
}
