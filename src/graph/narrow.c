/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights that a file holds in f16 or bf16 and casts to f32, because its layers know nothing else. Here they do: a
 * layer takes the constant itself. Widening is exact, so that changes no bit.
 */
#include "engine.h"

#include <string.h>

static int is_half(rnnp_dtype dtype) { return dtype == RNNP_DTYPE_F16 || dtype == RNNP_DTYPE_BF16; }

void rnnp_narrow_follow(int32_t *narrow, const rnnp_inference *inf, const rnnp_node *node)
{
    const int identity = strcmp(node->op->name, "Identity") == 0, cast = strcmp(node->op->name, "Cast") == 0;

    if ((!identity && !cast) || node->outputs[0] == RNNP_NONE) return;
    const int32_t from = node->inputs[0], to = node->outputs[0];
    if (narrow[from] != RNNP_NONE && inf->meta[to].dtype == RNNP_DTYPE_F32)
        narrow[to] = narrow[from];
    else if (cast && inf->model->values[from].is_constant && is_half(inf->meta[from].dtype) &&
             inf->meta[to].dtype == RNNP_DTYPE_F32)
        narrow[to] = from;
}

void rnnp_narrow_take(const int32_t *narrow, const rnnp_inference *inf, rnnp_node *node)
{
    const rnnp_operator *op = node->op;
    const size_t n = op->weights[0].input == 0 ? 0 : op->weights[1].input == 0 ? 1 : 2;
    int32_t from[2] = {RNNP_NONE, RNNP_NONE};

    for (size_t i = 0; i < n; i++) {
        const int32_t weights = node->inputs[op->weights[i].input];

        from[i] = weights == RNNP_NONE ? RNNP_NONE : narrow[weights];
        if (from[i] == RNNP_NONE || inf->meta[from[i]].dtype != inf->meta[from[0]].dtype) return;
    }
    if (n == 1 && inf->meta[from[0]].rank != 2) return; /* products take such matrices only */
    for (size_t i = 0; i < n; i++) node->inputs[op->weights[i].input] = from[i];
}
