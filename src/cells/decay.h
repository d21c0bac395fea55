/* SPDX-License-Identifier: Apache-2.0
 *
 * The decay of a state between irregular visits: before a step, the state s (c of a cell that has it, else h) becomes
 *
 *     s' = g s                          without D (GRU-D)
 *     s' = (s - m) + g m                with m = tanh(D s + d), the part that is forgotten (time-aware LSTM)
 *
 * where g is given for each step, row and unit, or for all units at once. Inference and training share these functions,
 * and so their bits.
 */
#ifndef RNNP_CELLS_DECAY_H
#define RNNP_CELLS_DECAY_H

#include "layer.h"

typedef struct rnnp_decay {
    const float *g; /* of this step: g[row * g_row + u * g_unit] */
    size_t g_row, g_unit;
    const uint32_t *order; /* g's row of each row; NULL: the same */
    size_t rows, hidden;
    const float *from; /* [rows][hidden] */
    size_t ldfrom;
    float *split; /* m, [rows][hidden], overwritten; NULL without D */
    float *to;    /* may be from */
    size_t ldto;
} rnnp_decay;

/* m [rows][hidden] of d->from, or with RNNP_ACT_NONE in place of RNNP_ACT_TANH its pre-activation; scratch as the
 * product needs it. block: the direction's packed weights. */
void rnnp_decay_part(const rnnp_recurrent *layer, const char *block, const rnnp_decay *d, rnnp_act act, float *m,
                     float *scratch);
/* d->to = s'. */
void rnnp_decay_rows(const rnnp_selection *select, const rnnp_decay *d);
/* y = a * g of one row; y may be a. */
void rnnp_decay_row(const rnnp_selection *select, const rnnp_decay *d, size_t row, const float *a, float *y);

#endif
