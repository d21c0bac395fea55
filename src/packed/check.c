/* SPDX-License-Identifier: Apache-2.0
 *
 * Checksums, the choice of blocks, and what the public header tells about them.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "packed.h"

#include <string.h>

uint64_t rnnp_packed_checksum(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}

const char *rnnp_packed_name(const struct rnnp_packed *packed)
{
    return packed ? packed->name : "";
}

/* ---- Blocks ---- */

const rnnp_packed_block *rnnp_packed_find(const struct rnnp_packed *packed, const rnnp_prepare *prepare, size_t bytes)
{
    char layout[RNNP_LAYOUT_CHARS] = "";

    if (!packed)
        return NULL;
    prepare->node->op->layout(prepare, layout, sizeof layout);
    for (size_t i = 0; i < packed->n_blocks; i++) {
        const rnnp_packed_block *block = &packed->blocks[i];

        if (block->node == prepare->node->serial && block->bytes == bytes && strcmp(block->layout, layout) == 0)
            return block;
    }
    return NULL;
}

static rnnp_status check_block(const struct rnnp_packed *packed, const char *node, rnnp_packed_block *block)
{
    if (atomic_load_explicit(&block->checked, memory_order_acquire))
        return RNNP_OK;
    if (rnnp_packed_checksum(block->data, block->bytes) != block->checksum)
        return rnnp_fail(packed->context, RNNP_ERR_FORMAT,
                         "%s: the packed weights of node %s are damaged: their checksum differs", packed->name, node);
    atomic_store_explicit(&block->checked, 1, memory_order_release);
    return RNNP_OK;
}

rnnp_status rnnp_packed_need(const struct rnnp_packed *packed, const rnnp_node *node, const rnnp_packed_block *block)
{
    return check_block(packed, node->name, &packed->blocks[block - packed->blocks]);
}

/* ---- Public ---- */

static rnnp_status check_closed(const rnnp_model *model)
{
    return model->closed == RNNP_MODEL_CLOSED ? RNNP_OK
                                              : rnnp_fail(model->context, RNNP_ERR_STATE, "the model is not closed");
}

/* The node of a block: its index in the model; n_nodes when closing has removed it. */
static size_t node_of(const rnnp_model *model, const rnnp_packed_block *block)
{
    size_t n = 0;

    while (n < model->n_nodes && model->nodes[n].serial != block->node)
        n++;
    return n;
}

rnnp_status rnnp_packed_verify(const rnnp_model *model)
{
    rnnp_status status;

    if (!model)
        return RNNP_ERR_ARG;
    if ((status = check_closed(model)) != RNNP_OK)
        return status;
    if (!model->packed)
        return rnnp_fail(model->context, RNNP_ERR_STATE, "the model is not from a packed file");
    for (size_t v = 0; v < model->n_values && status == RNNP_OK; v++) {
        if (model->values[v].is_constant && model->values[v].uses > 0)
            status = rnnp_constant_need(model, (int32_t)v);
    }
    for (size_t i = 0; i < model->packed->n_blocks && status == RNNP_OK; i++) {
        const size_t n = node_of(model, &model->packed->blocks[i]);

        status = check_block(model->packed, n < model->n_nodes ? model->nodes[n].name : "", &model->packed->blocks[i]);
    }
    return status;
}

rnnp_status rnnp_model_packed_info(const rnnp_model *model, rnnp_packed_info *info)
{
    rnnp_status status;

    if (!model)
        return RNNP_ERR_ARG;
    if (!info || info->struct_size < sizeof info->struct_size)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "packed info: %s", info ? "struct_size is too small" : "NULL");
    if ((status = check_closed(model)) != RNNP_OK)
        return status;
    const struct rnnp_packed *p = model->packed;
    const size_t size = info->struct_size;
    rnnp_packed_info full = {.struct_size = size};

    if (p)
        full = (rnnp_packed_info){size, RNNP_PACKED_VERSION, p->bytes, p->graph_bytes, p->data_bytes, p->packed_bytes,
                                  p->n_blocks};
    memset(info, 0, size);
    memcpy(info, &full, size < sizeof full ? size : sizeof full);
    return RNNP_OK;
}

rnnp_status rnnp_model_packed_block(const rnnp_model *model, size_t index, rnnp_packed_block_info *info)
{
    rnnp_status status;

    if (!model)
        return RNNP_ERR_ARG;
    if (!info)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "info is NULL");
    if ((status = check_closed(model)) != RNNP_OK)
        return status;
    const size_t n = model->packed ? model->packed->n_blocks : 0;
    if (index >= n)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "packed block %zu of %zu", index, n);
    const rnnp_packed_block *block = &model->packed->blocks[index];
    *info = (rnnp_packed_block_info){node_of(model, block), block->bytes, block->layout};
    return RNNP_OK;
}
