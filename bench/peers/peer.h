/* SPDX-License-Identifier: Apache-2.0
 *
 * What every peer program shares: cases, their data, the check and the clock. A program derives from Peer and calls
 * serve(), which answers each case line on stdin with one line of JSON:
 *
 *     lstm_h64_b1_t50 <tab> lstm <tab> 64 <tab> 1 <tab> 50        id, cell, hidden, batch, steps
 *     {"case": "lstm_h64_b1_t50", "us_median": 71.2, "us_min": 70.9, "calls": 560, "max_error": 1.2e-07}
 *
 * Input and hidden sizes are equal. The cell "gemm" is the product of x with W alone: batch rows, 4 * hidden columns.
 */
#ifndef RNNP_BENCH_PEER_H
#define RNNP_BENCH_PEER_H

#include <cstddef>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>

namespace peer {

/* Floats at an address that suits any vector. */
class Array {
public:
    explicit Array(std::size_t count = 0);
    static Array load(const std::string &path, std::size_t count);

    float *data() const { return data_.get(); }
    std::size_t size() const { return size_; }

private:
    struct Free {
        void operator()(float *p) const { std::free(p); }
    };
    std::unique_ptr<float[], Free> data_;
    std::size_t size_;
};

struct Case {
    std::string id, cell;
    std::size_t hidden, batch, steps;

    bool recurrent() const { return cell != "gemm"; }
    std::size_t gates() const;
    std::size_t rows() const { return steps * batch; }                /* of x and y */
    std::size_t columns() const;                                      /* of y */
    std::string model() const { return cell + "_h" + std::to_string(hidden); } /* what cases share weights by */
};

/* In ONNX's layout and order of gates: w, r [gates * hidden][hidden], bias [2 * gates * hidden]; gemm has w alone. */
struct Weights {
    const float *w, *r, *bias;
};

/* Where each gate of a library's order stands in ONNX's. */
using Order = std::size_t[4];

struct Options {
    std::string dir;        /* weights, x, y and models */
    std::string library;    /* of peers that are loaded at run time */
    std::size_t threads = 1;
    double budget = 0.03;   /* seconds of timing per case */
    bool write = false;     /* write y for the others instead of checking and timing */
};

class Peer {
public:
    virtual ~Peer() = default;
    virtual std::string name() const = 0;
    virtual std::string version() const = 0;
    virtual std::string settings() const = 0;

    /* Readies a case outside the clock; the result computes y from x. Weights, x and y live as long as it does. */
    virtual std::function<void()> prepare(const Case &c, const Weights &weights, const float *x, float *y) = 0;

    /* What the machine would allow just now, in microseconds; 0: not known here. */
    virtual double limit_us(const Case &) { return 0; }
};

using Maker = std::unique_ptr<Peer> (*)(const Options &options);

/* The whole of main(). */
int serve(int argc, char **argv, Maker make);

} // namespace peer

#endif
