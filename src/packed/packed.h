/* SPDX-License-Identifier: Apache-2.0
 *
 * A packed file behind a model: what the graph engine asks it for.
 *
 *   format.h    the file's fixed structures
 *   words.c     the graph's encoding: a stream of 8-byte words
 *   write.c     a closed model to bytes; save.c: those into a file
 *   read.c      a file's sections to a model; open.c: where its bytes come from
 *   check.c     the choice of blocks, and whether they are what they should be
 *   info.c      checksums, what a file says of itself, and its end
 */
#ifndef RNNP_PACKED_H
#define RNNP_PACKED_H

#include "../graph/graph.h"
#include "rnnpack/packed.h"

/* One node's weights in one layout. */
typedef struct rnnp_packed_block {
    size_t node; /* its serial */
    const char *layout;
    const void *data; /* in the file, 64-byte aligned */
    size_t bytes;
    uint64_t checksum;
    atomic_uchar checked;  /* its checksum is right */
    atomic_uchar compared; /* it is what packing the originals gives */
} rnnp_packed_block;

struct rnnp_packed {
    const rnnp_context *context;
    char name[128]; /* the path or its end, or what stands for it in messages */
    const unsigned char *base;
    size_t bytes;
    uint32_t version;    /* of its format */
    int is_map, is_copy; /* neither: the caller's memory */
    int compare;         /* blocks are compared with the originals when they are needed */
    size_t graph_bytes, data_bytes, packed_bytes;
    rnnp_packed_block *blocks; /* in the order of their nodes */
    size_t n_blocks;
    struct rnnp_block *arena;
};

/* Unmaps or frees everything; NULL is fine. */
void rnnp_packed_destroy(struct rnnp_packed *packed);

/* Whether the bytes at p are the file's. packed may be NULL. */
static inline int rnnp_packed_holds(const struct rnnp_packed *packed, const void *p)
{
    return packed && (uintptr_t)p - (uintptr_t)packed->base < packed->bytes;
}

uint64_t rnnp_packed_checksum(const void *bytes, size_t size);
const char *rnnp_packed_name(const struct rnnp_packed *packed);
/* The node of a block: its index in the model; n_nodes when closing has removed it. */
size_t rnnp_packed_node(const rnnp_model *model, const rnnp_packed_block *block);

/* The block that fits a node as it is planned, its layout included, or NULL; packed may be NULL. */
const rnnp_packed_block *rnnp_packed_find(const struct rnnp_packed *packed, const rnnp_node *node,
                                          const rnnp_planned *planned);

/* RNNP_OK when the block, which rnnp_packed_find has found, may be read: its checksum is right, and it is what packing
 * the originals gives, if that was asked for. Safe from many threads. */
rnnp_status rnnp_packed_need(const rnnp_model *model, const rnnp_node *node, const rnnp_planned *planned,
                             const rnnp_packed_block *block);

/* Makes the model of an opened file, which it takes over, whatever happens. */
rnnp_status rnnp_packed_read(const rnnp_context *context, struct rnnp_packed *packed, const rnnp_load_options *options,
                             rnnp_model **model);

#endif
