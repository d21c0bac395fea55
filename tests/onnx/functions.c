/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions that a file brings along: attributes by reference and by default, calls of calls, and calls without end.
 */
#include "save.h"
#include "wire.h"

/* ---- Files ---- */

enum { OWN = 13 }; /* opset of functions: Squeeze has its axes as an input */

/* A function of the domain "own": the fields of its body are `body`, which is freed. */
static void add_function(buffer *file, const char *name, const char *from, const char *to, const char *attributes,
                         buffer *body)
{
    DROPPED(free_buffer) buffer function = {0}, opset = {0};

    wire_text(&function, 1, name);
    wire_names(&function, 4, from);
    wire_names(&function, 5, to);
    wire_names(&function, 6, attributes);
    take_bytes(&function, body->at, body->size);
    wire_int(&opset, 2, OWN);
    wire_message(&function, 9, &opset);
    wire_text(&function, 10, "own");
    wire_message(file, 25, &function);
    free(body->at);
    *body = (buffer){0};
}

/* A node of a body (field 7 of a function), or of a graph (1). */
static void add_node(buffer *b, unsigned field, buffer *node) { wire_message(b, field, node); }

static void attr_reference(buffer *node, const char *name, const char *to, int type)
{
    DROPPED(free_buffer) buffer attr = {0};

    wire_text(&attr, 1, name);
    wire_text(&attr, 21, to);
    wire_int(&attr, 20, type);
    wire_message(node, 5, &attr);
}

static void wire_attr_float(buffer *b, unsigned field, const char *name, float value)
{
    DROPPED(free_buffer) buffer attr = {0};
    const unsigned char tag = 2 << 3 | 5;

    wire_text(&attr, 1, name);
    take_bytes(&attr, &tag, 1);
    take_bytes(&attr, &value, sizeof value);
    wire_int(&attr, 20, 1);
    wire_message(b, field, &attr);
}

/* The file of a graph, which is freed, before its functions. */
static buffer file_of(buffer *graph) { return wire_model(graph, 17); }

static void begin_call(buffer *node, const char *function, const char *from, const char *to)
{
    wire_head(node, function, from, to);
    wire_text(node, 7, "own");
}

/* y = function(x), or the nodes that are in the graph already. */
static buffer graph_with(buffer *node)
{
    buffer graph = {0};

    wire_port(&graph, 11, "x", "2 3");
    add_node(&graph, 1, node);
    wire_results(&graph, "y");
    return graph;
}

/* ---- Runs ---- */

static const float six[6] = {-1.5f, 2, -3, 4, -5, 6};

static void check(rnnp_context *context, const buffer *file, const float *want)
{
    OWNED(model) model = load(context, file);
    OWNED(plan) plan = make_plan(model);
    const rnnp_tensor x = {RNNP_DTYPE_F32, 2, {2, 3}, .const_data = six};
    DROPPED(free_outputs) produced o = run_plan(plan, &x, 1);

    OK(o.status);
    for (size_t i = 0; i < 6; i++) assert_true(((const float *)o.out[0].data)[i] == want[i]);
}

static void refused(rnnp_context *context, const buffer *file, rnnp_status status, const char *words)
{
    rnnp_model *model;

    REFUSED(context, rnnp_onnx_open_memory(context, file->at, file->size, NULL, &model), status, words);
}

/* ---- Tests ---- */

/* leaky(x; slope = 0.5 by default) = LeakyRelu(x; alpha = slope); twice(x; slope) = leaky(leaky(x; slope)). */
static void add_leaky(buffer *file)
{
    DROPPED(free_buffer) buffer node = {0};
    buffer body = {0};

    wire_head(&node, "LeakyRelu", "x", "y");
    attr_reference(&node, "alpha", "slope", 1);
    add_node(&body, 7, &node);
    wire_attr_float(&body, 11, "slope", 0.5f); /* a default */
    add_function(file, "leaky", "x", "y", "", &body);
    begin_call(&node, "leaky", "x", "h");
    attr_reference(&node, "slope", "steep", 1);
    add_node(&body, 7, &node);
    begin_call(&node, "leaky", "h", "y");
    attr_reference(&node, "slope", "steep", 1);
    add_node(&body, 7, &node);
    add_function(file, "twice", "x", "y", "steep", &body);
}

TEST(test_attributes)
{
    static const struct {
        const char *function, *attr;
        float slope, want;
    } cases[] = {
        {"leaky", "slope", 0.25f, 0.25f},
        {"leaky", NULL, 0, 0.5f},
        {"twice", "steep", 0.25f, 0.0625f},
        {"twice", NULL, 0, 0.25f}, /* neither the call nor its function says: the default of the inner one */
    };
    OWNED(context) context = make_context(NULL, 1);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        DROPPED(free_buffer) buffer node = {0};
        float want[6];

        begin_call(&node, cases[i].function, "x", "y");
        if (cases[i].attr) wire_attr_float(&node, 5, cases[i].attr, cases[i].slope);
        buffer graph = graph_with(&node);
        DROPPED(free_buffer) buffer file = file_of(&graph);
        add_leaky(&file);
        for (size_t k = 0; k < 6; k++) want[k] = six[k] < 0 ? six[k] * cases[i].want : six[k];
        check(context, &file, want);
    }
}

/* Inputs may be left out, the body has the opset of the function, and branches in it see its values. */
TEST(test_body)
{
    OWNED(context) context = make_context(NULL, 1);
    DROPPED(free_buffer) buffer node = {0}, body = {0};
    buffer then_branch = {0}, else_branch = {0};

    wire_results(&then_branch, "a");
    wire_node(&else_branch, "Neg", "a", "n", -1);
    wire_results(&else_branch, "n");
    wire_head(&node, "Unsqueeze", "a axes", "u");
    add_node(&body, 7, &node);
    wire_head(&node, "Squeeze", "u axes", "s");
    add_node(&body, 7, &node);
    wire_head(&node, "Clip", "s low", "c");
    add_node(&body, 7, &node);
    wire_head(&node, "If", "flag", "t");
    wire_attr_graph(&node, "then_branch", &then_branch);
    wire_attr_graph(&node, "else_branch", &else_branch);
    add_node(&body, 7, &node);
    wire_head(&node, "Add", "c t", "r");
    add_node(&body, 7, &node);
    begin_call(&node, "f", "x axes flag", "y"); /* the last input is left out */
    buffer graph = graph_with(&node);
    wire_ints(&graph, "axes", (int64_t[]){0}, 1);
    wire_constant(&graph, "flag", WIRE_BOOL, NULL, 0, "", 1);
    DROPPED(free_buffer) buffer file = file_of(&graph);
    add_function(&file, "f", "a axes flag low", "r", "", &body);
    check(context, &file, (float[6]){0});
}

TEST(test_bad)
{
    OWNED(context) context = make_context(NULL, 1);
    DROPPED(free_buffer) buffer node = {0}, body = {0};

    /* a function that calls itself, and one that is called with too much */
    for (int more = 0; more < 2; more++) {
        begin_call(&node, "f", more ? "x x" : "x", "y");
        buffer graph = graph_with(&node);
        DROPPED(free_buffer) buffer file = file_of(&graph);
        begin_call(&node, "f", "x", "y");
        add_node(&body, 7, &node);
        add_function(&file, "f", "x", "y", "", &body);
        refused(context, &file, RNNP_ERR_FORMAT, more ? "has 2 inputs" : "forever");
    }
    /* results that nothing computes; two of one name; a cycle through a call */
    for (int i = 0; i < 3; i++) {
        begin_call(&node, "f", i == 2 ? "y" : "x", "y");
        buffer graph = graph_with(&node);
        DROPPED(free_buffer) buffer file = file_of(&graph);
        for (int k = 0; k <= (i == 1); k++) {
            wire_head(&node, "Neg", "x", i == 0 ? "n" : "r");
            add_node(&body, 7, &node);
            add_function(&file, "f", "x", "r", "", &body);
        }
        refused(context, &file, RNNP_ERR_FORMAT,
                i == 0   ? "nothing computes output \"r\" of its function"
                : i == 1 ? "function f is defined twice"
                         : "cycle");
    }
}

/* Each function calls the one before it twice: 2^30 nodes are refused after as many as the limit allows. */
TEST(test_doubling)
{
    OWNED(context) context = make_context(NULL, 1);
    DROPPED(free_buffer) buffer node = {0}, body = {0};
    char name[16], inner[16];

    begin_call(&node, "f30", "x", "y");
    buffer graph = graph_with(&node);
    DROPPED(free_buffer) buffer file = file_of(&graph);
    for (int i = 0; i <= 30; i++) {
        snprintf(name, sizeof name, "f%d", i);
        snprintf(inner, sizeof inner, "f%d", i - 1);
        for (int k = 0; k < 2; k++) {
            wire_head(&node, i ? inner : "Neg", k ? "h" : "x", k ? "y" : "h");
            if (i) wire_text(&node, 7, "own");
            add_node(&body, 7, &node);
        }
        add_function(&file, name, "x", "y", "", &body);
    }
    refused(context, &file, RNNP_ERR_LIMIT, "max_");
}

/* What a file refuses is named by function, too. */
TEST(test_unknown)
{
    OWNED(context) context = make_context(NULL, 1);
    DROPPED(free_buffer) buffer node = {0}, body = {0};

    begin_call(&node, "f", "x", "y");
    buffer graph = graph_with(&node);
    DROPPED(free_buffer) buffer file = file_of(&graph);
    wire_head(&node, "Warp", "x", "y");
    add_node(&body, 7, &node);
    add_function(&file, "f", "x", "y", "", &body);
    refused(context, &file, RNNP_ERR_UNSUPPORTED, "operator Warp");
    begin_call(&node, "g", "x", "y");
    graph = graph_with(&node);
    DROPPED(free_buffer) buffer other = file_of(&graph);
    refused(context, &other, RNNP_ERR_UNSUPPORTED, "operator g of own");
}
