/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that compute in other floats than f32. In f16 or bf16: they are read as if every value were f32, inputs and
 * outputs included. Constants are widened by a Cast, from behind which layers take their weights as they are. In f64:
 * if the options say so, they are read as if every value were f32, constants included.
 */
#include "load_weights.h"
#include "scope.h"

#include <stdio.h>
#include <string.h>

int loader_is_half(rnnp_dtype dtype) { return dtype == RNNP_DTYPE_F16 || dtype == RNNP_DTYPE_BF16; }

rnnp_dtype loader_computes_in(const loader *l, rnnp_dtype dtype)
{
    const int other = l->widens ? loader_is_half(dtype) : 0;

    return other || (dtype == RNNP_DTYPE_F64 && l->options->f64_as_f32) ? RNNP_DTYPE_F32 : dtype;
}

static int has_double_input(const loader *l)
{
    const Onnx__GraphProto *g = l->file->graph;

    for (size_t i = 0; g && i < g->n_input; i++) {
        const Onnx__TypeProto *type = g->input[i]->type;

        if (type && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE &&
            loader_dtype(type->tensor_type->elem_type) == RNNP_DTYPE_F64)
            return 1;
    }
    return 0;
}

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
    for (const scope *s = l->scopes; s; s = s->next) {
        for (size_t i = 0; s->graph && i < s->graph->n_initializer; i++)
            if (loader_is_half(loader_dtype(s->graph->initializer[i]->data_type))) return 1;
        for (size_t i = 0; i < s->n_nodes; i++)
            if (has_half(s->node[i])) return 1;
    }
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
    for (size_t i = 0; strcmp(node->op, "Cast") == 0 && i < node->n_attrs; i++) {
        rnnp_attr *a = &node->attrs[i];
        const rnnp_dtype to = strcmp(a->name, "to") == 0 && a->kind == RNNP_ATTR_INT && a->i >= 0 && a->i <= INT32_MAX
                                  ? loader_dtype((int32_t)a->i)
                                  : 0;

        if (to) a->i = loader_onnx_type(loader_computes_in(l, to));
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
    static const char *const says[] = {
        "the file computes in f16 or bf16: it is computed in f32, and such inputs and outputs are f32",
        "what the file computes in f64 is computed in f32, as f64_as_f32 says, and such inputs and outputs are f32"};
    const int does[] = {l->widens, l->options->f64_as_f32};

    for (size_t i = 0; i < 2; i++)
        if (does[i] && l->context->log) l->context->log(l->context->log_user, RNNP_LOG_WARNING, says[i]);
}

rnnp_status loader_hint_singles(const loader *l, rnnp_status status)
{
    char first[RNNP_ERROR_CHARS];

    if (status != RNNP_ERR_TYPE || l->options->f64_as_f32 || !has_double_input(l)) return status;
    snprintf(first, sizeof first, "%s", rnnp_last_error(l->context));
    return rnnp_fail(
        l->context, status,
        "%.300s; the file computes in f64, which f64_as_f32 of rnnp_load_options (--f64-as-f32) does in f32", first);
}
