/* SPDX-License-Identifier: Apache-2.0
 *
 * The lines of cells.def as tables.
 */
#ifndef RNNP_KERNELS_CELLS_H
#define RNNP_KERNELS_CELLS_H

#include "ops.h"
#include "rnnpack/model.h"

typedef enum rnnp_reset { RNNP_RESET_BEFORE, RNNP_RESET_AFTER, RNNP_RESET_ANY } rnnp_reset;
typedef enum rnnp_state_use { RNNP_STATE_NONE, RNNP_STATE_UPDATED, RNNP_STATE_WRITTEN, RNNP_STATE_READ } rnnp_state_use;

enum { RNNP_CELL_PARTS = 2, RNNP_CELL_GATES = 4, RNNP_CELL_ACTS = 3 }; /* at most */

typedef struct rnnp_part {
    rnnp_cell cell;
    rnnp_reset reset;
    rnnp_op step, gates_op, back_op;
    size_t gates, z_back;
    rnnp_chain chain;
    int own_start, blends;
    rnnp_state_use state;
} rnnp_part;

typedef struct rnnp_cell_traits {
    const char *name, *op; /* "lstm", "LSTM" */
    size_t gates, activations, states, peepholes;
    int coupled;
    rnnp_act act[RNNP_CELL_ACTS];
    const char *order[3]; /* by rnnp_order */
} rnnp_cell_traits;

/* NULL for an unknown cell. */
const rnnp_cell_traits *rnnp_cell_of(rnnp_cell cell);
/* The cell of that operator; 0 for others. */
rnnp_cell rnnp_cell_of_op(const char *op);

/* Part i of a cell with this reset; NULL past the last. */
const rnnp_part *rnnp_cell_part(rnnp_cell cell, int reset_after, size_t i);
/* Whether its parts depend on the reset. */
int rnnp_cell_has_reset(rnnp_cell cell);
/* The part with this step, gates or gradient op; NULL for other ops. */
const rnnp_part *rnnp_cell_part_of(rnnp_op op);

#endif
