/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard of the double references: one input in long double.
 */
#include "measure.h"

errors exact_errors(kind k, float x, double y)
{
    const long double v = (long double)x;
    const long double value = k == KIND_EXP ? expl(v) : k == KIND_TANH ? tanhl(v) : 1 / (1 + expl(-v));
    const long double truth = value > 0x1p128L ? 0x1p128L : value;
    return errors_at((double)truth, (double)fabsl((long double)finite(y) - truth));
}
