/* SPDX-License-Identifier: Apache-2.0
 *
 * From a parsed file to a model: constants, inputs, nodes in an order in which every input exists, outputs.
 */
#include "../graph/graph.h"
#include "load_weights.h"

#include <string.h>

/* ---- Names ---- */

static rnnp_status define(loader *l, names *n, const char *name, rnnp_value value, size_t producer)
{
    if (names_find(n, name)) return rnnp_fail(l->context, RNNP_ERR_FORMAT, "\"%s\" is defined twice", name);
    *names_add(n, name) = (name_entry){.value = value, .producer = producer};
    return RNNP_OK;
}

static rnnp_status make_names(loader *l, const Onnx__GraphProto *g, names *n)
{
    size_t count = g->n_input + g->n_initializer;
    for (size_t i = 0; i < g->n_node; i++) count += g->node[i]->n_output;
    return names_create(l, count, n);
}

/* ---- Constants, inputs, outputs ---- */

static rnnp_status add_initializers(loader *l, rnnp_model *model, const Onnx__GraphProto *g, names *n)
{
    for (size_t i = 0; i < g->n_initializer; i++) {
        const Onnx__TensorProto *proto = g->initializer[i];
        const char *name = proto->name ? proto->name : "";
        rnnp_tensor t;
        rnnp_value value;
        void *own;
        rnnp_status status = loader_tensor(l, proto, name, &t, &own);
        if (status == RNNP_OK) status = rnnp_model_add_constant(model, name, &t, &value);
        loader_free(l, own); /* the model has a copy */
        if (status == RNNP_OK) status = loader_widen(l, model, name, &value);
        if (status == RNNP_OK) status = define(l, n, name, value, SIZE_MAX);
        if (status != RNNP_OK) return status;
    }
    return RNNP_OK;
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
    if (l->widens && loader_is_half(t->dtype)) t->dtype = RNNP_DTYPE_F32;
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
        t->shape[i] = fixed ? d->dim_value : RNNP_DYNAMIC;
        symbols[i] = named ? d->dim_param : NULL;
        if (fixed && d->dim_value < 0) {
            *status = rnnp_fail(l->context, RNNP_ERR_SHAPE, "\"%s\": dimension %zu is %lld", name, i,
                                (long long)d->dim_value);
            return -1;
        }
    }
    return 1;
}

static rnnp_status add_inputs(loader *l, rnnp_model *model, const Onnx__GraphProto *g, names *n)
{
    for (size_t i = 0; i < g->n_input; i++) {
        const Onnx__ValueInfoProto *info = g->input[i];
        const char *name = info->name ? info->name : "";
        rnnp_tensor t = {0};
        const char *symbols[RNNP_MAX_RANK] = {0};
        rnnp_value value;
        rnnp_status status;
        name_entry *e = names_find(n, name);
        if (e && !e->is_input) { /* an initializer listed as an input too, as files before IR 4 do: a constant */
            e->is_input = 1;
            continue;
        }
        int stated = read_type(l, info->type, name, &t, symbols, &status);
        if (stated < 0) return status;
        if (!stated) return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "input \"%s\" has no type or no shape", name);
        status = rnnp_model_add_input(model, name, t.dtype, t.rank, t.shape, symbols, &value);
        if (status == RNNP_OK) status = define(l, n, name, value, SIZE_MAX);
        if (status != RNNP_OK) return status;
        names_find(n, name)->is_input = 1;
    }
    return RNNP_OK;
}

static rnnp_status add_outputs(loader *l, rnnp_model *model, const Onnx__GraphProto *g, const names *n)
{
    for (size_t i = 0; i < g->n_output; i++) {
        const char *name = g->output[i]->name ? g->output[i]->name : "";
        const name_entry *e = names_find(n, name);
        if (!e) return rnnp_fail(l->context, RNNP_ERR_FORMAT, "no node computes output \"%s\"", name);
        if (e->part != PART_NONE)
            return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED,
                             "output \"%s\" is 8-bit activations or a part of a product", name);
        rnnp_status status = rnnp_model_add_output(model, name, e->value);
        if (status != RNNP_OK) return status;
    }
    return RNNP_OK;
}

/* What the file says of its outputs must fit what follows from the graph. */
static rnnp_status check_outputs(loader *l, const rnnp_model *model, const Onnx__GraphProto *g)
{
    for (size_t i = 0; i < g->n_output; i++) {
        rnnp_tensor t = {0};
        const char *symbols[RNNP_MAX_RANK] = {0};
        rnnp_port_info port = {.struct_size = sizeof port};
        rnnp_status status = rnnp_model_output_info(model, i, &port);
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

static const char *node_name(const Onnx__NodeProto *p)
{
    if (p->name && *p->name) return p->name;
    for (size_t i = 0; i < p->n_output; i++)
        if (*p->output[i]) return p->output[i];
    return "";
}

/* The node as the file has it. */
static rnnp_status read_node(loader *l, const Onnx__NodeProto *p, const names *n, loader_node *to)
{
    /* 8-bit weights may make more inputs of it */
    to->inputs = loader_alloc(l, (p->n_input + LOADER_MORE_INPUTS) * sizeof *to->inputs);
    to->outputs = loader_alloc(l, p->n_output * sizeof *to->outputs);
    to->attrs = loader_alloc(l, p->n_attribute * sizeof *to->attrs);
    if (!to->inputs || !to->outputs || !to->attrs) return RNNP_ERR_MEMORY;
    for (size_t i = 0; i < p->n_input; i++)
        to->inputs[i] = *p->input[i] ? names_find(n, p->input[i])->value : RNNP_NONE;
    for (size_t i = 0; i < p->n_output; i++) to->outputs[i] = *p->output[i] ? 0 : RNNP_NONE;
    for (size_t i = 0; i < p->n_attribute; i++) {
        const rnnp_status status = loader_attribute(l, p->attribute[i], to->name, &to->attrs[i]);
        if (status != RNNP_OK) return status;
    }
    to->n_inputs = p->n_input;
    to->n_attrs = p->n_attribute;
    return RNNP_OK;
}

static rnnp_status add_node(loader *l, rnnp_model *model, const Onnx__NodeProto *p, int opset, names *n)
{
    loader_node node = {.op = p->op_type, .name = node_name(p), .opset = opset, .bias = RNNP_NONE};
    if (!p->op_type) return rnnp_fail(l->context, RNNP_ERR_FORMAT, "node %s has no operator", node.name);
    rnnp_status status = loader_domain(l, p, node.name);
    if (status == RNNP_OK) status = read_node(l, p, n, &node);
    int left_out = 0;
    if (status == RNNP_OK) status = loader_dynamic_node(l, p, n, &node, &left_out);
    if (left_out) return status;
    if (status == RNNP_OK) status = loader_weights_node(l, model, p, n, &node);
    if (status == RNNP_OK) status = loader_blocks_node(l, model, &node);
    if (status == RNNP_OK) loader_widen_cast(l, &node);
    if (status == RNNP_OK)
        status = rnnp_model_add_node(model, node.op, opset, node.name, node.inputs, node.n_inputs, node.attrs,
                                     node.n_attrs, node.outputs, p->n_output);
    if (status == RNNP_OK) status = loader_weights_after(l, model, p, n, &node);
    if (status == RNNP_OK && loader_makes_half(l, &node)) status = loader_widen(l, model, node.name, &node.outputs[0]);
    for (size_t i = 0; i < p->n_output && status == RNNP_OK; i++)
        if (*p->output[i]) names_find(n, p->output[i])->value = node.outputs[i];
    return status;
}

/* Adds a node after the nodes whose results it reads: a depth-first walk with its own stack. */
static rnnp_status add_nodes(loader *l, rnnp_model *model, const Onnx__GraphProto *g, int opset, names *n)
{
    enum { NEW, OPEN, DONE };
    uint8_t *state = loader_alloc(l, g->n_node);
    size_t *stack = loader_alloc(l, g->n_node * sizeof *stack), *next = loader_alloc(l, g->n_node * sizeof *next);
    rnnp_status status;
    if (!state || !stack || !next) return RNNP_ERR_MEMORY;
    if (g->n_node) memset(state, NEW, g->n_node);
    for (size_t i = 0; i < g->n_node; i++)
        for (size_t k = 0; k < g->node[i]->n_output; k++)
            if (*g->node[i]->output[k] && (status = define(l, n, g->node[i]->output[k], RNNP_NONE, i)) != RNNP_OK)
                return status;
    if ((status = loader_read_marks(l, n)) != RNNP_OK) return status;
    for (size_t root = 0; root < g->n_node; root++) {
        size_t depth = 0;
        if (state[root] == DONE) continue;
        stack[depth++] = root;
        state[root] = OPEN;
        next[root] = 0;
        while (depth > 0) {
            size_t i = stack[depth - 1];
            const Onnx__NodeProto *p = g->node[i];
            if (next[i] == p->n_input) {
                if ((status = add_node(l, model, p, opset, n)) != RNNP_OK) return status;
                state[i] = DONE;
                depth--;
                continue;
            }
            const char *input = p->input[next[i]++];
            if (!*input) continue;
            const name_entry *e = names_find(n, input);
            if (!e)
                return rnnp_fail(l->context, RNNP_ERR_FORMAT,
                                 "node %s reads \"%s\", which is neither an input nor computed by a node", node_name(p),
                                 input);
            if (e->producer == SIZE_MAX || state[e->producer] == DONE) continue;
            if (state[e->producer] == OPEN)
                return rnnp_fail(l->context, RNNP_ERR_FORMAT, "the graph has a cycle through node %s", node_name(p));
            stack[depth++] = e->producer;
            state[e->producer] = OPEN;
            next[e->producer] = 0;
        }
    }
    return RNNP_OK;
}

/* ---- The model ---- */

static rnnp_status default_opset(loader *l, int *opset)
{
    for (size_t i = 0; i < l->file->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *p = l->file->opset_import[i];
        if (p->domain && *p->domain && strcmp(p->domain, "ai.onnx")) continue;
        if (p->version < 7 || p->version > 22)
            return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "opset %lld is outside 7 to 22", (long long)p->version);
        *opset = (int)p->version;
        return RNNP_OK;
    }
    return rnnp_fail(l->context, RNNP_ERR_FORMAT, "the model imports no opset of the default domain");
}

static rnnp_status build(loader *l, rnnp_model *model)
{
    const Onnx__ModelProto *file = l->file;
    const Onnx__GraphProto *g = file->graph;
    names n;
    int opset = 0;
    rnnp_status status;
    if (!g) return rnnp_fail(l->context, RNNP_ERR_FORMAT, "the model has no graph");
    if (g->n_sparse_initializer)
        return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "sparse initializers are not supported");
    if (file->n_functions)
        return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "model-local functions are not supported");
    if (file->n_training_info)
        return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "training information is not supported");
    if (g->n_node > l->budget->max_nodes)
        return rnnp_fail(l->context, RNNP_ERR_LIMIT, RNNP_BUDGET_NODES, l->budget->max_nodes);
    if ((status = default_opset(l, &opset)) != RNNP_OK || (status = make_names(l, g, &n)) != RNNP_OK) return status;
    if (file->producer_name && (status = model->calls->set_producer(model, file->producer_name)) != RNNP_OK)
        return status;
    if ((status = add_initializers(l, model, g, &n)) != RNNP_OK || (status = add_inputs(l, model, g, &n)) != RNNP_OK ||
        (status = add_nodes(l, model, g, opset, &n)) != RNNP_OK || (status = add_outputs(l, model, g, &n)) != RNNP_OK)
        return status;
    status = rnnp_model_close(model);
    return status == RNNP_OK ? check_outputs(l, model, g) : status;
}

static rnnp_status build_new(loader *l, rnnp_model **model)
{
    rnnp_status status = rnnp_model_create(l->context, model);
    if (status != RNNP_OK) return status;
    (*model)->budget = l->budget;
    status = loader_explain(l, build(l, *model));
    (*model)->budget = NULL;
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
    if (status == RNNP_OK && l->widens) loader_log_widened(l);
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
    loader l = {.context = context, .budget = &budget, .directory = o.directory, .limit_grows = !o.max_bytes};
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
