/* SPDX-License-Identifier: Apache-2.0
 *
 * All parameters of a trainer, to be compared.
 */
#ifndef RNNP_TESTS_PARAMETERS_H
#define RNNP_TESTS_PARAMETERS_H

#include "../model/build.h"
#include "rnnpack/train.h"

static inline size_t elements_of(const rnnp_trainer *trainer, size_t index)
{
    rnnp_parameter_info p = {.struct_size = sizeof p};
    size_t n = 1;

    OK(rnnp_trainer_parameter_info(trainer, index, &p));
    for (size_t d = 0; d < p.rank; d++) n *= (size_t)p.shape[d];
    return n;
}

/* All parameters (or gradients, without the frozen ones) one behind the other, on the heap. */
static inline float *all_of(const rnnp_trainer *trainer, int gradients, size_t *n)
{
    float *all = NULL;
    rnnp_parameter_info p = {.struct_size = sizeof p};

    *n = 0;
    for (size_t i = 0; i < rnnp_trainer_parameter_count(trainer); i++) {
        OK(rnnp_trainer_parameter_info(trainer, i, &p));
        if (gradients && p.frozen) continue;
        all = realloc(all, (*n + elements_of(trainer, i)) * sizeof *all);
        assert_non_null(all);
        OK(gradients ? rnnp_trainer_get_gradient(trainer, i, all + *n)
                     : rnnp_trainer_get_parameter(trainer, i, all + *n));
        *n += elements_of(trainer, i);
    }
    return all;
}

#endif
