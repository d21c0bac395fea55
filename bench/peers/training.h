/* SPDX-License-Identifier: Apache-2.0
 *
 * Cases of the kind training: what a library gives, and the y that is made of it (peer.h).
 */
#ifndef RNNP_BENCH_PEER_TRAINING_H
#define RNNP_BENCH_PEER_TRAINING_H

#include "peer.h"

#include <algorithm>

namespace peer {

struct Adam {
    float rate = 1e-3F, beta1 = 0.9F, beta2 = 0.999F, epsilon = 1e-8F;
};

/* A layer with the state of its optimiser. */
class Training {
  public:
    virtual ~Training() = default;
    virtual double step() = 0; /* the loss before the update */
    /* By r, of the latest step, in ONNX's order: [gates * hidden][hidden]. */
    virtual void gradient(float *r) = 0;
};

/* Takes the two steps that y is made of; the result takes one more with each call. */
inline std::function<void()> steps_of(const std::shared_ptr<Training> &training, const Case &c, float *y)
{
    const auto n = static_cast<double>(c.rows * c.columns);
    const auto times_n = [n](double value) { return static_cast<float>(n * value); };
    y[0] = times_n(training->step());
    training->gradient(y + 2);
    std::transform(y + 2, y + c.results(), y + 2, times_n);
    y[1] = times_n(training->step());
    return [training] { training->step(); };
}

} // namespace peer

#endif
