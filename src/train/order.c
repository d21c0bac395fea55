/* SPDX-License-Identifier: Apache-2.0 */
#include "rnnpack/train.h"

#include "random.h"

void rnnp_train_order(uint64_t seed, uint64_t which, size_t n, uint32_t *order)
{
    const rnnp_random random = {.seed = seed, .step = which, .use = RNNP_RANDOM_ORDER};

    rnnp_random_order(&random, n, order);
}
