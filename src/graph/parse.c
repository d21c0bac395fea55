/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes of a node: checked, copied into the model, looked up with a memory of what was consumed.
 */
#include "graph.h"

#include <string.h>

static const char *kind_name(rnnp_attr_kind kind)
{
    static const char *const names[] = {"nothing", "an int", "a float", "a string",
                                        "ints",    "floats", "strings", "a tensor"};
    const size_t i = (size_t)kind;

    return names[i < sizeof names / sizeof names[0] ? i : 0];
}

/* ---- As given ---- */

static int tensor_is_whole(const rnnp_tensor *tensor)
{
    size_t bytes;

    if (!tensor || !rnnp_dtype_bytes(tensor->dtype) || tensor->rank > RNNP_MAX_RANK) return 0;
    const size_t elements = rnnp_tensor_elements(tensor);
    return elements != SIZE_MAX && !rnnp_mul_overflow(elements, rnnp_dtype_bytes(tensor->dtype), &bytes) &&
           (tensor->data || bytes == 0);
}

rnnp_status rnnp_attr_check(const rnnp_model *model, const rnnp_node *node, const rnnp_attr *attr)
{
    int whole = 0;

    if (!attr->name) return rnnp_node_fail(model->context, node, RNNP_ERR_ARG, "an attribute has no name");
    switch (attr->kind) {
    case RNNP_ATTR_INT:
    case RNNP_ATTR_FLOAT: whole = 1; break;
    case RNNP_ATTR_STRING: whole = attr->s != NULL; break;
    case RNNP_ATTR_INTS: whole = attr->ints || !attr->count; break;
    case RNNP_ATTR_FLOATS: whole = attr->floats || !attr->count; break;
    case RNNP_ATTR_STRINGS:
        whole = attr->strings || !attr->count;
        for (size_t i = 0; whole && i < attr->count; i++) whole = attr->strings[i] != NULL;
        break;
    case RNNP_ATTR_TENSOR: whole = tensor_is_whole(attr->tensor); break;
    }
    if (!whole && attr->kind == RNNP_ATTR_TENSOR && attr->tensor)
        return rnnp_node_fail(model->context, node, RNNP_ERR_ARG,
                              "attribute %s is a tensor of dtype %d and rank %zu without data, or too large",
                              attr->name, (int)attr->tensor->dtype, attr->tensor->rank);
    if (!whole)
        return rnnp_node_fail(model->context, node, RNNP_ERR_ARG, "attribute %s has no value or an unknown kind",
                              attr->name);
    return RNNP_OK;
}

/* ---- Copies ---- */

static int copy_strings(rnnp_model *model, rnnp_attr *attr)
{
    const char **strings = rnnp_model_copy(model, attr->strings, attr->count, sizeof *strings);

    attr->strings = strings;
    for (size_t i = 0; strings && i < attr->count; i++) {
        if (!(strings[i] = rnnp_model_string(model, strings[i]))) return 0;
    }
    return strings != NULL;
}

static int copy_tensor(rnnp_model *model, rnnp_attr *attr)
{
    rnnp_tensor *copy = rnnp_model_copy(model, attr->tensor, 1, sizeof *copy);

    if (!copy) return 0;
    attr->tensor = copy;
    copy->data = rnnp_model_copy(model, copy->data, rnnp_tensor_elements(copy), rnnp_dtype_bytes(copy->dtype));
    return copy->data != NULL;
}

/* What the attribute points to; its kind has been checked. */
static int copy_attr(rnnp_model *model, rnnp_attr *attr)
{
    if (!(attr->name = rnnp_model_string(model, attr->name))) return 0;
    switch (attr->kind) {
    case RNNP_ATTR_STRING: return (attr->s = rnnp_model_string(model, attr->s)) != NULL;
    case RNNP_ATTR_INTS:
        return (attr->ints = rnnp_model_copy(model, attr->ints, attr->count, sizeof *attr->ints)) != NULL;
    case RNNP_ATTR_FLOATS:
        return (attr->floats = rnnp_model_copy(model, attr->floats, attr->count, sizeof *attr->floats)) != NULL;
    case RNNP_ATTR_STRINGS: return copy_strings(model, attr);
    case RNNP_ATTR_TENSOR: return copy_tensor(model, attr);
    default: return 1;
    }
}

rnnp_attr *rnnp_attrs_copy(rnnp_model *model, const rnnp_attr *attrs, size_t n)
{
    rnnp_attr *copy = rnnp_model_copy(model, attrs, n, sizeof *copy);

    for (size_t i = 0; copy && i < n; i++) {
        if (!copy_attr(model, &copy[i])) return NULL;
    }
    return copy;
}

/* ---- Look-ups ---- */

const rnnp_attr *rnnp_parse_attr(rnnp_parse *p, const char *name, rnnp_attr_kind kind)
{
    for (size_t i = 0; i < p->n_attrs; i++) {
        const rnnp_attr *attr = &p->attrs[i];

        if (strcmp(attr->name, name) != 0) continue;
        p->consumed |= UINT64_C(1) << i;
        if (attr->kind == kind) return attr;
        if (p->status == RNNP_OK)
            p->status = rnnp_node_fail(p->model->context, p->node, RNNP_ERR_TYPE, "attribute %s is %s, not %s", name,
                                       kind_name(attr->kind), kind_name(kind));
        return NULL;
    }
    return NULL;
}

int64_t rnnp_parse_int(rnnp_parse *p, const char *name, int64_t fallback)
{
    const rnnp_attr *attr = rnnp_parse_attr(p, name, RNNP_ATTR_INT);

    return attr ? attr->i : fallback;
}

float rnnp_parse_float(rnnp_parse *p, const char *name, float fallback)
{
    const rnnp_attr *attr = rnnp_parse_attr(p, name, RNNP_ATTR_FLOAT);

    return attr ? attr->f : fallback;
}

const char *rnnp_parse_string(rnnp_parse *p, const char *name, const char *fallback)
{
    const rnnp_attr *attr = rnnp_parse_attr(p, name, RNNP_ATTR_STRING);

    return attr ? attr->s : fallback;
}

void rnnp_model_number_producers(rnnp_model *model)
{
    for (size_t n = 0; n < model->n_nodes; n++) {
        const rnnp_node *node = &model->nodes[n];

        for (size_t i = 0; i < node->n_outputs; i++) {
            if (node->outputs[i] != RNNP_NONE) model->values[node->outputs[i]].producer = (int32_t)n;
        }
    }
}
