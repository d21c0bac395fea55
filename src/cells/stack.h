/* SPDX-License-Identifier: Apache-2.0
 *
 * A stack of recurrent layers with one direction each, where x of a layer is y of the one before.
 */
#ifndef RNNP_CELLS_STACK_H
#define RNNP_CELLS_STACK_H

#include "recurrent.h"

enum { RNNP_STACK_LAYERS = 8 }; /* most layers of one stack */

typedef struct rnnp_stacked {
    const rnnp_recurrent *layer;
    rnnp_recurrent_call call;
} rnnp_stacked;

#endif
