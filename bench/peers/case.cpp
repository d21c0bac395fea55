/* SPDX-License-Identifier: Apache-2.0 */
#include "case.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace peer {

Array::Array(std::size_t count) : data_(nullptr), size_(count)
{
    const std::size_t line = 64;
    if (count > SIZE_MAX / sizeof(float) - line) throw std::bad_alloc();
    const std::size_t bytes = (count * sizeof(float) + line - 1) / line * line;
    data_.reset(static_cast<float *>(std::aligned_alloc(line, std::max(bytes, line))));
    if (!data_) throw std::bad_alloc();
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

/* ---- Cases ------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    std::size_t gates;
} cells[] = {{"rnn", 1}, {"gru", 3}, {"gru_lbr", 3}, {"lstm", 4}};

/* The accuracy is measured up to +-range: nothing happens beyond, and no result is near the denormals. */
static const struct Function {
    const char *name;
    double (*value)(double);
    float range;
} functions[] = {{"exp", [](double x) { return std::exp(x); }, 80.0F},
                 {"sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }, 80.0F},
                 {"tanh", [](double x) { return std::tanh(x); }, 10.0F}};

static const Function *find_function(const std::string &name)
{
    const auto same = [&name](const Function &f) { return f.name == name; };
    const auto found = std::find_if(std::begin(functions), std::end(functions), same);
    return found == std::end(functions) ? nullptr : found;
}

using Sizes = std::size_t[3];

/* Each returns whether it knows the cell, and fills in what the sizes mean. */
static bool as_layer(Case &c, const Sizes &sizes)
{
    const auto same = [&c](const auto &known) { return known.name == c.cell; };
    const auto known = std::find_if(std::begin(cells), std::end(cells), same);
    if (known == std::end(cells)) return false;
    c.kind = Kind::layer;
    c.gates = known->gates;
    c.hidden = c.depth = c.columns = sizes[0];
    c.batch = sizes[1];
    c.steps = sizes[2];
    c.rows = c.batch * c.steps;
    c.model = c.cell + "_h" + std::to_string(c.hidden);
    return true;
}

static bool as_training(Case &c, const Sizes &sizes)
{
    const std::string prefix = "train_";
    Case layer = c;
    if (c.cell.compare(0, prefix.size(), prefix) != 0) return false;
    layer.cell = c.cell.substr(prefix.size());
    if ((layer.cell != "lstm" && layer.cell != "gru_lbr") || !as_layer(layer, sizes)) return false;
    c = layer;
    c.kind = Kind::training;
    return true;
}

static bool as_product(Case &c, const Sizes &sizes)
{
    if (c.cell != "gemm") return false;
    c.kind = Kind::product;
    c.rows = sizes[0];
    c.columns = sizes[1];
    c.depth = sizes[2];
    c.model = "gemm_n" + std::to_string(c.columns) + "_k" + std::to_string(c.depth);
    return true;
}

static bool as_function(Case &c, const Sizes &sizes)
{
    const std::size_t bar = std::min(c.cell.find('_'), c.cell.size());
    c.function = c.cell.substr(0, bar);
    c.math = c.cell.substr(std::min(bar + 1, c.cell.size()));
    if (!find_function(c.function) || (c.math != "u35" && c.math != "fast")) return false;
    c.kind = Kind::function;
    c.depth = c.columns = sizes[0];
    c.model = c.function;
    return true;
}

static bool as_start(Case &c, const Sizes &sizes)
{
    if (c.cell != "start_onnx" && c.cell != "start_packed") return false;
    c.kind = Kind::start;
    c.gates = 4;
    c.hidden = c.depth = c.columns = sizes[0];
    c.layers = sizes[1];
    c.rows = c.steps = sizes[2];
    c.model = "start_h" + std::to_string(c.hidden) + "_l" + std::to_string(c.layers);
    return true;
}

Case parse_case(const std::string &line)
{
    Case c;
    Sizes sizes;
    std::istringstream in(line);
    const std::size_t most = 1 << 16; /* keeps every product of sizes far from overflow */
    if (!(in >> c.id >> c.cell >> sizes[0] >> sizes[1] >> sizes[2]) || !(in >> std::ws).eof())
        throw std::runtime_error("not a case (id, cell and three sizes): " + line);
    for (const std::size_t size : sizes)
        if (size < 1 || size > most)
            throw std::runtime_error("case " + c.id + ": a size of " + std::to_string(size) + " is out of range");
    if (!as_layer(c, sizes) && !as_training(c, sizes) && !as_product(c, sizes) && !as_function(c, sizes) &&
        !as_start(c, sizes))
        throw std::runtime_error("case " + c.id + ": unknown cell " + c.cell);
    return c;
}

/* ---- Data -------------------------------------------------------------------------------------- */

Weights Model::get(const std::string &dir, const Case &c)
{
    const bool layer = c.has_cell();
    if (!layer && c.kind != Kind::product) return {nullptr, nullptr, nullptr};
    const std::size_t rows = layer ? c.gates * c.hidden : c.columns, matrix = rows * c.depth;
    if (name_ != c.model) {
        name_.clear();
        data_ = Array::load(dir + "/" + c.model + ".f32", layer ? 2 * (matrix + rows) : matrix);
        name_ = c.model;
    }
    if (!layer) return {data_.data(), nullptr, nullptr};
    return {data_.data(), data_.data() + matrix, data_.data() + 2 * matrix};
}

Array load_x(const std::string &dir, const Case &c)
{
    Array x = Array::load(dir + "/x.f32", c.rows * c.depth);
    if (c.kind == Kind::function) std::for_each(x.data(), x.data() + x.size(), [](float &value) { value *= 4; });
    return x;
}

std::vector<double> exact(const Case &c, const Array &x)
{
    std::vector<double> y(x.size());
    std::transform(x.data(), x.data() + x.size(), y.begin(), find_function(c.function)->value);
    return y;
}

Array function_points(const Case &c)
{
    const auto bits_of = [](float value) {
        std::uint32_t bits;
        std::memcpy(&bits, &value, sizeof bits);
        return bits;
    };
    const std::size_t count = 1 << 20;
    const std::uint32_t first = bits_of(0x1p-16F), last = bits_of(find_function(c.function)->range);
    const std::uint64_t span = last - first;
    Array x(count);
    for (std::size_t i = 0; i < count; i++) {
        const auto bits = static_cast<std::uint32_t>(first + span * i / (count - 1)) | (i % 2 ? 0x80000000U : 0U);
        std::memcpy(x.data() + i, &bits, sizeof bits);
    }
    return x;
}

template <class Wanted> Accuracy compare(const Case &c, const Array &y, const Wanted *wanted)
{
    const double tolerance = 1e-4;
    const int least_exponent = -126, fraction_bits = 23;
    Accuracy most;
    for (std::size_t i = 0; i < y.size(); i++) {
        const double got = y.data()[i], want = wanted[i], difference = std::fabs(got - want);
        const double error = difference / (1 + std::fabs(want));
        if (!(error <= tolerance)) {
            std::ostringstream text;
            text << "case " << c.id << ": y[" << i << "] is " << got << ", but should be " << want;
            throw std::runtime_error(text.str());
        }
        const int exponent = std::max(want == 0 ? least_exponent : std::ilogb(want), least_exponent);
        most.error = std::max(most.error, error);
        most.ulp = std::max(most.ulp, std::ldexp(difference, fraction_bits - exponent));
    }
    return most;
}

template Accuracy compare(const Case &, const Array &, const float *);
template Accuracy compare(const Case &, const Array &, const double *);

} // namespace peer
