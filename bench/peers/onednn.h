/* SPDX-License-Identifier: Apache-2.0
 *
 * What inference and training with oneDNN share.
 */
#ifndef RNNP_BENCH_PEER_ONEDNN_H
#define RNNP_BENCH_PEER_ONEDNN_H

#include "onednn_api.h"
#include "training.h"

namespace onednn {

inline memory::dim dim(std::size_t n) { return static_cast<memory::dim>(n); }
inline float *floats(const memory &m) { return static_cast<float *>(m.get_data_handle()); }

/* The gates as oneDNN orders them (LSTM: input, forget, candidate, output) and its rows of bias. Reset after has a
 * fourth row: the recurrent bias of the candidate, which stands inside the reset gate's product. */
struct Cell {
    const char *name;
    std::size_t gates, bias_rows;
    peer::Order order;
};
const Cell &cell_of(const peer::Case &c);

struct Engine {
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    dnnl::stream stream{engine};

    /* oneDNN does not write to what it reads, but has no type that says so. */
    memory view(const Desc &desc, const float *data) { return memory(desc, engine, const_cast<float *>(data)); }
    void reorder(memory from, memory to) { dnnl::reorder(from, to).execute(stream, from, to); }
    memory reordered(memory from, const Desc &to, const Extras &extras = {});
    /* From ONNX's gates of matrices and their two biases. dims: layers, directions, (width,) gates or rows, units. */
    memory gates(const Cell &cell, const memory::dims &dims, const float *onnx, const Desc &to,
                 const Extras &extras = {});
    memory bias(const Cell &cell, const memory::dims &dims, const float *onnx);
};

/* oneDNN has the passes of a layer; loss and Adam around them are ours, as its users write theirs. */
std::shared_ptr<peer::Training> training(Engine &engine, const peer::Case &c, const peer::Weights &weights,
                                         const float *x);

} // namespace onednn

#endif
