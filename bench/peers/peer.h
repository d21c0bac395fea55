/* SPDX-License-Identifier: Apache-2.0
 *
 * What every peer program shares: cases, their data, the check and the clock. A program derives from Peer and calls
 * serve(), which answers each case line on stdin with one line of JSON:
 *
 *     lstm_h64_b1_t50 <tab> lstm <tab> 64 <tab> 1 <tab> 50        id, cell, and the sizes of its kind
 *     {"case": "lstm_h64_b1_t50", "us_median": 71.2, "us_min": 70.9, "calls": 560, "max_error": 1.2e-07}
 *
 *     kind      cell                    sizes
 *     layer     lstm gru gru_lbr rnn    hidden, batch, steps; x is as wide as the state. Or with input, layers and
 *                                       directions besides, for a stack: y is [steps][batch][directions * hidden]. The
 *                                       initial states [layers][directions][batch][hidden] are the beginning of x.f32,
 *                                       as a stream's step begins with a state too
 *               lstm_s8 gru_bf16 ...    the same with weights in s8 or bf16, made of those in f32 before the clock
 *                                       starts; x, y and the states are f32, and y must be near that of weights in f32
 *     product   gemm gemm_s8            m, n, k: x [m][k] times the transpose of w [n][k]
 *     function  tanh_u35 exp_fast ...   elements, 1, 1; our math class stands in the name, most peers have one function
 *     start     start_onnx ...          hidden, layers, steps: an LSTM, batch 1, from its file, in a new process
 *     training  train_lstm train_gru_lbr    hidden, batch, steps, of a layer that begins with zeros
 *     convolution   conv                channels in and out, kernel, stride, groups, length, batch: one axis, pads of
 *                                       (kernel - 1) / 2, and a bias
 *     model     model                   none: <id>.onnx with the inputs that <id>.inputs lists
 *
 * A program that does not have what a case asks for on this CPU answers {"case": ..., "lacks": "why"}.
 *
 * A function is held against double precision; its answer has "max_ulp" besides. A call of the kind training is one
 * step: forward, backward by weights, biases and x, and Adam (rate 0.001, the other settings PyTorch's), the loss being
 * the mean of y^2 over its N elements. The y that is checked is N times the first step's loss, N times the second's
 * (which shows the update), and N times the first step's gradient by r in ONNX's layout.
 *
 * A model has several inputs and outputs, of several types: x and y are the memory of all, one after another.
 * <id>.inputs and <id>.outputs have a line for each: name, ONNX's number of its type, and dimensions, by tabs. Its
 * max_error is relative to the largest element of an output.
 */
#ifndef RNNP_BENCH_PEER_H
#define RNNP_BENCH_PEER_H

#include "../floats.h"

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace peer {

using Array = bench::Floats;

enum class Kind { layer, product, function, start, training, convolution, model };

/* An input or output of a model. */
struct Tensor {
    std::string name;
    int type = 0; /* ONNX's number */
    std::vector<std::int64_t> shape;
    std::size_t at = 0; /* floats before it */

    std::size_t elements() const;
    std::size_t bytes() const; /* throws for a type that is not known here */
};

struct Case {
    std::string id, cell, model; /* cell: without train_ and format; model: its file's name without an end, by which
                                  * cases share weights */
    std::string format = "f32";  /* of weights */
    Kind kind = Kind::layer;
    std::size_t rows = 1, depth = 1, columns = 1; /* x [rows][depth], y [rows][columns] but of training */
    std::size_t input = 0, hidden = 0, gates = 0, layers = 1, directions = 1, batch = 1, steps = 1;
    std::string function, math;                                                  /* of the kind function: tanh, u35 */
    std::size_t in = 0, out = 0, kernel = 0, stride = 1, groups = 1, length = 0; /* of a convolution: channels of all */
    std::vector<Tensor> inputs, outputs;                                         /* of a model */

    bool has_cell() const { return kind == Kind::layer || kind == Kind::training; }
    std::size_t width(std::size_t layer) const { return layer ? directions * hidden : input; } /* of its x */
    std::size_t states() const { return kind == Kind::layer ? layers * directions * batch * hidden : 0; }
    std::size_t pad() const { return (kernel - 1) / 2; }
    std::size_t out_length() const { return (length + 2 * pad() - kernel) / stride + 1; }
    std::size_t results() const { return kind == Kind::training ? 2 + gates * hidden * hidden : rows * columns; }
};

/* What prepare() throws for a case that the library, or this CPU, does not have. */
struct Lacks : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/* In ONNX's layout and order of gates, for each layer and direction: w [gates * hidden][width],
 * r [gates * hidden][hidden], bias [2 * gates * hidden]. A product has w alone, a convolution
 * w [out][in / groups][kernel] and bias [out], the other kinds have none. */
struct Weights {
    const float *w, *r, *bias;

    /* From this layer and direction on. */
    Weights from(const Case &c, std::size_t layer, std::size_t direction = 0) const;
};

/* Where each gate of a library's order stands in ONNX's. */
using Order = std::size_t[4];

struct Options {
    std::string dir;      /* weights, x, y and models */
    std::string library;  /* of peers that are loaded at run time */
    std::string provider; /* what ONNX Runtime runs recurrent nodes by; empty: itself */
    std::size_t threads = 1;
    double budget = 0.03; /* seconds of timing per case */
    bool write = false;   /* write y for the others instead of checking and timing */
    bool blocked = false; /* convolutions: x and y lie as the library wants them */
    std::string once;     /* a case line: y of one run goes to stdout as floats, and that is all */
};

class Peer {
  public:
    virtual ~Peer() = default;
    virtual std::string name() const = 0;
    virtual std::string version() const = 0;
    virtual std::string settings() const = 0;

    /* Readies a case outside the clock (for a start: inside); the result computes y from x. Weights, x and y live as
     * long as it does. Throws Lacks for a kind or a format that the library does not have. */
    virtual std::function<void()> prepare(const Case &c, const Weights &weights, const float *x, float *y) = 0;

    /* What a model's outputs will be; asked of ours, whose outputs all are held against. */
    virtual std::vector<Tensor> outputs_of(const Case &) { throw Lacks(name() + " describes no models"); }

    /* What the machine would allow just now, in microseconds; 0: not known here. */
    virtual double limit_us(const Case &) { return 0; }
};

using Maker = std::unique_ptr<Peer> (*)(const Options &options);

/* The whole of main(). */
int serve(int argc, char **argv, Maker make);

template <class P> int serve(int argc, char **argv)
{
    return serve(argc, argv,
                 [](const Options &options) -> std::unique_ptr<Peer> { return std::make_unique<P>(options); });
}

} // namespace peer

#endif
