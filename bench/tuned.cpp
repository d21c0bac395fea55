/* SPDX-License-Identifier: Apache-2.0
 *
 * rnnpack-tuned RECORDS [SECONDS-PER-SHAPE [EVERY [OTHER]]]: whether tuning kept its promise. Every shape (or each
 * EVERY-th) for which a file has a record of this host is run afresh in three ways by turns: as the records say,
 * without records, and plainly (first kernel of the instruction set, input products of 64 rows). With a file of OTHER
 * records (of a second tuning, or a longer one) only shapes for which the two files say different things are run, as
 * the other one says, too: the same choice is the same code. One line of JSON for each shape that was run, the last
 * line counts the others; what the tuner measured itself plays no part.
 */
#include "cell.h"

#include <rnnpack/limits.h>
#include <rnnpack/tune.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

using bench::own;
using bench::Owned;

void check(const rnnp_context *context, rnnp_status status) { bench::require(status, context, "rnnpack"); }

/* y of the layers that a record's key names: one, a stack, or a product. */
rnnp_value add_layers(rnnp_context *context, rnnp_model *model, const rnnp_record_key &key, rnnp_value x)
{
    const std::string layer = key.layer;
    if (layer == "dense") {
        const bench::Floats w(key.input * key.hidden, 0.1F);
        check(context, rnnp_model_add_dense(model, x, w, key.input, key.hidden, 0, nullptr, nullptr, &x));
        return x;
    }
    const bool after = layer.find("after") != std::string::npos;
    const std::string cell = layer.substr(0, layer.find('-')) + (after ? "_lbr" : "");
    const auto known = std::find_if(std::begin(bench::cells), std::end(bench::cells),
                                    [&](const bench::Cell &c) { return c.name == cell; });
    if (known == std::end(bench::cells)) throw std::runtime_error(layer + ": no such layer");
    const std::size_t stack = layer.find("-stack"), h = key.hidden;
    const std::size_t layers = stack == std::string::npos ? 1 : std::stoul(layer.substr(stack + 6));
    for (std::size_t l = 0, i = key.input; l < layers; l++, i = h) {
        rnnp_recurrent_options o = known->options(i, h);
        if (layer.find("bidirectional") != std::string::npos) o.direction = RNNP_DIRECTION_BIDIRECTIONAL;
        const bench::Weights weights(*known, i, h);
        const rnnp_recurrent_weights both[2] = {weights.from(), weights.from()};
        x = bench::add_layer(context, model, o, both, x);
    }
    return x;
}

class Contender {
  public:
    Contender(rnnp_context *context, const rnnp_model *model, const rnnp_record_key &key, const rnnp_records *records)
        : context_(context), x_(key.steps * key.batch * key.input)
    {
        rnnp_plan_options o;
        rnnp_plan_options_init(&o);
        o.effort = records ? RNNP_EFFORT_CACHED : RNNP_EFFORT_NONE;
        o.records = records;
        o.batch = key.batch;
        o.steps = key.steps;
        plan_ = own<rnnp_plan>(context, "plan", [&](auto p) { return rnnp_plan_create(model, &o, p); });
        input_ = bench::make_tensor(key.steps, key.batch, key.input, x_);
        run_ = own<rnnp_run>(context, "run", [&](auto r) { return rnnp_run_create(plan_.get(), &input_, 1, r); });
        check(context, rnnp_run_output(run_.get(), 0, &output_));
        y_.resize(rnnp_tensor_elements(&output_));
        output_.data = y_.data();
    }

    /* Of a call, over some of them. */
    double seconds(std::size_t calls)
    {
        const auto start = Clock::now();
        for (std::size_t i = 0; i < calls; i++) check(context_, rnnp_run_execute(run_.get(), &input_, 1, &output_, 1));
        return std::chrono::duration<double>(Clock::now() - start).count() / static_cast<double>(calls);
    }

    const std::vector<float> &y() const { return y_; }

  private:
    rnnp_context *context_;
    bench::Floats x_;
    std::vector<float> y_;
    Owned<rnnp_plan> plan_;
    Owned<rnnp_run> run_;
    rnnp_tensor input_{}, output_{};
};

/* Whether the cores are shared with busy sibling threads: then an empty loop takes longer than at best. */
class Cores {
  public:
    explicit Cores(rnnp_context *context) : context_(context) {}

    bool alone()
    {
        const double burst = 4e-6, shared = 1 / 1.3;
        double rate;
        check(context_, rnnp_limit_loop(context_, burst, &rate));
        best_ = std::max(best_, rate);
        return rate > shared * best_;
    }

  private:
    rnnp_context *context_;
    double best_ = 0;
};

double median(std::vector<double> v)
{
    std::sort(v.begin(), v.end());
    return v[v.size() / 2];
}

/* A record of the first kernels in the table, and products of 64 rows; one layer after the other. */
Owned<rnnp_records> plain_records(rnnp_context *context, const rnnp_record_host &host, const rnnp_record_key &key)
{
    auto records = own<rnnp_records>(context, "records", [=](auto r) { return rnnp_records_create(context, r); });
    const std::string layer = key.layer, cell = layer.substr(0, layer.find('-')), isa = host.isa;
    const bool halves = cell == "gru" && layer.find("after") == std::string::npos;
    const std::string step = (halves ? "gru_reset" : cell) + "_step_f32_block_" + isa;
    const std::string of_layer =
        "chunk=64 " + (halves ? "second=gru_update_step_f32_block_" + isa + " " : "") + "step=" + step;
    const std::string words = layer == "dense"                            ? ""
                              : layer.find("-stack") != std::string::npos ? "schedule=layers"
                                                                          : of_layer;
    rnnp_record record{};
    record.key = key;
    std::snprintf(record.choice, sizeof record.choice, "%s", words.c_str());
    record.ns = record.default_ns = record.samples = record.at = 1;
    check(context, rnnp_records_add(records.get(), &host, &record));
    return records;
}

/* What a file says of the same layer, host and sizes; NULL: nothing. */
const char *choice_of(const rnnp_records *records, const rnnp_record_host &here, const rnnp_record_key &key)
{
    const rnnp_record_host *host;
    const rnnp_record *record;
    for (std::size_t i = 0; rnnp_records_get(records, i, &host, &record) == RNNP_OK; i++) {
        const rnnp_record_key &k = record->key;
        if (rnnp_record_host_equal(host, &here) && !std::strcmp(k.layer, key.layer) && k.input == key.input &&
            k.hidden == key.hidden && k.batch == key.batch && k.steps == key.steps && k.threads == key.threads)
            return record->choice;
    }
    return nullptr;
}

void measure(rnnp_context *context, const rnnp_records *records, const rnnp_record_host &host,
             const rnnp_record &record, const rnnp_records *other, double budget)
{
    enum { TUNED, USUAL, PLAIN, OTHER, WAYS };
    const auto model = bench::make_model(
        context, record.key.input, [&](rnnp_model *m, rnnp_value x) { return add_layers(context, m, record.key, x); });
    const auto plain = plain_records(context, host, record.key);
    const rnnp_records *sets[WAYS] = {records, nullptr, plain.get(), other ? other : records};
    std::vector<std::unique_ptr<Contender>> ways;
    for (const rnnp_records *set : sets)
        ways.push_back(std::make_unique<Contender>(context, model.get(), record.key, set));
    double call = 0;
    for (auto &way : ways) call = std::max(call, way->seconds(1));
    for (auto &way : ways)
        if (way->y() != ways[USUAL]->y()) throw std::runtime_error(std::string(record.key.layer) + ": other bits");
    const std::size_t calls = static_cast<std::size_t>(2e-4 / call) + 1;
    std::array<std::vector<double>, WAYS> over_usual;
    std::vector<double> usual;
    Cores cores(context);
    const auto start = Clock::now();
    const auto spent = [start] { return std::chrono::duration<double>(Clock::now() - start).count(); };
    for (std::size_t round = 0; usual.size() < 5 || spent() < budget; round++) {
        /* A round is of use when all of it found the cores alone, or all shared; on a machine where that never happens,
         * any is. */
        const bool choosy = usual.size() >= 5 || spent() < 2 * budget, alone = cores.alone();
        bool same = true;
        std::array<double, WAYS> time{};
        for (std::size_t i = 0; i < WAYS && (same || !choosy); i++) {
            const std::size_t way = (i + round) % WAYS;
            ways[way]->seconds(1);
            time[way] = ways[way]->seconds(calls);
            same = cores.alone() == alone;
        }
        if (!same && choosy) continue;
        for (std::size_t way = 0; way < WAYS; way++) over_usual[way].push_back(time[way] / time[USUAL]);
        usual.push_back(time[USUAL]);
    }
    const rnnp_record_key &k = record.key;
    std::printf("{\"layer\": \"%s\", \"hidden\": %llu, \"batch\": %llu, \"steps\": %llu, \"threads\": %llu, "
                "\"usual_us\": %.3f, "
                "\"tuned\": %.4f, \"plain\": %.4f, \"other\": %.4f, \"rounds\": %zu, \"choice\": \"%s\"}\n",
                k.layer, static_cast<unsigned long long>(k.hidden), static_cast<unsigned long long>(k.batch),
                static_cast<unsigned long long>(k.steps), static_cast<unsigned long long>(k.threads),
                median(usual) * 1e6, median(over_usual[TUNED]), median(over_usual[PLAIN]), median(over_usual[OTHER]),
                usual.size(), record.choice);
    std::fflush(stdout);
}

} // namespace

int main(int argc, char **argv)
try {
    if (argc < 2 || argc > 5)
        throw std::runtime_error("usage: rnnpack-tuned RECORDS [SECONDS-PER-SHAPE [EVERY [OTHER]]]");
    const double budget = argc > 2 ? std::strtod(argv[2], nullptr) : 0.3;
    const std::size_t every = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 1;
    std::size_t same = 0;
    for (std::size_t threads = 1; threads <= 8; threads++) {
        rnnp_context_options o;
        rnnp_context_options_init(&o);
        o.threads = threads;
        const auto context = own<rnnp_context>(nullptr, "context", [&](auto c) { return rnnp_context_create(&o, c); });
        const auto read = [&](const char *path) {
            return own<rnnp_records>(context.get(), path,
                                     [&](auto r) { return rnnp_records_open_file(context.get(), path, r); });
        };
        const auto records = read(argv[1]), other = argc > 4 ? read(argv[4]) : nullptr;
        rnnp_record_host here;
        check(context.get(), rnnp_records_host(context.get(), &here));
        const rnnp_record_host *host;
        const rnnp_record *record;
        for (std::size_t i = 0, n = 0; rnnp_records_get(records.get(), i, &host, &record) == RNNP_OK; i++) {
            if (!rnnp_record_host_equal(host, &here) || record->key.threads != threads ||
                n++ % (every ? every : 1) != 0)
                continue;
            const char *const others = other ? choice_of(other.get(), here, record->key) : nullptr;
            if (others && std::string(others) == record->choice)
                same++;
            else if (!other || others)
                measure(context.get(), records.get(), here, *record, other.get(), budget);
        }
    }
    std::printf("{\"same\": %zu}\n", same);
    return 0;
} catch (const std::exception &error) {
    std::fprintf(stderr, "rnnpack-tuned: %s\n", error.what());
    return 1;
}
