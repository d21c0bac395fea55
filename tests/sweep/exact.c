/* SPDX-License-Identifier: Apache-2.0
 *
 * The guard of the double references: one input in long double.
 */
#include "measure.h"

static long double value_of(kind k, long double x)
{
    switch (k) {
    case KIND_EXP: return expl(x);
    case KIND_TANH: return tanhl(x);
    case KIND_SIGMOID: return 1 / (1 + expl(-x));
    case KIND_LOG: return logl(x);
    case KIND_SOFTPLUS: return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x)));
    default: return x < 0 ? expm1l(x) : x;
    }
}

int has_value(kind k, float x) { return !isnan(x) && !(k == KIND_LOG && x < 0); }

errors exact_errors(kind k, float x, double y)
{
    const long double value = value_of(k, (long double)x), below = value > 0x1p128L ? 0x1p128L : value;
    const long double truth = below < -0x1p128L ? -0x1p128L : below;
    return errors_at((double)truth, (double)fabsl((long double)finite(y) - truth));
}
