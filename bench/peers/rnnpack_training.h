/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RNNP_BENCH_PEER_RNNPACK_TRAINING_H
#define RNNP_BENCH_PEER_RNNPACK_TRAINING_H

#include "training.h"

#include <rnnpack/rnnpack.h>

/* A model of one recurrent layer and its trainer. Throws rnnpack's sentence. */
std::shared_ptr<peer::Training> rnnpack_training(rnnp_context *context, const peer::Case &c,
                                                 const peer::Weights &weights, const float *x);

#endif
