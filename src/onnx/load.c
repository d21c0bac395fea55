/* SPDX-License-Identifier: Apache-2.0
 *
 * From a parsed file to a model: constants, inputs, nodes in an order in which every input exists, outputs. Only what
 * the outputs need (scope.c) is read.
 */
#include "../graph/graph.h"
#include "functions.h"
#include "load_control.h"
#include "load_weights.h"
#include "scope.h"

#include <string.h>

/* ---- Constants, inputs, outputs ---- */

static rnnp_status add_initializer(loader *l, rnnp_model *model, const Onnx__TensorProto *proto, name_entry *e)
{
    const char *name = proto->name ? proto->name : "";
    rnnp_tensor t;
    void *own;
    rnnp_status status = loader_tensor(l, proto, name, &t, &own);
    if (status == RNNP_OK)
        status = e->is_input && rnnp_bound_find(l->options, name)
                     ? rnnp_model_add_input(model, name, t.dtype, t.rank, t.shape, NULL, &e->value)
                     : rnnp_model_add_constant(model, name, &t, &e->value);
    loader_free(l, own); /* the model has a copy */
    return status == RNNP_OK ? loader_widen(l, model, name, &e->value) : status;
}

/* Those that an output needs. */
static rnnp_status add_initializers(loader *l, rnnp_model *model, const scope *s)
{
    rnnp_status status = RNNP_OK;
    for (size_t i = 0; s->graph && i < s->graph->n_initializer && status == RNNP_OK; i++) {
        const Onnx__TensorProto *proto = s->graph->initializer[i];
        name_entry *e = names_find_own(&s->names, proto->name ? proto->name : "");
        if (e->needed || (e->is_input && rnnp_bound_find(l->options, proto->name ? proto->name : "")))
            status = add_initializer(l, model, proto, e);
    }
    return status;
}

/* Type and shape of an input or output; symbols NULL where a dimension has no name. Returns 1 when the file
 * states a tensor type with a shape, 0 when it states less, negative on error. */
static int read_type(loader *l, const Onnx__TypeProto *type, const char *name, rnnp_tensor *t, const char **symbols,
                     rnnp_status *status)
{
    *status = RNNP_OK;
    if (!type || type->value_case == ONNX__TYPE_PROTO__VALUE__NOT_SET) return 0;
    if (type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) {
        *status = rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "\"%s\" is not a tensor", name);
        return -1;
    }
    const Onnx__TensorShapeProto *shape = type->tensor_type->shape;
    t->dtype = loader_dtype(type->tensor_type->elem_type);
    if (!t->dtype) {
        *status = rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "\"%s\": type %s is not supported", name,
                            loader_dtype_name(type->tensor_type->elem_type));
        return -1;
    }
    t->dtype = loader_computes_in(l, t->dtype);
    if (!shape) return 0;
    if (shape->n_dim > RNNP_MAX_RANK) {
        *status = rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "\"%s\": rank %zu is above %d", name, shape->n_dim,
                            RNNP_MAX_RANK);
        return -1;
    }
    t->rank = shape->n_dim;
    for (size_t i = 0; i < t->rank; i++) {
        const Onnx__TensorShapeProto__Dimension *d = shape->dim[i];
        int fixed = d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        int named =
            d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM && d->dim_param && *d->dim_param;
        t->shape[i] = fixed && d->dim_value >= 0 ? d->dim_value : RNNP_DYNAMIC; /* some exporters write -1 */
        symbols[i] = named ? d->dim_param : NULL;
    }
    return 1;
}

static rnnp_status add_inputs(loader *l, rnnp_model *model, const scope *s)
{
    for (size_t i = 0; i < s->graph->n_input; i++) {
        const Onnx__ValueInfoProto *info = s->graph->input[i];
        const char *name = info->name ? info->name : "";
        name_entry *e = names_find_own(&s->names, name);
        rnnp_tensor t = {0};
        const char *symbols[RNNP_MAX_RANK] = {0};
        rnnp_status status;
        if (e->has_default) continue;
        int stated = read_type(l, info->type, name, &t, symbols, &status);
        if (stated < 0) return status;
        if (!stated) return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "input \"%s\" has no type or no shape", name);
        status = rnnp_model_add_input(model, name, t.dtype, t.rank, t.shape, symbols, &e->value);
        if (status != RNNP_OK) return status;
    }
    return RNNP_OK;
}

static rnnp_status state_rank(loader *l, const Onnx__ValueInfoProto *info, rnnp_output_info *output)
{
    const char *symbols[RNNP_MAX_RANK];
    rnnp_tensor t = {0};
    rnnp_status status;
    output->has_rank = read_type(l, info->type, output->name, &t, symbols, &status) > 0;
    output->rank = t.rank;
    return status;
}

static rnnp_status add_outputs(loader *l, rnnp_model *model, const scope *s)
{
    rnnp_status status = RNNP_OK;
    for (size_t i = 0; i < s->graph->n_output && status == RNNP_OK; i++) {
        const char *name = s->graph->output[i]->name ? s->graph->output[i]->name : "";
        if (!rnnp_output_wanted(l->options, name)) continue;
        const name_entry *e = names_find(&s->names, name);
        status = loader_whole_value(l, e, name);
        if (status == RNNP_OK) status = rnnp_model_add_output(model, name, e->value);
        if (status == RNNP_OK) status = state_rank(l, s->graph->output[i], &model->outputs[model->n_outputs - 1]);
    }
    return status;
}

/* What the file says of its outputs must fit what follows from the graph. */
static rnnp_status check_outputs(loader *l, const rnnp_model *model, const Onnx__GraphProto *g)
{
    for (size_t i = 0, k = 0; i < g->n_output; i++) {
        rnnp_tensor t = {0};
        const char *symbols[RNNP_MAX_RANK] = {0};
        rnnp_port_info port = {.struct_size = sizeof port};
        if (!rnnp_output_wanted(l->options, g->output[i]->name ? g->output[i]->name : "")) continue;
        rnnp_status status = rnnp_model_output_info(model, k++, &port);
        if (status != RNNP_OK) return status;
        int stated = read_type(l, g->output[i]->type, port.name, &t, symbols, &status);
        if (stated < 0) return status;
        if (t.dtype && t.dtype != port.dtype)
            return rnnp_fail(l->context, RNNP_ERR_TYPE, "output \"%s\" is declared %s, but it is %s", port.name,
                             rnnp_dtype_name(t.dtype), rnnp_dtype_name(port.dtype));
        if (!stated) continue;
        if (t.rank != port.rank)
            return rnnp_fail(l->context, RNNP_ERR_SHAPE, "output \"%s\" is declared with rank %zu, but it has rank %zu",
                             port.name, t.rank, port.rank);
        for (size_t d = 0; d < t.rank; d++)
            if (t.shape[d] != RNNP_DYNAMIC && port.shape[d] != RNNP_DYNAMIC && t.shape[d] != port.shape[d])
                return rnnp_fail(l->context, RNNP_ERR_SHAPE,
                                 "output \"%s\": dimension %zu is declared %lld, but it is %lld", port.name, d,
                                 (long long)t.shape[d], (long long)port.shape[d]);
    }
    return RNNP_OK;
}

/* ---- Nodes ---- */

/* The node as the file has it. */
static rnnp_status read_node(loader *l, const scope *s, const Onnx__NodeProto *p, loader_node *to)
{
    /* 8-bit weights may make more inputs of it */
    to->inputs = loader_alloc(l, (p->n_input + LOADER_MORE_INPUTS) * sizeof *to->inputs);
    to->outputs = loader_alloc(l, p->n_output * sizeof *to->outputs);
    to->attrs = loader_alloc(l, p->n_attribute * sizeof *to->attrs);
    if (!to->inputs || !to->outputs || !to->attrs) return RNNP_ERR_MEMORY;
    for (size_t i = 0; i < p->n_input; i++)
        to->inputs[i] = *p->input[i] ? names_find(&s->names, p->input[i])->value : RNNP_NONE;
    for (size_t i = 0; i < p->n_output; i++) to->outputs[i] = *p->output[i] ? 0 : RNNP_NONE;
    for (size_t i = 0; i < p->n_attribute; i++) {
        const Onnx__AttributeProto *a = scope_attribute(s, p->attribute[i]);
        if (!a) continue;
        const rnnp_status status = loader_attribute(l, a, to->name, &to->attrs[to->n_attrs]);
        if (status != RNNP_OK) return status;
        to->attrs[to->n_attrs++].name = p->attribute[i]->name ? p->attribute[i]->name : "";
    }
    to->n_inputs = p->n_input;
    return RNNP_OK;
}

static rnnp_status add_plain(loader *l, rnnp_model *model, const scope *s, const Onnx__NodeProto *p, const char *name)
{
    loader_node node = {.op = p->op_type, .name = name, .opset = s->opset, .bias = RNNP_NONE};
    const names *n = &s->names;
    if (!p->op_type) return rnnp_fail(l->context, RNNP_ERR_FORMAT, "node %s has no operator", node.name);
    rnnp_status status = loader_decayed_cell(p) ? RNNP_OK : loader_domain(l, p, node.name);
    if (status == RNNP_OK) status = read_node(l, s, p, &node);
    if (status == RNNP_OK) status = loader_decay_node(l, p, &node);
    int left_out = 0;
    if (status == RNNP_OK) status = loader_dynamic_node(l, p, n, &node, &left_out);
    if (left_out) return status;
    if (status == RNNP_OK) status = loader_weights_node(l, model, p, n, &node);
    if (status == RNNP_OK) status = loader_blocks_node(l, model, &node);
    if (status == RNNP_OK) loader_widen_cast(l, &node);
    if (status == RNNP_OK)
        status = rnnp_model_add_node(model, node.op, node.opset, node.name, node.inputs, node.n_inputs, node.attrs,
                                     node.n_attrs, node.outputs, p->n_output);
    if (status == RNNP_OK) status = loader_weights_after(l, model, p, n, &node);
    if (status == RNNP_OK && loader_makes_half(l, &node)) status = loader_widen(l, model, node.name, &node.outputs[0]);
    for (size_t i = 0; i < p->n_output && status == RNNP_OK; i++)
        if (*p->output[i]) names_find_own(n, p->output[i])->value = node.outputs[i];
    return status;
}

/* What is known of a value is known under its other name, too. */
static void rename_value(name_entry *to, const name_entry *from)
{
    name_entry copy = *from;
    copy.scope = to->scope;
    copy.producer = to->producer;
    copy.needed = to->needed;
    copy.marked = to->marked;
    *to = copy;
}

/* The arguments of a call become the inputs of the function; later, its results those of the call. */
static void pass_arguments(const scope *s, const scope_node *at, const Onnx__NodeProto *p)
{
    const Onnx__FunctionProto *f = at->body[0]->function->proto;
    for (size_t i = 0; i < p->n_input; i++)
        if (*p->input[i])
            rename_value(names_find_own(&at->body[0]->names, f->input[i]), names_find(&s->names, p->input[i]));
}

static void pass_results(const scope *s, const scope_node *at, const Onnx__NodeProto *p)
{
    const Onnx__FunctionProto *f = at->body[0]->function->proto;
    for (size_t i = 0; i < p->n_output; i++)
        if (*p->output[i])
            rename_value(names_find_own(&s->names, p->output[i]), names_find(&at->body[0]->names, f->output[i]));
}

/* A branch that gives a value of the graph around it: no node is needed. */
static int is_handed_on(const scope *s, const Onnx__NodeProto *p)
{
    return s->names.outer && (!p->domain || !*p->domain) && p->op_type && strcmp(p->op_type, "Identity") == 0 &&
           p->n_input == 1 && *p->input[0] && p->n_output == 1 && *p->output[0] && p->n_attribute == 0;
}

/* The node's, behind the calls that it is in; NULL without memory. */
static const char *node_name(loader *l, const scope *s, const Onnx__NodeProto *p)
{
    const char *name = scope_node_name(p);
    if (!*s->prefix) return name;
    char *joined = loader_alloc(l, strlen(s->prefix) + strlen(name) + 1);
    return joined ? strcat(strcpy(joined, s->prefix), name) : NULL;
}

static rnnp_status add_node(loader *l, rnnp_model *model, const scope *s, size_t i)
{
    const Onnx__NodeProto *p = s->node[i];
    const scope_node *at = &s->nodes[i];
    const char *name = node_name(l, s, p);
    if (!name) return RNNP_ERR_MEMORY;
    if (is_handed_on(s, p)) {
        rename_value(names_find_own(&s->names, p->output[0]), names_find(&s->names, p->input[0]));
        return RNNP_OK;
    }
    switch (at->kind) {
    case SCOPE_IF: return loader_if(l, model, s, at, p, name);
    case SCOPE_LOOP:
    case SCOPE_SCAN: return loader_end_loop(l, model, s, at, p, name);
    case SCOPE_CALL: pass_results(s, at, p); return RNNP_OK;
    default: break;
    }
    const rnnp_status status = add_plain(l, model, s, p, name);
    return status == RNNP_ERR_UNSUPPORTED ? loader_unsupported(l, model, s, p, name) : status;
}

/* A node on its way into the model: how many of the nodes that it needs have been looked at. */
typedef struct frame {
    scope *scope;
    size_t node, next;
} frame;

/* Before the nodes of its bodies, and after its inputs. */
static rnnp_status begin_bodies(loader *l, rnnp_model *model, const frame *f)
{
    const Onnx__NodeProto *p = f->scope->node[f->node];
    scope_node *at = &f->scope->nodes[f->node];
    if (f->next < p->n_input || at->state == SCOPE_BEGUN) return RNNP_OK;
    at->state = SCOPE_BEGUN;
    if (at->kind == SCOPE_CALL) pass_arguments(f->scope, at, p);
    if (at->kind != SCOPE_LOOP && at->kind != SCOPE_SCAN) return RNNP_OK;
    const char *name = node_name(l, f->scope, p);
    return name ? loader_begin_loop(l, model, f->scope, at, p, name) : RNNP_ERR_MEMORY;
}

/* Item k of what a body needs: its nodes, then what computes its outputs, which may be nodes around it. Returns 0 where
 * no node does. */
static int body_item(scope *body, size_t k, scope **scope_of, size_t *node)
{
    *scope_of = body;
    *node = k;
    if (k < body->n_nodes) return body->nodes[k].needed;
    const Onnx__ValueInfoProto *output = body->graph->output[k - body->n_nodes];
    const name_entry *e = names_find(&body->names, output->name ? output->name : "");
    *scope_of = e->scope;
    *node = e->producer;
    return e->producer != SIZE_MAX;
}

/* Outputs of functions are their own. */
static size_t body_items(const scope *body) { return body->n_nodes + (body->graph ? body->graph->n_output : 0); }

/* 0 for a node that is there already, negative for one that waits for this one. */
static int must_come(const scope *s, size_t node)
{
    return s->nodes[node].state == SCOPE_NEW ? 1 : s->nodes[node].state == SCOPE_DONE ? 0 : -1;
}

/* The next node that must come first: producers of inputs, then what bodies need. Returns 0 when there is none left,
 * negative when that node waits for this one. */
static int next_before(frame *f, scope **scope_of, size_t *node)
{
    const Onnx__NodeProto *p = f->scope->node[f->node];
    const scope_node *at = &f->scope->nodes[f->node];
    int found;
    for (; f->next < p->n_input; f->next++) {
        const name_entry *e = *p->input[f->next] ? names_find(&f->scope->names, p->input[f->next]) : NULL;
        if (!e || e->producer == SIZE_MAX || !(found = must_come(e->scope, e->producer))) continue;
        *scope_of = e->scope;
        *node = e->producer;
        return found;
    }
    if (at->state != SCOPE_BEGUN) return 0;
    size_t k = f->next - p->n_input;
    for (size_t b = 0; b < SCOPE_BODIES && at->body[b]; k -= body_items(at->body[b++])) {
        for (; k < body_items(at->body[b]); k++, f->next++)
            if (body_item(at->body[b], k, scope_of, node) && (found = must_come(*scope_of, *node))) return found;
    }
    return 0;
}

/* Adds a node after all that it needs: a depth-first walk with its own stack, which has room for all nodes. */
static rnnp_status add_with_needed(loader *l, rnnp_model *model, scope *s, size_t i, frame *stack)
{
    size_t depth = 0;
    s->nodes[i].state = SCOPE_OPEN;
    stack[depth++] = (frame){s, i, 0};
    while (depth > 0) {
        frame *top = &stack[depth - 1];
        scope *before;
        size_t node;
        int found = next_before(top, &before, &node);
        if (!found) {
            const rnnp_status status = begin_bodies(l, model, top);
            if (status != RNNP_OK) return status;
            found = next_before(top, &before, &node);
        }
        if (found < 0)
            return rnnp_fail(l->context, RNNP_ERR_FORMAT, "the graph has a cycle through node %s",
                             scope_node_name(top->scope->node[top->node]));
        if (found) {
            before->nodes[node].state = SCOPE_OPEN;
            stack[depth++] = (frame){before, node, 0};
            continue;
        }
        const rnnp_status status = add_node(l, model, top->scope, top->node);
        if (status != RNNP_OK) return status;
        top->scope->nodes[top->node].state = SCOPE_DONE;
        depth--;
    }
    return RNNP_OK;
}

/* In the order of the file, as far as that is possible. */
static rnnp_status add_nodes(loader *l, rnnp_model *model, scope *s)
{
    frame *stack = loader_alloc(l, l->n_nodes * sizeof *stack);
    rnnp_status status = stack ? loader_read_marks(l, &s->names) : RNNP_ERR_MEMORY;
    for (size_t i = 0; i < s->n_nodes && status == RNNP_OK; i++)
        if (s->nodes[i].needed && s->nodes[i].state == SCOPE_NEW) status = add_with_needed(l, model, s, i, stack);
    loader_free(l, stack);
    return status;
}

/* ---- The model ---- */

static rnnp_status check_opset(loader *l, int opset)
{
    if (opset == 0) return rnnp_fail(l->context, RNNP_ERR_FORMAT, "the model imports no opset of the default domain");
    if (opset >= RNNP_OPSET_FIRST && opset <= RNNP_OPSET_LAST) return RNNP_OK;
    return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "opset %d is outside %d to %d", opset, RNNP_OPSET_FIRST,
                     RNNP_OPSET_LAST);
}

/* All but our own, which says something of nodes. A key that comes twice has its last value. */
static rnnp_status read_metadata(loader *l, rnnp_model *model)
{
    enum { MOST = 4096 }; /* each is compared with those before it */
    const Onnx__ModelProto *file = l->file;
    rnnp_status status = RNNP_OK;
    if (file->n_metadata_props > MOST)
        return rnnp_fail(l->context, RNNP_ERR_LIMIT, "%zu entries of metadata, at most %d", file->n_metadata_props,
                         MOST);
    for (size_t i = 0; i < file->n_metadata_props && status == RNNP_OK; i++) {
        const Onnx__StringStringEntryProto *entry = file->metadata_props[i];
        const char *key = entry->key ? entry->key : "", *value = entry->value ? entry->value : "";
        if (*key && strcmp(key, LOADER_MARKS) != 0) status = rnnp_model_set_metadata(model, key, value);
    }
    return status;
}

static rnnp_status build(loader *l, rnnp_model *model)
{
    const Onnx__ModelProto *file = l->file;
    const int opset = loader_opset(file->opset_import, file->n_opset_import, 0);
    scope *root;
    rnnp_status status;
    if (!file->graph) return rnnp_fail(l->context, RNNP_ERR_FORMAT, "the model has no graph");
    if (file->n_training_info)
        return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "training information is not supported");
    if ((status = functions_open(l)) != RNNP_OK || (status = scope_open_file(l, opset, &root)) != RNNP_OK ||
        (status = check_opset(l, opset)) != RNNP_OK)
        return status;
    if (file->producer_name && (status = model->calls->set_producer(model, file->producer_name)) != RNNP_OK)
        return status;
    if ((status = read_metadata(l, model)) != RNNP_OK) return status;
    for (const scope *s = root; s && status == RNNP_OK; s = s->next) status = add_initializers(l, model, s);
    if (status != RNNP_OK || (status = add_inputs(l, model, root)) != RNNP_OK ||
        (status = add_nodes(l, model, root)) != RNNP_OK || (status = add_outputs(l, model, root)) != RNNP_OK)
        return status;
    status = rnnp_model_close(model);
    return status == RNNP_OK ? check_outputs(l, model, file->graph) : status;
}

static rnnp_status build_new(loader *l, rnnp_model **model)
{
    rnnp_status status = rnnp_model_create(l->context, model);
    if (status != RNNP_OK) return status;
    (*model)->budget = l->budget;
    (*model)->options = l->options;
    status = loader_explain(l, *model, build(l, *model));
    (*model)->budget = NULL;
    (*model)->options = NULL;
    return status;
}

/* From bytes to *out, where they are `own` (NULL: the caller's), which are freed as soon as they are parsed. */
static rnnp_status load(loader *l, const void *bytes, size_t size, void *own, rnnp_model **out)
{
    rnnp_model *model = NULL;
    rnnp_status status = loader_parse(l, bytes, size);
    loader_free(l, own);
    if (status == RNNP_OK) {
        l->widens = loader_has_half_input(l);
        status = build_new(l, &model);
    }
    /* f16 where no operator has it: the file computes in f16. A file that only casts to it is read as it is. */
    if (status == RNNP_ERR_TYPE && !l->widens && loader_has_halves(l)) {
        l->widens = 1;
        rnnp_model_destroy(model);
        status = build_new(l, &model);
    }
    if (status == RNNP_OK) loader_log_widened(l);
    if (status != RNNP_OK && l->file) status = loader_hint_singles(l, status);
    if (status == RNNP_OK)
        *out = model;
    else
        rnnp_model_destroy(model);
    return status;
}

static rnnp_status load_file(loader *l, const char *path, const rnnp_load_options *o, rnnp_model **out)
{
    const char *slash = strrchr(path, '/');
    const size_t length = slash ? (size_t)(slash - path) + 1 : 1;
    loader_file file;
    void *bytes;
    rnnp_status status = loader_open(l, path, &file);
    if (status != RNNP_OK) return status;
    *l->budget = rnnp_budget_for(o, file.bytes);
    status = file.bytes > INT32_MAX
                 ? rnnp_fail(l->context, RNNP_ERR_FORMAT, "%.150s has %zu bytes, more than an ONNX file can have", path,
                             file.bytes)
                 : loader_read(l, &file, path, 0, file.bytes, &bytes);
    loader_close(&file);
    if (status != RNNP_OK) return status;
    char *directory = loader_alloc(l, length + 1);
    if (!directory) return RNNP_ERR_MEMORY;
    memcpy(directory, slash ? path : ".", length);
    directory[length] = 0;
    l->directory = directory;
    return load(l, bytes, file.bytes, bytes, out);
}

/* The bytes, or those of the file at `path`. */
static rnnp_status load_any(const rnnp_context *context, const char *path, const void *bytes, size_t size,
                            const rnnp_load_options *options, rnnp_model **out)
{
    rnnp_load_options o;
    rnnp_budget budget;
    rnnp_status status;
    if ((status = loader_same_version(context)) != RNNP_OK) return status;
    if ((status = RNNP_STRUCT_READ(context, rnnp_load_options, options, &o)) != RNNP_OK) return status;
    budget = rnnp_budget_for(&o, size);
    loader l = {
        .context = context, .budget = &budget, .options = &o, .directory = o.directory, .limit_grows = !o.max_bytes};
    status = path ? load_file(&l, path, &o, out) : load(&l, bytes, size, NULL, out);
    loader_release(&l);
    return status == RNNP_ERR_MEMORY && budget.exceeded ? RNNP_ERR_LIMIT : status;
}

rnnp_status rnnp_onnx_open_memory(const rnnp_context *context, const void *bytes, size_t size,
                                  const rnnp_load_options *options, rnnp_model **out)
{
    if (!out) return context ? rnnp_fail(context, RNNP_ERR_ARG, "model is NULL") : RNNP_ERR_ARG;
    *out = NULL;
    if (!context) return RNNP_ERR_ARG;
    if (!bytes && size) return rnnp_fail(context, RNNP_ERR_ARG, "bytes is NULL");
    return load_any(context, NULL, bytes, size, options, out);
}

rnnp_status rnnp_onnx_open_file(const rnnp_context *context, const char *path, const rnnp_load_options *options,
                                rnnp_model **out)
{
    if (!out) return context ? rnnp_fail(context, RNNP_ERR_ARG, "model is NULL") : RNNP_ERR_ARG;
    *out = NULL;
    if (!context) return RNNP_ERR_ARG;
    if (!path) return rnnp_fail(context, RNNP_ERR_ARG, "path is NULL");
    return load_any(context, path, NULL, 0, options, out);
}
