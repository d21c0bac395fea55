/* SPDX-License-Identifier: Apache-2.0
 *
 * A layer's parts and kernels, and its packed block. No allocation: all memory comes from the caller.
 */
#ifndef RNNP_CELLS_PACKED_H
#define RNNP_CELLS_PACKED_H

#include "layer.h"

/* Fills in the second half from the first; to be called before anything below. */
void rnnp_recurrent_prepare(rnnp_recurrent *layer);

/* The step op of a part, before preparing too; RNNP_OP_COUNT past the last. */
rnnp_op rnnp_recurrent_op(const rnnp_recurrent *layer, size_t part);

/* Bytes and contents of the packed block (64-byte aligned). Threads may each write one of `parts` parts; together they
 * write every byte. */
size_t rnnp_recurrent_pack_bytes(const rnnp_recurrent *layer);
void rnnp_recurrent_pack(const rnnp_recurrent *layer, const rnnp_recurrent_source *source, void *packed, size_t part,
                         size_t parts);

/* One part's section of that: the start of its chains, in panel order of p->lanes, in block from p->bias up to p->wx.
 * b: the direction's [2*G*hidden], or NULL. */
void rnnp_recurrent_pack_bias(const rnnp_recurrent *layer, const rnnp_recurrent_part *p, const float *b, char *block);

/* A line that tells everything the block's bytes depend on besides the weights: two layers with the same line can use
 * the same block. A new way of packing must show in it. */
void rnnp_recurrent_layout(const rnnp_recurrent *layer, char *text, size_t size);

/* Packed recurrent weights that one time step reads, in bytes (all directions). */
size_t rnnp_recurrent_step_bytes(const rnnp_recurrent *layer);
const char *rnnp_recurrent_variant(const rnnp_recurrent *layer);

/* The cell's elementwise function for a direction with this packed block. */
rnnp_gate_spec rnnp_recurrent_spec(const rnnp_recurrent *layer, size_t d, const char *block);

#endif
