/* SPDX-License-Identifier: Apache-2.0 */
#include "build.h"

#include <stdio.h>
#include <string.h>

rnnp_status rnnp_model_set_layer_name(rnnp_model *model, const char *name)
{
    if (!model) return RNNP_ERR_ARG;
    if (name && (!*name || strlen(name) > RNNP_LAYER_NAME))
        return rnnp_fail(model->context, RNNP_ERR_ARG, "layer: a name has 1 to %d characters", RNNP_LAYER_NAME);
    const char *copy = name ? rnnp_model_string(model, name) : NULL;
    if (name && !copy) return RNNP_ERR_MEMORY;
    model->layer = copy;
    return RNNP_OK;
}

rnnp_status rnnp_build_weight(rnnp_model *model, const char *role, const rnnp_tensor *tensor, rnnp_value *value)
{
    char name[RNNP_LAYER_NAME + 16];

    if (!model->layer) return rnnp_model_add_constant(model, NULL, tensor, value);
    snprintf(name, sizeof name, "%s.%s", model->layer, role);
    return rnnp_model_add_constant(model, name, tensor, value);
}

rnnp_status rnnp_build_node(rnnp_model *model, const char *op, const rnnp_value *inputs, size_t n_inputs,
                            const rnnp_attr *attrs, size_t n_attrs, rnnp_value *y)
{
    rnnp_value out = 0;
    const rnnp_status status =
        rnnp_model_add_node(model, op, RNNP_LAYER_OPSET, NULL, inputs, n_inputs, attrs, n_attrs, &out, 1);

    if (status == RNNP_OK) *y = out;
    return status;
}

rnnp_status rnnp_build_with_ints(rnnp_model *model, const char *op, rnnp_value x, const int64_t *ints, size_t n,
                                 const rnnp_attr *attrs, size_t n_attrs, rnnp_value *y)
{
    const rnnp_tensor list = {.dtype = RNNP_DTYPE_I64, .rank = 1, .shape = {(int64_t)n}, .data = (void *)ints};
    rnnp_value inputs[2] = {x, RNNP_NONE};
    const rnnp_status status = rnnp_model_add_constant(model, NULL, &list, &inputs[1]);

    return status == RNNP_OK ? rnnp_build_node(model, op, inputs, 2, attrs, n_attrs, y) : status;
}

rnnp_status rnnp_build_transpose(rnnp_model *model, rnnp_value x, const int64_t *perm, size_t rank, rnnp_value *y)
{
    const rnnp_attr attr = {.name = "perm", .kind = RNNP_ATTR_INTS, .ints = perm, .count = rank};

    return rnnp_build_node(model, "Transpose", &x, 1, &attr, 1, y);
}
