/* SPDX-License-Identifier: Apache-2.0
 *
 * What a packed file says of itself, and its end.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "packed.h"

#include "../graph/engine.h"
#include "../structs.h"

#include <string.h>
#include <sys/mman.h>

uint64_t rnnp_packed_checksum(const void *bytes, size_t size) { return XXH3_64bits(bytes, size); }

const char *rnnp_packed_name(const struct rnnp_packed *packed) { return packed ? packed->name : ""; }

void rnnp_packed_destroy(struct rnnp_packed *packed)
{
    if (!packed) return;
    const rnnp_context *context = packed->context;

    if (packed->is_map)
        munmap((void *)packed->base, packed->bytes);
    else if (packed->is_copy)
        rnnp_free(context, (void *)packed->base, packed->bytes);
    rnnp_arena_free(context, &packed->arena);
    rnnp_free(context, packed, sizeof *packed);
}

size_t rnnp_packed_node(const rnnp_model *model, const rnnp_packed_block *block)
{
    size_t first = 0, end = model->n_nodes;

    while (first < end) { /* serials grow along the nodes */
        const size_t middle = first + (end - first) / 2;

        if (model->nodes[middle].serial < block->node)
            first = middle + 1;
        else
            end = middle;
    }
    return first < model->n_nodes && model->nodes[first].serial == block->node ? first : model->n_nodes;
}

rnnp_status rnnp_model_packed_info(const rnnp_model *model, rnnp_packed_info *info)
{
    rnnp_status status;

    if (!model) return RNNP_ERR_ARG;
    if ((status = rnnp_model_need_closed(model)) != RNNP_OK) return status;
    const struct rnnp_packed *p = model->packed;
    rnnp_packed_info full = {.version = 0};

    if (p)
        full = (rnnp_packed_info){.version = p->version,
                                  .file_bytes = p->bytes,
                                  .graph_bytes = p->graph_bytes,
                                  .data_bytes = p->data_bytes,
                                  .packed_bytes = p->packed_bytes,
                                  .n_blocks = p->n_blocks};
    return RNNP_STRUCT_WRITE(model->context, rnnp_packed_info, &full, info);
}

rnnp_status rnnp_model_packed_block_info(const rnnp_model *model, size_t index, rnnp_packed_block_info *info)
{
    rnnp_status status;

    if (!model) return RNNP_ERR_ARG;
    if ((status = rnnp_model_need_closed(model)) != RNNP_OK) return status;
    const size_t n = model->packed ? model->packed->n_blocks : 0;
    if (index >= n) return rnnp_fail(model->context, RNNP_ERR_ARG, "packed block %zu of %zu", index, n);
    const rnnp_packed_block *block = &model->packed->blocks[index];
    const rnnp_packed_block_info full = {
        .node = rnnp_packed_node(model, block), .bytes = block->bytes, .layout = block->layout};
    return RNNP_STRUCT_WRITE(model->context, rnnp_packed_block_info, &full, info);
}
