/* SPDX-License-Identifier: Apache-2.0
 *
 * A file that needs what rnnpack does not have: the refusal lists all of it, with counts and names, and says what
 * helps.
 */
#include "wire.h"

enum { GRAPH = 5, FLOAT = 1, UINT16 = 4 }; /* types of an attribute and of a tensor */

/* Node `i` of a file, whose result has the node's name; an input, attribute and domain where they are not NULL. */
static void add(buffer *graph, size_t i, const char *op, const char *from, const char *attr, int type,
                const char *domain)
{
    DROPPED(free_buffer) buffer node = {0}, attribute = {0};
    char name[16];

    snprintf(name, sizeof name, "n%zu", i);
    if (from) wire_text(&node, 1, from);
    wire_text(&node, 2, name);
    wire_text(&node, 3, name);
    wire_text(&node, 4, op);
    if (attr) {
        wire_text(&attribute, 1, attr);
        wire_int(&attribute, 20, type);
        wire_message(&node, 5, &attribute);
    }
    if (domain) wire_text(&node, 7, domain);
    wire_message(graph, 1, &node);
    wire_port(graph, 12, name, "N"); /* so that the node is needed */
}

static void refused(buffer *graph, int64_t opset, const char *const *words)
{
    OWNED(context) context = make_context(NULL, 1);
    DROPPED(free_buffer) buffer file = wire_model(graph, opset);
    rnnp_model *model;

    assert_int_equal(rnnp_onnx_open_memory(context, file.at, file.size, NULL, &model), RNNP_ERR_UNSUPPORTED);
    for (; *words; words++)
        if (!strstr(rnnp_last_error(context), *words))
            fail_msg("\"%s\" is not in: %s", *words, rnnp_last_error(context));
}

#define NOT_READ(graph, opset, ...) refused(graph, opset, (const char *const[]){__VA_ARGS__, NULL})

TEST(test_everything_is_listed)
{
    DROPPED(free_buffer) buffer numbers = {0};
    buffer graph = {0};

    add(&graph, 0, "Relu", "short", NULL, 0, NULL);
    add(&graph, 1, "Det", NULL, NULL, 0, NULL);
    add(&graph, 2, "SplitToSequence", NULL, "body", GRAPH, NULL);
    add(&graph, 3, "DynamicQuantizeAttention", NULL, NULL, 0, NULL);
    add(&graph, 4, "Det", NULL, NULL, 0, NULL);
    add(&graph, 5, "Det", NULL, NULL, 0, "com.microsoft");
    add(&graph, 6, "Softmax", NULL, "temperature", FLOAT, NULL);
    wire_tensor(&numbers, "short", UINT16, NULL, 0);
    wire_message(&graph, 5, &numbers);
    NOT_READ(&graph, 17, "operator Det (2, the first n1)", "operator SplitToSequence (n2)",
             "operator DynamicQuantizeAttention (n3)", "operator Det of com.microsoft (n5)", "type uint16 (short)",
             "before it is quantised");
}

/* Behind a node that is unknown itself. */
TEST(test_attributes)
{
    buffer graph = {0};

    add(&graph, 3, "Det", NULL, NULL, 0, NULL);
    add(&graph, 1, "Neg", "n3", "slope", FLOAT, NULL);
    add(&graph, 2, "Tanh", "n1", "slope", FLOAT, NULL);
    add(&graph, 0, "Neg", "n2", "slope", FLOAT, NULL);
    NOT_READ(&graph, 17, "operator Det (n3)", "Neg: attribute slope is not supported here (2, the first n",
             "Tanh: attribute slope");
}

TEST(test_opset)
{
    buffer graph = {0};

    add(&graph, 0, "Det", NULL, NULL, 0, NULL);
    NOT_READ(&graph, 26, "opset 26", "outside 6 to 25", "operator Det", "opset_version=17");
    graph = (buffer){0};
    add(&graph, 0, "Relu", NULL, NULL, 0, NULL);
    NOT_READ(&graph, 5, "opset 5");
}

/* A long list is cut, says so, and keeps the advice. */
TEST(test_many)
{
    buffer graph = {0};
    char op[16];

    for (size_t i = 0; i < 200; i++) {
        snprintf(op, sizeof op, "Strange%zu", i);
        add(&graph, i, i == 20 ? "DynamicQuantizeAttention" : op, NULL, NULL, 0, NULL);
    }
    NOT_READ(&graph, 17, "operator Strange0 (n0)", " more; ", "before it is quantised");
}

/* An input that is a sequence: with a node that is unknown, too, and as the only fault. */
TEST(test_no_tensor)
{
    for (int unknown = 0; unknown < 2; unknown++) {
        DROPPED(free_buffer) buffer nothing = {0}, type = {0}, info = {0};
        buffer graph = {0};

        add(&graph, 0, unknown ? "Det" : "Relu", "x", NULL, 0, NULL);
        wire_message(&type, 4, &nothing);
        wire_text(&info, 1, "x");
        wire_message(&info, 2, &type);
        wire_message(&graph, 11, &info);
        NOT_READ(&graph, 17, unknown ? "inputs that are not tensors (x)" : "not");
    }
}
