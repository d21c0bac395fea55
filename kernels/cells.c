/* SPDX-License-Identifier: Apache-2.0 */
#include "cells.h"

#include <string.h>

static const rnnp_part parts[] = {
#define RNNP_PART(cell_, reset_, part, gates_, z_back_, chain_, own_start_, blends_, state_) \
    {.cell = RNNP_CELL_##cell_,                                                              \
     .reset = RNNP_RESET_##reset_,                                                           \
     .step = RNNP_OP_##part##_step,                                                          \
     .gates_op = RNNP_OP_##part##_gates_f32,                                                 \
     .back_op = RNNP_OP_##part##_gates_back_f32,                                             \
     .gates = gates_,                                                                        \
     .z_back = z_back_,                                                                      \
     .chain = RNNP_CHAIN_##chain_,                                                           \
     .own_start = own_start_,                                                                \
     .blends = blends_,                                                                      \
     .state = RNNP_STATE_##state_},
#include "cells.def"
};
enum { PARTS = sizeof parts / sizeof *parts };

static const rnnp_cell_traits cells[] = {
#define RNNP_CELL(cell, name_, states_, peepholes_, coupled_, f, g, h, onnx, pytorch, keras)        \
    [RNNP_CELL_##                                                                                   \
        cell] = {.name = #name_,                                                                    \
                 .op = #cell,                                                                       \
                 .gates = sizeof onnx - 1,                                                          \
                 .activations = (RNNP_ACT_##f != RNNP_ACT_NONE) + (RNNP_ACT_##g != RNNP_ACT_NONE) + \
                                (RNNP_ACT_##h != RNNP_ACT_NONE),                                    \
                 .states = states_,                                                                 \
                 .peepholes = peepholes_,                                                           \
                 .coupled = coupled_,                                                               \
                 .act = {RNNP_ACT_##f, RNNP_ACT_##g, RNNP_ACT_##h},                                 \
                 .order = {[RNNP_ORDER_ONNX] = onnx, [RNNP_ORDER_PYTORCH] = pytorch, [RNNP_ORDER_KERAS] = keras}},
#include "cells.def"
};

const rnnp_cell_traits *rnnp_cell_of(rnnp_cell cell)
{
    return (size_t)cell < sizeof cells / sizeof *cells && cells[cell].name ? &cells[cell] : NULL;
}

rnnp_cell rnnp_cell_of_op(const char *op)
{
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        if (cells[i].op && strcmp(cells[i].op, op) == 0) return (rnnp_cell)i;
    return (rnnp_cell)0;
}

const rnnp_part *rnnp_cell_part(rnnp_cell cell, int reset_after, size_t i)
{
    const rnnp_reset reset = reset_after ? RNNP_RESET_AFTER : RNNP_RESET_BEFORE;
    for (const rnnp_part *p = parts; p < parts + PARTS; p++)
        if (p->cell == cell && (p->reset == RNNP_RESET_ANY || p->reset == reset) && i-- == 0) return p;
    return NULL;
}

int rnnp_cell_has_reset(rnnp_cell cell) { return rnnp_cell_part(cell, 0, 0) != rnnp_cell_part(cell, 1, 0); }

const rnnp_part *rnnp_cell_part_of(rnnp_op op)
{
    for (const rnnp_part *p = parts; p < parts + PARTS; p++)
        if (p->step == op || p->gates_op == op || p->back_op == op) return p;
    return NULL;
}

size_t rnnp_op_gates(rnnp_op op)
{
    const rnnp_part *p = rnnp_cell_part_of(op);
    return !p ? 1 : op == p->back_op ? p->z_back : p->gates;
}
