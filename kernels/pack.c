/* SPDX-License-Identifier: Apache-2.0
 *
 * Packing of weights into panels, and the numbers that packing and planning share.
 */
#include "ops.h"

#include <string.h>

static size_t panels_of(size_t units, size_t lanes)
{
    return (units + lanes - 1) / lanes;
}

size_t rnnp_op_gates(rnnp_op op)
{
    switch (op) {
    case RNNP_OP_lstm_step_f32:
    case RNNP_OP_lstm_gates_f32: return 4;
    case RNNP_OP_gru_step_f32:
    case RNNP_OP_gru_gates_f32: return 3;
    case RNNP_OP_gru_reset_step_f32:
    case RNNP_OP_gru_reset_gates_f32: return 2;
    default: return 1;
    }
}

/* Pre-activations of the largest group that any number of rows up to `rows` takes: fewer rows make larger groups, so
 * the last rows of a batch with lengths may need more than all of it. A group is all panels, or as many as fit the
 * block, or four panels of one row, or one panel of all. Doubled for the input part of GRU's n. */
size_t rnnp_step_scratch(rnnp_op op, const rnnp_traits *traits, size_t rows, size_t hidden)
{
    size_t nr = rnnp_op_gates(op) * traits->lanes, all = rows * nr * panels_of(hidden, traits->lanes);
    size_t group = (rows > 4 ? rows : 4) * nr;
    if (group < traits->block) group = traits->block;
    return 2 * (traits->block == RNNP_BLOCK_ALL || all < group ? all : group);
}

size_t rnnp_packed_size(size_t gates, size_t units, size_t depth, size_t lanes)
{
    return panels_of(units, lanes) * lanes * gates * depth;
}

void rnnp_pack_f32(float *packed, const float *w, size_t gates, size_t units, size_t depth, size_t lanes,
                   size_t gate_stride, size_t unit_stride, size_t k_stride)
{
    for (size_t panel = 0; panel < panels_of(units, lanes); panel++) {
        size_t first = panel * lanes, count = units - first < lanes ? units - first : lanes;
        for (size_t k = 0; k < depth; k++)
            for (size_t g = 0; g < gates; g++, packed += lanes) {
                const float *from = w + g * gate_stride + first * unit_stride + k * k_stride;
                for (size_t lane = 0; lane < count; lane++) packed[lane] = from[lane * unit_stride];
                memset(packed + count, 0, (lanes - count) * sizeof(float));
            }
    }
}
