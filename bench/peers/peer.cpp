/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <limits>
#include <new>
#include <sstream>
#include <stdexcept>
#include <vector>

namespace peer {

/* ---- Cases and their data ---------------------------------------------------------------------- */

Array::Array(std::size_t count) : data_(nullptr), size_(count)
{
    const std::size_t line = 64;
    if (count > SIZE_MAX / sizeof(float) - line)
        throw std::bad_alloc();
    const std::size_t bytes = (count * sizeof(float) + line - 1) / line * line;
    data_.reset(static_cast<float *>(std::aligned_alloc(line, std::max(bytes, line))));
    if (!data_)
        throw std::bad_alloc();
}

Array Array::load(const std::string &path, std::size_t count)
{
    Array array(count);
    const auto bytes = static_cast<std::streamsize>(count * sizeof(float));
    std::ifstream file(path, std::ios::binary);
    if (!file.read(reinterpret_cast<char *>(array.data()), bytes))
        throw std::runtime_error(path + ": cannot read " + std::to_string(count) + " floats");
    return array;
}

static void store(const std::string &path, const Array &array)
{
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char *>(array.data()),
               static_cast<std::streamsize>(array.size() * sizeof(float)));
    if (!file.flush())
        throw std::runtime_error(path + ": cannot write");
}

static const struct {
    const char *name;
    std::size_t gates;
} cells[] = {{"rnn", 1}, {"gru", 3}, {"gru_lbr", 3}, {"lstm", 4}, {"gemm", 4}};

std::size_t Case::gates() const
{
    for (const auto &known : cells)
        if (cell == known.name)
            return known.gates;
    throw std::runtime_error("case " + id + ": unknown cell " + cell);
}

std::size_t Case::columns() const
{
    return recurrent() ? hidden : gates() * hidden;
}

static Case parse(const std::string &line)
{
    Case c;
    std::istringstream in(line);
    const std::size_t most = 1 << 16; /* keeps every product of sizes far from overflow */
    if (!(in >> c.id >> c.cell >> c.hidden >> c.batch >> c.steps) || !(in >> std::ws).eof())
        throw std::runtime_error("not a case (id, cell, hidden, batch, steps): " + line);
    for (const std::size_t size : {c.hidden, c.batch, c.steps})
        if (size < 1 || size > most)
            throw std::runtime_error("case " + c.id + ": a size of " + std::to_string(size) + " is out of range");
    c.gates();
    return c;
}

/* The weights of one model; those of the last one are kept, as cases come model by model. */
class Model {
public:
    Weights get(const std::string &dir, const Case &c)
    {
        const std::size_t gate_rows = c.gates() * c.hidden, matrix = gate_rows * c.hidden;
        if (name_ != c.model()) {
            name_.clear();
            data_ = Array::load(dir + "/" + c.model() + ".f32", c.recurrent() ? 2 * (matrix + gate_rows) : matrix);
            name_ = c.model();
        }
        if (!c.recurrent())
            return {data_.data(), nullptr, nullptr};
        return {data_.data(), data_.data() + matrix, data_.data() + 2 * matrix};
    }

private:
    std::string name_;
    Array data_;
};

/* ---- Check and clock --------------------------------------------------------------------------- */

/* Largest difference relative to 1 + |wanted|; throws at the first one above the tolerance, NaN included. */
static double max_error(const Case &c, const Array &y, const Array &wanted)
{
    const double tolerance = 1e-4;
    double most = 0;
    for (std::size_t i = 0; i < y.size(); i++) {
        const double got = y.data()[i], want = wanted.data()[i];
        const double error = std::fabs(got - want) / (1 + std::fabs(want));
        if (!(error <= tolerance)) {
            std::ostringstream text;
            text << "case " << c.id << ": y[" << i << "] is " << got << ", but " << want << " in " << c.id << ".y.f32";
            throw std::runtime_error(text.str());
        }
        most = std::max(most, error);
    }
    return most;
}

struct Timing {
    double median_us, min_us;
    std::size_t calls;
};

/* Batches of at least 0.2 ms, so that the clock costs nothing, until the budget is spent. A case of which one call
 * takes longer than the budget is timed by one call. */
static Timing measure(const std::function<void()> &run, double budget)
{
    using Clock = std::chrono::steady_clock;
    const double batch = 200e-6, warm_up = budget / 5;
    const std::size_t least = 3, most = 1000;
    const auto time = [&run](std::size_t calls) {
        const auto start = Clock::now();
        for (std::size_t i = 0; i < calls; i++)
            run();
        return std::chrono::duration<double>(Clock::now() - start).count();
    };

    double spent = 0, call = time(1);
    const bool long_call = call > budget;
    for (spent = call; spent < warm_up; spent += call)
        call = time(1);
    const auto inner = static_cast<std::size_t>(std::ceil(batch / std::max(call, 20e-9)));
    std::vector<double> samples;
    for (spent = 0; samples.size() < (long_call ? 1 : least) || (spent < budget && samples.size() < most);) {
        const double seconds = time(inner);
        spent += seconds;
        samples.push_back(seconds / static_cast<double>(inner) * 1e6);
    }
    std::sort(samples.begin(), samples.end());
    const std::size_t n = samples.size();
    return {(samples[(n - 1) / 2] + samples[n / 2]) / 2, samples[0], n * inner};
}

/* ---- Program ----------------------------------------------------------------------------------- */

static std::string quoted(const std::string &text)
{
    std::string out = "\"";
    for (const char ch : text) {
        if (ch == '"' || ch == '\\')
            out += '\\';
        out += static_cast<unsigned char>(ch) < ' ' ? ' ' : ch;
    }
    return out + '"';
}

static Options parse_options(int argc, char **argv)
{
    Options options;
    const auto usage = std::string("usage: ") + argv[0] +
                       " --dir DIR [--threads N] [--budget SECONDS] [--library FILE] [--write] < cases";
    for (int i = 1; i < argc; i++) {
        const std::string name = argv[i];
        if (name == "--write") {
            options.write = true;
            continue;
        }
        if (i + 1 == argc)
            throw std::invalid_argument(usage);
        const std::string value = argv[++i];
        if (name == "--dir")
            options.dir = value;
        else if (name == "--library")
            options.library = value;
        else if (name == "--threads")
            options.threads = std::stoul(value);
        else if (name == "--budget")
            options.budget = std::stod(value);
        else
            throw std::invalid_argument(usage);
    }
    if (options.dir.empty() || options.threads < 1 || !(options.budget > 0))
        throw std::invalid_argument(usage);
    return options;
}

static std::string answer(Peer &peer, const Options &options, Model &model, const Case &c)
{
    const Weights weights = model.get(options.dir, c);
    const Array x = Array::load(options.dir + "/x.f32", c.rows() * c.hidden);
    const std::string y_path = options.dir + "/" + c.id + ".y.f32";
    const Array y(c.rows() * c.columns());
    std::fill_n(y.data(), y.size(), std::numeric_limits<float>::quiet_NaN());
    const std::function<void()> run = peer.prepare(c, weights, x.data(), y.data());
    run();

    std::ostringstream out;
    out << "{\"case\": " << quoted(c.id);
    if (options.write) {
        store(y_path, y);
    } else {
        const double error = max_error(c, y, Array::load(y_path, y.size()));
        const double before = peer.limit_us(c);
        const Timing timing = measure(run, options.budget);
        const double limit = (before + peer.limit_us(c)) / 2;
        out << ", \"us_median\": " << timing.median_us << ", \"us_min\": " << timing.min_us
            << ", \"calls\": " << timing.calls << ", \"max_error\": " << error;
        if (limit > 0)
            out << ", \"limit_us\": " << limit;
    }
    out << "}";
    return out.str();
}

static void say(const std::string &line)
{
    std::cout << line << std::endl;
}

int serve(int argc, char **argv, Maker make)
try {
    const Options options = parse_options(argc, argv);
    const std::unique_ptr<Peer> peer = make(options);
    say("{\"peer\": " + quoted(peer->name()) + ", \"version\": " + quoted(peer->version()) +
        ", \"settings\": " + quoted(peer->settings()) + "}");
    Model model;
    int status = 0;
    for (std::string line; std::getline(std::cin, line);) {
        const std::string id = line.substr(0, line.find('\t'));
        try {
            say(answer(*peer, options, model, parse(line)));
        } catch (const std::exception &error) {
            say("{\"case\": " + quoted(id) + ", \"error\": " + quoted(error.what()) + "}");
            status = 1;
        }
    }
    return status;
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 2;
}

} // namespace peer
