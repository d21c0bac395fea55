/* SPDX-License-Identifier: Apache-2.0
 *
 * Checksums, the choice of blocks, and what the public header tells about them.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "../fpmode.h"
#include "../structs.h"
#include "packed.h"

#include <string.h>

uint64_t rnnp_packed_checksum(const void *bytes, size_t size) { return XXH3_64bits(bytes, size); }

const char *rnnp_packed_name(const struct rnnp_packed *packed) { return packed ? packed->name : ""; }

/* ---- Blocks ---- */

const rnnp_packed_block *rnnp_packed_find(const struct rnnp_packed *packed, const rnnp_prepare *prepare, size_t bytes)
{
    char layout[RNNP_LAYOUT_CHARS] = "";
    size_t first = 0, end = packed ? packed->n_blocks : 0;

    while (first < end) { /* the node's first block */
        const size_t middle = first + (end - first) / 2;

        if (packed->blocks[middle].node < prepare->node->serial)
            first = middle + 1;
        else
            end = middle;
    }
    if (!packed || first == packed->n_blocks || packed->blocks[first].node != prepare->node->serial) return NULL;
    prepare->node->op->layout(prepare, layout, sizeof layout);
    for (size_t i = first; i < packed->n_blocks && packed->blocks[i].node == prepare->node->serial; i++) {
        const rnnp_packed_block *block = &packed->blocks[i];

        if (block->bytes == bytes && strcmp(block->layout, layout) == 0) return block;
    }
    return NULL;
}

static rnnp_status check_block(const struct rnnp_packed *packed, const char *node, rnnp_packed_block *block)
{
    if (atomic_load_explicit(&block->checked, memory_order_acquire)) return RNNP_OK;
    if (rnnp_packed_checksum(block->data, block->bytes) != block->checksum)
        return rnnp_fail(packed->context, RNNP_ERR_FORMAT,
                         "%s: the packed weights of node %s are damaged: their checksum differs", packed->name, node);
    atomic_store_explicit(&block->checked, 1, memory_order_release);
    return RNNP_OK;
}

/* Packs the originals as `prepare` says, which is how the block is packed, too. */
static rnnp_status compare_block(const rnnp_model *model, const rnnp_prepare *prepare, rnnp_packed_block *block)
{
    const rnnp_node *node = prepare->node;
    rnnp_status status = RNNP_OK;

    if (atomic_load_explicit(&block->compared, memory_order_acquire)) return RNNP_OK;
    for (size_t i = 0; i < node->n_inputs && status == RNNP_OK; i++) {
        if (node->inputs[i] != RNNP_NONE) status = rnnp_constant_need(model, node->inputs[i]);
    }
    if (status != RNNP_OK) return status;
    void *packed = rnnp_calloc(model->context, block->bytes);
    if (!packed) return RNNP_ERR_MEMORY;
    const rnnp_fpmode mode = rnnp_fpmode_enter(0);
    node->op->pack(prepare, packed, 0, 1);
    rnnp_fpmode_set(mode);
    if (memcmp(packed, block->data, block->bytes) != 0)
        status = rnnp_fail(model->context, RNNP_ERR_FORMAT,
                           "%s: the packed weights of node %.40s are not its weights packed, by layout %.60s",
                           model->packed->name, node->name, block->layout);
    else
        atomic_store_explicit(&block->compared, 1, memory_order_release);
    rnnp_free(model->context, packed, block->bytes);
    return status;
}

rnnp_status rnnp_packed_need(const rnnp_model *model, const rnnp_prepare *prepare, const rnnp_packed_block *block)
{
    const struct rnnp_packed *packed = model->packed;
    rnnp_packed_block *own = &packed->blocks[block - packed->blocks];
    const rnnp_status status = check_block(packed, prepare->node->name, own);

    return status == RNNP_OK && packed->compare ? compare_block(model, prepare, own) : status;
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

/* The checksum of a block, and what it is made of. Any instruction set of this build may be the one it is for. */
static rnnp_status verify_block(const rnnp_model *model, rnnp_packed_block *block)
{
    const size_t n = node_of(model, block);
    const rnnp_node *node = n < model->n_nodes ? &model->nodes[n] : NULL;
    char layout[RNNP_LAYOUT_CHARS];
    const rnnp_status status = check_block(model->packed, node ? node->name : "", block);

    if (status != RNNP_OK || !node) /* nobody has a use for a block of no node */
        return status;
    for (int isa = -1; node->op->pack_bytes && isa < RNNP_ISA_COUNT; isa++) {
        rnnp_selection select = model->context->selection;

        if (isa >= 0) rnnp_select_isa((rnnp_isa)isa, &select);
        const rnnp_prepare prepare = rnnp_packed_prepare(model, node, &select);
        if (node->op->pack_bytes(&prepare) != block->bytes) continue;
        node->op->layout(&prepare, layout, sizeof layout);
        if (strcmp(layout, block->layout) == 0) return compare_block(model, &prepare, block);
    }
    return rnnp_fail(model->context, RNNP_ERR_UNSUPPORTED,
                     "%s: the packed weights of node %.40s have a layout that this library does not make, so they "
                     "cannot be compared with the weights: %.60s",
                     model->packed->name, node->name, block->layout);
}

rnnp_status rnnp_packed_verify(const rnnp_model *model)
{
    rnnp_status status;

    if (!model) return RNNP_ERR_ARG;
    if ((status = check_closed(model)) != RNNP_OK) return status;
    if (!model->packed) return rnnp_fail(model->context, RNNP_ERR_STATE, "the model is not from a packed file");
    for (size_t v = 0; v < model->n_values && status == RNNP_OK; v++) {
        if (model->values[v].is_constant && model->values[v].uses > 0) status = rnnp_constant_need(model, (int32_t)v);
    }
    for (size_t i = 0; i < model->packed->n_blocks && status == RNNP_OK; i++)
        status = verify_block(model, &model->packed->blocks[i]);
    return status;
}

rnnp_status rnnp_model_packed_info(const rnnp_model *model, rnnp_packed_info *info)
{
    rnnp_status status;

    if (!model) return RNNP_ERR_ARG;
    if ((status = check_closed(model)) != RNNP_OK) return status;
    const struct rnnp_packed *p = model->packed;
    rnnp_packed_info full = {.version = 0};

    if (p)
        full = (rnnp_packed_info){.version = RNNP_PACKED_VERSION,
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
    if ((status = check_closed(model)) != RNNP_OK) return status;
    const size_t n = model->packed ? model->packed->n_blocks : 0;
    if (index >= n) return rnnp_fail(model->context, RNNP_ERR_ARG, "packed block %zu of %zu", index, n);
    const rnnp_packed_block *block = &model->packed->blocks[index];
    const rnnp_packed_block_info full = {.node = node_of(model, block), .bytes = block->bytes, .layout = block->layout};
    return RNNP_STRUCT_WRITE(model->context, rnnp_packed_block_info, &full, info);
}
