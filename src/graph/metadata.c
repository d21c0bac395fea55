/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts that travel with a model. Nothing is computed from them, so they may change when it is closed.
 */
#include "engine.h"

#include <string.h>

rnnp_status rnnp_model_set_metadata(rnnp_model *model, const char *key, const char *value)
{
    size_t i = 0;
    if (!model) return RNNP_ERR_ARG;
    if (!key || !*key || !value)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "metadata: %s", key && *key ? "the value is NULL" : "no key");
    while (i < model->n_metadata && strcmp(model->metadata[i].key, key) != 0) i++;
    const rnnp_status status = rnnp_model_grow(model, &model->metadata, model->n_metadata, i == model->n_metadata,
                                               &model->cap_metadata, sizeof *model->metadata);
    if (status != RNNP_OK) return status;
    const rnnp_metadata entry = {i < model->n_metadata ? model->metadata[i].key : rnnp_model_string(model, key),
                                 rnnp_model_string(model, value)};
    if (!entry.key || !entry.value) return RNNP_ERR_MEMORY;
    model->metadata[i] = entry;
    model->n_metadata += i == model->n_metadata;
    return RNNP_OK;
}

rnnp_status rnnp_model_copy_metadata(rnnp_model *model, const rnnp_model *from)
{
    rnnp_status status = RNNP_OK;
    for (size_t i = 0; i < from->n_metadata && status == RNNP_OK; i++)
        status = rnnp_model_set_metadata(model, from->metadata[i].key, from->metadata[i].value);
    return status;
}

size_t rnnp_model_metadata_count(const rnnp_model *model) { return model ? model->n_metadata : 0; }

rnnp_status rnnp_model_metadata_get(const rnnp_model *model, size_t index, const char **key, const char **value)
{
    if (!model || index >= model->n_metadata) return RNNP_ERR_ARG;
    if (key) *key = model->metadata[index].key;
    if (value) *value = model->metadata[index].value;
    return RNNP_OK;
}

const char *rnnp_model_metadata_find(const rnnp_model *model, const char *key)
{
    for (size_t i = 0; model && key && i < model->n_metadata; i++)
        if (strcmp(model->metadata[i].key, key) == 0) return model->metadata[i].value;
    return NULL;
}
