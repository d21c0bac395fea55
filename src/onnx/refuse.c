/* SPDX-License-Identifier: Apache-2.0
 *
 * All that a file needs and rnnpack does not have, in one sentence, with what to do about it where that is known.
 */
#include "load_weights.h"
#include "scope.h"

#include <stdio.h>
#include <string.h>

enum { KINDS = 64, WHAT_CHARS = 96, MORE_CHARS = 32 };

/* One thing that is missing, and how often. */
typedef struct missing {
    char what[WHAT_CHARS];
    const char *first; /* who needs it */
    size_t count;
} missing;

typedef struct survey {
    loader *l;
    missing kinds[KINDS];
    size_t n, more; /* more: needs of kinds that found no room */
} survey;

static void note(survey *s, const char *first, const char *format, const char *a, const char *b)
{
    char what[WHAT_CHARS];
    size_t i = 0;

    snprintf(what, sizeof what, format, a, b);
    while (i < s->n && strcmp(s->kinds[i].what, what) != 0) i++;
    if (i == KINDS) {
        s->more++;
        return;
    }
    if (i == s->n) {
        memcpy(s->kinds[i].what, what, sizeof what);
        s->kinds[s->n++].first = first;
    }
    s->kinds[i].count++;
}

/* ---- What a file needs ---- */

static int has_operator(const char *op)
{
    for (size_t i = 0; rnnp_operator_name(i); i++) {
        if (strcmp(rnnp_operator_name(i), op) == 0) return 1;
    }
    return 0;
}

static void need_type(survey *s, const char *first, int32_t type)
{
    if (!loader_dtype(type)) note(s, first, "type %s%s", loader_dtype_name(type), "");
}

/* Returns 1 when the attribute can be given to a node. Tensors are not decoded. */
static int need_attribute(survey *s, const Onnx__NodeProto *p, const Onnx__AttributeProto *a, rnnp_attr *to)
{
    const int is_tensor = a->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;

    if (is_tensor && a->t) need_type(s, scope_node_name(p), a->t->data_type);
    if (is_tensor) return 0;
    if (loader_attribute(s->l, a, scope_node_name(p), to) == RNNP_OK) return 1;
    note(s, scope_node_name(p), "attribute %s of %s", a->name ? a->name : "", p->op_type);
    return 0;
}

/* Asks the model API about a node whose inputs exist: what it says of attributes, without the node's name. */
static void need_attributes(survey *s, const scope *in, const Onnx__NodeProto *p)
{
    const char *name = scope_node_name(p);
    const int64_t shape[] = {1};
    rnnp_model *model = NULL;
    rnnp_value x;
    size_t n = 0;
    int whole = 1;
    rnnp_attr *attrs = loader_alloc(s->l, p->n_attribute * sizeof *attrs);
    rnnp_value *values = loader_alloc(s->l, (p->n_input + p->n_output) * sizeof *values);

    for (size_t i = 0; attrs && i < p->n_attribute; i++) {
        const Onnx__AttributeProto *a = scope_attribute(in, p->attribute[i]);

        if (!a) continue;
        whole &= need_attribute(s, p, a, &attrs[n]);
        attrs[n++].name = p->attribute[i]->name ? p->attribute[i]->name : "";
    }
    if (!attrs || !values || !whole || rnnp_model_create(s->l->context, &model) != RNNP_OK) return;
    if (rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 1, shape, NULL, &x) == RNNP_OK) {
        for (size_t i = 0; i < p->n_input; i++) values[i] = *p->input[i] ? x : RNNP_NONE;
        for (size_t i = 0; i < p->n_output; i++) values[p->n_input + i] = *p->output[i] ? 0 : RNNP_NONE;
        const int opset = in->opset < RNNP_OPSET_FIRST  ? RNNP_OPSET_FIRST
                          : in->opset > RNNP_OPSET_LAST ? RNNP_OPSET_LAST
                                                        : in->opset;
        if (rnnp_model_add_node(model, p->op_type, opset, "", values, p->n_input, attrs, n, values + p->n_input,
                                p->n_output) == RNNP_ERR_UNSUPPORTED) {
            const char *said = strstr(rnnp_last_error(s->l->context), ": ");

            note(s, name, "%s: %s", p->op_type, said ? said + 2 : "");
        }
    }
    rnnp_model_destroy(model);
}

static void need_node(survey *s, const scope *in, const Onnx__NodeProto *p)
{
    const int foreign = p->domain && *p->domain && strcmp(p->domain, "ai.onnx") != 0;

    if (!p->op_type) return;
    if (foreign ? loader_microsoft_op(p->domain, p->op_type) : loader_dynamic_op(p->op_type)) return;
    if (foreign)
        note(s, scope_node_name(p), "operator %s of %s", p->op_type, p->domain);
    else if (!has_operator(p->op_type))
        note(s, scope_node_name(p), "operator %s%s", p->op_type, "");
    else
        need_attributes(s, in, p);
}

/* The bodies of nodes are scopes of their own. */
static void need_scope(survey *s, const scope *in)
{
    for (size_t i = 0; i < in->n_nodes; i++)
        if (in->nodes[i].needed && !in->nodes[i].body[0]) need_node(s, in, in->node[i]);
    for (size_t i = 0; in->graph && i < in->graph->n_initializer; i++) {
        const Onnx__TensorProto *t = in->graph->initializer[i];
        const name_entry *e = names_find_own(&in->names, t->name ? t->name : "");

        if (e && e->needed) need_type(s, t->name ? t->name : "", t->data_type);
    }
}

static void need_opset(survey *s)
{
    const int opset = loader_opset(s->l->file->opset_import, s->l->file->n_opset_import, 0);
    char number[32], range[32];

    if (opset >= RNNP_OPSET_FIRST && opset <= RNNP_OPSET_LAST) return;
    snprintf(number, sizeof number, "%d", opset);
    snprintf(range, sizeof range, "%d to %d", RNNP_OPSET_FIRST, RNNP_OPSET_LAST);
    note(s, "", "opset %s, which is outside %s", number, range);
}

static void need_graph(survey *s)
{
    const Onnx__ModelProto *file = s->l->file;
    const Onnx__GraphProto *g = file->graph;

    need_opset(s);
    if (g->n_sparse_initializer) note(s, "", "sparse initializers%s%s", "", "");
    if (file->n_training_info) note(s, "", "training information%s%s", "", "");
    for (const scope *in = s->l->scopes; in; in = in->next) need_scope(s, in);
    for (size_t i = 0; i < g->n_input; i++) {
        const Onnx__TypeProto *type = g->input[i]->type;

        if (type && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
            need_type(s, g->input[i]->name ? g->input[i]->name : "", type->tensor_type->elem_type);
        else if (type && type->value_case != ONNX__TYPE_PROTO__VALUE__NOT_SET)
            note(s, g->input[i]->name ? g->input[i]->name : "", "inputs that are not tensors%s%s", "", "");
    }
}

/* ---- What helps ---- */

static const char *advice(const survey *s)
{
    static const struct {
        const char *begins, *help;
    } known[] = {
        {"opset", "export with another (torch.onnx.export: opset_version=17)"},
        {"BatchNormalization: training_mode", "export the model in eval mode (model.eval())"},
        {"operator DynamicQuantize", "export the model before it is quantised"},
    };

    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        for (size_t i = 0; i < s->n; i++) {
            if (strncmp(s->kinds[i].what, known[k].begins, strlen(known[k].begins)) == 0) return known[k].help;
        }
    }
    for (size_t i = 0; i < s->n; i++) {
        if (strstr(s->kinds[i].what, " of com.microsoft") || strstr(s->kinds[i].what, " of org.pytorch"))
            return "load the model as it was before the runtime optimised it";
    }
    return NULL;
}

/* The kinds of what is missing, as many as there is room for. */
static void list_kinds(const survey *s, char *text, size_t room)
{
    size_t used = 0, listed = 0;

    text[0] = 0;
    for (; listed < s->n; listed++) {
        const missing *m = &s->kinds[listed];
        char entry[2 * WHAT_CHARS], times[48] = "";
        int n;

        if (m->count > 1) snprintf(times, sizeof times, "%zu, the first ", m->count);
        if (*m->first)
            n = snprintf(entry, sizeof entry, "%s%s (%s%.40s)", listed ? ", " : "", m->what, times, m->first);
        else
            n = snprintf(entry, sizeof entry, "%s%s", listed ? ", " : "", m->what);
        if (used + (size_t)n >= room) break;
        memcpy(text + used, entry, (size_t)n + 1);
        used += (size_t)n;
    }
    if (listed < s->n || s->more) snprintf(text + used, MORE_CHARS, ", and %zu more", s->n - listed + s->more);
}

/* Whether the latest error is another's than that of a node that is not supported: such nodes, if there are any, are
 * where they do no harm. */
static int is_about_the_graph(const rnnp_model *model, const char *error)
{
    if (model->closed != RNNP_MODEL_BROKEN) return 0;
    for (size_t n = 0; n < model->n_nodes; n++) {
        const rnnp_node *node = &model->nodes[n];

        if (!node->op->run && strcmp(node->attrs[0].s, error) == 0) return 0;
    }
    return 1;
}

rnnp_status loader_explain(loader *l, const rnnp_model *model, rnnp_status status)
{
    char text[RNNP_ERROR_CHARS], first[RNNP_ERROR_CHARS];
    survey *s = NULL;

    if (status != RNNP_ERR_UNSUPPORTED || !l->file || !l->file->graph ||
        is_about_the_graph(model, rnnp_last_error(l->context)) || !(s = loader_alloc(l, sizeof *s)))
        return status;
    snprintf(first, sizeof first, "%s", rnnp_last_error(l->context));
    *s = (survey){.l = l};
    need_graph(s);
    if (s->n == 0) /* it is not about operators, attributes or types */
        return rnnp_fail(l->context, status, "%s", first);
    const char *help = advice(s);
    list_kinds(s, text, sizeof text - MORE_CHARS - sizeof "not supported: ; " - (help ? strlen(help) : 0));
    return rnnp_fail(l->context, status, "not supported: %s%s%s", text, help ? "; " : "", help ? help : "");
}
