/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes of a node: look-ups that remember what was consumed.
 */
#include "graph.h"

#include <string.h>

static const char *kind_name(rnnp_attr_kind kind)
{
    static const char *const names[] = {"nothing", "an int", "a float",  "a string",
                                        "ints",    "floats", "strings", "a tensor"};
    const size_t i = (size_t)kind;

    return names[i < sizeof names / sizeof names[0] ? i : 0];
}

const rnnp_attr *rnnp_parse_attr(rnnp_parse *p, const char *name, rnnp_attr_kind kind)
{
    for (size_t i = 0; i < p->n_attrs; i++) {
        const rnnp_attr *attr = &p->attrs[i];

        if (strcmp(attr->name, name) != 0)
            continue;
        p->consumed |= UINT64_C(1) << i;
        if (attr->kind == kind)
            return attr;
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
