/* SPDX-License-Identifier: Apache-2.0
 *
 * What a call must compute and read at least, and how long this machine needs for it. The one home of the formula:
 * rnnpack-bench and the peers hold their times against it.
 */
#ifndef RNNP_BENCH_LIMIT_H
#define RNNP_BENCH_LIMIT_H

#include <algorithm>
#include <cstddef>

namespace bench {

/* What one call does. */
struct Work {
    double flop = 0;           /* of its products; 0: none worth counting */
    double bytes = 0;          /* that it must read: weights, or an elementwise kernel's arrays */
    std::size_t footprint = 0; /* where those bytes live when calls follow each other; 0: no bound */
    double steps = 0;          /* time steps, for the counters per step; 0: not a sequence */
    double projection = 0;     /* part of flop that needs none of the bytes: one product for all steps */
};

/* Bytes that are read again and again are both the work and the footprint. */
inline Work array_work(std::size_t floats)
{
    const std::size_t bytes = floats * sizeof(float);
    return {0, static_cast<double>(bytes), bytes, 0, 0};
}

/* x [m][k] times weights [k][n], which are read once. */
inline Work product_work(std::size_t m, std::size_t n, std::size_t k)
{
    Work work = array_work(n * k);
    work.flop = 2 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
    return work;
}

/* A layer of one direction. A sequence can take the input's share as one product for all steps and then reads the
 * recurrent weights in each; a single step reads all weights once. */
inline Work sequence_work(std::size_t gates, std::size_t input, std::size_t hidden, std::size_t batch,
                          std::size_t steps)
{
    const double product = product_work(batch * steps, gates * hidden, input).flop;
    Work work = array_work(gates * hidden * (steps > 1 ? hidden : input + hidden));
    work.flop = product + product_work(batch * steps, gates * hidden, hidden).flop;
    work.steps = static_cast<double>(steps);
    work.bytes *= work.steps;
    work.projection = steps > 1 ? product : 0;
    return work;
}

/* One step of training a layer whose input is as wide as its state: backwards as many products by the inputs and states
 * as there are forwards, and as many by the weights. Weights are read for many rows, so that arithmetic alone is the
 * bound. */
inline Work training_work(std::size_t gates, std::size_t hidden, std::size_t batch, std::size_t steps)
{
    Work work;
    work.flop = 3 * 2 * product_work(batch * steps, gates * hidden, hidden).flop;
    work.steps = static_cast<double>(steps);
    return work;
}

/* A convolution that computes `outputs` positions of `out` channels, each from `in` channels at `kernel` positions, the
 * padding's among them. Arithmetic alone is the bound. */
inline Work convolution_work(std::size_t outputs, std::size_t out, std::size_t in, std::size_t kernel)
{
    Work work;
    work.flop = product_work(outputs, out, in * kernel).flop;
    return work;
}

struct Bound {
    double seconds;
    bool by_read; /* and not by arithmetic */
};

/* fma: operations per second; read: bytes per second at work.footprint. */
inline Bound bound(const Work &work, double fma, double read)
{
    const double for_flop = (work.flop - work.projection) / fma;
    const double for_bytes = work.footprint > 0 ? work.bytes / read : 0;
    return {work.projection / fma + std::max(for_flop, for_bytes), for_bytes > for_flop};
}

} // namespace bench

#endif
