/* SPDX-License-Identifier: Apache-2.0
 *
 * Building a model: values, nodes, inputs, constants, outputs. A call that fails leaves the graph as it was.
 */
#include "../file.h"
#include "../packed/packed.h"
#include "engine.h"
#include "visit.h"

#include <stdio.h>
#include <string.h>

enum { ATTRS_MAX = 64 };

/* ---- Names, and room for more ---- */

/* "<base>_7", or "<base>:1" */
static const char *numbered(rnnp_model *model, const char *base, char separator, size_t number)
{
    const size_t bytes = strlen(base) + 24;
    char *s = rnnp_model_alloc(model, bytes);

    if (s) snprintf(s, bytes, "%s%c%zu", base, separator, number);
    return s;
}

#define GROW(model, field, more) \
    rnnp_model_grow(model, &(model)->field, (model)->n_##field, more, &(model)->cap_##field, sizeof *(model)->field)

static rnnp_status grow_names(rnnp_model *model, rnnp_name_table *t, size_t more)
{
    const size_t n = t->set.n;
    rnnp_status status;

    if ((status = rnnp_model_grow(model, &t->set.name, n, more, &t->cap_name, sizeof *t->set.name)) != RNNP_OK ||
        (status = rnnp_model_grow(model, &t->set.fork, n, more, &t->cap_fork, sizeof *t->set.fork)) != RNNP_OK)
        return status;
    return rnnp_model_grow(model, &t->number, n, more, &t->cap_number, sizeof *t->number);
}

/* Room must have been made. */
static void add_name(rnnp_name_table *t, const char *name, size_t number)
{
    t->number[rnnp_names_add(&t->set, name)] = number;
}

static void free_names(const rnnp_context *context, rnnp_name_table *t)
{
    rnnp_free(context, t->set.name, t->cap_name * sizeof *t->set.name);
    rnnp_free(context, t->set.fork, t->cap_fork * sizeof *t->set.fork);
    rnnp_free(context, t->number, t->cap_number * sizeof *t->number);
}

rnnp_status rnnp_model_set_producer(rnnp_model *model, const char *name)
{
    const char *copy = rnnp_model_string(model, name ? name : "");

    if (!copy) return RNNP_ERR_MEMORY;
    model->producer = copy;
    return RNNP_OK;
}

const rnnp_model_calls rnnp_model_calls_table = {rnnp_model_set_producer, rnnp_model_visit, rnnp_file_replace};

rnnp_status rnnp_model_create(const rnnp_context *context, rnnp_model **model)
{
    if (!model) return context ? rnnp_fail(context, RNNP_ERR_ARG, "model is NULL") : RNNP_ERR_ARG;
    *model = NULL;
    if (!context) return RNNP_ERR_ARG;

    rnnp_model *m = rnnp_calloc(context, sizeof *m);
    if (!m) return RNNP_ERR_MEMORY;
    m->context = context;
    m->calls = &rnnp_model_calls_table;
    m->producer = "";
    *model = m;
    return RNNP_OK;
}

void rnnp_model_destroy(rnnp_model *model)
{
    if (!model) return;
    const rnnp_context *context = model->context;

    rnnp_packed_destroy(model->packed);
    rnnp_arena_free(context, &model->blocks);
    rnnp_free(context, model->values, model->cap_values * sizeof *model->values);
    rnnp_free(context, model->nodes, model->cap_nodes * sizeof *model->nodes);
    rnnp_free(context, model->inputs, model->cap_inputs * sizeof *model->inputs);
    rnnp_free(context, model->outputs, model->cap_outputs * sizeof *model->outputs);
    rnnp_free(context, model->metadata, model->cap_metadata * sizeof *model->metadata);
    rnnp_free(context, model->symbols, model->cap_symbols * sizeof *model->symbols);
    free_names(context, &model->input_names);
    free_names(context, &model->output_names);
    free_names(context, &model->symbol_names);
    rnnp_free(context, model, sizeof *model);
}

/* ---- Checks ---- */

static rnnp_status check_open(const rnnp_model *model)
{
    if (model->closed) return rnnp_fail(model->context, RNNP_ERR_STATE, "the model is closed");
    return RNNP_OK;
}

static int is_value(const rnnp_model *model, rnnp_value value) { return value >= 0 && (size_t)value < model->n_values; }

static rnnp_status check_name(const rnnp_model *model, const char *what, const char *name)
{
    if (!name || !*name) return rnnp_fail(model->context, RNNP_ERR_ARG, "an %s has no name", what);
    return RNNP_OK;
}

static rnnp_status check_result(const rnnp_model *model, const char *what, const char *name, const rnnp_value *value)
{
    if (!value) return rnnp_fail(model->context, RNNP_ERR_ARG, "%s %s: value is NULL", what, name);
    return RNNP_OK;
}

static rnnp_status check_type(const rnnp_model *model, const char *name, rnnp_dtype dtype, size_t rank,
                              const int64_t *shape)
{
    if (!rnnp_dtype_bytes(dtype))
        return rnnp_fail(model->context, RNNP_ERR_ARG, "%s: unknown dtype %d", name, (int)dtype);
    if (rank > RNNP_MAX_RANK)
        return rnnp_fail(model->context, RNNP_ERR_UNSUPPORTED, "%s: rank %zu is above %d", name, rank, RNNP_MAX_RANK);
    if (rank > 0 && !shape)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "%s: rank is %zu but shape is NULL", name, rank);
    return RNNP_OK;
}

/* ---- Values ---- */

/* Room must have been made. */
static int32_t add_value(rnnp_model *model, const rnnp_value_info *info)
{
    model->values[model->n_values] = *info;
    return (int32_t)model->n_values++;
}

static rnnp_status grow_values(rnnp_model *model, size_t more)
{
    if (model->n_values + more > INT32_MAX)
        return rnnp_fail(model->context, RNNP_ERR_MEMORY, "the model has too many values");
    return GROW(model, values, more);
}

/* The symbol of that name, or a new one with a copy of it; NULL: a new one without. Room must have been made. */
static rnnp_status symbol_named(rnnp_model *model, const char *name, int64_t *symbol)
{
    const size_t known = name ? rnnp_names_find(&model->symbol_names.set, name) : SIZE_MAX;
    size_t i = model->n_symbols;

    if (known != SIZE_MAX) {
        i = model->symbol_names.number[known];
    } else {
        if (name && !(name = rnnp_model_string(model, name))) return RNNP_ERR_MEMORY;
        if (name) add_name(&model->symbol_names, name, i);
        model->symbols[model->n_symbols++] = name;
    }
    *symbol = RNNP_SYMBOL - (int64_t)i;
    return RNNP_OK;
}

static rnnp_status input_dims(rnnp_model *model, const char *name, rnnp_meta *meta, const int64_t *shape,
                              const char *const *symbols)
{
    for (size_t i = 0; i < meta->rank; i++) {
        rnnp_status status;

        meta->dim[i] = shape[i];
        if (shape[i] >= 0) continue;
        if (shape[i] != RNNP_DYNAMIC)
            return rnnp_fail(model->context, RNNP_ERR_ARG, "input %s: dimension %zu is %lld", name, i,
                             (long long)shape[i]);
        status = symbol_named(model, symbols && symbols[i] && *symbols[i] ? symbols[i] : NULL, &meta->dim[i]);
        if (status != RNNP_OK) return status;
    }
    return RNNP_OK;
}

/* The dtype, shape and size of a constant. */
static rnnp_status check_constant(const rnnp_model *model, const char *name, const rnnp_tensor *tensor, size_t *bytes)
{
    const rnnp_status status = check_type(model, name, tensor->dtype, tensor->rank, tensor->shape);

    if (status != RNNP_OK) return status;
    const size_t elements = rnnp_tensor_elements(tensor);
    if (elements == SIZE_MAX || rnnp_mul_overflow(elements, rnnp_dtype_bytes(tensor->dtype), bytes))
        return rnnp_fail(model->context, RNNP_ERR_ARG, "constant %s has a negative dimension or is too large", name);
    if (*bytes && !tensor->data) return rnnp_fail(model->context, RNNP_ERR_ARG, "constant %s has no data", name);
    return RNNP_OK;
}

/* Elements that decide about shapes and places: of sealed ones a copy is compared with their checksum and kept, as the
 * file may be changed while it is mapped. Floats and weights lead nowhere and stay where they are. */
static int must_be_copied(rnnp_dtype dtype)
{
    switch ((int)dtype) {
    case RNNP_DTYPE_F32:
    case RNNP_DTYPE_F64:
    case RNNP_DTYPE_F16:
    case RNNP_DTYPE_BF16:
    case RNNP_DTYPE_I8: return 0;
    default: return 1;
    }
}

/* Takes the elements where they are when they are sealed floats, else a copy of them. */
static rnnp_status add_constant(rnnp_model *model, const char *name, const rnnp_tensor *tensor, int sealed,
                                uint64_t checksum, rnnp_value *value)
{
    rnnp_value_info info = {.producer = -1, .is_constant = 1, .checksum = checksum};
    rnnp_status status;
    size_t bytes = 0;

    if (!model) return RNNP_ERR_ARG;
    if ((status = check_open(model)) != RNNP_OK ||
        (status = check_result(model, "constant", name ? name : "", value)) != RNNP_OK)
        return status;
    if (!tensor) return rnnp_fail(model->context, RNNP_ERR_ARG, "constant %s has no tensor", name ? name : "");
    info.name = name && *name ? rnnp_model_string(model, name) : numbered(model, "constant", '_', model->n_values);
    if (!info.name) return RNNP_ERR_MEMORY;
    if ((status = check_constant(model, info.name, tensor, &bytes)) != RNNP_OK) return status;
    info.meta = (rnnp_meta){.dtype = tensor->dtype, .rank = tensor->rank};
    memcpy(info.meta.dim, tensor->shape, tensor->rank * sizeof *tensor->shape);
    atomic_init(&info.sealed, (unsigned char)sealed);
    info.meta.known =
        sealed && !must_be_copied(tensor->dtype) ? tensor->data : rnnp_model_copy(model, tensor->data, 1, bytes);
    if (!info.meta.known) return RNNP_ERR_MEMORY;
    if ((status = grow_values(model, 1)) != RNNP_OK) return status;
    *value = add_value(model, &info);
    return RNNP_OK;
}

rnnp_status rnnp_model_add_constant(rnnp_model *model, const char *name, const rnnp_tensor *tensor, rnnp_value *value)
{
    return add_constant(model, name, tensor, 0, 0, value);
}

rnnp_status rnnp_model_constant_sealed(rnnp_model *model, const char *name, const rnnp_tensor *tensor,
                                       uint64_t checksum, rnnp_value *value)
{
    return add_constant(model, name, tensor, 1, checksum, value);
}

/* The input becomes a constant. */
static rnnp_status bind_input(rnnp_model *model, const rnnp_bound_input *bound, rnnp_dtype dtype, size_t rank,
                              const int64_t *shape, rnnp_value *value)
{
    rnnp_tensor input = {.dtype = dtype, .rank = rank}, t;
    uint64_t element;

    for (size_t d = 0; d < rank; d++) input.shape[d] = shape[d];
    if (!model->bound && !(model->bound = rnnp_model_calloc(model, model->options->n_bound, 1))) return RNNP_ERR_MEMORY;
    model->bound[bound - model->options->bound] = 1;
    const rnnp_status status = rnnp_bound_tensor(model->context, bound, &input, &element, &t);
    return status == RNNP_OK ? rnnp_model_add_constant(model, bound->name, &t, value) : status;
}

rnnp_status rnnp_model_add_input(rnnp_model *model, const char *name, rnnp_dtype dtype, size_t rank,
                                 const int64_t *shape, const char *const *symbols, rnnp_value *value)
{
    rnnp_value_info info = {.producer = -1, .meta = {.dtype = dtype, .rank = rank}};
    rnnp_status status;

    if (!model) return RNNP_ERR_ARG;
    if ((status = check_open(model)) != RNNP_OK || (status = check_name(model, "input", name)) != RNNP_OK ||
        (status = check_result(model, "input", name, value)) != RNNP_OK ||
        (status = check_type(model, name, dtype, rank, shape)) != RNNP_OK)
        return status;
    if (rnnp_names_find(&model->input_names.set, name) != SIZE_MAX)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "there are two inputs named %s", name);
    const rnnp_bound_input *bound = rnnp_bound_find(model->options, name);
    if (bound) return bind_input(model, bound, dtype, rank, shape, value);
    info.name = rnnp_model_string(model, name);
    if (!info.name) return RNNP_ERR_MEMORY;
    if ((status = grow_values(model, 1)) != RNNP_OK || (status = GROW(model, inputs, 1)) != RNNP_OK ||
        (status = GROW(model, symbols, rank)) != RNNP_OK ||
        (status = grow_names(model, &model->symbol_names, rank)) != RNNP_OK ||
        (status = grow_names(model, &model->input_names, 1)) != RNNP_OK ||
        (status = input_dims(model, name, &info.meta, shape, symbols)) != RNNP_OK)
        return status;
    *value = add_value(model, &info);
    add_name(&model->input_names, info.name, model->n_inputs);
    model->inputs[model->n_inputs++] = *value;
    return RNNP_OK;
}

rnnp_status rnnp_model_add_output(rnnp_model *model, const char *name, rnnp_value value)
{
    rnnp_status status;

    if (!model) return RNNP_ERR_ARG;
    if ((status = check_open(model)) != RNNP_OK || (status = check_name(model, "output", name)) != RNNP_OK)
        return status;
    if (!is_value(model, value))
        return rnnp_fail(model->context, RNNP_ERR_ARG, "output %s: there is no value %d", name, (int)value);
    if (rnnp_names_find(&model->output_names.set, name) != SIZE_MAX)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "there are two outputs named %s", name);
    if (!rnnp_output_wanted(model->options, name)) return RNNP_OK;
    const char *copy = rnnp_model_string(model, name);
    if (!copy) return RNNP_ERR_MEMORY;
    if ((status = GROW(model, outputs, 1)) != RNNP_OK ||
        (status = grow_names(model, &model->output_names, 1)) != RNNP_OK)
        return status;
    add_name(&model->output_names, copy, model->n_outputs);
    model->outputs[model->n_outputs++] = (rnnp_output_info){.name = copy, .value = value};
    return RNNP_OK;
}

/* ---- Nodes ---- */

static rnnp_status check_node(const rnnp_model *model, const rnnp_node *node, const rnnp_attr *attrs, size_t n_attrs)
{
    const rnnp_operator *op = node->op;
    rnnp_status status;

    if (node->opset < RNNP_OPSET_FIRST || node->opset > RNNP_OPSET_LAST)
        return rnnp_node_fail(model->context, node, RNNP_ERR_UNSUPPORTED, "opset %d is outside %d to %d", node->opset,
                              RNNP_OPSET_FIRST, RNNP_OPSET_LAST);
    if (node->n_inputs < op->min_inputs || (op->max_inputs != 255 && node->n_inputs > op->max_inputs))
        return rnnp_node_fail(model->context, node, RNNP_ERR_ARG, "%zu inputs where %d to %d are expected",
                              node->n_inputs, op->min_inputs, op->max_inputs);
    if (node->n_outputs < op->min_outputs || (op->max_outputs != 255 && node->n_outputs > op->max_outputs))
        return rnnp_node_fail(model->context, node, RNNP_ERR_ARG, "%zu outputs where %d to %d are expected",
                              node->n_outputs, op->min_outputs, op->max_outputs);
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == RNNP_NONE && i >= op->min_inputs) continue;
        if (!is_value(model, node->inputs[i]))
            return rnnp_node_fail(model->context, node, RNNP_ERR_ARG, "input %zu: there is no value %d", i,
                                  (int)node->inputs[i]);
    }
    if (n_attrs > ATTRS_MAX)
        return rnnp_node_fail(model->context, node, RNNP_ERR_UNSUPPORTED, "%zu attributes", n_attrs);
    for (size_t i = 0; i < n_attrs; i++) {
        if ((status = rnnp_attr_check(model, node, &attrs[i])) != RNNP_OK) return status;
    }
    return RNNP_OK;
}

static rnnp_status parse_attrs(rnnp_model *model, rnnp_node *node, const rnnp_attr *attrs, size_t n_attrs)
{
    rnnp_status status = RNNP_OK;

    node->attrs = rnnp_attrs_copy(model, attrs, n_attrs);
    node->n_attrs = n_attrs;
    if (!node->attrs) return RNNP_ERR_MEMORY;
    rnnp_parse p = {.model = model, .node = node, .attrs = node->attrs, .n_attrs = n_attrs};
    node->params = rnnp_model_calloc(model, 1, node->op->param_bytes);
    if (!node->params) return RNNP_ERR_MEMORY;
    if (node->op->parse) status = node->op->parse(&p, node->params);
    if (status == RNNP_OK) status = p.status;
    for (size_t i = 0; status == RNNP_OK && i < n_attrs; i++) {
        if (!(p.consumed >> i & 1))
            status = rnnp_node_fail(model->context, node, RNNP_ERR_UNSUPPORTED, "attribute %s is not supported%s",
                                    attrs[i].name, node->op->parse ? " here" : "");
    }
    return status;
}

/* Names the node's wanted outputs and gives them their value numbers, behind the last value: they are not added yet,
 * but there is room for them. */
static rnnp_status name_outputs(rnnp_model *model, const rnnp_node *node, size_t *wanted)
{
    *wanted = 0;
    for (size_t i = 0; i < node->n_outputs; i++) {
        rnnp_value_info *info = &model->values[model->n_values + *wanted];

        if (node->outputs[i] < 0) {
            node->outputs[i] = RNNP_NONE;
            continue;
        }
        *info = (rnnp_value_info){.producer = (int32_t)model->n_nodes};
        info->name = node->n_outputs == 1 ? node->name : numbered(model, node->name, ':', i);
        if (!info->name) return RNNP_ERR_MEMORY;
        node->outputs[i] = (int32_t)(model->n_values + (*wanted)++);
    }
    return RNNP_OK;
}

rnnp_status rnnp_model_add_node(rnnp_model *model, const char *op, int opset, const char *name,
                                const rnnp_value *inputs, size_t n_inputs, const rnnp_attr *attrs, size_t n_attrs,
                                rnnp_value *outputs, size_t n_outputs)
{
    rnnp_node node = {.opset = opset, .n_inputs = n_inputs, .n_outputs = n_outputs};
    rnnp_status status;
    size_t wanted;

    if (!model) return RNNP_ERR_ARG;
    if ((status = check_open(model)) != RNNP_OK) return status;
    if (!op || (n_inputs && !inputs) || (n_attrs && !attrs) || (n_outputs && !outputs))
        return rnnp_fail(model->context, RNNP_ERR_ARG, "node %s: %s is NULL", name ? name : "",
                         !op                     ? "op"
                         : n_inputs && !inputs   ? "inputs"
                         : n_outputs && !outputs ? "outputs"
                                                 : "attrs");
    if (!(node.op = rnnp_operator_find(op)))
        return rnnp_fail(model->context, RNNP_ERR_UNSUPPORTED, "%s %s: the operator is not in the table", op,
                         name ? name : "");
    if (n_inputs > INT16_MAX || n_outputs > INT16_MAX)
        return rnnp_fail(model->context, RNNP_ERR_ARG, "%s: %zu inputs, %zu outputs", op, n_inputs, n_outputs);
    if (model->budget && model->n_nodes >= model->budget->max_nodes)
        return rnnp_fail(model->context, RNNP_ERR_LIMIT, RNNP_BUDGET_NODES, model->budget->max_nodes);
    node.serial = model->n_nodes;
    node.name = name && *name ? rnnp_model_string(model, name) : numbered(model, op, '_', model->n_nodes);
    node.inputs = rnnp_model_copy(model, inputs, n_inputs, sizeof *inputs);
    node.outputs = rnnp_model_copy(model, outputs, n_outputs, sizeof *outputs);
    if (!node.name || !node.inputs || !node.outputs) return RNNP_ERR_MEMORY;

    if ((status = check_node(model, &node, attrs, n_attrs)) != RNNP_OK ||
        (status = parse_attrs(model, &node, attrs, n_attrs)) != RNNP_OK ||
        (status = grow_values(model, n_outputs)) != RNNP_OK || (status = GROW(model, nodes, 1)) != RNNP_OK ||
        (status = name_outputs(model, &node, &wanted)) != RNNP_OK)
        return status;
    for (size_t i = 0; i < n_outputs; i++) outputs[i] = node.outputs[i];
    model->n_values += wanted;
    model->nodes[model->n_nodes++] = node;
    return RNNP_OK;
}
