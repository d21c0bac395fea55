/* SPDX-License-Identifier: Apache-2.0 */
#include "case.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <numeric>
#include <sstream>
#include <stdexcept>

namespace peer {

Array load(const std::string &path, std::size_t count)
{
    Array array = Array::unset(count);
    const auto bytes = static_cast<std::streamsize>(count * sizeof(float));
    std::ifstream file(path, std::ios::binary);
    if (!file.read(reinterpret_cast<char *>(array.data()), bytes))
        throw std::runtime_error(path + ": cannot read " + std::to_string(count) + " floats");
    return array;
}

/* ---- Cases ------------------------------------------------------------------------------------- */

/* What a cell's sizes are. */
using Size = std::size_t Case::*;
static const struct {
    const char *cell;
    Kind kind;
    std::size_t gates;
    std::vector<Size> sizes;
} forms[] = {{"rnn", Kind::layer, 1, {&Case::hidden, &Case::batch, &Case::steps}},
             {"gru", Kind::layer, 3, {&Case::hidden, &Case::batch, &Case::steps}},
             {"gru_lbr", Kind::layer, 3, {&Case::hidden, &Case::batch, &Case::steps}},
             {"lstm", Kind::layer, 4, {&Case::hidden, &Case::batch, &Case::steps}},
             {"train_gru_lbr", Kind::training, 3, {&Case::hidden, &Case::batch, &Case::steps}},
             {"train_lstm", Kind::training, 4, {&Case::hidden, &Case::batch, &Case::steps}},
             {"gemm", Kind::product, 0, {&Case::rows, &Case::columns, &Case::depth}},
             {"start_onnx", Kind::start, 4, {&Case::hidden, &Case::layers, &Case::steps}},
             {"start_packed", Kind::start, 4, {&Case::hidden, &Case::layers, &Case::steps}},
             {"conv",
              Kind::convolution,
              0,
              {&Case::in, &Case::out, &Case::kernel, &Case::stride, &Case::groups, &Case::length, &Case::batch}},
             {"model", Kind::model, 0, {}}};

/* The accuracy is measured up to +-range: nothing happens beyond, and no result is near the denormals. */
static const struct Function {
    const char *name;
    double (*value)(double);
    float range;
} functions[] = {{"exp", [](double x) { return std::exp(x); }, 80.0F},
                 {"log", [](double x) { return std::log(x); }, 80.0F},
                 {"sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }, 80.0F},
                 {"tanh", [](double x) { return std::tanh(x); }, 10.0F}};

static const Function *find_function(const std::string &name)
{
    const auto same = [&name](const Function &f) { return f.name == name; };
    const auto found = std::find_if(std::begin(functions), std::end(functions), same);
    return found == std::end(functions) ? nullptr : found;
}

/* How far y may be from that of weights in f32, relative to 1 + |y|: some three times what the libraries are off on
 * these weights. A gate or a scale in the wrong place is off by more. */
static const struct Format {
    const char *name;
    double tolerance;
} formats[] = {{"f32", 1e-4}, {"bf16", 1e-2}, {"s8", 3e-2}};

static const Format &find_format(const std::string &name)
{
    const auto same = [&name](const Format &f) { return f.name == name; };
    const auto found = std::find_if(std::begin(formats), std::end(formats), same);
    return found == std::end(formats) ? formats[0] : *found;
}

static void as_convolution(Case &c)
{
    if (c.in % c.groups || c.out % c.groups || c.kernel > c.length + 2 * c.pad())
        throw std::runtime_error("case " + c.id + ": groups that do not divide the channels, or no output");
    c.model = "conv_i" + std::to_string(c.in) + "_o" + std::to_string(c.out) + "_k" + std::to_string(c.kernel) + "_s" +
              std::to_string(c.stride) + "_g" + std::to_string(c.groups);
    c.rows = c.batch;
    c.depth = c.in * c.length;
    c.columns = c.out * c.out_length();
}

/* What a layer may have besides. */
static const std::vector<Size> stack_sizes = {&Case::input, &Case::layers, &Case::directions};

static bool as_form(Case &c, const std::vector<std::size_t> &sizes)
{
    const std::string word = c.cell, end = word.substr(word.rfind('_') + 1), format = find_format(end).name;
    const std::string cell = format == end ? word.substr(0, word.size() - end.size() - 1) : word;
    const auto form =
        std::find_if(std::begin(forms), std::end(forms), [&cell](const auto &f) { return f.cell == cell; });
    if (form == std::end(forms) || (cell != word && form->kind != Kind::layer && form->kind != Kind::product))
        return false;
    c.cell = cell;
    c.format = format;
    c.kind = form->kind;
    c.gates = form->gates;
    std::vector<Size> wanted = form->sizes;
    const bool stack = form->kind == Kind::layer && cell == word && sizes.size() > wanted.size();
    if (stack) wanted.insert(wanted.end(), stack_sizes.begin(), stack_sizes.end());
    if (sizes.size() != wanted.size())
        throw std::runtime_error("case " + c.id + ": not a case: " + word + " has " + std::to_string(wanted.size()) +
                                 " sizes");
    for (std::size_t i = 0; i < sizes.size(); i++) c.*wanted[i] = sizes[i];
    if (c.directions > 2)
        throw std::runtime_error("case " + c.id + ": " + std::to_string(c.directions) + " directions, of two");
    if (c.kind == Kind::model) {
        c.model = c.id;
        return true;
    }
    if (c.kind == Kind::convolution) {
        as_convolution(c);
        return true;
    }
    if (c.kind == Kind::training) c.cell = c.cell.substr(std::strlen("train_"));
    if (c.kind == Kind::product) {
        c.model = word + "_n" + std::to_string(c.columns) + "_k" + std::to_string(c.depth);
        return true;
    }
    if (!stack) c.input = c.hidden;
    c.depth = c.input;
    c.columns = c.directions * c.hidden;
    c.rows = c.batch * c.steps;
    c.model = c.kind == Kind::start ? "start_h" + std::to_string(c.hidden) + "_l" + std::to_string(c.layers)
                                    : (c.kind == Kind::layer ? word : c.cell) + "_h" + std::to_string(c.hidden);
    if (stack)
        c.model +=
            "_i" + std::to_string(c.input) + "_l" + std::to_string(c.layers) + "_d" + std::to_string(c.directions);
    return true;
}

/* The math class stands behind the function's name. */
static bool as_function(Case &c, const std::vector<std::size_t> &sizes)
{
    if (sizes.size() != 3) return false;
    const std::size_t bar = std::min(c.cell.find('_'), c.cell.size());
    c.function = c.model = c.cell.substr(0, bar);
    c.math = c.cell.substr(std::min(bar + 1, c.cell.size()));
    if (!find_function(c.function) || (c.math != "u35" && c.math != "u10" && c.math != "fast")) return false;
    c.kind = Kind::function;
    c.depth = c.columns = sizes[0];
    return true;
}

Case parse_case(const std::string &line)
{
    Case c;
    std::vector<std::size_t> sizes;
    std::istringstream in(line);
    const std::size_t most = 1 << 16; /* keeps every product of sizes far from overflow */
    in >> c.id >> c.cell;
    for (std::size_t size; in >> size;) sizes.push_back(size);
    if (c.cell.empty() || !in.eof()) throw std::runtime_error("not a case (id, cell and sizes): " + line);
    for (const std::size_t size : sizes)
        if (size < 1 || size > most)
            throw std::runtime_error("case " + c.id + ": a size of " + std::to_string(size) + " is out of range");
    if (!as_form(c, sizes) && !as_function(c, sizes))
        throw std::runtime_error("case " + c.id + ": unknown cell " + c.cell);
    return c;
}

/* ---- Data -------------------------------------------------------------------------------------- */

/* Floats of the w of all layers before. */
static std::size_t w_before(const Case &c, std::size_t layer)
{
    std::size_t widths = 0;
    for (std::size_t before = 0; before < layer; before++) widths += c.width(before);
    return c.directions * c.gates * c.hidden * widths;
}

Weights Weights::from(const Case &c, std::size_t layer, std::size_t direction) const
{
    const std::size_t rows = c.gates * c.hidden, matrices = layer * c.directions + direction;
    return {w + w_before(c, layer) + direction * rows * c.width(layer), r + matrices * rows * c.hidden,
            bias + matrices * 2 * rows};
}

Weights Model::get(const std::string &dir, const Case &c)
{
    const bool layer = c.has_cell(), convolution = c.kind == Kind::convolution;
    if (!layer && !convolution && c.kind != Kind::product) return {nullptr, nullptr, nullptr};
    const std::size_t rows = layer ? c.layers * c.directions * c.gates * c.hidden : convolution ? c.out : c.columns;
    const std::size_t w = layer         ? w_before(c, c.layers)
                          : convolution ? rows * (c.in / c.groups * c.kernel)
                                        : rows * c.depth;
    const std::size_t r = layer ? rows * c.hidden : 0, bias = layer ? 2 * rows : convolution ? rows : 0;
    if (name_ != c.model) {
        name_.clear();
        data_ = load(dir + "/" + c.model + ".f32", w + r + bias);
        name_ = c.model;
    }
    return {data_.data(), data_.data() + w, data_.data() + w + r};
}

Array load_x(const std::string &dir, const Case &c)
{
    Array x =
        load(dir + "/" + (c.kind == Kind::model ? c.id + ".x" : "x") + ".f32", std::max(c.rows * c.depth, c.states()));
    const bool log = c.function == "log";
    const auto pre_activation = [log](float value) { return 4 * (log ? std::fabs(value) : value); };
    if (c.kind == Kind::function) std::transform(x.data(), x.data() + x.size(), x.data(), pre_activation);
    return x;
}

/* ---- Models ------------------------------------------------------------------------------------ */

template <class T> static double read(const char *p)
{
    T value;
    std::memcpy(&value, p, sizeof value);
    return static_cast<double>(value);
}

static const struct Type {
    int number;
    std::size_t bytes;
    double (*read)(const char *);
} types[] = {{1, 4, read<float>},
             {2, 1, read<std::uint8_t>},
             {6, 4, read<std::int32_t>},
             {7, 8, read<std::int64_t>},
             {9, 1, read<std::uint8_t>}};

static const Type &type_of(const Tensor &tensor)
{
    const auto same = [&tensor](const Type &type) { return type.number == tensor.type; };
    const auto found = std::find_if(std::begin(types), std::end(types), same);
    if (found == std::end(types))
        throw std::runtime_error(tensor.name + " has ONNX's type " + std::to_string(tensor.type) + ", not known here");
    return *found;
}

std::size_t Tensor::elements() const
{
    return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, [](std::size_t product, std::int64_t size) {
        return product * static_cast<std::size_t>(size);
    });
}

std::size_t Tensor::bytes() const { return elements() * type_of(*this).bytes; }

std::size_t place(std::vector<Tensor> &tensors)
{
    const std::size_t line = 64;
    std::size_t floats = 0;
    for (Tensor &tensor : tensors) {
        tensor.at = floats;
        floats += (tensor.bytes() + line - 1) / line * (line / sizeof(float));
    }
    return floats;
}

std::vector<Tensor> load_tensors(const std::string &path)
{
    std::vector<Tensor> tensors;
    std::ifstream file(path);
    if (!file) throw std::runtime_error(path + ": cannot read");
    for (std::string line; std::getline(file, line);) {
        Tensor tensor;
        std::istringstream in(line);
        std::getline(in, tensor.name, '\t') >> tensor.type;
        for (std::int64_t size; in >> size;) tensor.shape.push_back(size);
        tensors.push_back(tensor);
    }
    return tensors;
}

void store_tensors(const std::string &path, const std::vector<Tensor> &tensors)
{
    std::ofstream file(path);
    for (const Tensor &tensor : tensors) {
        file << tensor.name << '\t' << tensor.type;
        for (const std::int64_t size : tensor.shape) file << '\t' << size;
        file << '\n';
    }
    if (!file.flush()) throw std::runtime_error(path + ": cannot write");
}

Accuracy compare_outputs(const Case &c, const Array &y, const Array &wanted)
{
    const double tolerance = 1e-3;
    Accuracy most;
    for (const Tensor &tensor : c.outputs) {
        const Type &type = type_of(tensor);
        const auto at = [&type, &tensor](const Array &of, std::size_t i) {
            return type.read(reinterpret_cast<const char *>(of.data() + tensor.at) + i * type.bytes);
        };
        double largest = 0;
        for (std::size_t i = 0; i < tensor.elements(); i++) largest = std::max(largest, std::fabs(at(wanted, i)));
        for (std::size_t i = 0; i < tensor.elements(); i++) {
            const double got = at(y, i), want = at(wanted, i), difference = std::fabs(got - want);
            if (!(difference <= tolerance * largest)) {
                std::ostringstream text;
                text << "case " << c.id << ": " << tensor.name << "[" << i << "] is " << got << ", but should be "
                     << want << " (the largest is " << largest << ")";
                throw std::runtime_error(text.str());
            }
            if (largest > 0) most.error = std::max(most.error, difference / largest);
        }
    }
    return most;
}

/* ---- Accuracy ---------------------------------------------------------------------------------- */

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
    Array x = Array::unset(count);
    for (std::size_t i = 0; i < count; i++) {
        const auto bits = static_cast<std::uint32_t>(first + span * i / (count - 1)) |
                          (i % 2 && c.function != "log" ? 0x80000000U : 0U);
        std::memcpy(x.data() + i, &bits, sizeof bits);
    }
    return x;
}

template <class Wanted> Accuracy compare(const Case &c, const Array &y, const Wanted *wanted)
{
    const double tolerance = find_format(c.format).tolerance;
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
