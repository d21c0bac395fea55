/* SPDX-License-Identifier: Apache-2.0
 *
 * The elements of constants: who reads them, whether they may be read, and letting go of those that are not.
 */
#include "../packed/packed.h"
#include "engine.h"

/* What `known` of a released constant points to, so that it still counts as known. */
static const char released[] = "released";

int rnnp_node_reads(const rnnp_model *model, const rnnp_node *node, size_t input)
{
    const rnnp_prepare prepare = {model->context, node, node->input_metas, &model->context->selection, RNNP_MATH_U35, 1,
                                  NULL,           NULL};

    if (input >= 32 || !(node->op->packed_inputs >> input & 1)) return 1;
    return node->input_metas && node->op->pack_bytes(&prepare) == 0;
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

/* ---- Release ---- */

/* Marks the values whose elements somebody reads, or may ask for. */
static void mark_read(const rnnp_model *model, uint8_t *read)
{
    for (size_t k = 0; k < model->n_outputs; k++) read[model->outputs[k].value] = 1;
    for (size_t n = 0; n < model->n_nodes; n++) {
        const rnnp_node *node = &model->nodes[n];

        for (size_t i = 0; i < node->n_inputs; i++) {
            if (node->inputs[i] != RNNP_NONE && rnnp_node_reads(model, node, i)) read[node->inputs[i]] = 1;
        }
    }
}

static size_t release_unread(rnnp_model *model, const uint8_t *read)
{
    size_t freed = 0;

    for (size_t v = 0; v < model->n_values; v++) {
        rnnp_value_info *info = &model->values[v];
        const size_t bytes = info->is_constant && !info->released && !read[v] && info->meta.known &&
                                     !rnnp_packed_holds(model->packed, info->meta.known)
                                 ? rnnp_arena_release(model->context, info->meta.known, rnnp_meta_bytes(&info->meta))
                                 : 0;

        if (bytes) {
            info->released = 1;
            info->meta.known = released;
            freed += bytes;
        }
    }
    return freed;
}

rnnp_status rnnp_model_release_weights(rnnp_model *model, size_t *bytes)
{
    struct rnnp_block *scratch = NULL;
    size_t freed;

    if (!model) return RNNP_ERR_ARG;
    if (model->closed != RNNP_MODEL_CLOSED) return rnnp_fail(model->context, RNNP_ERR_STATE, "the model is not closed");
    uint64_t mark; /* while it can be known */
    const rnnp_status status = rnnp_model_mark(model, &mark);
    if (status != RNNP_OK) return status;
    uint8_t *read = rnnp_arena_calloc(model->context, &scratch, model->n_values, 1);
    if (!read) return RNNP_ERR_MEMORY;
    mark_read(model, read);
    freed = release_unread(model, read);
    rnnp_arena_free(model->context, &scratch);
    for (size_t n = 0; n < model->n_nodes; n++) {
        rnnp_node *node = &model->nodes[n];

        for (size_t i = 0; i < node->n_inputs; i++) {
            if (node->inputs[i] != RNNP_NONE && model->values[node->inputs[i]].released)
                node->input_metas[i].known = released;
        }
    }
    if (bytes) *bytes = freed;
    return RNNP_OK;
}
