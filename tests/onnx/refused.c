/* SPDX-License-Identifier: Apache-2.0
 *
 * A file that needs what rnnpack does not have: the refusal lists all of it, with counts and names, and says what
 * helps.
 */
#include "save.h"

#include <onnx/onnx.pb-c.h>

enum { NODES = 200 };

/* A file that is made up of nodes with one input and one output each. */
typedef struct written {
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto opset, *opsets[1];
    Onnx__NodeProto node[NODES], *nodes[NODES];
    Onnx__AttributeProto attr[NODES], *attrs[NODES];
    Onnx__TensorProto tensor, *tensors[1];
    char names[NODES][16], *values[NODES + 1];
} written;

static void begin(written *w, int64_t opset)
{
    onnx__model_proto__init(&w->model);
    onnx__graph_proto__init(&w->graph);
    onnx__operator_set_id_proto__init(&w->opset);
    w->model.graph = &w->graph;
    w->model.opset_import = w->opsets;
    w->model.n_opset_import = 1;
    w->opsets[0] = &w->opset;
    w->opset.has_version = 1;
    w->opset.version = opset;
    w->graph.node = w->nodes;
    w->graph.n_node = 0;
    w->graph.initializer = w->tensors;
    w->graph.n_initializer = 0;
}

static Onnx__NodeProto *add(written *w, const char *op)
{
    const size_t i = w->graph.n_node++;
    Onnx__NodeProto *node = &w->node[i];

    onnx__node_proto__init(node);
    snprintf(w->names[i], sizeof w->names[i], "n%zu", i);
    w->values[i] = w->names[i];
    w->nodes[i] = node;
    node->name = w->names[i];
    node->op_type = (char *)(uintptr_t)op;
    node->output = &w->values[i];
    node->n_output = 1;
    return node;
}

static void add_attr(written *w, const char *name, Onnx__AttributeProto__AttributeType type)
{
    const size_t i = w->graph.n_node - 1;
    Onnx__AttributeProto *attr = &w->attr[i];

    onnx__attribute_proto__init(attr);
    attr->name = (char *)(uintptr_t)name;
    attr->has_type = 1;
    attr->type = type;
    w->attrs[i] = attr;
    w->node[i].attribute = &w->attrs[i];
    w->node[i].n_attribute = 1;
}

static void refused(written *w, rnnp_context *context, const char *const *words, size_t n)
{
    unsigned char *bytes = malloc(onnx__model_proto__get_packed_size(&w->model));
    rnnp_model *model;

    assert_non_null(bytes);
    const size_t size = onnx__model_proto__pack(&w->model, bytes);
    assert_int_equal(rnnp_onnx_open_memory(context, bytes, size, NULL, &model), RNNP_ERR_UNSUPPORTED);
    for (size_t i = 0; i < n; i++) {
        if (!strstr(rnnp_last_error(context), words[i]))
            printf("\"%s\" is not in: %s\n", words[i], rnnp_last_error(context));
        assert_says(context, words[i]);
    }
    free(bytes);
}

#define NOT_WRITTEN(w, context, ...) \
    refused(w, context, (const char *const[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

TEST(test_everything_is_listed)
{
    OWNED(context) context = make_context(NULL, 1);
    FREED written *w = calloc(1, sizeof *w);

    assert_non_null(w);
    begin(w, 17);
    add(w, "Relu");
    add(w, "Einsum");
    add(w, "If");
    add_attr(w, "else_branch", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH);
    add(w, "Loop");
    add(w, "Einsum");
    add(w, "Einsum")->domain = (char *)(uintptr_t) "com.microsoft";
    add(w, "Softmax")->n_output = 1;
    add_attr(w, "temperature", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    w->attr[6].has_f = 1;
    onnx__tensor_proto__init(&w->tensor);
    w->tensor.name = w->names[10];
    strcpy(w->names[10], "short");
    w->tensor.has_data_type = 1;
    w->tensor.data_type = ONNX__TENSOR_PROTO__DATA_TYPE__UINT16;
    w->tensors[0] = &w->tensor;
    w->graph.n_initializer = 1;
    NOT_WRITTEN(w, context, "operator Einsum (2, the first n1)", "operator If (n2)", "operator Loop (n3)",
                "operator Einsum of com.microsoft (n5)", "type uint16 (short)", "enforce_sorted=True");
}

TEST(test_attributes)
{
    OWNED(context) context = make_context(NULL, 1);
    FREED written *w = calloc(1, sizeof *w);

    assert_non_null(w);
    begin(w, 17);
    for (int i = 0; i < 3; i++) {
        Onnx__NodeProto *node = add(w, i == 2 ? "Tanh" : "Neg");

        node->input = &w->values[w->graph.n_node - 1]; /* its own result: never looked at */
        node->n_input = 1;
        add_attr(w, "slope", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
        w->attr[i].has_f = 1;
    }
    add(w, "Erf");
    w->graph.node = &w->nodes[0];
    w->nodes[0] = &w->node[3]; /* so that the walk meets it first */
    w->nodes[3] = &w->node[0];
    NOT_WRITTEN(w, context, "operator Erf (n3)", "Neg: attribute slope is not supported here (2, the first n",
                "Tanh: attribute slope");
}

TEST(test_opset)
{
    OWNED(context) context = make_context(NULL, 1);
    FREED written *w = calloc(1, sizeof *w);

    assert_non_null(w);
    begin(w, 23);
    add(w, "Erf");
    NOT_WRITTEN(w, context, "opset 23", "outside 7 to 22", "operator Erf", "opset_version=17");
    begin(w, 6);
    add(w, "Relu");
    NOT_WRITTEN(w, context, "opset 6");
}

/* A long list is cut, says so, and keeps the advice. */
TEST(test_many)
{
    static char ops[NODES][16];
    OWNED(context) context = make_context(NULL, 1);
    FREED written *w = calloc(1, sizeof *w);

    assert_non_null(w);
    begin(w, 17);
    for (size_t i = 0; i < NODES; i++) {
        snprintf(ops[i], sizeof ops[i], "Strange%zu", i);
        add(w, i == 20 ? "Scan" : ops[i]);
    }
    NOT_WRITTEN(w, context, "operator Strange0 (n0)", " more; ", "enforce_sorted=True");
}
