/* SPDX-License-Identifier: Apache-2.0
 *
 * All that a file needs and rnnpack does not have, in one sentence, with what to do about it where that is known.
 */
#include "load_weights.h"

#include <stdio.h>
#include <string.h>

enum { KINDS = 64, WHAT_CHARS = 96, MORE_CHARS = 32, OPSET_FIRST = 7, OPSET_LAST = 22 };

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

static const char *name_of(const Onnx__NodeProto *p)
{
    if (p->name && *p->name) return p->name;
    return p->n_output && p->output[0] ? p->output[0] : "";
}

/* Returns 1 when the attribute can be given to a node. Tensors are not decoded. */
static int need_attribute(survey *s, const Onnx__NodeProto *p, const Onnx__AttributeProto *a, rnnp_attr *to)
{
    const int is_tensor = a->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;

    if (is_tensor && a->t) need_type(s, name_of(p), a->t->data_type);
    if (is_tensor) return 0;
    if (loader_attribute(s->l, a, name_of(p), to) == RNNP_OK) return 1;
    note(s, name_of(p), "attribute %s of %s", a->name ? a->name : "", p->op_type);
    return 0;
}

/* Asks the model API about a node whose inputs exist: what it says of attributes, without the node's name. */
static void need_attributes(survey *s, const Onnx__NodeProto *p, int opset)
{
    const char *name = name_of(p);
    const int64_t shape[] = {1};
    rnnp_model *model = NULL;
    rnnp_value x;
    int whole = 1;
    rnnp_attr *attrs = loader_alloc(s->l, p->n_attribute * sizeof *attrs);
    rnnp_value *values = loader_alloc(s->l, (p->n_input + p->n_output) * sizeof *values);

    for (size_t i = 0; attrs && i < p->n_attribute; i++) whole &= need_attribute(s, p, p->attribute[i], &attrs[i]);
    if (!attrs || !values || !whole || rnnp_model_create(s->l->context, &model) != RNNP_OK) return;
    if (rnnp_model_add_input(model, "x", RNNP_DTYPE_F32, 1, shape, NULL, &x) == RNNP_OK) {
        for (size_t i = 0; i < p->n_input; i++) values[i] = *p->input[i] ? x : RNNP_NONE;
        for (size_t i = 0; i < p->n_output; i++) values[p->n_input + i] = *p->output[i] ? 0 : RNNP_NONE;
        if (rnnp_model_add_node(model, p->op_type, opset, "", values, p->n_input, attrs, p->n_attribute,
                                values + p->n_input, p->n_output) == RNNP_ERR_UNSUPPORTED) {
            const char *said = strstr(rnnp_last_error(s->l->context), ": ");

            note(s, name, "%s: %s", p->op_type, said ? said + 2 : "");
        }
    }
    rnnp_model_destroy(model);
}

static void need_nodes(survey *s, const Onnx__GraphProto *g, int opset);

static void need_node(survey *s, const Onnx__NodeProto *p, int opset)
{
    const int foreign = p->domain && *p->domain && strcmp(p->domain, "ai.onnx") != 0;

    if (!p->op_type) return;
    if (foreign ? loader_microsoft_op(p->domain, p->op_type) : loader_dynamic_op(p->op_type)) return;
    if (foreign)
        note(s, name_of(p), "operator %s of %s", p->op_type, p->domain);
    else if (!has_operator(p->op_type))
        note(s, name_of(p), "operator %s%s", p->op_type, "");
    else
        need_attributes(s, p, opset);
    for (size_t i = 0; i < p->n_attribute; i++) { /* the branches of If, the bodies of Loop and Scan */
        if (p->attribute[i]->g) need_nodes(s, p->attribute[i]->g, opset);
    }
}

/* As deep as the parser let it be. */
static void need_nodes(survey *s, const Onnx__GraphProto *g, int opset)
{
    for (size_t i = 0; i < g->n_node; i++) need_node(s, g->node[i], opset);
    for (size_t i = 0; i < g->n_initializer; i++)
        need_type(s, g->initializer[i]->name ? g->initializer[i]->name : "", g->initializer[i]->data_type);
}

static int need_opset(survey *s)
{
    for (size_t i = 0; i < s->l->file->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *p = s->l->file->opset_import[i];
        char number[32];

        if (p->domain && *p->domain && strcmp(p->domain, "ai.onnx") != 0) continue;
        if (p->version >= OPSET_FIRST && p->version <= OPSET_LAST) return (int)p->version;
        snprintf(number, sizeof number, "%lld", (long long)p->version);
        note(s, "", "opset %s, which is outside 7 to 22%s", number, "");
        return p->version < OPSET_FIRST ? OPSET_FIRST : OPSET_LAST;
    }
    return OPSET_LAST;
}

static void need_graph(survey *s)
{
    const Onnx__ModelProto *file = s->l->file;
    const Onnx__GraphProto *g = file->graph;
    const int opset = need_opset(s);

    if (file->n_functions)
        note(s, file->functions[0]->name ? file->functions[0]->name : "", "model-local functions%s%s", "", "");
    if (g->n_sparse_initializer) note(s, "", "sparse initializers%s%s", "", "");
    if (file->n_training_info) note(s, "", "training information%s%s", "", "");
    need_nodes(s, g, opset);
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
        {"opset", "export with an opset from 7 to 22 (torch.onnx.export: opset_version=17)"},
        {"model-local", "export without functions (torch.onnx.export: dynamo=True and optimize(); onnx.inliner)"},
        {"operator Loop",
         "export packed sequences with enforce_sorted=True, and loops over time as one nn.LSTM or GRU"},
        {"operator Scan",
         "export packed sequences with enforce_sorted=True, and loops over time as one nn.LSTM or GRU"},
        {"operator If", "export for one case: fix what the branch tests (sizes, flags), or trace instead of scripting"},
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

rnnp_status loader_explain(loader *l, rnnp_status status)
{
    char text[RNNP_ERROR_CHARS], first[RNNP_ERROR_CHARS];
    survey *s = NULL;

    if (status != RNNP_ERR_UNSUPPORTED || !l->file || !l->file->graph || !(s = loader_alloc(l, sizeof *s)))
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
