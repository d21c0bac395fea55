/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that compute in f16 or bf16: they are read as if every value were f32, inputs and outputs included. Constants
 * are widened by a Cast, from behind which layers take their weights as they are.
 */
#include "load_weights.h"

#include <string.h>

int loader_is_half(rnnp_dtype dtype) { return dtype == RNNP_DTYPE_F16 || dtype == RNNP_DTYPE_BF16; }

int loader_has_half_input(const loader *l)
{
    const Onnx__GraphProto *g = l->file->graph;

    for (size_t i = 0; g && i < g->n_input; i++) {
        const Onnx__TypeProto *type = g->input[i]->type;
        int constant = 0;

        if (!type || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ||
            !loader_is_half(loader_dtype(type->tensor_type->elem_type)))
            continue;
        for (size_t k = 0; k < g->n_initializer && !constant; k++) /* of a type that few files have */
            constant =
                g->input[i]->name && g->initializer[k]->name && strcmp(g->input[i]->name, g->initializer[k]->name) == 0;
        if (!constant) return 1;
    }
    return 0;
}

static int has_half(const Onnx__NodeProto *p)
{
    for (size_t i = 0; i < p->n_attribute; i++) {
        const Onnx__AttributeProto *a = p->attribute[i];

        if (a->t && loader_is_half(loader_dtype(a->t->data_type))) return 1;
        if (a->name && strcmp(a->name, "to") == 0 && a->i >= 0 && a->i <= INT32_MAX &&
            loader_is_half(loader_dtype((int32_t)a->i)))
            return 1;
    }
    return 0;
}

int loader_has_halves(const loader *l)
{
    const Onnx__GraphProto *g = l->file->graph;

    for (size_t i = 0; i < g->n_initializer; i++)
        if (loader_is_half(loader_dtype(g->initializer[i]->data_type))) return 1;
    for (size_t i = 0; i < g->n_node; i++)
        if (has_half(g->node[i])) return 1;
    return loader_has_half_input(l);
}

rnnp_status loader_widen(loader *l, rnnp_model *model, const char *name, rnnp_value *value)
{
    const rnnp_attr to = {.name = "to", .kind = RNNP_ATTR_INT, .i = loader_onnx_type(RNNP_DTYPE_F32)};
    const rnnp_value from = *value;
    const rnnp_value_info *info = &model->values[from];

    if (!l->widens || (info->is_constant && !loader_is_half(info->meta.dtype))) return RNNP_OK;
    *value = 0;
    return rnnp_model_add_node(model, "Cast", 13, name, &from, 1, &to, 1, value, 1);
}

void loader_widen_cast(const loader *l, loader_node *node)
{
    for (size_t i = 0; l->widens && strcmp(node->op, "Cast") == 0 && i < node->n_attrs; i++) {
        rnnp_attr *a = &node->attrs[i];

        if (strcmp(a->name, "to") == 0 && a->kind == RNNP_ATTR_INT && a->i >= 0 && a->i <= INT32_MAX &&
            loader_is_half(loader_dtype((int32_t)a->i)))
            a->i = loader_onnx_type(RNNP_DTYPE_F32);
    }
}

int loader_makes_half(const loader *l, const loader_node *node)
{
    if (!l->widens || (strcmp(node->op, "Constant") != 0 && strcmp(node->op, "ConstantOfShape") != 0)) return 0;
    for (size_t i = 0; i < node->n_attrs; i++)
        if (node->attrs[i].kind == RNNP_ATTR_TENSOR && loader_is_half(node->attrs[i].tensor->dtype)) return 1;
    return 0;
}

void loader_log_widened(const loader *l)
{
    if (l->context->log)
        l->context->log(l->context->log_user, RNNP_LOG_WARNING,
                        "the file computes in f16 or bf16: it is computed in f32, and such inputs and outputs are f32");
}
