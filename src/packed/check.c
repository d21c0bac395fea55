/* SPDX-License-Identifier: Apache-2.0
 *
 * The choice of blocks, and whether they are what they should be.
 */
#include "../fpmode.h"
#include "packed.h"

#include <string.h>

const rnnp_packed_block *rnnp_packed_find(const struct rnnp_packed *packed, const rnnp_node *node,
                                          const rnnp_planned *planned)
{
    size_t first = 0, end = packed ? packed->n_blocks : 0;

    while (first < end) { /* the node's first block */
        const size_t middle = first + (end - first) / 2;

        if (packed->blocks[middle].node < node->serial)
            first = middle + 1;
        else
            end = middle;
    }
    if (!packed || first == packed->n_blocks || packed->blocks[first].node != node->serial) return NULL;
    for (size_t i = first; i < packed->n_blocks && packed->blocks[i].node == node->serial; i++) {
        const rnnp_packed_block *block = &packed->blocks[i];

        if (block->bytes == planned->pack_bytes && strcmp(block->layout, planned->layout) == 0) return block;
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

/* Packs the originals as planned, which is how the block is packed, too. */
static rnnp_status compare_block(const rnnp_model *model, const rnnp_node *node, const rnnp_planned *planned,
                                 rnnp_packed_block *block)
{
    rnnp_status status = RNNP_OK;

    if (atomic_load_explicit(&block->compared, memory_order_acquire)) return RNNP_OK;
    for (size_t i = 0; i < node->n_inputs && status == RNNP_OK; i++) {
        if (node->inputs[i] != RNNP_NONE) status = rnnp_constant_need(model, node->inputs[i]);
    }
    if (status != RNNP_OK) return status;
    void *packed = rnnp_calloc(model->context, block->bytes);
    if (!packed) return RNNP_ERR_MEMORY;
    const rnnp_fpmode mode = rnnp_fpmode_enter(0);
    node->op->pack(node, node->input_metas, planned->own, packed, 0, 1);
    rnnp_fpmode_set(mode);
    if (memcmp(packed, block->data, block->bytes) != 0)
        status = rnnp_fail(model->context, RNNP_ERR_FORMAT,
                           "%s: the packed weights of node %.40s differ from its original weights, in layout %.60s",
                           model->packed->name, node->name, block->layout);
    else
        atomic_store_explicit(&block->compared, 1, memory_order_release);
    rnnp_free(model->context, packed, block->bytes);
    return status;
}

rnnp_status rnnp_packed_need(const rnnp_model *model, const rnnp_node *node, const rnnp_planned *planned,
                             const rnnp_packed_block *block)
{
    const struct rnnp_packed *packed = model->packed;
    rnnp_packed_block *own = &packed->blocks[block - packed->blocks];
    const rnnp_status status = check_block(packed, node->name, own);

    return status == RNNP_OK && packed->compare ? compare_block(model, node, planned, own) : status;
}

/* ---- All blocks ---- */

/* Whether this library makes the block: then the node is planned as it does. Any instruction set of this build may be
 * the one it is for. */
static int plan_of_block(const rnnp_model *model, const rnnp_node *node, const rnnp_packed_block *block,
                         rnnp_planned *planned)
{
    for (int isa = -1; isa < RNNP_ISA_COUNT; isa++) {
        rnnp_selection select = model->context->selection;

        if (isa >= 0) rnnp_select_isa((rnnp_isa)isa, &select);
        const rnnp_prepare prepare = rnnp_node_prepare(model, node, &select);
        rnnp_node_plan(&prepare, planned);
        if (planned->pack_bytes && planned->pack_bytes == block->bytes && strcmp(planned->layout, block->layout) == 0)
            return 1;
    }
    return 0;
}

/* The checksum of a block, and what it is made of. */
static rnnp_status verify_block(const rnnp_model *model, rnnp_packed_block *block)
{
    const size_t n = rnnp_packed_node(model, block);
    const rnnp_node *node = n < model->n_nodes ? &model->nodes[n] : NULL;
    char layout[RNNP_LAYOUT_CHARS] = "";
    rnnp_status status = check_block(model->packed, node ? node->name : "", block);

    if (status != RNNP_OK || !node) /* nobody has a use for a block of no node */
        return status;
    rnnp_planned planned = {.layout = layout, .own = rnnp_alloc(model->context, node->op->plan_bytes + 1)};
    if (!planned.own) return RNNP_ERR_MEMORY;
    if (plan_of_block(model, node, block, &planned))
        status = compare_block(model, node, &planned, block);
    else
        status = rnnp_fail(model->context, RNNP_ERR_UNSUPPORTED,
                           "%s: the packed weights of node %.40s have a layout that this library does not make, so "
                           "they cannot be compared with the weights: %.60s",
                           model->packed->name, node->name, block->layout);
    rnnp_free(model->context, planned.own, node->op->plan_bytes + 1);
    return status;
}

rnnp_status rnnp_packed_verify(const rnnp_model *model)
{
    rnnp_status status;

    if (!model) return RNNP_ERR_ARG;
    if ((status = rnnp_model_need_closed(model)) != RNNP_OK) return status;
    if (!model->packed) return rnnp_fail(model->context, RNNP_ERR_STATE, "the model is not from a packed file");
    for (size_t v = 0; v < model->n_values && status == RNNP_OK; v++) {
        if (model->values[v].is_constant && model->values[v].uses > 0) status = rnnp_constant_need(model, (int32_t)v);
    }
    for (size_t i = 0; i < model->packed->n_blocks && status == RNNP_OK; i++)
        status = verify_block(model, &model->packed->blocks[i]);
    return status;
}
