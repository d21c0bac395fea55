/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RNNP_BENCH_PEER_ONEDNN_TRAINING_H
#define RNNP_BENCH_PEER_ONEDNN_TRAINING_H

#include "training.h"

#include <oneapi/dnnl/dnnl.hpp>

/* oneDNN has the passes of a layer; loss and Adam around them are ours, as its users write theirs. */
std::shared_ptr<peer::Training> onednn_training(const dnnl::engine &engine, const dnnl::stream &stream,
                                                const peer::Case &c, const peer::Weights &weights, const float *x);

#endif
