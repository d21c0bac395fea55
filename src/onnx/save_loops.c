/* SPDX-License-Identifier: Apache-2.0
 *
 * Loops, whose bodies have their nodes in the model's graph between LoopBegin and LoopEnd: in the file they are the
 * graph of a Loop, which hands on what LoopEnd takes. Values of the graph around it are known in a body.
 */
#include "saver.h"

#include <string.h>

/* The generated structures know no const. */
static char *text(const char *s) { return (char *)(uintptr_t)s; }

static char *name_of(const saver *s, rnnp_value value) { return text(value == RNNP_NONE ? "" : s->values[value].name); }

/* Of stack i of a LoopEnd: the axis that the standard does not know, or 0. */
static size_t moved_axis(const saver *s, const rnnp_node *end, size_t i)
{
    const int32_t v = end->outputs[rnnp_loop_params_of(end)->carried + i];

    return v == RNNP_NONE ? 0 : rnnp_loop_axis(end, i, s->model->values[v].meta.rank);
}

size_t saver_loop_names(const rnnp_node *node)
{
    if (node->op->loop == RNNP_LOOP_BEGIN) return 1; /* the number of an iteration that nobody reads */
    return node->op->loop == RNNP_LOOP_END ? 1 + 2 * node->n_outputs : 0;
}

/* Its LoopEnd. Loops lie in each other as deep as loops.c allows, so few walks come by a node. */
static const rnnp_node *end_of(const rnnp_node *begin)
{
    const rnnp_node *node = begin;
    size_t depth = 1;

    while (depth) {
        node++;
        depth += node->op->loop == RNNP_LOOP_BEGIN;
        depth -= node->op->loop == RNNP_LOOP_END;
    }
    return node;
}

static rnnp_status add_body_input(saver *s, Onnx__GraphProto *body, const char *name, rnnp_dtype dtype)
{
    return saver_info(s, name, dtype, NULL, &body->input[body->n_input++]);
}

/* results: of the loop. */
static rnnp_status make_body(saver *s, const rnnp_node *from, size_t results, Onnx__GraphProto **to)
{
    const size_t outputs = 1 + results; /* the condition */
    Onnx__GraphProto *body = *to = loader_alloc(&s->memory, sizeof *body);

    if (!body) return RNNP_ERR_MEMORY;
    onnx__graph_proto__init(body);
    body->name = text("body");
    body->input = loader_alloc(&s->memory, from->n_outputs * sizeof *body->input);
    body->output = loader_alloc(&s->memory, outputs * sizeof *body->output);
    return body->input && body->output ? RNNP_OK : RNNP_ERR_MEMORY;
}

rnnp_status saver_begin_loop(saver *s, const rnnp_node *from, const rnnp_value *inputs, const rnnp_value *outputs)
{
    const size_t carried = rnnp_loop_params_of(from)->carried;
    struct saved_loop *loop = &s->loops[s->n_loops];
    const char *iteration = name_of(s, outputs[RNNP_LOOP_ITERATION]);
    const size_t results = end_of(from)->n_outputs;
    Onnx__GraphProto *body;
    rnnp_status status = make_body(s, from, results, &body);

    if (status == RNNP_OK)
        status = saver_node_alone(s, "Loop", from->name, RNNP_LOOP_INITIAL + carried, results, 1, &loop->node);
    if (status != RNNP_OK) return status;
    for (size_t i = 0; i < RNNP_LOOP_INITIAL + carried; i++)
        loop->node->input[loop->node->n_input++] = name_of(s, inputs[i]);
    if (!*iteration && !(iteration = names_claim(&s->memory, &s->taken, "iteration"))) return RNNP_ERR_MEMORY;
    status = add_body_input(s, body, text(iteration), RNNP_DTYPE_I64);
    if (status == RNNP_OK) status = add_body_input(s, body, name_of(s, outputs[RNNP_LOOP_GO]), RNNP_DTYPE_BOOL);
    for (size_t i = RNNP_LOOP_VALUE; i < RNNP_LOOP_VALUE + carried && status == RNNP_OK; i++)
        status = add_body_input(s, body, name_of(s, outputs[i]), s->model->values[from->outputs[i]].meta.dtype);
    loop->around = s->graph;
    s->graph = body;
    s->n_loops++;
    return status;
}

/* The results of the body, and those of the loop. */
static rnnp_status add_results(saver *s, const rnnp_node *from, const rnnp_value *inputs, const rnnp_value *outputs,
                               Onnx__GraphProto *body, Onnx__NodeProto *loop)
{
    const size_t carried = rnnp_loop_params_of(from)->carried;
    const rnnp_value next = inputs[RNNP_END_NEXT] == RNNP_NONE ? inputs[RNNP_END_GO] : inputs[RNNP_END_NEXT];
    rnnp_status status = saver_hand_on(s, body, next);

    for (size_t i = 0; i < carried && status == RNNP_OK; i++) {
        loop->output[loop->n_output++] = name_of(s, outputs[i]);
        status = saver_hand_on(s, body, inputs[RNNP_END_RESULT + i]);
    }
    for (size_t i = 0; carried + i < from->n_outputs && status == RNNP_OK; i++) {
        const rnnp_value stack = outputs[carried + i];
        const char *name = name_of(s, stack);

        if (stack == RNNP_NONE) continue;
        if (moved_axis(s, from, i) && !(name = names_claim(&s->memory, &s->taken, name))) return RNNP_ERR_MEMORY;
        loop->output[loop->n_output++] = text(name);
        status = saver_hand_on(s, body, inputs[rnnp_loop_row(from, i)]);
    }
    return status;
}

/* From rows along axis 0 to rows along this one. */
static rnnp_status add_transpose(saver *s, const rnnp_node *from, char *stack, rnnp_value output, size_t i)
{
    const size_t axis = moved_axis(s, from, i);
    const size_t rank = s->model->values[from->outputs[rnnp_loop_params_of(from)->carried + i]].meta.rank;
    int64_t *perm = loader_alloc(&s->memory, rank * sizeof *perm);
    Onnx__AttributeProto *to = loader_alloc(&s->memory, sizeof *to);
    Onnx__NodeProto *node;

    if (!perm || !to) return RNNP_ERR_MEMORY;
    for (size_t d = 0; d < rank; d++) perm[d] = (int64_t)(d < axis ? d + 1 : d == axis ? 0 : d);
    const rnnp_status status = saver_node(s, "Transpose", from->name, 1, 1, 1, &node);
    if (status != RNNP_OK) return status;
    node->input[node->n_input++] = stack;
    node->output[node->n_output++] = name_of(s, output);
    node->attribute[node->n_attribute++] = to;
    return saver_attr(s, &(rnnp_attr){.name = "perm", .kind = RNNP_ATTR_INTS, .ints = perm, .count = rank}, to);
}

rnnp_status saver_end_loop(saver *s, const rnnp_node *from, const rnnp_value *inputs, const rnnp_value *outputs)
{
    const size_t carried = rnnp_loop_params_of(from)->carried;
    const struct saved_loop *loop = &s->loops[--s->n_loops];
    Onnx__AttributeProto *attr = loader_alloc(&s->memory, sizeof *attr);
    Onnx__GraphProto *body = s->graph;

    if (!attr) return RNNP_ERR_MEMORY;
    rnnp_status status = add_results(s, from, inputs, outputs, body, loop->node);
    onnx__attribute_proto__init(attr);
    attr->name = text("body");
    attr->has_type = 1;
    attr->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
    attr->g = body;
    loop->node->attribute[loop->node->n_attribute++] = attr;
    loop->node->name = text(from->name);
    s->graph = loop->around;
    if (status == RNNP_OK) status = saver_add_node(s, s->graph, loop->node);
    for (size_t i = 0, at = carried; carried + i < from->n_outputs && status == RNNP_OK; i++) {
        if (outputs[carried + i] == RNNP_NONE) continue;
        if (moved_axis(s, from, i)) status = add_transpose(s, from, loop->node->output[at], outputs[carried + i], i);
        at++;
    }
    return status;
}
