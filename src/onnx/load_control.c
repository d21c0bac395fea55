/* SPDX-License-Identifier: Apache-2.0
 *
 * If, Loop and Scan. The nodes of their bodies go into the model like all others; what is added here joins them.
 *
 * A Scan is a Loop that picks the rows of its scanned inputs by the number of the iteration, and has as many iterations
 * as they have rows.
 */
#include "load_control.h"

#include "../graph/ops/loop.h"

#include <string.h>

rnnp_status loader_whole_value(loader *l, const name_entry *e, const char *name)
{
    if (e->part == PART_NONE) return RNNP_OK;
    return rnnp_fail(l->context, RNNP_ERR_UNSUPPORTED, "output \"%s\" is 8-bit activations or a part of a product",
                     name);
}

/* ---- Values ---- */

static rnnp_status input_value(loader *l, const scope *s, const Onnx__NodeProto *p, size_t i, rnnp_value *value)
{
    *value = RNNP_NONE;
    if (i >= p->n_input || !*p->input[i]) return RNNP_OK;
    const name_entry *e = names_find(&s->names, p->input[i]);
    *value = e->value;
    return loader_whole_value(l, e, p->input[i]);
}

static rnnp_status result_value(loader *l, const scope *body, size_t i, rnnp_value *value)
{
    const char *name = body->graph->output[i]->name ? body->graph->output[i]->name : "";
    const name_entry *e = names_find(&body->names, name);
    *value = e->value;
    return loader_whole_value(l, e, name);
}

static name_entry *body_input(const scope *body, size_t i)
{
    return names_find_own(&body->names, body->graph->input[i]->name ? body->graph->input[i]->name : "");
}

/* The node, whose results are those of p. */
static rnnp_status add_joint(rnnp_model *model, const scope *s, const Onnx__NodeProto *p, const char *op, int opset,
                             const char *name, const rnnp_value *inputs, size_t n_inputs, const rnnp_attr *attrs,
                             size_t n_attrs, rnnp_value *outputs)
{
    for (size_t i = 0; i < p->n_output; i++)
        outputs[i] = *p->output[i] && names_find_own(&s->names, p->output[i])->needed ? 0 : RNNP_NONE;
    const rnnp_status status =
        rnnp_model_add_node(model, op, opset, name, inputs, n_inputs, attrs, n_attrs, outputs, p->n_output);
    for (size_t i = 0; i < p->n_output && status == RNNP_OK; i++)
        if (*p->output[i]) names_find_own(&s->names, p->output[i])->value = outputs[i];
    return status;
}

/* ---- If ---- */

rnnp_status loader_if(loader *l, rnnp_model *model, const scope *s, const scope_node *at, const Onnx__NodeProto *p,
                      const char *name)
{
    const size_t n = p->n_output;
    rnnp_value *inputs = loader_alloc(l, (1 + 2 * n) * sizeof *inputs), *outputs = loader_alloc(l, n * sizeof *outputs);
    if (!inputs || !outputs) return RNNP_ERR_MEMORY;
    if (p->n_input != 1) return rnnp_fail(l->context, RNNP_ERR_FORMAT, "If %s has %zu inputs", name, p->n_input);
    rnnp_status status = input_value(l, s, p, 0, &inputs[0]);
    for (size_t i = 0; i < 2 * n && status == RNNP_OK; i++)
        status = result_value(l, at->body[i / n], i % n, &inputs[1 + i]);
    return status == RNNP_OK ? add_joint(model, s, p, "If", s->opset, name, inputs, 1 + 2 * n, NULL, 0, outputs)
                             : status;
}

/* ---- What is not supported ---- */

rnnp_status loader_unsupported(loader *l, rnnp_model *model, const scope *s, const Onnx__NodeProto *p, const char *name)
{
    const rnnp_attr why = {.name = "why", .kind = RNNP_ATTR_STRING, .s = rnnp_last_error(l->context)};
    rnnp_value *outputs = loader_alloc(l, p->n_output * sizeof *outputs);
    return outputs ? add_joint(model, s, p, "Unsupported", RNNP_OPSET_LAST, name, NULL, 0, &why, 1, outputs)
                   : RNNP_ERR_MEMORY;
}

/* ---- Loop and Scan ---- */

/* What a Scan says of its inputs and results; a Loop has carried values only, behind two inputs. */
typedef struct shape_of_loop {
    size_t first, carried, scanned, stacks;
    rnnp_attr in_axes, in_reverse, axes, reverse; /* count 0: all 0 */
} shape_of_loop;

static rnnp_status read_list(loader *l, const scope *s, const Onnx__NodeProto *p, const char *name, size_t n,
                             rnnp_attr *list)
{
    if (!scope_find_attribute(l, s, p, name, RNNP_ATTR_INTS, list)) {
        list->count = 0;
        return RNNP_OK;
    }
    if (list->count == n) return RNNP_OK;
    return rnnp_fail(l->context, RNNP_ERR_FORMAT, "%s %s: %s has %zu entries, expected %zu", p->op_type,
                     scope_node_name(p), name, list->count, n);
}

static rnnp_status read_scan(loader *l, const scope *s, const Onnx__NodeProto *p, shape_of_loop *shape)
{
    rnnp_attr scanned;
    rnnp_status status;
    if (!scope_find_attribute(l, s, p, "num_scan_inputs", RNNP_ATTR_INT, &scanned) || scanned.i < 1 ||
        (uint64_t)scanned.i > p->n_input || p->n_input - (size_t)scanned.i > p->n_output)
        return rnnp_fail(l->context, RNNP_ERR_FORMAT,
                         "Scan %s: num_scan_inputs is missing or does not fit %zu inputs and %zu outputs",
                         scope_node_name(p), p->n_input, p->n_output);
    shape->scanned = (size_t)scanned.i;
    shape->carried = p->n_input - shape->scanned;
    shape->stacks = p->n_output - shape->carried;
    if ((status = read_list(l, s, p, "scan_input_axes", shape->scanned, &shape->in_axes)) != RNNP_OK ||
        (status = read_list(l, s, p, "scan_input_directions", shape->scanned, &shape->in_reverse)) != RNNP_OK ||
        (status = read_list(l, s, p, "scan_output_axes", shape->stacks, &shape->axes)) != RNNP_OK)
        return status;
    return read_list(l, s, p, "scan_output_directions", shape->stacks, &shape->reverse);
}

static rnnp_status read_shape(loader *l, const scope *s, const scope_node *at, const Onnx__NodeProto *p,
                              shape_of_loop *shape)
{
    enum { BEFORE = 2 };
    *shape = (shape_of_loop){0};
    if (at->kind == SCOPE_SCAN) return read_scan(l, s, p, shape);
    if (p->n_input < BEFORE || p->n_output < p->n_input - BEFORE)
        return rnnp_fail(l->context, RNNP_ERR_FORMAT, "Loop %s has %zu inputs and %zu outputs", scope_node_name(p),
                         p->n_input, p->n_output);
    shape->first = BEFORE;
    shape->carried = p->n_input - BEFORE;
    shape->stacks = p->n_output - shape->carried;
    return RNNP_OK;
}

static int64_t entry(const rnnp_attr *list, size_t i) { return list->count ? list->ints[i] : 0; }

/* A node that the file does not have, of one result. */
static rnnp_status add_helper(rnnp_model *model, const scope *s, const char *op, const char *name, rnnp_value a,
                              rnnp_value b, int64_t axis, rnnp_value *result)
{
    const rnnp_attr attr = {.name = "axis", .kind = RNNP_ATTR_INT, .i = axis};
    const rnnp_value inputs[] = {a, b};
    *result = 0;
    return rnnp_model_add_node(model, op, s->opset, name, inputs, b == RNNP_NONE ? 1 : 2, &attr,
                               strcmp(op, "Gather") == 0, result, 1);
}

static rnnp_status add_integer(rnnp_model *model, const char *name, int64_t value, size_t rank, rnnp_value *constant)
{
    const rnnp_tensor t = {RNNP_DTYPE_I64, rank, {1}, .const_data = &value};
    return rnnp_model_add_constant(model, name, &t, constant);
}

/* How many rows a scanned input has. */
static rnnp_status add_rows(rnnp_model *model, const scope *s, const char *name, rnnp_value x, int64_t axis,
                            rnnp_value *rows)
{
    rnnp_value shape, index;
    rnnp_status status = add_helper(model, s, "Shape", name, x, RNNP_NONE, 0, &shape);
    if (status == RNNP_OK) status = add_integer(model, name, axis, 0, &index);
    return status == RNNP_OK ? add_helper(model, s, "Gather", name, shape, index, 0, rows) : status;
}

/* The row of this iteration. */
static rnnp_status add_row(rnnp_model *model, const scope *s, const char *name, const rnnp_value *begin,
                           rnnp_value iteration, rnnp_value x, int64_t axis, int reverse, rnnp_value *row)
{
    rnnp_value one, last, index = iteration;
    rnnp_status status = RNNP_OK;
    if (reverse) {
        if ((status = add_integer(model, name, 1, 0, &one)) != RNNP_OK ||
            (status = add_helper(model, s, "Sub", name, begin[RNNP_LOOP_COUNT], one, 0, &last)) != RNNP_OK ||
            (status = add_helper(model, s, "Sub", name, last, iteration, 0, &index)) != RNNP_OK)
            return status;
    }
    return add_helper(model, s, "Gather", name, x, index, axis, row);
}

static size_t declared_rank(const Onnx__ValueInfoProto *info)
{
    const int stated =
        info->type && info->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE && info->type->tensor_type->shape;
    return stated && info->type->tensor_type->shape->n_dim == 1;
}

/* The number of the iteration and the condition, which holds in the body, with the ranks that the body says. */
static rnnp_status give_counters(rnnp_model *model, const scope *body, const char *name, rnnp_value iteration)
{
    const rnnp_tensor yes = {RNNP_DTYPE_BOOL, declared_rank(body->graph->input[1]), {1}, .const_data = &(uint8_t){1}};
    rnnp_value one;
    rnnp_status status = rnnp_model_add_constant(model, name, &yes, &body_input(body, 1)->value);
    body_input(body, 0)->value = iteration;
    if (status != RNNP_OK || declared_rank(body->graph->input[0]) == 0) return status;
    status = add_integer(model, name, 1, 1, &one);
    return status == RNNP_OK ? add_helper(model, body, "Reshape", name, iteration, one, 0, &body_input(body, 0)->value)
                             : status;
}

static size_t begin_inputs(const shape_of_loop *shape)
{
    return RNNP_LOOP_INITIAL + shape->carried + (shape->scanned ? shape->scanned - 1 : 0);
}

rnnp_status loader_begin_loop(loader *l, rnnp_model *model, const scope *s, scope_node *at, const Onnx__NodeProto *p,
                              const char *loop)
{
    static const char ending[] = "/begin"; /* so that its values do not have the names of the loop's */
    const scope *body = at->body[0];
    shape_of_loop shape;
    rnnp_status status = read_shape(l, s, at, p, &shape);
    if (status != RNNP_OK) return status;
    char *name = loader_alloc(l, strlen(loop) + sizeof ending);
    if (!name) return RNNP_ERR_MEMORY;
    strcat(strcpy(name, loop), ending);
    const size_t n_inputs = begin_inputs(&shape), n_outputs = RNNP_LOOP_VALUE + shape.carried;
    rnnp_value *in = at->begin = loader_alloc(l, (n_inputs + n_outputs) * sizeof *at->begin);
    if (!in) return RNNP_ERR_MEMORY;
    rnnp_value *out = in + n_inputs;
    for (size_t i = 0; i < shape.first && status == RNNP_OK; i++) status = input_value(l, s, p, i, &in[i]);
    if (at->kind == SCOPE_SCAN) in[RNNP_LOOP_CONDITION] = RNNP_NONE;
    for (size_t i = 0; i < shape.carried && status == RNNP_OK; i++)
        status = input_value(l, s, p, shape.first + i, &in[RNNP_LOOP_INITIAL + i]);
    for (size_t i = 0; i < shape.scanned && status == RNNP_OK; i++) {
        rnnp_value x, *rows = i ? &in[RNNP_LOOP_INITIAL + shape.carried + i - 1] : &in[RNNP_LOOP_COUNT];
        if ((status = input_value(l, s, p, shape.carried + i, &x)) == RNNP_OK)
            status = add_rows(model, s, name, x, entry(&shape.in_axes, i), rows);
    }
    const rnnp_attr carried = {.name = "carried", .kind = RNNP_ATTR_INT, .i = (int64_t)shape.carried};
    for (size_t i = 0; i < n_outputs; i++) out[i] = 0;
    if (status == RNNP_OK)
        status = rnnp_model_add_node(model, "LoopBegin", s->opset, name, in, n_inputs, &carried, 1, out, n_outputs);
    for (size_t i = 0; i < shape.carried && status == RNNP_OK; i++)
        body_input(body, shape.first + i)->value = out[RNNP_LOOP_VALUE + i];
    if (status == RNNP_OK && at->kind == SCOPE_LOOP)
        status = give_counters(model, body, name, out[RNNP_LOOP_ITERATION]);
    for (size_t i = 0; i < shape.scanned && status == RNNP_OK; i++) {
        rnnp_value x;
        if ((status = input_value(l, s, p, shape.carried + i, &x)) == RNNP_OK)
            status = add_row(model, s, name, in, out[RNNP_LOOP_ITERATION], x, entry(&shape.in_axes, i),
                             entry(&shape.in_reverse, i) != 0, &body_input(body, shape.carried + i)->value);
    }
    return status;
}

/* The last row first: the slice from the last row to before the first, backwards. */
static rnnp_status turn_stack(rnnp_model *model, const scope *s, const char *name, int64_t axis, rnnp_value *stack)
{
    enum { STARTS, ENDS, AXES, STEPS, SLICE_INPUTS = 10 };
    const int64_t numbers[] = {[STARTS] = -1, [ENDS] = INT64_MIN, [AXES] = axis, [STEPS] = -1};
    rnnp_value inputs[1 + STEPS + 1] = {*stack};
    rnnp_status status = RNNP_OK;
    for (size_t i = STARTS; i <= STEPS && status == RNNP_OK; i++)
        status = add_integer(model, name, numbers[i], 1, &inputs[1 + i]);
    if (status != RNNP_OK) return status;
    *stack = 0;
    return rnnp_model_add_node(model, "Slice", s->opset > SLICE_INPUTS ? s->opset : SLICE_INPUTS, name, inputs,
                               1 + STEPS + 1, NULL, 0, stack, 1);
}

rnnp_status loader_end_loop(loader *l, rnnp_model *model, const scope *s, const scope_node *at,
                            const Onnx__NodeProto *p, const char *name)
{
    const scope *body = at->body[0];
    shape_of_loop shape;
    rnnp_status status = read_shape(l, s, at, p, &shape);
    if (status != RNNP_OK) return status;
    const rnnp_value *begin = at->begin, *begun = at->begin + begin_inputs(&shape);
    const size_t rows = RNNP_END_RESULT + 2 * shape.carried, n_inputs = rows + shape.stacks,
                 next = at->kind == SCOPE_LOOP;
    rnnp_value *in = loader_alloc(l, n_inputs * sizeof *in), *out = loader_alloc(l, p->n_output * sizeof *out);
    if (!in || !out) return RNNP_ERR_MEMORY;
    in[RNNP_END_GO] = begun[RNNP_LOOP_GO];
    in[RNNP_END_COUNT] = begin[RNNP_LOOP_COUNT];
    in[RNNP_END_CONDITION] = begin[RNNP_LOOP_CONDITION];
    in[RNNP_END_NEXT] = RNNP_NONE;
    if (next) status = result_value(l, body, 0, &in[RNNP_END_NEXT]);
    if (next && in[RNNP_END_NEXT] == body_input(body, 1)->value) in[RNNP_END_NEXT] = RNNP_NONE; /* it goes on */
    for (size_t i = 0; i < shape.carried && status == RNNP_OK; i++) {
        in[RNNP_END_RESULT + shape.carried + i] = begun[RNNP_LOOP_VALUE + i];
        status = result_value(l, body, next + i, &in[RNNP_END_RESULT + i]);
    }
    for (size_t i = 0; i < shape.stacks && status == RNNP_OK; i++)
        status = result_value(l, body, next + shape.carried + i, &in[rows + i]);
    rnnp_attr attrs[] = {{.name = "carried", .kind = RNNP_ATTR_INT, .i = (int64_t)shape.carried}, shape.axes};
    attrs[1].name = "axes";
    if (status == RNNP_OK)
        status = add_joint(model, s, p, "LoopEnd", s->opset, name, in, n_inputs, attrs, shape.axes.count ? 2 : 1, out);
    for (size_t i = 0; i < shape.stacks && status == RNNP_OK; i++) {
        const size_t k = shape.carried + i;
        if (entry(&shape.reverse, i) && out[k] != RNNP_NONE)
            status = turn_stack(model, s, name, entry(&shape.axes, i), &names_find_own(&s->names, p->output[k])->value);
    }
    return status;
}
