/* SPDX-License-Identifier: Apache-2.0 */
#include "scope.h"

#include "functions.h"

#include <string.h>

const char *scope_node_name(const Onnx__NodeProto *p)
{
    if (p->name && *p->name) return p->name;
    for (size_t i = 0; i < p->n_output; i++)
        if (*p->output[i]) return p->output[i];
    return "";
}

/* ---- Names ---- */

static rnnp_status define(loader *l, scope *s, const char *name, size_t producer, name_entry **entry)
{
    if (names_find_own(&s->names, name)) return rnnp_fail(l->context, RNNP_ERR_FORMAT, "\"%s\" is defined twice", name);
    name_entry *e = names_add(&s->names, name);
    e->value = RNNP_NONE;
    e->producer = producer;
    e->scope = s;
    if (entry) *entry = e;
    return RNNP_OK;
}

static rnnp_status define_results(loader *l, scope *s)
{
    rnnp_status status;
    for (size_t i = 0; i < s->n_nodes; i++)
        for (size_t k = 0; k < s->node[i]->n_output; k++)
            if (*s->node[i]->output[k] && (status = define(l, s, s->node[i]->output[k], i, NULL)) != RNNP_OK)
                return status;
    return RNNP_OK;
}

/* Inputs that are initializers as well, as files before IR 4 list them, are defaults. */
static rnnp_status define_ports(loader *l, scope *s)
{
    const Onnx__GraphProto *g = s->graph;
    rnnp_status status;
    for (size_t i = 0; i < g->n_initializer; i++)
        if ((status = define(l, s, g->initializer[i]->name ? g->initializer[i]->name : "", SIZE_MAX, NULL)) != RNNP_OK)
            return status;
    for (size_t i = 0; i < g->n_input; i++) {
        const char *name = g->input[i]->name ? g->input[i]->name : "";
        name_entry *e = names_find_own(&s->names, name);
        const int has_default = e && !e->is_input;
        if (!has_default && (status = define(l, s, name, SIZE_MAX, &e)) != RNNP_OK) return status;
        e->is_input = 1;
        e->has_default = has_default;
    }
    return RNNP_OK;
}

/* ---- Opening ---- */

static rnnp_status create(loader *l, Onnx__NodeProto *const *node, size_t n_nodes, size_t more_names, scope **out)
{
    size_t count = more_names;
    if (n_nodes > l->budget->max_nodes - l->n_nodes)
        return rnnp_fail(l->context, RNNP_ERR_LIMIT, RNNP_BUDGET_NODES, l->budget->max_nodes);
    l->n_nodes += n_nodes;
    for (size_t i = 0; i < n_nodes; i++) count += node[i]->n_output;
    scope *s = *out = loader_alloc(l, sizeof *s);
    if (!s) return RNNP_ERR_MEMORY;
    *s = (scope){.node = node, .n_nodes = n_nodes, .prefix = ""};
    s->nodes = loader_alloc(l, n_nodes * sizeof *s->nodes);
    if (!s->nodes) return RNNP_ERR_MEMORY;
    if (n_nodes) memset(s->nodes, 0, n_nodes * sizeof *s->nodes);
    *l->last_scope = s;
    l->last_scope = &s->next;
    return names_create(l, count, &s->names);
}

static rnnp_status open_graph(loader *l, const Onnx__GraphProto *g, scope *around, int opset, scope **out)
{
    rnnp_status status;
    if (g->n_sparse_initializer)
        return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "sparse initializers are not supported");
    if ((status = create(l, g->node, g->n_node, g->n_input + g->n_initializer, out)) != RNNP_OK) return status;
    scope *s = *out;
    s->graph = g;
    s->opset = opset;
    if (around) {
        s->names.outer = &around->names;
        s->function = around->function;
        s->call = around->call;
        s->caller = around->caller;
        s->calls = around->calls;
        s->prefix = around->prefix;
    }
    return (status = define_ports(l, s)) == RNNP_OK ? define_results(l, s) : status;
}

static rnnp_status open_function(loader *l, const file_function *called, const Onnx__NodeProto *call, scope *caller,
                                 scope **out)
{
    const Onnx__FunctionProto *f = called->proto;
    const char *name = scope_node_name(call);
    const size_t length = strlen(caller->prefix) + strlen(name) + 2;
    rnnp_status status;
    if (caller->calls == SCOPE_CALLS)
        return rnnp_fail(l->context, RNNP_ERR_FORMAT,
                         "node %s: functions call each other more than %d deep, or forever", name, SCOPE_CALLS);
    if (call->n_input > f->n_input || call->n_output > f->n_output)
        return rnnp_fail(l->context, RNNP_ERR_FORMAT,
                         "node %s has %zu inputs and %zu outputs, function %s has %zu and %zu", name, call->n_input,
                         call->n_output, call->op_type, f->n_input, f->n_output);
    if ((status = create(l, f->node, f->n_node, f->n_input, out)) != RNNP_OK) return status;
    scope *s = *out;
    char *prefix = loader_alloc(l, length);
    if (!prefix) return RNNP_ERR_MEMORY;
    strcpy(prefix, caller->prefix);
    strcat(strcat(prefix, name), "/");
    s->prefix = prefix;
    s->function = called;
    s->call = call;
    s->caller = caller;
    s->calls = caller->calls + 1;
    s->opset = loader_opset(f->opset_import, f->n_opset_import, caller->opset);
    for (size_t i = 0; i < f->n_input; i++)
        if ((status = define(l, s, f->input[i], SIZE_MAX, NULL)) != RNNP_OK) return status;
    return define_results(l, s);
}

/* ---- What is needed ---- */

/* Nodes whose inputs have not been looked at. Each node is there once. */
typedef struct todo {
    struct place {
        scope *scope;
        size_t node;
    } * at;
    size_t n, room;
} todo;

static rnnp_status push(loader *l, todo *t, scope *s, size_t node)
{
    if (t->n == t->room) {
        const size_t room = 2 * t->room + 64;
        struct place *larger = loader_alloc(l, room * sizeof *larger);
        if (!larger) return RNNP_ERR_MEMORY;
        if (t->n) memcpy(larger, t->at, t->n * sizeof *larger);
        loader_free(l, t->at);
        t->at = larger;
        t->room = room;
    }
    t->at[t->n++] = (struct place){s, node};
    return RNNP_OK;
}

/* Marks the value and its producer; 0 if there is no such value. */
static int need(loader *l, todo *t, const scope *s, const char *name, rnnp_status *status)
{
    name_entry *e = names_find(&s->names, name);
    if (!e) return 0;
    e->needed = 1;
    if (e->producer == SIZE_MAX || e->scope->nodes[e->producer].needed) return 1;
    e->scope->nodes[e->producer].needed = 1;
    *status = push(l, t, e->scope, e->producer);
    return 1;
}

static rnnp_status need_results(loader *l, todo *t, const scope *s, const char *node, const char *what,
                                const char *const *name, size_t n)
{
    rnnp_status status = RNNP_OK;
    for (size_t i = 0; i < n && status == RNNP_OK; i++)
        if (!need(l, t, s, name[i], &status))
            return rnnp_fail(l->context, RNNP_ERR_FORMAT, "node %s: nothing computes output \"%s\" of its %s", node,
                             name[i], what);
    return status;
}

static rnnp_status need_graph(loader *l, todo *t, scope *s, const Onnx__NodeProto *p, const char *which, size_t inputs,
                              size_t outputs, scope **body)
{
    const Onnx__GraphProto *g = NULL;
    for (size_t i = 0; i < p->n_attribute; i++)
        if (p->attribute[i]->name && strcmp(p->attribute[i]->name, which) == 0) g = p->attribute[i]->g;
    const char *name = scope_node_name(p);
    if (!g) return rnnp_fail(l->context, RNNP_ERR_FORMAT, "%s %s has no %s", p->op_type, name, which);
    if (g->n_output != outputs || g->n_input != inputs)
        return rnnp_fail(l->context, RNNP_ERR_FORMAT,
                         "%s %s has %zu inputs and %zu outputs, but its %s has %zu and %zu, expected %zu and %zu",
                         p->op_type, name, p->n_input, p->n_output, which, g->n_input, g->n_output, inputs, outputs);
    rnnp_status status = open_graph(l, g, s, s->opset, body);
    for (size_t i = 0; i < g->n_output && status == RNNP_OK; i++)
        status = need_results(l, t, *body, name, which,
                              (const char *const[]){g->output[i]->name ? g->output[i]->name : ""}, 1);
    return status;
}

/* The graphs that a node holds. */
static rnnp_status need_graphs(loader *l, todo *t, scope *s, const Onnx__NodeProto *p, scope_node *node)
{
    enum { CONDITION = 1, SCAN_WITH_BATCHES = 8 };
    rnnp_status status;
    switch (node->kind) {
    case SCOPE_IF:
        status = need_graph(l, t, s, p, "then_branch", 0, p->n_output, &node->body[0]);
        return status == RNNP_OK ? need_graph(l, t, s, p, "else_branch", 0, p->n_output, &node->body[1]) : status;
    case SCOPE_LOOP: return need_graph(l, t, s, p, "body", p->n_input, p->n_output + CONDITION, &node->body[0]);
    case SCOPE_SCAN:
        if (s->opset <= SCAN_WITH_BATCHES)
            return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "Scan %s: opset %d, expected 9 at least",
                             scope_node_name(p), s->opset);
        return need_graph(l, t, s, p, "body", p->n_input, p->n_output, &node->body[0]);
    default: return RNNP_OK;
    }
}

static scope_kind kind_of(const Onnx__NodeProto *p)
{
    const int standard = (!p->domain || !*p->domain || strcmp(p->domain, "ai.onnx") == 0) && p->op_type;
    if (!standard) return SCOPE_PLAIN;
    return strcmp(p->op_type, "If") == 0     ? SCOPE_IF
           : strcmp(p->op_type, "Loop") == 0 ? SCOPE_LOOP
           : strcmp(p->op_type, "Scan") == 0 ? SCOPE_SCAN
                                             : SCOPE_PLAIN;
}

static rnnp_status need_node(loader *l, todo *t, scope *s, size_t i)
{
    const Onnx__NodeProto *p = s->node[i];
    const file_function *f;
    scope_node *node = &s->nodes[i];
    rnnp_status status = RNNP_OK;
    for (size_t k = 0; k < p->n_input && status == RNNP_OK; k++)
        if (*p->input[k] && !need(l, t, s, p->input[k], &status))
            return rnnp_fail(l->context, RNNP_ERR_FORMAT,
                             "node %s reads \"%s\", which is neither an input nor computed by a node",
                             scope_node_name(p), p->input[k]);
    if (status == RNNP_OK && l->file->n_functions && p->n_attribute > SCOPE_ATTRIBUTES)
        status = rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "node %s has %zu attributes", scope_node_name(p),
                           p->n_attribute);
    if (status == RNNP_OK) status = functions_find(l, p, &f);
    if (status != RNNP_OK) return status;
    node->kind = f ? SCOPE_CALL : kind_of(p);
    if (f) {
        status = open_function(l, f, p, s, &node->body[0]);
        return status == RNNP_OK ? need_results(l, t, node->body[0], scope_node_name(p), "function",
                                                (const char *const *)f->proto->output, f->proto->n_output)
                                 : status;
    }
    return need_graphs(l, t, s, p, node);
}

rnnp_status scope_open_file(loader *l, int opset, scope **root)
{
    const Onnx__GraphProto *g = l->file->graph;
    todo t = {0};
    l->n_nodes = 0;
    l->last_scope = &l->scopes;
    l->scopes = NULL;
    rnnp_status status = open_graph(l, g, NULL, opset, root);
    for (size_t i = 0; i < g->n_output && status == RNNP_OK; i++) {
        const char *name = g->output[i]->name ? g->output[i]->name : "";
        if (rnnp_output_wanted(l->options, name) && !need(l, &t, *root, name, &status))
            return rnnp_fail(l->context, RNNP_ERR_FORMAT, "no node computes output \"%s\"", name);
    }
    while (t.n && status == RNNP_OK) {
        const struct place at = t.at[--t.n];
        status = need_node(l, &t, at.scope, at.node);
    }
    return status;
}

/* ---- Attributes ---- */

static const Onnx__AttributeProto *find(Onnx__AttributeProto *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (list[i]->name && strcmp(list[i]->name, name) == 0) return list[i];
    return NULL;
}

/* As deep as calls are. */
const Onnx__AttributeProto *scope_attribute(const scope *s, const Onnx__AttributeProto *a)
{
    if (!s->call || !a->ref_attr_name || !*a->ref_attr_name) return a;
    const Onnx__AttributeProto *given = find(s->call->attribute, s->call->n_attribute, a->ref_attr_name);
    if (given) given = scope_attribute(s->caller, given);
    return given ? given : find(s->function->defaults, s->function->n_defaults, a->ref_attr_name);
}

int scope_find_attribute(loader *l, const scope *s, const Onnx__NodeProto *p, const char *name, rnnp_attr_kind kind,
                         rnnp_attr *attr)
{
    const Onnx__AttributeProto *a = find(p->attribute, p->n_attribute, name);
    a = a ? scope_attribute(s, a) : NULL;
    return a && loader_attribute(l, a, scope_node_name(p), attr) == RNNP_OK && attr->kind == kind;
}
