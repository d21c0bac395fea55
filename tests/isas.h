/* SPDX-License-Identifier: Apache-2.0
 *
 * The instruction sets that this build has, so that tests name none: they follow from kernels/isa.def.
 */
#ifndef RNNP_TESTS_ISAS_H
#define RNNP_TESTS_ISAS_H

#include "kernels/ops.h"

/* In the order of isa.def, generic first; NULL past the last. */
static inline const char *build_isa(size_t index)
{
    for (size_t isa = 0; isa < RNNP_ISA_COUNT; isa++) {
        if (rnnp_tables[isa]->rows && index-- == 0) return rnnp_isa_names[isa];
    }
    return NULL;
}

static inline size_t build_isas(void)
{
    size_t n = 0;

    while (build_isa(n)) n++;
    return n;
}

#endif
