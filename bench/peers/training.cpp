/* SPDX-License-Identifier: Apache-2.0 */
#include "training.h"

#include <algorithm>

namespace peer {

std::function<void()> steps_of(const std::shared_ptr<Training> &training, const Case &c, float *y)
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
