/* SPDX-License-Identifier: Apache-2.0
 *
 * Recurrent nodes whose state decays, as save_decay.c writes them: the node says all that their function does.
 */
#include "../graph/ops/recurrent.h"
#include "load_weights.h"

#include <string.h>

const char *loader_decayed_cell(const Onnx__NodeProto *p)
{
    static const char *const cells[] = {
#define RNNP_CELL(cell, ...) #cell,
#include "../../kernels/cells.def"
    };

    if (!p->domain || strcmp(p->domain, LOADER_DOMAIN) != 0 || !p->op_type) return NULL;
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        const size_t n = strlen(cells[i]);
        if (strncmp(p->op_type, cells[i], n) == 0 && p->op_type[n] == '_') return cells[i];
    }
    return NULL;
}

rnnp_status loader_decay_node(loader *l, const Onnx__NodeProto *p, loader_node *node)
{
    enum { MORE = RNNP_IN_DECAY - RNNP_IN_W_SCALE, FILE_INPUTS = RNNP_IN_SPLIT_BIAS + 1 - MORE };
    const char *cell = loader_decayed_cell(p);

    if (!cell) return RNNP_OK;
    if (node->n_inputs <= RNNP_IN_W_SCALE || node->n_inputs > FILE_INPUTS)
        return rnnp_fail(l->context, RNNP_ERR_FORMAT, "%s %s has %zu inputs, expected %d to %d", p->op_type, node->name,
                         node->n_inputs, RNNP_IN_W_SCALE + 1, FILE_INPUTS);
    for (size_t i = node->n_inputs; i-- > RNNP_IN_W_SCALE;) node->inputs[i + MORE] = node->inputs[i];
    for (size_t i = 0; i < MORE; i++) node->inputs[RNNP_IN_W_SCALE + i] = RNNP_NONE;
    node->n_inputs += MORE;
    node->op = cell;
    return RNNP_OK;
}
