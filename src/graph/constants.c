/* SPDX-License-Identifier: Apache-2.0
 *
 * The elements of constants: who reads them, and whether they may be read.
 */
#include "../packed/packed.h"
#include "engine.h"

int rnnp_node_packs(const rnnp_node *node, const rnnp_meta *inputs)
{
    const unsigned mask = node->op->packed_inputs;

    if (node->op->packs && !node->op->packs(node, inputs)) return 0;
    for (size_t i = 0; i < node->n_inputs && i < 32; i++) {
        if (mask >> i & 1 && node->inputs[i] != RNNP_NONE && !inputs[i].known) return 0;
    }
    return mask != 0;
}

void rnnp_node_plan(const rnnp_prepare *p, rnnp_planned *planned)
{
    const rnnp_operator *op = p->node->op;

    *planned = (rnnp_planned){.own = planned->own, .layout = planned->layout, .found = planned->found};
    if (p->node->late && p->inputs == p->node->input_metas) return; /* as closing saw it, there is nothing to plan */
    if (op->plan) op->plan(p, planned);
    if (!rnnp_node_packs(p->node, p->inputs)) planned->pack_bytes = 0;
}

int rnnp_node_reads(const rnnp_node *node, size_t input)
{
    if (input >= 32 || !(node->op->packed_inputs >> input & 1)) return 1;
    return node->input_metas && !rnnp_node_packs(node, node->input_metas);
}

rnnp_status rnnp_constant_need(const rnnp_model *model, int32_t value)
{
    rnnp_value_info *info = &model->values[value];

    if (!info->is_constant) return RNNP_OK;
    if (info->released)
        return rnnp_fail(model->context, RNNP_ERR_STATE,
                         "the elements of constant %s are needed, but rnnp_model_release_weights() has freed them",
                         info->name);
    if (!atomic_load_explicit(&info->sealed, memory_order_acquire)) return RNNP_OK;
    if (rnnp_packed_checksum(info->meta.known, rnnp_meta_bytes(&info->meta)) != info->checksum)
        return rnnp_fail(model->context, RNNP_ERR_FORMAT, "%s: constant %s is damaged: its checksum differs",
                         rnnp_packed_name(model->packed), info->name);
    atomic_store_explicit(&info->sealed, 0, memory_order_release);
    return RNNP_OK;
}

rnnp_status rnnp_constant_checksum(const rnnp_model *model, int32_t value, uint64_t *checksum)
{
    const rnnp_value_info *info = &model->values[value];

    *checksum = info->checksum;
    if (*checksum) return RNNP_OK;
    const rnnp_status status = rnnp_constant_need(model, value);
    if (status == RNNP_OK) *checksum = rnnp_packed_checksum(info->meta.known, rnnp_meta_bytes(&info->meta));
    return status;
}
