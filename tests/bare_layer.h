/* SPDX-License-Identifier: Apache-2.0
 *
 * A recurrent layer without a model, for tests of what is below models.
 */
#ifndef RNNP_TESTS_BARE_LAYER_H
#define RNNP_TESTS_BARE_LAYER_H

#include "src/cells/weights.h"

/* A layer, neither chosen for nor prepared. */
static inline rnnp_recurrent bare_layer(const rnnp_context *context, rnnp_cell cell, int reset_after,
                                        rnnp_direction direction, size_t input, size_t hidden)
{
    rnnp_recurrent l = {.cell = cell,
                        .reset_after = reset_after,
                        .direction = direction,
                        .input = input,
                        .hidden = hidden,
                        .math = RNNP_MATH_U35,
                        .select = &context->selection};

    rnnp_act_defaults(cell, l.act[0]);
    rnnp_act_defaults(cell, l.act[1]);
    return l;
}

#endif
