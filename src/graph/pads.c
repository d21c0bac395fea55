/* SPDX-License-Identifier: Apache-2.0
 *
 * A Pad with zeros in front of a Conv becomes the Conv's own padding, which takes part as zeros as well: the bits are
 * the same, nothing is copied, and a stream can step it. Exporters write causal convolutions so.
 */
#include "engine.h"
#include "ops/params.h"

enum { PAD_INPUTS = 4 };

/* The Pad that computes the input, if it puts zeros there; NULL otherwise. */
static const rnnp_node *zeros_in_front(const rnnp_inference *inf, int32_t x, int64_t *before, int64_t *after)
{
    const rnnp_model *model = inf->model;
    const int32_t producer = x == RNNP_NONE ? -1 : model->values[x].producer;
    const rnnp_node *pad = producer < 0 ? NULL : &model->nodes[producer];
    rnnp_meta metas[PAD_INPUTS] = {{0}};

    if (!pad || strcmp(pad->op->name, "Pad") != 0) return NULL;
    for (size_t i = 0; i < pad->n_inputs; i++) {
        if (pad->inputs[i] != RNNP_NONE) metas[i] = inf->meta[pad->inputs[i]];
    }
    const int fits = metas[0].rank >= 3 && metas[0].rank == inf->meta[x].rank;
    return fits && rnnp_pad_is_zeros(pad, metas, before, after) ? pad : NULL;
}

rnnp_status rnnp_pad_into_conv(rnnp_model *model, const rnnp_inference *inf, rnnp_node *node)
{
    int64_t before[RNNP_MAX_RANK], after[RNNP_MAX_RANK];
    const rnnp_node *pad;

    if (strcmp(node->op->name, "Conv") != 0) return RNNP_OK;
    while ((pad = zeros_in_front(inf, node->inputs[0], before, after)) != NULL) {
        const rnnp_status status = rnnp_conv_pad(model, node, inf->meta[node->inputs[0]].rank, before, after);

        if (status != RNNP_OK) return status == RNNP_ERR_ARG ? RNNP_OK : status; /* it stays behind the Pad */
        node->inputs[0] = pad->inputs[0];
    }
    return RNNP_OK;
}
