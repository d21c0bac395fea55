/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RNNP_BENCH_ONNX_STACK_H
#define RNNP_BENCH_ONNX_STACK_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench {

/* The bytes of an ONNX file: `layers` LSTMs of the same width on x [steps][1][hidden] (steps dynamic), the last one's
 * output is y. */
std::vector<uint8_t> onnx_lstm_stack(size_t layers, size_t hidden);

} // namespace bench

#endif
