/* SPDX-License-Identifier: Apache-2.0
 *
 * Packing of weights into panels, and the numbers that packing and planning share.
 */
#include "ops.h"

#include <string.h>

enum { TILE = 4, K_LINE = 16, K_ROWS = 8 }; /* K_LINE: floats of a cache line */

static size_t panels_of(size_t units, size_t lanes) { return (units + lanes - 1) / lanes; }

size_t rnnp_op_gates(rnnp_op op)
{
    switch (op) {
    case RNNP_OP_lstm_step:
    case RNNP_OP_lstm_gates_f32:
    case RNNP_OP_lstm_gates_back_f32: return 4;
    case RNNP_OP_gru_step:
    case RNNP_OP_gru_gates_f32:
    case RNNP_OP_gru_gates_back_f32: return 3;
    case RNNP_OP_gru_reset_step:
    case RNNP_OP_gru_reset_gates_f32:
    case RNNP_OP_gru_reset_gates_back_f32:
    case RNNP_OP_gru_update_gates_back_f32: return 2;
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

/* Four vectors across are read as four vectors down. */
static void turn_tile(float *to, size_t ld, const float *from, size_t stride)
{
    float t[TILE][TILE];
    for (size_t lane = 0; lane < TILE; lane++) memcpy(t[lane], from + lane * stride, sizeof t[lane]);
    for (size_t k = 0; k < TILE; k++) {
        const float row[TILE] = {t[0][k], t[1][k], t[2][k], t[3][k]};
        memcpy(to + k * ld, row, sizeof row);
    }
}

/* One gate of a panel for some k: whole tiles where a stride is 1, the rest element by element. */
static void pack_block(float *to, size_t ld, const float *from, size_t count, size_t lanes, size_t depth,
                       size_t unit_stride, size_t k_stride)
{
    const size_t whole = count / TILE * TILE;
    size_t done = 0;
    if (k_stride == 1 && depth == K_LINE) {
        for (; done < whole; done += TILE)
            for (size_t k = 0; k < K_LINE; k += TILE)
                turn_tile(to + k * ld + done, ld, from + done * unit_stride + k, unit_stride);
    } else if (unit_stride == 1) {
        for (; done < whole; done += TILE)
            for (size_t k = 0; k < depth; k++)
                memcpy(to + k * ld + done, from + k * k_stride + done, TILE * sizeof *to);
    }
    for (size_t k = 0; k < depth && done < lanes; k++)
        for (size_t lane = done; lane < lanes; lane++)
            to[k * ld + lane] = lane < count ? from[lane * unit_stride + k * k_stride] : 0;
}

/* Reads whole lines: where k runs along memory, a line of every unit of a panel at a time; where units do, a few rows
 * from end to end, across all panels (more rows at once evict each other when their stride is a power of two). */
void rnnp_pack_f32(float *packed, const float *w, size_t gates, size_t units, size_t depth, size_t lanes, size_t slices,
                   size_t gate_stride, size_t unit_stride, size_t k_stride)
{
    const int by_rows = unit_stride == 1;
    const size_t per_slice = gates / slices, ld = per_slice * lanes, step = by_rows ? K_ROWS : K_LINE;
    const size_t panels = panels_of(units, lanes), blocks = (depth + step - 1) / step;
    for (size_t i = 0; i < panels * blocks; i++) {
        const size_t panel = by_rows ? i % panels : i / blocks, k = (by_rows ? i / panels : i % blocks) * step;
        const size_t first = panel * lanes, count = units - first < lanes ? units - first : lanes;
        const size_t rows = depth - k < step ? depth - k : step;
        for (size_t g = 0; g < gates; g++)
            pack_block(packed + first * gates * depth + (g / per_slice * depth + k) * ld + g % per_slice * lanes, ld,
                       w + g * gate_stride + first * unit_stride + k * k_stride, count, lanes, rows, unit_stride,
                       k_stride);
    }
}
