/* SPDX-License-Identifier: Apache-2.0
 *
 * If, whose branches have their nodes in the model's graph: in the file each branch is a graph that hands results of
 * the graph around it on.
 */
#include "saver.h"

#include <stdio.h>
#include <string.h>

/* The generated structures know no const. */
static char *text(const char *s) { return (char *)(uintptr_t)s; }

size_t saver_branch_names(const rnnp_node *node) { return node->op->source ? node->n_inputs - 1 : 0; }

rnnp_status saver_hand_on(saver *s, Onnx__GraphProto *graph, rnnp_value value)
{
    Onnx__ValueInfoProto *output = loader_alloc(&s->memory, sizeof *output);
    Onnx__NodeProto *node;
    const size_t size = strlen(s->values[value].name) + strlen(graph->name) + sizeof "_";
    char *wish = loader_alloc(&s->memory, size);

    if (!output || !wish) return RNNP_ERR_MEMORY;
    snprintf(wish, size, "%s_%s", s->values[value].name, graph->name);
    const char *name = names_claim(&s->memory, &s->taken, wish);
    if (!name) return RNNP_ERR_MEMORY;
    const rnnp_status status = saver_node_alone(s, "Identity", name, 1, 1, 0, &node);
    if (status != RNNP_OK) return status;
    node->input[node->n_input++] = text(s->values[value].name);
    node->output[node->n_output++] = text(name);
    onnx__value_info_proto__init(output);
    output->name = text(name);
    graph->output[graph->n_output++] = output;
    return saver_add_node(s, graph, node);
}

static rnnp_status add_branch(saver *s, Onnx__NodeProto *node, const char *name, const rnnp_value *values, size_t n)
{
    Onnx__AttributeProto *attr = loader_alloc(&s->memory, sizeof *attr);
    Onnx__GraphProto *graph = loader_alloc(&s->memory, sizeof *graph);
    rnnp_status status = RNNP_OK;

    if (!attr || !graph) return RNNP_ERR_MEMORY;
    onnx__attribute_proto__init(attr);
    onnx__graph_proto__init(graph);
    graph->name = attr->name = text(name);
    graph->output = loader_alloc(&s->memory, n * sizeof *graph->output);
    if (!graph->output) return RNNP_ERR_MEMORY;
    attr->has_type = 1;
    attr->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
    attr->g = graph;
    node->attribute[node->n_attribute++] = attr;
    for (size_t i = 0; i < n && status == RNNP_OK; i++) status = saver_hand_on(s, graph, values[i]);
    return status;
}

rnnp_status saver_branches(saver *s, const rnnp_node *from, const rnnp_value *inputs, const rnnp_value *outputs)
{
    const size_t n = from->n_outputs;
    Onnx__NodeProto *node;
    rnnp_status status = saver_node(s, from->op->name, from->name, 1, n, 2, &node);

    if (status != RNNP_OK) return status;
    node->input[node->n_input++] = text(s->values[inputs[0]].name);
    for (size_t i = 0; i < n; i++)
        node->output[node->n_output++] = text(outputs[i] == RNNP_NONE ? "" : s->values[outputs[i]].name);
    status = add_branch(s, node, "then_branch", inputs + 1, n);
    return status == RNNP_OK ? add_branch(s, node, "else_branch", inputs + 1 + n, n) : status;
}
